//! A workflow run and a pull request, in the few fields that decisions need.

use std::borrow::Cow;

use crate::names::{CommitSha, Conclusion, RepoName, RunAttempt, RunId, WorkflowId};
use crate::time::Millis;

/// In the place of a fork's owner who is not known. No login has this character.
pub const UNKNOWN_OWNER: &str = "?";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub run_id: RunId,
    /// What its repository is called now.
    pub repository: Option<RepoName>,
    pub run_attempt: RunAttempt,
    /// `None` while it is going, whatever step of that GitHub calls it.
    pub conclusion: Option<Conclusion>,
    pub workflow_id: Option<WorkflowId>,
    /// The workflow's name, where a webhook has told it. What GitHub calls the run's name can be the run's own.
    pub workflow: Option<String>,
    /// The path of the workflow's file, `.github/workflows/ci.yml`.
    pub path: Option<String>,
    pub event: String,
    pub head_branch: Option<String>,
    /// For `pull_request_target`, the pull request's commit or its base's: GitHub has shown both.
    pub head_sha: String,
    /// `head_commit.id`: where `head_sha` is the base's, the pull request's all the same.
    pub head_commit: Option<String>,
    pub origin: Origin,
    pub created: Option<Millis>,
    /// Counts the runs of its workflow.
    pub run_number: Option<u64>,
    pub title: Option<String>,
    /// Who started the run, and who started its newest attempt.
    pub actors: Vec<String>,
    /// The present heads of the open pull requests of this repository from the run's branch. Empty for a fork's.
    pub pull_request_heads: Vec<String>,
    /// The first of those pull requests.
    pub pull_request: Option<u64>,
    /// The branch that all of them are to be merged into.
    pub pull_request_base: Option<String>,
}

/// Whose branch a run is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The repository's own.
    Own,
    /// `None`: the fork was deleted, so that GitHub does not name it.
    Fork(Option<Fork>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    pub name: RepoName,
    /// An owner can have several forks.
    pub id: Option<u64>,
}

impl Run {
    pub fn is_of_pull_request(&self) -> bool {
        is_pull_request(&self.event)
    }

    /// Whether it runs with the rights of the base, on what a pull request's author may have changed.
    pub fn is_of_target(&self) -> bool {
        self.event == "pull_request_target"
    }

    /// Whether the run itself shows that its pull request has moved on to another commit, so that no further call is
    /// needed: the API lists the open pull requests with their present heads.
    pub fn is_superseded(&self) -> bool {
        self.is_of_pull_request()
            && !self.is_of_target()
            && !self.pull_request_heads.is_empty()
            && !self.pull_request_heads.contains(&self.head_sha)
    }

    /// The commit that people see it at: of a pull request, the pull request's own, where GitHub names it.
    pub fn commit(&self) -> Option<CommitSha> {
        let of_pull_request = self.head_commit.as_deref().filter(|_| self.is_of_target());
        of_pull_request.and_then(CommitSha::parse).or_else(|| CommitSha::parse(&self.head_sha))
    }

    /// As globs of branches see it: a fork's is `owner:branch`.
    pub fn branch(&self) -> Option<Cow<'_, str>> {
        let branch = self.head_branch.as_deref()?;
        Some(match &self.origin {
            Origin::Own => branch.into(),
            Origin::Fork(fork) => {
                let owner = fork.as_ref().map_or(UNKNOWN_OWNER, |fork| fork.name.owner());
                format!("{owner}:{branch}").into()
            }
        })
    }

    /// The path of its workflow's file, and the file's name.
    pub fn workflow_paths(&self) -> impl Iterator<Item = &str> {
        let path = self.path.as_deref();
        path.into_iter().chain(path.and_then(|path| path.rsplit('/').next()))
    }

    pub fn is_of_fork(&self) -> bool {
        matches!(self.origin, Origin::Fork(_))
    }

    /// The pull request that is tested in the merge queue, and the branch that it is to be merged into.
    pub fn queued(&self) -> Option<Queued<'_>> {
        let is_the_queues = self.event == MERGE_GROUP && self.origin == Origin::Own;
        of_queue(self.head_branch.as_deref().filter(|_| is_the_queues)?)
    }

    /// The pull request that this run removes from the merge queue, by its number: a check that failed does
    /// ("Managing a merge queue"), one that was cancelled may be of a group that was made anew.
    pub fn removes_from_queue(&self) -> Option<u64> {
        let failed = matches!(self.conclusion, Some(Conclusion::Failure | Conclusion::TimedOut));
        self.queued().filter(|_| failed).map(|queued| queued.pull_request)
    }
}

/// The event of the merge queue's runs.
pub const MERGE_GROUP: &str = "merge_group";

