//! What should happen to a failed run: a pure function of the run, the settings and the repository's policy file.
//!
//! | file | what it is |
//! |---|---|
//! | [`keys`] | every key of the file: shape, default, meaning; the reader, the schema and README go by it |
//! | `yaml`, `read`, `shapes`, `error` | text → tree with places → [`Policy`], or all errors |
//! | `format` | what a policy file says, resolved |
//! | `schema`, `describe` | the format as a JSON Schema; a policy in plain English |
//! | [`evidence`] | what a decision can go by |
//! | [`search`] | what its patterns find, within a budget |
//! | `judge` | a failed job and the rules → what can still be made of it, and what has to be read for that |
//! | `workflow`, [`interruption`] | what a run's workflow is called; what ended a job other than its own steps |
//! | `decide`, `case` | the run itself → its jobs, and the limits → [`Decision`] |
//! | `absent` | whether what could not be read could have kept a run from being re-run |
//! | `superseded` | whether a run is still of what its pull request is |
//! | `cost`, `fingerprint` | what a re-run costs; whether two attempts failed in the same way |
//! | `reason`, `words`, `detail` | the decision as a sentence, and as data |
//!
//! # Why these libraries
//!
//! A policy file's errors have places and come all at once, which serde cannot do: it stops at the first. So a parser of
//! events is enough, and the tree and the reader are ours. What a minimal WebAssembly module that reads a document takes
//! (release, `opt-level = "s"`, LTO), raw and with gzip:
//!
//! | crate | raw | gzip | |
//! |---|---|---|---|
//! | yaml-rust2 0.13 | 105,905 | 36,441 | events; its maintainer's own work goes on in saphyr |
//! | **saphyr-parser 0.3** | 118,083 | 43,754 | events with spans; passes YAML's test suite, caps nesting, has no `unsafe` |
//! | granit-parser 2.2 | 160,955 | 60,202 | a younger fork of saphyr-parser that keeps comments |
//! | marked-yaml 0.8 | 182,059 | 65,068 | a tree with places, by way of yaml-rust |
//! | serde-saphyr 2.1 | 630,766 | 235,777 | serde; for a struct of two fields |
//!
//! serde_yaml and its forks are out, as they rest on a C library that was translated to unsafe Rust.
//!
//! For regexes, all of a policy's are one lazy DFA of regex-automata 0.4, with regex-syntax 0.8 for the syntax and without
//! Unicode's tables. In the place of regex-lite 0.1 it adds 149,000 bytes to the Worker, 60,000 with gzip. But it goes through
//! a text once, however many patterns there are, and each of its steps can be counted; regex-lite looks for one pattern
//! after the other, at each character in proportion to the pattern's size: 30 s on workerd for 64 regexes and 12 logs. So do
//! regex-automata's PikeVM and regex 1 without its optimizations.

mod absent;
mod cost;
mod decide;
mod describe;
mod detail;
mod error;
pub mod evidence;
mod failed_attempt;
mod fingerprint;
mod format;
pub mod interruption;
mod judge;
pub mod keys;
mod outcome;
mod read;
mod reason;
pub mod run;
mod schema;
pub mod search;
mod shapes;
mod superseded;
mod words;
mod workflow;
mod yaml;

pub use decide::{Decision, Ending, Rerun, Rules, Verdict, decide};
pub use describe::describe;
pub use detail::{Detail, JudgedJob};
pub use error::PolicyError;
pub use format::*;
pub use outcome::RunOutcome;
pub use read::{Bounds, parse};
pub use schema::schema;
pub use superseded::pull_request_of;

#[cfg(test)]
mod tests;
