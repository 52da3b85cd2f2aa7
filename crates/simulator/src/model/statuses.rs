//! Commit statuses: what programs say of a commit, each under a context of its own.

use super::answer::page;
use super::{ApiError, Caller, Endpoint, GitHub, Invalid, Login, Millis, RepositoryId, Sha};

/// GitHub takes no more for one commit and context.
const MOST: usize = 1_000;
const LONGEST_DESCRIPTION: usize = 140;
const LONGEST_CONTEXT: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    pub id: u64,
    pub sha: Sha,
    pub state: StatusState,
    pub context: String,
    pub description: Option<String>,
    pub target_url: Option<String>,
    pub creator: Login,
    pub created_at: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusState {
    Error,
    Failure,
    Pending,
    Success,
}

/// What a caller says of a commit, as it came.
#[derive(Debug, Clone, Default)]
pub struct NewStatus {
    pub state: String,
    pub context: Option<String>,
    pub description: Option<String>,
    pub target_url: Option<String>,
}

/// Newest first.
#[derive(Debug, Clone)]
pub struct StatusesPage {
    /// Of all pages. The answer itself does not say it.
    pub total_count: usize,
    pub statuses: Vec<CommitStatus>,
}

impl StatusState {
    pub fn as_str(self) -> &'static str {
        match self {
            StatusState::Error => "error",
            StatusState::Failure => "failure",
            StatusState::Pending => "pending",
            StatusState::Success => "success",
        }
    }

    fn parse(text: &str) -> Option<StatusState> {
        use StatusState::{Error, Failure, Pending, Success};
        [Error, Failure, Pending, Success].into_iter().find(|state| state.as_str() == text)
    }
}

impl NewStatus {
    fn context(&self) -> &str {
        self.context.as_deref().unwrap_or("default")
    }

    /// What is wrong with it, whatever commit it is for.
    fn check(&self) -> Result<StatusState, ApiError> {
        let invalid = |field: &'static str, message: &str| {
            let wrong = Invalid { resource: "Status", code: "custom", field: Some(field), message: message.to_owned() };
            Err(ApiError::invalid(wrong))
        };
        let long = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.chars().count() > most);
        if long(&self.description, LONGEST_DESCRIPTION) {
            return invalid("description", "description is too long (maximum is 140 characters)");
        }
        if long(&self.context, LONGEST_CONTEXT) {
            return invalid("context", "context is too long (maximum is 255 characters)");
        }
        let is_web = |url: &String| url.is_empty() || url.starts_with("https://") || url.starts_with("http://");
        if !self.target_url.as_ref().is_none_or(is_web) {
            return invalid("target_url", "target_url must use http(s) scheme");
        }
        StatusState::parse(&self.state).map_or_else(|| invalid("state", "state is not included in the list"), Ok)
    }
}

impl GitHub {
    /// `POST /repos/{o}/{r}/statuses/{sha}`
    pub fn create_status(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        sha: &str,
        new: &NewStatus,
        now: Millis,
    ) -> Result<CommitStatus, ApiError> {
        let creator = self.author_of(caller).0;
        self.call(caller, Endpoint::CreateStatus, repository, None, now, |github, id| {
            let unknown = || ApiError::new(422, &format!("No commit found for SHA: {sha}"));
            let commit = Sha::parse(sha).filter(|commit| github.repository(id).has_commit(*commit));
            let commit = commit.ok_or_else(unknown)?;
            let state = new.check()?;
            github.add_status(id, commit, state, new, creator, now)
        })
    }

    fn add_status(
        &mut self,
        id: RepositoryId,
        sha: Sha,
        state: StatusState,
        new: &NewStatus,
        creator: Login,
        now: Millis,
    ) -> Result<CommitStatus, ApiError> {
        let repository = self.repository_mut(id);
        let known = repository.statuses.entry(sha).or_default();
        if known.iter().filter(|one| one.context.eq_ignore_ascii_case(new.context())).count() >= MOST {
            let message = "This SHA and context has reached the maximum number of statuses.".to_owned();
            return Err(ApiError::invalid(Invalid { resource: "Status", code: "custom", field: None, message }));
        }
        repository.statuses_written += 1;
        let status = CommitStatus {
            id: 31_000_000_000 + repository.statuses_written,
            sha,
            state,
            context: new.context().to_owned(),
            description: new.description.clone(),
            target_url: new.target_url.clone(),
            creator,
            created_at: now,
        };
        known.push(status.clone());
        Ok(status)
    }

    /// `GET /repos/{o}/{r}/commits/{ref}/statuses`, of a commit or a branch.
    pub fn list_statuses(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        reference: &str,
        (per_page, number): (usize, usize),
        now: Millis,
    ) -> Result<StatusesPage, ApiError> {
        let at = now - caller.stale_by;
        self.call(caller, Endpoint::ListStatuses, repository, None, now, |github, id| {
            let repository = github.repository(id);
            let commit = Sha::parse(reference).unwrap_or_else(|| repository.head(reference));
            if !repository.has_commit(commit) {
                return Err(ApiError::not_found());
            }
            let all = repository.statuses(commit).iter().rev().filter(|one| one.created_at <= at);
            let total_count = all.clone().count();
            Ok(StatusesPage { total_count, statuses: page(all.cloned(), per_page, number) })
        })
    }
}
