//! The decision on a run: a pure function of the settings, the policy, the run, what was decided before, and what was
//! read of its jobs.
//!
//! In this order: the run itself (its conclusion, its actor, branch and event, its commit), then its failed jobs by the
//! policy's rules, then the limits. What is not known yet and matters is asked for with [`Verdict::Need`], one thing at a
//! time; what cannot be read, or is more than may be searched, is absent, no condition on it holds, and where that could let a
//! run pass what its owners wrote, the run is left.

use crate::names::{Conclusion, RunAttempt, has_login};
use crate::policy::RunOutcome;
use crate::policy::run::Run;
use crate::settings::Settings;
use crate::time::Span;

use super::detail::Detail;
use super::evidence::{Evidence, History, Need};
use super::failed_attempt::{FailedAttempt, Limits, Stop};
use super::format::{AbsentEvidence, Filter, Forks, Names, Policy, Scope};
use super::judge::{Missing, Truth, is_one_of, named, of_branch};
use super::read::Bounds;
use super::{reason, superseded, workflow};

/// What decisions and waiting go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub max_reruns: u32,
    /// How far a repository's policy file may raise it.
    pub max_reruns_ceiling: u32,
    /// How long after the end of an attempt it is re-run.
    pub delay: Span,
    pub excluded_actors: Vec<String>,
    pub dry_run: bool,
    /// How often GitHub is asked for failures that no webhook told of; zero: never.
    pub sweep_interval: Span,
}

