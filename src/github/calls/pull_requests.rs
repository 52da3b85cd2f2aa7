//! "List pull requests" from one branch: how a run's is found, which GitHub does not name where it is a fork's.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::names::RepoName;
use crate::policy::run::{Origin, PullRequest, Run};
use crate::time::Millis;

use super::{Error, Page, Reply, Request, User};

/// A pull request is about 25 kB, and its text up to 256 kB.
pub const PULLS_PER_PAGE: u32 = 50;
/// Branches of bots see hundreds of pull requests, one after the other; the newest are listed first.
pub const PULL_PAGES: u32 = 4;
/// Longer than any branch that Git and GitHub allow.
const LONGEST_BRANCH: usize = 1_000;

/// Where pull requests come from: `OWNER:BRANCH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `None`: the repository's own.
    owner: Option<String>,
    branch: String,
}

impl Head {
    /// Why it is not known, if it is not.
    pub fn of(run: &Run) -> Result<Self, &'static str> {
        let owner = match &run.origin {
            Origin::Own => None,
            Origin::Fork(Some(fork)) => Some(fork.name.owner().to_owned()),
            Origin::Fork(None) => return Err("its fork was deleted"),
        };
        match &run.head_branch {
            None => Err("GitHub does not say which branch it is from"),
            Some(branch) if branch.len() > LONGEST_BRANCH => Err("the name of its branch is too long"),
            Some(branch) => Ok(Self { owner, branch: branch.clone() }),
        }
    }

    /// As a parameter of "List pull requests".
    pub fn encoded(&self, repository_owner: &str) -> String {
        let owner = self.owner.as_deref().unwrap_or(repository_owner);
        format!("{owner}:{}", utf8_percent_encode(&self.branch, NON_ALPHANUMERIC))
    }
}

/// Open or not, newest first. Pages are counted from 1.
pub fn request(repository: &RepoName, head: &Head, page: u32) -> Request {
    let head = head.encoded(repository.owner());
    Request::get(format!("/repos/{repository}/pulls?head={head}&state=all&per_page={PULLS_PER_PAGE}&page={page}"))
}

pub fn read(reply: &Reply) -> Result<Page<PullRequest>, Error> {
    let list: Vec<Wire> = reply.ok(Error::of_optional_read)?.json("a list of pull requests")?;
    Ok(Page::of(list, PULLS_PER_PAGE, |pull_request| Some(pull_request.into())))
}

/// The answer to "Get a pull request".
pub(super) fn read_one(reply: &Reply) -> Result<PullRequest, Error> {
    reply.ok(Error::of)?.json("a pull request").map(|wire: Wire| wire.into())
}

#[derive(Deserialize)]
struct Wire {
    number: u64,
    state: Option<String>,
    merged_at: Option<String>,
    updated_at: Option<String>,
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    label: Option<String>,
    user: Option<User>,
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    id: Option<u64>,
    owner: Option<User>,
    default_branch: Option<String>,
}

impl Side {
    fn owner(&self) -> Option<&str> {
        let of_repository = self.repo.as_ref().and_then(|repo| repo.owner.as_ref()?.login.as_deref());
        let of_user = || self.user.as_ref().and_then(|user| user.login.as_deref());
        let of_label = || self.label.as_ref()?.strip_suffix(&self.branch)?.strip_suffix(':');
        of_repository.or_else(of_user).or_else(of_label)
    }

    fn repository(&self) -> Option<u64> {
        self.repo.as_ref().and_then(|repo| repo.id)
    }
}

impl From<Wire> for PullRequest {
    fn from(wire: Wire) -> Self {
        let Wire { head, base, .. } = &wire;
        let same_owner = || head.owner().zip(base.owner()).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other));
        let is_own = head.repository().zip(base.repository()).map_or_else(same_owner, |(one, other)| one == other);
        let default = base.repo.as_ref().and_then(|repo| repo.default_branch.as_ref());
        Self {
            number: wire.number,
            open: wire.state.as_deref() == Some("open"),
            merged: wire.merged_at.is_some(),
            head_owner: head.owner().map(str::to_owned),
            head_repository: head.repository(),
            is_own,
            is_from_default_branch: is_own && default == Some(&head.branch),
            updated: wire.updated_at.as_deref().and_then(Millis::from_rfc3339),
            head_branch: wire.head.branch,
            head_sha: wire.head.sha,
            base_sha: wire.base.sha,
            base_branch: wire.base.branch,
        }
    }
}

#[cfg(test)]
mod tests;
