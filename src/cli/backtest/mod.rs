//! What a policy would have done about runs that are over.
//!
//! | file | what it is |
//! |---|---|
//! | `mod.rs` | what is asked for, and reading it of GitHub |
//! | `replay` | a policy and the past → what would have been done about each attempt that failed |
//! | `figures` | that, counted |
//! | `unfamiliar` | what nobody knew, and what never passed |
//! | `text` | all of it for people |
//! | `exported` | the same in short, for runs in files |

mod exported;
mod figures;
mod replay;
mod text;
mod unfamiliar;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use rerunner::names::{Conclusion, RepoName, RunAttempt, RunId};
use rerunner::policy::Policy;
use rerunner::policy::evidence::Fetched;
use rerunner::settings::Settings;
use serde_json::{Value, json};

use crate::cli::host;
use crate::cli::input;
use crate::cli::past::{
    Cache, Counts, Known, Outline, PastRun, Progress, Reader, Requests, Window, default_folder, outlines,
};
use crate::cli::report::{Failure, Format, Report};

use figures::Tables;
use replay::{Decided, Next, Replay, Then, causes};
use unfamiliar::{Hopeless, List, Unfamiliar, hopeless};

const DAYS: u32 = 30;
/// As many as GitHub takes of one user in an hour.
const MOST_REQUESTS: u64 = 5_000;

/// Replays past runs: what a policy would have re-run, and how often that helped
///
/// With --repo it reads runs, jobs, annotations and logs from GitHub itself, with GITHUB_TOKEN (it needs to read Actions,
/// Checks and Metadata), and keeps them in a cache: nothing is read twice, so you can stop it at any time and continue
/// later. Without --repo it takes files with what GitHub's API lists. A file may have several answers, as `gh api --paginate`
/// prints them, and jobs among the runs. Then a run's earlier attempts are assumed to have failed, and conditions on logs and
/// annotations match nothing. Exit code 0: the runs were replayed. 2: they could not be.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Runs: gh api --paginate 'repos/OWNER/REPO/actions/runs?per_page=100'; - for standard input
    #[arg(required_unless_present = "repo", conflicts_with = "repo")]
    runs: Vec<String>,
    /// Read the runs of this repository from GitHub
    #[arg(long, value_name = "OWNER/REPO", conflicts_with = "jobs")]
    repo: Option<String>,
    /// How many days back, up to 90; 30 if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: Option<u32>,
    /// The policy file, or the name of a preset: everything, infrastructure, careful; without it, DEFAULT_POLICY applies
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    #[command(flatten)]
    organization: input::OrganizationFile,
    /// Another policy file or preset to compare it with
    #[arg(long, value_name = "FILE")]
    compare: Option<String>,
    /// Where to keep what was read, logs included; by default the user's cache folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Stop reading after this many requests to GitHub, and use what has been read; 5,000 if not given
    #[arg(long, value_name = "N")]
    max_requests: Option<u64>,
    /// Their jobs: gh api --paginate 'repos/OWNER/REPO/actions/runs/ID/jobs?filter=all', one or more files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    jobs: Vec<String>,
    /// Show each attempt, too; with --compare, those on which the policies differ
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    pub format: Format,
}

/// What was read.
struct Past {
    reader: Reader,
    window: Window,
    counts: Counts,
    outlines: Vec<Outline>,
    runs: Vec<PastRun>,
    default_branch: Fetched<String>,
    /// Runs that failed, and could not be read.
    not_read: u64,
}

/// What one policy would have done.
struct Side {
    name: String,
    /// Of the policy, what a replay cannot tell.
    not_replayed: Vec<&'static str>,
    decided: Vec<Decided>,
    tables: Tables,
    unfamiliar: Unfamiliar,
    hopeless: List<Hopeless>,
}

const EXAMPLES: &str = "\
Examples:
  rerunner backtest --repo octo/widgets --days 30 --policy careful
  rerunner backtest --repo octo/widgets --policy .github/rerunner.yml --compare everything";

pub fn backtest(arguments: &Arguments) -> Result<Report, Failure> {
    let Some(repository) = &arguments.repo else { return of_files(arguments) };
    let repository = RepoName::parse(repository).map_err(|error| Failure(format!("{repository}: {error}")))?;
    let rerun_settings = input::rerun_settings()?;
    let policy = |name: Option<&str>| {
        input::valid_policy(name, &arguments.organization, &rerun_settings).map(|policy| (label(name), policy))
    };
    let mut policies = vec![policy(arguments.policy.as_deref())?];
    if let Some(other) = &arguments.compare {
        policies.push(policy(Some(other))?);
    }
    let past = read(arguments, repository, &policies)?;
    let known = Known::new(&past.reader, &past.outlines, &past.runs, past.default_branch.clone());
    let causes = causes(&known, &past.runs);
    let side = |(name, policy): &(String, Policy)| {
        let decided =
            Replay { rerun_settings: &rerun_settings, policy, known: &known, causes: &causes }.run(&past.runs);
        Side::new(name.clone(), policy, decided)
    };
    let sides: Vec<Side> = policies.iter().map(side).collect();
    Ok(Report { text: text::all(&past, &sides, arguments.verbose), json: as_json(&past, &sides), good: true })
}

fn of_files(arguments: &Arguments) -> Result<Report, Failure> {
    for (given, option) in [
        (arguments.compare.is_some(), "--compare"),
        (arguments.days.is_some(), "--days"),
        (arguments.cache.is_some(), "--cache"),
        (arguments.max_requests.is_some(), "--max-requests"),
    ] {
        if given {
            return Err(Failure(format!("{option} applies to runs that are read from GitHub: give --repo OWNER/REPO")));
        }
    }
    exported::backtest(arguments)
}

