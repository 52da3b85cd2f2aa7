//! What a line says of each kind of thing that can happen.

use anstyle::Style;
use serde_json::Value;
use simulator::{AttemptEnded, Call, Conclusion, Delivery, DeliveryResult};

use crate::screen::{CYAN, DIM, GREEN, PLAIN, RED, YELLOW};

/// A line, as it will be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub kind: Kind,
    /// `owner/name`; empty if it is about none.
    pub repository: String,
    pub run: Option<u64>,
    pub what: String,
    pub style: Style,
    pub more: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A webhook that the Worker has answered as it should, and a call that GitHub has: how it works, rather than what
    /// comes of it.
    Webhook,
    Call,
    Decision,
    Other,
}

impl Told {
    pub fn attempt(ended: &AttemptEnded) -> Self {
        let (what, style) = match ended.conclusion {
            Conclusion::Success => ("✓ passed".to_owned(), GREEN),
            Conclusion::Failure => ("✗ failed".to_owned(), RED),
            Conclusion::TimedOut => ("✗ timed out".to_owned(), RED),
            other => (other.to_string(), PLAIN),
        };
        // Its branches have names of sixty characters, and are of nobody.
        let place = match ended.branch.to_string() {
            branch if branch.starts_with("gh-readonly-queue/") => "in the merge queue".to_owned(),
            branch => {
                let actor = ended.triggering_actor.to_string();
                format!("on {branch} by {}", actor.trim_end_matches("[bot]"))
            }
        };
        Self {
            kind: Kind::Other,
            repository: ended.repository.to_string(),
            run: Some(ended.run.0),
            what,
            style,
            more: format!("attempt {} {place}", ended.attempt),
        }
    }

    /// What people see: a comment, a reaction, an issue.
    pub fn said(repository: String, what: &str, more: String) -> Self {
        Self { kind: Kind::Other, repository, run: None, what: what.to_owned(), style: CYAN, more }
    }

    /// A call of the Worker to the API.
    pub fn call(call: &Call) -> Self {
        let (kind, what, style) = match call.status {
            Some(201) => (Kind::Call, "201 Created".to_owned(), DIM),
            Some(status) => (Kind::Other, status.to_string(), YELLOW),
            None => (Kind::Other, "no answer".to_owned(), YELLOW),
        };
        // The repository and the run stand in the line already.
        let path = match call.path.split_once("/actions/runs/").and_then(|(_, path)| path.split_once('/')) {
            Some((_, path)) => format!("…/{path}"),
            None => call.path.clone(),
        };
        let message = call.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        Self {
            kind,
            repository: call.repository.clone().unwrap_or_default(),
            run: call.run.map(|run| run.0),
            what: "GitHub".to_owned(),
            style,
            more: format!("{what} for {} {path}{message}", call.method),
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
            kind: Kind::Other,
            repository: delivery.repository.to_string(),
            run: delivery.run.map(|run| run.0),
            what: "webhook".to_owned(),
            style: RED,
            more: format!("not delivered: {why}"),
        })
    }

    /// A webhook and the Worker's answer, as the Worker logs it.
    pub fn delivery(event: &Value) -> Self {
        let outcome = text(event, "outcome");
        let is_bad = matches!(outcome, "rejected" | "unavailable");
        let status = number(event, "status").unwrap_or_default();
        Self {
            kind: if is_bad { Kind::Other } else { Kind::Webhook },
            repository: text(event, "repository").to_owned(),
            run: number(event, "run_id"),
            what: "webhook".to_owned(),
            style: if is_bad { RED } else { DIM },
            more: format!("{status} {outcome}: {}", text(event, "reason")),
        }
    }

    /// A command that is not carried out, as the Worker logs it; `None` for all that comes of others, which is told as it
    /// happens.
    pub fn command(event: &Value) -> Option<Self> {
        matches!(text(event, "outcome"), "refused" | "unanswered").then(|| {
            let login = text(event, "login");
            let pull = number(event, "pull").unwrap_or_default();
            let more = format!("{login} on #{pull} got nothing: {}", text(event, "reason"));
            Self { run: number(event, "run_id"), ..Self::said(text(event, "repository").to_owned(), "command", more) }
        })
    }

    /// Something that is to be seen to, as the Worker logs it.
    pub fn trouble(event: &Value, what: &str) -> Self {
        Self {
            kind: Kind::Other,
            repository: text(event, "repository").to_owned(),
            run: number(event, "run_id"),
            what: what.to_owned(),
            style: YELLOW,
            more: text(event, "reason").to_owned(),
        }
    }

    /// Something that went wrong in the Worker.
    pub fn fault(more: String) -> Self {
        let (repository, what) = (String::new(), "Worker".to_owned());
        Self { kind: Kind::Other, repository, run: None, what, style: RED, more }
    }

    /// A decision, as the Worker logs it.
    pub fn decision(event: &Value) -> Self {
        let (outcome, reason) = (text(event, "outcome"), text(event, "reason"));
        let (what, more) = match outcome {
            "rescued" => ("✓ RESCUED".to_owned(), reason.to_owned()),
            "exhausted" => ("✗ EXHAUSTED".to_owned(), exhausted_in_short(reason)),
            "rerunning" => rerun_in_short(reason),
            "left" => ("left alone".to_owned(), reason.trim_start_matches("Left alone: ").to_owned()),
            "waiting" => held_in_short(reason),
            outcome => (outcome.to_owned(), reason.to_owned()),
        };
        Self {
            kind: Kind::Decision,
            repository: text(event, "repository").to_owned(),
            run: number(event, "run_id"),
            what,
            style: outcome_style(outcome),
            more,
        }
    }
}

