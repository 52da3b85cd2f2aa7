//! What those are told who may not know, and what they can have done.

use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::Options;

use crate::http::{eventually, health_within, send};
use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "told", strangers_are_told_no_names, other_sites_have_nothing_done)
}

/// HTTP Basic, as a browser remembers it.
const BASIC: (&str, &str) = ("authorization", "Basic YW55OnRoZS1hZG1pbi10b2tlbg==");

/// Seen to fail when `/healthz` shows everybody what GitHub answered (a name in its answer).
async fn strangers_are_told_no_names(stage: Arc<Stage>) {
    let github = stage.github().await;
    let name = "secret-org/secret-plans";
    github.add_token("the-strangers-token", simulator::Grant::full("rerunner-bot"));
    let worker = stage.worker_with(Options::default().setting("GITHUB_TOKEN", "the-strangers-token")).await;
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    run.ends(2).await;
    eventually(&worker, "/api/v1/repositories", |answer| answer.to_string().contains("secret-plans")).await;
    // GitHub's own words name what its caller asked for.
    let words = "Resource not accessible by the token of secret-org";
    github.fault(simulator::Fault::answer(403, words).in_repository(name));
    repository.run(fails_once()).await;
    let refused = |event: &serde_json::Value| event["outcome"] == "failed";
    worker.log().wait_for(PATIENCE, refused).await.expect("a refusal");
    let health = health_within(&worker, 503).await;
    assert!(health["problems"][0]["problem"].as_str().is_some_and(|text| text.contains(words)), "{health}");
    for (method, path) in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/healthz"),
        ("GET", "/healthz?detail=1"),
        ("PUT", "/healthz"),
        ("GET", "/badge/secret-org/secret-plans.svg"),
        ("GET", "/overview/secret-org/secret-plans"),
        ("GET", "/overview"),
        ("GET", "/api/v1/repositories"),
        ("GET", "/api/v1/repositories/secret-org/secret-plans/runs"),
        ("GET", "/api/v1/doctor?repository=secret-org/secret-plans"),
        ("POST", "/api/v1/repositories/secret-org/secret-plans/pause"),
        ("GET", "/setup"),
        ("GET", "/metrics"),
        ("GET", "/nothing"),
        ("POST", "/"),
        ("DELETE", "/"),
    ] {
        let answered = send(&worker, method, path, &[]).await;
        let told = format!("{:?} {}", answered.headers, answered.text);
        assert!(!told.contains("secret") && !told.contains("not accessible"), "{method} {path}: {told}");
        // Whether there is such a repository is not told either.
        let other = send(&worker, method, &path.replace("secret-plans", "never-seen"), &[]).await;
        assert_eq!((answered.status, &answered.text), (other.status, &other.text), "{method} {path}");
    }
    assert_eq!(send(&worker, "GET", "/healthz", &[]).await.status, 503);
    let wrong = send(&worker, "GET", "/healthz", &[("authorization", "Bearer a-guess")]).await;
    assert_eq!(wrong.status, 401, "{}", wrong.text);
    worker.stop().await;
}

/// Seen to fail when only forms are checked for where they come from (`GET /api/v1/doctor` is answered 200, and GitHub
/// is asked).
async fn other_sites_have_nothing_done(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default()).await;
    let github = stage.github().await;
    let name = "octo/asked-for-elsewhere";
    let repository = stage.repository_of(name, runs(), &worker.url).await;
    repository.hook(|hook| hook.url = None).await;
    let doctor = format!("/api/v1/doctor?repository={name}");
    let calls = || github.calls().iter().filter(|call| call.repository.as_deref() == Some(name)).count();
    let sites =
        [("cross-site", "navigate", "document"), ("cross-site", "no-cors", "image"), ("same-site", "cors", "empty")];
    for (site, mode, dest) in sites {
        let from = [BASIC, ("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
        let redeliver = format!("/api/v1/redeliver?repository={name}");
        let pause = format!("/api/v1/repositories/{name}/pause");
        for (method, path) in [("GET", &doctor), ("HEAD", &doctor), ("POST", &redeliver), ("POST", &pause)] {
            let answered = send(&worker, method, path, &from).await;
            assert_eq!(answered.status, 403, "{method} {path} of {site}: {}", answered.text);
        }
        assert_eq!(send(&worker, "GET", "/metrics", &from).await.status, 403);
        let page = send(&worker, "GET", "/overview", &from).await;
        assert_eq!(page.status, if dest == "document" { 200 } else { 403 }, "a link may lead to a page");
    }
    assert_eq!(calls(), 0, "GitHub was asked");
    let typed = [BASIC, ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    assert_eq!(send(&worker, "GET", &doctor, &typed).await.status, 200);
    assert_eq!(send(&worker, "GET", &doctor, &[BASIC]).await.status, 200, "a program");
    assert_ne!(calls(), 0);
    worker.stop().await;
}
