//! Whether a run is still of what its pull request is: one that is closed, or has moved on to another commit, is nobody's
//! concern any more, and code that is newer than what was reviewed must not run with the rights of its base.

use crate::policy::evidence::{Evidence, Fetched, Pulls};
use crate::policy::file::Policy;
use crate::policy::run::{PullRequest, Run};

use super::verdict::RunOutcome;

/// Whether a re-run hangs on it.
pub fn matters(policy: &Policy, run: &Run) -> bool {
    run.is_of_target() || (policy.skip_superseded && run.is_of_pull_request())
}

/// How a run's pull request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Open, and at the run's commit: by its number.
    Current(u64),
    Gone(&'static str),
    /// It cannot be told, and why.
    Unknown(String),
}

pub const MOVED_ON: &str = "has moved on to another commit";
const MERGED: &str = "was merged";
const CLOSED: &str = "was closed";

/// By the pull requests from the run's branch. Only one exact match counts.
pub fn standing(run: &Run, pulls: &Fetched<Pulls>) -> Standing {
    let unknown = |why: &str| Standing::Unknown(why.to_owned());
    let pulls = match pulls {
        Fetched::NotYet => return unknown("it was not looked for"),
        Fetched::Absent(why) => return unknown(why),
        Fetched::Present(pulls) => pulls,
    };
    let target = run.is_of_target();
    let from_branch = || pulls.all.iter().filter(|pull| pull.is_from_branch_of(run));
    let exact: Vec<&PullRequest> = from_branch().filter(|pull| is_at(run, pull)).collect();
    let candidates = if exact.is_empty() { from_branch().collect() } else { exact.clone() };
    match (exact.as_slice(), candidates.as_slice()) {
        (_, []) => unknown("GitHub lists none from its branch"),
        (_, all) if all.iter().all(|pull| !pull.open) => {
            Standing::Gone(if all.iter().any(|pull| pull.merged) { MERGED } else { CLOSED })
        }
        _ if target && !pulls.complete => unknown("its branch has more than can be listed"),
        // That branch is also what GitHub may show for the runs of others.
        (_, all) if target && all.iter().any(|pull| pull.is_from_default_branch) => {
            unknown("one is from the default branch")
        }
        ([only], _) => Standing::Current(only.number),
        ([_, ..], _) => unknown("several from its branch are at its commit"),
        ([], [only]) if target && is_untouched(run, only) => Standing::Current(only.number),
        ([], all) if target && names_no_other(run) && all.iter().any(|pull| pull.base_sha == run.head_sha) => {
            unknown("the commit that GitHub names is the base's")
        }
        // Nor can an earlier commit of the base be told from one that the pull request has moved on from.
        ([], _) if target && names_no_other(run) => unknown("the commit that GitHub names may be its base's"),
        ([], _) => Standing::Gone(MOVED_ON),
    }
}

/// The number of the run's pull request, where it was looked for and found.
pub fn pull_request_of(run: &Run, evidence: &Evidence) -> Option<u64> {
    match standing(run, &evidence.pulls) {
        Standing::Current(number) => Some(number),
        Standing::Gone(_) | Standing::Unknown(_) => None,
    }
}

/// The branch that the run's pull request is to be merged into, where that was looked for and found.
pub fn base_of_pull_request<'a>(run: &Run, pulls: &'a Fetched<Pulls>) -> Option<&'a str> {
    let Standing::Current(number) = standing(run, pulls) else { return None };
    pulls.present()?.all.iter().find(|pull| pull.number == number).map(|pull| pull.base_branch.as_str())
}

/// Why a run is not re-run for the sake of its pull request.
pub fn ending(run: &Run, standing: &Standing) -> Option<(RunOutcome, String)> {
    match standing {
        Standing::Gone(what) => Some(gone(what)),
        Standing::Unknown(why) if run.is_of_target() => {
            let what = "it runs with the rights of its base, and it is not known whether its pull request has moved on";
            Some((RunOutcome::Left, format!("Left alone: {what}: {why}.")))
        }
        Standing::Current(_) | Standing::Unknown(_) => None,
    }
}

pub fn gone(what: &str) -> (RunOutcome, String) {
    (RunOutcome::Superseded, format!("Left alone: its pull request {what}."))
}

pub fn is_at(run: &Run, pull: &PullRequest) -> bool {
    let reviewed = run.head_commit.as_ref().filter(|_| run.is_of_target());
    pull.head_sha == run.head_sha || Some(&pull.head_sha) == reviewed
}

fn names_no_other(run: &Run) -> bool {
    run.head_commit.as_ref().is_none_or(|commit| *commit == run.head_sha)
}

/// A push is a change: without any since the run began, it is at the commit that the run is of, whichever GitHub names.
fn is_untouched(run: &Run, pull: &PullRequest) -> bool {
    pull.updated.zip(run.created).is_some_and(|(updated, created)| updated < created)
}
