//! What a policy would have done about each attempt that failed, in the order in which they ended.

use std::collections::BTreeMap;

use rerunner::names::{Conclusion, JobId, RunAttempt, RunId, lengths};
use rerunner::policy::evidence::{EarlierAttempt, History, Job, Spent};
use rerunner::policy::{self, Action, Decision, Detail, Policy, Rerun, RerunSettings, RunOutcome};
use rerunner::time::{Millis, Span};

use crate::cli::past::{Cause, Known, PastAttempt, PastRun, earlier_attempt};

/// What came of a run's next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Passed,
    Failed,
    /// There was none, or it is not over, or it was cancelled.
    Unknown,
}

/// One attempt that failed, and what the policy says of it.
#[derive(Debug, Clone)]
pub struct Decided {
    pub run_id: RunId,
    pub run_attempt: RunAttempt,
    pub workflow: String,
    pub then: Then,
    pub reason: String,
    pub next: Next,
    pub jobs: Vec<FailedJob>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    Rerun {
        /// Empty: by no rule.
        rules: Vec<String>,
        /// `None`: the jobs do not say how long they took.
        runner_seconds: Option<u64>,
        /// From the end of this attempt to the end of the next.
        lasts: Option<Span>,
    },
    End(RunOutcome),
}

#[derive(Debug, Clone)]
pub struct FailedJob {
    pub name: String,
    pub step: Option<String>,
    pub rule: Option<String>,
    pub action: Option<Action>,
    pub cause: Cause,
    /// Whether it passed in the next attempt; `None`: that is not known.
    pub passed_next: Option<bool>,
}

/// What the catalogue says of each failed job: the same whatever the policy.
pub fn causes(known: &Known, runs: &[PastRun]) -> BTreeMap<JobId, Cause> {
    let attempts = runs.iter().flat_map(|run| &run.attempts).filter(|attempt| attempt.passed() != Some(true));
    attempts.flat_map(PastAttempt::failed_jobs).map(|job| (job.job_id, known.cause(job.job_id))).collect()
}

pub struct Replay<'a> {
    pub rerun_settings: &'a RerunSettings,
    pub policy: &'a Policy,
    pub known: &'a Known<'a>,
    pub causes: &'a BTreeMap<JobId, Cause>,
}

