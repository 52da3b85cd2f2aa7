//! Everything that a decision went by, as data: stored with the decision, shown by pages and the API.

use serde::{Deserialize, Serialize};

use crate::names::{Conclusion, JobId};
use crate::policy::catalogue::Finding;
use crate::policy::evidence::{Evidence, Fetched, Interruption, Job, RescueRate, exit_code};
use crate::policy::file::Action;
use crate::policy::matching::RuleMatch;
use crate::policy::wording::clean;
use crate::time::Span;

use super::fingerprint::fingerprint;

/// A record has this many jobs at most; the rest are counted.
const MOST_JOBS: usize = 100;
const MOST_LABELS: usize = 10;
/// Of what was read, and of what could not be.
pub(super) const MOST_SOURCES: usize = 100;

/// What one decision went by. Names in it are bounded and in one line, but not escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// Each failed job, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<FailedJob>,
    /// How many failed jobs are not in [`Detail::jobs`].
    #[serde(skip_serializing_if = "is_zero")]
    pub more_jobs: u64,
    /// What was read of GitHub: `jobs`, `annotations of test (3.12)`, `log of test (3.12)`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fetched: Vec<String>,
    /// What could not be, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
    /// Rules that might have changed the decision, had that been there: `rule "tests" of build: its log`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// The same for attempts in which the same jobs failed in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Whether something was absent that belongs to the fingerprint.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial_fingerprint: bool,
    /// The names of the rules by which it is re-run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What the decision was made by: the name of a preset, `organization`, or `repository` for the repository's own file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What the re-run is expected to cost, as GitHub bills: a Windows second as 2, a macOS one as 10.
    #[serde(skip_serializing_if = "is_zero")]
    pub runner_seconds: u64,
}

/// A failed job and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedJob {
    pub name: String,
    /// Of the job in this attempt. Decisions that were stored before it was have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// The first step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Conclusion>,
    /// `None` too if no rule asked for the job's annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// What ended it other than its own steps; `None` too if no rule asked for the job's annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interruption: Option<Interruption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// `None` if that did not matter any more. Decisions that were stored before the word changed have it as `then`.
    #[serde(default, alias = "then", skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The rule that says so; `None`: no rule matched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The number of the log's line that the rule matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Why it failed, by the catalogue; `None` too if nothing asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Finding>,
    /// What became of its re-runs; `None` if no rule asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescue_rate: Option<RescueRate>,
    /// Whether it fails on the base branch, too; `None` if no rule asked for that, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_failed: Option<bool>,
    /// Whether an annotation points at a file of the repository; `None` if no rule asked for annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_annotation: Option<bool>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Detail {
    /// Of jobs that failed, what was made of each, and the jobs that a re-run would run again.
    pub(super) fn of(failed: &[(&Job, Option<RuleMatch>)], again: &[&Job], evidence: &Evidence) -> Self {
        let jobs: Vec<&Job> = failed.iter().map(|(job, _)| *job).collect();
        let shown = failed.iter().take(MOST_JOBS);
        let mut detail = Self {
            jobs: shown.map(|(job, rule_match)| FailedJob::of(job, rule_match.as_ref(), evidence)).collect(),
            more_jobs: failed.len().saturating_sub(MOST_JOBS) as u64,
            fingerprint: Some(&jobs).filter(|jobs| !jobs.is_empty()).map(|jobs| fingerprint(jobs, evidence)),
            runner_seconds: seconds(again.iter().map(|job| cost(job).as_millis()).sum()),
            ..Self::default()
        };
        detail.source("workflow".to_owned(), &evidence.workflow);
        detail.source("jobs".to_owned(), &evidence.jobs);
        detail.source("pull requests".to_owned(), &evidence.pulls);
        detail.source("newest run on the base branch".to_owned(), &evidence.base);
        for job in jobs {
            detail.source(format!("annotations of {}", clean(&job.name)), evidence.annotations_of(job));
            if let Some(why) = evidence.annotations_cut.get(&job.job_id) {
                detail.absent.push(format!("further annotations of {}: {}", clean(&job.name), clean(why)));
            }
            if let Some(read) = evidence.logs.get(&job.job_id) {
                detail.source(format!("log of {}", clean(&job.name)), read);
            }
        }
        detail.fetched.truncate(MOST_SOURCES);
        detail.absent.truncate(MOST_SOURCES);
        detail
    }

    fn source<T>(&mut self, what: String, read: &Fetched<T>) {
        match read {
            Fetched::NotYet => {}
            Fetched::Present(_) => self.fetched.push(what),
            Fetched::Absent(why) => self.absent.push(format!("{what}: {}", clean(why))),
        }
    }
}

