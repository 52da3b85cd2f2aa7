//! The API's reads.

use super::answer::page;
use super::{
    Annotation, ApiError, Attempt, Caller, CreatedFilter, Endpoint, File, GitHub, Job, JobId, Login, Millis,
    PullRequest, PullRequestRef, RepositoryId, Run, RunId, RunSnapshot, Sha,
};

/// How long a log's address lives.
const LOG_LIFE: Millis = 60_000;

#[derive(Debug, Clone)]
pub struct JobsPage {
    pub total_count: usize,
    pub jobs: Vec<JobSnapshot>,
}

/// A job with the run it is of.
#[derive(Debug, Clone)]
pub struct JobSnapshot {
    pub run: RunSnapshot,
    pub job: Job,
}

/// Where a job's log can be read, for a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLocation {
    pub job: JobId,
    pub expires_at: Millis,
}

#[derive(Debug, Clone)]
pub struct PullRequestSnapshot {
    pub pull: PullRequest,
    pub base_branch: String,
    pub base_sha: Sha,
    pub repository: String,
    pub author: Login,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    File(File),
    /// The caller's ETag is still right: 304.
    NotModified {
        etag: String,
    },
}

impl GitHub {
    /// `GET /repos/{o}/{r}`
    pub fn read_repository(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        now: Millis,
    ) -> Result<RepositoryId, ApiError> {
        self.check(caller, Endpoint::ReadRepository, repository, now)
    }

    /// `GET /repos/{o}/{r}/actions/runs/{id}`
    pub fn read_run(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        run: RunId,
        now: Millis,
    ) -> Result<RunSnapshot, ApiError> {
        self.call(caller, Endpoint::ReadRun, repository, Some(run), now, |github, _| {
            let run = github.run(run);
            let at = now - caller.stale_by;
            Ok(run.snapshot(run.latest_at(at), at, github.pull_ref(run)))
        })
    }

    /// `GET …/runs/{id}/attempts/{n}`
    pub fn read_attempt(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        run: RunId,
        attempt: u32,
        now: Millis,
    ) -> Result<RunSnapshot, ApiError> {
        self.call(caller, Endpoint::ReadRun, repository, Some(run), now, |github, _| {
            let run = github.run(run);
            let at = now - caller.stale_by;
            Ok(run.snapshot(visible(run, attempt, at)?, at, github.pull_ref(run)))
        })
    }

    /// `GET …/runs/{id}/attempts/{n}/jobs`; attempt `None` is `…/runs/{id}/jobs`, of the latest one.
    #[expect(clippy::too_many_arguments, reason = "as many as the endpoint has")]
    pub fn list_jobs(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        run: RunId,
        attempt: Option<u32>,
        per_page: usize,
        page_number: usize,
        now: Millis,
    ) -> Result<JobsPage, ApiError> {
        self.call(caller, Endpoint::ListJobs, repository, Some(run), now, |github, _| {
            let run = github.run(run);
            let at = now - caller.stale_by;
            let attempt = match attempt {
                Some(number) => visible(run, number, at)?,
                None => run.latest_at(at),
            };
            let snapshot = run.snapshot(attempt, at, github.pull_ref(run));
            let jobs = attempt.jobs.iter().filter_map(|job| job.at(at));
            let total_count = jobs.clone().count();
            let jobs = page(jobs, per_page, page_number);
            let jobs = jobs.into_iter().map(|job| JobSnapshot { run: snapshot.clone(), job }).collect();
            Ok(JobsPage { total_count, jobs })
        })
    }

