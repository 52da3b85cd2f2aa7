//! Tells what happens, a line each, from what the Worker logs and what the simulated GitHub sees; and counts it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{AttemptEnded, Conclusion, Endpoint, Happening, RunId};

use crate::counts::{Count, Counts};
use crate::screen::{BOLD, CYAN, DIM, GREEN, Line, PLAIN, Screen};
use crate::tales::{Tale, Tales};
use crate::told::{Kind, Told, number, outcome_style, text};

/// How long a line waits for the one that should stand before it.
const HELD_FOR: Duration = Duration::from_millis(500);

/// More are not shown at once, as after a start with many runs from before.
const MOST_COUNTS: usize = 20;

/// Kinds of webhooks that are counted by name.
const MOST_KINDS: usize = 2;

#[derive(Debug)]
pub struct Story {
    screen: Screen,
    /// Workflow and number of the runs that are known by more than their id.
    names: BTreeMap<u64, String>,
    ended: BTreeSet<u64>,
    failed: BTreeMap<u64, Standing>,
    /// The first that failed: of it, each webhook and call is told, until it has ended.
    first: Option<u64>,
    is_first_over: bool,
    reruns: usize,
    /// Webhooks since the last summary: those that were stored, and those that changed nothing, by event.
    stored: usize,
    ignored: BTreeMap<String, usize>,
    tales: Tales,
    held: Vec<Held>,
    counts: Counts,
    counts_told: Counts,
    summary: String,
    sees_github: bool,
}

