//! The overview: all repositories, one of them, one run of it; and what is said when there is nothing to show.

mod overview;
mod repository;
mod run;

use maud::{Markup, html};

use crate::names::{RepoName, RunId};
use crate::settings::SettingProblem;

use super::html::{Alert, Frame, Sentence, page};

pub use overview::overview;
pub use repository::{Shown, repository};
pub use run::run;

const OVERVIEW: &str = "/overview";

fn repository_path(repository: &RepoName) -> String {
    format!("{OVERVIEW}/{repository}")
}

fn run_path(repository: &RepoName, run_id: RunId) -> String {
    format!("{OVERVIEW}/{repository}/runs/{run_id}")
}

/// What is wrong with the Worker's settings stands on top of every page: nothing is re-run meanwhile.
fn settings_alerts(problems: &[SettingProblem]) -> Vec<Alert> {
    let alert = |problem: &SettingProblem| Alert {
        serious: true,
        what: html! { code { (problem.setting) } " " (problem.problem) "." },
        remedy: html! { "Until it is mended nothing is re-run. What arrives is kept." },
    };
    problems.iter().map(alert).collect()
}

fn refused(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "GitHub refuses the credentials: " (Sentence(message)) },
        remedy: html! {
            "The runs wait until that is mended: a token with " code { "npx wrangler secret put GITHUB_TOKEN" }
            ", a GitHub App on GitHub. " code { "npm run doctor" } " says what it takes."
        },
    }
}

fn repository_problem(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "Nothing can be done in this repository: " (Sentence(message)) },
        remedy: html! {
            "Its runs wait for up to a week until that is mended; other repositories go on. " code { "npm run doctor" }
            " says what it takes."
        },
    }
}

fn policy_problem(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "The policy file is not valid: " (Sentence(message)) },
        remedy: html! { "Nothing is re-run here until it is mended on the default branch." },
    }
}

/// A page that only says something.
pub fn message(title: &str, text: &Markup) -> String {
    let frame = Frame { title, above: &[(OVERVIEW.to_owned(), "Overview".to_owned())], alerts: &[], at: None };
    page(&frame, &html! { h1 { (title) } p.lead { (text) } })
}
