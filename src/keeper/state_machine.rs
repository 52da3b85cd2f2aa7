//! The state machine of a tracked run: what happened in, what to store and to call out. Pure: time, chance and
//! settings are passed in, and nothing here knows where the run is stored or how GitHub is called.
//!
//! A run is *due* at a time, or *ended* when nothing is due. When it is due it is always first read from GitHub:
//! [`on_read`] says whether what GitHub shows is to be decided on. The decision is the policy's; [`act`] carries it out,
//! and may ask for a re-run, whose answer goes to [`on_rerun`]. Webhooks go to [`on_webhook`](super::on_webhook), at any
//! time between these, in any order and any number.
//!
//! No re-run is asked for twice for one attempt, because:
//!
//! - the intention ([`PendingRerun`]) is stored before the call, and the run is read again before another call;
//! - after a call whose answer is not known, the read that says "it did nothing" is made no sooner than [`QUIET`]
//!   later, as GitHub's reads can be some seconds old;
//! - GitHub itself refuses to re-run a run that is running.

use std::ops::ControlFlow;

use crate::github::{self, Call, RerunAnswer};
use crate::names::{Conclusion, RunAttempt};
use crate::policy::{Decision, Detail, Ending, Rerun, RunOutcome, run::Run};
use crate::time::{Millis, Span};

use super::context::Context;
use super::on_failure::{GONE, behind, on_failure, unseen};
use super::second_look;
use super::step::{
    LEASE, QUIET, Record, STILL_GOING, STILL_GOING_MOST, Step, WAITING, count_rerun, credit_lost_call, finish, release,
    settle_trouble,
};
use super::tracked_run::{Held, PendingRerun, TrackedRun};

/// After two hours of that: one that waits for an approval, or for a runner that nobody has, can wait for weeks.
const LONG_TRIES: u32 = 27;
const GOING_LONG: Span = Span::minutes(30);
/// A re-run's end normally comes by webhook; this is for when it is not.
const RERUN_GOING: Span = Span::minutes(2);
const RERUN_GOING_MOST: Span = Span::minutes(30);

/// A run that was read, and whose newest attempt is to be decided on.
#[derive(Debug)]
pub struct Undecided {
    pub tracked: TrackedRun,
    pub run: Run,
    /// Of what the reading alone has shown.
    pub records: Vec<Record>,
}

/// The answer to the read that every due run starts with. It breaks where there is nothing to decide on now.
pub fn on_read(
    mut tracked: TrackedRun,
    answer: Result<Box<Run>, github::Error>,
    cx: &Context,
) -> ControlFlow<Step, Undecided> {
    tracked.looked = Some(cx.now);
    let run = match answer {
        Ok(run) => *run,
        Err(github::Error::NotFound) => return ControlFlow::Break(unseen(tracked, cx)),
        Err(error) => return ControlFlow::Break(on_failure(tracked, error, cx)),
    };
    let attempt = run.run_attempt;
    if Some(attempt) < tracked.run_attempt {
        return ControlFlow::Break(behind(tracked, attempt, cx));
    }
    let before = tracked.attempts();
    tracked.run_attempt = Some(attempt);
    tracked.describe(&run);
    let mut records = Vec::new();
    if let Some(pending) = tracked.pending {
        if attempt > pending.run_attempt {
            records.extend(credit_lost_call(&mut tracked, attempt, cx));
        } else if cx.now < pending.since + QUIET {
            tracked.due = Some(pending.since + QUIET);
            return ControlFlow::Break(Step::of(tracked));
        }
    } else {
        // What was not answered is over, unless it is the re-run itself.
        tracked.trouble_since = None;
    }
    if tracked.decided_attempt >= Some(attempt) && !tracked.is_commanded(attempt) {
        tracked.due = None;
        tracked.tries = 0;
        tracked.trouble_since = None;
        if tracked.attempts() != before {
            tracked.publish = Some(cx.now);
        }
        release(&mut tracked);
        return ControlFlow::Break(Step { records, ..Step::of(tracked) });
    }
    if let Some(step) = second_look::park(&tracked, &run, cx) {
        return ControlFlow::Break(Step { records: [records, step.records].concat(), ..step });
    }
    ControlFlow::Continue(Undecided { tracked, run, records })
}

/// Whether what was read of this attempt is still worth a decision: webhooks come while evidence is collected.
pub fn is_undecided(tracked: &TrackedRun, attempt: RunAttempt) -> bool {
    let is_decided = tracked.decided_attempt >= Some(attempt) && !tracked.is_commanded(attempt);
    tracked.run_attempt == Some(attempt) && !is_decided
}

