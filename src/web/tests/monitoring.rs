//! `docs/grafana-dashboard.json` and `docs/prometheus-alerts.yml` ask for what `/metrics` gives, and for nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::keeper::outage_view::OutageSums;
use crate::keeper::store::statistics::Totals;
use crate::keeper::summary::{RerunSums, Summary};
use crate::names::RepoName;
use crate::policy::file::{Node, Value as Yaml, read_yaml};
use crate::web::backend::SummaryList;

use super::memory::{Memory, NOW};

const DASHBOARD: &str = include_str!("../../../docs/grafana-dashboard.json");
const ALERTS: &str = include_str!("../../../docs/prometheus-alerts.yml");

/// Of Prometheus itself: whether it could read a target's metrics.
const UP: &str = "up";
/// Labels that Prometheus adds to what it reads.
const TARGET: [&str; 2] = ["job", "instance"];

/// As `/metrics` is where every figure has a sample.
fn metrics() -> String {
    let memory = Memory::default();
    let all = Summary::new(RepoName::parse("octo/widgets").unwrap(), NOW, Totals::default(), &[]);
    let by_policy = Some([("careful".to_owned(), (9, 4, 4))].into());
    let reruns = Some(RerunSums { by_ordinal: [(9, 4, 4); 4], by_policy });
    let outages = Some(OutageSums { count: 1, held: 2, first: vec![] });
    let summaries = vec![Summary { reruns, outages, ..all }];
    memory.lists.borrow_mut().push(Ok(SummaryList { summaries, cursor: None }));
    let text = memory.get("/metrics").text();
    // For `scripts/promtool.mjs`.
    if let Ok(file) = std::env::var("RERUNNER_METRICS") {
        std::fs::write(file, &text).unwrap();
    }
    text
}

/// Each metric's labels, with their values.
type Given = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn given() -> Given {
    let mut given = Given::new();
    for line in metrics().lines().filter(|line| !line.starts_with('#')) {
        let (sample, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let known = given.entry(name.to_owned()).or_default();
        for (label, value) in labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('=')) {
            known.entry(label.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
        }
    }
    given
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What is wrong with an expression, or a text with `{{label}}` that goes with it.
fn wrong(given: &Given, expression: &str, texts: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let names = || expression.split(|c| !is_word(c)).filter(|word| word.starts_with("rerunner_"));
    let mut labels: BTreeSet<&str> = TARGET.into();
    for name in names() {
        match given.get(name) {
            Some(of_it) => labels.extend(of_it.keys().map(String::as_str)),
            None => wrong.push(format!("{name}: no such metric")),
        }
    }
    if names().next().is_none() && !expression.starts_with(UP) {
        wrong.push(format!("{expression}: no metric of ours"));
    }
    // `name{label="value",…}`
    for (at, _) in expression.match_indices('{') {
        let name = expression[..at].rsplit(|c| !is_word(c)).next().unwrap();
        let matchers = expression[at + 1..].split('}').next().unwrap();
        for matcher in matchers.split(',').filter(|matcher| !matcher.is_empty()) {
            let (label, values) = matcher.split_once(['=', '!']).unwrap();
            let values = values.trim_start_matches(['=', '~']).trim_matches('"');
            let known = given.get(name).and_then(|labels| labels.get(label));
            let is_known = |value: &str| known.is_some_and(|known| known.contains(value));
            if known.is_none() && !(name == UP && TARGET.contains(&label)) {
                wrong.push(format!("{name}: no label {label}"));
            } else if name != UP && !values.starts_with('$') {
                let unknown = values.split('|').filter(|value| !is_known(value));
                wrong.extend(unknown.map(|value| format!("{name}: no {label} is {value}")));
            }
        }
    }
    // `by (label)`, `on (label)`
    for word in ["by (", "on ("] {
        for (at, _) in expression.match_indices(word) {
            let list = expression[at + word.len()..].split(')').next().unwrap();
            let unknown = list.split(',').map(str::trim).filter(|label| !labels.contains(label));
            wrong.extend(unknown.map(|label| format!("{expression}: no label {label}")));
        }
    }
    let labels = left(expression, labels);
    for text in texts {
        for braced in text.split("{{").skip(1) {
            let label = braced.split("}}").next().unwrap().trim().trim_start_matches("$labels.");
            let is_value = label.starts_with("$value");
            if !is_value && !labels.contains(label) {
                wrong.push(format!("{text}: no label {label}"));
            }
        }
    }
    wrong
}

/// Of these labels, those that the expression's aggregations leave.
fn left<'a>(expression: &str, mut labels: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    for (at, _) in expression.match_indices('(') {
        match expression[..at].trim_end().rsplit(|c| !is_word(c)).next().unwrap() {
            "sum" | "max" | "min" | "avg" | "count" => labels.clear(),
            "by" => {
                let list = expression[at + 1..].split(')').next().unwrap();
                labels.retain(|label| list.split(',').any(|kept| kept.trim() == *label));
            }
            _ => {}
        }
    }
    labels
}

/// Every object of a JSON document.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| objects(value, found)),
        Value::Object(object) => {
            found.push(object);
            object.values().for_each(|value| objects(value, found));
        }
        _ => {}
    }
}

