//! Runs, attempts, jobs, logs, annotations, re-runs.

use serde_json::json;
use simulator::Hosts;

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
        one.get(&format!("{repo}/actions/jobs/{job}/logs"), 302).await;
    }
    let workflow = one.get(&runs, 200).await["workflow_id"].to_string();
    one.get(&format!("{repo}/actions/workflows/{workflow}"), 200).await;
    one.get(&format!("{repo}/actions/workflows/1"), 404).await;
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
