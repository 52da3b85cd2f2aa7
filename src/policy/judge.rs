//! What the rules make of one failed job.

use crate::names::Conclusion;
use crate::policy::run::Run;

use super::evidence::{Evidence, Job, Need, Read, Step};
use super::format::{Action, Conditions, Names, Policy, Rule};
use super::interruption::Interruption;
use super::workflow;

/// The first rule that matches a job, or what holds for those that none does.
#[derive(Debug, Clone, Copy)]
pub struct RuleMatch<'p> {
    pub then: Action,
    pub rule: Option<&'p Rule>,
    /// The number of the log's line that the rule matched.
    pub line: Option<u64>,
}

/// What can still be made of a job with what was read so far.
#[derive(Debug)]
pub struct Outlook<'a> {
    /// What is still possible; one that is certain if nothing is needed.
    possible: Vec<RuleMatch<'a>>,
    /// What has to be read before more can be said.
    pub need: Option<Need>,
    /// The rules before the certain one that would have matched if what is absent had been there and had been so.
    pub doubts: Vec<Doubt<'a>>,
}

/// A rule that may match, for all that anybody can tell.
#[derive(Debug, Clone, Copy)]
pub struct Doubt<'a> {
    pub rule_match: RuleMatch<'a>,
    pub missing: Missing<'a>,
}

/// What is absent, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing<'a> {
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

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth<'a> {
    No,
    Yes,
    /// It can be found out.
    Unread(Need),
    /// It cannot.
    Absent(Missing<'a>),
}

impl Truth<'_> {
    pub fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl<'a> Outlook<'a> {
    pub fn certain(&self) -> Option<RuleMatch<'a>> {
        self.possible.first().copied().filter(|_| self.need.is_none())
    }

    pub fn can_be(&self, then: Action) -> bool {
        self.possible.iter().any(|rule_match| rule_match.then == then)
    }
}

/// `job` is `Err` for failed jobs that are not known, with why: only what is true of the whole run is known of them.
pub fn judge<'a>(
    policy: &'a Policy,
    run: &'a Run,
    job: Result<&'a Job, &'a str>,
    evidence: &'a Evidence,
) -> Outlook<'a> {
    let mut outlook = Outlook { possible: Vec::new(), need: None, doubts: Vec::new() };
    for rule in &policy.rules {
        let rule_match = |line| RuleMatch { then: rule.then, rule: Some(rule), line };
        match matches(rule, run, job, evidence) {
            Match::No => {}
            Match::Unread(need) => {
                outlook.need.get_or_insert(need);
                outlook.possible.push(rule_match(None));
            }
            Match::Absent(missing) => outlook.doubts.push(Doubt { rule_match: rule_match(None), missing }),
            Match::Yes { line } => {
                outlook.possible.push(rule_match(line));
                return outlook;
            }
        }
    }
    outlook.possible.push(RuleMatch { then: policy.otherwise, rule: None, line: None });
    outlook
}

enum Match<'a> {
    No,
    Yes { line: Option<u64> },
    Unread(Need),
    Absent(Missing<'a>),
}

/// What costs a call to find out is looked at last, and only if all before it may hold.
///
/// Where something is absent, more is asked for only if the rule keeps runs from being re-run: another's match changes
/// nothing that is not certain.
fn matches<'a>(rule: &Rule, run: &'a Run, job: Result<&'a Job, &'a str>, evidence: &'a Evidence) -> Match<'a> {
    let c = &rule.conditions;
    let mut absent = None;
    let mut holds = |truth: Truth<'a>| -> Result<(), Match<'a>> {
        match truth {
            Truth::Yes => Ok(()),
            Truth::No => Err(Match::No),
            Truth::Unread(need) => Err(match absent.filter(|_| rule.then == Action::Rerun) {
                Some(missing) => Match::Absent(missing),
                None => Match::Unread(need),
            }),
            Truth::Absent(missing) => {
                absent.get_or_insert(missing);
                Ok(())
            }
        }
    };
    let mut all = || -> Result<Option<u64>, Match<'a>> {
        holds(one(&c.branch, |names| of_branch(names, run)))?;
        holds(one(&c.fork, |fork| Truth::of(run.is_of_fork() == *fork)))?;
        holds(one(&c.event, |names| is_one_of(names, named(&run.event).as_slice(), Missing::Event)))?;
        holds(one(&c.actor, |names| is_one_of(names, &run.actors, Missing::Actor)))?;
        holds(one(&c.attempt, |numbers| Truth::of(numbers.matches(run.run_attempt.get().into()))))?;
        let job = match job {
            Ok(job) => {
                let of_job = holds_of(&c.job, |names| names.matches(&job.name))
                    && holds_of(&c.step, |names| failed_steps(job).any(|step| names.matches(&step.name)))
                    && holds_of(&c.runner, |names| job.runner.as_deref().is_some_and(|runner| names.matches(runner)))
                    && holds_of(&c.label, |names| job.labels.iter().any(|label| names.matches(label)))
                    && holds_of(&c.conclusion, |list| job.conclusion.is_some_and(|is| list.contains(&is)));
                holds(Truth::of(of_job))?;
                Some(job)
            }
            Err(why) => {
                holds(if is_about_the_run_alone(c) { Truth::Yes } else { Truth::Absent(Missing::Jobs(why)) })?;
                None
            }
        };
        holds(one(&c.workflow, |names| workflow::is_one_of(names, run, evidence)))?;
        let Some(job) = job else { return Ok(None) };
        holds(one(&c.lost_runner, |wanted| lost_runner(job, evidence, *wanted)))?;
        holds(one(&c.exit_code, |numbers| {
            annotated(job, evidence, |messages| exit_code(messages).is_some_and(|code| numbers.matches(code)))
        }))?;
        holds(one(&c.annotation, |patterns| {
            annotated(job, evidence, |_| evidence.searched.is_annotated(job.job_id, patterns))
        }))?;
        let Some(patterns) = &c.log else { return Ok(None) };
        match evidence.logs.get(&job.job_id) {
            None | Some(Read::Unread) => holds(Truth::Unread(Need::Log(job.job_id))).map(|()| None),
            Some(Read::Absent(why)) => holds(Truth::Absent(Missing::Log(why))).map(|()| None),
            Some(Read::There(_)) => evidence.searched.line(job.job_id, patterns).ok_or(Match::No).map(Some),
        }
    };
    match (all(), absent) {
        (Err(otherwise), _) => otherwise,
        (Ok(_), Some(missing)) => Match::Absent(missing),
        (Ok(line), None) => Match::Yes { line },
    }
}

