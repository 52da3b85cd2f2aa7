//! `/healthz`: which settings are missing or wrong, by name and never by value. It is open to everybody, who are told so in
//! fixed phrases: what GitHub says names repositories. That is for whoever has `ADMIN_TOKEN`.
//!
//! What is wrong with one repository is no illness of the Worker.

use std::fmt;

use serde::Serialize;

use crate::escape::{SENTENCE_CHARS, bounded};
use crate::keeper::summary::Summary;
use crate::names::RepoName;
use crate::settings::{SettingProblem, Settings};

use super::backend::Fault;
use super::{Backend, Rejection, Request, Response, access};

#[derive(Debug, Serialize)]
pub struct Health {
    /// `ok` or `unhealthy`.
    pub status: &'static str,
    pub version: &'static str,
    pub problems: Vec<SettingProblem>,
    /// There only where nothing is re-run, as `DRY_RUN` is on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// In detail only: repositories in which nothing can be done, up to [`REPOSITORIES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<RepositoryHealth>>,
}

#[derive(Debug, Serialize)]
pub struct RepositoryHealth {
    pub repository: RepoName,
    pub problem: String,
}

const REPOSITORIES: usize = 50;

/// What GitHub said when it refused the credentials, as text: it is kept in Workers KV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Whether it was the App that was refused, and not the token.
    pub of_app: bool,
    pub refusal: &'a str,
}

const OF_APP: &str = "GitHub App: ";

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.of_app { OF_APP } else { "" }, self.refusal)
    }
}

impl<'a> Refusal<'a> {
    fn parse(text: &'a str) -> Self {
        let of_app = text.strip_prefix(OF_APP);
        Self { of_app: of_app.is_some(), refusal: of_app.unwrap_or(text) }
    }

    fn problem(self, in_detail: bool) -> SettingProblem {
        let (setting, problem, remedy) = match self.of_app {
            true => ("GITHUB_APP_ID", "GitHub does not let the App work", ""),
            false => ("GITHUB_TOKEN", "was refused by GitHub", "; set another with `wrangler secret put GITHUB_TOKEN`"),
        };
        let problem = match in_detail {
            true => format!("{problem}: {}{remedy}", bounded(self.refusal.trim_end_matches('.'), SENTENCE_CHARS)),
            false => problem.to_owned(),
        };
        SettingProblem { setting, problem }
    }
}

pub async fn answer(request: &Request<'_>, settings: &Settings, backend: &impl Backend) -> Result<Response, Rejection> {
    let knows_token = access::knows_token(request, settings, backend).await?;
    let refusal = backend.credentials_refusal().await;
    let summaries = match knows_token {
        true => Some(backend.summaries(None).await.map(|list| list.summaries).unwrap_or_default()),
        false => None,
    };
    let health = Health::of(settings, refusal, summaries.as_deref());
    Ok(Response::json(&health)?.with_status(health.http_status()))
}

impl Health {
    /// `refusal`: what GitHub last said of the credentials, if it refused them; or why that cannot be told. In detail, with
    /// `summaries`, for whoever has `ADMIN_TOKEN`.
    fn of(settings: &Settings, refusal: Result<Option<String>, Fault>, summaries: Option<&[Summary]>) -> Self {
        let mut problems = settings.problems.clone();
        match refusal {
            Ok(None) => {}
            Ok(Some(refusal)) => problems.push(Refusal::parse(&refusal).problem(summaries.is_some())),
            Err(_) => problems.push(SettingProblem {
                setting: "ATTEMPTS",
                problem: "cannot be read; is the Workers KV namespace bound in wrangler.toml?".to_owned(),
            }),
        }
        let problem = |summary: &Summary| {
            let problem = summary.repository_problem.as_deref().or(summary.refusal.as_deref())?;
            let problem = bounded(problem, SENTENCE_CHARS).into_owned();
            Some(RepositoryHealth { repository: summary.repository.clone(), problem })
        };
        Self {
            status: if problems.is_empty() { "ok" } else { "unhealthy" },
            version: env!("CARGO_PKG_VERSION"),
            problems,
            dry_run: settings.dry_run,
            repositories: summaries.map(|all| all.iter().filter_map(problem).take(REPOSITORIES).collect()),
        }
    }

