//! The runs of a repository, and how they are found: all of it is in the address.

use maud::{Markup, html};

use crate::escape::bounded;
use crate::keeper::run_filter::RunFilter;
use crate::keeper::views::{RepositoryView, RunView};
use crate::names::RepoName;
use crate::policy::catalogue::Class;
use crate::policy::{Cause, RunOutcome};
use crate::time::Millis;
use crate::web::html::{Foreign, Sentence, date, name, number, scrollable, state, when};

use super::{repository_path, run_path};

/// Which of them are listed.
pub struct RunList {
    pub outcome: Option<RunOutcome>,
    pub filter: RunFilter,
    /// Whether it goes on from another page.
    pub is_continued: bool,
}

pub fn section(view: &RepositoryView, list: &RunList) -> Markup {
    let (repository, filter) = (&view.repository, &list.filter);
    let path = |outcome, cursor| runs_path(repository, outcome, filter, cursor);
    let choices = [None].into_iter().chain(RunOutcome::ALL.map(Some));
    html! {
        section {
            h2 #runs { "Runs" }
            nav aria-label="Runs by outcome" {
                ul.filter {
                    @for choice in choices {
                        li {
                            a href=(path(choice, None)) aria-current=[(choice == list.outcome).then_some("true")] {
                                (choice.map_or("all", name))
                            }
                        }
                    }
                }
            }
            (form(repository, list))
            @if view.runs.is_empty() { p.empty { (nothing(view, list)) } } @else { (table(view)) }
            (further(view, list))
        }
    }
}

fn nothing(view: &RepositoryView, list: &RunList) -> &'static str {
    match view.looked_through {
        Some(_) if view.next_cursor.is_some() => "None of the runs searched so far matches.",
        Some(_) => "No run matches.",
        None if list.outcome.is_some() => "No run has this outcome.",
        None if list.is_continued => "There are no older runs.",
        None => "No run has failed since Rerunner was connected. Runs that pass the first time are not listed.",
    }
}

fn form(repository: &RepoName, list: &RunList) -> Markup {
    let RunFilter { workflow, branch, job, cause, rule, since, until } = &list.filter;
    let day = |day: &Option<i64>| day.map(|day| date(Millis::of_day(day)));
    let cause = cause.as_deref();
    // An entry of the catalogue is given in the address.
    let infrastructure = Cause::Infrastructure.as_str();
    let is_entry = cause.is_some_and(|cause| cause != infrastructure && Class::parse(cause).is_none());
    html! {
        form.find.many method="get" action={ (repository_path(repository)) "#runs" } aria-label="Find runs" {
            @if let Some(outcome) = list.outcome { input type="hidden" name="outcome" value=(outcome.as_str()); }
            (field("Workflow", "workflow", workflow.as_deref()))
            (field("Branch", "branch", branch.as_deref()))
            (field("Failed job", "job", job.as_deref()))
            (field("Rule", "rule", rule.as_deref()))
            label {
                span { "Cause" }
                select.field name="cause" {
                    option value="" { "any" }
                    @if is_entry { option value=[cause] selected { (cause.unwrap_or_default()) } }
                    option value=(infrastructure) selected[cause == Some(infrastructure)] { "any infrastructure" }
                    @for class in Class::ALL {
                        option value=(class.as_str()) selected[cause == Some(class.as_str())] { (class.as_str().replace('_', " ")) }
                    }
                }
            }
            label { span { "From" } input.field type="date" name="since" value=[day(since)]; }
            label { span { "To" } input.field type="date" name="until" value=[day(until)]; }
            div.act {
                button.button type="submit" { "Find runs" }
                @if !list.filter.is_empty() {
                    " " a href=(runs_path(repository, list.outcome, &RunFilter::default(), None)) { "Clear" }
                }
            }
            p.small {
                "Names must match in full; " code { "*" } " stands for any characters, as in " code { "release/*" }
                ". Job, rule and cause must hold for the same failed job. Dates are the UTC days of a run's first failure."
            }
        }
    }
}

