//! Decisions as sentences, and what may have kept a run from being re-run.

use std::fmt;

use crate::escape;
use crate::names::{Conclusion, RunAttempt};
use crate::policy::evidence::{Interruption, Job};
use crate::policy::file::{Action, PolicyOrigin, Rule};
use crate::policy::matching::{RuleMatch, Unknown, rule_names};

use super::words::{clean, count, list, quoted, times};

pub fn broken(origin: PolicyOrigin, error: &str) -> String {
    let whose = match origin {
        PolicyOrigin::Organization => "the organization's policy file, in OWNER/.github,",
        PolicyOrigin::Repository | PolicyOrigin::Preset(_) => "the policy file",
    };
    format!(
        "Left alone: {whose} is not valid, and nothing is re-run until it is fixed ({}).",
        escape::bounded(error, 2 * escape::NAME_CHARS)
    )
}

pub fn too_many(failed: usize, most: u32) -> String {
    let jobs = count(failed, "job");
    format!("Left alone: {jobs} failed at once, more than the policy file's max_failed_jobs ({most}).")
}

/// What is said about one attempt.
pub struct Sentences<'a> {
    /// Whose rules it was decided by.
    pub origin: PolicyOrigin,
    pub attempt: RunAttempt,
    pub conclusion: Conclusion,
    pub jobs: Vec<MatchedJob<'a>>,
}

/// A failed job and the rule that it takes.
#[derive(Clone, Copy)]
pub struct MatchedJob<'a> {
    /// `None`: one that GitHub does not list.
    pub job: Option<&'a Job>,
    pub rule_match: Option<RuleMatch<'a>>,
    pub interruption: Option<Interruption>,
}

impl Sentences<'_> {
    /// `Attempt 1 failed in job "build" at step "Fetch": re-run 1 of at most 3, by rule "network".`
    ///
    /// `in_spite`: of what, with a comma or a semicolon before it.
    pub fn rerun(&self, total: u32, in_spite: &str) -> String {
        let matched = self.jobs.iter().filter_map(|failed| failed.rule_match);
        let rules = rule_names(matched.filter(|rule_match| rule_match.action == Action::Rerun));
        let by = if rules.is_empty() { String::new() } else { format!(", by {}", list("rule", &rules)) };
        let where_in_the_log = match (self.jobs.as_slice(), rules.as_slice()) {
            ([MatchedJob { rule_match: Some(RuleMatch { line: Some(line), .. }), .. }], [_]) => {
                format!(" (line {line} of the job's log)")
            }
            _ => String::new(),
        };
        let (failed, number) = (self.failed(), self.attempt);
        format!("Attempt {failed}: re-run {number} of at most {total}{by}{where_in_the_log}{in_spite}.")
    }

    /// `Attempt 1 failed (network): re-run 1 of at most 3`.
    pub fn rerun_in_short(&self, total: u32, causes: &[&str]) -> String {
        let (attempt, verb) = (self.attempt, verb(Some(self.conclusion)));
        let causes = match causes {
            [] => String::new(),
            [one] => format!(" ({one})"),
            [one, other] => format!(" ({one}, {other})"),
            [one, other, ..] => format!(" ({one}, {other} and more)"),
        };
        format!("Attempt {attempt} {verb}{causes}: re-run {attempt} of at most {total}")
    }

    /// `Attempt 4 failed in job "build": re-run requested by "ann".`
    pub fn by_command(&self, login: &str) -> String {
        format!("Attempt {}: re-run requested by {}.", self.failed(), quoted(login))
    }

    pub fn dry_run(&self, total: u32) -> String {
        let (failed, number) = (self.failed(), self.attempt);
        format!(
            "Left alone, because DRY_RUN is on: attempt {failed}, and would have been re-run (re-run {number} of at most {total})."
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

    /// `Left alone: attempt 1 failed in job "build", and rule "tests" may say to leave it: its log could not be read (…).`
    pub fn left_in_doubt(&self, doubt: &Doubt) -> String {
        format!("Left alone: attempt {}, and {doubt}.", self.failed())
    }

    pub fn over_budget(&self, budget: &str) -> String {
        format!("Left alone: attempt {}, and the repository's budget of {budget} is used up.", self.failed())
    }

    pub fn repeated(&self, attempts: usize) -> String {
        let same = format!("in the same way as before ({attempts} attempts in all), so the failure counts as real");
        format!("Left alone: attempt {}, {same}.", self.failed())
    }

    /// `Left alone: job "test (3.12)" failed at step "Run tests", which rule "tests" leaves to its author.`
    pub fn left(&self) -> String {
        let leaves = |rule_match: &RuleMatch| rule_match.action == Action::Leave;
        let left: Vec<_> = self.jobs.iter().filter(|failed| failed.rule_match.as_ref().is_some_and(leaves)).collect();
        let Some(MatchedJob { job, rule_match: Some(rule_match), interruption }) = left.first() else {
            let (failed, whose) = (self.failed(), whose(self.origin));
            return format!("Left alone: attempt {failed}, and {whose} says to ignore that.");
        };
        let what = job.map_or_else(|| format!("attempt {}", self.failed()), |job| phrase(job, *interruption));
        let rule = match rule_match.rule {
            Some(rule) => format!("rule {} leaves to its author", quoted(&rule.name)),
            None => format!("no rule of {} re-runs", whose(self.origin)),
        };
        let more = match left.len() - 1 {
            0 => String::new(),
            n => format!("; the same goes for {}", count(n, "other failed job")),
        };
        format!("Left alone: {what}, which {rule}{more}.")
    }

    /// `1 failed in job "build" at step "Fetch"`.
    fn failed(&self) -> String {
        let jobs: Vec<_> = self.jobs.iter().filter_map(|failed| Some((failed.job?, failed.interruption))).collect();
        let place = match jobs.as_slice() {
            [] => String::new(),
            [(only, interruption)] => format!(" in job {}{}", quoted(&only.name), how(only, *interruption)),
            many => {
                format!(" in {}", list("job", &many.iter().map(|(job, _)| job.name.as_str()).collect::<Vec<_>>()))
            }
        };
        format!("{} {}{place}", self.attempt, verb(Some(self.conclusion)))
    }
}

fn whose(origin: PolicyOrigin) -> String {
    match origin {
        PolicyOrigin::Preset(preset) => format!("the preset {}", preset.as_str()),
        PolicyOrigin::Organization => "the organization's policy file".to_owned(),
        PolicyOrigin::Repository => "the policy file".to_owned(),
    }
}

fn verb(conclusion: Option<Conclusion>) -> &'static str {
    match conclusion {
        Some(Conclusion::TimedOut) => "timed out",
        Some(Conclusion::Cancelled) => "was cancelled",
        Some(Conclusion::StartupFailure) => "could not start",
        _ => "failed",
    }
}

