//! `workflow_run`, and the API's runs.

use serde_json::{Value, json};

use super::common::{Hosts, id_of, in_address, node_id, pull_requests, repository, time, time_with_millis, user};
use crate::model::{RepoName, RunSnapshot, mix};

pub fn run(hosts: &Hosts, run: &RunSnapshot) -> Value {
    let of = &run.identity;
    let (id, name) = (of.id.0, run.repository());
    let api = hosts.api_repo(name);
    let url = format!("{api}/actions/runs/{id}");
    let suite = check_suite_id(run);
    let previous = run.attempt.checked_sub(1).filter(|attempt| *attempt > 0);
    let (sha, commit) = (of.head_sha.to_string(), of.head_commit.to_string());
    let (fork, visibility) = (of.head_repository != *name, of.repository.visibility);
    let head_id = if fork { id_of(of.head_repository.as_str()) } else { of.repository.number };
    let mut listed = pull_requests(hosts, &of.repository, run.pull_request.as_ref());
    if let (Some(number), Value::Array(listed)) = (of.upstream, &mut listed) {
        listed.insert(0, upstream_pull(hosts, run, number));
    }
    json!({
        "id": id,
        "name": of.workflow.run_name.as_deref().unwrap_or(&of.workflow.name),
        "node_id": node_id("WFR", id),
        "head_branch": &*of.head_branch,
        "head_sha": sha,
        "path": &*of.workflow.path,
        "display_title": of.workflow.run_name.as_deref().map_or_else(|| title(&commit), str::to_owned),
        "run_number": of.run_number,
        "event": &*of.event,
        "status": run.status.as_str(),
        "conclusion": run.conclusion.map(|conclusion| conclusion.as_str()),
        "workflow_id": of.workflow_number,
        "check_suite_id": suite,
        "check_suite_node_id": node_id("CS", suite),
        "url": url,
        "html_url": format!("{}/actions/runs/{id}", hosts.web_repo(name)),
        "pull_requests": listed,
        "created_at": time(of.created_at),
        "updated_at": time(run.updated_at),
        "actor": user(hosts, of.actor.as_str()),
        "run_attempt": run.attempt,
        "run_started_at": time(run.run_started_at),
        "triggering_actor": user(hosts, run.triggering_actor.as_str()),
        "jobs_url": format!("{url}/jobs"),
        "logs_url": format!("{url}/logs"),
        "check_suite_url": format!("{api}/check-suites/{suite}"),
        "artifacts_url": format!("{url}/artifacts"),
        "cancel_url": format!("{url}/cancel"),
        "rerun_url": format!("{url}/rerun"),
        "previous_attempt_url": previous.map(|attempt| format!("{url}/attempts/{attempt}")),
        "workflow_url": format!("{api}/actions/workflows/{}", of.workflow_number),
        "head_commit": {
            "id": commit,
            "tree_id": commit.chars().rev().collect::<String>(),
            "message": message(&commit, of.workflow.commit_message),
            "timestamp": time(of.created_at.saturating_sub(10_000)),
            "author": { "name": of.actor.as_str(), "email": format!("{}@users.noreply.github.com", of.actor) },
            "committer": { "name": "GitHub", "email": "noreply@github.com" },
        },
        "repository": repository(hosts, name, of.repository.number, visibility, false),
        "head_repository": (!run.fork_deleted).then(|| repository(hosts, &of.head_repository, head_id, visibility, fork)),
    })
}

/// Of the repository that this one is a fork of.
fn upstream_pull(hosts: &Hosts, run: &RunSnapshot, number: u64) -> Value {
    let (of, name) = (&run.identity, run.repository());
    let upstream = RepoName::new(&format!("upstream/{}", name.name()));
    let repo = |id: u64, name: &RepoName| json!({ "id": id, "url": hosts.api_repo(name), "name": name.name() });
    let there = repo(id_of(upstream.as_str()), &upstream);
    let sha = of.head_sha.to_string();
    json!({
        "url": format!("{}/pulls/{number}", hosts.api_repo(&upstream)),
        "id": id_of(&format!("{upstream}#{number}")) + 1_000_000_000,
        "number": number,
        "head": { "ref": &*of.head_branch, "sha": sha, "repo": repo(of.repository.number, name) },
        "base": { "ref": "main", "sha": sha, "repo": there },
    })
}

pub fn workflow(hosts: &Hosts, run: &RunSnapshot) -> Value {
    let of = &run.identity;
    let (number, name) = (of.workflow_number, run.repository());
    let web = hosts.web_repo(name);
    let created = time_with_millis(of.repository.created_at);
    json!({
        "id": number,
        "node_id": node_id("W", number),
        "name": &*of.workflow.name,
        "path": &*of.workflow.path,
        "state": "active",
        "created_at": created,
        "updated_at": created,
        "url": format!("{}/actions/workflows/{number}", hosts.api_repo(name)),
        "html_url": format!("{web}/blob/{}/{}", of.repository.default_branch, in_address(&of.workflow.path)),
        "badge_url": format!("{web}/workflows/{}/badge.svg", in_address(&of.workflow.name)),
    })
}

/// One suite for a run, over all its attempts.
pub(super) fn check_suite_id(run: &RunSnapshot) -> u64 {
    40_000_000_000 + mix(&[run.id().0, 5]) % 9_000_000_000
}

fn message(sha: &str, bytes: usize) -> String {
    let title = title(sha);
    let more = bytes.saturating_sub(title.len());
    format!("{title}{}", "x".repeat(more))
}

fn title(sha: &str) -> String {
    const SUBJECTS: [&str; 6] = [
        "Keep the cursor where it was",
        "Read the configuration once",
        "net: close the socket on a half-open connection",
        "Bump the toolchain",
        "tests: cover the empty page",
        "Say which key is missing",
    ];
    SUBJECTS[sha.bytes().map(usize::from).sum::<usize>() % SUBJECTS.len()].to_owned()
}
