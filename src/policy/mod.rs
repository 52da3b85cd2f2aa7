//! What should happen to a failed run: a pure function of the run and the rules.

mod decide;
pub mod evidence;
mod stub;

pub use decide::{Decision, Ending, Rerun, Rules, Scope, Verdict, decide};
pub use stub::{Detail, JudgedJob, Policy, PolicyError, PolicyState, parse};
