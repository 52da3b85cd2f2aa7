//! Rerunner: a Cloudflare Worker that has GitHub re-run the failed jobs of a workflow run.
//!
//! # The way of a delivery
//!
//! `worker/entry.mjs` → `worker` (bytes in) → [`webhook`] (head, signature, payload, filter → a `RunEvent`) → `worker` (hands
//! it to its repository's Keeper) → [`keeper`] (stored; due; read; decided) → [`github`] (read the run, re-run its failed
//! jobs) → `worker` (the count, published in Workers KV).
//!
//! # The map
//!
//! Each module uses those below it, and none above. `tests/architecture.rs` reads this table and holds the code to it.
//!
//! | module | what it is |
//! |---|---|
//! | `worker` | all that names the `worker` crate, and nothing that decides: entry, Durable Object, KV, log, GitHub over fetch |
//! | `cli` | the command for people, a program of its own (`main.rs`) |
//! | [`web`] | what people and programs see: routes, access, pages, API, metrics, badge, health, the set-up page |
//! | [`doctor`] | is all set up as it should be; failed deliveries sent again |
//! | [`keeper`] | one repository's actor: state machine, tasks, circuit breaker, store |
//! | [`github`] | what we ask of GitHub: requests, answers classified, credentials |
//! | [`policy`] | what should happen to a failed run, by the rules that its owners wrote |
//! | [`webhook`] | what arrives: bytes in, a `RunEvent` or an answer out |
//! | [`settings`] | the Worker's settings, from a look-up function |
//! | [`escape`] | text from outside, made harmless for each place that it goes to |
//! | [`names`] | ids, names and GitHub's words, valid by construction |
//! | [`time`] | times and durations |
//!
//! # Panics
//!
//! Nothing here should panic, and the lints deny what does. If something does all the same, the WebAssembly instance
//! ends (`panic = "abort"`), and every promise that it was to settle stays open. `entry.mjs` makes a new
//! instance for the next call, and gives up what the old one was doing within a second, and the alarm that
//! every piece of work sets *before* it begins goes off [`keeper::step::LEASE`] later. Measured on workerd with the
//! feature `fault-route` (`cargo test --test scenarios panics`), where one repository's alarm panics each time and
//! requests panic too: other repositories' runs are re-run within the minute; without the guard, an alarm that was at
//! work during the panic stays stuck, as the runtime waits 15 minutes for it.
//!
//! The alternative, unwinding (`panic = "unwind"`), needs a nightly toolchain with the standard library's source, which
//! would be one more thing to install and to pin, and adds to the bundle; the guard is 40 lines and adds 1 kB.
//!
//! What decides never names the `worker` crate, and is tested on the host; what touches Workers decides nothing.

pub mod doctor;
pub mod escape;
pub mod github;
pub mod keeper;
pub mod names;
pub mod policy;
pub mod settings;
pub mod time;
pub mod web;
pub mod webhook;
#[cfg(feature = "platform")]
mod worker;

// The unit tests share a file with the simulation, which is outside of the crate.
#[cfg(test)]
extern crate self as rerunner;
