//! What is not as described is found, and told with its place.

use std::collections::HashMap;

use hyper::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::exchange::{Answer, Exchange};
use super::{Checked, Checks};
use crate::webhooks::{Hook, WebhookRequest};

const GOOD: [(&str, &str); 4] = [
    ("user-agent", "rerunner"),
    ("accept", "application/vnd.github+json"),
    ("x-github-api-version", "2022-11-28"),
    ("content-type", "application/json"),
];
const RERUN: &str = "/repos/o/r/actions/runs/7/rerun";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    // Later ones win.
    let pairs: HashMap<&str, &str> = pairs.iter().copied().collect();
    let named = |(name, value): (&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).map(named).collect()
}

/// A call and its answer; what is wrong with it, by the description of api.github.com.
struct Case {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: &'static str,
    status: u16,
    answer: Value,
}

impl Case {
    fn rerun() -> Case {
        let headers = GOOD.to_vec();
        Case { method: "POST", path: RERUN, query: "", headers, body: "{}", status: 201, answer: json!({}) }
    }

    fn jobs(query: &'static str) -> Case {
        let answer = json!({ "total_count": 0, "jobs": [] });
        Case {
            method: "GET",
            path: "/repos/o/r/actions/runs/7/jobs",
            query,
            body: "",
            status: 200,
            answer,
            ..Case::rerun()
        }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Case {
        self.headers.push((name, value));
        self
    }

    fn found(&self) -> Vec<String> {
        let checked = Checked::new(Checks::Strict);
        let body = if self.answer.is_null() { String::new() } else { self.answer.to_string() };
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        checked.exchange(Exchange {
            repository: Some("o/r".to_owned()),
            method: self.method.parse().unwrap(),
            uri: format!("{}{query}", self.path).parse().unwrap(),
            headers: headers(&self.headers),
            body: self.body.into(),
            answer: Some(Answer {
                status: self.status,
                headers: headers(&[("content-type", "application/json; charset=utf-8")]),
                body: body.into(),
            }),
        });
        let all = checked.violations();
        assert!(all.is_empty() || all.iter().any(|one| one.description == "ghes-3.17"), "servers too: {all:?}");
        let by_github = all.iter().filter(|one| one.description == "api.github.com");
        by_github.map(|one| format!("{}: {}{}: {}", one.of, one.part, one.pointer, one.what)).collect()
    }

    #[track_caller]
    fn finds(self, expected: &[&str]) {
        let mut found = self.found();
        found.sort_unstable();
        assert_eq!(found, expected, "{} {}?{}", self.method, self.path, self.query);
    }
}

#[test]
fn what_is_right() {
    Case::rerun().finds(&[]);
    Case { path: "/api/v3/repos/o/r/actions/runs/7/rerun", ..Case::rerun() }.finds(&[]);
    Case { path: "/repositories/12/actions/runs/7/rerun", ..Case::rerun() }.finds(&[]);
    Case { body: "{\"enable_debug_logging\":true}", ..Case::rerun() }.finds(&[]);
    Case::jobs("per_page=50&page=2&filter=latest").finds(&[]);
}

#[test]
fn calls() {
    const OF: &str = "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun 201";
    let of = |what: &str| format!("{OF}: {what}");
    let no_path = "POST /repos/o/r/actions/run/7 201: the path: there is no such path";
    Case { path: "/repos/o/r/actions/run/7", ..Case::rerun() }.finds(&[no_path]);
    let no_method =
        "PATCH /repos/{owner}/{repo}/actions/runs/{run_id}/rerun 201: the method: the path has no such method";
    Case { method: "PATCH", ..Case::rerun() }.finds(&[no_method]);
    Case { path: "/repos/o/r/actions/runs/seven/rerun", ..Case::rerun() }
        .finds(&[&of("parameter run_id in path: this is not of type \"integer\"; it is \"seven\"")]);
    Case { query: "force=true", ..Case::rerun() }.finds(&[&of("the query: there is no parameter \"force\"")]);
    Case { body: "{\"enable_debug_logging\":1}", ..Case::rerun() }
        .finds(&[&of("the call's body/enable_debug_logging: this is not of type \"boolean\"; it is 1")]);
    let [misspelt] = &Case { body: "{\"debug\":true}", ..Case::rerun() }.found()[..] else { panic!("one") };
    assert!(
        misspelt.contains("the call's body: Additional properties are not allowed ('debug' was unexpected)"),
        "{misspelt}"
    );
    let [broken] = &Case { body: "{", ..Case::rerun() }.found()[..] else { panic!("one") };
    assert!(broken.starts_with(&of("the call's body: it is no JSON")), "{broken}");
    Case::rerun().header("user-agent", "").finds(&[&of("header user-agent: it is missing")]);
    Case::rerun().header("accept", "").finds(&[&of("header accept: it is missing")]);
    Case::rerun().header("accept", "text/html").finds(&[&of("header accept: GitHub has no media type \"text/html\"")]);
    Case::rerun().header("x-github-api-version", "").finds(&[&of("header x-github-api-version: it is missing")]);
    Case::rerun()
        .header("x-github-api-version", "2021-01-01")
        .finds(&[&of("header x-github-api-version: \"2021-01-01\" is not \"2022-11-28\"")]);
    Case::rerun()
        .header("content-type", "text/plain")
        .finds(&[&of("header content-type: Some(\"text/plain\") is not application/json")]);
    let of = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs 200: ";
    Case::jobs("filter=some")
        .finds(&[&format!("{of}parameter filter in query: this is not one of \"latest\" or \"all\"; it is \"some\"")]);
    Case { body: "{}", ..Case::jobs("") }.finds(&[&format!("{of}the call's body: there is to be none")]);
    let of = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments 404: the call's body: it is missing";
    let answer = json!({ "message": "Not Found" });
    Case { path: "/repos/o/r/issues/1/comments", body: "", status: 404, answer, ..Case::rerun() }.finds(&[of]);
}

#[test]
fn answers() {
    let of = |status: u16, what: &str| {
        format!("GET /repos/{{owner}}/{{repo}}/actions/runs/{{run_id}}/jobs {status}: {what}")
    };
    let answers = |status: u16, answer: Value| Case { status, answer, ..Case::jobs("") };
    answers(200, json!({ "jobs": [] })).finds(&[&of(200, "the answer's body: \"total_count\" is a required property")]);
    let job = json!({ "total_count": 1, "jobs": [{ "id": "7" }] });
    let found = answers(200, job).found();
    assert!(
        found.contains(&of(200, "the answer's body/jobs/0/id: this is not of type \"integer\"; it is \"7\"")),
        "{found:?}"
    );
    answers(200, Value::Null)
        .finds(&[&of(200, "the answer's body: it is no JSON: EOF while parsing a value at line 1 column 0")]);
    answers(204, Value::Null).finds(&[&of(204, "the status: it is not described, nor known otherwise")]);
    answers(502, json!({ "message": 1 }))
        .finds(&[&of(502, "the answer's body/message: this is not of type \"string\"; it is 1")]);
    answers(304, json!({})).finds(&[&of(304, "the answer's body: there is to be none")]);
    let logs = "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs 302: the answer's header location: it is missing";
    Case { path: "/repos/o/r/actions/jobs/7/logs", ..answers(302, Value::Null) }.finds(&[logs]);
}

#[test]
fn webhooks() {
    let hook = Hook::new(1, Some("http://localhost/".to_owned()), "s");
    let found = |event: &str, payload: Value, change: fn(WebhookRequest) -> WebhookRequest| {
        let checked = Checked::new(Checks::Described);
        checked.webhook(&change(hook.request(event, "id", &payload).unwrap()), &payload);
        checked.violations().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let unknown = found("workflow_run", json!({ "action": "exploded" }), |request| request);
    let expected = "webhook workflow_run.exploded: the event: there is no such webhook (by the description of ";
    assert!(unknown.len() == 3 && unknown[0].starts_with(expected), "{unknown:?}");
    let ping = found("ping", json!({ "zen": 1, "hook_id": "x" }), |request| request.without("x-github-delivery"));
    for expected in [
        "webhook ping: header x-github-delivery: it is missing (by the description of api.github.com)",
        "webhook ping: the body at /zen: this is not of type \"string\"; it is 1 (by the description of api.github.com)",
        "webhook ping: the body at /hook_id: this is not of type \"integer\"; it is \"x\" (by the description of ghes-3.14)",
    ] {
        assert!(ping.iter().any(|found| found == expected), "{expected} is not in {ping:#?}");
    }
}
