//! The result: JSON for later, tables for people.

use std::fmt::Write;
use std::io;

use serde::{Deserialize, Serialize};

use crate::bundles::RERUNNER;
use crate::cases::Case;
use crate::figures::{Figures, percentile};
use crate::load::Burst;
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
    pub fn new(
        place: &Place,
        subjects: &[Subject],
        rounds: usize,
        seconds: f64,
        connections: usize,
    ) -> io::Result<Self> {
        let _ = subjects;
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
        })
    }

    pub fn text(&self) -> String {
        self.markdown()
    }

    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{} · {} · {:?}", self.date, self.machine, self.versions);
        for case in &self.cases {
            let _ = writeln!(text, "\n{}", case.what);
            for subject in &case.subjects {
                let rate = Figures::of(subject.turns.iter().map(|turn| turn.requests_a_second));
                let cpu = Figures::of(subject.turns.iter().map(|turn| turn.cpu));
                let of = |figure: fn(&Turn) -> f64| Figures::of(subject.turns.iter().map(figure)).map_or(0.0, |f| f.median);
                let ratio = |figure: fn(&Turn) -> f64| {
                    let first = case.subjects.iter().find(|other| other.name == RERUNNER);
                    let pairs = first.into_iter().flat_map(|first| first.turns.iter().zip(&subject.turns));
                    Figures::of(pairs.map(|(one, other)| figure(one) / figure(other))).map(|f| f.to_string()).unwrap_or_default()
                };
                let _ = writeln!(
                    text,
                    "  {:<12} {:>7.0}/s  p50 {:>5.0} p99 {:>5.0}  cpu {:>6.1} us least {:>6.1}  {:>4} MB   rerunner: {} x, cpu {}",
                    subject.name,
                    rate.map_or(0.0, |f| f.median),
                    of(|t| t.p50.into()),
                    of(|t| t.p99.into()),
                    cpu.map_or(0.0, |f| f.median),
                    cpu.map_or(0.0, |f| f.least),
                    subject.turns.iter().map(|turn| turn.peak_memory).max().unwrap_or_default() / 1_000_000,
                    ratio(|t| t.requests_a_second),
                    ratio(|t| t.cpu),
                );
            }
        }
        for start in &self.start_up {
            let wall = Figures::of(start.milliseconds.iter().copied()).map(|f| f.to_string()).unwrap_or_default();
            let cpu = Figures::of(start.cpu_milliseconds.iter().copied()).map(|f| f.to_string()).unwrap_or_default();
            let _ = writeln!(text, "  start {:<12} {wall} ms, cpu {cpu} ms, {} bytes", start.name, start.bundle);
        }
        text
    }
}

impl CaseResult {
    pub fn new(case: &Case, subjects: &[Subject]) -> Self {
        let subjects =
            subjects.iter().map(|subject| SubjectResult { name: subject.name.clone(), turns: vec![] });
        Self { name: case.name.to_owned(), what: case.what.to_owned(), subjects: subjects.collect() }
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
