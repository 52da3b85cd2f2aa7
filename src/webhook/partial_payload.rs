//! A payload that was not understood, field by field: whether anything would be done for it at all.
//!
//! A malformed payload is refused where something would be done for it, as its event's name is not signed and it may not
//! be what its header says. Where nothing would be done, fields that are then not needed may hold anything: a sender that
//! is told 400 sends it again and again. This is only asked once [`payload::parse`] has failed, so that it costs the others nothing.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::names::RepoName;
use crate::names::json::from_text;
use crate::settings::Settings;

use super::command::Command;
use super::filter::{is_left, kind, nothing_is_done_for};
use super::headers::Content;
use super::payload::{self, COMPLETED, CREATED, NO_COMMAND, NOT_OPEN};

/// What a field holds, whatever that is. Each struct of them has one bound in the place of `#[serde(borrow)]` on every field.
type Field<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Event<'a> {
    action: Field<'a>,
    repository: Field<'a>,
    sender: Field<'a>,
    workflow_run: Field<'a>,
    workflow_job: Field<'a>,
    check_run: Field<'a>,
    issue: Field<'a>,
    comment: Field<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Subject<'a> {
    actor: Field<'a>,
    triggering_actor: Field<'a>,
    conclusion: Field<'a>,
    run_attempt: Field<'a>,
    app: Field<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Named<'a> {
    full_name: Field<'a>,
    login: Field<'a>,
    slug: Field<'a>,
}

/// What a field holds; `None` if it holds something else.
fn read<'a, T: Deserialize<'a>>(field: Field<'a>) -> Option<T> {
    from_text(field?.get()).ok()
}

fn text(field: Field<'_>) -> Option<String> {
    read::<Cow<'_, str>>(field).map(Cow::into_owned)
}

/// Of a field that may be null or absent.
fn nullable<'a, T: Deserialize<'a>>(field: Field<'a>) -> Option<Option<T>> {
    field.map_or(Some(None), |field| from_text(field.get()).ok())
}

