//! A chat's incoming webhook: takes messages, unless it is told to do otherwise.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::server::{Closed, serve};

/// A running one. It ends when it is dropped.
#[derive(Debug)]
pub struct Chat {
    url: String,
    state: Arc<Mutex<State>>,
    server: AbortHandle,
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Message {
    pub at: Instant,
    pub path: String,
    pub body: Value,
    /// What it was answered; `None`: nothing.
    pub status: Option<u16>,
}

/// What happens to a message instead of being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Status(u16),
    /// To the same place.
    Redirect,
    /// The answer comes this much later.
    Late(Duration),
    Close,
}

#[derive(Debug, Default)]
struct State {
    messages: Vec<Message>,
    troubles: VecDeque<Trouble>,
}

impl Chat {
    /// Listens on a free port of this machine; messages go to [`Chat::url`].
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook/secret-part", listener.local_addr().expect("its address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(serve(listener, move |request| take(Arc::clone(&shared), request)));
        Self { url, state, server: server.abort_handle() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whatever arrived, taken or not.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.clone()
    }

    /// The texts of the messages that were taken.
    pub fn texts(&self) -> Vec<String> {
        let taken = self.messages().into_iter().filter(|message| message.status == Some(200));
        taken.filter_map(|message| message.body["text"].as_str().map(str::to_owned)).collect()
    }

    /// For the next message that none was said for.
    pub fn trouble(&self, trouble: Trouble) {
        self.lock().troubles.push_back(trouble);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Closed> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map_err(|_| Closed)?.to_bytes();
    let trouble = {
        let mut state = state.lock().expect("no panic while it is held");
        let trouble = state.troubles.pop_front();
        let status = match trouble {
            Some(Trouble::Status(status)) => Some(status),
            Some(Trouble::Redirect) => Some(302),
            Some(Trouble::Close) => None,
            Some(Trouble::Late(_)) | None => Some(200),
        };
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        state.messages.push(Message { at: Instant::now(), path: path.clone(), body, status });
        trouble
    };
    let mut answer = Response::builder();
    match trouble {
        None => {}
        Some(Trouble::Status(status)) => answer = answer.status(status),
        Some(Trouble::Redirect) => answer = answer.status(302).header("location", format!("{path}/elsewhere")),
        Some(Trouble::Late(time)) => tokio::time::sleep(time).await,
        Some(Trouble::Close) => return Err(Closed),
    }
    answer.body(Full::new(Bytes::from_static(b"ok"))).map_err(|_| Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_and_troubles() {
        let chat = Chat::start().await;
        chat.trouble(Trouble::Status(503));
        chat.trouble(Trouble::Close);
        let client = reqwest::Client::new();
        let send = || client.post(chat.url()).body(r#"{"text":"hello"}"#).send();
        assert_eq!(send().await.unwrap().status(), 503);
        assert!(send().await.is_err());
        assert_eq!(send().await.unwrap().status(), 200);
        assert_eq!(chat.texts(), ["hello"]);
        assert_eq!(chat.messages().len(), 3);
    }
}
