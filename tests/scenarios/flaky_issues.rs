//! Issues for flaky jobs: one for each, found again whatever becomes of an answer, and nothing stops where there can be none.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use simulator::{Endpoint, Fault, Issue, Job, Permission, Repository, Trigger, Workflow};

use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{rescued, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "flaky_issues",
        one_for_a_job_that_reruns_rescue,
        one_that_was_made_unheard_is_found_again,
        one_of_an_app_is_found_again,
        without_issues_it_is_said_once,
        without_the_permission_it_is_said_once,
    )
}

const POLICY: &str = "flaky_issues: { after: 2, label: \"kind: flaky\", close_after: 1d }\n";

/// With a name that is as bad as can be.
fn flaky() -> Workflow {
    Workflow::new("ci").job(Job::new("`]: https://evil.example @team #1").fails(1))
}

async fn flakes(repository: &Repository, times: u32) {
    for _ in 0..times {
        rescued(&repository.run_on(flaky(), Trigger::push("main", "ada")).await).await;
    }
}

async fn keeping(repository: &Repository) {
    repository.file(".github/rerunner.yml", POLICY).await;
}

async fn issues_when(repository: &Repository, expected: impl Fn(&[Issue]) -> bool) -> Vec<Issue> {
    let as_expected = async {
        while !expected(&repository.issues()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, as_expected).await;
    let issues = repository.issues();
    assert!(in_time.is_ok(), "{issues:#?}");
    issues
}

/// Seen to fail when one rescue is enough.
async fn one_for_a_job_that_reruns_rescue(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository_of("flaky/one", runs(), &worker.url).await;
    keeping(&repository).await;
    flakes(&repository, 1).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(repository.issues(), []);
    flakes(&repository, 1).await;
    let issues = issues_when(&repository, |all| !all.is_empty()).await;
    let issue = &issues[0];
    assert_eq!(issue.title, "Flaky job: `` `]: https://evil.example @team #1 `` of `ci`");
    assert_eq!((issue.labels.as_slice(), issue.open), (&["kind: flaky".to_owned()][..], true));
    let body = issue.body.as_deref().unwrap_or_default();
    assert!(body.contains("\n- of these, passed: 2 (100%)\n"), "{body}");
    assert_eq!(body.matches(", attempt 2 passed\n").count(), 2, "{body}");
    flakes(&repository, 1).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let issues = repository.issues();
    assert_eq!(issues.iter().map(|issue| issue.edits).collect::<Vec<_>>(), [0], "{issues:#?}");
}

/// Seen to fail when it is not looked for (there are two).
async fn one_that_was_made_unheard_is_found_again(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository_of("flaky/lost", runs(), &worker.url).await;
    is_found_again(&stage, &repository, "flaky/lost").await;
}

/// Seen to fail when it is not looked for (there are two).
async fn one_of_an_app_is_found_again(stage: Arc<Stage>) {
    let github = stage.github().await;
    let app = github.app("flaky");
    let installation = app.install(&["flaky/lost-for-an-app"]);
    app.grant(installation, "issues", Permission::Write);
    let worker = stage.worker_of_app(&app, Options::default()).await;
    let repository = stage.repository_of_app("flaky/lost-for-an-app").await;
    is_found_again(&stage, &repository, "flaky/lost-for-an-app").await;
    worker.stop().await;
}

/// A minute after its answer was lost; among others', with and without its label.
async fn is_found_again(stage: &Stage, repository: &Repository, name: &str) {
    let github = stage.github().await;
    keeping(repository).await;
    github.fault(Fault::lose_answer().on(Endpoint::CreateIssue).in_repository(name).times(1));
    let strangers = repository.open_issue("Flaky job: mine", "mallory");
    flakes(repository, 2).await;
    let issues = issues_when(repository, |all| all.iter().any(|issue| issue.edits > 0)).await;
    assert_eq!(issues.len(), 2, "{issues:#?}");
    let theirs = issues.iter().find(|issue| issue.number == strangers);
    assert_eq!(theirs.map(|issue| issue.edits), Some(0), "{issues:#?}");
}

/// Seen to fail when a refusal counts like any other trouble.
async fn without_issues_it_is_said_once(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository_of("flaky/disabled", runs(), &worker.url).await;
    keeping(&repository).await;
    repository.disable_issues();
    flakes(&repository, 2).await;
    is_said_once(&stage, worker, &repository, "flaky/disabled", "410 Issues are disabled for this repo").await;
}

/// Seen to fail when a refusal counts like any other trouble.
async fn without_the_permission_it_is_said_once(stage: Arc<Stage>) {
    let github = stage.github().await;
    let app = github.app("flaky-denied");
    let installation = app.install(&["flaky/denied"]);
    app.grant(installation, "issues", Permission::None);
    let worker = stage.worker_of_app(&app, Options::default()).await;
    let repository = stage.repository_of_app("flaky/denied").await;
    keeping(&repository).await;
    flakes(&repository, 2).await;
    is_said_once(&stage, &worker, &repository, "flaky/denied", "Resource not accessible by integration").await;
    worker.stop().await;
}

async fn is_said_once(stage: &Stage, worker: &LocalWorker, repository: &Repository, name: &str, why: &str) {
    let said = |event: &serde_json::Value| {
        let reason = event["reason"].as_str().unwrap_or_default();
        event["repository"] == name
            && reason.starts_with("Issues for flaky jobs do not work, and will not be tried again for 6 h: ")
            && reason.contains(why)
    };
    let line = worker.log().wait_for(PATIENCE, said).await;
    assert!(line.is_some(), "{}\n{}", worker.log().lines().join("\n"), stage.github().await.history());
    let github = stage.github().await;
    let asked = || {
        let is_about_issues = |endpoint: Option<Endpoint>| {
            matches!(endpoint, Some(Endpoint::ListIssues | Endpoint::CreateIssue | Endpoint::ReadIssue))
        };
        let calls = github.calls();
        let of_it = calls.iter().filter(|call| call.repository.as_deref() == Some(name));
        of_it.filter(|call| is_about_issues(call.endpoint)).count()
    };
    // GitHub lists none where it has none, and may not know a new token for some seconds.
    let before = asked();
    assert!((1..=4).contains(&before), "{}", github.history());
    // Nothing else stops.
    flakes(repository, 2).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(asked(), before, "{}", github.history());
    assert_eq!(repository.issues(), []);
}
