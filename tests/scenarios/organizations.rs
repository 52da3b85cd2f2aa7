//! What holds where a repository has no rules of its own: the organization's file, or a preset. Each with a Worker of its own.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::Value;
use simulator::{Endpoint, Job, Run, Workflow};

use crate::http::eventually;
use crate::stage::{Stage, trials};
use crate::steps::{decision, fails_once, rescued, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "organizations",
        the_organizations_file,
        a_broken_one_says_whose_it_is,
        an_app_reads_it_where_it_is_public_or_installed,
        the_preset_of_the_settings,
    )
}

const FILE: &str = ".github/rerunner.yml";
const A_WHILE: Duration = Duration::from_secs(2);

/// By which policy the run's last decision was made.
async fn by(worker: &LocalWorker, run: &Run) -> Value {
    let path = format!("/api/v1/repositories/{}/runs/{}", run.repository().name(), run.id().0);
    let decided = eventually(worker, &path, |answer| answer["decisions"][0]["outcome"].is_string()).await;
    decided["decisions"]
        .as_array()
        .and_then(|all| all.iter().find_map(|one| one["detail"].get("policy")))
        .cloned()
        .unwrap_or_default()
}

async fn is_left(worker: &LocalWorker, run: &Run, parts: &[&str]) {
    let decided = decision(worker, run, |event| event["outcome"] == "left").await;
    for part in parts {
        assert!(decided["reason"].as_str().is_some_and(|reason| reason.contains(part)), "{part}: {decided}");
    }
    run.expect_no_rerun_for(A_WHILE).await;
}

/// Seen not to pass when the organization's file is read and does not hold.
async fn the_organizations_file(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default()).await;
    let shared = stage.repository_of("guild/.github", runs(), &worker.url).await;
    shared.file(FILE, "max_reruns: 0\n").await;
    let without = stage.repository_of("guild/without", runs(), &worker.url).await;
    let extending = stage.repository_of("guild/extending", runs(), &worker.url).await;
    extending.file(FILE, "extends: organization\nmax_reruns: 1\n").await;
    let own = stage.repository_of("guild/own", runs(), &worker.url).await;
    own.file(FILE, "max_reruns: 2\n").await;
    let (first, second, third) =
        (without.run(fails_once()).await, extending.run(fails_once()).await, own.run(fails_once()).await);
    is_left(&worker, &first, &["max_reruns"]).await;
    rescued(&second).await;
    rescued(&third).await;
    // And its own runs.
    is_left(&worker, &shared.run(fails_once()).await, &["max_reruns"]).await;
    for (run, expected) in [(&first, "organization"), (&second, "repository"), (&third, "repository")] {
        assert_eq!(by(&worker, run).await, expected);
    }
    // What is known holds for five minutes.
    is_left(&worker, &without.run(fails_once()).await, &[]).await;
    let calls = stage.github().await.calls();
    let read = calls.iter().filter(|call| {
        call.endpoint == Some(Endpoint::Contents) && call.repository.as_deref() == Some("guild/.github")
    });
    assert_eq!(read.count(), 3, "without, extending, and .github itself");
    worker.stop().await;
}

/// Seen not to pass with the same break.
async fn a_broken_one_says_whose_it_is(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default()).await;
    let shared = stage.repository_of("clumsy/.github", runs(), &worker.url).await;
    shared.file(FILE, "version: 1\nmax_rerun: 2\n").await;
    let without = stage.repository_of("clumsy/without", runs(), &worker.url).await;
    let own = stage.repository_of("clumsy/own", runs(), &worker.url).await;
    own.file(FILE, "max_reruns: 2\n").await;
    let (left, fine) = (without.run(fails_once()).await, own.run(fails_once()).await);
    is_left(&worker, &left, &["OWNER/.github", "line 2, column 1", "did you mean max_reruns?"]).await;
    rescued(&fine).await;
    let path = "/api/v1/repositories/clumsy/without/runs?limit=1";
    eventually(&worker, path, |answer| answer.to_string().contains("OWNER/.github")).await;
    let extending = stage.repository_of("lonely/extending", runs(), &worker.url).await;
    extending.file(FILE, "version: 1\nextends: organization\n").await;
    is_left(&worker, &extending.run(fails_once()).await, &["line 2, column 10", "OWNER/.github has none"]).await;
    worker.stop().await;
}

/// One that is not to be had fails no run. Seen not to pass with the same break.
async fn an_app_reads_it_where_it_is_public_or_installed(stage: Arc<Stage>) {
    let app = stage.github().await.app("guild-app");
    let worker = stage.worker_of_app(&app, Options::default()).await;
    let mut figures = Vec::new();
    for (owner, public, installed, holds) in
        [("open", true, false, true), ("shut", false, false, false), ("inside", false, true, true)]
    {
        let shared = stage.repository_of_app(&format!("{owner}/.github")).await;
        shared.file(FILE, "max_reruns: 0\n").await;
        if public {
            shared.make_public().await;
        }
        let name = format!("{owner}/widgets");
        let repository = stage.repository_of_app(&name).await;
        let all = [name.clone(), format!("{owner}/.github")];
        let all: Vec<&str> = all.iter().map(String::as_str).take(if installed { 2 } else { 1 }).collect();
        let installation = app.install(&all);
        for _ in 0..2 {
            let run = repository.run(fails_once()).await;
            if holds { is_left(&worker, &run, &["max_reruns"]).await } else { rescued(&run).await }
        }
        let path = format!("/app/installations/{installation}/access_tokens");
        figures.push(stage.github().await.calls().iter().filter(|call| call.path == path).count());
    }
    assert_eq!(figures, [1, 2, 2], "tokens asked for: the repository's, and one for .github where it is not shown");
    worker.stop().await;
}

/// `DEFAULT_POLICY`, and a file that begins with another preset.
async fn the_preset_of_the_settings(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("DEFAULT_POLICY", "infrastructure")).await;
    let repository = stage.repository_of("modest/widgets", runs(), &worker.url).await;
    let real = repository.run(fails_once()).await;
    is_left(&worker, &real, &["no rule"]).await;
    assert_eq!(by(&worker, &real).await, "infrastructure");
    let lost = Job::new("test").loses_runner(1);
    let lost = repository.run(Workflow::new("lost").job(lost)).await;
    rescued(&lost).await;
    assert_eq!(by(&worker, &lost).await, "infrastructure");
    let everything = stage.repository_of("modest/everything", runs(), &worker.url).await;
    everything.file(FILE, "extends: everything\n").await;
    let run = everything.run(fails_once()).await;
    rescued(&run).await;
    assert_eq!(by(&worker, &run).await, "repository");
    worker.stop().await;
}
