//! GitHub Apps: who they are, where they are installed, and the tokens that they get.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | Apps, installations, tokens, manifests: data and rules |
//! | `jwt.rs` | an App's word that it is itself, checked with its public key |
//! | `hooks.rs` | what the API says of webhooks and their deliveries, an App's and a repository's |
//! | `request.rs` | method and path to what is asked for |
//! | `answer.rs` | what is asked for to an HTTP answer |

mod answer;
mod hooks;
mod jwt;
mod request;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::{Generate, PrivateKey, PublicKey};
use serde_json::Value;

use crate::model::{ApiError, EventKind, EventKinds, GitHub, Grant, Millis, Permission, RepoName, TokenKind, mix};
use crate::webhooks::Hook;

pub(crate) use answer::{Asker, answer, web};
pub(crate) use request::{Asked, is_web};

const HOUR: Millis = 60 * 60 * 1_000;

/// A private key, made for a test and never kept.
#[derive(Clone)]
pub struct AppKey(PrivateKey);

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppKey(…)")
    }
}

impl AppKey {
    /// A fresh one of 2048 bits.
    pub fn generate() -> AppKey {
        AppKey(PrivateKey::generate())
    }

    /// As GitHub gives it: `BEGIN RSA PRIVATE KEY`.
    pub fn pkcs1(&self) -> String {
        self.0.to_pkcs1_pem(LineEnding::LF).expect("a key can be written").to_string()
    }

    /// As `openssl pkcs8` converts it: `BEGIN PRIVATE KEY`.
    pub fn pkcs8(&self) -> String {
        self.0.to_pkcs8_pem(LineEnding::LF).expect("a key can be written").to_string()
    }

    fn public(&self) -> PublicKey {
        self.0.to_public_key()
    }
}

/// What an App or an installation of it may do: `actions` → write.
pub type Permissions = BTreeMap<String, Permission>;

#[derive(Debug)]
pub(crate) struct AppRecord {
    pub id: u64,
    pub name: String,
    pub slug: String,
    pub owner: String,
    pub keys: Vec<PublicKey>,
    pub permissions: Permissions,
    pub hook: Hook,
    pub created_at: Millis,
}

#[derive(Debug)]
pub(crate) struct Installation {
    pub id: u64,
    pub app: u64,
    pub account: String,
    /// `None`: all of the account's.
    pub repositories: Option<Vec<RepoName>>,
    pub permissions: Permissions,
    pub created_at: Millis,
    pub suspended_at: Option<Millis>,
    tokens: Vec<String>,
}

/// A manifest that a person has sent, until its code is exchanged.
#[derive(Debug)]
struct Pending {
    app: u64,
    key: AppKey,
    until: Millis,
}

/// All Apps of a simulated GitHub.
#[derive(Debug, Default)]
pub(crate) struct Apps(Mutex<Registry>);

#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub apps: Vec<AppRecord>,
    pub installations: Vec<Installation>,
    pending: HashMap<String, Pending>,
    made: u64,
}

impl Apps {
    /// Never held while waiting, and never together with the model's lock taken first.
    pub fn with<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The hooks of Apps that are told of this event in this repository, with the installation that each is told by: those
    /// that may read one of these.
    pub fn hooks(&self, repository: &RepoName, kind: EventKind, permissions: &[&str]) -> Vec<(Hook, u64)> {
        self.with(|registry| {
            let told = registry.installations.iter().filter(|one| one.covers(repository) && one.suspended_at.is_none());
            told.filter_map(|one| {
                let hook = &registry.app(one.app)?.hook;
                let may = permissions.iter().any(|name| one.may(name, Permission::Read));
                (hook.events.contains(kind) && may).then(|| (hook.clone(), one.id))
            })
            .collect()
        })
    }
}

impl Registry {
    pub fn app(&self, id: u64) -> Option<&AppRecord> {
        self.apps.iter().find(|app| app.id == id)
    }

    #[track_caller]
    pub fn app_mut(&mut self, id: u64) -> &mut AppRecord {
        self.apps.iter_mut().find(|app| app.id == id).unwrap_or_else(|| panic!("there is no App {id}"))
    }

    #[track_caller]
    pub fn installation_mut(&mut self, id: u64) -> &mut Installation {
        self.installations
            .iter_mut()
            .find(|one| one.id == id)
            .unwrap_or_else(|| panic!("there is no installation {id}"))
    }

