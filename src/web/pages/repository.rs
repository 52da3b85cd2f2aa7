//! One repository: one call to its Keeper.

use maud::{Markup, html};

use crate::keeper::judgement::Precision;
use crate::keeper::views::{BadRunner, FlakyJob, RepositoryView, RunView};
use crate::names::RepoName;
use crate::policy::RunOutcome;
use crate::settings::Settings;
use crate::time::Millis;
use crate::web::chart;
use crate::web::html::{Alert, Foreign, Frame, Sentence, amount, number, page, percent, scrollable, state, tile, when};

use super::overview::{heard, rate};
use super::runs::{self, RunList, run_link, why};
use super::unknown::unknown_failures;
use super::{
    INSIGHTS, OVERVIEW, job_and_step, last_seen, left_alone, outages, policy_problem, precision, refused,
    repository_problem, settings_alerts,
};

pub fn repository(view: &RepositoryView, list: &RunList, settings: &Settings) -> String {
    let (repository, now) = (&view.repository, view.at);
    let mut alerts = settings_alerts(settings, &left_alone("In 30 days", view.last_30_days.left));
    alerts.extend(view.credentials_refused.as_deref().map(refused));
    alerts.extend(view.repository_problem.as_deref().map(repository_problem));
    alerts.extend(view.policy_problem.as_deref().map(policy_problem));
    alerts.extend(view.paused_since.map(|since| Alert {
        serious: false,
        what: html! { "Paused since " (when(since, now)) "." },
        remedy: html! { "Nothing is re-run. Failures are recorded, and decided on when you resume." },
    }));
    let body = html! {
        div.head {
            div {
                h1 { (Foreign(repository.as_str())) }
                p.lead {
                    a href={ (settings.github_web_url()) "/" (repository) "/actions" } { "Actions on GitHub" }
                    " · " a href=(INSIGHTS) { "what fails in all repositories" }
                    " · last webhook " (heard(view.last_webhook, now)) " · last decision " (heard(view.last_decision, now))
                }
            }
            (pause_form(view))
        }
        (tiles(view))
        (contents(view))
        (outages::of_repository(repository, &view.outages, now))
        @if !view.due.is_empty() { (due(repository, &view.due, now, view.paused_since.is_some())) }
        section {
            h2 #last-30-days { "Last 30 days" }
            @if view.last_30_days.rescued + view.last_30_days.exhausted > 0 {
                p.small { "Rescued runs above the line, exhausted runs below. Days are in UTC." }
            }
            (chart::days("by-day", &view.by_day, now))
        }
        (runs::section(view, list))
        @if view.precision.total.made > 0 { (reruns(&view.precision)) }
        (flaky_jobs(repository, &view.flaky_jobs, now))
        (unknown_failures(repository, &view.unknown_failures, now))
        @if !view.bad_runners.is_empty() { (bad_runners(&view.bad_runners, now)) }
    };
    let above = [(OVERVIEW, "Overview")];
    page(&Frame { title: repository.as_str(), above: &above, alerts: &alerts, at: Some(now) }, &body)
}

/// Pages are long. The runs, which most come for, are above what is known of them all.
fn contents(view: &RepositoryView) -> Markup {
    let parts = [
        ("outages", "Outages", !view.outages.is_empty()),
        ("waiting", "In progress", !view.due.is_empty()),
        ("last-30-days", "Last 30 days", true),
        ("runs", "Runs", true),
        ("precision", "Results of re-runs", view.precision.total.made > 0),
        ("flaky-jobs", "Jobs that fail most", true),
        ("unknown-failures", "Unrecognized failures", !view.unknown_failures.is_empty()),
    ];
    html! {
        nav aria-label="On this page" {
            ul.contents {
                @for (id, name, _) in parts.iter().filter(|(.., is_there)| *is_there) { li { a href={ "#" (id) } { (name) } } }
            }
        }
    }
}

fn pause_form(view: &RepositoryView) -> Markup {
    let form = |verb: &str, label: &str| {
        html! {
            form method="post" action={ "/api/v1/repositories/" (view.repository) "/" (verb) } {
                button.button type="submit" { (label) }
            }
        }
    };
    if view.paused_since.is_some() {
        return form("resume", "Resume re-runs");
    }
    html! {
        details.confirm {
            summary.button { "Pause re-runs" }
            div {
                p { "Nothing in this repository is re-run until somebody resumes re-runs here. Failures are still recorded." }
                (form("pause", "Yes, pause re-runs"))
            }
        }
    }
}

