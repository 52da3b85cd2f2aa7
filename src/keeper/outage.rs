//! An outage: many runs fail with the same cause. Their re-runs are held, and one at a time is tried, until one passes. Pure.
//!
//! A run that is held is due at the end of the outage at the latest, so that nothing that is forgotten of an outage holds a
//! run for ever.

use serde::{Deserialize, Serialize};

use crate::names::order::{sort_by, sort_by_key};
use crate::names::{RunAttempt, RunId};
use crate::policy::{Detail, Outage};
use crate::time::{Millis, Span};

use super::tracked_run::{Held, TrackedRun};

/// Those that are known at once. Causes are few; ways to fail, as outsiders write them, are not.
pub const MOST_ONGOING: usize = 20;
/// Of a run.
const MOST_KEYS: usize = 4;
/// How long it takes to release all that were held, and how far apart two are at most.
pub const RELEASED_WITHIN: Span = Span::minutes(3);
const RELEASED_APART: Span = Span::seconds(10);

const CAUSE: &str = "cause ";
const FINGERPRINT: &str = "fingerprint ";

/// What runs fail with in common: causes that are infrastructure, or else the fingerprint. Other causes are found in many runs
/// of which different things are wrong.
pub fn keys(detail: &Detail) -> Vec<String> {
    let causes =
        detail.jobs.iter().filter_map(|job| job.cause.as_ref()).filter(|cause| cause.class.is_infrastructure());
    let mut keys: Vec<String> = causes.map(|cause| format!("{CAUSE}{}", cause.id)).collect();
    sort_by(&mut keys, Ord::cmp);
    keys.dedup();
    keys.truncate(MOST_KEYS);
    let fingerprint = detail.fingerprint.as_ref().filter(|_| keys.is_empty() && !detail.partial_fingerprint);
    keys.extend(fingerprint.map(|fingerprint| format!("{FINGERPRINT}{fingerprint}")));
    keys
}

/// What a key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameFailure<'a> {
    /// The id of an entry of the catalogue.
    Cause(&'a str),
    Fingerprint(&'a str),
}

impl<'a> SameFailure<'a> {
    pub fn of(key: &'a str) -> Self {
        match key.strip_prefix(CAUSE) {
            Some(cause) => Self::Cause(cause),
            None => Self::Fingerprint(key.strip_prefix(FINGERPRINT).unwrap_or(key)),
        }
    }
}

/// `with the same cause (npm-network)`, `in the same way (fingerprint 0123456789abcdef)`.
pub fn in_words(key: &str) -> String {
    match SameFailure::of(key) {
        SameFailure::Cause(cause) => format!("with the same cause ({cause})"),
        SameFailure::Fingerprint(fingerprint) => format!("in the same way ({FINGERPRINT}{fingerprint})"),
    }
}

/// One that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ongoing {
    pub key: String,
    pub began: Millis,
    /// Then each run is decided on by itself.
    pub ends: Millis,
    /// In milliseconds.
    pub probe_every: i64,
    /// The run that is re-run to see whether it is over.
    pub probe: Option<Probe>,
    /// If there is none.
    pub next_probe: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    pub run_id: RunId,
    /// The attempt that is re-run.
    pub run_attempt: RunAttempt,
}

impl Ongoing {
    pub fn new(key: String, outage: Outage, now: Millis) -> Self {
        let Outage { probe_every, for_at_most, .. } = outage;
        let (ends, next_probe) = (now + for_at_most, now + probe_every);
        Self { key, began: now, ends, probe_every: probe_every.as_millis(), probe: None, next_probe }
    }

    pub fn is_over(&self, now: Millis) -> bool {
        self.ends <= now
    }

    /// When something is to be done about it.
    pub fn due(&self) -> Millis {
        if self.probe.is_some() { self.ends } else { self.next_probe.min(self.ends) }
    }

    pub fn is_probed_by(&self, run_id: RunId) -> Option<Probe> {
        self.probe.filter(|probe| probe.run_id == run_id)
    }

    /// The probe has told nothing, or that it goes on. `at_once`: the next one need not wait.
    pub fn end_probe(&mut self, at_once: bool, now: Millis) {
        self.probe = None;
        self.next_probe = if at_once { now } else { now + Span::millis(self.probe_every) };
    }

