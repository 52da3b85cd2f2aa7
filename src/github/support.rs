//! GitHub's answers, and what it was asked for, for unit tests.

use std::borrow::Borrow;

use serde_json::{Value, json};

use super::http::{Reply, ReplyHeaders, Request};

pub fn reply(status: u16, body: impl Borrow<Value>) -> Reply {
    Reply { status, headers: ReplyHeaders::default(), body: body.borrow().to_string().into_bytes() }
}

/// As GitHub says what is wrong.
pub fn message(status: u16, message: &str) -> Reply {
    reply(status, json!({ "message": message }))
}

impl Request {
    /// Of a call on octo/widgets.
    pub fn in_short(&self) -> String {
        let text = format!("{:?} {} {}", self.method, self.path, self.body.as_deref().unwrap_or_default());
        text.trim_end().to_owned()
    }
}
