//! Scenarios: the built Worker on workerd, through wrangler, against the simulated GitHub. Everything between is real:
//! HTTP, signatures, the Durable Object and its alarm, SQLite, Workers KV.
//!
//! One Worker is shared by the scenarios that need no settings of their own; each scenario has its own repository, so
//! that they run side by side. `cargo test --test scenarios NAME` runs those whose name contains NAME.
//!
//! A test that cannot fail is worse than none: a scenario says with which breaks of the code it was seen to fail, one at a
//! time, and how. To see it again: `npm run setup:tests` once, make the break in `src/`, `npm run build`, run the scenario,
//! and undo the break. What waits for something that then never happens fails when [`stage::PATIENCE`] ends.
//!
//! How often GitHub was *asked* is counted beside the re-runs that came of it: GitHub refuses the second call for one
//! attempt, so that a Worker that asks twice would otherwise look right.
//!
//! What goes over the wire in a scenario, the Worker's calls as well as the simulated GitHub's answers and webhooks, is held
//! against GitHub's own descriptions (`crates/simulator/src/description`). What is not as described fails the scenario of
//! that repository, and names operation, place and fault:
//!
//! ```text
//! GET /repos/{owner}/{repo}/pulls/{pull_number} 200: the answer's body at /head/repo: "id" is a required property
//! (by the description of api.github.com; in octo/widgets)
//! ```
//!
//! An answer that is broken on purpose says so in `Misbehaviour::is_described`. An endpoint that the simulated GitHub
//! learns gets its rows in `crates/simulator/tests/conformance`: each status, and each webhook.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a scenario fails by panicking")]

mod access;
mod api;
mod app;
mod bodies;
mod browser;
mod causes;
mod chaos;
mod command_answers;
mod commands;
mod comments;
mod commit_status;
mod conditions;
mod costs;
mod delivery;
mod doctor;
mod enterprise;
mod evidence;
mod flaky_issues;
mod http;
mod identity;
mod load;
mod notices;
mod organizations;
mod outages;
mod overview;
mod panics;
mod payloads;
mod policies;
mod policy_files;
mod pulls;
mod refusals;
mod reruns;
mod restarts;
mod rotation;
mod settings;
mod setup;
mod size;
mod stage;
mod statuses;
mod steps;
mod storage;
mod strangers;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use stage::Stage;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let stage = Stage::new();
    let side_by_side = [
        // The longest first, so that none is waited for at the end.
        rotation::trials(&stage),
        panics::trials(&stage),
        chaos::trials(&stage),
        identity::trials(&stage),
        costs::trials(&stage),
        reruns::trials(&stage),
        refusals::trials(&stage),
        restarts::trials(&stage),
        storage::trials(&stage),
        conditions::trials(&stage),
        policies::trials(&stage),
        evidence::trials(&stage),
        causes::trials(&stage),
        outages::trials(&stage),
        policy_files::trials(&stage),
        organizations::trials(&stage),
        pulls::trials(&stage),
        overview::trials(&stage),
        api::trials(&stage),
        notices::trials(&stage),
        comments::trials(&stage),
        commit_status::trials(&stage),
        flaky_issues::trials(&stage),
        commands::trials(&stage),
        command_answers::trials(&stage),
        settings::trials(&stage),
        access::trials(&stage),
        app::trials(&stage),
        setup::trials(&stage),
        doctor::trials(&stage),
        enterprise::trials(&stage),
        statuses::trials(&stage),
        strangers::trials(&stage),
        payloads::trials(&stage),
    ];
    // These keep the machine busy by themselves: beside others, webhooks would run into GitHub's ten seconds.
    let one_by_one = [
        bodies::trials(&stage),
        panics::timed_trials(&stage),
        command_answers::flood_trials(&stage),
        load::trials(&stage),
        size::trials(&stage),
        browser::trials(&stage),
    ];
    // The first wait far more than they compute.
    let failed = [run(&arguments, 16, side_by_side), run(&arguments, 1, one_by_one)].contains(&true);
    stage.close();
    // Each scenario has looked at its own repositories; these are all.
    let violations = simulator::violations();
    for violation in &violations {
        eprintln!("not as GitHub describes it: {violation}");
    }
    if failed || !violations.is_empty() { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

/// Whether one of them failed.
fn run<const N: usize>(arguments: &Arguments, at_once: usize, trials: [Vec<Trial>; N]) -> bool {
    let mut arguments = arguments.clone();
    arguments.test_threads = arguments.test_threads.or(Some(at_once));
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).has_failed()
}
