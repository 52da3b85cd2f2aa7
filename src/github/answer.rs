//! What GitHub can answer, as an enum for each call and not as status numbers. What an answer says that is not the one
//! hoped for, is in [`super::problem`].

use crate::policy::run::Run;

pub use super::problem::{Problem, problem};

use super::problem::{message, rate_limit};
use super::run::ListedRun;

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

/// The answer to "Get a workflow run".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAnswer {
    Run(Box<Run>),
    Problem(Problem),
}

/// The answer to "Get a repository".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryAnswer {
    There,
    Problem(Problem),
}

/// The answer to "Re-run failed jobs from a workflow run".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RerunAnswer {
    Accepted,
    AlreadyRunning,
    Problem(Problem),
}

/// The answer to "List workflow runs for a repository".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListAnswer {
    Runs(Vec<ListedRun>),
    /// It is longer than what is read of one: somebody's commit messages are. Smaller pages are not.
    TooLong,
    Problem(Problem),
}

impl ReadAnswer {
    pub fn of(reply: Reply) -> Self {
        if reply.status == 200 {
            match Run::from_json(&reply.body) {
                Ok(run) => Self::Run(Box::new(run)),
                Err(error) => Self::Problem(Problem::Lost {
                    what: format!(
                        "an answer that is no workflow run (line {}, column {})",
                        error.line(),
                        error.column()
                    ),
                }),
            }
        } else {
            Self::Problem(problem(&reply).of_a_read())
        }
    }
}

impl RepositoryAnswer {
    pub fn of(reply: &Reply) -> Self {
        match reply.status {
            200 if !reply.is_page() => Self::There,
            _ => Self::Problem(problem(reply).of_a_read()),
        }
    }
}

impl ListAnswer {
    pub fn of(reply: Reply) -> Self {
        if reply.status == 200 {
            match ListedRun::list_from_json(&reply.body) {
                Ok(runs) => Self::Runs(runs),
                Err(error) => Self::Problem(Problem::Lost {
                    what: format!(
                        "an answer that is no list of runs (line {}, column {})",
                        error.line(),
                        error.column()
                    ),
                }),
            }
        } else {
            Self::Problem(problem(&reply))
        }
    }
}

impl RerunAnswer {
    pub fn of(reply: Reply) -> Self {
        match reply.status {
            201 if !reply.is_page() => Self::Accepted,
            403 | 409 if rate_limit(&reply).is_none() && message(&reply).contains("already running") => {
                Self::AlreadyRunning
            }
            _ => Self::Problem(problem(&reply)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Millis, Span};

    fn reply(status: u16, message: &str) -> Reply {
        let body = serde_json::json!({ "message": message }).to_string().into_bytes();
        Reply { status, headers: ReplyHeaders::default(), body }
    }

    #[track_caller]
    fn rerun(reply: Reply, expected: RerunAnswer) {
        assert_eq!(RerunAnswer::of(reply), expected);
    }

    #[track_caller]
    fn rerun_problem(reply: Reply, expected: Problem) {
        rerun(reply, RerunAnswer::Problem(expected));
    }

    #[test]
    fn reruns() {
        rerun(Reply { status: 201, headers: ReplyHeaders::default(), body: b"{}".to_vec() }, RerunAnswer::Accepted);
        rerun(reply(403, "This workflow is already running"), RerunAnswer::AlreadyRunning);
        rerun(reply(403, "The workflow run containing this job is already running"), RerunAnswer::AlreadyRunning);
        let mut limited = reply(403, "This workflow is already running");
        limited.headers.retry_after = Some("7".to_owned());
        rerun_problem(limited, Problem::RateLimited { wait: Some(Span::seconds(7)) });
        let mut plenty = reply(403, "This workflow is already running");
        plenty.headers.rate_limit_remaining = Some("4999".to_owned());
        rerun(plenty, RerunAnswer::AlreadyRunning);
        let cannot = "This workflow run cannot be retried";
        rerun_problem(reply(403, cannot), Problem::Refused { message: cannot.to_owned() });
        rerun_problem(reply(403, "Something new"), Problem::Unclear { message: "Something new".to_owned() });
        rerun_problem(reply(404, "Not Found"), Problem::NotFound);
    }

    /// Whether it worked, the run itself will tell.
    #[test]
    fn only_201_says_that_a_rerun_was_made() {
        for (status, content_type) in
            [(200, "application/json"), (202, "application/json"), (204, ""), (200, "text/html"), (201, "text/html")]
        {
            let headers = ReplyHeaders { content_type: Some(content_type.to_owned()), ..ReplyHeaders::default() };
            let body = b"<html>Log in to the proxy</html>".to_vec();
            rerun_problem(Reply { status, headers, body }, Problem::Lost { what: format!("status {status}") });
        }
    }

    #[test]
    fn reading() {
        let run = serde_json::json!({
            "id": 7, "name": "ci", "run_attempt": 2, "status": "completed", "conclusion": "failure", "event": "push",
            "head_sha": "abc", "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" }, "pull_requests": [],
        });
        let of = |value: &serde_json::Value| {
            ReadAnswer::of(Reply {
                status: 200,
                headers: ReplyHeaders::default(),
                body: value.to_string().into_bytes(),
            })
        };
        let ReadAnswer::Run(read) = of(&run) else { panic!("not read") };
        assert_eq!((read.run_attempt.get(), read.conclusion.map(|c| c.as_str())), (2, Some("failure")));
        assert_eq!(read.actors, ["ann", "bob"]);

        let mut going = run.clone();
        going["status"] = "in_progress".into();
        let ReadAnswer::Run(read) = of(&going) else { panic!("not read") };
        assert_eq!(read.conclusion, None, "a conclusion counts only once the run is completed");

        for broken in [serde_json::json!({}), serde_json::json!([]), serde_json::json!({ "id": "x" })] {
            assert!(matches!(of(&broken), ReadAnswer::Problem(Problem::Lost { .. })));
        }
        assert_eq!(ReadAnswer::of(reply(404, "Not Found")), ReadAnswer::Problem(Problem::NotFound));
        // Who may not even read is refused as an account.
        let refused = Problem::Credentials { message: "403 Something new".to_owned() };
        assert_eq!(ReadAnswer::of(reply(403, "Something new")), ReadAnswer::Problem(refused));
    }

    #[test]
    fn lists() {
        let list = |status, body: &str| {
            ListAnswer::of(Reply { status, headers: ReplyHeaders::default(), body: body.as_bytes().to_vec() })
        };
        let run = r#"{"workflow_runs":[{"id":7,"run_attempt":2,"updated_at":"2026-11-23T15:04:05Z"}]}"#;
        let ListAnswer::Runs(runs) = list(200, run) else { panic!("not read") };
        assert_eq!((runs.len(), runs[0].run_attempt.get(), runs[0].updated), (1, 2, Millis(1_795_446_245_000)));
        assert!(matches!(list(200, "{}"), ListAnswer::Problem(Problem::Lost { .. })));
        assert_eq!(list(404, r#"{"message":"Not Found"}"#), ListAnswer::Problem(Problem::NotFound));
    }
}
