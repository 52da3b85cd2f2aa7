//! What is to be done outside, one thing for each key, at no more than two rows written: one when it is noted, one when it
//! is done.
//!
//! Whoever notes a thing has claimed it: its row says that it is taken until [`NOTED`] is over, and only the Keeper that
//! noted it knows, in memory, that it has yet to be begun. Should that one go away, the next takes it up when the claim has
//! run out; by then whatever was begun has ended.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::time::{Millis, Span};

/// What is noted is claimed for so long.
pub const NOTED: Span = Span::seconds(120);
/// What is begun is claimed for so long: it takes less.
pub const CLAIM: Span = Span::seconds(90);
/// Of what others have noted, so many are known at a time.
pub const MOST_KNOWN: usize = 500;

/// What is due, as far as it is known, by key. Where what is due stands in storage, no index has to say when.
#[derive(Debug)]
pub struct DueList<K> {
    known: RefCell<BTreeMap<K, Due>>,
    loaded: Cell<Loaded>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Loaded {
    #[default]
    No,
    /// There was more; it is loaded when nothing is left of this.
    Some,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    at: Millis,
    /// Noted here, and not yet begun.
    is_fresh: bool,
}

impl<K> Default for DueList<K> {
    fn default() -> Self {
        Self { known: RefCell::default(), loaded: Cell::default() }
    }
}

impl<K: Clone + Ord> DueList<K> {
    /// It was noted here, and is to be begun then.
    pub fn note(&self, key: K, at: Millis) {
        self.known.borrow_mut().insert(key, Due { at, is_fresh: true });
    }

    /// It is being done, or is tried again: until then nobody else does it. `None`: it is done.
    pub fn set(&self, key: K, until: Option<Millis>) {
        match until {
            Some(at) => self.known.borrow_mut().insert(key, Due { at, is_fresh: false }),
            None => self.known.borrow_mut().remove(&key),
        };
    }

    /// Whether it was noted here and certainly not begun.
    pub fn is_fresh(&self, key: &K) -> bool {
        self.known.borrow().get(key).is_some_and(|due| due.is_fresh)
    }

    /// Whether it can be begun with nothing stored before: the row's claim, until `claimed`, lasts for long enough.
    pub fn is_claimed(&self, key: &K, claimed: Option<Millis>, now: Millis) -> bool {
        self.is_fresh(key) && claimed.is_some_and(|claimed| claimed >= now + CLAIM)
    }

    /// When the first is due. What is stored is asked for with the number of rows to answer at most.
    pub fn first<E>(&self, stored: impl FnOnce(usize) -> Result<Vec<(K, Millis)>, E>) -> Result<Option<Millis>, E> {
        let mut known = self.known.borrow_mut();
        let is_wanted = match self.loaded.get() {
            Loaded::No => true,
            Loaded::Some => known.is_empty(),
            Loaded::All => false,
        };
        if is_wanted {
            let rows = stored(MOST_KNOWN)?;
            self.loaded.set(if rows.len() < MOST_KNOWN { Loaded::All } else { Loaded::Some });
            for (key, at) in rows {
                known.entry(key).or_insert(Due { at, is_fresh: false });
            }
        }
        Ok(known.values().map(|due| due.at).min())
    }

    /// Of those that are due, the one that has been for longest.
    pub fn next(&self, now: Millis) -> Option<K> {
        let known = self.known.borrow();
        let due = known.iter().filter(|(_, due)| due.at <= now).min_by_key(|(_, due)| due.at);
        due.map(|(key, _)| key.clone())
    }

    pub fn clear(&self) {
        self.known.borrow_mut().clear();
    }
}
