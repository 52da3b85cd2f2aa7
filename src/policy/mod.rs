//! What should happen to a failed run: a pure function of the run and the rules.

mod decide;
pub mod evidence;

pub use decide::{Decision, Ending, Rules, decide};
