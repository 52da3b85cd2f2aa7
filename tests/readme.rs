//! What the README's tables say is what the code does.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use rerunner::keeper::attempts::Attempts;
use rerunner::policy::RunOutcome;
use rerunner::policy::file::{
    BUDGET, Base, COMMANDS, CONDITIONS, FILE, FILTER, FLAKY_ISSUES, Key, MANY, OUTAGE, RULE, Shape,
};
use rerunner::policy::{Action, Policy, parse};
use rerunner::settings::{MAX_RERUNS_LIMIT, Settings};
use rerunner::webhook::Answer;

const README: &str = include_str!("../README.md");

/// The cells of a table's rows, without its head.
#[track_caller]
fn table(head: &str) -> Vec<Vec<String>> {
    let start = README.find(head).unwrap_or_else(|| panic!("README has no table {head}"));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    README[start..].lines().take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

/// What is between backquotes.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn settings_table() -> BTreeMap<String, String> {
    let rows = table("| name | default | meaning |");
    rows.iter().map(|row| (code(&row[0]).concat(), row[1].clone())).collect()
}

#[test]
fn every_setting_with_its_default() {
    let asked = Mutex::new(BTreeSet::new());
    let unset = Settings::read(|name| {
        asked.lock().unwrap().insert(name.to_owned());
        (name == "WEBHOOK_SECRET").then(|| "the-webhook-secret".to_owned())
    });
    let table = settings_table();
    let named: BTreeSet<String> = table.keys().cloned().collect();
    assert_eq!(asked.into_inner().unwrap(), named, "the settings that are read, and those in README");

    let as_written = Settings::read(|name| match name {
        "WEBHOOK_SECRET" => Some("the-webhook-secret".to_owned()),
        name => table.get(name).map(|default| code(default).concat()),
    });
    assert_eq!(format!("{unset:?}"), format!("{as_written:?}"), "without settings, and with README's defaults");
}

#[test]
fn wrangler_toml_has_the_same_defaults() {
    let file: toml::Table = include_str!("../wrangler.toml").parse().unwrap();
    let vars: BTreeMap<String, String> = file["vars"].clone().try_into().unwrap();
    let public = settings_table().into_iter().filter(|(_, default)| !default.contains("secret"));
    let public: BTreeMap<String, String> = public
        .filter(|(name, _)| name != "GITHUB_TOKEN")
        .map(|(name, default)| (name, code(&default).concat()))
        .collect();
    assert_eq!(vars, public);
}

#[test]
fn every_answer() {
    let rows = table("| status | outcome | when |");
    let row = |answer: Answer| {
        let outcome = serde_json::to_value(answer.outcome).unwrap();
        let (status, outcome) = (answer.status.to_string(), outcome.as_str().unwrap().to_owned());
        let found = rows.iter().any(|row| row[0].contains(&status) && code(&row[1]) == [outcome.clone()]);
        assert!(found, "README has no row for {status} {outcome}");
        outcome
    };
    let mut named: BTreeSet<String> =
        [Answer::scheduled(""), Answer::recorded(""), Answer::ignored(""), Answer::pong(), Answer::unavailable("")]
            .into_iter()
            .map(row)
            .collect();
    named.extend([400, 401, 404, 405, 413, 415].map(|status| row(Answer::rejected(status, ""))));
    assert_eq!(rows.iter().flat_map(|row| code(&row[1])).collect::<BTreeSet<_>>(), named);
}

#[test]
fn every_outcome_of_a_run() {
    let start = README.find("`outcome` is `waiting`").expect("the paragraph on outcomes");
    let paragraph = README[start..].split("\n\n").next().unwrap();
    let named: BTreeSet<String> = code(paragraph).into_iter().skip(1).collect();
    assert_eq!(named, RunOutcome::ALL.map(|outcome| outcome.as_str().to_owned()).into());
}

#[test]
fn the_count_in_workers_kv() {
    let line = README.lines().find(|line| line.starts_with(r#"{"run_attempt""#)).expect("an example");
    let attempts: Attempts = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&attempts).unwrap(), line);
}

#[test]
fn every_command() {
    let package: serde_json::Value = serde_json::from_str(include_str!("../package.json")).unwrap();
    let command = |name: &String| match name.as_str() {
        "start" | "test" => format!("npm {name}"),
        name => format!("npm run {name}"),
    };
    let scripts: BTreeSet<String> = package["scripts"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !name.starts_with("setup:"))
        .map(command)
        .collect();
    let named: BTreeSet<String> =
        table("| command | what it does |").iter().map(|row| code(&row[0]).concat()).collect();
    assert_eq!(named, scripts);
}

#[test]
fn the_bundles_size() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["build/index_bg.wasm", "src/worker/entry.mjs", "build/index.js"];
    let sizes = files.iter().filter_map(|file| std::fs::metadata(root.join(file)).ok()).map(|file| file.len());
    let kib = sizes.sum::<u64>() as f64 / 1024.0;
    let said = README.split(" KiB, ").next().and_then(|text| text.rsplit([' ', '\n']).next()).unwrap();
    let said: f64 = said.parse().unwrap();
    assert!((kib / said - 1.0).abs() < 0.08, "README says {said} KiB, and the build has {kib:.0} KiB");
}