/// Carries out what was decided on the newest attempt, which [`on_read`] has found undecided.
pub fn act(mut tracked: TrackedRun, run: &Run, decision: Decision, cx: &Context) -> Step {
    let attempt = run.run_attempt;
    tracked.evidence_since = None;
    tracked.collecting = None;
    if matches!(decision, Decision::Rerun(_)) {
        tracked.commit = run.commit();
    }
    match decision {
        Decision::Await => still_going(tracked, run, cx),
        Decision::Rerun(rerun) if cx.now < tracked.failed_at + rerun.delay => {
            tracked.in_short = Some(format!("{} in {}", rerun.in_short, rerun.delay.in_words()));
            wait(tracked, rerun.delay, cx)
        }
        Decision::Rerun(rerun) => call(tracked, attempt, rerun, cx),
        Decision::End(ending) => end(tracked, run, ending, cx),
    }
}

/// It is to be re-run so long after its end, if nothing changes until then.
pub fn wait(mut tracked: TrackedRun, delay: Span, cx: &Context) -> Step {
    settle_trouble(&mut tracked, RunOutcome::Waiting, cx);
    tracked.evidence_since = None;
    tracked.collecting = None;
    tracked.due = Some(tracked.failed_at + delay);
    tracked.reason = WAITING.to_owned();
    Step::of(tracked)
}

/// The answer to a re-run that [`act`] asked for. `attempt` is the one that was to be re-run.
pub fn on_rerun(
    mut tracked: TrackedRun,
    attempt: RunAttempt,
    answer: Result<RerunAnswer, github::Error>,
    cx: &Context,
) -> Step {
    // A webhook or a read may have brought the outcome meanwhile.
    let Some(pending) = tracked.pending.filter(|pending| pending.run_attempt == attempt) else {
        return Step::of(tracked);
    };
    if tracked.decided_attempt >= Some(attempt) {
        return on_late_answer(tracked, pending, answer, cx);
    }
    match answer {
        Ok(RerunAnswer::Accepted) => {
            let next = RunAttempt::new(attempt.get() + 1);
            let failed_since = tracked.failed_at > pending.since;
            tracked.refusal = None;
            tracked.run_attempt = tracked.run_attempt.max(next);
            let record = count_rerun(&mut tracked, attempt, cx);
            tracked.due = Some(cx.now + if failed_since { STILL_GOING } else { RERUN_GOING });
            Step { records: vec![record], ..Step::of(tracked) }
        }
        Ok(RerunAnswer::AlreadyRunning) => {
            // It may be running because of an earlier call: the next attempt, once seen, is that call's.
            tracked.pending = Some(pending).filter(|pending| pending.again);
            tracked.reserved = tracked.reserved.filter(|_| pending.again);
            settle_trouble(&mut tracked, RunOutcome::Waiting, cx);
            tracked.due = Some(cx.now + STILL_GOING.doubled(tracked.tries, STILL_GOING_MOST));
            tracked.tries += 1;
            tracked.reason = "GitHub says that the run is still running.".to_owned();
            Step::of(tracked)
        }
        Err(error) => {
            // A refusal is certain. Without an answer, to this call or an earlier one, the run itself will tell.
            if !matches!(error, github::Error::Inconclusive { .. }) && !pending.again {
                (tracked.pending, tracked.reserved) = (None, None);
            }
            match error {
                // The run was there a moment ago.
                github::Error::NotFound => second_look::doubt(tracked, attempt, GONE, cx),
                github::Error::UnclearRefusal { message } => second_look::doubt(tracked, attempt, &message, cx),
                error => on_failure(tracked, error, cx),
            }
        }
    }
}

/// The run was ended while the call was on its way, and stays ended: only what became of the call is new.
fn on_late_answer(
    mut tracked: TrackedRun,
    pending: PendingRerun,
    answer: Result<RerunAnswer, github::Error>,
    cx: &Context,
) -> Step {
    match answer {
        Ok(RerunAnswer::Accepted) => {
            let (outcome, reason) = (tracked.outcome, tracked.reason);
            tracked.reason =
                format!("Attempt {} was re-run; by then the run had been left alone.", pending.run_attempt);
            let record = count_rerun(&mut tracked, pending.run_attempt, cx);
            Step { records: vec![record], ..Step::of(TrackedRun { outcome, reason, ..tracked }) }
        }
        Err(github::Error::Inconclusive { .. }) => Step::of(tracked),
        Ok(RerunAnswer::AlreadyRunning) | Err(_) if pending.again => Step::of(tracked),
        Ok(RerunAnswer::AlreadyRunning) | Err(_) => {
            release(&mut tracked);
            Step::of(tracked)
        }
    }
}

