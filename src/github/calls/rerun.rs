//! "Re-run failed jobs from a workflow run", or all of its jobs. The request cannot say which attempt it means.

use crate::names::{RepoName, RunId};
use crate::policy::Scope;

use super::{Error, Reply, Request, message, rate_limit};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerunAnswer {
    Accepted,
    AlreadyRunning,
}

pub fn request(repository: &RepoName, run_id: RunId, scope: Scope, debug_logging: bool) -> Request {
    let what = match scope {
        Scope::FailedJobs => "rerun-failed-jobs",
        Scope::AllJobs => "rerun",
    };
    let body = match debug_logging {
        true => r#"{"enable_debug_logging":true}"#,
        false => r#"{"enable_debug_logging":false}"#,
    };
    Request::post(format!("/repos/{repository}/actions/runs/{run_id}/{what}"), body)
}

pub fn read(reply: &Reply) -> Result<RerunAnswer, Error> {
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
    use crate::github::ReplyHeaders;
    use crate::github::support;
    use crate::time::Span;

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let of = |scope, debug| request(&repository, RunId::new(7).unwrap(), scope, debug).in_short();
        assert_eq!(
            of(Scope::FailedJobs, false),
            r#"Post /repos/octo/widgets/actions/runs/7/rerun-failed-jobs {"enable_debug_logging":false}"#
        );
        assert_eq!(
            of(Scope::AllJobs, true),
            r#"Post /repos/octo/widgets/actions/runs/7/rerun {"enable_debug_logging":true}"#
        );
    }

    #[track_caller]
    fn rerun(reply: Reply, expected: RerunAnswer) {
        assert_eq!(read(&reply), Ok(expected));
    }

    #[track_caller]
    fn rerun_fails(reply: Reply, expected: Error) {
        assert_eq!(read(&reply), Err(expected));
    }

    #[test]
    fn what_is_answered() {
        rerun(support::reply(201, serde_json::json!({})), RerunAnswer::Accepted);
        rerun(support::message(403, "This workflow is already running"), RerunAnswer::AlreadyRunning);
        rerun(
            support::message(403, "The workflow run containing this job is already running"),
            RerunAnswer::AlreadyRunning,
        );
        let mut limited = support::message(403, "This workflow is already running");
        limited.headers.retry_after = Some("7".to_owned());
        rerun_fails(limited, Error::RateLimited { wait: Some(Span::seconds(7)) });
        let mut plenty = support::message(403, "This workflow is already running");
        plenty.headers.rate_limit_remaining = Some("4999".to_owned());
        rerun(plenty, RerunAnswer::AlreadyRunning);
        let cannot = "This workflow run cannot be retried";
        rerun_fails(support::message(403, cannot), Error::Refused { message: cannot.to_owned() });
        rerun_fails(
            support::message(403, "Something new"),
            Error::UnclearRefusal { message: "Something new".to_owned() },
        );
        rerun_fails(support::message(404, "Not Found"), Error::NotFound);
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
}
