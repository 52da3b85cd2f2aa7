//! Every answer that GitHub can give to a re-run, as DESIGN's table has them, and what comes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use local_worker::Options;
use serde_json::Value;
use simulator::{Conclusion, Endpoint, Fault, Job, Permission, Workflow};
use tokio::net::TcpListener;

use crate::delivery::Delivery;
use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{decision, fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "refusals",
        already_running,
        refused_for_good,
        not_found,
        rate_limited_with_retry_after,
        rate_limited_until_a_reset,
        server_errors,
        a_lost_answer,
        a_connection_that_hangs,
        a_read_that_is_no_json,
        a_stale_read,
        a_redirect_elsewhere,
        a_token_that_is_refused_and_replaced,
        a_token_without_the_permission,
    )
}

const RERUN: Endpoint = Endpoint::RerunFailedJobs;
const A_WHILE: Duration = Duration::from_secs(3);
/// What GitHub says to wait here, and the jitter, are well below this; what is waited without a word from it is not.
const NO_WORD: Duration = Duration::from_secs(55);

/// With a fault on some calls, the run is re-run once all the same; how long that took.
async fn in_the_end(stage: &Stage, name: &str, fault: Fault) -> Duration {
    let repository = stage.repository(name, runs()).await;
    stage.github().await.fault(fault.in_repository(name));
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let started = Instant::now();
    assert_eq!(run.ends(2).await, Conclusion::Success);
    let took = started.elapsed();
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(A_WHILE).await;
    took
}

/// Seen to fail when the answer counts as final, or the call is made again at once (attempt 2 never ends; looked at
/// again after 2 s).
async fn already_running(stage: Arc<Stage>) {
    let took = in_the_end(&stage, "octo/running", Fault::already_running().on(RERUN).times(1)).await;
    assert!(took >= Duration::from_secs(29), "looked at again after {took:?}");
}

/// Seen to fail when the message is not recognized, or one of the two is taken for refused credentials (no decision
/// `failed`; another reason).
async fn refused_for_good(stage: Arc<Stage>) {
    for (name, message) in [
        ("octo/no-retry", "This workflow run cannot be retried"),
        ("octo/too-old", "Unable to retry this workflow run because it was created over a month ago"),
    ] {
        refused(&stage, name, Fault::answer(403, message), message).await;
    }
}

/// Seen to fail when a 404 is tried again at once (no decision `failed`; asked twice).
async fn not_found(stage: Arc<Stage>) {
    refused(&stage, "octo/gone", Fault::status(404), "no access").await;
}

async fn refused(stage: &Stage, name: &str, fault: Fault, reason: &str) {
    let repository = stage.repository(name, runs()).await;
    stage.github().await.fault(fault.on(RERUN).in_repository(name));
    let run = repository.run(fails_once()).await;
    let decision = decision(stage.worker().await, &run, |event| event["outcome"] == "failed").await;
    // Not "refused the credentials", which would hold up the whole repository.
    let refusal = |text: &str| text.starts_with("GitHub refused: ") && text.contains(reason);
    assert!(decision["reason"].as_str().is_some_and(refusal), "{decision}");
    run.expect_no_rerun_for(A_WHILE).await;
    let calls = stage.github().await.calls();
    let asked = calls.iter().filter(|call| call.run == Some(run.id()) && call.endpoint == Some(RERUN)).count();
    assert_eq!(asked, 1, "asked once");
    assert_eq!(stage.kv(&format!("attempts/{name}/{}", run.id().0)).await["outcome"], "failed");
}

/// Seen to fail when the header is not read, or limits are not recognized (called again only after a minute; never).
async fn rate_limited_with_retry_after(stage: Arc<Stage>) {
    for (name, status) in [("octo/limited-403", 403), ("octo/limited-429", 429)] {
        let took = in_the_end(&stage, name, Fault::retry_after(status, 4).on(RERUN).times(1)).await;
        assert!(took >= Duration::from_secs(4) && took < NO_WORD, "{name}: called again after {took:?}");
    }
}

/// Seen to fail when the header is not read, or limits are not recognized (called again only after a minute; never).
async fn rate_limited_until_a_reset(stage: Arc<Stage>) {
    let fault = Fault::rate_limit_exhausted(Duration::from_secs(5)).on(RERUN).times(1);
    let took = in_the_end(&stage, "octo/limited-reset", fault).await;
    assert!(took >= Duration::from_secs(4) && took < NO_WORD, "called again after {took:?}");
}

/// Seen to fail when nothing is logged, or a call is made again at once, or 5xx is final (no line in the log; called
/// again after 6 s; attempt 2 never ends).
async fn server_errors(stage: Arc<Stage>) {
    in_the_end(&stage, "octo/read-502", Fault::status(502).on(Endpoint::ReadRun).times(2)).await;
    let log = stage.worker().await.log();
    let told =
        log.events().into_iter().filter(|event| event["event"] == "trouble" && event["repository"] == "octo/read-502");
    let told: Vec<_> = told.map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(told, ["GitHub answered 502"; 2], "each call that came to nothing is in the log, and nothing else");
    // A re-run that was answered with an error may have worked: the run is read, not soon, and then asked for again.
    let took = in_the_end(&stage, "octo/rerun-503", Fault::status(503).on(RERUN).times(1)).await;
    assert!(took >= Duration::from_secs(40), "called again after {took:?}");
}

