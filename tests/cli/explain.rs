//! `explain`: what the Worker would decide.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{POLICY, Ran, job, rerunner, rerunner_with, run};

#[test]
fn explain_goes_by_the_preset_or_the_organizations_file_where_there_is_none() {
    let payload = run(7, 1, "failure").to_string();
    let jobs = json!([job(1, 7, 1, "build", "Run tests", "failure")]).to_string();
    let files = [("run.json", &*payload), ("jobs.json", &*jobs), ("o.yml", "max_reruns: 0\n")];
    let explain = |settings: &[(&str, &str)], more: &[&str]| {
        let arguments = [&["explain", "run.json", "--jobs", "jobs.json"], more].concat();
        rerunner_with(settings, &files, "", &arguments).out
    };
    assert!(explain(&[], &[]).contains("RE-RUN"));
    assert!(explain(&[("DEFAULT_POLICY", "infrastructure")], &[]).contains("NO RE-RUN (left)"));
    let left = explain(&[], &["--organization", "o.yml"]);
    assert!(left.contains("NO RE-RUN (left)") && left.contains("max_reruns"), "{left}");
}

/// Each says what it is that was given, and what to do.
#[test]
fn explain_names_what_is_no_run() {
    let list = r#"{"total_count":2,"workflow_runs":[{"id":1},{"id":2}]}"#;
    for (files, input, what, expected) in [
        (vec![("runs.json", list)], "", "runs.json", "runs.json: a list of 2, and not a run; give one of them"),
        (vec![], "[]", "-", "<standard input>: a list of 0, and not a run"),
        (
            vec![],
            "",
            "https://git.example/o/r/actions/runs/1",
            "expected one at https://github.com/, where GITHUB_API_URL says",
        ),
    ] {
        let Ran { code, err, .. } = rerunner(&files, input, &["explain", what]);
        assert!(code == 2 && err.contains(expected), "{err}");
    }
}

#[test]
fn explain_decides_as_the_worker_does() {
    let workflow = json!({ "id": 5, "name": "ci" });
    let payload =
        json!({ "action": "completed", "workflow": workflow, "workflow_run": run(7, 1, "failure") }).to_string();
    let jobs = json!({ "total_count": 2, "jobs": [
        job(1, 7, 1, "test (3.12)", "Run tests", "failure"),
        job(2, 7, 1, "build", "Build", "success"),
        job(3, 7, 2, "lint", "Lint", "failure"),
    ] })
    .to_string();
    let files =
        [("run.json", payload.as_str()), ("jobs.json", &jobs), ("p.yml", POLICY), ("log", "one\nETIMEDOUT at x\n")];
    let given = ["explain", "run.json", "--policy", "p.yml", "--jobs", "jobs.json"];
    let ran = rerunner(&files, "", &given);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "Run 7 of \"ci\", attempt 1: failure.",
        "NO RE-RUN (left).",
        "Left alone: job \"test (3.12)\" failed at step \"Run tests\", which rule \"tests\" leaves to its author.",
        "test (3.12)  leave by rule \"tests\"; failed at \"Run tests\"",
        "log of test (3.12): not given; see --log",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let ran = rerunner(&files, "", &[&given[..], &["--log", "log", "--json"]].concat());
    let json = ran.json();
    assert_eq!((&json["decision"], &json["delay_seconds"], &json["run_id"]), (&json!("rerun"), &json!(5), &json!(7)));
    assert_eq!(json["detail"]["jobs"][0]["line"], 2);
    assert_eq!(json["detail"]["rules"], json!(["network"]));
}

#[test]
fn explain_takes_runs_jobs_and_broken_policies() {
    let plain = run(7, 2, "timed_out").to_string();
    let ran = rerunner(&[], &plain, &["explain", "-"]);
    assert!(ran.out.contains("Attempt 2 timed out: re-run 2 of at most 3."), "{}", ran.out);
    let mut of_job = job(1, 7, 1, "test", "Run tests", "failure");
    of_job["workflow_name"] = json!("ci");
    let ran = rerunner(&[], &json!({ "workflow_job": of_job }).to_string(), &["explain", "-"]);
    assert!(ran.out.contains("Attempt 1 failed in job \"test\" at step \"Run tests\": re-run 1"), "{}", ran.out);
    let ran = rerunner(&[("p.yml", "delay: 5")], &plain, &["explain", "-", "--policy", "p.yml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("the policy file is not valid"), "{}", ran.err);
    let examples =
        concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let Ok(examples) = fs::read(Path::new(examples)) else { return };
    let examples: Vec<Value> = serde_json::from_slice(&examples).unwrap();
    let named = |name: &str| examples.iter().filter(move |event| event["name"] == name).cloned().collect::<Vec<_>>();
    for event in [named("workflow_run"), named("workflow_job")].concat() {
        for payload in event["examples"].as_array().unwrap() {
            let ran = rerunner(&[], &payload.to_string(), &["explain", "-", "--json"]);
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
    }
}
