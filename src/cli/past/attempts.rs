//! The attempts of a run, with all that a decision on them can go by.

use rerunner::names::{Conclusion, RunAttempt};
use rerunner::policy::evidence::{Fetched, Job};
use rerunner::policy::run::Run;
use rerunner::time::{Millis, Span};

use crate::cli::host::now;
use crate::cli::report::Failure;

use super::lists::Outline;
use super::place::RunPlace;
use super::reader::Reader;

/// GitHub allows 50 re-runs.
const MOST_ATTEMPTS: u32 = 51;
/// Failed jobs of an attempt whose annotations and logs are read, by name: about what the Worker reads for one decision.
const MOST_JOBS: usize = 25;
/// After so long GitHub has what it will ever have of an attempt.
const SETTLED: Span = Span::minutes(2);

pub struct PastRun {
    /// Those that have ended, oldest first. One that GitHub does not show is missing.
    pub attempts: Vec<PastAttempt>,
}

pub struct PastAttempt {
    pub run: Run,
    pub started: Option<Millis>,
    /// About when.
    pub ended: Option<Millis>,
    pub jobs: Fetched<Vec<Job>>,
}

impl PastRun {
    /// Reads all that there is of a run; of what failed in one of these ways, also annotations and logs.
    pub fn read(reader: &mut Reader, outline: &Outline, conclusions: &[Conclusion]) -> Result<Self, Failure> {
        let newest = outline.run.run_attempt.get().min(MOST_ATTEMPTS);
        let mut attempts = Vec::new();
        for number in (1..=newest).filter_map(RunAttempt::new) {
            let is_newest = number == outline.run.run_attempt;
            let outline = if is_newest { Some(outline.clone()) } else { Self::earlier(reader, outline, number)? };
            let over = outline.filter(|outline| outline.run.conclusion.is_some());
            if let Some(outline) = over {
                attempts.push(PastAttempt::read(reader, outline, conclusions)?);
            }
        }
        Ok(Self { attempts })
    }

    /// The attempt at a place and those before it. A run that is going on has none, or only earlier ones.
    pub fn at(reader: &mut Reader, place: &RunPlace) -> Result<Self, Failure> {
        let shown = reader.run(place.run_id, place.attempt)?;
        let outline = shown.present().and_then(Outline::read).filter(|outline| outline.run.run_id == place.run_id);
        let Some(outline) = outline else {
            let why = if let Fetched::Absent(why) = shown { why } else { "GitHub's answer is not the run".to_owned() };
            let place = format!("run {} of {}", place.run_id, place.repository);
            return Err(Failure(format!(
                "{place} cannot be read: {why}; is the address right, and may the token see it?"
            )));
        };
        let number = outline.run.run_attempt;
        let all = [Conclusion::Failure, Conclusion::TimedOut, Conclusion::Cancelled];
        let mut run = Self::read(reader, &outline, &all)?;
        run.attempts.retain(|attempt| attempt.run.run_attempt == number || outline.run.conclusion.is_some());
        Ok(run)
    }

    fn earlier(reader: &mut Reader, newest: &Outline, number: RunAttempt) -> Result<Option<Outline>, Failure> {
        let shown = reader.attempt(newest.run.run_id, number)?;
        let outline = shown.present().and_then(Outline::read);
        // Another's would be taken for this one's.
        Ok(outline.filter(|outline| (outline.run.run_id, outline.run.run_attempt) == (newest.run.run_id, number)))
    }

    /// The attempt after this one, if it has ended and is known.
    pub fn next(&self, attempt: RunAttempt) -> Option<&PastAttempt> {
        self.attempts.iter().find(|other| other.run.run_attempt.get() == attempt.get() + 1)
    }
}

impl PastAttempt {
    pub fn read(reader: &mut Reader, outline: Outline, conclusions: &[Conclusion]) -> Result<Self, Failure> {
        let Outline { run, started, updated } = outline;
        reader.is_settled = updated.is_none_or(|updated| now() - updated > SETTLED);
        let jobs = reader.jobs(run.run_id, run.run_attempt)?;
        if run.conclusion.is_some_and(|is| conclusions.contains(&is)) {
            for job in failed(jobs.present().map_or(&[], Vec::as_slice)).take(MOST_JOBS) {
                reader.annotations(job.job_id)?;
                reader.log(job.job_id)?;
            }
        }
        reader.is_settled = true;
        let last = jobs.present().into_iter().flatten().filter_map(|job| job.completed).max();
        Ok(Self { run, started, ended: last.or(updated), jobs })
    }

    /// How long it took.
    pub fn took(&self) -> Option<Span> {
        Some(self.ended? - self.started?)
    }

    pub fn passed(&self) -> Option<bool> {
        match self.run.conclusion? {
            Conclusion::Success => Some(true),
            Conclusion::Failure | Conclusion::TimedOut => Some(false),
            _ => None,
        }
    }

    /// The jobs by which it failed, by name.
    pub fn failed_jobs(&self) -> impl Iterator<Item = &Job> {
        failed(self.jobs.present().map_or(&[], Vec::as_slice))
    }

    /// What a re-run of its failed jobs takes is known only if each says how long it took.
    pub fn says_what_it_took(&self) -> bool {
        self.jobs.present().is_some_and(|jobs| {
            jobs.iter().filter(|job| !job.passed()).all(|job| {
                let never_began = job.steps.is_empty() && job.conclusion == Some(Conclusion::Cancelled);
                never_began || (job.started.is_some() && job.completed.is_some())
            })
        })
    }
}

fn failed(jobs: &[Job]) -> impl Iterator<Item = &Job> {
    let of = |conclusions: &[Conclusion]| -> Vec<&Job> {
        jobs.iter().filter(|job| job.conclusion.is_some_and(|is| conclusions.contains(&is))).collect()
    };
    let mut failed = of(&[Conclusion::Failure, Conclusion::TimedOut]);
    if failed.is_empty() {
        failed = of(&[Conclusion::Cancelled, Conclusion::StartupFailure]);
    }
    failed.sort_by_key(|job| (&job.name, job.job_id));
    failed.into_iter()
}

#[cfg(test)]
pub mod support {
    use super::*;
    use rerunner::names::{JobId, RunId};
    use rerunner::policy::evidence::Step;
    use serde_json::json;

    pub fn job(id: u64, name: &str, step: &str, conclusion: Conclusion) -> Job {
        Job {
            job_id: JobId::new(id).unwrap(),
            name: name.to_owned(),
            conclusion: Some(conclusion),
            started: Some(Millis(0)),
            completed: None,
            runner: None,
            labels: vec!["ubuntu-latest".to_owned()],
            steps: vec![Step { name: step.to_owned(), conclusion: Some(conclusion), going: false }],
            workflow: Some("ci".to_owned()),
        }
    }

    /// On `main`, by a push.
    pub fn attempt(run_id: u64, number: u32, conclusion: Conclusion, ended: Millis, jobs: Vec<Job>) -> PastAttempt {
        let run = json!({
            "id": run_id, "run_attempt": number, "status": "completed", "conclusion": conclusion, "workflow_id": 5,
            "path": ".github/workflows/ci.yml", "event": "push", "head_branch": "main", "head_sha": "abc",
            "created_at": "1970-01-01T00:00:00Z",
        });
        let run = Run::from_json(run.to_string().as_bytes()).unwrap();
        assert_eq!(run.run_id, RunId::new(run_id).unwrap());
        PastAttempt { run, started: Some(Millis(0)), ended: Some(ended), jobs: Fetched::Present(jobs) }
    }
}
