//! The keys of a file's maps, as far as they are known. What is wrong is collected, and read on past.

use std::fmt::Display;

use crate::names::nearest;
use crate::policy::patterns::{Collected, Where};

use super::error::PolicyError;
use super::keys::{Key, Shape};
use super::yaml::{self, Node, Place, Value};

/// Words from elsewhere, with those of this format: YAML 1.1 had the first four for booleans. The last ones are keys.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("yes", "true"),
    ("on", "true"),
    ("no", "false"),
    ("off", "false"),
    ("retry", "rerun"),
    ("restart", "rerun"),
    ("failed", "failure"),
    ("timeout", "timed_out"),
    ("failed", "failed_jobs"),
    ("all", "all_jobs"),
    ("when", "if"),
    ("match", "if"),
    ("do", "then"),
    ("action", "then"),
];

/// More errors than anybody reads.
pub(super) const MOST_ERRORS: usize = 50;

pub struct Reader<'g> {
    /// The most that `max_reruns` may be.
    pub(super) ceiling: u32,
    /// The regexes of the organization's file, which a file that extends it has as well; or why none can extend it.
    pub(super) organization: Result<Vec<(&'g str, Where)>, String>,
    pub(super) errors: Vec<PolicyError>,
    /// How many regexes there were.
    pub(super) patterns: usize,
    pub(super) collected: Collected,
}

/// The keys of one map that are known, each once.
pub struct Fields<'a> {
    pub place: Place,
    pub path: String,
    all: Vec<Field<'a>>,
    /// What unknown keys were probably meant to be.
    mistaken: Vec<&'static str>,
}

pub struct Field<'a> {
    pub key: &'static Key,
    pub path: String,
    pub node: &'a Node,
}

/// What a key's value can be read as.
pub trait FromField: Sized {
    /// `None`: it is none, and the reader has the error.
    fn read(reader: &mut Reader, field: &Field) -> Option<Self>;
}

impl<'a> Fields<'a> {
    pub fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.all.iter().find(|field| field.key.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.all.iter().map(|field| field.key.name)
    }

    /// Whether it is not there, and no mistaken key stands for it either.
    pub fn lacks(&self, name: &str) -> bool {
        self.get(name).is_none() && !self.mistaken.contains(&name)
    }
}

impl<'g> Reader<'g> {
    pub fn new(ceiling: u32, organization: Result<Vec<(&'g str, Where)>, String>) -> Self {
        Self { ceiling, organization, errors: Vec::new(), patterns: 0, collected: Collected::default() }
    }

    pub fn error(&mut self, place: Place, path: &str, message: impl Into<String>) {
        // The rest of what is kept is in the order of the file only if all are seen; this bounds a hostile one.
        if self.errors.len() < 10 * MOST_ERRORS {
            self.errors.push(place.error(path, message));
        }
    }

    /// The value that there is then.
    pub fn expected<T>(&mut self, field: &Field, what: impl Display) -> Option<T> {
        self.expected_at(field.node, &field.path, what, None);
        None
    }

    /// With what was probably meant.
    pub fn expected_at(&mut self, node: &Node, path: &str, what: impl Display, meant: Option<&str>) {
        let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        self.error(node.place, path, format!("expected {what}; found {}{hint}", found(node)));
    }

    /// The keys of a map below another.
    pub fn map<'a>(&mut self, field: &Field<'a>) -> Option<Fields<'a>> {
        let (Shape::Map(keys) | Shape::OneOf(keys)) = field.key.shape else { return None };
        match (&field.node.value, field.key.shape) {
            (Value::Map(entries), Shape::OneOf(_)) if entries.is_empty() => {
                self.expected(field, format!("at least one of {}", listed(keys)))
            }
            _ => self.fields(field.node, keys, &field.path),
        }
    }

    pub fn fields<'a>(&mut self, node: &'a Node, keys: &'static [Key], path: &str) -> Option<Fields<'a>> {
        let Value::Map(entries) = &node.value else {
            self.expected_at(node, path, format!("a map with the keys {}", listed(keys)), None);
            return None;
        };
        let is_absent = |name: &&str| entries.iter().all(|entry| entry.key != **name);
        let absent: Vec<&'static str> = keys.iter().map(|key| key.name).filter(is_absent).collect();
        let mut fields = Fields { place: node.place, path: path.to_owned(), all: Vec::new(), mistaken: Vec::new() };
        for entry in entries {
            let shown = shorten(&entry.key);
            let below = if path.is_empty() { shown.clone() } else { format!("{path}.{shown}") };
            match keys.iter().find(|key| key.name == entry.key) {
                None => {
                    let expected = || format!("expected one of {}", listed(keys));
                    let near = meant(&entry.key, &absent);
                    fields.mistaken.extend(near);
                    let hint = near.map_or_else(expected, |name| format!("did you mean {name}?"));
                    self.error(entry.place, &below, format!("no such key; {hint}"));
                }
                Some(key) if fields.get(key.name).is_some() => self.error(entry.place, &below, "the same key twice"),
                Some(key) => fields.all.push(Field { key, path: below, node: &entry.value }),
            }
        }
        Some(fields)
    }
}

fn listed(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

/// The word of a few that was probably meant by a value.
pub fn meant(word: &str, words: &[&'static str]) -> Option<&'static str> {
    let other =
        OTHER_WORDS.iter().find(|(other, word_for_it)| word.eq_ignore_ascii_case(other) && words.contains(word_for_it));
    other.map(|(_, word)| *word).or_else(|| nearest(word, words.iter().copied()))
}

/// What a value is, for a message.
fn found(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, plain: true } if yaml::is_null(text) => "nothing".to_owned(),
        Value::Scalar { text, plain: true } => format!("`{}`", shorten(text)),
        Value::Scalar { text, plain: false } if text.is_empty() => "empty text".to_owned(),
        Value::Scalar { text, plain: false } => format!("`\"{}\"`", shorten(text)),
        Value::List(nodes) if nodes.is_empty() => "an empty list".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(entries) if entries.is_empty() => "an empty map".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    }
}

fn shorten(key: &str) -> String {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(41).collect();
    if shown.chars().count() > 40 { format!("{}…", shown.chars().take(40).collect::<String>()) } else { shown }
}
