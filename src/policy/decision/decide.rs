//! The decision on a run: a pure function of the settings, the policy, the run, what was decided before, and what was
//! read of its jobs.
//!
//! In this order: the run itself (its conclusion, its actor, branch and event, its commit), then its failed jobs by the
//! policy's rules, then the limits. What is not known yet and matters is asked for with [`Verdict::Need`], one thing at a
//! time; what cannot be read, or is more than may be searched, is absent, no condition on it holds, and where that could let a
//! run pass what its owners wrote, the run is left.

use std::borrow::Cow;
use std::fmt::Display;

use crate::names::{Conclusion, RunAttempt, has_login};
use crate::policy::evidence::{Evidence, History};
use crate::policy::file::{Filter, Forks, LeaveOrRerun, Names, Policy};
use crate::policy::matching::{Holds, Unknown, is_of_branch, is_of_workflow, is_one_of, known};
use crate::policy::rerun_settings::RerunSettings;
use crate::policy::run::Run;
use crate::policy::wording::{quoted, reason};

use super::detail::Detail;
use super::failed_attempt::{FailedAttempt, Limits};
use super::superseded;
use super::verdict::{Decision, Ending, RunOutcome, Stop, Verdict};

/// The event of a workflow that a comment starts.
const ISSUE_COMMENT: &str = "issue_comment";

/// Decides on a run as GitHub shows it.
pub fn decide(settings: &RerunSettings, policy: &Policy, run: &Run, history: &History, evidence: &Evidence) -> Verdict {
    let Some(conclusion) = run.conclusion else { return Verdict::Decision(Decision::Await) };
    let mut evidence = Cow::Borrowed(evidence);
    if let Err(stop) = whatever_the_policy(settings, policy, run, conclusion) {
        return stop.into();
    }
    let rerun = by_the_run_alone(settings, policy, run, conclusion, &evidence).and_then(|()| {
        if !evidence.is_searched(policy, run) {
            evidence.to_mut().search(policy, run);
        }
        FailedAttempt::of(settings, policy, run, conclusion, history, &evidence)?.by_its_jobs()
    });
    let by = Some(policy.origin.as_str().to_owned());
    match rerun {
        Ok(mut rerun) => {
            rerun.detail.policy = by;
            Verdict::Decision(Decision::Rerun(rerun))
        }
        Err(Stop::End(mut ending)) => {
            ending.detail.policy = by;
            Stop::End(ending).into()
        }
        Err(need) => need.into(),
    }
}

/// What no policy file changes.
pub(super) fn whatever_the_policy(
    settings: &RerunSettings,
    policy: &Policy,
    run: &Run,
    conclusion: Conclusion,
) -> Result<(), Stop> {
    let is_wanted = conclusion != Conclusion::Cancelled || policy.conclusions.contains(&conclusion);
    if !conclusion.may_be_rerun_by_policy() || !is_wanted {
        return Err(not_a_failure(conclusion, run.run_attempt));
    }
    if run.actors.iter().any(|actor| has_login(&settings.excluded_actors, actor)) {
        return Err(left("its actor is in NO_RERUN_ACTORS"));
    }
    if run.actors.is_empty() && !settings.excluded_actors.is_empty() {
        return Err(left("GitHub does not say who started it, and they may be in NO_RERUN_ACTORS"));
    }
    Ok(())
}

