//! What looking at the names of jobs and at exit codes costs. They are others' as well, and each rule looks at each of them.
//!
//! It is reckoned beforehand, as they are looked at anew each time that a decision is tried.

use crate::names::Conclusion;
use crate::policy::evidence::{Evidence, Job, Read};
use crate::policy::format::{Names, Policy};
use crate::policy::run::Run;
use crate::policy::workflow;

/// A decision is tried with its jobs, and again with each piece of evidence: as often as it can make requests.
const TRIES: u64 = 25;
/// Without evidence to come.
const TRIES_AT_LEAST: u64 = 3;
/// So many steps of a glob, or of looking at a rule, take the time of one unit.
const STEPS: u64 = 4;
/// A text is gone through for an exit code so many times as fast as a name is matched.
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
    fn of<'p>(names: impl Iterator<Item = &'p Names>) -> Self {
        let mut globs = Self::default();
        for text in names.flat_map(Names::texts) {
            // After a star, each place in the name is tried until what follows the star fits.
            let parts = text.split('*').skip(1).map(|part| part.chars().count() as u64);
            globs.a_character += 1 + parts.max().unwrap_or_default();
            globs.a_name += 1 + text.len() as u64;
        }
        globs
    }

    fn with<'n>(self, names: impl Iterator<Item = &'n str>) -> u64 {
        let cost = |name: &str| self.a_character.saturating_mul(name.len() as u64).saturating_add(self.a_name);
        names.map(cost).fold(0, u64::saturating_add)
    }
}

/// At the most, for all jobs that may have failed.
pub fn work(policy: &Policy, run: &Run, evidence: &Evidence) -> u64 {
    let Read::There(jobs) = &evidence.jobs else { return 0 };
    let workflow = workflow::names(run, evidence).chain(workflow::paths(run));
    let conditions = || policy.rules.iter().map(|rule| &rule.conditions);
    let of_run = Globs::of(conditions().filter_map(|is| is.workflow.as_ref())).with(workflow)
        // A fork's branch is matched by another name as well.
        + 2 * Globs::of(conditions().filter_map(|is| is.branch.as_ref())).with(run.head_branch.as_deref().into_iter())
        + Globs::of(conditions().filter_map(|is| is.event.as_ref())).with([run.event.as_str()].into_iter())
        + Globs::of(conditions().filter_map(|is| is.actor.as_ref())).with(run.actors.iter().map(String::as_str))
        + A_RULE * policy.rules.len() as u64;
    let names = Globs::of(conditions().filter_map(|is| is.job.as_ref()));
    let steps = Globs::of(conditions().filter_map(|is| is.step.as_ref()));
    let runners = Globs::of(conditions().filter_map(|is| is.runner.as_ref()));
    let labels = Globs::of(conditions().filter_map(|is| is.label.as_ref()));
    let passed = |job: &&Job| matches!(job.conclusion, Some(Conclusion::Success | Conclusion::Skipped));
    let of_job = |job: &Job| {
        let failed = job.steps.iter().filter(|step| step.conclusion != Some(Conclusion::Success));
        [
            of_run,
            names.with([job.name.as_str()].into_iter()),
            steps.with(failed.map(|step| step.name.as_str())),
            runners.with(job.runner.as_deref().into_iter()),
            labels.with(job.labels.iter().map(String::as_str)),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    };
    let jobs = jobs.iter().filter(|job| !passed(job)).map(of_job).fold(0, u64::saturating_add);
    let messages = evidence.annotations.values().filter_map(|read| match read {
        Read::There(messages) => Some(messages.iter().map(|message| message.len() as u64).sum::<u64>()),
        Read::Unread | Read::Absent(_) => None,
    });
    let codes = conditions().filter(|is| is.exit_code.is_some()).count() as u64;
    let jobs = jobs.saturating_add(messages.sum::<u64>().saturating_mul(codes) / FASTER);
    let asks = conditions().any(|is| is.log.is_some() || is.annotation.is_some() || is.exit_code.is_some());
    let tries = if asks || policy.stop_when_repeated.is_some() { TRIES } else { TRIES_AT_LEAST };
    jobs.saturating_mul(tries) / STEPS
}
