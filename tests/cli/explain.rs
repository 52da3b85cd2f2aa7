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

/// A decision that hangs on what is not given is none. Seen to fail when what is not given counts as something that GitHub
/// does not have, and where all annotations are taken for ones that are at no file.
#[test]
fn explain_says_what_the_decision_hangs_on() {
    let payload = json!({ "workflow": { "id": 5, "name": "ci" }, "workflow_run": run(7, 1, "failure") }).to_string();
    let jobs = json!({ "jobs": [job(1, 7, 1, "build", "Run yarn", "failure")] }).to_string();
    let at_file = r#"[{"message":"x is not defined","annotation_level":"failure","path":"src/a.js"}]"#;
    let log = "error An unexpected error occurred: \"https://registry.yarnpkg.com/left-pad: ESOCKETTIMEDOUT\".\n";
    let files = [
        ("run.json", payload.as_str()),
        ("jobs.json", &jobs),
        ("none.json", "[]"),
        ("at-file.json", at_file),
        ("pages.json", &format!("[{at_file}]")),
        ("no.json", r#"{"message":"Not Found"}"#),
        ("log", log),
        ("odd-log", "it did not work\n"),
    ];
    let explain = |preset: &str, more: &[&str]| {
        let given = ["explain", "run.json", "--jobs", "jobs.json", "--policy", preset];
        rerunner(&files, "", &[&given[..], more].concat())
    };
    let ran = explain("careful", &["--log", "log"]);
    let open = "UNDECIDED: annotations not given. Add --annotations FILE.\nIf there are none: RE-RUN its failed jobs 5s after it \
                ended.\n  Attempt 1 failed in job \"build\" at step \"Run yarn\": re-run 1 of at most 3, by rule \
                \"infrastructure\"";
    assert!(ran.code == 0 && ran.out.contains(open), "{}{}", ran.out, ran.err);
    let json = explain("careful", &["--log", "log", "--json"]).json();
    assert_eq!((&json["decision"], &json["not_given"]), (&json!("undecided"), &json!(["annotations"])), "{json:#}");
    assert_eq!((&json["if_there_are_none"]["decision"], &json["run_id"]), (&json!("rerun"), &json!(7)), "{json:#}");
    // Nothing of the kind where all of it is given, or where it makes no difference.
    let given = explain("careful", &["--log", "log", "--annotations", "none.json"]);
    assert!(given.out.contains("\nRE-RUN its failed jobs") && !given.out.contains("UNDECIDED"), "{}", given.out);
    let everything = explain("everything", &[]);
    assert!(everything.out.contains("\nRE-RUN its failed jobs"), "{}", everything.out);
    for file in ["at-file.json", "pages.json"] {
        let left = explain("careful", &["--log", "odd-log", "--annotations", file]);
        assert!(left.out.contains("which rule \"a compiler or linter spoke\" leaves"), "{}{}", left.out, left.err);
    }
    let no = explain("careful", &["--annotations", "no.json"]);
    assert!(no.code == 2 && no.err.contains("no.json: not annotations as GitHub's API shows them"), "{}", no.err);
    // It is left without the log, and a rule that reads it may say otherwise.
    let left = explain("infrastructure", &[]);
    let open = "UNDECIDED: annotations and log not given. Add --annotations FILE and --log FILE.\nIf GitHub did not have them \
                either: NO RE-RUN (left).\n  Left alone: job \"build\" failed at step \"Run yarn\", which no rule of the preset \
                infrastructure re-runs.";
    assert!(left.out.contains(open), "{}", left.out);
    let json = explain("infrastructure", &["--json"]).json();
    assert_eq!(json["if_github_has_none"]["outcome"], "left", "{json:#}");
    let said = explain("infrastructure", &["--log", "odd-log", "--annotations", "none.json"]);
    assert!(said.out.contains("\nNO RE-RUN (left).\n"), "{}", said.out);
    let ran = rerunner(&files, "", &["explain", "run.json", "--policy", "careful"]);
    assert!(ran.out.contains("UNDECIDED: jobs not given. Add --jobs FILE.\n"), "{}", ran.out);
}

/// Seen to fail when a run is asked for, and when a log without jobs is not read.
#[test]
fn explain_takes_a_log_alone() {
    let payload = run(7, 2, "timed_out").to_string();
    let files = [
        ("run.json", payload.as_str()),
        ("log", "one\ncurl: (6) Could not resolve host: files.example\n"),
        ("p.yml", POLICY),
    ];
    let explain = |more: &[&str]| rerunner(&files, "", &[&["explain", "--log", "log"], more].concat());
    let ran = explain(&["--policy", "infrastructure"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "A job that failed.\nAssumed: attempt 1 of a push to the branch main, of a workflow named workflow, with one failed job named job, \
         which has no annotations but those given here.\n\nRE-RUN its failed jobs",
        "Attempt 1 failed in job \"job\": re-run 1 of at most 3, by rule \"infrastructure\"",
        "(network, infrastructure), by line 2 of its log",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let json = explain(&["--policy", "infrastructure", "--json"]).json();
    assert_eq!((&json["decision"], &json["run_id"]), (&json!("rerun"), &Value::Null), "{json:#}");
    assert_eq!(json["causes"][0]["cause"]["class"], "network");
    let ran = explain(&["--policy", "infrastructure", "run.json"]);
    for part in ["Run 7 of ", "Assumed: one failed job", "Attempt 2 timed out in job \"job\": re-run 2 of at most 3"] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let careful = explain(&["--policy", "careful"]);
    assert!(careful.out.contains("\n\nRE-RUN its failed jobs"), "{}", careful.out);
    let ran = rerunner(&files, "", &["explain", "--policy", "p.yml"]);
    assert!(ran.code == 2 && ran.err.contains("<FILE | URL>"), "{}", ran.err);
}
