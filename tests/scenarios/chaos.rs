//! workerd is killed at random moments of a burst of failing runs, and started again on the same storage, while the
//! simulated GitHub fails at random: at the end, everything that Rerunner promises holds.
//!
//! `npm run chaos` is the long form: `CHAOS_KILLS` and `CHAOS_SEED` say how many kills, and which chances.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::Value;
use simulator::{Conclusion, Endpoint, EventKinds, Fault, Job, Repository, Run, SimulatedGitHub, Workflow};

use crate::stage::{SECRET, Stage, TOKEN, number_from, trials};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "chaos", killed_at_random_moments)
}

const REPOSITORIES: usize = 3;
const RUNS_A_KILL: usize = 8;
/// From the last kill: a lease, the quiet after a lost answer, the longest wait for what a lost webhook would have told,
/// and four attempts' worth of them.
const SETTLED_WITHIN: Duration = Duration::from_secs(400);

async fn killed_at_random_moments(stage: Arc<Stage>) {
    let kills = number_from("CHAOS_KILLS", 3);
    let seed = number_from("CHAOS_SEED", 1);
    let mut random = Rng::with_seed(seed);
    let storage = tempfile::tempdir().expect("a folder");
    let github = SimulatedGitHub::start(simulator::Options {
        secret: SECRET.to_owned(),
        token: TOKEN.to_owned(),
        seed,
        patience: SETTLED_WITHIN,
        checks: simulator::Checks::Strict,
        ..simulator::Options::default()
    })
    .await;
    let options = |port| Options {
        storage: Some(storage.path().to_owned()),
        port,
        ..Options::default().setting("GITHUB_API_URL", github.url()).setting("SWEEP_INTERVAL", "1m")
    };
    let mut worker = stage.worker_with(options(None)).await;
    let port = worker.url.rsplit(':').next().and_then(|port| port.parse().ok());

    let mut runs = Vec::new();
    let mut repositories = Vec::new();
    for number in 0..REPOSITORIES {
        let repository = github.repository(&format!("chaos/r{number}")).await;
        repository
            .hook(|hook| {
                hook.url = Some(format!("{}/", worker.url));
                hook.events = EventKinds::ALL;
                hook.concurrent = true;
            })
            .await;
        // Only a repository that is known can be swept for webhooks that nobody was there to take.
        let first = repository.run(Workflow::new("first").job(Job::new("test").fails(1))).await;
        first.ends(2).await;
        runs.push(first);
        repositories.push(repository);
    }

    for _ in 0..kills {
        for _ in 0..random.usize(1..7) {
            github.fault(fault(&mut random));
        }
        for _ in 0..RUNS_A_KILL {
            let repository = random.choice(&repositories).expect("there are some");
            runs.push(start(repository, &mut random, runs.len()).await);
            tokio::time::sleep(Duration::from_millis(random.u64(0..200))).await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(0..2_500))).await;
        worker.kill().await;
        tokio::time::sleep(Duration::from_millis(random.u64(0..1_000))).await;
        worker = stage.worker_with(options(port)).await;
    }
    github.clear_faults();

    let end = Instant::now() + SETTLED_WITHIN;
    for run in &runs {
        let patience = end.saturating_duration_since(Instant::now());
        let settled = |_: &SimulatedGitHub| is_settled(run).then_some(());
        github.expectation(&format!("run {} settles (seed {seed})", run.id()), patience).until(settled).await;
    }
    expect_counts(&worker, &github, &runs, end).await;
    let mut reruns = 0;
    for run in &runs {
        // Each failed attempt but the fourth once, and no other.
        let of_attempts: Vec<u32> = run.reruns().iter().map(|rerun| rerun.from_attempt).collect();
        let expected: Vec<u32> = (1..run.attempt()).collect();
        assert_eq!(of_attempts, expected, "run {} (seed {seed}):\n{}", run.id(), github.history());
        reruns += of_attempts.len();
    }
    let faults = github.calls().iter().filter(|call| call.fault.is_some()).count();
    let lost = github.deliveries().iter().filter(|delivery| delivery.status().is_none()).count();
    println!(
        "chaos: {kills} kills (seed {seed}), {} runs, {reruns} re-runs, {faults} calls hit by a fault, {lost} of {} \
         webhooks found nobody: each failed attempt re-run once, none above the limit, counts equal",
        runs.len(),
        github.deliveries().len()
    );
    worker.stop().await;
}

