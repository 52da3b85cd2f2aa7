//! A pull request or an issue: what it says, its comments and the reactions to them; a pull request's checks, too.

use maud::{Markup, html};

use super::parts::{at, link_to_commit, list_of_runs, list_of_statuses, markdown, runs, title};
use crate::model::{Association, Comment, GitHub, Issue, Login, Millis, PullRequest, Reaction, Repository};

pub(super) fn page(github: &GitHub, repository: &Repository, number: u64) -> Option<Markup> {
    let snapshot = repository.issue_snapshot(number)?;
    let (issue, pull) = (&snapshot.issue, repository.pull(number));
    let comments = repository.comments().iter().filter(|comment| comment.number == number);
    Some(html! {
        p { a href={ "/" (repository.name()) } { (repository.name()) } }
        h1.title { (title(&issue.title)) " " span.number { "#" (number) } }
        p {
            (state(issue, pull)) " "
            @for label in &issue.labels { span.label { (label) } " " }
            @match pull {
                Some(pull) => { strong { (issue.author) } " wants to merge " code { (head(pull)) } " into "
                    code { (repository.identity.default_branch) } },
                None => { strong { (issue.author) } " opened this issue " (at(issue.created_at)) },
            }
        }
        @if let Some(body) = &issue.body {
            (said((&issue.author, issue.association, issue.edits), issue.created_at, body, &[]))
        }
        @for Comment { author, association, created_at, body, reactions, edits, .. } in comments {
            (said((author, *association, *edits), *created_at, body, reactions))
        }
        @if let Some(closed) = issue.closed_at {
            p { strong { (issue.closed_by.as_ref().map_or("Somebody", Login::as_str)) } " closed this " (at(closed)) }
        }
        @if let Some(pull) = pull { (checks(github, repository, pull)) }
    })
}

fn state(issue: &Issue, pull: Option<&PullRequest>) -> Markup {
    let (class, words) = match (issue.open, pull) {
        (true, _) => ("state is-open", "Open"),
        (false, Some(pull)) if pull.merged => ("state is-closed", "Merged"),
        (false, _) => ("state is-closed", "Closed"),
    };
    html! { span class=(class) { (words) } }
}

fn head(pull: &PullRequest) -> String {
    if pull.from_fork { format!("{}:{}", pull.author, pull.head_branch) } else { pull.head_branch.to_string() }
}

fn said(
    (author, association, edits): (&Login, Association, u32),
    time: Millis,
    body: &str,
    reactions: &[Reaction],
) -> Markup {
    let who = association.as_str().to_ascii_lowercase().replace('_', " ");
    html! {
        article {
            div.by {
                strong { (author) } " " (at(time))
                @if edits > 0 { " · edited" }
                @if association != Association::None { span.label.right { (who) } }
            }
            (markdown(body))
            @if !reactions.is_empty() {
                div.reactions { @for one in reactions {
                    span.label title=(one.content) { (emoji(one.content)) " " (one.by) } " "
                } }
            }
        }
    }
}

/// As GitHub shows a reaction.
fn emoji(content: &str) -> &str {
    match content {
        "+1" => "👍",
        "-1" => "👎",
        "laugh" => "😄",
        "confused" => "😕",
        "heart" => "❤️",
        "hooray" => "🎉",
        "rocket" => "🚀",
        "eyes" => "👀",
        other => other,
    }
}

fn checks(github: &GitHub, repository: &Repository, pull: &PullRequest) -> Markup {
    let statuses = repository.newest_statuses(pull.head_sha);
    let of_it: Vec<_> = runs(github, repository).filter(|run| run.identity.head_sha == pull.head_sha).collect();
    html! {
        h2 { "Checks of the newest commit " (link_to_commit(repository, pull.head_sha)) }
        @if statuses.is_empty() && of_it.is_empty() { p { "None yet." } }
        @if !statuses.is_empty() { (list_of_statuses(&statuses)) }
        @if !of_it.is_empty() { (list_of_runs(repository, &of_it)) }
    }
}