/// Of `Attempt 1 failed in job "build" at step "Fetch": re-run 1 of at most 3, by rule "network".`, which stands below the
/// line of that attempt: `↻ re-run 1/3` and `rule "network": "build" at step "Fetch"`.
fn rerun_in_short(reason: &str) -> (String, String) {
    let whole = || ("↻ re-run".to_owned(), reason.to_owned());
    let Some((failed, how)) = reason.trim_end_matches('.').rsplit_once(": re-run ") else { return whole() };
    let failed = failed.trim_start_matches("Attempt ").trim_start_matches(|char: char| char.is_ascii_digit());
    let failed = failed.trim_start().trim_start_matches("failed in ");
    let failed = failed.trim_start_matches("jobs ").trim_start_matches("job ");
    let (what, by) = match (how.split_once(" of at most "), how.strip_prefix("requested by ")) {
        (Some((number, rest)), _) => {
            let (most, by) = rest.split_once(", by ").unwrap_or((rest, ""));
            (format!("↻ re-run {number}/{most}"), by.to_owned())
        }
        (None, Some(login)) => ("↻ re-run".to_owned(), format!("/rerun of {login}")),
        (None, None) => return whole(),
    };
    (what, if by.is_empty() { failed.to_owned() } else { format!("{by}: {failed}") })
}

/// `Gave up: attempt 4 failed in job "build" at step "Fetch", and a run is re-run at most 3 times.`
fn exhausted_in_short(reason: &str) -> String {
    let parts = reason.strip_prefix("Gave up: attempt ").and_then(|rest| rest.rsplit_once(", and "));
    let number = parts.and_then(|(failed, limit)| Some((failed.split(' ').next()?, limit)));
    number.map_or_else(|| reason.to_owned(), |(number, limit)| format!("after attempt {number}: {limit}"))
}

