//! What the rules make of one failed job.

use crate::github::Run;
use crate::hint::Conclusion;

use super::evidence::{Evidence, Job, Need, Read, Step};
use super::format::{Conditions, Policy, Rule, Then};

/// The first rule that matches a job, or what holds for those that none does.
#[derive(Debug, Clone, Copy)]
pub struct Judgement<'p> {
    pub then: Then,
    pub rule: Option<&'p Rule>,
    /// The number of the log's line that the rule matched.
    pub line: Option<u64>,
}

/// What can still be made of a job with what was read so far.
#[derive(Debug)]
pub struct Outlook<'p> {
    /// What is still possible; one that is certain if nothing is needed.
    possible: Vec<Judgement<'p>>,
    /// What has to be read before more can be said.
    pub need: Option<Need>,
}

impl<'p> Outlook<'p> {
    pub fn certain(&self) -> Option<Judgement<'p>> {
        self.possible.first().copied().filter(|_| self.need.is_none())
    }

    pub fn can_be(&self, then: Then) -> bool {
        self.possible.iter().any(|judgement| judgement.then == then)
    }
}

/// `job` is `None` for a failed job of which nothing is known: only what is true of the whole run matches it.
pub fn judge<'p>(policy: &'p Policy, run: &Run, job: Option<&Job>, evidence: &Evidence) -> Outlook<'p> {
    let mut outlook = Outlook { possible: Vec::new(), need: None };
    for rule in &policy.rules {
        match matches(&rule.conditions, rule.then == Then::Leave, run, job, evidence) {
            Match::No => {}
            Match::Unread(need) => {
                outlook.need.get_or_insert(need);
                outlook.possible.push(Judgement { then: rule.then, rule: Some(rule), line: None });
            }
            Match::Yes { line } => {
                outlook.possible.push(Judgement { then: rule.then, rule: Some(rule), line });
                return outlook;
            }
        }
    }
    outlook.possible.push(Judgement { then: policy.otherwise, rule: None, line: None });
    outlook
}

enum Match {
    No,
    Yes { line: Option<u64> },
    Unread(Need),
}

/// What costs a call to find out is looked at last. `leaves`: whether the rule does, which holds where it is not known.
fn matches(conditions: &Conditions, leaves: bool, run: &Run, job: Option<&Job>, evidence: &Evidence) -> Match {
    let c = conditions;
    let of_run = one(&c.workflow, |names| names_of_workflow(run).any(|name| names.matches(name)))
        && one(&c.branch, |names| if leaves { names.may_match_branch(run) } else { names.match_branch(run) })
        && one(&c.fork, |fork| run.is_of_fork() == *fork)
        && one(&c.event, |names| names.matches(&run.event))
        && one(&c.actor, |names| run.actors.iter().any(|actor| names.matches(actor)))
        && one(&c.attempt, |numbers| numbers.matches(run.run_attempt.get().into()));
    if !of_run {
        return Match::No;
    }
    let Some(job) = job else {
        return if is_about_the_run_alone(conditions) { Match::Yes { line: None } } else { Match::No };
    };
    let of_job = one(&c.job, |names| names.matches(&job.name))
        && one(&c.step, |names| failed_steps(job).any(|step| names.matches(&step.name)))
        && one(&c.runner, |names| job.runner.as_deref().is_some_and(|runner| names.matches(runner)))
        && one(&c.label, |names| job.labels.iter().any(|label| names.matches(label)))
        && one(&c.conclusion, |conclusions| job.conclusion.is_some_and(|is| conclusions.contains(&is)))
        && one(&c.lost_runner, |wanted| is_lost_runner(job) == *wanted);
    if !of_job {
        return Match::No;
    }
    if c.exit_code.is_some() || c.annotation.is_some() {
        if matches!(evidence.annotations.get(&job.job_id), None | Some(Read::Unread)) {
            return Match::Unread(Need::Annotations(job.job_id));
        }
        let messages = annotations(job, evidence);
        let annotated = one(&c.exit_code, |numbers| exit_code(messages).is_some_and(|code| numbers.matches(code)))
            && one(&c.annotation, |patterns| evidence.searched.is_annotated(job.job_id, patterns));
        if !annotated {
            return Match::No;
        }
    }
    match (&c.log, evidence.logs.get(&job.job_id)) {
        (None, _) => Match::Yes { line: None },
        (Some(_), None | Some(Read::Unread)) => Match::Unread(Need::Log(job.job_id)),
        (Some(_), Some(Read::Absent(_))) => Match::No,
        (Some(patterns), Some(Read::There(_))) => {
            let line = evidence.searched.line(job.job_id, patterns);
            line.map_or(Match::No, |line| Match::Yes { line: Some(line) })
        }
    }
}

/// A condition that is not there holds.
fn one<T>(condition: &Option<T>, holds: impl FnOnce(&T) -> bool) -> bool {
    condition.as_ref().is_none_or(holds)
}

fn is_about_the_run_alone(conditions: &Conditions) -> bool {
    let Conditions { workflow, branch, fork, event, actor, attempt, .. } = conditions.clone();
    *conditions == Conditions { workflow, branch, fork, event, actor, attempt, ..Conditions::default() }
}

/// What a workflow can be called: its name, its file's path, its file's name.
pub fn names_of_workflow(run: &Run) -> impl Iterator<Item = &str> {
    let path = run.path.as_deref();
    let file = path.map(|path| path.rsplit('/').next().unwrap_or(path));
    [run.workflow.as_deref(), path, file].into_iter().flatten()
}

/// The steps by which a job failed. What was cancelled in a job that failed was on its way when it failed.
pub fn failed_steps(job: &Job) -> impl Iterator<Item = &Step> {
    let cut_short = matches!(job.conclusion, Some(Conclusion::Cancelled | Conclusion::TimedOut));
    job.steps.iter().filter(move |step| match step.conclusion {
        Some(Conclusion::Failure | Conclusion::TimedOut) => true,
        Some(Conclusion::Cancelled) => cut_short,
        _ => false,
    })
}

fn is_lost_runner(job: &Job) -> bool {
    job.conclusion == Some(Conclusion::Failure) && failed_steps(job).next().is_none()
}

/// None, if they were not or could not be read.
pub fn annotations<'e>(job: &Job, evidence: &'e Evidence) -> &'e [String] {
    match evidence.annotations.get(&job.job_id) {
        Some(Read::There(messages)) => messages,
        _ => &[],
    }
}

/// GitHub says it in an annotation, and nowhere else.
pub fn exit_code(annotations: &[String]) -> Option<i64> {
    annotations.iter().find_map(|message| {
        let (_, rest) = message.split_once("Process completed with exit code ")?;
        rest.split(|c: char| !c.is_ascii_digit() && c != '-').next()?.parse().ok()
    })
}
