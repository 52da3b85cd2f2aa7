//! The run itself → its jobs, by the rules → the limits → a [`Decision`].

mod absent;
mod cost;
mod decide;
mod detail;
mod failed_attempt;
mod fingerprint;
mod outcome;
mod superseded;

pub use decide::{Decision, Ending, Rerun, Verdict, decide};
pub use detail::{Detail, FailedJob};
pub use outcome::RunOutcome;
pub use superseded::pull_request_of;
