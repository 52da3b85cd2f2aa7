//! One run: its attempts in time, what was decided on each and why, and what GitHub answered.

use maud::{Markup, html};

use crate::escape::bounded;
use crate::keeper::views::{DecisionView, OneRunView};
use crate::names::Conclusion;
use crate::policy::evidence::RescueRate;
use crate::policy::{Action, Detail, FailedJob, RunOutcome};
use crate::settings::SettingProblem;
use crate::time::Millis;
use crate::web::html::{
    Foreign, Frame, Sentence, amount, date_and_time, held, number, outcome, page, scrollable, state, when,
};

use super::{OVERVIEW, repository_path, settings_alerts};

pub fn run(view: &OneRunView, problems: &[SettingProblem], web_url: &str) -> String {
    let OneRunView { repository, at: now, run, decisions } = view;
    let github = format!("{web_url}/{repository}/actions/runs/{}", run.run_id);
    let workflow = run.workflow.as_deref().unwrap_or("Run");
    let body = html! {
        h1 { (Foreign(workflow)) " " span.small { @match run.run_number { Some(number) => { "#" (number) } None => (run.run_id) } } }
        p.lead { (state(run)) " " (Sentence(&run.reason)) }
        section {
            h2 { "At a glance" }
            dl.facts {
                @if let Some(title) = &run.title { dt { "Title" } dd { (Foreign(title)) } }
                @if let Some(branch) = &run.branch { dt { "Branch" } dd { (Foreign(branch)) } }
                @if let Some(event) = &run.event { dt { "Started by" } dd {
                    (Foreign(event)) @if let Some(actor) = &run.actor { " by " (Foreign(actor)) }
                } }
                dt { "On GitHub" } dd { a href=(github) { "the run and its logs" } }
                @if let Some(attempt) = run.run_attempt { dt { "Newest attempt" } dd { (attempt) } }
                dt { "Re-runs by Rerunner" } dd { (run.reruns) }
                @if let Some(since) = run.held_since { dt { "Held since" } dd { (date_and_time(since)) ", " (when(since, *now)) } }
                @if let Some(due) = run.due { dt { "Looked at next" } dd { (when(due, *now)) } }
                dt { "First failure" } dd { (date_and_time(run.created)) }
                dt { "Last change" } dd { (date_and_time(run.updated)) ", " (when(run.updated, *now)) }
            }
        }
        section {
            h2 { "What happened" }
            ol.steps {
                @for (place, decision) in decisions.iter().enumerate() { (step(place, decision, *now, &github)) }
                @if let Some(due) = run.due {
                    li.s-waiting {
                        h3 { "Next" }
                        p { @if run.reason.is_empty() { "It is looked at " } @else { (Sentence(&run.reason)) " It is looked at " } (when(due, *now)) "." }
                    }
                } @else if decisions.is_empty() {
                    li { h3 { "Nothing was decided on it." } }
                }
            }
        }
    };
    let above = [(OVERVIEW, "Overview"), (&repository_path(repository), repository.as_str())];
    let title = format!("{} {}", bounded(workflow, 60), run.run_id);
    page(&Frame { title: &title, above: &above, alerts: &settings_alerts(problems), at: Some(*now) }, &body)
}

fn step(place: usize, decision: &DecisionView, now: Millis, github: &str) -> Markup {
    let detail = &decision.detail;
    html! {
        li class={ "s-" (decision.outcome.as_str()) } {
            h3 {
                @if let Some(attempt) = decision.run_attempt {
                    a href={ (github) "/attempts/" (attempt) } { "Attempt " (attempt) }
                } @else { "Some attempt" }
                // What was begun then may have ended long since.
                @if decision.outcome == RunOutcome::Rerunning { span.outcome.rerunning { span aria-hidden="true" { "↻" } " re-run" } }
                // Of what waits, nothing else is on record.
                @else if decision.outcome == RunOutcome::Waiting { (held()) }
                @else { (outcome(decision.outcome)) }
                span.small { (when(decision.decided, now)) }
            }
            p { (Sentence(&decision.reason)) }
            @if let Some(answer) = github_answered(decision) { p.small { "GitHub: " (answer) } }
            @if !detail.rules.is_empty() {
                p.small { "By the rule " @for (place, rule) in detail.rules.iter().enumerate() {
                    @if place > 0 { ", " } b { (Foreign(rule)) }
                } }
            }
            @if !detail.jobs.is_empty() { (jobs(&format!("Failed jobs of decision {}", place + 1), detail)) }
            @if !detail.fetched.is_empty() { p.small { "Read: " (list(&detail.fetched)) "." } }
            @if !detail.absent.is_empty() { p.small { "Could not be read: " (list(&detail.absent)) "." } }
            @if !detail.doubts.is_empty() { p.small { "Might have changed the decision: " (list(&detail.doubts)) "." } }
        }
    }
}

