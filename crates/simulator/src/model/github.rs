//! The whole: setting it up, starting runs, events, records.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use super::progress::{Change, Scheduled};
use super::run::Group;
use super::{
    Access, ApiCall, Attempt, AttemptKind, CommentEvent, Event, EventKinds, Grant, Job, JobId, Login, Millis, Outage,
    RepoName, Repository, RepositoryId, Run, RunId, RunIdentity, RunSnapshot, SecondaryLimits, ShownPull, Shows,
    Status, Trigger, Workflow, WorkflowId,
};

/// GitHub: repositories, runs, tokens, and what happened.
#[derive(Debug)]
pub struct GitHub {
    pub(super) repositories: Vec<Repository>,
    pub(super) by_name: HashMap<String, RepositoryId>,
    /// By the names that they had before.
    pub(super) moved: HashMap<String, RepositoryId>,
    pub(super) runs: HashMap<RunId, Run>,
    pub(super) out: Outbox,
    pub(super) access: Access,
    pub(super) reruns: Vec<AcceptedRerun>,
    pub(super) calls: Vec<ApiCall>,
    pub(super) records_calls: bool,
    next_run: u64,
}

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
    pub fn schedule(&mut self, at: Millis, run: RunId, attempt: u32, change: Change) {
        self.next_change += 1;
        self.changes.push(Reverse(Scheduled { at, order: self.next_change, run, attempt, change }));
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

/// What a re-run runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rerun {
    FailedJobs,
    AllJobs,
    Job(JobId),
}

/// How a re-run was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerunBy {
    /// The API.
    Api,
    /// A person, pressing the button.
    Person,
}

/// A re-run that GitHub really did, whatever the caller was told.
#[derive(Debug, Clone)]
pub struct AcceptedRerun {
    pub at: Millis,
    pub repository: RepositoryId,
    pub run: RunId,
    /// The attempt that had ended; the new one is the next.
    pub from_attempt: u32,
    pub rerun: Rerun,
    pub by: RerunBy,
    pub login: Login,
    /// `enable_debug_logging` of the call.
    pub debug_logging: bool,
}

impl GitHub {
    pub fn new(seed: u64) -> GitHub {
        let out = Outbox {
            seed,
            timing: Timing::default(),
            copies_keep_attempt: false,
            events: vec![],
            comment_events: vec![],
            changes: BinaryHeap::new(),
            outages: vec![],
            job_runs: HashMap::new(),
            next_job: 54_000_000_000 + mix_small(seed),
            next_change: 0,
        };
        GitHub {
            repositories: vec![],
            by_name: HashMap::new(),
            moved: HashMap::new(),
            runs: HashMap::new(),
            out,
            access: Access::default(),
            reruns: vec![],
            calls: vec![],
            records_calls: true,
            next_run: 19_000_000_000 + mix_small(seed),
        }
    }

    pub fn set_timing(&mut self, timing: Timing) {
        self.out.timing = timing;
    }

    pub fn timing(&self) -> Timing {
        self.out.timing
    }

    /// Whether `workflow_job` of a job that was copied into a new attempt says the attempt in which it ran, rather
    /// than the one it was copied into (the default).
    pub fn set_copies_keep_attempt(&mut self, keep: bool) {
        self.out.copies_keep_attempt = keep;
    }

    /// Off, [`GitHub::calls`] stays empty: for simulations of millions of calls.
    pub fn set_records_calls(&mut self, records: bool) {
        self.records_calls = records;
    }

    pub fn set_secondary_limits(&mut self, limits: SecondaryLimits) {
        self.access.secondary = limits;
    }

    /// Replaces the token's grant if there is one.
    pub fn add_token(&mut self, token: &str, grant: Grant) {
        self.access.add(token, grant);
    }

    /// Changes what a known token may do.
    #[track_caller]
    pub fn grant_mut(&mut self, token: &str) -> &mut Grant {
        self.access.grant_mut(token)
    }

