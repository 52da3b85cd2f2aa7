//! What anybody can send beside webhooks: odd targets and methods, and guesses at `ADMIN_TOKEN`.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::send;
use crate::stage::{ADMIN_TOKEN, Stage, trials};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "strangers",
        no_target_and_no_method_is_a_fault,
        no_other_text_is_the_token,
        who_waits_is_not_forgotten_for_others,
        the_platform_counts_too,
    )
}

/// What a request line is answered, as it stands.
async fn ask(worker: &LocalWorker, line: &str) -> (u16, String) {
    let address = worker.url.strip_prefix("http://").expect("an address");
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    connection.write_all(head.as_bytes()).await.expect("written");
    let mut answer = vec![];
    connection.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{line}: {answer}")), answer)
}

/// Not `POST *`, which wrangler answers itself: `routes` has a test of it.
/// Seen to fail when `/` is served by every method (200 instead of 405).
async fn no_target_and_no_method_is_a_fault(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    for (line, expected) in [
        ("POST //", 404),
        ("POST /%2f", 404),
        ("POST /%00", 404),
        ("POST /\\", 404),
        ("POST http://other.example", 415),
        ("POST http://other.example/", 415),
        ("POST ftp://other.example/", 415),
        ("POST /?a=/", 415),
        ("POST /#/x", 415),
        ("OPTIONS /", 405),
        ("TRACE /", 405),
        ("PROPFIND /", 405),
        ("PATCH /metrics", 405),
        ("DELETE /api/v1/repositories/o/r/pause", 405),
    ] {
        let (status, answer) = ask(worker, line).await;
        assert_eq!(status, expected, "{line}: {answer}");
    }
}

/// Seen to fail when the token is the key of an HMAC (200 instead of 401 for the token and a NUL).
async fn no_other_text_is_the_token(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default()).await;
    let basic = |password: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("anyone:{password}")));
    for wrong in [
        format!("{ADMIN_TOKEN}\0"),
        format!("{ADMIN_TOKEN}\0\0\0"),
        format!("{ADMIN_TOKEN} "),
        ADMIN_TOKEN.to_uppercase(),
        String::new(),
    ] {
        let answered = send(&worker, "GET", "/overview", &[("authorization", &basic(&wrong))]).await;
        assert_eq!(answered.status, 401, "{wrong:?}");
    }
    assert_eq!(send(&worker, "GET", "/overview", &[("authorization", &basic(ADMIN_TOKEN))]).await.status, 200);
    worker.stop().await;
}

/// A guess from an address, as Cloudflare names it.
async fn guess(worker: &LocalWorker, address: &str) -> u16 {
    let headers = [("authorization", "Bearer guess"), ("cf-connecting-ip", address)];
    send(worker, "GET", "/metrics", &headers).await.status
}

/// Seen to fail when the oldest is forgotten first (401 instead of 429).
async fn who_waits_is_not_forgotten_for_others(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default()).await;
    for _ in 0..10 {
        assert_eq!(guess(&worker, "192.0.2.1").await, 401);
    }
    assert_eq!(guess(&worker, "192.0.2.1").await, 429);
    for other in 0..1_001 {
        assert_eq!(guess(&worker, &format!("198.51.{}.{}", other / 250, other % 250)).await, 401, "{other}");
    }
    assert_eq!(guess(&worker, "192.0.2.1").await, 429);
    worker.stop().await;
}

/// One isolate counts to ten by itself. The platform, which counts for all isolates of a location, is told to let three
/// pass here, and is the one that locks.
/// Seen to fail when the rate-limiting binding is not used (401 instead of 429).
async fn the_platform_counts_too(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options { admin_failures: Some(3), ..Options::default() }).await;
    let mut statuses = vec![];
    for _ in 0..5 {
        statuses.push(guess(&worker, "192.0.2.1").await);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert_eq!(guess(&worker, "192.0.2.2").await, 401);
    worker.stop().await;
}
