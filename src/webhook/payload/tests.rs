//! What is read of payloads, and what is said of those that are malformed.

use serde_json::{Value, json};

use super::super::Event;
use super::super::Outcome;
use super::super::event::RunEventKind;
use super::super::tests::{Delivery, check, comment, job, run, settings};
use super::*;

fn whole_run() -> Value {
    json!({
        "action": "completed", "installation": { "id": 70 }, "repository": { "id": 1, "full_name": "octo/widgets" },
        "sender": { "login": "ann" }, "workflow": { "id": 3, "name": "ci" },
        "workflow_run": {
            "id": 7, "run_attempt": 2, "conclusion": "failure", "status": "completed", "event": "pull_request",
            "name": "ci", "head_branch": "fix", "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" },
            "head_repository": { "id": 1 }, "head_commit": { "id": "aaa" }, "pull_requests": [],
            "run_number": 12, "display_title": "Fix the leak",
        },
    })
}

/// Seen to fail when a fork's branch is taken for the repository's own (`fix` instead of `mona:fix`).
#[test]
fn a_run_has_its_names_from_its_webhook() {
    let names = |head: Value| {
        let mut payload = whole_run();
        payload["workflow_run"]["head_repository"] = head;
        let Ok(Payload::Run(seen)) = parse("workflow_run", Content::Json, payload.to_string().as_bytes()) else {
            panic!("{payload}")
        };
        *seen.names.unwrap()
    };
    let (title, actor) = (Some("Fix the leak".to_owned()), Some("ann".to_owned()));
    let all = RunNames { run_number: Some(12), title, branch: None, actor };
    for (head, branch) in [
        (json!({ "full_name": "Octo/Widgets" }), Some("fix")),
        (json!({ "full_name": "mona/widgets" }), Some("mona:fix")),
        // Whose it is, nobody says.
        (json!({ "id": 1 }), None),
        (Value::Null, None),
    ] {
        assert_eq!(names(head), RunNames { branch: branch.map(str::to_owned), ..all.clone() });
    }
    let mut long = whole_run();
    long["workflow_run"]["display_title"] = json!("ü".repeat(10_000));
    let Ok(Payload::Run(seen)) = parse("workflow_run", Content::Json, long.to_string().as_bytes()) else { panic!() };
    assert_eq!(seen.names.unwrap().title, Some("ü".repeat(200)));
}

fn whole_job() -> Value {
    json!({
        "action": "completed", "installation": { "id": 70 }, "repository": { "id": 1, "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "workflow_job": {
            "run_id": 7, "run_attempt": 2, "conclusion": "failure", "workflow_name": "ci", "head_branch": "fix",
            "runner_name": "x", "completed_at": "2026-11-23T15:04:05Z",
        },
    })
}

fn whole_check() -> Value {
    json!({
        "action": "completed", "installation": { "id": 70 }, "repository": { "id": 1, "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "check_run": {
            "conclusion": "failure", "details_url": "https://github.com/octo/widgets/actions/runs/7/job/9",
            "app": { "slug": "github-actions" }, "pull_requests": [], "external_id": "x",
        },
    })
}

/// By GitHub's descriptions of webhooks (`@octokit/openapi-webhooks`).
#[test]
fn what_is_nullable_or_optional_may_be_either() {
    for (event, payload, fields) in [
        (
            "workflow_run",
            whole_run(),
            &[
                "installation",
                "sender",
                "workflow",
                "workflow_run.run_attempt",
                "workflow_run.conclusion",
                "workflow_run.actor",
                "workflow_run.triggering_actor",
                "workflow_run.name",
                "workflow_run.head_branch",
                "workflow_run.head_repository",
                "workflow_run.head_commit",
                "workflow_run.pull_requests",
                "workflow_run.status",
                "workflow_run.event",
                "workflow_run.run_number",
                "workflow_run.display_title",
            ][..],
        ),
        (
            "workflow_job",
            whole_job(),
            &[
                "installation",
                "sender",
                "workflow_job.run_attempt",
                "workflow_job.conclusion",
                "workflow_job.workflow_name",
                "workflow_job.head_branch",
                "workflow_job.runner_name",
                "workflow_job.completed_at",
            ],
        ),
        (
            "check_run",
            whole_check(),
            &[
                "installation",
                "sender",
                "check_run.conclusion",
                "check_run.details_url",
                "check_run.app",
                "check_run.app.slug",
                "check_run.pull_requests",
                "check_run.external_id",
            ],
        ),
        (
            "issue_comment",
            comment("/rerun"),
            &[
                "sender",
                "issue.user",
                "issue.pull_request",
                "comment.body",
                "comment.user",
                "comment.user.type",
                "comment.author_association",
                "comment.performed_via_github_app",
            ],
        ),
    ] {
        for field in fields {
            for missing in [false, true] {
                let mut payload = payload.clone();
                let mut keys: Vec<&str> = field.split('.').collect();
                let last = keys.pop().unwrap();
                let place = keys.into_iter().fold(&mut payload, |place, key| &mut place[key]);
                assert!(place.get(last).is_some(), "{event} has no {field}");
                match missing {
                    true => drop(place.as_object_mut().unwrap().remove(last)),
                    false => place[last] = Value::Null,
                }
                let read = parse(event, Content::Json, payload.to_string().as_bytes());
                assert!(read.is_ok(), "{event} without {field}: {read:?}");
            }
        }
    }
}

