//! The state machine of a watched run: what was heard in, what to store and to call out. Pure: time, chance and
//! rules are passed in, and nothing here knows where the run is stored or how GitHub is called.
//!
//! A run is *due* at a time, or *ended* when nothing is due. When it is due it is always first read from GitHub:
//! [`read`] decides on what GitHub shows, and may ask for a re-run, whose answer goes to [`rerun_answered`]. Webhooks
//! go to [`hear`], at any time between these, in any order and any number.
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
use crate::hint::{Conclusion, Hint, News};
use crate::names::RunAttempt;
use crate::policy::evidence::{Evidence, History, Read};
use crate::policy::{Decision, Detail, Ending, Policy, Rerun, Rules, Scope, Verdict, decide};
use crate::time::{Millis, Span};

use super::gate::{Closing, Gate};
use super::watched::{Calling, Watched};

/// How long a claimed run is left to the one who claimed it, and how soon the alarm goes off that is set in case of a
/// crash: longer than the time-out of a call, and well below the minute that a crash may cost.
pub const LEASE: Span = Span::seconds(25);
/// How long after a call without an answer the run's state is believed.
pub const QUIET: Span = Span::seconds(45);
/// Two looks at one run that webhooks ask for are this far apart, so that 256 failing jobs do not make 256 reads.
const LOOKS_APART: Span = Span::seconds(10);
/// A run that is still going, or said to be, is looked at again after this, then twice as long, and so on.
const STILL_GOING: Span = Span::seconds(30);
const STILL_GOING_MOST: Span = Span::minutes(5);
/// A re-run's end is normally told by a webhook; this is for when it is not.
const RERUN_GOING: Span = Span::minutes(2);
const RERUN_GOING_MOST: Span = Span::minutes(30);
/// GitHub's reads are behind what a webhook, or its own answer, has said.
const BEHIND: Span = Span::seconds(15);
const BEHIND_TRIES: u32 = 12;
/// GitHub does not answer.
const LOST: Span = Span::seconds(5);
const LOST_MOST: Span = Span::minutes(15);
const LOST_FOR: Span = Span::hours(24);
/// A token was refused: until somebody replaces it.
const REFUSED: Span = Span::minutes(5);
const REFUSED_MOST: Span = Span::hours(1);
/// GitHub re-runs nothing that is older ("Re-running workflows and jobs").
const RERUNNABLE_FOR: Span = Span::days(30);

const WAITING: &str = "Waiting for the time to re-run it.";

/// What a transition goes by.
#[derive(Debug)]
pub struct Context<'a> {
    pub now: Millis,
    pub rules: &'a Rules,
    /// In `0.0..1.0`, for jitter.
    pub chance: f64,
}

/// What came of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// `None`: store nothing.
    pub watched: Option<Watched>,
    pub receipt: Receipt,
    pub records: Vec<Record>,
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
    /// To be made after `watched` is stored.
    pub call: Option<Call>,
    pub records: Vec<Record>,
    /// For the whole repository.
    pub gate: Option<Gate>,
}

