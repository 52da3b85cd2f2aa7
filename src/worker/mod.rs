//! All that names the `worker` crate, and nothing that decides.

mod backend;
mod clock;
mod env;
#[cfg(feature = "fault-route")]
mod faults;
mod github_client;
mod keeper_client;
mod keeper_inner;
mod keeper_object;
mod keeper_platform;
mod kv;
mod log;
mod signing;
mod team_keys;
mod webhook_entry;

use worker::{Context, Env, Headers, Request, Response, ResponseBuilder, ScheduleContext, ScheduledEvent, event};

use crate::doctor::Who;
use crate::doctor::redeliver::{Redelivered, redeliver};
use crate::web;

use backend::{DoctorClient, WorkerBackend};

/// A panic says where it happened, in the log.
#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Stateless, in any location. Webhooks come in by [`webhook_entry`]; everything else is here.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> worker::Result<Response> {
    let settings = env::settings(&env);
    let (method, url) = (request.inner().method(), request.inner().url());
    #[cfg(feature = "fault-route")]
    faults::panic_in_request(web::routes::path(&url));
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let address = header("cf-connecting-ip").unwrap_or_default();
    let request = web::Request { method: &method, url: &url, header: &header, address: &address };
    let response = web::handle(&request, &settings, &WorkerBackend::new(&env, &settings)).await;
    let headers = Headers::new();
    for (name, value) in &response.headers {
        headers.append(name, value)?;
    }
    Ok(ResponseBuilder::new().with_status(response.status).with_headers(headers).fixed(response.body))
}

/// By the hour, as wrangler.toml has it: has GitHub send again what did not arrive at the App's webhook in the last three
/// days. Without an App it takes more than the right to re-run, which a token need not have: the doctor does it then, when
/// asked.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    let settings = env::settings(&env);
    if settings.github_app.is_none() {
        return;
    }
    let doctor_client = DoctorClient::new(&settings, []);
    match redeliver(&doctor_client, Who::App, "/app/hook/deliveries", clock::now()).await {
        Ok(done) if done == Redelivered::default() => {}
        Ok(done) => log::redelivered(&done),
        Err(problem) => log::fault("redelivery", &problem.to_string()),
    }
}
