//! `npm run bench`: the built Worker and its peers, side by side on bare workerd, in one run.
//!
//! | file | what is there |
//! |---|---|
//! | `main.rs` | the command line, the rounds |
//! | `cases.rs` | what is measured |
//! | `requests.rs` | requests as GitHub sends them |
//! | `load.rs` | the connections that send them |
//! | `decisions.rs` | what a decision costs |
//! | `evidence.rs` | an ordinary one that goes by evidence |
//! | `worst.rs` | one at its worst |
//! | `pages.rs` | the pages and the API of a repository with many runs behind it |
//! | `subject.rs` | a Worker on workerd, its CPU time and memory |
//! | `bundles.rs` | Rerunner's bundle by wrangler, the peers' by esbuild |
//! | `figures.rs` | medians and ranges |
//! | `report.rs` | the result, as JSON and as tables |
//!
//! workerd has one core for itself and the load has another. Subjects take turns, a tenth of a second each, until each has had
//! its time, so that whatever else the machine does meets all of them; a ratio is of one round. Progress goes to stderr, the
//! tables of docs/performance.md to stdout, and every figure into a JSON file.

mod bundles;
mod cases;
mod decisions;
mod evidence;
mod figures;
mod load;
mod pages;
mod report;
mod requests;
mod subject;
mod worst;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use cases::{CASES, Case};
use load::Burst;
use report::{CaseResult, Report, StartUp, Turn};
use requests::Template;
use subject::{Place, Running, Subject};

/// Where a page has the tables.
const START: &str = "<!-- tables -->";
const END: &str = "<!-- end of tables -->";

/// How long a subject is measured before the next one is.
const SLICE: Duration = Duration::from_millis(100);

/// Benchmarks the Worker against others on workerd.
#[derive(Debug, Parser)]
#[command(name = "npm run bench --")]
struct Arguments {
    /// How many rounds there are; each has a new process for each Worker.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long each Worker is measured in a round, in slices of a tenth of a second.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Only cases whose name contains this; `start-up`, `decision-with-evidence`, `worst-decision` and `pages` are cases, too.
    #[arg(long, value_name = "NAME", default_value = "")]
    case: String,
    /// How many connections there are, each with one request at a time.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// How many runs the repository has whose pages are measured.
    #[arg(long, default_value_t = 50_000)]
    runs: u64,
    /// The core that workerd runs on; the load takes the next.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Another bundle to measure, such as another commit's, made by `wrangler deploy --dry-run --outdir FOLDER`.
    #[arg(long, value_name = "NAME=FOLDER")]
    also: Vec<String>,
    /// Only these Workers, by name; all of them if not given.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Where the result is written.
    #[arg(long, value_name = "FILE", default_value = "target/bench/result.json")]
    json: PathBuf,
    /// Also put the tables into this page, between the lines `<!-- tables -->` and `<!-- end of tables -->`.
    #[arg(long, value_name = "FILE")]
    update: Option<PathBuf>,
    /// Measure nothing: show this result's tables again.
    #[arg(long, value_name = "FILE")]
    show: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let tables = run(&arguments).await.map(|report| report.tables());
    let shown = tables.and_then(|tables| {
        print!("{tables}");
        arguments.update.as_deref().map_or(Ok(()), |page| update(page, &tables))
    });
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn update(page: &Path, tables: &str) -> io::Result<()> {
    let text = std::fs::read_to_string(page)?;
    let parts = text.split_once(START).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| io::Error::other("the page has no place for tables"))?;
    std::fs::write(page, format!("{before}{START}\n\n{tables}\n{END}{after}"))
}

