//! What GitHub answers, as each kind of call reads it.

use crate::policy::evidence::{Job, LogTail};
use crate::policy::run::{PullRequest, Run};

use super::comments::{self, Author, CommentAnswer};
use super::contents::{self, FetchedPolicy};
use super::error::{message, rate_limit};
use super::evidence::{self, Page};
use super::run::ListedRun;
use super::{Call, Error, log_tail, pulls};

/// What came back, before it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: ReplyHeaders,
    pub body: Vec<u8>,
}

/// The headers that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyHeaders {
    pub retry_after: Option<String>,
    pub rate_limit_remaining: Option<String>,
    /// Seconds since 1970.
    pub rate_limit_reset: Option<String>,
    pub date: Option<String>,
    pub etag: Option<String>,
    pub content_type: Option<String>,
    /// Names the permission that the call needs, whether it is there or not: it comes with every answer.
    pub accepted_permissions: Option<String>,
    /// The next page of a list.
    pub link: Option<String>,
    /// What a classic token may do; others have none.
    pub oauth_scopes: Option<String>,
}

impl Reply {
    /// Whoever answers with a page is not GitHub's API: a proxy that is down, say.
    pub fn is_page(&self) -> bool {
        self.headers.content_type.as_deref().is_some_and(|kind| kind.starts_with("text/html"))
    }
}

/// The answer to "Re-run failed jobs from a workflow run".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerunAnswer {
    Accepted,
    AlreadyRunning,
}

/// What a [`Call`] brought: a variant for each kind of call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    Run(Result<Box<Run>, Error>),
    /// It is there.
    Repository(Result<(), Error>),
    Rerun(Result<RerunAnswer, Error>),
    FailedRuns(Result<Vec<ListedRun>, Error>),
    Policy(Result<FetchedPolicy, Error>),
    /// Its name.
    Workflow(Result<String, Error>),
    Jobs(Result<Page<Job>, Error>),
    /// Their messages.
    Annotations(Result<Page<String>, Error>),
    Log(Result<LogTail, Error>),
    Pulls(Result<Page<PullRequest>, Error>),
    Comment(Result<CommentAnswer, Error>),
}

impl Response {
    /// Whether it proves that GitHub takes the credentials. Reading takes less permission than re-running: only what was
    /// refused shows that it is allowed again.
    pub fn takes_credentials(&self) -> bool {
        matches!(self, Self::Rerun(Ok(_)))
    }

    /// `None`: GitHub did what it was asked for, which proves that it shows the repository.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Run(result) => result.as_ref().err(),
            Self::Repository(result) => result.as_ref().err(),
            Self::Rerun(result) => result.as_ref().err(),
            Self::FailedRuns(result) => result.as_ref().err(),
            Self::Policy(result) => result.as_ref().err(),
            Self::Workflow(result) => result.as_ref().err(),
            Self::Jobs(result) => result.as_ref().err(),
            Self::Annotations(result) => result.as_ref().err(),
            Self::Log(result) => result.as_ref().err(),
            Self::Pulls(result) => result.as_ref().err(),
            Self::Comment(result) => result.as_ref().err(),
        }
    }
}

impl Call {
    /// Reads what came back. `us`: who writes our comments, if the call looks for one.
    pub fn response(&self, reply: Result<Reply, Error>, us: Option<&Author>) -> Response {
        match self {
            Self::ReadRun { .. } => Response::Run(reply.and_then(|reply| read_run(&reply))),
            Self::ReadRepository { .. } => Response::Repository(reply.and_then(|reply| read_repository(&reply))),
            Self::Rerun { .. } => Response::Rerun(reply.and_then(|reply| read_rerun(&reply))),
            Self::ListFailedRuns(_) => Response::FailedRuns(reply.and_then(|reply| read_failed_runs(&reply))),
            Self::ReadPolicy { .. } => Response::Policy(reply.and_then(contents::read)),
            Self::ReadWorkflow { .. } => Response::Workflow(reply.and_then(|reply| evidence::read_workflow(&reply))),
            Self::ListJobs { per_page, .. } => {
                Response::Jobs(reply.and_then(|reply| evidence::read_jobs(&reply, *per_page)))
            }
            Self::ListAnnotations { per_page, .. } => {
                Response::Annotations(reply.and_then(|reply| evidence::read_annotations(&reply, *per_page)))
            }
            Self::ReadLog { .. } => Response::Log(reply.and_then(|reply| log_tail::read(&reply))),
            Self::ListPulls { .. } => Response::Pulls(reply.and_then(|reply| pulls::read(&reply))),
            Self::Comment(call) => Response::Comment(reply.and_then(|reply| comments::read(call, &reply, us))),
        }
    }
}

fn read_run(reply: &Reply) -> Result<Box<Run>, Error> {
    match reply.status {
        200 => Run::from_json(&reply.body).map(Box::new).map_err(|error| Error::unreadable("a workflow run", &error)),
        _ => Err(Error::of_basic_read(reply)),
    }
}

