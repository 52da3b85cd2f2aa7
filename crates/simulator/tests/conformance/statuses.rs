//! Commit statuses.

use serde_json::{Value, json};
use simulator::{Fault, Grant, Hosts, Permission, Sha, StatusState, TokenKind};

use crate::{Caller, assert_conforms, assert_covered, caller, calls, failed_run, github};

pub const COVERED: &[&str] = &[
    "GET /repos/{owner}/{repo}/commits/{ref}/statuses 200",
    "GET /repos/{owner}/{repo}/commits/{ref}/statuses 404",
    "POST /repos/{owner}/{repo}/statuses/{sha} 201",
    "POST /repos/{owner}/{repo}/statuses/{sha} 403",
    "POST /repos/{owner}/{repo}/statuses/{sha} 404",
    "POST /repos/{owner}/{repo}/statuses/{sha} 422",
    "POST /repos/{owner}/{repo}/statuses/{sha} 502",
];

fn pending(description: &str) -> Option<Value> {
    let target_url = "https://github.com/octo/widgets/actions/runs/1";
    Some(
        json!({ "state": "pending", "context": "rerunner / ci", "description": description, "target_url": target_url }),
    )
}

#[tokio::test]
async fn answers_about_statuses() {
    let (github, _receiver) = github(Hosts::default()).await;
    let run = failed_run(&github).await;
    let (sha, repository) = (run.head_sha(), run.repository().clone());
    let one = caller(&github, github.token());
    let (post, list) = places(sha);
    assert_eq!(one.get(&list, 200).await, json!([]));
    let first = one.post(&post, pending("attempt 1 failed"), 201).await;
    assert_eq!((&first["creator"]["login"], &first["state"]), (&json!("rerunner-bot"), &json!("pending")));
    // A context is the same in whatever case it is written.
    let end = json!({ "state": "success", "context": "Rerunner / CI", "description": "é".repeat(140) });
    one.post(&post, Some(end), 201).await;
    one.post(&post, Some(json!({ "state": "error" })), 201).await;
    let listed = one.get(&format!("{list}?per_page=100&page=1"), 200).await;
    let states: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["error", "success", "pending"], "the newest first");
    assert_eq!(one.get(&format!("{list}?per_page=1&page=3"), 200).await[0]["id"], first["id"]);
    let of_branch = one.get("/repos/octo/widgets/commits/feature/statuses?per_page=2", 200).await;
    assert_eq!(of_branch[1]["state"], "success");
    one.get(&format!("/repos/octo/widgets/commits/{}/statuses", "0".repeat(40)), 404).await;

    let newest = repository.newest_statuses(sha);
    let shown: Vec<(&str, StatusState)> = newest.iter().map(|one| (one.context.as_str(), one.state)).collect();
    assert_eq!(shown, [("Rerunner / CI", StatusState::Success), ("default", StatusState::Error)]);
    assert_eq!(repository.statuses(sha).len(), 3);

    refusals(&one, sha).await;
    github.add_token("reads", Grant { statuses: Permission::Read, ..Grant::full("app[bot]").kind(TokenKind::App) });
    let refused = caller(&github, "reads").post(&post, pending(""), 403).await;
    assert_eq!(refused["message"], "Resource not accessible by integration");
    caller(&github, "reads").get(&list, 200).await;

    github.fault(Fault::answer_after_effect(502).on(simulator::Endpoint::CreateStatus).times(1));
    one.post(&post, pending("done all the same"), 502).await;
    assert_eq!(repository.statuses(sha).last().unwrap().description.as_deref(), Some("done all the same"));

    assert_conforms(&github);
    let of_statuses = calls(&github).into_iter().filter(|one| one.contains("/statuses")).collect();
    assert_covered(&of_statuses, COVERED);
}

fn places(sha: Sha) -> (String, String) {
    (format!("/repos/octo/widgets/statuses/{sha}"), format!("/repos/octo/widgets/commits/{sha}/statuses"))
}

async fn refusals(one: &Caller<'_>, sha: Sha) {
    let (post, _) = places(sha);
    let long = one.post(&post, pending(&"é".repeat(141)), 422).await;
    let wrong = json!({
        "resource": "Status", "code": "custom", "field": "description",
        "message": "description is too long (maximum is 140 characters)",
    });
    assert_eq!(long["errors"], json!([wrong]));
    let cases = [
        (json!({ "state": "success", "context": "c".repeat(256) }), "context"),
        (json!({ "state": "success", "target_url": "javascript:alert(1)" }), "target_url"),
    ];
    for (body, field) in cases {
        assert_eq!(one.post(&post, Some(body), 422).await["errors"][0]["field"], field);
    }
    let unknown = one.post(&format!("/repos/octo/widgets/statuses/{}", "0".repeat(40)), pending(""), 422).await;
    assert_eq!(unknown["message"], format!("No commit found for SHA: {}", "0".repeat(40)));
    one.post(&format!("/repos/octo/unknown/statuses/{sha}"), pending(""), 404).await;
}

#[tokio::test]
async fn a_commit_and_context_has_no_more_than_a_thousand() {
    let (github, _receiver) = github(Hosts::default()).await;
    let run = failed_run(&github).await;
    let one = caller(&github, github.token());
    let sha = run.head_sha();
    let (post, list) = places(sha);
    github.with_model(|model, now| {
        let new = simulator::model::NewStatus {
            state: "pending".to_owned(),
            context: Some("rerunner / ci".to_owned()),
            ..Default::default()
        };
        for _ in 0..1_000 {
            let caller = simulator::model::Caller::new(github.token());
            model.create_status(caller, "octo/widgets", &sha.to_string(), &new, now).unwrap();
        }
    });
    let refused = one.post(&post, pending("one too many"), 422).await;
    let message = "This SHA and context has reached the maximum number of statuses.";
    assert_eq!(refused["errors"], json!([{ "resource": "Status", "code": "custom", "message": message }]));
    one.post(&post, Some(json!({ "state": "pending", "context": "another" })), 201).await;
    assert_eq!(one.get(&format!("{list}?per_page=100&page=11"), 200).await.as_array().unwrap().len(), 1);
    assert_conforms(&github);
}