/// A decision or what became of it, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub run_attempt: Option<RunAttempt>,
    pub outcome: RunOutcome,
    pub reason: String,
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
        (News::RunFailed | News::JobFailed, watched) => hear_failure(watched, hint, cx),
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
    let completes = hint.news == News::RunFailed && (first || !watched.complete);
    if first || completes {
        watched.failed_at = cx.now;
        watched.complete = hint.news == News::RunFailed;
    }
    if first {
        watched.run_attempt = Some(attempt);
        watched.updated = cx.now;
        watched.tries = 0;
        if !parked {
            watched.outcome = RunOutcome::Waiting;
            watched.reason = WAITING.to_owned();
        }
    }
    let wanted = cx.now + cx.rules.delay;
    let soonest = if first || completes { wanted } else { wanted.max(look_again(&watched)) };
    watched.due = earlier(watched.due, soonest);
    let due = watched.due;
    let receipt = match (first || completes, hint.news) {
        (true, News::RunFailed) => receipt(ReceiptKind::Scheduled, "workflow run failed", Some(attempt), due),
        (true, _) => receipt(ReceiptKind::Scheduled, "a job failed", Some(attempt), due),
        (false, News::RunFailed) => {
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
        cx.now + cx.rules.delay
    } else if watched.due.is_some() && watched.decided_attempt.is_none() {
        (cx.now + cx.rules.delay).max(look_again(&watched))
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

/// The answer to the read that every due run starts with.
pub fn read(mut watched: Watched, answer: ReadAnswer, cx: &Context) -> Step {
    watched.looked = Some(cx.now);
    let run = match answer {
        ReadAnswer::Run(run) => run,
        ReadAnswer::Problem(problem) => return stumble(watched, problem, cx),
    };
    let mut run = run;
    if bugs::has(Bug::TrustThePayload) {
        run.run_attempt = watched.run_attempt.unwrap_or(run.run_attempt);
    }
    let attempt = run.run_attempt;
    if Some(attempt) < watched.run_attempt {
        return behind(watched, attempt, cx);
    }
    let before = watched.attempts();
    watched.run_attempt = Some(attempt);
    if run.workflow.is_some() {
        watched.workflow.clone_from(&run.workflow);
    }
    let mut records = Vec::new();
    let mut again = false;
    if let Some(calling) = watched.calling {
        if attempt > calling.run_attempt {
            records.extend(credit_lost_call(&mut watched, attempt, cx));
        } else if cx.now < calling.since + QUIET {
            watched.due = Some(calling.since + QUIET);
            return Step::of(watched);
        } else {
            watched.calling = None;
            again = true;
        }
    }
    if watched.decided_attempt >= Some(attempt) {
        watched.due = None;
        watched.tries = 0;
        watched.trouble_since = None;
        if watched.attempts() != before {
            watched.publish = Some(cx.now);
        }
        return Step { records, ..Step::of(watched) };
    }
    if bugs::has(Bug::CountInKv) {
        let counted = watched.reruns.saturating_sub(watched.publish.is_some().into());
        run.run_attempt = RunAttempt::new(counted + 1).unwrap_or(attempt);
    }
    let evidence = Evidence { jobs: Read::Absent("not read".to_owned()), ..Evidence::default() };
    let mut decision = match decide(cx.rules, &Policy::default(), &run, &History::default(), &evidence) {
        Verdict::Decision(decision) => decision,
        Verdict::Need(_) => Decision::Await,
    };
    if bugs::has(Bug::NoLimitOnRetry)
        && watched.tries > 0
        && matches!(&decision, Decision::End(ending) if ending.outcome == RunOutcome::Exhausted)
    {
        decision = Decision::Rerun(Rerun {
            reason: String::new(),
            delay: cx.rules.delay,
            scope: Scope::FailedJobs,
            debug_logging: false,
            detail: Detail::default(),
        });
    }
    let mut step = match decision {
        Decision::Await => still_going(watched, &run, cx),
        Decision::Rerun(rerun) if cx.now < watched.failed_at + rerun.delay => {
            settle_trouble(&mut watched, RunOutcome::Waiting, cx);
            watched.due = Some(watched.failed_at + rerun.delay);
            Step::of(watched)
        }
        Decision::Rerun(rerun) => {
            call(watched, Calling { run_attempt: attempt, since: cx.now, again }, rerun.reason, cx)
        }
        Decision::End(ending) => end(watched, &run, ending, cx),
    };
    records.append(&mut step.records);
    Step { records, ..step }
}

/// The answer to a re-run that [`read`] asked for. `attempt` is the one that was to be re-run.
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
            let failed_since = watched.failed_at > calling.since;
            watched.calling = None;
            watched.decided_attempt = Some(attempt);
            watched.run_attempt = watched.run_attempt.max(next);
            watched.reruns += 1;
            watched.updated = cx.now;
            watched.tries = 0;
            settle_trouble(&mut watched, RunOutcome::Rerunning, cx);
            watched.due = Some(cx.now + if failed_since { STILL_GOING } else { RERUN_GOING });
            watched.publish = Some(cx.now);
            let record =
                Record { run_attempt: Some(attempt), outcome: RunOutcome::Rerunning, reason: watched.reason.clone() };
            Step { records: vec![record], ..Step::of(watched) }
        }
        RerunAnswer::AlreadyRunning => {
            // It may be running because of an earlier call: the next attempt, once seen, is that call's.
            watched.calling = Some(calling).filter(|calling| calling.again);
            settle_trouble(&mut watched, RunOutcome::Waiting, cx);
            watched.due = Some(cx.now + STILL_GOING.doubled(watched.tries, STILL_GOING_MOST));
            watched.tries += 1;
            watched.reason = "GitHub says that the run is still running.".to_owned();
            Step::of(watched)
        }
        RerunAnswer::Problem(problem) => {
            // A refusal is certain. Without an answer, to this call or an earlier one, the run itself will tell.
            if !matches!(problem, Problem::Lost { .. }) && !calling.again {
                watched.calling = None;
            }
            stumble(watched, problem, cx)
        }
    }
}

