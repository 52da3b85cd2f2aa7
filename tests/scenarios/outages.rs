//! An outage: many runs fail with the same cause. Their re-runs are held, one at a time is tried, and all go when one passed.

use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::Value;
use simulator::{Chat, Conclusion, Endpoint, Job, Millis, Outage, Repository, Run, Workflow};

use crate::http::{eventually, get};
use crate::stage::{Stage, trials};
use crate::steps::runs;

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "outages", held_tried_and_released)
}

const NAME: &str = "octo/outage";
const PROBE_EVERY_MS: u64 = 5_000;
const POLICY: &str = "outage: { runs: 3, within: 15m, probe_every: 5s, for_at_most: 1h }\nmax_reruns: 10\n\
                      rules:\n  - { name: outside, if: { cause: infrastructure }, then: rerun }\notherwise: leave\n";
const RUNS: usize = 5;

/// Seen to fail when the end of an outage cannot be stored (the held runs stay so).
async fn held_tried_and_released(stage: Arc<Stage>) {
    let (chat, storage) = (Chat::start().await, tempfile::tempdir().expect("a folder"));
    let options =
        || Options { storage: Some(storage.path().to_owned()), ..Options::default().setting("NOTIFY_URL", chat.url()) };
    let worker = stage.worker_with(options()).await;
    let repository = stage.repository_of(NAME, runs(), &worker.url).await;
    repository.file(".github/rerunner.yml", POLICY).await;
    let github = stage.github().await;
    let down = github.outage(Outage::of_registry(Millis::MIN, Millis::MAX).within(&[repository.id()]));
    let mut all = vec![];
    for number in 0..RUNS {
        let job = Job::new("test").steps(&["Set up job", "Install", "Run tests"]);
        all.push(repository.run(Workflow::new(&format!("ci {number}")).job(job)).await);
    }
    // All but one that is tried.
    let list = format!("/api/v1/repositories/{NAME}/runs");
    let held = |answer: &Value| {
        let runs = answer["runs"].as_array().into_iter().flatten();
        runs.filter(|run| !run["held_since"].is_null()).count()
    };
    eventually(&worker, &list, |answer| held(answer) >= RUNS - 1).await;
    let since = github.calls().len();
    let summary = eventually(&worker, "/api/v1/repositories", |answer| {
        let one = of_it(answer);
        one["held_runs"].as_u64() >= Some(RUNS as u64 - 1)
    })
    .await;
    let outage = &of_it(&summary)["outages"][0];
    assert_eq!(outage["class"], "registry", "{summary:#}");
    is_shown(&worker, outage["cause"].as_str().expect("a cause")).await;
    tried_one_at_a_time(&repository, since);

    worker.kill().await;
    let worker = stage.worker_with(options()).await;
    let url = format!("{}/", worker.url);
    repository.hook(|hook| hook.url = Some(url)).await;
    is_shown(&worker, outage["cause"].as_str().expect("a cause")).await;
    github.end_outage(down);
    for run in &all {
        passes(&worker, run).await;
    }
    let page = get(&worker, &format!("/overview/{NAME}")).await.text;
    assert!(!page.contains("Outages"), "{page}");
    let texts = chat.texts();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    assert!(texts[0].contains("octo/outage: many runs are failing, and their re-runs are held"), "{texts:#?}");
    worker.stop().await;
}

fn of_it(answer: &Value) -> &Value {
    let mut all = answer["repositories"].as_array().into_iter().flatten();
    all.find(|one| one["repository"] == NAME).unwrap_or(&Value::Null)
}

/// On the repository's page, as one of the outages, with the runs that it holds.
async fn is_shown(worker: &LocalWorker, cause: &str) {
    let page = get(worker, &format!("/overview/{NAME}")).await.text;
    for expected in [&format!("<b><bdi>{cause}</bdi></b>"), ">Outages<", "</span> held</span>", "Held: at least 3 runs"]
    {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
}

/// Since so many calls, at least one was, and no two without the time between them.
fn tried_one_at_a_time(repository: &Repository, since: usize) {
    let name = repository.name();
    let calls = repository.github().calls();
    let of_it = calls.iter().skip(since).filter(|call| call.repository.as_deref() == Some(name.as_str()));
    let tried: Vec<Millis> =
        of_it.filter(|call| call.endpoint == Some(Endpoint::RerunFailedJobs)).map(|call| call.at).collect();
    assert!(!tried.is_empty(), "none was tried");
    for two in tried.windows(2) {
        let apart = two[1] - two[0];
        assert!(apart >= PROBE_EVERY_MS, "{apart} ms: {tried:?}");
    }
}

/// In the end, by re-runs of which GitHub refused none, and with all of it on record.
async fn passes(worker: &LocalWorker, run: &Run) {
    let path = format!("{NAME}/runs/{}", run.id().0);
    let answer =
        eventually(worker, &format!("/api/v1/repositories/{path}"), |answer| answer["outcome"] == "rescued").await;
    assert_eq!(run.conclusion(), Some(Conclusion::Success));
    run.expect_reruns(run.attempt() as usize - 1).await;
    assert!(answer["held_since"].is_null(), "{answer:#}");
    let decisions = answer["decisions"].as_array().expect("a list");
    let held: Vec<_> = decisions.iter().filter(|decision| decision["outcome"] == "waiting").collect();
    assert!(!held.is_empty(), "{answer:#}");
    for decision in held {
        assert!(decision["reason"].as_str().is_some_and(|reason| reason.starts_with("Held: at least 3 runs")));
        assert_eq!(decision["detail"]["jobs"][0]["cause"]["class"], "registry", "{decision:#}");
    }
    let page = get(worker, &format!("/overview/{path}")).await.text;
    assert!(page.contains("</span> held</span>") && page.contains("(registry), log line"), "{page}");
}
