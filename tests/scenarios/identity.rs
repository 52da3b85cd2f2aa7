//! Who is refused, what is meant, and which repository it is: answers that look like something else than they are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::Value;
use simulator::{Conclusion, Endpoint, EventKinds, Fault, Job, Run, Workflow};

use crate::delivery::Delivery;
use crate::http::{eventually, health_within};
use crate::stage::{Stage, trials};
use crate::steps::{decision, fails_once, rescued, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "identity",
        a_header_that_comes_with_every_answer,
        an_account_that_may_not_rerun,
        an_app_that_one_repository_does_not_have,
        a_token_that_github_does_not_know_yet,
        a_repository_that_is_renamed,
        an_old_webhook_of_a_repository_that_had_the_name,
        long_commit_messages_hide_no_missed_webhook,
    )
}

const RERUN: Endpoint = Endpoint::RerunFailedJobs;
const A_WHILE: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(100);

async fn decided_failed(worker: &LocalWorker, run: &Run) -> String {
    let decision = decision(worker, run, |event| event["outcome"] == "failed").await;
    decision["reason"].as_str().unwrap_or_default().to_owned()
}

async fn health(worker: &LocalWorker) -> (u16, Value) {
    let reply = Delivery::json("x", &Value::Null).method("GET").path("/healthz").send(&worker.url).await;
    (reply.status, reply.json)
}

async fn api(worker: &LocalWorker, path: &str) -> Value {
    let answered = crate::http::get(worker, &format!("/api/v1/{path}")).await;
    serde_json::from_str(&answered.text).unwrap_or_default()
}

/// `X-Accepted-GitHub-Permissions` is there with a 200 too.
/// Seen to fail when `X-Accepted-GitHub-Permissions` is taken for a missing permission (the reason speaks of
/// credentials; the other run is not re-run).
async fn a_header_that_comes_with_every_answer(stage: Arc<Stage>) {
    let name = "octo/companion";
    let worker = stage.worker_with(Options::default()).await;
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    let words = "This workflow run cannot be retried";
    let fault = Fault::answer(403, words).header("x-accepted-github-permissions", "actions=write");
    stage.github().await.fault(fault.on(RERUN).in_repository(name).times(1));
    let refused = repository.run(fails_once()).await;
    assert_eq!(decided_failed(&worker, &refused).await, format!("GitHub refused: {words}"));
    rescued(&repository.run(fails_once()).await).await;
    assert_eq!(health(&worker).await.0, 200);
    refused.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
}

/// Seen to fail when a 403 in unknown words counts as the run's (the reason does not speak of credentials).
async fn an_account_that_may_not_rerun(stage: Arc<Stage>) {
    let name = "octo/unverified";
    let worker = stage.worker_with(Options::default()).await;
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    let words = "At least one email address must be verified to do that.";
    let github = stage.github().await;
    let fault = github.fault(Fault::answer(403, words).on(RERUN).in_repository(name));
    let run = repository.run(fails_once()).await;
    let reason = decided_failed(&worker, &run).await;
    assert!(reason.contains(words) && reason.contains("credentials"), "{reason}");
    health_within(&worker, 503).await;
    let view = api(&worker, &format!("repositories/{name}/runs/{}", run.id().0)).await;
    assert!(view["due"].is_string(), "it is waited for: {view}");
    github.clear_fault(fault);
    run.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
}

/// Seen to fail when a missing installation counts as the credentials' fault (`/healthz` 503, nothing at the
/// repository).
async fn an_app_that_one_repository_does_not_have(stage: Arc<Stage>) {
    let (with, without) = ("octo/app-here", "octo/app-not-here");
    let github = stage.github().await;
    let app = github.app("here");
    app.install(&[with]);
    let worker = stage.worker_of_app(&app, Options::default()).await;
    let lacking = stage.repository_of(without, EventKinds::ALL, &worker.url).await;
    let run = lacking.run(fails_once()).await;
    let reason = decided_failed(&worker, &run).await;
    assert!(reason.contains("not installed on octo/app-not-here"), "{reason}");
    let repository = stage.repository_of_app(with).await;
    rescued(&repository.run(fails_once()).await).await;
    assert_eq!(health(&worker).await.0, 200, "the Worker is well");
    let is_shown = |all: &Value| {
        let entry = all["repositories"].as_array().and_then(|all| all.iter().find(|one| one["repository"] == without));
        let problem = entry.and_then(|entry| entry["repository_problem"].as_str());
        problem.is_some_and(|what| what.contains("not installed"))
    };
    eventually(&worker, "/api/v1/repositories", is_shown).await;
    worker.stop().await;
}

/// Seen to fail when the first refusal is believed (the re-run comes after a minute, and not within 40 s).
async fn a_token_that_github_does_not_know_yet(stage: Arc<Stage>) {
    let github = stage.github().await;
    for (name, status) in [("octo/app-lag-401", 401), ("octo/app-lag-403", 403)] {
        let app = github.app(name.trim_start_matches("octo/"));
        app.install(&[name]);
        let message = if status == 401 { "Bad credentials" } else { "Resource not accessible by integration" };
        // Whatever is asked first with it.
        let fault = Fault::answer(status, message).on(Endpoint::Contents).in_repository(name).times(2);
        github.fault(fault);
        let worker = stage.worker_of_app(&app, Options::default()).await;
        let repository = stage.repository_of_app(name).await;
        let started = Instant::now();
        rescued(&repository.run(fails_once()).await).await;
        assert!(
            started.elapsed() < Duration::from_secs(40),
            "{:?}: {}",
            started.elapsed(),
            worker.log().lines().join("\n")
        );
        assert!(!worker.log().events().iter().any(|event| event["event"] == "trouble"), "nothing was refused");
        assert_eq!(health(&worker).await.0, 200);
        worker.stop().await;
    }
}

