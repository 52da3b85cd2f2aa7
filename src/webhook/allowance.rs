//! How much of the bodies that are being read is held at once. An isolate has 128 MB, and anybody can send bodies: large
//! ones, many, slowly, or never to their end, and all of it before a signature can be checked.
//!
//! Every byte counts, but for the few bodies that are small and are the only ones, in one of two ways. Small bodies of a
//! declared length are read in one piece by the runtime, which is quick, and count as declared from their start. All
//! others, and small ones once there are many of those, are read
//! block by block, and a block counts before it is filled: what was declared but never sent counts nothing. When there is
//! no room for a block, whoever has held most for longest gives way, so that a small body that comes at once always finds
//! room beside large and slow ones.
//!
//! What was counted is given back with the answer. Where there is none, as the runtime may drop a request whose sender
//! went away, it is given back when the answer would have been late.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::time::{Millis, Span};

use super::ANSWER_WITHIN;

const KIB: usize = 1_024;
/// A body up to this is read in one piece. GitHub's are some 20 kB; as a form they are half as long again.
pub const SMALL: usize = 64 * KIB;
/// So many of those are read without being counted here, while they are so few. `entry.mjs` has their number.
pub const UNASKED: usize = 16;
/// What workerd itself takes for a request whose body is being read, and what its own buffers of a body grow to once
/// that is large. Measured, and counted beside what is held here.
const OF_REQUEST: usize = 64 * KIB;
const OF_LARGE: usize = 192 * KIB;
/// So much is read in one piece at once, by what was declared; with those that are not counted it is 16 MiB.
const AT_ONCE: usize = 16 * KIB * KIB - UNASKED * (SMALL + OF_REQUEST);
/// So much is held in blocks: the largest body, and some small ones beside it.
const IN_BLOCKS: usize = 32 * KIB * KIB;
/// The first block of a body, and the largest. Each is as large as all before it together.
const FIRST_BLOCK: usize = 4 * KIB;
const LARGEST_BLOCK: usize = 64 * KIB;
/// Past [`ANSWER_WITHIN`], when everything has been answered.
const GIVEN_BACK_AFTER: Span = Span::millis(ANSWER_WITHIN.as_millis() + 1_500);

/// A body, as `entry.mjs` numbers them: one that began later has a larger number.
pub type BodyId = u32;

/// What is held, body by body.
#[derive(Debug, Default)]
pub struct Allowance {
    bodies: BTreeMap<BodyId, Held>,
    at_once: usize,
    in_blocks: usize,
}

#[derive(Debug)]
struct Held {
    /// With the runtime's own.
    counted: usize,
    /// The blocks.
    bytes: usize,
    is_at_once: bool,
    /// Whether its blocks are kept, or one of them is used again and again.
    is_kept: bool,
    since: Millis,
}

/// What a body's next block may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// One of so many.
    Block { bytes: usize },
    /// The one before it is to be filled again: nothing of this body is kept.
    SameBlock,
    /// The body is to be refused.
    None,
}

impl Allowance {
    /// A body begins. Whether it is read in one piece; otherwise [`Allowance::room`] is asked for each block.
    pub fn begin(&mut self, id: BodyId, declared: Option<usize>, is_kept: bool, now: Millis) -> bool {
        let small = declared.filter(|declared| *declared <= SMALL).map(|declared| declared + OF_REQUEST);
        let at_once = small.filter(|bytes| self.at_once + bytes <= AT_ONCE);
        let counted = at_once.unwrap_or(0);
        self.at_once += counted;
        self.bodies.insert(id, Held { counted, bytes: 0, is_at_once: at_once.is_some(), is_kept, since: now });
        at_once.is_some()
    }

    /// Room for a body's next block. `give_way` is told of each body that lets go of what it holds.
    pub fn room(&mut self, id: BodyId, now: Millis, mut give_way: impl FnMut(BodyId)) -> Room {
        // One that was let go of has no room any more.
        let Some(held) = self.bodies.get(&id).filter(|held| !held.is_at_once) else { return Room::None };
        let so_far = held.bytes;
        if so_far > 0 && !held.is_kept {
            return Room::SameBlock;
        }
        let bytes = if held.is_kept { so_far.clamp(FIRST_BLOCK, LARGEST_BLOCK) } else { LARGEST_BLOCK };
        let of_runtime = match so_far {
            0 => OF_REQUEST,
            LARGEST_BLOCK => OF_LARGE,
            _ => 0,
        };
        let counted = bytes + of_runtime;
        while self.in_blocks + counted > IN_BLOCKS {
            match self.costliest(now) {
                Some(costliest) if costliest != id => {
                    self.end(costliest);
                    give_way(costliest);
                }
                _ => return Room::None,
            }
        }
        self.in_blocks += counted;
        if let Some(held) = self.bodies.get_mut(&id) {
            held.bytes += bytes;
            held.counted += counted;
        }
        Room::Block { bytes }
    }

