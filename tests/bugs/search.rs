//! The simulation finds every deliberate bug: with it, some schedule must end with a violation, and without it the same
//! schedule with none. `npm run simulate -- --bugs` says which; `-- --bug NAME --trace` shows one.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a simulation fails by panicking")]

extern crate with_bugs as rerunner;

#[expect(dead_code, reason = "build.rs reads the rest")]
mod list;
#[expect(dead_code, reason = "the simulation itself reads the rest")]
#[path = "../simulation/schedule/mod.rs"]
mod schedule;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use list::{BUGS, Bug, Shows};
use rerunner::switch;
use schedule::{Emphasis, Kind, Report};

/// A bug is to be found within so many schedules.
const MOST: u64 = 1_000;

struct Found {
    seed: u64,
    violation: String,
    /// Seeds that have a violation without the bug too, and prove nothing.
    fail_anyway: Vec<u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let traced = arguments.iter().any(|argument| argument == "--trace");
    let only = arguments.iter().skip_while(|argument| *argument != "--bug").nth(1);
    let wanted: Vec<usize> =
        (0..BUGS.len()).filter(|number| only.is_none_or(|only| BUGS[*number].name == only)).collect();
    if wanted.is_empty() {
        let names: Vec<&str> = BUGS.iter().map(|bug| bug.name).collect();
        eprintln!("usage: bugs [--bug NAME [--trace]], where NAME is one of {}", names.join(", "));
        return ExitCode::from(2);
    }
    let mut missed = 0;
    for (number, found) in wanted.iter().zip(search(&wanted)) {
        let Bug { name, what, shows, .. } = &BUGS[*number];
        let Some(Found { seed, violation, fail_anyway }) = found else {
            println!("did not find {name} ({what}) in {MOST} schedules");
            missed += 1;
            continue;
        };
        println!("found {name} ({what}) with {}, seed {seed}: {violation}", shows.kind);
        if seed != shows.seed {
            println!("  and not with seed {}, which tests/bugs/list.rs has for it", shows.seed);
        }
        if !fail_anyway.is_empty() {
            println!("  seeds {fail_anyway:?} fail without it too");
        }
        if traced {
            println!("{}", play(Some(*number), shows, seed, true).trace.join("\n"));
        }
    }
    if missed > 0 {
        return ExitCode::FAILURE;
    }
    println!("test result: ok. {} deliberate bugs found", wanted.len());
    ExitCode::SUCCESS
}

/// On every core, each bug by itself.
fn search(bugs: &[usize]) -> Vec<Option<Found>> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = look_for(*bug);
                    all.lock().expect("no panic").insert(*bug, found);
                }
            });
        }
    });
    all.into_inner().expect("no panic").into_values().collect()
}

/// With the seed that is listed, and else with the first that finds it.
fn look_for(bug: usize) -> Option<Found> {
    let shows = &BUGS[bug].shows;
    let violation = |bug, seed| play(bug, shows, seed, false).violations.into_iter().next();
    let mut fail_anyway = Vec::new();
    for seed in [shows.seed].into_iter().chain((1..=MOST).filter(|seed| *seed != shows.seed)) {
        let Some(found) = violation(Some(bug), seed) else { continue };
        if violation(None, seed).is_some() {
            fail_anyway.push(seed);
            continue;
        }
        let violation =
            found.lines().next().and_then(|line| line.split("; kept").next()).unwrap_or_default().to_owned();
        return Some(Found { seed, violation, fail_anyway });
    }
    None
}

fn play(bug: Option<usize>, shows: &Shows, seed: u64, traced: bool) -> Report {
    let kind = Kind::parse(shows.kind).expect("a kind");
    let emphasis = shows.emphasis.map(|name| Emphasis::parse(name).expect("an emphasis"));
    switch::turn_on(bug);
    catch_unwind(|| schedule::play(seed, kind, emphasis, traced))
        .unwrap_or_else(|_| Report { violations: vec![format!("a panic with seed {seed}")], ..Report::default() })
}
