//! A re-run whose end is awaited: what it was for, and where it was counted.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRerun {
    /// The attempt that was re-run.
    pub run_attempt: i64,
    /// The jobs that it was for, by what they are counted as.
    pub subjects: Vec<i64>,
    /// Those of them whose failure nobody knew.
    pub unknown: Vec<i64>,
    /// `None`: by a version that did not count what re-runs bring.
    pub counted: Option<CountedRerun>,
}

/// Where a re-run was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedRerun {
    pub day: i64,
    pub label: Label,
    pub ordinal: usize,
}

/// What re-runs were decided by, as it is stored. No policy: empty. Rules: a list as JSON, or a word that is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    pub policy: String,
    pub rules: String,
}
