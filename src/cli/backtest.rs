use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::input::Export;
use super::replay::{Decided, Replayed, replay};
use super::{Failure, Format, Report, input};

/// Replays runs that are over: what a policy would have re-run
///
/// Takes what GitHub's API lists: several answers in one file, as `gh api --paginate` prints them, are fine, and so are
/// jobs among the runs. GitHub lists a run with its newest attempt; the earlier ones are taken to have failed. Logs and
/// annotations are not in these lists: conditions on them match nothing. Exit code 0: it was replayed. 2: the input could
/// not be used.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Runs: gh api --paginate 'repos/OWNER/REPO/actions/runs?per_page=100'; - for standard input
    #[arg(required = true)]
    runs: Vec<String>,
    /// The policy file; without it, the default rule holds
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Their jobs: gh api --paginate 'repos/OWNER/REPO/actions/runs/ID/jobs?filter=all', one or more files
    #[arg(long, value_name = "FILE", num_args = 1..)]
    jobs: Vec<String>,
    /// Show each attempt, too
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    pub format: Format,
}

/// One line of the table.
#[derive(Debug, Default, Serialize)]
struct Line {
    /// Attempts that failed and that the policy decides on.
    failed: u64,
    rerun: u64,
    later_passed: u64,
    later_failed: u64,
    /// Nobody re-ran it, so that there is no telling.
    not_known: u64,
    left: u64,
    runner_minutes: u64,
    #[serde(skip)]
    seconds: u64,
}

pub fn backtest(arguments: &Arguments) -> Result<Report, Failure> {
    let rules = input::rules()?;
    let policy = input::valid_policy(arguments.policy.as_deref(), &rules)?;
    let mut export = Export::default();
    for file in arguments.runs.iter().chain(&arguments.jobs) {
        export.add(file)?;
    }
    if export.runs.is_empty() {
        return Err(Failure("there is no workflow run in what was given".to_owned()));
    }
    let replayed = replay(&export, &policy, &rules);
    let mut lines = BTreeMap::<&str, Line>::new();
    let mut total = Line::default();
    for one in &replayed {
        lines.entry(&one.workflow).or_default().add(&one.decided);
        total.add(&one.decided);
    }
    let mut text = table(&lines, &total);
    if arguments.verbose {
        for Replayed { run_id, run_attempt, workflow, decided, reason } in &replayed {
            let what = if let Decided::Rerun { .. } = decided { "re-run" } else { "leave " };
            let _ = writeln!(text, "{what}  {run_id} attempt {run_attempt}  {workflow}: {reason}");
        }
    }
    let json = json!({ "workflows": lines, "total": total, "attempts": replayed });
    Ok(Report { text, json, good: true })
}

impl Line {
    fn add(&mut self, decided: &Decided) {
        self.failed += 1;
        match decided {
            Decided::Rerun { later_passed, runner_seconds } => {
                self.rerun += 1;
                self.seconds += runner_seconds;
                self.runner_minutes = self.seconds.div_ceil(60);
                match later_passed {
                    Some(true) => self.later_passed += 1,
                    Some(false) => self.later_failed += 1,
                    None => self.not_known += 1,
                }
            }
            Decided::End { .. } => self.left += 1,
        }
    }

    fn cells(&self) -> [String; 7] {
        [self.failed, self.rerun, self.later_passed, self.later_failed, self.not_known, self.left, self.runner_minutes]
            .map(|n| n.to_string())
    }
}

const HEAD: [&str; 7] = ["failed", "re-run", "then passed", "then failed", "not known", "left", "minutes"];

fn table(lines: &BTreeMap<&str, Line>, total: &Line) -> String {
    let all = lines.iter().map(|(workflow, line)| (*workflow, line.cells())).chain([("all", total.cells())]);
    let width = lines.keys().map(|workflow| workflow.chars().count()).max().unwrap_or_default().clamp(8, 40);
    let row = |name: &str, cells: [String; 7]| {
        let cells = HEAD.iter().zip(cells).map(|(head, cell)| format!("  {cell:>0$}", head.len()));
        let name: String = name.chars().take(width).collect();
        format!("{name:width$}{}\n", cells.collect::<String>())
    };
    let head = row("workflow", HEAD.map(str::to_owned));
    let rows: String = all.map(|(name, cells)| row(name, cells)).collect();
    let known = total.later_passed + total.later_failed;
    let passed = (total.later_passed * 100).checked_div(known);
    let share = passed.map_or_else(
        || {
            "None of the attempts that would have been re-run was re-run, so what it would have changed is unknown."
                .to_owned()
        },
        |percent| format!("Of the {known} whose next attempts are known, {percent} % passed later."),
    );
    format!("{head}{rows}\n{share}\n")
}
