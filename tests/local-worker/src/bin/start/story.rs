//! Tells what happens, a line each, from what the Worker logs and what the simulated GitHub sees; and counts it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use anstyle::Style;
use serde_json::Value;
use simulator::{AttemptEnded, Call, Conclusion, Delivery, DeliveryResult, Endpoint, Happening, RunId};

use crate::counts::{Count, Counts};
use crate::screen::{BOLD, CYAN, DIM, GREEN, Line, PLAIN, RED, Screen, YELLOW};

/// How long a line waits for the one that should stand before it.
const HELD_FOR: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Story {
    screen: Screen,
    /// Workflow and number of the runs that are known by more than their id.
    names: BTreeMap<u64, String>,
    ended: BTreeSet<u64>,
    failed: BTreeMap<u64, Standing>,
    reruns: usize,
    ignored: usize,
    held: Vec<Held>,
    counts: Counts,
    summary: String,
}

/// What was taken first is written last by the Worker: its decision after GitHub's answer to the call, its answer to a
/// webhook after the rescue that it told of. They are told the other way round.
#[derive(Debug)]
struct Held {
    since: Instant,
    until: &'static str,
    told: Told,
}

/// A line, as it will be told.
#[derive(Debug, Default)]
struct Told {
    repository: String,
    run: Option<u64>,
    place: String,
    what: String,
    style: Style,
    more: String,
}

/// Where a run stands that failed at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    Rescued,
    Exhausted,
    /// Left alone, refused or superseded.
    Other,
}

impl Story {
    pub fn new(screen: Screen) -> Self {
        Self {
            screen,
            names: BTreeMap::new(),
            ended: BTreeSet::new(),
            failed: BTreeMap::new(),
            reruns: 0,
            ignored: 0,
            held: Vec::new(),
            counts: Counts::new(),
            summary: String::new(),
        }
    }

    pub fn name(&mut self, run: RunId, name: String) {
        self.names.insert(run.0, name);
    }

    pub fn rescued(&self) -> usize {
        self.standing(Standing::Rescued)
    }

    fn standing(&self, standing: Standing) -> usize {
        self.failed.values().filter(|known| **known == standing).count()
    }

    /// What the simulated GitHub saw.
    pub fn happened(&mut self, happening: &Happening) -> io::Result<()> {
        match happening {
            Happening::AttemptEnded(ended) => self.attempt_ended(ended),
            Happening::Api(call) if call.endpoint.is_some_and(Endpoint::is_write) => {
                self.hold("decision", told_call(call));
                Ok(())
            }
            Happening::Api(call) if call.status.is_none_or(|status| status >= 400) => self.tell(told_call(call)),
            // The Worker logs each webhook that reaches it.
            Happening::Webhook(delivery) => self.undelivered(delivery),
            Happening::Api(_) | Happening::LogRead(_) => Ok(()),
        }
    }

    /// A line that the Worker or wrangler wrote.
    pub fn logged(&mut self, line: &str) -> io::Result<()> {
        let Some(event) = local_worker::event(line) else {
            return match line.contains("[ERROR]") {
                true => self.aside("Worker", "error", RED, line.trim_start_matches(['✘', ' '])),
                false => Ok(()),
            };
        };
        match text(&event, "event") {
            "delivery" => self.delivery(&event),
            "decision" => self.decision(&event),
            _ => self.aside("Worker", text(&event, "event"), RED, text(&event, "reason")),
        }
    }

    /// Tells what was held back for long enough; at the end, all of it.
    pub fn catch_up(&mut self, end: bool) -> io::Result<()> {
        self.release(|held| end || held.since.elapsed() > HELD_FOR)
    }

    /// Workers KV as it is now: tells the counts that have changed since it was last read.
    pub fn counts(&mut self, counts: Counts) -> io::Result<()> {
        let changed: Vec<_> = counts.iter().filter(|(key, count)| self.counts.get(*key) != Some(count)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let title = format!("Workers KV: {}, {} changed", plural(counts.len(), "run"), changed.len());
        self.screen.summary(CYAN, &title)?;
        let rows = changed.iter().map(|(key, count)| (key, self.name_of_key(key, count), count));
        let rows: Vec<_> = rows.collect();
        let key_width = rows.iter().map(|(key, ..)| key.len()).max().unwrap_or_default();
        let name_width = rows.iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or_default();
        for (key, name, Count { run_attempt, reruns, outcome, .. }) in rows {
            let style = outcome_style(outcome);
            let row = format!(
                "          {key:key_width$}  {name:name_width$}  run_attempt {run_attempt}  reruns {reruns}  {style}{outcome}{style:#}"
            );
            self.screen.text(PLAIN, &row)?;
        }
        self.counts = counts;
        Ok(())
    }

    /// Everything so far in a line, if it has changed.
    pub fn summary(&mut self) -> io::Result<()> {
        let standing = |standing| self.standing(standing);
        let runs = if self.ended.is_empty() { String::new() } else { format!("{}, ", plural(self.ended.len(), "run")) };
        let mut summary = format!(
            "So far: {runs}{} failed: {} rescued, {} exhausted, {} waiting",
            self.failed.len(),
            standing(Standing::Rescued),
            standing(Standing::Exhausted),
            standing(Standing::Waiting),
        );
        let other = standing(Standing::Other);
        if other > 0 {
            summary += &format!(", {other} left alone");
        }
        let (reruns, ignored) = (plural(self.reruns, "re-run"), plural(self.ignored, "webhook"));
        summary += &format!("; {reruns} asked for; {ignored} ignored");
        if summary != self.summary {
            self.screen.summary(BOLD, &summary)?;
            self.summary = summary;
        }
        Ok(())
    }

    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.screen.text(PLAIN, text)
    }