/// What a key's value looks like.
fn in_words(shape: Shape) -> String {
    let choice = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match shape {
        Shape::Version => "`1`".to_owned(),
        Shape::Whole { least, most: MANY } => format!("{least} or more"),
        Shape::Whole { least, most } => format!("{least} to {most}"),
        Shape::Reruns { least } => format!("{least} to `MAX_RERUNS_CEILING`"),
        Shape::Duration => "`90s`, `5m`, `2h`; up to `24h`".to_owned(),
        Shape::Days => "`1d` to `30d`".to_owned(),
        Shape::Factor => "1 to 10".to_owned(),
        Shape::Boolean => "`true`, `false`".to_owned(),
        Shape::Name => "text".to_owned(),
        Shape::Label => "text, without a comma".to_owned(),
        Shape::Choice(words) => choice(words),
        Shape::Choices(words) => format!("one or a list of {}", choice(words)),
        Shape::Globs { .. } => "glob, or a list".to_owned(),
        Shape::Patterns(_) => "regex, or a list".to_owned(),
        Shape::Numbers => "`2`, `\">= 2\"`, or a list".to_owned(),
        Shape::Causes => "`infrastructure`, class, id, or a list".to_owned(),
        Shape::Bases => format!("one or a list of {}", choice(&Base::ALL.map(Base::as_str))),
        Shape::Map(keys) => {
            format!("a map of {}", choice(&keys.iter().map(|key| key.name).collect::<Vec<_>>()))
        }
        Shape::OneOf(_) => "conditions, see below".to_owned(),
        Shape::List(_) => "a list, see below".to_owned(),
    }
}

/// A table of keys as README is to have it.
fn rows(head: &str, keys: &[(&str, &[Key])]) -> String {
    let columns = head.matches('|').count() - 1;
    let mut rows = format!("{head}\n|{}\n", "---|".repeat(columns));
    for (prefix, keys) in keys {
        for key in *keys {
            let value = in_words(key.shape);
            let default = if key.default.is_empty() { "required" } else { key.default };
            let cells = match columns {
                3 => format!("| `{prefix}{}` | {value} | {} |", key.name, key.meaning),
                _ => format!("| `{prefix}{}` | {value} | {default} | {} |", key.name, key.meaning),
            };
            rows = format!("{rows}{cells}\n");
        }
    }
    rows
}

#[test]
fn every_key_of_a_policy_file() {
    let tables = [
        rows(
            "| key | value | default | meaning |",
            &[
                ("", FILE),
                ("budget.", BUDGET),
                ("outage.", OUTAGE),
                ("commands.", COMMANDS),
                ("flaky_issues.", FLAKY_ISSUES),
                ("actors.", FILTER),
            ],
        ),
        rows("| key of a rule | value | default | meaning |", &[("", RULE)]),
        rows("| condition | value | it holds for |", &[("", CONDITIONS)]),
    ];
    let missing: Vec<String> = tables.into_iter().filter(|table| !README.contains(&format!("\n{table}\n"))).collect();
    assert!(missing.is_empty(), "README is to have:\n{}", missing.join("\n"));
}

#[test]
fn the_policy_that_most_people_want() {
    let yaml = README.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let files: Vec<&str> = yaml.filter(|file| !file.contains("scrape_configs")).collect();
    let policies: Vec<Policy> = files.iter().map(|file| parse(file, MAX_RERUNS_LIMIT).unwrap()).collect();
    let most_wanted = policies.first().expect("an example");
    assert_eq!(most_wanted.extends, [Base::Careful]);
    let of_ones_own = policies.get(1).expect("another");
    assert!(files[1].lines().count() <= 10);
    let does: Vec<_> = of_ones_own.rules.iter().map(|rule| rule.action).collect();
    assert_eq!(does, [Action::Rerun, Action::Rerun, Action::Leave]);
    assert!(README.contains("docs/rerunner.schema.json"));
}

/// What the documents for contributors name: backquoted paths, and links.
fn paths(text: &str) -> Vec<&str> {
    const TOP: [&str; 7] = [".cargo/", ".github/", "crates/", "docs/", "scripts/", "src/", "tests/"];
    let code = text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(['#', ')']).next());
    let links = links.map(|link| link.trim_start_matches("../"));
    let is_path = |path: &&str| TOP.iter().any(|top| path.starts_with(top)) && !path.contains(['*', '$', '…']);
    code.chain(links).filter(is_path).collect()
}

#[test]
fn every_path_that_contributors_are_sent_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in [
        ("CONTRIBUTING.md", include_str!("../CONTRIBUTING.md")),
        ("docs/architecture.md", include_str!("../docs/architecture.md")),
        ("README.md", README),
    ] {
        let paths = paths(text);
        // `.github/rerunner.yml` is in the repositories that are served.
        let missing: Vec<&&str> =
            paths.iter().filter(|path| **path != ".github/rerunner.yml" && !root.join(path).exists()).collect();
        assert!(!paths.is_empty() && missing.is_empty(), "{name} names what is not there: {missing:?}");
    }
}

/// A span has the whole address of what the Worker calls, and some of those are secret.
#[test]
fn no_traces_are_kept() {
    let configuration: toml::Value = toml::from_str(include_str!("../wrangler.toml")).unwrap();
    assert_eq!(configuration["observability"]["traces"]["enabled"].as_bool(), Some(false));
}