fn field(label: &str, name: &str, value: Option<&str>) -> Markup {
    html! { label { span { (label) } input.field type="text" name=(name) value=[value] autocomplete="off" spellcheck="false"; } }
}

fn table(view: &RepositoryView) -> Markup {
    let (repository, now) = (&view.repository, view.at);
    scrollable(
        "Runs, newest first",
        &html! {
            table {
                caption { span { "Newest first." } }
                thead { tr {
                    th scope="col" { "Run" }
                    th scope="col" { "Outcome" }
                    th.n.w scope="col" { "Re-runs" }
                    th.w scope="col" { "Why" }
                    th.n scope="col" { "Last change" }
                } }
                tbody {
                    @for run in &view.runs {
                        tr {
                            th scope="row" { (run_link(repository, run)) }
                            td { (state(run, view.paused_since.is_some())) }
                            td.n.w { (run.reruns) }
                            td.w.wrap { (Sentence(why(run, view.paused_since.is_some()))) }
                            td.n.t { (when(run.updated, now)) }
                        }
                    }
                }
            }
        },
    )
}

/// How far it was looked, and where the list goes on.
fn further(view: &RepositoryView, list: &RunList) -> Markup {
    let path = |cursor| runs_path(&view.repository, list.outcome, &list.filter, cursor);
    html! {
        @if let Some(looked_through) = view.looked_through {
            p.pages { span.small {
                "Searched " (number(looked_through)) @if looked_through == 1 { " run" } @else { " runs" }
                @if list.is_continued { " from here on" }
                @if view.next_cursor.is_some() { "; there are older ones." } @else { ", back to the oldest." }
            } }
        }
        @if list.is_continued || view.next_cursor.is_some() {
            p.pages {
                @if list.is_continued { a href=(path(None)) { "Newest runs" } }
                @if let Some(cursor) = &view.next_cursor {
                    @if list.is_continued { " · " }
                    a href=(path(Some(cursor.as_str()))) { @if view.looked_through.is_some() { "Search older runs" } @else { "Older runs" } }
                }
            }
        }
    }
}

/// The address that shows them.
pub fn runs_path(
    repository: &RepoName,
    outcome: Option<RunOutcome>,
    filter: &RunFilter,
    cursor: Option<&str>,
) -> String {
    let RunFilter { workflow, branch, job, cause, rule, since, until } = filter;
    let day = |day: &Option<i64>| day.map(|day| date(Millis::of_day(day)));
    let (since, until) = (day(since), day(until));
    let parameters = [
        ("outcome", outcome.map(RunOutcome::as_str)),
        ("workflow", workflow.as_deref()),
        ("branch", branch.as_deref()),
        ("job", job.as_deref()),
        ("cause", cause.as_deref()),
        ("rule", rule.as_deref()),
        ("since", since.as_deref()),
        ("until", until.as_deref()),
        ("cursor", cursor),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        value.into_iter().for_each(|value| {
            query.append_pair(name, value);
        });
    }
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{query}#runs", repository_path(repository))
}

/// Why it stands as it does. One that waits in a paused repository does not wait for its time.
pub fn why(run: &RunView, is_paused: bool) -> &str {
    match run.outcome {
        RunOutcome::Waiting if is_paused => "Waiting for somebody to resume re-runs.",
        _ => &run.reason,
    }
}

pub fn run_link(repository: &RepoName, run: &RunView) -> Markup {
    html! {
        a href=(run_path(repository, run.run_id)) {
            @if let Some(workflow) = &run.workflow { (Foreign(&bounded(workflow, 60))) } @else { "run" }
            @match run.run_number { Some(number) => { " #" (number) } None => { " " (run.run_id) } }
        }
        @if run.branch.is_some() || run.title.is_some() {
            div.small.wrap {
                @if let Some(title) = &run.title { (Foreign(&bounded(title, 80))) }
                @if let Some(branch) = &run.branch { " on " (Foreign(&bounded(branch, 60))) }
                @if let Some(actor) = &run.actor { " by " (Foreign(actor)) }
            }
        }
    }
}
