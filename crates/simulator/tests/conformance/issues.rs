//! Issues, comments, reactions; their webhooks.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{
    Association, Endpoint, EventKind, EventKinds, Fault, Grant, Hosts, Job, Permission, Repository, SimulatedGitHub,
    StateReason, TokenKind, Trigger, Workflow,
};

use crate::{Caller, assert_conforms, assert_covered, caller, calls, github};

const REPO: &str = "/repos/octo/widgets";

pub const COVERED: &[&str] = &[
    "GET /repos/{owner}/{repo}/issues 200",
    "GET /repos/{owner}/{repo}/issues/{issue_number} 200",
    "GET /repos/{owner}/{repo}/issues/{issue_number} 404",
    "GET /repos/{owner}/{repo}/issues/{issue_number} 410",
    "PATCH /repos/{owner}/{repo}/issues/{issue_number} 200",
    "PATCH /repos/{owner}/{repo}/issues/{issue_number} 404",
    "PATCH /repos/{owner}/{repo}/issues/{issue_number} 410",
    "POST /repos/{owner}/{repo}/issues 201",
    "POST /repos/{owner}/{repo}/issues 403",
    "POST /repos/{owner}/{repo}/issues 410",
    "POST /repos/{owner}/{repo}/issues 422",
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions 200",
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions 201",
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions 403",
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions 404",
];

fn body(text: &str) -> Option<Value> {
    Some(json!({ "body": text }))
}

fn app(permission: impl FnOnce(Grant) -> Grant) -> Grant {
    let none = Permission::None;
    let bare = Grant { issues: none, pull_requests: none, ..Grant::full("rerunner[bot]").kind(TokenKind::App) };
    Grant { app: Some(900_001), ..permission(bare) }
}

#[tokio::test]
async fn answers_about_issues() {
    let (github, _receiver) = github(Hosts::default()).await;
    let repository = github.repository("octo/widgets").await;
    github.add_token("app", app(|grant| Grant { issues: Permission::Write, ..grant }));
    let one = caller(&github, "app");
    assert_eq!(repository.pull_request("feature", "mona").await, 1);
    let new = json!({ "title": "test is flaky", "body": "1 of 9", "labels": ["flaky"] });
    let opened = one.post(&format!("{REPO}/issues"), Some(new), 201).await;
    assert_eq!((&opened["number"], &opened["user"]["type"]), (&json!(2), &json!("Bot")));
    assert_eq!(repository.open_issue("Something else", "eve"), 3);
    assert_eq!(repository.pull_request("another", "mona").await, 4, "one sequence for both");

    let list = async |query: &str| one.get(&format!("{REPO}/issues?{query}"), 200).await;
    let numbers = async |query: &str| -> Vec<u64> {
        list(query).await.as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers("").await, [4, 3, 2, 1]);
    assert_eq!(numbers("state=all&creator=rerunner%5Bbot%5D&labels=flaky&per_page=100&page=1").await, [2]);
    assert_eq!(numbers("state=all&labels=flaky,other").await, [0; 0]);
    assert_eq!(numbers("direction=asc&per_page=2&page=2").await, [3, 4]);
    assert_eq!(numbers("since=2099-01-01T00:00:00Z").await, [0; 0]);
    assert!(list("state=all").await[3]["pull_request"]["url"].is_string(), "pull requests are issues too");

    let issue = format!("{REPO}/issues/2");
    let change = async |change: Value, status| one.answers(Method::PATCH, &issue, Some(change), status).await;
    let closed = change(json!({ "state": "closed", "state_reason": "not_planned" }), 200).await;
    assert_eq!(
        (&closed["state_reason"], &closed["closed_by"]["login"]),
        (&json!("not_planned"), &json!("rerunner[bot]"))
    );
    assert_eq!(numbers("labels=flaky").await, [0; 0]);
    assert_eq!(change(json!({ "state": "open", "body": "2 of 9" }), 200).await["state_reason"], "reopened");
    repository.close_issue(2, "eve");
    let known = one.get(&issue, 200).await;
    assert_eq!(
        (&known["state"], &known["body"], &known["title"]),
        (&json!("closed"), &json!("2 of 9"), &json!("test is flaky"))
    );
    let kept = &repository.issues()[0];
    assert_eq!((kept.edits, kept.state_reason), (2, Some(StateReason::Completed)));
    one.get(&format!("{REPO}/issues/1"), 200).await;
    one.get(&format!("{REPO}/issues/99"), 404).await;
    one.answers(Method::PATCH, &format!("{REPO}/issues/99"), Some(json!({})), 404).await;
    one.post(&format!("{issue}/comments"), body("closed: it has not failed for 14 days"), 201).await;
    assert_eq!(one.get(&issue, 200).await["comments"], 1);
    answers_to_what_cannot_be(&github, &repository, &one).await;
    reactions(&github, &repository, &one).await;

    assert_conforms(&github);
    let there =
        |one: &String| COVERED.iter().any(|row| row.rsplit_once(' ').unwrap().0 == one.rsplit_once(' ').unwrap().0);
    assert_covered(&calls(&github).into_iter().filter(there).collect::<BTreeSet<_>>(), COVERED);
}

