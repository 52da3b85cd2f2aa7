//! A request as the web layer sees it, and its response: the headers that all responses share are here.

use std::borrow::Cow;

use serde::Serialize;

use super::html::content_security_policy;

/// How many rows of storage the answer took, where a Keeper was asked.
const ROWS_READ: &str = "x-rows-read";

pub struct Request<'a> {
    pub method: &'a str,
    /// Absolute.
    pub url: &'a str,
    /// A header's value, by its name in lower case.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// Of the client, as the platform saw it. Blank where it did not say.
    pub address: &'a str,
}

impl Request<'_> {
    /// Whether a page's form was sent, and not a program's request.
    pub fn is_form(&self) -> bool {
        (self.header)("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// A name can occur twice.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn html(page: String) -> Self {
        Self::html_with_forms_to("'self'", page)
    }

    /// A page whose forms lead to these places, and nowhere else.
    pub fn html_with_forms_to(places: &str, page: String) -> Self {
        Self::private("text/html; charset=utf-8", page).with("content-security-policy", content_security_policy(places))
    }

    pub fn json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(Self::json_text)
    }

    pub fn json_text(body: Vec<u8>) -> Self {
        Self::private("application/json", body)
    }

    pub fn see_other(path: String) -> Self {
        Self::private("text/plain; charset=utf-8", "").with_status(303).with("location", path)
    }

    /// For everybody and every site, and kept for so many seconds.
    pub fn public_image(content_type: &'static str, image: String, max_age: u32) -> Self {
        Self::new(content_type, image)
            .with("cache-control", format!("public, max-age={max_age}"))
            .with("content-security-policy", "default-src 'none'")
    }

    /// For whoever asked, and kept nowhere.
    pub fn private(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(content_type, body)
            .with("cache-control", "no-store")
            .with("cross-origin-resource-policy", "same-origin")
            // Not less, or a browser would not say where its own form comes from.
            .with("referrer-policy", "same-origin")
    }

    fn new(content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.into()), ("x-content-type-options", "nosniff".into())];
        Self { status: 200, headers, body: body.into() }
    }

    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn with_rows_read(self, rows_read: usize) -> Self {
        self.with(ROWS_READ, rows_read.to_string())
    }
}
