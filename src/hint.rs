//! What a webhook tells a repository's Keeper: that a run may have failed, or has ended.
//!
//! A webhook is a hint. The run's own state, read from GitHub, is the truth.

use serde::{Deserialize, Serialize};

use crate::names::{DeliveryId, RunAttempt, RunId, WorkflowId};

/// One webhook, reduced to what the Keeper needs of it. Crosses from the fetch handler to the Keeper as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    pub run_id: RunId,
    /// Absent from `check_run` webhooks, and from `workflow_job` ones of old Enterprise Servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_attempt: Option<RunAttempt>,
    pub news: News,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
    /// Absent from `check_run` webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowHint>,
}

/// What a webhook says of the run's workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowHint {
    /// Absent from `workflow_job` webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<WorkflowId>,
    pub name: String,
}

impl WorkflowHint {
    /// A longer name is not passed on: cut, it would be another.
    pub const LONGEST_NAME: usize = 200;

    pub fn new(id: Option<WorkflowId>, name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.chars().nth(Self::LONGEST_NAME).is_none();
        fits.then(|| Self { id, name: name.to_owned() })
    }
}

/// What happened to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
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

impl Hint {
    /// The hint for a repository of which it is known whether its policy re-runs what was cancelled. `None`: it cannot
    /// lead to a re-run.
    pub fn where_cancelled_runs(self, are_wanted: bool) -> Option<Self> {
        if self.news != News::RunCancelled || are_wanted {
            return Some(self);
        }
        let of_rerun = self.run_attempt > Some(RunAttempt::FIRST);
        of_rerun.then_some(Self { news: News::RunEnded, ..self })
    }
}

/// What a workflow run, a job or a check run came to. GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    Success,
    Failure,
    TimedOut,
    Cancelled,
    ActionRequired,
    StartupFailure,
    Skipped,
    Stale,
    Neutral,
    /// One that GitHub has added since: never a failure.
    #[serde(other)]
    Unknown,
}

impl Conclusion {
    const KNOWN: [Self; 9] = [
        Self::Success,
        Self::Failure,
        Self::TimedOut,
        Self::Cancelled,
        Self::ActionRequired,
        Self::StartupFailure,
        Self::Skipped,
        Self::Stale,
        Self::Neutral,
    ];

    pub fn parse(text: &str) -> Option<Self> {
        Self::KNOWN.into_iter().find(|conclusion| conclusion.as_str() == text)
    }

    /// Whether the default rule re-runs it.
    pub fn may_be_rerun(self) -> bool {
        matches!(self, Self::Failure | Self::TimedOut)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::ActionRequired => "action_required",
            Self::StartupFailure => "startup_failure",
            Self::Skipped => "skipped",
            Self::Stale => "stale",
            Self::Neutral => "neutral",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cancelled_matters_where_a_policy_says_so() {
        let hint = |news, attempt| Hint {
            run_id: RunId::new(7).unwrap(),
            run_attempt: RunAttempt::new(attempt),
            news,
            delivery: None,
            workflow: None,
        };
        for (news, attempt, are_wanted, expected) in [
            (News::RunCancelled, 1, true, Some(News::RunCancelled)),
            (News::RunCancelled, 1, false, None),
            (News::RunCancelled, 2, true, Some(News::RunCancelled)),
            (News::RunCancelled, 2, false, Some(News::RunEnded)),
            (News::RunFailed, 1, false, Some(News::RunFailed)),
            (News::JobFailed, 2, false, Some(News::JobFailed)),
        ] {
            let of = hint(news, attempt).where_cancelled_runs(are_wanted).map(|hint| hint.news);
            assert_eq!(of, expected, "{news:?} of attempt {attempt}, wanted: {are_wanted}");
        }
    }
}