/// What the call for a re-run was answered; a refusal's own words are in the reason.
fn github_answered(decision: &DecisionView) -> Option<&'static str> {
    match decision.outcome {
        RunOutcome::Rerunning if decision.reason.contains("the answer was lost") => {
            Some("the answer was lost, but the next attempt is there")
        }
        RunOutcome::Rerunning => Some("accepted the re-run (201)"),
        _ => None,
    }
}

fn jobs(label: &str, detail: &Detail) -> Markup {
    let (jobs, more) = (&detail.jobs, detail.more_jobs);
    let failed = jobs.len() as u64 + more;
    html! {
        (scrollable(label, &html! {
            table {
                caption { span { (failed) @if failed == 1 { " job failed" } @else { " jobs failed" } } }
                thead { tr {
                    th scope="col" { "Job" }
                    th scope="col" { "Failed step" }
                    th.w scope="col" { "Runner" }
                    th.n.w scope="col" { "Took" }
                    th scope="col" { "Judged" }
                } }
                tbody { @for job in jobs { tr {
                    th.wrap scope="row" { (Foreign(&job.name)) }
                    td { @match &job.step {
                        Some(step) => (Foreign(step)),
                        None => span.small { (job.conclusion.map_or("failed", Conclusion::as_str)) ", no step failed" },
                    }
                    @if let Some(code) = job.exit_code { span.small { ", exit code " (code) } }
                    @if let Some(interruption) = job.interruption { span.small { ", " (interruption.in_words()) } }
                    (findings(job)) }
                    td.w { @if let Some(runner) = &job.runner { (Foreign(runner)) } }
                    td.n.w { @if let Some(seconds) = job.duration_seconds { (amount(seconds)) } }
                    td {
                        (match job.action { Some(Action::Rerun) => "re-run", Some(Action::Leave) => "leave", Some(Action::Ignore) => "ignore", None => "" })
                        @if let Some(rule) = &job.rule { span.small { " by " (Foreign(rule)) } }
                        @if let Some(line) = job.line { span.small { ", log line " (line) } }
                    }
                } } }
            }
        }))
        @if more > 0 { p.small { "and " (more) " more" } }
    }
}

/// What was found out about why it failed.
fn findings(job: &FailedJob) -> Markup {
    html! {
        @if let Some(cause) = &job.cause {
            div.small { "Cause: " b { (Foreign(&cause.id)) } " (" (cause.class.as_str()) "), "
                @match cause.line { Some(line) => { "log line " (line) } None => "by an annotation" }
            }
        }
        @if let Some(RescueRate { judged, passed }) = job.rescue_rate {
            div.small { @if judged == 0 { "None of its re-runs has ended in 30 days" } @else {
                "Rescue rate: " (number(passed)) " of " (number(judged)) " re-runs in 30 days"
            } }
        }
        @if let Some(fails) = job.base_failed {
            div.small { @if fails { "Fails on the base branch, too" } @else { "Does not fail on the base branch" } }
        }
        @if job.source_annotation == Some(true) { div.small { "An annotation points at a file of the repository" } }
    }
}

fn list(texts: &[String]) -> Markup {
    html! { @for (place, text) in texts.iter().take(40).enumerate() { @if place > 0 { ", " } (Sentence(text)) } }
}
