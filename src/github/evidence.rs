//! What GitHub answers when a decision asks for evidence: jobs, annotations, a log. The wire shapes stay in this file.

use serde::Deserialize;

use crate::names::Conclusion;
use crate::names::JobId;
use crate::policy::evidence::{Job, Step};
use crate::time::Millis;

use super::Error;
use super::answer::Reply;

/// A message is shortened to this many characters: what people look for is at its beginning.
const MESSAGE_MOST: usize = 2_000;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether the page was full, so that there may be another.
    pub full: bool,
    /// How many there are on all pages, where GitHub says so.
    pub total: Option<u64>,
}

/// Reads the answer to "Get a workflow": its name.
pub fn read_workflow(reply: &Reply) -> Result<String, Error> {
    read(reply, "a workflow", |body| serde_json::from_slice(body).map(|Workflow { name }| name))
}

/// Reads the answer to "List jobs for a workflow run attempt", asked for so many on a page.
pub fn read_jobs(reply: &Reply, per_page: u32) -> Result<Page<Job>, Error> {
    read(reply, "a list of jobs", |body| {
        let List { total_count, jobs } = serde_json::from_slice(body)?;
        let full = is_full(jobs.len(), per_page);
        Ok(Page { full, total: total_count, items: jobs.into_iter().map(Job::from).collect() })
    })
}

/// Reads the answer to "List check run annotations": the messages.
pub fn read_annotations(reply: &Reply, per_page: u32) -> Result<Page<String>, Error> {
    read(reply, "a list of annotations", |body| {
        let list: Vec<Annotation> = serde_json::from_slice(body)?;
        let full = is_full(list.len(), per_page);
        let messages = list.into_iter().filter_map(|annotation| annotation.message);
        let items = messages.map(|message| message.chars().take(MESSAGE_MOST).collect()).collect();
        Ok(Page { full, total: None, items })
    })
}

fn is_full(items: usize, per_page: u32) -> bool {
    items >= usize::try_from(per_page).unwrap_or(usize::MAX)
}

pub(super) fn read<T>(
    reply: &Reply,
    what: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
) -> Result<T, Error> {
    if reply.status != 200 {
        return Err(Error::of_optional_read(reply));
    }
    parse(&reply.body).map_err(|error| Error::unreadable(what, &error))
}

#[derive(Deserialize)]
struct Workflow {
    name: String,
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

#[derive(Deserialize)]
struct Annotation {
    message: Option<String>,
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
    use crate::github::support::reply;
    use serde_json::json;

    #[test]
    fn jobs() {
        let body = json!({ "total_count": 2, "jobs": [
            { "id": 9, "name": "test \"3.12\"\n", "status": "completed", "conclusion": "failure",
              "started_at": "2026-11-23T15:04:05Z", "completed_at": "2026-11-23T15:05:05Z",
              "runner_name": "GitHub Actions 3", "labels": ["ubuntu-latest"],
              "steps": [{ "name": "Run tests", "number": 1, "conclusion": "failure" }] },
            { "id": 10, "name": "late", "status": "in_progress", "conclusion": "failure", "started_at": null,
              "completed_at": null, "runner_name": "", "labels": null },
        ]});
        let page = read_jobs(&reply(200, &body), 100).unwrap();
        assert_eq!((page.full, page.total), (false, Some(2)));
        let [first, second] = page.items.try_into().unwrap();
        assert_eq!(first.name, "test \"3.12\"\n");
        assert_eq!(first.started, Some(Millis(1_795_446_245_000)));
        assert_eq!(first.steps.first().and_then(|step| step.conclusion), Some(Conclusion::Failure));
        assert_eq!((second.conclusion, second.runner, second.labels), (None, None, vec![]));
        for broken in [json!([]), json!({ "jobs": [{ "id": 0, "name": "x" }] }), json!({ "jobs": null })] {
            assert!(matches!(read_jobs(&reply(200, &broken), 100), Err(Error::Inconclusive { .. })), "{broken}");
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
                let list = reply(200, &json!({ "total_count": 1, "jobs": [job] }));
                assert!(read_jobs(&list, 100).is_ok(), "{field}, missing: {missing}");
            }
        }
        for step in [json!({ "name": "x", "conclusion": null }), json!({ "name": "x" })] {
            let list = reply(200, &json!({ "total_count": 1, "jobs": [{ "id": 9, "name": "x", "steps": [step] }] }));
            assert!(read_jobs(&list, 100).is_ok());
        }
        let uncounted = reply(200, &json!({ "total_count": null, "jobs": [] }));
        assert!(read_jobs(&uncounted, 100).is_ok());
        let annotations = reply(200, &json!([{ "message": null, "title": null }, {}, { "message": "x" }]));
        let page = read_annotations(&annotations, 100).unwrap();
        assert_eq!(page.items, ["x"]);
    }

    #[test]
    fn a_full_page_has_a_next_one() {
        let list = |n: usize| json!(vec![json!({ "message": "Process completed with exit code 1." }); n]);
        for (n, per_page, expected) in
            [(0, 100, false), (99, 100, false), (100, 100, true), (49, 50, false), (50, 50, true)]
        {
            let page = read_annotations(&reply(200, &list(n)), per_page).unwrap();
            assert_eq!((page.items.len(), page.full), (n, expected));
        }
    }

    #[test]
    fn what_one_refusal_is_about() {
        let of = |status, message: &str| read_annotations(&reply(status, &json!({ "message": message })), 100);
        for (status, message, said) in [
            (
                403,
                "Resource not accessible by personal access token",
                "403 Resource not accessible by personal access token",
            ),
            (410, "Gone", "410 Gone"),
        ] {
            assert_eq!(of(status, message), Err(Error::Refused { message: said.to_owned() }));
        }
        assert_eq!(of(403, "Something new"), Err(Error::UnclearRefusal { message: "Something new".to_owned() }));
        assert_eq!(of(404, "Not Found"), Err(Error::NotFound));
        // These concern more than this.
        assert_eq!(of(401, "Bad credentials"), Err(Error::Credentials { message: "401 Bad credentials".to_owned() }));
        assert_eq!(of(403, "API rate limit exceeded"), Err(Error::RateLimited { wait: None }));
        assert_eq!(of(451, "No"), Err(Error::Repository { message: "451 No".to_owned() }));
        assert_eq!(of(502, ""), Err(Error::inconclusive("GitHub answered 502")));
    }
}
