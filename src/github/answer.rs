//! What GitHub can answer, as an enum for each call and not as status numbers.
//!
//! A 403 is classified by its rate-limit headers first, then by its message: GitHub uses it for both.

use std::fmt;

use serde::Deserialize;

use crate::bugs::{self, Bug};
use crate::escape::is_visible;
use crate::time::{Millis, Span};

use super::run::{ListedRun, Run};

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
    /// Names the permission that was missing.
    pub accepted_permissions: Option<String>,
    /// The next page of a list.
    pub link: Option<String>,
    /// What a classic token may do; others have none.
    pub oauth_scopes: Option<String>,
}

/// The answer to "Get a workflow run".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAnswer {
    Run(Box<Run>),
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
    Problem(Problem),
}

/// What can go wrong with any call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No credentials, or GitHub does not take them, or they lack a permission: somebody must mend the settings.
    Credentials { message: String },
    /// Wait this long, if GitHub said how long.
    RateLimited { wait: Option<Span> },
    /// No access, or gone: GitHub does not tell which.
    NotFound,
    /// It will never be done; GitHub's own words.
    Refused { message: String },
    /// 5xx, time-out, connection lost, an answer that cannot be read: it may or may not have taken effect.
    Lost { what: String },
}

/// For the log.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials { message } => write!(f, "GitHub refused the credentials: {message}"),
            Self::RateLimited { wait: Some(wait) } => {
                write!(f, "GitHub's rate limit: wait {} s", wait.as_millis() / 1_000)
            }
            Self::RateLimited { wait: None } => write!(f, "GitHub's rate limit"),
            Self::NotFound => write!(f, "GitHub answered 404: gone, or there is no access"),
            Self::Refused { message } => write!(f, "GitHub refused: {message}"),
            Self::Lost { what } => write!(f, "GitHub did not answer: {what}"),
        }
    }
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
            Self::Problem(problem(&reply))
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
            200..=299 => Self::Accepted,
            403 if bugs::has(Bug::Every403IsRunning) => Self::AlreadyRunning,
            403 | 409 if rate_limit(&reply).is_none() && message(&reply).contains("already running") => {
                Self::AlreadyRunning
            }
            _ => Self::Problem(problem(&reply)),
        }
    }
}

/// In GitHub's messages with a 403 that somebody must mend in the settings.
const OF_CREDENTIALS: [&str; 7] = [
    "Resource not accessible",
    "Must have admin rights",
    "SAML",
    "IP allow list",
    "suspended",
    "forbids access",
    "administrative rules",
];

pub fn problem(reply: &Reply) -> Problem {
    if let Some(limited) = rate_limit(reply) {
        return limited;
    }
    let message = message(reply);
    match reply.status {
        401 => Problem::Credentials { message: format!("401 {message}") },
        // What is wrong with the credentials is known by its words or by the permission that is named. Any other refusal
        // is about this run: it must not hold up the others.
        403 => match &reply.headers.accepted_permissions {
            Some(permissions) => {
                Problem::Credentials { message: format!("403 {message} (needed: {})", short(permissions)) }
            }
            None if OF_CREDENTIALS.iter().any(|words| message.contains(words)) => {
                Problem::Credentials { message: format!("403 {message}") }
            }
            None => Problem::Refused { message },
        },
        404 => Problem::NotFound,
        // A client's mistake stays one however often it is made; 408 and 409 may pass.
        400..=499 if !matches!(reply.status, 408 | 409 | 425) => {
            Problem::Refused { message: format!("{} {message}", reply.status) }
        }
        status => Problem::Lost { what: format!("status {status}") },
    }
}

/// GitHub Docs, "Rate limits for the REST API", "Exceeding the rate limit".
fn rate_limit(reply: &Reply) -> Option<Problem> {
    if !matches!(reply.status, 403 | 429) {
        return None;
    }
    let seconds = |header: &Option<String>| header.as_deref().and_then(|text| text.trim().parse::<i64>().ok());
    if let Some(seconds) = seconds(&reply.headers.retry_after) {
        return Some(Problem::RateLimited { wait: Some(Span::seconds(seconds)) });
    }
    if seconds(&reply.headers.rate_limit_remaining) == Some(0) {
        // Both times are GitHub's, so that our clock does not matter.
        let now = reply.headers.date.as_deref().and_then(Millis::from_http_date);
        let reset = seconds(&reply.headers.rate_limit_reset).map(|reset| Millis(reset.saturating_mul(1_000)));
        let wait = now.zip(reset).map(|(now, reset)| (reset - now).max(Span::seconds(1)));
        return Some(Problem::RateLimited { wait });
    }
    let limited = reply.status == 429 || message(reply).contains("rate limit");
    limited.then_some(Problem::RateLimited { wait: None })
}

