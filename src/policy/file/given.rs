//! What a policy file is read with, beside its text.

use super::error::PolicyError;
use super::format::Policy;

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
