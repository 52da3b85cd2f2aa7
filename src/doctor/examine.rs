//! What GitHub tells of the credentials. Of repositories, see [`super::repository`].

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::github::{self, http::Method};
use crate::names::RepoName;

use super::examination::{App, Examination, lacking};
use super::hooks::{same_url, tells_of_runs};
use super::{Finding, GitHub, Site, Who};

/// Looks at the credentials, and at each of these repositories.
pub async fn examine(github: &impl GitHub, site: &Site, repositories: &[RepoName]) -> Vec<Finding> {
    let mut examination = Examination {
        github,
        site,
        findings: Vec::new(),
        has_scope: false,
        tokens: format!("{}/settings/personal-access-tokens", site.web_url),
    };
    let app = if site.has_app { examination.look_at_app().await } else { None };
    if site.has_token {
        examination.look_at_token().await;
    }
    for repository in repositories {
        examination.look_at_repository(app.as_ref(), repository).await;
    }
    examination.findings
}

impl<G: GitHub> Examination<'_, G> {
    async fn look_at_app(&mut self) -> Option<App> {
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
        let body: Body = match self.github.read(Who::App, "/app").await {
            Ok(body) => body,
            Err(error) => {
                self.findings.push(Finding::wrong(
                    check,
                    error.to_string(),
                    "npx wrangler secret put GITHUB_APP_PRIVATE_KEY",
                ));
                return None;
            }
        };
        // The page of an App ends with what it is called in addresses.
        let of_page = || body.html_url.rsplit('/').next().unwrap_or_default().to_owned();
        let slug = body.slug.unwrap_or_else(of_page);
        let settings = match body.owner {
            Some(Owner { login: Some(login), kind: Some(kind) }) if kind == "Organization" => {
                format!("{}/organizations/{login}/settings/apps/{slug}", self.site.web_url)
            }
            _ => format!("{}/settings/apps/{slug}", self.site.web_url),
        };
        self.findings.push(Finding::ok(check, format!("GitHub accepts the key of the App {}", body.name)));
        self.findings.push(match lacking(self.site.needed, &body.permissions) {
            None => Finding::ok("App: permissions", self.site.needed.to_string()),
            Some(lacking) => {
                Finding::wrong("App: permissions", format!("it lacks {lacking}"), format!("{settings}/permissions"))
            }
        });
        let hook = self.github.read::<Hook>(Who::App, "/app/hook/config").await;
        let url = hook.as_ref().ok().and_then(|hook| hook.url.clone()).unwrap_or_default();
        let tells_us = same_url(&url, &self.site.webhook_url) && tells_of_runs(&body.events);
        self.findings.push(if let Err(error) = &hook {
            Finding::wrong("App: webhook", error.to_string(), settings.clone())
        } else if !same_url(&url, &self.site.webhook_url) {
            let where_to = if url.is_empty() { "nowhere".to_owned() } else { format!("to {url}") };
            Finding::wrong(
                "App: webhook",
                format!("it goes {where_to}, not to {}", self.site.webhook_url),
                settings.clone(),
            )
        } else if !tells_of_runs(&body.events) {
            let events = format!("{settings}/permissions");
            Finding::wrong("App: webhook", "it does not subscribe to the event Workflow run", events)
        } else {
            Finding::ok("App: webhook", format!("{} → {url}", body.events.join(", ")))
        });
        let events = body.events;
        let page = format!("{settings}/advanced");
        self.look_at_deliveries(Who::App, "App", "/app/hook/deliveries", &page).await;
        Some(App { page: body.html_url, settings, tells_us, events })
    }

    async fn look_at_token(&mut self) {
        #[derive(Deserialize)]
        struct User {
            login: String,
        }
        let reply = self.github.call(Who::Token, Method::Get, "/user").await.and_then(|reply| match reply.status {
            200 => Ok(reply),
            _ => Err(github::Error::of(&reply)),
        });
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                let finding = Finding::wrong("token", error.to_string(), "npx wrangler secret put GITHUB_TOKEN");
                return self.findings.push(finding);
            }
        };
        let login =
            serde_json::from_slice::<User>(&reply.body).map_or_else(|_| "(unknown)".to_owned(), |user| user.login);
        // Only classic tokens have scopes.
        let tokens = format!("{}/settings/tokens", self.site.web_url);
        if reply.headers.oauth_scopes.is_some() {
            self.tokens.clone_from(&tokens);
        }
        let scopes = reply.headers.oauth_scopes.as_deref().unwrap_or_default();
        self.has_scope = scopes.split(',').any(|scope| scope.trim() == "repo");
        self.findings.push(match reply.headers.oauth_scopes.as_deref() {
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
        self.look_at_rate_limit(Who::Token, "token").await;
    }
}
