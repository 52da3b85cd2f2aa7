//! What a decision can go by beside the run itself: the jobs of an attempt, their annotations, the ends of their logs,
//! and what was decided before. The Keeper fetches it.
//!
//! | file | what it is |
//! |---|---|
//! | `interruption` | what ended a job other than its own steps |
//! | `search` | what the policy's regexes find, within a budget of work; `name_cost` is what globs take of it |

mod interruption;
mod name_cost;
mod search;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::names::{Conclusion, JobId, RunAttempt, RunId, WorkflowId};
use crate::policy::catalogue::Finding;
use crate::policy::run::{PullRequest, Run};
use crate::time::{Millis, Span};

pub use interruption::Interruption;
pub use search::{Searched, WORK, beyond_budget};

/// Of a workflow's name; a longer one is not looked at.
const LONGEST_WORKFLOW: usize = 1_000;

/// A job of one attempt, as GitHub lists it ("List jobs for a workflow run attempt").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub job_id: JobId,
    pub name: String,
    /// `None` while it is going.
    pub conclusion: Option<Conclusion>,
    pub started: Option<Millis>,
    pub completed: Option<Millis>,
    pub runner: Option<String>,
    pub labels: Vec<String>,
    pub steps: Vec<Step>,
    /// The name of its workflow.
    pub workflow: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub conclusion: Option<Conclusion>,
    /// It has begun, and nothing says that it ended.
    pub going: bool,
}

impl Job {
    /// The steps by which it failed. What was cancelled in a job that failed was on its way when it failed.
    pub fn failed_steps(&self) -> impl Iterator<Item = &Step> {
        let cut_short = matches!(self.conclusion, Some(Conclusion::Cancelled | Conclusion::TimedOut));
        self.steps.iter().filter(move |step| match step.conclusion {
            Some(Conclusion::Failure | Conclusion::TimedOut) => true,
            Some(Conclusion::Cancelled) => cut_short,
            _ => false,
        })
    }

    pub fn passed(&self) -> bool {
        matches!(self.conclusion, Some(Conclusion::Success | Conclusion::Skipped))
    }
}

/// The end of a job's log. Only ever in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// The number of the first of `lines`, from 1.
    pub first_line: u64,
    pub lines: Vec<String>,
}

/// One piece of evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fetched<T> {
    /// It was not asked for.
    #[default]
    NotYet,
    Present(T),
    /// It could not be read, and why; a condition on it does not hold.
    Absent(String),
}

impl<T> Fetched<T> {
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(read) => Some(read),
            Self::NotYet | Self::Absent(_) => None,
        }
    }
}

/// What was read of one attempt so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The name of the run's workflow.
    pub workflow: Fetched<String>,
    pub jobs: Fetched<Vec<Job>>,
    /// Why there may be jobs that are not in [`Evidence::jobs`].
    pub jobs_cut: Option<String>,
    /// The annotations' messages, by job.
    pub annotations: BTreeMap<JobId, Fetched<Vec<String>>>,
    /// Why there may be further annotations of a job.
    pub annotations_cut: BTreeMap<JobId, String>,
    /// The jobs that have an annotation of level failure at a file of the repository.
    pub source_annotations: BTreeSet<JobId>,
    pub logs: BTreeMap<JobId, Fetched<LogTail>>,
    /// How often re-runs of the same job, failing at the same step, have passed.
    pub rescue_rates: BTreeMap<JobId, Fetched<RescueRate>>,
    pub base: Fetched<BaseRun>,
    /// What the policy's patterns found in it.
    pub searched: Searched,
    /// Those from the run's branch; read when a re-run is due and hangs on them.
    pub pulls: Fetched<Pulls>,
}

/// What became of re-runs in the last 30 days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescueRate {
    /// Re-runs whose end is known.
    pub judged: u64,
    pub passed: u64,
}

impl RescueRate {
    /// With fewer it says nothing.
    pub const LEAST: u64 = 5;

    pub fn is_known(self) -> bool {
        self.judged >= Self::LEAST
    }
}

/// The newest run of the same workflow on the base branch that passed or failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseRun {
    /// `None`: there was none, or none before the run itself.
    pub run_id: Option<RunId>,
    /// The names of its failed jobs.
    pub failed_jobs: BTreeSet<String>,
    /// Why there may be others.
    pub cut: Option<String>,
}

