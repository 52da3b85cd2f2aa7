//! The state machine of a watched run: what was heard in, what to store and to call out. Pure: time, chance and
//! rules are passed in, and nothing here knows where the run is stored or how GitHub is called.
//!
//! A run is *due* at a time, or *ended* when nothing is due. When it is due it is always first read from GitHub:
//! [`look`] says whether what GitHub shows is to be decided on. The decision is the policy's; [`act`] carries it out,
//! and may ask for a re-run, whose answer goes to [`rerun_answered`]. Webhooks go to [`hear`](super::hear), at any
//! time between these, in any order and any number.
//!
//! No re-run is asked for twice for one attempt, because:
//!
//! - the intention ([`Calling`]) is stored before the call, and the run is read again before another call;
//! - after a call whose answer is not known, the read that says "it did nothing" is made no sooner than [`QUIET`]
//!   later, as GitHub's reads can be some seconds old;
//! - GitHub itself refuses to re-run a run that is running.

use serde::{Deserialize, Serialize};

use crate::attempts::RunOutcome;
use crate::bugs::{self, Bug};
use crate::github::{Call, Problem, ReadAnswer, RerunAnswer, Run};
use crate::hint::Conclusion;
use crate::names::RunAttempt;
use crate::policy::{Decision, Detail, Ending, Rerun, Rules, Scope};
use crate::time::{Millis, Span};

use super::gate::Gate;
use super::second_look;
use super::stumble::{GONE, behind, stumble, unseen};
use super::watched::{Calling, Watched};

/// How long a claimed run is left to the one who claimed it, and how soon the alarm goes off that is set in case of a
/// crash: longer than the time-out of a call, and well below the minute that a crash may cost.
pub const LEASE: Span = Span::seconds(25);
/// How long after a call without an answer the run's state is believed.
pub const QUIET: Span = Span::seconds(45);
/// A run that is still going, or said to be, is looked at again after this, then twice as long, and so on.
pub const STILL_GOING: Span = Span::seconds(30);
pub const STILL_GOING_MOST: Span = Span::minutes(5);
/// After two hours of that: one that waits for an approval, or for a runner that nobody has, can wait for weeks.
const LONG_TRIES: u32 = 27;
const GOING_LONG: Span = Span::minutes(30);
/// A re-run's end is normally told by a webhook; this is for when it is not.
const RERUN_GOING: Span = Span::minutes(2);
const RERUN_GOING_MOST: Span = Span::minutes(30);
pub const WAITING: &str = "Waiting for the time to re-run it.";

/// What a transition goes by.
#[derive(Debug)]
pub struct Context<'a> {
    pub now: Millis,
    pub rules: &'a Rules,
    /// How long after a failure it is looked at: the shortest delay that there can be.
    pub first_look: Span,
    /// In `0.0..1.0`, for jitter.
    pub chance: f64,
}

/// What the webhook's sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub watched: Watched,
    /// A re-run, to be asked for after `watched` is stored.
    pub call: Option<Call>,
    pub spends: Option<Spends>,
    pub records: Vec<Record>,
    /// For the whole repository.
    pub gate: Option<Gate>,
}

/// What a re-run takes from the repository's budget. Reserved before the call, so that no answer that is lost, and no
/// crash, makes two re-runs of one reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spends {
    Reserve {
        run_attempt: RunAttempt,
        runner_seconds: u64,
    },
    /// It certainly came to nothing.
    Release {
        run_attempt: RunAttempt,
    },
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

/// What came of reading a run.
#[derive(Debug)]
pub enum Looked {
    /// There is nothing to decide on now.
    Settled(Box<Step>),
    /// The run's newest attempt is to be decided on.
    Undecided(Box<Undecided>),
}

#[derive(Debug)]
pub struct Undecided {
    pub watched: Watched,
    pub run: Run,
    /// Of what the reading alone has shown.
    pub records: Vec<Record>,
}

