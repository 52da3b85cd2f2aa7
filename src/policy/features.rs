//! What a policy file switches on beside re-runs, as far as that takes a permission of its own.

use crate::settings::Needed;

use super::{Commanders, Policy};

impl Policy {
    /// What an App must be granted for it, beside what the settings need.
    pub fn needed(&self) -> Needed {
        if self.is_broken() {
            return Needed::default();
        }
        Needed {
            commands: self.commands.who != Commanders::Nobody,
            flaky_issues: self.flaky_issues.is_some(),
            ..Needed::default()
        }
    }
}
