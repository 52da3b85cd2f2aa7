//! A repository's statistics: counted in the step that stores what they count, so that they are exact. What today brought
//! stands in the ledger, in one row with all else that changes with each step; a day that is over has rows of its own; and a
//! page reads a bounded number of them however many runs there were.
//!
//! A run counts once, on the day on which it last came to an end; one that goes on after that is taken out again. What
//! programs add up ([`Totals`]) only grows.
//!
//! [`counting`] says what a change counts (pure), [`causes`] keeps what attempts failed with. The rows of days are here, those of
//! what fails ([`subject`]) in [`subjects`], with [`subject_days`], those of what re-runs brought in [`reruns`]; [`flaky_jobs`]
//! reads what is known of one job.

mod causes;
mod counting;
mod flaky_jobs;
mod reruns;
mod subject;
mod subject_days;
mod subjects;

pub use crate::keeper::figures::{Figures, ORDINALS, Reruns, Totals};
pub use flaky_jobs::{JobFigures, PassedFailure, WorkflowJob};
pub use reruns::{DecidedBy, RerunsOf};
pub use subject::{SubjectFigures, SubjectKind};
pub use subjects::Subjects;

use crate::keeper::open_rerun::OpenRerun;
use crate::keeper::retention::{TOTALS_DAYS, WINDOW_DAYS};
use crate::keeper::step::Record;
use crate::keeper::tracked_run::TrackedRun;
use crate::names::order::sort_by_key;
use crate::policy::RunOutcome;
use crate::time::Millis;

use super::ledger::Unstored;
use super::{Row, Sql, Store, StoreError, Value};
use counting::{Change, Delta, RerunEnd};
use subject::Subject;
use subject_days::{Counts, Tally};

/// What was counted of a change.
#[derive(Debug, Default)]
pub struct Counted {
    pub something: bool,
    /// Jobs whose re-run has passed, by what they are counted as.
    pub passed: Vec<i64>,
}

impl<S: Sql> Store<S> {
    /// Counts what happened to a run. What of its re-runs is awaited then is noted with it.
    pub fn count(
        &self,
        before: Option<&TrackedRun>,
        after: &mut TrackedRun,
        records: &[Record],
        now: Millis,
    ) -> Result<Counted, StoreError> {
        let change = Change { before, after, records };
        if !change.counts() {
            return Ok(Counted::default());
        }
        self.begin_day(now)?;
        for (day, delta) in change.days() {
            self.add_to_day(day, delta)?;
        }
        self.change_ledger(Unstored::Something, |ledger| ledger.totals.change(&change))?;
        let mut passed = Vec::new();
        let mut reruns = before.map_or(0, |before| before.reruns);
        for record in records {
            reruns += u32::from(record.outcome == RunOutcome::Rerunning);
            passed.extend(self.count_record(after, record, reruns, now)?);
        }
        Ok(Counted { something: true, passed })
    }

    pub fn totals(&self) -> Result<Totals, StoreError> {
        let (waiting, rerunning) = self.not_ended()?;
        self.ledger(|ledger| Totals { waiting, rerunning, ..ledger.totals })
    }

    /// Counts the jobs that failed, what became of the re-run before, and a new re-run, the run's so many-th. Answers the jobs that
    /// passed.
    fn count_record(
        &self,
        run: &mut TrackedRun,
        record: &Record,
        ordinal: u32,
        now: Millis,
    ) -> Result<Vec<i64>, StoreError> {
        let mut passed_jobs = Vec::new();
        if !counting::tells_of_attempt(run, record) {
            return Ok(passed_jobs);
        }
        self.count_causes(record)?;
        let failed = counting::failed_subjects(run, record);
        let jobs = || failed.iter().filter(|subject| subject.kind == SubjectKind::Job);
        let unknown: Vec<i64> = jobs().filter(|job| job.unknown).map(Subject::id).collect();
        let jobs: Vec<i64> = jobs().map(Subject::id).collect();
        let attempt = record.run_attempt.map_or(0, |attempt| i64::from(attempt.get()));
        let is_known = run.open_rerun.as_ref().is_some_and(|open| open.run_attempt >= attempt);
        let is_rerun = record.outcome == RunOutcome::Rerunning && !is_known;
        let mut tally = Tally::default();
        let ended = if is_known { None } else { run.open_rerun.take() };
        let of_fork = run.may_be_of_fork();
        if let Some(open) = ended {
            let end = RerunEnd::of(open.run_attempt, attempt, record);
            self.change_ledger(Unstored::Something, |ledger| ledger.totals.end_rerun(end))?;
            self.count_rerun_end(&open, end)?;
            // A job passed if the run did, or if only others failed this time.
            let passed = record.outcome == RunOutcome::Rescued;
            if passed || !jobs.is_empty() {
                // Counted by the workflow's name before.
                let adopted = |id: i64| failed.iter().find(|of| of.id_by_name() == id).map_or(id, Subject::id);
                for id in &open.subjects {
                    let subject = adopted(*id);
                    let passed = passed || !jobs.contains(&subject);
                    passed_jobs.extend(Some(subject).filter(|_| passed));
                    tally.judged(subject, passed, Counts { unknown: open.unknown.contains(id), of_fork });
                }
            }
        }
        self.count_failures(run, failed, tally, now)?;
        if is_rerun {
            let runner_seconds = record.detail.as_ref().map_or(0, |detail| detail.runner_seconds);
            self.change_ledger(Unstored::Something, |ledger| {
                ledger.totals.runner_seconds += runner_seconds;
                ledger.figures.reruns += 1;
                ledger.figures.runner_seconds += runner_seconds;
            })?;
            let counted = Some(self.count_rerun(record.detail.as_deref(), ordinal)?);
            run.open_rerun = Some(Box::new(OpenRerun { run_attempt: attempt, subjects: jobs, unknown, counted }));
        }
        Ok(passed_jobs)
    }

