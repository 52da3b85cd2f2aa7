//! Runs that were exported from GitHub into files: without annotations and logs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rerunner::escape::line;
use rerunner::names::{Conclusion, RunAttempt, RunId, WorkflowId};
use rerunner::policy::evidence::{EarlierAttempt, History, Job, Spent};
use rerunner::policy::run::Run;
use rerunner::policy::{Decision, Policy, Rerun, RerunSettings, RunOutcome};
use rerunner::time::{Millis, Span};
use serde::Serialize;
use serde_json::json;

use crate::cli::explain::{Given, fetched, file_of};
use crate::cli::input::{self, Export};
use crate::cli::report::{Failure, Report};

use super::Arguments;

/// One line of the table.
#[derive(Debug, Default, Serialize)]
struct Line {
    /// Attempts that failed and that the policy decides on.
    failed: u64,
    rerun: u64,
    later_passed: u64,
    later_failed: u64,
    /// Nobody re-ran it, so that there is no telling.
    not_known: u64,
    left: u64,
    runner_minutes: u64,
    #[serde(skip)]
    seconds: u64,
}

pub fn backtest(arguments: &Arguments) -> Result<Report, Failure> {
    let rerun_settings = input::rerun_settings()?;
    let policy = input::valid_policy(arguments.policy.as_deref(), &arguments.organization, &rerun_settings)?;
    let mut export = Export::default();
    for file in arguments.runs.iter().chain(&arguments.jobs) {
        export.add(file)?;
    }
    if export.runs.is_empty() {
        return Err(Failure("the input has no workflow run".to_owned()));
    }
    let replayed = replay(&export, &policy, &rerun_settings);
    let mut lines = BTreeMap::<&str, Line>::new();
    let mut total = Line::default();
    for one in &replayed {
        lines.entry(&one.workflow).or_default().add(&one.decided);
        total.add(&one.decided);
    }
    let mut text = table(&lines, &total);
    if arguments.verbose {
        for Replayed { run_id, run_attempt, workflow, decided, reason } in &replayed {
            let what = if let Decided::Rerun { .. } = decided { "re-run" } else { "leave " };
            let _ = writeln!(text, "{what}  {run_id} attempt {run_attempt}  {workflow}: {reason}");
        }
    }
    let json = json!({ "workflows": lines, "total": total, "attempts": replayed });
    Ok(Report { text, json, good: true })
}

impl Line {
    fn add(&mut self, decided: &Decided) {
        self.failed += 1;
        match decided {
            Decided::Rerun { later_passed, runner_seconds } => {
                self.rerun += 1;
                self.seconds += runner_seconds;
                self.runner_minutes = self.seconds.div_ceil(60);
                match later_passed {
                    Some(true) => self.later_passed += 1,
                    Some(false) => self.later_failed += 1,
                    None => self.not_known += 1,
                }
            }
            Decided::End { .. } => self.left += 1,
        }
    }

    fn cells(&self) -> [String; 7] {
        [self.failed, self.rerun, self.later_passed, self.later_failed, self.not_known, self.left, self.runner_minutes]
            .map(|n| n.to_string())
    }
}

const HEAD: [&str; 7] = ["failed", "re-run", "then passed", "then failed", "not known", "left", "minutes"];

fn table(lines: &BTreeMap<&str, Line>, total: &Line) -> String {
    let all = lines.iter().map(|(workflow, line)| (*workflow, line.cells())).chain([("all", total.cells())]);
    let width = lines.keys().map(|workflow| workflow.chars().count()).max().unwrap_or_default().clamp(8, 40);
    let row = |name: &str, cells: [String; 7]| {
        let cells = HEAD.iter().zip(cells).map(|(head, cell)| format!("  {cell:>0$}", head.len()));
        let name: String = name.chars().take(width).collect();
        format!("{name:width$}{}\n", cells.collect::<String>())
    };
    let head = row("workflow", HEAD.map(str::to_owned));
    let rows: String = all.map(|(name, cells)| row(name, cells)).collect();
    let known = total.later_passed + total.later_failed;
    let nothing =
        "None of the attempts that would have been re-run was re-run, so what it would have changed is unknown.";
    let share = match (total.later_passed * 100).checked_div(known) {
        Some(percent) => format!("Of the {known} whose next attempts are known, {percent}% passed later."),
        None => nothing.to_owned(),
    };
    format!("{head}{rows}\n{share}\n")
}

/// One failed attempt and what would have been done about it.
#[derive(Debug, Serialize)]
struct Replayed {
    run_id: RunId,
    run_attempt: RunAttempt,
    workflow: String,
    #[serde(flatten)]
    decided: Decided,
    reason: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
enum Decided {
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
fn replay(export: &Export, policy: &Policy, rerun_settings: &RerunSettings) -> Vec<Replayed> {
    let runs = attempts(export);
    let mut order: Vec<&Attempt> = runs.values().flatten().collect();
    order.sort_by_key(|attempt| (attempt.ended, attempt.run.run_id, attempt.run.run_attempt));
    let mut histories = BTreeMap::<RunId, Vec<EarlierAttempt>>::new();
    let (mut spent, mut spent_by_forks) = (Vec::<(Millis, Span)>::new(), Vec::new());
    let mut replayed = Vec::new();
    for attempt in order {
        let Attempt { run, jobs, ended } = attempt;
        let earlier = histories.entry(run.run_id).or_default();
        let given = Given {
            jobs: fetched(jobs.clone(), "not in the export"),
            annotations: fetched(None, "not in the export"),
            log: fetched(None, "not in the export"),
        };
        let history = History {
            attempts: earlier.clone(),
            spent: spent_before(&spent, *ended),
            spent_by_forks: spent_before(&spent_by_forks, *ended),
        };
        let (decided, reason) = match given.decide(rerun_settings, policy, run, &history) {
            Decision::Await => continue,
            Decision::Rerun(Rerun { reason, detail, .. }) => {
                let time = Span::seconds(i64::try_from(detail.runner_seconds).unwrap_or(i64::MAX));
                spent.push((*ended, time));
                spent_by_forks.extend(spent.last().filter(|_| run.is_of_fork()));
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
            workflow: line(run.workflow.as_deref().or_else(|| file_of(run)).unwrap_or("?")).into_owned(),
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
        let newest = newest.entry(run.run_id).or_insert(run);
        if newest.run_attempt < run.run_attempt {
            *newest = run;
        }
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
    let otherwise = if any(Conclusion::Cancelled) { Conclusion::Cancelled } else { Conclusion::Success };
    let conclusion = Some(if failed { Conclusion::Failure } else { otherwise });
    Run { run_attempt, conclusion, ..newest.clone() }
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