    /// Panics if it exists.
    #[track_caller]
    pub fn add_repository(&mut self, name: &str, now: Millis) -> RepositoryId {
        let id = RepositoryId(self.repositories.len() as u32);
        let name = RepoName::new(name);
        let taken = self.by_name.insert(name.as_str().to_ascii_lowercase(), id);
        assert!(taken.is_none(), "{name} exists");
        self.repositories.push(Repository::new(self.out.seed, id, name, now));
        id
    }

    pub fn find_repository(&self, name: &str) -> Option<RepositoryId> {
        if let Some(id) = self.by_name.get(name) {
            return Some(*id);
        }
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// In the order of their creation.
    pub fn repositories(&self) -> &[Repository] {
        &self.repositories
    }

    pub fn repository(&self, id: RepositoryId) -> &Repository {
        &self.repositories[id.0 as usize]
    }

    pub(super) fn repository_mut(&mut self, id: RepositoryId) -> &mut Repository {
        &mut self.repositories[id.0 as usize]
    }

    /// The kinds of events that are made at all for this repository; what is not made costs nothing.
    pub fn set_emits(&mut self, repository: RepositoryId, kinds: EventKinds) {
        self.repository_mut(repository).emits = kinds;
    }

    /// Panics if the workflow could not run.
    #[track_caller]
    pub fn add_workflow(&mut self, repository: RepositoryId, workflow: Workflow) -> WorkflowId {
        workflow.check();
        let seed = self.out.seed;
        let repository = self.repository_mut(repository);
        let id = WorkflowId(repository.workflows.len() as u32);
        let number = 100_000_000 + super::mix(&[seed, repository.identity.number, u64::from(id.0)]) % 90_000_000;
        repository.workflows.push(super::repository::WorkflowEntry { number, workflow: Arc::new(workflow), runs: 0 });
        id
    }

    /// The workflow of the same name and the same jobs, if there is one.
    pub fn find_workflow(&self, repository: RepositoryId, path: &str) -> Option<WorkflowId> {
        let workflows = &self.repository(repository).workflows;
        let index = workflows.iter().position(|entry| &*entry.workflow.path == path)?;
        Some(WorkflowId(index as u32))
    }

    /// Puts a workflow in another's place: for runs that start from now on.
    #[track_caller]
    pub fn replace_workflow(&mut self, repository: RepositoryId, id: WorkflowId, workflow: Workflow) {
        workflow.check();
        self.repository_mut(repository).workflows[id.0 as usize].workflow = Arc::new(workflow);
    }

    /// Starts a run. Its jobs exist once time has passed to [`Timing::create_jobs`] later.
    #[track_caller]
    pub fn start_run(
        &mut self,
        repository: RepositoryId,
        workflow: WorkflowId,
        trigger: Trigger,
        now: Millis,
    ) -> RunId {
        self.advance(now);
        // Real ids grow by more than one, since all of GitHub shares them.
        self.next_run += 3;
        let id = RunId(self.next_run);
        let repository_id = repository;
        let repository = self.repository_mut(repository);
        let entry = &mut repository.workflows[workflow.0 as usize];
        entry.runs += 1;
        let (number, run_number, workflow) = (entry.number, entry.runs, entry.workflow.clone());
        let own = repository.name().clone();
        let (head_branch, head_commit, head_repository) = match trigger.pull_request {
            None => (trigger.branch.clone(), repository.head(&trigger.branch), own),
            Some(pull) => {
                let pull = repository.pull(pull).expect("a pull request of this repository");
                let fork = || RepoName::new(&format!("{}/{}", pull.author, own.name()));
                let head = if pull.from_fork { fork() } else { own.clone() };
                (pull.head_branch.clone(), pull.head_sha, head)
            }
        };
        let base = repository.head(&repository.identity.default_branch);
        let (head_sha, head_commit) = match trigger.shows {
            Shows::Head => (head_commit, head_commit),
            Shows::Base => (base, head_commit),
            Shows::BaseAlone => (base, base),
        };
        repository.add_commits([head_sha, head_commit]);
        repository.runs.push(id);
        let identity = Arc::new(RunIdentity {
            id,
            repository: repository.identity.clone(),
            workflow,
            workflow_number: number,
            run_number,
            event: trigger.event,
            head_branch,
            head_sha,
            head_commit,
            head_repository,
            actor: trigger.actor.clone(),
            pull_request: trigger.pull_request,
            upstream: trigger.upstream,
            created_at: now,
        });
        self.runs.insert(id, Run { identity, repository: repository_id, attempts: vec![] });
        self.start_attempt(id, AttemptKind::First, trigger.actor, now);
        id
    }

    /// A run that was not forgotten.
    #[track_caller]
    pub fn run(&self, run: RunId) -> &Run {
        self.runs.get(&run).unwrap_or_else(|| panic!("there is no run {run}"))
    }

    pub fn find_run(&self, run: RunId) -> Option<&Run> {
        self.runs.get(&run)
    }

    /// The run as it is now.
    #[track_caller]
    pub fn snapshot(&self, run: RunId) -> RunSnapshot {
        let run = self.run(run);
        let attempt = run.latest();
        run.snapshot(attempt, Millis::MAX, self.pull_ref(run))
    }

    pub(super) fn pull_ref(&self, run: &Run) -> ShownPull {
        let repository = self.repository(run.repository);
        run.identity.pull_request.map_or_else(ShownPull::default, |number| repository.shown_pull(number))
    }

    /// Forgets a run, as if it had been deleted: so that a simulation of a million runs fits into memory.
    pub fn forget_run(&mut self, id: RunId) {
        let Some(run) = self.runs.remove(&id) else { return };
        for job in run.attempts.iter().flat_map(|attempt| &attempt.jobs) {
            self.out.job_runs.remove(&job.id);
        }
        let repository = self.repository_mut(run.repository);
        repository.going.remove(&id);
        if let Ok(index) = repository.runs.binary_search(&id) {
            repository.runs.remove(index);
        }
    }

    /// When something happens next by itself. Nothing may come of it: a change can be overtaken by another.
    pub fn next_change_at(&self) -> Option<Millis> {
        self.out.changes.peek().map(|Reverse(change)| change.at)
    }

    /// What happened to comments since this was last called, in order.
    pub fn take_comment_events(&mut self) -> Vec<CommentEvent> {
        std::mem::take(&mut self.out.comment_events)
    }

    /// What happened to runs since this was last called, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.out.events)
    }