    /// What comes is counted for today. What the day before brought gets its rows; after that it is rarely changed.
    fn begin_day(&self, now: Millis) -> Result<(), StoreError> {
        let today = now.day();
        // Also where the clock was put back.
        if self.ledger(|ledger| ledger.day)? >= today {
            return Ok(());
        }
        let (day, figures, reruns) = self.ledger(|ledger| (ledger.day, ledger.figures, ledger.reruns.clone()))?;
        if figures != Figures::default() {
            self.set_day(day, &figures)?;
        }
        for (label, by_ordinal) in &reruns {
            self.set_rerun_day(day, label, by_ordinal)?;
        }
        self.keep_causes(day)?;
        let figures = self.stored_day(today)?;
        let reruns = self.rerun_day(today)?;
        self.change_ledger(Unstored::Something, |ledger| {
            (ledger.day, ledger.figures, ledger.reruns) = (today, figures, reruns);
        })
    }

    fn add_to_day(&self, day: i64, delta: Delta) -> Result<(), StoreError> {
        if self.ledger(|ledger| ledger.day)? == day {
            return self.change_ledger(Unstored::Something, |ledger| ledger.figures.change(delta));
        }
        let mut figures = self.stored_day(day)?;
        figures.change(delta);
        self.set_day(day, &figures)
    }

    fn stored_day(&self, day: i64) -> Result<Figures, StoreError> {
        let statement = format!("SELECT {DAY} FROM days WHERE day = ?");
        let known = self.first(&statement, vec![day.into()])?.map(read_day).transpose()?;
        Ok(known.map(|(_, figures)| figures).unwrap_or_default())
    }

    fn set_day(&self, day: i64, figures: &Figures) -> Result<(), StoreError> {
        let Figures { rescued, exhausted, left, failed, superseded, reruns, runner_seconds, saved_seconds } = *figures;
        let counts = [rescued, exhausted, left, failed, superseded, reruns, runner_seconds, saved_seconds];
        let bindings = [day.into()].into_iter().chain(counts.into_iter().map(Value::from)).collect();
        self.change(&format!("INSERT OR REPLACE INTO days ({DAY}) VALUES (?,?,?,?,?,?,?,?,?)"), bindings)
    }

    /// The days of the window that brought something, with their figures, oldest first.
    pub fn days(&self, now: Millis) -> Result<Vec<(i64, Figures)>, StoreError> {
        let first = now.day() - WINDOW_DAYS;
        let today = self.ledger(|ledger| (ledger.day, ledger.figures))?;
        let statement = format!("SELECT {DAY} FROM days WHERE day > ? AND day <> ? ORDER BY day");
        let rows = self.rows(&statement, vec![first.into(), today.0.into()])?;
        let mut days = rows.map(read_day).collect::<Result<Vec<_>, _>>()?;
        if today.0 > first && today.1 != Figures::default() {
            days.push(today);
            sort_by_key(&mut days, |(day, _)| *day);
        }
        Ok(days)
    }

    /// Forgets what is too old to be shown.
    pub(super) fn prune_statistics(&self, now: Millis) -> Result<(), StoreError> {
        self.change("DELETE FROM days WHERE day < ?", vec![(now.day() - TOTALS_DAYS).into()])?;
        self.prune_reruns(now)?;
        self.prune_subjects(now)
    }
}

const DAY: &str = "day, rescued, exhausted, left_alone, failed, superseded, reruns, runner_seconds, saved_seconds";

fn read_day(mut row: Row) -> Result<(i64, Figures), StoreError> {
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
