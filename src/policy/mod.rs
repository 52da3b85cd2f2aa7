//! What should happen to a failed run: a pure function of the run, the settings and the repository's policy file.
//!
//! # The map
//!
//! Each uses those below it.
//!
//! | module | what it is |
//! |---|---|
//! | `decision` | the run itself → its failed jobs → the limits → a [`Decision`] |
//! | `wording` | reasons, doubts and whole policies in plain English |
//! | `rerun_settings` | the Worker's settings that decisions go by |
//! | `matching` | a failed job and the rules → those that it may take, and what has to be read to know more |
//! | [`evidence`] | what a decision can go by beside the run: jobs, annotations, logs; what the patterns find in them |
//! | `features` | what a file switches on beside re-runs, and what permission that takes |
//! | [`file`] | the policy file: text → a [`Policy`], or all errors; its keys, its JSON Schema |
//! | [`catalogue`] | why a job failed, by what its tools have printed: annotations and a log → a finding |
//! | `log_line` | a line of a log as its reader sees it |
//! | `patterns` | regexes, as one automaton for all of a policy |
//! | [`run`] | a workflow run and a pull request |
//!
//! To add a condition, follow the list in CONTRIBUTING.md.
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

pub mod catalogue;
mod decision;
pub mod evidence;
mod features;
pub mod file;
mod log_line;
mod matching;
mod patterns;
mod rerun_settings;
pub mod run;
mod wording;

pub use decision::{
    BaseBranch, BaseOf, Belonging, CommandGiven, CommandVerdict, Decision, Detail, Ending, FailedJob, Rerun,
    RunOutcome, Verdict, base_branch, belonging, decide, decide_by_command, left_by_command, may_command,
    not_in_dry_run, pull_request_of, was_of,
};
pub use file::{
    Action, Cause, Commanders, FlakyIssues, Names, Organization, Outage, Policy, PolicyError, PolicyOrigin,
    PolicyState, Scope, extends_organization, lines_of_rules, parse, schema, warnings,
};
pub use rerun_settings::RerunSettings;
pub use wording::{describe, leave_rule};

#[cfg(test)]
mod tests;
