//! The API's calls about issues.

use super::answer::page;
use super::{
    ApiError, Association, Caller, Endpoint, GitHub, Invalid, IssueChange, IssueSnapshot, IssuesPage, IssuesQuery,
    Millis, StateReason,
};

impl GitHub {
    /// `POST /repos/{o}/{r}/issues`
    pub fn create_issue(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        new: &IssueChange,
        now: Millis,
    ) -> Result<IssueSnapshot, ApiError> {
        let (author, app) = self.author_of(caller);
        self.call(caller, Endpoint::CreateIssue, repository, None, now, |github, id| {
            let repository = github.repository_mut(id);
            repository.has_issues()?;
            new.check()?;
            let Some(title) = new.title.clone().filter(|title| !title.is_empty()) else {
                let wrong =
                    Invalid { resource: "Issue", code: "missing_field", field: Some("title"), message: String::new() };
                return Err(ApiError::invalid(wrong));
            };
            let number = repository.open_issue(title, author, app, now);
            let issue = repository.issue_mut(number).expect("just opened");
            issue.body.clone_from(&new.body);
            issue.labels = new.labels.clone().unwrap_or_default();
            issue.association = Association::of_caller(app);
            repository.issue_snapshot(number).ok_or_else(ApiError::not_found)
        })
    }

    /// `GET /repos/{o}/{r}/issues`, pull requests among them.
    pub fn list_issues(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        query: &IssuesQuery,
        now: Millis,
    ) -> Result<IssuesPage, ApiError> {
        let at = now - caller.stale_by;
        self.call(caller, Endpoint::ListIssues, repository, None, now, |github, id| {
            let mut all = github.repository(id).shown_issues();
            all.retain(|one| one.issue.created_at <= at && query.takes(one));
            match query.sort.as_deref() {
                Some("updated") => all.sort_by_key(|one| one.issue.updated_at),
                Some("comments") => all.sort_by_key(|one| one.comments),
                _ => {}
            }
            if !query.ascending {
                all.reverse();
            }
            Ok(IssuesPage { total_count: all.len(), issues: page(all.into_iter(), query.per_page, query.page) })
        })
    }

    /// `GET /repos/{o}/{r}/issues/{number}`
    pub fn read_issue(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        number: u64,
        now: Millis,
    ) -> Result<IssueSnapshot, ApiError> {
        self.call(caller, Endpoint::ReadIssue, repository, None, now, |github, id| {
            let repository = github.repository(id);
            if repository.issue(number).is_some() {
                repository.has_issues()?;
            }
            repository.issue_snapshot(number).ok_or_else(ApiError::not_found)
        })
    }

    /// `PATCH /repos/{o}/{r}/issues/{number}`. Nobody has a reason to change a pull request so, and it cannot be done here.
    pub fn edit_issue(
        &mut self,
        caller: Caller<'_>,
        repository: &str,
        number: u64,
        change: &IssueChange,
        now: Millis,
    ) -> Result<IssueSnapshot, ApiError> {
        let (by, _) = self.author_of(caller);
        self.call(caller, Endpoint::EditIssue, repository, None, now, |github, id| {
            let repository = github.repository_mut(id);
            repository.has_issues()?;
            let issue = repository.issue_mut(number).ok_or_else(ApiError::not_found)?;
            change.check()?;
            issue.title = change.title.clone().unwrap_or_else(|| issue.title.clone());
            issue.body = change.body.clone().or_else(|| issue.body.clone());
            issue.labels = change.labels.clone().unwrap_or_else(|| issue.labels.clone());
            if let Some(state) = &change.state {
                let reason = change.state_reason.as_deref().and_then(StateReason::parse);
                issue.set_open(state == "open", reason, by, now);
            }
            issue.updated_at = now;
            issue.edits += 1;
            repository.issue_snapshot(number).ok_or_else(ApiError::not_found)
        })
    }
}