async fn answers_to_what_cannot_be(github: &SimulatedGitHub, repository: &Repository, one: &Caller<'_>) {
    let (issues, new) = (format!("{REPO}/issues"), || Some(json!({ "title": "test is flaky" })));
    let missing = one.post(&issues, Some(json!({ "title": "" })), 422).await;
    assert_eq!(missing["errors"], json!([{ "resource": "Issue", "code": "missing_field", "field": "title" }]));
    let long = one.post(&issues, Some(json!({ "title": "t", "body": "b".repeat(65_537) })), 422).await;
    assert_eq!(long["errors"][0]["message"], "body is too long (maximum is 65536 characters)");
    github.add_token("pulls", app(|grant| Grant { pull_requests: Permission::Write, ..grant }));
    let pulls = caller(github, "pulls");
    assert_eq!(pulls.post(&issues, new(), 403).await["message"], "Resource not accessible by integration");
    pulls.post(&format!("{REPO}/issues/1/comments"), body("on a pull request"), 201).await;
    pulls.post(&format!("{REPO}/issues/2/comments"), body("on an issue"), 403).await;
    one.post(&format!("{REPO}/issues/99/comments"), body("on nothing"), 404).await;
    one.post(&format!("{REPO}/issues/1/comments"), body(""), 422).await;
    one.post(&format!("{REPO}/issues/1/comments"), body(&"é".repeat(65_537)), 422).await;
    repository.disable_issues();
    assert_eq!(one.post(&issues, new(), 410).await["message"], "Issues are disabled for this repo");
    one.get(&format!("{REPO}/issues/2"), 410).await;
    one.answers(Method::PATCH, &format!("{REPO}/issues/2"), Some(json!({ "state": "open" })), 410).await;
    assert_eq!(one.get(&format!("{REPO}/issues?state=all"), 200).await.as_array().unwrap().len(), 2, "pull requests");
    github.with_model(|model, _| model.set_has_issues(repository.id(), true));
}

