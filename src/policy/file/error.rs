use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a policy file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyError {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// The key: `max_reruns`, `rules[2].if.log`; empty when it is not about one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// What is wrong, or what was expected.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}
