//! Acting as a GitHub App, and all that can be wrong with one: each is a clear message, and no run is lost.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use simulator::{App, Endpoint, EventKinds, Permission, Run};
use tempfile::TempDir;

use crate::http::health_within;
use crate::stage::{SECRET, Stage, trials};
use crate::steps::{decision, fails_once, rescued};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "app",
        rescued_with_either_form_of_the_key,
        a_wrong_key_and_then_the_right_one,
        a_key_that_is_none_is_named_and_not_shown,
        not_installed_and_then_installed,
        suspended_and_then_not,
        without_the_permission_and_then_with_it,
        a_token_that_was_revoked,
        clocks_that_differ_and_a_token_that_has_expired,
        many_runs_share_one_token,
        the_app_where_it_is_installed_and_the_token_elsewhere,
    )
}

const A_WHILE: Duration = Duration::from_secs(3);

/// A Worker with the App's credentials and no token, unless `token` is one; on storage of its own that outlives it.
struct Site {
    storage: TempDir,
}

impl Site {
    fn new() -> Self {
        Self { storage: tempfile::tempdir().expect("a folder") }
    }

    async fn worker(&self, stage: &Stage, app: &App, key: &str, token: &str) -> LocalWorker {
        let options = Options { storage: Some(self.storage.path().to_owned()), ..Options::default() }
            .setting("GITHUB_APP_PRIVATE_KEY", key)
            .setting("GITHUB_TOKEN", token);
        stage.worker_of_app(app, options).await
    }
}

/// Waits for the decision that GitHub refused, and looks at what it and `/healthz` say.
async fn refused(worker: &LocalWorker, run: &Run, parts: &[&str]) {
    let decision = decision(worker, run, |event| event["outcome"] == "failed").await;
    let reply = health_within(worker, 503).await;
    let problem = &reply["problems"][0];
    assert_eq!(problem["setting"], "GITHUB_APP_ID", "{reply}");
    for part in parts {
        for text in [&decision["reason"], &problem["problem"]] {
            assert!(text.as_str().is_some_and(|text| text.contains(part)), "{part:?} is not in {text}");
        }
    }
}

async fn rescued_with_either_form_of_the_key(stage: Arc<Stage>) {
    let app = stage.github().await.app("either form");
    for (name, key) in [
        ("octo/app-pkcs1", app.key.pkcs1()),
        ("octo/app-pkcs8", app.key.pkcs8()),
        ("octo/app-one-line", app.key.pkcs1().replace('\n', "\\n")),
    ] {
        let repository = stage.repository_of_app(name).await;
        app.install(&[name]);
        let site = Site::new();
        let worker = site.worker(&stage, &app, &key, "").await;
        let run = repository.run(fails_once()).await;
        rescued(&run).await;
        let reruns = stage.github().await.reruns();
        let by = reruns.iter().find(|rerun| rerun.run == run.id()).map(|rerun| rerun.login.to_string());
        assert_eq!(by.as_deref(), Some("either-form[bot]"), "{name}");
        let calls = stage.github().await.calls();
        let looked_up = calls
            .iter()
            .any(|call| call.endpoint == Some(Endpoint::Installation) && call.repository.as_deref() == Some(name));
        assert!(!looked_up, "the webhook has told the installation");
        health_within(&worker, 200).await;
        let output = worker.log().lines().join("\n");
        assert!(!output.contains("installation-token-"), "a token in the log");
        worker.stop().await;
        nothing_secret_in(site.storage.path());
    }
}

/// No installation token in what is kept on disk: SQLite and Workers KV.
fn nothing_secret_in(folder: &std::path::Path) {
    let mut files = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&entry).expect("a file");
            for secret in ["installation-token-", "PRIVATE KEY"] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} is in {}", entry.display());
            }
        }
    }
    assert!(files > 0, "nothing was kept at all");
}

