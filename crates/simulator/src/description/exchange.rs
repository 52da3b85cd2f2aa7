//! A call and its answer.

use bytes::Bytes;
use hyper::http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::document::{Document, Operation, Route, Schema};
use super::fault::{Wrong, find};
use super::known;

/// What went over the wire.
pub(crate) struct Exchange {
    /// `owner/name`, where it is about one.
    pub repository: Option<String>,
    pub method: Method,
    /// With its query.
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// `None`: there was none, or a test had it broken.
    pub answer: Option<Answer>,
}

pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What it was, and what is wrong with it. `strict`: whoever calls says what GitHub only advises to say.
pub(super) fn check(documents: &[Document], exchange: &Exchange, strict: bool) -> (String, Vec<Wrong>) {
    let path = known::described_path(exchange.uri.path());
    let mut wrong = vec![];
    let mut shown = None;
    for document in documents {
        let Some(route) = document.route(&path) else {
            wrong.push(Wrong::new(&document.name, "the path", "there is no such path"));
            continue;
        };
        shown.get_or_insert(route.template);
        let Some(operation) = route.operation(exchange.method.as_str()) else {
            wrong.push(Wrong::new(&document.name, "the method", "the path has no such method"));
            continue;
        };
        let call = Call { exchange, operation, name: &document.name };
        call.parameters(&route, &mut wrong);
        call.headers(strict, &mut wrong);
        call.body(&mut wrong);
        if let Some(answer) = &exchange.answer {
            call.answer(answer, &mut wrong);
        }
    }
    let status = exchange.answer.as_ref().map(|answer| format!(" {}", answer.status)).unwrap_or_default();
    let of = format!("{} {}{status}", exchange.method, shown.unwrap_or(&path));
    wrong.retain(|wrong| !known::is_the_descriptions(&of, wrong));
    (of, wrong)
}

struct Call<'a> {
    exchange: &'a Exchange,
    operation: Operation<'a>,
    name: &'a str,
}

