//! What a Keeper tells those who look: each answer is one call, and reads a bounded number of rows. As JSON these are
//! the API's answers; the pages are made of the same.

use serde::{Deserialize, Serialize};

use crate::names::{RepoName, RunAttempt, RunId};
use crate::policy::{Detail, RerunSettings, RunOutcome};
use crate::time::{Millis, rfc3339};

use super::Keeper;
use super::judgement::{Precision, PrecisionView, UnknownFailures};
use super::outage_view::OutageView;
use super::retention::WINDOW_DAYS;
use super::run_filter::RunFilter;
use super::step::Record;
use super::store::statistics::{Figures, SubjectFigures, SubjectKind};
use super::store::{Found, Sql, StoreError};
use super::tracked_run::TrackedRun;

pub use super::rate::Rate;

/// Runs that are waited for, shown with the time that they are due.
const DUE_SHOWN: usize = 10;
const RUNNERS_LOOKED_AT: u64 = 10;
const FLAKY_JOBS_SHOWN: u64 = 15;
/// No run has many: GitHub re-runs 50 times.
const DECISIONS_SHOWN: usize = 200;
/// A runner stands out by so many failures at least, and so large a part of all.
const RUNNER_FAILURES: u64 = 3;

/// What is asked of a Keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    Repository(RunSlice),
    Status,
    Runs(RunSlice),
    Run(RunId),
    RunPage(RunId),
    FlakyJobs { skip: u64, limit: u64 },
    Precision,
    Pause,
    Resume,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSlice {
    pub outcome: Option<RunOutcome>,
    /// Those with a lower id.
    pub before: Option<RunId>,
    pub limit: u64,
    #[serde(default)]
    pub filter: RunFilter,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryView {
    pub repository: RepoName,
    #[serde(with = "rfc3339")]
    pub at: Millis,
    #[serde(with = "rfc3339::optional")]
    pub paused_since: Option<Millis>,
    pub credentials_refused: Option<String>,
    /// Why nothing can be done in this repository.
    pub repository_problem: Option<String>,
    pub policy_problem: Option<String>,
    /// Those that are ignored count once a day.
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub last_webhook: Option<Millis>,
    #[serde(default, with = "rfc3339::optional", skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<Millis>,
    /// Those that are not over.
    pub outages: Vec<OutageView>,
    pub waiting: u64,
    pub rerunning: u64,
    pub reruns_today: u64,
    /// What the policy allows.
    pub reruns_per_day: Option<u64>,
    pub last_30_days: Figures,
    /// A number of figures, oldest first, the last of today.
    pub by_day: Vec<Figures>,
    pub due: Vec<RunView>,
    pub precision: Precision,
    pub flaky_jobs: Vec<FlakyJob>,
    pub unknown_failures: UnknownFailures,
    pub bad_runners: Vec<BadRunner>,
    pub runs: Vec<RunView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_through: Option<u64>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunsView {
    pub repository: RepoName,
    /// Newest first.
    pub runs: Vec<RunView>,
    /// Runs that were looked through for these. `None`: they were found without a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_through: Option<u64>,
    /// Where the list goes on: there is more, or it was not looked further.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    pub run_id: RunId,
    pub run_attempt: Option<RunAttempt>,
    pub workflow: Option<String>,
    /// Counts the runs of its workflow.
    pub run_number: Option<u64>,
    pub title: Option<String>,
    pub branch: Option<String>,
    /// GitHub's word for what started it.
    pub event: Option<String>,
    pub actor: Option<String>,
    pub outcome: RunOutcome,
    pub reason: String,
    /// Those of Rerunner that GitHub accepted.
    pub reruns: u32,
    #[serde(with = "rfc3339::optional")]
    pub due: Option<Millis>,
    /// Since when its re-run is held, while many runs fail in the same way.
    #[serde(with = "rfc3339::optional")]
    pub held_since: Option<Millis>,
    #[serde(with = "rfc3339")]
    pub created: Millis,
    #[serde(with = "rfc3339")]
    pub updated: Millis,
}

impl From<TrackedRun> for RunView {
    fn from(tracked: TrackedRun) -> Self {
        Self {
            run_id: tracked.run_id,
            run_attempt: tracked.run_attempt,
            workflow: tracked.shown_workflow().map(str::to_owned),
            run_number: tracked.run_number,
            title: tracked.title,
            branch: tracked.head_branch,
            event: tracked.event,
            actor: tracked.actor,
            outcome: tracked.outcome,
            reason: tracked.reason,
            reruns: tracked.reruns,
            due: tracked.due,
            held_since: tracked.held.filter(|held| held.key.is_some()).map(|held| held.since),
            created: tracked.created,
            updated: tracked.updated,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneRunView {
    pub repository: RepoName,
    #[serde(with = "rfc3339")]
    pub at: Millis,
    #[serde(flatten)]
    pub run: RunView,
    /// Oldest first.
    pub decisions: Vec<DecisionView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    pub run_attempt: Option<RunAttempt>,
    #[serde(with = "rfc3339")]
    pub decided: Millis,
    pub outcome: RunOutcome,
    pub reason: String,
    pub detail: Detail,
}

impl From<Record> for DecisionView {
    fn from(Record { run_attempt, decided, outcome, reason, detail }: Record) -> Self {
        Self { run_attempt, decided, outcome, reason, detail: detail.map(|detail| *detail).unwrap_or_default() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlakyJobsView {
    pub repository: RepoName,
    pub days: i64,
    pub flaky_jobs: Vec<FlakyJob>,
    /// Those that no rule and no entry of the catalogue knew, the same on each page.
    pub unknown_failures: UnknownFailures,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlakyJob {
    pub workflow: String,
    pub job: String,
    /// The step that failed; empty if none did.
    pub step: String,
    pub failed: u64,
    /// How often a re-run of it has ended, and how often it passed then.
    pub reruns: u64,
    pub passed: u64,
    pub rescue_rate: Option<Rate>,
    #[serde(with = "rfc3339")]
    pub last_seen: Millis,
    pub last_run_id: u64,
    /// Failures, a number for each day, oldest first.
    pub by_day: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRunner {
    pub runner: String,
    pub failed: u64,
    /// Of all runners whose names tell something.
    pub failed_on_all: u64,
    #[serde(with = "rfc3339")]
    pub last_seen: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseView {
    pub repository: RepoName,
    pub paused: bool,
    #[serde(with = "rfc3339::optional")]
    pub paused_since: Option<Millis>,
}

impl From<SubjectFigures> for FlakyJob {
    fn from(subject: SubjectFigures) -> Self {
        Self {
            workflow: subject.workflow,
            job: subject.name,
            step: subject.step,
            failed: subject.failed,
            reruns: subject.judged,
            passed: subject.passed,
            rescue_rate: Rate::of(subject.passed, subject.judged),
            last_seen: subject.last_seen,
            last_run_id: subject.last_run,
            by_day: subject.by_day,
        }
    }
}

impl<S: Sql> Keeper<S> {
    pub fn repository_view(
        &self,
        repository: RepoName,
        slice: &RunSlice,
        settings: &RerunSettings,
        now: Millis,
    ) -> Result<RepositoryView, StoreError> {
        let by_day = self.by_day(now)?;
        let totals = self.store.totals()?;
        let due = self.store.due(DUE_SHOWN)?;
        let jobs = self.store.subjects(SubjectKind::Job)?;
        let (flaky_jobs, _) = jobs.most_failed(0, FLAKY_JOBS_SHOWN, now);
        let (last_webhook, last_decision) = self.last_heard()?;
        let RunsView { runs, looked_through, next_cursor, .. } = self.runs_view(repository.clone(), slice)?;
        Ok(RepositoryView {
            repository,
            at: now,
            paused_since: self.paused()?,
            credentials_refused: self.refusal()?,
            repository_problem: self.trouble()?.map(|trouble| trouble.message),
            policy_problem: self.policy_problem(settings)?,
            last_webhook,
            last_decision,
            outages: self.outage_views(now)?,
            waiting: totals.waiting,
            rerunning: totals.rerunning,
            reruns_today: by_day.last().map_or(0, |today| today.reruns),
            reruns_per_day: self.policy(settings)?.reruns_per_day(),
            last_30_days: by_day.iter().copied().fold(Figures::default(), Figures::plus),
            precision: self.precision(&by_day, now)?,
            by_day,
            due: due.into_iter().map(RunView::from).collect(),
            flaky_jobs: flaky_jobs.into_iter().map(FlakyJob::from).collect(),
            unknown_failures: UnknownFailures::among(&jobs, now),
            bad_runners: self.bad_runners(now)?,
            runs,
            looked_through,
            next_cursor,
        })
    }

    /// The window's figures, oldest day first.
    pub(super) fn by_day(&self, now: Millis) -> Result<Vec<Figures>, StoreError> {
        let days = self.store.days(now)?;
        let first = now.day() - WINDOW_DAYS + 1;
        let on = |day: i64| days.iter().find(|(known, _)| *known == day).map(|(_, figures)| *figures);
        Ok((first..=now.day()).map(|day| on(day).unwrap_or_default()).collect())
    }

    pub fn precision_view(&self, repository: RepoName, now: Millis) -> Result<PrecisionView, StoreError> {
        let precision = self.precision(&self.by_day(now)?, now)?;
        Ok(PrecisionView { repository, days: WINDOW_DAYS, precision })
    }

    pub fn runs_view(&self, repository: RepoName, slice: &RunSlice) -> Result<RunsView, StoreError> {
        let RunSlice { outcome, before, limit, filter } = slice;
        let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
        let (runs, looked_through, next) = if filter.is_empty() {
            let (runs, more) = self.store.runs(*outcome, *before, limit)?;
            let next = runs.last().filter(|_| more).map(|run| run.run_id);
            (runs, None, next)
        } else {
            let Found { runs, next, looked_at } = self.store.search(*outcome, filter, *before, limit)?;
            (runs, Some(looked_at), next)
        };
        let runs = runs.into_iter().map(RunView::from).collect();
        Ok(RunsView { repository, runs, looked_through, next_cursor: next.map(|next| next.to_string()) })
    }

    pub fn run_view(&self, repository: RepoName, run_id: RunId, now: Millis) -> Result<Option<OneRunView>, StoreError> {
        let Some(tracked) = self.store.run(run_id)? else { return Ok(None) };
        let records = self.store.records(run_id)?.into_iter().take(DECISIONS_SHOWN);
        let decisions = records.map(DecisionView::from).collect();
        Ok(Some(OneRunView { repository, at: now, run: tracked.into(), decisions }))
    }

    pub fn flaky_jobs_view(
        &self,
        repository: RepoName,
        skip: u64,
        limit: u64,
        now: Millis,
    ) -> Result<FlakyJobsView, StoreError> {
        let jobs = self.store.subjects(SubjectKind::Job)?;
        let (flaky_jobs, more) = jobs.most_failed(skip, limit, now);
        Ok(FlakyJobsView {
            repository,
            days: WINDOW_DAYS,
            flaky_jobs: flaky_jobs.into_iter().map(FlakyJob::from).collect(),
            unknown_failures: UnknownFailures::among(&jobs, now),
            next_cursor: more.then(|| (skip + limit).to_string()),
        })
    }

    /// Those that stand out: on which a large part of all failures happened.
    fn bad_runners(&self, now: Millis) -> Result<Vec<BadRunner>, StoreError> {
        let (runners, _) = self.store.subjects(SubjectKind::Runner)?.most_failed(0, RUNNERS_LOOKED_AT, now);
        let all: u64 = runners.iter().map(|runner| runner.failed).sum();
        let count = runners.len() as u64;
        // Twice its share, or the only one.
        let stands_out = |failed: u64| failed >= RUNNER_FAILURES && (count == 1 || failed * count >= all * 2);
        let bad = runners.into_iter().filter(|runner| stands_out(runner.failed));
        let bad = bad.map(|runner| BadRunner {
            runner: runner.name,
            failed: runner.failed,
            failed_on_all: all,
            last_seen: runner.last_seen,
        });
        Ok(bad.collect())
    }

    pub fn pause_view(&self, repository: RepoName) -> Result<PauseView, StoreError> {
        let paused_since = self.paused()?;
        Ok(PauseView { repository, paused: paused_since.is_some(), paused_since })
    }
}
