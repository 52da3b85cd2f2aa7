//! Conditions on why a job failed: what the catalogue finds, annotations at files, the base branch, and what became of the
//! job's re-runs. What was found is in the decision's record, in the API's run and on the run's page.

use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use simulator::{Annotation, AnnotationLevel, Conclusion, Endpoint, Job, Outcome, Repository, Run, Trigger, Workflow};

use crate::http::{eventually, get};
use crate::policies::{A_WHILE, ci, decision, fails_with, is_left, is_rerun, job, says};
use crate::stage::{Stage, trials};
use crate::steps::runs;

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "causes",
        infrastructure_is_rerun_and_a_failed_test_is_not,
        the_same_words_where_they_mean_nothing,
        an_annotation_at_a_file,
        a_pull_request_whose_base_fails,
        a_forks_pull_request_whose_base_fails,
        on_the_default_branch_the_run_before,
        a_job_that_no_rerun_has_helped,
    )
}

const OUTSIDE: &str = "rules:\n  - { name: outside, if: { cause: infrastructure }, then: rerun }\notherwise: leave\n";
const BASE: &str = "max_reruns: 1\nrules:\n  - { name: broken base, if: { base_failed: true }, then: leave }\n";
const E503: &str = "npm error code E503\n\
                    npm error 503 Service Unavailable - GET https://registry.npmjs.org/undici - Service Unavailable\n\
                    npm error A complete log of this run can be found in: /home/runner/.npm/_logs/debug-0.log";

async fn repository(stage: &Stage, name: &str, policy: &str) -> Repository {
    let repository = stage.repository(&format!("causes/{name}"), runs()).await;
    repository.file(".github/rerunner.yml", policy).await;
    repository
}

/// What is on record of the one job that failed when this attempt was already decided on, and the run's page.
async fn found(stage: &Stage, run: &Run, attempt: u32) -> (Value, String) {
    let path = format!("{}/runs/{}", run.repository().name(), run.id().0);
    let worker = stage.worker().await;
    let decided = |answer: &Value| {
        let mut all = answer["decisions"].as_array().into_iter().flatten().cloned();
        all.find(|one| one["run_attempt"] == attempt && !one["detail"]["jobs"].is_null())
    };
    let answer = eventually(worker, &format!("/api/v1/repositories/{path}"), |answer| decided(answer).is_some()).await;
    let detail = decided(&answer).expect("it was waited for")["detail"].clone();
    assert_eq!(detail["policy"], "repository", "{detail:#}");
    (detail["jobs"][0].clone(), get(worker, &format!("/overview/{path}")).await.text)
}

/// Seen to fail when a cause counts whatever its class (a re-run of the failed test), and when the catalogue is not asked
/// (no re-run of the registry's failure).
async fn infrastructure_is_rerun_and_a_failed_test_is_not(stage: Arc<Stage>) {
    let repository = repository(&stage, "infrastructure", OUTSIDE).await;
    let install = Job::new("test").ends_first(1, Outcome::failure_with("Install", 1, E503));
    let registry = repository.run(Workflow::new("registry").job(install)).await;
    is_rerun(&registry).await;
    let (job, page) = found(&stage, &registry, 1).await;
    assert_eq!(job["cause"]["class"], "registry", "{job:#}");
    let (id, line) = (job["cause"]["id"].as_str().expect("an id"), job["cause"]["line"].as_u64().expect("a line"));
    assert!(
        page.contains(&format!("<bdi>{id}</bdi>")) && page.contains(&format!("(registry), log line {line}")),
        "{page}"
    );

    let log = "FAIL test/cart.test.js\n  ● adds an item\n    expect(received).toBe(expected)\n\
               Tests:       1 failed, 41 passed, 42 total";
    let tested = repository.run(Workflow::new("tested").job(fails_with(1, log))).await;
    is_left(&stage, &tested, "no rule of the policy file re-runs").await;
    let (job, page) = found(&stage, &tested, 1).await;
    assert_eq!(job["cause"]["class"], "test", "{job:#}");
    assert!(page.contains("(test), log line"), "{page}");
}

