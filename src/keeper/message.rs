//! What the Worker sends to a Keeper, and what that answers. Both ends are the same version of this Worker.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::names::RepoName;
use crate::time::Millis;
use crate::webhook::command::CommandEvent;
use crate::webhook::event::RunEvent;
use crate::webhook::{Answer, Subject};

use super::HandOver;
use super::step::{Receipt, ReceiptKind};
use super::store::once::Once;
use super::views::Question;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A webhook. It is answered once it is stored.
    RunEvent(RunEvent),
    /// The same, of a comment.
    Command(CommandEvent),
    /// From the Keeper of the name that the repository had before.
    HandOver(HandOver),
    /// From a person, by a page or the API.
    Question(Question),
    /// Something is used that is good once.
    Once(Once),
    /// A webhook of the repository was ignored, the first one today.
    SignOfLife(RepoName),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To an event, and to what is handed over.
    Receipt(Receipt),
    /// To a question: a view as JSON, and how many rows of storage it took.
    View { view: Box<RawValue>, rows_read: usize },
    /// To a question about a repository or a run that the Keeper does not know.
    Unknown,
    /// Whether it was good: not used before.
    Once(bool),
    /// To a sign of life.
    Heard,
}

impl Receipt {
    /// For the webhook's sender.
    pub fn answer(self, subject: Subject) -> Answer {
        let run_attempt = self.run_attempt.or(subject.run_attempt);
        self.about_no_run().about(Subject { run_attempt, ..subject })
    }

    pub fn about_no_run(self) -> Answer {
        let answer = match self.kind {
            ReceiptKind::Scheduled => Answer::scheduled(self.reason),
            ReceiptKind::Recorded => Answer::recorded(self.reason),
            ReceiptKind::Ignored => Answer::ignored(self.reason),
        };
        answer.due(self.due.map(Millis::to_rfc3339))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{RunAttempt, RunId};
    use crate::webhook::event::RunEventKind;

    fn event() -> RunEvent {
        let name = RepoName::parse("octo/widgets").unwrap();
        RunEvent::new(name, RunId::new(7).unwrap(), None, RunEventKind::JobFailed)
    }

    #[test]
    fn messages_and_replies_cross_as_json() {
        let hand_over = super::super::HandOver { event: event(), records: vec![] };
        let once = Once { id: "a".to_owned(), until: Millis(5) };
        for message in [
            Message::RunEvent(event()),
            Message::HandOver(hand_over),
            Message::Question(Question::FlakyJobs { skip: 1, limit: 2 }),
            Message::Question(Question::Pause),
            Message::Once(once),
            Message::SignOfLife(RepoName::parse("octo/widgets").unwrap()),
        ] {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message, "{text}");
        }
        let view = RawValue::from_string(r#"{"runs":[1, 2]}"#.to_owned()).unwrap();
        let text = serde_json::to_string(&Reply::View { view, rows_read: 3 }).unwrap();
        let Reply::View { view, rows_read: 3 } = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!(view.get(), r#"{"runs":[1, 2]}"#);
    }

    #[test]
    fn a_receipt_names_the_attempt_that_the_keeper_knows() {
        let receipt = Receipt {
            kind: ReceiptKind::Recorded,
            reason: "a re-run succeeded".to_owned(),
            run_attempt: RunAttempt::new(2),
            due: Some(Millis(1_795_446_245_000)),
        };
        let answer = receipt.answer(Subject::of(&event()));
        let subject = answer.subject.unwrap();
        assert_eq!((answer.status, subject.run_attempt), (202, RunAttempt::new(2)));
        assert_eq!(answer.due.as_deref(), Some("2026-11-23T15:04:05Z"));
    }
}
