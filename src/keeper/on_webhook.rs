//! A webhook arrives for a run that is tracked, or is to be: what it changes. Pure.

use crate::names::{RunAttempt, RunId};
use crate::policy::RunOutcome;
use crate::time::{Millis, Span};
use crate::webhook::event::{RunEvent, RunEventKind};

use super::context::Context;

use super::step::{Receipt, ReceiptKind, Record, STILL_GOING, UNDECIDED, credit_lost_call, finish};
use super::tracked_run::TrackedRun;

/// Two looks at one run that webhooks ask for are this far apart, so that 256 failing jobs do not make 256 reads.
const LOOKS_APART: Span = Span::seconds(10);

/// Webhooks that name no attempt have a run that is decided looked at at once; where that has shown nothing new, not before as much
/// time again has passed as between the decision and that look, within these bounds. Whoever sends old ones again and again makes
/// a few reads of it, and a new attempt is noticed all the same.
const LEAST_BETWEEN: Span = Span::minutes(1);
const MOST_BETWEEN: Span = Span::hours(6);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookStep {
    /// `None`: store nothing.
    pub tracked: Option<TrackedRun>,
    pub receipt: Receipt,
    pub records: Vec<Record>,
}

pub fn on_webhook(tracked: Option<TrackedRun>, event: &RunEvent, cx: &Context) -> WebhookStep {
    match (event.kind, tracked) {
        (RunEventKind::RunSucceeded | RunEventKind::RunEnded, None) => WebhookStep {
            tracked: None,
            receipt: receipt(ReceiptKind::Ignored, "the run is not tracked", event.run_attempt, None),
            records: vec![],
        },
        (RunEventKind::RunSucceeded, Some(tracked)) => on_success(tracked, event, cx),
        (RunEventKind::RunEnded, Some(tracked)) => on_end(tracked, event, cx),
        (RunEventKind::RunFailed | RunEventKind::RunCancelled | RunEventKind::JobFailed, mut tracked) => {
            if let Some(commanded) = tracked.as_mut().and_then(|tracked| tracked.commanded.as_mut()) {
                commanded.alone = false;
            }
            match event.run_attempt {
                Some(attempt) => on_failed_attempt(tracked, event.run_id, attempt, event.kind, cx),
                None => on_failure_of_some_attempt(tracked, event.run_id, cx),
            }
        }
    }
}

fn on_success(mut tracked: TrackedRun, event: &RunEvent, cx: &Context) -> WebhookStep {
    let is_new = tracked.decided_attempt < event.run_attempt && event.run_attempt >= tracked.run_attempt;
    let Some(attempt) = event.run_attempt.filter(|_| is_new) else { return nothing_new(tracked, event.run_attempt) };
    let mut records = Vec::from_iter(credit_lost_call(&mut tracked, attempt, cx));
    let reason = format!("Attempt {attempt} succeeded.");
    records.push(finish(&mut tracked, attempt, RunOutcome::Rescued, reason, cx));
    step(tracked, records, ReceiptKind::Recorded, "a re-run succeeded", Some(attempt))
}

/// A re-run was cancelled, say: GitHub will be asked, soon.
fn on_end(mut tracked: TrackedRun, event: &RunEvent, cx: &Context) -> WebhookStep {
    let shows_a_lost_call = tracked.pending.is_some_and(|pending| Some(pending.run_attempt) < event.run_attempt);
    let rests = tracked.due.is_none() && !shows_a_lost_call;
    if rests || tracked.decided_attempt >= event.run_attempt || event.run_attempt < tracked.run_attempt {
        return nothing_new(tracked, event.run_attempt);
    }
    if tracked.pending.is_none() || tracked.due.is_none() {
        tracked.due = earlier(tracked.due, cx.now);
        // Where the policy re-runs what was cancelled, the delay is counted from here.
        tracked.failed_at = cx.now;
    }
    step(tracked, vec![], ReceiptKind::Recorded, "a re-run ended without success or failure", event.run_attempt)
}

