//! The overview: all repositories, one of them, one run of it; and what is said when there is nothing to show.

mod overview;
mod repository;
mod run;

use maud::html;
use serde::de::DeserializeOwned;

use crate::keeper::views::Question;
use crate::names::{RepoName, RunId};
use crate::settings::{SettingProblem, Settings};

use super::api::repositories;
use super::backend::{Backend, KeeperAnswer, ask};
use super::html::{Alert, OVERVIEW, Sentence};
use super::http::Response;
use super::parameters::Parameters;
use super::rejection::Rejection;
use super::routes::Page;

pub use overview::overview;
pub use repository::{Shown, repository};
pub use run::run;

fn repository_path(repository: &RepoName) -> String {
    format!("{OVERVIEW}/{repository}")
}

fn run_path(repository: &RepoName, run_id: RunId) -> String {
    format!("{OVERVIEW}/{repository}/runs/{run_id}")
}

pub async fn answer(
    page: &Page,
    parameters: &Parameters,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<Response, Rejection> {
    let (problems, web_url) = (settings.problems.as_slice(), settings.github_web_url());
    match page {
        Page::Overview => {
            let (entries, cursor) = repositories(backend, parameters.list_cursor()?).await?;
            Ok(Response::html(overview(&entries, problems, cursor.as_deref(), backend.now())))
        }
        Page::Repository(name) => {
            let slice = parameters.runs()?;
            let (outcome, is_continued) = (slice.outcome, slice.before.is_some());
            let answer = ask(backend, name, Question::Repository(slice)).await?;
            let shown = Shown { outcome, is_continued, problems, web_url: &web_url };
            Ok(Response::html(repository(&view(&answer)?, &shown)).with_rows_read(answer.rows_read))
        }
        Page::Run(name, run_id) => {
            let answer = ask(backend, name, Question::Run(*run_id)).await?;
            Ok(Response::html(run(&view(&answer)?, problems, &web_url)).with_rows_read(answer.rows_read))
        }
    }
}

fn view<T: DeserializeOwned>(answer: &KeeperAnswer) -> Result<T, Rejection> {
    serde_json::from_slice(&answer.json).map_err(|error| Rejection::unavailable("the Keeper's answer", error))
}

/// What is wrong with the Worker's settings stands on top of every page: nothing is re-run meanwhile.
fn settings_alerts(problems: &[SettingProblem]) -> Vec<Alert> {
    let alert = |problem: &SettingProblem| Alert {
        serious: true,
        what: html! { code { (problem.setting) } " " (problem.problem) "." },
        remedy: html! { "Nothing is re-run until it is fixed. Webhooks are stored meanwhile." },
    };
    problems.iter().map(alert).collect()
}

fn refused(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "GitHub refuses the credentials: " (Sentence(message)) },
        remedy: html! {
            "The runs wait until that is fixed: a token with " code { "npx wrangler secret put GITHUB_TOKEN" }
            ", a GitHub App on GitHub. " code { "npm run doctor" } " says what it takes."
        },
    }
}

fn repository_problem(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "Nothing can be done in this repository: " (Sentence(message)) },
        remedy: html! {
            "Its runs wait up to a week for a fix; other repositories are not affected. " code { "npm run doctor" }
            " says what it takes."
        },
    }
}

fn policy_problem(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "The policy file is not valid: " (Sentence(message)) },
        remedy: html! { "Nothing is re-run here until it is fixed on the default branch." },
    }
}
