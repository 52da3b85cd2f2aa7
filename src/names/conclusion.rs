//! How a run, a job or a step ended.

use serde::{Deserialize, Serialize};

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

    /// Whether a policy can have it re-run.
    pub fn may_be_rerun_by_policy(self) -> bool {
        self.may_be_rerun() || self == Self::Cancelled
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
