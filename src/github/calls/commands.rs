//! What commands on pull requests take: the pull request as it is now ("Get a pull request"), the runs of its commit ("List
//! workflow runs for a repository"), a reaction ("Create reaction for an issue comment"), and an answer, which is a comment.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::names::{CommentId, CommitSha, RepoName, string_enum};
use crate::policy::run::{PullRequest, Run};
use crate::time::Millis;

use super::comments::{self, Author, CommentAnswer, CommentCall};
use super::{Error, Page, Reply, Request, pull_requests, run};

/// A run in a list has about 20 kB, and its commit's message on top.
pub const RUNS_PER_PAGE: u32 = 50;

/// A call about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandCall {
    ReadPull {
        pull: u64,
    },
    /// Newest first; pages are counted from 1. A fork's branch of the same name counts too.
    ListRuns {
        head_sha: CommitSha,
        branch: String,
        page: u32,
    },
    /// To the comment that is the command.
    React {
        comment_id: CommentId,
        reaction: Reaction,
    },
    /// Our answer to it, among the comments that changed since then.
    FindAnswer {
        pull: u64,
        to: CommentId,
        since: Millis,
        page: u32,
    },
    Answer {
        pull: u64,
        body: String,
    },
}

/// What it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandReply {
    Pull(Box<PullRequest>),
    Runs(Page<Run>),
    /// It is there, however often it was made.
    Reacted,
    Answer(CommentAnswer),
}

string_enum! {
    /// What a command is answered by first.
    pub enum Reaction {
        /// It was seen.
        Eyes = "eyes",
        /// It was done.
        Rocket = "rocket",
        /// It was not, or not for all runs.
        Confused = "confused",
    }
}

/// What our answer begins with. Readers do not see it.
pub fn mark(to: CommentId) -> String {
    format!("<!-- rerunner command {to} -->")
}

pub fn request(repository: &RepoName, call: &CommandCall) -> Request {
    match call {
        CommandCall::ReadPull { pull } => Request::get(format!("/repos/{repository}/pulls/{pull}")),
        CommandCall::ListRuns { head_sha, branch, page } => {
            let which = format!("head_sha={head_sha}&branch={}", utf8_percent_encode(branch, NON_ALPHANUMERIC));
            let query = format!("{which}&per_page={RUNS_PER_PAGE}&page={page}&exclude_pull_requests=true");
            Request::get(format!("/repos/{repository}/actions/runs?{query}"))
        }
        CommandCall::React { comment_id, reaction } => {
            let body = serde_json::json!({ "content": reaction.as_str() }).to_string();
            Request::post(format!("/repos/{repository}/issues/comments/{comment_id}/reactions"), body)
        }
        CommandCall::FindAnswer { pull, since, page, .. } => {
            comments::request(repository, &CommentCall::Find { pull: *pull, since: *since, page: *page })
        }
        CommandCall::Answer { pull, body } => {
            comments::request(repository, &CommentCall::Create { pull: *pull, body: body.clone() })
        }
    }
}

pub fn read(call: &CommandCall, reply: &Reply, us: Option<&Author>) -> Result<CommandReply, Error> {
    match call {
        CommandCall::ReadPull { .. } => {
            let pull = pull_requests::read_one(reply)?;
            Ok(CommandReply::Pull(Box::new(pull)))
        }
        CommandCall::ListRuns { .. } => {
            let List { workflow_runs } = reply.ok(Error::of)?.json("a list of runs")?;
            Ok(CommandReply::Runs(Page::of(workflow_runs, RUNS_PER_PAGE, |wire| Some(wire.into()))))
        }
        CommandCall::React { .. } if matches!(reply.status, 200 | 201) => Ok(CommandReply::Reacted),
        CommandCall::React { .. } => Err(Error::of_content(reply)),
        CommandCall::FindAnswer { to, .. } => comments::find(reply, &mark(*to), us).map(CommandReply::Answer),
        CommandCall::Answer { pull, .. } => {
            let create = CommentCall::Create { pull: *pull, body: String::new() };
            comments::read(&create, reply, us).map(CommandReply::Answer)
        }
    }
}

