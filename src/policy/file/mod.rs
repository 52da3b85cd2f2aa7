//! The policy file: text → a [`Policy`], or everything that is wrong with it.
//!
//! `yaml` (text → a tree with places) → `reader` (keys, errors) → `shapes` (`values`) → `format` (what the file says).
//! `extends` has what a file can begin with, the presets among it. `places` says where a rule stands, `warnings` what is valid and
//! hardly meant. `keys` has the means by which `format`'s tables declare a key once for the reader, the JSON Schema (`schema`) and the
//! documents.

mod extends;
mod format;
mod keys;
mod places;
mod reader;
mod schema;
mod shapes;
mod values;
mod warnings;
mod yaml;

pub use extends::{Base, Given, NOT_GIVEN, Organization, PolicyOrigin, extends_organization, summary};
pub use format::*;
pub use keys::{Key, MANY, Shape};
pub use places::lines_of_rules;
pub use reader::{PolicyError, PolicyState, parse};
pub use schema::schema;
pub use values::{Cause, Causes, Comparison, Names, Numbers, Operator, Patterns};
pub use warnings::{drops, warnings};
#[cfg(test)]
pub use yaml::{Node, Value, read as read_yaml};
