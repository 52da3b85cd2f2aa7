//! Time passing: jobs start and end, runs conclude.

use std::cmp::Reverse;
use std::sync::Arc;

use super::outage;
use super::outbox::{Change, Outbox};
use super::run::Group;
use super::{
    Attempt, Conclusion, Event, EventKind, GitHub, Job, JobAction, JobId, Millis, Outcome, Repository, Run, RunAction,
    RunEnd, RunId, Status, What,
};

/// One run with what its changes write to.
pub(super) struct Stage<'a> {
    pub run: &'a mut Run,
    pub repository: &'a mut Repository,
    pub out: &'a mut Outbox,
}

impl GitHub {
    /// Lets time pass up to `now`. Every other function that takes a time does this first.
    pub fn advance(&mut self, now: Millis) {
        while self.next_change_at().is_some_and(|at| at <= now) {
            let Some(Reverse(due)) = self.out.changes.pop() else { return };
            let Some(mut stage) = self.stage(due.run) else { continue };
            let attempt = stage.run.latest();
            if attempt.number == due.attempt && attempt.completed_at.is_none() {
                stage.apply(due.change, due.at);
            }
        }
    }

    /// `None` if the run was forgotten.
    pub(super) fn stage(&mut self, run: RunId) -> Option<Stage<'_>> {
        let run = self.runs.get_mut(&run)?;
        let repository = &mut self.repositories[run.repository.0 as usize];
        Some(Stage { run, repository, out: &mut self.out })
    }
}

