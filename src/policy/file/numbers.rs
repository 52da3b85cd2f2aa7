use std::fmt;

use crate::names::string_enum;

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
