//! A policy file's text → a [`Policy`], or everything that is wrong with it.

use std::collections::BTreeSet;

use crate::hint::Conclusion;
use crate::settings::{MAX_RERUNS_LIMIT, duration};
use crate::time::Span;

use super::error::PolicyError;
use super::format::{
    Budget, Comparison, Conditions, DebugLogging, Filter, Mixed, Names, Numbers, Patterns, Policy, Rule, Scope, Then,
    whole_number,
};
use super::keys::{self, Key, Shape};
use super::yaml::{self, Node, Place, Value};

/// More errors than anybody reads.
const MOST_ERRORS: usize = 50;
/// Each failed job's log may be searched for all of them.
const MOST_PATTERNS: usize = 64;
const LONGEST_NAME: usize = 100;

/// How far a policy file may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most that `max_reruns` may be, for a run or a rule.
    pub max_reruns: u32,
}

impl Default for Bounds {
    /// What GitHub allows.
    fn default() -> Self {
        Self { max_reruns: MAX_RERUNS_LIMIT }
    }
}

/// Reads a policy file. An empty one is [`Policy::default`].
///
/// Where the text is not YAML, the first error is the only one; else all are found, in the order of the file.
pub fn parse(text: &str, bounds: Bounds) -> Result<Policy, Vec<PolicyError>> {
    let mut reader = Reader { bounds, errors: Vec::new(), patterns: 0 };
    let policy = match yaml::read(text) {
        Ok(None) => Policy::default(),
        Ok(Some(root)) => reader.policy(&root),
        Err(error) => return Err(vec![error]),
    };
    let mut errors = reader.errors;
    if errors.is_empty() {
        return Ok(policy);
    }
    errors.sort_by_key(|error| (error.line, error.column));
    errors.truncate(MOST_ERRORS);
    Err(errors)
}

struct Reader {
    bounds: Bounds,
    errors: Vec<PolicyError>,
    patterns: usize,
}

/// The keys of one map that are known, each once.
struct Fields<'a> {
    place: Place,
    path: String,
    all: Vec<Field<'a>>,
}

#[derive(Clone)]
struct Field<'a> {
    key: &'static Key,
    path: String,
    node: &'a Node,
}

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.all.iter().find(|field| field.key.name == name)
    }
}

impl Reader {
    fn policy(&mut self, root: &Node) -> Policy {
        let default = Policy::default();
        let Some(fields) = self.fields(root, keys::FILE, "") else { return default };
        let f = |name| fields.get(name);
        self.number(f("version"));
        let policy = Policy {
            max_reruns: self.number(f("max_reruns")),
            delay: self.span(f("delay")),
            backoff: self.factor(f("backoff")).unwrap_or(default.backoff),
            max_delay: self.span(f("max_delay")),
            conclusions: self.conclusions(f("conclusions")).unwrap_or(default.conclusions),
            actors: self.filter(f("actors")),
            branches: self.filter(f("branches")),
            events: self.filter(f("events")),
            workflows: self.filter(f("workflows")),
            skip_superseded: self.boolean(f("skip_superseded")).unwrap_or(default.skip_superseded),
            max_failed_jobs: self.number(f("max_failed_jobs")),
            stop_when_repeated: self.number(f("stop_when_repeated")),
            budget: self.budget(f("budget")),
            rules: self.rules(f("rules")),
            otherwise: self.choice(f("otherwise")).map_or(default.otherwise, then),
            mixed: self.choice(f("mixed")).map_or(default.mixed, |word| match word {
                "rerun" => Mixed::Rerun,
                _ => Mixed::Leave,
            }),
            debug_logging: self.choice(f("debug_logging")).map_or(default.debug_logging, |word| match word {
                "always" => DebugLogging::Always,
                "last" => DebugLogging::Last,
                _ => DebugLogging::Never,
            }),
            scope: self.choice(f("scope")).map_or(default.scope, scope),
            broken: None,
        };
        if let (Some(delay), Some(most), Some(field)) = (policy.delay, policy.max_delay, f("max_delay"))
            && most < delay
        {
            self.expected(field, format!("{delay}, which delay is, or more"));
        }
        policy
    }

    fn filter(&mut self, field: Option<&Field>) -> Filter {
        let Some(fields) = self.map(field) else { return Filter::default() };
        Filter { include: self.names(fields.get("include")), exclude: self.names(fields.get("exclude")) }
    }

