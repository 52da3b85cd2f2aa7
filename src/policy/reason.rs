//! Decisions as sentences, for a reader who has never seen this code.

use crate::hint::Conclusion;
use crate::names::RunAttempt;

use super::evidence::Job;
use super::format::{Rule, Then};
use super::judge::{Judgement, failed_steps};
use super::words::{clean, count, list, quoted, times};

pub use super::words::quoted as named;

pub fn broken(error: &str) -> String {
    format!("Left alone: the policy file is not valid, and nothing is re-run until it is ({}).", clean(error))
}

pub fn too_many(failed: usize, most: u32) -> String {
    format!(
        "Left alone: {} failed at once, more than max_failed_jobs of the policy file ({most}).",
        count(failed, "job")
    )
}

/// `30 re-runs`.
pub fn reruns(n: u32) -> String {
    if n == 1 { "1 re-run".to_owned() } else { format!("{n} re-runs") }
}

/// Speaks of one attempt.
pub struct Words<'a> {
    attempt: RunAttempt,
    conclusion: Conclusion,
    /// A job that nothing is known of is `None`.
    jobs: Vec<(Option<&'a Job>, Option<Judgement<'a>>)>,
}

impl<'a> Words<'a> {
    pub fn new(
        attempt: RunAttempt,
        conclusion: Conclusion,
        jobs: Vec<(Option<&'a Job>, Option<Judgement<'a>>)>,
    ) -> Self {
        Self { attempt, conclusion, jobs }
    }

    /// `Attempt 1 failed in job "build" at step "Fetch": re-run 1 of at most 3, by rule "network".`
    pub fn rerun(&self, total: u32) -> String {
        let mut rules: Vec<&str> = Vec::new();
        for judgement in self.judged(Then::Rerun) {
            match judgement.rule {
                Some(rule) if !rules.contains(&rule.name.as_str()) => rules.push(&rule.name),
                _ => {}
            }
        }
        let by = if rules.is_empty() { String::new() } else { format!(", by {}", list("rule", &rules)) };
        let where_in_the_log = match (self.jobs.as_slice(), rules.as_slice()) {
            ([(_, Some(Judgement { line: Some(line), .. }))], [_]) => format!(" (line {line} of the job's log)"),
            _ => String::new(),
        };
        format!("Attempt {}: re-run {} of at most {total}{by}{where_in_the_log}.", self.failed(), self.attempt)
    }

    pub fn dry_run(&self, total: u32) -> String {
        format!(
            "Left alone: DRY_RUN is on; attempt {} and would have had re-run {} of at most {total}.",
            self.failed(),
            self.attempt
        )
    }

    pub fn exhausted(&self, total: u32, rule: Option<&Rule>) -> String {
        let limit = match rule {
            Some(Rule { name, max_reruns: Some(max), .. }) => {
                format!("rule {} re-runs a run at most {}", quoted(name), times(*max))
            }
            _ => format!("a run is re-run at most {}", times(total)),
        };
        format!("Gave up: attempt {}, and {limit}.", self.failed())
    }

    pub fn over_budget(&self, budget: &str) -> String {
        format!("Left alone: attempt {}, and the repository's budget of {budget} is used up.", self.failed())
    }

    pub fn cost_unknown(&self) -> String {
        format!(
            "Left alone: attempt {}, and how many runner minutes of the repository's budget its re-run takes is not known.",
            self.failed()
        )
    }

    pub fn repeated(&self, attempts: usize) -> String {
        format!(
            "Left alone: attempt {}, in the same way as before: {attempts} attempts in all, so that it is taken for real.",
            self.failed()
        )
    }

    /// `Left alone: job "test (3.12)" failed at step "Run tests", which rule "tests" leaves to its author.`
    pub fn left(&self) -> String {
        let leaves = |judgement: &Judgement| judgement.then == Then::Leave;
        let left: Vec<_> = self.jobs.iter().filter(|(_, judgement)| judgement.as_ref().is_some_and(leaves)).collect();
        let Some((job, Some(judgement))) = left.first() else {
            return format!("Left alone: attempt {}, and the policy file says to ignore that.", self.failed());
        };
        let what = job.map_or_else(|| format!("attempt {}", self.failed()), phrase);
        let rule = match judgement.rule {
            Some(rule) => format!("rule {} leaves to its author", quoted(&rule.name)),
            None => "no rule of the policy file re-runs".to_owned(),
        };
        let more = match left.len() - 1 {
            0 => String::new(),
            n => format!("; the same goes for {}", count(n, "other failed job")),
        };
        format!("Left alone: {what}, which {rule}{more}.")
    }

    /// `1 failed in job "build" at step "Fetch"`.
    fn failed(&self) -> String {
        let what = match self.conclusion {
            Conclusion::TimedOut => "timed out",
            Conclusion::Cancelled => "was cancelled",
            _ => "failed",
        };
        let jobs: Vec<&Job> = self.jobs.iter().filter_map(|(job, _)| *job).collect();
        let place = match jobs.as_slice() {
            [] => String::new(),
            [only] => match failed_steps(only).next() {
                Some(step) => format!(" in job {} at step {}", quoted(&only.name), quoted(&step.name)),
                None => format!(" in job {}", quoted(&only.name)),
            },
            many => format!(" in {}", list("job", &many.iter().map(|job| job.name.as_str()).collect::<Vec<_>>())),
        };
        format!("{} {what}{place}", self.attempt)
    }

    fn judged(&self, then: Then) -> impl Iterator<Item = Judgement<'a>> {
        self.jobs.iter().filter_map(move |(_, judgement)| judgement.filter(|judgement| judgement.then == then))
    }
}

/// `job "test (3.12)" failed at step "Run tests"`.
fn phrase(job: &Job) -> String {
    let what = match job.conclusion {
        Some(Conclusion::TimedOut) => "timed out",
        Some(Conclusion::Cancelled) => "was cancelled",
        Some(Conclusion::StartupFailure) => "could not start",
        _ => "failed",
    };
    let step = failed_steps(job).next().map(|step| format!(" at step {}", quoted(&step.name)));
    format!("job {} {what}{}", quoted(&job.name), step.unwrap_or_default())
}
