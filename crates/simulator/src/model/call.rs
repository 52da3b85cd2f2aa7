//! The way of every API call: the caller is let in or refused, answered, and put on record.

use super::{
    ApiCall, ApiError, Caller, Endpoint, GitHub, Grant, JobId, Login, Millis, RateLimit, RepositoryId, RunId,
    Visibility,
};

impl GitHub {
    /// What the headers `x-ratelimit-…` say; `None` for an unknown token.
    pub fn rate_limit(&self, token: &str) -> Option<RateLimit> {
        self.access.rate_limit(token)
    }

    /// Whose token it is, if it is good.
    pub fn login_of(&self, token: &str) -> Option<Login> {
        self.access.grant(token).map(|grant| grant.login.clone())
    }

    /// As whom the caller writes, and by which App.
    pub(super) fn author_of(&self, caller: Caller<'_>) -> (Login, Option<u64>) {
        let grant = caller.token.and_then(|token| self.access.grant(token));
        grant.map_or_else(|| (Login::from("nobody"), None), |grant| (grant.login.clone(), grant.app))
    }

    /// The run that a job is of.
    pub fn run_with_job(&self, job: JobId) -> Option<RunId> {
        self.out.job_runs.get(&job).copied()
    }

    /// One API call: lets time pass, checks the caller, answers, and keeps a record.
    pub(super) fn call<T>(
        &mut self,
        caller: Caller<'_>,
        endpoint: Endpoint,
        repository: &str,
        run: Option<RunId>,
        now: Millis,
        answer: impl FnOnce(&mut GitHub, RepositoryId) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.advance(now);
        let result = self.admit(caller, endpoint, repository, run, now).and_then(|id| answer(self, id));
        if self.records_calls {
            let login = caller.token.and_then(|token| self.access.grant(token)).map(|grant| grant.login.clone());
            let (status, message) = match &result {
                Ok(_) if endpoint.is_write() => (201, None),
                Ok(_) => (200, None),
                Err(error) => (error.status, Some(error.message.clone())),
            };
            let repository = repository.to_owned();
            self.calls.push(ApiCall { at: now, endpoint, repository, run, login, status, message });
        }
        result
    }

    /// The caller's grant, if it is good at all.
    pub fn grant_of(&self, caller: Caller<'_>, now: Millis) -> Result<Grant, ApiError> {
        let token = caller.token.ok_or_else(|| ApiError::new(401, "Requires authentication"))?;
        let grant = self.access.grant(token).filter(|grant| !grant.has_expired(now));
        let grant = grant.ok_or_else(|| ApiError::new(401, "Bad credentials"))?;
        if grant.suspended {
            return Err(ApiError::new(403, "This installation has been suspended"));
        }
        Ok(grant.clone())
    }

    /// Whether the caller may do this in a repository, for what the model itself does not do.
    pub fn check(
        &mut self,
        caller: Caller<'_>,
        endpoint: Endpoint,
        repository: &str,
        now: Millis,
    ) -> Result<RepositoryId, ApiError> {
        self.call(caller, endpoint, repository, None, now, |_, id| Ok(id))
    }

    fn admit(
        &mut self,
        caller: Caller<'_>,
        endpoint: Endpoint,
        repository: &str,
        run: Option<RunId>,
        now: Millis,
    ) -> Result<RepositoryId, ApiError> {
        if caller.user_agent.is_none_or(str::is_empty) {
            let message = "Request forbidden by administrative rules. Please make sure your request has a User-Agent \
                           header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). \
                           Check https://developer.github.com for other possible causes.";
            return Err(ApiError { plain_text: true, ..ApiError::new(403, message) });
        }
        self.grant_of(caller, now)?;
        let token = caller.token.ok_or_else(ApiError::not_found)?;
        self.access.spend(token, endpoint.is_write(), caller.in_flight, now)?;
        let grant = self.access.grant(token).expect("just looked at");
        let id = self.find_repository(repository).ok_or_else(ApiError::not_found)?;
        let identity = &self.repository(id).identity;
        let (seen, is_public) = (grant.sees(&identity.name), identity.visibility == Visibility::Public);
        if !seen && !is_public {
            return Err(ApiError::not_found());
        }
        if let Some(run) = run
            && self.find_run(run).is_none_or(|run| run.repository != id)
        {
            return Err(ApiError::not_found());
        }
        if is_public && endpoint.is_open_to_all() {
            return Ok(id);
        }
        grant.refusal(endpoint, seen).map_or(Ok(id), Err)
    }
}
