//! GitHub refuses something in words that do not say whom it means: the run, the account, or the repository. What is looked
//! at then, before it is believed. Pure, but for what is asked of the store.
//!
//! - A re-run that was refused in words that are not known, or by a 404 though the run was there a moment ago: the run is
//!   read at once. If that is refused too, that says whom it is about. If not, the run waits, on view, and is asked for
//!   once more: what was lagging, or was the account's and has been mended, is over then. A second refusal is believed.
//! - If another run was refused in the same words, and none was accepted since, it is not about the run: the account
//!   waits as one whose credentials are refused.
//! - A run that GitHub does not show: it is asked for the repository. If that is there, the run is gone; if not, nothing can
//!   be done in the repository, and all its runs wait.

use crate::github::{self, Call, RerunAnswer};
use crate::names::RunAttempt;
use crate::policy::run::Run;
use crate::time::{Millis, Span};

use super::Keeper;
use super::circuit_breaker::NO_REPOSITORY;
use super::on_failure::{GONE, give_up, hold, on_failure};
use super::state_machine::{Context, LEASE, Step};
use super::store::{Sql, StoreError};
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
    let wait = (refusal.since + ONCE_MORE) - cx.now;
    if wait == Span::ZERO {
        return None;
    }
    let reason = format!(
        "GitHub refused: {} It is asked for once more, as it may be about the account and not about the run.",
        sentence(&refusal.message)
    );
    Some(hold(tracked.clone(), reason, wait, cx))
}

/// GitHub was asked whether it shows the repository of a run that it does not show. `known`: it has shown runs of it.
pub fn repository_answered(tracked: TrackedRun, answer: Result<(), github::Error>, known: bool, cx: &Context) -> Step {
    match answer {
        Ok(()) => give_up(tracked, format!("GitHub refused: {GONE}"), cx),
        // It never could be read: there is nothing to wait for.
        Err(github::Error::NotFound) if !known => on_failure(tracked, github::Error::NotFound, cx),
        Err(github::Error::NotFound) => {
            on_failure(tracked, github::Error::Repository { message: NO_REPOSITORY.to_owned() }, cx)
        }
        Err(error) => on_failure(tracked, error, cx),
    }
}

fn sentence(message: &str) -> String {
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{message}{end}")
}

impl<S: Sql> Keeper<S> {
    /// What an answer to a re-run says once other runs are looked at.
    pub(super) fn second_look(
        &self,
        mut tracked: TrackedRun,
        answer: Result<RerunAnswer, github::Error>,
        cx: &Context,
    ) -> Result<(TrackedRun, Result<RerunAnswer, github::Error>), StoreError> {
        match answer {
            Ok(RerunAnswer::Accepted) if self.store.has_refused()? => {
                self.set_accepted(cx.now)?;
                Ok((tracked, answer))
            }
            Err(github::Error::UnclearRefusal { message })
                if self.store.refused_elsewhere(
                    tracked.run_id,
                    &message,
                    self.accepted()?.unwrap_or(Millis(i64::MIN)),
                )? =>
            {
                let run_attempt = tracked.run_attempt.unwrap_or(RunAttempt::FIRST);
                tracked.refusal = Some(Refusal { run_attempt, message: message.clone(), since: cx.now });
                Ok((tracked, Err(github::Error::Credentials { message: format!("403 {message}") })))
            }
            answer => Ok((tracked, answer)),
        }
    }
}
