//! Every real payload of the npm package `@octokit/webhooks-examples`, of every kind, also of old Enterprise Servers:
//! none is refused, and each has the answer that its content asks for.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::Value;

use crate::delivery::Delivery;
use crate::stage::{Stage, trials};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "payloads", every_real_example)
}

/// The answer that a payload asks for, said independently of the Worker's code.
fn expected(event: &str, payload: &Value) -> (u16, &'static str) {
    let completed = payload["action"] == "completed";
    let failed = |conclusion: &Value| conclusion == "failure" || conclusion == "timed_out";
    match event {
        "ping" => (200, "pong"),
        "workflow_run" if completed => {
            let run = &payload["workflow_run"];
            if failed(&run["conclusion"]) || run["conclusion"].is_null() { (202, "stored") } else { (200, "ignored") }
        }
        "workflow_job" if completed && failed(&payload["workflow_job"]["conclusion"]) => (202, "stored"),
        "check_run" if completed && failed(&payload["check_run"]["conclusion"]) => {
            let check_run = &payload["check_run"];
            let of_a_run = check_run["details_url"].as_str().is_some_and(|url| url.contains("/actions/runs/"));
            if check_run["app"]["slug"] == "github-actions" && of_a_run { (202, "stored") } else { (200, "ignored") }
        }
        _ => (200, "ignored"),
    }
}

/// Seen to fail when the action is not looked at (202 for a run that is in progress).
async fn every_real_example(stage: Arc<Stage>) {
    let url = &stage.worker().await.url;
    let folder = local_worker::root().join("node_modules/@octokit/webhooks-examples");
    let mut sent = 0;
    for server in ["api.github.com", "ghes-31", "ghes-32", "ghes-33", "ghes-34", "ghes-35"] {
        let text = std::fs::read_to_string(folder.join(server).join("index.json")).expect("the npm package");
        let kinds: Vec<Kind> = serde_json::from_str(&text).expect("a list of kinds");
        for kind in &kinds {
            for (number, payload) in kind.examples.iter().enumerate() {
                let reply = Delivery::json(&kind.name, payload).send(url).await;
                let (status, outcome) = expected(&kind.name, payload);
                let got = match reply.json["outcome"].as_str() {
                    Some("scheduled" | "recorded") => "stored",
                    Some(other) => other,
                    None => "nothing",
                };
                assert_eq!((reply.status, got), (status, outcome), "{server} {} {number}: {reply:#?}", kind.name);
                sent += 1;
            }
        }
    }
    assert!(sent > 500, "only {sent} examples");
}

/// The examples of one kind of event.
#[derive(Deserialize)]
struct Kind {
    name: String,
    examples: Vec<Value>,
}
