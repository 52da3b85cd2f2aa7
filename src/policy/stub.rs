//! Until the real one is here.

use serde::{Deserialize, Serialize};

use crate::hint::Conclusion;
use crate::time::Span;

#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub delay: Option<Span>,
    pub conclusions: Vec<Conclusion>,
    pub rules: Vec<Rule>,
    pub broken: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { delay: None, conclusions: vec![Conclusion::Failure, Conclusion::TimedOut], rules: vec![], broken: false }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub delay: Option<Span>,
}

impl PolicyState {
    pub fn policy(&self) -> std::borrow::Cow<'_, Policy> {
        match self {
            Self::None => std::borrow::Cow::Owned(Policy::default()),
            Self::Valid(policy) => std::borrow::Cow::Borrowed(policy),
            Self::Invalid(_) => std::borrow::Cow::Owned(Policy { broken: true, ..Policy::default() }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    pub line: u32,
    pub column: u32,
    pub key: String,
    pub message: String,
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub enum PolicyState {
    #[default]
    None,
    Valid(Policy),
    Invalid(Vec<PolicyError>),
}

pub fn parse(text: &str) -> Result<Policy, Vec<PolicyError>> {
    if text.contains("broken") {
        Err(vec![PolicyError { line: 1, column: 1, key: String::new(), message: "broken".to_owned() }])
    } else {
        Ok(Policy::default())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JudgedJob>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetched: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    #[serde(default)]
    pub runner_seconds: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedJob {
    pub name: String,
}
