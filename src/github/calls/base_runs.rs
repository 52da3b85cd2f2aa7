//! What the newest run of a workflow on a branch is told by: "List workflow runs for a workflow", those that have ended, and
//! "List jobs for a workflow run".

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::names::{RepoName, RunId, WorkflowId};
use crate::policy::run::Run;

use super::{Error, Reply, Request, run};

/// A run in a list has about 20 kB. Forks' runs from branches of the same name are among them.
pub const BASE_RUNS: u32 = 20;
/// Where GitHub cannot give more, or they are too long.
pub const BASE_RUNS_SMALLEST: u32 = 5;
/// Of a run; the most that one page has.
pub const BASE_JOBS: u32 = 100;

/// Newest first.
pub fn request(repository: &RepoName, workflow_id: WorkflowId, branch: &str, per_page: u32) -> Request {
    let branch = utf8_percent_encode(branch, NON_ALPHANUMERIC);
    let query = format!("branch={branch}&status=completed&per_page={per_page}&exclude_pull_requests=true");
    Request::get(format!("/repos/{repository}/actions/workflows/{workflow_id}/runs?{query}"))
}

pub fn read(reply: &Reply) -> Result<Vec<Run>, Error> {
    let List { workflow_runs } = reply.ok(Error::of_optional_read)?.json("a list of runs")?;
    Ok(workflow_runs.into_iter().map(Run::from).collect())
}

/// Of its newest attempt. They are read as the jobs of an attempt are.
pub fn jobs_request(repository: &RepoName, run_id: RunId) -> Request {
    Request::get(format!("/repos/{repository}/actions/runs/{run_id}/jobs?filter=latest&per_page={BASE_JOBS}"))
}

#[derive(Deserialize)]
struct List {
    workflow_runs: Vec<run::Wire>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support;
    use crate::names::Conclusion;
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let runs = request(&repository, WorkflowId::new(7).unwrap(), "release/1.0&x", 20).in_short();
        let query = "branch=release%2F1%2E0%26x&status=completed&per_page=20&exclude_pull_requests=true";
        assert_eq!(runs, format!("Get /repos/octo/widgets/actions/workflows/7/runs?{query}"));
        let jobs = jobs_request(&repository, RunId::new(9).unwrap()).in_short();
        assert_eq!(jobs, "Get /repos/octo/widgets/actions/runs/9/jobs?filter=latest&per_page=100");
    }

    #[test]
    fn what_is_answered() {
        let run = json!({ "id": 3, "status": "completed", "conclusion": "failure", "head_branch": "main" });
        let runs = read(&support::reply(200, json!({ "total_count": 1, "workflow_runs": [run] }))).unwrap();
        assert_eq!(runs.first().and_then(|run| run.conclusion), Some(Conclusion::Failure));
        assert!(matches!(read(&support::reply(200, json!([]))), Err(Error::Inconclusive { .. })));
        assert_eq!(read(&support::message(404, "Not Found")), Err(Error::NotFound));
    }
}
