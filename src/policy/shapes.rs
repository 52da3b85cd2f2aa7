//! The values of a policy file, one reader for each shape. What is wrong is collected, and read on past.

use crate::names::Conclusion;
use crate::settings::duration;
use crate::time::Span;

use super::error::PolicyError;
use super::format::{Comparison, Names, Numbers, Patterns, whole_number};
use super::keys::{Key, Shape};
use super::read::Bounds;
use super::search::{Automata, Collected, Where};
use super::yaml::{self, Node, Place, Value};

/// More errors than anybody reads.
const MOST_ERRORS: usize = 50;
/// Each failed job's log may be searched for all of them.
const MOST_PATTERNS: usize = 64;
const LONGEST_NAME: usize = 100;

pub struct Reader {
    bounds: Bounds,
    errors: Vec<PolicyError>,
    patterns: usize,
    collected: Collected,
}

/// The keys of one map that are known, each once.
pub struct Fields<'a> {
    pub place: Place,
    pub path: String,
    all: Vec<Field<'a>>,
}

pub struct Field<'a> {
    pub key: &'static Key,
    pub path: String,
    pub node: &'a Node,
}

impl<'a> Fields<'a> {
    pub fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.all.iter().find(|field| field.key.name == name)
    }
}

impl Reader {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, errors: Vec::new(), patterns: 0, collected: Collected::default() }
    }

    /// In the order of the file.
    pub fn into_errors(mut self) -> Vec<PolicyError> {
        self.errors.sort_by_key(|error| (error.line, error.column));
        self.errors.truncate(MOST_ERRORS);
        self.errors
    }

    /// Of all patterns that were read.
    pub fn automata(&mut self) -> Automata {
        std::mem::take(&mut self.collected).compiled()
    }

    pub fn error(&mut self, place: Place, path: &str, message: impl Into<String>) {
        // The rest of what is kept is in the order of the file only if all are seen; this bounds a hostile one.
        if self.errors.len() < 10 * MOST_ERRORS {
            self.errors.push(place.error(path, message));
        }
    }

    pub fn expected(&mut self, field: &Field, what: impl AsRef<str>) {
        self.expected_at(field.node, &field.path, what);
    }

    fn expected_at(&mut self, node: &Node, path: &str, what: impl AsRef<str>) {
        self.error(node.place, path, format!("expected {}", what.as_ref()));
    }

    pub fn map<'a>(&mut self, field: Option<&Field<'a>>) -> Option<Fields<'a>> {
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

    pub fn fields<'a>(&mut self, node: &'a Node, keys: &'static [Key], path: &str) -> Option<Fields<'a>> {
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
                    let event = nearest.map_or_else(
                        || format!("expected one of {}", listed(keys)),
                        |name| format!("did you mean {name}?"),
                    );
                    self.error(entry.place, &below, format!("no such key; {event}"));
                }
                Some(key) if fields.get(key.name).is_some() => {
                    self.error(entry.place, &below, "the same key twice");
                }
                Some(key) => fields.all.push(Field { key, path: below, node: &entry.value }),
            }
        }
        Some(fields)
    }

    pub fn number(&mut self, field: Option<&Field>) -> Option<u32> {
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

    pub fn factor(&mut self, field: Option<&Field>) -> Option<f64> {
        let field = field?;
        let plain = plain(field.node).filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let factor = plain.and_then(|text| text.parse::<f64>().ok()).filter(|factor| (1.0..=10.0).contains(factor));
        if factor.is_none() {
            self.expected(field, "a number from 1 to 10, such as 2 or 1.5");
        }
        factor
    }

    pub fn span(&mut self, field: Option<&Field>) -> Option<Span> {
        let field = field?;
        let span = text(field.node).ok_or_else(String::new).and_then(duration);
        if span.is_err() {
            self.expected(field, "a duration such as 0s, 90s, 5m or 2h, up to 24h");
        }
        span.ok()
    }

    pub fn boolean(&mut self, field: Option<&Field>) -> Option<bool> {
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

    pub fn name(&mut self, field: Option<&Field>) -> Option<String> {
        let field = field?;
        let name = text(field.node)
            .filter(|name| (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control));
        if name.is_none() {
            self.expected(field, format!("text of up to {LONGEST_NAME} characters in one line"));
        }
        name.map(str::to_owned)
    }

    pub fn choice(&mut self, field: Option<&Field>) -> Option<&'static str> {
        let field = field?;
        let Shape::Choice(words) = field.key.shape else { return None };
        let found = text(field.node).and_then(|text| words.iter().find(|word| **word == text));
        if found.is_none() {
            self.expected(field, words.join(" or "));
        }
        found.copied()
    }

    pub fn conclusions(&mut self, field: Option<&Field>) -> Option<Vec<Conclusion>> {
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

    pub fn names(&mut self, field: Option<&Field>) -> Option<Names> {
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

    pub fn patterns(&mut self, field: Option<&Field>, place: Where) -> Option<Patterns> {
        let field = field?;
        let mut patterns = Patterns::default();
        for (node, path) in self.items(field, "a regex or a list of them")? {
            self.patterns += 1;
            match text(node).filter(|pattern| !pattern.is_empty()) {
                None => self.expected_at(node, &path, "a regex or a list of them"),
                Some(_) if self.patterns > MOST_PATTERNS => {
                    self.error(node.place, &path, format!("more than {MOST_PATTERNS} regexes in one file"));
                }
                Some(pattern) => match self.collected.push(pattern, place) {
                    Ok(()) => patterns.0.push(pattern.to_owned()),
                    Err(error) => self.error(node.place, &path, error),
                },
            }
        }
        Some(patterns)
    }

    pub fn numbers(&mut self, field: Option<&Field>) -> Option<Numbers> {
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
