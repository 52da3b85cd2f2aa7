//! The JSON Schema says yes to what the reader says yes to.

use serde_json::{Map, Value, json};

use crate::policy::file::{Node, Value as Yaml, read_yaml};
use crate::policy::{parse, schema};
use crate::settings::MAX_RERUNS_LIMIT;

/// As an editor reads YAML.
fn json_of(node: Node) -> Value {
    match node.value {
        Yaml::List(nodes) => nodes.into_iter().map(json_of).collect(),
        Yaml::Map(entries) => {
            entries.into_iter().map(|entry| (entry.key, json_of(entry.value))).collect::<Map<_, _>>().into()
        }
        Yaml::Scalar { text, plain: false } => text.into(),
        Yaml::Scalar { text, plain: true } => match text.as_str() {
            "" | "~" | "null" => Value::Null,
            "true" => true.into(),
            "false" => false.into(),
            _ => text
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| text.parse::<f64>().map(Value::from))
                .unwrap_or(text.into()),
        },
    }
}

#[test]
fn it_says_what_it_is() {
    let schema = schema();
    for name in ["$schema", "$id", "title", "description"] {
        assert!(schema[name].is_string(), "{name}");
    }
    for example in schema["examples"].as_array().unwrap() {
        let text = example.to_string();
        assert!(parse(&text, MAX_RERUNS_LIMIT).is_ok(), "{text}");
    }
}

const GOOD: &[&str] = &[
    "",
    "{}",
    "version: 1",
    "max_reruns: 0",
    "max_reruns: 49",
    "delay: 0s",
    "delay: 86400s",
    "delay: 1440m",
    "delay: 24h",
    "delay: '5m'",
    "backoff: 1.5",
    "backoff: 10",
    "conclusions: cancelled",
    "conclusions: [failure, timed_out, cancelled]",
    "actors: {}",
    "actors: { include: a, exclude: [] }",
    "branches: { exclude: ['1.0', b*] }",
    "workflows: { include: '*.yml' }",
    "skip_superseded: false",
    "max_failed_jobs: 1",
    "stop_when_repeated: 2",
    "budget: { reruns_per_hour: 0, minutes_per_day: 1000000 }",
    "rules: []",
    "rules: [{ name: a, if: { job: a }, then: leave }]",
    "rules: [{ name: a, if: { job: a, lost_runner: true }, then: rerun, max_reruns: 1, delay: 1m, scope: all_jobs }]",
    "rules: [{ name: a, if: { attempt: 1 }, then: ignore }]",
    "rules: [{ name: a, if: { attempt: '>= 2' }, then: ignore }]",
    "rules: [{ name: a, if: { exit_code: [1, -1073741819, '!= 3', ' < 4 '] }, then: ignore }]",
    "rules: [{ name: a, if: { annotation: x, log: [y, z] }, then: rerun }]",
    "otherwise: ignore",
    "mixed: rerun",
    "debug_logging: last",
    "scope: all_jobs",
    "flaky_issues: {}",
    "flaky_issues: { after: 2, label: flaky, close_after: 14d }",
    "flaky_issues: { after: 100, label: 'kind: ä / b', close_after: '30d' }",
    "flaky_issues: { close_after: 1d, label: a2345678901234567890123456789012345678901234567890 }",
];