/// A condition that is not there holds.
fn one<'a, T>(condition: &Option<T>, truth: impl FnOnce(&T) -> Truth<'a>) -> Truth<'a> {
    condition.as_ref().map_or(Truth::Yes, truth)
}

fn holds_of<T>(condition: &Option<T>, holds: impl FnOnce(&T) -> bool) -> bool {
    condition.as_ref().is_none_or(holds)
}

fn is_about_the_run_alone(conditions: &Conditions) -> bool {
    let Conditions { workflow, branch, fork, event, actor, attempt, .. } = conditions.clone();
    *conditions == Conditions { workflow, branch, fork, event, actor, attempt, ..Conditions::default() }
}

/// Whether one of the names that the run has for something is one of those.
pub fn is_one_of<'a>(names: &Names, has: &[impl AsRef<str>], missing: Missing<'a>) -> Truth<'a> {
    if has.is_empty() { Truth::Absent(missing) } else { Truth::of(has.iter().any(|name| names.matches(name.as_ref()))) }
}

/// Whether the run's branch is one of these.
pub fn of_branch<'a>(names: &Names, run: &Run) -> Truth<'a> {
    match run.head_branch {
        None => Truth::Absent(Missing::Branch),
        Some(_) if names.match_branch(run) => Truth::Yes,
        Some(_) if names.may_match_branch(run) => Truth::Absent(Missing::Fork),
        Some(_) => Truth::No,
    }
}

/// What GitHub leaves empty is not known.
pub fn named(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
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

/// By what its annotations say, or else by a step that began and never ended. That no step failed proves nothing: jobs that
/// never started look the same.
fn lost_runner<'a>(job: &'a Job, evidence: &'a Evidence, wanted: bool) -> Truth<'a> {
    let never_ended = job.steps.iter().any(|step| step.going);
    match evidence.annotations.get(&job.job_id) {
        None | Some(Read::Unread) => Truth::Unread(Need::Annotations(job.job_id)),
        Some(Read::There(_)) => {
            let is_lost = match interruption(job, evidence) {
                Some(interruption) => interruption == Interruption::LostRunner,
                None => never_ended,
            };
            Truth::of(is_lost == wanted)
        }
        Some(Read::Absent(_)) if never_ended => Truth::of(wanted),
        Some(Read::Absent(why)) => Truth::Absent(Missing::Annotations(why)),
    }
}

/// What ended the job from outside, if its annotations were read and say so.
pub fn interruption(job: &Job, evidence: &Evidence) -> Option<Interruption> {
    let messages = annotations(job, evidence);
    if messages.is_empty() { None } else { evidence.interruptions.of(job.job_id, messages) }
}

fn annotated<'a>(job: &Job, evidence: &'a Evidence, holds: impl FnOnce(&[String]) -> bool) -> Truth<'a> {
    match (evidence.annotations.get(&job.job_id), evidence.annotations_cut.get(&job.job_id)) {
        (None | Some(Read::Unread), _) => Truth::Unread(Need::Annotations(job.job_id)),
        (Some(Read::Absent(why)), _) => Truth::Absent(Missing::Annotations(why)),
        (Some(Read::There(messages)), cut) => match (holds(messages), cut) {
            (true, _) => Truth::Yes,
            (false, Some(why)) => Truth::Absent(Missing::Annotations(why)),
            (false, None) => Truth::No,
        },
    }
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
