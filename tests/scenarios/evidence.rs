//! Evidence that lags, fails in one form, or is not to be had; what a workflow is called; why a job did not run.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::Value;
use simulator::{Endpoint, EventKind, EventKinds, Fault, Job, Outcome, Repository, Run, Workflow};

use crate::stage::{Stage, trials};
use crate::steps::decision;

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "evidence",
        a_list_of_jobs_that_lags,
        large_pages_that_fail,
        absent_evidence_leaves_a_run,
        a_workflow_is_not_called_like_its_run,
        a_workflow_that_no_webhook_names,
        a_job_that_was_not_started,
    )
}

const A_WHILE: Duration = Duration::from_secs(2);

async fn repository(stage: &Stage, name: &str, events: EventKind, policy: &str) -> Repository {
    let repository = stage.repository(&format!("evidence/{name}"), EventKinds::only(events)).await;
    repository.file(".github/rerunner.yml", policy).await;
    repository
}

/// It was decided to leave its first attempt, for this reason.
async fn is_left(stage: &Stage, run: &Run, reason: &str) -> Value {
    let decided = decision(stage.worker().await, run, |_| true).await;
    let said = decided["reason"].as_str().unwrap_or_default();
    assert!(decided["outcome"] == "left" && said.contains(reason), "not left with {reason:?}: {decided}");
    run.expect_no_rerun_for(A_WHILE).await;
    decided
}

fn failing(step: &str) -> Job {
    Job::new("test").ends_first(1, Outcome::failure(step))
}

const TESTS: &str = "rules:\n  - { name: tests, if: { step: \"*test*\" }, then: leave }\n";

/// Seen to fail when nothing is asked for again, and rules that go by what is absent are passed over (a re-run past the
/// rule `tests`).
async fn a_list_of_jobs_that_lags(stage: Arc<Stage>) {
    let repository = repository(&stage, "lagging-list", EventKind::WorkflowRun, TESTS).await;
    stage.github().await.fault(Fault::empty_list().in_repository("evidence/lagging-list").times(2));
    let run = repository.run(Workflow::new("ci").job(failing("Run tests"))).await;
    is_left(&stage, &run, "which rule \"tests\" leaves to its author").await;
}

/// Seen to fail when no smaller pages are tried, and rules that go by what is absent are passed over (a re-run past the
/// rule `the last`).
async fn large_pages_that_fail(stage: Arc<Stage>) {
    let policy = "rules:\n  - { name: the last, if: { job: \"test (111)\" }, then: leave }\n";
    let repository = repository(&stage, "large-pages", EventKind::WorkflowRun, policy).await;
    let github = stage.github().await;
    github.fault(Fault::fail_pages_above(80).on(Endpoint::ListJobs).in_repository("evidence/large-pages"));
    let workflow = Workflow::new("ci").job(Job::new("test").matrix(120).no_fail_fast().member_fails(111, 1));
    let run = repository.run(workflow).await;
    is_left(&stage, &run, "job \"test (111)\" failed").await;
    let calls = stage.github().await.calls();
    let pages = calls.iter().filter(|call| call.run == Some(run.id()) && call.endpoint == Some(Endpoint::ListJobs));
    assert_eq!(pages.map(|call| call.status).collect::<Vec<_>>(), [Some(502), Some(200), Some(200), Some(200)]);
}

/// Seen to fail when rules that go by what is absent are passed over (a re-run past the rule `tests`).
async fn absent_evidence_leaves_a_run(stage: Arc<Stage>) {
    let policy = "rules:\n  - { name: tests, if: { annotation: assertion }, then: leave }\n";
    for (name, more, rerun) in [("absent", "", false), ("absent-rerun", "absent_evidence: rerun\n", true)] {
        let repository = repository(&stage, name, EventKind::WorkflowRun, &format!("{more}{policy}")).await;
        let fault = Fault::answer(403, "Resource not accessible by integration");
        let of_it = format!("evidence/{name}");
        stage.github().await.fault(fault.on(Endpoint::Annotations).in_repository(&of_it));
        let run = repository.run(Workflow::new("ci").job(failing("Run tests"))).await;
        if rerun {
            run.expect_reruns(1).await;
        } else {
            is_left(&stage, &run, "rule \"tests\" may say to leave it: its annotations could not be read").await;
        }
    }
}

const EXCLUDED: &str = "workflows: { exclude: [Deploy to production] }\n";

fn deployment() -> Workflow {
    let workflow = Workflow::new("Deploy to production").path(".github/workflows/deploy.yml");
    workflow.run_name("Release 1 by @dev").job(failing("Push"))
}

/// Seen to fail when the run's own name is taken for the workflow's (a re-run of an excluded workflow).
async fn a_workflow_is_not_called_like_its_run(stage: Arc<Stage>) {
    let repository = repository(&stage, "run-name", EventKind::WorkflowRun, EXCLUDED).await;
    let run = repository.run(deployment()).await;
    is_left(&stage, &run, "its workflow is \"Deploy to production\", which the policy file excludes").await;
    let calls = stage.github().await.calls();
    let of_it = |path: &str| path.starts_with("/repos/evidence/run-name/actions/workflows/");
    assert!(!calls.iter().any(|call| of_it(&call.path)), "the webhook has said it");
    let other = repository.run(Workflow::new("ci").run_name("Deploy to production").job(failing("Push"))).await;
    other.expect_reruns(1).await;
}

/// Seen to fail when the run's own name is taken for the workflow's (a re-run of an excluded workflow).
async fn a_workflow_that_no_webhook_names(stage: Arc<Stage>) {
    let repository = repository(&stage, "unnamed", EventKind::CheckRun, EXCLUDED).await;
    let run = repository.run(deployment()).await;
    is_left(&stage, &run, "its workflow is \"Deploy to production\", which the policy file excludes").await;
}

/// Seen to fail when "no failed step" is taken for a lost runner (a re-run of a job that billing kept from running).
async fn a_job_that_was_not_started(stage: Arc<Stage>) {
    let policy = "rules:\n  - { name: lost runners, if: { lost_runner: true }, then: rerun }\notherwise: leave\n";
    let repository = repository(&stage, "not-started", EventKind::WorkflowRun, policy).await;
    let why = "The job was not started because recent account payments have failed or your spending limit needs to be \
               increased. Please check the 'Billing & plans' section in your settings";
    let run =
        repository.run(Workflow::new("ci").job(Job::new("test").ends_first(1, Outcome::NotStarted(why.into())))).await;
    is_left(&stage, &run, "job \"test\" failed (billing kept it from running)").await;
}