async fn a_wrong_key_and_then_the_right_one(stage: Arc<Stage>) {
    let app = stage.github().await.app("wrong key");
    let repository = stage.repository_of_app("octo/app-wrong-key").await;
    app.install(&["octo/app-wrong-key"]);
    let other = stage.github().await.app("another app").key.pkcs1();
    let site = Site::new();
    let worker = site.worker(&stage, &app, &other, "").await;
    let run = repository.run(fails_once()).await;
    refused(&worker, &run, &["401 A JSON web token could not be decoded", "GITHUB_APP_PRIVATE_KEY"]).await;
    run.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), "").await;
    let next = repository.run(fails_once()).await;
    rescued(&next).await;
    rescued(&run).await;
    health_within(&worker, 200).await;
    worker.stop().await;
}

async fn a_key_that_is_none_is_named_and_not_shown(stage: Arc<Stage>) {
    let app = stage.github().await.app("no key");
    let repository = stage.repository_of_app("octo/app-no-key").await;
    app.install(&["octo/app-no-key"]);
    let site = Site::new();
    let cut: String = app.key.pkcs1().chars().take(600).collect();
    let worker = site.worker(&stage, &app, &cut, "").await;
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let health = health_within(&worker, 503).await;
    assert_eq!(health["problems"][0]["setting"], "GITHUB_APP_PRIVATE_KEY", "{health}");
    let secret = &cut[100..160];
    assert!(!health.to_string().contains(secret), "{health}");
    run.expect_no_rerun_for(A_WHILE).await;
    assert!(!worker.log().lines().iter().any(|line| line.contains(secret) && line.contains("event")));
    worker.stop().await;
    let worker = site.worker(&stage, &app, &app.key.pkcs8(), "").await;
    rescued(&run).await;
    worker.stop().await;
}

async fn not_installed_and_then_installed(stage: Arc<Stage>) {
    let name = "octo/app-not-installed";
    let app = stage.github().await.app("not installed");
    let site = Site::new();
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), "").await;
    // A webhook of the repository tells of the run, as the App is told of none.
    let repository = stage.repository_of(name, EventKinds::ALL, &worker.url).await;
    let run = repository.run(fails_once()).await;
    let decision = decision(&worker, &run, |event| event["outcome"] == "failed").await;
    let reason = decision["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("not installed on octo/app-not-installed"), "{reason}");
    run.expect_no_rerun_for(A_WHILE).await;
    app.install(&[name]);
    // The App's first webhook says that it is installed now: there is no waiting for the next try.
    let next = repository.run(fails_once()).await;
    rescued(&next).await;
    rescued(&run).await;
    health_within(&worker, 200).await;
    worker.stop().await;
}

async fn suspended_and_then_not(stage: Arc<Stage>) {
    let name = "octo/app-suspended";
    let app = stage.github().await.app("suspended");
    let repository = stage.repository_of_app(name).await;
    let installation = app.install(&[name]);
    let site = Site::new();
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), "").await;
    // The token that this run got is refused from then on.
    rescued(&repository.run(fails_once()).await).await;
    app.suspend(installation);
    let url = format!("{}/", worker.url);
    repository.hook(|hook| hook.url = Some(url)).await;
    let run = repository.run(fails_once()).await;
    refused(&worker, &run, &["suspended"]).await;
    run.expect_no_rerun_for(A_WHILE).await;
    app.unsuspend(installation);
    let next = repository.run(fails_once()).await;
    rescued(&next).await;
    rescued(&run).await;
    health_within(&worker, 200).await;
    worker.stop().await;
}

async fn without_the_permission_and_then_with_it(stage: Arc<Stage>) {
    let name = "octo/app-permission";
    let app = stage.github().await.app("permission");
    let repository = stage.repository_of_app(name).await;
    let installation = app.install(&[name]);
    app.grant(installation, "actions", Permission::Read);
    let site = Site::new();
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), "").await;
    let run = repository.run(fails_once()).await;
    refused(&worker, &run, &["422", "not granted to this installation", "actions: write"]).await;
    run.expect_no_rerun_for(A_WHILE).await;
    worker.stop().await;
    app.grant(installation, "actions", Permission::Write);
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), "").await;
    let next = repository.run(fails_once()).await;
    rescued(&next).await;
    rescued(&run).await;
    worker.stop().await;
}

