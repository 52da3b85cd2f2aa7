//! A repository's statistics: counted in the step that stores what they count, so that they are exact, and kept in
//! rows of their own, so that a page reads a bounded number of them however many runs there were.
//!
//! A run counts once, on the day on which it last came to an end; one that goes on after that is taken out again. What
//! programs add up ([`Totals`]) only grows.
//!
//! [`counting`] says what a change counts, and [`subject`] what fails: both pure. [`days`] and [`subjects`] are the rows,
//! [`adopt`] what older versions counted by another name.

mod adopt;
mod counting;
mod days;
mod subject;
mod subjects;

pub use counting::{Change, Figures, Totals};
pub use subject::SubjectKind;
pub use subjects::SubjectFigures;

use crate::policy::RunOutcome;
use crate::time::Millis;

use super::{Fact, Sql, Store, StoreError, Value};
use crate::keeper::state_machine::Record;
use crate::keeper::tracked_run::TrackedRun;

use counting::{Delta, Reruns, failures};

impl<S: Sql> Store<S> {
    /// Counts what happened to a run; answers whether there was something to count.
    pub fn count(&self, change: &Change, now: Millis) -> Result<bool, StoreError> {
        if !change.counts() {
            return Ok(false);
        }
        let was = self.totals()?;
        let mut totals = was;
        for (day, delta) in change.days() {
            self.add_to_day(day, delta)?;
        }
        totals.change(change);
        for record in change.records {
            totals.add(self.count_record(change.after, record, now)?);
        }
        if totals != was {
            self.set_fact(Fact::Totals, Some(&totals))?;
        }
        Ok(true)
    }

    pub fn totals(&self) -> Result<Totals, StoreError> {
        self.fact(Fact::Totals).map(Option::unwrap_or_default)
    }

    /// Counts the jobs that failed, what became of the re-run before, and a new re-run.
    fn count_record(&self, run: &TrackedRun, record: &Record, now: Millis) -> Result<Reruns, StoreError> {
        let mut reruns = Reruns::default();
        if !counting::tells_of_attempt(run, record) {
            return Ok(reruns);
        }
        let failures = failures(run, record);
        let jobs: Vec<i64> = failures.iter().map(|failure| failure.job.id()).collect();
        let adopted = self.adopt(failures.iter().map(|failure| &failure.job), now)?;
        let is_rerun = record.outcome == RunOutcome::Rerunning;
        let attempt = record.run_attempt.map_or(0, |attempt| i64::from(attempt.get()));
        let statement = "SELECT run_attempt, subjects FROM open_reruns WHERE run_id = ?";
        if let Some(mut open) = self.first(statement, vec![run.run_id.into()])? {
            let (reran, were) = (open.integer()?, open.text()?);
            if reran < attempt || record.outcome == RunOutcome::Failed {
                reruns.end(record.outcome);
                // A job passed if the run did, or if only others failed this time.
                let passed = record.outcome == RunOutcome::Rescued;
                if passed || !jobs.is_empty() {
                    let were: Vec<i64> = serde_json::from_str(&were).unwrap_or_default();
                    for subject in were.into_iter().map(|id| adopted.get(&id).copied().unwrap_or(id)) {
                        self.count_rerun_of(subject, passed || !jobs.contains(&subject), now)?;
                    }
                }
                if !is_rerun {
                    self.change("DELETE FROM open_reruns WHERE run_id = ?", vec![run.run_id.into()])?;
                }
            }
        }
        self.count_failures(run.run_id, failures, now)?;
        if is_rerun {
            reruns.runner_seconds = record.detail.as_ref().map_or(0, |detail| detail.runner_seconds);
            self.add_to_day(now.day(), Delta::rerun(reruns.runner_seconds))?;
            let statement = "INSERT OR REPLACE INTO open_reruns (run_id, run_attempt, subjects) VALUES (?, ?, ?)";
            let subjects = serde_json::to_string(&jobs).unwrap_or_default();
            self.change(statement, vec![run.run_id.into(), attempt.into(), subjects.into()])?;
        }
        Ok(reruns)
    }

    /// Forgets what is too old to be shown: a bounded number of rows at a time. Answers whether there may be more.
    pub(super) fn prune_statistics(&self, now: Millis, at_most: i64) -> Result<bool, StoreError> {
        self.prune_days(now)?;
        self.prune_subjects(now, at_most)
    }
}
