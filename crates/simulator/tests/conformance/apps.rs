//! Apps, installations, tokens, hooks, callers.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::sha2::Sha256;
use serde_json::{Value, json};
use simulator::{App, Grant, Hosts, Permission, SimulatedGitHub};

use crate::{assert_conforms, assert_covered, caller, calls, failed_run, github};

pub const COVERED: &[&str] = &[
    "GET /app 200",
    "GET /app 401",
    "GET /app/hook/config 200",
    "GET /app/hook/config 401",
    "GET /app/hook/deliveries 200",
    "GET /app/hook/deliveries 401",
    "GET /rate_limit 200",
    "GET /rate_limit 401",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id} 200",
    "GET /repos/{owner}/{repo}/actions/runs/{run_id} 403",
    "GET /repos/{owner}/{repo}/hooks 200",
    "GET /repos/{owner}/{repo}/hooks 403",
    "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries 200",
    "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries 404",
    "GET /repos/{owner}/{repo}/installation 200",
    "GET /repos/{owner}/{repo}/installation 401",
    "GET /repos/{owner}/{repo}/installation 404",
    "GET /user 200",
    "GET /user 401",
    "GET /user 403",
    "POST /app-manifests/{code}/conversions 201",
    "POST /app-manifests/{code}/conversions 404",
    "POST /app/hook/deliveries/{delivery_id}/attempts 202",
    "POST /app/hook/deliveries/{delivery_id}/attempts 404",
    "POST /app/installations/{installation_id}/access_tokens 201",
    "POST /app/installations/{installation_id}/access_tokens 401",
    "POST /app/installations/{installation_id}/access_tokens 403",
    "POST /app/installations/{installation_id}/access_tokens 404",
    "POST /app/installations/{installation_id}/access_tokens 422",
    "POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts 202",
];

/// An App's word that it is itself.
fn word(app: &App) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({ "iat": now - 60, "exp": now + 300, "iss": app.id.to_string() });
    let signed = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let key = PrivateKey::from_pkcs1_pem(&app.key.pkcs1()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.pkcs1v15_sign::<Sha256>(signed.as_bytes()).unwrap()))
}

#[tokio::test]
async fn answers_about_apps_hooks_and_callers() {
    let (github, receiver) = github(Hosts::default()).await;
    let app = github.app("Rerunner");
    app.hook(|hook| hook.url = Some(receiver.url().to_owned()));
    let installation = app.install(&["octo/widgets"]);
    github.add_token("hooks", Grant { hooks: Permission::Write, ..Grant::full("mona") });
    let run = failed_run(&github).await;
    github.expect("deliveries", |github| github.deliveries().len() >= 6).await;

    let word = word(&app);
    let (itself, stranger, owner) = (caller(&github, &word), caller(&github, "wrong"), caller(&github, "hooks"));
    itself.get("/app", 200).await;
    itself.get("/app/hook/config", 200).await;
    let deliveries = itself.get("/app/hook/deliveries?per_page=1", 200).await;
    itself.post(&format!("/app/hook/deliveries/{}/attempts", deliveries[0]["id"]), None, 202).await;
    itself.post("/app/hook/deliveries/1/attempts", None, 404).await;
    itself.get("/repos/octo/widgets/installation", 200).await;
    itself.get("/repos/octo/other/installation", 404).await;
    let tokens = format!("/app/installations/{installation}/access_tokens");
    let asked = json!({ "repositories": ["widgets"], "permissions": { "actions": "write", "checks": "read" } });
    let token = itself.post(&tokens, Some(asked), 201).await;
    itself.post(&tokens, None, 201).await;
    itself.post(&tokens, Some(json!({ "repositories": ["unknown"] })), 422).await;
    itself.post(&tokens, Some(json!({ "permissions": { "contents": "write" } })), 422).await;
    itself.post("/app/installations/1/access_tokens", None, 404).await;
    for path in ["/app", "/app/hook/config", "/app/hook/deliveries", "/repos/octo/widgets/installation"] {
        stranger.get(path, 401).await;
    }
    stranger.post(&tokens, None, 401).await;
    let of_app = caller(&github, token["token"].as_str().unwrap());
    of_app.get(&format!("/repos/octo/widgets/actions/runs/{}", run.id()), 200).await;
    of_app.get("/user", 403).await;
    app.suspend(installation);
    itself.get("/repos/octo/widgets/installation", 200).await;
    itself.post(&tokens, None, 403).await;
    of_app.get(&format!("/repos/octo/widgets/actions/runs/{}", run.id()), 403).await;
    itself.post("/app-manifests/unknown/conversions", None, 404).await;
    let code = manifest(&github).await;
    itself.post(&format!("/app-manifests/{code}/conversions"), None, 201).await;

    let hook = owner.get("/repos/octo/widgets/hooks", 200).await[0]["id"].to_string();
    let hook = format!("/repos/octo/widgets/hooks/{hook}/deliveries");
    let deliveries = owner.get(&format!("{hook}?per_page=1"), 200).await;
    owner.get(&format!("{hook}?per_page=2&cursor=v1_{}", deliveries[0]["id"]), 200).await;
    owner.post(&format!("{hook}/{}/attempts", deliveries[0]["id"]), None, 202).await;
    owner.get("/repos/octo/widgets/hooks/1/deliveries", 404).await;
    caller(&github, github.token()).get("/repos/octo/widgets/hooks", 403).await;
    owner.get("/user", 200).await;
    owner.get("/rate_limit", 200).await;
    stranger.get("/user", 401).await;
    stranger.get("/rate_limit", 401).await;

    assert_conforms(&github);
    assert_covered(&calls(&github), COVERED);
}

/// A person agrees to an App; the code that fetches its key.
async fn manifest(github: &SimulatedGitHub) -> String {
    let manifest = json!({
        "name": "Another", "url": "https://example.com", "redirect_url": "https://example.com/created",
        "hook_attributes": { "url": "https://example.com/" },
        "default_permissions": { "actions": "write" }, "default_events": ["workflow_run"],
    });
    let text: String = manifest.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form = client.post(format!("{}/settings/apps/new?state=s", github.url())).body(format!("manifest={text}"));
    let back = form.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    back.split_once("code=").unwrap().1.split_once('&').unwrap().0.to_owned()
}
