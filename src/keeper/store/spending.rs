//! What was taken from the repository's budget, a row for each attempt that was re-run.

use crate::keeper::retention::{BUDGET, BUDGET_WINDOW};
use crate::keeper::state_machine::Spends;
use crate::names::{RunAttempt, RunId};
use crate::policy::evidence::Spent;
use crate::time::{Millis, Span};

use super::{Sql, Store, StoreError, number};

impl<S: Sql> Store<S> {
    /// Takes a re-run from the repository's budget, or gives it back.
    pub fn spend(&self, run_id: RunId, spends: Spends, now: Millis) -> Result<(), StoreError> {
        match spends {
            Spends::Reserve { run_attempt, runner_seconds } => self.change(
                "INSERT OR REPLACE INTO reruns (run_id, run_attempt, at, runner_seconds) VALUES (?,?,?,?)",
                vec![run_id.into(), run_attempt.into(), now.into(), number(runner_seconds)],
            ),
            Spends::Release { run_attempt } => self.change(
                "DELETE FROM reruns WHERE run_id = ? AND run_attempt = ?",
                vec![run_id.into(), run_attempt.into()],
            ),
        }
    }

    /// What all re-runs but that of one attempt have taken.
    pub fn spent(&self, run_id: RunId, run_attempt: RunAttempt, now: Millis) -> Result<Spent, StoreError> {
        let statement = "SELECT SUM(at > ?), COUNT(*), SUM(runner_seconds) FROM reruns
                         WHERE at > ? AND NOT (run_id = ? AND run_attempt = ?)";
        let bindings =
            vec![now.minus(Span::hours(1)).into(), now.minus(BUDGET_WINDOW).into(), run_id.into(), run_attempt.into()];
        let Some(mut row) = self.first(statement, bindings)? else { return Ok(Spent::default()) };
        // A sum over nothing is no number.
        let mut number = || row.optional_integer().map(|number| number.unwrap_or_default());
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Spent {
            reruns_last_hour: count(number()?),
            reruns_last_day: count(number()?),
            runner_time_last_day: Span::seconds(number()?),
        })
    }

    pub(super) fn prune_spending(&self, now: Millis) -> Result<(), StoreError> {
        self.change("DELETE FROM reruns WHERE at < ?", vec![now.minus(BUDGET).into()])
    }
}
