//! What a commit shows of its failed runs, with `COMMIT_STATUS`.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::Options;
use simulator::model::StatusState;
use simulator::{Conclusion, Endpoint, Fault, Job, Permission, Repository, Run, Trigger, Workflow};
use tempfile::tempdir;

use crate::doctor::{doctor, is};
use crate::setup::ADMIN;
use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{decision, fails_once, rescued, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "commit_status",
        pending_while_it_may_be_re_run_and_then_how_it_ended,
        lost_answers_and_refusals_leave_nothing_pending,
        people_re_run_and_cancel,
        the_last_word_is_said_in_a_pause_and_when_switched_off,
        an_app_without_the_permission_re_runs_all_the_same,
    )
}

fn with_status() -> Options {
    Options::default().setting("COMMIT_STATUS", "rerunner").setting("ADMIN_TOKEN", ADMIN)
}

/// Long enough for what is pending to be written.
fn fails(times: u32, takes: u64) -> Workflow {
    Workflow::new("ci").job(Job::new("test").fails(times).duration(takes))
}

/// All that was written of a run's commit, oldest first: context, state and description.
fn written(run: &Run) -> Vec<(String, StatusState, String)> {
    let all = run.repository().statuses(run.head_sha());
    all.into_iter().map(|one| (one.context, one.state, one.description.unwrap_or_default())).collect()
}

/// Waits until the newest status of the run's commit is like this.
async fn shows(run: &Run, state: StatusState, part: &str) {
    let is_it = || written(run).last().is_some_and(|(_, newest, text)| *newest == state && text.contains(part));
    let shown = async {
        while !is_it() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, shown).await.is_ok();
    assert!(in_time, "{state:?} {part:?} is not shown: {:#?}\n{}", written(run), run.repository().github().history());
}

/// Seen to fail when the status is of the wrong commit (nothing is shown), and when what was said is said again (six
/// statuses of four).
async fn pending_while_it_may_be_re_run_and_then_how_it_ended(stage: Arc<Stage>) {
    let worker = stage.worker_with(with_status()).await;
    let repository = stage.repository_of("octo/shown", runs(), &worker.url).await;
    let number = repository.pull_request("feature/shown", "ada").await;
    let run = repository.run_on(fails(9, 2_000), Trigger::pull_request(number, "ada")).await;
    run.ends(4).await;
    shows(&run, StatusState::Failure, "Gave up: attempt 4 failed in job \"test\"").await;
    let pending = |n: u32| {
        let text = format!("Attempt {n} failed: re-run {n} of at most 3");
        ("rerunner / ci".to_owned(), StatusState::Pending, text)
    };
    let mut all = written(&run);
    all.pop();
    assert_eq!(all, [pending(1), pending(2), pending(3)]);
    let status = repository.statuses(run.head_sha()).pop().expect("one");
    let page = format!("{}/octo/shown/actions/runs/{}", stage.github().await.url(), run.id().0);
    assert_eq!(status.target_url, Some(page));

    let good = repository.run_on(fails(0, 100), Trigger::push("good", "ada")).await;
    assert_eq!(good.ends(1).await, Conclusion::Success);
    let run = repository.run(fails(1, 2_000)).await;
    rescued(&run).await;
    shows(&run, StatusState::Success, "Attempt 2 succeeded.").await;
    assert_eq!(written(&run).len(), 2, "{:#?}", written(&run));
    assert_eq!(written(&good), [], "it never failed");
    worker.stop().await;
}

/// The answer to the first is lost, and GitHub is down when the second run has ended; a minute later it is there.
/// Seen to fail when a write is not tried again (the second run is pending for ever).
async fn lost_answers_and_refusals_leave_nothing_pending(stage: Arc<Stage>) {
    let worker = stage.worker_with(with_status()).await;
    let repository = stage.repository_of("octo/shown-late", runs(), &worker.url).await;
    let github = stage.github().await;
    github.fault(Fault::lose_answer().on(Endpoint::CreateStatus).in_repository("octo/shown-late").times(1));
    let run = repository.run(fails_once()).await;
    rescued(&run).await;
    shows(&run, StatusState::Success, "Attempt 2 succeeded.").await;
    let run = repository.run_on(fails(1, 5_000), Trigger::push("later", "ada")).await;
    shows(&run, StatusState::Pending, "re-run 1 of at most 3").await;
    let down = Fault::answer(502, "Bad Gateway").on(Endpoint::CreateStatus).in_repository("octo/shown-late").times(1);
    github.fault(down);
    rescued(&run).await;
    shows(&run, StatusState::Success, "Attempt 2 succeeded.").await;
    worker.stop().await;
}

