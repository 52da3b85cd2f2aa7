//! A repository with a month behind it: some hundred failed runs, of which is known why each failed, and how many re-runs it
//! would have taken. What a backtest is tried on.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | what it is made of, and what is known of each run |
//! | `times.rs` | when: an outage, times of a broken base, and the runs in and between them |
//! | `failures.rs` | what went wrong, with what it leaves in logs and annotations |
//! | `workflows.rs` | the workflows, and the script of one run |
//! | `writing.rs` | the month, written into a [`GitHub`]: pushes, runs, and people who press "re-run" |
//!
//! ```no_run
//! # async fn example() {
//! use simulator::past::{self, PastPlan};
//! use simulator::{Fault, Options, SimulatedGitHub};
//!
//! let github = SimulatedGitHub::start(Options::default()).await;
//! let (repository, past) = past::fill(&github, &PastPlan::default()).await;
//! // Each 200th call meets a secondary limit, each 97th an outage of a second.
//! github.fault(Fault::retry_after(429, 1).every(200));
//! github.fault(Fault::status(502).every(97));
//! # }
//! ```

mod failures;
#[cfg(test)]
mod tests;
mod times;
mod workflows;
mod writing;

use std::ops::Range;

use crate::facade::{Repository, SimulatedGitHub};
use crate::model::{Millis, RepositoryId, RunId};

/// What a month is made of. The same plan makes the same month.
#[derive(Debug, Clone)]
pub struct PastPlan {
    pub seed: u64,
    /// `owner/name`; made, so there must be none yet.
    pub repository: String,
    /// GitHub refuses re-runs of what is older than 30.
    pub days: u32,
    /// Failed runs, by why they failed.
    pub mix: Mix,
    /// Runs that passed at once, between the failed ones.
    pub passed: usize,
    /// Whether people pressed "re-run", so that the outcome of some runs can be read from GitHub.
    pub people: bool,
}

/// How many runs failed for which reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Passes on a re-run, one in twelve on the second only.
    pub infrastructure: usize,
    /// Passes on a re-run at the job's own rate, from 8 to 90 %.
    pub flaky: usize,
    /// Never passes.
    pub real: usize,
    /// Fails as the base branch does at that time; never passes.
    pub broken_base: usize,
    /// Falls into the outage of a registry; passes once it is over.
    pub outage: usize,
}

/// Why a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    Infrastructure,
    Flaky,
    Real,
    BrokenBase,
    Outage,
}

/// What is known of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    pub id: RunId,
    /// `None`: it passed at once.
    pub why: Option<Why>,
    /// The jobs that fail in the first attempt by themselves, so without gates; sorted.
    pub jobs: Vec<String>,
    /// How many re-runs it takes from the first attempt on; `None`: never passes. Of an outage: if they are after it.
    pub passes_with: Option<u32>,
    /// How often people pressed "re-run".
    pub pressed: u32,
}

/// What was made.
#[derive(Debug)]
pub struct Past {
    pub repository: RepositoryId,
    /// In the order in which they started.
    pub runs: Vec<PastRun>,
    pub outage: Range<Millis>,
    pub broken_base: Vec<Range<Millis>>,
}

impl Default for PastPlan {
    /// 500 failed runs and 700 that passed, in 30 days.
    fn default() -> PastPlan {
        let mix = Mix { infrastructure: 150, flaky: 125, real: 125, broken_base: 50, outage: 50 };
        PastPlan { seed: 1, repository: "acme/engine".to_owned(), days: 30, mix, passed: 700, people: true }
    }
}

impl Past {
    pub fn failed(&self) -> impl Iterator<Item = &PastRun> {
        self.runs.iter().filter(|run| run.why.is_some())
    }

    pub fn count(&self, why: Why) -> usize {
        self.runs.iter().filter(|run| run.why == Some(why)).count()
    }
}

/// Writes the month that ends now into a simulated GitHub. It tells of nothing in it by webhook.
pub async fn fill(github: &SimulatedGitHub, plan: &PastPlan) -> (Repository, Past) {
    let past = github.with_model(|model, now| plan.write(model, now));
    (github.repository(&plan.repository).await, past)
}
