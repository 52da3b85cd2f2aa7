//! The fetch handler: stateless, in any location. Webhooks come in by [`crate::worker::webhook_entry`]; everything else, and what is
//! done with a candidate, is here.

use wasm_bindgen::prelude::wasm_bindgen;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Date, Env, Headers, Request, Response, ResponseBuilder};

use crate::doctor::redeliver::Redelivered;
use crate::doctor::{self, Who};
use crate::keeper::state_machine::ReceiptKind;
use crate::names::RepoName;
use crate::settings::Settings;
use crate::time::Millis;
use crate::web::html::content_security_policy;
use crate::web::{health::Health, home};
use crate::web::{routes::Route, routes::path, routes::route};
use crate::webhook::{Answer, Subject};
use crate::webhook::{event::RunEvent, event::RunEventKind};
use crate::worker::admin::Form;
use crate::worker::doctor_client::DoctorClient;
use crate::worker::{admin, env, kv, log};
use crate::worker::{keeper_object::HintMessage, keeper_object::ReceiptMessage};

pub const KEEPER: &str = "KEEPER";

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
        // A webhook is what entry.mjs takes for one: a way to write `/` that it does not know is none.
        Route::NotFound | Route::Webhook => {
            respond(&Answer::rejected(404, "there is nothing at this path; webhooks go to /"))
        }
    }?;
    if is_head {
        Ok(ResponseBuilder::new().with_status(response.status_code()).with_headers(response.headers().clone()).empty())
    } else {
        Ok(response)
    }
}

#[wasm_bindgen]
extern "C" {
    /// `entry.mjs`'s way to the Keepers.
    #[derive(Clone)]
    pub type Keepers;

    /// Sends a message to the Keeper of this name; its answer, or a rejection.
    #[wasm_bindgen(method)]
    fn tell(this: &Keepers, name: &str, message: &str) -> Promise;
}

/// Hands a candidate over to its repository's Keeper. The answer comes after the Keeper has stored it.
pub async fn candidate(
    settings: &Settings,
    env: &Env,
    keepers: &Keepers,
    HintMessage { repository, repository_id, installation, event, records }: HintMessage,
) -> Answer {
    let subject = Subject { repository: repository.clone(), run_id: event.run_id, run_attempt: event.run_attempt };
    let are_wanted = wants_cancelled(env, &repository, &event).await;
    let Some(event) = event.where_cancelled_runs(are_wanted) else {
        return Answer::ignored("the run's conclusion is cancelled").about(subject);
    };
    if is_exhausted(settings, env, &repository, &event).await {
        return Answer::ignored("the run was re-run as often as it may be").about(subject);
    }
    match hand_over(keepers, HintMessage { repository, repository_id, installation, event, records }).await {
        Ok(receipt) => receipt_answer(receipt, subject),
        Err(fault) => {
            log::fault("hand-over to the Keeper", &fault.to_string());
            Answer::unavailable("it could not be stored; redeliver it").about(subject)
        }
    }
}

/// Whether the repository's policy re-runs what was cancelled. Its Keeper knows, but most cancelled runs are of
/// repositories whose policy does not, and every push that cancels the run before it would wake one: the Keeper says
/// in Workers KV where it is so, which costs one read for each cancelled run. What is missed while KV lags behind, the
/// sweep finds.
async fn wants_cancelled(env: &Env, repository: &RepoName, event: &RunEvent) -> bool {
    event.kind == RunEventKind::RunCancelled && kv::read_cancelled(env, repository).await
}

/// Spares the Keeper the late webhooks of a run that was given up. Only asked where it is likely: Workers KV reads are
/// counted. `MAX_RERUNS` only says that; a policy may allow more or less, and what it came to is what KV says.
async fn is_exhausted(settings: &Settings, env: &Env, repository: &RepoName, event: &RunEvent) -> bool {
    let Some(attempt) = event.run_attempt else { return false };
    if !matches!(event.kind, RunEventKind::RunFailed | RunEventKind::RunCancelled | RunEventKind::JobFailed)
        || attempt.get() <= settings.max_reruns
    {
        return false;
    }
    let attempts = kv::read_attempts(env, repository, event.run_id).await;
    attempts.is_some_and(|attempts| attempts.exhausted_at(attempt.get()))
}

async fn hand_over(keepers: &Keepers, message: HintMessage) -> worker::Result<ReceiptMessage> {
    let told = keepers.tell(&message.repository.key(), &serde_json::to_string(&message)?);
    let receipt = JsFuture::from(told).await?.as_string().unwrap_or_default();
    Ok(serde_json::from_str(&receipt)?)
}

fn receipt_answer(receipt: ReceiptMessage, subject: Subject) -> Answer {
    let answer = match receipt.kind {
        ReceiptKind::Scheduled => Answer::scheduled(receipt.reason),
        ReceiptKind::Recorded => Answer::recorded(receipt.reason),
        ReceiptKind::Ignored => Answer::ignored(receipt.reason),
    };
    let run_attempt = receipt.run_attempt.or(subject.run_attempt);
    answer.about(Subject { run_attempt, ..subject }).due(receipt.due.map(Millis::to_rfc3339))
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
    let now = Millis(i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX));
    match doctor::redeliver::redeliver(&doctor_client, Who::App, "/app/hook/deliveries", now).await {
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