impl Call<'_> {
    fn wrong(&self, part: &str, what: impl Into<String>) -> Wrong {
        Wrong::new(self.name, part, what)
    }

    fn parameters(&self, route: &Route<'_>, wrong: &mut Vec<Wrong>) {
        let query = pairs(self.exchange.uri.query().unwrap_or_default());
        for (name, _) in &query {
            if !self.operation.parameters().any(|one| one["in"] == "query" && one["name"] == **name) {
                wrong.push(self.wrong("the query", format!("there is no parameter {name:?}")));
            }
        }
        for parameter in self.operation.parameters() {
            let (Some(name), Some(place)) = (parameter["name"].as_str(), parameter["in"].as_str()) else { continue };
            let value = match place {
                "path" => route.values.iter().find(|(known, _)| *known == name).map(|(_, value)| decoded(value)),
                "query" => query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
                "header" => header(&self.exchange.headers, name).map(str::to_owned),
                _ => None,
            };
            let part = format!("parameter {name} in {place}");
            match value {
                None if parameter["required"] == true => wrong.push(self.wrong(&part, "it is missing")),
                None => {}
                Some(text) => {
                    wrong.extend(find_in_text(&self.operation.schema(&part, &parameter["schema"], true), &text, &part));
                }
            }
        }
    }

    fn headers(&self, strict: bool, wrong: &mut Vec<Wrong>) {
        for name in ["user-agent", "accept", known::VERSION_HEADER] {
            if strict && header(&self.exchange.headers, name).is_none_or(str::is_empty) {
                wrong.push(self.wrong(&format!("header {name}"), "it is missing"));
            }
        }
        for media in
            header(&self.exchange.headers, "accept").unwrap_or_default().split(',').filter(|one| !one.is_empty())
        {
            let media = media_type(media);
            if !known::is_media_type(media) && !self.answers_with(media) {
                wrong.push(self.wrong("header accept", format!("GitHub has no media type {media:?}")));
            }
        }
        if let Some(version) = header(&self.exchange.headers, known::VERSION_HEADER)
            && version != known::VERSION
        {
            wrong.push(self.wrong("header x-github-api-version", format!("{version:?} is not {:?}", known::VERSION)));
        }
    }

    fn answers_with(&self, media: &str) -> bool {
        let answers = self.operation.value["responses"].as_object().into_iter().flat_map(|all| all.values());
        answers.into_iter().any(|answer| self.operation.document.resolve(answer)["content"].get(media).is_some())
    }

    fn body(&self, wrong: &mut Vec<Wrong>) {
        let (part, body) = ("the call's body", &self.exchange.body[..]);
        let described = self.operation.document.resolve(&self.operation.value["requestBody"]);
        if body.is_empty() {
            if described["required"] == true {
                wrong.push(self.wrong(part, "it is missing"));
            }
            return;
        }
        let Some(content) = described["content"].get("application/json") else {
            return wrong.push(self.wrong(part, "there is to be none"));
        };
        let media = header(&self.exchange.headers, "content-type").map(media_type);
        if media != Some("application/json") {
            wrong.push(self.wrong("header content-type", format!("{media:?} is not application/json")));
        }
        match serde_json::from_slice(body) {
            Ok(body) => wrong.extend(find(&self.operation.schema(part, &content["schema"], true), &body, part)),
            Err(error) => wrong.push(self.wrong(part, format!("it is no JSON: {error}"))),
        }
    }

    fn answer(&self, answer: &Answer, wrong: &mut Vec<Wrong>) {
        let status = answer.status.to_string();
        let part = "the answer's body";
        let media = header(&answer.headers, "content-type").map(media_type);
        let raw = header(&self.exchange.headers, "accept").is_some_and(|accept| accept.contains(".raw"));
        if (raw && answer.status == 200) || known::is_from_the_front_door(answer.status, media) {
            return;
        }
        let described = self.operation.value["responses"].get(&status);
        let described = described.map(|described| self.operation.document.resolve(described));
        let schema = match described {
            Some(described) => {
                self.answer_headers(answer, described, wrong);
                match (&described["content"], media) {
                    (Value::Object(content), Some(media)) if content.contains_key(media) => {
                        self.operation.answer(&status, media)
                    }
                    (Value::Object(_), media) => {
                        let media = media.unwrap_or("nothing");
                        return wrong.push(self.wrong(part, format!("it is not to be {media}")));
                    }
                    _ => None,
                }
            }
            None => match known::undescribed(answer.status) {
                Some(known::Body::None) => None,
                Some(known::Body::Component(name)) => Some(self.operation.document.component(name)),
                None => return wrong.push(self.wrong("the status", "it is not described, nor known otherwise")),
            },
        };
        match schema {
            None if answer.body.is_empty() => {}
            None => wrong.push(self.wrong(part, "there is to be none")),
            Some(schema) => match serde_json::from_slice(&answer.body) {
                Ok(body) => wrong.extend(find(&schema, &body, part)),
                Err(error) => wrong.push(self.wrong(part, format!("it is no JSON: {error}"))),
            },
        }
    }

    fn answer_headers(&self, answer: &Answer, described: &Value, wrong: &mut Vec<Wrong>) {
        for (name, value) in described["headers"].as_object().into_iter().flatten() {
            let part = format!("the answer's header {}", name.to_ascii_lowercase());
            let schema = &self.operation.document.resolve(value)["schema"];
            match header(&answer.headers, name) {
                Some(text) => {
                    wrong.extend(find_in_text(&self.operation.schema(&part, schema, false), text, &part));
                }
                // A page that is the only one has no links; all else is always there.
                None if name.eq_ignore_ascii_case("link") => {}
                None => wrong.push(self.wrong(&part, "it is missing")),
            }
        }
    }
}

/// A text has no type: one of those that it can be read as has to fit.
fn find_in_text(schema: &Schema, text: &str, part: &str) -> Vec<Wrong> {
    let number = text.parse::<i64>().ok().map(Value::from);
    let truth = text.parse::<bool>().ok().map(Value::from);
    let list = text.split(',').map(Value::from).collect();
    let mut readings = [number, truth, Some(Value::from(text)), Some(list)].into_iter().flatten();
    if readings.any(|value| schema.validator.is_valid(&value)) {
        return vec![];
    }
    find(schema, &Value::from(text), part)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `application/json; charset=utf-8` without what comes after.
fn media_type(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
