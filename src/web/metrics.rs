//! `/metrics`, in Prometheus' text format. Labels are repositories, outcomes, which re-run of its run one is, and the few
//! policies that there are: no run, job, branch or rule. Counters come from totals that only grow.

use std::fmt::Write;

use crate::escape::label;
use crate::keeper::judgement::{RerunFigures, RerunsByOrdinal, RerunsByPolicy};
use crate::keeper::store::statistics::{ORDINALS, Totals};
use crate::policy::RunOutcome;
use crate::settings::Settings;

use super::repositories::{PublishedPrecision, Repositories, RepositoryEntry, repositories};
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
    Ok(Response::private(CONTENT_TYPE, metrics(&all, settings)))
}

fn metrics(entries: &[RepositoryEntry], settings: &Settings) -> String {
    let mut all = Exposition { text: String::new(), entries };
    let reruns = "Re-runs that GitHub accepted and that have ended, by the attempt's result.";
    all.outcomes("rerunner_reruns_total", reruns, |totals| {
        vec![("passed", totals.reruns_passed), ("failed", totals.reruns_failed), ("unknown", totals.reruns_unknown)]
    });
    let runs = "Failed runs by outcome. A run that is re-run later and ends again counts again.";
    all.outcomes("rerunner_runs_total", runs, |totals| {
        vec![
            (RunOutcome::Rescued.as_str(), totals.rescued),
            (RunOutcome::Exhausted.as_str(), totals.exhausted),
            (RunOutcome::Left.as_str(), totals.left),
            (RunOutcome::Failed.as_str(), totals.failed),
            (RunOutcome::Superseded.as_str(), totals.superseded),
        ]
    });
    all.recent_reruns();
    let runner_time = "Estimated runner time of re-runs.";
    all.counter("rerunner_runner_seconds_total", runner_time, |entry| entry.totals.runner_seconds);
    let saved = "Time from the first failure to the success of rescued runs.";
    all.counter("rerunner_saved_seconds_total", saved, |entry| entry.totals.saved_seconds);
    all.gauge("rerunner_runs_waiting", "Failed runs waiting for a decision or a re-run.", |entry| entry.waiting);
    all.gauge("rerunner_runs_rerunning", "Runs whose re-run is in progress.", |entry| entry.rerunning);
    all.gauge("rerunner_paused", "Whether the repository is paused.", |entry| entry.paused.into());
    let outages = "Outages: many runs fail with the same cause, and their re-runs are held.";
    all.gauge("rerunner_outages", outages, |entry| entry.outages.len() as u64 + entry.more_outages);
    let held = "Runs whose re-run is held while many fail with the same cause, counted up to 1000.";
    all.gauge("rerunner_held_runs", held, |entry| entry.held_runs);
    let refused = "Whether GitHub refuses the credentials.";
    all.gauge("rerunner_credentials_refused", refused, |entry| entry.credentials_refused.is_some().into());
    let no_access = "Whether GitHub denies access to the repository.";
    all.gauge("rerunner_repository_unavailable", no_access, |entry| entry.repository_problem.is_some().into());
    let invalid = "Whether the policy file is not valid.";
    all.gauge("rerunner_policy_invalid", invalid, |entry| entry.policy_problem.is_some().into());
    let updated = "When the repository's figures were written.";
    all.gauge("rerunner_updated_timestamp_seconds", updated, |entry| entry.updated.0.max(0).unsigned_abs() / 1_000);
    let dry_run = "Whether DRY_RUN is on: nothing is re-run.";
    all.one("rerunner_dry_run", dry_run, settings.dry_run.into());
    all.one("rerunner_settings_problems", "Settings that are missing or wrong.", settings.problems.len() as u64);
    all.text
}

