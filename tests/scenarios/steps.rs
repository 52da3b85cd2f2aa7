//! What several scenarios have happen, and what they look for.

use std::time::Duration;

use local_worker::LocalWorker;
use serde_json::Value;
use simulator::{Comment, Conclusion, EventKind, EventKinds, Job, Repository, Run, Workflow};

use crate::stage::PATIENCE;

/// The one event that Rerunner needs.
pub fn runs() -> EventKinds {
    EventKinds::only(EventKind::WorkflowRun)
}

pub fn fails_once() -> Workflow {
    Workflow::new("ci").job(Job::new("test").fails(1))
}

pub async fn rescued(run: &Run) {
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
}

/// What was decided on a run, as the Worker logs it: the first decision that is as asked for.
pub async fn decision(worker: &LocalWorker, run: &Run, is_it: impl Fn(&Value) -> bool) -> Value {
    let id = run.id().0;
    let of_run = |event: &Value| event["event"] == "decision" && event["run_id"] == id && is_it(event);
    worker.log().wait_for(PATIENCE, of_run).await.unwrap_or_else(|| {
        let (log, history) = (worker.log().lines().join("\n"), run.repository().github().history());
        panic!("no such decision on run {id}:\n{log}\n{history}")
    })
}

/// Waits until the comments on a pull request are as expected.
pub async fn comments_when(
    repository: &Repository,
    number: u64,
    expected: impl Fn(&[Comment]) -> bool,
) -> Vec<Comment> {
    let as_expected = async {
        while !expected(&repository.comments(number)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, as_expected).await;
    let comments = repository.comments(number);
    assert!(in_time.is_ok(), "{comments:#?}");
    comments
}
