//! Decisions and policies in plain English, for a reader who has never seen this code.

mod describe;
mod leave_rule;
pub mod reason;
mod words;

pub use describe::describe;
pub use leave_rule::leave_rule;
pub use reason::{Cause, Doubt};
pub use words::{clean, count, quoted, times};
