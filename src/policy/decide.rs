//! The decision on a run: a pure function of the settings, the policy, the run, what was decided before, and what was
//! read of its jobs.
//!
//! In this order: the run itself (its conclusion, its actor, branch and event, its commit), then its failed jobs by the
//! policy's rules, then the limits. What is not known yet and matters is asked for with [`Verdict::Need`], one thing at a
//! time; what cannot be read, or is more than may be searched, is absent, and no condition on it matches.

use crate::attempts::RunOutcome;
use crate::github::Run;
use crate::hint::Conclusion;
use crate::names::RunAttempt;
use crate::settings::Settings;
use crate::time::Span;

use super::case::{Case, Limits, Stop};
use super::detail::Detail;
use super::evidence::{Evidence, History, Need};
use super::format::{Filter, Forks, Policy, Scope};
use super::judge::names_of_workflow;
use super::read::Bounds;
use super::reason;
use super::superseded;

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
    if let Some(ending) = by_the_run_alone(rules, policy, run, conclusion) {
        return Verdict::Decision(Decision::End(ending));
    }
    let searched;
    let evidence = if evidence.is_searched(&policy.automata) {
        evidence
    } else {
        let mut anew = evidence.clone();
        anew.search(&policy.automata);
        searched = anew;
        &searched
    };
    let case = match Case::of(rules, policy, run, conclusion, history, evidence) {
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
fn by_the_run_alone(rules: &Rules, policy: &Policy, run: &Run, conclusion: Conclusion) -> Option<Ending> {
    let may_be_rerun = conclusion.may_be_rerun() || conclusion == Conclusion::Cancelled;
    let attempt = run.run_attempt;
    if !may_be_rerun || (conclusion == Conclusion::Cancelled && !policy.conclusions.contains(&conclusion)) {
        return Some(not_a_failure(conclusion, attempt));
    }
    let left = |reason: String| Some(Ending::left(reason, Detail::default()));
    if run.actors.iter().any(|actor| rules.excluded_actors.iter().any(|excluded| excluded.eq_ignore_ascii_case(actor)))
    {
        return left("Left alone: its actor is in NO_RERUN_ACTORS.".to_owned());
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
    let workflow: Vec<&str> = names_of_workflow(run).collect();
    if let Some(reason) = [
        shut_out(&policy.actors, &actors, "it was started by", "actors"),
        shut_out(&policy.branches, branch.as_deref().as_slice(), "its branch is", "branches"),
        of_unknown_fork(policy, run),
        shut_out(&policy.events, &[run.event.as_str()], "its event is", "events"),
        shut_out(&policy.workflows, &workflow, "its workflow is", "workflows"),
    ]
    .into_iter()
    .flatten()
    .next()
    {
        return left(reason);
    }
    if policy.forks == Forks::Leave && run.is_of_fork() {
        return left("Left alone: its branch is in a fork, which the policy file leaves under forks.".to_owned());
    }
    if policy.skip_superseded && run.is_superseded() {
        let (outcome, reason) = superseded::moved_on();
        return Some(Ending { outcome, ..Ending::left(reason, Detail::default()) });
    }
    if Limits::of(rules, policy).most() == 0 {
        let whose = if policy.max_reruns.is_some() { "max_reruns in the policy file" } else { "MAX_RERUNS" };
        return left(format!("Left alone: {whose} is 0."));
    }
    None
}

/// A fork that was deleted may have been one that the file excludes.
fn of_unknown_fork(policy: &Policy, run: &Run) -> Option<String> {
    let excluded = policy.branches.exclude.as_ref().is_some_and(|exclude| exclude.may_match_branch(run));
    excluded.then(|| {
        "Left alone: the fork that its branch was in is gone, and may be one that the policy file excludes under branches."
            .to_owned()
    })
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

/// Why a filter keeps a run out; any of its names can be let in, and none may be kept out.
fn shut_out(filter: &Filter, names: &[&str], what: &str, key: &str) -> Option<String> {
    let excluded = filter.exclude.as_ref().and_then(|exclude| names.iter().find(|name| exclude.matches(name)));
    if let Some(name) = excluded {
        return Some(format!(
            "Left alone: {what} {}, which the policy file excludes under {key}.",
            reason::named(name)
        ));
    }
    let include = filter.include.as_ref()?;
    if names.iter().any(|name| include.matches(name)) {
        return None;
    }
    let name = names.first().map_or_else(|| "not known".to_owned(), |name| reason::named(name));
    Some(format!("Left alone: {what} {name}, which the policy file does not include under {key}."))
}
