//! Attempt counts as Workers KV publishes them: one key for a run, written only by that run's Keeper.
//!
//! KV is never the authority. The text below is read by people and scripts; a test pins it byte for byte.

use serde::{Deserialize, Serialize};

use crate::names::{RepoName, RunAttempt, RunId};
use crate::policy::RunOutcome;
use crate::webhook::event::{RunEvent, RunEventKind};

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

/// The attempt whose webhook may be spared the Keeper, if the run's count says so ([`Attempts::exhausted_at`]): a late one,
/// of a run that was given up. `None` where that is not likely, as Workers KV reads are counted. `MAX_RERUNS` only says
/// what is likely; a policy may allow more or less, and what it came to is what the count says.
pub fn worth_a_read(event: &RunEvent, max_reruns: u32) -> Option<RunAttempt> {
    let failed = match event.kind {
        RunEventKind::RunFailed | RunEventKind::RunCancelled | RunEventKind::JobFailed => true,
        RunEventKind::RunSucceeded | RunEventKind::RunEnded => false,
    };
    event.run_attempt.filter(|attempt| failed && attempt.is_past(max_reruns))
}

impl Attempts {
    /// Whether a failed `run_attempt` of this run needs no more thought: the limit was reached in it or after it.
    pub fn exhausted_at(&self, run_attempt: RunAttempt) -> bool {
        self.outcome == RunOutcome::Exhausted && run_attempt.get() <= self.run_attempt
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
    fn a_count_is_read_where_it_may_spare_the_keeper() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        for (kind, attempt, expected) in [
            (RunEventKind::RunFailed, 4, true),
            (RunEventKind::RunCancelled, 5, true),
            (RunEventKind::JobFailed, 4, true),
            (RunEventKind::RunFailed, 3, false),
            (RunEventKind::RunSucceeded, 4, false),
            (RunEventKind::RunEnded, 4, false),
            // A check run does not say.
            (RunEventKind::JobFailed, 0, false),
        ] {
            let run_attempt = RunAttempt::new(attempt);
            let event = RunEvent::new(repository.clone(), RunId::new(7).unwrap(), run_attempt, kind);
            assert_eq!(worth_a_read(&event, 3), run_attempt.filter(|_| expected), "{kind:?} of attempt {attempt}");
        }
    }

    #[test]
    fn exhausted_runs_are_dropped_up_to_their_last_attempt() {
        let exhausted_at = |attempts: &Attempts, n| attempts.exhausted_at(RunAttempt::new(n).unwrap());
        let mut attempts = Attempts {
            run_attempt: 4,
            reruns: 3,
            outcome: RunOutcome::Exhausted,
            workflow: None,
            updated: String::new(),
        };
        assert!(exhausted_at(&attempts, 4) && exhausted_at(&attempts, 2) && !exhausted_at(&attempts, 5));
        attempts.outcome = RunOutcome::Rerunning;
        assert!(!exhausted_at(&attempts, 4));
        // A policy that allows more than MAX_RERUNS: the run goes on, and its next failure is not dropped.
        (attempts.run_attempt, attempts.reruns) = (7, 6);
        assert!(!exhausted_at(&attempts, 6) && !exhausted_at(&attempts, 7));
        attempts.outcome = RunOutcome::Exhausted;
        assert!(exhausted_at(&attempts, 7) && !exhausted_at(&attempts, 8));
    }
}
