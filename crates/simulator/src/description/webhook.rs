//! A webhook.

use serde_json::Value;

use super::document::Document;
use super::fault::{Wrong, find};
use super::known;
use crate::webhooks::WebhookRequest;

/// What it was, and what is wrong with it.
pub(super) fn check(documents: &[Document], request: &WebhookRequest, payload: &Value) -> (String, Vec<Wrong>) {
    let header = |name: &str| {
        let mut headers = request.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let event = header("x-github-event").unwrap_or_default();
    let action = payload["action"].as_str();
    let of = format!("webhook {event}{}", action.map(|action| format!(".{action}")).unwrap_or_default());
    let name = [Some(event), action].into_iter().flatten().collect::<Vec<_>>().join("-").replace('_', "-");
    let mut wrong = vec![];
    for document in documents {
        let Some(webhook) = document.webhook(&name) else {
            wrong.push(Wrong::new(&document.name, "the event", "there is no such webhook"));
            continue;
        };
        // Headers depend on who sends; what is sent depends on nothing but the event.
        let sent_by_server = header("x-github-enterprise-host").is_some();
        let is_theirs = sent_by_server == document.is_of_server();
        for parameter in webhook.parameters().filter(|_| is_theirs) {
            let Some(name) = parameter["name"].as_str() else { continue };
            let part = format!("header {}", name.to_ascii_lowercase());
            match header(name) {
                Some(text) => {
                    let schema = webhook.schema(&part, &parameter["schema"], false);
                    wrong.extend(find(&schema, &Value::from(text), &part));
                }
                None if parameter["required"] == true => {
                    wrong.push(Wrong::new(&document.name, &part, "it is missing"));
                }
                None => {}
            }
        }
        let schema = &webhook.value["requestBody"]["content"]["application/json"]["schema"];
        wrong.extend(find(&webhook.schema("body", schema, false), payload, "the body"));
    }
    wrong.retain(|wrong| !known::is_the_descriptions(&of, wrong));
    (of, wrong)
}
