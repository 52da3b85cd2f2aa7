use std::collections::BTreeSet;

use serde_json::Value;

use super::Hosts;
use crate::model::{Event, EventKind, GitHub, JobSpec, Trigger, Workflow};

const HOSTS_WEB: &str = "https://github.com";

/// Real payloads, from the npm package that the project's tests depend on.
fn example(kind: &str, action: &str, with: &str) -> Value {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{file}: {error}; run `npm run setup:tests` first"));
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let of_kind = all.iter().find(|entry| entry["name"] == kind).unwrap();
    let mut examples = of_kind["examples"].as_array().unwrap().iter();
    // The youngest have the most keys.
    let fits = |example: &&Value| {
        (action.is_empty() || example["action"] == action)
            && (with.is_empty() || example[kind].get(with).is_some())
            && example["deployment"].is_null()
    };
    examples.rfind(fits).unwrap_or_else(|| panic!("no example of {kind} {action}")).clone()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().expect("an object").keys().cloned().collect()
}

/// Both ways, apart from the named keys.
#[track_caller]
fn assert_same_keys(ours: &Value, real: &Value, optional: &[&str]) {
    let optional: BTreeSet<String> = optional.iter().map(|key| (*key).to_owned()).collect();
    let (ours, real) = (&keys(ours) - &optional, &keys(real) - &optional);
    assert_eq!(ours, real, "ours only: {:?}; theirs only: {:?}", &ours - &real, &real - &ours);
}

