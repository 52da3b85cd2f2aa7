//! What the values of a policy file are: globs, comparisons and regexes, of each of which any one is enough.

use std::fmt;

use crate::names::string_enum;
use crate::policy::run::{Origin, Run};
use crate::settings::Glob;

/// Globs, any of which is enough.
#[derive(Debug, Clone, PartialEq)]
pub struct Names(Vec<(Glob, String)>);

impl Names {
    pub fn new(globs: impl IntoIterator<Item = String>) -> Self {
        Self(globs.into_iter().map(|text| (Glob::new(&text), text)).collect())
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|(glob, _)| glob.matches(name))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the run's branch may match for all that is known: GitHub does not say whose a deleted fork was.
    pub fn may_match_branch(&self, run: &Run) -> bool {
        let (Origin::Fork(None), Some(branch)) = (&run.origin, &run.head_branch) else { return false };
        self.texts().filter_map(|text| text.split_once(':')).any(|(_, glob)| Glob::new(glob).matches(branch))
    }

    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, text)| text.as_str())
    }
}

/// Comparisons with a number, any of which is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers(pub Vec<Comparison>);

impl Numbers {
    pub fn matches(&self, number: i64) -> bool {
        self.0.iter().any(|comparison| comparison.holds(number))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    pub operator: Operator,
    pub number: i64,
}

string_enum! {
    /// The longer spellings first.
    pub enum Operator {
        Is = "==",
        IsNot = "!=",
        AtLeast = ">=",
        AtMost = "<=",
        Above = ">",
        Below = "<",
    }
}

impl Comparison {
    pub fn is(number: i64) -> Self {
        Self { operator: Operator::Is, number }
    }

    /// `>= 2`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let operator = Operator::ALL.into_iter().find(|operator| text.starts_with(operator.as_str()))?;
        let number = whole_number(text.strip_prefix(operator.as_str())?.trim_start())?;
        Some(Self { operator, number })
    }

    fn holds(self, number: i64) -> bool {
        match self.operator {
            Operator::Is => number == self.number,
            Operator::IsNot => number != self.number,
            Operator::AtLeast => number >= self.number,
            Operator::AtMost => number <= self.number,
            Operator::Above => number > self.number,
            Operator::Below => number < self.number,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operator {
            Operator::Is => self.number.fmt(f),
            operator => write!(f, "{} {}", operator.as_str(), self.number),
        }
    }
}

/// Up to ten digits, as exit codes on Windows have.
pub fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let fits = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Regexes, any of which is enough. They are compiled together, as [`super::Policy::automata`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns(pub(super) Vec<String>);

impl Patterns {
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
