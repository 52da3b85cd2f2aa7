//! What a policy file switches on beside re-runs, as far as that takes a permission of its own.

use crate::settings::Needed;

use super::Policy;

impl Policy {
    /// What an App must be granted for it, beside what the settings need.
    pub fn needed(&self) -> Needed {
        if self.is_broken() { Needed::default() } else { needed(false, self.flaky_issues.is_some()) }
    }
}

fn needed(commands: bool, flaky_issues: bool) -> Needed {
    Needed { commands, flaky_issues, ..Needed::default() }
}
