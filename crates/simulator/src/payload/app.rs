//! Apps, installations, and whom a token is of.

use serde_json::{Value, json};

use super::common::{Hosts, id_of, node_id, time, user};
use crate::model::{Login, Millis};

/// An App, as far as it is shown.
#[derive(Debug, Clone)]
pub struct ShownApp {
    pub id: u64,
    pub slug: String,
    pub name: String,
    pub owner: String,
    pub permissions: Value,
    pub events: Value,
    pub created_at: Millis,
}

/// Where an App is installed.
#[derive(Debug, Clone)]
pub struct ShownInstallation {
    pub id: u64,
    pub account: String,
    /// Some repositories, and not all of the account's.
    pub has_selected: bool,
    pub permissions: Value,
    pub created_at: Millis,
    pub suspended_at: Option<Millis>,
}

pub fn app(hosts: &Hosts, app: &ShownApp) -> Value {
    let created = time(app.created_at);
    json!({
        "id": app.id,
        "slug": app.slug,
        "node_id": node_id("A", app.id),
        "client_id": client_id(app.id),
        "owner": user(hosts, &app.owner),
        "name": app.name,
        "description": "",
        "external_url": "https://example.com",
        "html_url": format!("{}/apps/{}", hosts.web, app.slug),
        "created_at": created,
        "updated_at": created,
        "permissions": app.permissions,
        "events": app.events,
    })
}

pub fn installation(hosts: &Hosts, app: &ShownApp, one: &ShownInstallation) -> Value {
    let created = time(one.created_at);
    json!({
        "id": one.id,
        "client_id": client_id(app.id),
        "account": super::common::account(hosts, &one.account, "Organization"),
        "repository_selection": if one.has_selected { "selected" } else { "all" },
        "access_tokens_url": format!("{}/app/installations/{}/access_tokens", hosts.api, one.id),
        "repositories_url": format!("{}/installation/repositories", hosts.api),
        "html_url": format!("{}/organizations/{}/settings/installations/{}", hosts.web, one.account, one.id),
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": id_of(&one.account),
        "target_type": "Organization",
        "permissions": one.permissions,
        "events": app.events,
        "created_at": created,
        "updated_at": created,
        "single_file_name": null,
        "has_multiple_single_files": false,
        "single_file_paths": [],
        "suspended_by": one.suspended_at.map(|_| user(hosts, "mona")),
        "suspended_at": one.suspended_at.map(time),
    })
}

fn client_id(app: u64) -> String {
    format!("Iv1.{app:016x}")
}

/// "Get the authenticated user", whose own affairs the token is not for.
pub fn caller(hosts: &Hosts, login: &Login, created_at: Millis) -> Value {
    let mut shown = user(hosts, login.as_str());
    let created = time(created_at);
    let more = json!({
        "name": null, "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
        "twitter_username": null, "user_view_type": "public",
        "public_repos": 1, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": created, "updated_at": created,
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}
