//! The Worker goes away between a webhook and its re-run, and comes back on the same storage.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::Options;
use simulator::Conclusion;

use crate::stage::{Stage, trials};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "restarts", killed_between_webhook_and_rerun)
}

/// Seen to fail when no alarm is set, or the webhook is stored after its answer (attempt 2 never ends).
async fn killed_between_webhook_and_rerun(stage: Arc<Stage>) {
    let storage = tempfile::tempdir().expect("a folder");
    let options =
        || Options { storage: Some(storage.path().to_owned()), ..Options::default().setting("RERUN_DELAY", "6s") };
    let worker = stage.worker_with(options()).await;
    let repository = stage.repository_of("octo/restarted", runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    let stored = worker.log().wait_for(Duration::from_secs(20), |event| event["outcome"] == "scheduled").await;
    assert!(stored.is_some(), "the webhook was not stored");
    worker.kill().await;
    run.expect_no_rerun_for(Duration::from_secs(1)).await;
    // Nothing is sent to the new one: what was stored, and its alarm, are all that it has.
    let worker = stage.worker_with(options()).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(Duration::from_secs(2)).await;
    worker.stop().await;
}
