//! Spans of time in which jobs fail for one reason, whatever their scripts say: a registry is down. After it the scripts
//! hold again.

use super::run::Job;
use super::workflow::Plan;
use super::{Annotation, GitHub, Millis, Outcome, RepositoryId};

/// Each job that starts while it lasts ends so. Those that never start are skipped as before, and a gate still goes by what
/// it needs.
#[derive(Debug, Clone)]
pub struct Outage {
    pub from: Millis,
    /// Not included.
    pub until: Millis,
    /// `None`: all.
    pub repositories: Option<Vec<RepositoryId>>,
    /// The failed step of a [`Outcome::Failure`] is a job's own of that name, else one in the middle of the job.
    pub outcome: Outcome,
}

/// Names an outage of one [`GitHub`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutageId(usize);

impl Outage {
    pub fn new(from: Millis, until: Millis, outcome: Outcome) -> Outage {
        Outage { from, until, repositories: None, outcome }
    }

    /// npm's registry answers 503.
    pub fn of_registry(from: Millis, until: Millis) -> Outage {
        const LOG: &str = "npm error code E503\n\
                           npm error 503 Service Unavailable - GET https://registry.npmjs.org/undici - Service Unavailable\n\
                           npm error A complete log of this run can be found in: /home/runner/.npm/_logs/debug-0.log";
        Outage::new(from, until, Outcome::failure_with("Install", 1, LOG))
    }

    /// A tool's own word of it, beside what the runner says.
    pub fn annotated(mut self, annotation: Annotation) -> Outage {
        self.outcome = self.outcome.annotated(annotation);
        self
    }

    /// Hits these repositories only.
    pub fn within(mut self, repositories: &[RepositoryId]) -> Outage {
        self.repositories = Some(repositories.to_vec());
        self
    }

    fn hits(&self, repository: RepositoryId, job: &Job) -> bool {
        let started = job.started_at.is_some_and(|at| (self.from..self.until).contains(&at));
        started && self.repositories.as_ref().is_none_or(|all| all.contains(&repository)) && job.spec.plan != Plan::Gate
    }

    fn outcome_of(&self, job: &Job) -> Outcome {
        let steps = &job.spec.steps;
        match (&self.outcome, steps.get(steps.len() / 2)) {
            (Outcome::Failure(failure), Some(middle)) if !steps.iter().any(|step| **step == failure.step) => {
                let mut failure = failure.as_ref().clone();
                failure.step = middle.to_string();
                Outcome::Failure(failure.into())
            }
            (outcome, _) => outcome.clone(),
        }
    }
}

/// How the job ends by the outages that there are; the first that hits it counts.
pub(super) fn ending(outages: &[Outage], repository: RepositoryId, job: &Job) -> Option<Outcome> {
    outages.iter().find(|outage| outage.hits(repository, job)).map(|outage| outage.outcome_of(job))
}

impl GitHub {
    /// May be in the future, or in the past for a time that has not been simulated yet.
    pub fn add_outage(&mut self, outage: Outage) -> OutageId {
        self.out.outages.push(outage);
        OutageId(self.out.outages.len() - 1)
    }

    /// It is over at `now`, if it is not yet. Jobs that it hit have not ended otherwise for that.
    pub fn end_outage(&mut self, id: OutageId, now: Millis) {
        self.advance(now);
        let outage = &mut self.out.outages[id.0];
        outage.until = outage.until.min(now);
    }
}
