//! The pages, and the API's answers of the same, of a repository with many runs behind it.
//!
//! Some runs of each outcome are played through with a simulated GitHub; then `filled.mjs` copies what the Keeper has of them,
//! spread over 30 days. Each page is asked for over and over, as webhooks are in the other cases; how many rows it took, its
//! answer tells.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use simulator::{EventKind, EventKinds, Job, Options, Outcome, SimulatedGitHub, Workflow};

use crate::Arguments;
use crate::cases::{Case, Keeper};
use crate::figures::Figures;
use crate::load::{self, Connection};
use crate::report::Turn;
use crate::requests::{SECRET, Template};
use crate::subject::{Place, Running, Subject};

pub const NAME: &str = "pages";

const REPOSITORY: &str = "octo/filled";
const PASSWORD: &str = "the-password-of-the-pages";
/// Of these are all the others copies. What is left has the policy to thank for it.
const RESCUED: usize = 6;
const EXHAUSTED: usize = 3;
const LEFT: usize = 3;
const POLICY: &str = "rules:\n  - { name: humans, if: { job: 'for people *' }, then: leave }\n";
const PLAYED_WITHIN: Duration = Duration::from_secs(60);

/// Where it is, below the repository's; `RUN` is a run's id.
struct Page {
    name: &'static str,
    path: &'static str,
}

const PAGES: [Page; 12] = [
    Page { name: "overview of 100 repositories", path: "/overview" },
    Page { name: "a repository's page", path: "/overview/REPOSITORY" },
    Page { name: "the same, its rescued runs", path: "/overview/REPOSITORY?outcome=rescued" },
    Page { name: "a run's page", path: "/overview/REPOSITORY/runs/RUN" },
    Page { name: "API: repositories", path: "/api/v1/repositories" },
    Page { name: "API: runs", path: "/api/v1/repositories/REPOSITORY/runs" },
    Page { name: "API: 100 runs", path: "/api/v1/repositories/REPOSITORY/runs?limit=100" },
    Page { name: "API: rescued runs", path: "/api/v1/repositories/REPOSITORY/runs?outcome=rescued" },
    Page { name: "API: a run", path: "/api/v1/repositories/REPOSITORY/runs/RUN" },
    Page { name: "API: flaky jobs", path: "/api/v1/repositories/REPOSITORY/flaky-jobs" },
    Page { name: "API: precision", path: "/api/v1/repositories/REPOSITORY/precision" },
    Page { name: "metrics", path: "/metrics" },
];

#[derive(Debug, Serialize, Deserialize)]
pub struct PageResult {
    pub page: String,
    pub subject: String,
    /// Behind the repository.
    pub runs: u64,
    /// `None`: no Keeper was asked.
    pub rows_read: Option<u64>,
    pub bytes: usize,
    pub turns: Vec<Turn>,
}

pub fn is_case(which: &str) -> bool {
    NAME.contains(which)
}

pub async fn measure(
    (case, first): (&Case, &Template),
    subjects: &[Subject],
    place: &Place,
    arguments: &Arguments,
) -> io::Result<Vec<PageResult>> {
    let (runs, rounds) = (arguments.runs, arguments.rounds.min(3));
    eprintln!("{NAME}: with {runs} runs behind the repository");
    let mut results: Vec<PageResult> = Vec::new();
    for round in 0..rounds {
        for subject in subjects {
            let (worker, run) = filled((case, first), subject, place, runs).await?;
            for page in &PAGES {
                let path = page.path.replace("REPOSITORY", REPOSITORY).replace("RUN", &run.to_string());
                let (rows_read, bytes, turn) = turn(&worker, &path, arguments).await?;
                let (name, subject) = (page.name, &subject.name);
                let known = results.iter().position(|result| result.page == name && result.subject == *subject);
                if let Some(result) = known.and_then(|at| results.get_mut(at)) {
                    result.turns.push(turn);
                } else {
                    let (page, subject) = (name.to_owned(), subject.clone());
                    results.push(PageResult { page, subject, runs, rows_read, bytes, turns: vec![turn] });
                }
            }
            worker.stop().await?;
        }
        eprintln!("  round {} of {rounds}", round + 1);
    }
    results.sort_by_key(|result| PAGES.iter().position(|page| page.name == result.page));
    Ok(results)
}

/// Rows read, the bytes of the answer's body, and how fast it comes.
async fn turn(worker: &Running, path: &str, arguments: &Arguments) -> io::Result<(Option<u64>, usize, Turn)> {
    let request = Template::get(path, PASSWORD);
    let (rows_read, body) = answer(worker.port, &request).await?;
    let (time, number) = (Duration::from_secs_f64(arguments.seconds), Cell::new(0));
    let burst = |time| load::burst(worker.port, &request, 200, arguments.connections, time, &number);
    burst(time / 2).await?;
    let before = worker.cpu()?;
    let measured = burst(time).await?;
    Ok((rows_read, body.len(), Turn::new(measured, worker.cpu()? - before, worker.peak_memory()?)))
}

/// How many rows were read for it, and its body.
async fn answer(port: u16, request: &Template) -> io::Result<(Option<u64>, Vec<u8>)> {
    let mut connection = Connection::open(port).await?;
    connection.ask(request, 200).await?;
    let answer = connection.answer();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_default();
    let (head, body) = answer.split_at((end + 4).min(answer.len()));
    let head = String::from_utf8_lossy(head).to_lowercase();
    let rows = head.lines().find_map(|line| line.strip_prefix("x-rows-read:")?.trim().parse().ok());
    Ok((rows, body.to_vec()))
}

