//! The headers of a webhook: what can be said before its body is read.

use crate::settings::Settings;

use super::signature::Signature;
use super::{Answer, BODY_LIMIT};

/// What a request's headers say, once they have passed [`check`].
#[derive(Debug)]
pub struct Headers {
    pub content: Content,
    pub signature: Signature,
    pub event: Option<String>,
    /// `Content-Length`, when there is one; at most [`BODY_LIMIT`].
    pub length: Option<usize>,
}

/// GitHub offers both; the signature is over the raw body in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Json,
    /// `payload=` and the URL-encoded JSON.
    Form,
}

/// Checks the headers, which `header` looks up by name. Cheapest first, and all of it before the body is read.
pub fn check(settings: &Settings, header: impl Fn(&str) -> Option<String>) -> Result<Headers, Answer> {
    if settings.webhook_secrets.is_empty() {
        return Err(Answer::unavailable("WEBHOOK_SECRET is not set; set it with `wrangler secret put WEBHOOK_SECRET`"));
    }
    let content = header("content-type").as_deref().and_then(content_type).ok_or_else(|| {
        Answer::rejected(415, "the content type must be application/json or application/x-www-form-urlencoded")
    })?;
    // A length that is no number tells nothing; the body is counted while it is read.
    let length = header("content-length").and_then(|length| length.parse::<u64>().ok());
    let length = match length.map(usize::try_from) {
        Some(Ok(length)) if length <= BODY_LIMIT => Some(length),
        Some(_) => return Err(too_large()),
        None => None,
    };
    let signature = header("x-hub-signature-256").ok_or_else(|| {
        Answer::rejected(401, "the header X-Hub-Signature-256 is missing; set a secret on the webhook")
    })?;
    let signature = Signature::parse(&signature).ok_or_else(|| {
        Answer::rejected(401, "the header X-Hub-Signature-256 is malformed: expected sha256= and 64 hex digits")
    })?;
    Ok(Headers { content, signature, event: header("x-github-event").filter(|event| !event.is_empty()), length })
}

pub fn too_large() -> Answer {
    Answer::rejected(413, "the body is larger than 25 MiB")
}

/// Ignores parameters (`; charset=utf-8`): JSON is UTF-8 whatever they say.
fn content_type(header: &str) -> Option<Content> {
    let essence = header.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Some(Content::Json)
    } else if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Some(Content::Form)
    } else {
        None
    }
}
