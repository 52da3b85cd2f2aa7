//! Scenarios: the built Worker on workerd, through wrangler, against the simulated GitHub. Everything between is real:
//! HTTP, signatures, the Durable Object and its alarm, SQLite, Workers KV.
//!
//! One Worker is shared by the scenarios that need no settings of their own; each scenario has its own repository, so
//! that they run side by side. `cargo test --test scenarios NAME` runs those whose name contains NAME.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a scenario fails by panicking")]

mod chaos;
mod delivery;
mod load;
mod panics;
mod payloads;
mod policies;
mod policy_files;
mod refusals;
mod reruns;
mod restarts;
mod settings;
mod stage;
mod statuses;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use stage::Stage;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait far more than they compute.
    arguments.test_threads = arguments.test_threads.or(Some(32));
    let stage = Stage::new();
    let trials: Vec<Trial> = [
        reruns::trials(&stage),
        refusals::trials(&stage),
        restarts::trials(&stage),
        panics::trials(&stage),
        chaos::trials(&stage),
        load::trials(&stage),
        policies::trials(&stage),
        policy_files::trials(&stage),
        settings::trials(&stage),
        statuses::trials(&stage),
        payloads::trials(&stage),
    ]
    .into_iter()
    .flatten()
    .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    stage.close();
    conclusion.exit_code()
}
