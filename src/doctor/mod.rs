//! Is everything set up as it should be? Findings, each with the one thing that mends it, and the redelivery of webhooks
//! that failed.
//!
//! [`examine`] looks at the credentials, and has `repository` and `features` look at each repository; `examination` is what
//! they know so far, and have in common. [`redeliver`] has deliveries that failed sent again; [`hooks`] is what GitHub lists of
//! webhooks and their deliveries. All of it goes over [`GitHub`], which is the Worker with its own credentials
//! (`/api/v1/doctor`), or `npm run doctor` with those of the machine it runs on. What only the latter can see is in `src/cli`.

mod examination;
pub mod examine;
mod features;
pub mod hooks;
pub mod redeliver;
mod repository;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::github::http::Method;
use crate::github::{self, Reply, app};
use crate::names::{FilePath, RepoName};
use crate::policy::RerunSettings;
use crate::settings::{Needed, Settings};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at: `token`, `octo/widgets: webhook`.
    pub check: String,
    pub state: State,
    pub finding: String,
    /// A command or a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// It works, or may; somebody should look at it.
    Warning,
    /// It does not work.
    Wrong,
}

impl Finding {
    pub fn ok(check: impl Into<String>, finding: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Ok, finding: finding.into(), remedy: None }
    }

    pub fn warning(check: impl Into<String>, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Warning, finding: finding.into(), remedy: Some(remedy.into()) }
    }

    pub fn wrong(check: impl Into<String>, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check: check.into(), state: State::Wrong, finding: finding.into(), remedy: Some(remedy.into()) }
    }
}

/// Whose credentials a call is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// The App itself, by its key.
    App,
    Token,
    /// Whatever re-runs are made with in this repository.
    Repository(&'a RepoName),
}

/// GitHub's API, with credentials.
#[expect(async_fn_in_trait, reason = "both ends are in this project, and neither needs its futures to be Send")]
pub trait GitHub {
    async fn call(&self, who: Who<'_>, method: Method, path: &str) -> Result<Reply, github::Error>;

    async fn read<T: DeserializeOwned>(&self, who: Who<'_>, path: &str) -> Result<T, github::Error> {
        let reply = self.call(who, Method::Get, path).await?;
        match (reply.status, who) {
            (200, _) => serde_json::from_slice(&reply.body)
                .map_err(|_| github::Error::inconclusive("GitHub's answer has an unexpected form")),
            (_, Who::App) => Err(app::error(&reply)),
            _ => Err(github::Error::of(&reply)),
        }
    }
}

/// What is known of the Worker.
#[derive(Debug, Clone)]
pub struct Site {
    pub has_app: bool,
    pub has_token: bool,
    /// Where webhooks must go: its address, with a slash at the end.
    pub webhook_url: String,
    /// GitHub for people.
    pub web_url: String,
    /// Where repositories keep their rules.
    pub policy_file: Option<FilePath>,
    /// What policy files are read with.
    pub settings: RerunSettings,
    pub needed: Needed,
}

impl Site {
    /// `origin` is the Worker's own.
    pub fn new(settings: &Settings, origin: &str) -> Self {
        Self {
            has_app: settings.github_app.is_some(),
            has_token: settings.github_token.is_some(),
            webhook_url: format!("{origin}/"),
            web_url: settings.github_web_url(),
            policy_file: settings.policy_file.clone(),
            settings: RerunSettings::from(settings),
            needed: settings.needed(),
        }
    }
}