/// Same keys and same types, all the way down; null goes with anything, arrays are compared by their first entries.
#[track_caller]
fn assert_same_types(at: &str, ours: &Value, real: &Value) {
    match (ours, real) {
        (Value::Object(ours), Value::Object(real)) => {
            for (key, ours) in ours {
                if let Some(real) = real.get(key) {
                    assert_same_types(&format!("{at}.{key}"), ours, real);
                }
            }
        }
        (Value::Array(ours), Value::Array(real)) => {
            if let (Some(ours), Some(real)) = (ours.first(), real.first()) {
                assert_same_types(&format!("{at}[0]"), ours, real);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        _ => assert_eq!(
            std::mem::discriminant(ours),
            std::mem::discriminant(real),
            "{at}: ours is {ours}, theirs is {real}"
        ),
    }
}

fn events() -> Vec<Event> {
    let mut github = GitHub::new(1);
    let repository = github.add_repository("octo-org/octo-repo", 1_700_000_000_000);
    let workflow = github.add_workflow(repository, Workflow::new("ci").job(JobSpec::new("test").fails(1)));
    let number = github.open_pull_request(repository, "changes", "mona", false, 1_700_000_000_000);
    let run = github.start_run(repository, workflow, Trigger::pull_request(number, "mona"), 1_700_000_000_000);
    github.advance(1_700_000_100_000);
    github.press_rerun_failed(run, "hubot", 1_700_000_200_000).unwrap();
    github.advance(1_700_000_300_000);
    github.take_events()
}

fn payload(kind: EventKind, action: &str) -> Value {
    let mut events = events().into_iter();
    let event = events.find(|event| event.kind() == kind && event.action() == action).expect("the event");
    event.payload(&Hosts::default())
}

#[test]
fn payloads_have_the_keys_and_types_of_real_ones() {
    // `deployment` came to check runs in 2021 and is there only for deployments.
    let cases = [
        (EventKind::WorkflowRun, "requested", "triggering_actor"),
        (EventKind::WorkflowRun, "completed", "triggering_actor"),
        (EventKind::WorkflowJob, "queued", "created_at"),
        (EventKind::WorkflowJob, "in_progress", "created_at"),
        (EventKind::WorkflowJob, "completed", "created_at"),
        (EventKind::CheckRun, "created", "details_url"),
        (EventKind::CheckRun, "completed", "details_url"),
    ];
    for (kind, action, with) in cases {
        let (ours, real) = (payload(kind, action), example(kind.as_str(), action, with));
        // An App's webhook has `installation`; one of an organization's repository has `organization`.
        assert_same_keys(&ours, &real, &["installation", "organization"]);
        assert!(ours.get("installation").is_none());
        assert_same_keys(&ours[kind.as_str()], &real[kind.as_str()], &["deployment"]);
        assert_same_types(kind.as_str(), &ours, &real);
    }
    let (ours, real) = (payload(EventKind::WorkflowRun, "completed"), example("workflow_run", "completed", "actor"));
    assert_same_keys(&ours["repository"], &real["repository"], &[]);
    assert_same_keys(&ours["sender"], &real["sender"], &[]);
    assert_same_keys(&ours["workflow"], &real["workflow"], &[]);
    for repository in ["repository", "head_repository"] {
        assert_same_keys(&ours["workflow_run"][repository], &real["workflow_run"][repository], &[]);
    }
    assert_same_keys(&ours["workflow_run"]["head_commit"], &real["workflow_run"]["head_commit"], &[]);
    let real = example("workflow_job", "completed", "created_at");
    assert_same_keys(
        &payload(EventKind::WorkflowJob, "completed")["workflow_job"]["steps"][0],
        &real["workflow_job"]["steps"][0],
        &[],
    );
}

#[test]
fn ping_has_the_keys_of_a_real_one() {
    let mut github = GitHub::new(1);
    let repository = github.add_repository("octo-org/octo-repo", 1_700_000_000_000);
    let hook = serde_json::json!({ "events": ["workflow_run"], "config": { "content_type": "json" } });
    let ours = super::ping(&Hosts::default(), &github.repository(repository).identity, 5, "mona", &hook);
    let real = example("ping", "", "");
    assert_same_keys(&ours, &real, &["organization", "repository"]);
    // Hooks have `deliveries_url` since 2021.
    assert_same_keys(
        &ours["hook"],
        &real["hook"],
        &["deliveries_url", "app_id", "ping_url", "test_url", "last_response", "url"],
    );
}

#[test]
fn ids_and_addresses_agree_with_one_another() {
    let run = payload(EventKind::WorkflowRun, "completed");
    let check = &payload(EventKind::CheckRun, "completed")["check_run"];
    let job = &payload(EventKind::WorkflowJob, "completed")["workflow_job"];
    let run_id = run["workflow_run"]["id"].as_u64().unwrap();
    assert_eq!(job["run_id"], run_id);
    assert_eq!(job["id"], check["id"]);
    let details = format!("{HOSTS_WEB}/octo-org/octo-repo/actions/runs/{run_id}/job/{}", check["id"]);
    assert_eq!(check["details_url"], details);
    assert_eq!(check["app"]["slug"], "github-actions");
    assert_eq!(run["workflow_run"]["path"], ".github/workflows/ci.yml");
    assert_eq!(run["workflow_run"]["head_sha"].as_str().unwrap().len(), 40);
    assert_eq!(run["workflow_run"]["pull_requests"][0]["head"]["sha"], run["workflow_run"]["head_sha"]);
    assert_eq!(run["repository"]["full_name"], "octo-org/octo-repo");
    assert_eq!(job["steps"][2]["conclusion"], "failure");
}

#[test]
fn a_re_run_says_its_attempt_and_who_asked() {
    let events = events();
    let again = events.iter().rfind(|event| event.kind() == EventKind::WorkflowRun).unwrap();
    let payload = again.payload(&Hosts::default());
    assert_eq!(payload["workflow_run"]["run_attempt"], 2);
    assert_eq!(payload["workflow_run"]["actor"]["login"], "mona");
    assert_eq!(payload["workflow_run"]["triggering_actor"]["login"], "hubot");
    assert_eq!(payload["sender"]["login"], "hubot");
    assert!(payload["workflow_run"]["previous_attempt_url"].as_str().unwrap().ends_with("/attempts/1"));
}
