//! "Get repository content": the policy file of the default branch.

use crate::names::{FilePath, RepoName};

use super::{Error, RAW, Reply, Request};

/// Of a policy file.
pub const MAX_BYTES: usize = 64 * 1024;
pub const MAX_SIZE: &str = "64 KiB";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedPolicy {
    /// As it is on the default branch now.
    File { text: String, etag: Option<String> },
    /// It is as it was when it had the ETag that was sent.
    NotModified,
    /// A file that is not UTF-8.
    NotText,
}

/// `etag`: of what is known of it.
pub fn request(repository: &RepoName, path: &FilePath, etag: Option<String>) -> Request {
    let path = format!("/repos/{repository}/contents/{}", path.encoded());
    Request { accept: RAW, if_none_match: etag, ..Request::get(path) }
}

/// The same path in `OWNER/.github`.
pub fn organizations_request(repository: &RepoName, path: &FilePath, etag: Option<String>) -> Request {
    let path = format!("/repos/{}/.github/contents/{}", repository.owner(), path.encoded());
    Request { accept: RAW, if_none_match: etag, ..Request::get(path) }
}

pub fn read(reply: Reply) -> Result<FetchedPolicy, Error> {
    match reply.status {
        200 if reply.is_page() => Err(Error::inconclusive("GitHub answered with a web page, not with a file")),
        200 if reply.body.len() > MAX_BYTES => Err(Error::TooLarge { limit: MAX_SIZE }),
        200 => Ok(match String::from_utf8(reply.body) {
            Ok(text) => FetchedPolicy::File { text, etag: reply.headers.etag },
            Err(_) => FetchedPolicy::NotText,
        }),
        304 => Ok(FetchedPolicy::NotModified),
        _ => Err(Error::of_optional_read(&reply)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::ReplyHeaders;

    fn of(status: u16, body: &[u8]) -> Result<FetchedPolicy, Error> {
        let headers = ReplyHeaders { etag: Some("\"abc\"".to_owned()), ..ReplyHeaders::default() };
        read(Reply { status, headers, body: body.to_vec() })
    }

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let path = FilePath::parse(".github/re runner.yml").unwrap();
        let request = request(&repository, &path, None).in_short();
        assert_eq!(request, "Get /repos/octo/widgets/contents/.github/re%20runner.yml");
        let request = organizations_request(&repository, &path, None).in_short();
        assert_eq!(request, "Get /repos/octo/.github/contents/.github/re%20runner.yml");
    }

    #[test]
    fn what_is_answered() {
        let file = FetchedPolicy::File { text: "version: 1\n".to_owned(), etag: Some("\"abc\"".to_owned()) };
        assert_eq!(of(200, b"version: 1\n"), Ok(file));
        let content_type = Some("text/html; charset=utf-8".to_owned());
        let headers = ReplyHeaders { content_type, ..ReplyHeaders::default() };
        let page = read(Reply { status: 200, headers, body: b"<html>".to_vec() });
        assert!(matches!(page, Err(Error::Inconclusive { .. })));
        assert_eq!(of(304, b""), Ok(FetchedPolicy::NotModified));
        assert_eq!(of(404, br#"{"message":"Not Found"}"#), Err(Error::NotFound));
        assert!(matches!(of(200, &vec![b' '; MAX_BYTES]), Ok(FetchedPolicy::File { .. })));
        assert_eq!(of(200, &vec![b' '; MAX_BYTES + 1]), Err(Error::TooLarge { limit: "64 KiB" }));
        assert_eq!(of(200, b"\xff\xfe"), Ok(FetchedPolicy::NotText));
        let message = "403 Resource not accessible by personal access token".to_owned();
        let denied = br#"{"message":"Resource not accessible by personal access token"}"#;
        assert_eq!(of(403, denied), Err(Error::Refused { message }));
        assert!(matches!(of(401, br#"{"message":"Bad credentials"}"#), Err(Error::Credentials { .. })));
        let limited = br#"{"message":"API rate limit exceeded"}"#;
        assert_eq!(of(403, limited), Err(Error::RateLimited { wait: None }));
        for (status, body) in [(401, &b"{}"[..]), (502, b"")] {
            assert!(matches!(of(status, body), Err(Error::Inconclusive { .. })), "{status}");
        }
    }
}
