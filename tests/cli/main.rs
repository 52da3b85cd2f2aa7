//! The command for people, as built: what all of it has in common, and in the modules what each command does.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod backtest;
mod catalogue;
mod check;
mod deployed;
mod doctor;
mod explain;
mod terminal;

use std::fs;
use std::io::Write;
use std::process::Stdio;

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

#[test]
fn what_cannot_be_carried_out_is_code_2() {
    for (arguments, input, why) in [
        (&["check"][..], "", ".github/rerunner.yml cannot be read: no such file"),
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