async fn reactions(github: &SimulatedGitHub, repository: &Repository, one: &Caller<'_>) {
    let comment = repository.comment_as(1, "mona", Association::Member, "/rerun");
    let reactions = format!("{REPO}/issues/comments/{comment}/reactions");
    let eyes = || Some(json!({ "content": "eyes" }));
    github.fault(Fault::lose_answer().on(Endpoint::CreateReaction).times(1));
    let client = reqwest::Client::new();
    let lost = client.post(format!("{}{reactions}", github.url())).bearer_auth("app").header("user-agent", "test");
    assert!(lost.header("content-type", "application/json").body(r#"{"content":"eyes"}"#).send().await.is_err());
    let again = one.post(&reactions, eyes(), 200).await;
    assert_eq!((&again["content"], &again["user"]["login"]), (&json!("eyes"), &json!("rerunner[bot]")));
    one.post(&reactions, Some(json!({ "content": "rocket" })), 201).await;
    let other = caller(github, github.token());
    other.post(&reactions, eyes(), 201).await;
    let made = repository.reactions(comment);
    let made: Vec<(&str, &str)> = made.iter().map(|one| (one.content, one.by.as_str())).collect();
    assert_eq!(made, [("eyes", "rerunner[bot]"), ("rocket", "rerunner[bot]"), ("eyes", "rerunner-bot")]);
    let comments = one.get(&format!("{REPO}/issues/1/comments?per_page=1&page=2"), 200).await;
    assert_eq!((&comments[0]["reactions"]["eyes"], &comments[0]["author_association"]), (&json!(2), &json!("MEMBER")));
    one.post(&format!("{REPO}/issues/comments/1/reactions"), eyes(), 404).await;
    github.add_token("reads", app(|grant| Grant { issues: Permission::Read, ..grant }));
    caller(github, "reads").post(&reactions, eyes(), 403).await;
}

#[tokio::test]
async fn webhooks_of_comments() {
    webhooks_from(Hosts::default()).await;
}

#[tokio::test]
async fn webhooks_of_comments_from_an_enterprise_server() {
    webhooks_from(Hosts::enterprise("ghe.example")).await;
}

async fn webhooks_from(hosts: Hosts) {
    let (github, receiver) = github(hosts).await;
    let repository = github.repository("octo/widgets").await;
    repository.hook(|hook| hook.events = EventKinds::only(EventKind::IssueComment)).await;
    let reads = github.app("Reads pull requests");
    reads.hook(|hook| {
        hook.url = Some(receiver.url().to_owned());
        hook.events = EventKinds::only(EventKind::IssueComment);
    });
    reads.install(&["octo/widgets"]);
    let pull = repository.pull_request("feature", "mona").await;
    let issue = repository.open_issue("A question", "eve");
    let by_person = repository.comment_as(pull, "eve", Association::FirstTimeContributor, "/rerun");
    repository.edit_comment(by_person, "mona", "/rerun status");
    repository.comment_as(issue, "dependabot[bot]", Association::Contributor, "on an issue");
    repository.delete_comment(by_person);
    github.add_token("app", app(|grant| Grant { pull_requests: Permission::Write, ..grant }));
    caller(&github, "app").post(&format!("{REPO}/issues/{pull}/comments"), body("by an App"), 201).await;
    github.expect("5 to the hook, 4 to the App", |github| github.deliveries().len() == 9).await;

    let deliveries = github.deliveries();
    let bodies = deliveries.iter().map(|one| serde_json::from_slice::<Value>(&one.request.body).unwrap());
    let (to_app, to_hook): (Vec<Value>, Vec<Value>) = bodies.partition(|body| body["installation"].is_object());
    assert!(to_app.iter().all(|body| body["issue"]["pull_request"].is_object()), "it may not read issues");
    let shown = |body: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (comment, sender) = (&body["comment"], &body["sender"]);
        [&body["action"], &comment["user"]["login"], &sender["login"], &comment["author_association"]].map(text)
    };
    let shown: Vec<[String; 4]> = to_hook.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            ["created", "eve", "eve", "FIRST_TIME_CONTRIBUTOR"],
            ["edited", "eve", "mona", "FIRST_TIME_CONTRIBUTOR"],
            ["created", "dependabot[bot]", "dependabot[bot]", "CONTRIBUTOR"],
            ["deleted", "eve", "mona", "FIRST_TIME_CONTRIBUTOR"],
            ["created", "rerunner[bot]", "rerunner[bot]", "NONE"],
        ]
    );
    assert_eq!(to_hook[1]["changes"]["body"]["from"], "/rerun");
    assert!(to_hook[2]["issue"]["pull_request"].is_null());
    assert_eq!(
        (&to_hook[2]["comment"]["user"]["type"], &to_hook[4]["issue"]["state"]),
        (&json!("Bot"), &json!("open"))
    );

    assert_conforms(&github);
    let webhooks = github.covered().into_iter().filter(|one| one.starts_with("webhook")).collect();
    let expected = ["webhook issue_comment.created", "webhook issue_comment.deleted", "webhook issue_comment.edited"];
    assert_covered(&webhooks, &expected);
}

#[tokio::test]
async fn runs_that_name_no_pull_request() {
    let (github, _receiver) = github(Hosts::default()).await;
    let repository = github.repository("octo/widgets").await;
    repository.pull_request("feature", "mona").await;
    let fork = repository.pull_request_from_fork("feature", "eve").await;
    repository.draft_pull_request(fork).await;
    let ci = || Workflow::new("ci").job(Job::new("test").duration(5).always_fails());
    let of_fork = repository.run_on(ci(), Trigger::pull_request(fork, "eve")).await;
    let waits = repository.run_on(Workflow::new("waits").action_required(), Trigger::pull_request(fork, "eve")).await;
    let queued = repository.merge_queue_run(ci(), fork).await;
    for run in [&of_fork, &waits, &queued] {
        run.ends(1).await;
    }
    let one = caller(&github, github.token());
    let pull = one.get(&format!("{REPO}/pulls/{fork}"), 200).await;
    assert_eq!((&pull["draft"], &pull["user"]["login"], &pull["state"]), (&json!(true), &json!("eve"), &json!("open")));
    let of_head = format!("{REPO}/actions/runs?head_sha={}", pull["head"]["sha"].as_str().unwrap());
    let found = one.get(&format!("{of_head}&per_page=1&page=2"), 200).await;
    assert_eq!((&found["total_count"], &found["workflow_runs"][0]["id"]), (&json!(2), &json!(of_fork.id().0)));
    assert_eq!(
        one.get(&format!("{of_head}&per_page=100&page=1"), 200).await["workflow_runs"][0]["conclusion"],
        "action_required"
    );
    for run in [&of_fork, &waits, &queued] {
        let shown = one.get(&format!("{REPO}/actions/runs/{}", run.id()), 200).await;
        assert_eq!(shown["pull_requests"], json!([]));
    }
    let shown = one.get(&format!("{REPO}/actions/runs/{}", queued.id()), 200).await;
    let base = repository.github().with_model(|model, _| model.repository(repository.id()).head("main"));
    assert_eq!(shown["event"], "merge_group");
    assert_eq!(shown["head_branch"], format!("gh-readonly-queue/main/pr-{fork}-{base}"));
    assert_ne!(shown["head_sha"], pull["head"]["sha"]);
    assert_conforms(&github);
}
