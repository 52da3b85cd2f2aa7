//! A webhook's way through the Worker, as `entry.mjs` takes it: [`Intake::check`] on the head → the body is read and its
//! HMACs are made, by the runtime → [`Intake::judge`] → for a candidate, its repository's Keeper. A body that is not small
//! is read block by block, and [`Intake::room`] says for each whether there is room for it.
//!
//! JavaScript carries bytes, and this decides. What crosses between the two is one string for the head, the body once,
//! and one string back, as each object that crosses costs more than the decision: the same way over the worker crate's
//! `Request`, `Headers` and `Response` took twice the CPU time of a webhook (docs/performance.md).

use std::rc::Rc;

use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::future_to_promise;

use crate::names::DeliveryId;
use crate::settings::Settings;
use crate::time::Millis;
use crate::webhook::allowance::{Allowance, BodyId, Room};
use crate::webhook::{self, Answer, BODY_LIMIT, Head, Verdict, head, payload, signature};
use crate::worker::fetch_handler::Keepers;
use crate::worker::keeper_object::HintMessage;
use crate::worker::{env, fetch_handler, log};

#[wasm_bindgen]
extern "C" {
    /// The bodies that `entry.mjs` reads block by block.
    pub type Bodies;

    /// Lets go of what is held of a body, and has it answered by [`Intake::busy`].
    #[wasm_bindgen(method)]
    fn let_go(this: &Bodies, id: BodyId);

    /// The blocks of one of them.
    pub type Blocks;

    /// The next, and the end of the one before it.
    #[wasm_bindgen(method)]
    fn next(this: &Blocks) -> Option<Uint8Array>;
}

/// What takes webhooks, for as long as the isolate lives. `entry.mjs` makes one; after a panic, it
/// makes another in its place.
#[wasm_bindgen]
pub struct Intake {
    settings: Rc<Settings>,
    env: Env,
    keepers: Keepers,
    bodies: Bodies,
    allowance: Allowance,
}

/// Each answer is one text: three digits for the status, the body, and on a line of its own what the log says of it. With
/// the answer, the room that the body took is given back.
#[wasm_bindgen]
impl Intake {
    #[wasm_bindgen(constructor)]
    pub fn new(env: Env, keepers: Keepers, bodies: Bodies) -> Self {
        Self { settings: env::settings(&env), env, keepers, bodies, allowance: Allowance::default() }
    }

    /// The webhook's secret, and the previous one if there is one: the keys of the HMACs that [`Intake::judge`] takes.
    pub fn secrets(&self) -> Vec<String> {
        self.settings.webhook_secrets.iter().map(|secret| secret.reveal().to_owned()).collect()
    }

    /// For each secret the two blocks of 64 bytes that an HMAC of what streams in begins with.
    pub fn blocks(&self) -> Vec<u8> {
        self.settings.webhook_secrets.iter().flat_map(signature::blocks).collect()
    }

    pub fn body_limit(&self) -> usize {
        BODY_LIMIT
    }

    /// What can be said before the body is read, as text; `true` if it is to be read in one piece, `false` if block by
    /// block. `now` is in milliseconds.
    pub fn check(&mut self, head: &str, id: BodyId, now: f64) -> JsValue {
        let headers = Headers(head);
        #[cfg(feature = "fault-route")]
        crate::worker::faults::panic_in_delivery(headers.get("x-github-event"));
        match headers.check(&self.settings) {
            Ok(head) => {
                let (bodies, now) = (&self.bodies, millis(now));
                self.allowance.give_back(now, |id| bodies.let_go(id));
                let is_kept = head.event.as_deref().is_some_and(payload::is_read);
                self.allowance.begin(id, head.length, is_kept, now).into()
            }
            Err(answer) => headers.told(&answer).into(),
        }
    }

    /// How large the next block may be: 0 if the last one is to be filled again, as nothing of the body is needed but its
    /// signature; nothing if the body is to be given up.
    pub fn room(&mut self, id: BodyId, now: f64) -> Option<usize> {
        let bodies = &self.bodies;
        match self.allowance.room(id, millis(now), |id| bodies.let_go(id)) {
            Room::Block { bytes } => Some(bytes),
            Room::SameBlock => Some(0),
            Room::None => None,
        }
    }

    /// The answer to a webhook; for a candidate a promise of one, as the Keeper stores it first. `macs` are the HMACs of
    /// the body, one after the other, 32 bytes each. The body stays where it is until one of them is found right.
    pub fn judge(&mut self, head: &str, id: BodyId, macs: &[u8], body: &Uint8Array) -> JsValue {
        self.judged(head, id, macs, || body.to_vec())
    }

    /// The same for a body in blocks, of so many bytes. Each block is let go of as soon as it is copied.
    pub fn judge_blocks(&mut self, head: &str, id: BodyId, macs: &[u8], blocks: &Blocks, length: usize) -> JsValue {
        self.judged(head, id, macs, || {
            let mut body = Vec::with_capacity(length);
            while let Some(block) = blocks.next() {
                let start = body.len();
                body.resize(start + block.length() as usize, 0);
                if let Some(rest) = body.get_mut(start..) {
                    block.copy_to(rest);
                }
            }
            body
        })
    }

    /// More than [`Intake::body_limit`] bytes came.
    pub fn too_large(&mut self, head: &str, id: BodyId) -> String {
        self.end(head, id, &head::too_large())
    }

    /// The connection was lost, or the other side stopped.
    pub fn cut(&mut self, head: &str, id: BodyId) -> String {
        self.end(head, id, &Answer::rejected(400, "the body ended early"))
    }

    /// The room was needed for others.
    pub fn busy(&mut self, head: &str, id: BodyId) -> String {
        self.end(head, id, &Answer::unavailable("too many large bodies are being read at once; redeliver it"))
    }

    /// GitHub would not wait any longer.
    pub fn late(&mut self, head: &str, id: BodyId) -> String {
        self.end(head, id, &Answer::unavailable("it took too long; redeliver it"))
    }
}

impl Intake {
    fn end(&mut self, head: &str, id: BodyId, answer: &Answer) -> String {
        self.allowance.end(id);
        Headers(head).told(answer)
    }

    fn judged(&mut self, head: &str, id: BodyId, macs: &[u8], body: impl FnOnce() -> Vec<u8>) -> JsValue {
        // The body is needed no longer than this function runs.
        self.allowance.end(id);
        let headers = Headers(head);
        let verdict = match headers.check(&self.settings) {
            Ok(head) => webhook::judge(&self.settings, &head, macs, body),
            Err(answer) => Verdict::Answer(answer),
        };
        match verdict {
            Verdict::Answer(answer) => headers.told(&answer).into(),
            Verdict::RunEvent { repository, repository_id, installation, event } => {
                let (settings, env, keepers) = (Rc::clone(&self.settings), self.env.clone(), self.keepers.clone());
                let head = head.to_owned();
                let message = HintMessage { repository, repository_id, installation, event, records: vec![] };
                future_to_promise(async move {
                    let answer = fetch_handler::candidate(&settings, &env, &keepers, message).await;
                    Ok(Headers(&head).told(&answer).into())
                })
                .into()
            }
        }
    }
}

/// A number of JavaScript's clock.
#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds of this age")]
fn millis(now: f64) -> Millis {
    Millis(now as i64)
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
