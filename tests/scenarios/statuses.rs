//! Every status of the HTTP surface, each with its body, and every way a signature can be wrong.

use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::Options;
use serde_json::{Value, json};
use simulator::webhooks::signature as sign;

use crate::delivery::Delivery;
use crate::stage::{PREVIOUS_SECRET, SECRET, Stage, trials};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "statuses",
        answers_of_verified_webhooks,
        the_documents_example,
        malformed_webhooks,
        other_paths_and_methods,
        signatures,
        pages,
        without_a_webhook_secret,
        wrong_settings_are_named,
    )
}

pub fn failed_run(repository: &str, run_id: u64) -> Value {
    json!({
        "action": "completed",
        "repository": { "full_name": repository },
        "workflow_run": { "id": run_id, "run_attempt": 1, "conclusion": "failure", "actor": { "login": "ann" } },
    })
}

pub fn success() -> Value {
    let mut payload = failed_run("octo/statuses", 1);
    payload["workflow_run"]["conclusion"] = json!("success");
    payload
}

/// Seen to fail when `due` is left out, or delivery ids are not looked up, or `ping` is unknown, or the form is not
/// decoded (the field, the reason or the outcome).
async fn answers_of_verified_webhooks(stage: Arc<Stage>) {
    let url = &stage.worker().await.url;
    let candidate = || Delivery::json("workflow_run", &failed_run("octo/statuses", 7));
    let reply = candidate().with("x-github-delivery", "00000000-0000-0000-0000-000000000001").send(url).await;
    reply.is(202, "scheduled", "workflow run failed");
    assert_eq!(reply.json["repository"], "octo/statuses");
    assert_eq!((&reply.json["run_id"], &reply.json["run_attempt"]), (&json!(7), &json!(1)));
    let due = reply.json["due"].as_str().expect("a time");
    assert!(due.len() == 20 && due.ends_with('Z'), "{due}");
    candidate().with("x-github-delivery", "00000000-0000-0000-0000-000000000001").send(url).await.is(
        202,
        "recorded",
        "received before",
    );
    candidate().send(url).await.is(202, "recorded", "");
    Delivery::json("workflow_run", &success()).send(url).await.is(200, "ignored", "success");
    Delivery::json("push", &json!({})).send(url).await.is(200, "ignored", "event");
    let reply = Delivery::json("ping", &json!({ "zen": "Design for failure." })).send(url).await;
    reply.is(200, "pong", "signature");
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &failed_run("octo/statuses", 8).to_string())
        .finish();
    let form = Delivery::new("workflow_run", form).with("content-type", "application/x-www-form-urlencoded");
    form.send(url).await.is(202, "scheduled", "");
}