/// Seen to fail when a metric of `/metrics` has another name, and when an outcome has.
#[test]
fn the_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let (given, mut found, mut asked) = (given(), Vec::new(), BTreeSet::new());
    objects(&dashboard, &mut found);
    for object in found {
        if let Some(expression) = object.get("expr").and_then(Value::as_str) {
            let legend = object["legendFormat"].as_str().unwrap();
            assert_eq!(wrong(&given, expression, &[legend]), [""; 0], "{expression}");
            asked.extend(
                expression.split(|c| !is_word(c)).filter(|word| word.starts_with("rerunner_")).map(str::to_owned),
            );
        }
        if let Some(definition) = object.get("definition").and_then(Value::as_str) {
            let inside = definition.trim_start_matches("label_values(").trim_end_matches(')');
            let (metric, label) = inside.split_once(", ").unwrap();
            assert!(given[metric].contains_key(label), "{definition}");
        }
    }
    // What it shows nowhere is forgotten: a metric that is new belongs on it.
    assert_eq!(asked, given.keys().cloned().collect(), "the dashboard's metrics, and those of /metrics");
    for variable in ["$repository", "${datasource}"] {
        assert!(DASHBOARD.contains(variable), "{variable}");
    }
}

fn text<'a>(node: &'a Node, path: &[&str]) -> Option<&'a str> {
    let Some((key, rest)) = path.split_first() else {
        let Yaml::Scalar { text, .. } = &node.value else { return None };
        return Some(text);
    };
    let Yaml::Map(entries) = &node.value else { return None };
    entries.iter().find(|entry| entry.key == *key).and_then(|entry| text(&entry.value, rest))
}

fn child<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    let Yaml::Map(entries) = &node.value else { panic!("{node:?}") };
    let Yaml::List(nodes) = &entries.iter().find(|entry| entry.key == key).unwrap().value.value else {
        panic!("{key}")
    };
    nodes
}

/// Seen to fail when a metric has another name, when an outcome has, and when a summary names a label that its expression takes
/// away: `sum` or `max` of all, or a sum by another label.
#[test]
fn the_alerts_ask_for_what_there_is() {
    let (given, root) = (given(), read_yaml(ALERTS).unwrap().unwrap());
    let rules: Vec<&Node> = child(&root, "groups").iter().flat_map(|group| child(group, "rules")).collect();
    assert!(rules.len() >= 9, "{}", rules.len());
    let mut names = BTreeSet::new();
    for rule in rules {
        let said = |path: &[&str]| text(rule, path).unwrap_or_else(|| panic!("{path:?} of {rule:?}"));
        assert!(names.insert(said(&["alert"])), "two of one name");
        assert!(["info", "warning", "critical"].contains(&said(&["labels", "severity"])));
        let texts = [said(&["annotations", "summary"]), said(&["annotations", "description"])];
        let expression = said(&["expr"]);
        assert_eq!(wrong(&given, expression, &texts), [""; 0], "{expression}");
        // What sums over all repositories can name none.
        let is_of_all = expression.starts_with("sum(") || expression.contains("settings_problems");
        assert!(!(is_of_all && texts.iter().any(|text| text.contains("$labels"))), "{texts:?}");
    }
}