#[derive(Deserialize)]
struct List {
    workflow_runs: Vec<run::Wire>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::github::support::reply;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn comment_id() -> CommentId {
        CommentId::new(9).unwrap()
    }

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let of = |call| request(&repository, &call).in_short();
        assert_eq!(of(CommandCall::ReadPull { pull: 3 }), "Get /repos/octo/widgets/pulls/3");
        let head_sha = CommitSha::parse(SHA).unwrap();
        let list = format!("head_sha={SHA}&branch=a%2Fb%26x&per_page=50&page=2&exclude_pull_requests=true");
        let listed = format!("Get /repos/octo/widgets/actions/runs?{list}");
        assert_eq!(of(CommandCall::ListRuns { head_sha, branch: "a/b&x".to_owned(), page: 2 }), listed);
        assert_eq!(
            of(CommandCall::React { comment_id: comment_id(), reaction: Reaction::Eyes }),
            r#"Post /repos/octo/widgets/issues/comments/9/reactions {"content":"eyes"}"#,
        );
        let since = Millis(1_795_446_245_000);
        assert_eq!(
            of(CommandCall::FindAnswer { pull: 3, to: comment_id(), since, page: 1 }),
            "Get /repos/octo/widgets/issues/3/comments?since=2026-11-23T15:04:05Z&per_page=100&page=1",
        );
        assert_eq!(
            of(CommandCall::Answer { pull: 3, body: "x".to_owned() }),
            r#"Post /repos/octo/widgets/issues/3/comments {"body":"x"}"#,
        );
    }

    #[test]
    fn what_is_answered() {
        let side = |branch: &str, sha: &str| json!({ "ref": branch, "sha": sha, "repo": { "id": 1 } });
        let pull = json!({ "number": 3, "state": "open", "head": side("fix", SHA), "base": side("main", "b") });
        let call = CommandCall::ReadPull { pull: 3 };
        let Ok(CommandReply::Pull(pull)) = read(&call, &reply(200, pull), None) else { panic!("a pull request") };
        assert_eq!((pull.number, pull.open, pull.head_sha.as_str()), (3, true, SHA));
        assert_eq!(read(&call, &reply(404, json!({ "message": "Not Found" })), None), Err(Error::NotFound));
        assert!(matches!(read(&call, &reply(200, json!({})), None), Err(Error::Inconclusive { .. })));

        let head_sha = CommitSha::parse(SHA).unwrap();
        let call = CommandCall::ListRuns { head_sha, branch: "fix".to_owned(), page: 1 };
        let list = json!({ "total_count": 1, "workflow_runs": [{ "id": 7, "run_attempt": 2 }] });
        let Ok(CommandReply::Runs(page)) = read(&call, &reply(200, list), None) else { panic!("runs") };
        assert_eq!((page.items.len(), page.items[0].run_attempt.get(), page.full), (1, 2, false));

        let call = CommandCall::React { comment_id: comment_id(), reaction: Reaction::Eyes };
        for (status, is_there) in [(200, true), (201, true), (404, false), (403, false), (422, false), (500, false)] {
            let answer = read(&call, &reply(status, json!({ "message": "no" })), None);
            assert_eq!(answer == Ok(CommandReply::Reacted), is_there, "{status}: {answer:?}");
        }
    }

    #[test]
    fn our_answer_is_the_one_to_this_comment() {
        let us = Author::User(7);
        let of = |user: u64, body: String| json!([{ "id": 1, "body": body, "user": { "id": user, "type": "User" } }]);
        let find = CommandCall::FindAnswer { pull: 3, to: comment_id(), since: Millis(0), page: 1 };
        for (user, body, expected) in [
            (7, format!("{}\nx", mark(comment_id())), CommentAnswer::There(1)),
            (8, format!("{}\nx", mark(comment_id())), CommentAnswer::NotThere),
            (7, format!("{}\nx", mark(CommentId::new(99).unwrap())), CommentAnswer::NotThere),
            (7, format!("{}\nx", comments::MARK), CommentAnswer::NotThere),
        ] {
            let found = read(&find, &reply(200, of(user, body.clone())), Some(&us));
            assert_eq!(found, Ok(CommandReply::Answer(expected)), "{body} of {user}");
        }
    }
}