/// The answer to the read that every due run starts with.
pub fn look(mut watched: Watched, answer: ReadAnswer, cx: &Context) -> Looked {
    watched.looked = Some(cx.now);
    let mut run = match answer {
        ReadAnswer::Run(run) => *run,
        ReadAnswer::Problem(Problem::NotFound) => return Looked::Settled(Box::new(unseen(watched, cx))),
        ReadAnswer::Problem(problem) => return Looked::Settled(Box::new(stumble(watched, problem, cx))),
    };
    if bugs::has(Bug::TrustThePayload) {
        run.run_attempt = watched.run_attempt.unwrap_or(run.run_attempt);
    }
    let attempt = run.run_attempt;
    if Some(attempt) < watched.run_attempt {
        return Looked::Settled(Box::new(behind(watched, attempt, cx)));
    }
    let before = watched.attempts();
    watched.run_attempt = Some(attempt);
    watched.describe(&run);
    let mut records = Vec::new();
    if let Some(calling) = watched.calling {
        if attempt > calling.run_attempt {
            records.extend(credit_lost_call(&mut watched, attempt, cx));
        } else if cx.now < calling.since + QUIET && !bugs::has(Bug::NoQuiet) {
            watched.due = Some(calling.since + QUIET);
            return Looked::Settled(Box::new(Step::of(watched)));
        }
    } else {
        // What was not answered is over, unless it is the re-run itself.
        watched.trouble_since = None;
    }
    if watched.decided_attempt >= Some(attempt) {
        watched.due = None;
        watched.tries = 0;
        watched.trouble_since = None;
        if watched.attempts() != before {
            watched.publish = Some(cx.now);
        }
        return Looked::Settled(Box::new(Step { records, ..Step::of(watched) }));
    }
    if let Some(step) = second_look::park(&watched, &run, cx) {
        return Looked::Settled(Box::new(Step { records: [records, step.records].concat(), ..step }));
    }
    Looked::Undecided(Box::new(Undecided { watched, run, records }))
}

/// Whether what was read of this attempt is still worth a decision: webhooks come while evidence is gathered.
pub fn is_undecided(watched: &Watched, attempt: RunAttempt) -> bool {
    watched.run_attempt == Some(attempt) && watched.decided_attempt < Some(attempt)
}

/// Carries out what was decided on the newest attempt, which [`look`] has found undecided.
pub fn act(mut watched: Watched, run: &Run, mut decision: Decision, cx: &Context) -> Step {
    let attempt = run.run_attempt;
    watched.evidence_since = None;
    watched.gathering = None;
    if bugs::has(Bug::NoLimitOnRetry)
        && watched.tries > 0
        && let Decision::End(Ending { outcome: RunOutcome::Exhausted, .. }) = decision
    {
        decision = Decision::Rerun(Rerun {
            reason: String::new(),
            delay: Span::ZERO,
            scope: Scope::FailedJobs,
            debug_logging: false,
            detail: Detail::default(),
        });
    }
    match decision {
        Decision::Await => still_going(watched, run, cx),
        Decision::Rerun(rerun) if cx.now < watched.failed_at + rerun.delay => wait(watched, rerun.delay, cx),
        Decision::Rerun(rerun) => call(watched, attempt, rerun, cx),
        Decision::End(ending) => end(watched, run, ending, cx),
    }
}

/// It is to be re-run so long after its end, if nothing changes until then.
pub fn wait(mut watched: Watched, delay: Span, cx: &Context) -> Step {
    settle_trouble(&mut watched, RunOutcome::Waiting, cx);
    watched.evidence_since = None;
    watched.gathering = None;
    watched.due = Some(watched.failed_at + delay);
    watched.reason = WAITING.to_owned();
    Step::of(watched)
}

