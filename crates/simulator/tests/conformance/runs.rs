//! Runs, attempts, jobs, logs, annotations, re-runs.

use serde_json::json;
use simulator::{Annotation, AnnotationLevel, Hosts, Job, Outcome, Workflow};

use crate::{Caller, assert_conforms, assert_covered, caller, calls, failed_run, github};

pub const COVERED: &[&str] = &[
    "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs 302",
    "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs 404",
    "GET /repos/{owner}/{repo}/actions/runs 200",
    "GET /repos/{owner}/{repo}/actions/runs 404",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id} 200",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id} 404",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number} 200",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number} 404",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs 200",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs 404",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs 200",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs 404",
    "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id} 200",
    "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id} 404",
    "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs 200",
    "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs 404",
    "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun 201",
    "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun 403",
    "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun 404",
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun 201",
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun 403",
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun 404",
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs 201",
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs 403",
    "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs 404",
    "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations 200",
    "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations 404",
];

#[tokio::test]
async fn answers_about_runs() {
    let (github, _receiver) = github(Hosts::default()).await;
    let run = failed_run(&github).await;
    let (repo, runs) = ("/repos/octo/widgets", format!("/repos/octo/widgets/actions/runs/{}", run.id()));
    let job = run.jobs(1)[1].id;
    let one = caller(&github, github.token());
    for base in [github.url(), github.enterprise_url()] {
        let one = Caller { base, ..caller(&github, github.token()) };
        one.get(&runs, 200).await;
        one.get(&format!("{runs}?exclude_pull_requests=true"), 200).await;
        one.get(&format!("{runs}/attempts/1"), 200).await;
        one.get(&format!("{runs}/attempts/1/jobs?per_page=2&page=1"), 200).await;
        one.get(&format!("{runs}/jobs?per_page=2&page=2"), 200).await;
        one.get(&format!("{repo}/actions/runs?status=failure&created=%3E%3D2020-01-01T00:00:00Z&per_page=50"), 200)
            .await;
        one.get(&format!("{repo}/check-runs/{job}/annotations?per_page=100&page=1"), 200).await;
        one.get(&format!("{runs}/jobs?filter=latest&per_page=100"), 200).await;
        one.get(&format!("{runs}/jobs?filter=all&per_page=100"), 200).await;
        let of_ci = format!("{repo}/actions/workflows/ci.yml/runs");
        let asked = "branch=feature&status=completed&event=pull_request&per_page=5&page=1&exclude_pull_requests=true";
        let found = one.get(&format!("{of_ci}?{asked}&created=2020-01-01..2099-01-01"), 200).await;
        assert_eq!(found["workflow_runs"][0]["id"], run.id().0);
        assert_eq!(found["workflow_runs"][0]["pull_requests"], json!([]));
        one.get(&of_ci, 200).await;
        let head_sha = run.head_sha();
        for (branch, count) in [("feature", 1), ("main", 0)] {
            let asked = format!("head_sha={head_sha}&branch={branch}&per_page=50&page=1&exclude_pull_requests=true");
            let found = one.get(&format!("{repo}/actions/runs?{asked}"), 200).await;
            assert_eq!(found["workflow_runs"].as_array().map(Vec::len), Some(count), "{branch}");
        }
        one.get(&format!("{repo}/actions/jobs/{job}/logs"), 302).await;
    }
    let workflow = one.get(&runs, 200).await["workflow_id"].to_string();
    one.get(&format!("{repo}/actions/workflows/{workflow}"), 200).await;
    one.get(&format!("{repo}/actions/workflows/{workflow}/runs?status=failure"), 200).await;
    one.get(&format!("{repo}/actions/workflows/1"), 404).await;
    one.get(&format!("{repo}/actions/workflows/1/runs"), 404).await;
    let nowhere = format!("{repo}/actions/runs/1");
    for path in ["", "/attempts/1", "/attempts/1/jobs", "/jobs"] {
        one.get(&format!("{nowhere}{path}"), 404).await;
    }
    one.get(&format!("{runs}/attempts/9/jobs"), 404).await;
    one.get("/repos/octo/unknown/actions/runs", 404).await;
    one.get(&format!("{repo}/check-runs/1/annotations"), 404).await;
    one.get(&format!("{repo}/actions/jobs/1/logs"), 404).await;
    one.post(&format!("{nowhere}/rerun"), None, 404).await;
    one.post(&format!("{nowhere}/rerun-failed-jobs"), None, 404).await;
    one.post(&format!("{repo}/actions/jobs/1/rerun"), None, 404).await;

    let debug = Some(json!({ "enable_debug_logging": true }));
    one.post(&format!("{runs}/rerun-failed-jobs"), debug.clone(), 201).await;
    run.ends(2).await;
    one.post(&format!("{runs}/rerun-failed-jobs"), None, 403).await;
    one.post(&format!("{runs}/rerun"), debug.clone(), 201).await;
    one.post(&format!("{runs}/rerun"), None, 403).await;
    let last = run.ends(3).await;
    assert_eq!(last, simulator::Conclusion::Success);
    one.post(&format!("{repo}/actions/jobs/{}/rerun", run.jobs(3)[0].id), debug, 201).await;
    one.post(&format!("{repo}/actions/jobs/{}/rerun", run.jobs(3)[0].id), None, 403).await;

    assert_conforms(&github);
    assert_covered(&calls(&github), COVERED);
}

