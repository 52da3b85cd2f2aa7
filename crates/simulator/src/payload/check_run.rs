//! `check_run`: of a job, since Actions makes one for each. It names neither run nor attempt, but for `details_url`.

use serde_json::{Value, json};

use super::common::{Hosts, node_id, pull_requests, time, user};
use super::run::check_suite_id;
use crate::model::{Job, RunSnapshot, Status, mix};

pub(super) fn check_run(hosts: &Hosts, run: &RunSnapshot, job: &Job) -> Value {
    let of = &run.identity;
    let name = run.repository();
    let api = hosts.api_repo(name);
    let (id, sha) = (job.id.0, of.head_sha.to_string());
    let details = format!("{}/actions/runs/{}/job/{id}", hosts.web_repo(name), of.id);
    let pulls = pull_requests(hosts, &of.repository, run.pull_request.as_ref());
    let suite = check_suite_id(run);
    json!({
        "id": id,
        "name": &*job.name,
        "node_id": node_id("CR", id),
        "head_sha": sha,
        "external_id": external_id(id),
        "url": format!("{api}/check-runs/{id}"),
        "html_url": details,
        "details_url": details,
        "status": job.status.as_str(),
        "conclusion": job.conclusion().map(|conclusion| conclusion.as_str()),
        "started_at": time(job.started_at.unwrap_or(job.created_at)),
        "completed_at": job.completed_at.map(time),
        "output": {
            "title": null,
            "summary": null,
            "text": null,
            "annotations_count": job.annotations().len(),
            "annotations_url": format!("{api}/check-runs/{id}/annotations"),
        },
        "check_suite": {
            "id": suite,
            "node_id": node_id("CS", suite),
            "head_branch": &*of.head_branch,
            "head_sha": sha,
            "status": if run.status == Status::Completed { "completed" } else { run.status.as_str() },
            "conclusion": run.conclusion.map(|conclusion| conclusion.as_str()),
            "url": format!("{api}/check-suites/{suite}"),
            "before": "0000000000000000000000000000000000000000",
            "after": sha,
            "pull_requests": pulls,
            "app": app(hosts),
            "created_at": time(of.created_at),
            "updated_at": time(run.updated_at),
        },
        "app": app(hosts),
        "pull_requests": pulls,
    })
}

/// Actions puts a UUID here.
fn external_id(job: u64) -> String {
    crate::webhooks::uuid(mix(&[job, 1]), mix(&[job, 2]))
}

fn app(hosts: &Hosts) -> Value {
    json!({
        "id": 15368,
        "slug": "github-actions",
        "node_id": "MDM6QXBwMTUzNjg=",
        "owner": user(hosts, "github"),
        "name": "GitHub Actions",
        "description": "Automate your workflow from idea to production",
        "external_url": "https://help.github.com/en/actions",
        "html_url": format!("{}/apps/github-actions", hosts.web),
        "created_at": "2018-07-30T09:30:17Z",
        "updated_at": "2024-04-10T20:33:16Z",
        "permissions": {
            "actions": "write",
            "administration": "read",
            "checks": "write",
            "contents": "write",
            "deployments": "write",
            "metadata": "read",
            "pull_requests": "write",
            "statuses": "write",
        },
        "events": ["check_run", "check_suite", "push", "workflow_dispatch", "workflow_job", "workflow_run"],
    })
}
