//! Webhook requests: how they are signed, encoded and sent, and what a repository's hook asks for.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::model::{EventKind, EventKinds, Millis, RepoName, RunId, mix};

/// A repository's webhook, as its owners set it up.
#[derive(Debug, Clone)]
pub struct Hook {
    pub id: u64,
    /// `None`: nothing is sent.
    pub url: Option<String>,
    pub secret: String,
    pub content_type: ContentType,
    pub events: EventKinds,
    /// Sends the next delivery without waiting for the answer to the one before it, as GitHub does. Off by default, so
    /// that tests are easy to follow.
    pub concurrent: bool,
    /// GitHub gives up after 10 seconds.
    pub timeout: Duration,
    pub mischief: Mischief,
    /// A GitHub App's, and not a repository's.
    pub of_app: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    Json,
    Form,
}

/// What goes wrong with deliveries, by chance. `Default` is nothing.
#[derive(Debug, Clone, Default)]
pub struct Mischief {
    /// The probability that a delivery is never made.
    pub drop: f64,
    /// The probability that a delivery is made twice, with the same id.
    pub repeat: f64,
    /// Each delivery waits this long. If the range is wide, deliveries overtake one another.
    pub delay: Option<Range<Duration>>,
    /// Changes which deliveries are hit.
    pub seed: u64,
}

/// What becomes of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    pub copies: u32,
    pub delay: Duration,
}

impl Mischief {
    pub(crate) fn fate(&self, delivery: u64) -> Fate {
        let chance = |of: u64| crate::model::fraction(mix(&[self.seed, delivery, of]));
        let copies = if chance(1) < self.drop {
            0
        } else if chance(2) < self.repeat {
            2
        } else {
            1
        };
        let delay = self
            .delay
            .as_ref()
            .map_or(Duration::ZERO, |range| range.start + range.end.saturating_sub(range.start).mul_f64(chance(3)));
        Fate { copies, delay }
    }

    pub(crate) fn reorders(&self) -> bool {
        self.delay.is_some()
    }
}

impl Hook {
    pub(crate) fn new(id: u64, url: Option<String>, secret: &str) -> Hook {
        Hook {
            id,
            url,
            secret: secret.to_owned(),
            content_type: ContentType::Json,
            events: EventKinds::only(EventKind::WorkflowRun),
            concurrent: false,
            timeout: Duration::from_secs(10),
            mischief: Mischief::default(),
            of_app: false,
        }
    }

    /// A GitHub App's, which is JSON, and goes nowhere yet.
    pub(crate) fn of_app(id: u64, secret: &str, events: EventKinds) -> Hook {
        Hook { of_app: true, concurrent: true, events, ..Hook::new(id, None, secret) }
    }

    /// As the `ping` shows it.
    pub(crate) fn config(&self) -> Value {
        let kinds = [EventKind::CheckRun, EventKind::IssueComment, EventKind::WorkflowJob, EventKind::WorkflowRun];
        let events: Vec<&str> =
            kinds.into_iter().filter(|kind| self.events.contains(*kind)).map(EventKind::as_str).collect();
        let content_type = match self.content_type {
            ContentType::Json => "json",
            ContentType::Form => "form",
        };
        let mut config = json!({ "content_type": content_type, "insecure_ssl": "0", "secret": "********" });
        if let Some(url) = &self.url {
            config["url"] = url.as_str().into();
        }
        json!({ "events": events, "config": config })
    }

    /// The request that carries this payload, if the hook has an address.
    pub fn request(&self, event: &str, delivery: &str, payload: &Value) -> Option<WebhookRequest> {
        let text = payload.to_string();
        let (content_type, body) = match self.content_type {
            ContentType::Json => ("application/json", text),
            ContentType::Form => ("application/x-www-form-urlencoded", format!("payload={}", encoded(&text))),
        };
        let headers = [
            ("content-type", content_type.to_owned()),
            ("user-agent", "GitHub-Hookshot/2f1a9c7".to_owned()),
            ("accept", "*/*".to_owned()),
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", delivery.to_owned()),
            ("x-github-hook-id", self.id.to_string()),
            ("x-github-hook-installation-target-id", "500000001".to_owned()),
            (
                "x-github-hook-installation-target-type",
                if self.of_app { "integration" } else { "repository" }.to_owned(),
            ),
            ("x-hub-signature-256", signature(&self.secret, body.as_bytes())),
        ];
        Some(WebhookRequest {
            url: self.url.clone()?,
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.into(),
            timeout: self.timeout,
        })
    }
}

