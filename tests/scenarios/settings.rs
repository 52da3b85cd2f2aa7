//! Settings, each with a Worker of its own.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::Options;
use simulator::{Conclusion, EventKinds, Job, Trigger, Workflow};

use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::fails_once;

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "settings",
        who_is_served,
        who_is_served_no_longer,
        limit_and_dry_run,
        the_delay,
        the_sweep,
        nothing_while_one_is_wrong,
    )
}

const A_WHILE: Duration = Duration::from_secs(3);

fn always_fails() -> Workflow {
    Workflow::new("ci").job(Job::new("test").always_fails())
}

/// Seen to fail when `REPOSITORIES` is not looked at, or `NO_RERUN_ACTORS` is not, or its case matters (a second
/// attempt).
async fn who_is_served(stage: Arc<Stage>) {
    let options = Options::default()
        .setting("REPOSITORIES", "octo/served, acme/*")
        .setting("NO_RERUN_ACTORS", "dependabot[bot], Release-Bot")
        .setting("MAX_RERUNS", "1");
    let worker = stage.worker_with(options).await;
    let served = stage.repository_of("octo/served", EventKinds::ALL, &worker.url).await;
    let other = stage.repository_of("octo/not-served", EventKinds::ALL, &worker.url).await;
    let by_person = served.run_on(always_fails(), Trigger::push("main", "ann")).await;
    let by_bot = served.run_on(always_fails(), Trigger::push("main", "dependabot[bot]")).await;
    let by_other_bot = served.run_on(always_fails(), Trigger::push("main", "release-bot")).await;
    let elsewhere = other.run_on(always_fails(), Trigger::push("main", "ann")).await;
    assert_eq!(by_person.ends(2).await, Conclusion::Failure);
    by_person.expect_reruns(1).await;
    by_person.expect_no_rerun_for(A_WHILE).await;
    for run in [by_bot, by_other_bot, elsewhere] {
        assert_eq!(run.attempt(), 1);
    }
    let calls = stage.github().await.calls();
    assert!(
        !calls.iter().any(|call| call.repository.as_deref() == Some("octo/not-served")),
        "nothing was called for it"
    );
    worker.stop().await;
}

/// What was stored for a repository is not acted on once it is taken out of `REPOSITORIES`.
/// Seen to fail when stored runs are worked on without a look at whether their repository is still served (its runs are
/// re-run).
async fn who_is_served_no_longer(stage: Arc<Stage>) {
    let storage = tempfile::tempdir().expect("a folder");
    let serving = |repositories: &str, delay: &str| Options {
        storage: Some(storage.path().to_owned()),
        ..Options::default().setting("REPOSITORIES", repositories).setting("RERUN_DELAY", delay)
    };
    let worker = stage.worker_with(serving("*", "8s")).await;
    let repository = stage.repository_of("octo/unserved", EventKinds::ALL, &worker.url).await;
    let run = repository.run(always_fails()).await;
    let stored = worker.log().wait_for(PATIENCE, |event| event["outcome"] == "scheduled").await;
    assert!(stored.is_some(), "the webhook was not stored");
    worker.kill().await;
    let worker = stage.worker_with(serving("acme/*", "0s")).await;
    let left =
        worker.log().wait_for(PATIENCE, |event| event["event"] == "decision" && event["outcome"] == "left").await;
    assert!(left.is_some_and(|event| event["reason"].as_str().is_some_and(|text| text.contains("REPOSITORIES"))));
    run.expect_no_rerun_for(A_WHILE).await;
    let calls = stage.github().await.calls();
    assert!(!calls.iter().any(|call| call.repository.as_deref() == Some("octo/unserved")), "GitHub was asked");
    worker.stop().await;
}

/// Seen to fail when `DRY_RUN` is not looked at, or a limit of 0 means no limit (another reason; a re-run).
async fn limit_and_dry_run(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("DRY_RUN", "true")).await;
    let repository = stage.repository_of("octo/dry", EventKinds::ALL, &worker.url).await;
    let run = repository.run(always_fails()).await;
    let decided = worker.log().wait_for(PATIENCE, |event| event["event"] == "decision").await;
    let reason = decided.and_then(|event| event["reason"].as_str().map(str::to_owned)).expect("a decision");
    assert!(reason.contains("DRY_RUN") && reason.contains("re-run 1 of at most 3"), "{reason}");
    run.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
    let worker = stage.worker_with(Options::default().setting("MAX_RERUNS", "0")).await;
    let repository = stage.repository_of("octo/none", EventKinds::ALL, &worker.url).await;
    let run = repository.run(always_fails()).await;
    run.ends(1).await;
    run.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
}

/// Seen to fail when `RERUN_DELAY` is not looked at (a re-run within 4 s).
async fn the_delay(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("RERUN_DELAY", "5s")).await;
    let repository = stage.repository_of("octo/delayed", EventKinds::ALL, &worker.url).await;
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    run.expect_no_rerun_for(Duration::from_secs(4)).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    worker.stop().await;
}

/// Seen to fail when there is no sweep, or what it lists is not taken up (attempt 2 never ends).
async fn the_sweep(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("SWEEP_INTERVAL", "1m")).await;
    let repository = stage.repository_of("octo/swept", EventKinds::ALL, &worker.url).await;
    // One webhook makes the repository known; after that all of them are lost.
    let known = repository.run(fails_once()).await;
    assert_eq!(known.ends(2).await, Conclusion::Success);
    repository.hook(|hook| hook.url = None).await;
    let missed = repository.run(fails_once()).await;
    assert_eq!(missed.ends(2).await, Conclusion::Success);
    missed.expect_reruns(1).await;
    worker.stop().await;
}

/// Seen to fail when GitHub is called anyway, or the webhook is refused (a re-run; nothing was stored).
async fn nothing_while_one_is_wrong(stage: Arc<Stage>) {
    let storage = tempfile::tempdir().expect("a folder");
    let with_limit = |limit: &str| Options {
        storage: Some(storage.path().to_owned()),
        ..Options::default().setting("MAX_RERUNS", limit)
    };
    let worker = stage.worker_with(with_limit("a-few")).await;
    let repository = stage.repository_of("octo/mended", EventKinds::ALL, &worker.url).await;
    let run = repository.run(fails_once()).await;
    let stored = worker.log().wait_for(PATIENCE, |event| event["outcome"] == "scheduled").await;
    assert!(stored.is_some(), "the webhook was not stored");
    run.expect_no_rerun_for(A_WHILE).await;
    let calls = stage.github().await.calls();
    assert!(!calls.iter().any(|call| call.repository.as_deref() == Some("octo/mended")), "GitHub is left alone");
    worker.stop().await;
    // Nothing is sent to the one that is set up right: it has what was kept.
    let worker = stage.worker_with(with_limit("1")).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    worker.stop().await;
}
