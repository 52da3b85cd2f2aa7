//! The result: JSON for later, tables for people.

use std::fmt::{self, Write};
use std::io;

use serde::{Deserialize, Serialize};

use crate::bundles::RERUNNER;
use crate::cases::Case;
use crate::decisions::{self, Decision};
use crate::figures::{Figures, percentile};
use crate::load::Burst;
use crate::pages::{self, PageResult};
use crate::subject::{Place, Subject};

#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub date: String,
    pub machine: String,
    pub versions: Vec<(String, String)>,
    pub rounds: usize,
    pub seconds: f64,
    pub connections: usize,
    pub cases: Vec<CaseResult>,
    pub start_up: Vec<StartUp>,
    #[serde(default)]
    pub decisions: Vec<Decision>,
    #[serde(default)]
    pub pages: Vec<PageResult>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct CaseResult {
    pub name: String,
    pub what: String,
    pub subjects: Vec<SubjectResult>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SubjectResult {
    pub name: String,
    pub turns: Vec<Turn>,
}

/// One subject's part of a round. Times are in microseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Turn {
    pub requests: usize,
    pub requests_a_second: f64,
    pub p50: u32,
    pub p99: u32,
    /// CPU time of the whole process for each request.
    pub cpu: f64,
    /// The most memory that the process had, in bytes.
    pub peak_memory: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct StartUp {
    pub name: String,
    pub bundle: u64,
    pub milliseconds: Vec<f64>,
    pub cpu_milliseconds: Vec<f64>,
}

impl Report {
    pub fn new(place: &Place, rounds: usize, seconds: f64, connections: usize) -> io::Result<Self> {
        let information = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = information.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        Ok(Self {
            date: chrono::Local::now().format("%Y-%m-%d").to_string(),
            machine: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            versions: versions(place)?,
            rounds,
            seconds,
            connections,
            cases: vec![],
            start_up: vec![],
            decisions: vec![],
            pages: vec![],
        })
    }

    /// The tables as docs/performance.md has them; they are as well read on a terminal.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let versions: Vec<String> = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        writeln!(text, "{}, on {} ({}).", self.date, self.machine, versions.join(", "))?;
        let (rounds, seconds, connections) = (self.rounds, self.seconds, self.connections);
        writeln!(text, "{rounds} rounds, {seconds} s a turn, {connections} connections. Times are in µs.")?;
        for case in &self.cases {
            case.write(text)?;
        }
        decisions::write(&self.decisions, text)?;
        pages::write(&self.pages, text)?;
        if self.start_up.is_empty() {
            return Ok(());
        }
        writeln!(text, "\n**From the start of workerd to the first answer** (`start-up`)\n")?;
        writeln!(text, "| | ms | CPU, ms | bundle, bytes | ms of Rerunner / ms of this |\n|---|---|---|---|---|")?;
        let rerunner = self.start_up.iter().find(|start| start.name == RERUNNER);
        for start in &self.start_up {
            let figures = |values: &[f64]| Figures::of(values.iter().copied()).map_or(String::new(), whole);
            let ratio = rerunner.filter(|rerunner| rerunner.name != start.name).and_then(|rerunner| {
                Figures::of(rerunner.milliseconds.iter().zip(&start.milliseconds).map(|(one, other)| one / other))
            });
            let ratio = ratio.map(|ratio| ratio.to_string()).unwrap_or_default();
            let (wall, cpu) = (figures(&start.milliseconds), figures(&start.cpu_milliseconds));
            writeln!(text, "| {} | {wall} | {cpu} | {} | {ratio} |", start.name, start.bundle)?;
        }
        Ok(())
    }
}

fn whole(figures: Figures) -> String {
    format!("{:.0} ({:.0}–{:.0})", figures.median, figures.least, figures.most)
}

impl CaseResult {
    pub fn new(case: &Case, subjects: &[Subject]) -> Self {
        let subjects = subjects.iter().map(|subject| SubjectResult { name: subject.name.clone(), turns: vec![] });
        Self { name: case.name.to_owned(), what: case.what.to_owned(), subjects: subjects.collect() }
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "\n**{}** (`{}`)\n", capital(&self.what), self.name)?;
        writeln!(
            text,
            "| | requests/s | p50 | p99 | CPU a request | peak, MB | Rerunner is so many times as fast | of its CPU |"
        )?;
        writeln!(text, "|---|---|---|---|---|---|---|---|")?;
        let rerunner = self.subjects.iter().find(|subject| subject.name == RERUNNER);
        for subject in &self.subjects {
            let of =
                |figure: fn(&Turn) -> f64| Figures::of(subject.turns.iter().map(figure)).map_or(String::new(), whole);
            // Of two turns of one round, and of no other.
            let ratio = |figure: fn(&Turn) -> f64| {
                let pairs = rerunner.filter(|rerunner| rerunner.name != subject.name).map(|rerunner| {
                    rerunner.turns.iter().zip(&subject.turns).map(move |(one, other)| figure(one) / figure(other))
                });
                pairs.and_then(Figures::of).map(|ratio| ratio.to_string()).unwrap_or_default()
            };
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                subject.name,
                of(|turn| turn.requests_a_second),
                of(|turn| turn.p50.into()),
                of(|turn| turn.p99.into()),
                of(|turn| turn.cpu),
                subject.turns.iter().map(|turn| turn.peak_memory).max().unwrap_or_default() / 1_000_000,
                ratio(|turn| turn.requests_a_second),
                ratio(|turn| turn.cpu),
            )?;
        }
        Ok(())
    }

    /// Requests a second of each subject's last turn, to show that it goes on.
    pub fn last_round(&self) -> String {
        let last = self.subjects.iter().filter_map(|subject| {
            subject.turns.last().map(|turn| format!("{} {:.0}/s", subject.name, turn.requests_a_second))
        });
        last.collect::<Vec<_>>().join(", ")
    }
}

impl Turn {
    pub fn new(burst: Burst, cpu_nanoseconds: u64, peak_memory: u64) -> Self {
        let Burst { seconds, mut latencies } = burst;
        latencies.sort_unstable();
        let requests = latencies.len();
        Self {
            requests,
            requests_a_second: requests as f64 / seconds,
            p50: percentile(&latencies, 50),
            p99: percentile(&latencies, 99),
            cpu: cpu_nanoseconds as f64 / 1_000.0 / requests.max(1) as f64,
            peak_memory,
        }
    }
}

impl StartUp {
    pub fn new(subject: &Subject) -> Self {
        Self { name: subject.name.clone(), bundle: subject.bytes(), milliseconds: vec![], cpu_milliseconds: vec![] }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Of what the figures depend on.
fn versions(place: &Place) -> io::Result<Vec<(String, String)>> {
    let package = |name: &str| -> io::Result<(String, String)> {
        let text = std::fs::read_to_string(place.root.join("node_modules").join(name).join("package.json"))?;
        let package: serde_json::Value = serde_json::from_str(&text).map_err(io::Error::other)?;
        Ok((name.to_owned(), package["version"].as_str().unwrap_or_default().to_owned()))
    };
    let mut versions = vec![package("workerd")?, package("@octokit/webhooks")?, package("binaryen")?];
    let rustc = std::process::Command::new("rustc").arg("--version").output()?;
    let rustc = String::from_utf8_lossy(&rustc.stdout).split(' ').nth(1).unwrap_or_default().to_owned();
    versions.push(("rustc".to_owned(), rustc));
    Ok(versions)
}
