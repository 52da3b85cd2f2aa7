//! Comments on pull requests: found ("List issue comments"), made ("Create an issue comment") and edited ("Update an issue
//! comment").

use serde::Deserialize;

use crate::names::RepoName;
use crate::time::Millis;

use super::{Error, Method, Reply, Request};

/// What our comments begin with. Readers do not see it.
pub const MARK: &str = "<!-- rerunner -->";
/// Comments on a page: the most that GitHub gives.
pub const PER_PAGE: usize = 100;

/// A call about the comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommentCall {
    /// Ours among those that changed since then. Pages are counted from 1.
    Find { pull: u64, since: Millis, page: u32 },
    /// By the number of the pull request.
    Create { pull: u64, body: String },
    /// The one that is there.
    Edit { comment_id: u64, body: String },
}

/// What it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentAnswer {
    /// The comment is there, by its id.
    There(u64),
    NotThere,
    /// Which is full: there may be more.
    NotOnThisPage,
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
pub(super) struct User {
    id: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The App that wrote it; a person can write by way of an App too.
#[derive(Deserialize)]
pub(super) struct Via {
    id: Option<u64>,
    client_id: Option<String>,
}

impl Author {
    /// The answer to "Get the authenticated user".
    pub fn of_token(reply: &Reply) -> Result<Self, Error> {
        reply.ok(Error::of)?.json("a user").map(|user: User| Self::User(user.id))
    }

