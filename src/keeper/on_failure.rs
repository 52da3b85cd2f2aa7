//! A call came to nothing, or GitHub is behind: what a run does then. Pure.

use crate::github::{self, Call};
use crate::names::RunAttempt;
use crate::policy::RunOutcome;
use crate::time::{Millis, Span};

use super::circuit_breaker::{CircuitBreaker, TripReason};
use super::context::Context;
use super::retention::GITHUB_RERUNS;
use super::step::{LEASE, QUIET, Record, STILL_GOING, STILL_GOING_MOST, Step, finish};
use super::tracked_run::TrackedRun;

/// GitHub's reads are behind what a webhook, or its own answer, has said.
const BEHIND: Span = Span::seconds(15);
const BEHIND_TRIES: u32 = 12;
/// How often a run is looked for that GitHub does not show.
const UNSEEN_TRIES: u32 = 3;
/// GitHub gives no usable answer.
const LOST: Span = Span::seconds(5);
const LOST_MOST: Span = Span::minutes(15);
const LOST_FOR: Span = Span::hours(24);
/// And at least this many tries: while the circuit breaker is open, there are none.
const LOST_TRIES: u32 = 20;
/// Evidence that GitHub has not given for this long is done without.
const EVIDENCE_LOST_FOR: Span = Span::minutes(1);
/// A repository that GitHub no longer shows, or where the App is not installed any more, may be mended for so long.
pub const GONE_DAYS: i64 = 7;

const UNSEEN: &str = "GitHub does not show this run yet, or Rerunner has no access to it.";
/// What a 404 says.
pub const GONE: &str = "the run or the repository is gone, or Rerunner has no access to it.";

/// GitHub does not show a run that a webhook has reported: its reads are behind now and then, and so are permissions. If
/// that lasts, it is asked whether it shows the repository.
pub fn unseen(mut tracked: TrackedRun, cx: &Context) -> Step {
    if tracked.tries >= UNSEEN_TRIES {
        if tracked.is_decided() {
            return on_failure(tracked, github::Error::NotFound, cx);
        }
        tracked.due = Some(cx.now + LEASE);
        let call = Some(Call::ReadRepository { run_id: tracked.run_id });
        return Step { call, ..Step::of(tracked) };
    }
    if !tracked.is_decided() {
        tracked.reason = UNSEEN.to_owned();
    }
    tracked.due = Some(cx.now + STILL_GOING.doubled(tracked.tries, STILL_GOING_MOST));
    tracked.tries += 1;
    Step::of(tracked)
}

pub fn on_failure(tracked: TrackedRun, error: github::Error, cx: &Context) -> Step {
    if !tracked.is_decided() {
        return on_call_failure(tracked, error, cx);
    }
    // It was only looked at once more: what was decided stands.
    let decided = tracked.clone();
    let Step { tracked, breaker, .. } = on_call_failure(tracked, error, cx);
    let TrackedRun { due, tries, trouble_since, .. } = tracked;
    Step { breaker, ..Step::of(TrackedRun { due, tries, trouble_since, ..decided }) }
}

fn on_call_failure(mut tracked: TrackedRun, error: github::Error, cx: &Context) -> Step {
    if !matches!(error, github::Error::Inconclusive { .. }) {
        tracked.trouble_since = None;
    }
    // Some of GitHub's messages end as sentences do.
    let sentence = |text: &str| text.trim_end_matches('.').to_owned();
    match error {
        github::Error::NotFound => give_up(tracked, format!("GitHub refused: {GONE}"), cx),
        github::Error::Refused { message } | github::Error::UnclearRefusal { message } => {
            give_up(tracked, format!("GitHub refused: {message}"), cx)
        }
        error @ github::Error::TooLarge { .. } => give_up(tracked, error.to_string(), cx),
        github::Error::RateLimited { wait } | github::Error::ContentLimited { wait } => {
            let breaker = CircuitBreaker::trip(TripReason::RateLimit, wait, tracked.tries, cx);
            tracked.due = Some(breaker.until);
            tracked.tries += 1;
            Step { breaker: Some(breaker), ..Step::of(tracked) }
        }
        github::Error::Credentials { message } => {
            if cx.now - tracked.created > GITHUB_RERUNS {
                return give_up(tracked, format!("GitHub refused the credentials for 30 days: {message}"), cx);
            }
            let reason = format!(
                "GitHub refused the credentials: {}. Rerunner keeps trying until they are accepted.",
                sentence(&message)
            );
            hold_all(tracked, reason, TripReason::Credentials { message }, cx)
        }
        github::Error::Repository { message } => {
            let reason = format!(
                "Rerunner cannot work in the repository: {}. It keeps trying for {GONE_DAYS} days.",
                sentence(&message)
            );
            hold_all(tracked, reason, TripReason::Repository { message }, cx)
        }
        github::Error::Inconclusive { what } => {
            let since = *tracked.trouble_since.get_or_insert_with(|| {
                tracked.tries = 0;
                cx.now
            });
            let is_lost = cx.now - since > LOST_FOR && tracked.tries >= LOST_TRIES;
            if is_lost || cx.now - since > GITHUB_RERUNS {
                return give_up(
                    tracked,
                    format!("GitHub gave no usable answer for 24 hours; the last one: {what}"),
                    cx,
                );
            }
            let wait = LOST.doubled(tracked.tries, LOST_MOST).with_jitter(cx.chance);
            let quiet = tracked.pending.is_some();
            tracked.due = Some(cx.now + if quiet { wait.max(QUIET) } else { wait });
            tracked.tries += 1;
            tracked.reason = format!("{}. Rerunner tries again.", sentence(&what));
            let breaker = CircuitBreaker::trip(TripReason::NoAnswer, None, 0, cx);
            Step { breaker: Some(breaker), ..Step::of(tracked) }
        }
    }
}

