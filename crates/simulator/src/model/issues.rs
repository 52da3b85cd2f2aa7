//! Issues. They and pull requests share their numbers, and to the API each pull request is an issue too.

use super::{ApiError, GitHub, Invalid, Login, Millis, Repository, RepositoryId};

const LONGEST_TITLE: usize = 256;
pub(super) const LONGEST_BODY: usize = 65_536;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub author: Login,
    pub association: Association,
    /// The App that wrote it, by number.
    pub app: Option<u64>,
    pub labels: Vec<String>,
    pub open: bool,
    pub state_reason: Option<StateReason>,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub closed_at: Option<Millis>,
    pub closed_by: Option<Login>,
    /// How often the API has changed it.
    pub edits: u32,
}

/// What a person is to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Association {
    Owner,
    Member,
    Collaborator,
    Contributor,
    FirstTimeContributor,
    FirstTimer,
    Mannequin,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateReason {
    Completed,
    NotPlanned,
    Duplicate,
    Reopened,
}

/// An issue as it is shown.
#[derive(Debug, Clone)]
pub struct IssueSnapshot {
    pub issue: Issue,
    pub comments: usize,
    /// Of one that is a pull request.
    pub pull: Option<ShownAsIssue>,
}

/// What an issue says of the pull request that it is.
#[derive(Debug, Clone, Copy)]
pub struct ShownAsIssue {
    pub draft: bool,
    pub merged_at: Option<Millis>,
}

/// What a caller wants to open, or to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct IssueChange {
    pub title: Option<String>,
    pub body: Option<String>,
    pub labels: Option<Vec<String>>,
    pub state: Option<String>,
    pub state_reason: Option<String>,
}

/// What to list. `Default` is every open one, the newest first, 30 a page.
#[derive(Debug, Clone, Default)]
pub struct IssuesQuery {
    /// `open`, `closed` or `all`.
    pub state: Option<String>,
    pub creator: Option<String>,
    /// All of them.
    pub labels: Vec<String>,
    /// Changed then or later.
    pub since: Millis,
    /// `created`, `updated` or `comments`.
    pub sort: Option<String>,
    pub ascending: bool,
    /// 0: not said.
    pub per_page: usize,
    /// From 1; 0: not said.
    pub page: usize,
}

#[derive(Debug, Clone)]
pub struct IssuesPage {
    /// Of all pages. The answer itself does not say it.
    pub total_count: usize,
    pub issues: Vec<IssueSnapshot>,
}

impl Association {
    pub fn as_str(self) -> &'static str {
        match self {
            Association::Owner => "OWNER",
            Association::Member => "MEMBER",
            Association::Collaborator => "COLLABORATOR",
            Association::Contributor => "CONTRIBUTOR",
            Association::FirstTimeContributor => "FIRST_TIME_CONTRIBUTOR",
            Association::FirstTimer => "FIRST_TIMER",
            Association::Mannequin => "MANNEQUIN",
            Association::None => "NONE",
        }
    }

    /// Of whoever calls the API: an App is nothing to a repository.
    pub(super) fn of_caller(app: Option<u64>) -> Association {
        if app.is_some() { Association::None } else { Association::Collaborator }
    }
}

impl StateReason {
    pub fn as_str(self) -> &'static str {
        match self {
            StateReason::Completed => "completed",
            StateReason::NotPlanned => "not_planned",
            StateReason::Duplicate => "duplicate",
            StateReason::Reopened => "reopened",
        }
    }

    pub(super) fn parse(text: &str) -> Option<StateReason> {
        use StateReason::{Completed, Duplicate, NotPlanned, Reopened};
        [Completed, NotPlanned, Duplicate, Reopened].into_iter().find(|reason| reason.as_str() == text)
    }
}

impl Issue {
    /// The reason counts only where the state changes.
    pub(super) fn set_open(&mut self, open: bool, reason: Option<StateReason>, by: Login, now: Millis) {
        if self.open == open {
            return;
        }
        (self.open, self.updated_at) = (open, now);
        (self.closed_at, self.closed_by) = if open { (None, None) } else { (Some(now), Some(by)) };
        self.state_reason = Some(match reason {
            _ if open => StateReason::Reopened,
            Some(reason) if reason != StateReason::Reopened => reason,
            _ => StateReason::Completed,
        });
    }
}

impl IssueChange {
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let invalid = |field: &'static str, message: String| {
            Err(ApiError::invalid(Invalid { resource: "Issue", code: "custom", field: Some(field), message }))
        };
        let too_long = |name: &str, most: usize| format!("{name} is too long (maximum is {most} characters)");
        let is_long =
            |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.chars().count() > most);
        if is_long(&self.title, LONGEST_TITLE) {
            return invalid("title", too_long("title", LONGEST_TITLE));
        }
        if is_long(&self.body, LONGEST_BODY) {
            return invalid("body", too_long("body", LONGEST_BODY));
        }
        if self.state.as_deref().is_some_and(|state| !["open", "closed"].contains(&state)) {
            return invalid("state", "state is not included in the list".to_owned());
        }
        if self.state_reason.as_deref().is_some_and(|reason| StateReason::parse(reason).is_none()) {
            return invalid("state_reason", "state_reason is not included in the list".to_owned());
        }
        Ok(())
    }
}

