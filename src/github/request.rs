//! The requests we send: built from validated names and numbers, never from a payload's text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::names::Conclusion;
use crate::names::{FilePath, JobId, RepoName, RunAttempt, RunId, WorkflowId};
use crate::policy::Scope;
use crate::time::Millis;

use super::comments::{CommentCall, PER_PAGE as PER_PAGE_OF_COMMENTS};
use super::pulls::{Head, PULLS_PER_PAGE};

/// Runs on a page of a list: about a megabyte, unless their commits have long messages; then fewer, down to one. Each is a
/// multiple of the next, so that every page begins where a page of the next size does.
pub const PER_PAGE: [u32; 4] = [50, 10, 2, 1];
/// Jobs, or annotations, on a page at first: the most that GitHub gives.
pub const EVIDENCE_PER_PAGE: u32 = 100;
/// And at last, where GitHub cannot give more of them, or they are too long.
pub const EVIDENCE_SMALLEST: u32 = 20;

/// One call to GitHub that the Keeper asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    ReadRun {
        run_id: RunId,
    },
    /// Whether the repository is there at all, for a run that is not.
    ReadRepository {
        run_id: RunId,
    },
    /// `run_attempt` is the attempt that the decision was about; the request itself cannot carry it.
    Rerun {
        run_id: RunId,
        run_attempt: RunAttempt,
        scope: Scope,
        debug_logging: bool,
    },
    ListFailedRuns(FailedRuns),
    /// The policy file of the default branch, for a run that is to be decided on. `etag`: of what is known of it.
    ReadPolicy {
        run_id: RunId,
        path: FilePath,
        etag: Option<String>,
    },
    /// The workflow of a run, for its name.
    ReadWorkflow {
        run_id: RunId,
        workflow_id: WorkflowId,
    },
    /// The jobs of one attempt. Pages are counted from 1; GitHub cannot always give large ones.
    ListJobs {
        run_id: RunId,
        run_attempt: RunAttempt,
        per_page: u32,
        page: u32,
    },
    ListAnnotations {
        run_id: RunId,
        job_id: JobId,
        per_page: u32,
        page: u32,
    },
    ReadLog {
        run_id: RunId,
        job_id: JobId,
    },
    /// The pull requests from a run's branch, open or not, newest first.
    ListPulls {
        run_id: RunId,
        head: Head,
        page: u32,
    },
    /// For people; not of one run.
    Comment(CommentCall),
}

/// Which page of which list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRuns {
    pub failing: Failing,
    pub created_from: Millis,
    /// How many runs of the list are before it, which is a multiple of `per_page`.
    pub skip: u32,
    /// One of [`PER_PAGE`].
    pub per_page: u32,
    /// How many pages were asked for before it, in this sweep.
    pub asked: u32,
    /// When the sweep began that this is part of.
    pub started: Millis,
}

/// GitHub lists one conclusion at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failing {
    Failure,
    TimedOut,
    /// Only where a policy wants it.
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// With a leading slash, to be added to `GITHUB_API_URL`.
    pub path: String,
    pub accept: &'static str,
    pub if_none_match: Option<String>,
    pub body: Option<Cow<'static, str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
}

const JSON: &str = "application/vnd.github+json";
/// The file itself, and not JSON about it.
const RAW: &str = "application/vnd.github.raw+json";

impl Call {
    /// The run that it is about; `None` for a list.
    pub fn run_id(&self) -> Option<RunId> {
        match self {
            Self::ReadRun { run_id }
            | Self::ReadRepository { run_id }
            | Self::Rerun { run_id, .. }
            | Self::ReadPolicy { run_id, .. }
            | Self::ReadWorkflow { run_id, .. }
            | Self::ListJobs { run_id, .. }
            | Self::ListAnnotations { run_id, .. }
            | Self::ReadLog { run_id, .. }
            | Self::ListPulls { run_id, .. } => Some(*run_id),
            Self::ListFailedRuns(_) | Self::Comment(_) => None,
        }
    }