fn known_precision(entries: &[RepositoryEntry]) -> impl Iterator<Item = (String, &PublishedPrecision)> {
    entries.iter().filter_map(|entry| Some((label(entry.repository.as_str()).into(), entry.precision.as_ref()?)))
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

    /// Of the Worker.
    fn one(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.text, "{name} {value}");
    }

    /// What is not known has no sample.
    fn recent_reruns(&mut self) {
        let precision = "The share of the last 30 days' re-runs that passed, of those whose result is known.";
        self.head("rerunner_precision_ratio", "gauge", precision);
        for (repository, precision) in known_precision(self.entries) {
            if let Some(rate) = precision.total.precision {
                let ratio = f64::from(rate.permille) / 1_000.0;
                let _ = writeln!(self.text, "rerunner_precision_ratio{{repository=\"{repository}\"}} {ratio}");
            }
        }
        let by_rerun = "Re-runs of the last 30 days, by their place among their run's re-runs, and by result: rescued (the attempt \
                        passed), wasted (it failed again), or unknown (not known, or not yet).";
        self.head("rerunner_recent_reruns", "gauge", by_rerun);
        for (repository, precision) in known_precision(self.entries) {
            for RerunsByOrdinal { rerun, figures } in &precision.by_rerun {
                let rerun = if *rerun == ORDINALS as u64 { format!("{rerun}+") } else { rerun.to_string() };
                self.ends("rerunner_recent_reruns", &format!("repository=\"{repository}\",rerun=\"{rerun}\""), figures);
            }
        }
        let by_policy =
            "The same, by the policy that decided: a preset, the organization's file or the repository's own.";
        self.head("rerunner_recent_reruns_by_policy", "gauge", by_policy);
        for (repository, precision) in known_precision(self.entries) {
            for RerunsByPolicy { policy, figures } in precision.by_policy.iter().flatten() {
                let policy = label(policy.as_deref().unwrap_or("unknown"));
                let labels = format!("repository=\"{repository}\",policy=\"{policy}\"");
                self.ends("rerunner_recent_reruns_by_policy", &labels, figures);
            }
        }
    }

    fn ends(&mut self, name: &str, labels: &str, figures: &RerunFigures) {
        let RerunFigures { made: _, rescued, wasted, unknown, precision: _ } = figures;
        for (outcome, n) in [("rescued", rescued), ("wasted", wasted), ("unknown", unknown)] {
            let _ = writeln!(self.text, "{name}{{{labels},outcome=\"{outcome}\"}} {n}");
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

#[cfg(test)]
mod tests {
    use crate::keeper::outage_view::OutageSums;
    use crate::keeper::summary::{RerunSums, Summary};
    use crate::names::RepoName;
    use crate::settings::SettingProblem;
    use crate::time::Millis;

    use super::*;

    /// Seen to fail when two figures change places.
    #[test]
    fn each_figure_is_under_its_name() {
        let totals = Totals {
            rescued: 1,
            exhausted: 2,
            left: 3,
            failed: 4,
            superseded: 5,
            reruns_passed: 6,
            reruns_failed: 7,
            reruns_unknown: 8,
            runner_seconds: 9,
            saved_seconds: 10,
            waiting: 11,
            rerunning: 12,
        };
        let at = Millis(13_000);
        let by_ordinal = [(60, 30, 20), (5, 0, 4), (0, 0, 0), (7, 2, 1)];
        let by_policy = Some([("careful".to_owned(), (70, 31, 24)), (String::new(), (2, 1, 1))].into());
        let reruns = Some(RerunSums { by_ordinal, by_policy });
        let healthy = Summary::new(RepoName::parse("octo/widgets").unwrap(), at, totals, &[]);
        let healthy = Summary { reruns, ..healthy };
        let named = |name: &str| Summary { repository: RepoName::parse(name).unwrap(), ..healthy.clone() };
        let one = ("cause npm-network".to_owned(), 12, 40, None, 13, 14);
        let outages = OutageSums { count: 3, held: 41, first: vec![one] };
        let problem = || Some("a problem".to_owned());
        let summaries = [
            healthy.clone(),
            Summary { paused: true, ..named("octo/paused") },
            Summary { refusal: problem(), ..named("octo/refused") },
            Summary { repository_problem: problem(), ..named("octo/gone") },
            Summary { policy_problem: problem(), ..named("octo/invalid") },
            Summary { reruns: None, ..named("octo/before") },
            Summary { outages: Some(outages), ..named("octo/outage") },
        ];
        let problem = SettingProblem { setting: "MAX_RERUNS", problem: "is none".to_owned() };
        let settings = Settings { problems: vec![problem; 14], dry_run: true, ..Settings::read(|_| None) };
        let text = metrics(&summaries.map(|summary| RepositoryEntry::of(summary, at)), &settings);
        let samples = |of: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix("rerunner_"));
            let of_it = lines.filter(|line| line.contains(&format!("{{repository=\"{of}\"")));
            of_it.map(|line| line.replace(&format!("repository=\"{of}\""), "")).collect()
        };
        assert_eq!(
            samples("octo/widgets"),
            [
                "reruns_total{,outcome=\"passed\"} 6",
                "reruns_total{,outcome=\"failed\"} 7",
                "reruns_total{,outcome=\"unknown\"} 8",
                "runs_total{,outcome=\"rescued\"} 1",
                "runs_total{,outcome=\"exhausted\"} 2",
                "runs_total{,outcome=\"left\"} 3",
                "runs_total{,outcome=\"failed\"} 4",
                "runs_total{,outcome=\"superseded\"} 5",
                "precision_ratio{} 0.561",
                "recent_reruns{,rerun=\"1\",outcome=\"rescued\"} 30",
                "recent_reruns{,rerun=\"1\",outcome=\"wasted\"} 20",
                "recent_reruns{,rerun=\"1\",outcome=\"unknown\"} 10",
                "recent_reruns{,rerun=\"2\",outcome=\"rescued\"} 0",
                "recent_reruns{,rerun=\"2\",outcome=\"wasted\"} 4",
                "recent_reruns{,rerun=\"2\",outcome=\"unknown\"} 1",
                "recent_reruns{,rerun=\"3\",outcome=\"rescued\"} 0",
                "recent_reruns{,rerun=\"3\",outcome=\"wasted\"} 0",
                "recent_reruns{,rerun=\"3\",outcome=\"unknown\"} 0",
                "recent_reruns{,rerun=\"4+\",outcome=\"rescued\"} 2",
                "recent_reruns{,rerun=\"4+\",outcome=\"wasted\"} 1",
                "recent_reruns{,rerun=\"4+\",outcome=\"unknown\"} 4",
                "recent_reruns_by_policy{,policy=\"careful\",outcome=\"rescued\"} 31",
                "recent_reruns_by_policy{,policy=\"careful\",outcome=\"wasted\"} 24",
                "recent_reruns_by_policy{,policy=\"careful\",outcome=\"unknown\"} 15",
                "recent_reruns_by_policy{,policy=\"unknown\",outcome=\"rescued\"} 1",
                "recent_reruns_by_policy{,policy=\"unknown\",outcome=\"wasted\"} 1",
                "recent_reruns_by_policy{,policy=\"unknown\",outcome=\"unknown\"} 0",
                "runner_seconds_total{} 9",
                "saved_seconds_total{} 10",
                "runs_waiting{} 11",
                "runs_rerunning{} 12",
                "paused{} 0",
                "outages{} 0",
                "held_runs{} 0",
                "credentials_refused{} 0",
                "repository_unavailable{} 0",
                "policy_invalid{} 0",
                "updated_timestamp_seconds{} 13",
            ]
        );
        for (name, gauge) in [
            ("octo/paused", "paused"),
            ("octo/refused", "credentials_refused"),
            ("octo/gone", "repository_unavailable"),
            ("octo/invalid", "policy_invalid"),
        ] {
            let differs: Vec<String> =
                samples(name).into_iter().filter(|line| !samples("octo/widgets").contains(line)).collect();
            assert_eq!(differs, [format!("{gauge}{{}} 1")], "{name}");
        }
        let outage = samples("octo/outage");
        assert!(
            outage.contains(&"outages{} 3".to_owned()) && outage.contains(&"held_runs{} 41".to_owned()),
            "{outage:?}"
        );
        assert!(!samples("octo/before").iter().any(|line| line.contains("recent") || line.contains("precision")));
        assert!(text.ends_with("rerunner_settings_problems 14\n"), "{text}");
        assert!(text.contains("\nrerunner_dry_run 1\n"), "{text}");
    }
}