    fn next_number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// A new App, with a hook that goes nowhere yet.
    pub fn add(&mut self, name: &str, owner: &str, permissions: Permissions, key: &AppKey, now: Millis) -> u64 {
        let number = self.next_number();
        let id = 900_000 + number;
        let secret = format!("the-apps-webhook-secret-{number}");
        let hook = Hook::of_app(600_000_000 + number, &secret, EventKinds::only(EventKind::WorkflowRun));
        let slug = name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let (keys, created_at) = (vec![key.public()], now);
        self.apps.push(AppRecord { id, name, slug, owner, keys, permissions, hook, created_at });
        id
    }

    pub fn add_key(&mut self, app: u64, key: &AppKey) {
        self.app_mut(app).keys.push(key.public());
    }

    pub fn remove_key(&mut self, app: u64, key: &AppKey) {
        let public = key.public();
        self.app_mut(app).keys.retain(|known| *known != public);
    }

    pub fn install(&mut self, app: u64, account: &str, repositories: Option<Vec<RepoName>>, now: Millis) -> u64 {
        let id = 70_000_000 + self.next_number();
        let permissions = self.app_mut(app).permissions.clone();
        self.installations.push(Installation {
            id,
            app,
            account: account.to_owned(),
            repositories,
            permissions,
            created_at: now,
            suspended_at: None,
            tokens: vec![],
        });
        id
    }

    pub fn uninstall(&mut self, id: u64, model: &mut GitHub) {
        for token in &self.installation_mut(id).tokens {
            model.grant_mut(token).revoked = true;
        }
        self.installations.retain(|one| one.id != id);
    }

    pub fn suspend(&mut self, id: u64, at: Option<Millis>, model: &mut GitHub) {
        let installation = self.installation_mut(id);
        installation.suspended_at = at;
        for token in &installation.tokens {
            model.grant_mut(token).suspended = at.is_some();
        }
    }

    /// Makes every token of the App's invalid, as its owner can.
    pub fn revoke_tokens(&mut self, app: u64, model: &mut GitHub) {
        for token in self.installations.iter().filter(|one| one.app == app).flat_map(|one| &one.tokens) {
            model.grant_mut(token).revoked = true;
        }
    }

    /// An installation is on a repository by whatever name.
    pub fn rename(&mut self, old: &RepoName, new: &RepoName) {
        for names in self.installations.iter_mut().filter_map(|one| one.repositories.as_mut()) {
            names.iter_mut().filter(|name| *name == old).for_each(|name| *name = new.clone());
        }
    }

    pub fn installation_of(&self, app: u64, repository: &RepoName) -> Option<&Installation> {
        self.installations.iter().find(|one| one.app == app && one.covers(repository))
    }

