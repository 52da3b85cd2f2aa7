//! What is done for people, beside all else: no re-run waits for it. Each kind has its own file, which claims it, and says what
//! calls it takes and what becomes of their answers; [`super::errand_answer`] has what these have in common. Here is the way
//! of all of them: claimed, done ([`Errand::run`]), finished ([`Keeper::finish_errand`]), and how far apart they are.

use crate::github::{self, Call, CommentAnswer, Response};
use crate::keeper::Keeper;
use crate::keeper::context::Context;
use crate::keeper::store::{Sql, StoreError};
use crate::keeper::subrequests::{COMMENT, ISSUE};
use crate::time::Span;

use super::Task;
use super::command::{self, CommandWork, NextForCommand, Worked};
use super::command_reply::{self, CommandReply};
use super::comment::{self, Comment};
use super::commit_status::{self, CommitStatusErrand};
use super::errand_answer::Warning;
use super::flaky_issue::{self, FlakyIssue, Written};

/// "Make requests that create content no more than once a second" (GitHub Docs, "Best practices for using the REST API"): an
/// errand has one at most.
pub(super) const APART: Span = Span::seconds(1);

/// Claimed, and to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    Comment(Comment),
    CommitStatus(CommitStatusErrand),
    Command(CommandWork),
    Reply(CommandReply),
    FlakyIssue(Box<FlakyIssue>),
}

/// What came of it.
#[derive(Debug)]
pub enum Finished {
    Comment(Comment, Result<CommentAnswer, github::Error>),
    CommitStatus(CommitStatusErrand, Result<(), github::Error>),
    Command(CommandWork, Box<Worked>),
    Reply(CommandReply, Result<(), github::Error>),
    FlakyIssue(Box<FlakyIssue>, Result<Written, github::Error>),
}

impl Errand {
    /// Requests that it takes at most.
    pub fn requests(&self) -> u32 {
        match self {
            Self::Comment(_) => COMMENT,
            Self::CommitStatus(_) => 1,
            Self::Command(work) => work.requests(),
            Self::Reply(reply) => reply.requests(),
            Self::FlakyIssue(_) => ISSUE,
        }
    }

    /// Whether it writes something for people.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Comment(_) | Self::CommitStatus(_) | Self::Reply(_) | Self::FlakyIssue(_) => true,
            Self::Command(_) => false,
        }
    }

    /// Makes the calls that it takes: each is answered before the next.
    pub async fn run(self, call: impl AsyncFn(Call) -> Response) -> Finished {
        match self {
            Self::Comment(comment) => {
                let answer = comment::write(&comment, call).await;
                Finished::Comment(comment, answer)
            }
            Self::CommitStatus(status) => {
                let answer = commit_status::write(&status, call).await;
                Finished::CommitStatus(status, answer)
            }
            Self::Command(work) => {
                let worked = command::work(&work, call).await;
                Finished::Command(work, Box::new(worked))
            }
            Self::Reply(reply) => {
                let answer = command_reply::write(&reply, call).await;
                Finished::Reply(reply, answer)
            }
            Self::FlakyIssue(issue) => {
                let answer = flaky_issue::write(&issue, call).await;
                Finished::FlakyIssue(issue, answer)
            }
        }
    }
}

/// Each kind, claimed for the list of tasks; then what all of them end with.
impl<S: Sql> Keeper<S> {
    pub(super) fn comment_errand(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        Ok(self.claim_comment(cx)?.map(Errand::Comment).map(Task::Errand))
    }

    pub(super) fn reply_errand(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        Ok(self.claim_reply(cx)?.map(Errand::Reply).map(Task::Errand))
    }

    pub(super) fn command_errand(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let errand = self.claim_command(cx)?.map(|next| match next {
            NextForCommand::Reply(reply) => Errand::Reply(reply),
            NextForCommand::Work(work) => Errand::Command(work),
        });
        Ok(errand.map(Task::Errand))
    }

    pub(super) fn flaky_issue_errand(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        Ok(self.claim_flaky_issue(cx)?.map(|issue| Errand::FlakyIssue(Box::new(issue))).map(Task::Errand))
    }

    pub(super) fn commit_status_errand(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        Ok(self.claim_commit_status(cx)?.map(Errand::CommitStatus).map(Task::Errand))
    }

    pub fn finish_errand(&self, finished: Finished, cx: &Context) -> Result<Option<Warning>, StoreError> {
        self.step(|| {
            let trouble = match finished {
                Finished::Comment(comment, answer) => self.finish_comment(&comment, answer, cx),
                Finished::CommitStatus(status, answer) => self.finish_commit_status(&status, answer, cx),
                Finished::Command(work, worked) => return self.finish_command(&work, *worked, cx),
                Finished::Reply(reply, answer) => self.finish_reply(&reply, answer, cx),
                Finished::FlakyIssue(issue, answer) => self.finish_flaky_issue(&issue, answer, cx),
            };
            Ok(trouble?.map(Warning::Trouble))
        })
    }
}
