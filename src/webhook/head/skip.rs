//! Over what is nested, at sixty-four bytes a step: nearly all of them are of texts, and matter to nobody. What is in a text and
//! what is not is told by arithmetic on bits, as in "Parsing Gigabytes of JSON per Second" (Langdale and Lemire): quotation marks
//! are every sixth byte or so, and a branch for each took twice the time, with either of V8's compilers (docs/performance.md).

const STEP: usize = 64;

/// A bit for each byte of a step, the first byte's the lowest.
#[derive(Default)]
struct Marks {
    quotes: u64,
    backslashes: u64,
    /// `{` and `[`.
    opening: u64,
    /// `}` and `]`.
    closing: u64,
}

/// Where so many objects and lists have ended, from within the innermost. `None` if they do not. That each bracket is the
/// right one is not looked at.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn end_of_nested(text: &[u8], mut depth: usize) -> Option<usize> {
    let (steps, rest) = text.as_chunks::<STEP>();
    let mut last = [b' '; STEP];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    // All bits or none: whether the step before has ended in a text.
    let mut in_text = 0;
    let mut escaping = false;
    let mut start = 0;
    for step in steps.iter().chain([&last]) {
        let Marks { mut quotes, backslashes, opening, closing } = marks(step);
        if backslashes != 0 || escaping {
            (quotes, escaping) = unescaped(quotes, backslashes, in_text != 0, escaping);
        }
        let texts = between(quotes) ^ in_text;
        in_text = if texts >> 63 == 0 { 0 } else { u64::MAX };
        let (opening, closing) = (opening & !texts, closing & !texts);
        let closed = closing.count_ones() as usize;
        if closed < depth {
            depth = depth + opening.count_ones() as usize - closed;
        } else {
            let mut brackets = opening | closing;
            while brackets != 0 {
                let bracket = brackets & brackets.wrapping_neg();
                brackets ^= bracket;
                if opening & bracket != 0 {
                    depth += 1;
                } else if depth <= 1 {
                    return Some(start + bracket.trailing_zeros() as usize + 1);
                } else {
                    depth -= 1;
                }
            }
        }
        start += STEP;
    }
    None
}

/// The quotation marks without those that a backslash in a text stands before, and whether one stands before the next step.
fn unescaped(quotes: u64, backslashes: u64, mut in_text: bool, escaping: bool) -> (u64, bool) {
    let mut escaped = u64::from(escaping);
    let (mut kept, mut next) = (0, false);
    let mut marks = quotes | backslashes;
    while marks != 0 {
        let mark = marks & marks.wrapping_neg();
        marks ^= mark;
        if mark == escaped {
            continue;
        }
        if quotes & mark != 0 {
            in_text = !in_text;
            kept |= mark;
        } else if in_text {
            escaped = mark << 1;
            next = escaped == 0;
        }
    }
    (kept, next)
}

/// From each first of two marks up to the second, without that: each bit is the sum of all up to it.
fn between(marks: u64) -> u64 {
    let two = marks ^ marks << 1;
    let four = two ^ two << 2;
    let eight = four ^ four << 4;
    let sixteen = eight ^ eight << 8;
    let half = sixteen ^ sixteen << 16;
    half ^ half << 32
}

#[cfg(target_arch = "wasm32")]
#[inline]
#[target_feature(enable = "simd128")]
fn marks(step: &[u8; STEP]) -> Marks {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128, v128_or};
    let (blocks, _) = step.as_chunks();
    let &[a, b, c, d] = blocks else { return Marks::default() };
    let load = |block: [u8; 16]| {
        let whole = u128::from_le_bytes(block);
        u64x2(whole as u64, (whole >> 64) as u64)
    };
    let (a, b, c, d) = (load(a), load(b), load(c), load(d));
    let equal = |bytes: v128, byte: u8| u64::from(u8x16_bitmask(u8x16_eq(bytes, u8x16_splat(byte))));
    // No function: compiled for size it would be called, four times a step.
    macro_rules! all {
        ($a:ident, $b:ident, $c:ident, $d:ident, $byte:literal) => {
            equal($a, $byte) | equal($b, $byte) << 16 | equal($c, $byte) << 32 | equal($d, $byte) << 48
        };
    }
    // With this bit `[` is `{`, and `]` is `}`.
    let fold = |bytes| v128_or(bytes, u8x16_splat(b' '));
    let (e, f, g, h) = (fold(a), fold(b), fold(c), fold(d));
    Marks {
        quotes: all!(a, b, c, d, b'"'),
        backslashes: all!(a, b, c, d, b'\\'),
        opening: all!(e, f, g, h, b'{'),
        closing: all!(e, f, g, h, b'}'),
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn marks(step: &[u8; STEP]) -> Marks {
    let mut marks = Marks::default();
    for (place, byte) in step.iter().enumerate() {
        let bit = 1 << place;
        match byte {
            b'"' => marks.quotes |= bit,
            b'\\' => marks.backslashes |= bit,
            b'{' | b'[' => marks.opening |= bit,
            b'}' | b']' => marks.closing |= bit,
            _ => {}
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte.
    fn plainly(text: &[u8], mut depth: usize) -> Option<usize> {
        let mut bytes = text.iter().enumerate();
        let mut in_text = false;
        while let Some((at, byte)) = bytes.next() {
            match (in_text, byte) {
                (_, b'"') => in_text = !in_text,
                (true, b'\\') => drop(bytes.next()),
                (false, b'{' | b'[') => depth += 1,
                (false, b'}' | b']') if depth == 1 => return Some(at + 1),
                (false, b'}' | b']') => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// Seen to fail when an escape or a text ends with its step, when the last few bytes are not looked at, when a backslash
    /// that is escaped escapes, and when a step in which as many end as are open is not looked through.
    #[test]
    fn it_ends_where_it_ends_byte_by_byte() {
        let mut random = fastrand::Rng::with_seed(9);
        let (mut ended, mut open) = (0, 0);
        let few = [&b"\"\\"[..], &b"{[}]|xxxxxxxx\xff".repeat(20)].concat();
        for _ in 0..50_000 {
            let kinds =
                [b"\"\\{}[]|x \xff", &b"\"\"\\{[}]xxxxxxxxxxxxxxxxxxxxxx"[..], b"\\\\\\\"{}", &few][random.usize(..4)];
            let text: Vec<u8> = (0..random.usize(..400)).map(|_| kinds[random.usize(..kinds.len())]).collect();
            let depth = random.usize(1..6);
            let expected = plainly(&text, depth);
            *(if expected.is_some() { &mut ended } else { &mut open }) += 1;
            assert_eq!(end_of_nested(&text, depth), expected, "{:?}", String::from_utf8_lossy(&text));
        }
        assert!(ended > 5_000 && open > 5_000, "{ended}, {open}");
    }
}
