//! Whether a run may be re-run, and what its new attempt is made of.

use super::progress::Stage;
use super::run::Group;
use super::{
    AcceptedRerun, AttemptKind, Conclusion, EventKind, GitHub, Job, JobAction, Login, Millis, Rerun, RerunBy, Run,
    RunId, Status,
};

pub const ALREADY_RUNNING: &str = "This workflow is already running";
pub const JOBS_RUN_ALREADY_RUNNING: &str = "The workflow run containing this job is already running";
pub const CANNOT_BE_RETRIED: &str = "This workflow run cannot be retried";
pub const OVER_A_MONTH_AGO: &str = "Unable to retry this workflow run because it was created over a month ago";

const THIRTY_DAYS: Millis = 30 * 24 * 60 * 60 * 1_000;
const MOST_RERUNS: usize = 50;

/// Why GitHub refuses the re-run, in its words.
pub fn refusal(run: &Run, rerun: Rerun, now: Millis) -> Option<&'static str> {
    let attempt = run.latest();
    let (status, conclusion) = attempt.state();
    if status != Status::Completed {
        return Some(if matches!(rerun, Rerun::Job(_)) { JOBS_RUN_ALREADY_RUNNING } else { ALREADY_RUNNING });
    }
    if now.saturating_sub(run.identity.created_at) > THIRTY_DAYS {
        return Some(OVER_A_MONTH_AGO);
    }
    let never_had_jobs = run.attempts.iter().all(|attempt| attempt.jobs.is_empty());
    let nothing_failed = !attempt.jobs.iter().any(|job| job.conclusion().is_some_and(Conclusion::is_failed));
    let refused = never_had_jobs
        || conclusion == Some(Conclusion::ActionRequired)
        || (rerun == Rerun::FailedJobs && (nothing_failed || conclusion == Some(Conclusion::Success)))
        // The new attempt lost its jobs: only a full re-run brings them back.
        || (attempt.jobs.is_empty() && rerun != Rerun::AllJobs)
        || &*run.identity.event == "dynamic"
        // GitHub documents the limit, not the words of the refusal.
        || run.attempts.len() > MOST_RERUNS;
    refused.then_some(CANNOT_BE_RETRIED)
}

/// Who asks for a re-run, and how.
pub struct Asked {
    pub by: RerunBy,
    pub login: Login,
    pub debug_logging: bool,
}

impl GitHub {
    /// The one way to a new attempt. `run` exists.
    pub(super) fn rerun_run(&mut self, id: RunId, rerun: Rerun, asked: Asked, now: Millis) -> Result<(), &'static str> {
        let run = self.run(id);
        if let Some(refusal) = refusal(run, rerun, now) {
            return Err(refusal);
        }
        let kind = match rerun {
            Rerun::FailedJobs => AttemptKind::FailedJobs,
            Rerun::AllJobs => AttemptKind::AllJobs,
            Rerun::Job(job) => {
                let (_, _, job) = self.job_of(job).ok_or(CANNOT_BE_RETRIED)?;
                AttemptKind::Job(job.name.clone())
            }
        };
        let Asked { by, login, debug_logging } = asked;
        let (repository, from_attempt) = (run.repository, run.latest().number);
        let accepted = AcceptedRerun {
            at: now,
            repository,
            run: id,
            from_attempt,
            rerun,
            by,
            login: login.clone(),
            debug_logging,
        };
        self.reruns.push(accepted);
        self.start_attempt(id, kind, login, now);
        Ok(())
    }
}

impl Stage<'_> {
    /// Copies what is not run again, and queues the rest as far as its needs allow.
    pub fn create_jobs(&mut self, now: Millis) {
        let workflow = self.run.identity.workflow.clone();
        let attempt = self.run.latest();
        let (number, kind) = (attempt.number, attempt.kind.clone());
        self.run.latest_mut().groups = vec![Group::NotYet; workflow.jobs.len()];
        let before = match (kind, number) {
            (AttemptKind::First | AttemptKind::AllJobs, _) | (_, 1) => return self.start_ready(now),
            (kind, number) => {
                let jobs = self.run.attempts[number as usize - 2].jobs.clone();
                jobs.into_iter().map(|job| (is_again(&kind, &job), job)).collect::<Vec<_>>()
            }
        };
        // A group with a needed group that runs again runs again as a whole, whatever became of it.
        let mut touched = vec![false; workflow.jobs.len()];
        let mut again = vec![];
        for (group, spec) in workflow.jobs.iter().enumerate() {
            let needs_touched = spec.needs.iter().filter_map(|need| workflow.index_of(need)).any(|need| touched[need]);
            let of_group = || before.iter().filter(|(_, job)| job.group as usize == group);
            touched[group] = needs_touched || of_group().any(|(again, _)| *again);
            if needs_touched {
                continue;
            }
            let members: Vec<u16> = of_group().filter(|(again, _)| *again).map(|(_, job)| job.member).collect();
            let copies: Vec<Job> = of_group().filter(|(again, _)| !*again).map(|(_, job)| job.clone()).collect();
            let ok = copies.iter().all(counts_as_success);
            self.run.latest_mut().groups[group] = match members.len() {
                0 => Group::Done { ok },
                left => Group::Going { left: left as u16, ok },
            };
            for job in copies {
                self.copy_job(job, now);
            }
            again.extend(members.into_iter().map(|member| (group, member)));
        }
        for (group, member) in again {
            self.queue_job(group, member, now);
        }
        self.start_ready(now);
    }

    /// GitHub gives a copied job a new id and tells of its completion anew.
    fn copy_job(&mut self, mut job: Job, now: Millis) {
        job.id = self.new_job_id();
        job.created_at = now;
        let attempt = self.run.latest_mut();
        job.attempt = attempt.number;
        attempt.jobs.push(job);
        let index = attempt.jobs.len() as u32 - 1;
        self.tell_job(EventKind::WorkflowJob, JobAction::Completed, index, now);
    }
}

/// Whether the re-run names the job itself, apart from what it needs.
fn is_again(kind: &AttemptKind, job: &Job) -> bool {
    match kind {
        AttemptKind::First | AttemptKind::AllJobs => true,
        AttemptKind::FailedJobs => job.conclusion().is_some_and(Conclusion::is_failed),
        AttemptKind::Job(name) => job.name == *name,
    }
}

fn counts_as_success(job: &Job) -> bool {
    match job.conclusion() {
        Some(Conclusion::Success) => true,
        Some(conclusion) => job.spec.continue_on_error && conclusion.is_failed(),
        None => false,
    }
}
