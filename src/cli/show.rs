//! Decisions as text and as JSON.

use std::fmt::Write as _;

use rerunner::escape::line;
use rerunner::policy::run::Run;
use rerunner::policy::{Action, Decision, Detail, Ending, FailedJob, Rerun, Scope};
use serde_json::{Value, json};

/// A sentence that names the run.
pub fn run(run: &Run) -> String {
    let workflow = line(run.workflow.as_deref().or_else(|| file(run)).unwrap_or("a workflow"));
    let conclusion = run.conclusion.map_or("still running", |conclusion| conclusion.as_str());
    format!("Run {} of \"{workflow}\", attempt {}: {conclusion}", run.run_id, run.run_attempt)
}

/// The name of the workflow's file.
pub fn file(run: &Run) -> Option<&str> {
    run.path.as_deref().and_then(|path| path.rsplit('/').next())
}

pub fn decision(decision: &Decision) -> String {
    match decision {
        Decision::Await => "Nothing yet: the run has not concluded.\n".to_owned(),
        Decision::Rerun(Rerun { reason, delay, scope, debug_logging, detail }) => {
            let what = match scope {
                Scope::FailedJobs => "its failed jobs",
                Scope::AllJobs => "all of its jobs",
            };
            let debug = if *debug_logging { ", with debug logging" } else { "" };
            format!("RE-RUN {what} {delay} after it ended{debug}.\n  {reason}\n{}", self::detail(detail))
        }
        Decision::End(Ending { outcome, reason, detail, .. }) => {
            format!("NO RE-RUN ({}).\n  {reason}\n{}", outcome.as_str(), self::detail(detail))
        }
    }
}

fn detail(detail: &Detail) -> String {
    let mut text = String::new();
    if !detail.jobs.is_empty() {
        text.push_str("\nFailed jobs:\n");
        let width = detail.jobs.iter().map(|job| job.name.chars().count()).max().unwrap_or_default().min(40);
        for job in &detail.jobs {
            let _ = writeln!(text, "  {:width$}  {}", line(&job.name), line(&matched(job)));
        }
    }
    if detail.more_jobs > 0 {
        let _ = writeln!(text, "  and {} more", detail.more_jobs);
    }
    if detail.runner_seconds > 0 {
        let _ = writeln!(text, "\nA re-run is expected to take {} runner minutes.", detail.runner_seconds.div_ceil(60));
    }
    if !detail.absent.is_empty() {
        let _ = writeln!(text, "\nNot known, so no condition on it holds:");
        for absent in &detail.absent {
            let _ = writeln!(text, "  {}", line(absent));
        }
    }
    if !detail.doubts.is_empty() {
        let _ = writeln!(text, "\nMight have changed the decision, had it been known:");
        for doubt in &detail.doubts {
            let _ = writeln!(text, "  {}", line(doubt));
        }
    }
    text
}

fn matched(job: &FailedJob) -> String {
    let then = match job.action {
        Some(Action::Rerun) => "re-run",
        Some(Action::Leave) => "leave",
        Some(Action::Ignore) => "ignore",
        None => "-",
    };
    let rule = match (&job.rule, job.line) {
        (Some(rule), Some(line)) => format!("by rule \"{rule}\" (line {line} of its log)"),
        (Some(rule), None) => format!("by rule \"{rule}\""),
        (None, _) => "by no rule".to_owned(),
    };
    let at = job.step.as_deref().map_or_else(|| "with no failed step".to_owned(), |step| format!("at \"{step}\""));
    let at = match job.interruption {
        Some(interruption) => format!("{at} ({})", interruption.in_words()),
        None => at,
    };
    let code = job.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    if job.action.is_some() { format!("{then} {rule}; failed {at}{code}") } else { format!("failed {at}{code}") }
}

pub fn decision_json(run: &Run, decision: &Decision) -> Value {
    let (run_id, run_attempt) = (run.run_id, run.run_attempt);
    match decision {
        Decision::Await => json!({ "run_id": run_id, "run_attempt": run_attempt, "decision": "await" }),
        Decision::Rerun(Rerun { reason, delay, scope, debug_logging, detail }) => json!({
            "run_id": run_id,
            "run_attempt": run_attempt,
            "decision": "rerun",
            "reason": reason,
            "delay_seconds": delay.as_millis() / 1_000,
            "scope": scope,
            "debug_logging": debug_logging,
            "detail": detail,
        }),
        Decision::End(Ending { outcome, reason, detail, .. }) => json!({
            "run_id": run_id,
            "run_attempt": run_attempt,
            "decision": "end",
            "outcome": outcome,
            "reason": reason,
            "detail": detail,
        }),
    }
}
