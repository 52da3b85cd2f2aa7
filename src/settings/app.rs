//! The GitHub App that the Worker acts as, and what it must be granted.

use std::fmt;

use serde_json::{Map, Value};

use super::Secret;

/// What the App must be granted, as GitHub's API names it. The doctor and the set-up page go by it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// Whether it writes on pull requests what was re-run.
    pub comments: bool,
}

impl Needed {
    pub fn permissions(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let pull_requests = if self.comments { "write" } else { "read" };
        let always = [("actions", "write"), ("checks", "read"), ("contents", "read"), ("metadata", "read")];
        always.into_iter().chain([("pull_requests", pull_requests)])
    }

    /// As the API and a manifest take it.
    pub fn to_json(self) -> Map<String, Value> {
        self.permissions().map(|(name, level)| (name.to_owned(), level.into())).collect()
    }

    /// What does for an App that was made when pull requests were not looked at: without, some of them cannot be told
    /// from closed ones. `None`: it would not do.
    pub fn at_least(self) -> Option<Map<String, Value>> {
        let mut all = self.to_json();
        all.remove("pull_requests");
        (!self.comments).then_some(all)
    }
}

/// `actions: write, checks: read, …`
impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permissions: Vec<String> = self.permissions().map(|(name, level)| format!("{name}: {level}")).collect();
        f.write_str(&permissions.join(", "))
    }
}

/// The App's id and key, as the settings have them.
#[derive(Debug, Clone)]
pub struct App {
    /// Its number, or its client id.
    pub id: String,
    /// See [`super::private_key`].
    pub key: Secret,
    pub needed: Needed,
}
