//! What GitHub tells of the credentials. Of repositories, see [`super::repository`].

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::github::{self, Reply, app};
use crate::names::RepoName;
use crate::settings::Needed;

use super::repository::{look_at_deliveries, look_at_repository};
use super::{Finding, GitHub, Site, Who};

/// Of what an hour allows; below it, somebody should know.
const FEW: u64 = 10;

/// Looks at the credentials, and at each of these repositories.
pub async fn examine(github: &impl GitHub, site: &Site, repositories: &[RepoName]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut app = None;
    if site.has_app {
        app = look_at_app(github, site, &mut findings).await;
    }
    if site.has_token {
        look_at_token(github, site, &mut findings).await;
    }
    for repository in repositories {
        look_at_repository(github, site, app.as_ref(), repository, &mut findings).await;
    }
    findings
}

/// The App, as far as it matters to repositories.
pub(super) struct App {
    /// For people; it lies elsewhere on an Enterprise Server.
    pub page: String,
    /// For its owner.
    pub settings: String,
    /// Whether its webhooks come here.
    pub tells_us: bool,
}

async fn look_at_app(github: &impl GitHub, site: &Site, findings: &mut Vec<Finding>) -> Option<App> {
    #[derive(Deserialize)]
    struct Body {
        name: String,
        slug: Option<String>,
        html_url: String,
        owner: Option<Owner>,
        #[serde(default)]
        permissions: Map<String, Value>,
        #[serde(default)]
        events: Vec<String>,
    }
    /// An enterprise has neither.
    #[derive(Deserialize)]
    struct Owner {
        login: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    #[derive(Deserialize)]
    struct Hook {
        url: Option<String>,
    }
    let check = "App";
    let body: Body = match read(github, Who::App, "/app").await {
        Ok(body) => body,
        Err(error) => {
            findings.push(Finding::wrong(check, error.to_string(), "npx wrangler secret put GITHUB_APP_PRIVATE_KEY"));
            return None;
        }
    };
    // The page of an App ends with what it is called in addresses.
    let of_page = || body.html_url.rsplit('/').next().unwrap_or_default().to_owned();
    let slug = body.slug.unwrap_or_else(of_page);
    let settings = match body.owner {
        Some(Owner { login: Some(login), kind: Some(kind) }) if kind == "Organization" => {
            format!("{}/organizations/{login}/settings/apps/{slug}", site.web_url)
        }
        _ => format!("{}/settings/apps/{slug}", site.web_url),
    };
    findings.push(Finding::ok(check, format!("GitHub knows the App {} by its key", body.name)));
    findings.push(match lacking(site.needed, &body.permissions) {
        lacking if lacking.is_empty() => Finding::ok("App: permissions", site.needed.to_string()),
        lacking => Finding::wrong(
            "App: permissions",
            format!("it lacks {}", lacking.join(", ")),
            format!("{settings}/permissions"),
        ),
    });
    let hook = read::<Hook>(github, Who::App, "/app/hook/config").await;
    let url = hook.as_ref().ok().and_then(|hook| hook.url.clone()).unwrap_or_default();
    let tells_us = same_url(&url, &site.webhook_url) && tells_of_runs(&body.events);
    findings.push(if let Err(error) = &hook {
        Finding::wrong("App: webhook", error.to_string(), settings.clone())
    } else if !same_url(&url, &site.webhook_url) {
        let where_to = if url.is_empty() { "nowhere".to_owned() } else { format!("to {url}") };
        Finding::wrong("App: webhook", format!("it goes {where_to}, not to {}", site.webhook_url), settings.clone())
    } else if !tells_of_runs(&body.events) {
        let events = format!("{settings}/permissions");
        Finding::wrong("App: webhook", "it does not subscribe to the event Workflow run", events)
    } else {
        Finding::ok("App: webhook", format!("{} → {url}", body.events.join(", ")))
    });
    look_at_deliveries(github, Who::App, "App", "/app/hook/deliveries", &format!("{settings}/advanced"), findings)
        .await;
    Some(App { page: body.html_url, settings, tells_us })
}

async fn look_at_token(github: &impl GitHub, site: &Site, findings: &mut Vec<Finding>) {
    #[derive(Deserialize)]
    struct User {
        login: String,
    }
    let reply = match github.get(Who::Token, "/user").await {
        Ok(reply) if reply.status == 200 => reply,
        Ok(reply) => {
            let what = github::Error::of(&reply).to_string();
            findings.push(Finding::wrong("token", what, "npx wrangler secret put GITHUB_TOKEN"));
            return;
        }
        Err(error) => {
            findings.push(Finding::wrong("token", error.to_string(), "npx wrangler secret put GITHUB_TOKEN"));
            return;
        }
    };
    let login = serde_json::from_slice::<User>(&reply.body).map_or_else(|_| "(unknown)".to_owned(), |user| user.login);
    // Only classic tokens have scopes.
    let tokens = format!("{}/settings/tokens", site.web_url);
    findings.push(match reply.headers.oauth_scopes.as_deref() {
        Some(scopes) if scopes.split(',').any(|scope| scope.trim() == "repo") => {
            Finding::ok("token", format!("GitHub accepts it, for {login}; scopes: {scopes}"))
        }
        Some(scopes) if scopes.split(',').any(|scope| scope.trim() == "public_repo") => Finding::warning(
            "token",
            format!("GitHub accepts it, for {login}, but its scopes ({scopes}) are for public repositories only"),
            tokens,
        ),
        Some(scopes) => {
            let scopes = if scopes.trim().is_empty() { "none" } else { scopes };
            Finding::wrong("token", format!("it lacks the scope repo (it has: {scopes})"), tokens)
        }
        None => Finding::ok(
            "token",
            format!("GitHub accepts it, for {login}; it is fine-grained, and GitHub does not list its permissions"),
        ),
    });
    look_at_rate_limit(github, Who::Token, "token", findings).await;
}

pub(super) async fn look_at_rate_limit(github: &impl GitHub, who: Who<'_>, of: &str, findings: &mut Vec<Finding>) {
    #[derive(Deserialize)]
    struct Limits {
        rate: Rate,
    }
    #[derive(Deserialize)]
    struct Rate {
        limit: u64,
        remaining: u64,
    }
    let check = format!("{of}: rate limit");
    // Some Enterprise Servers have none, and say so by a 404.
    findings.push(match read::<Limits>(github, who, "/rate_limit").await {
        Ok(Limits { rate: Rate { limit, remaining } }) if remaining.saturating_mul(FEW) < limit => Finding::warning(
            check,
            format!("{remaining} of {limit} calls are left in this hour"),
            "Something else uses the same credentials; a GitHub App has a limit of its own",
        ),
        Ok(Limits { rate: Rate { limit, remaining } }) => {
            Finding::ok(check, format!("{remaining} of {limit} calls are left in this hour"))
        }
        Err(github::Error::NotFound) => Finding::ok(check, "there is none"),
        Err(error) => Finding::warning(check, error.to_string(), "Run the doctor again later"),
    });
}

pub(super) async fn read<T: serde::de::DeserializeOwned>(
    github: &impl GitHub,
    who: Who<'_>,
    path: &str,
) -> Result<T, github::Error> {
    let reply: Reply = github.get(who, path).await?;
    match (reply.status, who) {
        (200, _) => serde_json::from_slice(&reply.body)
            .map_err(|_| github::Error::inconclusive("GitHub's answer has an unexpected form")),
        (_, Who::App) => Err(app::error(&reply)),
        _ => Err(github::Error::of(&reply)),
    }
}

/// What of the needed permissions was not granted.
pub(super) fn lacking(needed: Needed, granted: &Map<String, Value>) -> Vec<String> {
    let lacks = |(name, level): &(&str, &str)| match granted.get(*name).and_then(Value::as_str) {
        Some("write" | "admin") => false,
        Some("read") => *level != "read",
        // Always there, though not always told.
        _ => *name != "metadata",
    };
    needed.permissions().filter(lacks).map(|(name, level)| format!("{name}: {level}")).collect()
}

pub(super) fn tells_of_runs(events: &[String]) -> bool {
    events.iter().any(|event| matches!(event.as_str(), "workflow_run" | "workflow_job" | "check_run"))
}

pub(super) fn same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}