fn read_repository(reply: &Reply) -> Result<(), Error> {
    match reply.status {
        200 if !reply.is_page() => Ok(()),
        _ => Err(Error::of_basic_read(reply)),
    }
}

fn read_failed_runs(reply: &Reply) -> Result<Vec<ListedRun>, Error> {
    match reply.status {
        200 => ListedRun::list_from_json(&reply.body).map_err(|error| Error::unreadable("a list of runs", &error)),
        _ => Err(Error::of(reply)),
    }
}

fn read_rerun(reply: &Reply) -> Result<RerunAnswer, Error> {
    match reply.status {
        201 if !reply.is_page() => Ok(RerunAnswer::Accepted),
        403 | 409 if rate_limit(reply).is_none() && message(reply).contains("already running") => {
            Ok(RerunAnswer::AlreadyRunning)
        }
        _ => Err(Error::of(reply)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support::{self, message as reply};
    use crate::time::{Millis, Span};

    #[track_caller]
    fn rerun(reply: Reply, expected: RerunAnswer) {
        assert_eq!(read_rerun(&reply), Ok(expected));
    }

    #[track_caller]
    fn rerun_fails(reply: Reply, expected: Error) {
        assert_eq!(read_rerun(&reply), Err(expected));
    }

    #[test]
    fn reruns() {
        rerun(Reply { status: 201, headers: ReplyHeaders::default(), body: b"{}".to_vec() }, RerunAnswer::Accepted);
        rerun(reply(403, "This workflow is already running"), RerunAnswer::AlreadyRunning);
        rerun(reply(403, "The workflow run containing this job is already running"), RerunAnswer::AlreadyRunning);
        let mut limited = reply(403, "This workflow is already running");
        limited.headers.retry_after = Some("7".to_owned());
        rerun_fails(limited, Error::RateLimited { wait: Some(Span::seconds(7)) });
        let mut plenty = reply(403, "This workflow is already running");
        plenty.headers.rate_limit_remaining = Some("4999".to_owned());
        rerun(plenty, RerunAnswer::AlreadyRunning);
        let cannot = "This workflow run cannot be retried";
        rerun_fails(reply(403, cannot), Error::Refused { message: cannot.to_owned() });
        rerun_fails(reply(403, "Something new"), Error::UnclearRefusal { message: "Something new".to_owned() });
        rerun_fails(reply(404, "Not Found"), Error::NotFound);
    }

    /// Whether it worked, the run itself will tell.
    #[test]
    fn only_201_says_that_a_rerun_was_made() {
        for (status, content_type) in
            [(200, "application/json"), (202, "application/json"), (204, ""), (200, "text/html"), (201, "text/html")]
        {
            let headers = ReplyHeaders { content_type: Some(content_type.to_owned()), ..ReplyHeaders::default() };
            let body = b"<html>Log in to the proxy</html>".to_vec();
            rerun_fails(Reply { status, headers, body }, Error::inconclusive(format!("GitHub answered {status}")));
        }
    }

    #[test]
    fn reading() {
        let run = serde_json::json!({
            "id": 7, "name": "ci", "run_attempt": 2, "status": "completed", "conclusion": "failure", "event": "push",
            "head_sha": "abc", "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" }, "pull_requests": [],
        });
        let of = |value: &serde_json::Value| read_run(&support::reply(200, value));
        let read = of(&run).unwrap();
        assert_eq!((read.run_attempt.get(), read.conclusion.map(|c| c.as_str())), (2, Some("failure")));
        assert_eq!(read.actors, ["ann", "bob"]);

        let mut going = run.clone();
        going["status"] = "in_progress".into();
        let read = of(&going).unwrap();
        assert_eq!(read.conclusion, None, "a conclusion counts only once the run is completed");

        for broken in [serde_json::json!({}), serde_json::json!([]), serde_json::json!({ "id": "x" })] {
            assert!(matches!(of(&broken), Err(Error::Inconclusive { .. })));
        }
        assert_eq!(read_run(&reply(404, "Not Found")), Err(Error::NotFound));
        // Who may not even read is refused as an account.
        let refused = Error::Credentials { message: "403 Something new".to_owned() };
        assert_eq!(read_run(&reply(403, "Something new")), Err(refused));
    }

    #[test]
    fn lists() {
        let list = |status, body: &str| {
            read_failed_runs(&Reply { status, headers: ReplyHeaders::default(), body: body.as_bytes().to_vec() })
        };
        let run = r#"{"workflow_runs":[{"id":7,"run_attempt":2,"updated_at":"2026-11-23T15:04:05Z"}]}"#;
        let runs = list(200, run).unwrap();
        assert_eq!((runs.len(), runs[0].run_attempt.get(), runs[0].updated), (1, 2, Millis(1_795_446_245_000)));
        assert!(matches!(list(200, "{}"), Err(Error::Inconclusive { .. })));
        assert_eq!(list(404, r#"{"message":"Not Found"}"#), Err(Error::NotFound));
    }
}
