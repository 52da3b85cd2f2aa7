//! Attempt counts as Workers KV publishes them: one key for a run, written only by that run's Keeper.
//!
//! KV is never the authority. The text below is read by people and scripts; a test pins it byte for byte.

use serde::{Deserialize, Serialize};

use crate::names::{RepoName, RunId};
use crate::policy::RunOutcome;

/// The value, and the metadata, of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// The newest attempt known.
    pub run_attempt: u32,
    /// Re-runs that GitHub accepted from Rerunner.
    pub reruns: u32,
    pub outcome: RunOutcome,
    /// `None` until the run was read from GitHub.
    pub workflow: Option<String>,
    /// RFC 3339.
    pub updated: String,
}

/// `attempts/{owner}/{repo}/{run_id}`, lower case.
pub fn key(repository: &RepoName, run_id: RunId) -> String {
    format!("attempts/{}/{run_id}", repository.key())
}

impl Attempts {
    /// Whether a failed `run_attempt` of this run needs no more thought: the limit was reached in it or after it.
    pub fn exhausted_at(&self, run_attempt: u32) -> bool {
        self.outcome == RunOutcome::Exhausted && run_attempt <= self.run_attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_text() {
        let attempts = Attempts {
            run_attempt: 2,
            reruns: 1,
            outcome: RunOutcome::Rerunning,
            workflow: Some("ci".to_owned()),
            updated: "2026-11-23T15:04:05Z".to_owned(),
        };
        let text =
            r#"{"run_attempt":2,"reruns":1,"outcome":"rerunning","workflow":"ci","updated":"2026-11-23T15:04:05Z"}"#;
        assert_eq!(serde_json::to_string(&attempts).unwrap(), text);
        assert_eq!(serde_json::from_str::<Attempts>(text).unwrap(), attempts);
        let repository = RepoName::parse("Octo/Widgets").unwrap();
        assert_eq!(key(&repository, RunId::new(7).unwrap()), "attempts/octo/widgets/7");
    }

    #[test]
    fn exhausted_runs_are_dropped_up_to_their_last_attempt() {
        let mut attempts = Attempts {
            run_attempt: 4,
            reruns: 3,
            outcome: RunOutcome::Exhausted,
            workflow: None,
            updated: String::new(),
        };
        assert!(attempts.exhausted_at(4) && attempts.exhausted_at(2) && !attempts.exhausted_at(5));
        attempts.outcome = RunOutcome::Rerunning;
        assert!(!attempts.exhausted_at(4));
        // A policy that allows more than MAX_RERUNS: the run goes on, and its next failure is not dropped.
        (attempts.run_attempt, attempts.reruns) = (7, 6);
        assert!(!attempts.exhausted_at(6) && !attempts.exhausted_at(7));
        attempts.outcome = RunOutcome::Exhausted;
        assert!(attempts.exhausted_at(7) && !attempts.exhausted_at(8));
    }
}
