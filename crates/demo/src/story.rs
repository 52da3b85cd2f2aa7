//! Tells what happens, a line each, from what the Worker logs and what the simulated GitHub sees; and counts it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{AttemptEnded, Conclusion, Endpoint, Happening, RunId};

use crate::counts::{Count, Counts};
use crate::screen::{BOLD, CYAN, DIM, Line, PLAIN, Screen};
use crate::told::{Told, number, outcome_style, text};

/// How long a line waits for the one that should stand before it.
const HELD_FOR: Duration = Duration::from_millis(500);

/// More are not shown at once, as after a start with many runs from before.
const MOST_COUNTS: usize = 20;

#[derive(Debug)]
pub struct Story {
    screen: Screen,
    /// Workflow and number of the runs that are known by more than their id.
    names: BTreeMap<u64, String>,
    ended: BTreeSet<u64>,
    failed: BTreeMap<u64, Standing>,
    reruns: usize,
    ignored: usize,
    /// Webhooks that changed nothing, by event, since the last line about them.
    folded: BTreeMap<String, usize>,
    /// Runs of a story, with its title, and the re-runs of each so far.
    followed: BTreeMap<u64, (&'static str, usize)>,
    held: Vec<Held>,
    /// Lines about stories that are over, by run.
    ends: Vec<(u64, String)>,
    counts: Counts,
    summary: String,
    sees_github: bool,
}

/// What was taken first is written last by the Worker: its decision after GitHub's answer to the call, its answer to a
/// webhook after the rescue that it told of. They are told the other way round.
#[derive(Debug)]
struct Held {
    since: Instant,
    until: &'static str,
    told: Told,
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
    /// `sees_github`: calls to GitHub are told as they happen, and need not be told by the Worker's log.
    pub fn new(screen: Screen, sees_github: bool) -> Self {
        Self {
            screen,
            sees_github,
            names: BTreeMap::new(),
            ended: BTreeSet::new(),
            failed: BTreeMap::new(),
            reruns: 0,
            ignored: 0,
            folded: BTreeMap::new(),
            followed: BTreeMap::new(),
            held: Vec::new(),
            ends: Vec::new(),
            counts: Counts::new(),
            summary: String::new(),
        }
    }

    pub fn name(&mut self, run: RunId, name: String) {
        self.names.insert(run.0, name);
    }

    /// How it comes out is told in a line of its own.
    pub fn follow(&mut self, run: RunId, title: &'static str) {
        self.followed.insert(run.0, (title, 0));
    }

    /// Whether a rescue was told, and all that goes with it.
    pub fn has_rescued(&self) -> bool {
        self.standing(Standing::Rescued) > 0 && self.held.is_empty()
    }

    fn standing(&self, standing: Standing) -> usize {
        self.failed.values().filter(|known| **known == standing).count()
    }

    /// What people see.
    pub fn said(&mut self, told: Told) -> io::Result<()> {
        self.tell(told)
    }

    /// What the simulated GitHub saw.
    pub fn happened(&mut self, happening: &Happening) -> io::Result<()> {
        match happening {
            Happening::AttemptEnded(ended) => self.attempt_ended(ended),
            Happening::Api(call) if call.endpoint.is_some_and(Endpoint::is_write) => {
                self.hold("decision", Told::call(call));
                Ok(())
            }
            // Most repositories have no policy file.
            Happening::Api(call) if call.endpoint == Some(Endpoint::Contents) && call.status == Some(404) => Ok(()),
            Happening::Api(call) if call.status.is_none_or(|status| status >= 400) => self.tell(Told::call(call)),
            // The Worker logs each webhook that reaches it.
            Happening::Webhook(delivery) => Told::undelivered(delivery).map_or(Ok(()), |told| self.tell(told)),
            Happening::Api(_) | Happening::LogRead(_) => Ok(()),
        }
    }

