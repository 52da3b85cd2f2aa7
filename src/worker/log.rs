//! What is written to the log: one JSON line for a delivery, one for a decision, some for a command, one for a call to GitHub that came to
//! nothing, one for a policy file that is not valid or cannot be read, one for deliveries sent again, one for a fault. Field names are stable. No
//! secret, no payload and no text of a job's log is ever in it; names are bounded and everything is escaped.

use serde::Serialize;
use worker::{console_error, console_log};

use crate::doctor::redeliver::Redelivered;
use crate::escape;
use crate::keeper::command_log::CommandLine;
use crate::keeper::step::Record;
use crate::names::{CommentId, DeliveryId, RepoName, RunId};
use crate::policy::RunOutcome;
use crate::webhook::{Answer, Outcome};

/// Names of one kind in one line.
const NAMES_MOST: usize = 10;

/// How the console takes a line, by the name of its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Log,
    Error,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Error => "error",
        }
    }

    fn of(answer: &Answer) -> Self {
        match answer.outcome {
            Outcome::Unavailable => Self::Error,
            Outcome::Scheduled | Outcome::Recorded | Outcome::Ignored | Outcome::Pong | Outcome::Rejected => Self::Log,
        }
    }
}

/// What all lines have in common is the name of the event.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Delivery {
        status: u16,
        github_event: Option<&'a str>,
        delivery: Option<&'a str>,
        #[serde(flatten)]
        answer: &'a Answer,
    },
    Decision {
        outcome: &'static str,
        reason: &'a str,
        repository: &'a RepoName,
        run_id: RunId,
        run_attempt: Option<u32>,
        /// The rules by which it is re-run.
        rules: Vec<&'a str>,
        /// The jobs that failed.
        jobs: Vec<&'a str>,
    },
    Command {
        outcome: &'static str,
        reason: &'a str,
        repository: &'a RepoName,
        pull: u64,
        comment: CommentId,
        login: &'a str,
        run_id: Option<RunId>,
    },
    Trouble {
        reason: &'a str,
        repository: &'a RepoName,
        run_id: Option<RunId>,
    },
    Policy {
        reason: &'a str,
        repository: &'a RepoName,
    },
    Redelivery {
        #[serde(flatten)]
        done: &'a Redelivered,
    },
    Fault {
        place: &'static str,
        reason: &'a str,
    },
}

/// A webhook and its answer, as the line that `entry.mjs` writes.
pub fn delivery(github_event: Option<&str>, delivery: Option<&DeliveryId>, answer: &Answer) -> (Level, String) {
    // Anybody can send it; GitHub's names of events are of small letters and underscores.
    let is_of_event = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let github_event = github_event.filter(|event| event.len() <= 50 && event.bytes().all(is_of_event));
    let delivery = delivery.map(DeliveryId::as_str);
    (Level::of(answer), text(&Line::Delivery { status: answer.status, github_event, delivery, answer }))
}

/// A decision on a run, and why.
pub fn decision<'a>(repository: &RepoName, run_id: RunId, record: &'a Record) {
    let detail = record.detail.as_deref();
    let names = |names: &mut dyn Iterator<Item = &'a String>| names.take(NAMES_MOST).map(String::as_str).collect();
    let line = Line::Decision {
        outcome: record.outcome.as_str(),
        reason: &record.reason,
        repository,
        run_id,
        run_attempt: record.run_attempt.map(u32::from),
        rules: names(&mut detail.into_iter().flat_map(|detail| &detail.rules)),
        jobs: names(&mut detail.into_iter().flat_map(|detail| &detail.jobs).map(|job| &job.name)),
    };
    write(&line, if record.outcome == RunOutcome::Failed { Level::Error } else { Level::Log });
}

/// What became of a command in a comment, or of one of the runs that it is about.
pub fn command(repository: &RepoName, line: &CommandLine) {
    let CommandLine { comment_id, pull, login, outcome, run_id, reason } = line;
    let (outcome, comment) = (outcome.as_str(), *comment_id);
    write(&Line::Command { outcome, reason, repository, pull: *pull, comment, login, run_id: *run_id }, Level::Log);
}

/// A call to GitHub that came to nothing; what is done about it is a decision, or waiting.
pub fn trouble(repository: &RepoName, run_id: Option<RunId>, what: &str) {
    write(&Line::Trouble { reason: what, repository, run_id }, Level::Error);
}

/// What is wrong with a repository's policy file.
pub fn policy(repository: &RepoName, what: &str) {
    write(&Line::Policy { reason: what, repository }, Level::Error);
}

/// Failed deliveries that GitHub was asked to send again.
pub fn redelivered(done: &Redelivered) {
    write(&Line::Redelivery { done }, Level::Log);
}

/// Something that should not happen, and where.
pub fn fault(place: &'static str, what: &str) {
    write(&Line::Fault { place, reason: what }, Level::Error);
}

fn text(line: &Line) -> String {
    // Plain structs always serialize.
    escape::json(&serde_json::to_string(line).unwrap_or_default()).into_owned()
}

fn write(line: &Line, level: Level) {
    let text = text(line);
    match level {
        Level::Log => console_log!("{text}"),
        Level::Error => console_error!("{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_visible_characters() {
        let hostile = "job \"a\u{1b}[2J\n\u{202e}\u{7f}\u{2028}\u{9b}31m\"";
        let (level, line) = delivery(Some("ping\n"), None, &Answer::ignored(hostile.to_owned()));
        assert_eq!(level, Level::Log);
        assert!(line.chars().all(escape::is_visible), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["reason"], &read["github_event"]), (&hostile.into(), &serde_json::Value::Null));
    }
}
