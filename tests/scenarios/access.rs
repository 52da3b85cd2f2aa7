//! Cloudflare Access in front of the pages: who gets in by its tokens, signed for real and checked by WebCrypto.

use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::{Value, json};
use simulator::AccessTeam;

use crate::http::send;
use crate::stage::{Stage, trials};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "access", whoever_access_has_let_in, keys_that_change_and_a_domain_that_is_down)
}

const TAG: &str = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";
const OTHER_TAG: &str = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";

async fn worker(stage: &Stage, team: &AccessTeam) -> LocalWorker {
    let options = Options::default().setting("ACCESS_TEAM_DOMAIN", team.domain()).setting("ACCESS_AUD", TAG);
    stage.worker_with(options.setting("ADMIN_TOKEN", "")).await
}

/// What the overview answers to this token.
async fn status(worker: &LocalWorker, token: &str) -> u16 {
    send(worker, "GET", "/overview", &[("cf-access-jwt-assertion", token)]).await.status
}

/// Seen to fail when a signature is not looked at (200 instead of 403).
async fn whoever_access_has_let_in(stage: Arc<Stage>) {
    let (team, others) = (AccessTeam::start().await, AccessTeam::start().await);
    let worker = worker(&stage, &team).await;
    let good = team.token(TAG, &Value::Null);
    assert_eq!(status(&worker, &good).await, 200);
    let outside = send(&worker, "GET", "/overview", &[]).await;
    assert_eq!(outside.status, 403);
    assert!(outside.text.contains("through Cloudflare Access"), "{}", outside.text);

    let forged = {
        let (signed, _) = good.rsplit_once('.').expect("a signature");
        let theirs = others.token(TAG, &json!({ "iss": team.domain() }));
        let (_, signature) = theirs.rsplit_once('.').expect("a signature");
        format!("{signed}.{signature}")
    };
    for (what, token) in [
        ("another team's key", others.token(TAG, &json!({ "iss": team.domain() }))),
        ("another team's signature", forged),
        ("another team", others.token(TAG, &Value::Null)),
        ("another application", team.token(OTHER_TAG, &Value::Null)),
        ("one that is over", team.token(TAG, &json!({ "exp": 1 }))),
        ("one that has not begun", team.token(TAG, &json!({ "nbf": 99_999_999_999_u64 }))),
    ] {
        assert_eq!(status(&worker, &token).await, 403, "{what}");
    }
    assert_eq!(status(&worker, &good).await, 200);
    assert_eq!(team.reads(), 1, "the keys are kept");
    worker.stop().await;
}

/// Seen to fail when keys are never read again (403 instead of 200).
async fn keys_that_change_and_a_domain_that_is_down(stage: Arc<Stage>) {
    let team = AccessTeam::start().await;
    let worker = worker(&stage, &team).await;
    team.is_down(true);
    let first = team.token(TAG, &Value::Null);
    assert_eq!(status(&worker, &first).await, 503, "nobody gets in without the keys");
    team.is_down(false);
    assert_eq!(status(&worker, &first).await, 200);
    team.turn_key();
    let second = team.token(TAG, &json!({ "exp": 99_999_999_999_u64 }));
    // A key that is not known is looked for once a minute.
    assert_eq!(status(&worker, &second).await, 403);
    let reads = team.reads();
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert_eq!(status(&worker, &second).await, 200);
    assert_eq!(team.reads(), reads + 1);
    worker.stop().await;
}
