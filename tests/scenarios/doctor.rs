//! `npm run doctor` finds what is wrong, and failed deliveries are sent again.

use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::Value;
use simulator::{Conclusion, EventKinds, Grant, Permission, TokenKind};
use tokio::process::Command;

use crate::setup::{ADMIN, client, text};
use crate::stage::{SECRET, Stage, trials};
use crate::steps::{fails_once, runs};

const SOON: Duration = Duration::from_secs(30);

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "doctor",
        the_doctor_finds_what_is_wrong,
        the_doctor_of_an_app,
        failed_deliveries_are_sent_again_by_the_doctor,
        failed_deliveries_are_sent_again_by_the_hour,
    )
}

/// `npm run doctor -- --json …`, in an empty folder, with these in the environment.
pub async fn doctor(arguments: &[&str], environment: &[(&str, &str)]) -> (Output, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::from(local_worker::command());
    command.arg("doctor").arg("--json").args(arguments).current_dir(folder.path());
    for name in ["ADMIN_TOKEN", "WEBHOOK_SECRET", "GITHUB_TOKEN", "GITHUB_API_URL"] {
        command.env_remove(name);
    }
    let output = command.envs(environment.iter().copied()).output().await.expect("the command");
    let found = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)));
    (output, found)
}

/// The one finding of this check.
#[track_caller]
pub fn is(found: &Value, check: &str, state: &str, part: &str) {
    let findings = found["findings"].as_array().expect("findings");
    let finding =
        findings.iter().find(|one| one["check"] == check).unwrap_or_else(|| panic!("no {check} in {found:#}"));
    let said = finding["finding"].as_str().expect("text");
    assert!(finding["state"] == state && said.contains(part), "{check}: {state} {part:?} in {found:#}");
    assert_eq!(finding["remedy"].is_string(), state != "ok", "{finding}");
}

async fn the_doctor_finds_what_is_wrong(stage: Arc<Stage>) {
    let github = stage.github().await;
    let name = "octo/examined";
    let token = "a-classic-token";
    let mut grant = Grant::full("rerunner-bot").kind(TokenKind::Classic);
    grant.scopes = Some("repo, read:org".to_owned());
    github.add_token(token, grant);
    let options = Options::default().setting("ADMIN_TOKEN", ADMIN).setting("GITHUB_TOKEN", token);
    let worker = stage.worker_with(options).await;
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    let with_all = [("ADMIN_TOKEN", ADMIN), ("WEBHOOK_SECRET", SECRET)];
    let (output, found) = doctor(&[&worker.url, name], &with_all).await;
    assert_eq!(output.status.code(), Some(0), "{found:#}");
    is(&found, "reachable", "ok", &worker.url);
    is(&found, "settings", "ok", "");
    is(&found, "webhook secret", "ok", "ping");
    is(&found, "token", "ok", "repo, read:org");
    is(&found, "token: rate limit", "ok", "of 5000");
    is(&found, "octo/examined: workflow runs", "ok", "");
    is(&found, "octo/examined: webhook", "ok", "workflow_run");
    is(&found, "octo/examined: deliveries", "ok", "arrived");
    assert!(!text(&output.stdout).contains(ADMIN) && !text(&output.stdout).contains(SECRET));

    let (output, found) = doctor(&[&worker.url, name], &[("ADMIN_TOKEN", ADMIN), ("WEBHOOK_SECRET", "another")]).await;
    assert_eq!(output.status.code(), Some(1));
    is(&found, "webhook secret", "wrong", "differs");
    let (_, found) = doctor(&[&worker.url], &[("ADMIN_TOKEN", "not-it")]).await;
    is(&found, "admin token", "wrong", "does not accept");
    is(&found, "webhook secret", "warning", "not checked");
    let api = github.url();
    let by_token = [("GITHUB_TOKEN", token), ("GITHUB_API_URL", api.as_str())];
    let (_, found) = doctor(&[&worker.url, name], &by_token).await;
    is(&found, "token", "ok", "this machine's");
    is(&found, "octo/examined: webhook", "ok", "workflow_run");

    repository.hook(|hook| hook.events = EventKinds::NONE).await;
    let (_, found) = doctor(&[&worker.url, name], &with_all).await;
    is(&found, "octo/examined: webhook", "wrong", "but not Workflow runs");
    repository.hook(|hook| hook.url = Some("https://elsewhere.example/".to_owned())).await;
    let (_, found) = doctor(&[&worker.url, name, "octo/nowhere"], &with_all).await;
    is(&found, "octo/examined: webhook", "warning", "has none to");
    is(&found, "octo/nowhere: workflow runs", "wrong", "no such repository");
    github.with_model(|model, _| model.grant_mut(token).scopes = Some("gist".to_owned()));
    github.with_model(|model, _| {
        let used = model.rate_limit(token).expect("a token").used;
        model.grant_mut(token).hourly = used + used / 10;
    });
    let (output, found) = doctor(&[&worker.url], &with_all).await;
    assert_eq!(output.status.code(), Some(1));
    is(&found, "token", "wrong", "lacks the scope repo");
    is(&found, "token: rate limit", "warning", "are left");
    github.revoke_token(token);
    let (_, found) = doctor(&[&worker.url], &with_all).await;
    is(&found, "token", "wrong", "401 Bad credentials");
    let url = worker.url.clone();
    worker.stop().await;
    let (output, found) = doctor(&[&url], &with_all).await;
    assert_eq!(output.status.code(), Some(1));
    is(&found, "reachable", "wrong", &url);
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::from(local_worker::command());
    let unknown = command.arg("doctor").current_dir(folder.path()).output().await.expect("the command");
    assert_eq!(unknown.status.code(), Some(2), "which Worker?");
}

