//! A run: what it came to, and the buttons a person presses.

use std::future::Future;
use std::time::Duration;

use serde_json::Value;

use super::{Repository, SimulatedGitHub};
use crate::model::{
    AcceptedRerun, AttemptKind, Conclusion, Event, Job, JobAction, Login, RunAction, RunId, RunSnapshot, Sha, Status,
    What,
};

/// A handle to a run.
#[derive(Debug, Clone)]
pub struct Run {
    pub(super) repository: Repository,
    pub(super) id: RunId,
}

impl Run {
    pub fn id(&self) -> RunId {
        self.id
    }

    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    fn github(&self) -> &SimulatedGitHub {
        &self.repository.github
    }

    /// The run as it is now.
    pub fn snapshot(&self) -> RunSnapshot {
        self.github().with_model(|model, now| {
            model.advance(now);
            model.snapshot(self.id)
        })
    }

    /// Of the commit that its statuses are on.
    pub fn head_sha(&self) -> Sha {
        self.snapshot().identity.head_sha
    }

    /// The number of the latest attempt.
    pub fn attempt(&self) -> u32 {
        self.snapshot().attempt
    }

    /// Of the latest attempt; `None` while it goes on.
    pub fn conclusion(&self) -> Option<Conclusion> {
        self.snapshot().conclusion
    }

    /// The jobs of an attempt, as far as they exist.
    #[track_caller]
    pub fn jobs(&self, attempt: u32) -> Vec<Job> {
        let jobs = self
            .github()
            .with_model(|model, _| model.run(self.id).attempt(attempt).map(|attempt| attempt.jobs.clone()));
        jobs.unwrap_or_else(|| {
            panic!("run {} has no attempt {attempt}; what happened:\n{}", self.id, self.github().history())
        })
    }

    /// Which jobs each attempt ran again, from the first.
    pub fn attempt_kinds(&self) -> Vec<AttemptKind> {
        self.github()
            .with_model(|model, _| model.run(self.id).attempts.iter().map(|attempt| attempt.kind.clone()).collect())
    }

    /// The re-runs of it that the API accepted.
    pub fn reruns(&self) -> Vec<AcceptedRerun> {
        self.github().api_reruns_of(self.id)
    }

    /// Waits until the attempt has ended; how it ended. Panics with the history at the deadline.
    #[track_caller]
    pub fn finished_attempt(&self, attempt: u32, deadline: Duration) -> impl Future<Output = Conclusion> + use<> {
        let what = format!("attempt {attempt} of run {} of {} ends", self.id, self.repository.name());
        let (id, expectation) = (self.id, self.github().expectation(&what, deadline));
        async move {
            expectation
                .until(|github| {
                    github.with_model(|model, _| {
                        let (status, conclusion) = model.run(id).attempt(attempt)?.state();
                        conclusion.filter(|_| status == Status::Completed)
                    })
                })
                .await
        }
    }

    /// Waits until this attempt has ended, however long patience is.
    #[track_caller]
    pub fn ends(&self, attempt: u32) -> impl Future<Output = Conclusion> + use<> {
        self.finished_attempt(attempt, self.github().options.patience)
    }

    /// See [`SimulatedGitHub::expect_reruns`].
    #[track_caller]
    pub fn expect_reruns(&self, reruns: usize) -> impl Future<Output = ()> + use<> {
        let what = format!("{reruns} re-runs of run {} of {}", self.id, self.repository.name());
        let (id, expectation) = (self.id, self.github().expectation(&what, self.github().options.patience));
        async move {
            let enough = |github: &SimulatedGitHub| {
                let count = github.api_reruns_of(id).len();
                (count >= reruns).then_some(count)
            };
            let count = expectation.until(enough).await;
            if count > reruns {
                expectation.fail(&format!("there were {count}"));
            }
        }
    }

    /// See [`SimulatedGitHub::expect_no_rerun_for`].
    #[track_caller]
    pub fn expect_no_rerun_for(&self, time: Duration) -> impl Future<Output = ()> + use<> {
        let what = format!("no re-run of run {} of {} in {time:?}", self.id, self.repository.name());
        let (id, before) = (self.id, self.reruns().len());
        let expectation = self.github().expectation(&what, time);
        async move {
            let more = |github: &SimulatedGitHub| {
                let count = github.api_reruns_of(id).len() - before;
                (count > 0).then(|| format!("there were {count}"))
            };
            expectation.never(more).await;
        }
    }

    /// "Re-run failed jobs". Panics if GitHub refuses.
    #[track_caller]
    pub fn press_rerun_failed(&self, person: impl Into<Login>) {
        self.pressed(self.github().with_model(|model, now| model.press_rerun_failed(self.id, person, now)));
    }

    /// "Re-run all jobs". Panics if GitHub refuses.
    #[track_caller]
    pub fn press_rerun_all(&self, person: impl Into<Login>) {
        self.pressed(self.github().with_model(|model, now| model.press_rerun_all(self.id, person, now)));
    }

    #[track_caller]
    fn pressed(&self, result: Result<(), &'static str>) {
        if let Err(refusal) = result {
            panic!("GitHub refuses: {refusal}; what happened:\n{}", self.github().history());
        }
    }

    pub fn cancel(&self) {
        self.github().with_model(|model, now| model.cancel(self.id, now));
    }

    /// "Approve and run", of a run that is `action_required`.
    pub fn approve(&self) {
        self.github().with_model(|model, now| model.approve(self.id, now));
    }

    /// The `workflow_run` payload that GitHub would send now, to be changed and sent by hand.
    pub fn payload(&self, action: RunAction) -> Value {
        self.event(What::WorkflowRun(action))
    }

    /// The `workflow_job` payload of a job of an attempt.
    #[track_caller]
    pub fn job_payload(&self, action: JobAction, attempt: u32, job: &str) -> Value {
        self.event(What::WorkflowJob(action, Box::new(self.job(attempt, job))))
    }

    /// The `check_run` payload of a job of an attempt.
    #[track_caller]
    pub fn check_run_payload(&self, action: JobAction, attempt: u32, job: &str) -> Value {
        self.event(What::CheckRun(action, Box::new(self.job(attempt, job))))
    }

    #[track_caller]
    fn job(&self, attempt: u32, name: &str) -> Job {
        let jobs = self.jobs(attempt);
        let names: Vec<&str> = jobs.iter().map(|job| &*job.name).collect();
        let job = jobs.iter().find(|job| &*job.name == name);
        job.unwrap_or_else(|| panic!("attempt {attempt} of run {} has jobs {names:?}, not {name:?}", self.id)).clone()
    }

    fn event(&self, what: What) -> Value {
        let run = self.snapshot();
        let sender = run.triggering_actor.clone();
        Event { at: self.github().now(), sender, run, what }.payload(&self.github().world.hosts)
    }
}
