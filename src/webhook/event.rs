//! What a webhook tells a repository's Keeper: that a run may have failed, or has ended.
//!
//! It says when to look, and not what is so: the run's own state, read from GitHub, is the truth.

use serde::{Deserialize, Serialize};

use crate::names::{DeliveryId, InstallationId, RepoName, RepositoryId, RunAttempt, RunId, WorkflowId, lengths};

/// One webhook, reduced to what the Keeper needs of it. Goes to the Keeper as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    pub repository: RepoName,
    /// The repository keeps it when it is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<RepositoryId>,
    /// Of the GitHub App, if it is its webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<InstallationId>,
    pub run_id: RunId,
    /// Absent from `check_run` webhooks, and from `workflow_job` ones of old Enterprise Servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_attempt: Option<RunAttempt>,
    pub kind: RunEventKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
    /// Absent from `check_run` webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<EventWorkflow>,
    /// Of `workflow_run` webhooks alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Box<RunNames>>,
}

/// What a webhook says of the run's workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventWorkflow {
    /// Absent from `workflow_job` webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<WorkflowId>,
    pub name: String,
}

impl EventWorkflow {
    /// A longer name is not passed on: cut, it would be another.
    pub fn new(id: Option<WorkflowId>, name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.chars().nth(lengths::STORED).is_none();
        fits.then(|| Self { id, name: name.to_owned() })
    }
}

/// What a webhook says of its run for people to see, so that it has a name before it is read from GitHub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNames {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_number: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A fork's is `owner:branch`. `None` where it is not known whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

impl RunNames {
    pub fn new(run_number: Option<u64>, title: Option<&str>, actor: Option<&str>) -> Self {
        Self { run_number, title: title.map(stored), branch: None, actor: actor.map(stored) }
    }

    /// The branch, with the repository that it is in.
    pub fn with_branch(self, branch: Option<(&RepoName, &str)>, repository: &RepoName) -> Self {
        let branch = branch.map(|(head, branch)| match head.key() == repository.key() {
            true => stored(branch),
            false => stored(&format!("{}:{branch}", head.owner())),
        });
        Self { branch, ..self }
    }
}

/// As much of it as is stored.
fn stored(text: &str) -> String {
    text.chars().take(lengths::STORED).collect()
}

/// What happened to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEventKind {
    /// `workflow_run` completed with a conclusion that may be re-run, or with none.
    RunFailed,
    /// A re-run attempt completed with `success`.
    RunSucceeded,
    /// A re-run attempt completed with another conclusion that is never re-run.
    RunEnded,
    /// `workflow_run` completed with `cancelled`, which is re-run only where the repository's policy says so.
    RunCancelled,
    /// A job failed; the run may still be going.
    JobFailed,
}

impl RunEvent {
    /// With no more than every event has.
    pub fn new(repository: RepoName, run_id: RunId, run_attempt: Option<RunAttempt>, kind: RunEventKind) -> Self {
        let (repository_id, installation, delivery, workflow, names) = (None, None, None, None, None);
        Self { repository, repository_id, installation, run_id, run_attempt, kind, delivery, workflow, names }
    }

    /// The event for a repository of which it is known whether its policy re-runs what was cancelled. `None`: it cannot
    /// lead to a re-run.
    pub fn where_cancelled_runs(self, are_wanted: bool) -> Option<Self> {
        if self.kind != RunEventKind::RunCancelled || are_wanted {
            return Some(self);
        }
        let of_rerun = self.run_attempt > Some(RunAttempt::FIRST);
        of_rerun.then_some(Self { kind: RunEventKind::RunEnded, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cancelled_matters_where_a_policy_says_so() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let event =
            |kind, attempt| RunEvent::new(repository.clone(), RunId::new(7).unwrap(), RunAttempt::new(attempt), kind);
        for (kind, attempt, are_wanted, expected) in [
            (RunEventKind::RunCancelled, 1, true, Some(RunEventKind::RunCancelled)),
            (RunEventKind::RunCancelled, 1, false, None),
            (RunEventKind::RunCancelled, 2, true, Some(RunEventKind::RunCancelled)),
            (RunEventKind::RunCancelled, 2, false, Some(RunEventKind::RunEnded)),
            (RunEventKind::RunFailed, 1, false, Some(RunEventKind::RunFailed)),
            (RunEventKind::JobFailed, 2, false, Some(RunEventKind::JobFailed)),
        ] {
            let of = event(kind, attempt).where_cancelled_runs(are_wanted).map(|event| event.kind);
            assert_eq!(of, expected, "{kind:?} of attempt {attempt}, wanted: {are_wanted}");
        }
    }
}