fn call(mut watched: Watched, calling: Calling, reason: String, cx: &Context) -> Step {
    watched.calling = Some(calling);
    watched.due = Some(cx.now + LEASE);
    watched.reason = reason;
    let call = Call::RerunFailedJobs { run_id: watched.run_id, run_attempt: calling.run_attempt };
    Step { call: Some(call), ..Step::of(watched) }
}

fn end(mut watched: Watched, run: &Run, ending: Ending, cx: &Context) -> Step {
    let (decided, published) = (watched.decided_attempt, watched.publish);
    let record = finish(&mut watched, run.run_attempt, ending.outcome, ending.reason, cx);
    if !ending.last_word {
        watched.decided_attempt = decided;
    }
    // A run that passed although a job was allowed to fail has no count: Workers KV is spared.
    if run.conclusion == Some(Conclusion::Success) && run.run_attempt == RunAttempt::FIRST && !watched.published {
        watched.publish = published;
    }
    Step { records: vec![record], ..Step::of(watched) }
}

fn still_going(mut watched: Watched, run: &Run, cx: &Context) -> Step {
    let rerun = run.run_attempt > RunAttempt::FIRST;
    settle_trouble(&mut watched, if rerun { RunOutcome::Rerunning } else { RunOutcome::Waiting }, cx);
    watched.failed_at = cx.now;
    watched.complete = false;
    watched.due = Some(
        cx.now
            + if rerun {
                RERUN_GOING.doubled(watched.tries, RERUN_GOING_MOST)
            } else {
                STILL_GOING.doubled(watched.tries, STILL_GOING_MOST)
            },
    );
    watched.tries += 1;
    watched.reason = format!("Attempt {} is still going.", run.run_attempt);
    Step::of(watched)
}

/// GitHub shows an older attempt than a webhook or its own answer has told of.
fn behind(mut watched: Watched, shown: RunAttempt, cx: &Context) -> Step {
    if watched.tries >= BEHIND_TRIES {
        let (known, calling) = (watched.run_attempt.unwrap_or(shown), watched.calling.take());
        let reason = format!("Left alone: attempt {known} was announced, but GitHub shows only attempt {shown}.");
        let decided = watched.decided_attempt.max(calling.map(|calling| calling.run_attempt));
        let record = finish(&mut watched, known, RunOutcome::Left, reason, cx);
        // What was announced may yet come: nothing was decided about it.
        watched.decided_attempt = decided;
        watched.run_attempt = Some(shown);
        return Step { records: vec![record], ..Step::of(watched) };
    }
    watched.due = Some(cx.now + BEHIND.doubled(watched.tries, STILL_GOING_MOST));
    watched.tries += 1;
    Step::of(watched)
}

/// A call came to nothing.
fn stumble(watched: Watched, problem: Problem, cx: &Context) -> Step {
    if !watched.is_decided() {
        return stumble_over(watched, problem, cx);
    }
    // It was only looked at once more: what was decided stands.
    let decided = watched.clone();
    let Step { watched, gate, .. } = stumble_over(watched, problem, cx);
    let Watched { due, tries, trouble_since, .. } = watched;
    Step { gate, ..Step::of(Watched { due, tries, trouble_since, ..decided }) }
}

