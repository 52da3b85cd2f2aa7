//! The fetch handler: stateless, in any location. Webhooks come in by [`crate::worker::webhook_entry`]; everything else
//! is here.

use worker::{Env, Headers, Request, Response, ResponseBuilder};

use crate::doctor::redeliver::Redelivered;
use crate::doctor::{self, Who};
use crate::settings::Settings;
use crate::web::html::content_security_policy;
use crate::web::{health::Health, home};
use crate::web::{routes::Route, routes::path, routes::route};
use crate::webhook::Answer;
use crate::worker::admin::Form;
use crate::worker::doctor_client::DoctorClient;
use crate::worker::{admin, clock, env, kv, log};

pub async fn handle(request: Request, env: &Env) -> worker::Result<Response> {
    let settings = env::settings(env);
    let method = request.inner().method();
    let is_head = method == "HEAD";
    let url = request.inner().url();
    #[cfg(feature = "fault-route")]
    crate::worker::faults::panic_in_request(path(&url));
    let response = match route(&method, path(&url)) {
        Route::Home => html(home::home(&settings)),
        Route::Health => health(&request, env, &settings).await,
        Route::Badge(repository) => admin::show_badge(env, &settings, &repository).await,
        Route::Admin(route) => admin::handle(&request, env, &settings, &route).await,
        Route::MethodNotAllowed { allow } => respond(&Answer::method_not_allowed(allow)),
        Route::NotFound => respond(&Answer::rejected(404, "there is nothing at this path; webhooks go to /")),
    }?;
    if is_head {
        Ok(ResponseBuilder::new().with_status(response.status_code()).with_headers(response.headers().clone()).empty())
    } else {
        Ok(response)
    }
}

/// Fixed phrases for everybody; for whoever has `ADMIN_TOKEN`, what GitHub said, and of which repositories.
async fn health(request: &Request, env: &Env, settings: &Settings) -> worker::Result<Response> {
    let refusal = kv::read_refusal(env).await;
    let health = match admin::knows_token(request, env, settings).await {
        Ok(false) => Health::in_short(settings, refusal),
        Ok(true) => {
            let summaries = kv::list_summaries(env, None).await.map(|(summaries, _)| summaries);
            Health::in_detail(settings, refusal, &summaries.unwrap_or_default())
        }
        Err(denied) => return admin::deny(denied, Form::Json),
    };
    json(health.http_status(), &health)
}

/// Has GitHub send again what did not arrive at the App's webhook in the last three days. Without an App it takes more
/// than the right to re-run, which a token need not have: the doctor does it then, when asked.
pub async fn redeliver(env: &Env) {
    let settings = env::settings(env);
    if settings.github_app.is_none() {
        return;
    }
    let doctor_client = DoctorClient::new(&settings, []);
    match doctor::redeliver::redeliver(&doctor_client, Who::App, "/app/hook/deliveries", clock::now()).await {
        Ok(done) if done == Redelivered::default() => {}
        Ok(done) => log::redelivered(&done),
        Err(problem) => log::fault("redelivery", &problem.to_string()),
    }
}

fn respond(answer: &Answer) -> worker::Result<Response> {
    let response = json(answer.status, answer)?;
    if let Some(allow) = answer.allow {
        response.headers().set("allow", allow)?;
    }
    Ok(response)
}

fn json(status: u16, body: &impl serde::Serialize) -> worker::Result<Response> {
    let headers = Headers::new();
    headers.set("content-type", "application/json")?;
    headers.set("cache-control", "no-store")?;
    headers.set("x-content-type-options", "nosniff")?;
    headers.set("cross-origin-resource-policy", "same-origin")?;
    let body = serde_json::to_vec(body)?;
    Ok(ResponseBuilder::new().with_status(status).with_headers(headers).fixed(body))
}

fn html(page: String) -> worker::Result<Response> {
    let headers = Headers::new();
    headers.set("content-type", "text/html; charset=utf-8")?;
    headers.set("cache-control", "no-store")?;
    headers.set("content-security-policy", content_security_policy())?;
    headers.set("x-content-type-options", "nosniff")?;
    headers.set("referrer-policy", "no-referrer")?;
    Ok(ResponseBuilder::new().with_headers(headers).fixed(page.into_bytes()))
}
