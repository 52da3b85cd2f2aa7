//! A webhook's way through the Worker, as `entry.mjs` takes it: [`Intake::check`] on its headers → the body is read and its
//! HMACs are made, by the runtime → [`Intake::receive`] → for a candidate, its repository's Keeper. A body that is not
//! small is read block by block, and [`Intake::room`] says for each whether there is room for it.
//!
//! JavaScript carries bytes, and this has them decided. What crosses between the two is one string for the headers, the
//! body once, and one string back, as each object that crosses costs more than the decision: the same way over the
//! worker crate's `Request`, `Headers` and `Response` took twice the CPU time of a webhook (docs/performance.md).

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;
use worker::js_sys::{Date, Uint8Array};
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::future_to_promise;

use crate::keeper::attempts;
use crate::names::DeliveryId;
use crate::settings::Settings;
use crate::time::Millis;
use crate::webhook::allowance::{self, Allowance, BodyId, Room};
use crate::webhook::command::CommandEvent;
use crate::webhook::event::{RunEvent, RunEventKind};
use crate::webhook::heard::Heard;
use crate::webhook::signature::{self, Signature};
use crate::webhook::{self, ANSWER_WITHIN, Answer, BODY_LIMIT, Event, Headers, Subject, headers, payload};
use crate::worker::{env, keeper_client, kv, log};

#[wasm_bindgen]
extern "C" {
    /// The bodies that `entry.mjs` reads block by block.
    pub type Bodies;

    /// Lets go of what is held of a body, and has it answered by [`Intake::busy`], later.
    #[wasm_bindgen(method)]
    fn let_go(this: &Bodies, id: BodyId);

    /// The blocks of one of them.
    pub type Blocks;

    /// The next, and the end of the one before it.
    #[wasm_bindgen(method)]
    fn next(this: &Blocks) -> Option<Uint8Array>;
}

/// What takes webhooks, for as long as the isolate lives. `entry.mjs` makes one, and after a panic another in its place.
#[wasm_bindgen]
pub struct Intake {
    settings: Rc<Settings>,
    env: Env,
    bodies: Bodies,
    allowance: Allowance,
    /// In the order of [`Intake::common_answers`].
    common: Vec<Answer>,
    heard: RefCell<Heard>,
}

/// Each answer is one text of three lines: the status and the console's function for the log, the body, and what the log
/// says of it. With the answer, the room that the body took is given back.
#[wasm_bindgen]
impl Intake {
    #[wasm_bindgen(constructor)]
    pub fn new(env: Env, bodies: Bodies) -> Self {
        let settings = env::settings(&env);
        let common = webhook::common_answers(&settings);
        Self { settings, env, bodies, allowance: Allowance::default(), common, heard: RefCell::default() }
    }

    // The short way, for a delivery as GitHub writes it: `entry.mjs` reads its body at once, asks `judge` alone, and has at
    // hand what is answered. Whatever is in any way not so goes by `check` and `receive`, and so does what `judge` leaves.

    /// The answers that [`Intake::judge`] gives by number, each as all answers are, about [`EVENT`] and [`DELIVERY`]. The first
    /// is to a delivery that has no signature.
    pub fn common_answers(&self) -> Vec<String> {
        let lines = format!("x-github-event:{EVENT}\nx-github-delivery:{DELIVERY}");
        self.common.iter().map(|answer| HeaderLines(&lines).render(answer)).collect()
    }

    /// Whether JSON of this event goes the short way: not without secrets, nor where its name is none for the log.
    pub fn is_plain(&self, event: &str) -> bool {
        #[cfg(feature = "fault-route")]
        crate::worker::faults::panic_in_delivery(Some(event));
        let line = |event| log::delivery(event, None, &Answer::pong()).1;
        !self.settings.webhook_secrets.is_empty() && line(Some(event)) != line(None)
    }

    /// How large a body may be that goes the short way, and how many go it at once.
    pub fn unasked(&self) -> Vec<usize> {
        vec![allowance::SMALL, allowance::UNASKED]
    }

