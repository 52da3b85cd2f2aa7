//! GitHub refuses something in words that do not say whom it means: the run, the account, or the repository. What is looked
//! at then, before it is believed. Pure.
//!
//! - A re-run that was refused in words that are not known, or by a 404 though the run was there a moment ago: the run is
//!   read at once. If that is refused too, that says whom it is about. If not, the run waits, on view, and is asked for
//!   once more: what was lagging, or was the account's and has been mended, is over then. A second refusal is believed.
//! - If another run was refused in the same words, and none was accepted since, it is not about the run: the account
//!   waits as one whose credentials are refused.
//! - A run that GitHub does not show: it is asked for the repository. If that is there, the run is gone; if not, nothing can
//!   be done in the repository, and all its runs wait.

use crate::github::{self, Call};
use crate::names::RunAttempt;
use crate::policy::run::Run;
use crate::time::Span;

use super::circuit_breaker::NO_REPOSITORY;
use super::context::Context;
use super::on_failure::{GONE, give_up, hold, on_failure};
use super::step::{LEASE, Step};
use super::tracked_run::{Refusal, TrackedRun};

/// When a re-run that was refused is asked for once more.
const ONCE_MORE: Span = Span::minutes(10);

/// GitHub has refused to re-run this attempt, and it is not clear why.
pub fn doubt(mut tracked: TrackedRun, run_attempt: RunAttempt, message: &str, cx: &Context) -> Step {
    let before = tracked.refusal.take().filter(|before| before.run_attempt == run_attempt);
    if let Some(before) = before.filter(|before| before.since + ONCE_MORE <= cx.now) {
        tracked.refusal = Some(Refusal { message: message.to_owned(), ..before });
        return give_up(tracked, format!("GitHub refused: {}", sentence(message)), cx);
    }
    tracked.refusal = Some(Refusal { run_attempt, message: message.to_owned(), since: cx.now });
    tracked.due = Some(cx.now + LEASE);
    let call = Some(Call::ReadRun { run_id: tracked.run_id });
    Step { call, ..Step::of(tracked) }
}

/// The run was read, and is to be decided on. `Some`: GitHub has refused to re-run it, and it is too early to ask again.
pub fn park(tracked: &TrackedRun, run: &Run, cx: &Context) -> Option<Step> {
    let refusal = tracked.refusal.as_ref().filter(|refusal| refusal.run_attempt == run.run_attempt)?;
    run.conclusion?;
    let until = refusal.since + ONCE_MORE;
    if until <= cx.now {
        return None;
    }
    let reason = format!(
        "GitHub refused: {} Rerunner will try once more, as this may be about the account, not the run.",
        sentence(&refusal.message)
    );
    Some(hold(tracked.clone(), reason, until, cx))
}

/// GitHub was asked whether it shows the repository of a run that it does not show. `seen`: it has shown runs of it.
pub fn on_repository(tracked: TrackedRun, answer: Result<(), github::Error>, seen: bool, cx: &Context) -> Step {
    match answer {
        Ok(()) => give_up(tracked, format!("GitHub refused: {GONE}"), cx),
        // If it never could be read, there is nothing to wait for.
        Err(github::Error::NotFound) if seen => {
            on_failure(tracked, github::Error::Repository { message: NO_REPOSITORY.to_owned() }, cx)
        }
        Err(error) => on_failure(tracked, error, cx),
    }
}

fn sentence(message: &str) -> String {
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{message}{end}")
}
