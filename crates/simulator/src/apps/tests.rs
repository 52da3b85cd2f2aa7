use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::sha2::Sha256;
use serde_json::json;

use super::*;

const NOW: Millis = 1_795_446_245_000;

fn registry() -> (Registry, u64, AppKey) {
    let mut registry = Registry::default();
    let key = AppKey::generate();
    let permissions = [("actions", Permission::Write), ("contents", Permission::Read)];
    let permissions = permissions.into_iter().map(|(name, level)| (name.to_owned(), level)).collect();
    let app = registry.add("An App", "octo", permissions, &key, NOW);
    (registry, app, key)
}

fn token(key: &AppKey, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let signature = key.0.pkcs1v15_sign::<Sha256>(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn an_apps_word_is_checked() {
    let (mut registry, app, key) = registry();
    let now = NOW as i64 / 1_000;
    let claims = |iat: i64, exp: i64| json!({ "iat": now + iat, "exp": now + exp, "iss": app.to_string() });
    let verify = |registry: &Registry, token: &str| {
        jwt::verify(registry, Some(token), NOW).map_err(|error| (error.status, error.message))
    };
    #[track_caller]
    fn refused(answer: Result<u64, (u16, String)>, status: u16, part: &str) {
        assert!(matches!(&answer, Err((known, text)) if *known == status && text.contains(part)), "{answer:?}");
    }
    let good = token(&key, &claims(-60, 540));
    assert_eq!(verify(&registry, &good), Ok(app));
    assert_eq!(verify(&registry, &token(&key, &claims(0, 600))), Ok(app));
    refused(verify(&registry, &token(&key, &claims(30, 540))), 401, "'iat'");
    refused(verify(&registry, &token(&key, &claims(-60, 601))), 401, "too far in the future");
    refused(verify(&registry, &token(&key, &claims(-600, 0))), 401, "'exp'");
    refused(verify(&registry, &token(&AppKey::generate(), &claims(-60, 540))), 401, "could not be decoded");
    refused(verify(&registry, &good.replace('.', "..")), 401, "could not be decoded");
    refused(verify(&registry, "a-token"), 401, "could not be decoded");
    refused(verify(&registry, &token(&key, &json!({ "iat": now, "exp": now + 60, "iss": "7" }))), 404, "Integration");
    let second = AppKey::generate();
    registry.add_key(app, &second);
    registry.remove_key(app, &key);
    refused(verify(&registry, &good), 401, "could not be decoded");
    assert_eq!(verify(&registry, &token(&second, &claims(-60, 540))), Ok(app));
}

#[test]
fn tokens_are_no_wider_than_the_installation() {
    let (mut registry, app, _) = registry();
    let mut model = GitHub::new(1);
    for name in ["octo/widgets", "octo/other", "acme/thing"] {
        model.add_repository(name, NOW);
    }
    let installation = registry.install(app, "octo", Some(vec![RepoName::new("octo/widgets")]), NOW);
    let mut create = |body: Value| registry.create_token(app, installation, &body, &mut model, NOW);
    let narrow =
        create(json!({ "repositories": ["widgets"], "permissions": { "actions": "read", "metadata": "read" } }));
    assert_eq!(narrow.unwrap()["permissions"], json!({ "actions": "read", "metadata": "read" }));
    for (body, part) in [
        (json!({ "repositories": ["other"] }), "repository that does not exist"),
        (json!({ "repositories": ["nowhere"] }), "repository that does not exist"),
        (json!({ "permissions": { "contents": "write" } }), "permissions requested"),
        (json!({ "permissions": { "checks": "read" } }), "permissions requested"),
    ] {
        let error = create(body).unwrap_err();
        assert!(error.status == 422 && error.message.contains(part), "{error:?}");
    }
}

#[test]
fn a_token_ends_with_its_hour_its_installation_and_its_suspension() {
    let (mut registry, app, _) = registry();
    let mut model = GitHub::new(1);
    model.add_repository("octo/widgets", NOW);
    let installation = registry.install(app, "octo", None, NOW);
    let made = registry.create_token(app, installation, &json!({}), &mut model, NOW).unwrap();
    let token = made["token"].as_str().unwrap();
    let caller = crate::model::Caller::new(token);
    let status = |model: &GitHub, now| model.grant_of(caller, now).err().map(|error| error.status);
    assert_eq!((status(&model, NOW), status(&model, NOW + HOUR)), (None, Some(401)));
    registry.suspend(installation, Some(NOW), &mut model);
    assert_eq!(status(&model, NOW), Some(403));
    let refused = registry.create_token(app, installation, &json!({}), &mut model, NOW);
    assert_eq!(refused.unwrap_err().status, 403);
    registry.suspend(installation, None, &mut model);
    assert_eq!(status(&model, NOW), None);
    registry.uninstall(installation, &mut model);
    assert_eq!(status(&model, NOW), Some(401));
}

#[test]
fn a_manifests_code_is_good_once_and_for_an_hour() {
    let mut registry = Registry::default();
    let manifest = json!({
        "name": "Mine", "url": "https://example.com", "redirect_url": "https://example.com/back",
        "hook_attributes": { "url": "https://example.com/" },
        "default_permissions": { "actions": "write" }, "default_events": ["workflow_run"],
    });
    let code = registry.register(&manifest, "octo", NOW).unwrap();
    let (app, _) = registry.convert(&code, NOW).unwrap();
    assert_eq!(registry.convert(&code, NOW).unwrap_err().status, 404);
    let app = registry.app(app).unwrap();
    assert_eq!(app.hook.url.as_deref(), Some("https://example.com/"));
    assert!(app.hook.events.contains(EventKind::WorkflowRun) && !app.hook.events.contains(EventKind::CheckRun));
    let late = registry.register(&manifest, "octo", NOW).unwrap();
    assert_eq!(registry.convert(&late, NOW + HOUR).unwrap_err().status, 404);
    assert_eq!(registry.register(&json!({ "name": "x" }), "octo", NOW), Err("hook_attributes.url"));
}

/// The organization's policies are in another repository than the one that a token is made for.
#[test]
fn a_token_for_one_repository_reads_another_of_the_account_if_that_is_public() {
    use crate::model::{Caller, Contents, Visibility};

    const POLICY: &str = ".github/rerunner.yml";
    let (mut registry, app, _) = registry();
    let mut model = GitHub::new(1);
    model.add_repository("octo/widgets", NOW);
    model.add_repository("acme/private", NOW);
    let organization = model.add_repository("octo/.github", NOW);
    model.write_file(organization, POLICY, "version: 1\n");
    let only_widgets = registry.install(app, "octo", Some(vec![RepoName::new("octo/widgets")]), NOW);
    let everywhere = registry.install(app, "octo", None, NOW);
    let number = model.repository(organization).identity.number;
    let of = json!({ "repository_ids": [number], "permissions": { "contents": "read" } });
    let refused = registry.create_token(app, only_widgets, &of, &mut model, NOW).unwrap_err();
    assert_eq!(refused.status, 422, "it is not installed there");
    let mut token = |model: &mut GitHub, installation, body: Value| {
        let made = registry.create_token(app, installation, &body, model, NOW).unwrap();
        made["token"].as_str().unwrap().to_owned()
    };
    let for_widgets = token(&mut model, only_widgets, json!({ "repositories": ["widgets"] }));
    let for_both = token(&mut model, everywhere, of);
    let for_all = token(&mut model, everywhere, json!({}));
    let stranger = model.read_repository(Caller::new(&for_all), "acme/private", NOW).unwrap_err();
    assert_eq!(stranger.status, 404, "all of one account's is not all there is");
    let read = |model: &mut GitHub, token: &str| {
        let answer = model.contents(Caller::new(token), "octo/.github", POLICY, None, NOW);
        answer.map(|contents| matches!(contents, Contents::File(_))).map_err(|error| error.status)
    };
    assert_eq!(read(&mut model, &for_both), Ok(true));
    assert_eq!(read(&mut model, &for_all), Ok(true));
    assert_eq!(read(&mut model, &for_widgets), Err(404));
    model.set_visibility(organization, Visibility::Public);
    assert_eq!(read(&mut model, &for_widgets), Ok(true));
}
