//! What attempts failed with, by day: today in the ledger, the days before as one fact that is written once a day.

use std::collections::BTreeMap;

use crate::keeper::step::Record;
use crate::time::Millis;

use super::counting;
use crate::keeper::store::ledger::Unstored;
use crate::keeper::store::{Fact, Sql, Store, StoreError};

/// Four weeks.
const DAYS: i64 = 28;

/// How many attempts failed with what, by day.
pub type CauseDays = Vec<(i64, BTreeMap<String, u64>)>;

impl<S: Sql> Store<S> {
    /// An attempt counts once for each cause that its failed jobs have.
    pub(super) fn count_causes(&self, record: &Record) -> Result<(), StoreError> {
        let causes = counting::causes_of(record);
        if causes.is_empty() {
            return Ok(());
        }
        self.change_ledger(Unstored::Something, |ledger| {
            for cause in causes {
                *ledger.causes.entry(cause.to_owned()).or_default() += 1;
            }
        })
    }

    /// A day is over.
    pub(super) fn keep_causes(&self, day: i64) -> Result<(), StoreError> {
        let causes = self.change_ledger(Unstored::Something, |ledger| std::mem::take(&mut ledger.causes))?;
        if causes.is_empty() {
            return Ok(());
        }
        let mut days: CauseDays = self.fact(Fact::Causes)?.unwrap_or_default();
        days.retain(|(known, _)| *known > day - DAYS && *known != day);
        days.push((day, causes));
        self.set_fact(Fact::Causes, Some(&days))
    }

    /// Of the last four weeks, oldest first.
    pub fn causes(&self, now: Millis) -> Result<CauseDays, StoreError> {
        let mut days: CauseDays = self.fact(Fact::Causes)?.unwrap_or_default();
        days.push(self.ledger(|ledger| (ledger.day, ledger.causes.clone()))?);
        days.retain(|(day, causes)| *day > now.day() - DAYS && !causes.is_empty());
        Ok(days)
    }
}