/// Annotations of every kind, on pages; a run of a fork's branch `main` beside the repository's own.
#[tokio::test]
async fn answers_that_judgement_needs() {
    let (github, _receiver) = github(Hosts::default()).await;
    let repository = github.repository("octo/widgets").await;
    let failure = Outcome::failure("Run tests")
        .annotated(Annotation::at("src/lib.rs", 12, "mismatched types").title("E0308"))
        .annotated(Annotation::at("src/main.rs", 3, "unused import").level(AnnotationLevel::Warning))
        .annotated(Annotation::at("src/main.rs", 4, "consider a constant").level(AnnotationLevel::Notice));
    let ci = Workflow::new("ci").job(Job::new("build").script([failure]));
    let own = repository.run(ci.clone()).await;
    own.ends(1).await;
    let fork = repository.pull_request_from_fork("main", "eve").await;
    let theirs = repository.run_on(ci, simulator::Trigger::pull_request(fork, "eve")).await;
    theirs.ends(1).await;
    let one = caller(&github, github.token());
    let repo = "/repos/octo/widgets";
    let annotations = format!("{repo}/check-runs/{}/annotations", own.jobs(1)[0].id);
    let said = one.get(&annotations, 200).await;
    let shown =
        |one: &serde_json::Value| (one["path"].clone(), one["start_line"].clone(), one["annotation_level"].clone());
    let shown: Vec<_> = said.as_array().unwrap().iter().map(shown).collect();
    let expected = [
        ("src/lib.rs", 12, "failure"),
        ("src/main.rs", 3, "warning"),
        ("src/main.rs", 4, "notice"),
        (".github", 1, "failure"),
    ];
    assert_eq!(shown, expected.map(|(path, line, level)| (json!(path), json!(line), json!(level))));
    let second = one.get(&format!("{annotations}?per_page=3&page=2"), 200).await;
    assert_eq!((second.as_array().unwrap().len(), &second[0]["path"]), (1, &json!(".github")));
    let found = one.get(&format!("{repo}/actions/workflows/ci.yml/runs?branch=main&status=completed"), 200).await;
    let of = |run: &serde_json::Value| (run["id"].clone(), run["head_repository"]["full_name"].clone());
    let found: Vec<_> = found["workflow_runs"].as_array().unwrap().iter().map(of).collect();
    let listed = [(theirs.id(), "eve/widgets"), (own.id(), "octo/widgets")];
    assert_eq!(found, listed.map(|(id, name)| (json!(id.0), json!(name))));
    assert_conforms(&github);
}
