//! Decisions and policies in plain English, for a reader who has never seen this code.

mod describe;
mod doubt;
pub mod reason;
mod words;

pub use describe::describe;
pub use doubt::{Cause, Doubt};
pub use words::{clean, count, quoted};
