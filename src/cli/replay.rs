//! What would have been decided about runs that are over.

use std::collections::BTreeMap;

use rerunner::escape::line;
use rerunner::names::Conclusion;
use rerunner::names::{RunAttempt, RunId, WorkflowId};
use rerunner::policy::RunOutcome;
use rerunner::policy::evidence::{EarlierAttempt, Fetched, History, Job, Spent};
use rerunner::policy::run::Run;
use rerunner::policy::{Decision, Policy, Rerun, Rules};
use rerunner::time::{Millis, Span};
use serde::Serialize;

use super::explain::Given;
use super::input::Export;
use super::show;

/// One failed attempt and what would have been done about it.
#[derive(Debug, Serialize)]
pub struct Replayed {
    pub run_id: RunId,
    pub run_attempt: RunAttempt,
    pub workflow: String,
    #[serde(flatten)]
    pub decided: Decided,
    pub reason: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decided {
    Rerun {
        /// Whether an attempt after it passed. `None`: nobody re-ran it, so that it is not known.
        later_passed: Option<bool>,
        runner_seconds: u64,
    },
    End {
        outcome: RunOutcome,
    },
}

/// An attempt as it can be made out.
struct Attempt {
    run: Run,
    jobs: Option<Vec<Job>>,
    ended: Millis,
}

/// Goes through all attempts in the order in which they ended, with the budget that is left at each.
pub fn replay(export: &Export, policy: &Policy, rules: &Rules) -> Vec<Replayed> {
    let runs = attempts(export);
    let mut order: Vec<&Attempt> = runs.values().flatten().collect();
    order.sort_by_key(|attempt| (attempt.ended, attempt.run.run_id, attempt.run.run_attempt));
    let mut histories = BTreeMap::<RunId, Vec<EarlierAttempt>>::new();
    let mut spent: Vec<(Millis, Span)> = Vec::new();
    let mut replayed = Vec::new();
    for attempt in order {
        let Attempt { run, jobs, ended } = attempt;
        let earlier = histories.entry(run.run_id).or_default();
        let given = Given {
            jobs: jobs.clone().map_or_else(|| Fetched::Absent("not in the export".to_owned()), Fetched::Present),
            annotations: Fetched::Absent("not in the export".to_owned()),
            log: Fetched::Absent("not in the export".to_owned()),
        };
        let history = History { attempts: earlier.clone(), spent: spent_before(&spent, *ended) };
        let (decided, reason) = match given.decide(rules, policy, run, &history) {
            Decision::Await => continue,
            Decision::Rerun(Rerun { reason, detail, .. }) => {
                let time = Span::seconds(i64::try_from(detail.runner_seconds).unwrap_or(i64::MAX));
                spent.push((*ended, time));
                earlier.push(EarlierAttempt {
                    run_attempt: run.run_attempt,
                    fingerprint: detail.fingerprint,
                    partial: detail.partial_fingerprint,
                    rules: detail.rules,
                });
                let later = runs.get(&run.run_id).into_iter().flatten();
                let later_passed = passed_after(later.map(|attempt| &attempt.run), run.run_attempt);
                (Decided::Rerun { later_passed, runner_seconds: detail.runner_seconds }, reason)
            }
            // Of a run that passed there is nothing to say.
            Decision::End(_) if run.conclusion == Some(Conclusion::Success) => continue,
            Decision::End(ending) => (Decided::End { outcome: ending.outcome }, ending.reason),
        };
        replayed.push(Replayed {
            run_id: run.run_id,
            run_attempt: run.run_attempt,
            workflow: line(run.workflow.as_deref().or_else(|| show::file(run)).unwrap_or("?")).into_owned(),
            decided,
            reason,
        });
    }
    replayed
}

/// Every attempt of every run, oldest first.
///
/// GitHub lists a run only with its newest attempt. That there were others is certain, and that they failed nearly so, as
/// that is why people re-run; where the export has their jobs, these tell.
fn attempts(export: &Export) -> BTreeMap<RunId, Vec<Attempt>> {
    let names = names_of_workflows(export);
    let mut newest = BTreeMap::<RunId, &Run>::new();
    let mut listed = BTreeMap::new();
    for exported in &export.runs {
        let run = &exported.run;
        listed.insert((run.run_id, run.run_attempt), exported);
        newest
            .entry(run.run_id)
            .and_modify(|newest| {
                if newest.run_attempt < run.run_attempt {
                    *newest = run
                }
            })
            .or_insert(run);
    }
    let attempts_of = |newest: &&Run| {
        let numbers = (1..=newest.run_attempt.get()).filter_map(RunAttempt::new);
        numbers
            .map(|number| {
                let exported = listed.get(&(newest.run_id, number));
                let jobs = export.jobs_of(newest.run_id, number);
                let run =
                    exported.map_or_else(|| earlier(newest, number, jobs.as_deref()), |exported| exported.run.clone());
                let of_jobs = jobs.iter().flatten().filter_map(|job| job.completed).max();
                let workflow = run.workflow_id.and_then(|id| names.get(&id)).map(|&name| name.to_owned());
                let run = Run { workflow, ..run };
                let ended = of_jobs.or_else(|| exported.and_then(|exported| exported.updated)).unwrap_or_default();
                Attempt { run, jobs, ended }
            })
            .collect()
    };
    newest.iter().map(|(run_id, newest)| (*run_id, attempts_of(newest))).collect()
}

/// A list of runs has only the runs' own names; their jobs say what their workflows are called.
fn names_of_workflows(export: &Export) -> BTreeMap<WorkflowId, &str> {
    let of_runs: BTreeMap<RunId, &str> =
        export.jobs.iter().filter_map(|job| Some((job.run_id, job.job.workflow.as_deref()?))).collect();
    let of = |run: &Run| Some((run.workflow_id?, *of_runs.get(&run.run_id)?));
    export.runs.iter().filter_map(|exported| of(&exported.run)).collect()
}

fn earlier(newest: &Run, run_attempt: RunAttempt, jobs: Option<&[Job]>) -> Run {
    let any = |conclusion| jobs.is_some_and(|jobs| jobs.iter().any(|job| job.conclusion == Some(conclusion)));
    let failed = jobs.is_none() || any(Conclusion::Failure) || any(Conclusion::TimedOut);
    let conclusion = match () {
        () if failed => Conclusion::Failure,
        () if any(Conclusion::Cancelled) => Conclusion::Cancelled,
        () => Conclusion::Success,
    };
    Run { run_attempt, conclusion: Some(conclusion), ..newest.clone() }
}

fn passed_after<'a>(attempts: impl Iterator<Item = &'a Run>, attempt: RunAttempt) -> Option<bool> {
    let later: Vec<_> = attempts.filter(|run| run.run_attempt > attempt).filter_map(|run| run.conclusion).collect();
    (!later.is_empty()).then(|| later.contains(&Conclusion::Success))
}

fn spent_before(spent: &[(Millis, Span)], now: Millis) -> Spent {
    let within = |span: Span| spent.iter().filter(move |(at, _)| now - *at < span);
    let count = |span| u32::try_from(within(span).count()).unwrap_or(u32::MAX);
    Spent {
        reruns_last_hour: count(Span::hours(1)),
        reruns_last_day: count(Span::days(1)),
        runner_time_last_day: Span::millis(within(Span::days(1)).map(|(_, time)| time.as_millis()).sum()),
    }
}