    /// The answer to a delivery of JSON that ends here: the number of a common one, or the text of one that is ignored, in
    /// characters that the log takes as they are. If it does not, or not so simply, or is the first one today of its repository,
    /// nothing.
    pub fn judge(&self, event: &str, signature: &str, macs: &[u8], body: &Uint8Array) -> JsValue {
        let signature = Signature::parse(signature);
        let read = |signature| webhook::read_head(&self.settings, &signature, event, macs, || body.to_vec());
        let Some(answer) = signature.and_then(read) else { return JsValue::UNDEFINED };
        if let Some(number) = self.common.iter().position(|common| *common == answer) {
            return (number as u32).into();
        }
        if answer.subject.is_some() && self.heard.borrow().news(&self.settings, &answer, now()).is_some() {
            return JsValue::UNDEFINED;
        }
        let text = serde_json::to_string(&answer).unwrap_or_default();
        let is_simple = answer.status == 200 && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_simple { text.into() } else { JsValue::UNDEFINED }
    }

    /// The webhook's secret, and the previous one if there is one: the keys of the HMACs that [`Intake::receive`] takes.
    pub fn secrets(&self) -> Vec<String> {
        self.settings.webhook_secrets.iter().map(|secret| secret.reveal().to_owned()).collect()
    }

    /// For each secret the two blocks of 64 bytes that an HMAC of what streams in begins with.
    pub fn secret_blocks(&self) -> Vec<u8> {
        self.settings.webhook_secrets.iter().flat_map(signature::blocks).collect()
    }

