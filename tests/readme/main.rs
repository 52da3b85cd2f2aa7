//! What README and the documents say is what the code does: tables, commands, examples, sizes, links.

#![expect(clippy::panic, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use rerunner::keeper::attempts::Attempts;
use rerunner::policy::RunOutcome;
use rerunner::policy::file::{
    BUDGET, Base, COMMANDS, CONDITIONS, FILE, FILTER, FLAKY_ISSUES, Key, MANY, OUTAGE, RULE, Shape,
};
use rerunner::policy::{Action, Policy, RerunSettings, describe, parse};
use rerunner::settings::{MAX_RERUNS_LIMIT, Settings};
use rerunner::webhook::Answer;

mod links;

const README: &str = include_str!("../../README.md");
const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");
const POLICY: &str = include_str!("../../docs/policy.md");
const SETTINGS: &str = include_str!("../../docs/settings.md");
const API: &str = include_str!("../../docs/api.md");
const OPERATIONS: &str = include_str!("../../docs/operations.md");
const PRESETS: &str = include_str!("../../docs/policies/README.md");
const SCALE: &str = include_str!("../../docs/scale.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cells of a table's rows, without its head.
#[track_caller]
fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let start = page.find(head).unwrap_or_else(|| panic!("there is no table {head}"));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    page[start..].lines().take_while(|line| line.starts_with('|')).skip(2).map(cells).collect()
}

/// What is between backquotes.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn settings_table() -> BTreeMap<String, String> {
    let rows = table(SETTINGS, "| name | default | meaning |");
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
    assert_eq!(asked.into_inner().unwrap(), named, "the settings that are read, and those in docs/settings.md");

    let as_written = Settings::read(|name| match name {
        "WEBHOOK_SECRET" => Some("the-webhook-secret".to_owned()),
        name => table.get(name).map(|default| code(default).concat()),
    });
    assert_eq!(
        format!("{unset:?}"),
        format!("{as_written:?}"),
        "without settings, and with the defaults of docs/settings.md"
    );
}

