//! Whether the conditions of one rule hold.

use crate::policy::evidence::workflow::{self, Name};
use crate::policy::evidence::{Evidence, Fetched, Interruption, Job, Need, exit_code as exit_code_in};
use crate::policy::file::{Action, Conditions, Names, Rule};
use crate::policy::run::Run;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds<'a> {
    No,
    Yes,
    /// It can be found out.
    Needs(Need),
    /// It cannot.
    Unknown(Unknown<'a>),
}

impl From<bool> for Holds<'_> {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// What cannot be known, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown<'a> {
    Jobs(&'a str),
    Annotations(&'a str),
    Log(&'a str),
    Workflow(&'a str),
    /// The run itself does not say.
    Branch,
    /// Whose it was, as it is gone.
    Fork,
    Event,
    Actor,
}

/// Whether all conditions of a rule hold, and the number of the log's line that it matched.
///
/// What costs a call to find out is looked at last, and only if all before it may hold.
///
/// Where something is absent, more is asked for only if the rule keeps runs from being re-run: another's match changes
/// nothing that is not certain.
pub fn match_rule<'a>(
    rule: &Rule,
    run: &'a Run,
    job: Result<&'a Job, &'a str>,
    evidence: &'a Evidence,
) -> (Holds<'a>, Option<u64>) {
    let mut unknown = None;
    let mut require = |holds: Holds<'a>| -> Result<(), Holds<'a>> {
        match holds {
            Holds::Yes => Ok(()),
            Holds::No => Err(Holds::No),
            Holds::Needs(need) => Err(match unknown.filter(|_| rule.action == Action::Rerun) {
                Some(unknown) => Holds::Unknown(unknown),
                None => Holds::Needs(need),
            }),
            Holds::Unknown(what) => {
                unknown.get_or_insert(what);
                Ok(())
            }
        }
    };
    match (require_all(&rule.conditions, run, job, evidence, &mut require), unknown) {
        (Err(otherwise), _) => (otherwise, None),
        (Ok(_), Some(unknown)) => (Holds::Unknown(unknown), None),
        (Ok(line), None) => (Holds::Yes, line),
    }
}

fn require_all<'a>(
    conditions: &Conditions,
    run: &'a Run,
    job: Result<&'a Job, &'a str>,
    evidence: &'a Evidence,
    require: &mut dyn FnMut(Holds<'a>) -> Result<(), Holds<'a>>,
) -> Result<Option<u64>, Holds<'a>> {
    let Conditions {
        workflow,
        branch,
        fork,
        event,
        actor,
        attempt,
        job: job_name,
        step,
        runner,
        label,
        conclusion,
        lost_runner,
        exit_code,
        annotation,
        log,
    } = conditions;
    require(if_set(branch, |names| is_of_branch(names, run)))?;
    require(if_set(fork, |fork| (run.is_of_fork() == *fork).into()))?;
    require(if_set(event, |names| is_one_of(names, known(&run.event).as_slice(), Unknown::Event)))?;
    require(if_set(actor, |names| is_one_of(names, &run.actors, Unknown::Actor)))?;
    require(if_set(attempt, |numbers| numbers.matches(run.run_attempt.get().into()).into()))?;
    match job {
        Ok(job) => {
            require(if_set(job_name, |names| names.matches(&job.name).into()))?;
            require(if_set(step, |names| job.failed_steps().any(|step| names.matches(&step.name)).into()))?;
            require(if_set(runner, |names| job.runner.as_deref().is_some_and(|name| names.matches(name)).into()))?;
            require(if_set(label, |names| job.labels.iter().any(|label| names.matches(label)).into()))?;
            require(if_set(conclusion, |list| job.conclusion.is_some_and(|is| list.contains(&is)).into()))
        }
        Err(_) if is_about_the_run_alone(conditions) => Ok(()),
        Err(why) => require(Holds::Unknown(Unknown::Jobs(why))),
    }?;
    require(if_set(workflow, |names| is_of_workflow(names, run, evidence)))?;
    let Ok(job) = job else { return Ok(None) };
    require(if_set(lost_runner, |wanted| is_lost_runner(job, evidence, *wanted)))?;
    require(if_set(exit_code, |numbers| {
        annotated(job, evidence, |messages| exit_code_in(messages).is_some_and(|code| numbers.matches(code)))
    }))?;
    require(if_set(annotation, |patterns| {
        annotated(job, evidence, |_| evidence.searched.is_annotated(job.job_id, patterns))
    }))?;
    let Some(patterns) = log else { return Ok(None) };
    match evidence.logs.get(&job.job_id) {
        None | Some(Fetched::NotYet) => require(Holds::Needs(Need::Log(job.job_id))).map(|()| None),
        Some(Fetched::Absent(why)) => require(Holds::Unknown(Unknown::Log(why))).map(|()| None),
        Some(Fetched::Present(_)) => evidence.searched.line(job.job_id, patterns).ok_or(Holds::No).map(Some),
    }
}

/// A condition that the rule does not have holds.
fn if_set<'a, T>(condition: &Option<T>, holds: impl FnOnce(&T) -> Holds<'a>) -> Holds<'a> {
    condition.as_ref().map_or(Holds::Yes, holds)
}