/// What needs no look at the jobs.
fn by_the_run_alone<'a>(
    settings: &RerunSettings,
    policy: &Policy,
    run: &'a Run,
    conclusion: Conclusion,
    evidence: &'a Evidence,
) -> Result<(), Stop> {
    let attempt = run.run_attempt;
    if let Some(broken) = &policy.broken {
        return Err(Stop::end(RunOutcome::Left, reason::broken(policy.origin, broken), Detail::default()));
    }
    if !policy.conclusions.contains(&conclusion) {
        let concluded = conclusion.as_str();
        return Err(left(format!("attempt {attempt} concluded {concluded}, which the policy file leaves alone")));
    }
    let actors: Vec<&str> = run.actors.iter().map(String::as_str).collect();
    let branch = run.branch();
    let (branch, event) = (branch.as_deref(), known(&run.event));
    let (branch, event) = (branch.as_slice(), event.as_slice());
    let filters: [(_, Has<'_, 'a>, &[&str], _, _); 3] = [
        (&policy.actors, &|globs| is_one_of(globs, &actors, Unknown::Actor), &actors, "it was started by", "actors"),
        (&policy.branches, &|globs| is_of_branch(globs, run), branch, "its branch is", "branches"),
        (&policy.events, &|globs| is_one_of(globs, event, Unknown::Event), event, "its event is", "events"),
    ];
    for (filter, has, names, what, key) in filters {
        is_let_in(policy, filter, has, names, what, key)?;
    }
    // Such a workflow runs on the default branch, and often checks out what the pull request is at by then.
    let is_named = |names: &Names| names.texts().any(|text| text.eq_ignore_ascii_case(ISSUE_COMMENT));
    if run.event == ISSUE_COMMENT && !policy.events.include.as_ref().is_some_and(is_named) {
        return Err(left(
            "a comment started it, and it may check out code that is newer than what was reviewed; to have such runs re-run, \
             name issue_comment in the policy file under events.include",
        ));
    }
    // Last, as it may take a call to know the workflow's name.
    is_let_in_by_workflow(policy, &policy.workflows, run, evidence, "workflows")?;
    if policy.forks == Forks::Leave && run.is_of_fork() {
        return Err(left("its branch is in a fork, and the policy file leaves forks alone"));
    }
    if policy.skip_superseded && run.is_superseded() {
        let (outcome, reason) = superseded::gone(superseded::MOVED_ON);
        return Err(Stop::end(outcome, reason, Detail::default()));
    }
    if Limits::of(settings, policy).most() == 0 {
        let whose = if policy.max_reruns.is_some() { "max_reruns in the policy file" } else { "MAX_RERUNS" };
        return Err(left(format!("{whose} is 0")));
    }
    Ok(())
}

pub(super) fn left(why: impl Display) -> Stop {
    Stop::end(RunOutcome::Left, format!("Left alone: {why}."), Detail::default())
}

fn not_a_failure(conclusion: Conclusion, attempt: RunAttempt) -> Stop {
    let is_rescue = conclusion == Conclusion::Success && attempt > RunAttempt::FIRST;
    let reason = match conclusion {
        _ if is_rescue => format!("Attempt {attempt} succeeded."),
        Conclusion::Success => "Left alone: the run succeeded although a job failed.".to_owned(),
        other => {
            let is_asked_for = other == Conclusion::Cancelled;
            let when = if is_asked_for { "re-run only if the policy file says so" } else { "never re-run" };
            format!("Left alone: attempt {attempt} concluded {}, which is {when}.", other.as_str())
        }
    };
    let may_go_on = matches!(conclusion, Conclusion::ActionRequired | Conclusion::Stale | Conclusion::Unknown);
    let outcome = if is_rescue { RunOutcome::Rescued } else { RunOutcome::Left };
    Stop::End(Box::new(Ending { outcome, reason, last_word: !may_go_on, detail: Detail::default() }))
}

/// The same, of filters of workflows.
pub(super) fn is_let_in_by_workflow(
    policy: &Policy,
    filter: &Filter,
    run: &Run,
    evidence: &Evidence,
    key: &str,
) -> Result<(), Stop> {
    let names: Vec<&str> = evidence.workflow_names(run).collect();
    is_let_in(policy, filter, &|globs| is_of_workflow(globs, run, evidence), &names, "its workflow is", key)
}

/// Whether a run has one of these names for something.
type Has<'f, 'a> = &'f dyn Fn(&Names) -> Holds<'a>;

/// Whether a filter lets a run in; any of its names can be let in, and none may be kept out.
fn is_let_in<'a>(
    policy: &Policy,
    filter: &Filter,
    has: Has<'_, 'a>,
    names: &[&str],
    what: &str,
    key: &str,
) -> Result<(), Stop> {
    let is = |globs: &Option<Names>, or: Holds<'a>| match globs {
        None => or,
        Some(globs) if globs.is_empty() => Holds::No,
        Some(globs) => has(globs),
    };
    let name = |of: Option<&&str>| of.map_or_else(|| "not known".to_owned(), |name| quoted(name));
    Err(left(match is(&filter.exclude, Holds::No) {
        Holds::Yes => {
            let excluded = filter.exclude.as_ref().and_then(|globs| names.iter().find(|name| globs.matches(name)));
            format!("{what} {}, which the policy file excludes under {key}", name(excluded))
        }
        Holds::Needs(need) => return Err(Stop::Need(need)),
        Holds::Unknown(unknown) if policy.absent_evidence == LeaveOrRerun::Leave => {
            format!("the policy file might exclude it under {key}: {unknown}")
        }
        Holds::Unknown(_) | Holds::No => match is(&filter.include, Holds::Yes) {
            Holds::Yes => return Ok(()),
            Holds::Needs(need) => return Err(Stop::Need(need)),
            Holds::Unknown(unknown) => {
                format!("the policy file might not include it under {key}: {unknown}")
            }
            Holds::No => format!("{what} {}, which the policy file does not include under {key}", name(names.first())),
        },
    }))
}