async fn the_doctor_of_an_app(stage: Arc<Stage>) {
    let github = stage.github().await;
    let app = github.app("doctored");
    let options = Options::default()
        .setting("ADMIN_TOKEN", ADMIN)
        .setting("GITHUB_TOKEN", "")
        .setting("GITHUB_APP_ID", app.id.to_string())
        .setting("GITHUB_APP_PRIVATE_KEY", app.key.pkcs8());
    let worker = stage.worker_with(options).await;
    for name in ["octo/app-doctored", "octo/app-undoctored"] {
        stage.repository_of_app(name).await;
    }
    let installation = app.install(&["octo/app-doctored"]);
    let admin = [("ADMIN_TOKEN", ADMIN)];
    let both = [worker.url.as_str(), "octo/app-doctored", "octo/app-undoctored"];
    let (output, found) = doctor(&both, &admin).await;
    assert_eq!(output.status.code(), Some(1), "{found:#}");
    is(&found, "App", "ok", "doctored");
    is(&found, "App: permissions", "ok", "actions: write");
    is(&found, "App: webhook", "wrong", "goes nowhere");
    is(&found, "octo/app-doctored: App", "ok", "installed");
    is(&found, "octo/app-undoctored: App", "wrong", "not installed here");
    let url = format!("{}/", worker.url);
    app.hook(|hook| hook.url = Some(url));
    app.grant(installation, "checks", Permission::None);
    let (_, found) = doctor(&both, &admin).await;
    is(&found, "App: webhook", "ok", "workflow_run");
    is(&found, "octo/app-doctored: App", "wrong", "checks: read");
    app.suspend(installation);
    let (_, found) = doctor(&both, &admin).await;
    is(&found, "octo/app-doctored: App", "wrong", "suspended");
    app.remove_key(&app.key);
    let (_, found) = doctor(&both, &admin).await;
    is(&found, "App", "wrong", "GITHUB_APP_PRIVATE_KEY");
    worker.stop().await;
}