/// The answer to a re-run that [`act`] asked for. `attempt` is the one that was to be re-run.
pub fn rerun_answered(mut watched: Watched, attempt: RunAttempt, answer: RerunAnswer, cx: &Context) -> Step {
    if bugs::has(Bug::RerunBeforeStoring) && watched.calling.is_none() {
        watched.calling = Some(Calling { run_attempt: attempt, since: cx.now, again: false });
    }
    // A webhook or a read may have told the outcome meanwhile.
    let Some(calling) = watched.calling.filter(|calling| calling.run_attempt == attempt) else {
        return Step::of(watched);
    };
    match answer {
        RerunAnswer::Accepted => {
            let next = RunAttempt::new(attempt.get() + 1);
            let late = Spends::Reserve { run_attempt: attempt, runner_seconds: 0 };
            let spends = Some(late).filter(|_| bugs::has(Bug::SpendAfterTheAnswer));
            let failed_since = watched.failed_at > calling.since;
            watched.calling = None;
            watched.refusal = None;
            watched.decided_attempt = Some(attempt);
            watched.run_attempt = watched.run_attempt.max(next);
            watched.reruns += 1;
            watched.updated = cx.now;
            watched.tries = 0;
            settle_trouble(&mut watched, RunOutcome::Rerunning, cx);
            watched.due = Some(cx.now + if failed_since { STILL_GOING } else { RERUN_GOING });
            watched.publish = Some(cx.now);
            let record = Record {
                run_attempt: Some(attempt),
                decided: cx.now,
                outcome: RunOutcome::Rerunning,
                reason: watched.reason.clone(),
                detail: watched.detail.take(),
            };
            Step { records: vec![record], spends, ..Step::of(watched) }
        }
        RerunAnswer::AlreadyRunning => {
            // It may be running because of an earlier call: the next attempt, once seen, is that call's.
            watched.calling = Some(calling).filter(|calling| calling.again);
            settle_trouble(&mut watched, RunOutcome::Waiting, cx);
            watched.due = Some(cx.now + STILL_GOING.doubled(watched.tries, STILL_GOING_MOST));
            watched.tries += 1;
            watched.reason = "GitHub says that the run is still running.".to_owned();
            let spends = watched.calling.is_none().then_some(Spends::Release { run_attempt: attempt });
            Step { spends, ..Step::of(watched) }
        }
        RerunAnswer::Problem(problem) => {
            // A refusal is certain. Without an answer, to this call or an earlier one, the run itself will tell.
            if !matches!(problem, Problem::Lost { .. }) && !calling.again {
                watched.calling = None;
            }
            let spends = watched.calling.is_none().then_some(Spends::Release { run_attempt: attempt });
            let step = match problem {
                // The run was there a moment ago.
                Problem::NotFound => second_look::doubt(watched, attempt, GONE, cx),
                Problem::Unclear { message } => second_look::doubt(watched, attempt, &message, cx),
                problem => stumble(watched, problem, cx),
            };
            Step { spends, ..step }
        }
    }
}

fn call(mut watched: Watched, attempt: RunAttempt, rerun: Rerun, cx: &Context) -> Step {
    let again = watched.calling.is_some();
    let Rerun { reason, scope, debug_logging, detail, .. } = rerun;
    let runner_seconds = if bugs::has(Bug::MinutesForFree) { 0 } else { detail.runner_seconds };
    let reserve = Spends::Reserve { run_attempt: attempt, runner_seconds };
    let spends = Some(reserve).filter(|_| !bugs::has(Bug::SpendAfterTheAnswer));
    watched.calling = Some(Calling { run_attempt: attempt, since: cx.now, again });
    watched.due = Some(cx.now + LEASE);
    watched.reason = reason;
    watched.detail = Some(Box::new(detail));
    let call = Call::Rerun { run_id: watched.run_id, run_attempt: attempt, scope, debug_logging };
    Step { call: Some(call), spends, ..Step::of(watched) }
}

fn end(mut watched: Watched, run: &Run, ending: Ending, cx: &Context) -> Step {
    let (decided, published) = (watched.decided_attempt, watched.publish);
    // An earlier call for this attempt did nothing, as it has not advanced.
    let spends = watched.calling.map(|calling| Spends::Release { run_attempt: calling.run_attempt });
    let mut record = finish(&mut watched, run.run_attempt, ending.outcome, ending.reason, cx);
    record.detail = Some(Box::new(ending.detail)).filter(|detail| **detail != Detail::default());
    if !ending.last_word {
        watched.decided_attempt = decided;
    }
    // A run that passed although a job was allowed to fail has no count: Workers KV is spared.
    if run.conclusion == Some(Conclusion::Success) && run.run_attempt == RunAttempt::FIRST && !watched.published {
        watched.publish = published;
    }
    Step { records: vec![record], spends, ..Step::of(watched) }
}