fn tiles(view: &RepositoryView) -> Markup {
    let figures = view.last_30_days;
    html! {
        dl.tiles {
            (tile("Rescued", &number(figures.rescued), &rate(figures)))
            (tile("Exhausted", &number(figures.exhausted), &html! {
                (number(figures.left)) " left alone, " (number(figures.failed)) " failed"
            }))
            (tile("Waiting", &number(view.waiting), &html! { (number(view.rerunning)) " re-running" }))
            (tile("Re-runs today", &number(view.reruns_today), &match view.reruns_per_day {
                Some(budget) => html! { "of " (number(budget)) " the policy allows" },
                None => html! { (number(figures.reruns)) " in 30 days" },
            }))
            (precision::tiles(Some(&view.precision.total)))
            (tile("Runner time spent", &amount(figures.runner_seconds), &html! { "on re-runs" }))
            (tile("Waiting saved", &amount(figures.saved_seconds), &html! { "first failure to success" }))
        }
    }
}

fn reruns(precision: &Precision) -> Markup {
    let Precision { total, by_rerun, by_policy, by_rule } = precision;
    html! {
        section {
            h2 #precision { "Results of re-runs" }
            (precision::table(&precision::Shown { total, by_rerun, by_policy: Some(by_policy), by_rule }))
        }
    }
}

fn due(repository: &RepoName, runs: &[RunView], now: Millis, paused: bool) -> Markup {
    html! {
        section {
            h2 #waiting { "In progress" }
            (scrollable("Runs in progress, soonest first", &html! {
                table {
                    caption { span { @if paused { "Nothing is decided until you resume." } @else { "Soonest first." } } }
                    thead { tr {
                        th scope="col" { "Run" } th scope="col" { "Next" } th scope="col" { "State" } th.w scope="col" { "Why" }
                    } }
                    tbody {
                        @for run in runs {
                            tr {
                                th scope="row" { (run_link(repository, run)) }
                                td.t.half { @if paused { "on resume" } @else if let Some(due) = run.due { (what_is_next(run)) " " (when(due, now)) } }
                                td { (state(run, paused)) }
                                td.w.wrap { (Sentence(why(run, paused))) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

/// What is done when a run is due.
fn what_is_next(run: &RunView) -> &'static str {
    match run.outcome {
        RunOutcome::Rerunning => "asks GitHub",
        RunOutcome::Waiting if run.held_since.is_some() => "checks again",
        RunOutcome::Waiting => "decides",
        _ => "tries again",
    }
}

fn flaky_jobs(repository: &RepoName, jobs: &[FlakyJob], now: Millis) -> Markup {
    html! {
        section {
            h2 #flaky-jobs { "Jobs that fail most" }
            @if jobs.is_empty() {
                p.empty { "No failed job was recorded in the last 30 days." }
            } @else {
                (scrollable("Jobs that fail most", &html! {
                    table {
                        caption { span { "Those that failed most often in 30 days, flaky or not. The bar is the 95% interval of the rescue rate." } }
                        thead { tr {
                            th scope="col" { "Job and step" }
                            th.n scope="col" { "Failed" }
                            th.n.w scope="col" { "Re-runs passed" }
                            th scope="col" { "Rescue rate" }
                            th.w scope="col" { "Trend" }
                            th.n.w scope="col" { "Last seen" }
                        } }
                        tbody {
                            @for (row, job) in jobs.iter().enumerate() {
                                tr {
                                    th.wrap scope="row" { (job_and_step(&job.workflow, &job.job, &job.step)) }
                                    td.n { (number(job.failed)) }
                                    td.n.w { (number(job.passed)) " of " (number(job.reruns)) }
                                    td.one { @if let Some(rate) = job.rescue_rate {
                                        (percent(rate.permille)) (chart::interval(&format!("rate-{row}"), rate))
                                    } @else { span.small { "not known yet" } } }
                                    td.w { (chart::trend(&format!("trend-{row}"), &job.by_day)) }
                                    td.n.w { (last_seen(repository, job.last_run_id, job.last_seen, now)) }
                                }
                            }
                        }
                    }
                }))
            }
        }
    }
}

fn bad_runners(runners: &[BadRunner], now: Millis) -> Markup {
    html! {
        section {
            h2 { "Runners that stand out" }
            (scrollable("Runners that stand out", &html! {
                table {
                    caption { span { "Self-hosted runners with more failed jobs than the others, in 30 days." } }
                    thead { tr {
                        th scope="col" { "Runner" } th.n scope="col" { "Failed jobs" } th.n scope="col" { "Last seen" }
                    } }
                    tbody { @for runner in runners { tr {
                        th.wrap scope="row" { (Foreign(&runner.runner)) }
                        td.n { (number(runner.failed)) " of all " (number(runner.failed_on_all)) }
                        td.n { (when(runner.last_seen, now)) }
                    } } }
                }
            }))
        }
    }
}