impl BaseRun {
    /// Whether a job of this name fails in it; or why that is not known.
    pub fn fails(&self, job: &str) -> Result<bool, &str> {
        match &self.cut {
            _ if self.failed_jobs.contains(job) => Ok(true),
            Some(why) => Err(why),
            None => Ok(false),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulls {
    /// Newest first.
    pub all: Vec<PullRequest>,
    /// Whether there are no others.
    pub complete: bool,
}

/// A workflow's name, as far as it is known.
pub enum WorkflowName<'a> {
    Known(&'a str),
    Needs(Need),
    /// Why it is not to be had.
    Absent(&'a str),
}

/// Why a job failed, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CauseOf<'a> {
    /// `None`: the catalogue knows no such failure.
    Known(Option<&'a Finding>),
    Needs(Need),
    /// What could not be read, and why.
    Absent(Source, &'a str),
}

/// What a cause is looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Annotations,
    Log,
}

impl Evidence {
    pub fn annotations_of(&self, job: &Job) -> &Fetched<Vec<String>> {
        self.annotations.get(&job.job_id).unwrap_or(&Fetched::NotYet)
    }

    /// None, if they were not or could not be read.
    pub fn messages_of(&self, job: &Job) -> &[String] {
        self.annotations_of(job).present().map_or(&[], Vec::as_slice)
    }

    /// What ended the job from outside, if its annotations were read and say so.
    pub fn interruption_of(&self, job: &Job) -> Option<Interruption> {
        let messages = self.messages_of(job);
        if messages.is_empty() { None } else { self.searched.interruption(job.job_id, messages) }
    }

    /// Why the job failed, as the catalogue finds it.
    pub fn cause_of(&self, job: &Job) -> CauseOf<'_> {
        match (self.annotations_of(job), self.searched.cause(job.job_id)) {
            (Fetched::NotYet, _) => CauseOf::Needs(Need::Annotations(job.job_id)),
            (Fetched::Absent(why), _) => CauseOf::Absent(Source::Annotations, why),
            (Fetched::Present(_), Some(found)) => CauseOf::Known(found),
            (Fetched::Present(_), None) => match self.logs.get(&job.job_id).unwrap_or(&Fetched::NotYet) {
                Fetched::NotYet => CauseOf::Needs(Need::Log(job.job_id)),
                Fetched::Absent(why) => CauseOf::Absent(Source::Log, why),
                Fetched::Present(_) => CauseOf::Absent(Source::Log, "it was not searched"),
            },
        }
    }

    /// The name of the run's workflow: from the webhook, from the workflow itself, or from one of the run's jobs. A run's own
    /// name is not it: a workflow's `run-name` can make that anything.
    pub fn workflow_name<'a>(&'a self, run: &'a Run) -> WorkflowName<'a> {
        let of_jobs = || self.jobs.present()?.iter().find_map(|job| job.workflow.as_deref());
        match run.workflow.as_ref().or(self.workflow.present()).map(String::as_str).or_else(of_jobs) {
            Some(name) if name.chars().nth(LONGEST_WORKFLOW).is_none() => return WorkflowName::Known(name),
            Some(_) => return WorkflowName::Absent("it is longer than 1,000 characters"),
            None => {}
        }
        match (&self.workflow, run.workflow_id, &self.jobs) {
            (Fetched::NotYet, Some(workflow_id), _) => WorkflowName::Needs(Need::Workflow(workflow_id)),
            (_, _, Fetched::NotYet) => WorkflowName::Needs(Need::Jobs),
            (Fetched::Absent(why), ..) => WorkflowName::Absent(why),
            (Fetched::NotYet | Fetched::Present(_), ..) => WorkflowName::Absent("GitHub does not say"),
        }
    }

    /// All that the run's workflow is called, as far as it is known; its name first.
    pub fn workflow_names<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = &'a str> {
        let name = match self.workflow_name(run) {
            WorkflowName::Known(name) => Some(name),
            WorkflowName::Needs(_) | WorkflowName::Absent(_) => None,
        };
        name.into_iter().chain(run.workflow_paths())
    }
}

/// GitHub says it in an annotation, and nowhere else.
pub fn exit_code(annotations: &[String]) -> Option<i64> {
    annotations.iter().find_map(|message| {
        let (_, rest) = message.split_once("Process completed with exit code ")?;
        rest.split(|c: char| !c.is_ascii_digit() && c != '-').next()?.parse().ok()
    })
}

/// What a decision asks for when it cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The workflow's name: a run's own can be another.
    Workflow(WorkflowId),
    Jobs,
    Annotations(JobId),
    Log(JobId),
    /// What the repository's own statistics say.
    RescueRate(JobId),
    Base,
    /// As late as can be: not before the re-run is due, so long after the end of the attempt.
    Pulls {
        delay: Span,
    },
}

/// What was decided on this repository and this run before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Earlier attempts of this run, oldest first.
    pub attempts: Vec<EarlierAttempt>,
    pub spent: Spent,
    /// How much of it by forks' runs; needed for one of those alone.
    pub spent_by_forks: Spent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierAttempt {
    pub run_attempt: RunAttempt,
    /// What failed in it and how; `None` if that is not known.
    pub fingerprint: Option<String>,
    /// Whether something was absent that belongs to the fingerprint.
    pub partial: bool,
    /// The names of the rules by which it was re-run; empty if it was not, or by no rule.
    pub rules: Vec<String>,
}

/// What the repository's re-runs have used of its budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub reruns_last_hour: u32,
    pub reruns_last_day: u32,
    /// Runner time, with the operating system's multiplier.
    pub runner_time_last_day: Span,
}