    /// Every re-run that was accepted, in order.
    pub fn reruns(&self) -> &[AcceptedRerun] {
        &self.reruns
    }

    /// Every API call, in order.
    pub fn calls(&self) -> &[ApiCall] {
        &self.calls
    }

    /// Runs whose latest attempt still goes on.
    pub fn going(&self, repository: RepositoryId) -> impl Iterator<Item = RunId> + '_ {
        self.repository(repository).going.iter().copied()
    }

    /// Whether nothing goes on in any repository.
    pub fn is_idle(&self) -> bool {
        self.repositories.iter().all(|repository| repository.going.is_empty())
    }

    pub(super) fn job_of(&self, job: JobId) -> Option<(&Run, &Attempt, &Job)> {
        let run = self.runs.get(self.out.job_runs.get(&job)?)?;
        run.attempts.iter().rev().find_map(|attempt| {
            let job = attempt.jobs.iter().find(|candidate| candidate.id == job)?;
            Some((run, attempt, job))
        })
    }
}

impl Group {
    pub(super) fn is_done(self) -> bool {
        matches!(self, Group::Done { .. })
    }
}

/// Whether the job still has to end.
pub(super) fn is_open(job: &Job) -> bool {
    job.status != Status::Completed
}

fn mix_small(seed: u64) -> u64 {
    super::mix(&[seed, 1]) % 900_000_000
}
