//! Which patterns may match a line: those of which a needle is in it.
//!
//! Four bytes of each needle are looked for, at each place of the line, by one look into a table of 4 KiB. A library's
//! automaton over all needles would be as quick, but takes tens of milliseconds to be built, where an invocation has ten
//! in all; this takes about one and adds no dependency.

use crate::policy::patterns::Spent;

/// Of a needle that is looked for. Every needle has so many.
pub const GRAM: usize = 4;
const BITS: u32 = 15;
const WORDS: usize = 1 << (BITS - 6);
/// So many places are looked at in the time of one step of an automaton.
const PLACES: u64 = 3;

#[derive(Debug)]
struct Needle {
    text: &'static str,
    /// Four bytes of it, and where they begin.
    gram: u32,
    at: usize,
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
    /// From `needles.txt`: in each line where in the needle its four bytes are, the pattern's number, and the needle. A test
    /// holds that they are in order.
    pub fn read(text: &'static str) -> Self {
        let mut bits = Box::new([0; WORDS]);
        let mut needles = Vec::new();
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let mut number = || words.next()?.parse::<usize>().ok();
            let (at, of) = (number(), number());
            let (Some(at), Some(of), Some(text)) = (at, of, words.next()) else { continue };
            let Some(gram) = text.as_bytes().get(at..).and_then(|rest| rest.first_chunk::<GRAM>()) else { continue };
            let gram = u32::from_le_bytes(*gram);
            let (word, bit) = place(gram);
            if let Some(word) = bits.get_mut(word) {
                *word |= bit;
            }
            needles.push(Needle { text, gram, at, of });
        }
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
            if start.and_then(|start| line.get(start..)).is_some_and(|rest| rest.starts_with(needle.text.as_bytes())) {
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