#[test]
fn an_apps_webhook_names_its_installation() {
    for (event, mut payload) in
        [("workflow_run", run("failure", 1)), ("workflow_job", job("failure")), ("check_run", check("failure"))]
    {
        let installation = |payload: &Value| match Delivery::new(event, payload).read(&settings(&[])) {
            Ok(Event::Run(event)) => event.installation.map(InstallationId::get),
            other => panic!("{event}: {other:?}"),
        };
        assert_eq!(installation(&payload), None);
        payload["installation"] = json!({ "id": 70, "node_id": "MDIz" });
        assert_eq!(installation(&payload), Some(70), "{event}");
        payload["installation"]["id"] = "70/../71".into();
        Delivery::new(event, &payload).answers(400, Outcome::Rejected, "malformed");
    }
}

#[test]
fn forms() {
    let payload = run("failure", 1).to_string();
    let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
    let delivery =
        || Delivery::new("workflow_run", &Value::Null).with("content-type", "application/x-www-form-urlencoded");
    delivery().body(form.as_bytes()).events(7, Some(1), RunEventKind::RunFailed);
    // Somebody else's text in a signed JSON body is not a form.
    let comment = json!({ "comment": { "body": format!("nice &{form}&") } }).to_string();
    for body in ["other=1", &format!("a=1&{form}"), &format!("{form}&a=1"), &format!(" {form}"), &comment] {
        delivery().body(body.as_bytes()).answers(400, Outcome::Rejected, "payload");
    }
}

#[test]
fn malformed_payloads_are_named_by_place_and_never_quoted() {
    #[track_caller]
    fn bad(event: &str, body: &str, reason: &str) {
        let delivery = Delivery::new(event, &Value::Null).body(body.as_bytes());
        delivery.answers(400, Outcome::Rejected, reason);
        let Err(answer) = delivery.read(&settings(&[])) else { unreachable!() };
        assert!(!answer.reason.contains("hunter2"), "{}", answer.reason);
    }
    bad("workflow_run", "", "ends early");
    bad("workflow_run", "{", "line 1, column 1");
    bad("workflow_run", "hunter2", "not JSON");
    bad("workflow_run", "[]", "");
    bad("workflow_run", "{}", "the field action is missing");
    bad("workflow_run", "\u{feff}{}", "not JSON");
    bad("workflow_run", &"[".repeat(100_000), "");
    bad(
        "workflow_run",
        &run("failure", 1).to_string().replace("\"id\":7", "\"id\":\"hunter2\""),
        "wrong type, expected u64",
    );
    for id in ["-1", "0", "1.5", "9007199254740992", "1e400"] {
        bad("workflow_run", &run("failure", 1).to_string().replace("\"id\":7", &format!("\"id\":{id}")), "column");
    }
    bad("workflow_run", &run("failure", 1).to_string().replace("\"run_attempt\":1", "\"run_attempt\":0"), "column");
    bad("workflow_run", &run("failure", 1).to_string().replace("\"failure\"", "{\"a\":\"hunter2\"}"), "column");
    bad("workflow_run", &run("failure", 1).to_string().replace("octo/widgets", "hunter2"), "column");
    for name in ["../../x", "o/r?x=1", "o/r/../../y", "o", ""] {
        bad("workflow_job", &job("failure").to_string().replace("octo/widgets", name), "column");
    }
    for url in [
        "",
        "https://h/octo/widgets/actions/runs/x/job/1",
        "https://h/octo/widgets/actions/runs/",
        "https://h/octo/widgets/runs/7",
        "https://h/octo/widgets/checks/runs/7",
        "https://h/octo/widgets/actions/jobs/7",
        "https://h/octo/widgets/actions/runs/0",
        "javascript:7",
        "https://h/octo/widgets/actions/runs/+7",
        // Numbers of another repository.
        "https://h/octo/gadgets/actions/runs/7/job/9",
        "https://h/mallory/widgets/actions/runs/7/job/9",
        "https://h/octo/widgets/../gadgets/actions/runs/7",
    ] {
        let mut payload = check("failure");
        payload["check_run"]["details_url"] = json!(url);
        Delivery::new("check_run", &payload).answers(200, Outcome::Ignored, "details_url");
    }
}

#[test]
fn details_urls_of_other_hosts_and_shapes() {
    for url in [
        "https://ghe.example/octo/widgets/actions/runs/7/job/9",
        "http://ghe/Octo/Widgets/actions/runs/7",
        "https://h/octo/widgets/actions/runs/7?pr=1",
    ] {
        let mut payload = check("failure");
        payload["check_run"]["details_url"] = json!(url);
        Delivery::new("check_run", &payload).events(7, None, RunEventKind::JobFailed);
    }
}

#[test]
fn escapes_in_names_are_read() {
    let escaped = run("failure", 1).to_string().replace("\"ann\"", "\"a\\u006en\"");
    let delivery = Delivery::new("workflow_run", &Value::Null).body(escaped.as_bytes());
    delivery.answers_with(&settings(&[("NO_RERUN_ACTORS", "ann")]), 200, Outcome::Ignored, "NO_RERUN_ACTORS");
}
