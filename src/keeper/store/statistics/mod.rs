//! A repository's statistics: counted in the step that stores what they count, so that they are exact, and kept in
//! rows of their own, so that a page reads a bounded number of them however many runs there were.
//!
//! A run counts once, on the day on which it last came to an end; one that goes on after that is taken out again. What
//! programs add up ([`Totals`]) only grows.
//!
//! [`counting`] says what a change counts (pure). The rows of days are here, those of what fails in [`subjects`], those of
//! what re-runs brought in [`reruns`]; [`flaky_jobs`] reads what is known of one job; [`unknown`] reads the failures that nobody knew.

mod counting;
mod flaky_jobs;
mod reruns;
mod subjects;
mod unknown;

pub use counting::{Change, Figures, Totals};
pub use flaky_jobs::{JobFigures, PassedFailure, WorkflowJob};
pub use reruns::{DecidedBy, ORDINALS, Reruns, RerunsOf};
pub use subjects::{SubjectFigures, SubjectKind};

use crate::keeper::retention::{TOTALS_DAYS, WINDOW_DAYS};
use crate::keeper::step::Record;
use crate::keeper::tracked_run::TrackedRun;
use crate::policy::RunOutcome;
use crate::time::Millis;

use super::{Fact, Row, Sql, Store, StoreError, Value};
use counting::{Delta, RerunEnd};
use reruns::OpenRerun;
use subjects::{Counts, Subject};

/// What was counted of a change.
#[derive(Debug, Default)]
pub struct Counted {
    pub something: bool,
    /// Jobs whose re-run has passed, by what they are counted as.
    pub passed: Vec<i64>,
}

impl<S: Sql> Store<S> {
    /// Counts what happened to a run.
    pub fn count(&self, change: &Change, now: Millis) -> Result<Counted, StoreError> {
        if !change.counts() {
            return Ok(Counted::default());
        }
        let was = self.totals()?;
        let mut totals = was;
        for (day, delta) in change.days() {
            self.add_to_day(day, delta)?;
        }
        totals.change(change);
        let mut passed = Vec::new();
        let mut reruns = change.before.map_or(0, |before| before.reruns);
        for record in change.records {
            reruns += u32::from(record.outcome == RunOutcome::Rerunning);
            passed.extend(self.count_record(&mut totals, change.after, record, reruns, now)?);
        }
        if totals != was {
            self.set_fact(Fact::Totals, Some(&totals))?;
        }
        Ok(Counted { something: true, passed })
    }

    /// A run that waits is tracked no more.
    pub(super) fn uncount(&self, tracked: &TrackedRun) -> Result<(), StoreError> {
        let mut totals = self.totals()?;
        totals.forget(tracked);
        self.set_fact(Fact::Totals, Some(&totals))
    }

    pub fn totals(&self) -> Result<Totals, StoreError> {
        self.fact(Fact::Totals).map(Option::unwrap_or_default)
    }

    /// Counts the jobs that failed, what became of the re-run before, and a new re-run, the run's so many-th. Answers the jobs that
    /// passed.
    fn count_record(
        &self,
        totals: &mut Totals,
        run: &TrackedRun,
        record: &Record,
        ordinal: u32,
        now: Millis,
    ) -> Result<Vec<i64>, StoreError> {
        let mut passed_jobs = Vec::new();
        if !counting::tells_of_attempt(run, record) {
            return Ok(passed_jobs);
        }
        let failed = counting::failed_subjects(run, record);
        let jobs = || failed.iter().filter(|subject| subject.kind == SubjectKind::Job);
        let unknown: Vec<i64> = jobs().filter(|job| job.unknown).map(Subject::id).collect();
        let jobs: Vec<i64> = jobs().map(Subject::id).collect();
        let adopted = self.adopt(&failed, now)?;
        let attempt = record.run_attempt.map_or(0, |attempt| i64::from(attempt.get()));
        let open = self.open_rerun(run.run_id)?;
        let is_known = open.as_ref().is_some_and(|open| open.run_attempt >= attempt);
        let is_rerun = record.outcome == RunOutcome::Rerunning && !is_known;
        if let Some(open) = open.filter(|_| !is_known) {
            let end = RerunEnd::of(open.run_attempt, attempt, record);
            totals.end_rerun(end);
            self.count_rerun_end(&open, end)?;
            // A job passed if the run did, or if only others failed this time.
            let passed = record.outcome == RunOutcome::Rescued;
            if passed || !jobs.is_empty() {
                for id in &open.subjects {
                    let subject = adopted.get(id).copied().unwrap_or(*id);
                    let passed = passed || !jobs.contains(&subject);
                    passed_jobs.extend(Some(subject).filter(|_| passed));
                    let counts = Counts { unknown: open.unknown.contains(id), of_fork: run.may_be_of_fork() };
                    self.add_to_subject(subject, now, [0, 1, passed.into()], counts)?;
                }
            }
            if !is_rerun {
                self.change("DELETE FROM open_reruns WHERE run_id = ?", vec![run.run_id.into()])?;
            }
        }
        self.count_failures(run, failed, now)?;
        if is_rerun {
            let runner_seconds = record.detail.as_ref().map_or(0, |detail| detail.runner_seconds);
            totals.runner_seconds += runner_seconds;
            self.add_to_day(now.day(), Delta::rerun(runner_seconds))?;
            let counted = Some(self.count_rerun(record.detail.as_deref(), ordinal, now)?);
            let open = OpenRerun { run_attempt: attempt, subjects: jobs, unknown, counted };
            self.set_open_rerun(run.run_id, &open)?;
        }
        Ok(passed_jobs)
    }

