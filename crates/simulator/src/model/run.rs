//! Runs, attempts, jobs, and what each looked like at a past moment.

use std::fmt;
use std::sync::Arc;

use super::repository::{RepositoryIdentity, ShownPull};
use super::{
    Annotation, JobId, JobSpec, Login, Millis, Outcome, PullRequestRef, RepoName, RepositoryId, RunId, Sha, Step,
    Workflow,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Queued,
    InProgress,
    Completed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conclusion {
    Success,
    Failure,
    Cancelled,
    TimedOut,
    Skipped,
    StartupFailure,
    ActionRequired,
}

/// What stays the same over all attempts of a run, unless its repository is renamed.
#[derive(Debug, Clone)]
pub struct RunIdentity {
    pub id: RunId,
    pub repository: Arc<RepositoryIdentity>,
    pub workflow: Arc<Workflow>,
    /// GitHub's numeric id of the workflow.
    pub workflow_number: u64,
    pub run_number: u64,
    pub event: Arc<str>,
    pub head_branch: Arc<str>,
    pub head_sha: Sha,
    /// The pull request's where `head_sha` is its base's.
    pub head_commit: Sha,
    /// A fork, for a fork's pull request.
    pub head_repository: RepoName,
    pub actor: Login,
    pub pull_request: Option<u64>,
    /// See [`Trigger::upstream`](super::Trigger::upstream).
    pub upstream: Option<u64>,
    pub created_at: Millis,
}

#[derive(Debug)]
pub struct Run {
    pub identity: Arc<RunIdentity>,
    pub repository: RepositoryId,
    /// Never empty; the last one is the latest.
    pub attempts: Vec<Attempt>,
}

/// Which jobs of the attempt before it an attempt runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptKind {
    First,
    FailedJobs,
    AllJobs,
    /// One job, by name.
    Job(Arc<str>),
}

#[derive(Debug)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub kind: AttemptKind,
    pub triggering_actor: Login,
    pub started_at: Millis,
    pub in_progress_at: Option<Millis>,
    pub completed_at: Option<Millis>,
    pub conclusion: Option<Conclusion>,
    pub jobs: Vec<Job>,
    /// A fork's run that a person must let go first.
    pub waits_for_approval: bool,
    pub approved_at: Option<Millis>,
    pub(super) cancelled: bool,
    pub(super) last_change: Millis,
    /// One for each job of the workflow file, in its order.
    pub(super) groups: Vec<Group>,
}

/// How far the jobs that one entry of the workflow file stands for have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    NotYet,
    Going { left: u16, ok: bool },
    Done { ok: bool },
}

impl Group {
    pub fn is_done(self) -> bool {
        matches!(self, Group::Done { .. })
    }
}

/// A job of one attempt.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    pub spec: Arc<JobSpec>,
    /// The job's place in the workflow file.
    pub(super) group: u16,
    /// Its number in the matrix, from 1; 0 if there is none.
    pub member: u16,
    pub name: Arc<str>,
    /// The attempt that lists it.
    pub attempt: u32,
    /// The attempt in which it really ran: an earlier one if it was copied.
    pub ran_in: u32,
    pub status: Status,
    /// Set when it completes.
    pub outcome: Option<Outcome>,
    pub created_at: Millis,
    pub started_at: Option<Millis>,
    pub completed_at: Option<Millis>,
    /// 0: no runner yet.
    pub runner: u32,
}

/// A run at one moment.
#[derive(Debug, Clone)]
pub struct RunSnapshot {
    pub identity: Arc<RunIdentity>,
    pub attempt: u32,
    pub status: Status,
    pub conclusion: Option<Conclusion>,
    pub triggering_actor: Login,
    pub run_started_at: Millis,
    pub updated_at: Millis,
    /// With the pull request's head of that moment; `None` for a fork's.
    pub pull_request: Option<PullRequestRef>,
    pub fork_deleted: bool,
}

impl RunSnapshot {
    pub fn id(&self) -> RunId {
        self.identity.id
    }

    pub fn repository(&self) -> &RepoName {
        &self.identity.repository.name
    }
}

impl Run {
    pub fn id(&self) -> RunId {
        self.identity.id
    }

    pub fn latest(&self) -> &Attempt {
        self.attempts.last().expect("a run has an attempt")
    }

