//! The values of a policy file, by the type that they are read as.

use std::collections::BTreeSet;

use crate::names::{Conclusion, StringEnum};
use crate::settings::duration;
use crate::time::Span;

use super::format::{Action, Budget, Commands, Conditions, Filter, FlakyIssues, Outage, Rule};
use super::keys::Shape;
use super::reader::{Field, Fields, Reader, nearest};
use super::values::{Cause, Causes, Comparison, Names, Numbers, Patterns, whole_number};
use super::yaml::{self, Node, Value};

/// Each failed job's log may be searched for all of them.
const MOST_PATTERNS: usize = 64;
const LONGEST_NAME: usize = 100;
/// GitHub's limit ("Create a label").
const LONGEST_LABEL: usize = 50;
const MOST_DAYS: i64 = 30;

/// What a key's value can be read as.
pub trait FromField: Sized {
    /// `None`: it is none, and the reader has the error.
    fn read(reader: &mut Reader, field: &Field) -> Option<Self>;
}

impl<T: FromField> FromField for Option<T> {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        T::read(reader, field).map(Some)
    }
}

impl FromField for u32 {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let number = plain(field.node).and_then(whole_number).and_then(|number| u32::try_from(number).ok());
        let ceiling = reader.given.ceiling;
        let (range, expected) = match field.key.shape {
            Shape::Version => (1..=1, "1, the only version there is".to_owned()),
            Shape::Whole { least, most } => (least..=most, format!("a whole number from {least} to {most}")),
            Shape::Reruns { least } if ceiling < least => {
                (least..=ceiling, "no such key, as the Worker's MAX_RERUNS_CEILING is 0".to_owned())
            }
            Shape::Reruns { least } => {
                let why = if number > Some(ceiling) { ", the Worker's MAX_RERUNS_CEILING" } else { "" };
                (least..=ceiling, format!("a whole number from {least} to {ceiling}{why}"))
            }
            _ => return None,
        };
        reader.or_expected(number.filter(|number| range.contains(number)), field, &expected)
    }
}

impl FromField for f64 {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let plain = plain(field.node).filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let factor = plain.and_then(|text| text.parse().ok()).filter(|factor| (1.0..=10.0).contains(factor));
        reader.or_expected(factor, field, "a number from 1 to 10, such as 2 or 1.5")
    }
}

impl FromField for Span {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        if let Shape::Days = field.key.shape {
            let digits = text(field.node).and_then(|text| text.strip_suffix('d'));
            let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'));
            let days = digits.and_then(|digits| digits.parse().ok()).filter(|days| (1..=MOST_DAYS).contains(days));
            return reader.or_expected(days.map(Self::days), field, "a number of days such as 14d, from 1d to 30d");
        }
        let span = text(field.node).and_then(|text| duration(text).ok());
        reader.or_expected(span, field, "a duration such as 0s, 90s, 5m or 2h, up to 24h")
    }
}

impl FromField for bool {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let boolean = match plain(field.node) {
            Some("true" | "True" | "TRUE") => Some(true),
            Some("false" | "False" | "FALSE") => Some(false),
            _ => None,
        };
        reader.or_expected(boolean, field, "true or false")
    }
}

impl FromField for String {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        if let Shape::Label = field.key.shape {
            let fits = |label: &&str| {
                label.chars().count() <= LONGEST_LABEL
                    && !label.chars().any(|c| c == ',' || c.is_control())
                    && label.chars().any(|c| !c.is_whitespace())
            };
            let label = text(field.node).filter(fits).map(str::to_owned);
            // Where GitHub takes several, commas separate them.
            let expected = format!("a label of up to {LONGEST_LABEL} characters without a comma");
            return reader.or_expected(label, field, &expected);
        }
        let fits = |name: &&str| (1..=LONGEST_NAME).contains(&name.chars().count());
        let name = text(field.node).filter(fits).filter(|name| !name.chars().any(char::is_control));
        let expected = format!("text of up to {LONGEST_NAME} characters in one line");
        reader.or_expected(name.map(str::to_owned), field, &expected)
    }
}

impl FromField for Vec<Conclusion> {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let Shape::Choices(words) = field.key.shape else { return None };
        let expected = format!("one or more of {}", words.join(", "));
        reader.each(field, &expected, |node| text(node).filter(|text| words.contains(text)).and_then(Conclusion::parse))
    }
}

impl FromField for Names {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let expected = "a name or a list of names, in which * stands for anything; quote what looks like a number";
        let name = |node: &Node| text(node).filter(|name| !name.is_empty()).map(str::to_owned);
        reader.each(field, expected, name).map(Self::new)
    }
}

impl FromField for Numbers {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let expected = r#"a whole number, a comparison such as ">= 2", or a list of them"#;
        let number = |node: &Node| match plain(node).and_then(whole_number) {
            Some(number) => Some(Comparison::is(number)),
            None => Comparison::parse(text(node)?),
        };
        reader.each(field, expected, number).map(Self)
    }
}

