//! What GitHub tells of by webhook.

use std::sync::Arc;

use super::{Comment, IssueSnapshot, Job, Login, Millis, RepositoryIdentity, RunSnapshot};

/// The kinds of events that a repository sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    WorkflowRun,
    WorkflowJob,
    CheckRun,
    IssueComment,
}

impl EventKind {
    pub fn parse(event: &str) -> Option<EventKind> {
        [EventKind::WorkflowRun, EventKind::WorkflowJob, EventKind::CheckRun, EventKind::IssueComment]
            .into_iter()
            .find(|kind| kind.as_str() == event)
    }

    /// As in the `X-GitHub-Event` header.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::WorkflowRun => "workflow_run",
            EventKind::WorkflowJob => "workflow_job",
            EventKind::CheckRun => "check_run",
            EventKind::IssueComment => "issue_comment",
        }
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKinds {
    pub workflow_run: bool,
    pub workflow_job: bool,
    pub check_run: bool,
    pub issue_comment: bool,
}

impl EventKinds {
    pub const ALL: EventKinds =
        EventKinds { workflow_run: true, workflow_job: true, check_run: true, issue_comment: true };
    pub const NONE: EventKinds =
        EventKinds { workflow_run: false, workflow_job: false, check_run: false, issue_comment: false };

    pub fn only(kind: EventKind) -> EventKinds {
        EventKinds::NONE.and(kind)
    }

    pub fn and(mut self, kind: EventKind) -> EventKinds {
        match kind {
            EventKind::WorkflowRun => self.workflow_run = true,
            EventKind::WorkflowJob => self.workflow_job = true,
            EventKind::CheckRun => self.check_run = true,
            EventKind::IssueComment => self.issue_comment = true,
        }
        self
    }

    pub fn contains(self, kind: EventKind) -> bool {
        match kind {
            EventKind::WorkflowRun => self.workflow_run,
            EventKind::WorkflowJob => self.workflow_job,
            EventKind::CheckRun => self.check_run,
            EventKind::IssueComment => self.issue_comment,
        }
    }
}

/// Something of a run that GitHub tells of by webhook, with all that the webhook says.
#[derive(Debug, Clone)]
pub struct Event {
    pub at: Millis,
    pub sender: Login,
    /// The run, as it was then.
    pub run: RunSnapshot,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    WorkflowRun(RunAction),
    WorkflowJob(JobAction, Box<Job>),
    /// The check run of a job: `Queued` is `created`.
    CheckRun(JobAction, Box<Job>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAction {
    Requested,
    InProgress,
    Completed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAction {
    Queued,
    InProgress,
    Completed,
}

/// A comment that GitHub tells of by webhook, with all that the webhook says.
#[derive(Debug, Clone)]
pub struct CommentEvent {
    pub at: Millis,
    /// Whoever wrote, changed or deleted it.
    pub sender: Login,
    pub repository: Arc<RepositoryIdentity>,
    pub action: CommentAction,
    pub comment: Comment,
    /// What it is on, as it was then.
    pub issue: IssueSnapshot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommentAction {
    Created,
    Edited { before: String },
    Deleted,
}

impl CommentAction {
    pub fn as_str(&self) -> &'static str {
        match self {
            CommentAction::Created => "created",
            CommentAction::Edited { .. } => "edited",
            CommentAction::Deleted => "deleted",
        }
    }
}

impl CommentEvent {
    /// The permissions one of which an App needs to be told.
    pub fn permissions(&self) -> &'static [&'static str] {
        if self.comment.on_pull { &["issues", "pull_requests"] } else { &["issues"] }
    }
}

impl Event {
    pub fn kind(&self) -> EventKind {
        match self.what {
            What::WorkflowRun(_) => EventKind::WorkflowRun,
            What::WorkflowJob(..) => EventKind::WorkflowJob,
            What::CheckRun(..) => EventKind::CheckRun,
        }
    }

    pub fn action(&self) -> &'static str {
        match self.what {
            What::WorkflowRun(RunAction::Requested) => "requested",
            What::WorkflowRun(RunAction::InProgress) | What::WorkflowJob(JobAction::InProgress, _) => "in_progress",
            What::WorkflowJob(JobAction::Queued, _) => "queued",
            What::CheckRun(JobAction::Completed, _) => "completed",
            What::CheckRun(..) => "created",
            What::WorkflowRun(RunAction::Completed) | What::WorkflowJob(JobAction::Completed, _) => "completed",
        }
    }

    /// The job that the event is about, unless it is about the run.
    pub fn job(&self) -> Option<&Job> {
        match &self.what {
            What::WorkflowRun(_) => None,
            What::WorkflowJob(_, job) | What::CheckRun(_, job) => Some(job),
        }
    }
}
