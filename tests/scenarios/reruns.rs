//! The main job: what fails is re-run, as often as it may be, and nothing else is.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use simulator::{
    AttemptKind, Conclusion, ContentType, Delivery, EventKind, EventKinds, Job, JobAction, Outcome, Run, RunAction,
    SimulatedGitHub, Trigger, Workflow,
};

use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{decision, fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "reruns",
        a_success_is_ignored,
        a_failure_is_rerun_and_rescued,
        three_reruns_and_no_fourth,
        a_persons_rerun_counts,
        workflow_run_alone,
        workflow_job_alone,
        check_run_alone,
        all_kinds_at_once,
        form_webhooks,
        jobs_that_need_each_other,
        a_matrix_of_40_jobs,
        a_job_that_fails_while_the_run_goes_on,
        runs_that_are_never_rerun,
        a_job_that_is_allowed_to_fail,
        an_outdated_pull_request,
        a_delivery_sent_twice,
        two_webhooks_in_the_same_instant,
        an_old_attempts_webhook_comes_late,
        a_webhook_that_lies,
    )
}

const ALL: EventKinds = EventKinds::ALL;
/// Long enough for anything that was scheduled to have happened.
const A_WHILE: Duration = Duration::from_secs(3);
/// Its 41 webhooks of failures would otherwise be a read each.
const MATRIX_READS: usize = 8;

/// How often GitHub was asked to re-run it, and how often the run was read. GitHub refuses a second re-run of an attempt,
/// so that the re-runs that came of it do not tell whether it was asked for once.
async fn asked(stage: &Stage, run: &Run) -> (usize, usize) {
    let calls = stage.github().await.calls();
    let of_run = |method: &str| calls.iter().filter(|call| call.run == Some(run.id()) && call.method == method).count();
    (of_run("POST"), of_run("GET"))
}

