//! What can come of looking at a run: a decision, or what has to be read before there is one.

use crate::names::string_enum;
use crate::policy::evidence::Need;
use crate::policy::file::Scope;
use crate::time::Span;

use super::detail::Detail;

#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "there is one of it, not a list; on WebAssembly it is half as large")
)]
pub enum Verdict {
    /// To be read, or to be said to be absent, before there is a decision.
    Need(Need),
    Decision(Decision),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It has not concluded.
    Await,
    Rerun(Rerun),
    End(Ending),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rerun {
    /// Why, as a sentence.
    pub reason: String,
    /// The same in some words, without a full stop: `Attempt 1 failed (network): re-run 1 of at most 3`.
    pub in_short: String,
    /// How long after the end of the attempt.
    pub delay: Span,
    pub scope: Scope,
    pub debug_logging: bool,
    pub detail: Detail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub outcome: RunOutcome,
    /// Why, as a sentence.
    pub reason: String,
    /// Whether nothing more can be said of this attempt. A run that waits for approval can still fail in the same
    /// attempt.
    pub last_word: bool,
    pub detail: Detail,
}

string_enum! {
    /// Where a tracked run stands.
    pub enum RunOutcome {
        /// An attempt failed; what to do is still to be decided or done.
        Waiting = "waiting",
        /// GitHub accepted a re-run.
        Rerunning = "rerunning",
        /// A later attempt succeeded.
        Rescued = "rescued",
        /// The last attempt that may be re-run was, and failed.
        Exhausted = "exhausted",
        /// A rule or setting says not to re-run it.
        Left = "left",
        /// GitHub refused.
        Failed = "failed",
        /// Its pull request has moved on to another commit.
        Superseded = "superseded",
    }
}

/// Why there is no re-run, or not yet.
pub enum Stop {
    Need(Need),
    End(Box<Ending>),
}

impl Stop {
    pub fn end(outcome: RunOutcome, reason: String, detail: Detail) -> Self {
        Self::End(Box::new(Ending { outcome, reason, last_word: true, detail }))
    }
}

impl From<Stop> for Verdict {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Need(need) => Self::Need(need),
            Stop::End(ending) => Self::Decision(Decision::End(*ending)),
        }
    }
}