#[test]
fn wrangler_toml_has_the_same_defaults() {
    let file: toml::Table = include_str!("../../wrangler.toml").parse().unwrap();
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
    let rows = table(API, "| status | outcome | when |");
    let row = |answer: Answer| {
        let outcome = serde_json::to_value(answer.outcome).unwrap();
        let (status, outcome) = (answer.status.to_string(), outcome.as_str().unwrap().to_owned());
        let found = rows.iter().any(|row| row[0].contains(&status) && code(&row[1]) == [outcome.clone()]);
        assert!(found, "docs/api.md has no row for {status} {outcome}");
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
    let start = OPERATIONS.find("`outcome` is `waiting`").expect("the paragraph on outcomes");
    let paragraph = OPERATIONS[start..].split("\n\n").next().unwrap();
    let named: BTreeSet<String> = code(paragraph).into_iter().skip(1).collect();
    assert_eq!(named, RunOutcome::ALL.map(|outcome| outcome.as_str().to_owned()).into());
}

#[test]
fn the_count_in_workers_kv() {
    let line = OPERATIONS.lines().find(|line| line.starts_with(r#"{"run_attempt""#)).expect("an example");
    let attempts: Attempts = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&attempts).unwrap(), line);
}

#[test]
fn every_command() {
    let package: serde_json::Value = serde_json::from_str(include_str!("../../package.json")).unwrap();
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
        table(CONTRIBUTING, "| command | what it does |").iter().map(|row| code(&row[0]).concat()).collect();
    assert_eq!(named, scripts);
}

#[test]
fn the_bundles_size() {
    let files = ["build/index_bg.wasm", "src/worker/entry.mjs", "build/index.js"];
    let sizes = files.iter().filter_map(|file| fs::metadata(root().join(file)).ok()).map(|file| file.len());
    let kib = sizes.sum::<u64>() as f64 / 1024.0;
    let said = SCALE.split(" KiB, ").next().and_then(|text| text.rsplit([' ', '\n']).next()).unwrap();
    let said: f64 = said.parse().unwrap();
    assert!((kib / said - 1.0).abs() < 0.08, "docs/scale.md says {said} KiB, and the build has {kib:.0} KiB");
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

/// A table of keys as docs/policy.md is to have it.
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
    let missing: Vec<String> = tables.into_iter().filter(|table| !POLICY.contains(&format!("\n{table}\n"))).collect();
    assert!(missing.is_empty(), "docs/policy.md is to have:\n{}", missing.join("\n"));
}

/// The policy files that a page shows.
fn policies(page: &str) -> Vec<(&str, Policy)> {
    let yaml = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    yaml.map(|file| (file, parse(file, MAX_RERUNS_LIMIT).unwrap())).collect()
}

#[test]
fn the_policy_that_most_people_want() {
    let policies = policies(POLICY);
    let (_, most_wanted) = policies.first().expect("an example");
    assert_eq!(most_wanted.extends, [Base::Careful]);
    let (file, of_ones_own) = policies.get(1).expect("another");
    assert!(file.lines().count() <= 10);
    let does: Vec<_> = of_ones_own.rules.iter().map(|rule| rule.action).collect();
    assert_eq!(does, [Action::Rerun, Action::Rerun, Action::Leave]);
    assert!(POLICY.contains("[rerunner.schema.json](rerunner.schema.json)"));
    assert!(README.contains("`extends: careful`"));
}

/// `src/policy/tests/readme.rs` has what it decides. Seen to fail without `otherwise`, and with a rule of another meaning.
#[test]
fn readmes_policy_means_what_its_sentence_says() {
    let policies = policies(README);
    let [(file, policy)] = policies.as_slice() else { panic!("README has one policy file") };
    assert_eq!(file.lines().count(), 8);
    let does: Vec<_> = policy.rules.iter().map(|rule| (rule.name.as_str(), rule.action)).collect();
    assert_eq!(does, [("lost runners", Action::Rerun), ("infrastructure", Action::Rerun)]);
    // As `check` says it.
    let means = describe(policy, &RerunSettings::from(&Settings::read(|_| None))).join("\n");
    for part in [
        "at most 3 times",
        "that no rule matches is left to its author",
        "If one failed job is to be left, the whole run is",
    ] {
        assert!(means.contains(part), "{part} is not in\n{means}");
    }
}

#[test]
fn every_policy_that_is_shown_is_valid() {
    let shown: Vec<usize> = [README, POLICY, SETTINGS].map(|page| policies(page).len()).into();
    assert_eq!(shown, [1, 2, 1]);
}

/// Seen to fail at 201 lines.
#[test]
fn readme_is_read_in_five_minutes() {
    assert!(README.lines().count() <= 200, "{} lines", README.lines().count());
    for command in ["npm start", "npm test"] {
        assert!(README.contains(&format!("```sh\n{command}\n```")), "{command}");
    }
}

/// Seen to fail with another figure.
#[test]
fn what_presets_cost_is_what_was_measured() {
    let measured = table(PRESETS, "| preset | re-runs | rescued |");
    let rows = table(README, "| preset | what it re-runs | re-runs |");
    assert_eq!(rows.len(), measured.len());
    for (row, measured) in rows.iter().zip(&measured) {
        let preset = code(&row[0]).concat();
        assert_eq!(
            [preset.as_str(), &row[2], &row[3], &row[4]],
            [&measured[0], &measured[1], &measured[5], &measured[6]].map(String::as_str)
        );
    }
}

/// Seen to fail with another price.
#[test]
fn what_the_plans_carry_is_what_was_computed() {
    let price = table(SCALE, "| repositories | deliveries a day | $ a month |");
    let price = price.iter().find(|row| row[..2] == ["1,000", "100,000"]).expect("a row");
    let free = table(SCALE, "| repositories | `SWEEP_INTERVAL` | deliveries |");
    assert!(README.contains(&format!("{} webhooks a day", free[0][2])), "{:?}", free[0]);
    assert!(
        README.contains(&format!("1,000 such repositories with 100,000 webhooks a day for ${}\n", price[2])),
        "{price:?}"
    );
    assert!(README.contains("about 340 repositories") && SCALE.contains("about 340 repositories"));
}

/// Seen to fail when one is renamed, and when a route has no row.
#[test]
fn every_route_of_the_api() {
    let described: serde_json::Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let named: BTreeSet<String> = table(API, "| route | what it is |").iter().flat_map(|row| code(&row[0])).collect();
    for (path, methods) in described["paths"].as_object().unwrap() {
        let path = path.replace("{owner}/{repo}", "OWNER/REPO").replace("{run_id}", "ID");
        for method in methods.as_object().unwrap().keys().filter(|key| ["get", "post"].contains(&key.as_str())) {
            let route = if method == "post" { format!("POST {path}") } else { path.clone() };
            assert!(named.contains(&route), "docs/api.md has no row for {route}: {named:?}");
        }
    }
}

/// The words in `source` that begin with `start`.
fn words<'a>(source: &'a str, start: &str) -> BTreeSet<&'a str> {
    let is_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = source.split(|character| !is_of_word(character));
    words.filter(|word| word.starts_with(start) && word.len() > start.len()).collect()
}

/// Seen to fail when one is left out on either side.
#[test]
fn every_metric() {
    let source = include_str!("../../src/web/metrics.rs").split("#[cfg(test)]").next().unwrap();
    let rows = table(API, "| metric | what it is |").into_iter().map(|row| row[0].clone()).collect::<String>();
    assert_eq!(words(&rows, "rerunner_"), words(source, "rerunner_"));
}

/// Seen to fail when one is left out on either side.
#[test]
fn every_event_of_the_log() {
    let source = include_str!("../../src/worker/log.rs");
    let start = source.find("enum Line").expect("the lines");
    let variants = source[start..].lines().skip(1).take_while(|line| *line != "}");
    let variants = variants.filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"));
    let variants: BTreeSet<String> = variants.map(str::to_ascii_lowercase).collect();
    let named = table(OPERATIONS, "| `event` | one line for |").iter().map(|row| code(&row[0]).concat()).collect();
    assert_eq!(variants, named);
}

/// A span has the whole address of what the Worker calls, and some of those are secret.
#[test]
fn no_traces_are_kept() {
    let configuration: toml::Value = toml::from_str(include_str!("../../wrangler.toml")).unwrap();
    assert_eq!(configuration["observability"]["traces"]["enabled"].as_bool(), Some(false));
}