    /// In milliseconds.
    pub fn answer_within(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "some seconds")]
        let milliseconds = ANSWER_WITHIN.as_millis() as f64;
        milliseconds
    }

    pub fn body_limit(&self) -> usize {
        BODY_LIMIT
    }

    /// What can be said before the body is read, as text; `true` if it is to be read in one piece, `false` if block by
    /// block. `now` is in milliseconds.
    pub fn check(&mut self, headers: &str, id: BodyId, now: f64) -> JsValue {
        let lines = HeaderLines(headers);
        #[cfg(feature = "fault-route")]
        crate::worker::faults::panic_in_delivery(lines.get("x-github-event"));
        match lines.check(&self.settings) {
            Ok(headers) => {
                let (bodies, now) = (&self.bodies, millis(now));
                self.allowance.give_back(now, |id| bodies.let_go(id));
                let is_kept = headers.event.as_deref().is_some_and(payload::is_read);
                self.allowance.begin(id, headers.length, is_kept, now).into()
            }
            Err(answer) => lines.render(&answer).into(),
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
    pub fn receive(&mut self, headers: &str, id: BodyId, macs: &[u8], body: &Uint8Array) -> JsValue {
        self.read(headers, id, macs, || body.to_vec())
    }

    /// The same for a body in blocks, of so many bytes. Each block is let go of as soon as it is copied.
    pub fn receive_blocks(
        &mut self,
        headers: &str,
        id: BodyId,
        macs: &[u8],
        blocks: &Blocks,
        length: usize,
    ) -> JsValue {
        self.read(headers, id, macs, || {
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
    pub fn too_large(&mut self, headers: &str, id: BodyId) -> String {
        self.refuse(headers, id, &headers::too_large())
    }

    /// The connection was lost, or the other side stopped.
    pub fn cut(&mut self, headers: &str, id: BodyId) -> String {
        self.refuse(headers, id, &Answer::rejected(400, "the body ended early"))
    }

    /// The room was needed for others.
    pub fn busy(&mut self, headers: &str, id: BodyId) -> String {
        self.refuse(headers, id, &Answer::unavailable("too many large bodies are being read at once; redeliver it"))
    }

    /// [`Intake::answer_within`] is over.
    pub fn late(&mut self, headers: &str, id: BodyId) -> String {
        self.refuse(headers, id, &Answer::unavailable("it took too long; redeliver it"))
    }
}

impl Intake {
    fn refuse(&mut self, headers: &str, id: BodyId, answer: &Answer) -> String {
        self.allowance.end(id);
        HeaderLines(headers).render(answer)
    }

    fn read(&mut self, headers: &str, id: BodyId, macs: &[u8], body: impl FnOnce() -> Vec<u8>) -> JsValue {
        // The body is needed no longer than this function runs.
        self.allowance.end(id);
        let lines = HeaderLines(headers);
        let read = lines.check(&self.settings);
        match read.and_then(|headers| webhook::read(&self.settings, &headers, macs, body)) {
            Err(answer) => {
                let now = now();
                let news = self.heard.borrow().news(&self.settings, &answer, now).cloned();
                let Some(repository) = news else { return lines.render(&answer).into() };
                self.heard.borrow_mut().note(&repository, now);
                let (env, headers) = (self.env.clone(), headers.to_owned());
                future_to_promise(async move {
                    // Whether that is stored or not, the webhook was received, and needs no redelivery.
                    if let Err(fault) = keeper_client::hear(&env, repository).await {
                        log::fault("sign of life", &fault.to_string());
                    }
                    Ok(HeaderLines(&headers).render(&answer).into())
                })
                .into()
            }
            Ok(event) => {
                if let Event::Run(event) = &event
                    && event.kind != RunEventKind::RunCancelled
                {
                    self.heard.borrow_mut().note(&event.repository, now());
                }
                let (settings, env, headers) = (Rc::clone(&self.settings), self.env.clone(), headers.to_owned());
                future_to_promise(async move {
                    let answer = match event {
                        Event::Run(event) => deliver(&settings, &env, event).await,
                        Event::Command(event) => deliver_command(&env, event).await,
                    };
                    Ok(HeaderLines(&headers).render(&answer).into())
                })
                .into()
            }
        }
    }
}

/// Has a candidate stored by its repository's Keeper, unless that can be spared the trouble.
async fn deliver(settings: &Settings, env: &Env, event: RunEvent) -> Answer {
    let subject = Subject::of(&event);
    // The Keeper knows its policy, but most cancelled runs are of repositories whose policy does not re-run them, and
    // every push that cancels the run before it would wake one: the Keeper says in Workers KV where it is so, which costs
    // one read for each cancelled run. What is missed while KV lags behind, the sweep finds.
    let are_wanted = event.kind == RunEventKind::RunCancelled && kv::read_cancelled(env, &event.repository).await;
    let Some(event) = event.where_cancelled_runs(are_wanted) else {
        return Answer::ignored("the run's conclusion is cancelled").about(subject);
    };
    if let Some(attempt) = attempts::worth_a_read(&event, settings.max_reruns) {
        let attempts = kv::read_attempts(env, &event.repository, event.run_id).await;
        if attempts.is_some_and(|attempts| attempts.exhausted_at(attempt)) {
            return Answer::ignored("the run was re-run as often as it may be").about(subject);
        }
    }
    match keeper_client::deliver(env, event).await {
        Ok(receipt) => receipt.answer(subject),
        Err(fault) => not_stored(&fault).about(subject),
    }
}

async fn deliver_command(env: &Env, event: CommandEvent) -> Answer {
    match keeper_client::deliver_command(env, event).await {
        Ok(receipt) => receipt.about_no_run(),
        Err(fault) => not_stored(&fault),
    }
}

fn not_stored(fault: &worker::Error) -> Answer {
    log::fault("hand-over to the Keeper", &fault.to_string());
    Answer::unavailable("it could not be stored; redeliver it")
}

/// In the place of an event's name and a delivery's id.
const EVENT: &str = "an_event";
const DELIVERY: &str = "a-delivery";

/// Without an object, which would cost more than all that is done with it.
fn now() -> Millis {
    millis(Date::now())
}

/// A number of JavaScript's clock.
#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds of this age")]
fn millis(now: f64) -> Millis {
    Millis(now as i64)
}

/// The headers that matter: `name:value`, a line for each one that is there.
struct HeaderLines<'a>(&'a str);

impl HeaderLines<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.split('\n').find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    fn check(&self, settings: &Settings) -> Result<Headers, Answer> {
        headers::check(settings, |name| self.get(name).map(str::to_owned))
    }

    fn render(&self, answer: &Answer) -> String {
        let delivery = self.get("x-github-delivery").and_then(DeliveryId::parse);
        let (level, line) = log::delivery(self.get("x-github-event"), delivery.as_ref(), answer);
        // Plain structs always serialize.
        let body = serde_json::to_string(answer).unwrap_or_default();
        format!("{} {}\n{body}\n{line}", answer.status, level.as_str())
    }
}
