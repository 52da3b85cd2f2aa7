//! The run itself → its jobs, by the rules → the limits → a [`Decision`].

mod absent;
mod base;
mod belonging;
mod commanded;
mod decide;
mod detail;
mod failed_attempt;
mod fingerprint;
mod superseded;
mod verdict;

pub use base::{BaseBranch, BaseOf, base_branch};
pub use belonging::{Belonging, belonging, was_of};
pub use commanded::{CommandGiven, CommandVerdict, decide_by_command, left_by_command, may_command, not_in_dry_run};
pub use decide::decide;
pub use detail::{Detail, FailedJob};
pub use superseded::pull_request_of;
pub use verdict::{Decision, Ending, Rerun, RunOutcome, Verdict};
