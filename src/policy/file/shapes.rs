//! The values of a policy file, by the type that they are read as.

use std::collections::BTreeSet;

use crate::names::{Conclusion, StringEnum, nearest};
use crate::settings::duration;
use crate::time::Span;

use super::format::{Action, Budget, Commands, Conditions, Filter, FlakyIssues, Outage, Rule};
use super::keys::Shape;
use super::reader::{Field, Fields, FromField, Reader, meant};
use super::values::{Cause, Causes, Comparison, Names, Numbers, Patterns, whole_number};
use super::yaml::{self, Node, Value};

/// Each failed job's log may be searched for all of them.
const MOST_PATTERNS: usize = 64;
const LONGEST_NAME: usize = 100;
/// GitHub's limit ("Create a label").
const LONGEST_LABEL: usize = 50;
const MOST_DAYS: i64 = 30;

impl<T: FromField> FromField for Option<T> {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        T::read(reader, field).map(Some)
    }
}

impl FromField for u32 {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let number = plain(field.node).and_then(whole_number).and_then(|number| u32::try_from(number).ok());
        let ceiling = reader.ceiling;
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
            // A number alone is one of days; so is one of weeks, seven times.
            let written = any_text(field.node).map(str::trim).unwrap_or_default();
            let weeks = |text: &str| whole_number(text.strip_suffix('w')?.trim_end()).and_then(|n| n.checked_mul(7));
            let number = whole_number(written.trim_end_matches(['d', ' '])).or_else(|| weeks(written));
            let meant = number.filter(|days| (1..=MOST_DAYS).contains(days)).map(|days| format!("{days}d"));
            let expected = "a number of days such as 14d, from 1d to 30d";
            return reader.or_meant(days.map(Self::days), field, expected, meant.as_deref());
        }
        let span = text(field.node).and_then(|text| duration(text).ok());
        let meant = any_text(field.node).and_then(meant_duration);
        reader.or_meant(span, field, "a duration such as 0s, 90s, 5m or 2h, up to 24h", meant.as_deref())
    }
}

impl FromField for bool {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let boolean = match plain(field.node) {
            Some("true" | "True" | "TRUE") => Some(true),
            Some("false" | "False" | "FALSE") => Some(false),
            _ => None,
        };
        let meant = any_text(field.node).and_then(|text| meant(text, &["true", "false"]));
        reader.or_meant(boolean, field, "true or false", meant)
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
        let one = |node: &Node| text(node).filter(|text| words.contains(text)).and_then(Conclusion::parse);
        reader.each(field, &expected, one, |text| meant(text, words).map(str::to_owned))
    }
}

impl FromField for Names {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let expected = "a name or a list of names, in which * stands for anything; quote what looks like a number";
        let name = |node: &Node| text(node).filter(|name| !name.is_empty()).map(str::to_owned);
        let quoted = |text: &str| Some(format!("\"{text}\"")).filter(|_| whole_number(text).is_some());
        reader.each(field, expected, name, quoted).map(Self::new)
    }
}

impl FromField for Numbers {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let expected = r#"a whole number, a comparison such as ">= 2", or a list of them"#;
        let number = |node: &Node| match plain(node).and_then(whole_number) {
            Some(number) => Some(Comparison::is(number)),
            None => Comparison::parse(text(node)?),
        };
        reader.each(field, expected, number, meant_comparison).map(Self)
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
                    reader.expected_at(node, &path, expected, near);
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
                None => reader.expected_at(node, &path, "a regex or a list of them", None),
                // Once said, the others add nothing.
                Some(_) if reader.patterns > MOST_PATTERNS + 1 => {}
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
        let meant = any_text(field.node).and_then(|text| meant(text, T::TEXTS));
        reader.or_meant(text(field.node).and_then(T::parse), field, &one_of(T::TEXTS), meant)
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

/// `rerun, leave or ignore`.
fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.join(", "),
    }
}

fn rule(reader: &mut Reader, fields: &Fields) -> Rule {
    let missing: Vec<&str> = ["name", "if", "then"].into_iter().filter(|key| fields.lacks(key)).collect();
    match missing.as_slice() {
        [] => {}
        [key] => reader.error(fields.place, &fields.path, format!("the key {key} is missing")),
        keys => reader.error(fields.place, &fields.path, format!("the keys {} are missing", keys.join(" and "))),
    }
    let rule = Rule::from_fields(reader, fields);
    // An action that is no action is an error already.
    let says = |then: &Field| text(then.node).and_then(Action::parse).is_some();
    if rule.action != Action::Rerun && fields.get("then").is_some_and(says) {
        for field in ["max_reruns", "delay", "scope"].into_iter().filter_map(|key| fields.get(key)) {
            reader.error(field.node.place, &field.path, "only a rule with `then: rerun` has this");
        }
    }
    rule
}

impl Reader<'_> {
    fn or_expected<T>(&mut self, value: Option<T>, field: &Field, expected: &str) -> Option<T> {
        self.or_meant(value, field, expected, None)
    }

    fn or_meant<T>(&mut self, value: Option<T>, field: &Field, expected: &str, meant: Option<&str>) -> Option<T> {
        if value.is_none() {
            self.expected_at(field.node, &field.path, expected, meant);
        }
        value
    }

    fn each<T>(
        &mut self,
        field: &Field,
        expected: &str,
        one: impl Fn(&Node) -> Option<T>,
        meant: impl Fn(&str) -> Option<String>,
    ) -> Option<Vec<T>> {
        let mut values = Vec::new();
        for (node, path) in self.items(field, expected)? {
            match one(node) {
                Some(value) => values.push(value),
                None => {
                    let meant = any_text(node).and_then(&meant);
                    self.expected_at(node, &path, expected, meant.as_deref());
                }
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

/// `10 min`, or a number alone, which is one of seconds.
fn meant_duration(written: &str) -> Option<String> {
    let written = written.trim();
    let digits: String = written.chars().take_while(char::is_ascii_digit).collect();
    let unit = match written.get(digits.len()..)?.trim_start().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => return Some("24h".to_owned()).filter(|_| digits == "1"),
        _ => return None,
    };
    Some(format!("{digits}{unit}")).filter(|text| duration(text).is_ok())
}

/// `=> 2`, `=2` or `2+`.
fn meant_comparison(written: &str) -> Option<String> {
    let written = written.trim();
    let begins =
        |wrong: &str, right: &str| written.strip_prefix(wrong).map(|number| format!("{right} {}", number.trim()));
    let text = begins("=>", ">=")
        .or_else(|| begins("=<", "<="))
        .or_else(|| begins("=", "=="))
        .or_else(|| written.strip_suffix('+').map(|number| format!(">= {}", number.trim())))?;
    Comparison::parse(&text).map(|_| format!("\"{text}\""))
}

/// A scalar, whatever YAML takes it for.
fn any_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
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