/// `Held: at least 3 runs have failed with the same cause (…) within 5m. One at a time is …`: what follows is the same for all.
fn held_in_short(reason: &str) -> (String, String) {
    let Some(held) = reason.strip_prefix("Held: ") else { return ("◦ waiting".to_owned(), reason.to_owned()) };
    let first = held.split_once(". ").map_or(held, |(first, _)| first);
    let first = first.rsplit_once(" within ").map_or(first, |(what, _)| what);
    ("◦ held".to_owned(), first.replacen("at least ", "≥ ", 1).replacen(" have ", " ", 1))
}

pub fn outcome_style(outcome: &str) -> Style {
    match outcome {
        "rescued" => GREEN.bold(),
        "exhausted" => RED.bold(),
        "rerunning" => CYAN,
        "waiting" | "left" | "superseded" => PLAIN,
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
        assert_eq!((told.repository.as_str(), told.run, told.what.as_str()), ("octo/widgets", Some(1), "webhook"));
        assert_eq!((told.kind, told.more.as_str()), (Kind::Webhook, "202 scheduled: workflow run failed"));

        let rejected = json!({ "event": "delivery", "status": 413, "outcome": "rejected", "reason": "too large" });
        let told = Told::delivery(&rejected);
        assert_eq!((told.repository.as_str(), told.run, told.what.as_str()), ("", None, "webhook"));
        assert_eq!((told.kind, told.more.as_str(), told.style), (Kind::Other, "413 rejected: too large", RED));

        for (outcome, what) in [
            ("rerunning", "↻ re-run"),
            ("rescued", "✓ RESCUED"),
            ("exhausted", "✗ EXHAUSTED"),
            ("left", "left alone"),
            ("waiting", "◦ waiting"),
            ("superseded", "superseded"),
        ] {
            let decision = json!({ "event": "decision", "outcome": outcome, "reason": "Because.", "run_id": 1 });
            let told = Told::decision(&decision);
            assert_eq!((told.what.as_str(), told.more.as_str()), (what, "Because."));
        }
    }

    /// Seen to fail with the sentence as it is.
    #[test]
    fn decisions_in_short() {
        for (outcome, reason, what, more) in [
            (
                "rerunning",
                "Attempt 12 failed in job \"build\" at step \"Fetch\": re-run 12 of at most 20, by rule \"network\" (line 3 of the job's log).",
                "↻ re-run 12/20",
                "rule \"network\" (line 3 of the job's log): \"build\" at step \"Fetch\"",
            ),
            ("rerunning", "Attempt 1 timed out: re-run 1 of at most 3.", "↻ re-run 1/3", "timed out"),
            (
                "rerunning",
                "Attempt 1 failed in job \"build\": re-run requested by \"ann\".",
                "↻ re-run",
                "/rerun of \"ann\": \"build\"",
            ),
            (
                "waiting",
                "Held: at least 3 runs have failed with the same cause (npm) within 5m. One at a time is re-run.",
                "◦ held",
                "≥ 3 runs failed with the same cause (npm)",
            ),
            (
                "exhausted",
                "Gave up: attempt 4 failed in job \"unit\" at step \"Run tests\", and a run is re-run at most 3 times.",
                "✗ EXHAUSTED",
                "after attempt 4: a run is re-run at most 3 times.",
            ),
            ("left", "Left alone: job \"preview\" failed.", "left alone", "job \"preview\" failed."),
        ] {
            let told = Told::decision(&json!({ "event": "decision", "outcome": outcome, "reason": reason }));
            assert_eq!((told.what.as_str(), told.more.as_str()), (what, more));
        }
    }

    /// Seen to fail when each command is told of.
    #[test]
    fn of_commands_those_that_are_refused() {
        let command = |outcome: &str| {
            Told::command(&json!({
                "event": "command", "outcome": outcome, "reason": "it is closed", "repository": "octo/widgets",
                "pull": 3, "comment": 7, "login": "ann", "run_id": null,
            }))
        };
        assert_eq!(command("done"), None);
        assert_eq!(command("refused").unwrap().more, "ann on #3 got nothing: it is closed");
    }
}
