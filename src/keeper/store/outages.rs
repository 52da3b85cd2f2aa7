//! What runs fail with, by what they have in common, and the runs that are held.

use crate::keeper::outage::{Failures, apart};
use crate::keeper::retention::{OUTAGE_FAILURES, PRUNED_AT_ONCE};
use crate::keeper::tracked_run::TrackedRun;
use crate::names::json::from_text;
use crate::names::{RunAttempt, RunId};
use crate::time::Millis;

use super::{Sql, Store, StoreError, json};

impl<S: Sql> Store<S> {
    pub fn failures(&self, key: &str) -> Result<Failures, StoreError> {
        let row = self.first("SELECT failures FROM outage_failures WHERE outage = ?", vec![key.into()])?;
        let Some(mut row) = row else { return Ok(Failures::default()) };
        from_text(&row.text()?).map_err(|error| StoreError(format!("failures of an outage: {error}")))
    }

    pub fn set_failures(&self, key: &str, failures: &Failures, now: Millis) -> Result<(), StoreError> {
        let statement = "INSERT OR REPLACE INTO outage_failures (outage, failures, updated) VALUES (?, ?, ?)";
        self.change(statement, vec![key.into(), json(Some(failures))?, now.into()])
    }

    pub fn delete_outage_failures(&self) -> Result<(), StoreError> {
        self.change("DELETE FROM outage_failures", vec![])
    }

    /// The repository's own run that has been held longest, and its attempt.
    pub fn oldest_held(&self, key: &str) -> Result<Option<(RunId, RunAttempt)>, StoreError> {
        // As `TrackedRun::may_be_of_fork` has it.
        let statement =
            "SELECT run_id, held_attempt FROM runs WHERE held = ? AND due IS NOT NULL AND instr(head_branch, ':') = 0
                         ORDER BY failed_at, ABS(run_id) LIMIT 1";
        let Some(mut row) = self.first(statement, vec![key.into()])? else { return Ok(None) };
        Ok(Some(row.placed_run_id()?).zip(row.optional_attempt()?))
    }

    /// How many are held, up to a number.
    pub fn held(&self, key: &str, at_most: u64) -> Result<u64, StoreError> {
        let statement = "SELECT COUNT(*) FROM (SELECT 1 FROM runs WHERE held = ? LIMIT ?)";
        self.first(statement, vec![key.into(), at_most.into()])?.map_or(Ok(0), |mut row| row.amount())
    }

    pub fn set_due(&self, run_id: RunId, due: Millis) -> Result<(), StoreError> {
        let Some(tracked) = self.run(run_id)?.filter(|tracked| tracked.due.is_some()) else { return Ok(()) };
        self.put(&TrackedRun { due: Some(due), ..tracked })
    }

    /// Makes those that are held due, oldest first, spread over some minutes.
    pub fn release_held(&self, key: &str, now: Millis) -> Result<(), StoreError> {
        let held = self.held(key, u64::MAX)?;
        if held == 0 {
            return Ok(());
        }
        let apart = apart(held).as_millis();
        let statement = "UPDATE runs SET held = NULL, due = ?2 + ?3 * place
                         FROM (SELECT run_id AS id, ROW_NUMBER() OVER (ORDER BY failed_at, ABS(run_id)) - 1 AS place
                               FROM runs WHERE held = ?1)
                         WHERE run_id = id AND due IS NOT NULL";
        self.change_runs(statement, vec![key.into(), now.into(), apart.into()])
    }

    pub(super) fn prune_outages(&self, now: Millis) -> Result<(), StoreError> {
        let old = "SELECT outage FROM outage_failures WHERE updated < ? LIMIT ?";
        let bindings = vec![now.minus(OUTAGE_FAILURES).into(), PRUNED_AT_ONCE.into()];
        self.change(&format!("DELETE FROM outage_failures WHERE outage IN ({old})"), bindings)
    }
}
