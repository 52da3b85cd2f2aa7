//! A webhook on its way through [`read`], for the tests of each step, beside its code.

use serde_json::{Value, json};
use simulator::webhooks::signature as sign;

use super::*;
use crate::names::{RunAttempt, RunId};
use crate::webhook::command::CommandEvent;
use crate::webhook::event::RunEventKind;

pub fn settings(pairs: &[(&str, &str)]) -> Settings {
    let base = [("WEBHOOK_SECRET", "current"), ("WEBHOOK_SECRET_PREVIOUS", "previous"), ("GITHUB_TOKEN", "t")];
    Settings::read(|name| pairs.iter().chain(&base).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

pub struct Delivery {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Delivery {
    pub fn new(event: &str, payload: &Value) -> Self {
        let body = payload.to_string().into_bytes();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-hub-signature-256", sign("current", &body)),
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned()),
        ];
        Self { headers, body }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(key, _)| *key != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| *key != name);
        self
    }

    /// Another body, signed again.
    pub fn body(self, body: &[u8]) -> Self {
        let signed = sign("current", body);
        Self { body: body.to_vec(), ..self }.with("x-hub-signature-256", &signed)
    }

    pub fn read(&self, settings: &Settings) -> Result<Event, Answer> {
        let header = |name: &str| self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let headers = headers::check(settings, header)?;
        read(settings, &headers, &signature::macs(&settings.webhook_secrets, &self.body), || &self.body)
    }

    #[track_caller]
    pub fn answers(&self, status: u16, outcome: Outcome, reason: &str) {
        self.answers_with(&settings(&[]), status, outcome, reason);
    }

    #[track_caller]
    pub fn answers_with(&self, settings: &Settings, status: u16, outcome: Outcome, reason: &str) {
        let Err(answer) = self.read(settings) else { panic!("an event, not an answer") };
        assert_eq!((answer.status, answer.outcome), (status, outcome), "{}", answer.reason);
        assert!(answer.reason.contains(reason), "{:?} does not say {reason:?}", answer.reason);
    }

    #[track_caller]
    pub fn commands(&self) -> CommandEvent {
        match self.read(&settings(&[])) {
            Ok(Event::Command(event)) => event,
            other => panic!("{other:?}, not a command"),
        }
    }

    #[track_caller]
    pub fn events(&self, run_id: u64, run_attempt: Option<u32>, kind: RunEventKind) {
        let Ok(Event::Run(event)) = self.read(&settings(&[])) else { panic!("a run's event") };
        assert_eq!(event.repository.as_str(), "octo/widgets");
        assert_eq!(event.run_id, RunId::new(run_id).unwrap());
        assert_eq!(event.run_attempt, run_attempt.and_then(RunAttempt::new));
        assert_eq!(event.kind, kind);
        assert!(event.delivery.is_some());
    }
}

/// A comment of a collaborator on a pull request of somebody else's.
pub fn comment(body: &str) -> Value {
    json!({
        "action": "created",
        "repository": { "full_name": "octo/widgets" },
        "issue": {
            "number": 3, "state": "open", "user": { "id": 1, "login": "author", "type": "User" },
            "pull_request": { "url": "https://api.github.example/repos/octo/widgets/pulls/3" },
        },
        "comment": {
            "id": 9, "body": body, "user": { "id": 2, "login": "ann", "type": "User" },
            "author_association": "COLLABORATOR", "performed_via_github_app": null,
        },
        "sender": { "login": "ann" },
    })
}

pub fn run(conclusion: &str, attempt: u32) -> Value {
    json!({
        "action": "completed",
        "repository": { "full_name": "octo/widgets" },
        "workflow_run": {
            "id": 7, "run_attempt": attempt, "conclusion": conclusion,
            "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" },
        },
    })
}

pub fn job(conclusion: &str) -> Value {
    json!({
        "action": "completed",
        "repository": { "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "workflow_job": { "run_id": 7, "run_attempt": 2, "conclusion": conclusion },
    })
}

pub fn check(conclusion: &str) -> Value {
    json!({
        "action": "completed",
        "repository": { "full_name": "octo/widgets" },
        "sender": { "login": "ann" },
        "check_run": {
            "conclusion": conclusion,
            "details_url": "https://github.example/octo/widgets/actions/runs/7/job/9",
            "app": { "slug": "github-actions" },
        },
    })
}

#[test]
fn a_delivery_is_known_by_what_was_signed() {
    let id = |delivery: Delivery| match delivery.read(&settings(&[])) {
        Ok(Event::Run(event)) => event.delivery.unwrap(),
        other => panic!("{other:?}"),
    };
    let of = |attempt| Delivery::new("workflow_run", &run("failure", attempt));
    assert_eq!(id(of(1)), id(of(1).with("x-github-delivery", "another")));
    assert_ne!(id(of(1)), id(of(2)));
}

#[test]
fn nothing_is_parsed_before_the_signature() {
    let nonsense =
        Delivery::new("workflow_run", &Value::Null).body(b"{").with("x-hub-signature-256", &sign("wrong", b"{"));
    nonsense.without("x-github-event").answers(401, Outcome::Rejected, "signature");
}
