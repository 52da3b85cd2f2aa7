//! All repositories seen as one: what attempts failed with, which jobs are flaky, and which no re-run ever helped. It is made of
//! what each repository has published: one list, and the values of those in which most happened. The page and the API show it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;

use crate::keeper::figures::CAUSE_NOT_KNOWN;
use crate::keeper::insights::{Insights, JobSums, WEEKS};
use crate::keeper::views::Rate;
use crate::names::RepoName;
use crate::names::order::sort_by_key;
use crate::policy::catalogue::Class;
use crate::time::{Millis, rfc3339};

use super::repositories::{Repositories, RepositoryEntry, repositories};
use super::{Backend, Rejection};

/// Values that are read: each is one read of Workers KV.
pub const REPOSITORIES: usize = 40;
const JOBS: usize = 25;

/// What was published of jobs, by repository.
pub struct Jobs {
    pub of: Vec<(RepoName, Insights)>,
    /// In so many more something happened.
    pub more: usize,
}

#[derive(Debug, Serialize)]
pub struct AllInsights {
    /// How many there are on this page of the list.
    pub repositories: u64,
    /// Most first, week by week; what is not known comes last.
    pub causes: Vec<CauseOverTime>,
    pub flaky_jobs: Vec<JobOfRepository>,
    pub never_helped: Vec<JobOfRepository>,
    /// Those that had failures, and whose jobs are not among these.
    pub more_repositories: u64,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct CauseOverTime {
    pub cause: String,
    pub infrastructure: bool,
    /// The last seven days first.
    pub weeks: [WeekOfCause; WEEKS],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct WeekOfCause {
    /// That failed with it.
    pub attempts: u64,
    pub repositories: u64,
}

/// A job at the step at which it failed, in 30 days.
#[derive(Debug, Serialize)]
pub struct JobOfRepository {
    pub repository: RepoName,
    pub workflow: String,
    pub job: String,
    pub step: String,
    pub failed: u64,
    pub reruns: u64,
    pub passed: u64,
    pub rescue_rate: Option<Rate>,
    #[serde(with = "rfc3339")]
    pub last_seen: Millis,
    pub last_run_id: u64,
}

/// Of the repositories from this cursor on.
pub async fn read(backend: &impl Backend, cursor: Option<&str>) -> Result<AllInsights, Rejection> {
    let Repositories { repositories, next_cursor } = repositories(backend, cursor).await?;
    let jobs = jobs(backend, &repositories).await?;
    Ok(AllInsights::of(&repositories, &jobs, next_cursor))
}

/// Reads what was published of the repositories in which most happened.
async fn jobs(backend: &impl Backend, entries: &[RepositoryEntry]) -> Result<Jobs, Rejection> {
    let happened = |entry: &&RepositoryEntry| entry.last_30_days.rescued + entry.last_30_days.exhausted;
    let mut lively: Vec<_> = entries.iter().filter(|entry| happened(entry) > 0 || !entry.causes.is_empty()).collect();
    sort_by_key(&mut lively, |entry| Reverse(happened(entry)));
    let more = lively.len().saturating_sub(REPOSITORIES);
    lively.truncate(REPOSITORIES);
    let read = join_all(lively.iter().map(|entry| backend.summary(&entry.repository))).await;
    let mut of = Vec::new();
    for (entry, summary) in lively.iter().zip(read) {
        let summary = summary.map_err(|fault| Rejection::unavailable("summary in Workers KV", fault))?;
        let insights = summary.and_then(|summary| summary.insights);
        of.extend(insights.map(|insights| (entry.repository.clone(), insights)));
    }
    Ok(Jobs { of, more })
}

impl AllInsights {
    pub fn of(entries: &[RepositoryEntry], jobs: &Jobs, next_cursor: Option<String>) -> Self {
        Self {
            repositories: entries.len() as u64,
            causes: causes(entries),
            flaky_jobs: of_all(jobs, |it| &it.flaky, |job| job.passed),
            never_helped: of_all(jobs, |it| &it.never_helped, |job| job.reruns),
            more_repositories: jobs.more as u64,
            next_cursor,
        }
    }
}

fn causes(entries: &[RepositoryEntry]) -> Vec<CauseOverTime> {
    let mut sums: BTreeMap<&str, [WeekOfCause; WEEKS]> = BTreeMap::new();
    for entry in entries {
        for (cause, weeks) in &entry.causes.0 {
            for (week, count) in sums.entry(cause).or_default().iter_mut().zip(weeks) {
                week.attempts += count;
                week.repositories += u64::from(*count > 0);
            }
        }
    }
    let mut rows: Vec<_> = sums.into_iter().collect();
    sort_by_key(&mut rows, |(cause, weeks)| (*cause == CAUSE_NOT_KNOWN, Reverse(*weeks)));
    let of_one = |(cause, weeks): (&str, _)| CauseOverTime {
        cause: cause.to_owned(),
        infrastructure: Class::parse(cause).is_some_and(Class::is_infrastructure),
        weeks,
    };
    rows.into_iter().map(of_one).collect()
}

fn of_all(jobs: &Jobs, list: fn(&Insights) -> &Vec<JobSums>, rank: fn(&JobSums) -> u64) -> Vec<JobOfRepository> {
    let mut all: Vec<_> = jobs.of.iter().flat_map(|(name, of)| list(of).iter().map(move |job| (name, job))).collect();
    sort_by_key(&mut all, |(_, job)| Reverse((rank(job), job.failed)));
    let of_one = |(repository, job): (&RepoName, &JobSums)| JobOfRepository {
        repository: repository.clone(),
        workflow: job.workflow.clone(),
        job: job.job.clone(),
        step: job.step.clone(),
        failed: job.failed,
        reruns: job.reruns,
        passed: job.passed,
        rescue_rate: Rate::of(job.passed, job.reruns),
        last_seen: job.last_seen,
        last_run_id: job.last_run_id,
    };
    all.into_iter().take(JOBS).map(of_one).collect()
}