    /// Who holds most in blocks, each byte for as long as it has been; of two, the older.
    fn costliest(&self, now: Millis) -> Option<BodyId> {
        let in_blocks = self.bodies.iter().filter(|(_, held)| !held.is_at_once);
        let cost = |held: &Held| held.counted as u64 * (now - held.since).as_millis().max(1).unsigned_abs();
        in_blocks.max_by_key(|(id, held)| (cost(held), Reverse(**id))).map(|(id, _)| *id)
    }

    /// The body is answered.
    pub fn end(&mut self, id: BodyId) {
        if let Some(held) = self.bodies.remove(&id) {
            let sum = if held.is_at_once { &mut self.at_once } else { &mut self.in_blocks };
            *sum = sum.saturating_sub(held.counted);
        }
    }

    /// Gives back what bodies hold that ought to have been answered by now, and tells of each.
    pub fn give_back(&mut self, now: Millis, mut given: impl FnMut(BodyId)) {
        // The first began first.
        while let Some(first) = self.bodies.first_entry().filter(|first| first.get().since + GIVEN_BACK_AFTER <= now) {
            let id = *first.key();
            self.end(id);
            given(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);
    const LATER: Millis = Millis(NOW.0 + 1_000);
    const MIB: usize = KIB * KIB;

    /// Whether so many bytes of a body found room, and who gave way for them.
    fn send(allowance: &mut Allowance, id: BodyId, bytes: usize) -> (bool, Vec<BodyId>) {
        let mut gave_way = vec![];
        let mut room = allowance.bodies.get(&id).map_or(0, |held| held.bytes);
        while room < bytes {
            match allowance.room(id, LATER, |id| gave_way.push(id)) {
                Room::Block { bytes } => room += bytes,
                Room::SameBlock => break,
                Room::None => return (false, gave_way),
            }
        }
        (true, gave_way)
    }

    fn begin(allowance: &mut Allowance, id: BodyId, declared: Option<usize>) -> bool {
        allowance.begin(id, declared, true, NOW)
    }

    #[test]
    fn small_ones_are_read_in_one_piece_and_all_others_in_blocks() {
        for (declared, expected) in
            [(Some(0), true), (Some(20_000), true), (Some(SMALL), true), (Some(SMALL + 1), false), (None, false)]
        {
            assert_eq!(begin(&mut Allowance::default(), 1, declared), expected, "{declared:?}");
        }
    }

    #[test]
    fn what_small_ones_declare_counts_and_beyond_it_what_they_send() {
        let mut allowance = Allowance::default();
        let in_one_piece = (0..1_000).filter(|id| begin(&mut allowance, *id, Some(SMALL))).count();
        assert_eq!(in_one_piece * (SMALL + OF_REQUEST), AT_ONCE);
        // Heads alone keep nobody out.
        assert!(!begin(&mut allowance, 1_000, Some(SMALL)));
        assert_eq!(send(&mut allowance, 1_000, SMALL), (true, vec![]));
        allowance.end(0);
        assert!(begin(&mut allowance, 1_001, Some(SMALL)));
        let mut allowance = Allowance::default();
        assert_eq!((0..100_000).filter(|id| begin(&mut allowance, *id, Some(0))).count(), AT_ONCE / OF_REQUEST);
    }

    #[test]
    fn blocks_grow_with_what_has_come() {
        let mut allowance = Allowance::default();
        begin(&mut allowance, 1, None);
        let blocks = [4, 4, 8, 16, 32, 64, 64, 64].map(|kib| Room::Block { bytes: kib * KIB });
        assert_eq!(blocks.map(|_| allowance.room(1, NOW, |_| ())), blocks);
    }

    /// Seen to fail when what has been there for longer costs less.
    #[test]
    fn what_is_held_costs_as_much_as_it_is_times_as_long_as_it_has_been() {
        let mut allowance = Allowance::default();
        allowance.begin(1, None, true, NOW);
        allowance.begin(2, None, true, NOW + Span::seconds(4));
        assert_eq!(send(&mut allowance, 1, MIB), (true, vec![]));
        assert_eq!(send(&mut allowance, 2, 2 * MIB), (true, vec![]));
        assert_eq!(allowance.costliest(NOW + Span::seconds(5)), Some(1));
        assert_eq!(allowance.costliest(NOW + Span::seconds(20)), Some(2));
    }

    #[test]
    fn the_largest_body_has_room() {
        let mut allowance = Allowance::default();
        begin(&mut allowance, 1, Some(25 * MIB));
        assert_eq!(send(&mut allowance, 1, 25 * MIB), (true, vec![]));
    }

    #[test]
    fn of_what_nobody_reads_nothing_is_kept() {
        let mut allowance = Allowance::default();
        allowance.begin(1, Some(25 * MIB), false, NOW);
        assert_eq!(allowance.room(1, NOW, |_| ()), Room::Block { bytes: LARGEST_BLOCK });
        assert_eq!(allowance.room(1, NOW, |_| ()), Room::SameBlock);
        assert_eq!(allowance.in_blocks, OF_REQUEST + LARGEST_BLOCK);
    }

    #[test]
    fn whoever_holds_most_gives_way() {
        let mut allowance = Allowance::default();
        for id in 1..=3 {
            begin(&mut allowance, id, None);
        }
        assert_eq!(send(&mut allowance, 1, 20 * MIB), (true, vec![]));
        assert_eq!(send(&mut allowance, 2, 11 * MIB), (true, vec![]));
        assert_eq!(send(&mut allowance, 3, 2 * MIB), (true, vec![1]));
        assert_eq!(allowance.room(1, LATER, |_| ()), Room::None, "it was let go of");
        assert_eq!(send(&mut allowance, 3, 20 * MIB), (true, vec![]));
        assert_eq!(send(&mut allowance, 3, 25 * MIB), (false, vec![]), "it holds most itself");
        assert_eq!(send(&mut allowance, 2, 12 * MIB), (true, vec![3]));
    }

    #[test]
    fn of_two_that_hold_as_much_the_older_gives_way() {
        let mut allowance = Allowance::default();
        for id in 0..2 {
            begin(&mut allowance, id, None);
            assert_eq!(send(&mut allowance, id, IN_BLOCKS / 2 - 512 * KIB), (true, vec![]));
        }
        assert_eq!(send(&mut allowance, 1, IN_BLOCKS * 3 / 4), (false, vec![]));
        assert_eq!(send(&mut allowance, 0, IN_BLOCKS * 3 / 4), (true, vec![1]));
        let mut allowance = Allowance::default();
        for id in 0..IN_BLOCKS / (OF_REQUEST + LARGEST_BLOCK) {
            allowance.begin(id as BodyId, None, false, NOW);
            assert_eq!(send(&mut allowance, id as BodyId, MIB), (true, vec![]));
        }
        allowance.begin(9_999, None, false, NOW);
        assert_eq!(send(&mut allowance, 9_999, MIB), (true, vec![0]));
    }

    #[test]
    fn a_small_one_finds_room_beside_any_number_of_others() {
        for (held, times) in [(FIRST_BLOCK, 600), (20_000, 400), (MIB, 40), (25 * MIB, 2)] {
            let mut allowance = Allowance::default();
            for id in 0..times {
                begin(&mut allowance, id, Some(MIB));
                let _ = send(&mut allowance, id, held);
            }
            allowance.begin(10_000, None, true, LATER);
            assert!(send(&mut allowance, 10_000, 22_000).0, "beside many of {held}");
        }
    }

    #[test]
    fn what_was_not_answered_is_given_back() {
        let mut allowance = Allowance::default();
        assert!(begin(&mut allowance, 1, Some(SMALL)));
        begin(&mut allowance, 2, None);
        send(&mut allowance, 2, MIB);
        allowance.begin(3, None, true, NOW + Span::seconds(1));
        let mut given = vec![];
        allowance.give_back(NOW + Span::millis(9_999), |id| given.push(id));
        assert_eq!(given, [] as [BodyId; 0]);
        allowance.give_back(NOW + Span::seconds(10), |id| given.push(id));
        assert_eq!((given, allowance.at_once, allowance.in_blocks), (vec![1, 2], 0, 0));
        assert_eq!(allowance.room(2, NOW, |_| ()), Room::None);
        assert_ne!(allowance.room(3, NOW, |_| ()), Room::None);
    }

    proptest! {
        /// Whatever comes in whatever order, no more is held than may be, and the sums are those of the bodies.
        #[test]
        fn no_more_is_held_than_may_be(steps in prop::collection::vec((0_u8..4, 0_u32..64, 0_usize..30 * MIB), 1..400)) {
            let mut allowance = Allowance::default();
            let mut next = 0;
            for (step, id, bytes) in steps {
                match step {
                    0 => {
                        let declared = (bytes % 2 == 0).then_some(bytes % (2 * SMALL));
                        allowance.begin(next, declared, bytes % 3 > 0, NOW + Span::millis(next.into()));
                        next += 1;
                    }
                    1 => { send(&mut allowance, id, bytes); }
                    2 => allowance.end(id),
                    _ => allowance.give_back(NOW + GIVEN_BACK_AFTER + Span::millis((id / 8).into()), |_| ()),
                }
                let sum = |at_once| -> usize {
                    let of_kind = allowance.bodies.values().filter(|held| held.is_at_once == at_once);
                    of_kind.map(|held| held.counted).sum()
                };
                prop_assert_eq!((sum(true), sum(false)), (allowance.at_once, allowance.in_blocks));
                prop_assert!(allowance.at_once <= AT_ONCE && allowance.in_blocks <= IN_BLOCKS);
            }
        }
    }
}
