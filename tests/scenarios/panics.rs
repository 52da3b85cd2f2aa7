//! A panic, in a request or in an alarm, holds up no other run by more than a minute. With a Worker that was built with
//! the feature `fault-route`; nothing else about it differs. And what kills an object is not tried for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use local_worker::Options;
use simulator::{Conclusion, Endpoint, Fault, Job, Outcome, Workflow};

use crate::delivery::Delivery;
use crate::stage::{ADMIN_TOKEN, Stage, trials};
use crate::statuses::success;
use crate::steps::{decision, fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "panics", a_log_that_kills_is_done_without, a_panic_in_a_delivery_ends_with_it)
}

/// In a time that others would take away.
pub fn timed_trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "panics", others_are_rerun_within_a_minute)
}

const BESIDE: usize = 6;
const STARTED_WITHIN: Duration = Duration::from_secs(20);

async fn others_are_rerun_within_a_minute(stage: Arc<Stage>) {
    let options = Options { build: Some(local_worker::root().join("target/fault-build")), ..Options::default() };
    let worker = stage.worker_with(options).await;
    let github = stage.github().await;
    let kinds = runs();
    let panics = stage.repository_of("octo/panics", kinds, &worker.url).await;
    let mut runs = Vec::new();
    for number in 0..BESIDE {
        let name = format!("octo/beside-{number}");
        let repository = stage.repository_of(&name, kinds, &worker.url).await;
        // Slow answers, so that they are at work when the panics come.
        github.fault(Fault::answer_late(Duration::from_secs(3)).on(Endpoint::ReadRun).in_repository(&name).times(1));
        runs.push(repository.run(fails_once()).await);
    }
    for run in &runs {
        run.ends(1).await;
    }
    let since = Instant::now();
    let poisoned = panics.run(fails_once()).await;
    // First this: a panic in a request would end the instance before the alarm's own panic.
    assert!(worker.log().wait_for_line(STARTED_WITHIN, "a panic in an alarm").await, "the alarm did not panic");
    let url = format!("{}/fault/panic", worker.url);
    let mut panicked = 0;
    for _ in 0..6 {
        let answer = reqwest::Client::new().get(&url).timeout(Duration::from_secs(5)).send().await;
        panicked += u32::from(!answer.is_ok_and(|answer| answer.status().is_success()));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    assert_eq!(panicked, 6, "the fault route is not there");
    for run in &runs {
        assert_eq!(run.ends(2).await, Conclusion::Success);
        let took = since.elapsed();
        assert!(took < Duration::from_secs(60), "a run was re-run after {took:?}");
    }
    assert_eq!(poisoned.attempt(), 1);
    // And what comes now is not held up at all.
    let repository = stage.repository_of("octo/after", kinds, &worker.url).await;
    let run = repository.run(fails_once()).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    worker.stop().await;
}

/// A webhook is read and judged in several calls from JavaScript.
/// Seen to fail when a panic in a delivery is answered like any other (200 instead of 500).
async fn a_panic_in_a_delivery_ends_with_it(stage: Arc<Stage>) {
    let options = Options { build: Some(local_worker::root().join("target/fault-build")), ..Options::default() };
    let worker = stage.worker_with(options).await;
    let kinds = runs();
    let repository = stage.repository_of("octo/around-panics", kinds, &worker.url).await;
    for _ in 0..3 {
        let run = repository.run(fails_once()).await;
        run.ends(1).await;
        let panic = Delivery::json("panic", &success());
        assert_eq!(panic.send(&worker.url).await.status, 500);
        Delivery::json("workflow_run", &success()).send(&worker.url).await.is(200, "ignored", "success");
        assert_eq!(run.ends(2).await, Conclusion::Success);
    }
    let panics = worker.log().lines().iter().filter(|line| line.contains("a panic in a delivery")).count();
    assert!(panics >= 3, "{panics} panics are in the log");
    worker.stop().await;
}

/// What kills the object each time that it is looked at is looked at twice.
/// Seen to fail when deaths while evidence is collected are not counted (the log is read four times, until the jobs are not
/// either).
async fn a_log_that_kills_is_done_without(stage: Arc<Stage>) {
    let options = Options { build: Some(local_worker::root().join("target/fault-build")), ..Options::default() };
    let worker = stage.worker_with(options).await;
    let kinds = runs();
    let repository = stage.repository_of("octo/dies-of-logs", kinds, &worker.url).await;
    let policy = "rules:\n  - { name: network, if: { log: ECONNRESET }, then: rerun }\notherwise: leave\n";
    repository.file(".github/rerunner.yml", policy).await;
    let fails = Job::new("test").ends_first(1, Outcome::failure_with("Run tests", 1, "read ECONNRESET"));
    let run = repository.run(Workflow::new("ci").job(fails)).await;
    run.ends(1).await;
    let decided = decision(&worker, &run, |_| true).await;
    assert_eq!(decided["outcome"], "left", "{decided}");
    let address = format!("{}/api/v1/repositories/octo/dies-of-logs/runs/{}", worker.url, run.id().0);
    let answer = reqwest::Client::new().get(address).bearer_auth(ADMIN_TOKEN).send().await.expect("an answer");
    let told = answer.text().await.expect("text");
    assert!(told.contains("log of test: not read: the Worker crashed 2 times"), "{told}");
    let job = run.jobs(1)[0].id;
    let reads = stage.github().await.log_reads().iter().filter(|read| read.job == job).count();
    assert_eq!(reads, 2, "the log was read so often");
    assert_eq!(run.attempt(), 1);
    worker.stop().await;
}
