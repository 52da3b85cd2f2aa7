//! What fails, a job at a step or a runner, and how it is told from others. Pure.

use sha2::{Digest, Sha256};

use crate::keeper::tracked_run::TrackedRun;
use crate::names::{WorkflowId, lengths, string_enum};
use crate::policy::FailedJob;
use crate::time::Millis;

string_enum! {
    pub enum SubjectKind {
        Job = "job",
        Runner = "runner",
    }
}

pub struct Subject {
    pub kind: SubjectKind,
    pub workflow_id: Option<WorkflowId>,
    /// As it is shown: what it is called can change.
    pub workflow: String,
    pub name: String,
    pub step: String,
    /// No rule and no entry of the catalogue knew its failure.
    pub unknown: bool,
}

impl Subject {
    /// Follows from what it is, so that no look-up is needed; 52 bits, so that it crosses to JavaScript.
    pub fn id(&self) -> i64 {
        match self.workflow_id {
            Some(id) => self.id_with(&format!("\u{1}{id}")),
            None => self.id_by_name(),
        }
    }

    /// Where the workflow's id is not known, and as older versions had it.
    pub fn id_by_name(&self) -> i64 {
        self.id_with(&self.workflow)
    }

    fn id_with(&self, workflow: &str) -> i64 {
        let mut digest = Sha256::new();
        for part in [self.kind.as_str(), workflow, &self.name, &self.step] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        digest.finalize().iter().take(8).fold(0_i64, |id, byte| (id << 8) | i64::from(*byte)) & ((1 << 52) - 1)
    }
}

/// A job that failed, and the runner that it failed on, if its name tells something.
pub fn subjects_of(run: &TrackedRun, job: &FailedJob) -> impl Iterator<Item = Subject> + use<> {
    let runner = job.runner.as_deref().filter(|runner| !is_hosted(runner));
    let runner = runner.map(|runner| Subject {
        kind: SubjectKind::Runner,
        workflow_id: None,
        workflow: String::new(),
        name: short(runner),
        step: String::new(),
        unknown: false,
    });
    let unknown = job.rule.is_none() && job.cause.is_none();
    let job = Subject {
        kind: SubjectKind::Job,
        workflow_id: run.workflow_id,
        workflow: short(run.shown_workflow().unwrap_or_default()),
        name: short(&job.name),
        step: short(job.step.as_deref().unwrap_or_default()),
        unknown,
    };
    [job].into_iter().chain(runner)
}

/// GitHub's own runners are new for each job: their names say nothing.
fn is_hosted(runner: &str) -> bool {
    runner.is_empty() || runner.starts_with("GitHub Actions ") || runner.starts_with("Hosted Agent")
}

pub(super) fn short(name: &str) -> String {
    name.chars().take(lengths::STORED).collect()
}

/// A job or a runner over the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectFigures {
    pub workflow: String,
    pub name: String,
    pub step: String,
    pub failed: u64,
    /// How often what became of its re-run is known, and how often it passed then.
    pub judged: u64,
    pub passed: u64,
    /// How much of `judged` may be of forks' runs.
    pub judged_of_forks: u64,
    pub last_seen: Millis,
    pub last_run: u64,
    /// Failures, a number for each day of the window, oldest first.
    pub by_day: Vec<u64>,
}
