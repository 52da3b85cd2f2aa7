//! Which run tells whether a job is broken where a run's commits are to go.

use crate::names::{Conclusion, RunId, WorkflowId};
use crate::policy::evidence::{Fetched, Pulls};
use crate::policy::run::{Origin, Run};

use super::superseded;

/// What those who may write to the repository start there. Comments and issues, which anybody writes, start runs on the default
/// branch as well.
const EVENTS: [&str; 4] = ["push", "schedule", "workflow_dispatch", "repository_dispatch"];

/// The branch that a run's commits are to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseBranch {
    Named(String),
    /// The repository's default branch.
    Default,
    /// Its pull request says, which has to be found.
    OfPulls,
    Unknown(String),
}

/// A pull request's base; or else the default branch.
pub fn base_branch(run: &Run, pulls: &Fetched<Pulls>) -> BaseBranch {
    if let Some(queued) = run.queued() {
        return BaseBranch::Named(queued.base.to_owned());
    }
    if !run.is_of_pull_request() {
        return BaseBranch::Default;
    }
    match (&run.pull_request_base, pulls) {
        (Some(base), _) => BaseBranch::Named(base.clone()),
        (None, Fetched::NotYet) => BaseBranch::OfPulls,
        (None, Fetched::Absent(why)) => BaseBranch::Unknown(format!("its pull request could not be read: {why}")),
        (None, Fetched::Present(_)) => match superseded::base_of_pull_request(run, pulls) {
            Some(base) => BaseBranch::Named(base.to_owned()),
            None => BaseBranch::Unknown("its pull request is not known".to_owned()),
        },
    }
}

/// The newest completed run of a workflow on a branch that is looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseOf {
    pub workflow_id: WorkflowId,
    pub branch: String,
    /// Only runs with lower numbers: for a run on that branch itself, the run before.
    pub before: Option<u64>,
}

impl BaseOf {
    pub fn new(run: &Run, workflow_id: WorkflowId, branch: String) -> Self {
        let is_there = !run.is_of_pull_request()
            && run.origin == Origin::Own
            && run.head_branch.as_deref() == Some(branch.as_str());
        Self { workflow_id, branch, before: run.run_number.filter(|_| is_there) }
    }

    /// Of runs, newest first. GitHub lists by the name of the branch alone, which a fork's can be, too; and what was
    /// cancelled or skipped says nothing.
    pub fn newest<'r>(&self, runs: &'r [Run], run_id: RunId) -> Option<&'r Run> {
        let says_something = |run: &Run| {
            matches!(run.conclusion, Some(Conclusion::Success | Conclusion::Failure | Conclusion::TimedOut))
        };
        let is_there = |run: &Run| {
            run.origin == Origin::Own
                && EVENTS.contains(&run.event.as_str())
                && run.head_branch.as_deref() == Some(self.branch.as_str())
                && run.workflow_id == Some(self.workflow_id)
        };
        let is_before =
            |run: &Run| self.before.is_none_or(|before| run.run_number.is_some_and(|number| number < before));
        runs.iter().find(|run| run.run_id != run_id && says_something(run) && is_there(run) && is_before(run))
    }
}
