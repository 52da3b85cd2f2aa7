//! Tells what happens, a line each, from what the Worker logs and what the simulated GitHub sees; and counts it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{AttemptEnded, Call, Conclusion, Delivery, DeliveryResult, Endpoint, Happening, RunId};

use crate::counts::Counts;
use crate::screen::{BOLD, CYAN, DIM, GREEN, Line, PLAIN, RED, Screen, YELLOW};

/// The Worker writes its decision once GitHub has answered; it is told before the call, as it was taken before.
const CALL_WAITS_FOR_DECISION: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Story {
    screen: Screen,
    /// Workflow and number of the runs that are known by more than their id.
    names: BTreeMap<u64, String>,
    ended: BTreeSet<u64>,
    failed: BTreeMap<u64, Standing>,
    reruns: u64,
    ignored: u64,
    held: Vec<(Instant, Call)>,
    counts: Counts,
    summary: String,
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
                self.held.push((Instant::now(), call.clone()));
                Ok(())
            }
            Happening::Api(call) if call.status.is_none_or(|status| status >= 400) => self.call(call),
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

    /// Tells what was held back and need not be any longer.
    pub fn catch_up(&mut self) -> io::Result<()> {
        self.release(|since, _| since.elapsed() > CALL_WAITS_FOR_DECISION)
    }

    /// Workers KV as it is now: tells the counts that have changed since it was last read.
    pub fn counts(&mut self, counts: Counts) -> io::Result<()> {
        let changed: Vec<_> = counts.iter().filter(|(key, count)| self.counts.get(*key) != Some(count)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let title = format!("Workers KV: {}, {} changed", plural(counts.len(), "run"), changed.len());
        let key_width = changed.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        self.screen.summary(CYAN, &title)?;
        for (key, count) in changed {
            let attempt = format!("run_attempt {}", count.run_attempt);
            let reruns = format!("reruns {}", count.reruns);
            let style = outcome_style(&count.outcome);
            let row = format!("          {key:key_width$}   {attempt:14}   {reruns:9}   {style}{}{style:#}", count.outcome);
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
        let reruns = usize::try_from(self.reruns).unwrap_or(usize::MAX);
        let ignored = usize::try_from(self.ignored).unwrap_or(usize::MAX);
        summary += &format!("; {} asked for; {} ignored", plural(reruns, "re-run"), plural(ignored, "webhook"));
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
    pub fn aside(&mut self, place: &str, what: &str, style: anstyle::Style, more: &str) -> io::Result<()> {
        self.screen.line(&Line { subject: ("", ""), place, what, style, more })
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
        let place = format!("attempt {}", ended.attempt);
        let more = format!("on {}, started by {}", ended.branch, ended.triggering_actor);
        self.tell(ended.repository.as_str(), Some(run), &place, &what, style, &more)
    }

    fn call(&mut self, call: &Call) -> io::Result<()> {
        let accepted = call.status.is_some_and(|status| status < 300);
        let what = match call.status {
            Some(201) => "201 Created".to_owned(),
            Some(status) => status.to_string(),
            None => "no answer".to_owned(),
        };
        let mut more = format!("{} {}", call.method, call.path);
        if let Some(message) = &call.message {
            more += &format!(": {message}");
        }
        let run = call.run.map(|run| run.0);
        let repository = call.repository.clone().unwrap_or_default();
        self.tell(&repository, run, "GitHub", &what, if accepted { PLAIN } else { YELLOW }, &more)
    }

    fn undelivered(&mut self, delivery: &Delivery) -> io::Result<()> {
        let why = match &delivery.result {
            DeliveryResult::Answered { .. } => return Ok(()),
            DeliveryResult::TimedOut => "no answer in time",
            DeliveryResult::Failed(why) => why.as_str(),
            DeliveryResult::Dropped => "lost on the way",
        };
        let run = delivery.run.map(|run| run.0);
        self.tell(delivery.repository.as_str(), run, "webhook", "not delivered", RED, why)
    }

    fn delivery(&mut self, event: &Value) -> io::Result<()> {
        let outcome = text(event, "outcome");
        let run = number(event, "run_id");
        let style = match outcome {
            "ignored" => {
                self.ignored += 1;
                return Ok(());
            }
            "scheduled" => {
                run.map(|run| self.failed.entry(run).or_insert(Standing::Waiting));
                PLAIN
            }
            "rejected" | "unavailable" => RED,
            _ => PLAIN,
        };
        let what = format!("{} {outcome}", number(event, "status").unwrap_or_default());
        let more = match text(event, "github_event") {
            "" => text(event, "reason").to_owned(),
            kind => format!("{kind}: {}", text(event, "reason")),
        };
        self.tell(text(event, "repository"), run, "webhook", &what, style, &more)
    }

    fn decision(&mut self, event: &Value) -> io::Result<()> {
        let outcome = text(event, "outcome");
        let (standing, mark) = match outcome {
            "rescued" => (Standing::Rescued, "✓ RESCUED"),
            "exhausted" => (Standing::Exhausted, "✗ EXHAUSTED"),
            "waiting" | "rerunning" => (Standing::Waiting, outcome),
            _ => (Standing::Other, outcome),
        };
        self.reruns += u64::from(outcome == "rerunning");
        let run = number(event, "run_id");
        run.map(|run| self.failed.insert(run, standing));
        let style = outcome_style(outcome);
        self.tell(text(event, "repository"), run, "decision", mark, style, text(event, "reason"))?;
        self.release(|_, call| call.run.map(|run| run.0) == run)
    }

    /// Tells the held calls that this is true of.
    fn release(&mut self, due: impl Fn(&Instant, &Call) -> bool) -> io::Result<()> {
        let (due, held) = std::mem::take(&mut self.held).into_iter().partition(|(since, call)| due(since, call));
        self.held = held;
        let due: Vec<(Instant, Call)> = due;
        due.iter().try_for_each(|(_, call)| self.call(call))
    }

    fn tell(
        &mut self,
        repository: &str,
        run: Option<u64>,
        place: &str,
        what: &str,
        style: anstyle::Style,
        more: &str,
    ) -> io::Result<()> {
        let name = match run {
            Some(run) => self.names.get(&run).cloned().unwrap_or_else(|| format!("run {run}")),
            None => String::new(),
        };
        self.screen.line(&Line { subject: (repository, &name), place, what, style, more })
    }
}

fn outcome_style(outcome: &str) -> anstyle::Style {
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