/// A webhook, or the sweep, says that an attempt failed.
pub fn on_failed_attempt(
    tracked: Option<TrackedRun>,
    run_id: RunId,
    attempt: RunAttempt,
    kind: RunEventKind,
    cx: &Context,
) -> WebhookStep {
    let new = tracked.is_none();
    let mut tracked = tracked.unwrap_or_else(|| TrackedRun::new(run_id, cx.now));
    let known = tracked.run_attempt;
    let is_pending = tracked.pending.is_some_and(|pending| pending.run_attempt >= attempt);
    if tracked.decided_attempt >= Some(attempt) || known > Some(attempt) || is_pending {
        return nothing_new(tracked, Some(attempt));
    }
    let records = Vec::from_iter(credit_lost_call(&mut tracked, attempt, cx));
    // The first word of this attempt's failure, or the first that the attempt as a whole is over.
    // A run whose credentials were refused stays so, on view, until they are taken again.
    let parked = tracked.outcome == RunOutcome::Failed && tracked.due.is_some() && !tracked.is_decided();
    let first = new || known < Some(attempt) || (tracked.outcome != RunOutcome::Waiting && !parked);
    let of_run = matches!(kind, RunEventKind::RunFailed | RunEventKind::RunCancelled);
    let completes = of_run && (first || !tracked.complete);
    let is_held = tracked.held.as_ref().is_some_and(|held| held.key.is_some() && held.run_attempt == attempt);
    if is_held && !first && !completes {
        return nothing_new(tracked, Some(attempt));
    }
    if first || completes {
        tracked.failed_at = cx.now;
        tracked.complete = of_run;
    }
    if first {
        tracked.run_attempt = Some(attempt);
        tracked.updated = cx.now;
        tracked.tries = 0;
        tracked.trouble_since = None;
        tracked.evidence_since = None;
        if !parked {
            tracked.outcome = RunOutcome::Waiting;
            tracked.reason = UNDECIDED.to_owned();
        }
    }
    let wanted = cx.now + cx.first_look;
    let soonest = if first || completes { wanted } else { wanted.max(look_again(&tracked)) };
    tracked.due = earlier(tracked.due, soonest);
    let (kind, reason) = match (first || completes, kind) {
        (true, RunEventKind::RunFailed) => (ReceiptKind::Scheduled, "workflow run failed"),
        (true, RunEventKind::RunCancelled) => (ReceiptKind::Scheduled, "workflow run was cancelled"),
        (true, _) => (ReceiptKind::Scheduled, "a job failed"),
        (false, _) if of_run => (ReceiptKind::Recorded, "the failure of this attempt is already known"),
        (false, _) => (ReceiptKind::Recorded, "another job of a tracked run"),
    };
    step(tracked, records, kind, reason, Some(attempt))
}

/// A `check_run` does not say which attempt it is of: perhaps one that is decided on, perhaps a new one.
fn on_failure_of_some_attempt(tracked: Option<TrackedRun>, run_id: RunId, cx: &Context) -> WebhookStep {
    let new = tracked.is_none();
    let mut tracked = tracked.unwrap_or_else(|| TrackedRun::new(run_id, cx.now));
    let soonest = if new {
        tracked.reason = UNDECIDED.to_owned();
        cx.now + cx.first_look
    } else if tracked.due.is_some() && tracked.decided_attempt.is_none() {
        (cx.now + cx.first_look).max(look_again(&tracked))
    } else {
        look_once_more(&tracked, cx.now)
    };
    if tracked.pending.is_none() || tracked.due.is_none() {
        tracked.due = earlier(tracked.due, soonest);
    } else {
        // Perhaps of the attempt that the call has started.
        tracked.failed_at = cx.now;
    }
    let (kind, reason) = if new {
        (ReceiptKind::Scheduled, "a job failed")
    } else {
        (ReceiptKind::Recorded, "another job of a tracked run")
    };
    step(tracked, vec![], kind, reason, None)
}

/// The soonest that a webhook which names no attempt can make it be looked at, where an attempt of it was decided on.
pub fn look_once_more(tracked: &TrackedRun, now: Millis) -> Millis {
    let soonest = now + STILL_GOING;
    let in_vain = tracked.looked.filter(|looked| tracked.is_decided() && *looked > tracked.updated);
    in_vain.map_or(soonest, |looked| {
        let between = (looked - tracked.updated).clamp(LEAST_BETWEEN, MOST_BETWEEN);
        soonest.max(looked + between)
    })
}

/// The soonest that a webhook can make the run be looked at again.
fn look_again(tracked: &TrackedRun) -> Millis {
    tracked.looked.map_or(tracked.created, |looked| looked + LOOKS_APART)
}

fn nothing_new(tracked: TrackedRun, run_attempt: Option<RunAttempt>) -> WebhookStep {
    let reason = match (run_attempt, tracked.pending) {
        (attempt, _) if tracked.decided_attempt >= attempt => "this attempt was already decided on",
        (Some(attempt), Some(pending)) if pending.run_attempt == attempt => "this attempt is being re-run",
        (attempt, _) if tracked.run_attempt == attempt => "an outage holds the re-run of this attempt",
        _ => "a newer attempt is known",
    };
    step(tracked, vec![], ReceiptKind::Recorded, reason, run_attempt)
}

fn step(
    tracked: TrackedRun,
    records: Vec<Record>,
    kind: ReceiptKind,
    reason: &str,
    run_attempt: Option<RunAttempt>,
) -> WebhookStep {
    let receipt = receipt(kind, reason, run_attempt, tracked.due);
    WebhookStep { tracked: Some(tracked), receipt, records }
}

pub fn receipt(kind: ReceiptKind, reason: &str, run_attempt: Option<RunAttempt>, due: Option<Millis>) -> Receipt {
    Receipt { kind, reason: reason.to_owned(), run_attempt, due }
}

fn earlier(due: Option<Millis>, at: Millis) -> Option<Millis> {
    Some(due.map_or(at, |due| due.min(at)))
}
