//! Which patterns may match a line: those of which a needle is in it.
//!
//! Four bytes of each needle are looked for, at each place of the line, by one look into a table of 4 KiB. A library's
//! automaton over all needles would be as quick, but takes milliseconds of an invocation's ten to be built, and half a
//! megabyte; this takes a fraction of one and adds no dependency.

use std::collections::BTreeMap;

use crate::policy::patterns::Spent;

/// Of a needle that is looked for. Every needle has so many.
pub const GRAM: usize = 4;
const BITS: u32 = 15;
/// So many places are looked at in the time of one step of an automaton.
const PLACES: u64 = 4;

#[derive(Debug)]
struct Needle {
    text: Box<[u8]>,
    /// Where in it the four bytes are.
    at: usize,
    of: usize,
}

#[derive(Debug, Default)]
pub struct Prefilter {
    /// Of the four bytes of needles, by their hash.
    bits: Vec<u64>,
    needles: BTreeMap<u32, Vec<Needle>>,
}

impl Prefilter {
    /// The needles, with what each stands for. Shorter ones than [`GRAM`] are not found.
    pub fn new<'n>(needles: impl Iterator<Item = (&'n str, usize)> + Clone) -> Self {
        // What many needles have in common is also what many lines have.
        let mut common = BTreeMap::<u32, usize>::new();
        for (text, _) in needles.clone() {
            grams(text.as_bytes()).for_each(|gram| *common.entry(gram).or_default() += 1);
        }
        let mut made = Self { bits: vec![0; 1 << (BITS - 6)], needles: BTreeMap::new() };
        for (text, of) in needles {
            let rarity = |(_, gram): &(usize, u32)| common.get(gram).copied();
            let Some((at, gram)) = grams(text.as_bytes()).enumerate().min_by_key(rarity) else { continue };
            let (word, bit) = place(gram);
            if let Some(word) = made.bits.get_mut(word) {
                *word |= bit;
            }
            made.needles.entry(gram).or_default().push(Needle { text: text.as_bytes().into(), at, of });
        }
        made
    }

    /// What the needles that are in the line stand for, in order, each once.
    pub fn in_line(&self, line: &str, left: &mut u64) -> Result<Vec<usize>, Spent> {
        let line = line.as_bytes();
        let mut found = Vec::new();
        let mut work = 1 + line.len() as u64 / PLACES;
        for (at, gram) in grams(line).enumerate() {
            let (word, bit) = place(gram);
            if self.bits.get(word).is_none_or(|word| word & bit == 0) {
                continue;
            }
            for needle in self.needles.get(&gram).into_iter().flatten() {
                work += 1;
                let start = at.checked_sub(needle.at);
                if start.and_then(|start| line.get(start..)).is_some_and(|rest| rest.starts_with(&needle.text)) {
                    found.push(needle.of);
                }
            }
        }
        *left = left.checked_sub(work).ok_or(Spent)?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn grams(text: &[u8]) -> impl Iterator<Item = u32> {
    text.windows(GRAM).filter_map(|gram| gram.try_into().ok().map(u32::from_le_bytes))
}

fn place(gram: u32) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9E37_79B1) >> (u32::BITS - BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}
