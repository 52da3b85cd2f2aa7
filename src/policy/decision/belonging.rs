//! Whether a run is of one particular pull request. What somebody asks for on one, or stops there, says nothing of another from
//! the same branch, of a fork's branch of the same name, nor of what the default branch runs.

use crate::policy::evidence::{Fetched, Pulls};
use crate::policy::run::{Origin, PullRequest, Run};

use super::superseded::is_at;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// It is of this one, and of no other.
    Alone,
    /// Others from its branch are at the same commit: GitHub shows its checks at each of them.
    Shared,
    /// Of another, or of none.
    Not,
    /// It cannot be told.
    Unknown,
}

/// By the pull requests from the run's branch. Those that are closed have no runs any more.
pub fn belonging(run: &Run, pulls: &Fetched<Pulls>, number: u64) -> Belonging {
    let Fetched::Present(pulls) = pulls else { return Belonging::Unknown };
    // Of a fork that was deleted, GitHub does not say whose it was.
    if run.origin == Origin::Fork(None) {
        return Belonging::Unknown;
    }
    let may_have = |pull: &&PullRequest| pull.open && pull.may_have(run) && pull.is_from_branch_of(run);
    let from_branch: Vec<&PullRequest> = pulls.all.iter().filter(may_have).collect();
    let at_commit: Vec<&PullRequest> = from_branch.iter().copied().filter(|pull| is_at(run, pull)).collect();
    let candidates = if at_commit.is_empty() { &from_branch } else { &at_commit };
    match candidates.iter().filter(|pull| pull.number == number).count() {
        0 if pulls.complete => Belonging::Not,
        0 => Belonging::Unknown,
        _ if candidates.len() == 1 && pulls.complete => Belonging::Alone,
        _ => Belonging::Shared,
    }
}

/// Whether the run was of this one, which is closed or has moved on: it is at its commit, and another from the same branch has the
/// same runs; or it is a pull request's, and none from its branch is open.
pub fn was_of(run: &Run, pulls: &Fetched<Pulls>, number: u64) -> bool {
    let Some(pulls) = pulls.present() else { return false };
    let from_branch = || pulls.all.iter().filter(|pull| pull.may_have(run) && pull.is_from_branch_of(run));
    let is_left_over = run.is_of_pull_request() && from_branch().all(|pull| !pull.open);
    from_branch().any(|pull| pull.number == number && (is_left_over || is_at(run, pull)))
}
