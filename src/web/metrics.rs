//! `/metrics`, in Prometheus' text format. Labels are repositories and outcomes: as many as there are, and no run, job
//! or branch. Counters come from totals that only grow.

use std::fmt::Write;

use crate::escape::label;
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
    let mut text = String::new();
    let each = |text: &mut String, name: &str, kind: &str, help: &str, of: &dyn Fn(&RepositoryEntry) -> u64| {
        head(text, name, kind, help);
        for entry in entries {
            let _ = writeln!(text, "{name}{{repository=\"{}\"}} {}", label(entry.repository.as_str()), of(entry));
        }
    };
    head(
        &mut text,
        "rerunner_reruns_total",
        "counter",
        "Re-runs that GitHub accepted and that have ended, by the attempt's result.",
    );
    for entry in entries {
        let totals = entry.totals;
        let outcomes =
            [("passed", totals.reruns_passed), ("failed", totals.reruns_failed), ("unknown", totals.reruns_unknown)];
        for (outcome, reruns) in outcomes {
            sample(&mut text, "rerunner_reruns_total", entry, outcome, reruns);
        }
    }
    head(
        &mut text,
        "rerunner_runs_total",
        "counter",
        "Failed runs by outcome; one that goes on after that and ends again counts again.",
    );
    for entry in entries {
        let totals = entry.totals;
        for (outcome, runs) in [
            (RunOutcome::Rescued, totals.rescued),
            (RunOutcome::Exhausted, totals.exhausted),
            (RunOutcome::Left, totals.left),
            (RunOutcome::Failed, totals.failed),
            (RunOutcome::Superseded, totals.superseded),
        ] {
            sample(&mut text, "rerunner_runs_total", entry, outcome.as_str(), runs);
        }
    }
    let runner_time = "Estimated runner time of re-runs.";
    each(&mut text, "rerunner_runner_seconds_total", "counter", runner_time, &|entry| entry.totals.runner_seconds);
    let saved = "Time from the first failure to the success of rescued runs.";
    each(&mut text, "rerunner_saved_seconds_total", "counter", saved, &|entry| entry.totals.saved_seconds);
    each(&mut text, "rerunner_runs_waiting", "gauge", "Runs that wait for something.", &|entry| entry.waiting);
    each(&mut text, "rerunner_runs_rerunning", "gauge", "Runs whose re-run is in progress.", &|entry| entry.rerunning);
    each(&mut text, "rerunner_paused", "gauge", "Whether the repository is paused.", &|entry| entry.paused.into());
    each(&mut text, "rerunner_credentials_refused", "gauge", "Whether GitHub refuses the credentials.", &|entry| {
        entry.credentials_refused.is_some().into()
    });
    let no_access = "Whether GitHub denies access to the repository.";
    each(&mut text, "rerunner_repository_unavailable", "gauge", no_access, &|entry| {
        entry.repository_problem.is_some().into()
    });
    each(&mut text, "rerunner_policy_invalid", "gauge", "Whether the policy file is not valid.", &|entry| {
        entry.policy_problem.is_some().into()
    });
    let updated = "When the repository's figures were written.";
    each(&mut text, "rerunner_updated_timestamp_seconds", "gauge", updated, &|entry| {
        u64::try_from(entry.updated.0 / 1_000).unwrap_or_default()
    });
    head(&mut text, "rerunner_settings_problems", "gauge", "Settings that are missing or wrong.");
    let _ = writeln!(text, "rerunner_settings_problems {settings_problems}");
    text
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, entry: &RepositoryEntry, outcome: &str, value: u64) {
    let repository = label(entry.repository.as_str());
    let _ = writeln!(text, "{name}{{repository=\"{repository}\",outcome=\"{outcome}\"}} {value}");
}
