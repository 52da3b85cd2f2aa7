//! The default rule: re-run what failed or timed out, up to the limit.

use super::evidence::{Evidence, History, Need, Read};
use super::{Detail, Policy};
use crate::attempts::RunOutcome;
use crate::github::Run;
use crate::hint::Conclusion;
use crate::names::RunAttempt;
use crate::settings::Settings;
use crate::time::Span;

/// What decisions and waiting go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub max_reruns: u32,
    /// How long after the end of an attempt it is re-run.
    pub delay: Span,
    pub excluded_actors: Vec<String>,
    pub dry_run: bool,
    /// How often GitHub is asked for failures that no webhook told of; zero: never.
    pub sweep_interval: Span,
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Self {
        Self {
            max_reruns: settings.max_reruns,
            delay: settings.rerun_delay,
            excluded_actors: settings.no_rerun_actors.clone(),
            dry_run: settings.dry_run,
            sweep_interval: settings.sweep_interval,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
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
    pub reason: String,
    pub delay: Span,
    pub scope: Scope,
    pub debug_logging: bool,
    pub detail: Detail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    FailedJobs,
    AllJobs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub outcome: RunOutcome,
    pub reason: String,
    /// Whether nothing more can be said of this attempt. A run that waits for approval can still fail in the same
    /// attempt.
    pub last_word: bool,
    pub detail: Detail,
}

/// Decides on a run as GitHub shows it.
pub fn decide(rules: &Rules, policy: &Policy, run: &Run, _history: &History, evidence: &Evidence) -> Verdict {
    if run.conclusion.is_some_and(Conclusion::may_be_rerun) && evidence.jobs == Read::Unread {
        return Verdict::Need(Need::Jobs);
    }
    if policy.broken && run.conclusion.is_some_and(Conclusion::may_be_rerun) {
        return Verdict::Decision(Decision::End(Ending {
            outcome: RunOutcome::Left,
            reason: "Left alone: the policy file is not valid.".to_owned(),
            last_word: true,
            detail: Detail::default(),
        }));
    }
    Verdict::Decision(decision(rules, run))
}

fn decision(rules: &Rules, run: &Run) -> Decision {
    let Some(conclusion) = run.conclusion else { return Decision::Await };
    let attempt = run.run_attempt;
    let end =
        |outcome, reason: String| Decision::End(Ending { outcome, reason, last_word: true, detail: Detail::default() });
    if !conclusion.may_be_rerun() {
        return not_a_failure(conclusion, attempt);
    }
    if run.actors.iter().any(|actor| rules.excluded_actors.iter().any(|excluded| excluded.eq_ignore_ascii_case(actor)))
    {
        return end(RunOutcome::Left, "Left alone: its actor is in NO_RERUN_ACTORS.".to_owned());
    }
    if run.is_superseded() {
        return end(RunOutcome::Superseded, "Left alone: its pull request has moved on to another commit.".to_owned());
    }
    if rules.max_reruns == 0 {
        return end(RunOutcome::Left, "Left alone: MAX_RERUNS is 0.".to_owned());
    }
    if attempt.get() > rules.max_reruns {
        let limit = times(rules.max_reruns);
        return end(
            RunOutcome::Exhausted,
            format!("Gave up: attempt {attempt} failed, and a run is re-run at most {limit}."),
        );
    }
    let what = if conclusion == Conclusion::TimedOut { "timed out" } else { "failed" };
    let count = format!("re-run {attempt} of at most {}", rules.max_reruns);
    if rules.dry_run {
        return end(
            RunOutcome::Left,
            format!("Left alone: DRY_RUN is on; attempt {attempt} {what} and would have had {count}."),
        );
    }
    Decision::Rerun(Rerun {
        reason: format!("Attempt {attempt} {what}: {count}."),
        delay: rules.delay,
        scope: Scope::FailedJobs,
        debug_logging: false,
        detail: Detail::default(),
    })
}

fn not_a_failure(conclusion: Conclusion, attempt: RunAttempt) -> Decision {
    let (outcome, reason) = match conclusion {
        Conclusion::Success if attempt > RunAttempt::FIRST => {
            (RunOutcome::Rescued, format!("Attempt {attempt} succeeded."))
        }
        Conclusion::Success => (RunOutcome::Left, "Left alone: the run succeeded although a job failed.".to_owned()),
        other => (
            RunOutcome::Left,
            format!("Left alone: attempt {attempt} concluded {}, which is never re-run.", other.as_str()),
        ),
    };
    let may_go_on = matches!(conclusion, Conclusion::ActionRequired | Conclusion::Stale | Conclusion::Unknown);
    Decision::End(Ending { outcome, reason, last_word: !may_go_on, detail: Detail::default() })
}

fn times(n: u32) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}