    /// 200 or 503.
    fn http_status(&self) -> u16 {
        if self.problems.is_empty() { 200 } else { 503 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(token: &str) -> Settings {
        Settings::read(|name| match name {
            "WEBHOOK_SECRET" => Some("hush".to_owned()),
            "GITHUB_TOKEN" => Some(token.to_owned()),
            _ => None,
        })
    }

    fn in_short(token: &str, refusal: Result<Option<String>, Fault>) -> Health {
        Health::of(&settings(token), refusal, None)
    }

    #[test]
    fn healthy() {
        let health = in_short("t", Ok(None));
        assert_eq!(health.http_status(), 200);
        let expected = concat!(r#"{"status":"ok","version":""#, env!("CARGO_PKG_VERSION"), r#"","problems":[]}"#);
        assert_eq!(serde_json::to_string(&health).unwrap(), expected);
    }

    /// Seen to fail when it is left out.
    #[test]
    fn a_dry_run_is_told_and_healthy() {
        let settings = Settings { dry_run: true, ..settings("t") };
        let health = Health::of(&settings, Ok(None), None);
        assert_eq!(health.http_status(), 200);
        let expected = r#""problems":[],"dry_run":true}"#;
        assert!(serde_json::to_string(&health).unwrap().ends_with(expected), "{health:?}");
    }

    #[test]
    fn unhealthy() {
        for (health, setting) in [
            (in_short("", Ok(None)), "GITHUB_TOKEN"),
            (in_short("t", Ok(Some("401 Bad credentials".to_owned()))), "GITHUB_TOKEN"),
            (in_short("t", Ok(Some(Refusal { of_app: true, refusal: "suspended" }.to_string()))), "GITHUB_APP_ID"),
            (in_short("t", Err("no binding".to_owned())), "ATTEMPTS"),
        ] {
            assert_eq!((health.http_status(), health.status, health.problems[0].setting), (503, "unhealthy", setting));
        }
    }

    #[test]
    fn strangers_are_told_in_fixed_phrases() {
        let said = "it is not installed on octo/secret-plans; install it there on GitHub";
        let strange = |refusal: Result<Option<String>, String>| serde_json::to_string(&in_short("t", refusal)).unwrap();
        for of_app in [true, false] {
            let refusal = Refusal { of_app, refusal: said }.to_string();
            let short = strange(Ok(Some(refusal.clone())));
            assert!(
                !short.contains("secret-plans") && !short.contains("install it") && !short.contains("repositories"),
                "{short}"
            );
            let detail = Health::of(&settings("t"), Ok(Some(refusal)), Some(&[]));
            assert!(detail.problems[0].problem.contains(said), "{detail:?}");
        }
        let fault = strange(Err("KV says: octo/secret-plans".to_owned()));
        assert!(!fault.contains("secret-plans"), "{fault}");
    }

    #[test]
    fn one_repository_does_not_make_the_worker_ill() {
        let at = crate::time::Millis(0);
        let name = |name: &str| RepoName::parse(name).unwrap();
        let healthy = Summary::new(name("octo/widgets"), at, Default::default(), &[]);
        let ill = Summary {
            repository_problem: Some("404 no access".to_owned()),
            ..Summary::new(name("octo/secret-plans"), at, Default::default(), &[])
        };
        let health = Health::of(&settings("t"), Ok(None), Some(&[healthy, ill.clone()]));
        assert_eq!(health.http_status(), 200);
        let expected = serde_json::json!([{ "repository": "octo/secret-plans", "problem": "404 no access" }]);
        assert_eq!(serde_json::to_value(&health).unwrap()["repositories"], expected);
        let many = Health::of(&settings("t"), Ok(None), Some(&vec![ill; 1_000]));
        assert_eq!(many.repositories.map(|all| all.len()), Some(REPOSITORIES));
    }
}
