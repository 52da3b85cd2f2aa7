//! What the calls of errands do at GitHub: comments, commands, commit statuses, issues.

use rerunner::github::calls::commands::{self, RUNS_PER_PAGE};
use rerunner::github::calls::comments::MARK;
use rerunner::github::calls::issues::{ISSUES_PER_PAGE, Issue};
use rerunner::github::{CommandCall, CommandReply, CommentAnswer, CommentCall, IssueAnswer, IssueCall, StatusCall};
use rerunner::names::RepoName;
use rerunner::time::Millis;
use simulator::model::{ApiError, Caller, IssueChange, IssueSnapshot, IssuesQuery, NewStatus, RunsQuery};

use super::conversions::{from_model, page_of, pull_of, run_of, to_model};
use super::world::World;

impl World {
    pub fn comment(&mut self, caller: &Caller, name: &str, call: &CommentCall) -> Result<CommentAnswer, ApiError> {
        let now = to_model(self.now);
        match call {
            CommentCall::Find { pull, since, .. } => self.find_comment(caller, name, *pull, *since, MARK),
            CommentCall::Create { pull, body } => self.create_comment(caller, name, *pull, body),
            CommentCall::Edit { comment_id, body } => {
                let edited = self.github.edit_comment(*caller, name, *comment_id, body, now);
                edited.map(|made| CommentAnswer::There(made.id))
            }
        }
    }

    /// Ours, with a text that begins with the mark.
    fn find_comment(
        &mut self,
        caller: &Caller,
        name: &str,
        number: u64,
        since: Millis,
        mark: &str,
    ) -> Result<CommentAnswer, ApiError> {
        let author = caller.token.and_then(|token| self.github.login_of(token));
        let all = self.github.list_comments(*caller, name, number, to_model(since), to_model(self.now))?;
        let is_ours = |one: &&simulator::Comment| one.body.starts_with(mark) && Some(&one.author) == author.as_ref();
        let ours = all.iter().find(is_ours);
        Ok(ours.map_or(CommentAnswer::NotThere, |comment| CommentAnswer::There(comment.id)))
    }

    fn create_comment(
        &mut self,
        caller: &Caller,
        name: &str,
        number: u64,
        body: &str,
    ) -> Result<CommentAnswer, ApiError> {
        let made = self.github.create_comment(*caller, name, number, body, to_model(self.now))?;
        Ok(CommentAnswer::There(made.id))
    }

    pub fn command(&mut self, caller: &Caller, name: &str, call: &CommandCall) -> Result<CommandReply, ApiError> {
        let now = to_model(self.now);
        Ok(match call {
            CommandCall::ReadPull { pull } => {
                let pull = self.github.pull_request(*caller, name, *pull, now)?;
                CommandReply::Pull(Box::new(pull_of(&pull)))
            }
            CommandCall::ListRuns { head_sha, branch, page } => {
                let query = RunsQuery {
                    head_sha: Some(head_sha.as_str().to_owned()),
                    branch: Some(branch.clone()),
                    per_page: RUNS_PER_PAGE as usize,
                    page: *page as usize,
                    ..RunsQuery::default()
                };
                let page = self.github.list_runs(*caller, name, &query, now)?;
                CommandReply::Runs(page_of(page.runs.iter().map(run_of).collect(), RUNS_PER_PAGE))
            }
            CommandCall::React { comment_id, reaction } => {
                self.github.create_reaction(*caller, name, comment_id.get(), reaction.as_str(), now)?;
                CommandReply::Reacted
            }
            CommandCall::FindAnswer { pull, to, since, .. } => {
                let mark = commands::mark(*to);
                CommandReply::Answer(self.find_comment(caller, name, *pull, *since, &mark)?)
            }
            CommandCall::Answer { pull, body } => CommandReply::Answer(self.create_comment(caller, name, *pull, body)?),
        })
    }

    pub fn commit_status(&mut self, caller: &Caller, name: &str, call: &StatusCall) -> Result<(), ApiError> {
        let StatusCall { sha, context, shown, target_url } = call;
        let new = NewStatus {
            state: shown.state.as_str().to_owned(),
            context: Some(context.clone()),
            description: Some(shown.description.clone()),
            target_url: Some(target_url.clone()),
        };
        self.github.create_status(*caller, name, sha.as_str(), &new, to_model(self.now)).map(drop)
    }

    pub fn issue(&mut self, caller: &Caller, name: &str, call: &IssueCall) -> Result<IssueAnswer, ApiError> {
        let now = to_model(self.now);
        let there = |issue: &IssueSnapshot| IssueAnswer::There(issue_of(issue, name));
        match call {
            IssueCall::Find { mark, label, page } => {
                let author = caller.token.and_then(|token| self.github.login_of(token));
                let query = IssuesQuery {
                    state: Some("all".to_owned()),
                    labels: label.iter().cloned().collect(),
                    sort: label.is_none().then(|| "updated".to_owned()),
                    per_page: ISSUES_PER_PAGE,
                    page: *page as usize,
                    ..IssuesQuery::default()
                };
                let found = self.github.list_issues(*caller, name, &query, now)?.issues;
                let is_marked = |one: &&IssueSnapshot| {
                    one.issue.body.as_ref().is_some_and(|body| body.starts_with(mark))
                        && one.pull.is_none()
                        && Some(&one.issue.author) == author.as_ref()
                };
                let ours = found.iter().filter(is_marked).min_by_key(|one| one.issue.number);
                let none =
                    if found.len() >= ISSUES_PER_PAGE { IssueAnswer::NotOnThisPage } else { IssueAnswer::NotThere };
                Ok(ours.map_or(none, there))
            }
            IssueCall::Read { number } => self.github.read_issue(*caller, name, *number, now).map(|one| there(&one)),
            IssueCall::Open { title, body, label } => {
                let new = IssueChange {
                    title: Some(title.clone()),
                    body: Some(body.clone()),
                    labels: Some(vec![label.clone()]),
                    ..IssueChange::default()
                };
                self.github.create_issue(*caller, name, &new, now).map(|one| there(&one))
            }
            IssueCall::Change { number, body, open } => {
                let state = open.map(|open| if open { "open" } else { "closed" }.to_owned());
                let change = IssueChange { body: Some(body.clone()), state, ..IssueChange::default() };
                self.github.edit_issue(*caller, name, *number, &change, now).map(|one| there(&one))
            }
        }
    }
}

fn issue_of(shown: &IssueSnapshot, repository: &str) -> Issue {
    Issue {
        number: shown.issue.number,
        open: shown.issue.open,
        closed: shown.issue.closed_at.map(from_model),
        repository: RepoName::parse(repository).ok(),
    }
}