/// While a run is due, and the Worker starts anew: it knows the repository by its id.
/// Seen to fail when the token is asked for by the old name (attempt 2 never ends).
async fn a_repository_that_is_renamed(stage: Arc<Stage>) {
    let (old, new) = ("octo/app-old-name", "octo/app-new-name");
    let github = stage.github().await;
    let app = github.app("renamed");
    let repository = stage.repository_of_app(old).await;
    app.install(&[old]);
    let storage = tempfile::tempdir().expect("a folder");
    let options =
        || Options { storage: Some(storage.path().to_owned()), ..Options::default() }.setting("RERUN_DELAY", "15s");
    let worker = stage.worker_of_app(&app, options()).await;
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let id = run.id().0;
    let scheduled =
        |event: &Value| event["event"] == "delivery" && event["run_id"] == id && event["outcome"] == "scheduled";
    assert!(worker.log().wait_for(SOON, scheduled).await.is_some(), "{}", worker.log().lines().join("\n"));
    worker.stop().await;
    repository.rename(new).await;
    let worker = stage.worker_of_app(&app, options()).await;
    rescued(&run).await;
    let mut led = github.calls().into_iter().filter(|call| call.path.contains(old) && call.status != Some(200));
    assert!(led.all(|call| matches!(call.status, Some(301 | 307))), "{}", github.history());
    let asked = github.calls().iter().filter(|call| call.run == Some(run.id()) && call.endpoint == Some(RERUN)).count();
    assert_eq!(asked, 1, "GitHub was asked once");
    // The two names are one repository's: what comes under the new one is not taken up a second time.
    rescued(&repository.run(fails_once()).await).await;
    assert_eq!(health(&worker).await.0, 200);
    let view = api(&worker, &format!("repositories/{old}/runs/{id}")).await;
    assert!(view["reason"].as_str().is_some_and(|reason| reason.contains(new)), "{view}");
    worker.stop().await;
}

/// Signed, years old, and of the repository that had the name before: sent again while a run of the one that has it now is due.
/// Seen to fail when whatever a webhook names is the repository now (the run that is due is left alone).
async fn an_old_webhook_of_a_repository_that_had_the_name(stage: Arc<Stage>) {
    let name = "octo/had-the-name";
    let worker = stage.worker_with(Options::default().setting("RERUN_DELAY", "10s")).await;
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let id = run.id().0;
    let scheduled =
        |event: &Value| event["event"] == "delivery" && event["run_id"] == id && event["outcome"] == "scheduled";
    assert!(worker.log().wait_for(SOON, scheduled).await.is_some(), "{}", worker.log().lines().join("\n"));
    let of_before = serde_json::json!({ "id": 1, "full_name": name });
    let failed = serde_json::json!({
        "action": "completed", "repository": of_before,
        "workflow_run": { "id": 5, "run_attempt": 1, "conclusion": "failure" },
    });
    let command = serde_json::json!({
        "action": "created", "repository": of_before,
        "issue": { "number": 3, "state": "open", "user": { "id": 1 }, "pull_request": {} },
        "comment": { "id": 9, "body": "/rerun stop", "author_association": "OWNER", "user": { "id": 1, "login": "ann", "type": "User" } },
    });
    let send = |event, payload| Delivery::json(event, payload).send(&worker.url);
    send("issue_comment", &command).await.is(200, "ignored", "another repository, which had this name before");
    send("workflow_run", &failed).await.is(202, "scheduled", "workflow run failed");
    send("workflow_run", &failed).await.is(202, "recorded", "this delivery was received before");
    rescued(&run).await;
    // It was looked for, and is not there.
    let github = stage.github().await;
    let is_looked_for =
        |_: &Value| github.calls().iter().any(|call| call.path == format!("/repos/{name}/actions/runs/5"));
    eventually(&worker, &format!("/api/v1/repositories/{name}/runs/5"), is_looked_for).await;
    assert_eq!(health(&worker).await.0, 200);
    worker.stop().await;
}

/// Seen to fail when a list that is too long ends the sweep (attempt 2 never ends).
async fn long_commit_messages_hide_no_missed_webhook(stage: Arc<Stage>) {
    let name = "octo/long-messages";
    let worker = stage.worker_with(Options::default().setting("SWEEP_INTERVAL", "1m")).await;
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    // A webhook makes the repository known.
    rescued(&repository.run(fails_once()).await).await;
    repository.hook(|hook| hook.url = None).await;
    let missed = repository.run(fails_once()).await;
    missed.ends(1).await;
    for n in 0..4 {
        let long = Workflow::new(&format!("long {n}")).job(Job::new("test").fails(1));
        repository.run(long.commit_message(5 * 1024 * 1024)).await.ends(1).await;
    }
    assert_eq!(missed.ends(2).await, Conclusion::Success);
    worker.stop().await;
}
