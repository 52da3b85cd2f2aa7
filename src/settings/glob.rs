//! Name patterns.

use wildmatch::WildMatch;

/// A name pattern: `*` stands for any characters, `?` for one; case does not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Glob(WildMatch);

impl Glob {
    pub fn new(pattern: &str) -> Self {
        Self(WildMatch::new_case_insensitive(pattern))
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}
