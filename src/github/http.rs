//! A request to GitHub and the reply to it, as far as calls go by them.

use std::borrow::Cow;

use crate::names::RepoName;

/// Built from validated names and numbers, never from a payload's text.
#[derive(Debug, PartialEq, Eq)]
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
pub const RAW: &str = "application/vnd.github.raw+json";

impl Request {
    /// A read of JSON.
    pub fn get(path: String) -> Self {
        Self { method: Method::Get, path, accept: JSON, if_none_match: None, body: None }
    }

    /// Whether it is about this repository, as far as its path says.
    pub fn is_in(&self, repository: &RepoName) -> bool {
        let rest = self.path.strip_prefix("/repos/").and_then(|rest| rest.strip_prefix(repository.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    }

    pub fn post(path: String, body: impl Into<Cow<'static, str>>) -> Self {
        Self { method: Method::Post, body: Some(body.into()), ..Self::get(path) }
    }
}

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

impl ReplyHeaders {
    /// `get`: a header's value, by its name in lower case.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            retry_after: get("retry-after"),
            rate_limit_remaining: get("x-ratelimit-remaining"),
            rate_limit_reset: get("x-ratelimit-reset"),
            date: get("date"),
            etag: get("etag"),
            content_type: get("content-type"),
            accepted_permissions: get("x-accepted-github-permissions"),
            link: get("link"),
            oauth_scopes: get("x-oauth-scopes"),
        }
    }
}

impl Reply {
    /// Whoever answers with a page is not GitHub's API: a proxy that is down, say.
    pub fn is_page(&self) -> bool {
        self.headers.content_type.as_deref().is_some_and(|kind| kind.starts_with("text/html"))
    }
}
