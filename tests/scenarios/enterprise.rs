//! GitHub Enterprise Server: another base of the API, and payloads of old versions.

use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::Options;
use serde_json::json;
use simulator::{Conclusion, EventKinds, Job, Outcome, Workflow};

use crate::stage::{PATIENCE, SECRET, Stage, TOKEN, trials};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "enterprise", an_enterprise_server)
}

const RULES: &str = "\
version: 1
rules:
  - name: network
    if: { log: Could not resolve host }
    then: rerun
otherwise: leave
";

async fn an_enterprise_server(stage: Arc<Stage>) {
    let options = simulator::Options {
        secret: SECRET.to_owned(),
        token: TOKEN.to_owned(),
        patience: PATIENCE,
        hosts: simulator::Hosts::enterprise("ghe.example"),
        checks: simulator::Checks::Strict,
        ..simulator::Options::default()
    };
    let github = simulator::SimulatedGitHub::start(options).await;
    let options = Options::default().setting("GITHUB_API_URL", github.enterprise_url());
    let worker = stage.worker_with(options).await;
    let url = format!("{}/", worker.url);
    let repository = github.repository("octo/enterprise").await;
    let hook_url = url.clone();
    repository
        .hook(|hook| {
            hook.url = Some(hook_url);
            hook.events = runs();
        })
        .await;
    let run = repository.run(fails_once()).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    // Old versions tell of a job without its attempt, and without a branch.
    repository.hook(|hook| hook.events = EventKinds::NONE).await;
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let job = json!({
        "action": "completed",
        "repository": { "full_name": "octo/enterprise" },
        "sender": { "login": "mona" },
        "workflow_job": { "id": 1, "run_id": run.id().0, "conclusion": "failure", "workflow_name": null },
    });
    let answer = repository.webhook("workflow_job", job).await;
    assert_eq!((answer.status, &answer.json["outcome"]), (202, &"scheduled".into()), "{}", answer.body);
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    // A log lies at another address of the same host; the token does not go there.
    let repository = github.repository("octo/enterprise-rules").await;
    repository.file(".github/rerunner.yml", RULES).await;
    repository.hook(|hook| hook.url = Some(url)).await;
    let unreachable = Outcome::failure_with("Install", 1, "curl: (6) Could not resolve host: mirror.ghe.example");
    let run = repository.run(Workflow::new("ci").job(Job::new("test").ends_first(1, unreachable))).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    let reads = github.log_reads();
    assert!(!reads.is_empty() && reads.iter().all(|read| read.status == 200 && !read.authorization), "{reads:?}");
    assert!(github.calls().iter().all(|call| call.path.starts_with("/api/v3/")), "{}", github.history());
    worker.stop().await;
}
