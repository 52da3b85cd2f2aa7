//! What is wrong with a policy file, and where.

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a policy file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("line {line}, column {column}: {}{message}", if key.is_empty() { String::new() } else { format!("{key}: ") })]
pub struct PolicyError {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// How many characters of that line it is about.
    #[serde(default)]
    pub length: u32,
    /// The key: `max_reruns`, `rules[2].if.log`; empty when it is not about one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// What is wrong, or what was expected.
    pub message: String,
}

impl PolicyError {
    /// Without its place in the file.
    pub fn said(&self) -> String {
        let Self { key, message, .. } = self;
        if key.is_empty() { message.clone() } else { format!("{key}: {message}") }
    }
}

/// The first error, and how many more there are.
pub fn summary(errors: &[PolicyError]) -> String {
    match errors {
        [] => "it could not be read".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    }
}

/// The parser knows where a list or map begins, and not for each where it ends; what goes on below is shown to the end of its
/// first line.
pub(super) fn within_lines(sorted: &mut [PolicyError], text: &str) {
    let mut lines = (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(text).lines());
    let mut now = None;
    for error in sorted {
        while now.is_none_or(|(number, _)| number < error.line)
            && let Some(next) = lines.next()
        {
            now = Some(next);
        }
        let line = now.filter(|(number, _)| *number == error.line).map_or("", |(_, line)| line);
        let begins = line.char_indices().nth(error.column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at);
        let rest = line.get(begins..).unwrap_or_default();
        let value = up_to_end(rest);
        // A scalar's end is known.
        let is_flow = rest.starts_with(['[', '{']);
        let chars = u32::try_from(value.trim_end().chars().count()).unwrap_or(u32::MAX);
        error.length = if is_flow && error.length > 1 { chars } else { error.length.min(chars) }.max(1);
    }
}

/// Of what begins a value: up to the bracket that ends it, or a comment.
fn up_to_end(rest: &str) -> &str {
    let (mut quote, mut depth, mut before) = (None, 0_usize, ' ');
    let is_flow = rest.starts_with(['[', '{']);
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return rest.get(..at).unwrap_or(rest),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') if is_flow && depth == 1 => return rest.get(..=at).unwrap_or(rest),
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
        before = c;
    }
    rest
}
