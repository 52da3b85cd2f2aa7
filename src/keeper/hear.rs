//! A webhook arrives for a run that is watched, or is to be: what it changes. Pure.

use crate::attempts::RunOutcome;
use crate::hint::{Hint, News};
use crate::names::RunAttempt;
use crate::time::{Millis, Span};

use super::machine::{Context, Receipt, ReceiptKind, Record, STILL_GOING, WAITING, credit_lost_call, finish};
use super::watched::Watched;

/// Two looks at one run that webhooks ask for are this far apart, so that 256 failing jobs do not make 256 reads.
const LOOKS_APART: Span = Span::seconds(10);

/// What came of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// `None`: store nothing.
    pub watched: Option<Watched>,
    pub receipt: Receipt,
    pub records: Vec<Record>,
}

/// A webhook arrived.
pub fn hear(watched: Option<Watched>, hint: &Hint, cx: &Context) -> Heard {
    match (hint.news, watched) {
        (News::RunSucceeded | News::RunEnded, None) => Heard {
            watched: None,
            receipt: receipt(ReceiptKind::Ignored, "the run is not watched", hint.run_attempt, None),
            records: vec![],
        },
        (News::RunSucceeded, Some(watched)) => hear_success(watched, hint, cx),
        (News::RunEnded, Some(watched)) => hear_end(watched, hint, cx),
        (News::RunFailed | News::RunCancelled | News::JobFailed, watched) => hear_failure(watched, hint, cx),
    }
}

fn hear_success(mut watched: Watched, hint: &Hint, cx: &Context) -> Heard {
    if watched.decided_attempt >= hint.run_attempt || hint.run_attempt < watched.run_attempt {
        return nothing_new(watched, hint);
    }
    let Some(attempt) = hint.run_attempt else { return nothing_new(watched, hint) };
    let mut records = Vec::from_iter(credit_lost_call(&mut watched, attempt, cx));
    let reason = format!("Attempt {attempt} succeeded.");
    let record = finish(&mut watched, attempt, RunOutcome::Rescued, reason, cx);
    let receipt = receipt(ReceiptKind::Recorded, "a re-run succeeded", Some(attempt), None);
    records.push(record);
    Heard { watched: Some(watched), receipt, records }
}

/// A re-run was cancelled, say: GitHub will be asked, soon.
fn hear_end(mut watched: Watched, hint: &Hint, cx: &Context) -> Heard {
    if watched.due.is_none() || watched.decided_attempt >= hint.run_attempt || hint.run_attempt < watched.run_attempt {
        return nothing_new(watched, hint);
    }
    if watched.calling.is_none() {
        watched.due = earlier(watched.due, cx.now);
        // Where the policy re-runs what was cancelled, the delay is counted from here.
        watched.failed_at = cx.now;
    }
    let receipt =
        receipt(ReceiptKind::Recorded, "a re-run ended without success or failure", hint.run_attempt, watched.due);
    Heard { watched: Some(watched), receipt, records: vec![] }
}

fn hear_failure(watched: Option<Watched>, hint: &Hint, cx: &Context) -> Heard {
    let new = watched.is_none();
    let mut watched = watched.unwrap_or_else(|| Watched::new(hint.run_id, cx.now));
    let Some(attempt) = hint.run_attempt else {
        return hear_failure_of_some_attempt(watched, new, hint, cx);
    };
    let known = watched.run_attempt;
    let being_called = watched.calling.is_some_and(|calling| calling.run_attempt >= attempt);
    if watched.decided_attempt >= Some(attempt) || known > Some(attempt) || being_called {
        return nothing_new(watched, hint);
    }
    let records = Vec::from_iter(credit_lost_call(&mut watched, attempt, cx));
    // The first word of this attempt's failure, or the first that the attempt as a whole is over.
    // A run whose credentials were refused stays so, on view, until they are taken again.
    let parked = watched.outcome == RunOutcome::Failed && watched.due.is_some() && !watched.is_decided();
    let first = new || known < Some(attempt) || (watched.outcome != RunOutcome::Waiting && !parked);
    let of_run = matches!(hint.news, News::RunFailed | News::RunCancelled);
    let completes = of_run && (first || !watched.complete);
    if first || completes {
        watched.failed_at = cx.now;
        watched.complete = of_run;
    }
    if first {
        watched.run_attempt = Some(attempt);
        watched.updated = cx.now;
        watched.tries = 0;
        watched.evidence_since = None;
        if !parked {
            watched.outcome = RunOutcome::Waiting;
            watched.reason = WAITING.to_owned();
        }
    }
    let wanted = cx.now + cx.first_look;
    let soonest = if first || completes { wanted } else { wanted.max(look_again(&watched)) };
    watched.due = earlier(watched.due, soonest);
    let due = watched.due;
    let receipt = match (first || completes, hint.news) {
        (true, News::RunFailed) => receipt(ReceiptKind::Scheduled, "workflow run failed", Some(attempt), due),
        (true, News::RunCancelled) => receipt(ReceiptKind::Scheduled, "workflow run was cancelled", Some(attempt), due),
        (true, _) => receipt(ReceiptKind::Scheduled, "a job failed", Some(attempt), due),
        (false, News::RunFailed | News::RunCancelled) => {
            receipt(ReceiptKind::Recorded, "the failure of this attempt is known", Some(attempt), due)
        }
        (false, _) => receipt(ReceiptKind::Recorded, "another job of a run that is watched", Some(attempt), due),
    };
    Heard { watched: Some(watched), receipt, records }
}

/// A `check_run` does not say which attempt it is of: perhaps one that is decided on, perhaps a new one.
fn hear_failure_of_some_attempt(mut watched: Watched, new: bool, hint: &Hint, cx: &Context) -> Heard {
    let soonest = if new {
        watched.reason = WAITING.to_owned();
        cx.now + cx.first_look
    } else if watched.due.is_some() && watched.decided_attempt.is_none() {
        (cx.now + cx.first_look).max(look_again(&watched))
    } else {
        cx.now + STILL_GOING
    };
    if watched.calling.is_none() {
        watched.due = earlier(watched.due, soonest);
    } else {
        // Perhaps of the attempt that the call has started.
        watched.failed_at = cx.now;
    }
    let due = watched.due;
    let receipt = if new {
        receipt(ReceiptKind::Scheduled, "a job failed", hint.run_attempt, due)
    } else {
        receipt(ReceiptKind::Recorded, "another job of a run that is watched", hint.run_attempt, due)
    };
    Heard { watched: Some(watched), receipt, records: vec![] }
}

/// The soonest that a webhook can make the run be looked at again.
fn look_again(watched: &Watched) -> Millis {
    watched.looked.map_or(watched.created, |looked| looked + LOOKS_APART)
}

fn nothing_new(watched: Watched, hint: &Hint) -> Heard {
    let reason = match (hint.run_attempt, watched.calling) {
        (Some(attempt), Some(calling)) if calling.run_attempt == attempt => "this attempt is being re-run",
        (attempt, _) if watched.decided_attempt >= attempt => "this attempt was decided on",
        _ => "a newer attempt is known",
    };
    let receipt = receipt(ReceiptKind::Recorded, reason, hint.run_attempt, watched.due);
    Heard { watched: Some(watched), receipt, records: vec![] }
}

fn receipt(kind: ReceiptKind, reason: &str, run_attempt: Option<RunAttempt>, due: Option<Millis>) -> Receipt {
    Receipt { kind, reason: reason.to_owned(), run_attempt, due }
}

fn earlier(due: Option<Millis>, at: Millis) -> Option<Millis> {
    Some(due.map_or(at, |due| due.min(at)))
}
