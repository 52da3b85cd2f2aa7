//! What may have kept a run from being re-run, in words.

use std::fmt;

use crate::policy::file::{Action, Rule};
use crate::policy::matching::Unknown;

use super::words::{clean, quoted};

/// What may have kept a run from being re-run, and what cannot be known that would tell.
pub struct Doubt<'a> {
    pub cause: Cause<'a>,
    pub unknown: Unknown<'a>,
}

pub enum Cause<'a> {
    Rule(&'a Rule),
    MaxFailedJobs,
    StopWhenRepeated,
    MinutesPerDay,
}

impl Doubt<'_> {
    /// For the sentence of a re-run.
    pub fn in_spite(&self) -> String {
        format!(", although {self}; absent_evidence says so")
    }
}

/// `rule "tests" may say to leave it: its log could not be read (GitHub has none (404))`.
impl fmt::Display for Doubt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Rule(rule) => {
                let says = match rule.action {
                    Action::Leave => "may say to leave it",
                    Action::Ignore => "may say to ignore it",
                    Action::Rerun => "may be the one for it, and its re-runs are used up",
                };
                write!(f, "rule {} {says}", quoted(&rule.name))?;
            }
            Cause::MaxFailedJobs => f.write_str("more jobs may have failed than max_failed_jobs of the policy file")?,
            Cause::StopWhenRepeated => f.write_str("it may have failed in the same way as before")?,
            Cause::MinutesPerDay => f.write_str("its re-run may take more than what is left of minutes_per_day")?,
        }
        write!(f, ": {}", self.unknown)
    }
}

impl Unknown<'_> {
    pub fn noun(self) -> &'static str {
        match self {
            Self::Jobs(_) => "its jobs",
            Self::Annotations(_) => "its annotations",
            Self::Log(_) => "its log",
            Self::Workflow(_) => "the name of its workflow",
            Self::Branch | Self::Fork => "its branch",
            Self::Event => "its event",
            Self::Actor => "who started it",
        }
    }
}

/// `its log could not be read (GitHub has none (404))`.
impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs(why) | Self::Annotations(why) | Self::Log(why) | Self::Workflow(why) => {
                write!(f, "{} could not be read ({})", self.noun(), clean(why))
            }
            Self::Branch => f.write_str("GitHub does not say what its branch is"),
            Self::Fork => f.write_str("GitHub does not say whose fork its branch was in, which is gone"),
            Self::Event => f.write_str("GitHub does not say what started it"),
            Self::Actor => f.write_str("GitHub does not say who started it"),
        }
    }
}