impl GitHub {
    /// A person opens one; its number.
    pub fn open_issue(&mut self, repository: RepositoryId, title: &str, author: impl Into<Login>, now: Millis) -> u64 {
        self.repository_mut(repository).open_issue(title.to_owned(), author.into(), None, now)
    }

    /// A person closes one, or opens it again.
    #[track_caller]
    pub fn set_issue_open(
        &mut self,
        repository: RepositoryId,
        number: u64,
        open: bool,
        by: impl Into<Login>,
        now: Millis,
    ) {
        let issue = self.repository_mut(repository).issue_mut(number).expect("an issue of this repository");
        issue.set_open(open, None, by.into(), now);
    }
}

impl IssuesQuery {
    pub(super) fn takes(&self, one: &IssueSnapshot) -> bool {
        let issue = &one.issue;
        let state = match self.state.as_deref() {
            Some("all") => true,
            Some("closed") => !issue.open,
            _ => issue.open,
        };
        let has = |label: &String| issue.labels.iter().any(|known| known.eq_ignore_ascii_case(label));
        state
            && self.creator.as_ref().is_none_or(|creator| creator.eq_ignore_ascii_case(issue.author.as_str()))
            && self.labels.iter().all(has)
            && issue.updated_at >= self.since
    }
}

impl Repository {
    pub(super) fn has_issues(&self) -> Result<(), ApiError> {
        if self.identity.has_issues { Ok(()) } else { Err(ApiError::new(410, "Issues are disabled for this repo")) }
    }

    pub(super) fn open_issue(&mut self, title: String, author: Login, app: Option<u64>, now: Millis) -> u64 {
        let number = self.next_number();
        let issue = Issue {
            number,
            title,
            body: None,
            author,
            association: Association::None,
            app,
            labels: vec![],
            open: true,
            state_reason: None,
            created_at: now,
            updated_at: now,
            closed_at: None,
            closed_by: None,
            edits: 0,
        };
        self.issues.insert(number, issue);
        number
    }

    pub fn issue(&self, number: u64) -> Option<&Issue> {
        self.issues.get(&number)
    }

    pub fn issues(&self) -> impl Iterator<Item = &Issue> {
        self.issues.values()
    }

    pub(super) fn issue_mut(&mut self, number: u64) -> Option<&mut Issue> {
        self.issues.get_mut(&number)
    }

    /// Whether comments may be written there.
    pub(super) fn check_commentable(&self, number: u64) -> Result<(), ApiError> {
        match (self.pull(number), self.issue(number)) {
            (Some(_), _) => Ok(()),
            (None, Some(_)) => self.has_issues(),
            (None, None) => Err(ApiError::not_found()),
        }
    }

    /// The issue, or the pull request as one.
    pub fn issue_snapshot(&self, number: u64) -> Option<IssueSnapshot> {
        let comments = self.comments.iter().filter(|comment| comment.number == number).count();
        if let Some(issue) = self.issue(number) {
            return Some(IssueSnapshot { issue: issue.clone(), comments, pull: None });
        }
        let pull = self.pull(number)?;
        let merged_at = pull.closed_at.filter(|_| pull.merged);
        let issue = Issue {
            number,
            title: pull.title(),
            body: None,
            author: pull.author.clone(),
            association: pull.association(),
            app: None,
            labels: vec![],
            open: pull.open,
            state_reason: None,
            created_at: pull.created_at,
            updated_at: pull.updated_at,
            closed_at: pull.closed_at,
            closed_by: pull.closed_at.map(|_| Login::from("mona")),
            edits: 0,
        };
        Some(IssueSnapshot { issue, comments, pull: Some(ShownAsIssue { draft: pull.draft, merged_at }) })
    }

    /// By their numbers; without issues, pull requests alone.
    pub fn shown_issues(&self) -> Vec<IssueSnapshot> {
        let issues = self.issues.keys().filter(|_| self.identity.has_issues);
        let mut numbers: Vec<u64> = self.pulls().map(|pull| pull.number).chain(issues.copied()).collect();
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| self.issue_snapshot(number)).collect()
    }

    /// A comment changes when an issue, or a pull request, was last changed.
    pub(super) fn touch(&mut self, number: u64, now: Millis) {
        if let Some(issue) = self.issues.get_mut(&number) {
            issue.updated_at = now;
        } else if self.pull(number).is_some() {
            self.pull_mut(number).updated_at = now;
        }
    }
}