fn label(policy: Option<&str>) -> String {
    policy.map_or_else(|| "DEFAULT_POLICY".to_owned(), str::to_owned)
}

fn read(arguments: &Arguments, repository: RepoName, policies: &[(String, Policy)]) -> Result<Past, Failure> {
    let settings = Settings::read(host::environment);
    let progress = Progress::new(arguments.format.json);
    let requests = Requests::new(&settings, arguments.max_requests.unwrap_or(MOST_REQUESTS), progress)?;
    let folder = arguments.cache.clone().map_or_else(default_folder, Ok)?;
    let cache = Cache::open(&folder, requests.api(), &repository)?;
    let mut reader = Reader::new(repository, cache, requests);
    let window = Window::of(&reader, arguments.days.unwrap_or(DAYS), host::now())?;
    let outlines = outlines(&mut reader, window)?;
    let default_branch = reader.default_branch()?;
    let conclusions = conclusions(policies);
    let matter: Vec<&Outline> = outlines.iter().filter(|outline| outline.matters(&conclusions)).collect();
    let (mut runs, mut not_read) = (Vec::new(), 0);
    for (outline, done) in matter.iter().zip(1..) {
        let before = reader.not_had;
        let run = PastRun::read(&mut reader, outline, &conclusions)?;
        // Half of a run's evidence would be another run.
        if reader.not_had == before {
            runs.push(run)
        } else {
            not_read += 1
        }
        let made = reader.requests.made;
        reader.requests.progress.at("failed or re-run runs read", done, matter.len(), made);
    }
    Ok(Past { counts: Counts::of(&outlines), reader, window, outlines, runs, default_branch, not_read })
}

/// What may have to be re-run.
fn conclusions(policies: &[(String, Policy)]) -> Vec<Conclusion> {
    let mut all = vec![Conclusion::Failure, Conclusion::TimedOut];
    if policies.iter().any(|(_, policy)| policy.conclusions.contains(&Conclusion::Cancelled)) {
        all.push(Conclusion::Cancelled);
    }
    all
}

impl Side {
    fn new(name: String, policy: &Policy, decided: Vec<Decided>) -> Self {
        let (tables, unfamiliar, hopeless) = (Tables::of(&decided), Unfamiliar::of(&decided), hopeless(&decided));
        // When a held run would have been let go, and what its re-run would have come to then, nobody knows.
        let not_replayed = if policy.outage.is_some() { vec!["outage"] } else { Vec::new() };
        Self { name, not_replayed, decided, tables, unfamiliar, hopeless }
    }
}

/// An attempt that one policy re-runs and the other does not.
struct Difference<'a> {
    first: &'a Decided,
    second: &'a Decided,
}

fn differences<'a>(sides: &'a [Side]) -> Vec<Difference<'a>> {
    let [first, second] = sides else { return Vec::new() };
    let key = |one: &Decided| (one.run_id, one.run_attempt);
    let others: BTreeMap<(RunId, RunAttempt), &Decided> = second.decided.iter().map(|one| (key(one), one)).collect();
    let pair = |first: &'a Decided| Some(Difference { first, second: others.get(&key(first))? });
    first.decided.iter().filter_map(pair).filter(Difference::matters).collect()
}

impl Difference<'_> {
    fn matters(&self) -> bool {
        self.first.is_rerun() != self.second.is_rerun()
    }
}

impl Decided {
    fn is_rerun(&self) -> bool {
        matches!(self.then, Then::Rerun { .. })
    }

    fn then_in_words(&self) -> &'static str {
        if self.is_rerun() { "re-run" } else { "leave" }
    }

    fn next_in_words(&self) -> &'static str {
        match self.next {
            Next::Passed => "then passed",
            Next::Failed => "then failed",
            Next::Unknown => "then unknown",
        }
    }

    fn as_json(&self) -> Value {
        let (rules, outcome) = match &self.then {
            Then::Rerun { rules, .. } => (Some(rules), None),
            Then::End(outcome) => (None, Some(outcome)),
        };
        json!({
            "run_id": self.run_id,
            "run_attempt": self.run_attempt,
            "workflow": self.workflow,
            "decision": if self.is_rerun() { "rerun" } else { "end" },
            "rules": rules,
            "outcome": outcome,
            "reason": self.reason,
            "next_passed": match self.next { Next::Passed => Some(true), Next::Failed => Some(false), Next::Unknown => None },
        })
    }
}

fn as_json(past: &Past, sides: &[Side]) -> Value {
    let policies = sides.iter().map(|side| {
        json!({
            "policy": side.name,
            "not_replayed": side.not_replayed,
            "total": side.tables.total,
            "by_workflow": side.tables.by_workflow,
            "by_rule": side.tables.by_rule,
            "by_rerun": side.tables.by_rerun,
            "unknown": side.unfamiliar,
            "never_passed": side.hopeless,
            "attempts": side.decided.iter().map(Decided::as_json).collect::<Vec<_>>(),
        })
    });
    let policies: Vec<Value> = policies.collect();
    let differences = differences(sides);
    let ids: BTreeSet<RunId> = differences.iter().map(|difference| difference.first.run_id).collect();
    json!({
        "repository": past.reader.repository,
        "from": past.window.from.to_rfc3339(),
        "to": past.window.to.to_rfc3339(),
        "runs": past.counts,
        "runs_not_read": past.not_read,
        "stopped": past.reader.stopped,
        "requests": past.reader.requests.made,
        "policies": policies,
        "runs_that_differ": ids,
    })
}