    /// Something about no run.
    pub fn aside(&mut self, place: &str, what: &str, style: Style, more: &str) -> io::Result<()> {
        self.screen.line(&Line { subject: ("", ""), place, what, style, more })
    }

    fn name_of_key(&self, key: &str, count: &Count) -> String {
        let run = key.rsplit('/').next().and_then(|id| id.parse().ok());
        let name = run.and_then(|run: u64| self.names.get(&run)).or(count.workflow.as_ref());
        name.cloned().unwrap_or_default()
    }

    fn attempt_ended(&mut self, ended: &AttemptEnded) -> io::Result<()> {
        let run = ended.run.0;
        self.ended.insert(run);
        let (what, style) = match ended.conclusion {
            Conclusion::Success => ("✓ passed".to_owned(), GREEN),
            Conclusion::Failure | Conclusion::TimedOut => {
                self.failed.entry(run).or_insert(Standing::Waiting);
                ("✗ failed".to_owned(), RED)
            }
            other => (other.to_string(), PLAIN),
        };
        self.tell(Told {
            repository: ended.repository.to_string(),
            run: Some(run),
            place: format!("attempt {}", ended.attempt),
            what,
            style,
            more: format!("on {}, started by {}", ended.branch, ended.triggering_actor),
        })
    }

    fn undelivered(&mut self, delivery: &Delivery) -> io::Result<()> {
        let why = match &delivery.result {
            DeliveryResult::Answered { .. } => return Ok(()),
            DeliveryResult::TimedOut => "no answer in time",
            DeliveryResult::Failed(why) => why,
            DeliveryResult::Dropped => "lost on the way",
        };
        self.tell(Told {
            repository: delivery.repository.to_string(),
            run: delivery.run.map(|run| run.0),
            place: "webhook".to_owned(),
            what: "not delivered".to_owned(),
            style: RED,
            more: why.to_owned(),
        })
    }

    fn delivery(&mut self, event: &Value) -> io::Result<()> {
        let outcome = text(event, "outcome");
        let run = number(event, "run_id");
        match (outcome, run) {
            ("ignored", _) => {
                self.ignored += 1;
                return Ok(());
            }
            ("scheduled", Some(run)) => {
                self.failed.entry(run).or_insert(Standing::Waiting);
            }
            _ => {}
        }
        let reason = text(event, "reason");
        let kind = text(event, "github_event");
        self.tell(Told {
            repository: text(event, "repository").to_owned(),
            run,
            place: "webhook".to_owned(),
            what: format!("{} {outcome}", number(event, "status").unwrap_or_default()),
            style: if matches!(outcome, "rejected" | "unavailable") { RED } else { PLAIN },
            more: if kind.is_empty() { reason.to_owned() } else { format!("{kind}: {reason}") },
        })
    }

    fn decision(&mut self, event: &Value) -> io::Result<()> {
        let outcome = text(event, "outcome");
        let (standing, mark) = match outcome {
            "rescued" => (Standing::Rescued, "✓ RESCUED"),
            "exhausted" => (Standing::Exhausted, "✗ EXHAUSTED"),
            "waiting" | "rerunning" => (Standing::Waiting, outcome),
            _ => (Standing::Other, outcome),
        };
        self.reruns += usize::from(outcome == "rerunning");
        let run = number(event, "run_id");
        if let Some(run) = run {
            self.failed.insert(run, standing);
        }
        let told = Told {
            repository: text(event, "repository").to_owned(),
            run,
            place: "decision".to_owned(),
            what: mark.to_owned(),
            style: outcome_style(outcome),
            more: text(event, "reason").to_owned(),
        };
        match standing {
            Standing::Rescued => {
                self.hold("webhook", told);
                Ok(())
            }
            _ => self.tell(told),
        }
    }

    fn hold(&mut self, until: &'static str, told: Told) {
        self.held.push(Held { since: Instant::now(), until, told });
    }

    fn release(&mut self, due: impl Fn(&Held) -> bool) -> io::Result<()> {
        let (due, held): (Vec<Held>, Vec<Held>) = std::mem::take(&mut self.held).into_iter().partition(due);
        self.held = held;
        due.into_iter().try_for_each(|held| self.tell(held.told))
    }

    fn tell(&mut self, told: Told) -> io::Result<()> {
        let Told { repository, run, place, what, style, more } = told;
        let name = run.map(|run| self.names.get(&run).cloned().unwrap_or_else(|| format!("run {run}")));
        let subject = (repository.as_str(), name.as_deref().unwrap_or_default());
        self.screen.line(&Line { subject, place: &place, what: &what, style, more: &more })?;
        // What waited for this line.
        self.release(|held| held.told.run == run && held.until == place)
    }
}

fn told_call(call: &Call) -> Told {
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
    Told {
        repository: call.repository.clone().unwrap_or_default(),
        run: call.run.map(|run| run.0),
        place: "GitHub".to_owned(),
        what,
        style,
        more: format!("{} {path}{message}", call.method),
    }
}

fn outcome_style(outcome: &str) -> Style {
    match outcome {
        "rescued" => GREEN.bold(),
        "exhausted" => RED.bold(),
        "rerunning" => CYAN,
        "waiting" => DIM,
        _ => YELLOW,
    }
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(event: &Value, field: &str) -> Option<u64> {
    event.get(field).and_then(Value::as_u64)
}

fn plural(count: usize, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}