fn stumble_over(mut watched: Watched, problem: Problem, cx: &Context) -> Step {
    match problem {
        Problem::NotFound => give_up(
            watched,
            "GitHub refused: the run or the repository is gone, or the token has no access to it.".to_owned(),
            cx,
        ),
        Problem::Refused { message } => give_up(watched, format!("GitHub refused: {message}"), cx),
        Problem::RateLimited { wait } => {
            let gate = Gate::close(Closing::RateLimit { wait }, watched.tries, cx);
            watched.due = Some(gate.until);
            watched.tries += 1;
            Step { gate: Some(gate), ..Step::of(watched) }
        }
        Problem::Credentials { message } => {
            if cx.now - watched.created > RERUNNABLE_FOR {
                return give_up(watched, format!("GitHub refused the credentials for 30 days: {message}"), cx);
            }
            let wait = REFUSED.doubled(watched.tries, REFUSED_MOST).with_jitter(cx.chance);
            watched.due = Some(cx.now + wait);
            watched.tries += 1;
            let reason =
                format!("GitHub refused the credentials: {message}. It is tried again, so that a new token mends it.");
            let first = watched.outcome != RunOutcome::Failed;
            watched.outcome = RunOutcome::Failed;
            watched.reason.clone_from(&reason);
            if first {
                watched.updated = cx.now;
                watched.publish = Some(cx.now);
            }
            let record =
                first.then_some(Record { run_attempt: watched.run_attempt, outcome: RunOutcome::Failed, reason });
            let records = Vec::from_iter(record);
            Step {
                records,
                gate: Some(Gate::close(Closing::Credentials { message, wait }, 0, cx)),
                ..Step::of(watched)
            }
        }
        Problem::Lost { what } => {
            let since = *watched.trouble_since.get_or_insert(cx.now);
            if cx.now - since > LOST_FOR {
                watched.calling = None;
                return give_up(watched, format!("GitHub did not answer for 24 hours; at last: {what}"), cx);
            }
            let wait = LOST.doubled(watched.tries, LOST_MOST).with_jitter(cx.chance);
            watched.due = Some(cx.now + if watched.calling.is_some() { wait.max(QUIET) } else { wait });
            watched.tries += 1;
            watched.reason = format!("GitHub did not answer: {what}. It is tried again.");
            Step { gate: Some(Gate::close(Closing::NoAnswer, 0, cx)), ..Step::of(watched) }
        }
    }
}

fn give_up(mut watched: Watched, reason: String, cx: &Context) -> Step {
    let attempt = watched.run_attempt.unwrap_or(RunAttempt::FIRST);
    let record = finish(&mut watched, attempt, RunOutcome::Failed, reason, cx);
    Step { records: vec![record], ..Step::of(watched) }
}

/// Nothing is due any more.
fn finish(watched: &mut Watched, attempt: RunAttempt, outcome: RunOutcome, reason: String, cx: &Context) -> Record {
    watched.run_attempt = watched.run_attempt.max(Some(attempt));
    watched.decided_attempt = watched.decided_attempt.max(Some(attempt));
    watched.calling = None;
    watched.due = None;
    watched.tries = 0;
    watched.trouble_since = None;
    watched.outcome = outcome;
    watched.reason.clone_from(&reason);
    watched.updated = cx.now;
    watched.publish = Some(cx.now);
    Record { run_attempt: Some(attempt), outcome, reason }
}

/// An attempt after the one that a call was about exists: the call worked, whatever became of its answer.
fn credit_lost_call(watched: &mut Watched, attempt: RunAttempt, cx: &Context) -> Option<Record> {
    let calling = watched.calling.take_if(|calling| calling.run_attempt < attempt)?;
    watched.reruns += 1;
    watched.updated = cx.now;
    watched.publish = Some(cx.now);
    watched.decided_attempt = watched.decided_attempt.max(Some(calling.run_attempt));
    watched.tries = 0;
    watched.outcome = RunOutcome::Rerunning;
    watched.reason =
        format!("Attempt {} was re-run: the answer was lost, but attempt {attempt} is there.", calling.run_attempt);
    Some(Record {
        run_attempt: Some(calling.run_attempt),
        outcome: RunOutcome::Rerunning,
        reason: watched.reason.clone(),
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

impl Step {
    fn of(watched: Watched) -> Self {
        Self { watched, call: None, records: vec![], gate: None }
    }
}
