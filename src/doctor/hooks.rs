//! Webhooks as GitHub lists them, with where they lead and what they tell of, and their deliveries.

use serde::Deserialize;

use crate::github::{self, Reply};
use crate::names::RepoName;

use super::{GitHub, Site, Who};

#[derive(Deserialize)]
pub(super) struct Hook {
    pub id: u64,
    pub active: bool,
    #[serde(default)]
    pub events: Vec<String>,
    pub config: HookConfig,
}

#[derive(Deserialize)]
pub(super) struct HookConfig {
    url: Option<String>,
    pub content_type: Option<String>,
    pub secret: Option<String>,
}

impl Hook {
    pub fn comes_to(&self, site: &Site) -> bool {
        self.config.url.as_deref().is_some_and(|url| same_url(url, &site.webhook_url))
    }
}

/// The ids of a repository's webhooks that come here; an error if they may not be seen.
pub(super) async fn hooks_to(
    github: &impl GitHub,
    site: &Site,
    repository: &RepoName,
) -> Result<Vec<u64>, github::Error> {
    let hooks: Vec<Hook> = github.read(Who::Repository(repository), &hooks_path(repository)).await?;
    Ok(hooks.into_iter().filter(|hook| hook.comes_to(site)).map(|hook| hook.id).collect())
}

pub(super) fn hooks_path(repository: &RepoName) -> String {
    format!("/repos/{repository}/hooks?per_page=100")
}

pub(super) fn deliveries_path(repository: &RepoName, hook: u64) -> String {
    format!("/repos/{repository}/hooks/{hook}/deliveries")
}

/// As "List deliveries for an app webhook" has it, and "List deliveries for a repository webhook".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// Of this try.
    pub id: u64,
    /// Of the delivery: the same for each try.
    pub guid: String,
    pub delivered_at: String,
    /// 0 when there was no answer.
    pub status_code: u16,
    pub event: String,
}

impl Delivery {
    pub fn list(reply: &Reply) -> Option<Vec<Self>> {
        serde_json::from_slice(&reply.body).ok().filter(|_| reply.status == 200)
    }

    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status_code)
    }

    /// Whether what went wrong can be right the next time: no answer, a secret that did not match, an address where
    /// nothing was, a Worker that could not store it. A payload that was malformed stays so.
    pub fn may_be_mended(&self) -> bool {
        matches!(self.status_code, 0 | 401 | 403 | 404 | 408 | 429 | 500..)
    }

    /// What there was instead of 2xx.
    pub fn answer(&self) -> String {
        match self.status_code {
            0 => "no answer".to_owned(),
            code => code.to_string(),
        }
    }
}

pub(super) fn tells_of_runs(events: &[String]) -> bool {
    events.iter().any(|event| matches!(event.as_str(), "workflow_run" | "workflow_job" | "check_run"))
}

pub(super) fn same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}
