//! "List jobs for a workflow run attempt".

use serde::Deserialize;

use crate::names::{Conclusion, JobId, RepoName, RunAttempt, RunId};
use crate::policy::evidence::{Job, Step};
use crate::time::Millis;

use super::{Error, Page, Reply, Request};

/// Pages are counted from 1.
pub fn request(repository: &RepoName, run_id: RunId, run_attempt: RunAttempt, per_page: u32, page: u32) -> Request {
    let jobs = format!("/repos/{repository}/actions/runs/{run_id}/attempts/{run_attempt}/jobs");
    Request::get(format!("{jobs}?per_page={per_page}&page={page}"))
}

pub fn read(reply: &Reply, per_page: u32) -> Result<Page<Job>, Error> {
    let List { total_count, jobs } = reply.ok(Error::of_optional_read)?.json("a list of jobs")?;
    Ok(Page { total: total_count, ..Page::of(jobs, per_page, |job| Some(job.into())) })
}

#[derive(Deserialize)]
struct List {
    total_count: Option<u64>,
    jobs: Vec<WireJob>,
}

#[derive(Deserialize)]
struct WireJob {
    id: JobId,
    name: String,
    status: Option<String>,
    conclusion: Option<Conclusion>,
    started_at: Option<String>,
    completed_at: Option<String>,
    runner_name: Option<String>,
    labels: Option<Vec<String>>,
    steps: Option<Vec<WireStep>>,
    workflow_name: Option<String>,
}

#[derive(Deserialize)]
struct WireStep {
    name: String,
    status: Option<String>,
    conclusion: Option<Conclusion>,
}

impl Job {
    /// Reads one job, as it is in a list of jobs.
    pub fn from_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice::<WireJob>(body).map(Self::from)
    }
}

impl From<WireJob> for Job {
    fn from(job: WireJob) -> Self {
        let time = |text: Option<String>| text.as_deref().and_then(Millis::from_rfc3339);
        Self {
            job_id: job.id,
            name: job.name,
            conclusion: job.conclusion.filter(|_| job.status.as_deref() == Some("completed")),
            started: time(job.started_at),
            completed: time(job.completed_at),
            runner: job.runner_name.filter(|name| !name.is_empty()),
            labels: job.labels.unwrap_or_default(),
            steps: (job.steps.unwrap_or_default().into_iter())
                .map(|step| Step {
                    going: step.conclusion.is_none() && step.status.as_deref() == Some("in_progress"),
                    name: step.name,
                    conclusion: step.conclusion,
                })
                .collect(),
            workflow: job.workflow_name.filter(|name| !name.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support;
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let request = request(&repository, RunId::new(7).unwrap(), RunAttempt::new(2).unwrap(), 50, 3).in_short();
        assert_eq!(request, "Get /repos/octo/widgets/actions/runs/7/attempts/2/jobs?per_page=50&page=3");
    }

    #[test]
    fn what_is_answered() {
        let body = json!({ "total_count": 2, "jobs": [
            { "id": 9, "name": "test \"3.12\"\n", "status": "completed", "conclusion": "failure",
              "started_at": "2026-11-23T15:04:05Z", "completed_at": "2026-11-23T15:05:05Z",
              "runner_name": "GitHub Actions 3", "labels": ["ubuntu-latest"],
              "steps": [{ "name": "Run tests", "number": 1, "conclusion": "failure" }] },
            { "id": 10, "name": "late", "status": "in_progress", "conclusion": "failure", "started_at": null,
              "completed_at": null, "runner_name": "", "labels": null },
        ]});
        let page = read(&support::reply(200, &body), 100).unwrap();
        assert_eq!((page.full, page.total), (false, Some(2)));
        let [first, second] = page.items.try_into().unwrap();
        assert_eq!(first.name, "test \"3.12\"\n");
        assert_eq!(first.started, Some(Millis(1_795_446_245_000)));
        assert_eq!(first.steps.first().and_then(|step| step.conclusion), Some(Conclusion::Failure));
        assert_eq!((second.conclusion, second.runner, second.labels), (None, None, vec![]));
        for broken in [json!([]), json!({ "jobs": [{ "id": 0, "name": "x" }] }), json!({ "jobs": null })] {
            assert!(matches!(read(&support::reply(200, &broken), 100), Err(Error::Inconclusive { .. })), "{broken}");
        }
    }

    /// By GitHub's own description (`@octokit/openapi`), or by what was seen.
    #[test]
    fn what_is_nullable_or_optional_may_be_either() {
        let whole = json!({
            "id": 9, "name": "test", "status": "completed", "conclusion": "failure", "workflow_name": "ci",
            "started_at": "2026-11-23T15:04:05Z", "completed_at": "2026-11-23T15:05:05Z", "runner_name": "x",
            "labels": ["ubuntu-latest"], "run_attempt": 1, "head_branch": "main",
            "steps": [{ "name": "Run tests", "number": 1, "status": "completed", "conclusion": "failure" }],
        });
        for field in [
            "status",
            "conclusion",
            "workflow_name",
            "started_at",
            "completed_at",
            "runner_name",
            "labels",
            "run_attempt",
            "head_branch",
            "steps",
        ] {
            for missing in [false, true] {
                let mut job = whole.clone();
                match missing {
                    true => drop(job.as_object_mut().unwrap().remove(field)),
                    false => job[field] = serde_json::Value::Null,
                }
                let list = support::reply(200, json!({ "total_count": 1, "jobs": [job] }));
                assert!(read(&list, 100).is_ok(), "{field}, missing: {missing}");
            }
        }
        for step in [json!({ "name": "x", "conclusion": null }), json!({ "name": "x" })] {
            let list =
                support::reply(200, json!({ "total_count": 1, "jobs": [{ "id": 9, "name": "x", "steps": [step] }] }));
            assert!(read(&list, 100).is_ok());
        }
        let uncounted = support::reply(200, json!({ "total_count": null, "jobs": [] }));
        assert!(read(&uncounted, 100).is_ok());
    }
}