impl FailedJob {
    pub fn of(job: &Job, rule_match: Option<&RuleMatch>, evidence: &Evidence) -> Self {
        Self {
            name: clean(&job.name),
            job_id: Some(job.job_id),
            step: job.failed_steps().next().map(|step| clean(&step.name)),
            conclusion: job.conclusion,
            exit_code: exit_code(evidence.messages_of(job)),
            interruption: evidence.interruption_of(job),
            runner: job.runner.as_deref().map(clean),
            labels: job.labels.iter().take(MOST_LABELS).map(|label| clean(label)).collect(),
            duration_seconds: duration(job).map(|span| seconds(span.as_millis())),
            action: rule_match.map(|rule_match| rule_match.action),
            rule: rule_match.and_then(|rule_match| rule_match.rule).map(|rule| rule.name.clone()),
            line: rule_match.and_then(|rule_match| rule_match.line),
            cause: evidence.searched.cause(job.job_id).flatten().cloned(),
            rescue_rate: evidence.rescue_rates.get(&job.job_id).and_then(Fetched::present).copied(),
            base_failed: evidence.base.present().and_then(|base| base.fails(&job.name).ok()),
            source_annotation: (evidence.annotations_of(job).present())
                .map(|_| evidence.source_annotations.contains(&job.job_id)),
        }
    }
}

fn seconds(millis: i64) -> u64 {
    u64::try_from(millis / 1_000).unwrap_or_default()
}

/// How many minutes GitHub bills for one ("About billing for GitHub Actions").
fn multiplier(job: &Job) -> i64 {
    let any = |starts: &[&str]| {
        let names = job.labels.iter().map(String::as_str).chain(job.runner.as_deref());
        names.map(str::to_ascii_lowercase).any(|name| starts.iter().any(|start| name.starts_with(start)))
    };
    match () {
        () if any(&["self-hosted"]) => 0,
        () if any(&["macos", "mac-"]) => 10,
        () if any(&["windows", "win-"]) => 2,
        () => 1,
    }
}

/// How long the job took; zero if that is not known.
fn duration(job: &Job) -> Option<Span> {
    Some(job.completed? - job.started?)
}

/// What running it once more is expected to take.
fn cost(job: &Job) -> Span {
    let took = duration(job).unwrap_or_default();
    Span::millis(took.as_millis().saturating_mul(multiplier(job)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::JobId;
    use crate::time::Millis;

    #[test]
    fn minutes_count_as_github_bills_them() {
        for (labels, runner, expected) in [
            (&["ubuntu-latest"][..], "GitHub Actions 2", 60),
            (&["windows-2025"], "GitHub Actions 2", 120),
            (&["macos-15-xlarge"], "GitHub Actions 2", 600),
            (&["self-hosted", "macOS", "ARM64"], "rack-3", 0),
            (&["Self-Hosted"], "rack-3", 0),
            (&["big-ones"], "Windows-pool_1", 120),
            (&[], "", 60),
        ] {
            let job = Job {
                job_id: JobId::new(1).unwrap(),
                name: String::new(),
                conclusion: None,
                started: Some(Millis(0)),
                completed: Some(Millis(60_000)),
                runner: Some(runner.to_owned()),
                labels: labels.iter().map(|&label| label.to_owned()).collect(),
                steps: vec![],
                workflow: None,
            };
            assert_eq!(cost(&job), Span::seconds(expected), "{labels:?}");
            assert_eq!(cost(&Job { completed: None, ..job }), Span::ZERO);
        }
    }
}
