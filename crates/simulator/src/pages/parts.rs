//! What stands on more than one page.

use comrak::{Options, markdown_to_html};
use maud::{Markup, PreEscaped, html};

use crate::model::{CommitStatus, Conclusion, GitHub, Millis, Repository, Run, Sha, Status, StatusState};
use crate::payload;

/// The newest first.
pub(super) fn runs<'a>(github: &'a GitHub, repository: &'a Repository) -> impl Iterator<Item = &'a Run> {
    repository.runs().iter().rev().filter_map(|id| github.find_run(*id))
}

pub(super) fn name(run: &Run) -> String {
    format!("{} #{}", run.identity.workflow.name, run.identity.run_number)
}

pub(super) fn short(commit: Sha) -> String {
    commit.to_string().chars().take(7).collect()
}

pub(super) fn at(time: Millis) -> Markup {
    let time = payload::time(time);
    html! { time { (time.replace('T', " ").replace('Z', " UTC")) } }
}

pub(super) fn link_to_commit(repository: &Repository, commit: Sha) -> Markup {
    html! { a href={ "/" (repository.name()) "/commit/" (commit) } { code { (short(commit)) } } }
}

pub(super) fn link_to_run(repository: &Repository, run: &Run) -> Markup {
    html! { a href={ "/" (repository.name()) "/actions/runs/" (run.id()) } { (name(run)) } }
}

/// As GitHub's comments have it: line breaks count, and HTML of the text is not taken over.
pub(super) fn markdown(text: &str) -> Markup {
    let mut options = Options::default();
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.tasklist = true;
    options.render.hardbreaks = true;
    html! { div.markdown { (PreEscaped(markdown_to_html(text, &options))) } }
}

/// In a title, what is between backquotes is code; nothing else of Markdown is there.
pub(super) fn title(text: &str) -> Markup {
    let mut rest = text;
    let mut parts = vec![];
    while let Some((before, code, after)) = first_code(rest) {
        parts.push(html! { (before) code { (code) } });
        rest = after;
    }
    html! { @for part in &parts { (part) } (rest) }
}

/// What is between two runs of backquotes of the same length, and what is before and after it.
fn first_code(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find('`')?;
    let (before, from) = text.split_at(start);
    let length = from.len() - from.trim_start_matches('`').len();
    let (fence, inside) = from.split_at(length);
    let is_alone = |end: &usize| {
        let (code, after) = inside.split_at(*end);
        !code.ends_with('`') && !after[length..].starts_with('`')
    };
    let end = inside.match_indices(fence).map(|(end, _)| end).find(is_alone)?;
    let code = &inside[..end];
    let padded = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' ')).filter(|code| !code.trim().is_empty());
    Some((before, padded.unwrap_or(code), &inside[end + length..]))
}

pub(super) fn list_of_runs(repository: &Repository, runs: &[&Run]) -> Markup {
    html! {
        table {
            thead { tr { th { "Run" } th { "Event" } th { "Commit" } th { "Attempt" } th { "State" } } }
            tbody { @for run in runs { tr {
                td { (link_to_run(repository, run)) }
                td { (run.identity.event) }
                td { (link_to_commit(repository, run.identity.head_sha)) }
                td { (run.latest().number) }
                td { (state(run.latest().state())) }
            } } }
        }
    }
}

pub(super) fn list_of_statuses(statuses: &[&CommitStatus]) -> Markup {
    html! {
        ul.plain { @for status in statuses {
            li {
                (mark(status.state)) " "
                strong { (status.context) }
                @if let Some(description) = &status.description { " " (description) }
                @if let Some(target) = &status.target_url { " " a href=(target) { "Details" } }
            }
        } }
    }
}

fn mark(state: StatusState) -> Markup {
    let (class, mark) = match state {
        StatusState::Success => ("good", "✓"),
        StatusState::Failure | StatusState::Error => ("bad", "✗"),
        StatusState::Pending => ("wait", "●"),
    };
    html! { span.(class) title=(state.as_str()) { (mark) } }
}

pub(super) fn state((status, conclusion): (Status, Option<Conclusion>)) -> Markup {
    let (class, words) = match conclusion {
        Some(Conclusion::Success) => ("good", "✓ passed".to_owned()),
        Some(Conclusion::Failure) => ("bad", "✗ failed".to_owned()),
        Some(other) => ("wait", other.as_str().replace('_', " ")),
        None => ("wait", status.as_str().replace('_', " ")),
    };
    html! { span.(class) { (words) } }
}