/// Seen to fail when only what Rerunner has re-run is shown (the status stays a failure).
async fn people_re_run_and_cancel(stage: Arc<Stage>) {
    let options = with_status().setting("MAX_RERUNS", "1");
    let worker = stage.worker_with(options).await;
    let repository = stage.repository_of("octo/shown-people", runs(), &worker.url).await;
    let run = repository.run(fails(2, 100)).await;
    assert_eq!(run.ends(2).await, Conclusion::Failure);
    shows(&run, StatusState::Failure, "Gave up").await;
    run.press_rerun_failed("ada");
    assert_eq!(run.ends(3).await, Conclusion::Success);
    shows(&run, StatusState::Success, "Attempt 3 succeeded.").await;

    let slow = Workflow::new("slow").job(Job::new("test").fails(1).duration(20_000));
    let run = repository.run(slow).await;
    run.expect_reruns(1).await;
    shows(&run, StatusState::Pending, "re-run 1 of at most 1").await;
    run.cancel();
    assert_eq!(run.ends(2).await, Conclusion::Cancelled);
    shows(&run, StatusState::Failure, "attempt 2 concluded cancelled").await;
    worker.stop().await;
}

/// Seen to fail when what is paused writes no status, and when one that is switched off brings nothing to its end (pending for
/// ever).
async fn the_last_word_is_said_in_a_pause_and_when_switched_off(stage: Arc<Stage>) {
    let storage = tempdir().expect("a folder");
    let kept = |options: Options| Options { storage: Some(storage.path().to_owned()), ..options };
    let worker = stage.worker_with(kept(with_status())).await;
    let repository = stage.repository_of("octo/shown-paused", runs(), &worker.url).await;
    let run = repository.run(fails(1, 10_000)).await;
    shows(&run, StatusState::Pending, "re-run 1 of at most 3").await;
    act(&worker.url, "pause").await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    shows(&run, StatusState::Success, "Attempt 2 succeeded.").await;
    act(&worker.url, "resume").await;

    let run = repository.run_on(fails(1, 10_000), Trigger::push("later", "ada")).await;
    shows(&run, StatusState::Pending, "re-run 1 of at most 3").await;
    worker.stop().await;
    let worker = stage.worker_with(kept(with_status().setting("COMMIT_STATUS", ""))).await;
    repository.hook(|hook| hook.url = Some(format!("{}/", worker.url))).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    shows(&run, StatusState::Success, "Attempt 2 succeeded.").await;
    let other = repository.run_on(fails_once(), Trigger::push("switched-off", "ada")).await;
    rescued(&other).await;
    decision(&worker, &other, |event| event["outcome"] == "rescued").await;
    assert_eq!(written(&other), []);
    worker.stop().await;
}

async fn act(url: &str, what: &str) {
    let url = format!("{url}/api/v1/repositories/octo/shown-paused/{what}");
    let answer = crate::setup::client().post(url).bearer_auth(ADMIN).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

/// Seen to fail when a token is asked for with all that is switched on, or not at all (no re-run).
async fn an_app_without_the_permission_re_runs_all_the_same(stage: Arc<Stage>) {
    let github = stage.github().await;
    let app = github.app("showing");
    let installation = app.install(&["octo/shown-by-an-app"]);
    let worker = stage.worker_of_app(&app, with_status()).await;
    let repository: Repository = stage.repository_of_app("octo/shown-by-an-app").await;
    for _ in 0..2 {
        let run = repository.run(fails_once()).await;
        rescued(&run).await;
        assert_eq!(written(&run), []);
    }
    let says = |event: &serde_json::Value| event.to_string().contains("Commit statuses do not work");
    worker.log().wait_for(PATIENCE, says).await.expect("a word");
    assert_eq!(worker.log().lines().iter().filter(|line| line.contains("Commit statuses do not work")).count(), 1);
    let admin = [("ADMIN_TOKEN", ADMIN)];
    let look = async || doctor(&[&worker.url, "octo/shown-by-an-app"], &admin).await.1;
    is(&look().await, "octo/shown-by-an-app: App", "wrong", "statuses: write (COMMIT_STATUS)");
    app.grant(installation, "statuses", Permission::Write);
    is(&look().await, "octo/shown-by-an-app: App", "ok", "installed");
    worker.stop().await;
}
