//! `/metrics`, in Prometheus' text format. Labels are repositories and outcomes: as many as there are, and no run, job
//! or branch. Counters come from totals that only grow.

use std::fmt::Write;

use crate::escape::label;
use crate::keeper::store::statistics::Totals;
use crate::policy::RunOutcome;
use crate::settings::Settings;

use super::api::{Repositories, RepositoryEntry, repositories};
use super::{Backend, Rejection, Response};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Lists of 1,000 repositories that are shown.
const LISTS: usize = 10;

pub async fn answer(settings: &Settings, backend: &impl Backend) -> Result<Response, Rejection> {
    let (mut all, mut cursor) = (Vec::new(), None);
    for _ in 0..LISTS {
        let Repositories { repositories, next_cursor } = repositories(backend, cursor.as_deref()).await?;
        all.extend(repositories);
        cursor = next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(Response::private(CONTENT_TYPE, metrics(&all, settings.problems.len())))
}

fn metrics(entries: &[RepositoryEntry], settings_problems: usize) -> String {
    let mut all = Exposition { text: String::new(), entries };
    let reruns = "Re-runs that GitHub accepted and that have ended, by the attempt's result.";
    all.outcomes("rerunner_reruns_total", reruns, |totals| {
        vec![("passed", totals.reruns_passed), ("failed", totals.reruns_failed), ("unknown", totals.reruns_unknown)]
    });
    let runs = "Failed runs by outcome; one that goes on after that and ends again counts again.";
    all.outcomes("rerunner_runs_total", runs, |totals| {
        vec![
            (RunOutcome::Rescued.as_str(), totals.rescued),
            (RunOutcome::Exhausted.as_str(), totals.exhausted),
            (RunOutcome::Left.as_str(), totals.left),
            (RunOutcome::Failed.as_str(), totals.failed),
            (RunOutcome::Superseded.as_str(), totals.superseded),
        ]
    });
    let runner_time = "Estimated runner time of re-runs.";
    all.counter("rerunner_runner_seconds_total", runner_time, |entry| entry.totals.runner_seconds);
    let saved = "Time from the first failure to the success of rescued runs.";
    all.counter("rerunner_saved_seconds_total", saved, |entry| entry.totals.saved_seconds);
    all.gauge("rerunner_runs_waiting", "Runs that wait for something.", |entry| entry.waiting);
    all.gauge("rerunner_runs_rerunning", "Runs whose re-run is in progress.", |entry| entry.rerunning);
    all.gauge("rerunner_paused", "Whether the repository is paused.", |entry| entry.paused.into());
    let refused = "Whether GitHub refuses the credentials.";
    all.gauge("rerunner_credentials_refused", refused, |entry| entry.credentials_refused.is_some().into());
    let no_access = "Whether GitHub denies access to the repository.";
    all.gauge("rerunner_repository_unavailable", no_access, |entry| entry.repository_problem.is_some().into());
    let invalid = "Whether the policy file is not valid.";
    all.gauge("rerunner_policy_invalid", invalid, |entry| entry.policy_problem.is_some().into());
    let updated = "When the repository's figures were written.";
    all.gauge("rerunner_updated_timestamp_seconds", updated, |entry| entry.updated.0.max(0).unsigned_abs() / 1_000);
    all.head("rerunner_settings_problems", "gauge", "Settings that are missing or wrong.");
    all.text + &format!("rerunner_settings_problems {settings_problems}\n")
}

struct Exposition<'a> {
    text: String,
    entries: &'a [RepositoryEntry],
}

impl Exposition<'_> {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn counter(&mut self, name: &str, help: &str, of: fn(&RepositoryEntry) -> u64) {
        self.each(name, "counter", help, of);
    }

    fn gauge(&mut self, name: &str, help: &str, of: fn(&RepositoryEntry) -> u64) {
        self.each(name, "gauge", help, of);
    }

    fn each(&mut self, name: &str, kind: &str, help: &str, of: fn(&RepositoryEntry) -> u64) {
        self.head(name, kind, help);
        for entry in self.entries {
            let repository = label(entry.repository.as_str());
            let _ = writeln!(self.text, "{name}{{repository=\"{repository}\"}} {}", of(entry));
        }
    }

    fn outcomes(&mut self, name: &str, help: &str, of: fn(&Totals) -> Vec<(&'static str, u64)>) {
        self.head(name, "counter", help);
        for entry in self.entries {
            let repository = label(entry.repository.as_str());
            for (outcome, n) in of(&entry.totals) {
                let _ = writeln!(self.text, "{name}{{repository=\"{repository}\",outcome=\"{outcome}\"}} {n}");
            }
        }
    }
}
