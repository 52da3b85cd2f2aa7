//! The format as a JSON Schema, by which editors complete and check a policy file.
//!
//! Made of the tables that the reader goes by. What only the reader knows: the Worker's ceiling, whether a regex is one,
//! and that two rules must not have the same name.

use serde_json::{Map, Value, json};

use crate::names::StringEnum as _;
use crate::settings::MAX_RERUNS_LIMIT;

use super::extends::Base;
use super::format::FILE;
use super::keys::{Key, Shape};
use super::values::Cause;

/// Up to a day, as the reader has it.
const DURATION: &str = "^(86400|86[0-3][0-9]{2}|8[0-5][0-9]{3}|[0-7]?[0-9]{1,4})s$|^(1440|14[0-3][0-9]|1[0-3][0-9]{2}|[0-9]{1,3})m$|^(2[0-4]|1?[0-9])h$";
const DAYS: &str = "^([1-9]|[12][0-9]|30)d$";
const LABEL: &str = r"^[^,\u0000-\u001f\u007f-\u009f]*[^,\s\u0000-\u001f\u007f-\u009f][^,\u0000-\u001f\u007f-\u009f]*$";
const COMPARISON: &str = "^ *(==|!=|>=|<=|>|<) *-?[0-9]{1,10} *$";

/// The draft that editors know best.
pub fn schema() -> Value {
    let about = [
        ("$schema", json!("http://json-schema.org/draft-07/schema#")),
        ("title", json!("Rerunner's policy file")),
        ("description", json!("Which failed GitHub workflow runs are re-run: .github/rerunner.yml")),
        // An empty file is the same as none.
        ("type", json!(["object", "null"])),
        ("examples", json!([{ "extends": "careful" }, { "extends": "infrastructure", "max_reruns": 2 }])),
    ];
    with(map(FILE), about)
}

fn map(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), described(key))).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn described(key: &Key) -> Value {
    let default = if key.default.is_empty() { String::new() } else { format!("; default: {}", key.default) };
    let description = format!("{}{default}", key.meaning).replace('`', "");
    with(shape(key.shape), [("description", json!(description))])
}

fn with<const N: usize>(mut object: Value, more: [(&str, Value); N]) -> Value {
    if let Value::Object(object) = &mut object {
        object.extend(more.map(|(key, value)| (key.to_owned(), value)));
    }
    object
}

fn shape(shape: Shape) -> Value {
    let text = || json!({ "type": "string", "minLength": 1 });
    match shape {
        Shape::Version => json!({ "const": 1 }),
        Shape::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Reruns { least } => json!({ "type": "integer", "minimum": least, "maximum": MAX_RERUNS_LIMIT }),
        Shape::Duration => json!({ "type": "string", "pattern": DURATION, "examples": ["5s", "90s", "5m", "2h"] }),
        Shape::Days => json!({ "type": "string", "pattern": DAYS, "examples": ["7d", "14d", "30d"] }),
        Shape::Factor => json!({ "type": "number", "minimum": 1, "maximum": 10 }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Name => json!({ "type": "string", "minLength": 1, "maxLength": 100 }),
        Shape::Label => json!({ "type": "string", "maxLength": 50, "pattern": LABEL }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Choices(words) => one_or_more(&json!({ "enum": words }), 1),
        Shape::Globs { may_be_empty } => one_or_more(&text(), (!may_be_empty).into()),
        Shape::Patterns(_) => one_or_more(&text(), 1),
        Shape::Numbers => one_or_more(
            &json!({ "anyOf": [
                { "type": "integer", "minimum": -9_999_999_999_i64, "maximum": 9_999_999_999_i64 },
                { "type": "string", "pattern": COMPARISON },
            ] }),
            1,
        ),
        Shape::Causes => one_or_more(&json!({ "enum": Cause::all().map(Cause::as_str).collect::<Vec<_>>() }), 1),
        Shape::Bases => one_or_more(&json!({ "enum": Base::TEXTS }), 1),
        Shape::Map(keys) => map(keys),
        Shape::OneOf(keys) => with(map(keys), [("minProperties", json!(1))]),
        Shape::List(keys) => json!({ "type": "array", "items": rule(keys) }),
    }
}

fn one_or_more(one: &Value, least: u32) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": least }] })
}

fn rule(keys: &[Key]) -> Value {
    let (required, optional): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| key.default.is_empty());
    let required: Vec<&str> = required.iter().map(|key| key.name).collect();
    let only_of_reruns: Map<String, Value> = optional.iter().map(|key| (key.name.to_owned(), json!(false))).collect();
    let more = [
        ("required", json!(required)),
        ("if", json!({ "properties": { "then": { "const": "rerun" } } })),
        ("else", json!({ "properties": only_of_reruns })),
    ];
    with(map(keys), more)
}
