//! A policy file's text → a [`Policy`], or everything that is wrong with it. What is wrong is collected, and read on past.

use std::borrow::Cow;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::names::nearest;
use crate::names::order::sort_by_key;
use crate::policy::patterns::Collected;

use super::extends::{Given, PolicyOrigin, Stated};
use super::format::{FILE, Policy};
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
const MOST_ERRORS: usize = 50;

/// One thing that is wrong with a policy file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("line {line}, column {column}: {}{message}", if key.is_empty() { String::new() } else { format!("{key}: ") })]
pub struct PolicyError {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// How many characters of that line it is about.
    #[serde(default)]
    pub length: u32,
    /// The key: `max_reruns`, `rules[2].if.log`; empty when it is not about one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// What is wrong, or what was expected.
    pub message: String,
}

impl PolicyError {
    /// Without its place in the file.
    pub fn said(&self) -> String {
        let Self { key, message, .. } = self;
        if key.is_empty() { message.clone() } else { format!("{key}: {message}") }
    }
}

/// What became of reading the policy file that holds for a repository. Where there is none, a preset holds.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, not a list")]
pub enum PolicyState {
    Valid(Policy),
    /// At least one error. Nothing is re-run until the file is mended.
    Invalid {
        errors: Vec<PolicyError>,
        /// Whose file it is.
        origin: PolicyOrigin,
    },
}

impl PolicyState {
    /// Of what [`parse`] has made of a file, whose it is.
    pub fn new(read: Result<Policy, Vec<PolicyError>>, origin: PolicyOrigin) -> Self {
        match read {
            Ok(policy) => Self::Valid(Policy { origin, ..policy }),
            Err(errors) => Self::Invalid { errors, origin },
        }
    }

    /// What to decide by.
    pub fn policy(&self) -> Cow<'_, Policy> {
        match self {
            Self::Valid(policy) => Cow::Borrowed(policy),
            Self::Invalid { errors, origin } => Cow::Owned(Policy { origin: *origin, ..Policy::broken_by(errors) }),
        }
    }
}

/// Reads a policy file. An empty one is [`Policy::default`]. `given` can be a ceiling alone, where there is no
/// organization's file.
///
/// Where the text is not YAML, the first error is the only one; else all are found, in the order of the file.
pub fn parse<'a>(text: &str, given: impl Into<Given<'a>>) -> Result<Policy, Vec<PolicyError>> {
    let Some(root) = yaml::read(text).map_err(|error| vec![error])? else { return Ok(Policy::default()) };
    let mut reader = Reader { given: given.into(), errors: Vec::new(), patterns: 0, collected: Collected::default() };
    let policy = reader.policy(&root);
    let Reader { mut errors, .. } = reader;
    sort_by_key(&mut errors, |error| (error.line, error.column));
    errors.truncate(MOST_ERRORS);
    within_lines(&mut errors, text);
    if errors.is_empty() { Ok(policy) } else { Err(errors) }
}

/// The parser knows where a list or map begins, and not for each where it ends; what goes on below is shown to the end of its
/// first line.
pub(super) fn within_lines(sorted: &mut [PolicyError], text: &str) {
    let mut lines = (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(text).lines());
    let mut now = None;
    for error in sorted {
        while now.is_none_or(|(number, _)| number < error.line)
            && let Some(next) = lines.next()
        {
            now = Some(next);
        }
        let line = now.filter(|(number, _)| *number == error.line).map_or("", |(_, line)| line);
        let begins = line.char_indices().nth(error.column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at);
        let rest = line.get(begins..).unwrap_or_default();
        let value = up_to_end(rest);
        // A scalar's end is known.
        let is_flow = rest.starts_with(['[', '{']);
        let chars = u32::try_from(value.trim_end().chars().count()).unwrap_or(u32::MAX);
        error.length = if is_flow && error.length > 1 { chars } else { error.length.min(chars) }.max(1);
    }
}

/// Of what begins a value: up to the bracket that ends it, or a comment.
fn up_to_end(rest: &str) -> &str {
    let (mut quote, mut depth, mut before) = (None, 0_usize, ' ');
    let is_flow = rest.starts_with(['[', '{']);
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return rest.get(..at).unwrap_or(rest),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') if is_flow && depth == 1 => return rest.get(..=at).unwrap_or(rest),
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
        before = c;
    }
    rest
}

pub struct Reader<'g> {
    pub(super) given: Given<'g>,
    errors: Vec<PolicyError>,
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

impl<'a> Fields<'a> {
    pub fn get(&self, name: &str) -> Option<&Field<'a>> {
        self.all.iter().find(|field| field.key.name == name)
    }

    /// Whether it is not there, and no mistaken key stands for it either.
    pub fn lacks(&self, name: &str) -> bool {
        self.get(name).is_none() && !self.mistaken.contains(&name)
    }
}

impl Reader<'_> {
    fn policy(&mut self, root: &Node) -> Policy {
        let Some(fields) = self.fields(root, FILE, "") else { return Policy::default() };
        let own = Policy::from_fields(self, &fields);
        let stated = Stated::new(fields.all.iter().map(|field| field.key.name));
        let base = self.base(&own);
        let policy = Policy { stated, ..own }.extending(base);
        if let (Some(delay), Some(most), Some(field)) = (policy.delay, policy.max_delay, fields.get("max_delay"))
            && most < delay
        {
            self.expected_at(field.node, &field.path, format!("{delay}, which delay is, or more"), None);
        }
        Policy { automata: std::mem::take(&mut self.collected).compiled(), ..policy }
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
