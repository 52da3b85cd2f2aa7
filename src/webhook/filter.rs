//! Which webhooks can lead to a re-run, by the Worker's settings alone. What cannot touches no storage.

use std::slice;

use crate::names::{Conclusion, RepoName, RunAttempt};
use crate::settings::Settings;

use super::event::{RunEvent, RunEventKind};
use super::payload::{Payload, Seen};
use super::{Answer, Event, Subject};

/// The event for the Keeper, or the answer if there is none.
pub fn apply(settings: &Settings, payload: Payload) -> Result<Event, Answer> {
    let (seen, of_run) = match payload {
        Payload::Ping => return Err(Answer::pong()),
        Payload::Unwanted(what) => return Err(Answer::ignored(nothing_is_done_for(&what))),
        Payload::Run(seen) => (seen, true),
        Payload::Job(seen) => (seen, false),
        Payload::Command(event) => {
            return match is_left(settings, Some(&event.repository), slice::from_ref(&event.login)) {
                Some(reason) => Err(Answer::ignored(reason)),
                None => Ok(Event::Command(*event)),
            };
        }
    };
    let Seen { repository, repository_id, run_id, run_attempt, conclusion, installation, workflow, names, actors } =
        seen;
    let kind = match is_left(settings, Some(&repository), &actors) {
        Some(reason) => Err(reason.to_owned()),
        None => kind(of_run, conclusion, run_attempt),
    };
    match kind {
        Ok(kind) => Ok(Event::Run(RunEvent {
            repository_id,
            installation,
            workflow,
            names,
            ..RunEvent::new(repository, run_id, run_attempt, kind)
        })),
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Outcome;
    use super::super::tests::{Delivery, check, job, run, settings};
    use super::*;

    #[test]
    fn candidates() {
        Delivery::new("workflow_run", &run("failure", 1)).events(7, Some(1), RunEventKind::RunFailed);
        Delivery::new("workflow_run", &run("timed_out", 4)).events(7, Some(4), RunEventKind::RunFailed);
        Delivery::new("workflow_run", &run("success", 2)).events(7, Some(2), RunEventKind::RunSucceeded);
        Delivery::new("workflow_run", &run("skipped", 2)).events(7, Some(2), RunEventKind::RunEnded);
        Delivery::new("workflow_run", &run("cancelled", 1)).events(7, Some(1), RunEventKind::RunCancelled);
        Delivery::new("workflow_run", &run("cancelled", 2)).events(7, Some(2), RunEventKind::RunCancelled);
        Delivery::new("workflow_job", &job("failure")).events(7, Some(2), RunEventKind::JobFailed);
        Delivery::new("check_run", &check("timed_out")).events(7, None, RunEventKind::JobFailed);
        let mut nothing_concluded = run("failure", 1);
        nothing_concluded["workflow_run"]["conclusion"] = Value::Null;
        Delivery::new("workflow_run", &nothing_concluded).events(7, Some(1), RunEventKind::RunFailed);
        let mut old_server = job("failure");
        old_server["workflow_job"].as_object_mut().unwrap().remove("run_attempt");
        Delivery::new("workflow_job", &old_server).events(7, None, RunEventKind::JobFailed);
    }

    #[test]
    fn left_alone() {
        for conclusion in ["success", "cancelled", "action_required", "startup_failure", "skipped", "stale", "neutral"]
        {
            if conclusion != "cancelled" {
                Delivery::new("workflow_run", &run(conclusion, 1)).answers(200, Outcome::Ignored, conclusion);
            }
            Delivery::new("workflow_job", &job(conclusion)).answers(200, Outcome::Ignored, conclusion);
            Delivery::new("check_run", &check(conclusion)).answers(200, Outcome::Ignored, conclusion);
        }
        Delivery::new("workflow_run", &run("invented_next_year", 1)).answers(200, Outcome::Ignored, "unknown");
        for event in ["workflow_run", "workflow_job", "check_run"] {
            let mut payload = run("failure", 1);
            for (key, value) in job("failure").as_object().unwrap().iter().chain(check("failure").as_object().unwrap())
            {
                payload[key] = value.clone();
            }
            payload["action"] = json!("requested");
            Delivery::new(event, &payload).answers(200, Outcome::Ignored, "action");
        }
        Delivery::new("push", &json!({})).answers(200, Outcome::Ignored, "event");
        Delivery::new("ping", &json!({ "zen": "Keep it logically awesome." })).answers(200, Outcome::Pong, "signature");
        let mut of_another_app = check("failure");
        of_another_app["check_run"]["app"]["slug"] = json!("circleci");
        Delivery::new("check_run", &of_another_app).answers(200, Outcome::Ignored, "not from GitHub Actions");
    }

    #[test]
    fn settings_filter() {
        let elsewhere = settings(&[("REPOSITORIES", "octo/gadgets,acme/*")]);
        for (event, payload) in
            [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))]
        {
            Delivery::new(event, &payload).answers_with(&elsewhere, 200, Outcome::Ignored, "REPOSITORIES");
            let without_ann = settings(&[("NO_RERUN_ACTORS", "dependabot[bot],ANN")]);
            Delivery::new(event, &payload).answers_with(&without_ann, 200, Outcome::Ignored, "NO_RERUN_ACTORS");
        }
        let without_bob = settings(&[("NO_RERUN_ACTORS", "bob")]);
        Delivery::new("workflow_run", &run("failure", 2)).answers_with(
            &without_bob,
            200,
            Outcome::Ignored,
            "NO_RERUN_ACTORS",
        );
    }
}
