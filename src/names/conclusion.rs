//! How a run, a job or a step ended.

use super::string_enum;

string_enum! {
    /// What a workflow run, a job or a check run came to. GitHub's words.
    pub enum Conclusion {
        Success = "success",
        Failure = "failure",
        TimedOut = "timed_out",
        Cancelled = "cancelled",
        ActionRequired = "action_required",
        StartupFailure = "startup_failure",
        Skipped = "skipped",
        Stale = "stale",
        Neutral = "neutral",
        ;
        /// One that GitHub has added since: never a failure.
        Unknown = "unknown" for the rest,
    }
}

impl Conclusion {
    /// Whether the default rule re-runs it.
    pub fn may_be_rerun(self) -> bool {
        matches!(self, Self::Failure | Self::TimedOut)
    }

    /// Whether a policy can have it re-run.
    pub fn may_be_rerun_by_policy(self) -> bool {
        self.may_be_rerun() || self == Self::Cancelled
    }
}
