//! GitHub's answers, for unit tests.

use std::borrow::Borrow;

use serde_json::{Value, json};

use super::http::{Reply, ReplyHeaders};

pub fn reply(status: u16, body: impl Borrow<Value>) -> Reply {
    Reply { status, headers: ReplyHeaders::default(), body: body.borrow().to_string().into_bytes() }
}

/// As GitHub says what is wrong.
pub fn message(status: u16, message: &str) -> Reply {
    reply(status, json!({ "message": message }))
}
