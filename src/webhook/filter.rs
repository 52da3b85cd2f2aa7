//! Which webhooks can lead to a re-run, by the Worker's settings alone. What cannot touches no storage.

use crate::names::{Conclusion, RepoName, RunAttempt};
use crate::settings::Settings;
use crate::webhook::{event::RunEvent, event::RunEventKind};

use super::payload::{Payload, Seen};
use super::{Answer, Subject};

/// The event for the Keeper, or the answer if there is none.
pub fn apply(settings: &Settings, payload: Payload) -> Result<RunEvent, Answer> {
    let (run, actors, of_run) = match payload {
        Payload::Ping => return Err(Answer::pong()),
        Payload::Unwanted(what) => return Err(Answer::ignored(nothing_is_done_for(&what))),
        Payload::Run { run, actors } => (run, actors, true),
        Payload::Job { run, actors } => (run, actors, false),
    };
    let kind = match is_left(settings, Some(&run.repository), &actors) {
        Some(reason) => Err(reason.to_owned()),
        None => kind(of_run, run.conclusion, run.run_attempt),
    };
    let Seen { repository, repository_id, run_id, run_attempt, conclusion: _, installation, workflow } = run;
    match kind {
        Ok(kind) => Ok(RunEvent {
            repository_id,
            installation,
            workflow,
            ..RunEvent::new(repository, run_id, run_attempt, kind)
        }),
        Err(reason) => Err(Answer::ignored(reason).about(Subject { repository, run_id, run_attempt })),
    }
}

pub fn nothing_is_done_for(what: &str) -> String {
    format!("nothing is done for this {what}")
}

/// Whether the settings alone say that nothing is done, as far as it is known whose run it is.
pub fn is_left(settings: &Settings, repository: Option<&RepoName>, actors: &[String]) -> Option<&'static str> {
    if repository.is_some_and(|repository| !settings.serves(repository)) {
        Some("the repository is not in REPOSITORIES")
    } else if actors.iter().any(|actor| settings.excludes_actor(actor)) {
        Some("the actor is in NO_RERUN_ACTORS")
    } else {
        None
    }
}

/// What a run's or a job's end means, or why it means nothing.
pub fn kind(
    of_run: bool,
    conclusion: Option<Conclusion>,
    run_attempt: Option<RunAttempt>,
) -> Result<RunEventKind, String> {
    let rerun = run_attempt > Some(RunAttempt::FIRST);
    match (of_run, conclusion) {
        // "completed" without a conclusion occurs: the run itself will say.
        (true, None) => Ok(RunEventKind::RunFailed),
        (true, Some(conclusion)) if conclusion.may_be_rerun() => Ok(RunEventKind::RunFailed),
        // Whether it is, the repository's policy says: whoever takes the event asks.
        (true, Some(conclusion)) if conclusion.may_be_rerun_by_policy() => Ok(RunEventKind::RunCancelled),
        (true, Some(Conclusion::Success)) if rerun => Ok(RunEventKind::RunSucceeded),
        (true, Some(_)) if rerun => Ok(RunEventKind::RunEnded),
        (false, Some(conclusion)) if conclusion.may_be_rerun() => Ok(RunEventKind::JobFailed),
        (_, conclusion) => {
            let what = if of_run { "run" } else { "job" };
            let conclusion = conclusion.map_or("not known yet", Conclusion::as_str);
            Err(format!("the {what}'s conclusion is {conclusion}"))
        }
    }
}
