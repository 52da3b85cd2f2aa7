//! What changes with nearly each step of a run stands in one row, and is written once for each step: counters, today's figures,
//! when Workers KV is to be written, what was taken from the budget.
//!
//! It is read once and held in memory. Whatever changes it is one step with what it counts, and is stored with it by
//! [`Store::flush`], before anything else can happen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::keeper::figures::{Figures, ORDINALS, Reruns, Totals};
use crate::keeper::open_rerun::Label;
use crate::keeper::summary_schedule::Writing;
use crate::names::RunId;
use crate::time::Millis;

use super::spendings::Spendings;
use super::{Fact, Sql, Store, StoreError};

/// Runs whose count waits to be written to Workers KV. What is beyond waits in the runs' own rows.
const WAITING_TO_BE_PUBLISHED: usize = 200;

/// What is not there is as it is in a new repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    pub totals: Totals,
    pub summary: Writing,
    /// The day that the next two are of. Days before have rows of their own.
    pub day: i64,
    pub figures: Figures,
    pub reruns: Vec<(Label, [Reruns; ORDINALS])>,
    /// When the counts of runs are to be written.
    pub publish: BTreeMap<RunId, Millis>,
    pub spent: Spendings,
    /// How much of it by runs that may be forks'. What was spent before that was counted is taken for the repository's own.
    #[serde(skip_serializing_if = "Spendings::is_empty")]
    pub spent_by_forks: Spendings,
    /// When a webhook came last, for all that is stored; those that are ignored count once a day.
    pub last_webhook: Option<Millis>,
    pub last_decision: Option<Millis>,
    /// Which run that was about.
    pub last_decided: Option<RunId>,
    /// What attempts failed with today, by the names of classes.
    pub causes: BTreeMap<String, u64>,
}

impl Ledger {
    /// Today's re-runs that were decided by this, and were their run's so many-th.
    pub fn reruns_by(&mut self, label: &Label, ordinal: usize) -> Option<&mut Reruns> {
        let (_, by_ordinal) = self.reruns.iter_mut().find(|(known, _)| known == label)?;
        by_ordinal.get_mut(ordinal.checked_sub(1)?)
    }

    /// Whether one more run's count can wait here.
    pub fn has_room_for(&self, run_id: RunId) -> bool {
        self.publish.len() < WAITING_TO_BE_PUBLISHED || self.publish.contains_key(&run_id)
    }
}

/// What of the ledger in memory is not in its row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unstored {
    #[default]
    Nothing,
    /// What would only be done again, if it were lost. It is stored with what comes next, or when there is nothing more to do.
    Trifles,
    Something,
}

impl<S: Sql> Store<S> {
    pub fn ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> Result<T, StoreError> {
        if let Some(ledger) = &*self.ledger.borrow() {
            return Ok(read(ledger));
        }
        let ledger: Ledger = self.fact(Fact::Ledger)?.unwrap_or_default();
        let result = read(&ledger);
        *self.ledger.borrow_mut() = Some(ledger);
        Ok(result)
    }

    pub fn change_ledger<T>(&self, unstored: Unstored, change: impl FnOnce(&mut Ledger) -> T) -> Result<T, StoreError> {
        self.ledger(|_| ())?;
        self.unstored.set(self.unstored.get().max(unstored));
        Ok(change(self.ledger.borrow_mut().get_or_insert_default()))
    }

    /// Stores what may not be lost. Whoever changes something calls this last, in the same step.
    pub fn flush(&self) -> Result<(), StoreError> {
        if self.unstored.get() == Unstored::Something { self.flush_all() } else { Ok(()) }
    }

    pub fn flush_all(&self) -> Result<(), StoreError> {
        if self.unstored.replace(Unstored::Nothing) == Unstored::Nothing {
            return Ok(());
        }
        let stored = match &*self.ledger.borrow() {
            Some(ledger) => self.set_fact(Fact::Ledger, Some(ledger)),
            None => Ok(()),
        };
        stored.inspect_err(|_| self.forget_unstored())
    }

    /// A step has failed in the middle: what is stored counts, and no more.
    pub fn forget_unstored(&self) {
        self.unstored.set(Unstored::Nothing);
        self.ledger.borrow_mut().take();
        self.known_runs.borrow_mut().clear();
        self.open_runs.borrow_mut().take();
    }

    /// For those who check that nothing waits while something else can happen.
    pub fn is_flushed(&self) -> bool {
        self.unstored.get() < Unstored::Something
    }
}