impl Stage<'_> {
    pub fn begin(&mut self, now: Millis) {
        let attempt = self.run.latest();
        let (id, number) = (self.run.id(), attempt.number);
        match self.run.identity.workflow.end_of(number) {
            RunEnd::Jobs => self.out.schedule(now + self.out.timing.create_jobs, id, number, Change::CreateJobs),
            RunEnd::StartupFailure => {
                self.run.latest_mut().conclusion = Some(Conclusion::StartupFailure);
                self.out.schedule(now + self.out.timing.conclude, id, number, Change::Conclude);
            }
            RunEnd::ActionRequired => {
                self.run.latest_mut().waits_for_approval = true;
                self.repository.going.remove(&id);
                self.tell_run(RunAction::Requested, now);
                self.tell_run(RunAction::Completed, now);
                return;
            }
        }
        self.tell_run(RunAction::Requested, now);
    }

    fn apply(&mut self, change: Change, now: Millis) {
        match change {
            Change::CreateJobs if self.run.latest().jobs.is_empty() => self.create_jobs(now),
            Change::CreateJobs => {}
            Change::StartJob(index) => self.start_job(index, now),
            Change::EndJob(index) => {
                let job = &self.run.latest().jobs[index as usize];
                if job.is_open() {
                    let hit = outage::ending(&self.out.outages, self.run.repository, job);
                    let outcome = hit.unwrap_or_else(|| self.planned(job));
                    self.end_job(index, outcome, now);
                }
            }
            Change::Conclude => self.conclude(now),
        }
    }

    /// Starts every group whose needs are done; the workflow file's order is the order of needs.
    pub fn start_ready(&mut self, now: Millis) {
        let workflow = self.run.identity.workflow.clone();
        for (index, spec) in workflow.jobs.iter().enumerate() {
            let groups = &self.run.latest().groups;
            let needs = || spec.needs.iter().filter_map(|need| workflow.index_of(need)).map(|need| groups[need]);
            if groups[index] != Group::NotYet || !needs().all(Group::is_done) {
                continue;
            }
            let ok = needs().all(|group| group == Group::Done { ok: true });
            if !ok && !spec.always {
                // GitHub does not expand a matrix that it skips.
                self.skip_group(index, now);
                continue;
            }
            let members = if spec.matrix == 0 { 0..=0 } else { 1..=spec.matrix };
            let left = members.clone().count() as u16;
            self.run.latest_mut().groups[index] = Group::Going { left, ok: true };
            for member in members {
                self.queue_job(index, member, now);
            }
        }
        let attempt = self.run.latest();
        if attempt.groups.iter().all(|group| group.is_done()) {
            let delay = workflow.conclude_delay.unwrap_or(self.out.timing.conclude);
            self.out.schedule(now + delay, self.run.identity.id, attempt.number, Change::Conclude);
        }
    }

    pub fn skip_group(&mut self, group: usize, now: Millis) {
        let job = self.add_job(group, 0, now);
        self.run.latest_mut().groups[group] = Group::Going { left: 1, ok: true };
        self.end_job(job, Outcome::Skipped, now);
    }

    pub fn queue_job(&mut self, group: usize, member: u16, now: Millis) {
        let index = self.add_job(group, member, now);
        let job = &self.run.latest().jobs[index as usize];
        if let outcome @ Outcome::Skipped = self.planned(job) {
            return self.end_job(index, outcome, now);
        }
        self.tell_job(EventKind::CheckRun, JobAction::Queued, index, now);
        self.tell_job(EventKind::WorkflowJob, JobAction::Queued, index, now);
        let (id, attempt) = (self.run.id(), self.run.latest().number);
        self.out.schedule(now + self.out.timing.queue, id, attempt, Change::StartJob(index));
    }

    fn add_job(&mut self, group: usize, member: u16, now: Millis) -> u32 {
        let spec = self.run.identity.workflow.jobs[group].clone();
        let name: Arc<str> = match member {
            0 => spec.name.clone(),
            member => format!("{} ({member})", spec.name).into(),
        };
        let attempt = self.run.latest().number;
        let job = Job {
            id: self.new_job_id(),
            spec,
            group: group as u16,
            member,
            name,
            attempt,
            ran_in: attempt,
            status: Status::Queued,
            outcome: None,
            created_at: now,
            started_at: None,
            completed_at: None,
            runner: 0,
        };
        let jobs = &mut self.run.latest_mut().jobs;
        jobs.push(job);
        jobs.len() as u32 - 1
    }

    pub fn new_job_id(&mut self) -> JobId {
        self.out.next_job += 1;
        let id = JobId(self.out.next_job);
        self.out.job_runs.insert(id, self.run.id());
        id
    }

    fn start_job(&mut self, index: u32, now: Millis) {
        let seed = self.out.seed;
        let run = self.run.id();
        let attempt = self.run.latest_mut();
        let job = &mut attempt.jobs[index as usize];
        if job.status != Status::Queued {
            return;
        }
        job.status = Status::InProgress;
        job.started_at = Some(now);
        job.runner = (job.id.0 % 1_000) as u32 + 1;
        let ends_at = now + job.spec.takes(seed, run, &job.name, attempt.number);
        let (number, first) = (attempt.number, attempt.in_progress_at.is_none());
        attempt.last_change = now;
        self.out.schedule(ends_at, run, number, Change::EndJob(index));
        self.tell_job(EventKind::WorkflowJob, JobAction::InProgress, index, now);
        if first {
            self.run.latest_mut().in_progress_at = Some(now);
            self.tell_run(RunAction::InProgress, now);
        }
    }

    /// How the job will end if nothing comes in between.
    fn planned(&self, job: &Job) -> Outcome {
        let attempt = self.run.latest();
        let plan = job.spec.outcome(self.out.seed, self.run.id(), &job.name, job.member, attempt.number);
        plan.unwrap_or_else(|| {
            let needs = job.spec.needs.iter().filter_map(|need| self.run.identity.workflow.index_of(need));
            let ok = needs.into_iter().all(|need| attempt.groups[need] == Group::Done { ok: true });
            if ok { Outcome::Success } else { Outcome::failure("Run tests") }
        })
    }

    pub fn end_job(&mut self, index: u32, outcome: Outcome, now: Millis) {
        let attempt = self.run.latest_mut();
        attempt.last_change = now;
        let job = &mut attempt.jobs[index as usize];
        let conclusion = outcome.conclusion();
        job.status = Status::Completed;
        job.started_at.get_or_insert(now);
        job.completed_at = Some(now);
        job.outcome = Some(outcome);
        let (group, spec) = (job.group, job.spec.clone());
        // A job that may fail does not hold up those that need it, and stops no siblings.
        let fine = conclusion == Conclusion::Success || (spec.continue_on_error && conclusion.is_failed());
        let state = &mut attempt.groups[group as usize];
        let Group::Going { left, ok } = *state else { unreachable!("the job's group is going on") };
        let (left, ok) = (left - 1, ok && fine);
        *state = if left == 0 { Group::Done { ok } } else { Group::Going { left, ok } };
        self.tell_job(EventKind::CheckRun, JobAction::Completed, index, now);
        self.tell_job(EventKind::WorkflowJob, JobAction::Completed, index, now);
        if left == 0 {
            // While a run is being cancelled nothing new starts, and neither while start_ready() itself skips jobs.
            if !self.run.latest().cancelled && conclusion != Conclusion::Skipped {
                self.start_ready(now);
            }
        } else if spec.fail_fast && !fine && stops_siblings(conclusion) && !self.run.latest().cancelled {
            self.end_open(now, |job| job.group == group);
        }
    }

    /// Cancels the jobs that have not ended.
    pub fn end_open(&mut self, now: Millis, of: impl Fn(&Job) -> bool) {
        for index in 0..self.run.latest().jobs.len() {
            let job = &self.run.latest().jobs[index];
            if job.is_open() && of(job) {
                self.end_job(index as u32, Outcome::Cancelled, now);
            }
        }
    }

    pub fn conclude(&mut self, now: Millis) {
        let attempt = self.run.latest_mut();
        let conclusion = attempt.conclusion.unwrap_or_else(|| conclusion_of(attempt));
        attempt.conclusion = Some(conclusion);
        attempt.completed_at = Some(now);
        attempt.last_change = now;
        self.repository.going.remove(&self.run.identity.id);
        self.tell_run(RunAction::Completed, now);
    }

    pub fn tell_run(&mut self, action: RunAction, now: Millis) {
        if self.repository.emits.workflow_run {
            self.tell(What::WorkflowRun(action), now);
        }
    }

    pub fn tell_job(&mut self, kind: EventKind, action: JobAction, index: u32, now: Millis) {
        if !self.repository.emits.contains(kind) {
            return;
        }
        let mut job = Box::new(self.run.latest().jobs[index as usize].clone());
        if self.out.copies_keep_attempt {
            job.attempt = job.ran_in;
        }
        let what = match kind {
            EventKind::CheckRun => What::CheckRun(action, job),
            _ => What::WorkflowJob(action, job),
        };
        self.tell(what, now);
    }

    fn tell(&mut self, what: What, now: Millis) {
        let attempt = self.run.latest();
        let pull = self.run.identity.pull_request.map(|number| self.repository.shown_pull(number)).unwrap_or_default();
        let run = self.run.snapshot(attempt, now, pull);
        self.out.events.push(Event { at: now, sender: attempt.triggering_actor.clone(), run, what });
    }
}

/// A cancelled job stops none: it may be one of those just stopped.
fn stops_siblings(conclusion: Conclusion) -> bool {
    matches!(conclusion, Conclusion::Failure | Conclusion::TimedOut)
}

/// A run's conclusion from its jobs': the worst of them, where a job that may fail does not count.
fn conclusion_of(attempt: &Attempt) -> Conclusion {
    if attempt.cancelled {
        return Conclusion::Cancelled;
    }
    let count = |conclusion| {
        let counts = |job: &&Job| job.conclusion() == Some(conclusion) && !job.spec.continue_on_error;
        attempt.jobs.iter().filter(counts).count()
    };
    let worst = [Conclusion::Failure, Conclusion::TimedOut, Conclusion::Cancelled];
    match worst.into_iter().find(|conclusion| count(*conclusion) > 0) {
        Some(conclusion) => conclusion,
        None if !attempt.jobs.is_empty() && count(Conclusion::Skipped) == attempt.jobs.len() => Conclusion::Skipped,
        None => Conclusion::Success,
    }
}
