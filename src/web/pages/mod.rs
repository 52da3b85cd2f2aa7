//! The page at `/`, and the overview: all repositories, one of them, one run of it.

mod glossary;
mod insights;
mod jobs;
mod outages;
mod overview;
mod precision;
mod repository;
mod run;
mod runs;
mod unknown;

use maud::{Markup, html};
use serde::de::DeserializeOwned;

use crate::keeper::views::Question;
use crate::names::{RepoName, RunId};
use crate::settings::{SettingProblem, Settings};
use crate::time::Millis;

use super::backend::{Backend, KeeperAnswer, ask};
use super::html::{Alert, Foreign, Frame, INSIGHTS, OVERVIEW, Sentence, number, page, when, with_code};
use super::repositories::{Repositories, repositories};
use super::{Rejection, Response, parameters::Parameters, routes};

pub use glossary::glossary;
pub use insights::insights;
pub use overview::{Find, Sort, overview};
pub use repository::repository;
pub use run::run;
pub use runs::RunList;

fn repository_path(repository: &RepoName) -> String {
    format!("{OVERVIEW}/{repository}")
}

fn run_path(repository: &RepoName, run_id: RunId) -> String {
    format!("{OVERVIEW}/{repository}/runs/{run_id}")
}

/// A job that failed, as tables name it.
fn job_and_step(workflow: &str, job: &str, step: &str) -> Markup {
    html! {
        (Foreign(job))
        div.small {
            (Foreign(if workflow.is_empty() { "workflow unknown" } else { workflow })) " · "
            (Foreign(if step.is_empty() { "no step failed" } else { step }))
        }
    }
}

/// When something was last seen, which leads to the run that it was seen in.
fn last_seen(repository: &RepoName, run_id: u64, at: Millis, now: Millis) -> Markup {
    html! {
        @match RunId::new(run_id) {
            Some(run_id) => a href=(run_path(repository, run_id)) { (when(at, now)) },
            None => (when(at, now)),
        }
    }
}

pub async fn answer(
    page: &routes::Page,
    parameters: &Parameters,
    settings: &Settings,
    backend: &impl Backend,
) -> Result<Response, Rejection> {
    match page {
        routes::Page::Overview => {
            let find = Find { name: parameters.name("name")?, sort: sort(parameters)?.unwrap_or(Sort::Name) };
            let Repositories { repositories, next_cursor } = repositories(backend, parameters.list_cursor()?).await?;
            Ok(Response::html(overview(&repositories, settings, &find, next_cursor.as_deref(), backend.now())))
        }
        routes::Page::Insights => {
            let all = super::insights::read(backend, parameters.list_cursor()?).await?;
            Ok(Response::html(insights(&all, backend.now())))
        }
        routes::Page::Repository(name) => {
            let slice = parameters.runs()?;
            let (outcome, filter, is_continued) = (slice.outcome, slice.filter.clone(), slice.before.is_some());
            let list = RunList { outcome, filter, is_continued };
            let answer = ask(backend, name, Question::Repository(slice)).await?;
            let page = repository(&view(&answer)?, &list, settings);
            Ok(Response::html(page).with_rows_read(answer.rows_read))
        }
        routes::Page::Run(name, run_id) => {
            let answer = ask(backend, name, Question::RunPage(*run_id)).await?;
            Ok(Response::html(run(&view(&answer)?, settings)).with_rows_read(answer.rows_read))
        }
    }
}

pub fn sort(parameters: &Parameters) -> Result<Option<Sort>, Rejection> {
    let sorts = Sort::ALL.map(Sort::as_str).join(", ");
    parameters.parsed("sort", &format!("one of {sorts}"), Sort::parse)
}

/// The page at `/`: what this is, and whether it is set up. Holds nothing that came from outside, and no value of a setting.
pub fn home(settings: &Settings) -> String {
    let body = html! {
        div.hero {
            h1 { "Rerunner" }
            p.lead { "Re-runs the failed jobs of GitHub Actions workflow runs, up to a limit." }
            @if settings.problems.is_empty() {
                div.alert.fine { p { strong { "It is set up and listening for webhooks." } } }
            } @else {
                div.alert.serious {
                    p { strong { "It is not set up yet. These settings are missing or wrong:" } }
                    ul { @for problem in &settings.problems { li { code { (problem.setting) } } } }
                    p { a href="/setup" { "Set it up" } " · " a href="/healthz" { "Details as JSON" } }
                }
            }
            p { "The " a href="/overview" { "overview" } " shows what was re-run, why, and whether it helped. " (sign_in(settings)) }
            p {
                "GitHub sends its webhooks here, by " code { "POST" } ". " a href="/healthz" { code { "/healthz" } }
                " says whether the Worker is healthy."
            }
        }
    };
    page(&Frame { title: "", above: &[], alerts: &[], at: None }, &body)
}

