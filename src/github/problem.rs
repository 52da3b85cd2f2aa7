//! What an answer that is not the one hoped for says: whom it is about, and what proves it.
//!
//! An answer is classified by GitHub's own words, and by nothing that other answers have too: the header
//! `X-Accepted-GitHub-Permissions` comes with every answer, rate limits are told with every answer, and a status alone may
//! be that of something between us and GitHub. A 403 is looked at for a rate limit first, then for its message, as GitHub
//! uses it for both.

use std::fmt;

use serde::Deserialize;

use crate::escape::is_visible;
use crate::time::{Millis, Span};

use super::answer::Reply;

/// What can go wrong with any call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No credentials, or GitHub does not take them, or they lack a permission, or the account that they are of may do
    /// nothing: somebody must mend the settings or the account.
    Credentials { message: String },
    /// Nothing can be done in this repository, whatever its run: it is gone or locked, or the App is not installed there.
    /// Of other repositories it says nothing.
    Repository { message: String },
    /// Wait this long, if GitHub said how long.
    RateLimited { wait: Option<Span> },
    /// No access, or gone: GitHub does not tell which.
    NotFound,
    /// It will never be done; GitHub's own words.
    Refused { message: String },
    /// Refused in words that do not say whether that is about the run or about the account.
    Unclear { message: String },
    /// 5xx, time-out, connection lost, an answer that cannot be read: it may or may not have taken effect.
    Lost { what: String },
}

impl Problem {
    /// Reading takes no more than that the account may do anything at all: whatever refuses it is about the account.
    pub fn of_a_read(self) -> Self {
        match self {
            Self::Unclear { message } => Self::Credentials { message: format!("403 {message}") },
            problem => problem,
        }
    }
}

/// For the log.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials { message } => write!(f, "GitHub refused the credentials: {message}"),
            Self::Repository { message } => write!(f, "nothing can be done in the repository: {message}"),
            Self::RateLimited { wait: Some(wait) } => {
                write!(f, "GitHub's rate limit: wait {} s", wait.as_millis() / 1_000)
            }
            Self::RateLimited { wait: None } => write!(f, "GitHub's rate limit"),
            Self::NotFound => write!(f, "GitHub answered 404: gone, or there is no access"),
            Self::Refused { message } | Self::Unclear { message } => write!(f, "GitHub refused: {message}"),
            Self::Lost { what } => write!(f, "GitHub did not answer: {what}"),
        }
    }
}

/// In GitHub's messages with a 403 that are about the account, the token or its permissions. In small letters, as all
/// of these.
const OF_CREDENTIALS: [&str; 17] = [
    "resource not accessible",
    "must have admin rights",
    "write access",
    "permission",
    "personal access token",
    "saml",
    "single sign-on",
    "ip allow list",
    "two-factor",
    "email address",
    "suspended",
    "your account",
    "billing",
    "terms of service",
    "forbids access",
    "administrative rules",
    "not authorized",
];
/// In those that are about the repository as a whole, for now.
const OF_REPOSITORY: [&str; 3] = ["repository access blocked", "repository is disabled", "repository is locked"];
/// In those that are about the run: no other run is held up by them.
const OF_RUN: [&str; 6] = ["workflow", "this run", " job", "retried", "re-run", "archived"];

/// What this answer says, which is not the one hoped for.
pub fn problem(reply: &Reply) -> Problem {
    if let Some(limited) = rate_limit(reply) {
        return limited;
    }
    let status = reply.status;
    // GitHub's API never refuses without a word: an empty answer or a page is that of something on the way to it.
    let Some(message) = said(reply) else { return Problem::Lost { what: format!("status {status}") } };
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    match status {
        401 => Problem::Credentials { message: format!("401 {message}") },
        403 if has(&OF_CREDENTIALS) => Problem::Credentials { message: with_permission(reply, &message) },
        403 if has(&OF_REPOSITORY) => Problem::Repository { message },
        451 => Problem::Repository { message: format!("451 {message}") },
        403 if has(&OF_RUN) => Problem::Refused { message },
        403 => Problem::Unclear { message },
        404 => Problem::NotFound,
        // A client's mistake stays one however often it is made; 408 and 409 may pass.
        400..=499 if !matches!(status, 408 | 409 | 425) => Problem::Refused { message: format!("{status} {message}") },
        _ => Problem::Lost { what: format!("status {status}") },
    }
}

