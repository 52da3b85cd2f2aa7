//! The policy file: text → a [`Policy`], or everything that is wrong with it.
//!
//! `yaml` (text → a tree with places) → `reader` (keys, errors) → `shapes` (values) → `format` (what the file says).
//! `keys` has the means by which `format`'s tables declare a key once for the reader, the JSON Schema (`schema`) and README.

mod error;
mod format;
mod keys;
mod names;
mod numbers;
mod reader;
mod schema;
mod shapes;
mod state;
mod yaml;

pub use error::PolicyError;
pub use format::*;
pub use keys::{Key, Shape};
pub use names::Names;
pub use numbers::{Comparison, Numbers, Operator};
pub use reader::{Bounds, parse};
pub use schema::schema;
pub use state::PolicyState;
#[cfg(test)]
pub use yaml::{Node, Value, read as read_yaml};