fn is_about_the_run_alone(conditions: &Conditions) -> bool {
    let Conditions {
        workflow: _,
        branch: _,
        fork: _,
        event: _,
        actor: _,
        attempt: _,
        job,
        step,
        runner,
        label,
        conclusion,
        lost_runner,
        exit_code,
        annotation,
        log,
    } = conditions;
    [job, step, runner, label].into_iter().all(Option::is_none)
        && [annotation, log].into_iter().all(Option::is_none)
        && conclusion.is_none()
        && lost_runner.is_none()
        && exit_code.is_none()
}

/// Whether one of the names that the run has for something is one of those.
pub fn is_one_of<'a>(names: &Names, has: &[impl AsRef<str>], unknown: Unknown<'a>) -> Holds<'a> {
    if has.is_empty() { Holds::Unknown(unknown) } else { has.iter().any(|name| names.matches(name.as_ref())).into() }
}

pub fn is_of_branch<'a>(names: &Names, run: &Run) -> Holds<'a> {
    match run.head_branch {
        None => Holds::Unknown(Unknown::Branch),
        Some(_) if names.match_branch(run) => Holds::Yes,
        Some(_) if names.may_match_branch(run) => Holds::Unknown(Unknown::Fork),
        Some(_) => Holds::No,
    }
}

pub fn is_of_workflow<'a>(names: &Names, run: &'a Run, evidence: &'a Evidence) -> Holds<'a> {
    if names.is_empty() {
        return Holds::No;
    }
    if workflow::paths(run).any(|path| names.matches(path)) {
        return Holds::Yes;
    }
    match workflow::name(run, evidence) {
        Name::Known(name) => names.matches(name).into(),
        Name::Needs(need) => Holds::Needs(need),
        Name::Absent(why) => Holds::Unknown(Unknown::Workflow(why)),
    }
}

/// What GitHub leaves empty is not known.
pub fn known(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

/// By what its annotations say, or else by a step that began and never ended. That no step failed proves nothing: jobs that
/// never started look the same.
fn is_lost_runner<'a>(job: &'a Job, evidence: &'a Evidence, wanted: bool) -> Holds<'a> {
    let never_ended = job.steps.iter().any(|step| step.going);
    match evidence.annotations.get(&job.job_id) {
        None | Some(Fetched::NotYet) => Holds::Needs(Need::Annotations(job.job_id)),
        Some(Fetched::Present(_)) => {
            let is_lost = match evidence.interruption_of(job) {
                Some(interruption) => interruption == Interruption::LostRunner,
                None => never_ended,
            };
            (is_lost == wanted).into()
        }
        Some(Fetched::Absent(_)) if never_ended => wanted.into(),
        Some(Fetched::Absent(why)) => Holds::Unknown(Unknown::Annotations(why)),
    }
}

fn annotated<'a>(job: &Job, evidence: &'a Evidence, holds: impl FnOnce(&[String]) -> bool) -> Holds<'a> {
    match (evidence.annotations.get(&job.job_id), evidence.annotations_cut.get(&job.job_id)) {
        (None | Some(Fetched::NotYet), _) => Holds::Needs(Need::Annotations(job.job_id)),
        (Some(Fetched::Absent(why)), _) => Holds::Unknown(Unknown::Annotations(why)),
        (Some(Fetched::Present(messages)), cut) => match (holds(messages), cut) {
            (true, _) => Holds::Yes,
            (false, Some(why)) => Holds::Unknown(Unknown::Annotations(why)),
            (false, None) => Holds::No,
        },
    }
}
