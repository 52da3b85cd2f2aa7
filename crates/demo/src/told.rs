//! What a line says of each kind of thing that can happen.

use anstyle::Style;
use serde_json::Value;
use simulator::{AttemptEnded, Call, Conclusion, Delivery, DeliveryResult};

use crate::screen::{CYAN, DIM, GREEN, PLAIN, RED, YELLOW};

/// A line, as it will be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// `owner/name`; empty if it is about none.
    pub repository: String,
    pub run: Option<u64>,
    /// Where it was seen.
    pub place: String,
    pub what: String,
    pub style: Style,
    pub more: String,
}

impl Told {
    pub fn attempt(ended: &AttemptEnded) -> Self {
        let (what, style) = match ended.conclusion {
            Conclusion::Success => ("✓ passed".to_owned(), GREEN),
            Conclusion::Failure => ("✗ failed".to_owned(), RED),
            Conclusion::TimedOut => ("✗ timed out".to_owned(), RED),
            other => (other.to_string(), PLAIN),
        };
        Self {
            repository: ended.repository.to_string(),
            run: Some(ended.run.0),
            place: format!("attempt {}", ended.attempt),
            what,
            style,
            more: format!("on {}, started by {}", ended.branch, ended.triggering_actor),
        }
    }

    /// What people see: a comment, a reaction, an issue.
    pub fn said(repository: String, place: &str, what: &str, more: String) -> Self {
        Self { repository, run: None, place: place.to_owned(), what: what.to_owned(), style: CYAN, more }
    }

    /// A call of the Worker to the API.
    pub fn call(call: &Call) -> Self {
        let (what, style) = match call.status {
            Some(201) => ("201 Created".to_owned(), PLAIN),
            Some(status) => (status.to_string(), YELLOW),
            None => ("no answer".to_owned(), YELLOW),
        };
        // The repository stands in the line already.
        let path = match call.path.split_once("/actions/") {
            Some((_, path)) => format!("…/{path}"),
            None => call.path.clone(),
        };
        let message = call.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        Self {
            repository: call.repository.clone().unwrap_or_default(),
            run: call.run.map(|run| run.0),
            place: "GitHub".to_owned(),
            what,
            style,
            more: format!("{} {path}{message}", call.method),
        }
    }

    /// A webhook that the Worker has not answered; `None` if it has.
    pub fn undelivered(delivery: &Delivery) -> Option<Self> {
        let why = match &delivery.result {
            DeliveryResult::Answered { .. } => return None,
            DeliveryResult::TimedOut => "no answer in time",
            DeliveryResult::Failed(why) => why,
            DeliveryResult::Dropped => "lost on the way",
        };
        Some(Self {
            repository: delivery.repository.to_string(),
            run: delivery.run.map(|run| run.0),
            place: "webhook".to_owned(),
            what: "not delivered".to_owned(),
            style: RED,
            more: why.to_owned(),
        })
    }

    /// A webhook and the Worker's answer, as the Worker logs it.
    pub fn delivery(event: &Value) -> Self {
        let outcome = text(event, "outcome");
        let reason = text(event, "reason");
        let kind = text(event, "github_event");
        Self {
            repository: text(event, "repository").to_owned(),
            run: number(event, "run_id"),
            place: "webhook".to_owned(),
            what: format!("{} {outcome}", number(event, "status").unwrap_or_default()),
            style: if matches!(outcome, "rejected" | "unavailable") { RED } else { PLAIN },
            more: if kind.is_empty() { reason.to_owned() } else { format!("{kind}: {reason}") },
        }
    }

    /// A call to GitHub that came to nothing, as the Worker logs it.
    pub fn trouble(event: &Value) -> Self {
        Self {
            repository: text(event, "repository").to_owned(),
            run: number(event, "run_id"),
            place: "GitHub".to_owned(),
            what: "trouble".to_owned(),
            style: YELLOW,
            more: text(event, "reason").to_owned(),
        }
    }

    /// Something that went wrong in the Worker.
    pub fn fault(what: &str, more: &str) -> Self {
        Self {
            repository: String::new(),
            run: None,
            place: "Worker".to_owned(),
            what: what.to_owned(),
            style: RED,
            more: more.to_owned(),
        }
    }

    /// A decision, as the Worker logs it.
    pub fn decision(event: &Value) -> Self {
        let outcome = text(event, "outcome");
        let what = match outcome {
            "rescued" => "✓ RESCUED",
            "exhausted" => "✗ EXHAUSTED",
            outcome => outcome,
        };
        Self {
            repository: text(event, "repository").to_owned(),
            run: number(event, "run_id"),
            place: "decision".to_owned(),
            what: what.to_owned(),
            style: outcome_style(outcome),
            more: text(event, "reason").to_owned(),
        }
    }
}

pub fn outcome_style(outcome: &str) -> Style {
    match outcome {
        "rescued" => GREEN.bold(),
        "exhausted" => RED.bold(),
        "rerunning" => CYAN,
        "waiting" => DIM,
        _ => YELLOW,
    }
}

pub fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event.get(field).and_then(Value::as_str).unwrap_or_default()
}

pub fn number(event: &Value, field: &str) -> Option<u64> {
    event.get(field).and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_worker_logs() {
        let delivery = json!({
            "event": "delivery", "status": 202, "github_event": "workflow_run", "delivery": null,
            "outcome": "scheduled", "reason": "workflow run failed", "repository": "octo/widgets", "run_id": 1,
        });
        let told = Told::delivery(&delivery);
        assert_eq!(
            (told.repository.as_str(), told.run, told.what.as_str()),
            ("octo/widgets", Some(1), "202 scheduled")
        );
        assert_eq!(told.more, "workflow_run: workflow run failed");

        let rejected = json!({ "event": "delivery", "status": 413, "outcome": "rejected", "reason": "too large" });
        let told = Told::delivery(&rejected);
        assert_eq!((told.repository.as_str(), told.run, told.what.as_str()), ("", None, "413 rejected"));
        assert_eq!((told.more.as_str(), told.style), ("too large", RED));

        for (outcome, what) in [("rerunning", "rerunning"), ("rescued", "✓ RESCUED"), ("exhausted", "✗ EXHAUSTED")]
        {
            let decision = json!({ "event": "decision", "outcome": outcome, "reason": "Because.", "run_id": 1 });
            let told = Told::decision(&decision);
            assert_eq!((told.what.as_str(), told.more.as_str()), (what, "Because."));
        }
    }
}
