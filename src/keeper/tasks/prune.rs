//! What is too old to matter is forgotten: once a day, and a bounded number of rows at a time.
//!
//! It sets no alarm, and is done after whatever else an alarm did: a repository where nothing happens stores nothing new.

use crate::time::{Millis, Span};

use super::super::actor::Keeper;
use super::super::stats;
use super::super::store::{Sql, StoreError};

/// A run can be re-run for 30 days, and is waited for a little longer.
const KEEP_RUNS: Span = Span::days(35);
/// GitHub redelivers for three days ("Redelivering webhooks").
pub(in crate::keeper) const KEEP_DELIVERY_DAYS: i64 = 3;
const AT_ONCE: i64 = 1_000;
const EVERY: Span = Span::hours(24);
pub(in crate::keeper) const PRUNE: &str = "prune";

impl<S: Sql> Keeper<S> {
    pub fn prune(&self, now: Millis) -> Result<(), StoreError> {
        let due: Option<Millis> = self.store.fact(PRUNE)?;
        if due.is_some_and(|due| due > now) {
            return Ok(());
        }
        let more = self.store.prune(now, KEEP_RUNS, KEEP_DELIVERY_DAYS, AT_ONCE)?
            | stats::prune(self.store.sql(), now, AT_ONCE)?;
        self.prune_comments(AT_ONCE)?;
        self.store.set_fact(PRUNE, Some(&if more { now } else { now + EVERY }))
    }
}