async fn run(arguments: &Arguments) -> io::Result<Report> {
    if let Some(file) = &arguments.show {
        return serde_json::from_str(&std::fs::read_to_string(file)?).map_err(io::Error::other);
    }
    let (place, mut subjects) = bundles::prepare(arguments.core, &arguments.also).await?;
    subjects.retain(|subject| arguments.only.is_empty() || arguments.only.contains(&subject.name));
    keep_to_core(arguments.core + 1).await?;
    let examples = bundles::examples(&place.root)?;
    let mut report = Report::new(&place, arguments.rounds, arguments.seconds, arguments.connections)?;
    for case in CASES.iter().filter(|case| case.name.contains(&arguments.case)) {
        report.cases.push(measure(case, &Template::new(case, &examples), &subjects, &place, arguments).await?);
    }
    if "start-up".contains(&arguments.case)
        && let [first, ..] = &CASES
    {
        report.start_up =
            start_up(first, &Template::new(first, &examples), &subjects, &place, arguments.rounds).await?;
    }
    let [case, ..] = &CASES;
    let ours: Vec<Subject> = subjects.iter().filter(|subject| !bundles::is_peer(subject)).cloned().collect();
    let first = (case, &Template::new(case, &examples));
    let which = (arguments.rounds.min(3), &*arguments.case);
    if evidence::is_case(&arguments.case) {
        report.decisions.extend(evidence::measure(first, &ours, &place, which).await?);
    }
    if worst::is_case(&arguments.case) {
        report.decisions.extend(worst::measure(first, &ours, &place, which).await?);
    }
    if pages::is_case(&arguments.case) {
        report.pages = pages::measure(first, &ours, &place, arguments).await?;
    }
    let json = place.root.join(&arguments.json);
    std::fs::write(&json, serde_json::to_string_pretty(&report)?)?;
    eprintln!("written to {}", json.display());
    Ok(report)
}

/// A round is a process for each subject, warmed up for half as long as it is measured: what memory and compiled code happen
/// to look like in one process makes a tenth more or less of its speed, and is not to be taken for the Worker's. Subjects
/// are measured in turns of a slice each, so that what else the machine does meets all of them alike.
async fn measure(
    case: &Case,
    template: &Template,
    subjects: &[Subject],
    place: &Place,
    arguments: &Arguments,
) -> io::Result<CaseResult> {
    eprintln!("{}: {}", case.name, case.what);
    let time = Duration::from_secs_f64(arguments.seconds);
    let number = Cell::new(0);
    let mut result = CaseResult::new(case, subjects);
    for round in 0..arguments.rounds {
        let mut turns = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let status = if subject.floor { 200 } else { case.status };
            let (worker, _) = Running::start(subject, case.keeper, place, template, status).await?;
            load::burst(worker.port, template, status, arguments.connections, time / 2, &number).await?;
            turns.push((worker, status, Burst::default(), 0));
        }
        while turns.iter().any(|(_, _, measured, _)| measured.seconds < arguments.seconds) {
            for (worker, status, measured, cpu) in &mut turns {
                let before = worker.cpu()?;
                measured.add(load::burst(worker.port, template, *status, arguments.connections, SLICE, &number).await?);
                *cpu += worker.cpu()? - before;
            }
        }
        for ((worker, _, measured, cpu), result) in turns.into_iter().zip(&mut result.subjects) {
            result.turns.push(Turn::new(measured, cpu, worker.peak_memory()?));
            worker.stop().await?;
        }
        eprintln!("  round {} of {}: {}", round + 1, arguments.rounds, result.last_round());
    }
    Ok(result)
}

/// From the start of the process to its first answer, of a webhook that is ignored.
async fn start_up(
    case: &Case,
    template: &Template,
    subjects: &[Subject],
    place: &Place,
    rounds: usize,
) -> io::Result<Vec<StartUp>> {
    eprintln!("start-up: from the start of workerd to the first answer");
    let mut result: Vec<StartUp> = subjects.iter().map(StartUp::new).collect();
    for round in 0..rounds * 2 {
        for (subject, result) in subjects.iter().zip(&mut result) {
            let status = if subject.floor { 200 } else { case.status };
            let (worker, took) = Running::start(subject, case.keeper, place, template, status).await?;
            result.milliseconds.push(took.as_secs_f64() * 1_000.0);
            result.cpu_milliseconds.push(worker.cpu()? as f64 / 1e6);
            worker.stop().await?;
        }
        if round % 2 == 1 {
            eprintln!("  round {} of {rounds}", round / 2 + 1);
        }
    }
    Ok(result)
}

/// The load keeps off workerd's core.
async fn keep_to_core(core: usize) -> io::Result<()> {
    let this = std::process::id().to_string();
    let arguments = ["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &this];
    let output = tokio::process::Command::new("taskset").args(arguments).output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("two cores are needed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
