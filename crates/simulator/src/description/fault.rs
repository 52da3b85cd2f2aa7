//! What is wrong, in words.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::document::Schema;

/// Something that is not as GitHub describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `GET /repos/{owner}/{repo}/pulls/{pull_number} 200`, `webhook ping`
    pub of: String,
    /// `owner/name`, where it is about one.
    pub repository: Option<String>,
    /// `api.github.com`, `ghes-3.17`
    pub description: String,
    /// `the answer's body`
    pub part: String,
    /// A JSON pointer into the part; empty for all of it.
    pub pointer: String,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.of, self.part)?;
        if !self.pointer.is_empty() {
            write!(f, " at {}", self.pointer)?;
        }
        write!(f, ": {} (by the description of {}", self.what, self.description)?;
        match &self.repository {
            Some(repository) => write!(f, "; in {repository})"),
            None => f.write_str(")"),
        }
    }
}

/// The same, before it is known what it is of.
#[derive(Debug)]
pub(super) struct Wrong {
    pub description: String,
    pub part: String,
    pub pointer: String,
    pub what: String,
}

impl Wrong {
    pub fn new(description: &str, part: &str, what: impl Into<String>) -> Wrong {
        let (description, part) = (description.to_owned(), part.to_owned());
        Wrong { description, part, pointer: String::new(), what: what.into() }
    }

    pub fn of(self, of: &str, repository: Option<&str>) -> Violation {
        let Wrong { description, part, pointer, what } = self;
        let repository = repository.filter(|name| !name.is_empty()).map(str::to_owned);
        Violation { of: of.to_owned(), repository, description, part, pointer, what }
    }
}

/// Everything in a value that its schema does not allow.
pub(super) fn find(schema: &Schema, value: &Value, part: &str) -> Vec<Wrong> {
    let mut wrong = vec![];
    for error in schema.validator.iter_errors(value) {
        explain(&error, &mut |error| {
            let pointer = error.instance_path().to_string();
            let what = shortened(&error.masked_with("this").to_string());
            let seen = shortened(&error.instance().to_string());
            let what = if what.contains("this") { format!("{what}; it is {seen}") } else { what };
            wrong.push(Wrong { pointer, ..Wrong::new(&schema.description, part, what) });
        });
    }
    wrong
}

/// "None of these schemas" helps nobody: the one that came closest says what is missing.
fn explain<'a>(error: &ValidationError<'a>, tell: &mut impl FnMut(&ValidationError<'a>)) {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else {
        return tell(error);
    };
    // What only says that null would do is of no help either.
    let is_of_type = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().any(|inner| {
            matches!(inner.kind(), ValidationErrorKind::Type { .. }) && inner.instance_path() == error.instance_path()
        })
    };
    match context.iter().filter(is_of_type).min_by_key(|errors| errors.len()) {
        Some(closest) if !closest.is_empty() => closest.iter().for_each(|inner| explain(inner, tell)),
        _ => tell(error),
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
