//! The issues of the repository as the plays have them.

use crate::github::{self, Issue, IssueAnswer, IssueCall};
use crate::names::RepoName;
use crate::time::Millis;

#[derive(Debug, Clone)]
pub struct FakeIssue {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub label: Option<String>,
    pub open: bool,
    pub closed: Option<Millis>,
    /// Whether we have written it.
    pub ours: bool,
}

#[derive(Default)]
pub struct Issues {
    pub all: Vec<FakeIssue>,
    /// Of calls that write, before the honest answers, and whether the call took effect all the same.
    pub problems: Vec<(github::Error, bool)>,
    /// Of all calls, always.
    pub refusal: Option<github::Error>,
    /// When an issue was opened or changed.
    pub opened: Vec<Millis>,
    pub changed: Vec<Millis>,
    pub calls: u32,
    /// What GitHub says that their repository is called.
    pub repository: Option<RepoName>,
}

impl Issues {
    pub fn answer(&mut self, call: &IssueCall, now: Millis) -> Result<IssueAnswer, github::Error> {
        self.calls += 1;
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let writes = matches!(call, IssueCall::Open { .. } | IssueCall::Change { .. });
        let problem = if writes { self.problems.pop() } else { None };
        if let Some((problem, false)) = problem {
            return Err(problem);
        }
        let answer = self.honest(call, now);
        problem.map_or(Ok(answer), |(problem, _)| Err(problem))
    }

    fn honest(&mut self, call: &IssueCall, now: Millis) -> IssueAnswer {
        match call {
            IssueCall::Find { mark, label, page: _ } => {
                let is_it = |issue: &&FakeIssue| {
                    issue.ours && issue.body.starts_with(mark) && (label.is_none() || issue.label == *label)
                };
                self.there(self.all.iter().find(is_it))
            }
            IssueCall::Read { number } => self.there(self.all.iter().find(|issue| issue.number == *number)),
            IssueCall::Open { title, body, label } => {
                self.opened.push(now);
                self.all.push(FakeIssue {
                    number: 1 + self.all.iter().map(|issue| issue.number).max().unwrap_or(100),
                    title: title.clone(),
                    body: body.clone(),
                    label: Some(label.clone()),
                    open: true,
                    closed: None,
                    ours: true,
                });
                self.there(self.all.last())
            }
            IssueCall::Change { number, body, open } => {
                let Some(issue) = self.all.iter_mut().find(|issue| issue.number == *number) else {
                    return IssueAnswer::NotThere;
                };
                self.changed.push(now);
                issue.body.clone_from(body);
                if let Some(open) = *open {
                    issue.set_open(open, now);
                }
                self.there(self.all.iter().find(|issue| issue.number == *number))
            }
        }
    }

    fn there(&self, issue: Option<&FakeIssue>) -> IssueAnswer {
        issue.map_or(IssueAnswer::NotThere, |issue| {
            IssueAnswer::There(Issue {
                number: issue.number,
                open: issue.open,
                closed: issue.closed,
                repository: self.repository.clone(),
            })
        })
    }
}

impl FakeIssue {
    pub fn set_open(&mut self, open: bool, now: Millis) {
        (self.open, self.closed) = (open, (!open).then_some(now));
    }
}
