//! The decision on a run: a pure function of the settings, the policy, the run, what was decided before, and what was
//! read of its jobs.
//!
//! In this order: the run itself (its conclusion, its actor, branch and event, its commit), then its failed jobs by the
//! policy's rules, then the limits. What is not known yet and matters is asked for with [`Verdict::Need`], one thing at a
//! time; what cannot be read, or is more than may be searched, is absent, no condition on it holds, and where that could let a
//! run pass what its owners wrote, the run is left.

use crate::names::{Conclusion, RunAttempt, has_login};
use crate::policy::evidence::{Evidence, History, Need, workflow};
use crate::policy::file::{AbsentEvidence, Filter, Forks, Names, Policy, Scope};
use crate::policy::matching::{Holds, Unknown, is_of_branch, is_of_workflow, is_one_of, known};
use crate::policy::rules::Rules;
use crate::policy::run::Run;
use crate::policy::wording::{quoted, reason};
use crate::time::Span;

use super::detail::Detail;
use super::failed_attempt::{FailedAttempt, Limits, Stop};
use super::outcome::RunOutcome;
use super::superseded;

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
    let failed = match FailedAttempt::of(rules, policy, run, conclusion, history, evidence) {
        Ok(failed) => failed,
        Err(need) => return Verdict::Need(need),
    };
    match failed.by_its_jobs() {
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
    let sieve = |filter, names: &[&str], unknown, what, key| {
        let holds = |globs: &Names| if globs.is_empty() { Holds::No } else { is_one_of(globs, names, unknown) };
        filtered_out(policy, filter, &holds, names, what, key)
    };
    let on_branch = |globs: &Names| if globs.is_empty() { Holds::No } else { is_of_branch(globs, run) };
    let kept_out = [
        sieve(&policy.actors, &actors, Unknown::Actor, "it was started by", "actors")?,
        filtered_out(policy, &policy.branches, &on_branch, branch.as_deref().as_slice(), "its branch is", "branches")?,
        sieve(&policy.events, known(&run.event).as_slice(), Unknown::Event, "its event is", "events")?,
    ];
    if let Some(reason) = kept_out.into_iter().flatten().next() {
        return left(reason);
    }
    // Last, as it may take a call to know the workflow's name.
    let holds = |globs: &Names| is_of_workflow(globs, run, evidence);
    let names: Vec<&str> = workflow::names(run, evidence).collect();
    if let Some(reason) = filtered_out(policy, &policy.workflows, &holds, &names, "its workflow is", "workflows")? {
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

/// Why a filter keeps a run out; any of its names can be let in, and none may be kept out. `holds`: whether the run has one
/// of some names.
fn filtered_out<'a>(
    policy: &Policy,
    filter: &Filter,
    holds: &dyn Fn(&Names) -> Holds<'a>,
    names: &[&str],
    what: &str,
    key: &str,
) -> Result<Option<String>, Need> {
    let is = |globs: &Option<Names>, or: Holds<'a>| globs.as_ref().map_or(or, holds);
    let name = |of: Option<&&str>| of.map_or_else(|| "not known".to_owned(), |name| quoted(name));
    match is(&filter.exclude, Holds::No) {
        Holds::Yes => {
            let excluded = filter.exclude.as_ref().and_then(|globs| names.iter().find(|name| globs.matches(name)));
            let name = name(excluded);
            return Ok(Some(format!("Left alone: {what} {name}, which the policy file excludes under {key}.")));
        }
        Holds::Needs(need) => return Err(need),
        Holds::Unknown(unknown) if policy.absent_evidence == AbsentEvidence::Leave => {
            return Ok(Some(format!("Left alone: the policy file may exclude it under {key}: {unknown}.")));
        }
        Holds::Unknown(_) | Holds::No => {}
    }
    match is(&filter.include, Holds::Yes) {
        Holds::Yes => Ok(None),
        Holds::Needs(need) => Err(need),
        Holds::Unknown(unknown) => Ok(Some(format!(
            "Left alone: the policy file does not include it under {key}, as far as is known: {unknown}."
        ))),
        Holds::No => {
            let name = name(names.first());
            Ok(Some(format!("Left alone: {what} {name}, which the policy file does not include under {key}.")))
        }
    }
}
