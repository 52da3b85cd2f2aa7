//! "Create a commit status": what is shown at a commit, under a context.

use crate::names::{CommitSha, RepoName, string_enum};

use super::{Error, Reply, Request};

/// GitHub takes no longer one ("description is too long (maximum is 140 characters)").
pub const MOST_DESCRIPTION: usize = 140;
/// Nor a longer context.
pub const MOST_CONTEXT: usize = 255;
/// Statuses of one commit and context, with a margin: GitHub takes 1,000.
pub const MOST_STATUSES: u32 = 990;

string_enum! {
    /// GitHub has `error`, too.
    pub enum StatusState {
        Pending = "pending",
        Success = "success",
        Failure = "failure",
    }
}

/// What a commit status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub state: StatusState,
    pub description: String,
}

/// Written again, it is the same: the newest of a context is what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCall {
    pub sha: CommitSha,
    pub context: String,
    pub shown: Shown,
    /// Where it leads.
    pub target_url: String,
}

pub fn request(repository: &RepoName, call: &StatusCall) -> Request {
    let StatusCall { sha, context, shown: Shown { state, description }, target_url } = call;
    let body = serde_json::json!({
        "state": state, "description": description, "context": context, "target_url": target_url,
    });
    Request::post(format!("/repos/{repository}/statuses/{sha}"), body.to_string())
}

pub fn read(reply: &Reply) -> Result<(), Error> {
    if reply.status == 201 && !reply.is_page() { Ok(()) } else { Err(Error::of_content(reply)) }
}

/// What fits into a field of a status: in one line, and without what GitHub refuses ("description doesn't accept 4-byte
/// Unicode").
pub fn fitting(text: &str, most: usize) -> String {
    let cut = most.saturating_sub(1);
    let mut fitting = String::new();
    for (count, c) in text.trim().chars().filter(|c| is_kept(*c)).enumerate() {
        if count == cut && text.trim().chars().filter(|c| is_kept(*c)).nth(most).is_some() {
            fitting.push('…');
            break;
        }
        fitting.push(match c {
            c if c.is_whitespace() => ' ',
            '\u{10000}'.. => '\u{fffd}',
            c => c,
        });
    }
    fitting
}

fn is_kept(c: char) -> bool {
    crate::escape::is_visible(c) || matches!(c, '\n' | '\r' | '\t')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::github::support::{message, reply};

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let call = StatusCall {
            sha: CommitSha::parse(&"0a".repeat(20)).unwrap(),
            context: "rerunner / \"ci\"".to_owned(),
            shown: Shown { state: StatusState::Failure, description: "Gave up.".to_owned() },
            target_url: "https://github.com/octo/widgets/actions/runs/7".to_owned(),
        };
        let request = request(&repository, &call);
        assert_eq!(request.path, format!("/repos/octo/widgets/statuses/{}", "0a".repeat(20)));
        let body: serde_json::Value = serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
        let expected = json!({
            "state": "failure", "description": "Gave up.", "context": "rerunner / \"ci\"",
            "target_url": "https://github.com/octo/widgets/actions/runs/7",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn what_is_answered() {
        assert_eq!(read(&reply(201, json!({ "id": 1 }))), Ok(()));
        let page = Reply { headers: crate::github::ReplyHeaders::default(), ..reply(200, json!({})) };
        assert!(matches!(read(&page), Err(Error::Inconclusive { .. })));
        let too_many = "Validation Failed";
        assert!(matches!(read(&message(422, too_many)), Err(Error::Refused { .. })));
        let denied = message(403, "Resource not accessible by integration");
        assert!(matches!(read(&denied), Err(Error::Credentials { .. })));
        assert!(matches!(read(&message(502, "")), Err(Error::Inconclusive { .. })));
    }

    #[test]
    fn texts_fit() {
        for (text, expected) in [
            ("", ""),
            (" a\nb\u{202e}c ", "a bc"),
            ("12345", "12345"),
            ("123456", "1234…"),
            ("ab\u{1f41b}cd", "ab\u{fffd}cd"),
            ("ünïcö", "ünïcö"),
            ("ünïcöde", "ünïc…"),
        ] {
            assert_eq!(fitting(text, 5), expected, "{text}");
        }
    }
}
