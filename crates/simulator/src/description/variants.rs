//! What else the descriptions allow in the place of a payload: other servers send it, or the same one next year.

use std::sync::Arc;

use serde_json::Value;

use super::document::Schema;
use super::{REST, WEBHOOKS};

/// What the descriptions say of one answer, or of one webhook.
pub struct Described(Vec<Arc<Schema>>);

/// A payload that is allowed as well.
#[derive(Debug, Clone)]
pub struct Variant {
    /// `/conclusion is null`, `/actor is left out`
    pub what: String,
    pub payload: Value,
}

#[derive(Clone, Copy)]
enum Change {
    Null,
    LeaveOut,
}

impl Described {
    /// Of an answer to such a call. Panics if it is not described: calls come from tests.
    pub fn answer(method: &str, path: &str, status: u16) -> Described {
        let schema = |document: &'static super::Document| {
            document.route(path)?.operation(method)?.answer(&status.to_string(), "application/json")
        };
        let schemas: Option<Vec<_>> = REST.iter().map(schema).collect();
        Described(schemas.unwrap_or_else(|| panic!("{status} to {method} {path} is not described as JSON")))
    }

    /// Of `workflow-run-completed`, say.
    pub fn webhook(name: &str) -> Described {
        let schema = |document: &'static super::Document| {
            let webhook = document.webhook(name)?;
            Some(webhook.schema("body", &webhook.value["requestBody"]["content"]["application/json"]["schema"], false))
        };
        let schemas: Option<Vec<_>> = WEBHOOKS.iter().map(schema).collect();
        Described(schemas.unwrap_or_else(|| panic!("the webhook {name} is not described")))
    }

    /// Whether one of the servers may send it.
    pub fn allows(&self, payload: &Value) -> bool {
        self.0.iter().any(|schema| schema.validator.is_valid(payload))
    }

    /// Each null that may be and each key that need not be there, one at a time; and at last as many of them together as
    /// may be. Of a list, its first item is looked into.
    pub fn variants(&self, payload: &Value) -> Vec<Variant> {
        let mut places = vec![];
        find_places(payload, String::new(), &mut places);
        let mut variants = vec![];
        for (change, word, all) in [
            (Change::Null, "is null", "all that may be is null"),
            (Change::LeaveOut, "is left out", "all that may be is left out"),
        ] {
            let mut together = payload.clone();
            for place in &places {
                let mut one = payload.clone();
                if !change.make(&mut one, place) || !self.allows(&one) {
                    continue;
                }
                variants.push(Variant { what: format!("{place} {word}"), payload: one });
                let before = together.clone();
                if !change.make(&mut together, place) || !self.allows(&together) {
                    together = before;
                }
            }
            variants.push(Variant { what: all.to_owned(), payload: together });
        }
        variants
    }
}

impl Change {
    /// Whether there was anything to change.
    fn make(self, payload: &mut Value, place: &str) -> bool {
        match self {
            Change::Null => payload.pointer_mut(place).is_some_and(|value| !std::mem::take(value).is_null()),
            Change::LeaveOut => {
                let Some((parent, key)) = place.rsplit_once('/') else { return false };
                let parent = payload.pointer_mut(parent).and_then(Value::as_object_mut);
                parent.is_some_and(|fields| fields.remove(&key.replace("~1", "/").replace("~0", "~")).is_some())
            }
        }
    }
}

/// As JSON pointers, outer ones first.
fn find_places(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                places.push(at.clone());
                find_places(value, at, places);
            }
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                find_places(first, format!("{at}/0"), places);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_else_may_be() {
        let described = Described::answer("GET", "/repos/o/r/check-runs/7/annotations", 200);
        let annotation = json!([{
            "path": ".github", "blob_href": "", "start_line": 1, "end_line": 1, "start_column": null, "end_column": 5,
            "annotation_level": "failure", "title": "", "message": "x", "raw_details": "", "else": 1,
        }]);
        assert!(described.allows(&annotation));
        let what: Vec<String> = described.variants(&annotation).into_iter().map(|one| one.what).collect();
        let null = |name: &str| format!("/0/{name} is null");
        let expected = [
            null("annotation_level"),
            null("else"),
            null("end_column"),
            null("message"),
            null("raw_details"),
            null("title"),
            "all that may be is null".to_owned(),
            "/0/else is left out".to_owned(),
            "all that may be is left out".to_owned(),
        ];
        assert_eq!(what, expected);
    }
}
