//! A call came to nothing, or GitHub is behind: what a run does then. Pure.

use crate::attempts::RunOutcome;
use crate::bugs::{self, Bug};
use crate::github::{Call, Problem};
use crate::names::RunAttempt;
use crate::time::Span;

use super::gate::{Closing, Gate};
use super::machine::{Context, LEASE, QUIET, Record, STILL_GOING, STILL_GOING_MOST, Step, finish};
use super::watched::Watched;

/// GitHub's reads are behind what a webhook, or its own answer, has said.
const BEHIND: Span = Span::seconds(15);
const BEHIND_TRIES: u32 = 12;
/// How often a run is looked for that GitHub does not show.
const UNSEEN_TRIES: u32 = 3;
/// GitHub does not answer.
const LOST: Span = Span::seconds(5);
const LOST_MOST: Span = Span::minutes(15);
const LOST_FOR: Span = Span::hours(24);
/// Evidence that GitHub does not give for so long is done without.
const EVIDENCE_LOST_FOR: Span = Span::minutes(1);
/// A token was refused: until somebody replaces it.
const REFUSED: Span = Span::minutes(5);
const REFUSED_MOST: Span = Span::hours(1);
/// A repository that GitHub no longer shows, or where the App is not installed any more, may be mended for so long.
pub const GONE_FOR: Span = Span::days(7);
/// GitHub re-runs nothing that is older ("Re-running workflows and jobs").
const RERUNNABLE_FOR: Span = Span::days(30);

/// What a 404 says.
pub const GONE: &str = "the run or the repository is gone, or there is no access to it.";

/// GitHub does not show a run that a webhook has told of: its reads are behind now and then, and so are permissions. If
/// that lasts, it is asked whether it shows the repository.
pub fn unseen(mut watched: Watched, cx: &Context) -> Step {
    if watched.tries >= UNSEEN_TRIES {
        if watched.is_decided() {
            return stumble(watched, Problem::NotFound, cx);
        }
        watched.due = Some(cx.now + LEASE);
        let call = Some(Call::ReadRepository { run_id: watched.run_id });
        return Step { call, ..Step::of(watched) };
    }
    watched.due = Some(cx.now + STILL_GOING.doubled(watched.tries, STILL_GOING_MOST));
    watched.tries += 1;
    Step::of(watched)
}

/// A call came to nothing.
pub fn stumble(watched: Watched, problem: Problem, cx: &Context) -> Step {
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
        Problem::NotFound => give_up(watched, format!("GitHub refused: {GONE}"), cx),
        Problem::Refused { message } | Problem::Unclear { message } => {
            give_up(watched, format!("GitHub refused: {message}"), cx)
        }
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
            let reason =
                format!("GitHub refused the credentials: {message}. It is tried again, so that a new token mends it.");
            let gate = Some(Gate::close(Closing::Credentials { message, wait }, 0, cx));
            Step { gate, ..hold(watched, reason, wait, cx) }
        }
        Problem::Repository { message } => {
            let wait = REFUSED.doubled(watched.tries, REFUSED_MOST).with_jitter(cx.chance);
            let reason = format!(
                "Nothing can be done in the repository: {message}. It is tried again for {} days.",
                GONE_FOR.as_millis() / Span::days(1).as_millis()
            );
            let gate = Some(Gate::close(Closing::Repository { message, wait }, 0, cx));
            Step { gate, ..hold(watched, reason, wait, cx) }
        }
        Problem::Lost { what } => {
            let since = *watched.trouble_since.get_or_insert(cx.now);
            if cx.now - since > LOST_FOR {
                watched.calling = None;
                return give_up(watched, format!("GitHub did not answer for 24 hours; at last: {what}"), cx);
            }
            let wait = LOST.doubled(watched.tries, LOST_MOST).with_jitter(cx.chance);
            let quiet = watched.calling.is_some() && !bugs::has(Bug::NoQuiet);
            watched.due = Some(cx.now + if quiet { wait.max(QUIET) } else { wait });
            watched.tries += 1;
            watched.reason = format!("GitHub did not answer: {what}. It is tried again.");
            Step { gate: Some(Gate::close(Closing::NoAnswer, 0, cx)), ..Step::of(watched) }
        }
    }
}

/// It failed, for now: it stays due, on view, until somebody has mended what is wrong.
pub fn hold(mut watched: Watched, reason: String, wait: Span, cx: &Context) -> Step {
    watched.due = Some(cx.now + wait);
    watched.tries += 1;
    let first = watched.outcome != RunOutcome::Failed;
    watched.outcome = RunOutcome::Failed;
    watched.reason.clone_from(&reason);
    if first {
        watched.updated = cx.now;
        watched.publish = Some(cx.now);
    }
    let run_attempt = watched.run_attempt;
    let record = Record { run_attempt, decided: cx.now, outcome: RunOutcome::Failed, reason, detail: None };
    Step { records: Vec::from_iter(first.then_some(record)), ..Step::of(watched) }
}

pub fn give_up(mut watched: Watched, reason: String, cx: &Context) -> Step {
    let attempt = watched.run_attempt.unwrap_or(RunAttempt::FIRST);
    let record = finish(&mut watched, attempt, RunOutcome::Failed, reason, cx);
    Step { records: vec![record], ..Step::of(watched) }
}

/// Evidence for a decision could not be read. `None`: GitHub has not given it for so long that the decision is to do
/// without.
pub fn stumble_over_evidence(watched: &Watched, problem: Problem, cx: &Context) -> Option<Step> {
    if !matches!(problem, Problem::Lost { .. }) {
        return Some(stumble(watched.clone(), problem, cx));
    }
    let since = watched.evidence_since.unwrap_or(cx.now);
    let lasts = cx.now - since;
    if lasts > EVIDENCE_LOST_FOR {
        return None;
    }
    let mut step = stumble(Watched { evidence_since: Some(since), ..watched.clone() }, problem, cx);
    step.watched.gathering = None;
    // However often the run itself could not be read before that.
    step.watched.due = Some(cx.now + lasts.max(LOST).with_jitter(cx.chance));
    Some(step)
}

/// GitHub does not have yet what a decision would go by. `None`: since longer than it is waited for.
///
/// No trouble of the repository's: others are not held up.
pub fn evidence_is_missing(watched: &Watched, lasts: Span, cx: &Context) -> Option<Step> {
    let since = watched.evidence_since.unwrap_or(cx.now);
    let waited = cx.now - since;
    if waited > lasts {
        return None;
    }
    let mut watched = Watched { evidence_since: Some(since), ..watched.clone() };
    watched.due = Some(cx.now + waited.max(LOST).with_jitter(cx.chance));
    watched.reason = "GitHub does not have yet what the decision goes by. It is asked again.".to_owned();
    Some(Step::of(watched))
}

/// GitHub shows an older attempt than a webhook or its own answer has told of.
pub fn behind(mut watched: Watched, shown: RunAttempt, cx: &Context) -> Step {
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
