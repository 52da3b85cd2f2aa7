//! Requests that are not served: the status, and why, as a page, JSON or text.
//!
//! | status | when |
//! |---|---|
//! | 400 | a parameter is wrong, with its name |
//! | 401 | no credentials, or wrong ones |
//! | 403 | `ADMIN_TOKEN` is not set, Cloudflare Access's token is not good here, or another site made the browser ask |
//! | 404 | no such path, badge, repository or run |
//! | 405 | the path is served, but not with this method |
//! | 429 | too many wrong credentials from this address |
//! | 502 | GitHub did not do what was asked |
//! | 503 | the Keeper or Workers KV did not answer |
//!
//! The set-up pages have some of their own ([`super::setup`]).

use std::borrow::Cow;
use std::fmt;

use maud::{Markup, html};
use serde_json::json;

use super::html::{OVERVIEW, amount, message, with_code};
use super::http::Response;
use crate::time::Span;
use crate::webhook::answer::Outcome;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    BadRequest(String),
    /// There is no `ADMIN_TOKEN`.
    NoAdminToken,
    NoCredentials,
    WrongCredentials,
    /// Cloudflare Access's token is not valid, or for something else.
    WrongAssertion,
    /// Only Cloudflare Access opens it, and it did not come that way.
    NotByAccess,
    TooManyAttempts {
        retry_after_seconds: i64,
    },
    /// Another site made the browser send it, with the credentials that the browser remembers.
    CrossSite,
    NotFound(&'static str),
    /// There is nothing at this path, and what was probably meant.
    NoSuchPath(Meant),
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

pub const NO_SUCH_PATH: Rejection = Rejection::NotFound("there is nothing at this path; webhooks go to /");

/// What was probably meant by a path that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    Path(String),
    Words(&'static str),
}

/// How a rejection is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Page,
    Json,
    Text,
}

/// Of a response that cannot be written.
impl From<serde_json::Error> for Rejection {
    fn from(error: serde_json::Error) -> Self {
        Self::unavailable("JSON", error)
    }
}

impl Rejection {
    pub fn too_many_attempts(wait: Span) -> Self {
        Self::TooManyAttempts { retry_after_seconds: wait.as_millis() / 1_000 + 1 }
    }

    pub fn unavailable(place: &'static str, what: impl fmt::Display) -> Self {
        Self::Unavailable { place, what: what.to_string() }
    }

    /// The status, the title of a page, and the reason.
    fn parts(&self) -> (u16, &'static str, Cow<'_, str>) {
        let (status, title, reason) = match self {
            Self::TooManyAttempts { retry_after_seconds } => {
                let wait = amount(u64::try_from(*retry_after_seconds).unwrap_or_default());
                return (429, "Too many attempts", format!("too many wrong passwords; try again in {wait}").into());
            }
            Self::NoSuchPath(Meant::Path(path)) => {
                return (404, "Not found", format!("there is nothing at this path; did you mean {path}?").into());
            }
            Self::NoSuchPath(Meant::Words(words)) => {
                return (404, "Not found", format!("there is nothing at this path; {words}").into());
            }
            Self::BadRequest(reason) => (400, "Bad request", reason.as_str()),
            Self::NoAdminToken => (
                403,
                "Access denied",
                "ADMIN_TOKEN is not set; choose a long random one and set it with `npx wrangler secret put ADMIN_TOKEN`",
            ),
            Self::NoCredentials => (
                401,
                "Sign in",
                "sign in with ADMIN_TOKEN as the password and any user name; programs send it as a bearer token",
            ),
            Self::WrongCredentials => (401, "Sign in", "wrong ADMIN_TOKEN"),
            Self::WrongAssertion => (
                403,
                "Access denied",
                "the token from Cloudflare Access is invalid, or for another application; compare ACCESS_AUD with the \
                 application's AUD tag",
            ),
            Self::NotByAccess => (
                403,
                "Access denied",
                "this request did not come through Cloudflare Access; sign in there, or set ADMIN_TOKEN",
            ),
            Self::CrossSite => (
                403,
                "Access denied",
                "a page of another site made this request; open this address directly or from this Worker's own pages, and \
                 in a program send ADMIN_TOKEN as a bearer token",
            ),
            Self::NotFound(reason) => (404, "Not found", *reason),
            Self::MethodNotAllowed { .. } => (405, "Method not allowed", "this path does not take this method"),
            Self::BadGateway(reason) => (502, "Request to GitHub failed", reason.as_str()),
            Self::Unavailable { .. } => (503, "Temporarily unavailable", "the data could not be read; try again"),
        };
        (status, title, reason.into())
    }

    pub fn response(&self, form: Form) -> Response {
        let (status, title, reason) = self.parts();
        let reason = &*reason;
        let response = match form {
            Form::Page => Response::html(message(title, &[(OVERVIEW, "Overview")], &self.sentence(reason))),
            Form::Json => Response::json_text(self.json(status, reason)),
            Form::Text => Response::private("text/plain; charset=utf-8", format!("{reason}\n")),
        };
        let response = response.with_status(status);
        match self {
            Self::NoCredentials | Self::WrongCredentials => response
                .with("www-authenticate", "Basic realm=\"Rerunner\", charset=\"UTF-8\"")
                .with("www-authenticate", "Bearer realm=\"Rerunner\""),
            Self::TooManyAttempts { retry_after_seconds } => {
                response.with("retry-after", retry_after_seconds.to_string())
            }
            Self::MethodNotAllowed { allow } => response.with("allow", *allow),
            Self::NoAdminToken
            | Self::WrongAssertion
            | Self::NotByAccess
            | Self::CrossSite
            | Self::BadRequest(_)
            | Self::NotFound(_)
            | Self::NoSuchPath(_)
            | Self::BadGateway(_)
            | Self::Unavailable { .. } => response,
        }
    }

    fn sentence(&self, reason: &str) -> Markup {
        if let Self::NoSuchPath(Meant::Path(path)) = self {
            return html! { "There is nothing at this address. Did you mean " a href=(path) { (path) } "?" };
        }
        let mut rest = reason.chars();
        let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        // Names of parameters stay as they are written.
        let is_query = matches!(self, Self::BadRequest(_));
        let query = "Check the query in this address: ";
        let sentence = if is_query { format!("{query}{reason}.") } else { format!("{first}{}.", rest.as_str()) };
        with_code(&sentence)
    }

    /// Like the answer to a webhook.
    fn json(&self, status: u16, reason: &str) -> Vec<u8> {
        let outcome = if status == 503 { Outcome::Unavailable } else { Outcome::Rejected };
        json!({ "outcome": outcome, "reason": reason }).to_string().into_bytes()
    }
}
