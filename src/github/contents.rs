//! What GitHub answers when it is asked for the policy file.

use super::answer::{Problem, Reply, problem};

/// Of a policy file.
pub const MAX_BYTES: usize = 64 * 1024;
/// More than that.
pub const TOO_LARGE: &str = "it is larger than 64 KiB";

/// The answer to "Get repository content".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyAnswer {
    File {
        text: String,
        etag: Option<String>,
    },
    /// It is as it was when it had the ETag that was sent.
    Same,
    NoFile,
    /// It is larger than a policy may be, or not text: what is wrong with it.
    Unreadable(&'static str),
    /// The token may not read files, though it may do other things; GitHub's words.
    Denied {
        message: String,
    },
    Problem(Problem),
}

impl PolicyAnswer {
    pub fn of(reply: Reply) -> Self {
        match reply.status {
            200 if reply.is_page() => {
                Self::Problem(Problem::Lost { what: "an answer that is no file but a page".to_owned() })
            }
            200 if reply.body.len() > MAX_BYTES => Self::Unreadable(TOO_LARGE),
            200 => match String::from_utf8(reply.body) {
                Ok(text) => Self::File { text, etag: reply.headers.etag },
                Err(_) => Self::Unreadable("it is not UTF-8 text"),
            },
            304 => Self::Same,
            status => match problem(&reply) {
                Problem::NotFound => Self::NoFile,
                Problem::Credentials { message } if status == 403 => Self::Denied { message },
                Problem::Refused { message } | Problem::Unclear { message } => Self::Denied { message },
                problem => Self::Problem(problem),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::answer::ReplyHeaders;

    fn of(status: u16, body: &[u8]) -> PolicyAnswer {
        let headers = ReplyHeaders { etag: Some("\"abc\"".to_owned()), ..ReplyHeaders::default() };
        PolicyAnswer::of(Reply { status, headers, body: body.to_vec() })
    }

    #[test]
    fn the_table() {
        let file = PolicyAnswer::File { text: "version: 1\n".to_owned(), etag: Some("\"abc\"".to_owned()) };
        assert_eq!(of(200, b"version: 1\n"), file);
        let content_type = Some("text/html; charset=utf-8".to_owned());
        let headers = ReplyHeaders { content_type, ..ReplyHeaders::default() };
        let page = PolicyAnswer::of(Reply { status: 200, headers, body: b"<html>".to_vec() });
        assert!(matches!(page, PolicyAnswer::Problem(Problem::Lost { .. })));
        assert_eq!(of(304, b""), PolicyAnswer::Same);
        assert_eq!(of(404, br#"{"message":"Not Found"}"#), PolicyAnswer::NoFile);
        assert!(matches!(of(200, &vec![b' '; MAX_BYTES]), PolicyAnswer::File { .. }));
        assert!(matches!(of(200, &vec![b' '; MAX_BYTES + 1]), PolicyAnswer::Unreadable(_)));
        assert!(matches!(of(200, b"\xff\xfe"), PolicyAnswer::Unreadable(_)));
        let denied = br#"{"message":"Resource not accessible by personal access token"}"#;
        assert!(matches!(of(403, denied), PolicyAnswer::Denied { .. }));
        for (status, body) in
            [(401, &b"{}"[..]), (403, br#"{"message":"API rate limit exceeded"}"#), (429, b""), (502, b"")]
        {
            assert!(matches!(of(status, body), PolicyAnswer::Problem(_)), "{status}");
        }
    }
}
