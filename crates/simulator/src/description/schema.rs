//! OpenAPI's dialect of JSON Schema as JSON Schema.
//!
//! OpenAPI 3.0 says `nullable: true` where JSON Schema has a type `null`; 3.1 is JSON Schema already. All else that
//! GitHub's descriptions use is the same in both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// A schema with all components that it refers to, and theirs. `closed`: what it does not name is wrong.
pub(super) fn whole(schema: &Value, components: &Value, closed: bool) -> Value {
    let mut whole = converted(schema, closed);
    let mut known = BTreeMap::new();
    let mut open = BTreeSet::new();
    references(&whole, &mut open);
    while let Some(name) = open.pop_first() {
        let component = converted(&components[&name], closed);
        references(&component, &mut open);
        known.insert(name, component);
        open.retain(|name| !known.contains_key(name));
    }
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    whole["components"] = json!({ "schemas": known });
    whole
}

/// Names of the components that a schema refers to.
fn references(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let reference = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = reference.and_then(|text| text.strip_prefix("#/components/schemas/")) {
                found.insert(name.to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn converted(schema: &Value, closed: bool) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let mut result = Map::new();
    for (key, value) in fields {
        let value = match (key.as_str(), value) {
            // Names to schemas: a property may well be called `nullable`, `example` or `properties`.
            ("properties" | "patternProperties", Value::Object(named)) => {
                named.iter().map(|(name, schema)| (name.clone(), converted(schema, closed))).collect()
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                // Closed parts of a whole would refuse one another.
                let closed = closed && key != "allOf";
                schemas.iter().map(|schema| converted(schema, closed)).collect()
            }
            ("items" | "additionalProperties" | "not", schema) => converted(schema, closed),
            ("nullable" | "example" | "examples" | "description" | "default", _) => continue,
            (_, value) => value.clone(),
        };
        result.insert(key.clone(), value);
    }
    if closed && result.contains_key("properties") && !result.contains_key("additionalProperties") {
        result.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if fields.get("nullable") != Some(&Value::Bool(true)) {
        return Value::Object(result);
    }
    match result.get("type").cloned() {
        Some(Value::String(one)) if !["allOf", "anyOf", "oneOf"].iter().any(|key| result.contains_key(*key)) => {
            result.insert("type".to_owned(), json!([one, "null"]));
            if let Some(Value::Array(values)) = result.get_mut("enum")
                && !values.contains(&Value::Null)
            {
                values.push(Value::Null);
            }
            Value::Object(result)
        }
        _ => json!({ "anyOf": [result, { "type": "null" }] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(schema: Value, components: Value, closed: bool, value: Value) -> bool {
        jsonschema::validator_for(&whole(&schema, &components, closed)).expect("a schema").is_valid(&value)
    }

    #[test]
    fn null_where_openapi_says_so() {
        let text = |nullable| json!({ "type": "string", "enum": ["a"], "nullable": nullable });
        assert!(allows(text(true), json!({}), false, Value::Null));
        assert!(allows(text(true), json!({}), false, json!("a")));
        assert!(!allows(text(true), json!({}), false, json!("b")));
        assert!(!allows(text(false), json!({}), false, Value::Null));
        let user = json!({ "user": { "type": "object", "required": ["login"] } });
        let reference = json!({ "nullable": true, "allOf": [{ "$ref": "#/components/schemas/user" }] });
        assert!(allows(reference.clone(), user.clone(), false, Value::Null));
        assert!(allows(reference.clone(), user.clone(), false, json!({ "login": "mona" })));
        assert!(!allows(reference, user, false, json!({})));
    }

    #[test]
    fn components_of_components_come_along() {
        let components = json!({
            "list": { "type": "array", "items": { "$ref": "#/components/schemas/item" } },
            "item": { "type": "object", "properties": { "next": { "$ref": "#/components/schemas/list" } } },
        });
        let list = json!({ "$ref": "#/components/schemas/list" });
        assert!(allows(list.clone(), components.clone(), false, json!([{ "next": [{}] }])));
        assert!(!allows(list, components, false, json!([{ "next": [1] }])));
    }

    #[test]
    fn closed_is_what_it_names() {
        let body = json!({ "type": "object", "properties": { "a": { "type": "object", "properties": { "b": {} } } } });
        assert!(allows(body.clone(), json!({}), false, json!({ "c": 1 })));
        assert!(!allows(body.clone(), json!({}), true, json!({ "c": 1 })));
        assert!(!allows(body.clone(), json!({}), true, json!({ "a": { "c": 1 } })));
        assert!(allows(body, json!({}), true, json!({ "a": { "b": 1 } })));
    }

    #[test]
    fn a_property_may_be_called_like_a_keyword() {
        let body = json!({ "type": "object", "properties": { "nullable": { "type": "string" }, "default": {} } });
        assert!(!allows(body.clone(), json!({}), true, json!({ "nullable": true })));
        assert!(allows(body, json!({}), true, json!({ "nullable": "yes", "default": 1 })));
    }
}
