//! Pull requests, files, comments.

use reqwest::Method;
use serde_json::json;
use simulator::Hosts;

use crate::{assert_conforms, assert_covered, caller, calls, github};

pub const COVERED: &[&str] = &[
    "GET /repos/{owner}/{repo} 200",
    "GET /repos/{owner}/{repo} 404",
    "GET /repos/{owner}/{repo}/contents/{path} 200",
    "GET /repos/{owner}/{repo}/contents/{path} 304",
    "GET /repos/{owner}/{repo}/contents/{path} 404",
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments 200",
    "GET /repos/{owner}/{repo}/pulls 200",
    "GET /repos/{owner}/{repo}/pulls/{pull_number} 200",
    "GET /repos/{owner}/{repo}/pulls/{pull_number} 404",
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id} 200",
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id} 404",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments 201",
];

#[tokio::test]
async fn answers_about_a_repository() {
    let (github, _receiver) = github(Hosts::default()).await;
    let repository = github.repository("octo/widgets").await;
    let (own, fork) = (repository.pull_request("a", "mona").await, repository.pull_request_from_fork("b", "eve").await);
    let closed = repository.pull_request("c", "mona").await;
    repository.close_pull_request(closed).await;
    repository.file(".github/rerunner.yml", "version: 1\n").await;
    let one = caller(&github, github.token());
    let repo = "/repos/octo/widgets";
    one.get(repo, 200).await;
    one.get("/repos/octo/unknown", 404).await;
    for number in [own, fork, closed] {
        one.get(&format!("{repo}/pulls/{number}"), 200).await;
    }
    one.get(&format!("{repo}/pulls/99"), 404).await;
    one.get(&format!("{repo}/pulls?head=octo:a&state=all&sort=updated&direction=desc&per_page=1"), 200).await;
    one.get(&format!("{repo}/pulls?head=eve:b&state=all&per_page=50&page=1"), 200).await;
    one.get(&format!("{repo}/pulls"), 200).await;

    let file = format!("{repo}/contents/.github/rerunner.yml");
    one.get(&file, 200).await;
    one.get(&format!("{repo}/contents/nothing"), 404).await;
    let raw = ("accept", "application/vnd.github.raw+json");
    one.with(Method::GET, &file, None, &[("user-agent", "conformance"), raw]).await;
    let etag = repository
        .github()
        .with_model(|model, _| model.repository(repository.id()).file(".github/rerunner.yml").unwrap().etag.clone());
    let known = [("user-agent", "conformance"), ("accept", "application/json"), ("if-none-match", etag.as_str())];
    let (status, _) = one.with(Method::GET, &file, None, &known).await;
    assert_eq!(status, 304);

    let comments = format!("{repo}/issues/{own}/comments");
    let text = |text: &str| Some(json!({ "body": text }));
    let comment = one.post(&comments, text("flaky"), 201).await;
    one.get(&format!("{comments}?since=2020-01-01T00:00:00Z&per_page=100"), 200).await;
    let comment = format!("{repo}/issues/comments/{}", comment["id"]);
    one.answers(Method::PATCH, &comment, text("flaky twice"), 200).await;
    one.answers(Method::PATCH, &format!("{repo}/issues/comments/1"), text("nothing"), 404).await;

    assert_conforms(&github);
    assert_covered(&calls(&github), COVERED);
}

#[tokio::test]
async fn a_public_repository_with_a_default_branch_of_its_own() {
    let (github, _receiver) = github(Hosts::default()).await;
    let repository = github.repository("octo/.github").await;
    repository.default_branch("trunk").await;
    repository.file(".github/rerunner.yml", "version: 1\n").await;
    let run = repository.run(simulator::Workflow::new("ci")).await;
    run.ends(1).await;
    github.add_token("scoped", simulator::Grant::full("rerunner[bot]").only(&["octo/widgets"]));
    let (one, scoped) = (caller(&github, github.token()), caller(&github, "scoped"));
    let file = "/repos/octo/.github/contents/.github/rerunner.yml";
    let known = one.get("/repos/octo/.github", 200).await;
    assert_eq!(
        (&known["default_branch"], &known["visibility"], &known["private"]),
        (&json!("trunk"), &json!("private"), &json!(true))
    );
    assert_eq!(one.get(&format!("/repos/octo/.github/actions/runs/{}", run.id()), 200).await["head_branch"], "trunk");
    one.get(file, 200).await;
    scoped.get(file, 404).await;
    repository.make_public().await;
    scoped.get(file, 200).await;
    let known = scoped.get("/repos/octo/.github", 200).await;
    assert_eq!((&known["visibility"], &known["private"]), (&json!("public"), &json!(false)));
    assert_conforms(&github);
}