/// What was taken first is written last by the Worker: its decision after GitHub's answer to the call, its answer to a
/// webhook after the rescue that it told of. They are told the other way round.
#[derive(Debug)]
struct Held {
    since: Instant,
    until: Kind,
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
            first: None,
            is_first_over: false,
            reruns: 0,
            stored: 0,
            ignored: BTreeMap::new(),
            tales: Tales::default(),
            held: Vec::new(),
            counts: Counts::new(),
            counts_told: Counts::new(),
            summary: String::new(),
        }
    }

    pub fn name(&mut self, run: RunId, name: String) {
        self.names.insert(run.0, name);
    }

    /// What it is about is told first.
    pub fn begin(&mut self, tale: Tale) -> io::Result<()> {
        if self.tales.begin(tale) {
            self.screen.summary(CYAN.bold(), &format!("▶ {}:", tale.name()), tale.opening())?;
        }
        Ok(())
    }

    /// How it comes out is told in a line of its own.
    pub fn follow(&mut self, tale: Tale, run: RunId) {
        let name = self.names.get(&run.0).cloned().unwrap_or_default();
        self.tales.follow(tale, run.0, name);
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
        self.tales.said(&told.what, &told.more);
        self.tell(told)
    }

    /// What the simulated GitHub saw.
    pub fn happened(&mut self, happening: &Happening) -> io::Result<()> {
        match happening {
            Happening::AttemptEnded(ended) => self.attempt_ended(ended),
            Happening::Api(call) if call.endpoint.is_some_and(Endpoint::is_write) => {
                self.hold(Kind::Decision, Told::call(call));
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
                true => self.tell(Told::fault(line.trim_start_matches(['✘', ' ']).to_owned())),
                false => Ok(()),
            };
        };
        match text(&event, "event") {
            "delivery" => self.delivery(&event),
            "decision" => self.decision(&event),
            "trouble" if self.sees_github => Ok(()),
            "trouble" => self.tell(Told::trouble(&event, "GitHub")),
            "policy" => self.tell(Told::trouble(&event, "policy file")),
            "command" => Told::command(&event).map_or(Ok(()), |told| self.tell(told)),
            // The deliveries that come of it are told.
            "redelivery" => Ok(()),
            kind => {
                let (place, reason) = (text(&event, "place"), text(&event, "reason"));
                self.tell(Told::fault(format!("{kind} in {place}: {reason}")))
            }
        }
    }

    /// Tells what was held back for long enough; at the end, all of it.
    pub fn catch_up(&mut self, end: bool) -> io::Result<()> {
        self.release(|held| end || held.since.elapsed() > HELD_FOR)
    }

    /// Workers KV as it is now.
    pub fn counts(&mut self, counts: Counts) {
        self.counts = counts;
    }

    pub fn address(&mut self, addresses: &[(&'static str, String)]) -> io::Result<()> {
        self.screen.gap()?;
        addresses.iter().try_for_each(|(name, address)| self.screen.summary(BOLD, name, address))?;
        self.screen.gap()
    }

    /// Everything so far, if it has changed. At the end, all that is in Workers KV.
    pub fn summary(&mut self, end: bool) -> io::Result<()> {
        let standing = |standing| self.standing(standing);
        let runs = if self.ended.is_empty() { String::new() } else { format!("{}, ", plural(self.ended.len(), "run")) };
        let mut summary = format!(
            "{runs}{} failed: {} rescued, {} exhausted, {} waiting",
            self.failed.len(),
            standing(Standing::Rescued),
            standing(Standing::Exhausted),
            standing(Standing::Waiting),
        );
        let other = standing(Standing::Other);
        if other > 0 {
            summary += &format!(", {other} left alone");
        }
        summary += &format!("; {}", plural(self.reruns, "re-run"));
        let nothing = self.ended.is_empty() && self.failed.is_empty() && self.ignored.is_empty();
        let same = summary == self.summary && self.stored == 0 && self.ignored.is_empty();
        if nothing || (same && !end) {
            return Ok(());
        }
        self.screen.gap()?;
        self.tell_webhooks()?;
        if end { self.tell_all_counts() } else { self.tell_changed_counts() }?;
        self.screen.summary(BOLD, "So far:", &summary)?;
        self.screen.gap()?;
        self.summary = summary;
        Ok(())
    }

    /// Those since the last summary, in one line.
    fn tell_webhooks(&mut self) -> io::Result<()> {
        let (stored, ignored) = (std::mem::take(&mut self.stored), std::mem::take(&mut self.ignored));
        let nothing: usize = ignored.values().sum();
        let mut kinds: Vec<_> = ignored.into_iter().collect();
        kinds.sort_by_key(|(_, count)| Reverse(*count));
        let rest = kinds.split_off(kinds.len().min(MOST_KINDS)).iter().map(|(_, count)| count).sum();
        kinds.extend((rest > 0).then(|| ("other".to_owned(), rest)));
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
        let text = format!("{stored} stored, {nothing} changed nothing{kinds}");
        self.screen.summary(BOLD, "Webhooks:", &text)
    }

    /// One of them says what is kept.
    fn tell_changed_counts(&mut self) -> io::Result<()> {
        let changed = self.counts.iter().filter(|(key, count)| self.counts_told.get(*key) != Some(count));
        let Some((key, count)) = changed.max_by_key(|(_, count)| count.reruns) else { return Ok(()) };
        let Count { run_attempt, reruns, .. } = count;
        let text =
            format!("{}; {key} has run_attempt {run_attempt}, reruns {reruns}", plural(self.counts.len(), "run"));
        self.counts_told = self.counts.clone();
        self.screen.summary(BOLD, "Workers KV:", &text)
    }

    fn tell_all_counts(&mut self) -> io::Result<()> {
        self.screen.summary(BOLD, "Workers KV:", &plural(self.counts.len(), "run"))?;
        let rows = self.counts.iter().map(|(key, count)| (key, self.name_of_key(key, count), count));
        let rows: Vec<_> = rows.take(MOST_COUNTS).collect();
        let key_width = rows.iter().map(|(key, ..)| key.len()).max().unwrap_or_default();
        let name_width = rows.iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or_default();
        for (key, name, Count { run_attempt, reruns, outcome, .. }) in rows {
            let style = outcome_style(outcome);
            let row = format!(
                "{key:key_width$}  {name:name_width$}  run_attempt {run_attempt}  reruns {reruns}  {style}{outcome}{style:#}"
            );
            self.screen.below(PLAIN, &row)?;
        }
        if self.counts.len() > MOST_COUNTS {
            self.screen.below(PLAIN, &format!("… {} more", self.counts.len() - MOST_COUNTS))?;
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
            self.has_failed(ended.run.0)?;
        }
        self.tell(Told::attempt(ended))
    }

    fn has_failed(&mut self, run: u64) -> io::Result<()> {
        self.failed.entry(run).or_insert(Standing::Waiting);
        if self.first.is_none() {
            self.first = Some(run);
            self.screen.below(DIM, "The first run that fails, with each webhook and each answer of GitHub's:")?;
        }
        Ok(())
    }

    fn delivery(&mut self, event: &Value) -> io::Result<()> {
        match (text(event, "outcome"), number(event, "run_id")) {
            ("ignored", _) => {
                *self.ignored.entry(text(event, "github_event").to_owned()).or_default() += 1;
                return Ok(());
            }
            ("scheduled", Some(run)) => self.has_failed(run)?,
            _ => {}
        }
        self.stored += usize::from(matches!(text(event, "outcome"), "scheduled" | "recorded"));
        self.tell(Told::delivery(event))
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
            self.tales.decided(run, outcome);
        }
        match standing {
            Standing::Rescued => {
                self.hold(Kind::Webhook, Told::decision(event));
                Ok(())
            }
            _ => self.tell(Told::decision(event)),
        }
    }

    fn hold(&mut self, until: Kind, told: Told) {
        self.held.push(Held { since: Instant::now(), until, told });
    }

    fn release(&mut self, due: impl Fn(&Held) -> bool) -> io::Result<()> {
        let (due, held): (Vec<Held>, Vec<Held>) = std::mem::take(&mut self.held).into_iter().partition(due);
        self.held = held;
        due.into_iter().try_for_each(|held| self.tell(held.told))
    }

    fn tell(&mut self, told: Told) -> io::Result<()> {
        let Told { kind, repository, run, what, style, more } = told;
        let is_how = matches!(kind, Kind::Webhook | Kind::Call);
        if !is_how || (run.is_some() && run == self.first && !self.is_first_over) {
            let name = run.map(|run| self.names.get(&run).cloned().unwrap_or_else(|| format!("run {run}")));
            // A simulation has one owner.
            let repository =
                repository.split_once('/').filter(|_| self.sees_github).map_or(&*repository, |(_, name)| name);
            let subject = (repository, name.as_deref().unwrap_or_default());
            let rest = if is_how { DIM } else { PLAIN };
            self.screen.line(&Line { subject, what: &what, style, more: &more, rest })?;
        }
        // What waited for this line.
        self.release(|held| held.told.run == run && held.until == kind)?;
        self.tell_ends()
    }

    /// Of those of which nothing is still held back.
    fn tell_ends(&mut self) -> io::Result<()> {
        let Self { screen, tales, held, failed, first, .. } = self;
        let is_open = |run: u64| held.iter().any(|held| held.told.run == Some(run));
        let is_over = |run: u64| !is_open(run) && failed.get(&run).is_some_and(|known| *known != Standing::Waiting);
        if !self.is_first_over && first.is_some_and(is_over) {
            self.is_first_over = true;
            screen.below(DIM, "That was the first. From here on, webhooks and GitHub's answers are only counted.")?;
        }
        for (tale, sentence) in tales.ends(is_open) {
            screen.summary(GREEN.bold(), &format!("■ {}:", tale.name()), &sentence)?;
        }
        Ok(())
    }
}

fn plural(count: usize, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}
