//! The API, against what `docs/openapi.json` says of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use simulator::{Job, Workflow};

use crate::http::{Answered, eventually, get, post, send};
use crate::stage::{Stage, trials};
use crate::steps::runs;

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "api", answers_are_as_described)
}

/// Every answer of the API against `docs/openapi.json`.
/// Seen to fail when a field has another name (the schema's errors on `runs`).
async fn answers_are_as_described(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository("octo/described", runs()).await;
    let mut last = None;
    for fails in [1, 1, 9] {
        let workflow = Workflow::new("ci").job(Job::new("test").fails(fails)).job(Job::new("lint").fails(1));
        let run = repository.run(workflow).await;
        run.ends(if fails == 1 { 2 } else { 4 }).await;
        last = Some(run.id().0);
    }
    let last = last.expect("a run");
    let one = "/api/v1/repositories/octo/described";
    eventually(worker, &format!("{one}/runs/{last}"), |answer| answer["outcome"] == "exhausted").await;
    eventually(worker, "/api/v1/repositories", |answer| answer.to_string().contains("octo/described")).await;

    let description = include_str!("../../docs/openapi.json");
    let description: Value = serde_json::from_str(description).expect("JSON");
    let mut seen = BTreeSet::new();
    let mut check = |method: &str, template: &str, path: &str, answered: &Answered| {
        let operation = &description["paths"][template][method];
        let schema = &operation["responses"][answered.status.to_string()]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {template} has no {}: {}", answered.status, answered.text);
        assert_eq!(answered.header("content-type"), "application/json", "{path}");
        let whole = json!({ "$ref": schema["$ref"], "components": description["components"] });
        let validator = jsonschema::draft202012::new(&whole).expect("a schema");
        let answer = answered.json();
        let errors: Vec<String> =
            validator.iter_errors(&answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{path}: {errors:#?}\n{answer:#}");
        seen.insert((method.to_owned(), template.to_owned()));
    };
    let base = "/api/v1/repositories";
    let of_one = |rest: &str| format!("{base}/{{owner}}/{{repo}}/{rest}");
    for (template, path) in [
        (base.to_owned(), base.to_owned()),
        (format!("{base}/{{owner}}/{{repo}}"), one.to_owned()),
        (format!("{base}/{{owner}}/{{repo}}"), format!("{one}?limit=1")),
        (format!("{base}/{{owner}}/{{repo}}"), format!("{base}/octo/never-seen")),
        (of_one("runs"), format!("{one}/runs")),
        (of_one("runs"), format!("{one}/runs?limit=1&outcome=rescued")),
        (of_one("runs"), format!("{one}/runs?limit=0")),
        (of_one("runs/{run_id}"), format!("{one}/runs/7?limit=1")),
        (of_one("runs"), format!("{base}/octo/never-seen/runs")),
        (of_one("runs/{run_id}"), format!("{one}/runs/{last}")),
        (of_one("runs/{run_id}"), format!("{one}/runs/1")),
        (of_one("flaky-jobs"), format!("{one}/flaky-jobs")),
        (of_one("flaky-jobs"), format!("{one}/flaky-jobs?cursor=x")),
        (of_one("precision"), format!("{one}/precision")),
        (of_one("precision"), format!("{one}/precision?limit=1")),
    ] {
        check("get", &template, &path, &get(worker, &path).await);
        check("get", &template, &path, &send(worker, "GET", &path, &[]).await);
    }
    for path in ["/api/v1/insights", "/api/v1/insights?limit=1"] {
        check("get", "/api/v1/insights", path, &get(worker, path).await);
        check("get", "/api/v1/insights", path, &send(worker, "GET", path, &[]).await);
    }
    for path in ["/api/v1/doctor?repository=octo/described", "/api/v1/doctor?repository=x"] {
        check("get", "/api/v1/doctor", path, &get(worker, path).await);
    }
    check("get", "/healthz", "/healthz", &get(worker, "/healthz").await);
    let open = send(worker, "GET", "/openapi.json", &[]).await;
    check("get", "/openapi.json", "/openapi.json", &open);
    assert_eq!(open.json(), description);
    check("get", "/healthz", "/healthz", &send(worker, "GET", "/healthz", &[]).await);
    // Its token may not see webhooks.
    for path in ["/api/v1/redeliver", "/api/v1/redeliver?repository=octo/described"] {
        check("post", "/api/v1/redeliver", path, &post(worker, path).await);
    }
    for verb in ["pause", "resume"] {
        check("post", &of_one(verb), verb, &post(worker, &format!("{one}/{verb}")).await);
    }
    // The one that is no JSON.
    for (path, status) in [("/metrics", 200), ("/metrics?limit=1", 400)] {
        let (answered, described) = (get(worker, path).await, &description["paths"]["/metrics"]["get"]["responses"]);
        assert!(
            answered.status == status && described[status.to_string()]["content"]["text/plain"].is_object(),
            "{path}"
        );
        assert!(answered.header("content-type").starts_with("text/plain"), "{path}");
    }
    seen.insert(("get".to_owned(), "/metrics".to_owned()));
    // The last decision is the one on the run that ended last.
    let status = get(worker, one).await.json();
    let decision = &status["last_decision"];
    assert_eq!((&decision["run_id"], &decision["outcome"]), (&json!(last), &json!("exhausted")), "{status:#}");
    assert_eq!((&status["paused"], &status["policy"]), (&json!(false), &json!("everything")));
    let described: BTreeSet<(String, String)> = description["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .expect("methods")
                .keys()
                .map(|method| (method.clone(), path.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(seen, described, "all of it was asked");

    // Pages of one run each lead through all of them, newest first.
    let mut ids = vec![];
    let mut cursor = String::new();
    loop {
        let page = get(worker, &format!("{one}/runs?limit=1&cursor={cursor}")).await.json();
        ids.extend(page["runs"].as_array().expect("runs").iter().map(|run| run["run_id"].as_u64().expect("an id")));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
}
