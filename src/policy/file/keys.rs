//! The keys of a file's maps, and what their values look like.

use crate::policy::patterns::Where;

/// One key of a map.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    /// As docs/policy.md shows it; empty for a key that is required.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// What a key's value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// The number 1.
    Version,
    Whole {
        least: u32,
        most: u32,
    },
    /// A whole number from `least` up to what the Worker's settings allow.
    Reruns {
        least: u32,
    },
    /// `90s`, `5m`, `2h`, up to a day.
    Duration,
    /// `1d` to `30d`.
    Days,
    /// 1 to 10, with decimals.
    Factor,
    Boolean,
    /// Free text in one line.
    Name,
    /// Of an issue on GitHub.
    Label,
    Choice(&'static [&'static str]),
    /// One or a list.
    Choices(&'static [&'static str]),
    /// A glob or a list of them.
    Globs {
        may_be_empty: bool,
    },
    /// A regex or a list of them.
    Patterns(Where),
    /// A whole number, a comparison such as `">= 2"`, or a list of them.
    Numbers,
    /// `infrastructure`, a class or an entry of the catalogue, or a list of them.
    Causes,
    /// The names of what a file begins with: one or a list.
    Bases,
    Map(&'static [Key]),
    /// As [`Shape::Map`], with at least one key.
    OneOf(&'static [Key]),
    List(&'static [Key]),
}

/// More than anybody needs.
pub const MANY: u32 = 1_000_000;
