//! As many webhooks as the Worker takes, all of failing runs.
//!
//! `npm run load` is the long form: `LOAD_REPOSITORIES` and `LOAD_RUNS` say how many, and how many runs each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use libtest_mimic::Trial;
use local_worker::Options;
use serde_json::Value;
use simulator::webhooks::signature as sign;
use simulator::{Conclusion, EventKinds, Grant, Job, JobAction, Run, RunAction, SimulatedGitHub, Workflow};

use crate::stage::{SECRET, Stage, TOKEN, number_from, trials};
use crate::steps::fails_once;

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "load", a_flood_of_failing_runs, a_matrix_of_256_jobs_that_fail_at_once)
}

/// Webhooks that are on their way at the same time.
const AT_ONCE: usize = 32;
const REDELIVERIES: u32 = 30;
const GITHUB_WAITS: Duration = Duration::from_secs(10);
const BEFORE_REDELIVERY: Duration = Duration::from_secs(1);

async fn a_flood_of_failing_runs(stage: Arc<Stage>) {
    let repositories = number_from("LOAD_REPOSITORIES", 5);
    let runs_each = number_from("LOAD_RUNS", 20);
    let github = SimulatedGitHub::start(simulator::Options {
        secret: SECRET.to_owned(),
        token: TOKEN.to_owned(),
        // One re-run a second in each repository.
        patience: Duration::from_secs(120 + 4 * runs_each),
        ..simulator::Options::default()
    })
    .await;
    // Of each run it takes three, and of each repository two for its policies and two for each sweep: in minutes more than a
    // user's 5,000 an hour in the long form.
    let calls = 50_000.max(10 * repositories * (runs_each + 10));
    github.add_token(TOKEN, Grant::full("rerunner-bot").hourly(calls));
    let worker = stage.worker_with(Options::default().setting("GITHUB_API_URL", github.url())).await;
    let url = format!("{}/", worker.url);

    let mut runs = Vec::new();
    for number in 0..repositories {
        let repository = github.repository(&format!("load/r{number}")).await;
        for _ in 0..runs_each {
            let workflow = fails_once().job(Job::new("lint").fails(1));
            runs.push(repository.run(workflow).await);
        }
    }
    for run in &runs {
        run.ends(1).await;
        // The ends of the attempts to come are sent by the simulated GitHub itself.
        let hook_url = Some(url.clone());
        run.repository()
            .hook(|hook| {
                hook.url = hook_url;
                hook.events = crate::steps::runs();
            })
            .await;
    }

    let client = reqwest::Client::builder().timeout(GITHUB_WAITS).build().expect("a client");
    let began = Instant::now();
    // Made as they are sent: 100,000 of them would not fit into memory.
    let webhooks = stream::iter(runs.clone()).flat_map(|run| stream::iter(webhooks_of(&run)));
    let answered: Vec<(Duration, u32)> = webhooks
        .enumerate()
        .map(|(number, (event, payload))| send(client.clone(), url.clone(), number, event, payload))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let again: u32 = answered.iter().map(|(_, again)| again).sum();
    let mut took: Vec<Duration> = answered.into_iter().map(|(took, _)| took).collect();
    let sent_in = began.elapsed();
    for run in &runs {
        run.expect_reruns(1).await;
        assert_eq!(run.ends(2).await, Conclusion::Success);
    }
    let done_in = began.elapsed();
    for run in &runs {
        run.expect_reruns(1).await;
    }
    took.sort_unstable();
    let percentile = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "load: {} webhooks of {} failing runs in {repositories} repositories taken in {sent_in:.1?} ({:.0} a second), \
         p50 {:.1?}, p99 {:.1?}, {again} of them redelivered; each run re-run once, the last after {done_in:.1?}",
        took.len(),
        runs.len(),
        took.len() as f64 / sent_in.as_secs_f64(),
        percentile(50),
        percentile(99),
    );
    worker.stop().await;
}

/// Of a run whose first attempt has failed: events and payloads.
fn webhooks_of(run: &Run) -> Vec<(String, Value)> {
    let jobs = ["test", "lint"].into_iter().flat_map(|job| {
        [
            ("workflow_job", run.job_payload(JobAction::Completed, 1, job)),
            ("check_run", run.check_run_payload(JobAction::Completed, 1, job)),
        ]
    });
    let all = jobs.chain([("workflow_run", run.payload(RunAction::Completed))]);
    all.map(|(event, payload)| (event.to_owned(), payload)).collect()
}

/// Sends a webhook, which must be stored in the end: how long the last answer took, and how often it was redelivered, as a
/// maintainer does with one that has failed. The simulated GitHub's own webhooks come beside these, one at a time of each
/// repository, and where more are on their way at once than the Worker has room for, it says so.
async fn send(client: reqwest::Client, url: String, number: usize, event: String, payload: Value) -> (Duration, u32) {
    let body = payload.to_string();
    for again in 0..REDELIVERIES {
        let request = client
            .post(&url)
            .header("content-type", "application/json")
            .header("x-github-event", &event)
            .header("x-github-delivery", format!("00000000-0000-4000-8000-{number:012}"))
            .header("x-hub-signature-256", sign(SECRET, body.as_bytes()))
            .body(body.clone());
        let began = Instant::now();
        // The local runtime's proxy drops connections when there are too many.
        if let Ok(response) = request.send().await
            && let status = response.status().as_u16()
            && let Ok(text) = response.text().await
        {
            if status == 202 {
                return (began.elapsed(), again);
            }
            assert!(status == 503 && text.contains("redeliver it"), "{status}: {text}");
        }
        tokio::time::sleep(BEFORE_REDELIVERY).await;
    }
    panic!("{REDELIVERIES} deliveries of one webhook have failed");
}

async fn a_matrix_of_256_jobs_that_fail_at_once(stage: Arc<Stage>) {
    let repository = stage.repository("octo/matrix-of-256", EventKinds::ALL).await;
    let jobs = Job::new("test").matrix(256).no_fail_fast().fails(1);
    let run = repository.run(Workflow::new("ci").job(jobs)).await;
    run.expect_reruns(1).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_no_rerun_for(Duration::from_secs(3)).await;
    let github = stage.github().await;
    let ended: Vec<u64> = run.jobs(1).iter().filter_map(|job| job.completed_at).collect();
    let apart = ended.iter().max().zip(ended.iter().min()).map(|(last, first)| last - first);
    assert!(ended.len() == 256 && apart.is_some_and(|apart| apart < 1_000), "ended within {apart:?} ms: {ended:?}");
    let reads = github.calls().iter().filter(|call| call.run == Some(run.id()) && call.method == "GET").count();
    assert!(reads <= 10, "{reads} reads of one run");
}