impl Rules {
    /// How far a policy file may go.
    pub fn bounds(&self) -> Bounds {
        Bounds { max_reruns: self.max_reruns_ceiling }
    }
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Self {
        Self {
            max_reruns: settings.max_reruns,
            max_reruns_ceiling: settings.max_reruns_ceiling,
            delay: settings.rerun_delay,
            excluded_actors: settings.no_rerun_actors.clone(),
            dry_run: settings.dry_run,
            sweep_interval: settings.sweep_interval,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// To be read, or to be said to be absent, before there is a decision.
    Need(Need),
    Decision(Decision),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It has not concluded.
    Await,
    Rerun(Rerun),
    End(Ending),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rerun {
    /// Why, as a sentence.
    pub reason: String,
    /// How long after the end of the attempt.
    pub delay: Span,
    pub scope: Scope,
    pub debug_logging: bool,
    pub detail: Detail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub outcome: RunOutcome,
    /// Why, as a sentence.
    pub reason: String,
    /// Whether nothing more can be said of this attempt. A run that waits for approval can still fail in the same
    /// attempt.
    pub last_word: bool,
    pub detail: Detail,
}

impl Ending {
    fn left(reason: String, detail: Detail) -> Self {
        Self { outcome: RunOutcome::Left, reason, last_word: true, detail }
    }
}

/// Decides on a run as GitHub shows it.
pub fn decide(rules: &Rules, policy: &Policy, run: &Run, history: &History, evidence: &Evidence) -> Verdict {
    let Some(conclusion) = run.conclusion else { return Verdict::Decision(Decision::Await) };
    match by_the_run_alone(rules, policy, run, conclusion, evidence) {
        Ok(None) => {}
        Ok(Some(ending)) => return Verdict::Decision(Decision::End(ending)),
        Err(need) => return Verdict::Need(need),
    }
    let searched;
    let evidence = if evidence.is_searched(policy, run) {
        evidence
    } else {
        let mut anew = evidence.clone();
        anew.search(policy, run);
        searched = anew;
        &searched
    };
    let case = match FailedAttempt::of(rules, policy, run, conclusion, history, evidence) {
        Ok(case) => case,
        Err(need) => return Verdict::Need(need),
    };
    match case.by_its_jobs() {
        Err(Stop::Need(need)) => Verdict::Need(need),
        Err(Stop::End(ending)) => Verdict::Decision(Decision::End(*ending)),
        Ok(rerun) => Verdict::Decision(Decision::Rerun(rerun)),
    }
}

/// What needs no look at the jobs.
fn by_the_run_alone(
    rules: &Rules,
    policy: &Policy,
    run: &Run,
    conclusion: Conclusion,
    evidence: &Evidence,
) -> Result<Option<Ending>, Need> {
    let attempt = run.run_attempt;
    if !conclusion.may_be_rerun_by_policy()
        || (conclusion == Conclusion::Cancelled && !policy.conclusions.contains(&conclusion))
    {
        return Ok(Some(not_a_failure(conclusion, attempt)));
    }
    let left = |reason: String| Ok(Some(Ending::left(reason, Detail::default())));
    if run.actors.iter().any(|actor| has_login(&rules.excluded_actors, actor)) {
        return left("Left alone: its actor is in NO_RERUN_ACTORS.".to_owned());
    }
    if run.actors.is_empty() && !rules.excluded_actors.is_empty() {
        return left("Left alone: GitHub does not say who started it, who may be in NO_RERUN_ACTORS.".to_owned());
    }
    if let Some(broken) = &policy.broken {
        return left(reason::broken(broken));
    }
    if !policy.conclusions.contains(&conclusion) {
        let concluded = conclusion.as_str();
        return left(format!(
            "Left alone: attempt {attempt} concluded {concluded}, which the policy file leaves alone."
        ));
    }
    let actors: Vec<&str> = run.actors.iter().map(String::as_str).collect();
    let branch = run.branch();
    let sieve = |filter, names: &[&str], missing, what, key| {
        let truth = |globs: &Names| if globs.is_empty() { Truth::No } else { is_one_of(globs, names, missing) };
        shut_out(policy, filter, &truth, names, what, key)
    };
    let of_branch = |globs: &Names| if globs.is_empty() { Truth::No } else { of_branch(globs, run) };
    let kept_out = [
        sieve(&policy.actors, &actors, Missing::Actor, "it was started by", "actors")?,
        shut_out(policy, &policy.branches, &of_branch, branch.as_deref().as_slice(), "its branch is", "branches")?,
        sieve(&policy.events, named(&run.event).as_slice(), Missing::Event, "its event is", "events")?,
    ];
    if let Some(reason) = kept_out.into_iter().flatten().next() {
        return left(reason);
    }
    // Last, as it may take a call to know the workflow's name.
    let truth = |globs: &Names| workflow::is_one_of(globs, run, evidence);
    let names: Vec<&str> = workflow::names(run, evidence).collect();
    if let Some(reason) = shut_out(policy, &policy.workflows, &truth, &names, "its workflow is", "workflows")? {
        return left(reason);
    }
    if policy.forks == Forks::Leave && run.is_of_fork() {
        return left("Left alone: its branch is in a fork, which the policy file leaves under forks.".to_owned());
    }
    if policy.skip_superseded && run.is_superseded() {
        let (outcome, reason) = superseded::moved_on();
        return Ok(Some(Ending { outcome, ..Ending::left(reason, Detail::default()) }));
    }
    if Limits::of(rules, policy).most() == 0 {
        let whose = if policy.max_reruns.is_some() { "max_reruns in the policy file" } else { "MAX_RERUNS" };
        return left(format!("Left alone: {whose} is 0."));
    }
    Ok(None)
}

fn not_a_failure(conclusion: Conclusion, attempt: RunAttempt) -> Ending {
    let (outcome, reason) = match conclusion {
        Conclusion::Success if attempt > RunAttempt::FIRST => {
            (RunOutcome::Rescued, format!("Attempt {attempt} succeeded."))
        }
        Conclusion::Success => (RunOutcome::Left, "Left alone: the run succeeded although a job failed.".to_owned()),
        Conclusion::Cancelled => (
            RunOutcome::Left,
            format!(
                "Left alone: attempt {attempt} concluded cancelled, which is re-run only if the policy file says so."
            ),
        ),
        other => (
            RunOutcome::Left,
            format!("Left alone: attempt {attempt} concluded {}, which is never re-run.", other.as_str()),
        ),
    };
    let may_go_on = matches!(conclusion, Conclusion::ActionRequired | Conclusion::Stale | Conclusion::Unknown);
    Ending { outcome, reason, last_word: !may_go_on, detail: Detail::default() }
}

/// Why a filter keeps a run out; any of its names can be let in, and none may be kept out. `truth`: whether the run has one
/// of some names.
fn shut_out<'a>(
    policy: &Policy,
    filter: &Filter,
    truth: &dyn Fn(&Names) -> Truth<'a>,
    names: &[&str],
    what: &str,
    key: &str,
) -> Result<Option<String>, Need> {
    let is = |globs: &Option<Names>, or: Truth<'a>| globs.as_ref().map_or(or, truth);
    let name = |of: Option<&&str>| of.map_or_else(|| "not known".to_owned(), |name| reason::named(name));
    match is(&filter.exclude, Truth::No) {
        Truth::Yes => {
            let excluded = filter.exclude.as_ref().and_then(|globs| names.iter().find(|name| globs.matches(name)));
            let name = name(excluded);
            return Ok(Some(format!("Left alone: {what} {name}, which the policy file excludes under {key}.")));
        }
        Truth::Unread(need) => return Err(need),
        Truth::Absent(missing) if policy.absent_evidence == AbsentEvidence::Leave => {
            return Ok(Some(format!("Left alone: the policy file may exclude it under {key}: {missing}.")));
        }
        Truth::Absent(_) | Truth::No => {}
    }
    match is(&filter.include, Truth::Yes) {
        Truth::Yes => Ok(None),
        Truth::Unread(need) => Err(need),
        Truth::Absent(missing) => Ok(Some(format!(
            "Left alone: the policy file does not include it under {key}, as far as is known: {missing}."
        ))),
        Truth::No => {
            let name = name(names.first());
            Ok(Some(format!("Left alone: {what} {name}, which the policy file does not include under {key}.")))
        }
    }
}