/// Seen to fail when a success is taken for a failure (202 `scheduled` instead of 200 `ignored`).
async fn a_success_is_ignored(stage: Arc<Stage>) {
    let repository = stage.repository("octo/success", ALL).await;
    let run = repository.run(Workflow::new("ci").job(Job::new("test"))).await;
    assert_eq!(run.ends(1).await, Conclusion::Success);
    run.expect_no_rerun_for(A_WHILE).await;
    let all = async {
        loop {
            let mut of_it = stage.github().await.deliveries();
            of_it.retain(|delivery| delivery.run == Some(run.id()) && delivery.status().is_some());
            if of_it.len() >= 3 {
                return of_it;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    for delivery in tokio::time::timeout(PATIENCE, all).await.expect("three webhooks") {
        let answer = delivery.json().expect("JSON");
        assert_eq!((delivery.status(), &answer["outcome"]), (Some(200), &"ignored".into()), "{answer}");
    }
}

/// Seen to fail when nothing is re-run, or re-runs are not counted, or a rescue is called `left` (no re-run; `reruns`
/// 0; no decision `rescued`).
async fn a_failure_is_rerun_and_rescued(stage: Arc<Stage>) {
    let repository = stage.repository("octo/rescued", runs()).await;
    let run = repository.run(fails_once()).await;
    run.expect_reruns(1).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    decision(stage.worker().await, &run, |event| event["outcome"] == "rescued").await;
    run.expect_no_rerun_for(A_WHILE).await;
    let count = stage.kv(&format!("attempts/octo/rescued/{}", run.id().0)).await;
    assert_eq!((&count["run_attempt"], &count["reruns"], &count["outcome"]), (&2.into(), &1.into(), &"rescued".into()));
    assert_eq!(count["workflow"], "ci");
}

/// Seen to fail when the limit is one more, or one less (a fourth re-run; attempt 4 never ends).
async fn three_reruns_and_no_fourth(stage: Arc<Stage>) {
    let repository = stage.repository("octo/exhausted", ALL).await;
    let run = repository.run(Workflow::new("ci").job(Job::new("test").always_fails())).await;
    assert_eq!(run.ends(4).await, Conclusion::Failure);
    run.expect_reruns(3).await;
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(run.attempt(), 4);
    let count = stage.kv(&format!("attempts/octo/exhausted/{}", run.id().0)).await;
    assert_eq!(
        (&count["run_attempt"], &count["reruns"], &count["outcome"]),
        (&4.into(), &3.into(), &"exhausted".into())
    );
}

/// Seen to fail when only Rerunner's own re-runs are counted (one re-run too many).
async fn a_persons_rerun_counts(stage: Arc<Stage>) {
    let repository = stage.repository("octo/person", EventKinds::NONE).await;
    let run = repository.run(Workflow::new("ci").job(Job::new("test").always_fails())).await;
    run.ends(1).await;
    run.press_rerun_failed("ann");
    run.ends(2).await;
    // From here on the webhooks are there: attempts 2 and 3 are re-run, and no more.
    repository.hook(|hook| hook.events = runs()).await;
    run.press_rerun_all("ann");
    assert_eq!(run.ends(4).await, Conclusion::Failure);
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(A_WHILE).await;
}

async fn one_kind(stage: Arc<Stage>, name: &str, kinds: EventKinds) {
    let repository = stage.repository(name, kinds).await;
    let run = repository.run(Workflow::new("ci").job(Job::new("test").fails(2)).job(Job::new("lint"))).await;
    assert_eq!(run.ends(3).await, Conclusion::Success);
    run.expect_reruns(2).await;
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(asked(&stage, &run).await.0, 2, "each failed attempt is acted on once");
}

/// Seen to fail when `workflow_run` is an unwanted event (attempt 3 never ends).
async fn workflow_run_alone(stage: Arc<Stage>) {
    one_kind(stage, "octo/runs-alone", runs()).await;
}

/// Seen to fail when `workflow_job` is an unwanted event (attempt 3 never ends).
async fn workflow_job_alone(stage: Arc<Stage>) {
    one_kind(stage, "octo/jobs-alone", EventKinds::only(EventKind::WorkflowJob)).await;
}

/// Seen to fail when `check_run` is an unwanted event (attempt 3 never ends).
async fn check_run_alone(stage: Arc<Stage>) {
    one_kind(stage, "octo/checks-alone", EventKinds::only(EventKind::CheckRun)).await;
}

/// Seen to fail when each delivery gets a Keeper of its own (GitHub was asked 6 times, not 2).
async fn all_kinds_at_once(stage: Arc<Stage>) {
    one_kind(stage, "octo/all-kinds", ALL).await;
}

/// Seen to fail when the form is not decoded (attempt 2 never ends).
async fn form_webhooks(stage: Arc<Stage>) {
    let repository = stage.repository("octo/forms", runs()).await;
    repository.hook(|hook| hook.content_type = ContentType::Form).await;
    let run = repository.run(fails_once()).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
}

/// Seen to fail when all jobs are re-run, or a run that is going counts as failed (the attempt ran all jobs; GitHub was
/// asked twice).
async fn jobs_that_need_each_other(stage: Arc<Stage>) {
    let repository = stage.repository("octo/staged", ALL).await;
    let workflow = Workflow::new("ci")
        .job(Job::new("build"))
        .job(Job::new("test").needs(&["build"]).fails(1))
        .job(Job::new("deploy").needs(&["test"]))
        .job(Job::gate("all-green", &["deploy"]).duration(2_000));
    let run = repository.run(workflow).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(run.attempt_kinds(), [AttemptKind::First, AttemptKind::FailedJobs]);
    assert_eq!(asked(&stage, &run).await.0, 1, "asked once, at the end");
}

/// Seen to fail when each webhook makes a read, or each delivery gets a Keeper of its own (15 reads of one run; GitHub
/// was asked 76 times).
async fn a_matrix_of_40_jobs(stage: Arc<Stage>) {
    let repository = stage.repository("octo/matrix", ALL).await;
    let workflow = Workflow::new("ci").job(Job::new("test").matrix(40).no_fail_fast().spread(4_000).fails(1));
    let run = repository.run(workflow).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(A_WHILE).await;
    let (reruns, reads) = asked(&stage, &run).await;
    assert_eq!(reruns, 1, "asked once, at the end");
    assert!(reads <= MATRIX_READS, "{reads} reads of one run");
}

/// Seen to fail when a run that is going counts as failed (a 403 of GitHub's).
async fn a_job_that_fails_while_the_run_goes_on(stage: Arc<Stage>) {
    let repository = stage.repository("octo/early", ALL).await;
    let workflow = Workflow::new("ci").job(Job::new("early").fails(1)).job(Job::new("late").duration(6_000));
    let run = repository.run(workflow).await;
    run.expect_no_rerun_for(Duration::from_secs(4)).await;
    assert_eq!(run.attempt(), 1);
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
    // GitHub was never asked while the run went on.
    let calls = stage.github().await.calls();
    assert!(!calls.iter().any(|call| call.run == Some(run.id()) && call.status == Some(403)), "{calls:#?}");
}

/// Seen to fail when `cancelled`, `startup_failure`, `action_required` count as failures (a second attempt; GitHub was
/// asked; the approved run is never re-run).
async fn runs_that_are_never_rerun(stage: Arc<Stage>) {
    let repository = stage.repository("octo/never", ALL).await;
    let cancelled = repository.run(Workflow::new("cancelled").job(Job::new("test").script([Outcome::Cancelled]))).await;
    let broken = repository.run(Workflow::new("broken").startup_failure()).await;
    let waits = repository.run(Workflow::new("waits").action_required().job(Job::new("test").fails(1))).await;
    let stopped = repository.run(Workflow::new("stopped").job(Job::new("test").duration(60_000).always_fails())).await;
    stopped.cancel();
    assert_eq!(cancelled.ends(1).await, Conclusion::Cancelled);
    assert_eq!(broken.ends(1).await, Conclusion::StartupFailure);
    assert_eq!(stopped.ends(1).await, Conclusion::Cancelled);
    tokio::time::sleep(A_WHILE).await;
    for run in [&cancelled, &broken, &waits, &stopped] {
        assert_eq!((run.attempt(), asked(&stage, run).await.0), (1, 0), "{:?}", run.id());
    }
    // Somebody approves the one that waits, and then it fails: in the same attempt.
    waits.approve();
    assert_eq!(waits.ends(2).await, Conclusion::Success);
    waits.expect_reruns(1).await;
}

/// Seen to fail when a success is re-run (GitHub was asked).
async fn a_job_that_is_allowed_to_fail(stage: Arc<Stage>) {
    let repository = stage.repository("octo/lenient", ALL).await;
    let workflow =
        Workflow::new("ci").job(Job::new("nightly").always_fails().continue_on_error()).job(Job::new("test"));
    let run = repository.run(workflow).await;
    assert_eq!(run.ends(1).await, Conclusion::Success);
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(asked(&stage, &run).await.0, 0);
}

/// Seen to fail when the pull request's head is not looked at (`rescued` instead of `superseded`).
async fn an_outdated_pull_request(stage: Arc<Stage>) {
    let repository = stage.repository("octo/outdated", runs()).await;
    let number = repository.pull_request("feature", "ann").await;
    let workflow = || Workflow::new("ci").job(Job::new("test").duration(800).fails(1));
    let run = repository.run_on(workflow(), Trigger::pull_request(number, "ann")).await;
    repository.push_to_pull_request(number).await;
    let newer = repository.run_on(workflow(), Trigger::pull_request(number, "ann")).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    assert_eq!(newer.ends(2).await, Conclusion::Success);
    run.expect_no_rerun_for(A_WHILE).await;
    let count = stage.kv(&format!("attempts/octo/outdated/{}", run.id().0)).await;
    assert_eq!(count["outcome"], "superseded");
}

/// Seen to fail when delivery ids are not looked up (another reason than "received before").
async fn a_delivery_sent_twice(stage: Arc<Stage>) {
    let repository = stage.repository("octo/redelivered", runs()).await;
    let run = repository.run(fails_once()).await;
    run.expect_reruns(1).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    let github = stage.github().await;
    let accepted = |github: &SimulatedGitHub| {
        let of_run = |delivery: &Delivery| delivery.run == Some(run.id()) && delivery.status() == Some(202);
        let ids: Vec<_> = github.deliveries().into_iter().filter(of_run).map(|delivery| delivery.id).collect();
        (ids.len() == 2).then_some(ids)
    };
    let ids = github.expectation("the failure and the rescue are answered", PATIENCE).until(accepted).await;
    for id in ids {
        let answer = github.redeliver(&id).await;
        assert_eq!((answer.status, &answer.json["outcome"]), (202, &"recorded".into()), "{}", answer.json);
        assert!(answer.json["reason"].as_str().is_some_and(|reason| reason.contains("received before")));
    }
    run.expect_no_rerun_for(A_WHILE).await;
}

/// Seen to fail when each delivery gets a Keeper of its own (GitHub was asked 4 times).
async fn two_webhooks_in_the_same_instant(stage: Arc<Stage>) {
    let repository = stage.repository("octo/instant", EventKinds::NONE).await;
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let job = run.job_payload(JobAction::Completed, 1, "test");
    let (first, second, third, fourth) = tokio::join!(
        repository.webhook("workflow_run", run.payload(RunAction::Completed)),
        repository.webhook("workflow_run", run.payload(RunAction::Completed)),
        repository.webhook("workflow_job", job.clone()),
        repository.webhook("workflow_job", job),
    );
    let answers = [first, second, third, fourth];
    assert!(answers.iter().all(|answer| answer.status == 202), "{answers:#?}");
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(A_WHILE).await;
    assert_eq!(run.attempt(), 2);
    assert_eq!(asked(&stage, &run).await.0, 1, "asked once");
}

/// Seen to fail when the payload's attempt is believed (a re-run past the limit).
async fn an_old_attempts_webhook_comes_late(stage: Arc<Stage>) {
    let repository = stage.repository("octo/late", EventKinds::NONE).await;
    let run = repository.run(Workflow::new("ci").job(Job::new("test").always_fails())).await;
    run.ends(1).await;
    let first = run.payload(RunAction::Completed);
    for attempt in 2..=4 {
        run.press_rerun_failed("ann");
        run.ends(attempt).await;
    }
    // The webhook says attempt 1; GitHub says attempt 4, which is past the limit.
    let answer = repository.webhook("workflow_run", first).await;
    assert_eq!(answer.status, 202, "{}", answer.json);
    run.expect_no_rerun_for(A_WHILE).await;
}

/// Seen to fail when the payload's conclusion is believed (a call besides the read).
async fn a_webhook_that_lies(stage: Arc<Stage>) {
    let repository = stage.repository("octo/lies", EventKinds::NONE).await;
    let run = repository.run(Workflow::new("ci").job(Job::new("test"))).await;
    assert_eq!(run.ends(1).await, Conclusion::Success);
    let mut payload = run.payload(RunAction::Completed);
    payload["workflow_run"]["conclusion"] = "failure".into();
    let answer = repository.webhook("workflow_run", payload).await;
    assert_eq!((answer.status, &answer.json["outcome"]), (202, &"scheduled".into()));
    run.expect_no_rerun_for(A_WHILE).await;
    let calls = stage.github().await.calls();
    let reads = calls.iter().filter(|call| call.run == Some(run.id())).count();
    assert_eq!(reads, 1, "it was read, and then left alone");
}
