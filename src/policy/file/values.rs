//! What the values of a policy file are: globs, comparisons and regexes, of each of which any one is enough.

use std::cmp::Ordering;
use std::fmt;

use crate::names::string_enum;
use crate::policy::catalogue::{self, Class, Finding};
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

impl Numbers {
    /// As [`Numbers::matches`], with how many percent `part` of `whole` is, whole or not.
    pub fn matches_percent(&self, part: u64, whole: u64) -> bool {
        let (part, whole) = (i128::from(part) * 100, i128::from(whole));
        let order = |comparison: &Comparison| part.cmp(&(i128::from(comparison.number) * whole));
        self.0.iter().any(|comparison| comparison.operator.takes(order(comparison)))
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

impl Operator {
    fn takes(self, order: Ordering) -> bool {
        match self {
            Self::Is => order.is_eq(),
            Self::IsNot => order.is_ne(),
            Self::AtLeast => order.is_ge(),
            Self::AtMost => order.is_le(),
            Self::Above => order.is_gt(),
            Self::Below => order.is_lt(),
        }
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
        self.operator.takes(number.cmp(&self.number))
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

/// Causes, any of which is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes(pub(super) Vec<Cause>);

impl Causes {
    pub fn matches(&self, finding: &Finding) -> bool {
        self.0.iter().any(|cause| match cause {
            Cause::Infrastructure => finding.class.is_infrastructure(),
            Cause::Class(class) => finding.class == *class,
            Cause::Entry(id) => finding.id == *id,
        })
    }

    pub fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|cause| cause.as_str())
    }
}

/// What the catalogue can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Any class that is.
    Infrastructure,
    Class(Class),
    /// By its id.
    Entry(&'static str),
}

impl Cause {
    /// Classes before entries, as their names are shorter to write.
    pub fn all() -> impl Iterator<Item = Self> {
        let entries = catalogue::entries().iter().map(|entry| Self::Entry(entry.id));
        [Self::Infrastructure].into_iter().chain(Class::ALL.map(Self::Class)).chain(entries)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Class(class) => class.as_str(),
            Self::Entry(id) => id,
        }
    }
}
