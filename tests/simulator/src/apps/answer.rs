//! What is asked for to an HTTP answer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{AppRecord, Asked, hooks, jwt, shown};
use crate::model::{ApiError, Caller, Millis, RepoName, TokenKind};
use crate::payload::{time, user};
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
                let mut body = shown_app(app, now);
                body["pem"] = key.pkcs1().into();
                body["webhook_secret"] = app.hook.secret.clone().into();
                body["client_secret"] = "the-simulated-client-secret".into();
                Ok((201, vec![], body))
            })
        }
        Asked::App => {
            let app = app(world, asker, now)?;
            ok(world.apps.with(|registry| shown_app(registry.app_mut(app), now)))
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
                let one = registry.installation_of(app, &repository).ok_or_else(ApiError::not_found)?;
                ok(json!({
                    "id": one.id,
                    "app_id": app,
                    "account": { "login": one.account },
                    "repository_selection": if one.repositories.is_some() { "selected" } else { "all" },
                    "permissions": shown(&one.permissions),
                    "suspended_at": one.suspended_at.map(time),
                }))
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
            let id = world.change(|model, now| model.check(asker.caller, asked.endpoint(), asker.repository, now))?;
            ok(world.hook(id).iter().map(hooks::hook).collect())
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
            ok(json!({ "resources": { "core": core }, "rate": core }))
        }
        Asked::User => {
            let grant = world.change(|model, now| model.grant_of(asker.caller, now))?;
            if grant.kind == TokenKind::App {
                return Err(ApiError::new(403, "Resource not accessible by integration"));
            }
            let scopes = grant.scopes.map(|scopes| vec![("x-oauth-scopes".to_owned(), scopes)]);
            Ok((200, scopes.unwrap_or_default(), user(&world.hosts, grant.login.as_str())))
        }
    }
}

fn app(world: &World, asker: &Asker<'_>, now: Millis) -> Result<u64, ApiError> {
    world.apps.with(|registry| jwt::verify(registry, asker.caller.token, now))
}

fn known_hook(world: &World, asked: &Asked, asker: &Asker<'_>, hook: u64) -> Result<crate::webhooks::Hook, ApiError> {
    let id = world.change(|model, now| model.check(asker.caller, asked.endpoint(), asker.repository, now))?;
    world.hook(id).filter(|known| known.id == hook).ok_or_else(ApiError::not_found)
}

fn page(world: &World, hook: u64, asker: &Asker<'_>) -> Answer {
    let (page, next) = hooks::list(world, hook, asker.per_page, asker.cursor.as_deref());
    let link = next.map(|next| ("link".to_owned(), format!("<?cursor={next}>; rel=\"next\"")));
    (200, link.into_iter().collect(), page)
}

fn shown_app(app: &AppRecord, now: Millis) -> Value {
    json!({
        "id": app.id,
        "slug": app.slug,
        "client_id": format!("Iv1.{:016x}", app.id),
        "name": app.name,
        "owner": { "login": app.owner },
        "html_url": format!("https://github.com/apps/{}", app.slug),
        "external_url": "https://example.com",
        "created_at": time(now),
        "permissions": shown(&app.permissions),
        "events": app.hook.config()["events"],
    })
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
