//! What is done for people, beside all else: no re-run waits for it. Each kind has its own file, which says what calls it
//! takes and what becomes of their answers.

use crate::github::{self, Call, CommentAnswer, Response};
use crate::keeper::Keeper;
use crate::keeper::step::Context;
use crate::keeper::store::{Sql, StoreError};
use crate::keeper::subrequests::{COMMENT, ISSUE};

use super::command::{self, CommandWork, Worked};
use super::command_reply::{self, CommandReply};
use super::comment::{self, Comment};
use super::commit_status::{self, CommitStatusErrand};
use super::flaky_issue::{self, FlakyIssue, Written};

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

impl<S: Sql> Keeper<S> {
    /// The text is for the log.
    pub fn finish_errand(&self, finished: Finished, cx: &Context) -> Result<Option<String>, StoreError> {
        match finished {
            Finished::Comment(comment, answer) => self.finish_comment(&comment, answer, cx),
            Finished::CommitStatus(status, answer) => self.finish_commit_status(&status, answer, cx),
            Finished::Command(work, worked) => self.finish_command(&work, *worked, cx),
            Finished::Reply(reply, answer) => self.finish_reply(&reply, answer, cx),
            Finished::FlakyIssue(issue, answer) => self.finish_flaky_issue(&issue, answer, cx),
        }
    }
}
