//! Decisions as sentences, for a reader who has never seen this code.

use crate::names::{Conclusion, RunAttempt};
use crate::policy::evidence::{Interruption, Job};
use crate::policy::file::{Action, Rule};
use crate::policy::matching::RuleMatch;

use super::doubt::Doubt;
use super::words::{clean, count, list, quoted, times};

pub fn broken(error: &str) -> String {
    format!("Left alone: the policy file is not valid, and nothing is re-run until it is ({}).", clean(error))
}

pub fn too_many(failed: usize, most: u32) -> String {
    format!(
        "Left alone: {} failed at once, more than max_failed_jobs of the policy file ({most}).",
        count(failed, "job")
    )
}

/// What is said about one attempt.
pub struct Sentences<'a> {
    attempt: RunAttempt,
    conclusion: Conclusion,
    jobs: Vec<MatchedJob<'a>>,
}

/// A failed job and the rule that it takes.
#[derive(Clone, Copy)]
pub struct MatchedJob<'a> {
    /// `None`: one that GitHub does not list.
    pub job: Option<&'a Job>,
    pub rule_match: Option<RuleMatch<'a>>,
    pub interruption: Option<Interruption>,
}

impl<'a> Sentences<'a> {
    pub fn new(attempt: RunAttempt, conclusion: Conclusion, jobs: Vec<MatchedJob<'a>>) -> Self {
        Self { attempt, conclusion, jobs }
    }

    /// `Attempt 1 failed in job "build" at step "Fetch": re-run 1 of at most 3, by rule "network".`
    ///
    /// `in_spite`: of what, with a comma or a semicolon before it.
    pub fn rerun(&self, total: u32, in_spite: &str) -> String {
        let mut rules: Vec<&str> = Vec::new();
        for rule_match in self.matched(Action::Rerun) {
            match rule_match.rule {
                Some(rule) if !rules.contains(&rule.name.as_str()) => rules.push(&rule.name),
                _ => {}
            }
        }
        let by = if rules.is_empty() { String::new() } else { format!(", by {}", list("rule", &rules)) };
        let where_in_the_log = match (self.jobs.as_slice(), rules.as_slice()) {
            ([MatchedJob { rule_match: Some(RuleMatch { line: Some(line), .. }), .. }], [_]) => {
                format!(" (line {line} of the job's log)")
            }
            _ => String::new(),
        };
        format!(
            "Attempt {}: re-run {} of at most {total}{by}{where_in_the_log}{in_spite}.",
            self.failed(),
            self.attempt
        )
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

    /// `Left alone: attempt 1 failed in job "build", and rule "tests" may say to leave it: its log could not be read (…).`
    pub fn left_in_doubt(&self, doubt: &Doubt) -> String {
        format!("Left alone: attempt {}, and {doubt}.", self.failed())
    }

    pub fn over_budget(&self, budget: &str) -> String {
        format!("Left alone: attempt {}, and the repository's budget of {budget} is used up.", self.failed())
    }

    pub fn repeated(&self, attempts: usize) -> String {
        format!(
            "Left alone: attempt {}, in the same way as before: {attempts} attempts in all, so the failure is taken to be real.",
            self.failed()
        )
    }

    /// `Left alone: job "test (3.12)" failed at step "Run tests", which rule "tests" leaves to its author.`
    pub fn left(&self) -> String {
        let leaves = |rule_match: &RuleMatch| rule_match.action == Action::Leave;
        let left: Vec<_> = self.jobs.iter().filter(|failed| failed.rule_match.as_ref().is_some_and(leaves)).collect();
        let Some(MatchedJob { job, rule_match: Some(rule_match), interruption }) = left.first() else {
            return format!("Left alone: attempt {}, and the policy file says to ignore that.", self.failed());
        };
        let what = job.map_or_else(|| format!("attempt {}", self.failed()), |job| phrase(job, *interruption));
        let rule = match rule_match.rule {
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
        let jobs: Vec<_> = self.jobs.iter().filter_map(|failed| Some((failed.job?, failed.interruption))).collect();
        let place = match jobs.as_slice() {
            [] => String::new(),
            [(only, interruption)] => format!(" in job {}{}", quoted(&only.name), how(only, *interruption)),
            many => {
                format!(" in {}", list("job", &many.iter().map(|(job, _)| job.name.as_str()).collect::<Vec<_>>()))
            }
        };
        format!("{} {what}{place}", self.attempt)
    }

    fn matched(&self, action: Action) -> impl Iterator<Item = RuleMatch<'a>> {
        self.jobs.iter().filter_map(move |failed| failed.rule_match.filter(|rule_match| rule_match.action == action))
    }
}

/// `job "test (3.12)" failed at step "Run tests"`.
fn phrase(job: &Job, interruption: Option<Interruption>) -> String {
    let what = match job.conclusion {
        Some(Conclusion::TimedOut) => "timed out",
        Some(Conclusion::Cancelled) => "was cancelled",
        Some(Conclusion::StartupFailure) => "could not start",
        _ => "failed",
    };
    format!("job {} {what}{}", quoted(&job.name), how(job, interruption))
}

/// ` at step "Run tests" (its runner was lost)`.
fn how(job: &Job, interruption: Option<Interruption>) -> String {
    let step = job.failed_steps().next().map(|step| format!(" at step {}", quoted(&step.name)));
    let interruption = interruption.map(|interruption| format!(" ({})", interruption.in_words()));
    [step, interruption].into_iter().flatten().collect()
}
