//! What every transition of a run gives, and the ends that several have in common. Pure.

use serde::{Deserialize, Serialize};

use crate::github::Call;
use crate::names::RunAttempt;
use crate::policy::{Detail, RunOutcome};
use crate::time::{Millis, Span};

use super::circuit_breaker::CircuitBreaker;
use super::context::Context;
use super::tracked_run::TrackedRun;

/// How long a claimed run is left to the one who claimed it, and how soon the alarm goes off that is set in case of a
/// crash: longer than the time-out of a call, and well below the minute that a crash may cost.
pub const LEASE: Span = Span::seconds(25);
/// How long after a call without an answer the run's state is believed.
pub const QUIET: Span = Span::seconds(45);
/// A run that is still going, or said to be, is looked at again after this, then twice as long, and so on.
pub const STILL_GOING: Span = Span::seconds(30);
pub const STILL_GOING_MOST: Span = Span::minutes(5);
/// A webhook came, and the run has not been read.
pub const UNDECIDED: &str = "Not decided yet.";
/// Its re-run is decided on.
pub const WAITING: &str = "Waiting until its re-run is due.";

/// What the webhook's sender gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub kind: ReceiptKind,
    pub reason: String,
    pub run_attempt: Option<RunAttempt>,
    pub due: Option<Millis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    Scheduled,
    Recorded,
    Ignored,
}

/// What came of an answer of GitHub's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub tracked: TrackedRun,
    /// A re-run, to be asked for after `tracked` is stored.
    pub call: Option<Call>,
    pub records: Vec<Record>,
    /// For the whole repository.
    pub breaker: Option<CircuitBreaker>,
}

/// A decision or what became of it, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub run_attempt: Option<RunAttempt>,
    pub decided: Millis,
    pub outcome: RunOutcome,
    /// As a sentence.
    pub reason: String,
    /// What a decision went by; `None` for what was not one.
    pub detail: Option<Box<Detail>>,
}

/// It is not looked at any more, and why.
pub fn leave(mut tracked: TrackedRun, reason: &str, cx: &Context) -> Step {
    let attempt = tracked.run_attempt.unwrap_or(RunAttempt::FIRST);
    let record = finish(&mut tracked, attempt, RunOutcome::Left, reason.to_owned(), cx);
    Step { records: vec![record], ..Step::of(tracked) }
}

/// A call whose answer never came did nothing, as its attempt is still the newest: the budget has back what it has reserved.
pub fn release(tracked: &mut TrackedRun) {
    tracked.detail = None;
    tracked.pending = None;
    tracked.reserved = None;
}

/// Nothing is due any more. A call whose answer is not known stays pending: should a newer attempt show later, it is
/// counted.
pub fn finish(
    tracked: &mut TrackedRun,
    attempt: RunAttempt,
    outcome: RunOutcome,
    mut reason: String,
    cx: &Context,
) -> Record {
    if let Some(pending) = tracked.pending {
        reason.truncate(reason.trim_end_matches('.').len());
        reason.push_str(&format!("; it is not known whether attempt {} was re-run.", pending.run_attempt));
    } else {
        tracked.detail = None;
    }
    tracked.run_attempt = tracked.run_attempt.max(Some(attempt));
    tracked.decided_attempt = tracked.decided_attempt.max(Some(attempt));
    tracked.evidence_since = None;
    tracked.collecting = None;
    tracked.held = None;
    tracked.in_short = None;
    tracked.due = None;
    tracked.tries = 0;
    tracked.trouble_since = None;
    tracked.outcome = outcome;
    tracked.reason.clone_from(&reason);
    tracked.updated = cx.now;
    tracked.publish = Some(cx.now);
    Record { run_attempt: Some(attempt), decided: cx.now, outcome, reason, detail: None }
}

/// An attempt after the one that a call was about exists: the call worked, whatever became of its answer.
pub fn credit_lost_call(tracked: &mut TrackedRun, attempt: RunAttempt, cx: &Context) -> Option<Record> {
    let called = tracked.pending.filter(|pending| pending.run_attempt < attempt)?.run_attempt;
    tracked.reason = format!("Attempt {called} was re-run: the answer was lost, but attempt {attempt} has started.");
    Some(count_rerun(tracked, called, cx))
}

/// GitHub has accepted the re-run of this attempt.
pub fn count_rerun(tracked: &mut TrackedRun, attempt: RunAttempt, cx: &Context) -> Record {
    tracked.pending = None;
    tracked.held = None;
    tracked.reruns += 1;
    tracked.decided_attempt = tracked.decided_attempt.max(Some(attempt));
    tracked.tries = 0;
    tracked.trouble_since = None;
    tracked.outcome = RunOutcome::Rerunning;
    tracked.updated = cx.now;
    tracked.publish = Some(cx.now);
    let (reason, detail) = (tracked.reason.clone(), tracked.detail.take());
    Record { run_attempt: Some(attempt), decided: cx.now, outcome: tracked.outcome, reason, detail }
}

/// GitHub answers and takes the credentials.
pub fn settle_trouble(tracked: &mut TrackedRun, outcome: RunOutcome, cx: &Context) {
    tracked.trouble_since = None;
    if tracked.outcome != outcome {
        tracked.outcome = outcome;
        tracked.updated = cx.now;
    }
}

impl Step {
    pub fn of(tracked: TrackedRun) -> Self {
        Self { tracked, call: None, records: vec![], breaker: None }
    }
}
