//! What GitHub tells of a repository: whether the App is installed there, whether its runs can be read, its webhook and the
//! last deliveries, its policy file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::github;
use crate::names::{FilePath, RepoName};
use crate::policy::{Organization, Policy, PolicyError, extends_organization, parse};
use crate::settings::Needed;

use super::examination::{App, Examination, lacking};
use super::hooks::{Hook, deliveries_path, hooks_path, tells_of_runs};
use super::{Finding, GitHub, Who};

impl<G: GitHub> Examination<'_, G> {
    pub(super) async fn look_at_repository(&mut self, app: Option<&App>, repository: &RepoName) {
        let mut granted = None;
        if let Some(app) = app {
            granted = self.look_at_installation(app, repository).await;
            if granted.is_none() && !self.site.has_token {
                return;
            }
        }
        let installed = granted.is_some();
        let told = installed && app.is_some_and(|app| app.tells_us);
        if installed {
            self.look_at_rate_limit(Who::Repository(repository), repository.as_str()).await;
        }
        let is_readable = self.look_at_access(installed, repository).await;
        let hook = self.look_at_webhook(told, repository).await;
        let needed = if is_readable { self.look_at_policy(repository).await } else { self.skip_policy(repository) };
        let app = app.zip(granted.as_ref());
        self.look_at_features(needed, app, hook.as_deref(), repository);
    }

    /// The permissions of the installation, if it can be used.
    async fn look_at_installation(&mut self, app: &App, repository: &RepoName) -> Option<Map<String, Value>> {
        #[derive(Deserialize)]
        struct Installation {
            id: u64,
            suspended_at: Option<String>,
            #[serde(default)]
            permissions: Map<String, Value>,
        }
        let check = format!("{repository}: App");
        let install = format!("{}/installations/new", app.page);
        let installation =
            self.github.read::<Installation>(Who::App, &format!("/repos/{repository}/installation")).await;
        let finding = match &installation {
            Ok(Installation { suspended_at: Some(since), .. }) => {
                Finding::wrong(check, format!("its installation has been suspended since {since}"), install)
            }
            Ok(Installation { id, permissions, .. }) => match lacking(self.site.needed, permissions) {
                None => Finding::ok(check, format!("installed (installation {id})")),
                Some(lacking) => Finding::wrong(
                    check,
                    format!("whoever installed it has not granted {lacking}"),
                    format!("{}/settings/installations/{id}/permissions/update", self.site.web_url),
                ),
            },
            Err(github::Error::NotFound) if self.site.has_token => {
                Finding::warning(check, "not installed here; the token is used instead", install)
            }
            Err(github::Error::NotFound) => Finding::wrong(check, "not installed here", install),
            Err(error) => Finding::wrong(check, error.to_string(), app.settings.clone()),
        };
        self.findings.push(finding);
        installation.ok().filter(|installation| installation.suspended_at.is_none()).map(|one| one.permissions)
    }

    /// Reading its runs is what every re-run starts with.
    async fn look_at_access(&mut self, installed: bool, repository: &RepoName) -> bool {
        let check = format!("{repository}: workflow runs");
        let path = format!("/repos/{repository}/actions/runs?per_page=1");
        let remedy = if installed {
            format!("{}/{repository}/settings/installations", self.site.web_url)
        } else {
            format!("Give the token Actions: Read and write for {repository}: {}", self.tokens)
        };
        let read = self.github.read::<Value>(Who::Repository(repository), &path).await;
        let is_readable = read.is_ok();
        self.findings.push(match read {
            Ok(_) => Finding::ok(check, "they can be read"),
            Err(github::Error::NotFound) => {
                Finding::wrong(check, "there is no such repository, or no access to it", remedy)
            }
            Err(error) => Finding::wrong(check, error.to_string(), remedy),
        });
        is_readable
    }

    /// Of what cannot be read, GitHub says that there is no file.
    fn skip_policy(&mut self, repository: &RepoName) -> Needed {
        if let Some(file) = &self.site.policy_file {
            let what = "not checked: the repository cannot be read";
            self.findings.push(Finding::warning(format!("{repository}: {file}"), what, "See workflow runs, above"));
        }
        Needed::default()
    }

    /// The events of the repository's own webhook, if there is one to be seen.
    async fn look_at_webhook(&mut self, sent_by_app: bool, repository: &RepoName) -> Option<Vec<String>> {
        let check = format!("{repository}: webhook");
        let page = format!("{}/{repository}/settings/hooks", self.site.web_url);
        let who = Who::Repository(repository);
        let hooks: Vec<Hook> = match self.github.read(who, &hooks_path(repository)).await {
            Ok(hooks) => hooks,
            Err(_) if sent_by_app => {
                self.findings.push(Finding::ok(check, "the App's"));
                return None;
            }
            Err(_) => {
                self.findings.push(Finding::warning(
                    check,
                    format!(
                        "the credentials may not see webhooks; is there one to {} with Workflow runs?",
                        self.site.webhook_url
                    ),
                    page,
                ));
                return None;
            }
        };
        let Some(hook) = hooks.iter().find(|hook| hook.comes_to(self.site)) else {
            self.findings.push(if sent_by_app {
                Finding::ok(check, "the App's")
            } else {
                Finding::warning(
                    check,
                    format!("the repository has none to {}; does its organization have one?", self.site.webhook_url),
                    page,
                )
            });
            return None;
        };
        self.findings.push(if !hook.active {
            Finding::wrong(check, "it is not active", page.clone())
        } else if !tells_of_runs(&hook.events) && !hook.events.iter().any(|event| event == "*") {
            let events = hook.events.join(", ");
            Finding::wrong(check, format!("it sends {events}, but not Workflow runs"), page.clone())
        } else if hook.config.secret.is_none() {
            Finding::wrong(check, "it has no secret, so the Worker rejects what it sends", page.clone())
        } else if sent_by_app {
            Finding::warning(check, "the App has one too, so each event arrives twice; one is enough", page.clone())
        } else {
            let kind = hook.config.content_type.as_deref().unwrap_or("form");
            Finding::ok(check, format!("{} → {}, as {kind}", hook.events.join(", "), self.site.webhook_url))
        });
        let path = deliveries_path(repository, hook.id);
        self.look_at_deliveries(who, repository.as_str(), &path, &page).await;
        Some(hook.events.clone())
    }

    /// The repository's file, and its organization's where that one matters: what they switch on.
    async fn look_at_policy(&mut self, repository: &RepoName) -> Needed {
        let Some(file) = self.site.policy_file.clone() else { return Needed::default() };
        let settings = self.site.settings.clone();
        let own = self.policy_file(repository, &format!("/repos/{repository}"), &file).await;
        let uses_organizations = match &own {
            Ok(Some(text)) => extends_organization(text),
            Ok(None) => true,
            Err(_) => false,
        };
        let organizations = if uses_organizations && settings.organization_policy && !repository.is_organizations() {
            self.look_at_organizations(repository, &file).await
        } else {
            None
        };
        let organization = match &organizations {
            _ if repository.is_organizations() => Organization::Itself,
            None => Organization::None,
            Some(Ok(policy)) => Organization::Policy(policy),
            Some(Err(errors)) => Organization::Invalid(errors),
        };
        let check = format!("{repository}: {file}");
        let page = format!("{}/{repository}/blob/HEAD/{file}", self.site.web_url);
        let mut needed = Needed::default();
        if let (Ok(None), Some(Ok(policy))) = (&own, &organizations) {
            needed = policy.needed();
        }
        self.findings.push(match own {
            Ok(Some(text)) => match parse(&text, settings.given(organization)) {
                Ok(policy) => {
                    needed = policy.needed();
                    Finding::ok(check, "it is valid")
                }
                Err(errors) => Finding::wrong(check, nothing_is_rerun(&errors), page),
            },
            Ok(None) if organizations.is_some() => Finding::ok(check, "there is none: the organization's applies"),
            Ok(None) => {
                let preset = settings.default_policy.as_str();
                Finding::ok(check, format!("there is none: the preset {preset} applies (DEFAULT_POLICY)"))
            }
            Err(why) => Finding::wrong(check, why, page),
        });
        needed
    }

    /// What the organization's file says; `None`: there is none, or none to be read.
    async fn look_at_organizations(
        &mut self,
        repository: &RepoName,
        file: &FilePath,
    ) -> Option<Result<Policy, Vec<PolicyError>>> {
        let owner = repository.owner();
        let check = format!("{owner}/.github: {file}");
        let page = format!("{}/{owner}/.github/blob/HEAD/{file}", self.site.web_url);
        let text = match self.policy_file(repository, &format!("/repos/{owner}/.github"), file).await {
            Ok(text) => text?,
            Err(why) => {
                self.findings.push(Finding::wrong(check, why, page));
                return None;
            }
        };
        let read = parse(&text, self.site.settings.given(Organization::Itself));
        self.findings.push(match &read {
            Ok(_) => Finding::ok(check, "it is valid"),
            Err(errors) => Finding::wrong(check, nothing_is_rerun(errors), page),
        });
        Some(read)
    }

    /// A file's text, `None` if there is none, or what is wrong.
    async fn policy_file(&self, repository: &RepoName, place: &str, file: &FilePath) -> Result<Option<String>, String> {
        let path = format!("{place}/contents/{}", file.encoded());
        match self.github.read::<Contents>(Who::Repository(repository), &path).await {
            Ok(contents) => contents.text().map(Some).ok_or_else(|| "it cannot be read as text".to_owned()),
            Err(github::Error::NotFound) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn nothing_is_rerun(errors: &[PolicyError]) -> String {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    format!("nothing is re-run: {}", errors.join("; "))
}

#[derive(Deserialize)]
struct Contents {
    content: String,
}

impl Contents {
    fn text(&self) -> Option<String> {
        let base64: String = self.content.split_whitespace().collect();
        let bytes = STANDARD.decode(base64).ok()?;
        String::from_utf8(bytes).ok()
    }
}
