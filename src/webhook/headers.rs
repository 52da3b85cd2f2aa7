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
    let signature = header("x-hub-signature-256").ok_or_else(unsigned)?;
    let signature = Signature::parse(&signature).ok_or_else(malformed)?;
    Ok(Headers { content, signature, event: header("x-github-event").filter(|event| !event.is_empty()), length })
}

pub fn unsigned() -> Answer {
    Answer::rejected(401, "the header X-Hub-Signature-256 is missing; set a secret on the webhook")
}

pub fn malformed() -> Answer {
    Answer::rejected(401, "the header X-Hub-Signature-256 is malformed: expected sha256= and 64 hex digits")
}

pub fn too_large() -> Answer {
    Answer::rejected(413, "the body is larger than 25 MiB")
}

/// Ignores parameters (`; charset=utf-8`): JSON is UTF-8 whatever they say.
fn content_type(header: &str) -> Option<Content> {
    let essence = header.split(';').next().unwrap_or_default().trim();
    let known = [("application/json", Content::Json), ("application/x-www-form-urlencoded", Content::Form)];
    known.into_iter().find(|(name, _)| essence.eq_ignore_ascii_case(name)).map(|(_, content)| content)
}

#[cfg(test)]
mod tests {
    use simulator::webhooks::signature as sign;

    use super::super::Outcome;
    use super::super::tests::{Delivery, run, settings};

    #[test]
    fn signatures() {
        let delivery = || Delivery::new("workflow_run", &run("success", 1));
        let body = delivery().body;
        let right = sign("current", &body);
        let rejected =
            |header: &str| delivery().with("x-hub-signature-256", header).answers(401, Outcome::Rejected, "");
        delivery().without("x-hub-signature-256").answers(401, Outcome::Rejected, "missing");
        delivery().without("x-hub-signature-256").with("x-hub-signature", "sha1=00").answers(
            401,
            Outcome::Rejected,
            "missing",
        );
        rejected(&right[..right.len() - 1]);
        rejected(&right[7..]);
        for algorithm in ["sha1", "sha512", "SHA256"] {
            rejected(&right.replace("sha256", algorithm));
        }
        rejected(&sign("another", &body));
        rejected(&sign("", &body));
        let accepted =
            |header: &str| delivery().with("x-hub-signature-256", header).answers(200, Outcome::Ignored, "success");
        accepted(&right);
        accepted(&format!("sha256={}", right[7..].to_uppercase()));
        accepted(&sign("previous", &body));
    }

    #[test]
    fn heads() {
        let delivery = || Delivery::new("workflow_run", &run("success", 1));
        delivery().answers_with(&settings(&[("WEBHOOK_SECRET", "")]), 503, Outcome::Unavailable, "WEBHOOK_SECRET");
        for content_type in ["text/plain", "", "application/jsonx", "multipart/form-data; boundary=x"] {
            delivery().with("content-type", content_type).answers(415, Outcome::Rejected, "content type");
        }
        delivery().without("content-type").answers(415, Outcome::Rejected, "content type");
        delivery().with("content-type", "Application/JSON; charset=utf-8").answers(200, Outcome::Ignored, "");
        for length in ["26214401", "99999999999999999999", "18446744073709551615"] {
            let expected =
                if length == "99999999999999999999" { (200, Outcome::Ignored) } else { (413, Outcome::Rejected) };
            delivery().with("content-length", length).answers(expected.0, expected.1, "");
        }
        delivery().with("content-length", "26214400").answers(200, Outcome::Ignored, "");
        delivery().without("x-github-event").answers(400, Outcome::Rejected, "X-GitHub-Event");
        delivery().with("x-github-event", "").answers(400, Outcome::Rejected, "X-GitHub-Event");
    }
}
