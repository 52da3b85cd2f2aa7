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
use crate::keeper::cancelled::UNWANTED;
use crate::keeper::message::{Message, Reply};
use crate::names::json::from_text;
use crate::names::{DeliveryId, RepoName, RunAttempt};
use crate::settings::Settings;
use crate::time::Millis;
use crate::webhook::allowance::{self, Allowance, BodyId, Room};
use crate::webhook::event::{RunEvent, RunEventKind};
use crate::webhook::headers::Content;
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

    /// What becomes of a delivery of JSON: as of [`Intake::receive`], but for what is answered again and again, the number of
    /// a common answer, or the body of one that is ignored, in characters that the log takes as they are.
    pub fn judge(&self, event: &str, delivery: &str, signature: &str, macs: &[u8], body: &Uint8Array) -> JsValue {
        let lines = || format!("x-github-event:{event}\nx-github-delivery:{delivery}");
        let Some(signature) = Signature::parse(signature) else {
            return HeaderLines(&lines()).render(&headers::malformed()).into();
        };
        let headers = Headers { content: Content::Json, signature, event: Some(event.to_owned()), length: None };
        match webhook::read(&self.settings, &headers, macs, || body.to_vec()) {
            Ok(event) => self.candidate(lines(), event),
            Err(answer) => {
                if let Some(number) = self.common.iter().position(|common| *common == answer) {
                    return (number as u32).into();
                }
                if let Some(repository) = self.sign_of_life(&answer) {
                    return self.hear(lines(), repository, answer);
                }
                let text = serde_json::to_string(&answer).unwrap_or_default();
                let is_simple = answer.status == 200 && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                if is_simple { text } else { HeaderLines(&lines()).render(&answer) }.into()
            }
        }
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

    /// The answer to a webhook; for a candidate, what is to be told to which Keeper, in lines: `tell`, the Keeper's name, the
    /// message, and what [`Intake::told`] wants to know. Or a promise of either. `macs` are the HMACs of the body, one after the
    /// other, 32 bytes each. The body stays where it is until one of them is found right.
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

    /// The answer for a candidate, of what its Keeper has replied.
    pub fn told(&self, headers: &str, about: &str, reply: &str) -> String {
        match from_text(reply) {
            Ok(Reply::Receipt(receipt)) => {
                let answer = match subject(about) {
                    Some(subject) => receipt.answer(subject),
                    None => receipt.about_no_run(),
                };
                HeaderLines(headers).render(&answer)
            }
            Ok(_) => self.not_stored(headers, about, "the Keeper's reply is of another kind"),
            Err(error) => self.not_stored(headers, about, &error.to_string()),
        }
    }

    /// The Keeper cannot be reached, or has not stored it.
    pub fn not_stored(&self, headers: &str, about: &str, fault: &str) -> String {
        log::fault("hand-over to the Keeper", fault);
        let answer = Answer::unavailable("it could not be stored; redeliver it");
        HeaderLines(headers).render(&match subject(about) {
            Some(subject) => answer.about(subject),
            None => answer,
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
            Err(answer) => match self.sign_of_life(&answer) {
                Some(repository) => self.hear(headers.to_owned(), repository, answer),
                None => lines.render(&answer).into(),
            },
            Ok(event) => self.candidate(headers.to_owned(), event),
        }
    }

    /// The repository of an ignored webhook, if its Keeper is to be told today that there was one.
    fn sign_of_life(&self, answer: &Answer) -> Option<RepoName> {
        answer.subject.as_ref()?;
        let now = now();
        let mut heard = self.heard.borrow_mut();
        let repository = heard.news(&self.settings, answer, now)?.clone();
        heard.note(&repository, now);
        Some(repository)
    }

    /// The answer, once the Keeper was told. Whether it has stored that or not, the webhook needs no redelivery.
    fn hear(&self, headers: String, repository: RepoName, answer: Answer) -> JsValue {
        let env = self.env.clone();
        let told = async move {
            if let Err(fault) = keeper_client::hear(&env, repository).await {
                log::fault("first webhook of the day", &fault.to_string());
            }
            Ok(HeaderLines(&headers).render(&answer).into())
        };
        future_to_promise(told).into()
    }

    /// As [`Intake::receive`] has it.
    fn candidate(&self, headers: String, event: Event) -> JsValue {
        let (about, event) = match event {
            Event::Command(event) => return tell(&event.repository.key(), None, &Message::Command(event)).into(),
            Event::Run(event) => (Subject::of(&event), event),
        };
        if event.kind != RunEventKind::RunCancelled {
            self.heard.borrow_mut().note(&event.repository, now());
        }
        let attempt = attempts::worth_a_read(&event, self.settings.max_reruns);
        if event.kind != RunEventKind::RunCancelled && attempt.is_none() {
            return tell(&event.repository.key(), Some(&about), &Message::RunEvent(event)).into();
        }
        let env = self.env.clone();
        let told = async move {
            Ok(match wanted(&env, event, attempt).await {
                Ok(event) => tell(&event.repository.key(), Some(&about), &Message::RunEvent(event)),
                Err(answer) => HeaderLines(&headers).render(&answer.about(about)),
            }
            .into())
        };
        future_to_promise(told).into()
    }
}

/// Spares a Keeper the trouble, by what Workers KV says.
async fn wanted(env: &Env, event: RunEvent, attempt: Option<RunAttempt>) -> Result<RunEvent, Answer> {
    // Most cancelled runs are of repositories whose policy does not re-run them. What Workers KV does not say, the Keeper finds out.
    let are_unwanted =
        event.kind == RunEventKind::RunCancelled && kv::read_cancelled(env, &event.repository).await == Some(false);
    let Some(event) = event.where_cancelled_runs(!are_unwanted) else { return Err(Answer::ignored(UNWANTED)) };
    if let Some(attempt) = attempt {
        let attempts = kv::read_attempts(env, &event.repository, event.run_id).await;
        if attempts.is_some_and(|attempts| attempts.exhausted_at(attempt)) {
            return Err(Answer::ignored("the run was already re-run as often as allowed"));
        }
    }
    Ok(event)
}

/// Nothing in it is more than one line. Plain structs always serialize.
fn tell(keeper: &str, about: Option<&Subject>, message: &Message) -> String {
    let json = |json: serde_json::Result<String>| json.unwrap_or_default();
    format!("tell\n{keeper}\n{}\n{}", json(serde_json::to_string(message)), json(serde_json::to_string(&about)))
}

fn subject(about: &str) -> Option<Subject> {
    from_text(about).ok().flatten()
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