impl FromField for Causes {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let expected = "infrastructure, a class or an id of the catalogue, or a list of them (docs/catalogue.md)";
        let mut causes = Self::default();
        for (node, path) in reader.items(field, expected)? {
            let name = text(node);
            match name.and_then(|name| Cause::all().find(|cause| cause.as_str() == name)) {
                Some(cause) => causes.0.push(cause),
                None => {
                    let near = name.and_then(|name| nearest(name, Cause::all().map(Cause::as_str)));
                    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                    reader.expected_at(node, &path, format!("{expected}{hint}"));
                }
            }
        }
        Some(causes)
    }
}

impl FromField for Patterns {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let Shape::Patterns(place) = field.key.shape else { return None };
        let mut patterns = Self::default();
        for (node, path) in reader.items(field, "a regex or a list of them")? {
            reader.patterns += 1;
            match text(node).filter(|pattern| !pattern.is_empty()) {
                None => reader.expected_at(node, &path, "a regex or a list of them"),
                Some(_) if reader.patterns > MOST_PATTERNS => {
                    reader.error(
                        node.place,
                        &path,
                        format!("more than {MOST_PATTERNS} regexes in one file and what it extends"),
                    );
                }
                Some(pattern) => match reader.collected.push(pattern, place) {
                    Ok(()) => patterns.0.push(pattern.to_owned()),
                    Err(error) => reader.error(node.place, &path, error),
                },
            }
        }
        Some(patterns)
    }
}

impl<T: StringEnum> FromField for T {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        reader.or_expected(text(field.node).and_then(T::parse), field, &T::TEXTS.join(" or "))
    }
}

macro_rules! maps {
    ($($map:ident),+) => {
        $(impl FromField for $map {
            fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
                let fields = reader.map(field)?;
                Some(Self::from_fields(reader, &fields))
            }
        })+
    };
}

maps!(Budget, Commands, Conditions, Filter, FlakyIssues, Outage);

impl FromField for Vec<Rule> {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let Shape::List(keys) = field.key.shape else { return None };
        let Value::List(nodes) = &field.node.value else {
            return reader.expected(field, "a list");
        };
        let mut names = BTreeSet::new();
        let mut rules = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let Some(fields) = reader.fields(node, keys, &format!("{}[{index}]", field.path)) else { continue };
            let rule = rule(reader, &fields);
            if let Some(name) = fields.get("name").filter(|_| !rule.name.is_empty() && !names.insert(rule.name.clone()))
            {
                reader.error(name.node.place, &name.path, "another rule has this name");
            }
            rules.push(rule);
        }
        Some(rules)
    }
}

fn rule(reader: &mut Reader, fields: &Fields) -> Rule {
    for key in ["name", "if", "then"].into_iter().filter(|key| fields.get(key).is_none()) {
        reader.error(fields.place, &fields.path, format!("the key {key} is missing"));
    }
    let rule = Rule::from_fields(reader, fields);
    if rule.action != Action::Rerun && fields.get("then").is_some() {
        for field in ["max_reruns", "delay", "scope"].into_iter().filter_map(|key| fields.get(key)) {
            reader.error(field.node.place, &field.path, "only a rule with `then: rerun` has this");
        }
    }
    rule
}

impl Reader<'_> {
    fn or_expected<T>(&mut self, value: Option<T>, field: &Field, expected: &str) -> Option<T> {
        value.or_else(|| self.expected(field, expected))
    }

    fn each<T>(&mut self, field: &Field, expected: &str, one: impl Fn(&Node) -> Option<T>) -> Option<Vec<T>> {
        let mut values = Vec::new();
        for (node, path) in self.items(field, expected)? {
            match one(node) {
                Some(value) => values.push(value),
                None => self.expected_at(node, &path, expected),
            }
        }
        Some(values)
    }

    /// A list's items, or what stands in place of a list of one.
    pub fn items<'a>(&mut self, field: &Field<'a>, expected: &str) -> Option<Vec<(&'a Node, String)>> {
        let may_be_empty = matches!(field.key.shape, Shape::Globs { may_be_empty: true });
        let items = match &field.node.value {
            Value::Scalar { .. } => Some(vec![(field.node, field.path.clone())]),
            Value::List(nodes) if !nodes.is_empty() || may_be_empty => {
                Some(nodes.iter().zip(0..).map(|(node, index)| (node, format!("{}[{index}]", field.path))).collect())
            }
            Value::List(_) | Value::Map(_) => None,
        };
        self.or_expected(items, field, expected)
    }
}

/// A scalar that YAML takes for text. What looks like a number, true or null is not, unless in quotes: an editor that
/// checks the file by its schema says the same.
pub fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, plain: false } => Some(text),
        Value::Scalar { text, plain: true } => Some(text.as_str()).filter(|text| {
            let number = text.parse::<f64>().is_ok_and(|_| text.bytes().any(|b| b.is_ascii_digit()));
            let special = matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | ".inf" | "-.inf" | ".nan");
            !(number || special || yaml::is_null(text))
        }),
        Value::List(_) | Value::Map(_) => None,
    }
}

/// A scalar without quotes.
fn plain(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, plain: true } => Some(text),
        Value::Scalar { plain: false, .. } | Value::List(_) | Value::Map(_) => None,
    }
}