/// Seen to fail when a line counts wherever it is (a re-run of what was got over), and when what is quoted counts (a re-run of
/// the test with that name).
async fn the_same_words_where_they_mean_nothing(stage: Arc<Stage>) {
    let repository = repository(&stage, "no-infrastructure", OUTSIDE).await;
    let named = "not ok 17 - fetches again after connect ECONNREFUSED 10.0.0.7:443\nit did not";
    let built = (0..100).map(|n| format!("[{n}/100] building module {n}\n")).collect::<String>();
    let got_over = format!("{E503}\nadded 812 packages in 9s\n{built}the page is not round");
    for (name, log) in [("named", named), ("got over", &got_over)] {
        let run = repository.run(Workflow::new(name).job(fails_with(1, log))).await;
        is_left(&stage, &run, "no rule of the policy file re-runs").await;
        let (job, _) = found(&stage, &run, 1).await;
        assert!(job["cause"].is_null() || job["cause"]["class"] == "test", "{name}: {job:#}");
    }
}

/// Seen to fail when an annotation counts whatever its level (no re-run after a warning).
async fn an_annotation_at_a_file(stage: Arc<Stage>) {
    let policy = "rules:\n  - { name: a tool spoke, if: { source_annotation: true }, then: leave }\n";
    let repository = repository(&stage, "annotation", policy).await;
    let failing = |name: &str, annotation: Option<Annotation>| {
        let failure = Outcome::failure("Run tests");
        let failure = annotation.into_iter().fold(failure, Outcome::annotated);
        Workflow::new(name).job(job().ends_first(1, failure))
    };
    let at = || Annotation::at("src/lib.rs", 3, "mismatched types");
    let error = repository.run(failing("error", Some(at()))).await;
    let warning = repository.run(failing("warning", Some(at().level(AnnotationLevel::Warning)))).await;
    let nothing = repository.run(failing("nothing", None)).await;
    is_left(&stage, &error, "rule \"a tool spoke\"").await;
    is_rerun(&warning).await;
    is_rerun(&nothing).await;
    let (job, page) = found(&stage, &error, 1).await;
    assert_eq!(job["source_annotation"], true, "{job:#}");
    assert!(page.contains("An annotation points at a file in the repository"), "{page}");
    let (job, page) = found(&stage, &warning, 1).await;
    assert_eq!(job["source_annotation"], false, "{job:#}");
    assert!(!page.contains("points at a file"), "{page}");
}

/// What was asked of a repository's base branch, and of this run on it, since so many calls.
async fn asked_of_base(stage: &Stage, base: &Run, since: usize) -> Vec<Endpoint> {
    let calls = stage.github().await.calls();
    let repository = base.repository().name();
    let of_it = calls.iter().skip(since).filter(|call| call.repository.as_deref() == Some(repository.as_str()));
    let of_base = of_it.filter(|call| match call.endpoint {
        Some(Endpoint::ReadRepository | Endpoint::ListWorkflowRuns) => true,
        Some(Endpoint::ListJobs) => call.run == Some(base.id()),
        _ => false,
    });
    of_base.filter_map(|call| call.endpoint).collect()
}

/// Its test fails on the default branch, for good.
async fn broken(repository: &Repository, stage: &Stage) -> Run {
    let base = repository.run(ci(job().always_fails())).await;
    assert_eq!(base.ends(2).await, Conclusion::Failure);
    says(&decision(stage, &base, 2).await, "exhausted", "Gave up");
    base
}

/// Seen to fail when nothing is kept of a base (four calls instead of two).
async fn a_pull_request_whose_base_fails(stage: Arc<Stage>) {
    let repository = repository(&stage, "base", BASE).await;
    let base = broken(&repository, &stage).await;
    let since = stage.github().await.calls().len();
    let open = async |branch: &str, workflow: Workflow| {
        let number = repository.pull_request(branch, "ada").await;
        repository.run_on(workflow, Trigger::pull_request(number, "ada")).await
    };
    let first = open("feature/1", ci(job().fails(1))).await;
    is_left(&stage, &first, "rule \"broken base\"").await;
    let asked = asked_of_base(&stage, &base, since).await;
    assert_eq!(asked, [Endpoint::ListWorkflowRuns, Endpoint::ListJobs], "the webhook names the base");
    let (found, page) = found(&stage, &first, 1).await;
    assert_eq!(found["base_failed"], true, "{found:#}");
    assert!(page.contains("Also fails on the base branch"), "{page}");

    let second = open("feature/2", ci(job().fails(1))).await;
    is_left(&stage, &second, "rule \"broken base\"").await;
    assert_eq!(asked_of_base(&stage, &base, since).await.len(), 2, "it was read a moment ago");
    // Another job passes there.
    let other = open("feature/3", ci(job()).job(Job::new("lint").fails(1))).await;
    is_rerun(&other).await;
}

