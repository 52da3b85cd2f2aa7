//! What an ordinary decision costs that goes by evidence: one failed job, and a policy that asks for its annotations, its log and
//! its cause; and beside it a decision that asks for nothing.
//!
//! Runs of one repository fail one after the other. The first ones warm up; the rest are measured from the webhook, which is sent
//! by hand, so that no other is counted.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use simulator::{EventKind, EventKinds, Job, Outcome, RunAction, Workflow};

use crate::cases::Case;
use crate::decisions::{Decision, Scene};
use crate::requests::Template;
use crate::subject::{Place, Subject};

pub const NAME: &str = "decision-with-evidence";

const WARM_UP: usize = 10;
const MEASURED: usize = 10;
/// Of a log, without the time that stands before each line.
const LOG_BYTES: usize = 100_000;

/// What is decided by.
struct Policy {
    name: &'static str,
    file: &'static str,
    /// What GitHub is asked for, which is seen to.
    reads_logs: bool,
}

const POLICIES: [Policy; 2] = [
    Policy { name: "no policy: the run and its jobs", file: "", reads_logs: false },
    // The first two hold for none of these runs, so that all is looked for.
    Policy {
        name: "annotation, log and cause, a log of 100 kB",
        file: "rules:\n\
               - { name: full disk, if: { annotation: No space left on device }, then: rerun }\n\
               - { name: slow database, if: { log: '(?i)timed out waiting for (the )?database' }, then: rerun }\n\
               - { name: infrastructure, if: { cause: infrastructure }, then: rerun }\n",
        reads_logs: true,
    },
];

fn is_meant(policy: &Policy, which: &str) -> bool {
    NAME.contains(which) || policy.name.contains(which)
}

pub fn is_case(which: &str) -> bool {
    POLICIES.iter().any(|policy| is_meant(policy, which))
}

/// Each policy with each of Rerunner's bundles, in turns.
pub async fn measure(
    first: (&Case, &Template),
    subjects: &[Subject],
    place: &Place,
    (rounds, which): (usize, &str),
) -> io::Result<Vec<Decision>> {
    let mut decisions = Vec::new();
    for policy in POLICIES.iter().filter(|policy| is_meant(policy, which)) {
        eprintln!("{NAME}: {}", policy.name);
        let mut of_policy: Vec<_> =
            subjects.iter().map(|subject| Decision::new(NAME, policy.name, subject, vec![], vec![])).collect();
        for _ in 0..rounds {
            for (subject, decision) in subjects.iter().zip(&mut of_policy) {
                let scene = Scene::set(first, subject, place, EventKinds::only(EventKind::WorkflowRun)).await?;
                let (cpu, wall) = decide(&scene, policy).await?;
                scene.end().await?;
                decision.cpu_milliseconds.push(cpu);
                decision.milliseconds.push(wall);
            }
        }
        for Decision { subject, cpu_milliseconds, .. } in &of_policy {
            eprintln!("  {subject}: {cpu_milliseconds:.1?} ms of CPU");
        }
        decisions.append(&mut of_policy);
    }
    Ok(decisions)
}

/// The CPU time of a decision, and how long after its webhook the run is re-run, in milliseconds: the mean of some.
async fn decide(scene: &Scene, policy: &Policy) -> io::Result<(f64, f64)> {
    let Scene { repository, .. } = scene;
    if !policy.file.is_empty() {
        repository.file(".github/rerunner.yml", policy.file).await;
    }
    let (mut cpu, mut wall) = (Duration::ZERO, Duration::ZERO);
    for number in 0..WARM_UP + MEASURED {
        repository.hook(|hook| hook.url = None).await;
        let failure = Outcome::failure_with("Run tests", 1, &log(number));
        let run = repository.run(Workflow::new("ci").job(Job::new("test").ends_first(1, failure))).await;
        run.ends(1).await;
        let url = Some(scene.url());
        repository.hook(|hook| hook.url = url).await;
        let before = scene.cpu()?;
        let answer = repository.webhook("workflow_run", run.payload(RunAction::Completed)).await;
        repository.hook(|hook| hook.url = None).await;
        let (spent, took) = scene.until_rerun(&run, before).await?;
        let reads_logs = scene.github.log_reads().len() > number;
        if answer.status != 202 || run.reruns().len() != 1 || reads_logs != policy.reads_logs {
            let calls = scene.github.calls().len();
            let what = format!("{}: {}, {} re-runs, {calls} calls", policy.name, answer.body, run.reruns().len());
            return Err(io::Error::other(what));
        }
        if number >= WARM_UP {
            cpu += spent;
            wall += took;
        }
    }
    let mean = |sum: Duration| sum.as_secs_f64() * 1_000.0 / MEASURED as f64;
    Ok((mean(cpu), mean(wall)))
}

/// As a job of a JavaScript project writes it whose tests lose their connection in the end. No two are the same.
fn log(seed: usize) -> String {
    let mut text = String::with_capacity(LOG_BYTES + 2_000);
    for number in 0.. {
        let _ = match number % 10 {
            0 => writeln!(text, "##[group]Run npm test -- --shard={number}/{seed}"),
            1..4 => writeln!(
                text,
                "  npm http fetch GET 200 https://npm.example/package-{number} {}ms (cache miss)",
                100 + number % 89
            ),
            4 => writeln!(
                text,
                "warning: src/component-{number}.ts: `value` is assigned and never used (no-unused-vars)"
            ),
            5..9 => writeln!(
                text,
                "    ✓ component {number} renders what it is given, for the {seed}th time ({} ms)",
                number % 97
            ),
            _ => writeln!(text, "##[endgroup]"),
        };
        if text.len() > LOG_BYTES {
            break;
        }
    }
    text.push_str(
        "  1 failing\n\n  1) uploads a report:\n     FetchError: request to https://api.example/reports failed, reason: \
         read ECONNRESET\n      at ClientRequest.<anonymous> (node_modules/node-fetch/lib/index.js:1505:11)\n      at \
         TLSSocket.socketErrorListener (node:_http_client:500:9)\nnpm error Lifecycle script `test` failed with error:\n\
         npm error code 1\n",
    );
    text
}
