//! A job of a workflow at whatever step it fails: what its re-runs brought, and its failures that passed when they were re-run.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::keeper::step::Record;
use crate::names::order::sort_by;
use crate::names::{RunAttempt, RunId, WorkflowId};
use crate::policy::catalogue::Class;
use crate::policy::{FailedJob, RunOutcome};
use crate::time::Millis;

use super::counting::failed_by_itself;
use super::subject::short;
use super::subject_days::Share;
use super::{Sql, Store, StoreError, SubjectFigures, SubjectKind};

/// Of the repository's newest runs, so many are looked through for a job's failures.
const RUNS_LOOKED_THROUGH: i64 = 1_000;
/// Of those, so many that were re-run are read.
const RUNS_READ: i64 = 150;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowJob {
    pub workflow_id: WorkflowId,
    /// As it is shown: what it is called can change.
    pub workflow: String,
    pub job: String,
}

impl WorkflowJob {
    /// Follows from what it is. Whoever chooses names can find no two with the same.
    pub fn key(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(format!("{}\u{0}", self.workflow_id));
        digest.update(self.job.as_bytes());
        digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Over the window, in the repository's own runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFigures {
    pub failed: u64,
    /// How often what became of its re-run is known, and how often it passed then.
    pub judged: u64,
    pub passed: u64,
    /// Also before the window, if that is known.
    pub last_failed: Option<Millis>,
    /// Where it failed most often; empty: at no step.
    pub step: String,
}

/// A failure, and the attempt in which the job passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedFailure {
    pub run_id: RunId,
    pub run_attempt: RunAttempt,
    pub failed: Millis,
    pub step: Option<String>,
    pub class: Option<Class>,
    pub passed_attempt: RunAttempt,
}

impl<S: Sql> Store<S> {
    /// `None`: it is none, or is counted no longer, or its workflow is not known by its id.
    pub fn job_of_subject(&self, id: i64) -> Result<Option<WorkflowJob>, StoreError> {
        let statement = "SELECT workflow_id, workflow, name FROM subjects WHERE subject_id = ? AND kind = ?";
        let bindings = vec![id.into(), SubjectKind::Job.as_str().into()];
        let Some(mut row) = self.first(statement, bindings)? else { return Ok(None) };
        let workflow_id = row.optional_integer()?.and_then(|id| WorkflowId::new(u64::try_from(id).ok()?));
        let (workflow, job) = (row.text()?, row.text()?);
        Ok(workflow_id.map(|workflow_id| WorkflowJob { workflow_id, workflow, job }))
    }

    pub fn job_figures(&self, job: &WorkflowJob, now: Millis) -> Result<JobFigures, StoreError> {
        let (mut figures, mut most) = (JobFigures::default(), 0);
        for (step, own_seen, days) in self.steps_of(job.workflow_id, &job.job)? {
            let mut of_step = SubjectFigures::default();
            days.add_to(&mut of_step, Share::Own, now);
            figures.last_failed = figures.last_failed.max(own_seen);
            figures.failed += of_step.failed;
            figures.judged += of_step.judged;
            figures.passed += of_step.passed;
            if of_step.failed > most {
                (most, figures.step) = (of_step.failed, step);
            }
        }
        Ok(figures)
    }

    /// Its newest failures after which it passed, in the repository's own runs, newest first.
    pub fn passed_failures(&self, job: &WorkflowJob, at_most: usize) -> Result<Vec<PassedFailure>, StoreError> {
        // What is still open has the negative of its id.
        let newest = "SELECT ABS(run_id) AS run_id, reruns, workflow_id, head_branch FROM
             (SELECT * FROM (SELECT * FROM runs WHERE run_id > 0 ORDER BY run_id DESC LIMIT ?1)
              UNION ALL SELECT * FROM (SELECT * FROM runs WHERE run_id < 0 ORDER BY run_id LIMIT ?1))
             ORDER BY ABS(run_id) DESC LIMIT ?1";
        // As `TrackedRun::may_be_of_fork` has it.
        let is_own = "instr(head_branch, ':') = 0";
        let statement =
            format!("SELECT run_id FROM ({newest}) WHERE reruns > 0 AND workflow_id = ?2 AND {is_own} LIMIT ?3");
        let bindings = vec![RUNS_LOOKED_THROUGH.into(), job.workflow_id.into(), RUNS_READ.into()];
        let mut failures = Vec::new();
        for mut row in self.rows(&statement, bindings)? {
            if failures.len() >= at_most {
                break;
            }
            let run_id = row.run_id()?;
            failures.extend(passed_in(run_id, &self.records(run_id)?, &job.job));
        }
        sort_by(&mut failures, |a, b| b.failed.cmp(&a.failed));
        failures.truncate(at_most);
        Ok(failures)
    }
}

/// By what was decided on the run's attempts, oldest first.
fn passed_in(run_id: RunId, records: &[Record], job: &str) -> Vec<PassedFailure> {
    let mut failures = Vec::new();
    for (at, record) in records.iter().enumerate().filter(|(_, record)| record.outcome == RunOutcome::Rerunning) {
        let Some((failed, run_attempt)) = failed_job(record, job).zip(record.run_attempt) else { continue };
        let after = records.iter().skip(at + 1).find(|after| after.run_attempt > Some(run_attempt));
        let passed = after.filter(|after| {
            let others = after.detail.as_ref().is_some_and(|detail| !detail.jobs.is_empty());
            after.outcome == RunOutcome::Rescued || (others && failed_job(after, job).is_none())
        });
        failures.extend(passed.and_then(|passed| passed.run_attempt).map(|passed_attempt| PassedFailure {
            run_id,
            run_attempt,
            failed: record.decided,
            step: failed.step.clone(),
            class: failed.cause.as_ref().map(|cause| cause.class),
            passed_attempt,
        }));
    }
    failures
}

fn failed_job<'r>(record: &'r Record, job: &str) -> Option<&'r FailedJob> {
    let jobs = record.detail.as_ref().map_or(&[][..], |detail| &detail.jobs);
    jobs.iter().find(|failed| failed_by_itself(failed) && short(&failed.name) == job)
}
