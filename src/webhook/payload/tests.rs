//! What GitHub's descriptions of webhooks (`@octokit/openapi-webhooks`) call nullable or optional is so here.

use serde_json::{Value, json};

use super::*;

fn run() -> Value {
    json!({
        "action": "completed", "installation": { "id": 70 }, "repository": { "id": 1, "full_name": "octo/widgets" },
        "sender": { "login": "ann" }, "workflow": { "id": 3, "name": "ci" },
        "workflow_run": {
            "id": 7, "run_attempt": 2, "conclusion": "failure", "status": "completed", "event": "pull_request",
            "name": "ci", "head_branch": "fix", "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" },
            "head_repository": { "id": 1 }, "head_commit": { "id": "aaa" }, "pull_requests": [],
        },
    })
}

fn job() -> Value {
    json!({
        "action": "completed", "installation": { "id": 70 }, "repository": { "id": 1, "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "workflow_job": {
            "run_id": 7, "run_attempt": 2, "conclusion": "failure", "workflow_name": "ci", "head_branch": "fix",
            "runner_name": "x", "completed_at": "2026-11-23T15:04:05Z",
        },
    })
}

fn check() -> Value {
    json!({
        "action": "completed", "installation": { "id": 70 }, "repository": { "id": 1, "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "check_run": {
            "conclusion": "failure", "details_url": "https://github.com/octo/widgets/actions/runs/7/job/9",
            "app": { "slug": "github-actions" }, "pull_requests": [], "external_id": "x",
        },
    })
}

#[test]
fn what_is_nullable_or_optional_may_be_either() {
    for (event, payload, fields) in [
        (
            "workflow_run",
            run(),
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
            ][..],
        ),
        (
            "workflow_job",
            job(),
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
            check(),
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
