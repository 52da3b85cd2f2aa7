//! JSON read from a text.

use serde::Deserialize;

/// As [`serde_json::from_str`] reads it, by the code that reads bytes: what reads a type is in the bundle once.
pub fn from_text<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    serde_json::from_slice(text.as_bytes())
}