/// Seen to fail when the call that worked is not counted (`reruns` 1, not 2).
async fn a_lost_answer(stage: Arc<Stage>) {
    let name = "octo/lost-answer";
    let repository = stage.repository(name, runs()).await;
    stage.github().await.fault(Fault::lose_answer().on(RERUN).in_repository(name).times(1));
    let run = repository.run(Workflow::new("ci").job(Job::new("test").fails(2))).await;
    // The second attempt's webhook tells that the call had worked.
    assert_eq!(run.ends(3).await, Conclusion::Success);
    run.expect_reruns(2).await;
    run.expect_no_rerun_for(A_WHILE).await;
    let count = stage.kv(&format!("attempts/{name}/{}", run.id().0)).await;
    assert_eq!((&count["reruns"], &count["outcome"]), (&2.into(), &"rescued".into()));
}

/// Seen to fail when calls have no time-out (given up after 25 s).
async fn a_connection_that_hangs(stage: Arc<Stage>) {
    let hangs = Duration::from_secs(70);
    let took = in_the_end(&stage, "octo/hangs", Fault::hang(hangs).on(Endpoint::ReadRun).times(1)).await;
    assert!(took < hangs, "the call was given up, {took:?}");
}

/// Seen to fail when such an answer counts as final (attempt 2 never ends).
async fn a_read_that_is_no_json(stage: Arc<Stage>) {
    in_the_end(&stage, "octo/garbage", Fault::malformed_json().on(Endpoint::ReadRun).times(1)).await;
}

/// Seen to fail when a run that is going is left alone for good (attempt 2 never ends).
async fn a_stale_read(stage: Arc<Stage>) {
    // Of before the run had ended.
    let fault = Fault::stale(Duration::from_secs(2)).on(Endpoint::ReadRun).times(1);
    in_the_end(&stage, "octo/stale", fault).await;
}

/// The token goes nowhere but to the API that it was set for.
/// Seen to fail when every redirect is followed (the other host was called).
async fn a_redirect_elsewhere(stage: Arc<Stage>) {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let location = format!("http://{}/repos/octo/moved/actions/runs/1", elsewhere.local_addr().expect("an address"));
    for (name, endpoint, status) in
        [("octo/redirected-read", Endpoint::ReadRun, 301), ("octo/redirected-rerun", RERUN, 307)]
    {
        let fault = Fault::answer(status, "Moved").header("location", &location).on(endpoint).times(1);
        in_the_end(&stage, name, fault).await;
    }
    let called = tokio::time::timeout(Duration::from_secs(1), elsewhere.accept()).await;
    assert!(called.is_err(), "it was called");
}

/// Seen to fail when a 401 counts as final; or `/healthz` does not learn of it, or not of its end; or a new start does
/// not try again (`/healthz` says ok, or not ok at the end; attempt 2 never ends).
async fn a_token_that_is_refused_and_replaced(stage: Arc<Stage>) {
    let github = stage.github().await;
    let storage = tempfile::tempdir().expect("a folder");
    let with_token = |token: &str| Options {
        storage: Some(storage.path().to_owned()),
        ..Options::default().setting("GITHUB_TOKEN", token)
    };
    let worker = stage.worker_with(with_token("a-token-that-was-revoked")).await;
    let repository = stage.repository_of("octo/revoked", runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    let refused = worker.log().wait_for(PATIENCE, |event| event["outcome"] == "failed").await;
    assert!(
        refused.is_some_and(|event| event["reason"].as_str().is_some_and(|text| text.contains("401 Bad credentials")))
    );
    let health = Delivery::json("x", &Value::Null).method("GET").path("/healthz");
    let health = health.send(&worker.url).await;
    assert_eq!(
        (health.status, &health.json["problems"][0]["setting"]),
        (503, &"GITHUB_TOKEN".into()),
        "{}",
        health.json
    );
    run.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
    // Another token is set: the Worker starts anew, and the next webhook wakes the Keeper.
    github.add_token("another-token", simulator::Grant::full("rerunner-bot"));
    let worker = stage.worker_with(with_token("another-token")).await;
    let url = format!("{}/", worker.url);
    repository.hook(|hook| hook.url = Some(url)).await;
    let another = repository.run(fails_once()).await;
    assert_eq!(another.ends(2).await, Conclusion::Success);
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    let health = Delivery::json("x", &Value::Null).method("GET").path("/healthz").send(&worker.url).await;
    assert_eq!(health.status, 200, "{}", health.json);
    worker.stop().await;
}

/// Seen to fail when the permission is not named (no `actions=write` in the reason).
async fn a_token_without_the_permission(stage: Arc<Stage>) {
    let github = stage.github().await;
    github.add_token("a-token-that-may-read", simulator::Grant::full("reader").actions(Permission::Read));
    let worker = stage.worker_with(Options::default().setting("GITHUB_TOKEN", "a-token-that-may-read")).await;
    let repository = stage.repository_of("octo/read-only", runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    let refused = worker.log().wait_for(PATIENCE, |event| event["outcome"] == "failed").await;
    let reason = refused.and_then(|event| event["reason"].as_str().map(str::to_owned)).expect("a decision");
    assert!(reason.contains("Resource not accessible") && reason.contains("actions=write"), "{reason}");
    run.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
}