/// Not this run alone.
fn hold_all(tracked: TrackedRun, reason: String, why: TripReason, cx: &Context) -> Step {
    let breaker = CircuitBreaker::trip(why, None, tracked.tries, cx);
    Step { breaker: Some(breaker.clone()), ..hold(tracked, reason, breaker.until, cx) }
}

/// It failed, for now: it stays due, on view, until somebody has mended what is wrong.
pub fn hold(mut tracked: TrackedRun, reason: String, until: Millis, cx: &Context) -> Step {
    tracked.due = Some(until);
    tracked.tries += 1;
    let first = tracked.outcome != RunOutcome::Failed;
    tracked.outcome = RunOutcome::Failed;
    tracked.reason.clone_from(&reason);
    if first {
        tracked.updated = cx.now;
        tracked.publish = Some(cx.now);
    }
    let run_attempt = tracked.run_attempt;
    let record = Record { run_attempt, decided: cx.now, outcome: RunOutcome::Failed, reason, detail: None };
    Step { records: Vec::from_iter(first.then_some(record)), ..Step::of(tracked) }
}

pub fn give_up(mut tracked: TrackedRun, reason: String, cx: &Context) -> Step {
    let attempt = tracked.run_attempt.unwrap_or(RunAttempt::FIRST);
    let record = finish(&mut tracked, attempt, RunOutcome::Failed, reason, cx);
    Step { records: vec![record], ..Step::of(tracked) }
}

/// Evidence for a decision could not be read. `None`: GitHub has not given it for so long that the decision is to do
/// without.
pub fn on_evidence_failure(tracked: &TrackedRun, error: github::Error, cx: &Context) -> Option<Step> {
    if !matches!(error, github::Error::Inconclusive { .. }) {
        return Some(on_failure(tracked.clone(), error, cx));
    }
    let TrackedRun { evidence_since, due, .. } = evidence_is_missing(tracked, EVIDENCE_LOST_FOR, cx)?.tracked;
    let step = on_failure(TrackedRun { evidence_since, ..tracked.clone() }, error, cx);
    // Due then, however often the run itself could not be read before that; unless it is given up.
    let due = step.tracked.due.and(due);
    Some(Step { tracked: TrackedRun { due, collecting: None, ..step.tracked }, ..step })
}

/// GitHub does not have yet what a decision would go by. `None`: since longer than it is waited for.
///
/// No trouble of the repository's: others are not held up.
pub fn evidence_is_missing(tracked: &TrackedRun, lasts: Span, cx: &Context) -> Option<Step> {
    let since = tracked.evidence_since.unwrap_or(cx.now);
    let waited = cx.now - since;
    if waited > lasts {
        return None;
    }
    let mut tracked = TrackedRun { evidence_since: Some(since), collecting: None, ..tracked.clone() };
    tracked.due = Some(cx.now + waited.max(LOST).with_jitter(cx.chance));
    tracked.reason = "GitHub does not have all the evidence yet. Rerunner asks again.".to_owned();
    Some(Step::of(tracked))
}

/// GitHub shows an older attempt than a webhook or its own answer has reported.
pub fn behind(mut tracked: TrackedRun, shown: RunAttempt, cx: &Context) -> Step {
    if tracked.tries >= BEHIND_TRIES {
        let known = tracked.run_attempt.unwrap_or(shown);
        let reason = format!("Left alone: GitHub announced attempt {known}, but shows only attempt {shown}.");
        let decided = tracked.decided_attempt.max(tracked.pending.map(|pending| pending.run_attempt));
        let record = finish(&mut tracked, known, RunOutcome::Left, reason, cx);
        // What was announced may yet come: nothing was decided about it.
        tracked.decided_attempt = decided;
        tracked.run_attempt = Some(shown);
        return Step { records: vec![record], ..Step::of(tracked) };
    }
    tracked.due = Some(cx.now + BEHIND.doubled(tracked.tries, STILL_GOING_MOST));
    tracked.tries += 1;
    Step::of(tracked)
}