impl Replay<'_> {
    pub fn run(&self, runs: &[PastRun]) -> Vec<Decided> {
        let mut order: Vec<(Millis, &PastRun, &PastAttempt)> = runs
            .iter()
            .flat_map(|run| run.attempts.iter().map(move |attempt| (run, attempt)))
            .filter(|(_, attempt)| self.is_failure(attempt))
            .map(|(run, attempt)| (attempt.ended.or(attempt.run.created).unwrap_or_default(), run, attempt))
            .collect();
        order.sort_by_key(|(ended, _, attempt)| (*ended, attempt.run.run_id, attempt.run.run_attempt));
        let mut histories = BTreeMap::<RunId, Vec<EarlierAttempt>>::new();
        let (mut spent, mut spent_by_forks) = (Vec::new(), Vec::new());
        let mut all = Vec::new();
        for (ended, run, attempt) in order {
            let earlier = histories.entry(attempt.run.run_id).or_default();
            let history = History {
                attempts: earlier.clone(),
                spent: spent_before(&spent, ended),
                spent_by_forks: spent_before(&spent_by_forks, ended),
            };
            let (decided, detail) = match self.known.decide(self.rerun_settings, self.policy, attempt, &history, ended)
            {
                Decision::Await => continue,
                Decision::Rerun(rerun) => {
                    let seconds = i64::try_from(rerun.detail.runner_seconds).unwrap_or(i64::MAX);
                    spent.push((ended, Span::seconds(seconds)));
                    spent_by_forks.extend(spent.last().filter(|_| attempt.run.is_of_fork()));
                    self.rerun(run, attempt, rerun)
                }
                Decision::End(ending) => (
                    self.decided(run, attempt, Then::End(ending.outcome), ending.reason, &ending.detail),
                    ending.detail,
                ),
            };
            earlier.push(earlier_attempt(attempt.run.run_attempt, detail));
            all.push(decided);
        }
        all
    }

    fn is_failure(&self, attempt: &PastAttempt) -> bool {
        attempt.run.conclusion.is_some_and(|is| {
            matches!(is, Conclusion::Failure | Conclusion::TimedOut) || self.policy.conclusions.contains(&is)
        })
    }

    fn rerun(&self, run: &PastRun, attempt: &PastAttempt, rerun: Rerun) -> (Decided, Detail) {
        let Rerun { reason, delay, detail, .. } = rerun;
        let took = run.next(attempt.run.run_attempt).and_then(PastAttempt::took);
        let then = Then::Rerun {
            rules: detail.rules.clone(),
            runner_seconds: attempt.says_what_it_took().then_some(detail.runner_seconds),
            lasts: took.map(|took| Span::millis(took.as_millis().saturating_add(delay.as_millis()))),
        };
        (self.decided(run, attempt, then, reason, &detail), detail)
    }

    fn decided(&self, run: &PastRun, attempt: &PastAttempt, then: Then, reason: String, detail: &Detail) -> Decided {
        let next = run.next(attempt.run.run_attempt);
        Decided {
            run_id: attempt.run.run_id,
            run_attempt: attempt.run.run_attempt,
            workflow: cut(&self.known.workflow(&attempt.run)),
            then,
            reason,
            next: match next.and_then(PastAttempt::passed) {
                Some(true) => Next::Passed,
                Some(false) => Next::Failed,
                None => Next::Unknown,
            },
            jobs: self.jobs(attempt, next, detail),
        }
    }

    fn jobs(&self, attempt: &PastAttempt, next: Option<&PastAttempt>, detail: &Detail) -> Vec<FailedJob> {
        let jobs: Vec<&Job> = attempt.failed_jobs().collect();
        // Both are by name; a decision by the run alone has none.
        let are_all = detail.jobs.len() as u64 + detail.more_jobs == jobs.len() as u64;
        let recorded = |at: usize| detail.jobs.get(at).filter(|_| are_all);
        jobs.into_iter().enumerate().map(|(at, job)| self.job(job, recorded(at), next)).collect()
    }

    fn job(&self, job: &Job, matched: Option<&policy::FailedJob>, next: Option<&PastAttempt>) -> FailedJob {
        let again = || next?.jobs.present()?.iter().find(|again| again.name == job.name)?.conclusion;
        FailedJob {
            step: job.failed_steps().next().map(|step| cut(&step.name)),
            rule: matched.and_then(|matched| matched.rule.clone()),
            action: matched.and_then(|matched| matched.action),
            cause: self.causes.get(&job.job_id).cloned().unwrap_or(Cause::NotRead),
            passed_next: match again() {
                Some(Conclusion::Success) => Some(true),
                Some(Conclusion::Failure | Conclusion::TimedOut) => Some(false),
                _ => None,
            },
            name: cut(&job.name),
        }
    }
}

/// Names are as they are: what shows them makes them harmless.
fn cut(name: &str) -> String {
    name.chars().take(lengths::STORED).collect()
}

fn spent_before(spent: &[(Millis, Span)], now: Millis) -> Spent {
    // In order: what is a day old is before all that is not.
    let day = spent.partition_point(|(at, _)| now - *at >= Span::days(1));
    let within = |span: Span| spent.iter().skip(day).filter(move |(at, _)| now - *at < span);
    let count = |span| u32::try_from(within(span).count()).unwrap_or(u32::MAX);
    Spent {
        reruns_last_hour: count(Span::hours(1)),
        reruns_last_day: count(Span::days(1)),
        runner_time_last_day: Span::millis(within(Span::days(1)).map(|(_, time)| time.as_millis()).sum()),
    }
}