/// Seen to fail when a run's own branch is taken for its base (a re-run).
async fn a_forks_pull_request_whose_base_fails(stage: Arc<Stage>) {
    let repository = repository(&stage, "base-of-fork", BASE).await;
    let base = broken(&repository, &stage).await;
    // On its own branch the default one was read, which holds for minutes.
    let since = stage.github().await.calls().len();
    let number = repository.pull_request_from_fork("patch-1", "eve").await;
    let run = repository.run_on(ci(job().fails(1)), Trigger::pull_request(number, "eve")).await;
    is_left(&stage, &run, "rule \"broken base\"").await;
    let asked = asked_of_base(&stage, &base, since).await;
    assert!((2..=3).contains(&asked.len()), "{asked:?}");
    let (found, _) = found(&stage, &run, 1).await;
    assert_eq!(found["base_failed"], true, "{found:#}");
}

/// Seen to fail when the newest run counts, whichever it is (a re-run of the second).
async fn on_the_default_branch_the_run_before(stage: Arc<Stage>) {
    let repository = repository(&stage, "base-itself", BASE).await;
    let since = stage.github().await.calls().len();
    let first = broken(&repository, &stage).await;
    let asked = asked_of_base(&stage, &first, since).await;
    assert!(asked.contains(&Endpoint::ReadRepository), "no webhook names a base: {asked:?}");
    let second = repository.run(ci(job().fails(1))).await;
    is_left(&stage, &second, "rule \"broken base\"").await;
    let third = repository.run(ci(job())).await;
    assert_eq!(third.ends(1).await, Conclusion::Success);
    let fourth = repository.run(ci(job().fails(1))).await;
    is_rerun(&fourth).await;
    let (found, page) = found(&stage, &fourth, 1).await;
    assert_eq!(found["base_failed"], false, "{found:#}");
    assert!(page.contains("Does not fail on the base branch"), "{page}");
}

/// Seen to fail when a rescue rate is known of a single re-run (it is left after the first), and when re-runs of another job
/// count (the flaky one is left).
async fn a_job_that_no_rerun_has_helped(stage: Arc<Stage>) {
    let policy = "max_reruns: 10\nrules:\n  - { name: hopeless, if: { rescue_rate: '< 20' }, then: leave }\n";
    let repository = repository(&stage, "rescue-rate", policy).await;
    let hopeless = repository.run(Workflow::new("hopeless").job(job().always_fails())).await;
    assert_eq!(hopeless.ends(7).await, Conclusion::Failure);
    says(&decision(&stage, &hopeless, 7).await, "left", "rule \"hopeless\"");
    hopeless.expect_no_rerun_for(A_WHILE).await;
    let (job, page) = found(&stage, &hopeless, 7).await;
    assert_eq!(job["rescue_rate"], json!({ "judged": 5, "passed": 0 }), "{job:#}");
    assert!(page.contains("Rescue rate: 0 of 5 re-runs in 30 days"), "{page}");

    let mut last = None;
    for passed in 1..=7 {
        let run = repository.run(Workflow::new("flaky").job(Job::new("test").fails(1))).await;
        is_rerun(&run).await;
        let path = format!("/api/v1/repositories/causes/rescue-rate/runs/{}", run.id().0);
        eventually(stage.worker().await, &path, |answer| answer["outcome"] == "rescued").await;
        last = Some((run, passed - 1));
    }
    let (run, before) = last.expect("it ran");
    let (job, _) = found(&stage, &run, 1).await;
    assert_eq!(job["rescue_rate"], json!({ "judged": before, "passed": before }), "{job:#}");
}