    fn budget(&mut self, field: Option<&Field>) -> Budget {
        let Some(fields) = self.map(field) else { return Budget::default() };
        Budget {
            reruns_per_hour: self.number(fields.get("reruns_per_hour")),
            reruns_per_day: self.number(fields.get("reruns_per_day")),
            minutes_per_day: self.number(fields.get("minutes_per_day")),
        }
    }

    fn rules(&mut self, field: Option<&Field>) -> Vec<Rule> {
        let Some(field) = field else { return Vec::new() };
        let Shape::List(keys) = field.key.shape else { return Vec::new() };
        let Value::List(nodes) = &field.node.value else {
            self.expected(field, "a list");
            return Vec::new();
        };
        let mut names = BTreeSet::new();
        let mut rules = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{}[{index}]", field.path);
            let Some(fields) = self.fields(node, keys, &path) else { continue };
            let rule = self.rule(&fields);
            if let Some(name) = fields.get("name")
                && !rule.name.is_empty()
                && !names.insert(rule.name.clone())
            {
                self.error(name.node.place, &name.path, "another rule has this name");
            }
            rules.push(rule);
        }
        rules
    }

    fn rule(&mut self, fields: &Fields) -> Rule {
        let f = |name| fields.get(name);
        for key in ["name", "if", "then"] {
            if f(key).is_none() {
                self.error(fields.place, &fields.path, format!("the key {key} is missing"));
            }
        }
        let rule = Rule {
            name: self.name(f("name")).unwrap_or_default(),
            conditions: self.conditions(f("if")),
            then: self.choice(f("then")).map_or(Then::Leave, then),
            max_reruns: self.number(f("max_reruns")),
            delay: self.span(f("delay")),
            scope: self.choice(f("scope")).map(scope),
        };
        if rule.then != Then::Rerun && f("then").is_some() {
            for field in ["max_reruns", "delay", "scope"].into_iter().filter_map(f) {
                self.error(field.node.place, &field.path, "only a rule with `then: rerun` has this");
            }
        }
        rule
    }

    fn conditions(&mut self, field: Option<&Field>) -> Conditions {
        let Some(fields) = self.map(field) else { return Conditions::default() };
        let f = |name| fields.get(name);
        Conditions {
            workflow: self.names(f("workflow")),
            branch: self.names(f("branch")),
            event: self.names(f("event")),
            actor: self.names(f("actor")),
            attempt: self.numbers(f("attempt")),
            job: self.names(f("job")),
            step: self.names(f("step")),
            runner: self.names(f("runner")),
            label: self.names(f("label")),
            conclusion: self.conclusions(f("conclusion")),
            lost_runner: self.boolean(f("lost_runner")),
            exit_code: self.numbers(f("exit_code")),
            annotation: self.patterns(f("annotation")),
            log: self.patterns(f("log")),
        }
    }

    // Shapes.

    fn error(&mut self, place: Place, path: &str, message: impl Into<String>) {
        // The rest of what is kept is in the order of the file only if all are seen; this bounds a hostile one.
        if self.errors.len() < 10 * MOST_ERRORS {
            self.errors.push(place.error(path, message));
        }
    }

    fn expected(&mut self, field: &Field, what: impl AsRef<str>) {
        self.expected_at(field.node, &field.path, what);
    }

    fn expected_at(&mut self, node: &Node, path: &str, what: impl AsRef<str>) {
        self.error(node.place, path, format!("expected {}", what.as_ref()));
    }

    fn map<'a>(&mut self, field: Option<&Field<'a>>) -> Option<Fields<'a>> {
        let field = field?;
        let (Shape::Map(keys) | Shape::OneOf(keys)) = field.key.shape else { return None };
        let fields = self.fields(field.node, keys, &field.path)?;
        if fields.all.is_empty() && matches!(&field.node.value, Value::Map(entries) if entries.is_empty()) {
            if let Shape::OneOf(_) = field.key.shape {
                self.expected(field, format!("at least one of {}", listed(keys)));
            }
            return None;
        }
        Some(fields)
    }

    fn fields<'a>(&mut self, node: &'a Node, keys: &'static [Key], path: &str) -> Option<Fields<'a>> {
        let Value::Map(entries) = &node.value else {
            self.expected_at(node, path, format!("a map with the keys {}", listed(keys)));
            return None;
        };
        let mut fields = Fields { place: node.place, path: path.to_owned(), all: Vec::new() };
        for entry in entries {
            let shown = shorten(&entry.key);
            let below = if path.is_empty() { shown.clone() } else { format!("{path}.{shown}") };
            match keys.iter().find(|key| key.name == entry.key) {
                None => {
                    let nearest = nearest(&entry.key, keys);
                    let hint = nearest.map_or_else(
                        || format!("expected one of {}", listed(keys)),
                        |name| format!("did you mean {name}?"),
                    );
                    self.error(entry.place, &below, format!("no such key; {hint}"));
                }
                Some(key) if fields.get(key.name).is_some() => {
                    self.error(entry.place, &below, "the same key twice");
                }
                Some(key) => fields.all.push(Field { key, path: below, node: &entry.value }),
            }
        }
        Some(fields)
    }

    fn number(&mut self, field: Option<&Field>) -> Option<u32> {
        let field = field?;
        let (least, most) = match field.key.shape {
            Shape::Version => (1, 1),
            Shape::Whole { least, most } => (least, most),
            Shape::Reruns { least } => (least, self.bounds.max_reruns),
            _ => return None,
        };
        let number = plain(field.node).and_then(whole_number).and_then(|number| u32::try_from(number).ok());
        if let Some(number) = number
            && (least..=most).contains(&number)
        {
            return Some(number);
        }
        let above = number.is_some_and(|number| number > most);
        self.expected(
            field,
            match field.key.shape {
                Shape::Version => "1, the only version there is".to_owned(),
                Shape::Reruns { .. } if most < least => {
                    "no such key, as the Worker's MAX_RERUNS_CEILING is 0".to_owned()
                }
                Shape::Reruns { .. } if above => {
                    format!("a whole number from {least} to {most}, the Worker's MAX_RERUNS_CEILING")
                }
                _ => format!("a whole number from {least} to {most}"),
            },
        );
        None
    }

    fn factor(&mut self, field: Option<&Field>) -> Option<f64> {
        let field = field?;
        let plain = plain(field.node).filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let factor = plain.and_then(|text| text.parse::<f64>().ok()).filter(|factor| (1.0..=10.0).contains(factor));
        if factor.is_none() {
            self.expected(field, "a number from 1 to 10, such as 2 or 1.5");
        }
        factor
    }

    fn span(&mut self, field: Option<&Field>) -> Option<Span> {
        let field = field?;
        let span = text(field.node).ok_or_else(String::new).and_then(duration);
        if span.is_err() {
            self.expected(field, "a duration such as 0s, 90s, 5m or 2h, up to 24h");
        }
        span.ok()
    }

    fn boolean(&mut self, field: Option<&Field>) -> Option<bool> {
        let field = field?;
        match plain(field.node) {
            Some("true" | "True" | "TRUE") => Some(true),
            Some("false" | "False" | "FALSE") => Some(false),
            _ => {
                self.expected(field, "true or false");
                None
            }
        }
    }

    fn name(&mut self, field: Option<&Field>) -> Option<String> {
        let field = field?;
        let name = text(field.node)
            .filter(|name| (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control));
        if name.is_none() {
            self.expected(field, format!("text of up to {LONGEST_NAME} characters in one line"));
        }
        name.map(str::to_owned)
    }

    fn choice(&mut self, field: Option<&Field>) -> Option<&'static str> {
        let field = field?;
        let Shape::Choice(words) = field.key.shape else { return None };
        let found = text(field.node).and_then(|text| words.iter().find(|word| **word == text));
        if found.is_none() {
            self.expected(field, words.join(" or "));
        }
        found.copied()
    }

    fn conclusions(&mut self, field: Option<&Field>) -> Option<Vec<Conclusion>> {
        let field = field?;
        let Shape::Choices(words) = field.key.shape else { return None };
        let expected = format!("one or more of {}", words.join(", "));
        let mut conclusions = Vec::new();
        for (node, path) in self.items(field, &expected)? {
            let conclusion = text(node).filter(|text| words.contains(text)).and_then(Conclusion::parse);
            match conclusion {
                Some(conclusion) => conclusions.push(conclusion),
                None => self.expected_at(node, &path, &expected),
            }
        }
        Some(conclusions)
    }

    fn names(&mut self, field: Option<&Field>) -> Option<Names> {
        let field = field?;
        let expected = "a name or a list of names, in which * stands for anything; quote what looks like a number";
        let mut names = Vec::new();
        for (node, path) in self.items(field, expected)? {
            match text(node).filter(|name| !name.is_empty()) {
                Some(name) => names.push(name.to_owned()),
                None => self.expected_at(node, &path, expected),
            }
        }
        Some(Names::new(names))
    }

    fn patterns(&mut self, field: Option<&Field>) -> Option<Patterns> {
        let field = field?;
        let mut patterns = Patterns::default();
        for (node, path) in self.items(field, "a regex or a list of them")? {
            self.patterns += 1;
            match text(node).filter(|pattern| !pattern.is_empty()) {
                None => self.expected_at(node, &path, "a regex or a list of them"),
                Some(_) if self.patterns > MOST_PATTERNS => {
                    self.error(node.place, &path, format!("more than {MOST_PATTERNS} regexes in one file"));
                }
                Some(pattern) => {
                    if let Err(error) = patterns.push(pattern) {
                        self.error(node.place, &path, format!("not a regex: {error}"));
                    }
                }
            }
        }
        Some(patterns)
    }

    fn numbers(&mut self, field: Option<&Field>) -> Option<Numbers> {
        let field = field?;
        let expected = r#"a whole number, a comparison such as ">= 2", or a list of them"#;
        let mut numbers = Numbers::default();
        for (node, path) in self.items(field, expected)? {
            let number = plain(node).and_then(whole_number).map(Comparison::is);
            match number.or_else(|| text(node).and_then(Comparison::parse)) {
                Some(number) => numbers.0.push(number),
                None => self.expected_at(node, &path, expected),
            }
        }
        Some(numbers)
    }

    /// A list's items, or what stands in place of a list of one.
    fn items<'a>(&mut self, field: &Field<'a>, expected: &str) -> Option<Vec<(&'a Node, String)>> {
        match &field.node.value {
            Value::Scalar { .. } => Some(vec![(field.node, field.path.clone())]),
            Value::List(nodes) => {
                let may_be_empty = matches!(field.key.shape, Shape::Globs { may_be_empty: true });
                if nodes.is_empty() && !may_be_empty {
                    self.expected(field, expected);
                    return None;
                }
                let path = |index| format!("{}[{index}]", field.path);
                Some(nodes.iter().enumerate().map(|(index, node)| (node, path(index))).collect())
            }
            Value::Map(_) => {
                self.expected(field, expected);
                None
            }
        }
    }
}

