//! Webhooks made by hand, and their answers.

use reqwest::Body;
use serde_json::Value;
use simulator::webhooks::signature as sign;

use crate::stage::SECRET;

/// A webhook's request, right in every part unless told otherwise.
pub struct Delivery {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What wrangler, which stands before the Worker here, answers when the Worker has answered before it had read all that
/// was sent, and the answer was lost with the connection.
const LOST_BY_WRANGLER: &str = "Error: Network connection lost.";

/// No answer arrived.
#[derive(Debug)]
#[expect(dead_code, reason = "shown when a test fails")]
pub struct Lost(String);

impl From<reqwest::Error> for Lost {
    fn from(error: reqwest::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub allow: Option<String>,
    pub json: Value,
}

impl Delivery {
    pub fn new(event: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-github-event", event.to_owned()),
            ("x-hub-signature-256", sign(SECRET, &body)),
        ];
        Self { method: "POST", path: "/", headers, body }
    }

    pub fn json(event: &str, payload: &Value) -> Self {
        Self::new(event, payload.to_string())
    }

    pub fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub fn path(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| *key != name);
        self
    }

    pub async fn send(self, url: &str) -> Reply {
        self.try_send(url).await.expect("an answer")
    }

    pub async fn try_send(self, url: &str) -> Result<Reply, Lost> {
        let body = Body::from(self.body.clone());
        self.send_body(url, body).await
    }

    /// In pieces, so that no length is declared.
    pub async fn send_streamed(self, url: &str) -> Reply {
        self.try_send_streamed(url).await.expect("an answer")
    }

    pub async fn try_send_streamed(self, url: &str) -> Result<Reply, Lost> {
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
            self.body.chunks(64 * 1024).map(|piece| Ok(piece.to_vec())).collect();
        let body = Body::wrap_stream(futures_util::stream::iter(pieces));
        self.send_body(url, body).await
    }

    async fn send_body(self, url: &str, body: Body) -> Result<Reply, Lost> {
        let method = self.method.parse().expect("a method");
        let mut request = reqwest::Client::new().request(method, format!("{url}{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if self.method != "GET" && self.method != "HEAD" {
            request = request.body(body);
        }
        let response = request.send().await?;
        let allow = response.headers().get("allow").map(|allow| allow.to_str().expect("text").to_owned());
        let status = response.status().as_u16();
        let text = response.text().await?;
        if status == 500 && text == LOST_BY_WRANGLER {
            return Err(Lost(text));
        }
        Ok(Reply { status, allow, json: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }
}

impl Reply {
    /// The status, the outcome, and a part of the reason.
    #[track_caller]
    pub fn is(&self, status: u16, outcome: &str, reason: &str) -> &Self {
        let has_reason = self.json["reason"].as_str().is_some_and(|text| text.contains(reason));
        assert!(
            self.status == status && self.json["outcome"] == outcome && has_reason,
            "expected {status} {outcome} {reason:?}, got {self:#?}"
        );
        self
    }
}
