//! The world of one schedule: virtual time, the model of GitHub, what is still to happen, and what happened so far. The
//! seed alone decides what happens next.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::rc::Rc;

use rerunner::keeper::command_log::CommandLine;
use rerunner::keeper::tasks::errand::Errand;
use rerunner::keeper::{attempts::Attempts, step::QUIET, step::Record};
use rerunner::names::{DeliveryId, RunId};
use rerunner::time::{Millis, Span};
use simulator::model::{self, GitHub};

use super::calls::PendingCall;
use super::conversions::from_model;
use super::event::Event;
use super::faults::Faults;
use super::messages::Post;
use super::settings::{self, Deployed};
use super::talk::Given;

pub const TOKEN: &str = "the-token";

pub type Shared = Rc<RefCell<World>>;

pub struct World {
    pub now: Millis,
    pub random: fastrand::Rng,
    pub github: GitHub,
    pub repositories: Vec<String>,
    pub faults: Faults,
    pub healed: bool,
    queue: BinaryHeap<Reverse<(Millis, u64, usize)>>,
    events: Vec<Option<Event>>,
    github_wakes: Option<Millis>,
    pub calls: Vec<PendingCall>,
    /// Workers KV: what can be read there.
    pub kv: BTreeMap<(usize, RunId), Attempts>,
    /// How often it can be written to in a day; and of which day how many writes there were.
    pub kv_writes_a_day: Option<u64>,
    kv_writes: (i64, u64),
    pub alarms: Vec<Alarm>,
    /// Webhooks that were sent and have not arrived.
    pub on_the_way: usize,
    /// Until when each repository was told not to call.
    pub asked_to_wait: HashMap<usize, Millis>,
    /// Calls before this one were made by a machine that is gone: nobody gets their answers.
    pub answers_from: HashMap<usize, usize>,
    /// Runs that GitHub will never re-run, whatever is asked.
    pub never: BTreeSet<u64>,
    pub clock_skew: Vec<i64>,
    /// What the Keepers asked for, and when by their clocks.
    pub asked: Vec<Asked>,
    /// Requests that each Keeper has made since its alarm went off.
    pub requests: HashMap<usize, u32>,
    /// Repositories of which Workers KV says that their policies re-run what was cancelled.
    pub wants_cancelled: BTreeSet<usize>,
    /// When a registry is down.
    pub registry_outage: Option<(Millis, Millis)>,
    pub faults_seen: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
    /// What GitHub last said of a run's pull request, and when: whether the run is still of what it is.
    pub pulls_read: BTreeMap<(usize, RunId), (Millis, bool)>,
    /// Runs that may not be re-run unless GitHub has just said so.
    pub of_pulls: BTreeSet<RunId>,
    /// The head of each run's pull request when the run began.
    pub started_at: HashMap<model::RunId, model::Sha>,
    /// Repositories in which no re-run may be called for.
    pub paused: BTreeSet<usize>,
    /// By how much reads can be behind.
    pub stale_most: Span,
    /// Runs of which some read was older than what is guarded against.
    pub read_past_the_guard: BTreeSet<RunId>,
    /// By how much the last read of a run was.
    pub behind: HashMap<RunId, Span>,
    /// From when on the Worker has had which settings.
    pub deployments: Vec<(Millis, Deployed)>,
    /// What was decided, and when: also of runs that were forgotten since.
    pub decided: BTreeMap<RunId, Vec<(Millis, Record)>>,
    /// How often each Keeper's machine went away.
    pub epochs: Vec<u64>,
    /// Messages to people.
    pub posts: Vec<Post>,
    /// When comments were begun, by repository and pull request.
    pub comment_tries: Vec<(usize, u64, Millis)>,
    /// What people said on pull requests.
    pub given: Vec<Given>,
    /// What the log says of each, by repository and comment.
    pub command_lines: BTreeMap<(usize, u64), Vec<CommandLine>>,
    /// How often each commit status was begun to be written, by repository, commit and context.
    pub status_tries: BTreeMap<(usize, String, String), usize>,
    /// How often it was tried to react to each comment, by repository.
    pub reaction_tries: BTreeMap<(usize, u64), usize>,
    /// Repositories that were paused at some time.
    pub ever_paused: BTreeSet<usize>,
    /// Errands that are to be done, by repository.
    pub errands_begun: Vec<(usize, Errand)>,
    /// When a webhook was stored of a run, and of which attempt: some do not say.
    pub webhooks_stored: HashMap<RunId, Vec<(Millis, Option<u32>)>>,
    /// When the last webhook of each repository arrived.
    pub last_webhook: HashMap<usize, Millis>,
    /// Deliveries that were stored, and when by the Keeper's clock.
    pub deliveries: HashMap<DeliveryId, Millis>,
    /// The same of each run, in their order.
    pub deliveries_of: HashMap<RunId, Vec<DeliveryId>>,
    trace: Option<Vec<String>>,
}

/// A re-run that was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub repository: usize,
    pub run_id: RunId,
    /// The attempt that was decided on.
    pub run_attempt: u32,
    /// By the Keeper's clock.
    pub at: Millis,
    /// By everybody else's.
    pub when: Millis,
    pub call: usize,
    /// By how much the read was behind that was last before it.
    pub behind: Span,
    /// The attempt that GitHub re-ran, whatever became of the answer.
    pub made: Option<u32>,
}

impl Asked {
    /// GitHub re-ran another attempt than the one that was decided on: its call does not say which is meant.
    pub fn is_misled(&self) -> bool {
        self.made.is_some_and(|attempt| attempt != self.run_attempt)
    }