/// A run whose webhooks did not arrive: nobody was at the address.
async fn missed(stage: &Stage, name: &str) -> (simulator::Repository, simulator::Run) {
    let nowhere = "http://127.0.0.1:1";
    let repository = stage.repository_of(name, runs(), nowhere).await;
    let run = repository.run(fails_once()).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    (repository, run)
}

async fn failed_deliveries_are_sent_again_by_the_doctor(stage: Arc<Stage>) {
    let github = stage.github().await;
    let name = "octo/unheard";
    let mut grant = Grant::full("rerunner-bot");
    grant.hooks = Permission::Write;
    github.add_token("a-token-that-sees-hooks", grant);
    let options = Options::default().setting("ADMIN_TOKEN", ADMIN).setting("GITHUB_TOKEN", "a-token-that-sees-hooks");
    let worker = stage.worker_with(options).await;
    let (repository, run) = missed(&stage, name).await;
    let sent = || github.deliveries().into_iter().filter(|one| one.repository.as_str() == name);
    github
        .expect("the webhooks to have failed", |github| {
            github.deliveries().iter().filter(|one| one.repository.as_str() == name).count() == 3
        })
        .await;
    let url = format!("{}/", worker.url);
    repository.hook(|hook| hook.url = Some(url)).await;
    let admin = [("ADMIN_TOKEN", ADMIN)];
    let (_, found) = doctor(&[&worker.url, name], &admin).await;
    is(&found, "octo/unheard: deliveries", "wrong", "no answer");
    let (_, found) = doctor(&[&worker.url, name, "--redeliver"], &admin).await;
    assert_eq!(found["redelivery"], serde_json::json!({ "redelivered": 3, "left": 0 }), "{found:#}");
    assert_eq!(run.ends(2).await, Conclusion::Success);
    // Once they have arrived there is nothing to do; and a second time does no harm.
    let (_, found) = doctor(&[&worker.url, name, "--redeliver"], &admin).await;
    assert_eq!(found["redelivery"]["redelivered"], 0, "{found:#}");
    let failed = sent().find(|one| one.action.as_deref() == Some("completed")).expect("a delivery");
    github.redeliver(&failed.id).await;
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(Duration::from_secs(2)).await;
    worker.stop().await;
}

async fn failed_deliveries_are_sent_again_by_the_hour(stage: Arc<Stage>) {
    let github = stage.github().await;
    let name = "octo/app-redelivered";
    let app = github.app("redelivered");
    let options = Options::default()
        .setting("GITHUB_TOKEN", "")
        .setting("GITHUB_APP_ID", app.id.to_string())
        .setting("GITHUB_APP_PRIVATE_KEY", app.key.pkcs1());
    let worker = stage.worker_with(options).await;
    let repository = stage.repository_of_app(name).await;
    app.install(&[name]);
    app.hook(|hook| {
        hook.url = Some("http://127.0.0.1:1/".to_owned());
        SECRET.clone_into(&mut hook.secret);
    });
    let run = repository.run(fails_once()).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    github
        .expect("the webhooks to have failed", |github| {
            github.deliveries().iter().filter(|one| one.repository.as_str() == name).count() == 3
        })
        .await;
    let url = format!("{}/", worker.url);
    app.hook(|hook| hook.url = Some(url));
    tick(&worker).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    let told = worker.log().wait_for(SOON, |event| event["event"] == "redelivery").await.expect("a line in the log");
    assert_eq!((&told["redelivered"], &told["left"]), (&3.into(), &0.into()), "{told}");
    // All have arrived: the next hour has nothing to do.
    let before = github.deliveries().len();
    tick(&worker).await;
    run.expect_reruns(1).await;
    run.expect_no_rerun_for(Duration::from_secs(2)).await;
    let again = github.deliveries().into_iter().skip(before).filter(|one| one.repository.as_str() == name);
    assert_eq!(again.filter(|one| one.redelivery).count(), 0);
    worker.stop().await;
}

/// The hour strikes.
async fn tick(worker: &LocalWorker) {
    let answer = client().get(format!("{}/cdn-cgi/handler/scheduled", worker.url)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}