/// The lines of docs/api.md, run as they stand but for the address.
/// Seen to fail when `run_attempt` is left out (another answer than the page's).
async fn the_documents_example(stage: Arc<Stage>) {
    let page = include_str!("../../docs/api.md");
    let start = page.find("BODY='").expect("the example");
    let script = page[start..].split("```").next().expect("its end");
    let script = script.replace("http://localhost:8787", &stage.worker().await.url);
    let output = tokio::process::Command::new("bash").arg("-ec").arg(script).output().await.expect("bash");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(answer["outcome"], "scheduled", "{answer}");
    let shown = page.lines().find(|line| line.starts_with(r#"{"outcome":"scheduled""#)).expect("its answer");
    let mut shown: Value = serde_json::from_str(shown).expect("JSON");
    shown["due"] = answer["due"].clone();
    assert_eq!(answer, shown);
}

/// Seen to fail when any content type will do, or the event's header is optional, or the place is not named (the status
/// or the reason).
async fn malformed_webhooks(stage: Arc<Stage>) {
    let url = &stage.worker().await.url;
    let bad = |body: &str| Delivery::new("workflow_run", body);
    bad("{").send(url).await.is(400, "rejected", "line 1, column 1");
    bad("").send(url).await.is(400, "rejected", "ends early");
    bad("[]").send(url).await.is(400, "rejected", "");
    bad("{\"action\":\"completed\"}").send(url).await.is(400, "rejected", "the field repository is missing");
    bad("payload=%7B%7D").with("content-type", "application/x-www-form-urlencoded").send(url).await.is(
        400,
        "rejected",
        "field action",
    );
    bad("other=1")
        .with("content-type", "application/x-www-form-urlencoded")
        .send(url)
        .await
        .is(400, "rejected", "form");
    Delivery::json("workflow_run", &failed_run("octo/..", 1)).send(url).await.is(400, "rejected", "column");
    Delivery::json("workflow_run", &json!({ "action": 1 })).send(url).await.is(400, "rejected", "wrong type");
    Delivery::json("workflow_run", &success()).without("x-github-event").send(url).await.is(
        400,
        "rejected",
        "X-GitHub-Event",
    );
    let text = Delivery::json("workflow_run", &success()).with("content-type", "text/plain");
    text.send(url).await.is(415, "rejected", "application/json");
}

/// Seen to fail when every path is taken for `/`, or there is no `Allow` (200 instead of 404; no header).
async fn other_paths_and_methods(stage: Arc<Stage>) {
    let url = &stage.worker().await.url;
    let delivery = || Delivery::json("workflow_run", &success());
    delivery().path("/webhook").send(url).await.is(404, "rejected", "nothing at this path");
    let reply = delivery().method("PUT").send(url).await;
    reply.is(405, "rejected", "method");
    assert_eq!(reply.allow.as_deref(), Some("GET, HEAD, POST"));
    let reply = delivery().path("/healthz").send(url).await;
    reply.is(405, "rejected", "method");
    assert_eq!(reply.allow.as_deref(), Some("GET, HEAD"));
}

/// Seen to fail when no signature is verified, or the prefix is skipped and not checked, or too few digits will do, or
/// only lower case will do, or only the first byte is compared, or the previous secret is not taken (200 instead of
/// 401, or 401 instead of 200).
async fn signatures(stage: Arc<Stage>) {
    let url = &stage.worker().await.url;
    let body = success().to_string();
    let delivery = || Delivery::new("workflow_run", body.clone());
    let signed = |header: &str| delivery().with("x-hub-signature-256", header);
    let right = sign(SECRET, body.as_bytes());
    signed(&right).send(url).await.is(200, "ignored", "");
    signed(&sign(PREVIOUS_SECRET, body.as_bytes())).send(url).await.is(200, "ignored", "");
    signed(&format!("sha256={}", right[7..].to_uppercase())).send(url).await.is(200, "ignored", "");
    delivery().without("x-hub-signature-256").send(url).await.is(401, "rejected", "missing");
    let sha1 = delivery().without("x-hub-signature-256").with("x-hub-signature", "sha1=7f2a");
    sha1.send(url).await.is(401, "rejected", "missing");
    let renamed = |algorithm: &str| right.replace("sha256", algorithm);
    for malformed in [
        &right[..right.len() - 1],
        &right[7..],
        &renamed("sha512"),
        &renamed("SHA256"),
        "sha256=",
        "sha1=00",
        "nonsense",
    ] {
        signed(malformed).send(url).await.is(401, "rejected", "malformed");
    }
    let last_digit_off = format!("{}{}", &right[..right.len() - 1], if right.ends_with('0') { '1' } else { '0' });
    for wrong in [
        sign("another-secret", body.as_bytes()),
        sign("", body.as_bytes()),
        sign(SECRET, b"another body"),
        last_digit_off,
    ] {
        signed(&wrong).send(url).await.is(401, "rejected", "does not match");
    }
    // GitHub's own example (GitHub Docs, "Validating webhook deliveries"). Its body is no JSON: the signature is right.
    let secret = Options::default().setting("WEBHOOK_SECRET", "It's a Secret to Everybody");
    let worker = stage.worker_with(secret).await;
    let vector = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let vector = |body: &str| Delivery::new("workflow_run", body).with("x-hub-signature-256", vector);
    vector("Hello, World!").send(&worker.url).await.is(400, "rejected", "not JSON");
    vector("Hello, World?").send(&worker.url).await.is(401, "rejected", "does not match");
    worker.stop().await;
}

/// Seen to fail when `HEAD` is not served, or the page always says that something is missing (405; the page's text).
async fn pages(stage: Arc<Stage>) {
    let url = &stage.worker().await.url;
    let get = |path| Delivery::json("x", &json!({})).method("GET").path(path);
    let home = get("/").send(url).await;
    let page = home.json.as_str().expect("a page");
    assert!(
        home.status == 200 && page.contains("<h1>Rerunner</h1>") && page.contains("set up and listening"),
        "{page}"
    );
    let health = get("/healthz").send(url).await;
    assert_eq!((health.status, &health.json["status"]), (200, &json!("ok")));
    let head = get("/").method("HEAD").send(url).await;
    assert_eq!((head.status, head.json), (200, json!("")));
}

/// Seen to fail when an empty secret counts as set, or the page does not look at the settings (401 instead of 503; the
/// page's text).
async fn without_a_webhook_secret(stage: Arc<Stage>) {
    let unset = Options::default().setting("WEBHOOK_SECRET", "").setting("WEBHOOK_SECRET_PREVIOUS", "");
    let worker = stage.worker_with(unset).await;
    let delivery = || Delivery::json("workflow_run", &success());
    delivery().send(&worker.url).await.is(503, "unavailable", "WEBHOOK_SECRET is not set");
    let empty = delivery().with("x-hub-signature-256", &sign("", success().to_string().as_bytes()));
    empty.send(&worker.url).await.is(503, "unavailable", "WEBHOOK_SECRET is not set");
    let home = delivery().method("GET").send(&worker.url).await;
    assert!(home.json.as_str().is_some_and(|page| page.contains("<code>WEBHOOK_SECRET</code>")));
    worker.stop().await;
}

/// Seen to fail when values are shown, or wrong values are passed over, or the status is always 200, or webhooks are
/// refused (the value; the names; the status).
async fn wrong_settings_are_named(stage: Arc<Stage>) {
    let wrong =
        Options::default().setting("MAX_RERUNS", "a-few").setting("RERUN_DELAY", "soon").setting("GITHUB_TOKEN", "");
    let worker = stage.worker_with(wrong).await;
    let health = Delivery::json("x", &json!({})).method("GET").path("/healthz").send(&worker.url).await;
    assert_eq!(health.status, 503);
    let named: Vec<&str> =
        health.json["problems"].as_array().expect("a list").iter().filter_map(|p| p["setting"].as_str()).collect();
    assert_eq!(named, ["GITHUB_TOKEN", "MAX_RERUNS", "RERUN_DELAY"]);
    let text = health.json.to_string();
    assert!(!text.contains("a-few") && !text.contains("soon"), "{text}");
    // What arrives is kept all the same.
    let delivery = Delivery::json("workflow_run", &failed_run("octo/wrong-settings", 1));
    delivery.send(&worker.url).await.is(202, "scheduled", "");
    worker.stop().await;
}