/// The header names what the call needs. That it is missing, only the message says.
fn with_permission(reply: &Reply, message: &str) -> String {
    let needed = reply.headers.accepted_permissions.as_deref().filter(|_| message.contains("not accessible"));
    needed.map_or_else(|| format!("403 {message}"), |needed| format!("403 {message} (needed: {})", short(needed)))
}

/// GitHub Docs, "Rate limits for the REST API", "Exceeding the rate limit".
pub(super) fn rate_limit(reply: &Reply) -> Option<Problem> {
    if !matches!(reply.status, 403 | 429) {
        return None;
    }
    let seconds = |header: &Option<String>| header.as_deref().and_then(|text| text.trim().parse::<i64>().ok());
    if let Some(seconds) = seconds(&reply.headers.retry_after) {
        return Some(Problem::RateLimited { wait: Some(Span::seconds(seconds)) });
    }
    // Both times are GitHub's, so that our clock does not matter.
    let now = reply.headers.date.as_deref().and_then(Millis::from_http_date);
    let until = |time: Option<Millis>| now.zip(time).map(|(now, time)| (time - now).max(Span::seconds(1)));
    // HTTP allows a date too, which a proxy may send.
    if let Some(at) = reply.headers.retry_after.as_deref().and_then(Millis::from_http_date) {
        return Some(Problem::RateLimited { wait: until(Some(at)) });
    }
    if seconds(&reply.headers.rate_limit_remaining) == Some(0) {
        let reset = seconds(&reply.headers.rate_limit_reset).map(|reset| Millis(reset.saturating_mul(1_000)));
        return Some(Problem::RateLimited { wait: until(reset) });
    }
    let says_so = || {
        let message = message(reply).to_lowercase();
        // Older servers call it abuse.
        message.contains("rate limit") || message.contains("abuse detection")
    };
    (reply.status == 429 || says_so()).then_some(Problem::RateLimited { wait: None })
}

/// GitHub's `message`, shortened: it is shown to people and stored.
pub(super) fn message(reply: &Reply) -> String {
    said(reply).unwrap_or_else(|| "(no message)".to_owned())
}

/// `None`: this is not how GitHub's API answers.
fn said(reply: &Reply) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    serde_json::from_slice::<Body>(&reply.body).ok().map(|body| short(&body.message))
}

