//! The whole: setting it up, looking things up, records.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::outbox::{Outbox, Timing};
use super::{
    Access, ApiCall, Attempt, CommentEvent, Event, EventKinds, Grant, Job, JobId, Login, Millis, RepoName, Repository,
    RepositoryId, Run, RunId, RunSnapshot, SecondaryLimits, ShownPull, Workflow, WorkflowId,
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
    pub(super) next_run: u64,
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
        GitHub {
            repositories: vec![],
            by_name: HashMap::new(),
            moved: HashMap::new(),
            runs: HashMap::new(),
            out: Outbox::new(seed),
            access: Access::default(),
            reruns: vec![],
            calls: vec![],
            records_calls: true,
            next_run: 19_000_000_000 + super::mix(&[seed, 1]) % 900_000_000,
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
