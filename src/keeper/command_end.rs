//! How a command is over, and when at the latest.

use crate::time::Span;

/// Longer than a rate limit lasts. After that a command is given up, and so is what it has asked for: nobody expects it to act any
/// more.
pub const ACTS_WITHIN: Span = Span::hours(2);
pub const GIVEN_UP: &str = "it could not be done within two hours";
pub const PAUSED: &str = "re-runs in this repository are paused. Give the command again once they are resumed";

/// How a command is over.
pub enum End {
    Done { answer: Option<String> },
    Refused { why: String },
}
