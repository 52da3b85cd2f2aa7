//! Why a call did not bring what it was made for, by what the caller does then.
//!
//! A reply is classified by GitHub's own words, and by nothing that other replies have too: the header
//! `X-Accepted-GitHub-Permissions` and the rate limit's headers come with every reply, and a status alone may be that of
//! something between us and GitHub. A 403 is looked at for a rate limit first, then for its message, as GitHub uses it
//! for both.

use serde::Deserialize;

use crate::escape::is_visible;
use crate::time::{Millis, Span};

use super::http::Reply;

/// The comment on each variant begins with what the caller does. [`Display`](std::fmt::Display) is a sentence without
/// its full stop, for the log and for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Wait: this long, if GitHub said how long.
    #[error("GitHub's rate limit{}", wait.map_or_else(String::new, |wait| format!(": wait {} s", wait.as_millis() / 1_000)))]
    RateLimited { wait: Option<Span> },
    /// Wait with what is written for people: this long, if GitHub said how long. It holds up nothing else.
    #[error("GitHub accepts no more content for now{}", wait.map_or_else(String::new, |wait| format!(": wait {} s", wait.as_millis() / 1_000)))]
    ContentLimited { wait: Option<Span> },
    /// Retry: no answer, or none that means anything (5xx, time-out, connection lost, not the JSON that was asked for).
    /// The call may or may not have taken effect. `what` is a sentence without its full stop.
    #[error("{what}")]
    Inconclusive { what: String },
    /// Configuration: there are no credentials, or GitHub refuses them, or they lack a permission, or their account may
    /// do nothing. Somebody must change the settings or the account.
    #[error("GitHub refused the credentials: {message}")]
    Credentials { message: String },
    /// Configuration, of this repository alone: it is gone or locked, or the App is not installed there.
    #[error("Rerunner cannot work in the repository: {message}")]
    Repository { message: String },
    /// No access, or gone: GitHub does not say which.
    #[error("GitHub answered 404: it is gone, or access is missing")]
    NotFound,
    /// Final: GitHub will never do it. Its own words.
    #[error("GitHub refused: {message}")]
    Refused { message: String },
    /// A second look: refused in words that may be about the run or about the account.
    #[error("GitHub refused: {message}")]
    UnclearRefusal { message: String },
    /// Final, unless less is asked for: the answer is longer than what is read of one.
    #[error("GitHub's answer is larger than {limit}")]
    TooLarge { limit: &'static str },
}

impl Error {
    /// What this reply says, which is not the one that was hoped for.
    pub fn of(reply: &Reply) -> Self {
        if let Some(limited) = rate_limit(reply) {
            return limited;
        }
        let status = reply.status;
        // GitHub's API never refuses without a message: an empty reply or a page comes from something on the way to it.
        let Some(message) = said(reply) else { return Self::inconclusive(format!("GitHub answered {status}")) };
        let lower = message.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|words| lower.contains(words));
        match status {
            401 => Self::Credentials { message: format!("401 {message}") },
            403 if has(&OF_CREDENTIALS) => Self::Credentials { message: with_permission(reply, &message) },
            403 if has(&OF_REPOSITORY) => Self::Repository { message },
            451 => Self::Repository { message: format!("451 {message}") },
            403 if has(&OF_RUN) => Self::Refused { message },
            403 => Self::UnclearRefusal { message },
            404 => Self::NotFound,
            // A client's mistake stays one however often it is made; 408, 409 and 425 may pass.
            400..=499 if !matches!(status, 408 | 409 | 425) => Self::Refused { message: format!("{status} {message}") },
            _ => Self::inconclusive(format!("GitHub answered {status}")),
        }
    }

    /// Whether others for the repository would end in the same way. If not, it is an answer about what was asked for.
    pub fn concerns_other_calls(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::ContentLimited { .. }
            | Self::Inconclusive { .. }
            | Self::Credentials { .. }
            | Self::Repository { .. } => true,
            Self::NotFound | Self::Refused { .. } | Self::UnclearRefusal { .. } | Self::TooLarge { .. } => false,
        }
    }

    pub fn inconclusive(what: impl Into<String>) -> Self {
        Self::Inconclusive { what: what.into() }
    }

    /// Of whatever GitHub was asked, it has answered something else.
    pub fn other_answer() -> Self {
        Self::inconclusive("The answer is to another call")
    }

    /// [`Error::of`] something that is written for people, which has a limit of its own. What cannot be told from a limit of all
    /// calls is one.
    pub fn of_content(reply: &Reply) -> Self {
        match Self::of(reply) {
            Self::RateLimited { wait } if is_limit_of_content(reply) => Self::ContentLimited { wait },
            error => error,
        }
    }

    /// [`Error::of`] something that every account may read that may do anything at all: an unclear refusal is about the
    /// account.
    pub fn of_basic_read(reply: &Reply) -> Self {
        match Self::of(reply) {
            Self::UnclearRefusal { message } => Self::Credentials { message: format!("403 {message}") },
            error => error,
        }
    }

    /// The same, of something that credentials may be refused although they are good for other things: only a 401 is
    /// about the credentials as a whole.
    pub fn of_optional_read(reply: &Reply) -> Self {
        match Self::of(reply) {
            Self::Credentials { message } if reply.status != 401 => Self::Refused { message },
            error => error,
        }
    }
}

