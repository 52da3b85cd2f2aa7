//! A failed job and the rules → which of them it may take, and what has to be read to know more.

use crate::names::Conclusion;

use super::evidence::{
    CauseOf, Evidence, Fetched, Interruption, Job, Need, Source, WorkflowName, exit_code as exit_code_in,
};
use super::file::{Action, Conditions, Names, Numbers, Policy, Rule};
use super::run::Run;

/// The first rule that matches a job, or what holds for those that none does.
#[derive(Debug, Clone, Copy)]
pub struct RuleMatch<'p> {
    pub action: Action,
    pub rule: Option<&'p Rule>,
    /// The number of the log's line that the rule matched.
    pub line: Option<u64>,
}

/// Each rule's name, once.
pub fn rule_names<'p>(matches: impl IntoIterator<Item = RuleMatch<'p>>) -> Vec<&'p str> {
    let mut names = Vec::new();
    for rule in matches.into_iter().filter_map(|rule_match| rule_match.rule) {
        if !names.contains(&rule.name.as_str()) {
            names.push(&rule.name);
        }
    }
    names
}

/// What a job can still take, by what was read so far.
#[derive(Debug)]
pub struct RuleMatches<'a> {
    /// One that is certain if nothing is needed.
    possible: Vec<RuleMatch<'a>>,
    /// What has to be read to know more.
    pub need: Option<Need>,
    /// The rules before the certain one that would have matched if what is absent had been there and had been so.
    pub uncertain: Vec<UncertainMatch<'a>>,
}

/// A rule that may match, but for what is absent.
#[derive(Debug, Clone, Copy)]
pub struct UncertainMatch<'a> {
    pub rule_match: RuleMatch<'a>,
    pub unknown: Unknown<'a>,
}

impl<'a> RuleMatches<'a> {
    pub fn certain(&self) -> Option<RuleMatch<'a>> {
        self.possible.first().copied().filter(|_| self.need.is_none())
    }

    pub fn can_be(&self, action: Action) -> bool {
        self.possible.iter().any(|rule_match| rule_match.action == action)
    }
}

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
    /// The newest run on the base branch.
    Base(&'a str),
    RescueRate(&'a str),
    /// The run itself does not say.
    Branch,
    /// Whose it was, as it is gone.
    Fork,
    Event,
    Actor,
}

/// What rules are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub run: &'a Run,
    /// `Err` for failed jobs that GitHub does not list, with why: only conditions on the run can hold for them.
    pub job: Result<&'a Job, &'a str>,
    pub evidence: &'a Evidence,
}

pub fn match_rules<'a>(policy: &'a Policy, subject: Subject<'a>) -> RuleMatches<'a> {
    let mut matches = RuleMatches { possible: Vec::new(), need: None, uncertain: Vec::new() };
    for rule in &policy.rules {
        let rule_match = |line| RuleMatch { action: rule.action, rule: Some(rule), line };
        match match_rule(rule, subject) {
            (Holds::No, _) => {}
            (Holds::Needs(need), _) => {
                matches.need.get_or_insert(need);
                matches.possible.push(rule_match(None));
            }
            (Holds::Unknown(unknown), _) => {
                matches.uncertain.push(UncertainMatch { rule_match: rule_match(None), unknown });
            }
            (Holds::Yes, line) => {
                matches.possible.push(rule_match(line));
                return matches;
            }
        }
    }
    matches.possible.push(RuleMatch { action: policy.otherwise, rule: None, line: None });
    matches
}

/// Whether all conditions of a rule hold, and the number of the log's line that it matched.
///
/// What costs a call to find out is looked at last, and only if all before it may hold.
///
/// Where something is absent, more is asked for only if the rule keeps runs from being re-run: another's match changes
/// nothing that is not certain.
fn match_rule<'a>(rule: &Rule, subject: Subject<'a>) -> (Holds<'a>, Option<u64>) {
    let mut unknown = None;
    let mut require = |holds: Holds<'a>| match holds {
        Holds::Yes => Ok(()),
        Holds::No => Err(Holds::No),
        Holds::Needs(_) => Err(unknown.filter(|_| rule.action == Action::Rerun).map_or(holds, Holds::Unknown)),
        Holds::Unknown(what) => {
            unknown.get_or_insert(what);
            Ok(())
        }
    };
    match (require_all(&rule.conditions, subject, &mut require), unknown) {
        (Err(otherwise), _) => (otherwise, None),
        (Ok(_), Some(unknown)) => (Holds::Unknown(unknown), None),
        (Ok(line), None) => (Holds::Yes, line),
    }
}

