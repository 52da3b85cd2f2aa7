//! What an API call is made of, and what can be wrong with it.

use super::{Login, Millis, RunId};

/// Who calls, and how.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    pub token: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    /// The answer is of this long ago, as from a replica that lags behind. Reads of runs and jobs only.
    pub stale_by: Millis,
    /// Calls of the moment, this one among them, for the limit on concurrent calls.
    pub in_flight: u32,
}

impl<'a> Caller<'a> {
    /// A well-behaved caller with this token.
    pub fn new(token: &'a str) -> Caller<'a> {
        Caller { token: Some(token), user_agent: Some("simulation"), stale_by: 0, in_flight: 1 }
    }

    pub fn stale_by(mut self, by: Millis) -> Caller<'a> {
        self.stale_by = by;
        self
    }
}

/// The API's endpoints that are modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    ReadRepository,
    ReadRun,
    ListRuns,
    ListWorkflowRuns,
    ListJobs,
    ReadWorkflow,
    RerunFailedJobs,
    Rerun,
    RerunJob,
    Annotations,
    JobLog,
    PullRequest,
    ListPullRequests,
    Contents,
    ListComments,
    CreateComment,
    EditComment,
    CreateReaction,
    CreateIssue,
    ListIssues,
    ReadIssue,
    EditIssue,
    CreateStatus,
    ListStatuses,
    App,
    Installation,
    CreateToken,
    AppHook,
    AppDeliveries,
    AppRedelivery,
    ConvertManifest,
    Hooks,
    Deliveries,
    Redelivery,
    RateLimit,
    User,
}

/// How far a permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    None,
    Read,
    Write,
}

impl Endpoint {
    pub fn is_write(self) -> bool {
        use Endpoint::{CreateComment, CreateIssue, CreateReaction, CreateStatus, EditComment, EditIssue};
        use Endpoint::{Rerun, RerunFailedJobs, RerunJob};
        matches!(self, RerunFailedJobs | Rerun | RerunJob | CreateComment | EditComment)
            || matches!(self, CreateStatus | CreateReaction | CreateIssue | EditIssue)
    }

    /// How an answer of the endpoint's looks that has nothing on it.
    pub fn empty_list(self) -> &'static str {
        use Endpoint::{Annotations, ListComments, ListIssues, ListPullRequests, ListStatuses};
        match self {
            ListComments | ListIssues | ListStatuses | ListPullRequests | Annotations => "[]",
            Endpoint::ListRuns | Endpoint::ListWorkflowRuns => r#"{"total_count":0,"workflow_runs":[]}"#,
            _ => r#"{"total_count":0,"jobs":[]}"#,
        }
    }

    /// Whether anybody may, of a public repository: GitHub's documentation says of these that they "can be used without
    /// authentication or the aforementioned permissions if only public resources are requested".
    pub fn is_open_to_all(self) -> bool {
        let of_owners = matches!(self, Endpoint::Hooks | Endpoint::Deliveries | Endpoint::Redelivery);
        !(self.is_write() || of_owners || self == Endpoint::JobLog)
    }

    /// The permission that a fine-grained token needs: any one of these.
    pub fn permissions(self) -> (&'static [&'static str], Permission) {
        match self {
            Endpoint::ReadRepository => (&["metadata"], Permission::Read),
            Endpoint::Annotations => (&["checks"], Permission::Read),
            Endpoint::PullRequest | Endpoint::ListPullRequests => (&["pull_requests"], Permission::Read),
            Endpoint::ListComments => (&["issues", "pull_requests"], Permission::Read),
            Endpoint::CreateComment | Endpoint::EditComment => (&["issues", "pull_requests"], Permission::Write),
            Endpoint::CreateReaction => (&["issues", "pull_requests"], Permission::Write),
            Endpoint::ListIssues | Endpoint::ReadIssue => (&["issues"], Permission::Read),
            Endpoint::CreateIssue | Endpoint::EditIssue => (&["issues"], Permission::Write),
            Endpoint::CreateStatus => (&["statuses"], Permission::Write),
            Endpoint::ListStatuses => (&["statuses"], Permission::Read),
            Endpoint::Contents => (&["contents"], Permission::Read),
            Endpoint::Hooks | Endpoint::Deliveries => (&["repository_hooks"], Permission::Read),
            Endpoint::Redelivery => (&["repository_hooks"], Permission::Write),
            endpoint if endpoint.is_write() => (&["actions"], Permission::Write),
            _ => (&["actions"], Permission::Read),
        }
    }
}

/// An answer that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    pub message: String,
    /// What is wrong with what was sent.
    pub errors: Vec<Invalid>,
    /// Lower-case names; the rate limit's headers come on top.
    pub headers: Vec<(String, String)>,
    /// GitHub's front door answers in plain text, not in JSON.
    pub plain_text: bool,
}

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub resource: &'static str,
    pub code: &'static str,
    pub field: Option<&'static str>,
    pub message: String,
}

impl ApiError {
    pub fn new(status: u16, message: &str) -> ApiError {
        ApiError { status, message: message.to_owned(), errors: vec![], headers: vec![], plain_text: false }
    }

    pub fn not_found() -> ApiError {
        ApiError::new(404, "Not Found")
    }

    pub fn invalid(wrong: Invalid) -> ApiError {
        ApiError { errors: vec![wrong], ..ApiError::new(422, "Validation Failed") }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> ApiError {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn headers(mut self, headers: impl IntoIterator<Item = (String, String)>) -> ApiError {
        self.headers.extend(headers);
        self
    }
}

/// A call that was made, as GitHub saw it: what the caller got may have been something else.
#[derive(Debug, Clone)]
pub struct ApiCall {
    pub at: Millis,
    pub endpoint: Endpoint,
    pub repository: String,
    pub run: Option<RunId>,
    /// Whose token it was, if it was good.
    pub login: Option<Login>,
    pub status: u16,
    /// Of an error.
    pub message: Option<String>,
}

/// GitHub's numbers of a page: at most 100 a page, 30 if not said, counted from 1.
pub(crate) fn page<T>(all: impl Iterator<Item = T>, per_page: usize, page: usize) -> Vec<T> {
    let per_page = if per_page == 0 { 30 } else { per_page.min(100) };
    all.skip((page.max(1) - 1) * per_page).take(per_page).collect()
}
