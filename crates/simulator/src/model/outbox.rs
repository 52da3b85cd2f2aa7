//! What happens to runs goes here: events to tell of, and changes that are due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{CommentEvent, Event, JobId, Millis, Outage, RunId, mix};

/// What a run's changes write to, apart from the run itself.
#[derive(Debug)]
pub(super) struct Outbox {
    pub seed: u64,
    pub timing: Timing,
    /// Whether a job copied into a new attempt still says the attempt in which it ran.
    pub copies_keep_attempt: bool,
    pub events: Vec<Event>,
    pub comment_events: Vec<CommentEvent>,
    pub changes: BinaryHeap<Reverse<Scheduled>>,
    pub outages: Vec<Outage>,
    pub job_runs: HashMap<JobId, RunId>,
    pub next_job: u64,
    next_change: u64,
}

impl Outbox {
    pub fn new(seed: u64) -> Outbox {
        Outbox {
            seed,
            timing: Timing::default(),
            copies_keep_attempt: false,
            events: vec![],
            comment_events: vec![],
            changes: BinaryHeap::new(),
            outages: vec![],
            job_runs: HashMap::new(),
            next_job: 54_000_000_000 + mix(&[seed, 1]) % 900_000_000,
            next_change: 0,
        }
    }

    pub fn schedule(&mut self, at: Millis, run: RunId, attempt: u32, change: Change) {
        self.next_change += 1;
        self.changes.push(Reverse(Scheduled { at, order: self.next_change, run, attempt, change }));
    }
}

/// Something due in the future. It is looked at when it is due, and does nothing if it was overtaken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scheduled {
    pub at: Millis,
    /// Keeps what is due in one millisecond in the order in which it was scheduled.
    pub order: u64,
    pub run: RunId,
    pub attempt: u32,
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    CreateJobs,
    /// By its place in the attempt.
    StartJob(u32),
    EndJob(u32),
    Conclude,
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How long GitHub itself takes.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// From a run's start to its jobs' existence.
    pub create_jobs: Millis,
    /// From a job's queueing to its start.
    pub queue: Millis,
    /// From a run's last job to its conclusion; re-runs are refused as "already running" meanwhile.
    pub conclude: Millis,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing { create_jobs: 300, queue: 4_000, conclude: 1_200 }
    }
}
