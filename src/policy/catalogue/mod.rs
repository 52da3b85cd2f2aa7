//! Why a job failed, by what its tools have printed. The data is in the YAML files beside this one (docs/catalogue.md).
//!
//! | file | what it is |
//! |---|---|
//! | `class` | kinds of reasons |
//! | `pattern` | what a tool prints, with places left open |
//! | `prefilter` | which patterns may match a line |
//! | `table` | the entries, from the data |
//! | `step` | where in a log a failed step ends |
//! | `find` | annotations and a log → the one finding |

mod class;
mod find;
mod pattern;
mod prefilter;
mod step;
mod table;
#[cfg(test)]
mod tests;

pub use class::Class;
pub use find::{Annotated, Finding, Log, find};
pub use pattern::Pattern;
pub use prefilter::{GRAM, around, marks};
pub use table::Entry;

/// All entries. Of several that match a line, the first is meant.
pub fn entries() -> &'static [Entry] {
    &table::TABLE.entries
}