fn require_all<'a>(
    conditions: &Conditions,
    Subject { run, job, evidence }: Subject<'a>,
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
        source_annotation,
        annotation,
        rescue_rate,
        base_failed,
        cause,
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
            require(if_set(runner, |names| job.runner.iter().any(|name| names.matches(name)).into()))?;
            require(if_set(label, |names| job.labels.iter().any(|label| names.matches(label)).into()))?;
            require(if_set(conclusion, |list| job.conclusion.is_some_and(|is| list.contains(&is)).into()))
        }
        Err(_) if is_about_the_run_alone(conditions) => Ok(()),
        Err(why) => require(Holds::Unknown(Unknown::Jobs(why))),
    }?;
    require(if_set(workflow, |names| is_of_workflow(names, run, evidence)))?;
    let Ok(job) = job else { return Ok(None) };
    require(if_set(rescue_rate, |numbers| has_rescue_rate(job, evidence, numbers)))?;
    require(if_set(lost_runner, |wanted| is_lost_runner(job, evidence, *wanted)))?;
    require(if_set(exit_code, |numbers| {
        annotated(job, evidence, |messages| exit_code_in(messages).is_some_and(|code| numbers.matches(code)))
    }))?;
    require(if_set(source_annotation, |wanted| points_at_source(job, evidence, *wanted)))?;
    require(if_set(annotation, |patterns| {
        annotated(job, evidence, |_| evidence.searched.is_annotated(job.job_id, patterns))
    }))?;
    require(if_set(cause, |causes| match evidence.cause_of(job) {
        CauseOf::Known(found) => found.is_some_and(|found| causes.matches(found)).into(),
        CauseOf::Needs(need) => Holds::Needs(need),
        CauseOf::Absent(Source::Annotations, why) => Holds::Unknown(Unknown::Annotations(why)),
        CauseOf::Absent(Source::Log, why) => Holds::Unknown(Unknown::Log(why)),
    }))?;
    require(if_set(base_failed, |wanted| fails_on_base(job, evidence, *wanted)))?;
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

/// A condition is named before `job` if it is about the run.
fn is_about_the_run_alone(conditions: &Conditions) -> bool {
    #[rustfmt::skip]
    let Conditions {
        workflow: _, branch: _, fork: _, event: _, actor: _, attempt: _,
        job, step, runner, label, conclusion, lost_runner, exit_code, source_annotation, annotation, rescue_rate,
        base_failed, cause, log,
    } = conditions;
    [job, step, runner, label].into_iter().all(Option::is_none)
        && [annotation, log].into_iter().all(Option::is_none)
        && conclusion.is_none()
        && [lost_runner, source_annotation, base_failed].into_iter().all(Option::is_none)
        && [exit_code, rescue_rate].into_iter().all(Option::is_none)
        && cause.is_none()
}

/// Whether one of the names that the run has for something is one of those.
pub fn is_one_of<'a>(names: &Names, has: &[impl AsRef<str>], unknown: Unknown<'a>) -> Holds<'a> {
    if has.is_empty() { Holds::Unknown(unknown) } else { has.iter().any(|name| names.matches(name.as_ref())).into() }
}

pub fn is_of_branch<'a>(names: &Names, run: &Run) -> Holds<'a> {
    match run.branch() {
        None => Holds::Unknown(Unknown::Branch),
        Some(branch) if names.matches(&branch) => Holds::Yes,
        Some(_) if names.may_match_branch(run) => Holds::Unknown(Unknown::Fork),
        Some(_) => Holds::No,
    }
}

