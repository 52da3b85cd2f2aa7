//! Which patterns may match a line: those of which a needle is in it.
//!
//! Four bytes of each needle are looked for, at each place of the line, by one look into a table of 4 KiB. A library's
//! automaton over all needles would be as quick, but takes tens of milliseconds to be built, where an invocation has ten
//! in all; this takes about one and adds no dependency.

use crate::names::order::sort_by_key;
use crate::policy::patterns::Spent;

/// Of a needle that is looked for. Every needle has so many.
pub const GRAM: usize = 4;
const BITS: u32 = 15;
const WORDS: usize = 1 << (BITS - 6);
/// So many places are looked at in the time of one step of an automaton.
const PLACES: u64 = 3;

/// Four bytes of a pattern, and what stands around them.
#[derive(Debug)]
struct Needle {
    text: &'static [u8],
    gram: u32,
    /// Where in `text` the four bytes begin.
    at: usize,
    /// The pattern's place in the table.
    of: usize,
}

#[derive(Debug)]
pub struct Prefilter {
    /// Of the four bytes of needles, by their hash.
    bits: Box<[u64; WORDS]>,
    /// In the order of their four bytes.
    needles: Vec<Needle>,
}

impl Prefilter {
    /// From each pattern's marks and its text, in the table's order.
    pub fn new(patterns: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let mut bits = Box::new([0; WORDS]);
        let mut needles = Vec::new();
        for (of, (marks, pattern)) in patterns.enumerate() {
            for place_of_gram in marked(marks) {
                let Some((text, at)) = around(pattern, place_of_gram) else { continue };
                let Some(gram) = text.get(at..).and_then(|rest| rest.first_chunk::<GRAM>()) else { continue };
                let gram = u32::from_le_bytes(*gram);
                let (word, bit) = place(gram);
                if let Some(word) = bits.get_mut(word) {
                    *word |= bit;
                }
                needles.push(Needle { text, gram, at, of });
            }
        }
        sort_by_key(&mut needles, |needle| needle.gram);
        Self { bits, needles }
    }

    /// What the needles that are in the line stand for, in order, each once.
    pub fn in_line(&self, line: &str, left: &mut u64) -> Result<Vec<usize>, Spent> {
        let line = line.as_bytes();
        let mut found = Vec::new();
        let mut work = 1 + line.len() as u64 / PLACES;
        let mut gram = 0;
        for (end, byte) in line.iter().enumerate() {
            gram = gram >> 8 | u32::from(*byte) << 24;
            let (word, bit) = place(gram);
            if self.bits.get(word).is_some_and(|word| word & bit != 0)
                && let Some(at) = (end + 1).checked_sub(GRAM)
            {
                work += self.at(gram, line, at, &mut found);
            }
        }
        *left = left.checked_sub(work).ok_or(Spent)?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Looks at each needle that has these four bytes, which are at this place of the line. Returns the work of it.
    fn at(&self, gram: u32, line: &[u8], at: usize, found: &mut Vec<usize>) -> u64 {
        let first = self.needles.partition_point(|needle| needle.gram < gram);
        let needles = self.needles.iter().skip(first).take_while(|needle| needle.gram == gram);
        let mut work = 6;
        for needle in needles {
            work += 1;
            let start = at.checked_sub(needle.at);
            if start.and_then(|start| line.get(start..)).is_some_and(|rest| rest.starts_with(needle.text)) {
                found.push(needle.of);
            }
        }
        work
    }
}

fn place(gram: u32) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9E37_79B1) >> (u32::BITS - BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// More than this is written as several marks.
const FURTHEST: usize = 93;

/// How the places of a pattern's needles are written: for each, in order, the distance from the one before as a character
/// from `!` to `}`; `~` is as far as can be written and no needle.
pub fn marks(places: &[usize]) -> String {
    let mut marks = String::new();
    let mut before = 0;
    for place in places {
        let mut distance = place - before;
        before = *place;
        while distance >= FURTHEST {
            marks.push('~');
            distance -= FURTHEST;
        }
        marks.push(char::from(b'!' + distance as u8));
    }
    marks
}

fn marked(marks: &str) -> impl Iterator<Item = usize> {
    let mut place = 0;
    marks.bytes().filter_map(move |mark| {
        place += usize::from(mark.saturating_sub(b'!'));
        (mark != b'~').then_some(place)
    })
}

/// What stands around the four bytes that begin at this place of a pattern and is as plain as they are, and where in it they
/// begin. Nothing, if they are not plain. What is further away does not make them any rarer.
pub fn around(pattern: &str, place: usize) -> Option<(&[u8], usize)> {
    let plain = |byte: &u8| !br"*#{|}^$\".contains(byte);
    let bytes = pattern.as_bytes();
    let (before, rest) = bytes.split_at_checked(place)?;
    let at = before.iter().rev().take(GRAM).take_while(|byte| plain(byte)).count();
    let len = rest.iter().take(2 * GRAM).take_while(|byte| plain(byte)).count();
    if len < GRAM { None } else { Some((bytes.get(place - at..place + len)?, at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_as_they_are_written() {
        for places in [vec![], vec![0], vec![5, 5, 97], vec![92, 185, 400], vec![93], vec![186, 279]] {
            assert_eq!(marked(&marks(&places)).collect::<Vec<_>>(), places, "{}", marks(&places));
        }
    }

    #[test]
    fn a_needle_is_plain() {
        let text = |place| around(r"{abcd|long text before abcdefg}#x\*yz12", place);
        let said = |text: &'static str, at| Some((text.as_bytes(), at));
        assert_eq!(text(1), said("abcd", 0));
        assert_eq!(text(23), said("ore abcdefg", 4));
        assert_eq!([text(0), text(2), text(28), text(90)], [None, None, None, None]);
        assert_eq!(text(35), said("yz12", 0));
    }
}
