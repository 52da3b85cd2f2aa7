//! The API's three re-run calls. `Ok` is GitHub's 201.

use super::rerun::Asked;
use super::{ApiError, Caller, Endpoint, GitHub, JobId, Millis, Rerun, RerunBy, RunId};

impl GitHub {
    /// `POST …/runs/{id}/rerun-failed-jobs`
    pub fn rerun_failed_jobs(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        run: RunId,
        debug_logging: bool,
        now: Millis,
    ) -> Result<(), ApiError> {
        self.ask(caller, Endpoint::RerunFailedJobs, repository, (Some(run), Rerun::FailedJobs), debug_logging, now)
    }

    /// `POST …/runs/{id}/rerun`
    pub fn rerun(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        run: RunId,
        debug_logging: bool,
        now: Millis,
    ) -> Result<(), ApiError> {
        self.ask(caller, Endpoint::Rerun, repository, (Some(run), Rerun::AllJobs), debug_logging, now)
    }

    /// `POST …/jobs/{id}/rerun`
    pub fn rerun_job(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        job: JobId,
        debug_logging: bool,
        now: Millis,
    ) -> Result<(), ApiError> {
        let what = (self.run_of(job), Rerun::Job(job));
        self.ask(caller, Endpoint::RerunJob, repository, what, debug_logging, now)
    }

    fn ask(
        &mut self,
        caller: Caller<'_>,
        endpoint: Endpoint,
        repository: &str,
        (run, rerun): (Option<RunId>, Rerun),
        debug_logging: bool,
        now: Millis,
    ) -> Result<(), ApiError> {
        self.call(caller, endpoint, repository, run, now, |github, _| {
            let grant = caller.token.and_then(|token| github.access.grant(token));
            let (Some(run), Some(grant)) = (run, grant) else { return Err(ApiError::not_found()) };
            let asked = Asked { by: RerunBy::Api, login: grant.login.clone(), debug_logging };
            github.rerun_run(run, rerun, asked, now).map_err(|message| ApiError::new(403, message))
        })
    }
}