/// A scalar that YAML takes for text. What looks like a number, true or null is not, unless in quotes: an editor that
/// checks the file by its schema says the same.
fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, plain: false } => Some(text),
        Value::Scalar { text, plain: true } => Some(text.as_str()).filter(|text| {
            let number = text.parse::<f64>().is_ok_and(|_| text.bytes().any(|b| b.is_ascii_digit()));
            let special = matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | ".inf" | "-.inf" | ".nan");
            !(number || special || yaml::is_null(text))
        }),
        _ => None,
    }
}

/// A scalar without quotes.
fn plain(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, plain: true } => Some(text),
        _ => None,
    }
}

fn then(word: &str) -> Then {
    match word {
        "rerun" => Then::Rerun,
        "ignore" => Then::Ignore,
        _ => Then::Leave,
    }
}

fn scope(word: &str) -> Scope {
    match word {
        "all_jobs" => Scope::AllJobs,
        _ => Scope::FailedJobs,
    }
}

fn listed(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

/// The key that was probably meant.
fn nearest(word: &str, keys: &[Key]) -> Option<&'static str> {
    if word.len() > 40 {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let distances = keys.iter().map(|key| (strsim::levenshtein(&word, key.name), key.name));
    distances.min().filter(|(distance, name)| *distance <= 2.max(name.len() / 4)).map(|(_, name)| name)
}

fn shorten(key: &str) -> String {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(41).collect();
    if shown.chars().count() > 40 { format!("{}…", shown.chars().take(40).collect::<String>()) } else { shown }
}