pub fn is_of_workflow<'a>(names: &Names, run: &'a Run, evidence: &'a Evidence) -> Holds<'a> {
    match evidence.workflow_name(run) {
        _ if run.workflow_paths().any(|path| names.matches(path)) => Holds::Yes,
        WorkflowName::Known(name) => names.matches(name).into(),
        WorkflowName::Needs(need) => Holds::Needs(need),
        WorkflowName::Absent(why) => Holds::Unknown(Unknown::Workflow(why)),
    }
}

/// What GitHub leaves empty is not known.
pub fn known(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

/// By what its annotations say, as a job that never started for want of money looks the same; or else by its steps: it failed
/// and none of them did, or one began and never ended.
fn is_lost_runner<'a>(job: &'a Job, evidence: &'a Evidence, wanted: bool) -> Holds<'a> {
    let no_step_failed = job.conclusion == Some(Conclusion::Failure) && job.failed_steps().next().is_none();
    let looks_lost = no_step_failed || job.steps.iter().any(|step| step.going);
    match evidence.annotations_of(job) {
        Fetched::NotYet => Holds::Needs(Need::Annotations(job.job_id)),
        Fetched::Present(_) => {
            let said = evidence.interruption_of(job).map(|interruption| interruption == Interruption::LostRunner);
            (said.unwrap_or(looks_lost) == wanted).into()
        }
        // Something of it has run.
        Fetched::Absent(_) if looks_lost && !job.steps.is_empty() => wanted.into(),
        Fetched::Absent(why) => Holds::Unknown(Unknown::Annotations(why)),
    }
}

/// One that points at a file of the repository, and says that something failed there.
fn points_at_source<'a>(job: &Job, evidence: &'a Evidence, wanted: bool) -> Holds<'a> {
    let points = evidence.source_annotations.contains(&job.job_id);
    match (evidence.annotations_of(job), evidence.annotations_cut.get(&job.job_id)) {
        (Fetched::NotYet, _) => Holds::Needs(Need::Annotations(job.job_id)),
        (Fetched::Present(_), None) => (points == wanted).into(),
        (Fetched::Present(_), Some(_)) if points => wanted.into(),
        (Fetched::Absent(why), _) | (Fetched::Present(_), Some(why)) => Holds::Unknown(Unknown::Annotations(why)),
    }
}

/// Too few re-runs say nothing, and are never what a rule asks for.
fn has_rescue_rate<'a>(job: &Job, evidence: &'a Evidence, numbers: &Numbers) -> Holds<'a> {
    match evidence.rescue_rates.get(&job.job_id) {
        None | Some(Fetched::NotYet) => Holds::Needs(Need::RescueRate(job.job_id)),
        Some(Fetched::Present(rate)) => (rate.is_known() && numbers.matches_percent(rate.passed, rate.judged)).into(),
        Some(Fetched::Absent(why)) => Holds::Unknown(Unknown::RescueRate(why)),
    }
}

/// A job of the same name.
fn fails_on_base<'a>(job: &Job, evidence: &'a Evidence, wanted: bool) -> Holds<'a> {
    match &evidence.base {
        Fetched::NotYet => Holds::Needs(Need::Base),
        Fetched::Present(base) => match base.fails(&job.name) {
            Ok(fails) => (fails == wanted).into(),
            Err(why) => Holds::Unknown(Unknown::Base(why)),
        },
        Fetched::Absent(why) => Holds::Unknown(Unknown::Base(why)),
    }
}

fn annotated<'a>(job: &Job, evidence: &'a Evidence, holds: impl Fn(&[String]) -> bool) -> Holds<'a> {
    match (evidence.annotations_of(job), evidence.annotations_cut.get(&job.job_id)) {
        (Fetched::NotYet, _) => Holds::Needs(Need::Annotations(job.job_id)),
        (Fetched::Present(messages), _) if holds(messages) => Holds::Yes,
        (Fetched::Present(_), None) => Holds::No,
        (Fetched::Absent(why), _) | (Fetched::Present(_), Some(why)) => Holds::Unknown(Unknown::Annotations(why)),
    }
}
