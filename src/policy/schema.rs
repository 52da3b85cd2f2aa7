//! The format as a JSON Schema, by which editors complete and check a policy file.
//!
//! Made of the tables that the reader goes by. What only the reader knows: the Worker's ceiling, whether a regex is one,
//! and that two rules must not have the same name.

use serde_json::{Map, Value, json};

use crate::settings::MAX_RERUNS_LIMIT;

use super::keys::{FILE, Key, Shape};

/// Up to a day, as the reader has it.
const DURATION: &str = "^(86400|86[0-3][0-9]{2}|8[0-5][0-9]{3}|[0-7]?[0-9]{1,4})s$|^(1440|14[0-3][0-9]|1[0-3][0-9]{2}|[0-9]{1,3})m$|^(2[0-4]|1?[0-9])h$";
const COMPARISON: &str = "^ *(==|!=|>=|<=|>|<) *-?[0-9]{1,10} *$";

/// The draft that editors know best.
pub fn schema() -> Value {
    let mut schema = map(FILE, &[]);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Rerunner's policy file");
    schema["description"] = json!("Which failed GitHub workflow runs are re-run: .github/rerunner.yml");
    // An empty file is the same as none.
    schema["type"] = json!(["object", "null"]);
    schema
}

fn map(keys: &[Key], required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), described(key))).collect();
    let mut map = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        map["required"] = json!(required);
    }
    map
}

fn described(key: &Key) -> Value {
    let mut value = shape(key.shape);
    let default = if key.default.is_empty() { String::new() } else { format!("; default: {}", key.default) };
    value["description"] = json!(format!("{}{default}", key.meaning).replace('`', ""));
    value
}

fn shape(shape: Shape) -> Value {
    let text = || json!({ "type": "string", "minLength": 1 });
    match shape {
        Shape::Version => json!({ "const": 1 }),
        Shape::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Reruns { least } => json!({ "type": "integer", "minimum": least, "maximum": MAX_RERUNS_LIMIT }),
        Shape::Duration => json!({ "type": "string", "pattern": DURATION, "examples": ["5s", "90s", "5m", "2h"] }),
        Shape::Factor => json!({ "type": "number", "minimum": 1, "maximum": 10 }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Name => json!({ "type": "string", "minLength": 1, "maxLength": 100 }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Choices(words) => one_or_more(&json!({ "enum": words }), 1),
        Shape::Globs { may_be_empty } => one_or_more(&text(), (!may_be_empty).into()),
        Shape::Patterns => one_or_more(&text(), 1),
        Shape::Numbers => one_or_more(
            &json!({ "anyOf": [
                { "type": "integer", "minimum": -9_999_999_999_i64, "maximum": 9_999_999_999_i64 },
                { "type": "string", "pattern": COMPARISON },
            ] }),
            1,
        ),
        Shape::Map(keys) => map(keys, &[]),
        Shape::OneOf(keys) => {
            let mut map = map(keys, &[]);
            map["minProperties"] = json!(1);
            map
        }
        Shape::List(keys) => json!({ "type": "array", "items": rule(keys) }),
    }
}

fn one_or_more(one: &Value, least: u32) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": least }] })
}

fn rule(keys: &[Key]) -> Value {
    let required: Vec<&str> = keys.iter().filter(|key| key.default.is_empty()).map(|key| key.name).collect();
    let mut rule = map(keys, &required);
    rule["if"] = json!({ "properties": { "then": { "const": "rerun" } } });
    let only_of_reruns: Map<String, Value> = keys
        .iter()
        .filter(|key| !key.default.is_empty())
        .map(|key| (key.name.to_owned(), Value::Bool(false)))
        .collect();
    rule["else"] = json!({ "properties": only_of_reruns });
    rule
}