impl Reply {
    /// The answer that was hoped for; of any other, what it means.
    pub fn ok(&self, otherwise: impl FnOnce(&Self) -> Error) -> Result<&Self, Error> {
        if self.status == 200 { Ok(self) } else { Err(otherwise(self)) }
    }

    /// `what` it should be, for the error: "a list of jobs".
    pub fn json<'a, T: Deserialize<'a>>(&'a self, what: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::inconclusive(format!("GitHub's answer is not {what} (line {line}, column {column})"))
        })
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

/// The header names what the call needs. That it is missing, only the message says.
fn with_permission(reply: &Reply, message: &str) -> String {
    let needed = reply.headers.accepted_permissions.as_deref().filter(|_| message.contains("not accessible"));
    needed.map_or_else(|| format!("403 {message}"), |needed| format!("403 {message} (needed: {})", short(needed)))
}

/// GitHub Docs, "Rate limits for the REST API", "Exceeding the rate limit".
pub(super) fn rate_limit(reply: &Reply) -> Option<Error> {
    if !matches!(reply.status, 403 | 429) {
        return None;
    }
    let seconds = |header: &Option<String>| header.as_deref().and_then(|text| text.trim().parse::<i64>().ok());
    if let Some(seconds) = seconds(&reply.headers.retry_after) {
        return Some(Error::RateLimited { wait: Some(Span::seconds(seconds)) });
    }
    // Both times are GitHub's, so that our clock does not matter.
    let now = reply.headers.date.as_deref().and_then(Millis::from_http_date);
    let until = |time: Option<Millis>| now.zip(time).map(|(now, time)| (time - now).max(Span::seconds(1)));
    // HTTP allows a date too, which a proxy may send.
    if let Some(at) = reply.headers.retry_after.as_deref().and_then(Millis::from_http_date) {
        return Some(Error::RateLimited { wait: until(Some(at)) });
    }
    if seconds(&reply.headers.rate_limit_remaining) == Some(0) {
        let reset = seconds(&reply.headers.rate_limit_reset).map(|reset| Millis(reset.saturating_mul(1_000)));
        return Some(Error::RateLimited { wait: until(reset) });
    }
    let says_so = || {
        let message = message(reply).to_lowercase();
        // Older servers call it abuse.
        message.contains("rate limit") || message.contains("abuse detection")
    };
    (reply.status == 429 || says_so()).then_some(Error::RateLimited { wait: None })
}

/// "You have exceeded a secondary rate limit and have been temporarily blocked from content creation." Other secondary limits,
/// of requests at once or by the minute, are of all calls, and so is the primary one.
fn is_limit_of_content(reply: &Reply) -> bool {
    let remaining = reply.headers.rate_limit_remaining.as_deref().and_then(|text| text.trim().parse::<i64>().ok());
    let message = message(reply).to_lowercase();
    remaining.is_some_and(|remaining| remaining > 0)
        && message.contains("secondary rate limit")
        && message.contains("content creation")
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
mod tests;
