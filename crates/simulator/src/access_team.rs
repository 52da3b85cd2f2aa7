//! A team of Cloudflare Access: tokens that it signs, and its domain, which shows the keys.
//!
//! As "Validate JWTs" and "Application token" of Cloudflare's documentation have it.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts;
use rsa::{Generate, PrivateKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::server::{Closed, serve};

/// A running one. It ends when it is dropped.
#[derive(Debug)]
pub struct AccessTeam {
    domain: String,
    state: Arc<Mutex<State>>,
    server: AbortHandle,
}

#[derive(Default)]
struct State {
    /// The one that signs is the last, and the one before is shown too.
    keys: Vec<PrivateKey>,
    reads: usize,
    is_down: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys, read {} times", self.keys.len(), self.reads)
    }
}

impl AccessTeam {
    /// Listens on a free port of this machine.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let domain = format!("http://{}", listener.local_addr().expect("its address"));
        let state = Arc::new(Mutex::new(State { keys: vec![PrivateKey::generate()], ..State::default() }));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(serve(listener, move |request| {
            let answer = answer(&mut shared.lock().expect("no panic while it is held"), &request);
            async move { answer }
        }));
        Self { domain, state, server: server.abort_handle() }
    }

    /// What tokens name as their issuer.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// As a person gets it who signed in at this application, good for a minute; `more` replaces claims.
    pub fn token(&self, audience: &str, more: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
        let mut claims = json!({
            "aud": [audience], "email": "ann@example.com", "exp": now + 60, "iat": now, "nbf": now, "iss": self.domain,
            "type": "app", "identity_nonce": "nonce", "sub": "ann", "country": "DE",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let state = self.lock();
        let (number, key) = state.keys.iter().enumerate().next_back().expect("there is one from the start");
        let header = json!({ "alg": "RS256", "kid": kid(number), "typ": "JWT" });
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = key.pkcs1v15_sign::<Sha256>(signed.as_bytes()).expect("a key that can sign");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Another key signs from now on.
    pub fn turn_key(&self) {
        let key = PrivateKey::generate();
        self.lock().keys.push(key);
    }

    /// The domain answers with an error, or well again.
    pub fn is_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    /// How often the keys were read.
    pub fn reads(&self) -> usize {
        self.lock().reads
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }
}

impl Drop for AccessTeam {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn kid(number: usize) -> String {
    format!("key-{number}")
}

fn answer(state: &mut State, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Closed> {
    let answer =
        |status, body: String| Response::builder().status(status).body(Full::new(body.into())).map_err(|_| Closed);
    if request.uri().path() != "/cdn-cgi/access/certs" {
        return answer(404, "there is nothing here".to_owned());
    }
    state.reads += 1;
    if state.is_down {
        return answer(503, "down".to_owned());
    }
    let shown = state.keys.iter().enumerate().rev().take(2);
    let keys: Vec<_> = shown.map(|(number, key)| jwk(number, key)).collect();
    answer(200, json!({ "keys": keys, "public_cert": {}, "public_certs": [] }).to_string())
}

fn jwk(number: usize, key: &PrivateKey) -> Value {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "kid": kid(number), "kty": "RSA", "alg": "RS256", "use": "sig",
        "e": encoded(&key.e_bytes()), "n": encoded(&key.n_bytes()),
    })
}