    pub(super) fn latest_mut(&mut self) -> &mut Attempt {
        self.attempts.last_mut().expect("a run has an attempt")
    }

    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.get((number as usize).checked_sub(1)?)
    }

    /// The attempt that was the latest at `at`; the first for a time before the run.
    pub(super) fn latest_at(&self, at: Millis) -> &Attempt {
        self.attempts.iter().rev().find(|attempt| attempt.started_at <= at).unwrap_or(&self.attempts[0])
    }

    pub(super) fn snapshot(&self, attempt: &Attempt, at: Millis, shown: ShownPull) -> RunSnapshot {
        let (status, conclusion) = attempt.state_at(at);
        RunSnapshot {
            identity: self.identity.clone(),
            attempt: attempt.number,
            status,
            conclusion,
            triggering_actor: attempt.triggering_actor.clone(),
            run_started_at: attempt.started_at,
            updated_at: attempt.last_change.min(at).max(attempt.started_at),
            pull_request: shown.pull_request,
            fork_deleted: shown.fork_deleted,
        }
    }
}

impl Attempt {
    pub(super) fn new(number: u32, kind: AttemptKind, triggering_actor: Login, now: Millis) -> Attempt {
        Attempt {
            number,
            kind,
            triggering_actor,
            started_at: now,
            in_progress_at: None,
            completed_at: None,
            conclusion: None,
            jobs: vec![],
            waits_for_approval: false,
            approved_at: None,
            cancelled: false,
            last_change: now,
            groups: vec![],
        }
    }

    /// Status and conclusion as they were at `at`.
    pub fn state_at(&self, at: Millis) -> (Status, Option<Conclusion>) {
        if self.waits_for_approval && self.approved_at.is_none_or(|approved| at < approved) {
            return (Status::Completed, Some(Conclusion::ActionRequired));
        }
        match (self.completed_at, self.in_progress_at) {
            (Some(completed), _) if completed <= at => (Status::Completed, self.conclusion),
            (_, Some(started)) if started <= at => (Status::InProgress, None),
            _ => (Status::Queued, None),
        }
    }

    pub fn state(&self) -> (Status, Option<Conclusion>) {
        self.state_at(Millis::MAX)
    }
}

impl Job {
    /// Whether it still has to end.
    pub(super) fn is_open(&self) -> bool {
        self.status != Status::Completed
    }

    pub fn conclusion(&self) -> Option<Conclusion> {
        self.outcome.as_ref().map(Outcome::conclusion)
    }

    /// The job as it was at `at`, if it existed.
    pub(super) fn at(&self, at: Millis) -> Option<Job> {
        if self.created_at > at {
            return None;
        }
        let mut job = self.clone();
        if job.completed_at.is_some_and(|completed| completed > at) {
            (job.status, job.outcome, job.completed_at) = (Status::InProgress, None, None);
        }
        if job.completed_at.is_none() && job.started_at.is_some_and(|started| started > at) {
            (job.status, job.started_at) = (Status::Queued, None);
        }
        Some(job)
    }

    pub fn steps(&self) -> Vec<Step> {
        match (&self.outcome, self.started_at, self.completed_at) {
            (Some(outcome), Some(started), Some(completed)) => outcome.steps(&self.spec.steps, started, completed),
            (None, Some(started), None) => (self.spec.steps.first().into_iter())
                .map(|name| Step {
                    name: name.clone(),
                    number: 1,
                    status: Status::InProgress,
                    conclusion: None,
                    started_at: Some(started),
                    completed_at: None,
                })
                .collect(),
            _ => vec![],
        }
    }

    pub fn runner_name(&self) -> Option<String> {
        let self_hosted = self.spec.labels.iter().any(|label| &**label == "self-hosted");
        match self.runner {
            0 => None,
            number if self_hosted => Some(format!("runner-{number}")),
            number => Some(format!("GitHub Actions {number}")),
        }
    }

    pub fn annotations(&self) -> Vec<Annotation> {
        let runner = self.runner_name().unwrap_or_default();
        self.outcome.as_ref().map_or_else(Vec::new, |outcome| outcome.annotations(&runner))
    }

    /// `None` if GitHub has none.
    pub fn log(&self) -> Option<String> {
        let outcome = self.outcome.as_ref().filter(|outcome| outcome.has_log())?;
        Some(outcome.log(&self.spec.steps))
    }
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
        }
    }
}

impl Conclusion {
    pub fn as_str(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::Cancelled => "cancelled",
            Conclusion::TimedOut => "timed_out",
            Conclusion::Skipped => "skipped",
            Conclusion::StartupFailure => "startup_failure",
            Conclusion::ActionRequired => "action_required",
        }
    }

    /// Whether "re-run failed jobs" takes a job that concluded so.
    pub(super) fn is_failed(self) -> bool {
        matches!(self, Conclusion::Failure | Conclusion::TimedOut | Conclusion::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