    /// Whether it lasts longer than the policy says now.
    pub fn is_too_long(&self, outage: &Outage) -> bool {
        self.ends > self.began + outage.for_at_most
    }
}

/// The newest failures with one key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// What failed before the end of the last outage counts no more.
    pub since: Millis,
    /// When each run last failed, newest last.
    runs: Vec<(RunId, Millis)>,
}

impl Failures {
    pub fn since(since: Millis) -> Self {
        Self { since, runs: Vec::new() }
    }

    /// Whether that is new. `most`: of runs that matter.
    pub fn add(&mut self, run_id: RunId, failed_at: Millis, most: u32) -> bool {
        if failed_at <= self.since || self.runs.contains(&(run_id, failed_at)) {
            return false;
        }
        self.runs.retain(|(of, _)| *of != run_id);
        self.runs.push((run_id, failed_at));
        sort_by_key(&mut self.runs, |(_, failed_at)| *failed_at);
        let old = self.runs.len().saturating_sub(most as usize);
        self.runs.drain(..old);
        true
    }

    /// By when they failed, however much later they are decided on.
    pub fn is_outage(&self, outage: &Outage) -> bool {
        let Some((_, newest)) = self.runs.last() else { return false };
        let within = self.runs.iter().filter(|(_, failed_at)| *newest - *failed_at <= outage.within);
        within.count() >= outage.runs as usize
    }
}

/// Until when a run of an outage is held; `None`: it was held for long enough.
pub fn held_until(held: &Held, ongoing: &Ongoing, outage: &Outage, now: Millis) -> Option<Millis> {
    let until = ongoing.ends.min(held.since + outage.for_at_most);
    (until > now).then_some(until)
}

/// How a run's present attempt is held, if for the first time.
pub fn held(tracked: &TrackedRun, run_attempt: RunAttempt, key: &str, now: Millis) -> Held {
    let since = tracked.held.as_ref().filter(|held| held.run_attempt == run_attempt).map_or(now, |held| held.since);
    Held { key: Some(key.to_owned()), run_attempt, since }
}

/// How far apart so many runs are released.
pub fn apart(runs: u64) -> Span {
    let runs = i64::try_from(runs.max(1)).unwrap_or(i64::MAX);
    Span::millis(RELEASED_WITHIN.as_millis() / runs).min(RELEASED_APART)
}

pub fn reason(key: &str, outage: &Outage, until: Millis) -> String {
    let Outage { runs, within, .. } = outage;
    let what = format!("at least {runs} runs have failed {} within {within}", in_words(key));
    let until = until.in_words();
    format!(
        "Held: {what}. One at a time is re-run to see whether that is over; this one will be decided by {until} at the latest."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: u64) -> RunId {
        RunId::new(id).unwrap()
    }

    #[test]
    fn different_runs_within_the_time() {
        let outage = Outage { runs: 3, ..Outage::default() };
        let mut failures = Failures::default();
        let at = |minutes: i64| Millis(0) + Span::minutes(minutes);
        for (id, minutes, new, is) in [
            (1, 1, true, false),
            (2, 2, true, false),
            (2, 2, false, false),
            (2, 3, true, false),
            (3, 16, true, true),
            (4, 19, true, false),
            (5, 20, true, true),
        ] {
            assert_eq!(failures.add(run(id), at(minutes), outage.runs), new, "{id}");
            assert_eq!(failures.is_outage(&outage), is, "{id}");
        }
        assert_eq!(failures.runs.len(), 3, "no more is kept than counts");
        let mut after = Failures::since(at(20));
        assert!(!after.add(run(6), at(20), 3) && after.add(run(6), at(21), 3));
    }

    /// Seen to fail when the time is written as programs write it.
    #[test]
    fn a_held_run_says_when_it_is_decided_on_at_the_latest() {
        let reason = reason("cause npm-network", &Outage::default(), Millis(1_795_446_245_000));
        assert!(reason.ends_with("this one will be decided by 2026-11-23 15:04:05 UTC at the latest."), "{reason}");
    }

    #[test]
    fn those_that_were_held_go_one_after_the_other() {
        for (runs, expected) in [(0, 10_000), (1, 10_000), (18, 10_000), (180, 1_000), (1_000_000, 0)] {
            assert_eq!(apart(runs).as_millis(), expected);
        }
    }
}