    /// Requests that it takes: a log is somewhere else.
    pub fn requests(&self) -> u32 {
        if matches!(self, Self::ReadLog { .. }) { 2 } else { 1 }
    }

    /// Whether it is made only so that a decision knows more.
    pub fn is_evidence(&self) -> bool {
        matches!(
            self,
            Self::ReadWorkflow { .. }
                | Self::ListJobs { .. }
                | Self::ListAnnotations { .. }
                | Self::ReadLog { .. }
                | Self::ListPulls { .. }
        )
    }

    pub fn request(&self, repository: &RepoName) -> Request {
        let owner = repository.owner();
        let repository = format!("/repos/{repository}");
        let runs = format!("{repository}/actions/runs");
        match self {
            Self::ReadRun { run_id } => Request::get(format!("{runs}/{run_id}")),
            Self::ReadRepository { .. } => Request::get(repository),
            Self::Rerun { run_id, scope, debug_logging, .. } => {
                let what = match scope {
                    Scope::FailedJobs => "rerun-failed-jobs",
                    Scope::AllJobs => "rerun",
                };
                let body = match debug_logging {
                    true => r#"{"enable_debug_logging":true}"#,
                    false => r#"{"enable_debug_logging":false}"#,
                };
                Request {
                    method: Method::Post,
                    body: Some(body.into()),
                    ..Request::get(format!("{runs}/{run_id}/{what}"))
                }
            }
            Self::ListFailedRuns(FailedRuns { failing, created_from, skip, per_page, .. }) => {
                let page = skip / (*per_page).max(1) + 1;
                let status = match failing {
                    Failing::Failure => Conclusion::Failure,
                    Failing::TimedOut => Conclusion::TimedOut,
                    Failing::Cancelled => Conclusion::Cancelled,
                };
                Request::get(format!(
                    "{runs}?status={}&created=%3E%3D{created_from}&per_page={per_page}&page={page}&exclude_pull_requests=true",
                    status.as_str()
                ))
            }
            Self::ReadPolicy { path, etag, .. } => Request {
                accept: RAW,
                if_none_match: etag.clone(),
                ..Request::get(format!("{repository}/contents/{}", path.encoded()))
            },
            Self::ReadWorkflow { workflow_id, .. } => {
                Request::get(format!("{repository}/actions/workflows/{workflow_id}"))
            }
            Self::ListJobs { run_id, run_attempt, per_page, page } => {
                Request::get(format!("{runs}/{run_id}/attempts/{run_attempt}/jobs?per_page={per_page}&page={page}"))
            }
            Self::ListAnnotations { job_id, per_page, page, .. } => {
                // The check run of a job has the job's id.
                Request::get(format!("{repository}/check-runs/{job_id}/annotations?per_page={per_page}&page={page}"))
            }
            Self::ReadLog { job_id, .. } => Request::get(format!("{repository}/actions/jobs/{job_id}/logs")),
            Self::ListPulls { head, page, .. } => Request::get(format!(
                "{repository}/pulls?head={}&state=all&per_page={PULLS_PER_PAGE}&page={page}",
                head.encoded(owner)
            )),
            Self::Comment(call) => comment(&repository, call),
        }
    }
}

fn comment(repository: &str, call: &CommentCall) -> Request {
    let body = |text: &str| Some(Cow::Owned(serde_json::json!({ "body": text }).to_string()));
    match call {
        CommentCall::Find { pull, since, page } => Request::get(format!(
            "{repository}/issues/{pull}/comments?since={}&per_page={PER_PAGE_OF_COMMENTS}&page={page}",
            since.to_rfc3339()
        )),
        CommentCall::Create { pull, body: text } => Request {
            method: Method::Post,
            body: body(text),
            ..Request::get(format!("{repository}/issues/{pull}/comments"))
        },
        CommentCall::Edit { comment_id, body: text } => Request {
            method: Method::Patch,
            body: body(text),
            ..Request::get(format!("{repository}/issues/comments/{comment_id}"))
        },
    }
}