fn encoded(text: &str) -> String {
    const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b' ');
    utf8_percent_encode(text, FORM).to_string().replace(' ', "+")
}

/// `sha256=` and the hex HMAC of the body, as `X-Hub-Signature-256` has it.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key length will do");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A UUID made of these 128 bits.
pub fn uuid(high: u64, low: u64) -> String {
    let digits = format!("{high:016x}{low:016x}");
    let variant = ["8", "9", "a", "b"][(low & 3) as usize];
    format!("{}-{}-4{}-{variant}{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}

/// A request, signed and ready. Tests may change anything of it before it is sent.
#[derive(Debug, Clone)]
pub struct WebhookRequest {
    pub url: String,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    pub timeout: Duration,
}

impl WebhookRequest {
    /// Sets a header, in place of one of that name.
    pub fn header(mut self, name: &str, value: &str) -> WebhookRequest {
        self = self.without(name);
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> WebhookRequest {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Another body, with a signature by this secret.
    pub fn body(self, body: impl Into<Bytes>, secret: &str) -> WebhookRequest {
        let body = body.into();
        let signature = signature(secret, &body);
        WebhookRequest { body, ..self.header("x-hub-signature-256", &signature) }
    }

    pub(crate) async fn send(&self, client: &reqwest::Client) -> DeliveryResult {
        let mut request = client.post(&self.url).timeout(self.timeout).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = async {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status().as_u16(), response.text().await?))
        };
        match answer.await {
            Ok((status, body)) => DeliveryResult::Answered { status, body },
            Err(error) if error.is_timeout() => DeliveryResult::TimedOut,
            Err(error) => DeliveryResult::Failed(chain(&error)),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A delivery, as under "Recent deliveries".
#[derive(Debug, Clone)]
pub struct Delivery {
    /// `X-GitHub-Delivery`. A redelivery has the same one.
    pub id: String,
    pub repository: RepoName,
    pub event: String,
    pub action: Option<String>,
    pub run: Option<RunId>,
    pub attempt: Option<u32>,
    /// When it was sent.
    pub at: Millis,
    pub took: Duration,
    pub redelivery: bool,
    pub request: Arc<WebhookRequest>,
    pub result: DeliveryResult,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    Answered {
        status: u16,
        body: String,
    },
    TimedOut,
    Failed(String),
    /// Never sent, by [`Mischief`].
    Dropped,
}

impl Delivery {
    pub fn status(&self) -> Option<u16> {
        match self.result {
            DeliveryResult::Answered { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether GitHub counts it as delivered.
    pub fn is_ok(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    pub fn json(&self) -> Option<Value> {
        match &self.result {
            DeliveryResult::Answered { body, .. } => serde_json::from_str(body).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_as_github_documents_them() {
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signature("It's a Secret to Everybody", b"Hello, World!"), expected);
    }

    #[test]
    fn a_form_is_signed_as_sent() {
        let mut hook = Hook::new(1, Some("http://localhost/".to_owned()), "s");
        hook.content_type = ContentType::Form;
        let request = hook.request("ping", "id", &json!({ "zen": "a b&c=ü" })).unwrap();
        assert_eq!(&request.body[..], b"payload=%7B%22zen%22%3A%22a+b%26c%3D%C3%BC%22%7D");
        let header = request.headers.iter().find(|(name, _)| name == "x-hub-signature-256").unwrap();
        assert_eq!(header.1, signature("s", &request.body));
    }

    #[test]
    fn uuids_are_of_version_4() {
        let id = uuid(mix(&[1]), mix(&[2]));
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }

    #[test]
    fn mischief_happens_about_as_often_as_asked() {
        let mischief = Mischief { drop: 0.25, repeat: 0.5, ..Mischief::default() };
        let copies: Vec<u32> = (0..10_000).map(|delivery| mischief.fate(delivery).copies).collect();
        let count = |wanted| copies.iter().filter(|copies| **copies == wanted).count();
        assert!((2_300..2_700).contains(&count(0)), "{}", count(0));
        assert!((3_500..4_000).contains(&count(2)), "{}", count(2));
        assert_eq!(Mischief::default().fate(7), Fate { copies: 1, delay: Duration::ZERO });
    }
}