/// How the pages are opened.
fn sign_in(settings: &Settings) -> Markup {
    match (&settings.admin_token, &settings.access) {
        (_, Some(_)) => html! { "You sign in through Cloudflare Access." },
        (Some(_), None) => {
            html! { "It asks for a password: " code { "ADMIN_TOKEN" } ", with any user name." }
        }
        (None, None) => html! {
            "It stays closed until you set a password: " code { "npx wrangler secret put ADMIN_TOKEN" } "."
        },
    }
}

fn view<T: DeserializeOwned>(answer: &KeeperAnswer) -> Result<T, Rejection> {
    serde_json::from_slice(&answer.json).map_err(|error| Rejection::unavailable("the Keeper's answer", error))
}

/// What is wrong with the Worker's settings stands on top of every page: nothing is re-run meanwhile. Nor is it in a dry run.
/// `left`: what is known of the runs that were left alone, most of which would have been re-run then.
fn settings_alerts(settings: &Settings, left: &Markup) -> Vec<Alert> {
    let alert = |problem: &SettingProblem| Alert {
        serious: true,
        what: html! { code { (problem.setting) } " " (with_code(&problem.problem)) "." },
        remedy: html! {
            "Nothing is re-run until this is fixed. "
            @if problem.setting == "WEBHOOK_SECRET" { "Webhooks are refused meanwhile." } @else { "Webhooks are stored meanwhile." }
        },
    };
    let dry_run = settings.dry_run.then(|| Alert {
        serious: false,
        what: html! { "Dry run: nothing is re-run." },
        remedy: html! {
            "Rerunner only decides and records what it would do. " (left) "To start re-runs: "
            code { "rerunner setup --yes --dry-run=false" } ", or set " code { "DRY_RUN" } " to " code { "false" }
            " in Cloudflare’s dashboard."
        },
    });
    settings.problems.iter().map(alert).chain(dry_run).collect()
}

/// For a dry run's banner. Why each was left is on its own page.
fn left_alone(since: &str, left: u64) -> Markup {
    html! {
        @if left > 0 {
            (since) ", " (number(left)) @if left == 1 { " failed run was" } @else { " failed runs were" }
            " left alone; each run’s page says whether it would have been re-run. "
        }
    }
}

fn refused(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "GitHub refuses the credentials: " (Sentence(message)) },
        remedy: html! {
            "Runs wait until this is fixed. Set a new token with " code { "npx wrangler secret put GITHUB_TOKEN" }
            ", or fix the App on GitHub. " code { "npm run doctor" } " says what is needed."
        },
    }
}

fn repository_problem(message: &str) -> Alert {
    Alert {
        serious: true,
        what: html! { "Rerunner cannot work in this repository: " (Sentence(message)) },
        remedy: html! {
            "Its runs wait up to a week for a fix; other repositories are not affected. " code { "npm run doctor" }
            " says what is needed."
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_whether_it_is_set_up_without_any_value() {
        let secrets = ["WEBHOOK_SECRET", "GITHUB_TOKEN"];
        let ready = home(&Settings::read(|name| secrets.contains(&name).then(|| "hush".to_owned())));
        assert!(ready.contains("It is set up") && !ready.contains("hush"));
        let missing = home(&Settings::read(|_| None));
        assert!(missing.contains("<code>WEBHOOK_SECRET</code>") && missing.contains("<code>GITHUB_TOKEN</code>"));
        assert!(missing.contains("href=\"/setup\""), "{missing}");
    }

    #[test]
    fn says_how_to_sign_in() {
        let home = |pairs: &[(&str, &str)]| {
            let found = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            home(&Settings::read(found))
        };
        let tag = "a1".repeat(32);
        let access = [("ACCESS_TEAM_DOMAIN", "team.cloudflareaccess.com"), ("ACCESS_AUD", tag.as_str())];
        assert!(home(&[]).contains("npx wrangler secret put ADMIN_TOKEN"));
        assert!(home(&[("ADMIN_TOKEN", "hush")]).contains("asks for a password"));
        assert!(home(&access).contains("Cloudflare Access"));
    }
}