async fn a_token_that_was_revoked(stage: Arc<Stage>) {
    let name = "octo/app-revoked";
    let app = stage.github().await.app("revoked");
    let repository = stage.repository_of_app(name).await;
    app.install(&[name]);
    let site = Site::new();
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), "").await;
    rescued(&repository.run(fails_once()).await).await;
    app.revoke_tokens();
    let run = repository.run(fails_once()).await;
    rescued(&run).await;
    let calls = stage.github().await.calls();
    let refused = calls.iter().filter(|call| call.run == Some(run.id()) && call.status == Some(401)).count();
    assert_eq!(refused, 1, "the old token was tried once, and renewed");
    assert!(
        !worker.log().events().iter().any(|event| event["event"] == "trouble"),
        "nothing that anybody needs to know of"
    );
    worker.stop().await;
}

async fn clocks_that_differ_and_a_token_that_has_expired(stage: Arc<Stage>) {
    // A GitHub of its own, whose clock is ahead by more than a JSON Web Token lasts.
    let options = simulator::Options {
        secret: SECRET.to_owned(),
        patience: crate::stage::PATIENCE,
        checks: simulator::Checks::Strict,
        ..Default::default()
    };
    let github = simulator::SimulatedGitHub::start(options).await;
    github.skip_time(Duration::from_secs(20 * 60));
    let app = github.app("clocks");
    let repository = github.repository("octo/app-clocks").await;
    repository.hook(|hook| hook.url = None).await;
    app.install(&["octo/app-clocks"]);
    let options = Options::default().setting("GITHUB_API_URL", github.enterprise_url());
    let worker = stage.worker_of_app(&app, options).await;
    let run = repository.run(fails_once()).await;
    rescued(&run).await;
    let calls = github.calls();
    let refused = calls.iter().filter(|call| call.status == Some(401)).count();
    assert_eq!(refused, 1, "GitHub's time was taken from its answer:\n{}", github.history());
    // The token's hour is over, by GitHub's clock alone.
    github.skip_time(Duration::from_secs(61 * 60));
    rescued(&repository.run(fails_once()).await).await;
    let refused = github.calls().iter().filter(|call| call.status == Some(401)).count();
    assert_eq!(refused, 3, "the token, and the JSON Web Token that was to renew it:\n{}", github.history());
    worker.stop().await;
}

async fn many_runs_share_one_token(stage: Arc<Stage>) {
    let name = "octo/app-shared";
    let app = stage.github().await.app("shared");
    let repository = stage.repository_of_app(name).await;
    let installation = app.install(&[name]);
    let site = Site::new();
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), "").await;
    let mut runs = vec![];
    for _ in 0..6 {
        runs.push(repository.run(fails_once()).await);
    }
    for run in &runs {
        rescued(run).await;
    }
    let path = format!("/app/installations/{installation}/access_tokens");
    // One more is asked for once, for the organization's policy file, and refused: the App is not installed there.
    let calls = stage.github().await.calls();
    let fetched = |status| calls.iter().filter(|call| call.path == path && call.status == Some(status)).count();
    assert_eq!((fetched(201), fetched(422)), (1, 1), "tokens fetched, and refused");
    worker.stop().await;
}

async fn the_app_where_it_is_installed_and_the_token_elsewhere(stage: Arc<Stage>) {
    let app = stage.github().await.app("both");
    let site = Site::new();
    let worker = site.worker(&stage, &app, &app.key.pkcs1(), crate::stage::TOKEN).await;
    app.install(&["octo/app-both"]);
    let with_app = stage.repository_of_app("octo/app-both").await;
    let without = stage.repository_of("octo/app-neither", EventKinds::ALL, &worker.url).await;
    let runs = [with_app.run(fails_once()).await, without.run(fails_once()).await];
    for run in &runs {
        rescued(run).await;
    }
    let reruns = stage.github().await.reruns();
    let by = |run: &Run| reruns.iter().find(|rerun| rerun.run == run.id()).map(|rerun| rerun.login.to_string());
    assert_eq!(runs.each_ref().map(by), [Some("both[bot]".to_owned()), Some("rerunner-bot".to_owned())]);
    worker.stop().await;
}
