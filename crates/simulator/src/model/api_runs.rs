//! The API's lists of runs.

use super::answer::page;
use super::{ApiError, Caller, Endpoint, GitHub, Millis, RepositoryId, Run, RunSnapshot};

/// GitHub finds no more runs than this in a search, on however many pages.
const MOST_FOUND: usize = 1_000;

/// What to list. `Default` is everything, 30 a page.
#[derive(Debug, Clone, Default)]
pub struct RunsQuery {
    /// A status or a conclusion.
    pub status: Option<String>,
    pub created: CreatedFilter,
    /// The branch's name alone: a fork's branch of that name counts too.
    pub branch: Option<String>,
    pub event: Option<String>,
    pub actor: Option<String>,
    pub head_sha: Option<String>,
    /// 0: not said.
    pub per_page: usize,
    /// From 1; 0: not said.
    pub page: usize,
}

/// `created=`: both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatedFilter {
    pub from: Millis,
    pub to: Millis,
}

impl Default for CreatedFilter {
    fn default() -> CreatedFilter {
        CreatedFilter { from: 0, to: Millis::MAX }
    }
}

/// Newest first.
#[derive(Debug, Clone)]
pub struct RunsPage {
    /// Of all pages, as far as GitHub lists them.
    pub total_count: usize,
    pub runs: Vec<RunSnapshot>,
}

impl GitHub {
    /// `GET /repos/{o}/{r}/actions/runs`
    pub fn list_runs(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        query: &RunsQuery,
        now: Millis,
    ) -> Result<RunsPage, ApiError> {
        self.call(caller, Endpoint::ListRuns, repository, None, now, |github, id| {
            Ok(github.find_runs(id, None, query, now - caller.stale_by))
        })
    }

    /// `GET /repos/{o}/{r}/actions/workflows/{id}/runs`: of a workflow by its id or its file's name.
    pub fn list_workflow_runs(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        workflow: &str,
        query: &RunsQuery,
        now: Millis,
    ) -> Result<RunsPage, ApiError> {
        self.call(caller, Endpoint::ListWorkflowRuns, repository, None, now, |github, id| {
            let file = |path: &str| path.rsplit('/').next().is_some_and(|name| name == workflow);
            let known = github.repository(id).workflows.iter();
            let mut known = known.filter(|one| one.number.to_string() == workflow || file(&one.workflow.path));
            let number = known.next().ok_or_else(ApiError::not_found)?.number;
            Ok(github.find_runs(id, Some(number), query, now - caller.stale_by))
        })
    }

    fn find_runs(&self, id: RepositoryId, workflow: Option<u64>, query: &RunsQuery, at: Millis) -> RunsPage {
        let most = if query.is_search() { MOST_FOUND } else { usize::MAX };
        let runs: Vec<RunSnapshot> = self
            .newest_first(id, query.created, at)
            .filter(|run| workflow.is_none_or(|number| run.identity.workflow_number == number))
            .map(|run| run.snapshot(run.latest_at(at), at, self.pull_ref(run)))
            .filter(|run| query.takes(run))
            .take(most)
            .collect();
        RunsPage { total_count: runs.len(), runs: page(runs.into_iter(), query.per_page, query.page) }
    }

    pub(super) fn newest_first(
        &self,
        id: RepositoryId,
        created: CreatedFilter,
        at: Millis,
    ) -> impl Iterator<Item = &Run> {
        let runs = self.repository(id).runs.iter().rev().filter_map(|run| self.find_run(*run));
        runs.skip_while(move |run| run.identity.created_at > created.to.min(at))
            .take_while(move |run| run.identity.created_at >= created.from)
    }
}

impl RunsQuery {
    /// Whether anything is looked for: only then is there an end to what GitHub lists.
    fn is_search(&self) -> bool {
        let RunsQuery { status, created, branch, event, actor, head_sha, per_page: _, page: _ } = self;
        let texts = [status, branch, event, actor, head_sha];
        texts.into_iter().any(Option::is_some) || *created != CreatedFilter::default()
    }

    fn takes(&self, run: &RunSnapshot) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        let status = match (&self.status, run.conclusion) {
            (Some(status), Some(conclusion)) if status == conclusion.as_str() => true,
            (status, _) => is(status, run.status.as_str()),
        };
        status
            && is(&self.branch, &run.identity.head_branch)
            && is(&self.event, &run.identity.event)
            && is(&self.actor, run.identity.actor.as_str())
            && self.head_sha.as_ref().is_none_or(|wanted| *wanted == run.identity.head_sha.to_string())
    }
}