fn login(user: Field<'_>) -> Option<String> {
    text(read::<Named<'_>>(user)?.login)
}

/// Why nothing would be done for it, whatever the rest may be; `None` if something might be, or it is no JSON object at all.
pub fn irrelevant(settings: &Settings, event: &str, content: Content, body: &[u8]) -> Option<String> {
    let json = match content {
        Content::Json => Cow::Borrowed(std::str::from_utf8(body).ok()?),
        Content::Form => payload::form_payload(body)?,
    };
    let fields: Event<'_> = from_text(&json).ok()?;
    if event == "issue_comment" {
        return irrelevant_comment(settings, &fields);
    }
    let of_run = event == "workflow_run";
    let subject: Option<Subject<'_>> = read(match event {
        "workflow_run" => fields.workflow_run,
        "workflow_job" => fields.workflow_job,
        "check_run" => fields.check_run,
        _ => None,
    });
    if text(fields.action)? != COMPLETED {
        return Some(nothing_is_done_for(&format!("action of {event}")));
    }
    let app = || text(read::<Named<'_>>(subject.as_ref()?.app)?.slug);
    if event == "check_run" && app().is_some_and(|slug| slug != "github-actions") {
        return Some(nothing_is_done_for("check run, as it is not from GitHub Actions"));
    }
    let users = match &subject {
        Some(run) if of_run => [run.actor, run.triggering_actor],
        None if of_run => [None; 2],
        _ => [fields.sender, None],
    };
    let repository: Option<RepoName> = read::<Named<'_>>(fields.repository).and_then(|named| read(named.full_name));
    // Those that can be read.
    let actors: Vec<String> = users.into_iter().filter_map(login).collect();
    if let Some(reason) = is_left(settings, repository.as_ref(), &actors) {
        return Some(reason.to_owned());
    }
    let Subject { conclusion, run_attempt, .. } = subject?;
    kind(of_run, nullable(conclusion)?, nullable(run_attempt)?).err()
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Issue<'a> {
    state: Field<'a>,
    pull_request: Field<'a>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Comment<'a> {
    body: Field<'a>,
    user: Field<'a>,
}

fn irrelevant_comment(settings: &Settings, fields: &Event<'_>) -> Option<String> {
    if text(fields.action)? != CREATED {
        return Some(nothing_is_done_for("action of issue_comment"));
    }
    let is_closed = |issue: &Issue<'_>| text(issue.state).is_some_and(|state| state != "open");
    let issue: Option<Issue<'_>> = read(fields.issue);
    if issue.is_some_and(|issue| issue.pull_request.is_none() || is_closed(&issue)) {
        return Some(nothing_is_done_for(NOT_OPEN));
    }
    let comment: Option<Comment<'_>> = read(fields.comment);
    let body = comment.as_ref().and_then(|comment| text(comment.body));
    if body.is_some_and(|body| Command::of(&body).is_none()) {
        return Some(nothing_is_done_for(NO_COMMAND));
    }
    let repository: Option<RepoName> = read::<Named<'_>>(fields.repository).and_then(|named| read(named.full_name));
    let by: Vec<String> = comment.and_then(|comment| login(comment.user)).into_iter().collect();
    is_left(settings, repository.as_ref(), &by).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Outcome;
    use super::super::tests::{Delivery, check, job, run, settings};
    use crate::settings::Settings;

    /// Whoever is told 400 sends it again and again. Where nothing would be done, fields that are not needed then may hold
    /// anything.
    #[test]
    fn what_leads_to_nothing_is_never_malformed() {
        #[track_caller]
        fn ignored(settings: &Settings, event: &str, payload: &Value, reason: &str) {
            Delivery::new(event, payload).answers_with(settings, 200, Outcome::Ignored, reason);
            let form: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
            let form = Delivery::new(event, &Value::Null).body(form.as_bytes());
            form.with("content-type", "application/x-www-form-urlencoded").answers_with(
                settings,
                200,
                Outcome::Ignored,
                reason,
            );
        }
        let all = &settings(&[]);
        let events =
            [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))];
        let junk = [json!(null), json!([]), json!(7), json!("x"), json!({}), json!({ "id": "7", "run_id": [] })];
        for (event, whole) in &events {
            // An action of which nothing is needed.
            for action in ["queued", "requested", "in_progress", ""] {
                for junk in &junk {
                    ignored(all, event, &json!({ "action": action, *event: junk }), "action");
                    ignored(
                        all,
                        event,
                        &json!({ *event: junk, "repository": junk, "sender": junk, "action": action }),
                        "action",
                    );
                }
            }
            // A repository that is not served, and an actor that is left alone.
            let elsewhere = settings(&[("REPOSITORIES", "octo/gadgets")]);
            for junk in &junk {
                let mut payload = whole.clone();
                payload[*event] = junk.clone();
                ignored(&elsewhere, event, &payload, if *event == "check_run" { "" } else { "REPOSITORIES" });
                if *event == "workflow_job" {
                    ignored(&settings(&[("NO_RERUN_ACTORS", "ann")]), event, &payload, "NO_RERUN_ACTORS");
                }
            }
            // A conclusion that nothing is done for.
            let mut payload = whole.clone();
            payload[*event]["conclusion"] = json!("success");
            payload[*event]["id"] = json!("7");
            payload[*event]["run_id"] = json!(-7);
            payload["installation"] = json!({ "id": "x" });
            payload["repository"] = json!(null);
            ignored(all, event, &payload, "success");
        }
        let mut by_ann = run("failure", 1);
        by_ann["workflow_run"]["id"] = json!(null);
        ignored(&settings(&[("NO_RERUN_ACTORS", "ann")]), "workflow_run", &by_ann, "NO_RERUN_ACTORS");
        let mut of_another_app = check("failure");
        of_another_app["check_run"]["app"]["slug"] = json!("circleci");
        of_another_app["check_run"]["details_url"] = json!(7);
        of_another_app["repository"] = json!(null);
        ignored(all, "check_run", &of_another_app, "not from GitHub Actions");
    }

    /// The event's name is not signed: where something would be done, a body has the shape of its event, or is refused.
    #[test]
    fn what_might_lead_to_something_is_whole_or_refused() {
        #[track_caller]
        fn refused(event: &str, payload: &Value) {
            Delivery::new(event, payload).answers(400, Outcome::Rejected, "malformed");
        }
        for (event, whole) in
            [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))]
        {
            for (place, bad) in [
                ("/action", json!(null)),
                ("/action", json!(["queued"])),
                ("/repository", json!(null)),
                ("/repository/full_name", json!("octo/..")),
                (&format!("/{event}"), json!(null)),
                (&format!("/{event}/conclusion"), json!(7)),
            ] {
                let mut payload = whole.clone();
                *payload.pointer_mut(place).unwrap() = bad;
                refused(event, &payload);
            }
            // Of another event.
            for (other, _) in [("workflow_run", ()), ("workflow_job", ()), ("check_run", ())] {
                if other != event {
                    refused(other, &whole);
                }
            }
        }
        // It might be a rescue.
        let mut which_attempt = run("success", 1);
        which_attempt["workflow_run"]["run_attempt"] = json!("2");
        refused("workflow_run", &which_attempt);
        let two_actions = r#"{"action":"queued","action":"completed","workflow_job":null}"#;
        Delivery::new("workflow_job", &Value::Null).body(two_actions.as_bytes()).answers(
            400,
            Outcome::Rejected,
            "malformed",
        );
    }
}
