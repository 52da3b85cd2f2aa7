//! Over what is nested, at sixteen bytes a step: most of them are of texts, and matter to nobody. V8's first compiler makes
//! half as much of a loop over single bytes, or of words of eight (docs/performance.md).

const BLOCK: usize = 16;

/// Where so many objects and lists have ended, from within the innermost. `None` if they do not. That each bracket is the
/// right one is not looked at.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn end_of_nested(text: &[u8], mut depth: usize) -> Option<usize> {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let mut in_text = false;
    // Behind the last backslash of a text.
    let mut escaped = usize::MAX;
    let mut start = 0;
    for block in blocks.iter().chain([&last]) {
        let mut marks = marks(block);
        while marks != 0 {
            let place = marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let at = start + place;
            match (*block.get(place)?, in_text) {
                _ if at == escaped => {}
                (b'"', _) => in_text = !in_text,
                (b'\\', true) => escaped = at + 1,
                (b'{' | b'[', false) => depth += 1,
                (b'}' | b']', false) if depth <= 1 => return Some(at + 1),
                (b'}' | b']', false) => depth -= 1,
                _ => {}
            }
        }
        start += BLOCK;
    }
    None
}

/// A bit for each quotation mark, backslash or bracket. Perhaps for `|` as well.
#[cfg(target_arch = "wasm32")]
#[inline]
#[target_feature(enable = "simd128")]
fn marks(block: &[u8; BLOCK]) -> u32 {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_le, u8x16_splat, u8x16_sub, u64x2, v128_or};
    let whole = u128::from_le_bytes(*block);
    let bytes = u64x2(whole as u64, (whole >> 64) as u64);
    // Without this bit `[`, `\\` and `]` are `{`, `|` and `}`, which stand side by side.
    let folded = v128_or(bytes, u8x16_splat(b' '));
    let brackets = u8x16_le(u8x16_sub(folded, u8x16_splat(b'{')), u8x16_splat(b'}' - b'{'));
    u32::from(u8x16_bitmask(v128_or(brackets, u8x16_eq(bytes, u8x16_splat(b'"')))))
}

#[cfg(not(target_arch = "wasm32"))]
fn marks(block: &[u8; BLOCK]) -> u32 {
    let is_mark = |byte: &u8| *byte == b'"' || matches!(byte | b' ', b'{'..=b'}');
    block.iter().enumerate().filter(|(_, byte)| is_mark(byte)).fold(0, |marks, (place, _)| marks | 1 << place)
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

    /// Seen to fail when an escape ends with its block, and when the last few bytes are not looked at.
    #[test]
    fn it_ends_where_it_ends_byte_by_byte() {
        let mut random = fastrand::Rng::with_seed(9);
        let (mut ended, mut open) = (0, 0);
        for _ in 0..50_000 {
            let kinds: &[u8] = if random.bool() { b"\"\\{}[]|x \xff" } else { b"\"\"\\{[}]xxxxxxxxxxxxxxxxxxxxxx" };
            let text: Vec<u8> = (0..random.usize(..120)).map(|_| kinds[random.usize(..kinds.len())]).collect();
            let depth = random.usize(1..4);
            let expected = plainly(&text, depth);
            *(if expected.is_some() { &mut ended } else { &mut open }) += 1;
            assert_eq!(end_of_nested(&text, depth), expected, "{:?}", String::from_utf8_lossy(&text));
        }
        assert!(ended > 5_000 && open > 5_000, "{ended}, {open}");
    }
}
