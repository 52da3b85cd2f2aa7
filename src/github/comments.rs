//! Comments on pull requests: the calls, and what they are answered.

use serde::Deserialize;

use crate::time::Millis;

use super::Problem;
use super::answer::{Reply, problem};

/// Comments on a page: the most that GitHub gives.
pub const PER_PAGE: usize = 100;

/// A call about the comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommentCall {
    /// Ours among those that changed since then. Pages are counted from 1.
    Find {
        pull: u64,
        since: Millis,
        page: u32,
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
    /// Which is full: there may be more.
    NotOnThisPage,
    Problem(Problem),
}

/// Whoever writes our comments. Anybody can write what ours begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// A GitHub App, by its number or its client id, as `GITHUB_APP_ID` has it.
    App(String),
    /// The user that a token is of, by number: a login can be given up, and taken by somebody else.
    User(u64),
}

#[derive(Deserialize)]
struct Wire {
    id: u64,
    body: Option<String>,
    /// `None` of an account that was deleted.
    user: Option<User>,
    performed_via_github_app: Option<Via>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The App that wrote it; a person can write by way of an App too.
#[derive(Deserialize)]
struct Via {
    id: Option<u64>,
    client_id: Option<String>,
}

impl Author {
    /// The answer to "Get the authenticated user".
    pub fn of_token(reply: &Reply) -> Result<Self, Problem> {
        if reply.status != 200 {
            return Err(problem(reply));
        }
        let user = serde_json::from_slice::<User>(&reply.body);
        user.map(|user| Self::User(user.id)).map_err(|_| Problem::Lost { what: "an answer that is no user".to_owned() })
    }

    fn wrote(&self, comment: &Wire) -> bool {
        let Some(user) = &comment.user else { return false };
        match (self, &comment.performed_via_github_app) {
            (Self::App(id), Some(via)) => {
                let is_it = via.id.is_some_and(|via| via.to_string() == *id) || via.client_id.as_ref() == Some(id);
                is_it && user.kind.as_deref() == Some("Bot")
            }
            (Self::User(id), _) => user.id == *id,
            (Self::App(_), None) => false,
        }
    }
}

impl Commented {
    /// Of a page of comments. `mark`: what the body of ours begins with.
    pub fn found(reply: &Reply, mark: &str, author: &Author) -> Self {
        if reply.status != 200 {
            return Self::Problem(problem(reply));
        }
        let Ok(all) = serde_json::from_slice::<Vec<Wire>>(&reply.body) else { return lost() };
        let is_marked = |wire: &&Wire| wire.body.as_deref().is_some_and(|body| body.starts_with(mark));
        match all.iter().filter(is_marked).find(|wire| author.wrote(wire)) {
            Some(ours) => Self::There(ours.id),
            None if all.len() >= PER_PAGE => Self::NotOnThisPage,
            None => Self::NotThere,
        }
    }