    /// "Create an installation access token for an app".
    pub fn create_token(
        &mut self,
        app: u64,
        installation: u64,
        body: &Value,
        model: &mut GitHub,
        now: Millis,
    ) -> Result<Value, ApiError> {
        let slug = self.app(app).map(|app| app.slug.clone()).unwrap_or_default();
        let number = self.next_number();
        let found = self.installations.iter_mut().find(|one| one.id == installation && one.app == app);
        let installation = found.ok_or_else(ApiError::not_found)?;
        if installation.suspended_at.is_some() {
            return Err(ApiError::new(403, "This installation has been suspended"));
        }
        let by_number = |number: &Value| {
            let id = number.as_u64().and_then(|number| model.repository_with_number(number));
            // What there is none of is accessible to nobody.
            id.map_or_else(|| RepoName::new("no/such-repository"), |id| model.repository(id).name().clone())
        };
        let owner = &installation.account;
        let by_name = |name: &Value| RepoName::new(&format!("{owner}/{}", name.as_str().unwrap_or("-")));
        let named: Option<Vec<RepoName>> = match (body["repositories"].as_array(), body["repository_ids"].as_array()) {
            (Some(names), _) => Some(names.iter().map(by_name).collect()),
            (None, Some(numbers)) => Some(numbers.iter().map(by_number).collect()),
            (None, None) => None,
        };
        let repositories = match named {
            Some(named) => {
                let exists = |name: &RepoName| model.find_repository(name.as_str()).is_some();
                if !named.iter().all(|name| installation.covers(name) && exists(name)) {
                    let message = "There is at least one repository that does not exist or is not accessible to the \
                                   parent installation.";
                    return Err(ApiError::new(422, message));
                }
                Some(named)
            }
            None => installation.repositories.clone(),
        };
        let permissions = match body["permissions"].as_object() {
            Some(asked) => {
                let asked: Permissions = asked.iter().map(|(name, level)| (name.clone(), level_of(level))).collect();
                if !asked.iter().all(|(name, level)| installation.may(name, *level)) {
                    return Err(ApiError::new(422, "The permissions requested are not granted to this installation."));
                }
                asked
            }
            None => installation.permissions.clone(),
        };
        let has = |name: &str| permissions.get(name).copied().unwrap_or(Permission::None);
        let token = format!("installation-token-{:016x}-{number}", mix(&[now, number]));
        let grant = Grant {
            kind: TokenKind::App,
            app: Some(app),
            // By name they may be moved to another account, and are seen there.
            account: repositories.is_none().then(|| installation.account.clone()),
            repositories: repositories.clone(),
            actions: has("actions"),
            checks: has("checks"),
            contents: has("contents"),
            pull_requests: has("pull_requests"),
            statuses: has("statuses"),
            issues: has("issues"),
            hooks: has("repository_hooks"),
            expires_at: Some(now + HOUR),
            ..Grant::full(format!("{slug}[bot]").as_str())
        };
        model.add_token(&token, grant);
        installation.tokens.push(token.clone());
        Ok(serde_json::json!({
            "token": token,
            "expires_at": crate::payload::time(now + HOUR),
            "permissions": shown(&permissions),
            "repository_selection": if repositories.is_some() { "selected" } else { "all" },
        }))
    }

    /// A person has sent a manifest: the App exists, and the code that fetches its key is good for an hour.
    fn register(&mut self, manifest: &Value, owner: &str, now: Millis) -> Result<String, &'static str> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let name = text(&manifest["name"]).filter(|name| name.len() <= 34).ok_or("name")?;
        let url = text(&manifest["hook_attributes"]["url"]).ok_or("hook_attributes.url")?;
        text(&manifest["url"]).ok_or("url")?;
        text(&manifest["redirect_url"]).ok_or("redirect_url")?;
        let permissions = manifest["default_permissions"].as_object().ok_or("default_permissions")?;
        let permissions = permissions.iter().map(|(name, level)| (name.clone(), level_of(level))).collect();
        let key = AppKey::generate();
        let app = self.add(&name, owner, permissions, &key, now);
        let hook = &mut self.app_mut(app).hook;
        hook.url = Some(url);
        hook.events = EventKinds::NONE;
        for event in manifest["default_events"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            hook.events = hook.events.and(EventKind::parse(event).ok_or("default_events")?);
        }
        let code = format!("code-{:016x}", mix(&[app, now]));
        self.pending.insert(code.clone(), Pending { app, key, until: now + HOUR });
        Ok(code)
    }

    /// "Create a GitHub App from a manifest": once for each code.
    fn convert(&mut self, code: &str, now: Millis) -> Result<(u64, AppKey), ApiError> {
        let pending = self.pending.remove(code).filter(|pending| now < pending.until);
        pending.map(|pending| (pending.app, pending.key)).ok_or_else(ApiError::not_found)
    }
}

impl Installation {
    fn covers(&self, repository: &RepoName) -> bool {
        repository.owner().eq_ignore_ascii_case(&self.account)
            && self.repositories.as_ref().is_none_or(|names| names.contains(repository))
    }

    fn may(&self, permission: &str, level: Permission) -> bool {
        // Everyone may read what a repository is called.
        let has = self.permissions.get(permission).copied().unwrap_or(Permission::None);
        has >= level || (permission == "metadata" && level == Permission::Read)
    }
}

fn level_of(level: &Value) -> Permission {
    match level.as_str() {
        Some("write") => Permission::Write,
        Some("read") => Permission::Read,
        _ => Permission::None,
    }
}

fn shown(permissions: &Permissions) -> Value {
    let level = |level: &Permission| if *level == Permission::Write { "write" } else { "read" };
    let granted = permissions.iter().filter(|(_, has)| **has > Permission::None);
    granted.map(|(name, has)| (name.clone(), Value::from(level(has)))).collect()
}