    fn add_to_day(&self, day: i64, delta: Delta) -> Result<(), StoreError> {
        let mut outcomes = [0; 5];
        if let Some((outcome, count)) = delta.outcome
            && let Some(sum) = place(outcome).and_then(|place| outcomes.get_mut(place))
        {
            *sum = count;
        }
        let amounts = [delta.reruns, delta.runner_seconds, delta.saved_seconds];
        let bindings = [day].into_iter().chain(outcomes).chain(amounts).map(Value::Integer).collect();
        // A day that was forgotten is not taken from.
        self.change(
            "INSERT INTO days (day, rescued, exhausted, left_alone, failed, superseded, reruns, runner_seconds, saved_seconds)
             VALUES (?1, MAX(?2, 0), MAX(?3, 0), MAX(?4, 0), MAX(?5, 0), MAX(?6, 0), ?7, ?8, MAX(?9, 0))
             ON CONFLICT (day) DO UPDATE SET rescued = MAX(rescued + ?2, 0), exhausted = MAX(exhausted + ?3, 0),
             left_alone = MAX(left_alone + ?4, 0), failed = MAX(failed + ?5, 0), superseded = MAX(superseded + ?6, 0),
             reruns = reruns + ?7, runner_seconds = runner_seconds + ?8, saved_seconds = MAX(saved_seconds + ?9, 0)",
            bindings,
        )
    }

    /// The days of the window that brought something, with their figures, oldest first.
    pub fn days(&self, now: Millis) -> Result<Vec<(i64, Figures)>, StoreError> {
        let statement =
            "SELECT day, rescued, exhausted, left_alone, failed, superseded, reruns, runner_seconds, saved_seconds
            FROM days WHERE day > ? ORDER BY day";
        self.rows(statement, vec![(now.day() - WINDOW_DAYS).into()])?.map(day).collect()
    }

    /// Forgets what is too old to be shown: a bounded number of rows at a time. Answers whether there may be more.
    pub(super) fn prune_statistics(&self, now: Millis) -> Result<bool, StoreError> {
        self.change("DELETE FROM days WHERE day < ?", vec![(now.day() - TOTALS_DAYS).into()])?;
        self.prune_reruns(now)?;
        self.prune_subjects(now)
    }
}

/// Where the columns of outcomes are in the statement above.
fn place(outcome: RunOutcome) -> Option<usize> {
    match outcome {
        RunOutcome::Rescued => Some(0),
        RunOutcome::Exhausted => Some(1),
        RunOutcome::Left => Some(2),
        RunOutcome::Failed => Some(3),
        RunOutcome::Superseded => Some(4),
        RunOutcome::Waiting | RunOutcome::Rerunning => None,
    }
}

fn day(mut row: Row) -> Result<(i64, Figures), StoreError> {
    let day = row.integer()?;
    let figures = Figures {
        rescued: row.amount()?,
        exhausted: row.amount()?,
        left: row.amount()?,
        failed: row.amount()?,
        superseded: row.amount()?,
        reruns: row.amount()?,
        runner_seconds: row.amount()?,
        saved_seconds: row.amount()?,
    };
    Ok((day, figures))
}
