//! The policy file: text → a [`Policy`], or everything that is wrong with it.
//!
//! Each uses those below it.
//!
//! | | |
//! |---|---|
//! | `warnings`, `places`, `schema` | what is valid and hardly meant; where a rule stands; the JSON Schema |
//! | `parse` | text → a policy, or all errors; the presets |
//! | `extends` | a file and what it begins with, joined |
//! | `shapes` | a value, by the type that it is read as |
//! | `given` | what a file is read with, beside its text |
//! | `format` | what a file says: each line declares a key once, for the reader, the JSON Schema and the documents |
//! | `tables` | how such a line is declared |
//! | `reader` | the keys of a map, and what is wrong |
//! | `keys`, `values`, `base` | keys and what their values look like; globs, numbers, causes; presets |
//! | `yaml` | text → a tree with places |
//! | `error` | what is wrong, and where |

mod base;
mod error;
mod extends;
mod format;
mod given;
mod keys;
mod parse;
mod places;
mod reader;
mod schema;
mod shapes;
mod tables;
mod values;
mod warnings;
mod yaml;

pub use base::{Base, PolicyOrigin};
pub use error::{PolicyError, summary};
pub use extends::extends_organization;
pub use format::*;
pub use given::{Given, NOT_GIVEN, Organization};
pub use keys::{Key, MANY, Shape};
pub use parse::{PolicyState, parse};
pub use places::lines_of_rules;
pub use schema::schema;
pub use values::{Cause, Causes, Comparison, Names, Numbers, Operator, Patterns};
pub use warnings::{drops, warnings};
#[cfg(test)]
pub use yaml::{Node, Value, read as read_yaml};
