//! The fetch handler: stateless, in any location. Webhooks come in by [`crate::worker::webhook_entry`]; everything else
//! is here.

use worker::{Env, Headers, Request, Response, ResponseBuilder};

use crate::doctor::redeliver::Redelivered;
use crate::doctor::{self, Who};
use crate::web;
use crate::worker::backend::WorkerBackend;
use crate::worker::clock::now;
use crate::worker::doctor_client::DoctorClient;
use crate::worker::{env, log};

pub async fn handle(request: Request, env: &Env) -> worker::Result<Response> {
    let settings = env::settings(env);
    let (method, url) = (request.inner().method(), request.inner().url());
    #[cfg(feature = "fault-route")]
    crate::worker::faults::panic_in_request(crate::web::routes::path(&url));
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let address = header("cf-connecting-ip").unwrap_or_default();
    let request = web::Request { method: &method, url: &url, header: &header, address: &address };
    let response = web::handle(&request, &settings, &WorkerBackend::new(env, &settings)).await;
    let headers = Headers::new();
    for (name, value) in &response.headers {
        headers.append(name, value)?;
    }
    let builder = ResponseBuilder::new().with_status(response.status).with_headers(headers);
    Ok(if method == "HEAD" { builder.empty() } else { builder.fixed(response.body) })
}

/// Has GitHub send again what did not arrive at the App's webhook in the last three days. Without an App it takes more
/// than the right to re-run, which a token need not have: the doctor does it then, when asked.
pub async fn redeliver(env: &Env) {
    let settings = env::settings(env);
    if settings.github_app.is_none() {
        return;
    }
    let doctor_client = DoctorClient::new(&settings, []);
    match doctor::redeliver::redeliver(&doctor_client, Who::App, "/app/hook/deliveries", now()).await {
        Ok(done) if done == Redelivered::default() => {}
        Ok(done) => log::redelivered(&done),
        Err(problem) => log::fault("redelivery", &problem.to_string()),
    }
}