    /// `GET …/runs/{id}/jobs?filter=all`: of every attempt, from the first.
    pub fn list_all_jobs(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        run: RunId,
        per_page: usize,
        page_number: usize,
        now: Millis,
    ) -> Result<JobsPage, ApiError> {
        self.call(caller, Endpoint::ListJobs, repository, Some(run), now, |github, _| {
            let run = github.run(run);
            let at = now - caller.stale_by;
            let of_attempt = |attempt: &'_ Attempt| {
                let snapshot = run.snapshot(attempt, at, github.pull_ref(run));
                let jobs = attempt.jobs.iter().filter_map(|job| job.at(at));
                jobs.map(|job| JobSnapshot { run: snapshot.clone(), job }).collect::<Vec<_>>()
            };
            let jobs: Vec<JobSnapshot> = run.attempts.iter().flat_map(of_attempt).collect();
            Ok(JobsPage { total_count: jobs.len(), jobs: page(jobs.into_iter(), per_page, page_number) })
        })
    }

    /// `GET /repos/{o}/{r}/actions/workflows/{id}`: its newest run, which knows it.
    pub fn workflow(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        workflow: u64,
        now: Millis,
    ) -> Result<RunSnapshot, ApiError> {
        self.call(caller, Endpoint::ReadWorkflow, repository, None, now, |github, id| {
            let at = now - caller.stale_by;
            let mut runs = github.newest_first(id, CreatedFilter::default(), at);
            let run = runs.find(|run| run.identity.workflow_number == workflow).ok_or_else(ApiError::not_found)?;
            Ok(run.snapshot(run.latest_at(at), at, github.pull_ref(run)))
        })
    }

    /// `GET /repos/{o}/{r}/check-runs/{job_id}/annotations`
    pub fn annotations(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        job: JobId,
        now: Millis,
    ) -> Result<Vec<Annotation>, ApiError> {
        let run = self.run_of(job);
        self.call(caller, Endpoint::Annotations, repository, run, now, |github, _| {
            let (_, _, job) = github.job_of(job).ok_or_else(ApiError::not_found)?;
            Ok(job.annotations())
        })
    }

    /// `GET /repos/{o}/{r}/actions/jobs/{id}/logs`: a redirect. 404 after a lost runner.
    pub fn job_log(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        job: JobId,
        now: Millis,
    ) -> Result<LogLocation, ApiError> {
        let run = self.run_of(job);
        self.call(caller, Endpoint::JobLog, repository, run, now, |github, _| {
            github
                .read_log(job)
                .map(|_| LogLocation { job, expires_at: now + LOG_LIFE })
                .ok_or_else(ApiError::not_found)
        })
    }

    /// The log's text, without any check.
    pub fn read_log(&self, job: JobId) -> Option<String> {
        self.job_of(job).and_then(|(_, _, job)| job.log())
    }

    /// `GET /repos/{o}/{r}/pulls/{number}`
    pub fn pull_request(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        number: u64,
        now: Millis,
    ) -> Result<PullRequestSnapshot, ApiError> {
        self.call(caller, Endpoint::PullRequest, repository, None, now, |github, id| {
            let repository = github.repository(id);
            let pull = repository.pull(number).ok_or_else(ApiError::not_found)?;
            Ok(PullRequestSnapshot::of(repository, pull))
        })
    }

    /// `GET /repos/{o}/{r}/contents/{path}` of the default branch, with `If-None-Match`.
    pub fn contents(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        path: &str,
        if_none_match: Option<&str>,
        now: Millis,
    ) -> Result<Contents, ApiError> {
        let answer = self.call(caller, Endpoint::Contents, repository, None, now, |github, id| {
            let file = github.repository(id).file(path).ok_or_else(ApiError::not_found)?;
            // Weak comparison, as RFC 9110 has it for If-None-Match.
            let same = if_none_match.is_some_and(|tags| {
                tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == file.etag || tag.trim() == "*")
            });
            Ok(if same { Contents::NotModified { etag: file.etag.clone() } } else { Contents::File(file.clone()) })
        });
        if let (Ok(Contents::NotModified { .. }), Some(token)) = (&answer, caller.token) {
            self.access.refund(token);
            if let Some(call) = self.calls.last_mut().filter(|_| self.records_calls) {
                call.status = 304;
            }
        }
        answer
    }

    /// The run that a job is of; an id that no run has for an unknown job, so that looking it up is a 404.
    pub(super) fn run_of(&self, job: JobId) -> Option<RunId> {
        Some(self.run_with_job(job).unwrap_or(RunId(0)))
    }
}

/// The attempt, if it had started by then.
fn visible(run: &Run, attempt: u32, at: Millis) -> Result<&Attempt, ApiError> {
    run.attempt(attempt)
        .filter(|attempt| attempt.number == 1 || attempt.started_at <= at)
        .ok_or_else(ApiError::not_found)
}

impl PullRequestSnapshot {
    /// As runs refer to it.
    pub fn as_ref(&self) -> PullRequestRef {
        PullRequestRef {
            number: self.pull.number,
            head_branch: self.pull.head_branch.clone(),
            head_sha: self.pull.head_sha,
            base_branch: self.base_branch.as_str().into(),
            base_sha: self.base_sha,
        }
    }
}
