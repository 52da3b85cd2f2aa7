//! What a policy file is read with, beside its text.

use crate::policy::patterns::Where;

use super::error::{PolicyError, summary};
use super::format::Policy;
use super::values::Patterns;

#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// What holds where neither the file nor what it extends has `max_reruns`.
    pub max_reruns: u32,
    /// The most that `max_reruns` may be, for a run or a rule.
    pub ceiling: u32,
    pub organization: Organization<'a>,
}

/// Where there is no organization's file.
impl From<u32> for Given<'_> {
    fn from(ceiling: u32) -> Self {
        Self { max_reruns: ceiling, ceiling, organization: Organization::None }
    }
}

/// What `extends: organization` stands for.
#[derive(Debug, Clone, Copy)]
pub enum Organization<'a> {
    /// There is no such file.
    None,
    /// It is not at hand: a command was not given it.
    NotGiven,
    /// `ORGANIZATION_POLICY` is off.
    Off,
    /// This file is the organization's own.
    Itself,
    Policy(&'a Policy),
    /// At least one error.
    Invalid(&'a [PolicyError]),
}

/// No fault of the file, unlike other errors.
pub const NOT_GIVEN: &str = "the organization's file is not at hand; give it with --organization FILE";

impl<'a> Organization<'a> {
    /// The regexes of its rules, or why no file can extend it.
    pub(super) fn patterns(self) -> Result<Vec<(&'a str, Where)>, String> {
        Err(match self {
            Self::Policy(policy) => return Ok(patterns_of(policy)),
            Self::None => "there is no organization's policy file: OWNER/.github has none".to_owned(),
            Self::NotGiven => NOT_GIVEN.to_owned(),
            Self::Off => "ORGANIZATION_POLICY is off, so that there is no organization's file".to_owned(),
            Self::Itself => "this is the organization's own file".to_owned(),
            Self::Invalid(errors) => {
                format!("the organization's policy file, in OWNER/.github, is not valid: {}", summary(errors))
            }
        })
    }
}

fn patterns_of(policy: &Policy) -> Vec<(&str, Where)> {
    let mut all = Vec::new();
    for conditions in policy.rules.iter().map(|rule| &rule.conditions) {
        for (patterns, place) in [(&conditions.annotation, Where::Annotation), (&conditions.log, Where::Log)] {
            all.extend(patterns.iter().flat_map(Patterns::texts).map(|text| (text, place)));
        }
    }
    all
}