impl Request {
    /// A read of JSON.
    pub fn get(path: String) -> Self {
        Self { method: Method::Get, path, accept: JSON, if_none_match: None, body: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(call: Call, expected: &str) {
        let request = call.request(&RepoName::parse("octo/widgets").unwrap());
        let text = format!("{:?} {} {}", request.method, request.path, request.body.unwrap_or_default());
        assert_eq!(text.trim_end(), expected);
    }

    #[test]
    fn requests() {
        let (run_id, job_id) = (RunId::new(7).unwrap(), JobId::new(9).unwrap());
        let run_attempt = RunAttempt::new(2).unwrap();
        let rerun = |scope, debug_logging| Call::Rerun { run_id, run_attempt, scope, debug_logging };
        is(Call::ReadRun { run_id }, "Get /repos/octo/widgets/actions/runs/7");
        is(Call::ReadRepository { run_id }, "Get /repos/octo/widgets");
        is(
            rerun(Scope::FailedJobs, false),
            r#"Post /repos/octo/widgets/actions/runs/7/rerun-failed-jobs {"enable_debug_logging":false}"#,
        );
        is(
            rerun(Scope::AllJobs, true),
            r#"Post /repos/octo/widgets/actions/runs/7/rerun {"enable_debug_logging":true}"#,
        );
        is(
            Call::ListJobs { run_id, run_attempt, per_page: 50, page: 3 },
            "Get /repos/octo/widgets/actions/runs/7/attempts/2/jobs?per_page=50&page=3",
        );
        is(
            Call::ListAnnotations { run_id, job_id, per_page: 100, page: 1 },
            "Get /repos/octo/widgets/check-runs/9/annotations?per_page=100&page=1",
        );
        let workflow_id = WorkflowId::new(5).unwrap();
        is(Call::ReadWorkflow { run_id, workflow_id }, "Get /repos/octo/widgets/actions/workflows/5");
        is(Call::ReadLog { run_id, job_id }, "Get /repos/octo/widgets/actions/jobs/9/logs");
        let list = |skip, per_page| {
            let created_from = Millis(1_795_446_245_000);
            let failing = Failing::TimedOut;
            Call::ListFailedRuns(FailedRuns { failing, created_from, skip, per_page, asked: 3, started: Millis(0) })
        };
        for (skip, per_page, page) in [(0, 50, 1), (100, 50, 3), (110, 10, 12), (7, 1, 8)] {
            let query = format!("created=%3E%3D2026-11-23T15:04:05Z&per_page={per_page}&page={page}");
            let path = format!("/repos/octo/widgets/actions/runs?status=timed_out&{query}&exclude_pull_requests=true");
            is(list(skip, per_page), &format!("Get {path}"));
        }
        let comment = |call| Call::Comment(call);
        is(
            comment(CommentCall::Find { pull: 3, since: Millis(1_795_446_245_000), page: 2 }),
            "Get /repos/octo/widgets/issues/3/comments?since=2026-11-23T15:04:05Z&per_page=100&page=2",
        );
        is(
            comment(CommentCall::Create { pull: 3, body: "a \"b\"".to_owned() }),
            r#"Post /repos/octo/widgets/issues/3/comments {"body":"a \"b\""}"#,
        );
        is(
            comment(CommentCall::Edit { comment_id: 5, body: "x".to_owned() }),
            r#"Patch /repos/octo/widgets/issues/comments/5 {"body":"x"}"#,
        );
        let path = FilePath::parse(".github/re runner.yml").unwrap();
        is(Call::ReadPolicy { run_id, path, etag: None }, "Get /repos/octo/widgets/contents/.github/re%20runner.yml");
    }
}
