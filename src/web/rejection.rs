//! Requests that are not served: the status, and why, as a page, JSON or text.
//!
//! | status | when |
//! |---|---|
//! | 400 | a parameter is wrong, with its name |
//! | 401 | no credentials, or wrong ones |
//! | 403 | `ADMIN_TOKEN` is not set, or another site made the browser ask |
//! | 404 | no such path, badge, repository or run |
//! | 405 | the path is served, but not with this method |
//! | 429 | too many wrong credentials from this address |
//! | 502 | GitHub did not do what was asked |
//! | 503 | the Keeper or Workers KV did not answer |
//!
//! The set-up pages have some of their own ([`super::setup`]).

use std::borrow::Cow;
use std::fmt;

use maud::html;
use serde::Serialize;

use super::access::denied::Denied;
use super::html::{Sentence, message};
use super::http::Response;
use crate::webhook::answer::Outcome;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    BadRequest(String),
    Denied(Denied),
    NotFound(&'static str),
    MethodNotAllowed {
        allow: &'static str,
    },
    BadGateway(String),
    /// What went wrong goes to the log, not to the caller.
    Unavailable {
        place: &'static str,
        what: String,
    },
}

/// How a rejection is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Page,
    Json,
    Text,
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Rejection {
    pub fn unavailable(place: &'static str, what: impl fmt::Display) -> Self {
        Self::Unavailable { place, what: what.to_string() }
    }

    fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::Denied(denied) => denied.http_status(),
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::BadGateway(_) => 502,
            Self::Unavailable { .. } => 503,
        }
    }

    fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::BadRequest(reason) | Self::BadGateway(reason) => reason.clone().into(),
            Self::Denied(denied) => denied.reason().into(),
            Self::NotFound(reason) => (*reason).into(),
            Self::MethodNotAllowed { .. } => "this path does not take this method".into(),
            Self::Unavailable { .. } => "the data could not be read; try again".into(),
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "Bad request",
            Self::Denied(Denied::Absent | Denied::Wrong) => "Sign in",
            Self::Denied(Denied::NotSet | Denied::CrossSite) => "Access denied",
            Self::Denied(Denied::TooMany { .. }) => "Too many attempts",
            Self::NotFound(_) => "Not found",
            Self::MethodNotAllowed { .. } => "Method not allowed",
            Self::BadGateway(_) => "No answer from GitHub",
            Self::Unavailable { .. } => "Temporarily unavailable",
        }
    }

    pub fn response(&self, form: Form) -> Response {
        let reason = self.reason();
        let response = match form {
            Form::Page => Response::html(message(self.title(), &html! { (Sentence(&self.sentence(&reason))) })),
            Form::Json => Response::json_text(self.json(&reason)),
            Form::Text => Response::plain("text/plain; charset=utf-8", format!("{reason}\n")),
        };
        let response = response.with_status(self.status());
        match self {
            Self::Denied(Denied::Absent | Denied::Wrong) => response
                .with("www-authenticate", "Basic realm=\"Rerunner\", charset=\"UTF-8\"")
                .with("www-authenticate", "Bearer realm=\"Rerunner\""),
            Self::Denied(Denied::TooMany { retry_after_seconds }) => {
                response.with("retry-after", retry_after_seconds.to_string())
            }
            Self::MethodNotAllowed { allow } => response.with("allow", *allow),
            Self::Denied(Denied::NotSet | Denied::CrossSite)
            | Self::BadRequest(_)
            | Self::NotFound(_)
            | Self::BadGateway(_)
            | Self::Unavailable { .. } => response,
        }
    }

    fn sentence(&self, reason: &str) -> String {
        // Names of parameters stay as they are written.
        if let Self::BadRequest(_) = self {
            return format!("The query in this address is wrong: {reason}.");
        }
        let mut characters = reason.chars();
        let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", characters.as_str())
    }

    /// Like the answer to a webhook.
    fn json(&self, reason: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            outcome: Outcome,
            reason: &'a str,
        }
        let outcome = match self {
            Self::Unavailable { .. } => Outcome::Unavailable,
            Self::BadRequest(_)
            | Self::Denied(_)
            | Self::NotFound(_)
            | Self::MethodNotAllowed { .. }
            | Self::BadGateway(_) => Outcome::Rejected,
        };
        // Plain structs always serialize.
        serde_json::to_vec(&Body { outcome, reason }).unwrap_or_default()
    }
}