    /// Whether it is of this author, by its `user` and `performed_via_github_app`.
    pub(super) fn wrote(&self, user: Option<&User>, via: Option<&Via>) -> bool {
        let Some(user) = user else { return false };
        match (self, via) {
            (Self::App(id), Some(via)) => {
                let is_it = via.id.is_some_and(|via| via.to_string() == *id) || via.client_id.as_ref() == Some(id);
                is_it && user.kind.as_deref() == Some("Bot")
            }
            (Self::User(id), _) => user.id == *id,
            (Self::App(_), None) => false,
        }
    }
}

pub fn request(repository: &RepoName, call: &CommentCall) -> Request {
    let issues = format!("/repos/{repository}/issues");
    let json = |text: &str| serde_json::json!({ "body": text }).to_string();
    match call {
        CommentCall::Find { pull, since, page } => {
            let since = since.to_rfc3339();
            Request::get(format!("{issues}/{pull}/comments?since={since}&per_page={PER_PAGE}&page={page}"))
        }
        CommentCall::Create { pull, body } => Request::post(format!("{issues}/{pull}/comments"), json(body)),
        CommentCall::Edit { comment_id, body } => {
            let path = format!("{issues}/comments/{comment_id}");
            Request { method: Method::Patch, ..Request::post(path, json(body)) }
        }
    }
}

pub fn read(call: &CommentCall, reply: &Reply, us: Option<&Author>) -> Result<CommentAnswer, Error> {
    match (call, reply.status) {
        (CommentCall::Find { .. }, _) => find(reply, MARK, us),
        (CommentCall::Create { .. } | CommentCall::Edit { .. }, 200 | 201) => {
            reply.json("a comment").map(|wire: Wire| CommentAnswer::There(wire.id))
        }
        // Somebody has deleted it.
        (CommentCall::Edit { .. }, 404 | 410) => Ok(CommentAnswer::NotThere),
        _ => Err(Error::of_content(reply)),
    }
}

/// Ours that begins with a mark, in a page of a list.
pub(super) fn find(reply: &Reply, mark: &str, us: Option<&Author>) -> Result<CommentAnswer, Error> {
    if reply.status != 200 {
        return Err(Error::of(reply));
    }
    let all: Vec<Wire> = reply.json("a list of comments")?;
    let is_marked = |wire: &&Wire| wire.body.as_deref().is_some_and(|body| body.starts_with(mark));
    let wrote = |us: &Author, wire: &Wire| us.wrote(wire.user.as_ref(), wire.performed_via_github_app.as_ref());
    let ours = all.iter().filter(is_marked).find(|wire| us.is_some_and(|us| wrote(us, wire)));
    Ok(match ours {
        Some(ours) => CommentAnswer::There(ours.id),
        None if all.len() >= PER_PAGE => CommentAnswer::NotOnThisPage,
        None => CommentAnswer::NotThere,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::github::support::reply;

    fn found(reply: &Reply, us: &Author) -> Result<CommentAnswer, Error> {
        read(&CommentCall::Find { pull: 1, since: Millis(0), page: 1 }, reply, Some(us))
    }

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
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let of = |call| request(&repository, &call).in_short();
        assert_eq!(
            of(CommentCall::Find { pull: 3, since: Millis(1_795_446_245_000), page: 2 }),
            "Get /repos/octo/widgets/issues/3/comments?since=2026-11-23T15:04:05Z&per_page=100&page=2",
        );
        assert_eq!(
            of(CommentCall::Create { pull: 3, body: "a \"b\"".to_owned() }),
            r#"Post /repos/octo/widgets/issues/3/comments {"body":"a \"b\""}"#,
        );
        assert_eq!(
            of(CommentCall::Edit { comment_id: 5, body: "x".to_owned() }),
            r#"Patch /repos/octo/widgets/issues/comments/5 {"body":"x"}"#,
        );
    }

    #[test]
    fn ours_has_our_mark_and_is_by_us() {
        let marked = "<!-- rerunner -->\nx";
        let ours = json!({ "id": 5, "slug": "mine", "client_id": "Iv23abc" });
        let another = json!({ "id": 6, "slug": "mine", "client_id": "Iv23abd" });
        let none = serde_json::Value::Null;
        let (by_number, by_client) = (Author::App("5".to_owned()), Author::App("Iv23abc".to_owned()));
        let user = Author::User(7);
        for (author, comment, is_ours) in [
            (&user, comment(1, marked, person(7), none.clone()), true),
            (&user, comment(1, marked, person(8), none.clone()), false),
            (&user, comment(1, marked, json!(null), none.clone()), false),
            (&user, comment(1, "a person quotes <!-- rerunner -->", person(7), none.clone()), false),
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
            let expected = if is_ours { CommentAnswer::There(1) } else { CommentAnswer::NotThere };
            assert_eq!(found(&reply(200, json!([comment])), author), Ok(expected), "{author:?} {comment}");
        }
        let strangers = vec![comment(1, marked, person(8), json!(null)); PER_PAGE];
        assert_eq!(found(&reply(200, json!(strangers)), &user), Ok(CommentAnswer::NotOnThisPage));
        let first = json!([comment(1, marked, person(8), json!(null)), comment(2, marked, person(7), json!(null))]);
        assert_eq!(found(&reply(200, first), &user), Ok(CommentAnswer::There(2)));
        assert!(matches!(found(&reply(200, json!({})), &user), Err(Error::Inconclusive { .. })));
        assert!(matches!(found(&reply(404, json!({})), &user), Err(Error::Inconclusive { .. })));
        assert_eq!(found(&reply(404, json!({ "message": "Not Found" })), &user), Err(Error::NotFound));
    }

    #[test]
    fn who_a_token_is_of() {
        assert_eq!(Author::of_token(&reply(200, person(7))), Ok(Author::User(7)));
        assert!(matches!(Author::of_token(&reply(200, json!({}))), Err(Error::Inconclusive { .. })));
        assert!(matches!(
            Author::of_token(&reply(401, json!({ "message": "Bad credentials" }))),
            Err(Error::Credentials { .. })
        ));
    }

    #[test]
    fn answers() {
        let edit = CommentCall::Edit { comment_id: 7, body: String::new() };
        let create = CommentCall::Create { pull: 1, body: String::new() };
        for (call, reply, expected) in [
            (&create, reply(201, json!({ "id": 8 })), CommentAnswer::There(8)),
            (&edit, reply(200, json!({ "id": 7 })), CommentAnswer::There(7)),
            (&edit, reply(404, json!({ "message": "Not Found" })), CommentAnswer::NotThere),
        ] {
            assert_eq!(read(call, &reply, None), Ok(expected), "{call:?}");
        }
        for status in [404, 403, 500] {
            let answer = read(&create, &reply(status, json!({ "message": "no" })), None);
            assert!(answer.is_err(), "{status}: {answer:?}");
        }
    }
}
