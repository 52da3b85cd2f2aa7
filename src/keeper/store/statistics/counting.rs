//! What a change of a run counts: pure.

use std::collections::BTreeSet;

use crate::keeper::figures::{CAUSE_NOT_KNOWN, Figures, Totals};
use crate::keeper::step::Record;
use crate::keeper::tracked_run::TrackedRun;
use crate::names::Conclusion;
use crate::policy::{Action, FailedJob, RunOutcome};

use super::subject::{Subject, subjects_of};

/// Of one attempt: more that fail at once are no flaky jobs.
const JOBS_OF_AN_ATTEMPT: usize = 50;

/// A change of a day's figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delta {
    /// What a run has come to, and by how many that counts now.
    pub outcome: Option<(RunOutcome, i64)>,
    pub saved_seconds: i64,
}

impl Figures {
    /// A day that was forgotten is not taken from.
    pub fn change(&mut self, delta: Delta) {
        let changed = |figure: u64, by: i64| figure.saturating_add_signed(by);
        if let Some((outcome, count)) = delta.outcome {
            let figure = match outcome {
                RunOutcome::Rescued => &mut self.rescued,
                RunOutcome::Exhausted => &mut self.exhausted,
                RunOutcome::Left => &mut self.left,
                RunOutcome::Failed => &mut self.failed,
                RunOutcome::Superseded => &mut self.superseded,
                RunOutcome::Waiting | RunOutcome::Rerunning => return,
            };
            *figure = changed(*figure, count);
        }
        self.saved_seconds = changed(self.saved_seconds, delta.saved_seconds);
    }
}

/// What happened to one run in one step.
pub struct Change<'a> {
    pub before: Option<&'a TrackedRun>,
    pub after: &'a TrackedRun,
    pub records: &'a [Record],
}

impl Change<'_> {
    /// Whether there is anything to count.
    pub fn counts(&self) -> bool {
        !self.is_same_end() || !self.records.is_empty()
    }

    /// What it changes of which days' figures.
    pub fn days(&self) -> impl Iterator<Item = (i64, Delta)> {
        let changed = !self.is_same_end();
        let before = self.before.filter(|_| changed).and_then(|before| weight(before, -1));
        let after = Some(self.after).filter(|_| changed).and_then(|after| weight(after, 1));
        before.into_iter().chain(after)
    }

    fn is_same_end(&self) -> bool {
        let end = |run: &TrackedRun| ended(run).map(|outcome| (outcome, run.updated.day()));
        self.before.and_then(end) == end(self.after)
    }
}

impl Totals {
    pub fn change(&mut self, change: &Change) {
        if !change.is_same_end() && ended(change.after).is_some() {
            self.end(change.after);
        }
    }

    fn end(&mut self, tracked: &TrackedRun) {
        match tracked.outcome {
            RunOutcome::Rescued => self.rescued += 1,
            RunOutcome::Exhausted => self.exhausted += 1,
            RunOutcome::Left => self.left += 1,
            RunOutcome::Failed => self.failed += 1,
            RunOutcome::Superseded => self.superseded += 1,
            RunOutcome::Waiting | RunOutcome::Rerunning => {}
        }
        self.saved_seconds += u64::try_from(saved(tracked)).unwrap_or_default();
    }

    pub fn end_rerun(&mut self, end: RerunEnd) {
        match end {
            RerunEnd::Rescued => self.reruns_passed += 1,
            RerunEnd::Wasted => self.reruns_failed += 1,
            RerunEnd::Unknown => self.reruns_unknown += 1,
        }
    }
}

/// What became of a re-run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerunEnd {
    /// The attempt that it started has succeeded.
    Rescued,
    /// That attempt has failed again.
    Wasted,
    /// It was cancelled, say, or nobody heard of it before there was another one.
    Unknown,
}

impl RerunEnd {
    /// By what was decided on the next attempt that anything is known of.
    pub fn of(reran: i64, attempt: i64, record: &Record) -> Self {
        let jobs = record.detail.as_ref().map_or(&[][..], |detail| &detail.jobs);
        match record.outcome {
            _ if attempt != reran + 1 => Self::Unknown,
            RunOutcome::Rescued => Self::Rescued,
            RunOutcome::Failed => Self::Unknown,
            // Where the policy re-runs what was cancelled.
            RunOutcome::Waiting | RunOutcome::Rerunning | RunOutcome::Exhausted
                if !jobs.is_empty() && jobs.iter().all(|job| job.conclusion == Some(Conclusion::Cancelled)) =>
            {
                Self::Unknown
            }
            RunOutcome::Waiting | RunOutcome::Rerunning | RunOutcome::Exhausted => Self::Wasted,
            // Also what was not looked into, or is not looked at any more.
            RunOutcome::Left | RunOutcome::Superseded if jobs.iter().any(has_failed) => Self::Wasted,
            RunOutcome::Left | RunOutcome::Superseded => Self::Unknown,
        }
    }
}

/// What a run has come to, once it has: nothing more will be done about it unless something new happens.
fn ended(tracked: &TrackedRun) -> Option<RunOutcome> {
    tracked.ended()
}

/// The time from its first failure to its success, in which nobody had to watch it.
fn saved(tracked: &TrackedRun) -> i64 {
    if tracked.outcome == RunOutcome::Rescued && tracked.reruns > 0 {
        (tracked.updated - tracked.created).as_millis() / 1_000
    } else {
        0
    }
}

/// What a run's end adds to the figures of its day; or, the other way round, takes away from them.
fn weight(tracked: &TrackedRun, sign: i64) -> Option<(i64, Delta)> {
    let outcome = ended(tracked)?;
    let delta = Delta { outcome: Some((outcome, sign)), saved_seconds: sign * saved(tracked) };
    Some((tracked.updated.day(), delta))
}

/// Not if credentials were refused, as nothing is known of the attempt then; nor while its re-run is held, as another record
/// follows.
pub fn tells_of_attempt(run: &TrackedRun, record: &Record) -> bool {
    match record.outcome {
        RunOutcome::Waiting => false,
        RunOutcome::Failed => ended(run).is_some(),
        _ => true,
    }
}

/// The jobs that failed by themselves, and their runners.
pub fn failed_subjects(run: &TrackedRun, record: &Record) -> Vec<Subject> {
    let jobs = record.detail.as_ref().map_or(&[][..], |detail| &detail.jobs);
    let by_themselves = jobs.iter().filter(|job| failed_by_itself(job));
    by_themselves.take(JOBS_OF_AN_ATTEMPT).flat_map(|job| subjects_of(run, job)).collect()
}

/// Why an attempt failed: the classes of what is known of its jobs, or that nothing is known of any.
pub fn causes_of(record: &Record) -> BTreeSet<&'static str> {
    let jobs = record.detail.as_ref().map_or(&[][..], |detail| &detail.jobs);
    let failed: Vec<_> = jobs.iter().filter(|job| failed_by_itself(job)).collect();
    let known: BTreeSet<_> =
        failed.iter().filter_map(|job| job.cause.as_ref()).map(|cause| cause.class.as_str()).collect();
    if known.is_empty() && !failed.is_empty() { [CAUSE_NOT_KNOWN].into() } else { known }
}

/// One that is cancelled because another failed, or that only says that others did, is not flaky.
pub fn failed_by_itself(job: &FailedJob) -> bool {
    has_failed(job) && job.action != Some(Action::Ignore)
}

fn has_failed(job: &FailedJob) -> bool {
    matches!(job.conclusion, Some(Conclusion::Failure | Conclusion::TimedOut))
}
