//! What is asked for to an HTTP answer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{AppRecord, Asked, Installation, hooks, jwt, shown};
use crate::model::{ApiError, Caller, Millis, RepoName, TokenKind};
use crate::payload::{self, ShownApp, ShownInstallation};
use crate::webhooks::Hook;
use crate::world::World;

/// Status, headers, body.
pub(crate) type Answer = (u16, Vec<(String, String)>, Value);

/// Who asks, and how.
pub(crate) struct Asker<'a> {
    pub caller: Caller<'a>,
    /// `owner/name`, or nothing.
    pub repository: &'a str,
    pub per_page: usize,
    pub cursor: Option<String>,
}

pub(crate) fn answer(world: &Arc<World>, asked: &Asked, asker: &Asker<'_>) -> Result<Answer, ApiError> {
    let now = world.clock.now();
    if asker.caller.user_agent.is_none_or(str::is_empty) {
        return Err(ApiError::new(403, "Request forbidden by administrative rules."));
    }
    let ok = |value: Value| Ok((200, vec![], value));
    match asked {
        Asked::ConvertManifest(code) => {
            let (app, key) = world.apps.with(|registry| registry.convert(code, now))?;
            world.apps.with(|registry| {
                let app = registry.app_mut(app);
                let mut body = payload::app(&world.hosts, &shown_app(app));
                body["pem"] = key.pkcs1().into();
                body["webhook_secret"] = app.hook.secret.clone().into();
                body["client_secret"] = "the-simulated-client-secret".into();
                Ok((201, vec![], body))
            })
        }
        Asked::App => {
            let app = app(world, asker, now)?;
            ok(payload::app(&world.hosts, &world.apps.with(|registry| shown_app(registry.app_mut(app)))))
        }
        Asked::AppHook => {
            let app = app(world, asker, now)?;
            ok(world.apps.with(|registry| registry.app_mut(app).hook.config()["config"].clone()))
        }
        Asked::AppDeliveries => {
            let app = app(world, asker, now)?;
            let hook = world.apps.with(|registry| registry.app_mut(app).hook.id);
            Ok(page(world, hook, asker))
        }
        Asked::AppRedelivery(number) => {
            let app = app(world, asker, now)?;
            let hook = world.apps.with(|registry| registry.app_mut(app).hook.clone());
            hooks::redeliver(world, &hook, *number).map(|()| (202, vec![], json!({})))
        }
        Asked::Installation => {
            let app = app(world, asker, now)?;
            let repository = RepoName::new(asker.repository);
            world.apps.with(|registry| {
                let app = shown_app(registry.app_mut(app));
                let one = registry.installation_of(app.id, &repository).ok_or_else(ApiError::not_found)?;
                ok(payload::installation(&world.hosts, &app, &shown_installation(one)))
            })
        }
        Asked::CreateToken(installation, body) => {
            let app = app(world, asker, now)?;
            world.apps.with(|registry| {
                world.change(|model, now| {
                    registry.create_token(app, *installation, body, model, now).map(|token| (201, vec![], token))
                })
            })
        }
        Asked::Hooks => {
            let (id, identity) = world.change(|model, now| {
                let id = model.check(asker.caller, asked.endpoint(), asker.repository, now)?;
                Ok((id, model.repository(id).identity.clone()))
            })?;
            let shown = |hook: &Hook| payload::hook(&world.hosts, &identity, hook.id, &hook.config());
            ok(world.hook(id).iter().map(shown).collect())
        }
        Asked::Deliveries(hook) => {
            known_hook(world, asked, asker, *hook)?;
            Ok(page(world, *hook, asker))
        }
        Asked::Redelivery(hook, number) => {
            let hook = known_hook(world, asked, asker, *hook)?;
            hooks::redeliver(world, &hook, *number).map(|()| (202, vec![], json!({})))
        }
        Asked::RateLimit => {
            let limit = world.change(|model, now| {
                model.grant_of(asker.caller, now)?;
                Ok(asker.caller.token.and_then(|token| model.rate_limit(token)))
            })?;
            let limit = limit.unwrap_or(crate::model::RateLimit { limit: 60, used: 0, reset: now / 1_000 + 3_600 });
            let remaining = limit.remaining();
            let core =
                json!({ "limit": limit.limit, "remaining": remaining, "reset": limit.reset, "used": limit.used });
            let search = json!({ "limit": 30, "remaining": 30, "reset": limit.reset, "used": 0 });
            ok(json!({ "resources": { "core": core, "search": search }, "rate": core }))
        }
        Asked::User => {
            let grant = world.change(|model, now| model.grant_of(asker.caller, now))?;
            if grant.kind == TokenKind::App {
                return Err(ApiError::new(403, "Resource not accessible by integration"));
            }
            let scopes = grant.scopes.map(|scopes| vec![("x-oauth-scopes".to_owned(), scopes)]);
            Ok((200, scopes.unwrap_or_default(), payload::caller(&world.hosts, &grant.login, world.started)))
        }
    }
}

fn app(world: &World, asker: &Asker<'_>, now: Millis) -> Result<u64, ApiError> {
    world.apps.with(|registry| jwt::verify(registry, asker.caller.token, now))
}

fn known_hook(world: &World, asked: &Asked, asker: &Asker<'_>, hook: u64) -> Result<Hook, ApiError> {
    let id = world.change(|model, now| model.check(asker.caller, asked.endpoint(), asker.repository, now))?;
    world.hook(id).filter(|known| known.id == hook).ok_or_else(ApiError::not_found)
}

fn page(world: &World, hook: u64, asker: &Asker<'_>) -> Answer {
    let (page, next) = hooks::list(world, hook, asker.per_page, asker.cursor.as_deref());
    let link = next.map(|next| ("link".to_owned(), format!("<?cursor={next}>; rel=\"next\"")));
    (200, link.into_iter().collect(), page)
}

fn shown_app(app: &AppRecord) -> ShownApp {
    ShownApp {
        id: app.id,
        slug: app.slug.clone(),
        name: app.name.clone(),
        owner: app.owner.clone(),
        permissions: shown(&app.permissions),
        events: app.hook.config()["events"].clone(),
        created_at: app.created_at,
    }
}

fn shown_installation(one: &Installation) -> ShownInstallation {
    ShownInstallation {
        id: one.id,
        account: one.account.clone(),
        has_selected: one.repositories.is_some(),
        permissions: shown(&one.permissions),
        created_at: one.created_at,
        suspended_at: one.suspended_at,
    }
}

/// A person has sent a manifest by a form: the address that their browser is sent back to, or what is wrong with it.
pub(crate) fn web(world: &World, organization: Option<&str>, query: &str, body: &[u8]) -> Result<String, String> {
    let form = String::from_utf8_lossy(body).replace('+', " ");
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let manifest = form.split('&').find_map(|pair| pair.strip_prefix("manifest=")).map(decoded);
    let manifest: Value = serde_json::from_str(&manifest.ok_or("no manifest")?).map_err(|error| error.to_string())?;
    let owner = organization.unwrap_or("mona");
    let now = world.clock.now();
    let code = world.apps.with(|registry| registry.register(&manifest, owner, now))?;
    let back = manifest["redirect_url"].as_str().unwrap_or_default();
    let state = query.split('&').find_map(|pair| pair.strip_prefix("state=")).unwrap_or_default();
    Ok(format!("{back}?code={code}&state={state}"))
}
