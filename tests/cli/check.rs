//! `check`: what a policy file means, and what is wrong with it.

use std::fs;

use serde_json::json;

use super::{POLICY, Ran, rerunner, rerunner_with, run};

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
        "- It extends careful, which re-runs infrastructure failures, and once jobs that re-runs often fix. The result, this file's rules first:",
        "a job whose re-runs passed at least 30% of the time, that fails on the base branch too is left to its author.",
        " is ignored.",
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
    let expected = "is not valid: line 1, column 1: max_rerun: no such key; did you mean max_reruns?";
    let ran = rerunner(&files, "", &["check", "p.yml", "--organization", "bad.yml"]);
    assert!(ran.code == 1 && ran.err.contains(expected), "{} {}", ran.out, ran.err);
    let off =
        rerunner_with(&[("ORGANIZATION_POLICY", "false")], &files, "", &["check", "p.yml", "--organization", "o.yml"]);
    assert!(off.code == 1 && off.err.contains("ORGANIZATION_POLICY is off"), "{}", off.err);
    let near = rerunner(&[], "extends: infrastucture\n", &["check", "-"]);
    assert!(near.code == 1 && near.err.contains("did you mean infrastructure?"), "{}", near.err);
}

/// The Worker has the organization's file, which a machine need not: that is no error of a file that extends it. Seen to fail when
/// it is one, and when `--strict` fails for it.
#[test]
fn check_without_the_organizations_file() {
    let files = [
        ("p.yml", "version: 1\nextends: organization\nmax_reruns: 2\n"),
        ("bad.yml", "max_rerun: 1\nextends: organization\n"),
    ];
    let expected = "p.yml:2:10: warning: extends: the organization's file is not at hand; give it with --organization FILE \
                    (action.yml: organization). Below, what it says is left out\n";
    for strict in [&["check", "p.yml"][..], &["check", "p.yml", "--strict"]] {
        let ran = rerunner(&files, "", strict);
        assert!(ran.code == 0 && ran.out.starts_with(expected), "{} {}", ran.out, ran.err);
        assert!(ran.out.contains("at most twice") && !ran.out.contains("nothing is re-run"), "{}", ran.out);
    }
    let json = rerunner(&files, "", &["check", "p.yml", "--json"]).json();
    assert_eq!((&json["valid"], &json["warnings"][0]["line"]), (&json!(true), &json!(2)));
    let bad = rerunner(&files, "", &["check", "bad.yml"]);
    assert!(bad.code == 1 && bad.err.contains("is not valid: 1 error."), "{}", bad.err);
    // What would be decided cannot be told.
    let run = run(1, 1, "failure").to_string();
    for command in ["explain", "backtest"] {
        let ran = rerunner(&files, &run, &[command, "-", "--policy", "p.yml"]);
        let why = "error: p.yml extends the organization's file; the organization's file is not at hand; give it with --organization";
        assert!(ran.code == 2 && ran.err.starts_with(why), "{command}: {}", ran.err);
        let careful = [("p.yml", "extends: organization\n"), ("o.yml", "max_reruns: 1\n")];
        let ran = rerunner(&careful, &run, &[command, "-", "--policy", "p.yml", "--organization", "o.yml"]);
        assert_eq!(ran.code, 0, "{command}: {}", ran.err);
    }
    // As bash expands what action.yml has.
    let action = fs::read_to_string(local_worker::root().join("action.yml")).unwrap();
    assert!(
        action.contains(r#"/$FILE" ${ORGANIZATION:+--organization "$GITHUB_WORKSPACE/$ORGANIZATION"}"#),
        "{action}"
    );
}

/// Seen to fail when a file is asked for, and when POLICY_FILE is not.
#[test]
fn check_finds_the_file_by_itself() {
    let files = [(".github/rerunner.yml", "extends: careful\n"), ("ci/rules.yml", "max_rerun: 1\n")];
    let ran = rerunner(&files, "", &["check"]);
    assert!(ran.code == 0 && ran.out.starts_with(".github/rerunner.yml is valid."), "{} {}", ran.out, ran.err);
    let check = |value: &str| rerunner_with(&[("POLICY_FILE", value)], &files, "", &["check"]);
    let other = check("ci/rules.yml");
    assert!(other.code == 1 && other.err.starts_with("ci/rules.yml:1:1: error: max_rerun"), "{}", other.err);
    for (value, why) in [
        ("", "which file? POLICY_FILE is blank, so that repositories have none"),
        ("/rules.yml", "in the environment, POLICY_FILE is not valid"),
        ("nowhere.yml", "nowhere.yml cannot be read"),
    ] {
        let ran = check(value);
        assert!(ran.code == 2 && ran.err.contains(why), "{}", ran.err);
    }
}

/// Without `extends` a file takes the place of what would apply, which is warned of where that is known and has keys.
/// Seen to fail when DEFAULT_POLICY is not asked, when `extends: everything` is warned of, when `otherwise` is, and when a file without
/// keys is not.
#[test]
fn check_warns_of_a_file_that_drops_what_would_apply() {
    let files = [("p.yml", "# ours\nmax_reruns: 2\n"), ("o.yml", "extends: careful\n"), ("empty.yml", "")];
    let check = |environment: &[(&str, &str)], arguments: &[&str]| rerunner_with(environment, &files, "", arguments);
    let careful = ("DEFAULT_POLICY", "careful");
    let of_preset = "p.yml:2:1: warning: extends: without it, this file replaces the preset careful (DEFAULT_POLICY); write `extends: \
                     careful` to add to that, or `extends: everything` if this is meant\n  |\n2 | max_reruns: 2\n  | ^^^^^^^^^^\n";
    let ran = check(&[careful], &["check", "p.yml"]);
    assert!(ran.code == 0 && ran.out.starts_with(of_preset), "{} {}", ran.out, ran.err);
    assert_eq!(check(&[careful], &["check", "--strict", "p.yml"]).code, 1);
    let of_organization =
        "extends: without it, this file replaces the organization's policy file; write `extends: organization` to";
    let given = ["check", "p.yml", "--organization", "o.yml"];
    for environment in [&[][..], &[careful]] {
        let ran = check(environment, &given);
        assert!(ran.code == 0 && ran.out.contains(of_organization), "{} {}", ran.out, ran.err);
    }
    let off = check(&[careful, ("ORGANIZATION_POLICY", "false")], &given);
    assert!(off.out.contains("replaces the preset careful (DEFAULT_POLICY)"), "{} {}", off.out, off.err);
    let ran = check(&[careful], &["check", "empty.yml"]);
    assert!(ran.out.starts_with("empty.yml:1:1: warning: extends: without it"), "{} {}", ran.out, ran.err);
    let none = check(&[], &["check", "--strict", "empty.yml"]);
    let expected = "empty.yml:1:1: warning: extends: the file says nothing, so that every failed job is re-run; write `extends: \
                    everything` if this is meant\n";
    assert!(none.code == 1 && none.err.starts_with(expected), "{} {}", none.out, none.err);
    // Nothing is known of what would apply, or it has no key; or the file says what it begins with, or what becomes of the rest.
    for (environment, text) in [
        (&[][..], "max_reruns: 2"),
        (&[("DEFAULT_POLICY", "everything")], "max_reruns: 2"),
        (&[careful], "extends: everything"),
        (&[careful], "extends: infrastructure"),
        (&[careful], "otherwise: leave"),
        (&[], "otherwise: rerun"),
    ] {
        let ran = rerunner_with(environment, &[], text, &["check", "--strict", "-"]);
        assert!(ran.code == 0 && !ran.out.contains("warning"), "{text}: {} {}", ran.out, ran.err);
    }
}

/// As the workflow in docs/policy.md and action.yml call it.
#[test]
fn check_shows_errors_at_their_lines_in_a_pull_request() {
    let files = [(".github/rerunner.yml", "max_reruns: 3\nmax_delai: 5m\nrules: 7\n")];
    let arguments = ["check", "--strict", "--format", "github", ".github/rerunner.yml"];
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
        format!(
            "cd \"$RUNNER_TEMP\" && npx --yes \"{package}\" check --strict --format github \"$GITHUB_WORKSPACE/{file}\""
        )
    };
    assert!(page.contains(&elsewhere("$RERUNNER", ".github/rerunner.yml")));
    assert!(action.contains(&elsewhere("$PACKAGE", "$FILE")));
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

/// README's policy file is valid, and `check` says of it what README says.
#[test]
fn check_of_readmes_policy() {
    let readme = fs::read_to_string(local_worker::root().join("README.md")).unwrap();
    let file = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let Ran { code, out, err } = rerunner(&[("p.yml", file)], "", &["check", "p.yml"]);
    let careful = [("DEFAULT_POLICY", "careful")];
    let strict = rerunner_with(&careful, &[("p.yml", file)], "", &["check", "--strict", "p.yml"]);
    assert_eq!(strict.code, 0, "{}", strict.err);
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