const BAD: &[&str] = &[
    "3",
    "[]",
    "a: 1",
    "version: 2",
    "version: '1'",
    "max_reruns: -1",
    "max_reruns: 50",
    "max_reruns: '3'",
    "max_reruns: 1.5",
    "max_reruns:",
    "delay: 5",
    "delay: 5d",
    "delay: 86401s",
    "delay: 1441m",
    "delay: 25h",
    "delay: -5s",
    "backoff: 0.5",
    "backoff: 11",
    "backoff: fast",
    "backoff: '2'",
    "conclusions: []",
    "conclusions: success",
    "conclusions: [failure, stale]",
    "actors: [a]",
    "actors: { only: a }",
    "actors: { include: [] }",
    "branches: { exclude: 1.0 }",
    "branches: { exclude: [1] }",
    "branches: { exclude: true }",
    "branches: { exclude: '' }",
    "events:",
    "skip_superseded: yes",
    "flaky_issues: true",
    "flaky_issues: { after: 1 }",
    "flaky_issues: { after: 101 }",
    "flaky_issues: { label: '' }",
    "flaky_issues: { label: ' ' }",
    "flaky_issues: { label: 'a,b' }",
    "flaky_issues: { label: 3 }",
    "flaky_issues: { label: a23456789012345678901234567890123456789012345678901 }",
    "flaky_issues: { close_after: 0d }",
    "flaky_issues: { close_after: 31d }",
    "flaky_issues: { close_after: 07d }",
    "flaky_issues: { close_after: 24h }",
    "flaky_issues: { close_after: 7 }",
    "flaky_issues: { closes: 7d }",
    "skip_superseded: 'true'",
    "max_failed_jobs: 0",
    "stop_when_repeated: 1",
    "stop_when_repeated: 51",
    "budget: { reruns_per_hour: -1 }",
    "budget: { reruns_per_minute: 1 }",
    "rules: { name: a }",
    "rules: [a]",
    "rules: [{ name: a, if: { job: a } }]",
    "rules: [{ name: a, then: leave }]",
    "rules: [{ if: { job: a }, then: leave }]",
    "rules: [{ name: a, if: {}, then: leave }]",
    "rules: [{ name: a, if: { job: [] }, then: leave }]",
    "rules: [{ name: a, if: { jobs: a }, then: leave }]",
    "rules: [{ name: a, if: { job: a }, then: retry }]",
    "rules: [{ name: '', if: { job: a }, then: leave }]",
    "rules: [{ name: 1, if: { job: a }, then: leave }]",
    "rules: [{ name: a, if: { job: a }, then: leave, max_reruns: 1 }]",
    "rules: [{ name: a, if: { job: a }, then: ignore, delay: 1m }]",
    "rules: [{ name: a, if: { job: a }, then: leave, scope: all_jobs }]",
    "rules: [{ name: a, if: { job: a }, then: rerun, max_reruns: 0 }]",
    "rules: [{ name: a, if: { job: a }, then: rerun, then_what: 0 }]",
    "rules: [{ name: a, if: { attempt: '2' }, then: leave }]",
    "rules: [{ name: a, if: { attempt: '=> 2' }, then: leave }]",
    "rules: [{ name: a, if: { exit_code: 12345678901 }, then: leave }]",
    "rules: [{ name: a, if: { exit_code: '> x' }, then: leave }]",
    "rules: [{ name: a, if: { lost_runner: 1 }, then: leave }]",
    "rules: [{ name: a, if: { conclusion: success }, then: leave }]",
    "rules: [{ name: a, if: { log: 3 }, then: leave }]",
    "rules: [{ name: a, if: { log: { regex: a } }, then: leave }]",
    "otherwise: retry",
    "otherwise: [rerun]",
    "mixed: ignore",
    "debug_logging: true",
    "scope: jobs",
];

#[test]
fn the_schema_agrees_with_the_reader() {
    let schema = schema();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    for (texts, valid) in [(GOOD, true), (BAD, false)] {
        for text in texts {
            assert_eq!(
                parse(text, MAX_RERUNS_LIMIT).is_ok(),
                valid,
                "the reader, of {text:?}: {:?}",
                parse(text, MAX_RERUNS_LIMIT)
            );
            let value = read_yaml(text).unwrap().map_or(Value::Null, json_of);
            assert_eq!(validator.is_valid(&value), valid, "the schema, of {text:?}");
        }
    }
    assert!(validator.is_valid(&json_of(read_yaml(super::file::EVERY_KEY).unwrap().unwrap())));
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policies")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(validator.is_valid(&json_of(read_yaml(&text).unwrap().unwrap())), "{path:?}");
        }
    }
    assert!(!validator.is_valid(&json!({ "max_rerun": 3 })));
}

#[test]
fn the_schema_in_the_repository_is_the_present_one() {
    let present = format!("{:#}\n", schema());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rerunner.schema.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == present, "run: npm run --silent rerunner -- schema > docs/rerunner.schema.json");
}