fn call(mut tracked: TrackedRun, attempt: RunAttempt, rerun: Rerun, cx: &Context) -> Step {
    tracked.reopen(attempt, cx.now);
    let again = tracked.pending.is_some();
    let Rerun { reason, in_short, scope, debug_logging, detail, .. } = rerun;
    // Reserved before the call, so that no answer that is lost, and no crash, makes two re-runs of one reserve. Commands have
    // limits of their own, and leave the rules' budget to the rules.
    tracked.reserved =
        if tracked.is_commanded(attempt) { tracked.reserved.filter(|_| again) } else { Some(detail.runner_seconds) };
    tracked.pending = Some(PendingRerun { run_attempt: attempt, since: cx.now, again });
    if let Some(held) = &mut tracked.held {
        held.key = None;
    }
    tracked.due = Some(cx.now + LEASE);
    tracked.reason = reason;
    tracked.in_short = Some(in_short);
    tracked.detail = Some(Box::new(detail));
    let call = Call::Rerun { run_id: tracked.run_id, run_attempt: attempt, scope, debug_logging };
    Step { call: Some(call), ..Step::of(tracked) }
}

fn end(mut tracked: TrackedRun, run: &Run, ending: Ending, cx: &Context) -> Step {
    let (decided, published) = (tracked.decided_attempt, tracked.publish);
    release(&mut tracked);
    let mut record = finish(&mut tracked, run.run_attempt, ending.outcome, ending.reason, cx);
    record.detail = Some(Box::new(ending.detail)).filter(|detail| **detail != Detail::default());
    if !ending.last_word {
        tracked.decided_attempt = decided;
    }
    // A run that passed although a job was allowed to fail has no count: Workers KV is spared.
    if run.conclusion == Some(Conclusion::Success) && run.run_attempt == RunAttempt::FIRST && !tracked.published {
        tracked.publish = published;
    }
    Step { records: vec![record], ..Step::of(tracked) }
}

/// A call whose answer is not known stays one: it was made when the attempt had ended, so that this is GitHub being behind.
fn still_going(mut tracked: TrackedRun, run: &Run, cx: &Context) -> Step {
    let rerun = run.run_attempt > RunAttempt::FIRST;
    settle_trouble(&mut tracked, if rerun { RunOutcome::Rerunning } else { RunOutcome::Waiting }, cx);
    tracked.failed_at = cx.now;
    tracked.complete = false;
    tracked.held = None;
    // Not one that was asked for here: that was said.
    if rerun && tracked.decided_attempt.map_or(0, RunAttempt::get) + 1 < run.run_attempt.get() {
        tracked.in_short = tracked.in_short.map(|_| format!("Attempt {} is running", run.run_attempt));
    }
    let again = match tracked.tries {
        tries if rerun => RERUN_GOING.doubled(tries, RERUN_GOING_MOST),
        tries @ ..LONG_TRIES => STILL_GOING.doubled(tries, STILL_GOING_MOST),
        _ => GOING_LONG,
    };
    tracked.due = Some(cx.now + again);
    tracked.tries += 1;
    tracked.reason = format!("Attempt {} is still running.", run.run_attempt);
    Step::of(tracked)
}

/// It would be re-run, but for an outage.
pub fn hold_in_outage(
    mut tracked: TrackedRun,
    held: Held,
    until: Millis,
    reason: String,
    detail: &Detail,
    cx: &Context,
) -> Step {
    let is_new = tracked.held.as_ref() != Some(&held);
    settle_trouble(&mut tracked, RunOutcome::Waiting, cx);
    tracked.evidence_since = None;
    tracked.collecting = None;
    tracked.tries = 0;
    tracked.due = Some(until);
    tracked.reason.clone_from(&reason);
    let run_attempt = Some(held.run_attempt);
    tracked.in_short = Some(format!("Attempt {}: re-run held, as many runs fail in the same way", held.run_attempt));
    tracked.held = Some(held);
    let detail = Some(Box::new(detail.clone()));
    let record = Record { run_attempt, decided: cx.now, outcome: RunOutcome::Waiting, reason, detail };
    Step { records: Vec::from_iter(is_new.then_some(record)), ..Step::of(tracked) }
}
