//! The repositories, one of them, and its files.

use maud::{Markup, html};

use super::parts::{list_of_runs, runs, title};
use crate::model::{GitHub, IssueSnapshot, Repository};

const RUNS_SHOWN: usize = 30;

pub(super) fn all(github: &GitHub) -> Markup {
    html! {
        h1 { "Repositories" }
        ul { @for repository in github.repositories() {
            li { a href={ "/" (repository.name()) } { (repository.name()) } }
        } }
    }
}

pub(super) fn one(github: &GitHub, repository: &Repository) -> Markup {
    let (pulls, issues): (Vec<_>, Vec<_>) =
        repository.shown_issues().into_iter().rev().partition(|one| one.pull.is_some());
    let runs: Vec<_> = runs(github, repository).take(RUNS_SHOWN).collect();
    html! {
        h1 { (repository.name()) }
        h2 { "Pull requests" }
        (list(repository, "pull", &pulls))
        h2 { "Issues" }
        (list(repository, "issues", &issues))
        h2 { "Workflow runs" }
        @if runs.is_empty() { p { "None yet." } } @else { (list_of_runs(repository, &runs)) }
    }
}

/// A file of the default branch, each line at its number.
pub(super) fn file(repository: &Repository, path: &str) -> Option<Markup> {
    let text = &repository.file(path)?.content;
    Some(html! {
        h1 { (path) }
        pre { @for (number, line) in text.lines().enumerate() { span id={ "L" (number + 1) } { (line) "\n" } } }
    })
}

fn list(repository: &Repository, place: &str, all: &[IssueSnapshot]) -> Markup {
    html! {
        @if all.is_empty() { p { "None yet." } } @else {
            ul.plain { @for IssueSnapshot { issue, comments, .. } in all { li.title {
                a href={ "/" (repository.name()) "/" (place) "/" (issue.number) } { "#" (issue.number) } " "
                (title(&issue.title)) " "
                @if !issue.open { span.label { "closed" } " " }
                @for label in &issue.labels { span.label { (label) } " " }
                @if *comments > 0 { small { "comments: " (comments) } }
            } } }
        }
    }
}