async fn start(repository: &Repository, random: &mut Rng, number: usize) -> Run {
    // Each its own workflow: what it does must not change under an older run of it.
    let workflow = Workflow::new(&format!("ci {number}"));
    let job = Job::new("test").duration(random.u64(1..400));
    let workflow = match random.u8(0..6) {
        0 => workflow.job(job),
        1 => workflow.job(job.always_fails()),
        2 => workflow.job(job.fails(1).matrix(5).no_fail_fast()),
        fails => workflow.job(job.fails(u32::from(fails) - 2)).job(Job::new("then").needs(&["test"])),
    };
    repository.run(workflow).await
}

fn fault(random: &mut Rng) -> Fault {
    let fault = match random.u8(0..9) {
        0 => Fault::status(502),
        1 => Fault::close(),
        2 => Fault::lose_answer(),
        3 => Fault::answer_after_effect(504),
        4 => Fault::stale(Duration::from_secs(random.u64(1..9))),
        // Longer than a call may take.
        5 => Fault::hang(Duration::from_secs(12)),
        6 => Fault::answer_late(Duration::from_secs(12)),
        7 => Fault::retry_after(403, 2),
        _ => Fault::malformed_json(),
    };
    let fault = match random.u8(0..3) {
        0 => fault.on(Endpoint::RerunFailedJobs),
        1 => fault.on(Endpoint::ReadRun),
        _ => fault,
    };
    fault.times(random.u32(1..4))
}

fn is_settled(run: &Run) -> bool {
    match run.conclusion() {
        Some(Conclusion::Success) => true,
        Some(_) => run.attempt() == 4,
        None => false,
    }
}

/// Workers KV says of each run what GitHub says of it.
async fn expect_counts(worker: &LocalWorker, github: &SimulatedGitHub, runs: &[Run], end: Instant) {
    let expected: BTreeMap<String, (u64, u64, String)> = runs
        .iter()
        .filter(|run| run.attempt() > 1)
        .map(|run| {
            let outcome = if run.conclusion() == Some(Conclusion::Success) { "rescued" } else { "exhausted" };
            let attempt = u64::from(run.attempt());
            (format!("attempts/{}/{}", run.repository().name(), run.id().0), (attempt, attempt - 1, outcome.to_owned()))
        })
        .collect();
    loop {
        let listed = worker.kv(&["key", "list", "--prefix", "attempts/"]).await.expect("wrangler kv key list");
        let listed: Vec<Value> = serde_json::from_str(&listed).expect("JSON");
        let counts: BTreeMap<String, (u64, u64, String)> = listed
            .iter()
            .map(|key| {
                let (name, count) = (key["name"].as_str().expect("a name"), &key["metadata"]);
                let number = |field: &str| count[field].as_u64().unwrap_or_default();
                let outcome = count["outcome"].as_str().unwrap_or_default().to_owned();
                (name.to_owned(), (number("run_attempt"), number("reruns"), outcome))
            })
            .collect();
        if counts == expected {
            return;
        }
        if Instant::now() > end {
            let wrong: Vec<_> = expected.iter().filter(|(key, count)| counts.get(*key) != Some(count)).collect();
            let more: Vec<_> = counts.iter().filter(|(key, _)| !expected.contains_key(*key)).collect();
            panic!(
                "counts that should be: {wrong:#?}\ncounts that should not be there: {more:#?}\n{}",
                github.history()
            );
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}
