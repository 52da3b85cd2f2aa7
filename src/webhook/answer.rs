//! The answer to a webhook: JSON, because GitHub shows it under "Recent deliveries".

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::names::{RepoName, RunAttempt, RunId};

use super::event::RunEvent;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    #[serde(skip)]
    pub status: u16,
    pub outcome: Outcome,
    pub reason: Cow<'static, str>,
    #[serde(flatten)]
    pub subject: Option<Subject>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

/// The run that an answer is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub repository: RepoName,
    pub run_id: RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_attempt: Option<RunAttempt>,
}

impl Subject {
    pub fn of(event: &RunEvent) -> Self {
        Self { repository: event.repository.clone(), run_id: event.run_id, run_attempt: event.run_attempt }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Scheduled,
    Recorded,
    Ignored,
    Pong,
    Rejected,
    Unavailable,
}

impl Answer {
    fn new(status: u16, outcome: Outcome, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, outcome, reason: reason.into(), subject: None, due: None }
    }

    /// 202: a candidate was stored.
    pub fn scheduled(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(202, Outcome::Scheduled, reason)
    }

    /// 202: stored, with nothing due for it.
    pub fn recorded(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(202, Outcome::Recorded, reason)
    }

    pub fn ignored(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(200, Outcome::Ignored, reason)
    }

    pub fn pong() -> Self {
        Self::new(200, Outcome::Pong, "the signature is right")
    }

    pub fn rejected(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, Outcome::Rejected, reason)
    }

    /// 503: GitHub records a failed delivery, which can be redelivered.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(503, Outcome::Unavailable, reason)
    }

    pub fn about(self, subject: Subject) -> Self {
        Self { subject: Some(subject), ..self }
    }

    pub fn due(self, due: Option<String>) -> Self {
        Self { due, ..self }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{Delivery, run, settings};

    #[test]
    fn answers_name_the_run() {
        let Err(answer) = Delivery::new("workflow_run", &run("success", 1)).read(&settings(&[])) else {
            panic!("an event, not an answer")
        };
        let expected = json!({
            "outcome": "ignored", "reason": "the run's conclusion is success",
            "repository": "octo/widgets", "run_id": 7, "run_attempt": 1,
        });
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        let due = Some("2026-11-23T15:04:05Z".to_owned());
        assert_eq!(serde_json::to_value(answer.due(due)).unwrap()["due"], "2026-11-23T15:04:05Z");
    }
}
