//! The default rule: re-run what failed or timed out, up to the limit.

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
pub enum Decision {
    /// It has not concluded.
    Await,
    /// With the reason why, as a sentence.
    Rerun {
        reason: String,
    },
    End(Ending),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub outcome: RunOutcome,
    pub reason: String,
    /// Whether nothing more can be said of this attempt. A run that waits for approval can still fail in the same
    /// attempt.
    pub last_word: bool,
}

/// Decides on a run as GitHub shows it.
pub fn decide(rules: &Rules, run: &Run) -> Decision {
    let Some(conclusion) = run.conclusion else { return Decision::Await };
    let attempt = run.run_attempt;
    let end = |outcome, reason: String| Decision::End(Ending { outcome, reason, last_word: true });
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
    Decision::Rerun { reason: format!("Attempt {attempt} {what}: {count}.") }
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
    Decision::End(Ending { outcome, reason, last_word: !may_go_on })
}

fn times(n: u32) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::RunId;

    fn rules() -> Rules {
        Rules {
            max_reruns: 3,
            delay: Span::seconds(5),
            excluded_actors: vec!["Dependabot[bot]".to_owned()],
            dry_run: false,
            sweep_interval: Span::ZERO,
        }
    }

    fn run(attempt: u32, conclusion: Option<Conclusion>) -> Run {
        Run {
            run_id: RunId::new(7).unwrap(),
            run_attempt: RunAttempt::new(attempt).unwrap(),
            conclusion,
            workflow: Some("ci".to_owned()),
            event: "push".to_owned(),
            head_sha: "aaa".to_owned(),
            actors: vec!["ann".to_owned()],
            pull_request_heads: vec![],
        }
    }

    #[track_caller]
    fn ends(rules: &Rules, run: &Run, expected: RunOutcome, last_word: bool) {
        match decide(rules, run) {
            Decision::End(ending) => {
                assert_eq!((ending.outcome, ending.last_word), (expected, last_word), "{}", ending.reason)
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn reruns(rules: &Rules, run: &Run) {
        assert!(matches!(decide(rules, run), Decision::Rerun { .. }), "{:?}", decide(rules, run));
    }

    #[test]
    fn conclusions() {
        use Conclusion::*;
        assert_eq!(decide(&rules(), &run(1, None)), Decision::Await);
        for conclusion in [Failure, TimedOut] {
            reruns(&rules(), &run(1, Some(conclusion)));
        }
        ends(&rules(), &run(1, Some(Success)), RunOutcome::Left, true);
        ends(&rules(), &run(2, Some(Success)), RunOutcome::Rescued, true);
        for conclusion in [Cancelled, StartupFailure, Skipped, Neutral] {
            ends(&rules(), &run(1, Some(conclusion)), RunOutcome::Left, true);
        }
        for conclusion in [ActionRequired, Stale, Unknown] {
            ends(&rules(), &run(1, Some(conclusion)), RunOutcome::Left, false);
        }
    }

    #[test]
    fn the_limit_counts_attempts_whoever_started_them() {
        let failed = |attempt| run(attempt, Some(Conclusion::Failure));
        for attempt in 1..=3 {
            reruns(&rules(), &failed(attempt));
        }
        for attempt in [4, 5, 50] {
            ends(&rules(), &failed(attempt), RunOutcome::Exhausted, true);
        }
        ends(&Rules { max_reruns: 0, ..rules() }, &failed(1), RunOutcome::Left, true);
        reruns(&Rules { max_reruns: 1, ..rules() }, &failed(1));
        ends(&Rules { max_reruns: 1, ..rules() }, &failed(2), RunOutcome::Exhausted, true);
    }

    #[test]
    fn actors_dry_runs_and_outdated_commits() {
        let mut failed = run(1, Some(Conclusion::Failure));
        ends(&Rules { dry_run: true, ..rules() }, &failed, RunOutcome::Left, true);
        failed.actors = vec!["ann".to_owned(), "dependabot[bot]".to_owned()];
        ends(&rules(), &failed, RunOutcome::Left, true);

        let mut of_pull_request = run(1, Some(Conclusion::Failure));
        of_pull_request.pull_request_heads = vec!["bbb".to_owned()];
        reruns(&rules(), &of_pull_request);
        of_pull_request.event = "pull_request".to_owned();
        ends(&rules(), &of_pull_request, RunOutcome::Superseded, true);
        of_pull_request.pull_request_heads.push("aaa".to_owned());
        reruns(&rules(), &of_pull_request);
        of_pull_request.pull_request_heads.clear();
        reruns(&rules(), &of_pull_request);
    }

    #[test]
    fn reasons_are_sentences() {
        let Decision::End(ending) = decide(&rules(), &run(4, Some(Conclusion::Failure))) else { panic!() };
        assert_eq!(ending.reason, "Gave up: attempt 4 failed, and a run is re-run at most 3 times.");
        let Decision::Rerun { reason } = decide(&rules(), &run(2, Some(Conclusion::TimedOut))) else { panic!() };
        assert_eq!(reason, "Attempt 2 timed out: re-run 2 of at most 3.");
    }
}
