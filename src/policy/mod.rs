//! What should happen to a failed run: a pure function of the run, the settings and the repository's policy file.

mod cost;
mod decide;
mod describe;
mod detail;
mod error;
pub mod evidence;
mod fingerprint;
mod format;
mod judge;
pub mod keys;
mod read;
mod reason;
mod schema;
mod words;
mod yaml;

pub use decide::{Decision, Ending, Rerun, Rules, Verdict, decide};
pub use describe::describe;
pub use detail::{Detail, JudgedJob};
pub use error::PolicyError;
pub use format::*;
pub use read::{Bounds, parse};
pub use schema::schema;

#[cfg(test)]
mod tests;
