//! `npm run bench` measures what is built. The figures of so short a turn say nothing.

#![cfg(target_os = "linux")]

use std::process::Command;

#[test]
fn one_short_turn_of_each() {
    let result = tempfile::tempdir().unwrap();
    let result = result.path().join("result.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--case", "ignored-10k", "--rounds", "1", "--seconds", "0.1", "--only", "rerunner,octokit", "--json"])
        .arg(&result)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("| rerunner |") && said.contains("| octokit |"), "{said}");
    assert!(result.exists());
}
