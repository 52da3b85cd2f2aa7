//! Rerunner: a Cloudflare Worker that has GitHub re-run the failed jobs of a workflow run.
//!
//! # The way of a delivery
//!
//! `worker.mjs` → [`intake`] → [`webhook`] (head, signature, payload, filter) → [`handler`] (a candidate, handed over) →
//! [`keeper`] (stored; due; read; decided) → [`github`] (read the run, re-run its failed jobs) → [`kv`] (the count, published).
//!
//! # The map
//!
//! | module | what it is | names Workers |
//! |---|---|---|
//! | [`names`], [`time`] | ids, names and times that are valid by construction | no |
//! | [`escape`] | text from outside, made harmless for each place that it goes to | no |
//! | [`settings`] | the Worker's settings, from a look-up function | no |
//! | [`routes`] | which request goes where | no |
//! | [`webhook`] | what arrives: head, signature, payload, filter → answer or hint | no |
//! | [`hint`] | what a webhook tells the Keeper | no |
//! | [`policy`] | what should happen to a failed run | no |
//! | [`keeper`] | one repository's actor: state machine, gate, store | only [`keeper::object`] |
//! | [`github`] | what we call: requests, answers classified, the client | only [`github::client`], [`github::office`] and `github::signing` |
//! | [`attempts`] | attempt counts as they are published | no |
//! | [`doctor`] | is all set up as it should be; failed deliveries sent again | no |
//! | [`setup`] | the page that makes a GitHub App | no |
//! | [`bugs`] | deliberate ones, for the simulation; none in the Worker | no |
//! | [`report`] | what people and programs see: pages, API, metrics, badge | no |
//! | [`access`] | who may see it | no |
//! | [`admin`] | the routes for those who may | yes |
//! | [`intake`], [`handler`], [`body`], [`env`], [`kv`], [`log`], [`notify`], [`wait`] | webhooks, other requests, and what they need of the platform | yes |
//!
//! `main.rs` and `cli/` are the command for people, which runs [`policy`] on the host.
//!
//! The entry that wrangler is given is `worker.mjs`, which reads webhooks and puts a guard around the Durable Object.
//!
//! # Panics
//!
//! Nothing here should panic, and the lints deny what does. If something does all the same, the WebAssembly instance
//! ends (`panic = "abort"`), and every promise that it was to settle stays open. worker-build's shim makes a new
//! instance for the next call; `worker.mjs` gives up what the old one was doing within a second, and the alarm that
//! every piece of work sets *before* it begins goes off [`keeper::machine::LEASE`] later. Measured on workerd with the
//! feature `fault-route` (`cargo test --test scenarios panics`), where one repository's alarm panics each time and
//! requests panic too: other repositories' runs are re-run within the minute; without the guard, an alarm that was at
//! work during the panic stays stuck, as the runtime waits 15 minutes for it.
//!
//! The alternative, `worker-build --panic-unwind`, needs a nightly toolchain with the standard library's source, which
//! would be one more thing to install and to pin, and adds to the bundle; the guard is 40 lines and adds 1 kB.
//!
//! What decides never names the `worker` crate, and is tested on the host; what touches Workers decides nothing.

pub mod access;
pub mod admin;
pub mod attempts;
pub mod body;
pub mod bugs;
pub mod doctor;
pub mod env;
pub mod escape;
#[cfg(feature = "fault-route")]
mod faults;
pub mod github;
pub mod handler;
pub mod hint;
pub mod intake;
pub mod keeper;
pub mod kv;
pub mod log;
pub mod names;
pub mod notify;
pub mod policy;
pub mod report;
pub mod routes;
pub mod settings;
pub mod setup;
pub mod time;
pub mod wait;
pub mod webhook;

// The unit tests share a file with the simulation, which is outside of the crate.
#[cfg(test)]
extern crate self as rerunner;

use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

/// A panic says where it happened, in the log.
#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> worker::Result<Response> {
    handler::handle(request, &env).await
}

/// By the hour, as wrangler.toml has it.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    handler::redeliver(&env).await;
}
