//! What is done for people, beside all else: no re-run waits for it. Each kind has its own file, which says what calls it
//! takes and what becomes of their answers. What they have in common is here: how far apart they are, what an answer says of
//! the feature that they are for ([`Keeper::note_answer`]), and when one that has failed is tried again ([`Tries`]).

use crate::github::{self, Call, CommentAnswer, Response};
use crate::keeper::Keeper;
use crate::keeper::context::Context;
use crate::keeper::feature::{self, Feature};
use crate::keeper::store::{Sql, StoreError};
use crate::keeper::subrequests::{COMMENT, ISSUE};
use crate::time::{Millis, Span};

use super::command::{self, CommandWork, Worked};
use super::command_reply::{self, CommandReply};
use super::comment::{self, Comment};
use super::commit_status::{self, CommitStatusErrand};
use super::flaky_issue::{self, FlakyIssue, Written};

/// "Make requests that create content no more than once a second" (GitHub Docs, "Best practices for using the REST API"): an
/// errand has one at most.
pub(super) const APART: Span = Span::seconds(1);

/// When an errand that has failed is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    /// After the first failure.
    again: Span,
    /// After each further one twice as long, up to this.
    again_most: Span,
    /// In a row; then it is given up.
    most: u32,
}

impl Tries {
    /// What a lost call has written can be found by the next try.
    pub const FOR_A_DAY: Self = Self { again: Span::minutes(1), again_most: Span::hours(1), most: 30 };

    /// After so many that have failed in a row, and another.
    pub fn wait(self, failures: u32) -> Span {
        self.again.doubled(failures, self.again_most)
    }

    /// Another has failed: when the next is due. `None`: it is given up.
    pub fn failed(self, failures: &mut u32, now: Millis) -> Option<Millis> {
        let due = now + self.wait(*failures);
        *failures += 1;
        (*failures < self.most).then_some(due)
    }
}

/// Of whatever GitHub was asked, it has answered something else.
pub fn other_answer() -> github::Error {
    github::Error::inconclusive("The answer is to another call")
}

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

/// For the log.
#[derive(Debug, PartialEq, Eq)]
pub enum Warning {
    /// A call has come to nothing.
    Trouble(String),
    /// What is wrong with the policy file.
    Policy(String),
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

impl<S: Sql> Keeper<S> {
    /// Whether GitHub has done what a feature asked for. `what`: as the log names it. The text is for the log; a feature that
    /// GitHub refuses is named once.
    pub(super) fn note_answer<T>(
        &self,
        feature: Feature,
        what: &str,
        answer: &Result<T, github::Error>,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        match answer {
            Ok(_) => {
                self.content_works()?;
                self.feature_works(feature).map(|()| None)
            }
            Err(error) => {
                self.trip_if_limited(Some(error), cx)?;
                if let github::Error::ContentLimited { wait } = error {
                    self.stop_content(*wait, cx.now)?;
                }
                match feature::refusal(error) {
                    Some(_) => self.feature_refused(feature, error, cx.now),
                    None => Ok(Some(format!("{what}: {error}"))),
                }
            }
        }
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