async fn json(port: u16, path: &str) -> io::Result<Value> {
    let (_, body) = answer(port, &Template::get(path, PASSWORD)).await?;
    serde_json::from_slice(&body).map_err(io::Error::other)
}

/// With so many runs behind the repository; the id of the newest.
async fn filled(
    (case, first): (&Case, &Template),
    subject: &Subject,
    place: &Place,
    runs: u64,
) -> io::Result<(Running, u64)> {
    let around: PathBuf = place.root.join("tests/bench/filled.mjs");
    let modules = [vec![around], subject.modules.clone()].concat();
    let subject = Subject { modules, ..subject.clone() };
    let (secret, token) = (SECRET.to_owned(), "a-token".to_owned());
    let github = SimulatedGitHub::start(Options { secret, token, ..Options::default() }).await;
    let vars = [
        ("GITHUB_API_URL", &*github.url()),
        ("RERUN_DELAY", "0s"),
        ("SWEEP_INTERVAL", "0s"),
        ("MAX_RERUNS", "1"),
        ("ADMIN_TOKEN", PASSWORD),
    ];
    let (worker, _) = Running::start(&subject, Keeper::Own, &place.with_vars(&vars), first, case.status).await?;
    let repository = github.repository(REPOSITORY).await;
    let (url, events) = (format!("http://127.0.0.1:{}/", worker.port), EventKinds::only(EventKind::WorkflowRun));
    repository.hook(|hook| (hook.url, hook.events) = (Some(url), events)).await;
    repository.file(".github/rerunner.yml", POLICY).await;
    let mut played = Vec::new();
    for number in 0..RESCUED + EXHAUSTED + LEFT {
        let kind = if number < RESCUED + EXHAUSTED { "job" } else { "for people" };
        let failures = if number < RESCUED { 1 } else { 2 };
        let job = Job::new(&format!("{kind} {number}")).ends_first(failures, Outcome::failure("Run tests"));
        played.push(repository.run(Workflow::new(&format!("ci {}", number % 4)).job(job)).await);
    }
    settled(worker.port).await?;
    let fill = format!("/fill?repository={REPOSITORY}&runs={runs}");
    let there = json(worker.port, &fill).await?;
    let (there, bytes) = (there["runs"].as_u64(), there["bytes"].as_u64().unwrap_or_default());
    eprintln!("  {:.1} kB are stored of each run", bytes as f64 / 1e3 / runs as f64);
    let newest = json(worker.port, &format!("/api/v1/repositories/{REPOSITORY}/runs?limit=1")).await?;
    let newest = newest["runs"][0]["run_id"].as_u64();
    match newest {
        Some(newest) if there == Some(runs) => Ok((worker, newest)),
        _ => Err(io::Error::other(format!("{there:?} runs, the newest is {newest:?}"))),
    }
}

/// Waits until all that was played is decided on, and the repository is in the overview.
async fn settled(port: u16) -> io::Result<()> {
    let began = Instant::now();
    loop {
        // Before the first webhook, nothing is known of it.
        let runs = json(port, &format!("/api/v1/repositories/{REPOSITORY}/runs")).await.unwrap_or_default();
        let with = |outcome| {
            let runs = runs["runs"].as_array().into_iter().flatten();
            runs.filter(|run| run["outcome"] == outcome && run["due"].is_null()).count()
        };
        let overview = json(port, "/api/v1/repositories").await?;
        let outcomes = [with("rescued"), with("exhausted"), with("left")];
        let is_listed = overview["repositories"].as_array().is_some_and(|repositories| !repositories.is_empty());
        if outcomes == [RESCUED, EXHAUSTED, LEFT] && is_listed {
            return Ok(());
        }
        if began.elapsed() > PLAYED_WITHIN {
            return Err(io::Error::other(format!("rescued, exhausted, left: {outcomes:?}; {overview}")));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// As docs/performance.md has it.
pub fn write(pages: &[PageResult], text: &mut String) -> fmt::Result {
    let Some(first) = pages.first() else { return Ok(()) };
    writeln!(text, "\n**Pages and the API, with {} runs behind the repository** (`{NAME}`)\n", first.runs)?;
    writeln!(
        text,
        "| | | requests/s | p50 | p99 | CPU a request | rows read | bytes |\n|---|---|---|---|---|---|---|---|"
    )?;
    for PageResult { page, subject, rows_read, bytes, turns, .. } in pages {
        let of = |figure: fn(&Turn) -> f64| {
            let of = Figures::of(turns.iter().map(figure));
            of.map_or(String::new(), |of| format!("{:.0} ({:.0}–{:.0})", of.median, of.least, of.most))
        };
        let rows = rows_read.map(|rows| rows.to_string()).unwrap_or_default();
        let (speed, cpu) = (of(|turn| turn.requests_a_second), of(|turn| turn.cpu));
        let (p50, p99) = (of(|turn| turn.p50.into()), of(|turn| turn.p99.into()));
        writeln!(text, "| {page} | {subject} | {speed} | {p50} | {p99} | {cpu} | {rows} | {bytes} |")?;
    }
    Ok(())
}
