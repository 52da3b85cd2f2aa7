//! Where a run stands, in the words that people and programs see.

use serde::{Deserialize, Serialize};

/// Where a tracked run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// An attempt failed; what to do is still to be decided or done.
    Waiting,
    /// GitHub accepted a re-run.
    Rerunning,
    /// A later attempt succeeded.
    Rescued,
    /// The last attempt that may be re-run was, and failed.
    Exhausted,
    /// A rule or setting says not to re-run it.
    Left,
    /// GitHub refused.
    Failed,
    /// Its pull request has moved on to another commit.
    Superseded,
}

impl RunOutcome {
    pub const ALL: [Self; 7] =
        [Self::Waiting, Self::Rerunning, Self::Rescued, Self::Exhausted, Self::Left, Self::Failed, Self::Superseded];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Rerunning => "rerunning",
            Self::Rescued => "rescued",
            Self::Exhausted => "exhausted",
            Self::Left => "left",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_spelled_one_way() {
        for outcome in RunOutcome::ALL {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{}\"", outcome.as_str()));
            assert_eq!(RunOutcome::parse(outcome.as_str()), Some(outcome));
        }
    }
}
