//! Comments on pull requests: the calls, and what they are answered.

use serde::Deserialize;

use crate::time::Millis;

use super::Problem;
use super::answer::{Reply, problem};

/// A call about the comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommentCall {
    /// Ours among those that changed since then.
    Find {
        pull: u64,
        since: Millis,
    },
    Create {
        pull: u64,
        body: String,
    },
    Edit {
        comment_id: u64,
        body: String,
    },
}

/// What it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commented {
    /// The comment is there, by its id.
    There(u64),
    NotThere,
    Problem(Problem),
}

impl Commented {
    /// `mark`: what is in the body of ours.
    pub fn of(call: &CommentCall, reply: &Reply, mark: &str) -> Self {
        #[derive(Deserialize)]
        struct Wire {
            id: u64,
            body: Option<String>,
        }
        let lost = || Self::Problem(Problem::Lost { what: "an answer that is no comment".to_owned() });
        match (call, reply.status) {
            (CommentCall::Find { .. }, 200) => match serde_json::from_slice::<Vec<Wire>>(&reply.body) {
                Ok(all) => {
                    let ours = |wire: &Wire| wire.body.as_deref().is_some_and(|body| body.starts_with(mark));
                    all.into_iter().find(ours).map_or(Self::NotThere, |wire| Self::There(wire.id))
                }
                Err(_) => lost(),
            },
            (CommentCall::Create { .. } | CommentCall::Edit { .. }, 200 | 201) => {
                serde_json::from_slice::<Wire>(&reply.body).map_or_else(|_| lost(), |wire| Self::There(wire.id))
            }
            (CommentCall::Edit { .. }, 404 | 410) => Self::NotThere,
            _ => Self::Problem(problem(reply)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::github::answer::ReplyHeaders;

    fn reply(status: u16, body: serde_json::Value) -> Reply {
        Reply { status, headers: ReplyHeaders::default(), body: body.to_string().into_bytes() }
    }

    #[test]
    fn answers() {
        let find = CommentCall::Find { pull: 1, since: Millis(0) };
        let edit = CommentCall::Edit { comment_id: 7, body: String::new() };
        let create = CommentCall::Create { pull: 1, body: String::new() };
        let list =
            json!([{ "id": 6, "body": "a person quotes <!-- ours -->" }, { "id": 7, "body": "<!-- ours -->\nx" }]);
        for (call, reply, expected) in [
            (&find, reply(200, list), Commented::There(7)),
            (&find, reply(200, json!([{ "id": 6, "body": null }])), Commented::NotThere),
            (&create, reply(201, json!({ "id": 8 })), Commented::There(8)),
            (&edit, reply(200, json!({ "id": 7 })), Commented::There(7)),
            (&edit, reply(404, json!({ "message": "Not Found" })), Commented::NotThere),
        ] {
            assert_eq!(Commented::of(call, &reply, "<!-- ours -->"), expected, "{call:?}");
        }
        for status in [404, 403, 500] {
            let answer = Commented::of(&create, &reply(status, json!({ "message": "no" })), "x");
            assert!(matches!(answer, Commented::Problem(_)), "{status}: {answer:?}");
        }
    }
}
