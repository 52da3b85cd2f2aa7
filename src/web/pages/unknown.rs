//! Unrecognized failures, on a repository's page: failures that no rule and no entry of the catalogue knew.

use maud::{Markup, html};

use crate::keeper::judgement::{UnknownFailure, UnknownFailures};
use crate::names::RepoName;
use crate::time::Millis;
use crate::web::chart;
use crate::web::html::{number, percent, scrollable};

use super::{job_and_step, last_seen};

pub fn unknown_failures(repository: &RepoName, all: &UnknownFailures, now: Millis) -> Markup {
    // Little can be done about them yet, and they are many where Rerunner is new.
    let undecided = |failures: &[UnknownFailure]| {
        html! {
            @if !failures.is_empty() {
                details.group {
                    summary { b { "Too few re-runs to tell" } " " span.small { (number(failures.len() as u64)) } }
                    (table(repository, "undecided", "Too few re-runs to tell", "Never re-run, or fewer than five times without success.", failures, now))
                }
            }
        }
    };
    let list = |id: &str, title: &str, about: &str, failures: &[UnknownFailure]| {
        html! {
            @if !failures.is_empty() {
                h3 { (title) }
                (table(repository, id, title, about, failures, now))
            }
        }
    };
    html! {
        @if !all.is_empty() {
            section {
                h2 #unknown-failures { "Unrecognized failures" }
                p.small {
                    "Failures in the last 30 days that no rule and no catalogue entry recognized, so that nothing but their re-runs \
                     tells what to do about them. The jobs above count them too."
                }
                (list("flaky", "Flaky", "Some of their re-runs passed.", &all.flaky))
                (list("in-vain", "Never helped by a re-run", "Re-run at least five times, and never passed.", &all.never_helped))
                (leave_rules(&all.never_helped))
                (undecided(&all.undecided))
            }
        }
    }
}

fn table(
    repository: &RepoName,
    id: &str,
    title: &str,
    about: &str,
    failures: &[UnknownFailure],
    now: Millis,
) -> Markup {
    scrollable(
        title,
        &html! {
            table {
                caption { span { (about) } }
                thead { tr {
                    th scope="col" { "Job and step" }
                    th.n scope="col" { "Failed" }
                    th.n scope="col" { "Re-runs passed" }
                    th.w scope="col" { "Rescue rate" }
                    th.n.w scope="col" { "Last seen" }
                } }
                tbody { @for (row, failure) in failures.iter().enumerate() { tr {
                    th.wrap scope="row" { (job_and_step(&failure.workflow, &failure.job, &failure.step)) }
                    td.n { (number(failure.failed)) }
                    td.n { @if failure.reruns == 0 { span.small { "unknown" } } @else {
                        (number(failure.passed)) " of " (number(failure.reruns))
                    } }
                    td.w.one { @match failure.rescue_rate {
                        Some(rate) => { (percent(rate.permille)) (chart::interval(&format!("unknown-{id}-{row}"), rate)) }
                        None => span.small { "unknown" },
                    } }
                    td.n.w { (last_seen(repository, failure.last_run_id, failure.last_seen, now)) }
                } } }
            }
        },
    )
}

/// Names in them are escaped for YAML, so that they are seen as they are.
fn leave_rules(failures: &[UnknownFailure]) -> Markup {
    let rules: Vec<&str> = failures.iter().filter_map(|failure| failure.leave_rule.as_deref()).collect();
    html! {
        @if !rules.is_empty() {
            p { "Re-run ten times or more, and never passed. To leave " @if rules.len() == 1 { "it" } @else { "them" }
                " to the author, put this near the top of " code { "rules" } " in the policy file:" }
            pre dir="ltr" tabindex="0" aria-label="Rules for the policy file" { code { @for rule in rules { (rule) } } }
        }
    }
}