    /// What was read before it was older than what is guarded against, by a little less than a call is on its way. `before`: the
    /// call before, since when the Keeper's clock may have been put forward, which takes as much from the guard.
    pub fn is_past_the_guard(&self, before: Option<&Self>) -> bool {
        let put_forward = before.map_or(Span::ZERO, |before| (self.at - before.at).minus(self.when - before.when));
        self.behind > QUIET.minus(Span::seconds(1)).minus(put_forward.max(Span::ZERO))
    }
}

/// The one alarm of a Keeper.
#[derive(Debug, Default, Clone)]
pub struct Alarm {
    pub due: Option<Millis>,
    pub generation: u64,
}

impl World {
    pub fn new(seed: u64, start: Millis, traced: bool) -> Self {
        let mut github = GitHub::new(seed);
        github.set_records_calls(false);
        Self {
            now: start,
            random: fastrand::Rng::with_seed(seed),
            github,
            repositories: Vec::new(),
            faults: Faults::default(),
            healed: false,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            github_wakes: None,
            calls: Vec::new(),
            kv: BTreeMap::new(),
            kv_writes_a_day: None,
            kv_writes: (0, 0),
            alarms: Vec::new(),
            on_the_way: 0,
            answers_from: HashMap::new(),
            asked_to_wait: HashMap::new(),
            never: BTreeSet::new(),
            clock_skew: Vec::new(),
            asked: Vec::new(),
            requests: HashMap::new(),
            wants_cancelled: BTreeSet::new(),
            registry_outage: None,
            faults_seen: BTreeMap::new(),
            paused: BTreeSet::new(),
            stale_most: Span::ZERO,
            read_past_the_guard: BTreeSet::new(),
            behind: HashMap::new(),
            deployments: Vec::new(),
            decided: BTreeMap::new(),
            epochs: Vec::new(),
            posts: Vec::new(),
            comment_tries: Vec::new(),
            given: Vec::new(),
            command_lines: BTreeMap::new(),
            status_tries: BTreeMap::new(),
            reaction_tries: BTreeMap::new(),
            ever_paused: BTreeSet::new(),
            errands_begun: Vec::new(),
            webhooks_stored: HashMap::new(),
            last_webhook: HashMap::new(),
            deliveries: HashMap::new(),
            deliveries_of: HashMap::new(),
            pulls_read: BTreeMap::new(),
            of_pulls: BTreeSet::new(),
            started_at: HashMap::new(),
            violations: Vec::new(),
            trace: traced.then(Vec::new),
        }
    }

    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let line = format!("{}.{:03}  {}", self.now.to_rfc3339(), self.now.0 % 1_000, what());
            trace.push(line);
        }
    }

    pub fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    pub fn violate(&mut self, what: String) {
        self.note(|| format!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    /// Whether a fault of this likelihood occurs now.
    pub fn chance(&mut self, name: &'static str, likelihood: f64) -> bool {
        let occurs = !self.healed && likelihood > 0.0 && self.random.f64() < likelihood;
        if occurs {
            *self.faults_seen.entry(name).or_default() += 1;
        }
        occurs
    }

    /// Whether a write to Workers KV fails: by chance; `None` when the day's writes are spent.
    pub fn kv_fails(&mut self) -> Option<bool> {
        let failed = self.chance("a failed write to KV", self.faults.kv_failure);
        let (day, before) = self.kv_writes;
        let writes = if day == self.now.day() { before + 1 } else { 1 };
        self.kv_writes = (self.now.day(), writes);
        if !self.healed && self.kv_writes_a_day.is_some_and(|most| writes > most) {
            *self.faults_seen.entry("KV's day is spent").or_default() += 1;
            return None;
        }
        Some(failed)
    }

    pub fn at(&mut self, time: Millis, event: Event) {
        if matches!(event, Event::Webhook { .. } | Event::Command { .. }) {
            self.on_the_way += 1;
        }
        let index = self.events.len();
        self.queue.push(Reverse((time.max(self.now), index as u64, index)));
        self.events.push(Some(event));
    }

    pub fn after(&mut self, span: Span, event: Event) {
        self.at(self.now + span, event);
    }

    /// The next thing that happens, until `end`. Time moves on to it.
    pub fn next(&mut self, end: Millis) -> Option<Event> {
        if let Some(change) = self.github.next_change_at().map(from_model)
            && self.github_wakes.is_none_or(|wakes| change < wakes)
        {
            self.github_wakes = Some(change);
            self.at(change, Event::GitHub);
        }
        let Reverse((time, _, index)) = *self.queue.peek()?;
        if time > end {
            self.now = end;
            return None;
        }
        self.queue.pop();
        self.now = self.now.max(time);
        let event = self.events.get_mut(index).and_then(Option::take);
        if matches!(event, Some(Event::GitHub)) {
            self.github_wakes = None;
        }
        event
    }

    /// What a Keeper's clock says.
    pub fn clock(&self, repository: usize) -> Millis {
        Millis(self.now.0 + self.clock_skew[repository])
    }

    /// The settings that are in force, or were.
    pub fn settings_at(&self, time: Millis) -> &Deployed {
        settings::at(&self.deployments, time)
    }

    /// Whether a registry is down.
    pub fn is_in_outage(&self, time: Millis) -> bool {
        self.registry_outage.is_some_and(|(from, to)| (from..to).contains(&time))
    }

    pub fn arm(&mut self, repository: usize, due: Option<Millis>) {
        let skew = self.clock_skew[repository];
        let alarm = &mut self.alarms[repository];
        alarm.generation += 1;
        alarm.due = due;
        let generation = alarm.generation;
        if let Some(due) = due {
            self.at(Millis(due.0 - skew), Event::Alarm { repository, generation });
        }
    }
}
