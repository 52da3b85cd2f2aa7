//! `workflow_job`, and the API's jobs.

use serde_json::{Value, json};

use super::common::{Hosts, node_id, time, time_with_millis};
use crate::model::{Job, RunSnapshot};

pub(super) fn job(hosts: &Hosts, run: &RunSnapshot, job: &Job) -> Value {
    let name = run.repository();
    let api = hosts.api_repo(name);
    let (id, run_id) = (job.id.0, run.id().0);
    let runner = job.runner_name();
    let steps: Vec<Value> = (job.steps().into_iter())
        .map(|step| {
            json!({
                "name": &*step.name,
                "status": step.status.as_str(),
                "conclusion": step.conclusion.map(|conclusion| conclusion.as_str()),
                "number": step.number,
                "started_at": step.started_at.map(time_with_millis),
                "completed_at": step.completed_at.map(time_with_millis),
            })
        })
        .collect();
    json!({
        "id": id,
        "run_id": run_id,
        "workflow_name": &*run.identity.workflow.name,
        "head_branch": &*run.identity.head_branch,
        "run_url": format!("{api}/actions/runs/{run_id}"),
        "run_attempt": job.attempt,
        "node_id": node_id("CR", id),
        "head_sha": run.identity.head_sha.to_string(),
        "url": format!("{api}/actions/jobs/{id}"),
        "html_url": format!("{}/actions/runs/{run_id}/job/{id}", hosts.web_repo(name)),
        "status": job.status.as_str(),
        "conclusion": job.conclusion().map(|conclusion| conclusion.as_str()),
        "created_at": time(job.created_at),
        "started_at": time(job.started_at.unwrap_or(job.created_at)),
        "completed_at": job.completed_at.map(time),
        "name": &*job.name,
        "steps": steps,
        "check_run_url": format!("{api}/check-runs/{id}"),
        "labels": job.spec.labels.iter().map(|label| &**label).collect::<Vec<_>>(),
        "runner_id": runner.as_ref().map(|_| job.runner),
        "runner_name": runner,
        "runner_group_id": runner.as_ref().map(|_| 0),
        "runner_group_name": runner.as_ref().map(|_| "GitHub Actions"),
    })
}