/// GitHub's `message`, shortened: it is shown to people and stored.
pub(super) fn message(reply: &Reply) -> String {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    match serde_json::from_slice::<Body>(&reply.body) {
        Ok(body) => short(&body.message),
        Err(_) => "(no message)".to_owned(),
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| is_visible(*c)).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_table() {
        rerun(Reply { status: 201, headers: ReplyHeaders::default(), body: b"{}".to_vec() }, RerunAnswer::Accepted);
        rerun(reply(403, "This workflow is already running"), RerunAnswer::AlreadyRunning);
        rerun(reply(403, "The workflow run containing this job is already running"), RerunAnswer::AlreadyRunning);
        for message in [
            "This workflow run cannot be retried",
            "Unable to retry this workflow run because it was created over a month ago",
            "This workflow run cannot be rerun",
            "Repository was archived so is read-only.",
            "Something new",
        ] {
            rerun_problem(reply(403, message), Problem::Refused { message: message.to_owned() });
        }
        for (status, message) in [
            (401, "Bad credentials"),
            (403, "Resource not accessible by integration"),
            (403, "Resource not accessible by personal access token"),
            (403, "Must have admin rights to Repository."),
            (403, "Resource protected by organization SAML enforcement."),
        ] {
            rerun_problem(reply(status, message), Problem::Credentials { message: format!("{status} {message}") });
        }
        rerun_problem(reply(404, "Not Found"), Problem::NotFound);
        rerun_problem(reply(422, "Nope"), Problem::Refused { message: "422 Nope".to_owned() });
        for status in [500, 502, 503, 504, 408, 301] {
            rerun_problem(reply(status, ""), Problem::Lost { what: format!("status {status}") });
        }
    }

    #[test]
    fn the_missing_permission_is_named() {
        let mut denied = reply(403, "Resource not accessible by personal access token");
        denied.headers.accepted_permissions = Some("actions=write".to_owned());
        let message = "403 Resource not accessible by personal access token (needed: actions=write)".to_owned();
        rerun_problem(denied, Problem::Credentials { message });
    }

    #[test]
    fn rate_limits_come_before_messages() {
        let mut limited = reply(403, "This workflow is already running");
        limited.headers.retry_after = Some("7".to_owned());
        rerun_problem(limited, Problem::RateLimited { wait: Some(Span::seconds(7)) });

        // At once is a word too, and less than that is none that can be kept.
        for word in ["0", " 0 ", "-3"] {
            let mut limited = reply(429, "");
            limited.headers.retry_after = Some(word.to_owned());
            rerun_problem(limited, Problem::RateLimited { wait: Some(Span::ZERO) });
        }

        let mut limited = reply(403, "API rate limit exceeded for user ID 1.");
        limited.headers.rate_limit_remaining = Some("0".to_owned());
        limited.headers.rate_limit_reset = Some("1795446305".to_owned());
        limited.headers.date = Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned());
        rerun_problem(limited.clone(), Problem::RateLimited { wait: Some(Span::seconds(60)) });
        // It was in the past: GitHub's clocks are not one.
        limited.headers.date = Some("Mon, 23 Nov 2026 15:06:05 GMT".to_owned());
        rerun_problem(limited.clone(), Problem::RateLimited { wait: Some(Span::seconds(1)) });
        limited.headers.date = None;
        rerun_problem(limited, Problem::RateLimited { wait: None });

        rerun_problem(reply(403, "You have exceeded a secondary rate limit."), Problem::RateLimited { wait: None });
        rerun_problem(reply(429, ""), Problem::RateLimited { wait: None });

        let mut plenty = reply(403, "This workflow is already running");
        plenty.headers.rate_limit_remaining = Some("4999".to_owned());
        rerun(plenty, RerunAnswer::AlreadyRunning);
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
        assert_eq!(list(404, run), ListAnswer::Problem(Problem::NotFound));
    }

    #[test]
    fn problems_as_the_log_has_them() {
        for (problem, text) in [
            (Problem::Credentials { message: "401 no".to_owned() }, "GitHub refused the credentials: 401 no"),
            (Problem::RateLimited { wait: Some(Span::seconds(7)) }, "GitHub's rate limit: wait 7 s"),
            (Problem::RateLimited { wait: None }, "GitHub's rate limit"),
            (Problem::NotFound, "GitHub answered 404: gone, or there is no access"),
            (Problem::Refused { message: "no".to_owned() }, "GitHub refused: no"),
            (Problem::Lost { what: "status 502".to_owned() }, "GitHub did not answer: status 502"),
        ] {
            assert_eq!(problem.to_string(), text);
        }
    }
}
