//! What looking at the names of jobs and at exit codes costs. Outsiders choose these names, and each rule looks at each of them.
//!
//! It is reckoned beforehand, as they are looked at anew each time that a decision is tried.

use crate::names::Conclusion;
use crate::policy::file::{Conditions, Names, Policy};
use crate::policy::run::Run;

use super::{Evidence, Job};

/// A decision is tried with its jobs, and again with each piece of evidence: as often as it can make requests.
const TRIES: u64 = 25;
/// Without evidence to come.
const TRIES_AT_LEAST: u64 = 3;
/// So many steps of a glob, or of looking at a rule, take the time of one unit.
const STEPS: u64 = 4;
/// Searching a text for an exit code is this many times as fast as matching a name.
const FASTER: u64 = 4;
/// Of looking at a rule, whatever it says.
const A_RULE: u64 = 20;

/// Globs of one kind: what one character of a name costs with all of them, and what a name does beside that.
#[derive(Debug, Clone, Copy, Default)]
struct Globs {
    a_character: u64,
    a_name: u64,
}

impl Globs {
    fn add(&mut self, names: &Option<Names>) {
        for text in names.iter().flat_map(Names::texts) {
            // After a star, each place in the name is tried until what follows the star fits.
            let parts = text.split('*').skip(1).map(|part| part.chars().count() as u64);
            self.a_character += 1 + parts.max().unwrap_or_default();
            self.a_name += 1 + text.len() as u64;
        }
    }

    fn with<'n>(self, names: impl IntoIterator<Item = &'n str>) -> u64 {
        let cost = |name: &str| self.a_character.saturating_mul(name.len() as u64).saturating_add(self.a_name);
        names.into_iter().map(cost).fold(0, u64::saturating_add)
    }
}

/// What the rules of a policy look at.
#[derive(Debug, Default)]
struct Looks {
    workflow: Globs,
    branch: Globs,
    event: Globs,
    actor: Globs,
    job: Globs,
    step: Globs,
    runner: Globs,
    label: Globs,
    exit_codes: u64,
    /// Whether a decision is tried again with further evidence.
    asks: bool,
}

impl Looks {
    fn add(&mut self, conditions: &Conditions) {
        let Conditions {
            workflow,
            branch,
            event,
            actor,
            job,
            step,
            runner,
            label,
            exit_code,
            annotation,
            log,
            // These look at no text that outsiders choose.
            fork: _,
            attempt: _,
            conclusion: _,
            rescue_rate,
            lost_runner,
            source_annotation,
            base_failed,
            cause,
        } = conditions;
        self.workflow.add(workflow);
        self.branch.add(branch);
        self.event.add(event);
        self.actor.add(actor);
        self.job.add(job);
        self.step.add(step);
        self.runner.add(runner);
        self.label.add(label);
        self.exit_codes += u64::from(exit_code.is_some());
        self.asks |= exit_code.is_some() || annotation.is_some() || log.is_some() || cause.is_some();
        self.asks |= lost_runner.is_some() || source_annotation.is_some() || base_failed.is_some();
        self.asks |= rescue_rate.is_some();
    }

    fn at_run(&self, run: &Run, evidence: &Evidence) -> u64 {
        self.workflow.with(evidence.workflow_names(run).chain(run.workflow_paths()))
            // A fork's branch is matched by another name as well.
            + 2 * self.branch.with(run.head_branch.as_deref())
            + self.event.with([run.event.as_str()])
            + self.actor.with(run.actors.iter().map(String::as_str))
    }

    fn at_job(&self, job: &Job) -> u64 {
        let failed = job.steps.iter().filter(|step| step.conclusion != Some(Conclusion::Success));
        [
            self.job.with([job.name.as_str()]),
            self.step.with(failed.map(|step| step.name.as_str())),
            self.runner.with(job.runner.as_deref()),
            self.label.with(job.labels.iter().map(String::as_str)),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// At the most, for all jobs that may have failed.
pub fn work(policy: &Policy, run: &Run, evidence: &Evidence) -> u64 {
    let Some(jobs) = evidence.jobs.present() else { return 0 };
    let mut looks = Looks::default();
    policy.rules.iter().for_each(|rule| looks.add(&rule.conditions));
    let of_run = looks.at_run(run, evidence) + A_RULE * policy.rules.len() as u64;
    let of_jobs = jobs.iter().filter(|job| !job.passed()).map(|job| of_run.saturating_add(looks.at_job(job)));
    let messages = evidence.annotations.values().filter_map(|read| read.present()).flatten();
    let length = messages.map(|message| message.len() as u64).sum::<u64>();
    let of_codes = length.saturating_mul(looks.exit_codes) / FASTER;
    let tries = if looks.asks || policy.stop_when_repeated.is_some() { TRIES } else { TRIES_AT_LEAST };
    of_jobs.fold(of_codes, u64::saturating_add).saturating_mul(tries) / STEPS
}
