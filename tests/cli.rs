//! The command for people, as built.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use local_worker::StandIn;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

/// In a folder with these files, and with this on standard input.
fn rerunner(files: &[(&str, &str)], input: &str, arguments: &[&str]) -> Ran {
    rerunner_with(&[], files, input, arguments)
}

fn rerunner_with(settings: &[(&str, &str)], files: &[(&str, &str)], input: &str, arguments: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let mut child = local_worker::command()
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It need not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

const POLICY: &str = r#"
rules:
  - name: network
    if: { log: "ETIMEDOUT" }
    then: rerun
  - name: tests
    if: { step: "*test*" }
    then: leave
"#;

fn run(id: u64, attempt: u32, conclusion: &str) -> Value {
    json!({
        "id": id, "run_attempt": attempt, "status": "completed", "conclusion": conclusion, "name": "Fix it",
        "workflow_id": 5, "path": ".github/workflows/ci.yml", "event": "push", "head_branch": "main", "head_sha": "a",
        "actor": { "login": "ann" }, "triggering_actor": { "login": "ann" }, "pull_requests": [],
        "updated_at": format!("2026-11-24T10:{:02}:00Z", id + u64::from(attempt)),
    })
}

fn job(id: u64, run_id: u64, attempt: u32, name: &str, step: &str, conclusion: &str) -> Value {
    json!({
        "id": id, "run_id": run_id, "run_attempt": attempt, "name": name, "status": "completed",
        "conclusion": conclusion, "workflow_name": "ci", "labels": ["ubuntu-latest"], "runner_name": "GitHub Actions 1",
        "started_at": "2026-11-24T10:00:00Z", "completed_at": "2026-11-24T10:04:00Z",
        "steps": [{ "name": step, "status": "completed", "conclusion": conclusion, "number": 1 }],
    })
}

#[test]
fn check_says_what_a_valid_file_means() {
    let ran = rerunner(&[("p.yml", POLICY)], "", &["check", "p.yml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for line in [
        "p.yml is valid. What it means:",
        "- When a run has concluded failure or timed_out, its failed jobs are re-run 5s later, at most 3 times (the Worker's MAX_RERUNS).",
        "    1. \"network\": a job whose log has near its end a line that matches /ETIMEDOUT/ is re-run.",
        "- A failed job that no rule matches is re-run.",
    ] {
        assert!(ran.out.lines().any(|is| is == line), "{line}\n{}", ran.out);
    }
    let ran = rerunner(&[], POLICY, &["check", "--json", "-"]);
    assert_eq!((ran.code, &ran.json()["valid"]), (0, &json!(true)));
}

#[test]
fn check_knows_what_a_file_extends() {
    let careful = "extends: careful\nrules: [{ name: mine, if: { job: a }, then: rerun }]\n";
    let ran = rerunner(&[("p.yml", careful)], "", &["check", "p.yml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "- It begins with the preset careful, which re-runs what was the infrastructure's fault, and once what re-runs often help.",
        "    1. \"mine\": a job named \"a\" is re-run.",
        "    2. \"deployments and releases run once\": a job of the workflow \"deploy*\", \"release*\" or \"publish*\" is left",
        "- A failed job that no rule matches is left to its author.",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let json = rerunner(&[("p.yml", careful)], "", &["check", "--json", "p.yml"]).json();
    assert_eq!(json["extends"], json!(["careful"]));

    let files =
        [("p.yml", "version: 1\nextends: organization\n"), ("o.yml", "max_reruns: 2\n"), ("bad.yml", "max_rerun: 2\n")];
    let ran = rerunner(&files, "", &["check", "p.yml", "--organization", "o.yml"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["the organization's policy file, in OWNER/.github", "at most twice"] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    for (arguments, expected) in [
        (
            &["check", "p.yml"][..],
            "p.yml:2:10: error: extends: the organization's file is not at hand; give it with --organization FILE",
        ),
        (
            &["check", "p.yml", "--organization", "bad.yml"],
            "is not valid: line 1, column 1: max_rerun: no such key; did you mean max_reruns?",
        ),
    ] {
        let ran = rerunner(&files, "", arguments);
        assert!(ran.code == 1 && ran.err.contains(expected), "{} {}", ran.out, ran.err);
    }
    let off =
        rerunner_with(&[("ORGANIZATION_POLICY", "false")], &files, "", &["check", "p.yml", "--organization", "o.yml"]);
    assert!(off.code == 1 && off.err.contains("ORGANIZATION_POLICY is off"), "{}", off.err);
    let near = rerunner(&[], "extends: infrastucture\n", &["check", "-"]);
    assert!(near.code == 1 && near.err.contains("did you mean infrastructure?"), "{}", near.err);
}

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

/// As the workflow in docs/policy.md and action.yml call it.
#[test]
fn check_shows_errors_at_their_lines_in_a_pull_request() {
    let files = [(".github/rerunner.yml", "max_reruns: 3\nmax_delai: 5m\nrules: 7\n")];
    let arguments = ["check", "--format", "github", ".github/rerunner.yml"];
    let Ran { code, out, err } = rerunner(&files, "", &arguments);
    assert_eq!(code, 1);
    let said = out + &err;
    let commands: Vec<_> = said.lines().filter(|line| line.starts_with("::error ")).collect();
    let first = "::error file=.github/rerunner.yml,line=2,col=1,title=Policy of Rerunner::max_delai: no such key; did you mean \
                 max_delay?";
    assert_eq!((commands.len(), commands[0]), (2, first), "{said}");
    assert!(said.contains("is not valid: 2 errors"), "{said}");
    let good = rerunner(&[(".github/rerunner.yml", "extends: careful\n")], "", &arguments);
    assert!(good.code == 0 && good.out.contains("is valid. What it means:"), "{}", good.err);
    let page = std::fs::read_to_string(local_worker::root().join("docs/policy.md")).unwrap();
    let action = std::fs::read_to_string(local_worker::root().join("action.yml")).unwrap();
    let elsewhere = |package: &str, file: &str| {
        format!("cd \"$RUNNER_TEMP\" && npx --yes \"{package}\" check --format github \"$GITHUB_WORKSPACE/{file}\"")
    };
    assert!(page.contains(&elsewhere("$RERUNNER", ".github/rerunner.yml")));
    assert!(action.contains(&elsewhere("$PACKAGE", "$FILE")));
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

/// Whichever command meets them.
#[test]
fn errors_of_a_policy_file_look_the_same() {
    let file = ("bad.yml", "max_delai: 5m\n");
    let shown = "bad.yml:1:1: error: max_delai: no such key; did you mean max_delay?\n  |\n1 | max_delai: 5m\n  | ^";
    let run = run(1, 1, "failure").to_string();
    for (arguments, expected) in [
        (vec!["check", "bad.yml"], 1),
        (vec!["explain", "-", "--policy", "bad.yml"], 1),
        (vec!["backtest", "-", "--policy", "bad.yml"], 2),
    ] {
        let Ran { code, err, .. } = rerunner(&[file], &run, &arguments);
        assert!(code == expected && err.contains(shown), "{arguments:?}: {err}");
        assert!(err.contains("bad.yml is not valid: 1 error. While it is not, nothing is re-run."), "{err}");
    }
}

#[test]
fn help_has_examples() {
    for command in ["", "setup", "upgrade", "uninstall", "doctor", "check", "explain", "backtest"] {
        let arguments: Vec<_> = [command, "--help"].into_iter().filter(|argument| !argument.is_empty()).collect();
        let Ran { code, out, .. } = rerunner(&[], "", &arguments);
        assert!(code == 0 && out.contains("Examples:\n  rerunner "), "{command}: {out}");
    }
}

/// `rerunner check …`, also as `npx ./rerunner-VERSION.tgz check …` and `npm run doctor -- …`: each command and each of its
/// options is one that its help has. Seen to fail with a command, and with an option, of another name.
#[test]
fn commands_that_the_documents_name() {
    const PAGES: [&str; 8] = [
        "README",
        "docs/policy",
        "docs/settings",
        "docs/api",
        "docs/operations",
        "docs/access",
        "docs/package",
        "CONTRIBUTING",
    ];
    let is_of_word = |character: char| character.is_ascii_lowercase() || character == '-';
    let mut helps = std::collections::BTreeMap::new();
    let mut options = 0;
    for page in PAGES {
        let text = fs::read_to_string(local_worker::root().join(format!("{page}.md"))).unwrap();
        let text =
            text.replace("npm run doctor -- ", "rerunner doctor ").replace("npm run setup -- ", "rerunner setup ");
        let text = text.replace("rerunner-VERSION.tgz ", "rerunner ").replace("npm run rerunner -- ", "rerunner ");
        for rest in text.split("rerunner ").skip(1) {
            let words = rest.split(['`', '\n', '|', '#']).next().unwrap();
            let name: String = words.chars().take_while(|&character| is_of_word(character)).collect();
            if name.is_empty() || name.starts_with('-') {
                continue;
            }
            let help = helps.entry(name.clone()).or_insert_with(|| rerunner(&[], "", &[&name, "--help"]).out);
            assert!(help.contains(&format!("Usage: rerunner {name}")), "{page}: rerunner {name}");
            for option in words.split([' ', '=']).filter(|word| word.starts_with("--")) {
                assert!(help.contains(option), "{page}: rerunner {name} {option} is not in\n{help}");
                options += 1;
            }
        }
    }
    assert!(helps.len() >= 8 && options >= 15, "{} commands, {options} options", helps.len());
}

/// README's policy file is valid, and `check` says of it what README says.
#[test]
fn check_of_readmes_policy() {
    let readme = fs::read_to_string(local_worker::root().join("README.md")).unwrap();
    let file = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let Ran { code, out, err } = rerunner(&[("p.yml", file)], "", &["check", "p.yml"]);
    assert!(code == 0 && out.starts_with("p.yml is valid") && out.contains("is left to its author"), "{out}{err}");
}

#[test]
fn check_shows_errors_where_they_are() {
    let ran = rerunner(&[("p.yml", "max_reruns: 3\nmax_delai: 5m\nrules:\n\n  - nom: x\n")], "", &["check", "p.yml"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let expected =
        "p.yml:2:1: error: max_delai: no such key; did you mean max_delay?\n  |\n2 | max_delai: 5m\n  | ^^^^^^^^^\n";
    assert!(ran.err.starts_with(expected), "{}", ran.err);
    assert!(ran.err.contains("p.yml:5:5: error: rules[0].nom: no such key; did you mean name?\n"), "{}", ran.err);
    assert!(ran.err.contains("5 |   - nom: x\n  |     ^^^\n"), "{}", ran.err);
    assert!(ran.err.contains("is not valid: 3 errors."), "{}", ran.err);
    let ran = rerunner(&[], "delay: 5", &["check", "-", "--json"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.json()["errors"][0]["column"], 8);
    let ceiling = rerunner_with(&[("MAX_RERUNS_CEILING", "20")], &[], "max_reruns: 15", &["check", "-"]);
    assert_eq!(ceiling.code, 0, "{}", ceiling.err);
    assert_eq!(rerunner(&[], "max_reruns: 15", &["check", "-"]).code, 1);
}

/// What is valid and hardly meant is told, and no error. Seen to fail when `--strict` is not asked, and when warnings go to
/// standard error, where the file is valid.
#[test]
fn check_warns_of_what_can_never_match() {
    let policy =
        "rules:\n  - { name: a, if: { job: a* }, then: leave }\n  - { name: b, if: { job: ab }, then: rerun }\n";
    let files = [("p.yml", policy)];
    let ran = rerunner(&files, "", &["check", "p.yml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let expected = "p.yml:3:13: warning: rules[1]: can never match: rule \"a\" in line 2 takes every job that this one could\n  \
                    |\n3 |   - { name: b, if: { job: ab }, then: rerun }\n  |             ^\n\np.yml is valid, with 1 \
                    warning. What it means:\n";
    assert!(ran.out.starts_with(expected), "{}", ran.out);
    let strict = rerunner(&files, "", &["check", "p.yml", "--strict"]);
    assert!(strict.code == 1 && strict.err.starts_with(expected), "{} {}", strict.out, strict.err);
    let json = rerunner(&files, "", &["check", "p.yml", "--json"]).json();
    let warning = &json["warnings"][0];
    assert_eq!((&warning["line"], &warning["column"], &warning["length"]), (&json!(3), &json!(13), &json!(1)));
    let github = rerunner(&files, "", &["check", "p.yml", "--format", "github"]);
    assert!(github.out.starts_with("::warning file=p.yml,line=3,col=13,title="), "{}", github.out);
}

#[test]
fn what_cannot_be_carried_out_is_code_2() {
    for (arguments, input, why) in [
        (&["check"][..], "", "required arguments"),
        (&["chekc"], "", "similar"),
        (&["check", "nowhere.yml"], "", "nowhere.yml cannot be read"),
        (&["explain", "-"], "{", "is not JSON"),
        (&["explain", "-"], "{}", "not a workflow run"),
        (&["explain", "-"], r#"{"check_run":{}}"#, "give the run itself"),
        (&["backtest", "-"], "[]", "no workflow run"),
        (&["backtest", "-"], "[3]", "found a number"),
        (&["backtest", "--policy", "p.yml", "-"], "[]", "p.yml:1:8: error: delay: expected a duration"),
    ] {
        let ran = rerunner(&[("p.yml", "delay: 5")], input, arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.out);
        assert!(ran.err.contains(why), "{arguments:?}: {}", ran.err);
    }
    let ran = rerunner_with(&[("MAX_RERUNS", "many")], &[], "", &["check", "-"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("MAX_RERUNS is not valid: expected a number from 0 to 49"), "{}", ran.err);
    for arguments in [&["--help"][..], &["explain", "--help"], &["--version"]] {
        assert_eq!(rerunner(&[], "", arguments).code, 0);
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

#[test]
fn backtest_counts_what_would_have_been() {
    // Two answers one after the other, as `gh api --paginate` prints them; a page of jobs among them.
    let runs = [
        json!({ "total_count": 4, "workflow_runs": [run(1, 2, "success"), run(2, 2, "failure")] }),
        json!([{ "workflow_runs": [run(3, 1, "failure"), run(4, 1, "success"), run(5, 1, "failure")] }]),
        json!({ "jobs": [
            job(10, 1, 1, "build", "Fetch", "failure"),
            job(11, 1, 2, "build", "Fetch", "success"),
            job(20, 2, 1, "build", "Fetch", "failure"),
            job(21, 2, 2, "build", "Fetch", "failure"),
            job(50, 5, 1, "test", "Run tests", "failure"),
        ] }),
    ];
    let runs: String = runs.iter().map(|page| format!("{page:#}\n")).collect();
    let files = [("runs.json", runs.as_str()), ("p.yml", POLICY), ("once.yml", "budget: { reruns_per_day: 1 }")];
    let ran = rerunner(&files, "", &["backtest", "--policy", "p.yml", "runs.json", "--json"]);
    let json = ran.json();
    let expected = json!({
        "failed": 5, "rerun": 3, "later_passed": 1, "later_failed": 1, "not_known": 1, "left": 2, "runner_minutes": 12
    });
    assert_eq!((&json["total"], &json["workflows"]["ci"]), (&expected, &expected), "{json:#}");
    let ran = rerunner(&files, &runs, &["backtest", "--policy", "p.yml", "-", "--verbose"]);
    assert!(ran.out.contains("Of the 2 whose next attempts are known, 50% passed later."), "{}", ran.out);
    assert!(
        ran.out.contains("leave   5 attempt 1  ci: Left alone: job \"test\" failed at step \"Run tests\""),
        "{}",
        ran.out
    );
    // Of the third run, the jobs are not known, and one may be the author's.
    assert!(
        ran.out
            .contains("leave   3 attempt 1  ci: Left alone: attempt 1 failed, and rule \"tests\" may say to leave it"),
        "{}",
        ran.out
    );
    let line = ran.out.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(line, ["ci", "5", "3", "1", "1", "1", "2", "12"]);
    // The budget is kept over all of them.
    let ran = rerunner(&files, "", &["backtest", "--policy", "once.yml", "runs.json", "--json"]);
    assert_eq!(ran.json()["total"]["rerun"], 1);
}

#[test]
fn schema_prints_the_one_in_the_repository() {
    let ran = rerunner(&[], "", &["schema"]);
    assert_eq!(ran.out, include_str!("../docs/rerunner.schema.json"));
}

#[test]
fn the_catalogue_is_listed() {
    let ran = rerunner(&[], "", &["catalogue"]);
    assert!(
        ran.code == 0 && ran.out.contains("registry (infrastructure):\n") && ran.out.contains("npm-network"),
        "{}",
        ran.out
    );
    let json = rerunner(&[], "", &["catalogue", "--json"]).json();
    let entries = json["entries"].as_array().unwrap();
    assert!(entries.len() >= 150, "{} entries", entries.len());
    let entry = entries.iter().find(|entry| entry["id"] == "runner-lost").unwrap();
    let expected = json!({
        "id": "runner-lost",
        "class": "runner",
        "infrastructure": true,
        "tool": "GitHub Actions runner",
        "log": true,
        "annotation": true,
    });
    assert_eq!(*entry, expected);
}

#[test]
fn the_catalogue_is_measured() {
    let row = |id: &str, label: &str, hard: bool, log: &str| {
        json!({ "id": id, "label": label, "hard": hard, "log": log, "anything": 1 }).to_string()
    };
    let rows = [
        row("found", "infra", false, "npm error code ECONNRESET"),
        row("missed", "infra", false, "no luck today"),
        row("without a sign", "infra", true, "no luck today"),
        row("real", "real", false, "error[E0308]: mismatched types"),
        row("taken", "real", true, "Error: read ECONNRESET"),
        row("flaky", "flaky", false, "--- FAIL: TestTotal (0.00s)"),
    ];
    let rows = rows.join("\n\n") + "\n";
    let measured = rerunner(&[("rows.jsonl", &rows)], "", &["catalogue", "measure", "rows.jsonl", "--json"]).json();
    assert_eq!(measured["rows"], 6);
    assert_eq!(measured["infra"]["plain"], json!({ "rows": 2, "recall": 0.5, "precision": 1.0 }));
    assert_eq!(measured["infra"]["hard"], json!({ "rows": 1, "recall": 0.0, "precision": 0.0 }));
    assert_eq!(measured["real"]["plain"], json!({ "rows": 1, "taken_for_infrastructure": 0.0 }));
    assert_eq!(measured["real"]["hard"], json!({ "rows": 1, "taken_for_infrastructure": 1.0 }));
    assert_eq!(measured["flaky"]["hard"], json!({ "rows": 0, "taken_for_infrastructure": null }));
    assert_eq!(measured["classes"]["registry"], json!({ "infra": 1, "flaky": 0, "real": 0, "precision": 1.0 }));
    let wrong: Vec<_> = measured["wrong"].as_array().unwrap().iter().map(|row| (&row["id"], &row["cause"])).collect();
    assert_eq!(wrong, [(&json!("missed"), &json!(null)), (&json!("taken"), &json!("node-sockets"))]);

    let ran = rerunner(&[], &rows, &["catalogue", "measure", "-"]);
    assert!(
        ran.out.contains("50.0% (1 of 2)") && ran.out.contains("taken (real, hard): node-sockets at line 1"),
        "{}",
        ran.out
    );
}

#[test]
fn what_cannot_be_measured_is_named_by_its_line() {
    let row = r#"{"id":"a","label":"infra","log":"x"}"#;
    for (rows, said) in [
        (format!("{row}\n\n{{"), "error: rows.jsonl:3: not a failure with its kind: EOF"),
        (
            format!("{row}\n{}", row.replace("infra", "unsure")),
            "rows.jsonl:2: not a failure with its kind: unknown variant",
        ),
        (row.replace("log", "text"), "rows.jsonl:1: not a failure with its kind: missing field `log`"),
        ("\n".to_owned(), "rows.jsonl: has no line"),
    ] {
        let ran = rerunner(&[("rows.jsonl", &rows)], "", &["catalogue", "measure", "rows.jsonl"]);
        assert!(ran.code == 2 && ran.err.contains(said), "{} {}", ran.out, ran.err);
    }
    let ran = rerunner(&[], "", &["catalogue", "measure", "nothere.jsonl"]);
    assert!(ran.code == 2 && ran.err.contains("nothere.jsonl cannot be read"), "{}", ran.err);
}

/// A server on this machine that answers each request alike; what it was sent.
fn server(answer: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (answer, heard) = (answer.to_owned(), Arc::new(Mutex::new(Vec::new())));
    let requests = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().take(20) {
            let mut stream = stream.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => request.extend_from_slice(&buffer[..read]),
                }
            }
            requests.lock().unwrap().push(String::from_utf8_lossy(&request).to_lowercase());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, heard)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

const KEPT: &str = "RERUNNER_URL=\"https://mine.example\"\nADMIN_TOKEN=\"the-kept-token\"\n";

#[test]
fn the_doctor_sends_no_token_in_the_clear_nor_anywhere_but_where_it_belongs() {
    for address in
        ["http://mine.example", "http://127.0.0.1.evil.example", "http://localhost@evil.example", "ftp://mine.example"]
    {
        let ran = rerunner_with(&[("ADMIN_TOKEN", "hush")], &[(".deployed.vars", KEPT)], "", &["doctor", address]);
        assert_eq!(ran.code, 2, "{address}: {} {}", ran.out, ran.err);
        assert!(ran.err.contains("not an address to check") && !ran.err.contains("hush"), "{}", ran.err);
        let ran = rerunner(&[], "", &["setup", "--yes", "--no-deploy", "--url", address]);
        assert!(ran.code == 2 && ran.err.contains("not an address to check"), "{address}: {} {}", ran.out, ran.err);
    }
    // Another Worker, on this machine: the kept token is not its own.
    let health = r#"{"status":"ok","version":"0.1.0","problems":[]}"#;
    let (url, heard) = server(&answer("200 OK", health));
    let ran = rerunner(&[(".deployed.vars", KEPT)], "", &["doctor", &url]);
    assert!(ran.out.contains("ADMIN_TOKEN is not set here"), "{} {}", ran.out, ran.err);
    // Where it goes when it is meant to.
    rerunner(&[(".dev.vars", "ADMIN_TOKEN=\"the-local-token\"\n")], "", &["doctor", &url]);
    let heard = heard.lock().unwrap();
    assert!(!heard.is_empty() && heard.iter().any(|request| request.contains("bearer the-local-token")), "{heard:#?}");
    assert!(!heard.iter().any(|request| request.contains("the-kept-token")), "{heard:#?}");
}

#[test]
fn the_doctor_follows_no_redirect() {
    let (elsewhere, heard_elsewhere) = server(&answer("200 OK", "{}"));
    let (url, heard) = server(&answer(&format!("307 Temporary Redirect\r\nlocation: {elsewhere}/healthz"), ""));
    let ran = rerunner_with(&[("ADMIN_TOKEN", "hush")], &[], "", &["doctor", &url]);
    assert_eq!(ran.code, 1, "{} {}", ran.out, ran.err);
    assert!(!heard.lock().unwrap().is_empty());
    assert_eq!(*heard_elsewhere.lock().unwrap(), [""; 0]);
}

#[test]
fn the_doctor_shows_control_characters_as_text() {
    let hostile = "\u{1b}]8;;https://evil.example\u{7}x\u{1b}[2J\u{9b}31m\u{202e}\n✓ all is well\r";
    let problem = json!({ "setting": "GITHUB_TOKEN", "problem": hostile });
    let health = json!({ "status": "unhealthy", "version": hostile, "problems": vec![problem; 5_000] });
    let (url, _) = server(&answer("503 Unavailable", &health.to_string()));
    for format in [&["doctor", &*url][..], &["doctor", &*url, "--json"]] {
        let ran = rerunner(&[], "", format);
        let shown = format!("{}{}", ran.out, ran.err);
        let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!shown.contains(obeyed), "{shown:?}");
        assert!(!shown.lines().any(|line| line.starts_with("✓ all is well")), "{shown}");
        assert!(shown.contains(r"\u{1b}") || shown.contains(r"\u001b"), "{shown}");
        assert!(shown.len() < 300_000, "{} bytes", shown.len());
    }
}

/// All that does not stay on this machine goes by the proxy that the environment names, and nothing that does.
/// Seen to fail without the proxy's agent, and without `NO_PROXY`.
#[test]
fn a_proxy_is_asked_for_a_tunnel() {
    let (proxy, heard) = server(&answer("403 Forbidden", ""));
    let with_user = proxy.replace("http://", "http://ann:p%40ss@");
    let ran = rerunner_with(&[("HTTPS_PROXY", &with_user)], &[], "", &["doctor", "https://rerunner.invalid"]);
    assert!(ran.code == 1 && ran.err.contains("the proxy answered 403"), "{} {}", ran.out, ran.err);
    let asked = heard.lock().unwrap().clone();
    assert!(asked.iter().all(|request| request.starts_with("connect rerunner.invalid:443 http/1.1\r\n")), "{asked:#?}");
    // "ann:p@ss", in lower case as all that was heard.
    let credentials = "proxy-authorization: basic yw5uonbac3m=\r\n";
    assert!(!asked.is_empty() && asked.iter().all(|request| request.contains(credentials)), "{asked:#?}");

    let without = [("HTTPS_PROXY", &*proxy), ("NO_PROXY", "localhost, .invalid")];
    let ran = rerunner_with(&without, &[], "", &["doctor", "https://rerunner.invalid"]);
    assert!(ran.code == 1 && !ran.err.contains("proxy"), "{} {}", ran.out, ran.err);
    let (here, heard_here) = server(&answer("200 OK", "{}"));
    rerunner_with(&[("ALL_PROXY", &proxy)], &[], "", &["doctor", &here]);
    assert!(!heard_here.lock().unwrap().is_empty());
    assert_eq!(heard.lock().unwrap().len(), asked.len(), "nothing more went to the proxy");
}

#[test]
fn where_nobody_reads_on_all_is_well() {
    let mut child = local_worker::command()
        .args(["catalogue", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe holds is to come.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn much_comes_in_and_goes_out() {
    let rows: String =
        (0..20_000).map(|n| format!("{{\"id\":\"{n}\",\"label\":\"infra\",\"log\":\"{n} zażółć\"}}\n")).collect();
    let ran = rerunner(&[], &rows, &["catalogue", "measure", "-", "--json"]);
    let json = ran.json();
    assert_eq!((&json["rows"], json["wrong"].as_array().unwrap().len()), (&json!(20_000), 20_000));
}

/// At a terminal, where each of these is typed once the text before it is there. What the terminal shows, and the exit code.
fn at_a_terminal(
    stand_in: &StandIn,
    folder: &Path,
    arguments: &[&str],
    typed: &[(&str, &str)],
) -> (String, Option<i32>) {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let (mut here, there) = (fs::File::from(terminal.master), fs::File::from(terminal.slave));
    let stream = || Stdio::from(there.try_clone().unwrap());
    let mut command = local_worker::command();
    stand_in.for_command(&mut command, "");
    command.args(arguments).current_dir(folder).stdin(stream()).stdout(stream()).stderr(stream());
    let mut child = command.spawn().unwrap();
    // Each has the terminal's other side.
    drop((command, there));
    // A question that is not asked is waited for no longer.
    let (ended, has_ended) = std::sync::mpsc::channel::<()>();
    let id = child.id().to_string();
    std::thread::spawn(move || {
        if has_ended.recv_timeout(std::time::Duration::from_secs(60)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            std::process::Command::new("kill").args(["-KILL", &id]).status().unwrap();
        }
    });
    let (mut shown, mut typed, mut seen) = (Vec::new(), typed.iter(), 0);
    let mut next = typed.next();
    let mut buffer = [0; 4096];
    // Its end is an error: nobody is at the other side any more.
    while let Ok(count @ 1..) = here.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..count]);
        let so_far = String::from_utf8_lossy(&shown[seen..]).into_owned();
        if let Some((before, answer)) = next
            && so_far.contains(before)
        {
            seen = shown.len();
            // The question is there before the terminal is told to show nothing.
            std::thread::sleep(std::time::Duration::from_millis(500));
            here.write_all(answer.as_bytes()).unwrap();
            next = typed.next();
        }
    }
    drop(ended);
    (String::from_utf8_lossy(&shown).into_owned(), child.wait().unwrap().code())
}

/// Seen to fail where the terminal is left as it is, and where a byte is taken for a character.
#[test]
fn what_is_typed_for_a_secret_is_not_shown() {
    let folder = TempDir::new().unwrap();
    let stand_in = StandIn::new(folder.path());
    fs::copy(local_worker::root().join("wrangler.toml"), folder.path().join("wrangler.toml")).unwrap();
    for name in ["logged-in", "secrets/ADMIN_TOKEN", "secrets/WEBHOOK_SECRET"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let setup = ["setup", "--auth", "token", "--no-deploy", "--url", "http://127.0.0.1:1"];
    let left = [("ADMIN_TOKEN is set", "\n"), ("WEBHOOK_SECRET is set", "n\n")];
    let typed =
        [&left[..], &[("not shown", "hush-zaóó\u{7f}\u{7f}\u{8}b\r"), ("when you have added it", "\n")]].concat();
    let (shown, code) = at_a_terminal(&stand_in, folder.path(), &setup, &typed);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("GITHUB_TOKEN: set") && !shown.contains("hush"), "{shown}");
    assert!(shown.contains("Replace it? [y/N] n\r\n"), "other answers are shown: {shown}");
    let put = |name: &str| stand_in.text(&format!("secrets/{name}"));
    assert_eq!((put("GITHUB_TOKEN").as_deref(), put("ADMIN_TOKEN")), (Some("hush-zb"), Some(String::new())));

    fs::remove_file(folder.path().join("secrets/GITHUB_TOKEN")).unwrap();
    let (shown, code) =
        at_a_terminal(&stand_in, folder.path(), &setup, &[&left[..], &[("not shown", "hush\u{3}")]].concat());
    assert!(code == Some(130) && !shown.contains("hush"), "{shown}");
    assert_eq!(put("GITHUB_TOKEN"), None);
    let (shown, code) =
        at_a_terminal(&stand_in, folder.path(), &setup, &[&left[..], &[("not shown", "\u{4}")]].concat());
    assert!(code == Some(2) && shown.contains("no answer; run it in a terminal"), "{shown}");
}
