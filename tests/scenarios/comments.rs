//! Whose comment is ours: one that Rerunner itself has written, whatever anybody else's begins with.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::Options;
use simulator::{Comment, Endpoint, Fault, Job, Permission, Repository, Trigger, Workflow};

use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{comments_when, fails_once, rescued, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "comments",
        a_strangers_comment_is_not_ours_with_a_token,
        a_strangers_comment_is_not_ours_with_an_app,
        one_that_was_deleted_is_made_again_once,
        none_is_made_in_another_repository_of_the_name,
        a_forks_pull_request_has_one_whatever_the_policy_looks_at,
        the_merge_queues_run_is_told_of,
    )
}

const MARK: &str = "<!-- rerunner -->";

/// With a name that is as bad as can be.
fn always_fails() -> Workflow {
    Workflow::new("ci").job(Job::new("`]: https://evil.example @team #1").always_fails())
}

fn commenting() -> Options {
    Options::default().setting("COMMENT_ON_PULL_REQUESTS", "true")
}

/// Seen to fail when whoever begins a comment with the mark has written ours (the stranger's comment is edited).
async fn a_strangers_comment_is_not_ours_with_a_token(stage: Arc<Stage>) {
    let worker = stage.worker_with(commenting()).await;
    let repository = stage.repository_of("octo/marked", runs(), &worker.url).await;
    leaves_the_strangers_alone(&stage, &repository, "octo/marked").await;
    worker.stop().await;
}

/// Seen to fail when whoever begins a comment with the mark has written ours, or the App is not told from its slug (the
/// stranger's comment is edited; ours is there twice).
async fn a_strangers_comment_is_not_ours_with_an_app(stage: Arc<Stage>) {
    let github = stage.github().await;
    let app = github.app("commenting");
    let installation = app.install(&["octo/marked-for-an-app"]);
    app.grant(installation, "pull_requests", Permission::Write);
    let worker = stage.worker_of_app(&app, commenting()).await;
    let repository = stage.repository_of_app("octo/marked-for-an-app").await;
    leaves_the_strangers_alone(&stage, &repository, "octo/marked-for-an-app").await;
    worker.stop().await;
}

async fn leaves_the_strangers_alone(stage: &Stage, repository: &Repository, name: &str) {
    let github = stage.github().await;
    // It is made, and nothing is heard of it: a minute later it is looked for, among the others.
    github.fault(Fault::lose_answer().on(Endpoint::CreateComment).in_repository(name).times(1));
    let number = repository.pull_request("feature/mark", "ada").await;
    let strangers = repository.comment(number, "mallory", &format!("{MARK}\nI am Rerunner."));
    let run = repository.run_on(always_fails(), Trigger::pull_request(number, "ada")).await;
    run.ends(4).await;
    let says_all = |comment: &Comment| comment.edits > 0 && comment.body.contains("failed for good");
    let comments = comments_when(repository, number, |all| all.iter().any(says_all)).await;
    assert_eq!(comments.len(), 2, "{comments:#?}");
    let (theirs, ours): (Vec<_>, Vec<_>) = comments.into_iter().partition(|comment| comment.id == strangers);
    assert_eq!((theirs[0].edits, theirs[0].body.ends_with("I am Rerunner.")), (0, true), "{theirs:#?}");
    let body = &ours[0].body;
    assert!(body.contains("`` `]: https://evil.example @team #1 ``"), "{body}");
}

/// Seen to fail when a deleted comment is never made again (no comment).
async fn one_that_was_deleted_is_made_again_once(stage: Arc<Stage>) {
    let worker = stage.worker_with(commenting()).await;
    let repository = stage.repository_of("octo/deleted", runs(), &worker.url).await;
    let number = repository.pull_request("feature/deleted", "ada").await;
    let run = repository.run_on(always_fails(), Trigger::pull_request(number, "ada")).await;
    run.ends(4).await;
    let comments =
        comments_when(&repository, number, |all| all.iter().any(|one| one.body.contains("failed for good"))).await;
    repository.delete_comment(comments[0].id);
    run.press_rerun_failed("ada");
    run.ends(5).await;
    let again = comments_when(&repository, number, |all| all.len() == 1).await;
    assert_ne!(again[0].id, comments[0].id);
    repository.delete_comment(again[0].id);
    run.press_rerun_failed("ada");
    run.ends(6).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(repository.comments(number), [], "it was deleted twice");
    worker.stop().await;
}

/// It was renamed while a comment was due, and its name is another's now, with a pull request of the same number.
/// Seen to fail when comments go by the name (the comment is on the pull request of the other repository).
async fn none_is_made_in_another_repository_of_the_name(stage: Arc<Stage>) {
    let worker = stage.worker_with(commenting()).await;
    let github = stage.github().await;
    let repository = stage.repository_of("octo/taken-name", runs(), &worker.url).await;
    let number = repository.pull_request("feature/taken-name", "ada").await;
    let fault = Fault::answer(502, "Bad Gateway").on(Endpoint::CreateComment).in_repository("octo/taken-name");
    let fault = github.fault(fault);
    let run = repository.run_on(always_fails(), Trigger::pull_request(number, "ada")).await;
    run.ends(2).await;
    let tried = async {
        while !github
            .calls()
            .iter()
            .any(|call| call.endpoint == Some(Endpoint::CreateComment) && call.status == Some(502))
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, tried).await.is_ok(), "{}", github.history());
    repository.hook(|hook| hook.url = None).await;
    repository.rename("octo/taken-name-before").await;
    let another = github.repository("octo/taken-name").await;
    another.hook(|hook| hook.url = None).await;
    assert_eq!(another.pull_request("feature/another", "ada").await, number);
    github.clear_fault(fault);
    // Wherever the next try leads.
    comments_when(&repository, number, |all| !all.is_empty() || !another.comments(number).is_empty()).await;
    assert_eq!(another.comments(number), []);
    worker.stop().await;
}

async fn a_forks_pull_request_has_one_whatever_the_policy_looks_at(stage: Arc<Stage>) {
    let worker = stage.worker_with(commenting()).await;
    let repository = stage.repository_of("octo/forked", runs(), &worker.url).await;
    repository.file(".github/rerunner.yml", "skip_superseded: false\n").await;
    let number = repository.pull_request_from_fork("feature/fork", "cara").await;
    let run = repository.run_on(fails_once(), Trigger::pull_request(number, "cara")).await;
    rescued(&run).await;
    let passed = |all: &[Comment]| all.iter().any(|one| one.body.contains("passed after a re-run"));
    assert_eq!(comments_when(&repository, number, passed).await.len(), 1);
    worker.stop().await;
}

async fn the_merge_queues_run_is_told_of(stage: Arc<Stage>) {
    let worker = stage.worker_with(commenting()).await;
    let repository = stage.repository_of("octo/queued", runs(), &worker.url).await;
    let number = repository.pull_request("feature/queued", "ada").await;
    let other = repository.pull_request("feature/other", "ada").await;
    let run = repository.merge_queue_run(fails_once(), number).await;
    rescued(&run).await;
    let out = "- It has since passed, but the pull request was not put back: add it to the queue again.\n";
    let comments = comments_when(&repository, number, |all| all.iter().any(|one| one.body.contains(out))).await;
    assert_eq!(comments.len(), 1, "{comments:#?}");
    let by = "- If this check is required, the pull request was removed from the merge queue, because of:\n  - `test`";
    assert!(comments[0].body.contains(by), "{}", comments[0].body);
    assert_eq!(repository.comments(other), []);
    worker.stop().await;
}