/// `job "test (3.12)" failed at step "Run tests"`.
fn phrase(job: &Job, interruption: Option<Interruption>) -> String {
    format!("job {} {}{}", quoted(&job.name), verb(job.conclusion), how(job, interruption))
}

/// ` at step "Run tests" (its runner was lost)`.
fn how(job: &Job, interruption: Option<Interruption>) -> String {
    let step = job.failed_steps().next().map(|step| format!(" at step {}", quoted(&step.name)));
    let interruption = interruption.map(|interruption| format!(" ({})", interruption.in_words()));
    [step, interruption].into_iter().flatten().collect()
}

/// What may have kept a run from being re-run, and what cannot be known that would tell.
pub struct Doubt<'a> {
    pub cause: Cause<'a>,
    pub unknown: Unknown<'a>,
}

pub enum Cause<'a> {
    Rule(&'a Rule),
    MaxFailedJobs,
    StopWhenRepeated,
    MinutesPerDay,
}

impl Doubt<'_> {
    /// For the sentence of a re-run.
    pub fn in_spite(&self) -> String {
        format!(", although {self}; absent_evidence says to re-run it")
    }
}

/// `rule "tests" may say to leave it: its log could not be read (GitHub has none (404))`.
impl fmt::Display for Doubt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Rule(rule) => {
                let says = match rule.action {
                    Action::Leave => "may say to leave it",
                    Action::Ignore => "may say to ignore it",
                    Action::Rerun => "may apply, and its re-runs are used up",
                };
                write!(f, "rule {} {says}", quoted(&rule.name))?;
            }
            Cause::MaxFailedJobs => f.write_str("more jobs may have failed than the policy file's max_failed_jobs")?,
            Cause::StopWhenRepeated => f.write_str("it may have failed in the same way as before")?,
            Cause::MinutesPerDay => f.write_str("its re-run may take more than is left of minutes_per_day")?,
        }
        write!(f, ": {}", self.unknown)
    }
}

impl Unknown<'_> {
    pub fn noun(self) -> &'static str {
        match self {
            Self::Jobs(_) => "its jobs",
            Self::Annotations(_) => "its annotations",
            Self::Log(_) => "its log",
            Self::Workflow(_) => "the name of its workflow",
            Self::Base(_) => "the newest run on its base branch",
            Self::RescueRate(_) => "how often its re-runs passed",
            Self::Branch | Self::Fork => "its branch",
            Self::Event => "its event",
            Self::Actor => "who started it",
        }
    }
}

/// `its log could not be read (GitHub has none (404))`.
impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs(why)
            | Self::Annotations(why)
            | Self::Log(why)
            | Self::Workflow(why)
            | Self::Base(why)
            | Self::RescueRate(why) => {
                write!(f, "{} could not be read ({})", self.noun(), clean(why))
            }
            Self::Branch => f.write_str("GitHub does not say what its branch is"),
            Self::Fork => f.write_str("its branch was in a fork that is gone, and GitHub does not say whose it was"),
            Self::Event => f.write_str("GitHub does not say what started it"),
            Self::Actor => f.write_str("GitHub does not say who started it"),
        }
    }
}