/// What the name of a branch of the merge queue says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued<'a> {
    pub base: &'a str,
    pub pull_request: u64,
}

/// `gh-readonly-queue/BASE/pr-NUMBER-COMMIT` ("Managing a merge queue", GitHub Docs). The base may have slashes. Whoever may
/// push can name a branch like this: what it says holds only for the queue's own runs.
fn of_queue(branch: &str) -> Option<Queued<'_>> {
    let (base, last) = branch.strip_prefix("gh-readonly-queue/")?.rsplit_once('/')?;
    let (number, commit) = last.strip_prefix("pr-")?.split_once('-')?;
    let is_commit = matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    let is_number = (1..=15).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let has_base = base.split('/').all(|part| !part.is_empty());
    let pull_request =
        number.parse().ok().filter(|_| is_number && is_commit && has_base && !number.starts_with('0'))?;
    Some(Queued { base, pull_request })
}

/// Also `pull_request_review` and its like.
pub fn is_pull_request(event: &str) -> bool {
    event.starts_with("pull_request")
}

/// A pull request of the repository, in the few fields that tell whose it is and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub open: bool,
    pub merged: bool,
    pub head_branch: String,
    pub head_sha: String,
    /// Of when the pull request was last pushed to.
    pub base_sha: String,
    /// What it is to be merged into.
    pub base_branch: String,
    /// The login of whoever owns the branch; `None`: they are gone.
    pub head_owner: Option<String>,
    /// `None`: it is gone.
    pub head_repository: Option<u64>,
    /// Whether it is from a branch of the repository itself.
    pub is_own: bool,
    /// Whether that is the branch that others are to be merged into.
    pub is_from_default_branch: bool,
    /// The last change of whatever kind: a push is one.
    pub updated: Option<Millis>,
}

impl PullRequest {
    /// Whether a run from its branch may be its own: its checks, and what pushes to its branch have started. A pull request
    /// can be from the default branch, whose pushes are everybody's.
    pub fn may_have(&self, run: &Run) -> bool {
        run.is_of_pull_request() || (run.event == "push" && !self.is_from_default_branch)
    }

    /// Whether it is from the run's branch. GitHub's filter is not relied on: what it does not understand it leaves out.
    pub fn is_from_branch_of(&self, run: &Run) -> bool {
        let branch = run.head_branch.as_deref() == Some(self.head_branch.as_str());
        let Origin::Fork(fork) = &run.origin else {
            return branch && self.is_own;
        };
        fork.as_ref().is_some_and(|fork| {
            let id = self.head_repository.zip(fork.id).is_none_or(|(one, other)| one == other);
            let owner = self.head_owner.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(fork.name.owner()));
            branch && id && owner
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn branches_of_the_merge_queue() {
        for (branch, expected) in [
            (format!("gh-readonly-queue/main/pr-104-{COMMIT}"), Some(("main", 104))),
            (format!("gh-readonly-queue/release/1.x/pr-7-{COMMIT}"), Some(("release/1.x", 7))),
            // Bases that look like the end of another.
            (format!("gh-readonly-queue/a/pr-1-{COMMIT}/pr-7-{COMMIT}"), Some((&*format!("a/pr-1-{COMMIT}"), 7))),
            (format!("gh-readonly-queue/main/pr-7-{COMMIT}{}", &COMMIT[..24]), Some(("main", 7))),
            (format!("gh-readonly-queue/main/pr-7-{}", &COMMIT[1..]), None),
            (format!("gh-readonly-queue/main/pr-7-{COMMIT}0"), None),
            (format!("gh-readonly-queue/main/pr-7-{COMMIT}/x"), None),
            (format!("gh-readonly-queue/main/pr-0-{COMMIT}"), None),
            (format!("gh-readonly-queue/main/pr-07-{COMMIT}"), None),
            (format!("gh-readonly-queue/main/pr-+7-{COMMIT}"), None),
            (format!("gh-readonly-queue/main/pr--7-{COMMIT}"), None),
            (format!("gh-readonly-queue/main/pr-1234567890123456-{COMMIT}"), None),
            (format!("gh-readonly-queue/main/pr--{COMMIT}"), None),
            (format!("gh-readonly-queue/pr-7-{COMMIT}"), None),
            (format!("gh-readonly-queue//pr-7-{COMMIT}"), None),
            (format!("gh-readonly-queue/a//b/pr-7-{COMMIT}"), None),
            (format!("x/gh-readonly-queue/main/pr-7-{COMMIT}"), None),
            (format!("main/pr-7-{COMMIT}"), None),
            (String::new(), None),
        ] {
            let expected = expected.map(|(base, pull_request)| Queued { base, pull_request });
            assert_eq!(of_queue(&branch), expected, "{branch}");
        }
    }
}
