use serde_json::{Value, json};

use super::*;
use crate::github::support::reply;

const MARKED: &str = "<!-- rerunner flaky job 1 -->\nIt is flaky.";

fn find() -> IssueCall {
    IssueCall::Find { mark: "<!-- rerunner flaky job 1 -->".to_owned(), label: Some("a b".to_owned()), page: 2 }
}

fn person(id: u64) -> Value {
    json!({ "id": id, "login": format!("user-{id}"), "type": "User" })
}

fn issue(number: u64, body: &str, user: &Value) -> Value {
    json!({
        "number": number, "body": body, "user": user, "state": "closed", "closed_at": "2026-11-23T15:04:05Z",
        "performed_via_github_app": null, "repository_url": "https://api.github.com/repos/octo/widgets",
    })
}

#[test]
fn what_is_asked_for() {
    let repository = RepoName::parse("octo/widgets").unwrap();
    let of = |call: &IssueCall| {
        let request = request(&repository, call);
        let body = request.body.map(|body| serde_json::from_str::<Value>(&body).unwrap());
        (request.method, request.path, body)
    };
    let all = "/repos/octo/widgets/issues?state=all";
    assert_eq!(of(&find()), (Method::Get, format!("{all}&labels=a%20b&per_page=50&page=2"), None));
    let newest = IssueCall::Find { mark: String::new(), label: None, page: 1 };
    assert_eq!(of(&newest), (Method::Get, format!("{all}&sort=updated&per_page=50&page=1"), None));
    let one = "/repos/octo/widgets/issues/7".to_owned();
    assert_eq!(of(&IssueCall::Read { number: 7 }), (Method::Get, one.clone(), None));
    let text = || "b".to_owned();
    let open = IssueCall::Open { title: "t".to_owned(), body: text(), label: "flaky".to_owned() };
    let expected = json!({ "title": "t", "body": "b", "labels": ["flaky"] });
    assert_eq!(of(&open), (Method::Post, "/repos/octo/widgets/issues".to_owned(), Some(expected)));
    for (open, expected) in [
        (None, json!({ "body": "b" })),
        (Some(true), json!({ "body": "b", "state": "open", "state_reason": "reopened" })),
        (Some(false), json!({ "body": "b", "state": "closed", "state_reason": "completed" })),
    ] {
        let change = IssueCall::Change { number: 7, body: text(), open };
        assert_eq!(of(&change), (Method::Patch, one.clone(), Some(expected)));
    }
}

#[test]
fn ours_is_told_from_what_others_write() {
    let us = Author::User(7);
    let ours = || issue(5, MARKED, &person(7));
    let pull = {
        let mut pull = ours();
        pull["pull_request"] = json!({ "url": "https://api.github.com/repos/octo/widgets/pulls/5" });
        pull
    };
    for (listed, expected) in [
        (json!([]), None),
        (json!([ours()]), Some(5)),
        (json!([issue(5, MARKED, &person(8))]), None),
        (json!([issue(5, &format!("> {MARKED}"), &person(7))]), None),
        (json!([issue(5, "<!-- rerunner flaky job 12 -->", &person(7))]), None),
        (json!([pull]), None),
        (json!([{ "number": 5 }, { "number": 6, "body": null, "user": null }]), None),
        (json!([issue(9, MARKED, &person(7)), ours(), issue(2, MARKED, &person(8))]), Some(5)),
    ] {
        let answer = read(&find(), &reply(200, listed.clone()), Some(&us)).unwrap();
        let found = if let IssueAnswer::There(issue) = &answer { Some(issue.number) } else { None };
        assert_eq!(found, expected, "{listed}");
    }
    let many = json!(vec![issue(5, MARKED, &person(8)); ISSUES_PER_PAGE]);
    assert_eq!(read(&find(), &reply(200, many), Some(&us)), Ok(IssueAnswer::NotOnThisPage));
    assert_eq!(read(&find(), &reply(200, json!([ours()])), None), Ok(IssueAnswer::NotThere));
}

#[test]
fn what_is_read_of_one() {
    let wire = issue(5, "", &person(7));
    let closed = Issue {
        number: 5,
        open: false,
        closed: Millis::from_rfc3339("2026-11-23T15:04:05Z"),
        repository: RepoName::parse("octo/widgets").ok(),
    };
    let get = IssueCall::Read { number: 5 };
    assert_eq!(read(&get, &reply(200, wire), None), Ok(IssueAnswer::There(closed)));
    let open = Issue { number: 5, open: true, closed: None, repository: None };
    let change = IssueCall::Change { number: 5, body: String::new(), open: None };
    assert_eq!(read(&change, &reply(200, json!({ "number": 5, "state": "open" })), None), Ok(IssueAnswer::There(open)));
}

#[test]
fn what_is_gone_and_what_is_switched_off() {
    let get = IssueCall::Read { number: 5 };
    let open = IssueCall::Open { title: String::new(), body: String::new(), label: String::new() };
    let says = |status, message: &str| reply(status, json!({ "message": message }));
    for (status, message) in [(301, "Moved Permanently"), (404, "Not Found"), (410, "This issue was deleted")] {
        assert_eq!(read(&get, &says(status, message), None), Ok(IssueAnswer::NotThere), "{status}");
    }
    let off = "Issues are disabled for this repo";
    for call in [&get, &open, &find()] {
        let expected = Err(Error::Refused { message: format!("410 {off}") });
        assert_eq!(read(call, &says(410, off), None), expected, "{call:?}");
    }
    assert_eq!(read(&open, &says(404, "Not Found"), None), Err(Error::NotFound));
    let refused = read(&get, &says(403, "Resource not accessible by integration"), None);
    assert!(matches!(refused, Err(Error::Credentials { .. })), "{refused:?}");
    assert!(matches!(read(&get, &reply(500, json!({})), None), Err(Error::Inconclusive { .. })));
}
