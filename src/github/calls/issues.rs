//! Issues: found ("List repository issues"), read ("Get an issue"), opened ("Create an issue") and changed ("Update an issue").

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::names::RepoName;
use crate::time::Millis;

use super::comments::{Author, User, Via};
use super::{Error, Method, Reply, Request};

/// Anybody can write an issue with a text of 256 kB.
pub const ISSUES_PER_PAGE: usize = 50;

/// A call about the issue of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueCall {
    /// Ours whose text begins with a mark, open or not: among those with a label, newest first, or those that changed last.
    /// Pages are counted from 1.
    Find {
        mark: String,
        label: Option<String>,
        page: u32,
    },
    /// The one that is there.
    Read {
        number: u64,
    },
    Open {
        title: String,
        body: String,
        label: String,
    },
    /// `open`: whether it is to be; `None`: as it is.
    Change {
        number: u64,
        body: String,
        open: Option<bool>,
    },
}

/// What it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueAnswer {
    There(Issue),
    /// Also what was deleted, or moved to another repository.
    NotThere,
    /// Which is full: there may be more.
    NotOnThisPage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub number: u64,
    pub open: bool,
    pub closed: Option<Millis>,
    /// Where it is, if GitHub says so.
    pub repository: Option<RepoName>,
}

#[derive(Deserialize)]
struct Wire {
    number: u64,
    state: Option<String>,
    closed_at: Option<String>,
    repository_url: Option<String>,
    body: Option<String>,
    user: Option<User>,
    performed_via_github_app: Option<Via>,
    /// There if it is a pull request, which to GitHub is an issue as well.
    pull_request: Option<serde::de::IgnoredAny>,
}

impl From<&Wire> for Issue {
    fn from(wire: &Wire) -> Self {
        let name = wire.repository_url.as_deref().and_then(|url| url.rsplit_once("/repos/"));
        Self {
            number: wire.number,
            open: wire.state.as_deref() != Some("closed"),
            closed: wire.closed_at.as_deref().and_then(Millis::from_rfc3339),
            repository: name.and_then(|(_, name)| RepoName::parse(name).ok()),
        }
    }
}

pub fn request(repository: &RepoName, call: &IssueCall) -> Request {
    let issues = format!("/repos/{repository}/issues");
    match call {
        IssueCall::Find { label, page, mark: _ } => {
            let which = match label {
                Some(label) => format!("labels={}", utf8_percent_encode(label, NON_ALPHANUMERIC)),
                None => "sort=updated".to_owned(),
            };
            Request::get(format!("{issues}?state=all&{which}&per_page={ISSUES_PER_PAGE}&page={page}"))
        }
        IssueCall::Read { number } => Request::get(format!("{issues}/{number}")),
        IssueCall::Open { title, body, label } => {
            let issue = serde_json::json!({ "title": title, "body": body, "labels": [label] });
            Request::post(issues, issue.to_string())
        }
        IssueCall::Change { number, body, open } => {
            let mut issue = serde_json::json!({ "body": body });
            if let (Some(open), Some(issue)) = (open, issue.as_object_mut()) {
                let (state, reason) = if *open { ("open", "reopened") } else { ("closed", "completed") };
                issue.insert("state".to_owned(), state.into());
                issue.insert("state_reason".to_owned(), reason.into());
            }
            Request { method: Method::Patch, ..Request::post(format!("{issues}/{number}"), issue.to_string()) }
        }
    }
}

pub fn read(call: &IssueCall, reply: &Reply, us: Option<&Author>) -> Result<IssueAnswer, Error> {
    match (call, reply.status) {
        (IssueCall::Find { mark, .. }, 200) => {
            let all: Vec<Wire> = reply.json("a list of issues")?;
            let is_marked = |wire: &&Wire| wire.body.as_deref().is_some_and(|body| body.starts_with(mark));
            let is_ours = |wire: &&Wire| {
                us.is_some_and(|us| us.wrote(wire.user.as_ref(), wire.performed_via_github_app.as_ref()))
            };
            let issues = all.iter().filter(|wire| wire.pull_request.is_none());
            // Should there ever be two, it is always the same one.
            Ok(match issues.filter(is_marked).filter(is_ours).min_by_key(|wire| wire.number) {
                Some(ours) => IssueAnswer::There(ours.into()),
                None if all.len() >= ISSUES_PER_PAGE => IssueAnswer::NotOnThisPage,
                None => IssueAnswer::NotThere,
            })
        }
        (IssueCall::Read { .. } | IssueCall::Open { .. } | IssueCall::Change { .. }, 200 | 201) => {
            reply.json("an issue").map(|wire: Wire| IssueAnswer::There((&wire).into()))
        }
        // Transferred to another repository; deleted; or to be seen no longer ("Get an issue").
        (IssueCall::Read { .. } | IssueCall::Change { .. }, 301 | 404) => Ok(IssueAnswer::NotThere),
        (IssueCall::Read { .. } | IssueCall::Change { .. }, 410) if !are_disabled(reply) => Ok(IssueAnswer::NotThere),
        (IssueCall::Open { .. } | IssueCall::Change { .. }, _) => Err(Error::of_content(reply)),
        _ => Err(Error::of(reply)),
    }
}

/// "Issues are disabled for this repo": the same status as that of one that was deleted.
fn are_disabled(reply: &Reply) -> bool {
    super::message(reply).to_ascii_lowercase().contains("disabled")
}

#[cfg(test)]
mod tests;
