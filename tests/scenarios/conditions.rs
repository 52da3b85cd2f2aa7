//! Each condition of a rule, with evidence from the simulated GitHub.

use std::sync::Arc;

use libtest_mimic::Trial;
use simulator::{Job, LostRunner, Outcome, Run, Trigger, Workflow};

use crate::policies::{A_WHILE, ci, decision, fails_with, is_left, is_rerun, job, pushed, repository, says};
use crate::stage::{Stage, trials};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "conditions",
        condition_workflow,
        condition_job,
        condition_step,
        condition_branch,
        condition_event,
        condition_actor,
        condition_runner,
        condition_label,
        condition_conclusion,
        condition_attempt,
        condition_exit_code,
        condition_annotation,
        condition_log,
        condition_lost_runner,
        conditions_are_all_required,
    )
}

/// A run that the condition matches is left, and another one is re-run.
async fn condition(
    stage: &Stage,
    name: &str,
    condition: &str,
    matching: (Workflow, Trigger),
    other: (Workflow, Trigger),
) -> (Run, Run) {
    let policy = format!("rules:\n  - name: it\n    if: {{ {condition} }}\n    then: leave\n");
    let repository = repository(stage, name, &policy).await;
    let matching = repository.run_on(matching.0, matching.1).await;
    let other = repository.run_on(other.0, other.1).await;
    is_rerun(&other).await;
    is_left(stage, &matching, "rule \"it\"").await;
    (matching, other)
}

/// The same where the two differ in their jobs only.
async fn condition_on_jobs(stage: &Stage, name: &str, of_job: &str, matching: Job, other: Job) -> (Run, Run) {
    let other = Workflow::new("other").job(other);
    condition(stage, name, of_job, (ci(matching), pushed()), (other, pushed())).await
}

async fn condition_workflow(stage: Arc<Stage>) {
    let named = |name: &str| (Workflow::new(name).job(job().fails(1)), pushed());
    condition(&stage, "workflow", r#"workflow: ["deploy*"]"#, named("Deploy site"), named("ci")).await;
}

async fn condition_job(stage: Arc<Stage>) {
    condition_on_jobs(&stage, "job", r#"job: "lint*""#, Job::new("Lint (js)").fails(1), job().fails(1)).await;
}

async fn condition_step(stage: Arc<Stage>) {
    let built = job().steps(&["Set up job", "Build", "Run tests"]).ends_first(1, Outcome::failure("Build"));
    let (left, _) = condition_on_jobs(&stage, "step", r#"step: "*test*""#, job().fails(1), built).await;
    let logged = decision(&stage, &left, 1).await;
    says(&logged, "left", "job \"test\" failed at step \"Run tests\"");
    assert_eq!(logged["jobs"], serde_json::json!(["test"]));
}

async fn condition_branch(stage: Arc<Stage>) {
    let on = |name: &str, branch: &str| (Workflow::new(name).job(job().fails(1)), Trigger::push(branch, "mona"));
    condition(&stage, "branch", r#"branch: "release/*""#, on("a", "release/1"), on("b", "main")).await;
}

async fn condition_event(stage: Arc<Stage>) {
    let scheduled = (ci(job().fails(1)), pushed().event("schedule"));
    condition(&stage, "event", "event: schedule", scheduled, (Workflow::new("b").job(job().fails(1)), pushed())).await;
}

async fn condition_actor(stage: Arc<Stage>) {
    let by = |name: &str, actor: &str| (Workflow::new(name).job(job().fails(1)), Trigger::push("main", actor));
    condition(&stage, "actor", r#"actor: "renovate*""#, by("a", "Renovate[bot]"), by("b", "mona")).await;
}

async fn condition_runner(stage: Arc<Stage>) {
    let own = job().labels(&["self-hosted", "linux"]).fails(1);
    condition_on_jobs(&stage, "runner", r#"runner: "runner-*""#, own, job().fails(1)).await;
}

async fn condition_label(stage: Arc<Stage>) {
    let mac = job().labels(&["macos-14"]).fails(1);
    condition_on_jobs(&stage, "label", r#"label: "macos-*""#, mac, job().fails(1)).await;
}

async fn condition_conclusion(stage: Arc<Stage>) {
    let timed_out = job().ends_first(1, Outcome::TimedOut);
    condition_on_jobs(&stage, "conclusion", "conclusion: timed_out", timed_out, job().fails(1)).await;
}

async fn condition_attempt(stage: Arc<Stage>) {
    let policy = "rules:\n  - name: once\n    if: { attempt: \">= 2\" }\n    then: leave\n";
    let repository = repository(&stage, "attempt", policy).await;
    let run = repository.run(ci(job().always_fails())).await;
    is_rerun(&run).await;
    says(&decision(&stage, &run, 2).await, "left", "rule \"once\"");
    run.expect_no_rerun_for(A_WHILE).await;
}

async fn condition_exit_code(stage: Arc<Stage>) {
    condition_on_jobs(&stage, "exit-code", "exit_code: [137, 143]", fails_with(137, ""), fails_with(1, "")).await;
}

async fn condition_annotation(stage: Arc<Stage>) {
    let shut_down = job().ends_first(1, Outcome::LostRunner(LostRunner::ShutDown));
    let pattern = r#"annotation: ["lost communication", "received a shutdown signal"]"#;
    condition_on_jobs(&stage, "annotation", pattern, shut_down, job().fails(1)).await;
}

async fn condition_log(stage: Arc<Stage>) {
    let network = fails_with(1, "npm error network read ECONNRESET hush-hush");
    let (left, other) =
        condition_on_jobs(&stage, "log", r#"log: "ECONNRESET|ETIMEDOUT""#, network, fails_with(1, "x")).await;
    // Both logs were read where they lie, which is another host, and nobody there was shown the token.
    let jobs = [left.jobs(1), other.jobs(1)].concat();
    let reads = stage.github().await.log_reads();
    for job in jobs {
        let of_it: Vec<_> = reads.iter().filter(|read| read.job == job.id).collect();
        assert!(!of_it.is_empty(), "the log of {} was not read", job.id);
        assert!(of_it.iter().all(|read| !read.authorization && read.status == 200), "{of_it:?}");
    }
    let lines = stage.worker().await.log().lines();
    assert!(!lines.iter().any(|line| line.contains("hush-hush")), "a log's text is in ours");
}

async fn condition_lost_runner(stage: Arc<Stage>) {
    condition_on_jobs(&stage, "lost-runner", "lost_runner: true", job().loses_runner(1), job().fails(1)).await;
}

async fn conditions_are_all_required(stage: Arc<Stage>) {
    let both = Job::new("build").ends_first(1, Outcome::failure_with("Run tests", 1, "ETIMEDOUT"));
    let all = r#"job: build, log: "ETIMEDOUT""#;
    condition_on_jobs(&stage, "all-required", all, both, fails_with(1, "ETIMEDOUT")).await;
}
