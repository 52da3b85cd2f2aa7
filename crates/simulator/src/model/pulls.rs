//! The API's list of pull requests.

use super::answer::page;
use super::{ApiError, Caller, Endpoint, GitHub, Millis, PullRequest, PullRequestSnapshot, Repository};

/// What to list. `Default` is every open one, 30 a page.
#[derive(Debug, Clone, Default)]
pub struct PullsQuery {
    /// `OWNER:BRANCH`. GitHub leaves out what is not that.
    pub head: Option<String>,
    /// `open`, `closed` or `all`.
    pub state: Option<String>,
    /// 0: not said.
    pub per_page: usize,
    /// From 1; 0: not said.
    pub page: usize,
}

/// Newest first.
#[derive(Debug, Clone)]
pub struct PullsPage {
    /// Of all pages. The answer itself does not say it.
    pub total_count: usize,
    pub pulls: Vec<PullRequestSnapshot>,
}

impl GitHub {
    /// `GET /repos/{o}/{r}/pulls`
    pub fn list_pull_requests(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        query: &PullsQuery,
        now: Millis,
    ) -> Result<PullsPage, ApiError> {
        self.call(caller, Endpoint::ListPullRequests, repository, None, now, |github, id| {
            let repository = github.repository(id);
            let all: Vec<&PullRequest> =
                repository.pulls().rev().filter(|pull| query.takes(repository, pull)).collect();
            let total_count = all.len();
            let pulls = page(all.into_iter(), query.per_page, query.page);
            let pulls = pulls.into_iter().map(|pull| PullRequestSnapshot::of(repository, pull)).collect();
            Ok(PullsPage { total_count, pulls })
        })
    }
}

impl PullsQuery {
    fn takes(&self, repository: &Repository, pull: &PullRequest) -> bool {
        let state = match self.state.as_deref() {
            Some("all") => true,
            Some("closed") => !pull.open,
            _ => pull.open,
        };
        let own = repository.name().owner();
        let owner = if pull.from_fork { pull.author.as_str() } else { own };
        let head = self.head.as_ref().and_then(|head| head.split_once(':'));
        state && head.is_none_or(|(of, branch)| of.eq_ignore_ascii_case(owner) && branch == &*pull.head_branch)
    }
}

impl PullRequestSnapshot {
    pub(super) fn of(repository: &Repository, pull: &PullRequest) -> PullRequestSnapshot {
        PullRequestSnapshot {
            pull: pull.clone(),
            base_branch: repository.identity.default_branch.to_string(),
            base_sha: pull.base_sha,
            repository: repository.name().to_string(),
            author: pull.author.clone(),
        }
    }
}
