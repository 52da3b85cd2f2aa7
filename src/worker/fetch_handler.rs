//! The fetch handler: stateless, in any location. Webhooks come in by [`crate::worker::webhook_entry`]; everything else, and what is
//! done with a candidate, is here.

use wasm_bindgen::prelude::wasm_bindgen;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Env, Headers, Request, Response, ResponseBuilder};

use crate::doctor::redeliver::Redelivered;
use crate::doctor::{self, Who};
use crate::keeper::state_machine::ReceiptKind;
use crate::names::RepoName;
use crate::settings::Settings;
use crate::time::Millis;
use crate::web;
use crate::webhook::{Answer, Subject};
use crate::webhook::{event::RunEvent, event::RunEventKind};
use crate::worker::backend::WorkerBackend;
use crate::worker::clock::now;
use crate::worker::doctor_client::DoctorClient;
use crate::worker::{env, kv, log};
use crate::worker::{keeper_object::HintMessage, keeper_object::ReceiptMessage};

pub const KEEPER: &str = "KEEPER";

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
