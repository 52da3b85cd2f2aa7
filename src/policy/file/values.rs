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

    /// Whether they match whatever there is.
    pub fn are_all(&self) -> bool {
        self.texts().any(|text| !text.is_empty() && text.chars().all(|c| c == '*'))
    }

    /// Whether they match every name that the others match.
    pub fn covers(&self, others: &Self) -> bool {
        // What matches a glob as a text matches all that it stands for, but `?` stands for one character and never for a `*`.
        let covers = |(glob, own): &(Glob, String), other: &str| {
            glob.matches(other) && !(own.contains('?') && other.contains('*')) || own.eq_ignore_ascii_case(other)
        };
        others.texts().all(|other| self.0.iter().any(|one| covers(one, other)))
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
    /// Whether one of them holds for every number for which one of the others does.
    pub fn covers(&self, others: &Self) -> bool {
        others.0.iter().all(|other| self.0.iter().any(|one| one.covers(*other)))
    }

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

    /// Whether there is a number from the least to the most for which it holds.
    pub fn holds_within(self, least: i64, most: i64) -> bool {
        self.holds(least)
            || self.holds(most)
            || (self.operator == Operator::Is && (least..=most).contains(&self.number))
    }

    /// Whether it holds for all numbers, with decimals, for which the other does.
    fn covers(self, other: Self) -> bool {
        let (n, is) = (other.number, self.number);
        match (self.operator, other.operator) {
            (_, Operator::Is) => self.holds(n),
            (Operator::IsNot, Operator::IsNot) => n == is,
            (Operator::AtLeast | Operator::Above, Operator::Above) => n >= is,
            (Operator::AtLeast, Operator::AtLeast) => n >= is,
            (Operator::Above | Operator::IsNot, Operator::AtLeast) => n > is,
            (Operator::AtMost | Operator::Below, Operator::Below) => n <= is,
            (Operator::AtMost, Operator::AtMost) => n <= is,
            (Operator::Below | Operator::IsNot, Operator::AtMost) => n < is,
            (Operator::IsNot, Operator::Above) => n >= is,
            (Operator::IsNot, Operator::Below) => n <= is,
            _ => false,
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

/// Causes, any of which is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes(pub(super) Vec<Cause>);

impl Causes {
    pub fn matches(&self, finding: &Finding) -> bool {
        self.0.iter().any(|cause| cause.is_of(finding))
    }

    pub fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|cause| cause.as_str())
    }

    /// Whether they are found wherever the others are.
    pub fn covers(&self, others: &Self) -> bool {
        others.0.iter().all(|other| self.0.iter().any(|one| one.covers(*other)))
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

    fn covers(self, other: Self) -> bool {
        let class = match other {
            Self::Infrastructure => None,
            Self::Class(class) => Some(class),
            Self::Entry(id) => catalogue::entries().iter().find(|entry| entry.id == id).map(|entry| entry.class),
        };
        match self {
            _ if self == other => true,
            Self::Infrastructure => class.is_some_and(Class::is_infrastructure),
            Self::Class(own) => class == Some(own) && matches!(other, Self::Entry(_)),
            Self::Entry(_) => false,
        }
    }

    /// Whether it is what was found.
    pub fn is_of(self, finding: &Finding) -> bool {
        match self {
            Self::Infrastructure => finding.class.is_infrastructure(),
            Self::Class(class) => finding.class == class,
            Self::Entry(id) => finding.id == id,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Class(class) => class.as_str(),
            Self::Entry(id) => id,
        }
    }
}
