//! A webhook's way through the Worker, as `worker.mjs` takes it: [`Intake::check`] on the head → the body is read and its
//! HMACs are made, by the runtime → [`Intake::judge`] → for a candidate, its repository's Keeper.
//!
//! JavaScript carries bytes, and this decides. What crosses between the two is one string for the head, the body once,
//! and one string back, as each object that crosses costs more than the decision: the same way over the worker crate's
//! `Request`, `Headers` and `Response` took twice the CPU time of a webhook (docs/performance.md).

use std::rc::Rc;

use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::future_to_promise;

use crate::handler::Keepers;
use crate::keeper::object::HintMessage;
use crate::names::DeliveryId;
use crate::settings::Settings;
use crate::webhook::{self, Answer, BODY_LIMIT, Head, Verdict, head};
use crate::{env, handler, log};

/// What takes webhooks, for as long as the isolate lives. `worker.mjs` makes one; after a panic, worker-build's shim
/// makes another in its place.
#[wasm_bindgen]
pub struct Intake {
    settings: Rc<Settings>,
    env: Env,
    keepers: Keepers,
}

/// Each answer is one text: three digits for the status, the body, and on a line of its own what the log says of it.
#[wasm_bindgen]
impl Intake {
    #[wasm_bindgen(constructor)]
    pub fn new(env: Env, keepers: Keepers) -> Self {
        Self { settings: env::settings(&env), env, keepers }
    }

    /// The webhook's secret, and the previous one if there is one: the keys of the HMACs that [`Intake::judge`] takes.
    pub fn secrets(&self) -> Vec<String> {
        self.settings.webhook_secrets.iter().map(|secret| secret.reveal().to_owned()).collect()
    }

    pub fn body_limit(&self) -> usize {
        BODY_LIMIT
    }

    /// What can be said before the body is read; nothing if it is to be read.
    pub fn check(&self, head: &str) -> Option<String> {
        let headers = Headers(head);
        #[cfg(feature = "fault-route")]
        crate::faults::panic_in_delivery(headers.get("x-github-event"));
        headers.check(&self.settings).err().map(|answer| headers.told(&answer))
    }

    /// The answer to a webhook; for a candidate a promise of one, as the Keeper stores it first. `macs` are the HMACs of
    /// the body, one after the other, 32 bytes each.
    pub fn judge(&self, head: &str, macs: &[u8], body: &[u8]) -> JsValue {
        let headers = Headers(head);
        let verdict = match headers.check(&self.settings) {
            Ok(head) => webhook::judge(&self.settings, &head, macs, body),
            Err(answer) => Verdict::Answer(answer),
        };
        match verdict {
            Verdict::Answer(answer) => headers.told(&answer).into(),
            Verdict::Hint { repository, repository_id, installation, hint } => {
                let (settings, env, keepers) = (Rc::clone(&self.settings), self.env.clone(), self.keepers.clone());
                let head = head.to_owned();
                let message = HintMessage { repository, repository_id, installation, hint, records: vec![] };
                future_to_promise(async move {
                    let answer = handler::candidate(&settings, &env, &keepers, message).await;
                    Ok(Headers(&head).told(&answer).into())
                })
                .into()
            }
        }
    }

    /// More than [`Intake::body_limit`] bytes came.
    pub fn too_large(&self, head: &str) -> String {
        Headers(head).told(&head::too_large())
    }

    /// The connection was lost, or the other side stopped.
    pub fn cut(&self, head: &str) -> String {
        Headers(head).told(&Answer::rejected(400, "the body ended early"))
    }

    /// Other large bodies are being read.
    pub fn busy(&self, head: &str) -> String {
        Headers(head).told(&Answer::unavailable("too many large bodies are being read at once; redeliver it"))
    }

    /// GitHub would not wait any longer.
    pub fn late(&self, head: &str) -> String {
        Headers(head).told(&Answer::unavailable("it took too long; redeliver it"))
    }
}

/// The headers that matter: `name:value`, a line for each one that is there.
struct Headers<'a>(&'a str);

impl Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.split('\n').find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    fn check(&self, settings: &Settings) -> Result<Head, Answer> {
        head::check(settings, |name| self.get(name).map(str::to_owned))
    }

    fn told(&self, answer: &Answer) -> String {
        let delivery = self.get("x-github-delivery").and_then(DeliveryId::parse);
        let line = log::delivery(self.get("x-github-event"), delivery.as_ref(), answer);
        // Plain structs always serialize.
        let body = serde_json::to_string(answer).unwrap_or_default();
        format!("{}{body}\n{line}", answer.status)
    }
}