fn short(text: &str) -> String {
    text.chars().filter(|c| is_visible(*c)).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::answer::ReplyHeaders;

    fn reply(status: u16, message: &str) -> Reply {
        let body = serde_json::json!({ "message": message }).to_string().into_bytes();
        Reply { status, headers: ReplyHeaders::default(), body }
    }

    #[track_caller]
    fn is(reply: &Reply, expected: Problem) {
        assert_eq!(problem(reply), expected);
    }

    /// Each with the headers that every answer to an App has, and without: they change nothing.
    #[track_caller]
    fn whatever_comes_along(status: u16, message: &str, expected: &Problem) {
        let bare = reply(status, message);
        let mut dressed = bare.clone();
        dressed.headers = ReplyHeaders {
            accepted_permissions: Some("actions=write".to_owned()),
            rate_limit_remaining: Some("4999".to_owned()),
            rate_limit_reset: Some("1795446305".to_owned()),
            date: Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned()),
            content_type: Some("application/json; charset=utf-8".to_owned()),
            ..ReplyHeaders::default()
        };
        for reply in [bare, dressed] {
            is(&reply, expected.clone());
        }
    }

    #[test]
    fn whom_it_is_about() {
        for message in [
            "This workflow run cannot be retried",
            "Unable to retry this workflow run because it was created over a month ago",
            "This workflow run cannot be rerun",
            "Repository was archived so is read-only.",
        ] {
            whatever_comes_along(403, message, &Problem::Refused { message: message.to_owned() });
        }
        for (status, message) in [
            (401, "Bad credentials"),
            (403, "Must have admin rights to Repository."),
            (403, "At least one email address must be verified to do that."),
            (403, "Resource protected by organization SAML enforcement. You must grant your OAuth token access."),
            (403, "Although you appear to have the correct authorization, `octo` has an IP allow list enabled."),
            (403, "Sorry. Your account was suspended."),
            (403, "`octo` forbids access via a personal access token (classic)."),
            (403, "Write access to repository not granted."),
            (403, "You do not have permission to re-run this workflow"),
        ] {
            whatever_comes_along(status, message, &Problem::Credentials { message: format!("{status} {message}") });
        }
        let blocked = Problem::Repository { message: "Repository access blocked".to_owned() };
        whatever_comes_along(403, "Repository access blocked", &blocked);
        let unavailable = Problem::Repository { message: "451 Unavailable".to_owned() };
        whatever_comes_along(451, "Unavailable", &unavailable);
        whatever_comes_along(403, "Something new", &Problem::Unclear { message: "Something new".to_owned() });
        whatever_comes_along(404, "Not Found", &Problem::NotFound);
        whatever_comes_along(422, "Nope", &Problem::Refused { message: "422 Nope".to_owned() });
        for status in [500, 502, 503, 504, 408, 409, 301, 202] {
            whatever_comes_along(status, "", &Problem::Lost { what: format!("status {status}") });
        }
    }

    #[test]
    fn a_status_without_githubs_words_proves_nothing() {
        for status in [400, 401, 403, 404, 407, 410, 422, 451] {
            for body in ["", "<html>Log in to the proxy</html>", "[]", r#"{"error":"no"}"#] {
                let headers = ReplyHeaders { content_type: Some("text/html".to_owned()), ..ReplyHeaders::default() };
                let page = Reply { status, headers, body: body.as_bytes().to_vec() };
                is(&page, Problem::Lost { what: format!("status {status}") });
            }
        }
    }

    #[test]
    fn the_missing_permission_is_named() {
        let mut denied = reply(403, "Resource not accessible by personal access token");
        denied.headers.accepted_permissions = Some("actions=write".to_owned());
        let message = "403 Resource not accessible by personal access token (needed: actions=write)".to_owned();
        is(&denied, Problem::Credentials { message });
    }

    #[test]
    fn rate_limits_come_before_messages() {
        let limited = |wait| Problem::RateLimited { wait };
        let mut told = reply(403, "This workflow is already running");
        told.headers.retry_after = Some("7".to_owned());
        is(&told, limited(Some(Span::seconds(7))));
        told.headers.date = Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned());
        told.headers.retry_after = Some("Mon, 23 Nov 2026 15:06:05 GMT".to_owned());
        is(&told, limited(Some(Span::minutes(2))));

        // At once is a word too, and less than that is none that can be kept.
        for word in ["0", " 0 ", "-3"] {
            let mut at_once = reply(429, "");
            at_once.headers.retry_after = Some(word.to_owned());
            is(&at_once, limited(Some(Span::ZERO)));
        }

        let mut none_left = reply(403, "API rate limit exceeded for user ID 1.");
        none_left.headers.rate_limit_remaining = Some("0".to_owned());
        none_left.headers.rate_limit_reset = Some("1795446305".to_owned());
        none_left.headers.date = Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned());
        is(&none_left, limited(Some(Span::seconds(60))));
        // It was in the past: GitHub's clocks are not one.
        none_left.headers.date = Some("Mon, 23 Nov 2026 15:06:05 GMT".to_owned());
        is(&none_left, limited(Some(Span::seconds(1))));
        none_left.headers.date = None;
        is(&none_left, limited(None));

        for message in ["You have exceeded a secondary rate limit.", "You have triggered an abuse detection mechanism."]
        {
            is(&reply(403, message), limited(None));
        }
        is(&Reply { status: 429, headers: ReplyHeaders::default(), body: vec![] }, limited(None));
        // With other statuses the same headers are only told.
        let mut missing = reply(404, "Not Found");
        missing.headers.rate_limit_remaining = Some("0".to_owned());
        is(&missing, Problem::NotFound);
    }

    #[test]
    fn problems_as_the_log_has_them() {
        let text = || "no".to_owned();
        for (problem, text) in [
            (Problem::Credentials { message: "401 no".to_owned() }, "GitHub refused the credentials: 401 no"),
            (Problem::Repository { message: text() }, "nothing can be done in the repository: no"),
            (Problem::RateLimited { wait: Some(Span::seconds(7)) }, "GitHub's rate limit: wait 7 s"),
            (Problem::RateLimited { wait: None }, "GitHub's rate limit"),
            (Problem::NotFound, "GitHub answered 404: gone, or there is no access"),
            (Problem::Refused { message: text() }, "GitHub refused: no"),
            (Problem::Unclear { message: text() }, "GitHub refused: no"),
            (Problem::Lost { what: "status 502".to_owned() }, "GitHub did not answer: status 502"),
        ] {
            assert_eq!(problem.to_string(), text);
        }
    }
}
