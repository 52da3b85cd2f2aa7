//! The Worker's pages and its API, as people and programs ask for them.

use std::time::{Duration, Instant};

use local_worker::LocalWorker;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::stage::{ADMIN_TOKEN, PATIENCE};

pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answered {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// A request by whoever has the token.
pub async fn get(worker: &LocalWorker, path: &str) -> Answered {
    send(worker, "GET", path, &[("authorization", &format!("Bearer {ADMIN_TOKEN}"))]).await
}

pub async fn post(worker: &LocalWorker, path: &str) -> Answered {
    send(worker, "POST", path, &[("authorization", &format!("Bearer {ADMIN_TOKEN}"))]).await
}

pub async fn send(worker: &LocalWorker, method: &str, path: &str, headers: &[(&str, &str)]) -> Answered {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let mut request = client.request(method.parse().expect("a method"), format!("{}{path}", worker.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answered { status, headers, text: response.text().await.expect("a body") }
}

/// Asks until it is answered as expected.
pub async fn eventually(worker: &LocalWorker, path: &str, expected: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let answered = get(worker, path).await;
        if answered.status == 200 && expected(&answered.json()) {
            return answered.json();
        }
        assert!(Instant::now() < end, "{path}: {}", answered.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What `/healthz` says to whoever has the token, once its status is this one: Workers KV is written a moment after a
/// decision is logged.
pub async fn health_within(worker: &LocalWorker, status: u16) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let health = get(worker, "/healthz").await;
        if health.status == status {
            return health.json();
        }
        assert!(Instant::now() < end, "/healthz stays {}: {}", health.status, health.text);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
