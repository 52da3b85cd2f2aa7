//! GitHub's pages as far as people look at them in the demonstration: plain and small, and each says that it is simulated.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | which page is at an address, and what all have in common |
//! | `repository.rs` | the repositories, one of them, and its files |
//! | `thread.rs` | a pull request or an issue, with comments and reactions |
//! | `run.rs` | a run, and a commit with its statuses |
//! | `parts.rs` | what stands on more than one page |

mod parts;
mod repository;
mod run;
#[cfg(test)]
mod tests;
mod thread;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::{GitHub, Repository, RunId, Sha};

const STYLE: &str = include_str!("style.css");
/// Comments are anybody's text.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page's status and HTML. Addresses are those of github.com.
pub(crate) fn page(github: &GitHub, path: &str) -> (u16, String) {
    match find(github, path) {
        Some((title, body)) => (200, framed(&title, &body)),
        None => {
            (404, framed("Not found", &html! { h1 { "There is no such page" } p { a href="/" { "Repositories" } } }))
        }
    }
}

/// Its title and content.
fn find(github: &GitHub, path: &str) -> Option<(String, Markup)> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (owner, name, rest) = match segments.as_slice() {
        [] => return Some(("Repositories".to_owned(), repository::all(github))),
        [owner, name, rest @ ..] => (owner, name, rest),
        [_] => return None,
    };
    let repository = github.repository(github.find_repository(&format!("{owner}/{name}"))?);
    let title = |what: &str| format!("{what} · {}", repository.name());
    Some(match rest {
        [] | ["actions" | "issues" | "pulls"] => (repository.name().to_string(), repository::one(github, repository)),
        ["pull" | "issues", number] => {
            let number = number.parse().ok()?;
            (title(&format!("#{number}")), thread::page(github, repository, number)?)
        }
        ["blob", "HEAD", path @ ..] => {
            let path = path.join("/");
            let text = repository::file(repository, &path)?;
            (title(&path), text)
        }
        ["commit", sha] => {
            let commit = Sha::parse(sha).filter(|commit| is_known(github, repository, *commit))?;
            (title(&parts::short(commit)), run::commit(github, repository, commit))
        }
        ["actions", "runs", id, ..] => {
            let run = github.find_run(RunId(id.parse().ok()?)).filter(|run| run.repository == repository.id)?;
            (title(&parts::name(run)), run::run(repository, run))
        }
        _ => return None,
    })
}

fn is_known(github: &GitHub, repository: &Repository, commit: Sha) -> bool {
    let of_pull = || repository.pulls().any(|pull| pull.head_sha == commit);
    let of_run = || parts::runs(github, repository).any(|run| run.identity.head_sha == commit);
    !repository.statuses(commit).is_empty() || of_pull() || of_run()
}

fn framed(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · simulated GitHub" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { a href="/" { "Simulated GitHub" } " A page of Rerunner's demonstration, not of GitHub." }
                main { (body) }
            }
        }
    }
    .into_string()
}