/// A call whose answer is not known stays one: it was made when the attempt had ended, so that this is GitHub being behind.
fn still_going(mut watched: Watched, run: &Run, cx: &Context) -> Step {
    let rerun = run.run_attempt > RunAttempt::FIRST;
    settle_trouble(&mut watched, if rerun { RunOutcome::Rerunning } else { RunOutcome::Waiting }, cx);
    watched.failed_at = cx.now;
    watched.complete = false;
    watched.due = Some(
        cx.now + if rerun { RERUN_GOING.doubled(watched.tries, RERUN_GOING_MOST) } else { going_for(watched.tries) },
    );
    watched.tries += 1;
    watched.reason = format!("Attempt {} is still going.", run.run_attempt);
    Step::of(watched)
}

/// The repository is served no longer.
pub fn retire(watched: Watched, cx: &Context) -> Step {
    leave(watched, "Left alone: the repository is not in REPOSITORIES any more.", cx)
}

/// It is not looked at any more, and why.
pub fn leave(mut watched: Watched, reason: &str, cx: &Context) -> Step {
    let attempt = watched.run_attempt.unwrap_or(RunAttempt::FIRST);
    let spends = watched.calling.map(|calling| Spends::Release { run_attempt: calling.run_attempt });
    let record = finish(&mut watched, attempt, RunOutcome::Left, reason.to_owned(), cx);
    Step { records: vec![record], spends, ..Step::of(watched) }
}

/// How long until a run is looked at again that is going, after so many looks.
fn going_for(tries: u32) -> Span {
    if tries < LONG_TRIES { STILL_GOING.doubled(tries, STILL_GOING_MOST) } else { GOING_LONG }
}

/// Nothing is due any more.
pub fn finish(watched: &mut Watched, attempt: RunAttempt, outcome: RunOutcome, reason: String, cx: &Context) -> Record {
    watched.run_attempt = watched.run_attempt.max(Some(attempt));
    watched.decided_attempt = watched.decided_attempt.max(Some(attempt));
    watched.calling = None;
    watched.detail = None;
    watched.evidence_since = None;
    watched.gathering = None;
    watched.due = None;
    watched.tries = 0;
    watched.trouble_since = None;
    watched.outcome = outcome;
    watched.reason.clone_from(&reason);
    watched.updated = cx.now;
    watched.publish = Some(cx.now);
    Record { run_attempt: Some(attempt), decided: cx.now, outcome, reason, detail: None }
}

/// An attempt after the one that a call was about exists: the call worked, whatever became of its answer.
pub fn credit_lost_call(watched: &mut Watched, attempt: RunAttempt, cx: &Context) -> Option<Record> {
    let calling = watched.calling.take_if(|calling| calling.run_attempt < attempt)?;
    watched.reruns += 1;
    watched.updated = cx.now;
    watched.publish = Some(cx.now);
    watched.decided_attempt = watched.decided_attempt.max(Some(calling.run_attempt));
    watched.tries = 0;
    watched.trouble_since = None;
    watched.outcome = RunOutcome::Rerunning;
    watched.reason =
        format!("Attempt {} was re-run: the answer was lost, but attempt {attempt} is there.", calling.run_attempt);
    Some(Record {
        run_attempt: Some(calling.run_attempt),
        decided: cx.now,
        outcome: RunOutcome::Rerunning,
        reason: watched.reason.clone(),
        detail: watched.detail.take(),
    })
}

/// GitHub answers and takes the credentials.
fn settle_trouble(watched: &mut Watched, outcome: RunOutcome, cx: &Context) {
    watched.trouble_since = None;
    if watched.outcome != outcome {
        watched.outcome = outcome;
        watched.updated = cx.now;
    }
}

impl Step {
    pub fn of(watched: Watched) -> Self {
        Self { watched, call: None, spends: None, records: vec![], gate: None }
    }
}