    /// Of one that was made or edited.
    pub fn written(call: &CommentCall, reply: &Reply) -> Self {
        match (call, reply.status) {
            (CommentCall::Create { .. } | CommentCall::Edit { .. }, 200 | 201) => {
                serde_json::from_slice::<Wire>(&reply.body).map_or_else(|_| lost(), |wire| Self::There(wire.id))
            }
            (CommentCall::Edit { .. }, 404 | 410) => Self::NotThere,
            _ => Self::Problem(problem(reply)),
        }
    }
}

fn lost() -> Commented {
    Commented::Problem(Problem::Lost { what: "an answer that is no comment".to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::github::answer::ReplyHeaders;

    fn reply(status: u16, body: serde_json::Value) -> Reply {
        Reply { status, headers: ReplyHeaders::default(), body: body.to_string().into_bytes() }
    }

    const MARK: &str = "<!-- ours -->";

    fn comment(id: u64, body: &str, user: serde_json::Value, app: serde_json::Value) -> serde_json::Value {
        json!({ "id": id, "body": body, "user": user, "performed_via_github_app": app })
    }

    fn person(id: u64) -> serde_json::Value {
        json!({ "id": id, "login": format!("user-{id}"), "type": "User" })
    }

    fn bot() -> serde_json::Value {
        json!({ "id": 900, "login": "mine[bot]", "type": "Bot" })
    }

    #[test]
    fn ours_has_our_mark_and_is_by_us() {
        let marked = "<!-- ours -->\nx";
        let ours = json!({ "id": 5, "slug": "mine", "client_id": "Iv23abc" });
        let another = json!({ "id": 6, "slug": "mine", "client_id": "Iv23abd" });
        let none = serde_json::Value::Null;
        let (by_number, by_client) = (Author::App("5".to_owned()), Author::App("Iv23abc".to_owned()));
        let user = Author::User(7);
        for (author, comment, is_ours) in [
            (&user, comment(1, marked, person(7), none.clone()), true),
            (&user, comment(1, marked, person(8), none.clone()), false),
            (&user, comment(1, marked, json!(null), none.clone()), false),
            (&user, comment(1, "a person quotes <!-- ours -->", person(7), none.clone()), false),
            (&user, json!({ "id": 1, "body": null, "user": person(7) }), false),
            (&user, json!({ "id": 1, "body": marked, "user": { "id": 7 } }), true),
            (&by_number, comment(1, marked, bot(), ours.clone()), true),
            (&by_client, comment(1, marked, bot(), ours.clone()), true),
            (&by_number, comment(1, marked, bot(), another.clone()), false),
            (&by_client, comment(1, marked, bot(), another), false),
            (&by_number, comment(1, marked, person(5), none.clone()), false),
            (&by_number, comment(1, marked, bot(), none), false),
            // A person, by way of the App.
            (&by_number, comment(1, marked, person(7), ours), false),
        ] {
            let expected = if is_ours { Commented::There(1) } else { Commented::NotThere };
            assert_eq!(Commented::found(&reply(200, json!([comment])), MARK, author), expected, "{author:?} {comment}");
        }
        let strangers = vec![comment(1, marked, person(8), json!(null)); PER_PAGE];
        assert_eq!(Commented::found(&reply(200, json!(strangers)), MARK, &user), Commented::NotOnThisPage);
        let first = json!([comment(1, marked, person(8), json!(null)), comment(2, marked, person(7), json!(null))]);
        assert_eq!(Commented::found(&reply(200, first), MARK, &user), Commented::There(2));
        assert!(matches!(Commented::found(&reply(200, json!({})), MARK, &user), Commented::Problem(_)));
        assert!(matches!(Commented::found(&reply(404, json!({})), MARK, &user), Commented::Problem(_)));
    }

    #[test]
    fn who_a_token_is_of() {
        assert_eq!(Author::of_token(&reply(200, person(7))), Ok(Author::User(7)));
        assert!(matches!(Author::of_token(&reply(200, json!({}))), Err(Problem::Lost { .. })));
        assert!(matches!(
            Author::of_token(&reply(401, json!({ "message": "Bad credentials" }))),
            Err(Problem::Credentials { .. })
        ));
    }

    #[test]
    fn answers() {
        let edit = CommentCall::Edit { comment_id: 7, body: String::new() };
        let create = CommentCall::Create { pull: 1, body: String::new() };
        for (call, reply, expected) in [
            (&create, reply(201, json!({ "id": 8 })), Commented::There(8)),
            (&edit, reply(200, json!({ "id": 7 })), Commented::There(7)),
            (&edit, reply(404, json!({ "message": "Not Found" })), Commented::NotThere),
        ] {
            assert_eq!(Commented::written(call, &reply), expected, "{call:?}");
        }
        for status in [404, 403, 500] {
            let answer = Commented::written(&create, &reply(status, json!({ "message": "no" })));
            assert!(matches!(answer, Commented::Problem(_)), "{status}: {answer:?}");
        }
    }
}
