//! A decision on a run, for people and as JSON.

use std::fmt::Write as _;

use rerunner::escape::line;
use rerunner::policy::run::Run;
use rerunner::policy::{Action, Decision, Detail, Ending, FailedJob, Rerun, Scope};
use serde_json::{Value, json};

use super::files::Missing;
use super::{Explained, Undecided};

/// What is assumed, and what it hangs on, before the decision itself.
pub fn told(explained: &Explained) -> String {
    let Explained { run, decision, undecided, assumed, causes: _ } = explained;
    let first = run.as_ref().map_or_else(|| "A job that failed".to_owned(), sentence);
    let mut text = format!("{first}.\n");
    if let Some(assumed) = assumed {
        let _ = writeln!(text, "Assumed: {assumed}.");
    }
    text.push('\n');
    if let Some(undecided) = undecided {
        text.push_str(&hangs_on(undecided));
    }
    text + &shown(decision)
}

fn hangs_on(Undecided { missing, is_read }: &Undecided) -> String {
    let named: Vec<&str> = missing.iter().map(|one| one.as_str()).collect();
    let options: Vec<String> = named.iter().map(|name| format!("--{name} FILE")).collect();
    let when = match (missing.as_slice(), is_read) {
        ([Missing::Annotations], true) => "If there are none",
        (_, true) => "If there is nothing in them that a rule asks for",
        (_, false) => "If GitHub did not have them either",
    };
    let (named, options) = (named.join(" and "), options.join(" and "));
    format!("UNDECIDED: {named} not given. Add {options}.\n{when}: ")
}

/// A sentence that names the run.
fn sentence(run: &Run) -> String {
    let workflow = line(run.workflow.as_deref().or_else(|| file_of(run)).unwrap_or("a workflow"));
    let conclusion = run.conclusion.map_or("still running", |conclusion| conclusion.as_str());
    format!("Run {} of \"{workflow}\", attempt {}: {conclusion}", run.run_id, run.run_attempt)
}

/// The name of the workflow's file.
pub fn file_of(run: &Run) -> Option<&str> {
    run.path.as_deref().and_then(|path| path.rsplit('/').next())
}

fn shown(decision: &Decision) -> String {
    match decision {
        Decision::Await => "Nothing yet: the run has not concluded.\n".to_owned(),
        Decision::Rerun(Rerun { reason, in_short: _, delay, scope, debug_logging, detail }) => {
            let what = match scope {
                Scope::FailedJobs => "its failed jobs",
                Scope::AllJobs => "all of its jobs",
            };
            let debug = if *debug_logging { ", with debug logging" } else { "" };
            format!("RE-RUN {what} {delay} after it ended{debug}.\n  {reason}\n{}", shown_detail(detail))
        }
        Decision::End(Ending { outcome, reason, detail, .. }) => {
            format!("NO RE-RUN ({}).\n  {reason}\n{}", outcome.as_str(), shown_detail(detail))
        }
    }
}

fn shown_detail(detail: &Detail) -> String {
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
    for (what, list) in [
        ("Unknown, so no condition on it holds:", &detail.absent),
        ("Might have changed the decision, had it been known:", &detail.doubts),
    ] {
        if !list.is_empty() {
            let _ = writeln!(text, "\n{what}");
        }
        for one in list {
            let _ = writeln!(text, "  {}", line(one));
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
    let why = job.interruption.map(|interruption| format!(" ({})", interruption.in_words())).unwrap_or_default();
    let code = job.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let failed = format!("failed {at}{why}{code}");
    if job.action.is_some() { format!("{then} {rule}; {failed}") } else { failed }
}

pub fn as_json(explained: &Explained) -> Value {
    let Explained { run, decision, undecided, assumed, causes } = explained;
    let mut json = of_decision(decision);
    if let Some(Undecided { missing, is_read }) = undecided {
        let missing: Vec<&str> = missing.iter().map(|one| one.as_str()).collect();
        let then = if *is_read { "if_there_are_none" } else { "if_github_has_none" };
        json = json!({ "decision": "undecided", "not_given": missing, then: json });
    }
    if let Some(json) = json.as_object_mut() {
        let shown = causes.iter().map(|(job, cause)| json!({ "job": job, "cause": cause.found() }));
        json.insert("causes".to_owned(), shown.collect());
        json.extend(assumed.map(|assumed| ("assumed".to_owned(), json!(assumed))));
        json.insert("run_id".to_owned(), json!(run.as_ref().map(|run| run.run_id)));
        json.insert("run_attempt".to_owned(), json!(run.as_ref().map(|run| run.run_attempt)));
    }
    json
}

fn of_decision(decision: &Decision) -> Value {
    match decision {
        Decision::Await => json!({ "decision": "await" }),
        Decision::Rerun(Rerun { reason, in_short: _, delay, scope, debug_logging, detail }) => json!({
            "decision": "rerun",
            "reason": reason,
            "delay_seconds": delay.as_millis() / 1_000,
            "scope": scope,
            "debug_logging": debug_logging,
            "detail": detail,
        }),
        Decision::End(Ending { outcome, reason, detail, .. }) => {
            json!({ "decision": "end", "outcome": outcome, "reason": reason, "detail": detail })
        }
    }
}