    /// A line that the Worker or wrangler wrote.
    pub fn logged(&mut self, line: &str) -> io::Result<()> {
        let Some(event) = local_worker::event(line) else {
            return match line.contains("[ERROR]") {
                true => self.tell(Told::fault("error", line.trim_start_matches(['✘', ' ']))),
                false => Ok(()),
            };
        };
        match text(&event, "event") {
            "delivery" => self.delivery(&event),
            "decision" => self.decision(&event),
            "trouble" if self.sees_github => Ok(()),
            "trouble" => self.tell(Told::trouble(&event)),
            kind => {
                let (place, reason) = (text(&event, "place"), text(&event, "reason"));
                self.tell(Told::fault(kind, &format!("{place}: {reason}")))
            }
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
        let rows: Vec<_> = rows.take(MOST_COUNTS).collect();
        let key_width = rows.iter().map(|(key, ..)| key.len()).max().unwrap_or_default();
        let name_width = rows.iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or_default();
        for (key, name, Count { run_attempt, reruns, outcome, .. }) in rows {
            let style = outcome_style(outcome);
            let row = format!(
                "          {key:key_width$}  {name:name_width$}  run_attempt {run_attempt}  reruns {reruns}  {style}{outcome}{style:#}"
            );
            self.screen.text(PLAIN, &row)?;
        }
        if changed.len() > MOST_COUNTS {
            self.screen.text(PLAIN, &format!("          … {} more", changed.len() - MOST_COUNTS))?;
        }
        self.counts = counts;
        Ok(())
    }

    pub fn address(&mut self, address: &str) -> io::Result<()> {
        self.screen.summary(BOLD, address)
    }

    /// Webhooks that changed nothing, in one line.
    fn unfold(&mut self) -> io::Result<()> {
        let folded = std::mem::take(&mut self.folded);
        if folded.is_empty() {
            return Ok(());
        }
        let kinds: Vec<String> = folded.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let count = plural(folded.values().sum(), "webhook");
        self.screen.summary(DIM, &format!("{count} changed nothing: {}", kinds.join(", ")))
    }

    /// Everything so far in a line, if it has changed.
    pub fn summary(&mut self) -> io::Result<()> {
        self.unfold()?;
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
        let nothing = self.ended.is_empty() && self.failed.is_empty() && self.ignored == 0;
        if !nothing && summary != self.summary {
            self.screen.summary(BOLD, &summary)?;
            self.summary = summary;
        }
        Ok(())
    }

    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.screen.text(PLAIN, text)
    }

    fn name_of_key(&self, key: &str, count: &Count) -> String {
        let run = key.rsplit('/').next().and_then(|id| id.parse().ok());
        let name = run.and_then(|run: u64| self.names.get(&run)).or(count.workflow.as_ref());
        name.cloned().unwrap_or_default()
    }

    fn attempt_ended(&mut self, ended: &AttemptEnded) -> io::Result<()> {
        self.ended.insert(ended.run.0);
        if matches!(ended.conclusion, Conclusion::Failure | Conclusion::TimedOut) {
            self.failed.entry(ended.run.0).or_insert(Standing::Waiting);
        }
        self.tell(Told::attempt(ended))
    }

    fn delivery(&mut self, event: &Value) -> io::Result<()> {
        match (text(event, "outcome"), number(event, "run_id")) {
            ("ignored", _) => {
                self.ignored += 1;
                self.fold(event);
                return Ok(());
            }
            ("scheduled", Some(run)) => {
                self.failed.entry(run).or_insert(Standing::Waiting);
            }
            _ => {}
        }
        self.tell(Told::delivery(event))
    }

    fn fold(&mut self, event: &Value) {
        *self.folded.entry(text(event, "github_event").to_owned()).or_default() += 1;
    }

    fn decision(&mut self, event: &Value) -> io::Result<()> {
        let outcome = text(event, "outcome");
        let standing = match outcome {
            "rescued" => Standing::Rescued,
            "exhausted" => Standing::Exhausted,
            "waiting" | "rerunning" => Standing::Waiting,
            _ => Standing::Other,
        };
        self.reruns += usize::from(outcome == "rerunning");
        if let Some(run) = number(event, "run_id") {
            self.failed.insert(run, standing);
        }
        match standing {
            Standing::Rescued => {
                self.hold("webhook", Told::decision(event));
                Ok(())
            }
            _ => self.tell(Told::decision(event)),
        }?;
        self.end_of_story(event, standing)
    }

    fn end_of_story(&mut self, event: &Value, standing: Standing) -> io::Result<()> {
        let outcome = text(event, "outcome");
        let run = number(event, "run_id").unwrap_or_default();
        let Some((title, reruns)) = self.followed.get_mut(&run) else { return Ok(()) };
        *reruns += usize::from(outcome == "rerunning");
        let (title, reruns) = (*title, plural(*reruns, "re-run"));
        if standing == Standing::Waiting {
            return Ok(());
        }
        let name = self.names.get(&run).cloned().unwrap_or_default();
        let how = match standing {
            Standing::Rescued | Standing::Exhausted => format!("{outcome} after {reruns}"),
            Standing::Waiting | Standing::Other => outcome.to_owned(),
        };
        self.ends.push((run, format!("▸ {title}: {name} is {how}")));
        self.tell_ends()
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
        self.release(|held| held.told.run == run && held.until == place)?;
        self.tell_ends()
    }

    /// Of those stories of which nothing is still held back.
    fn tell_ends(&mut self) -> io::Result<()> {
        let is_told = |(run, _): &(u64, String)| !self.held.iter().any(|held| held.told.run == Some(*run));
        let (over, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.ends).into_iter().partition(is_told);
        self.ends = open;
        over.into_iter().try_for_each(|(_, line)| self.screen.summary(BOLD, &line))
    }
}

fn plural(count: usize, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}
