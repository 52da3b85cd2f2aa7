//! What a policy file says beside re-runs: commands on pull requests, and issues for flaky jobs.

use super::kind::Emphasis;

/// Who may give commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commanders {
    Collaborators,
    Authors,
}

/// Of one pull request; fewer than are given now and then.
pub const COMMANDS_PER_HOUR: usize = 3;
/// Failures that passed after a re-run, before a job has an issue.
const ISSUE_AFTER: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extras {
    pub commands: Option<Commanders>,
    pub issues: bool,
}

impl Extras {
    pub const NONE: Self = Self { commands: None, issues: false };

    pub fn draw(apart: &mut fastrand::Rng, emphasis: Option<Emphasis>) -> Self {
        let who = [None, Some(Commanders::Collaborators), Some(Commanders::Authors), Some(Commanders::Authors)];
        let (who, issues) = (who[apart.usize(0..who.len())], apart.bool());
        match emphasis {
            Some(Emphasis::Commands) => Self { commands: who.or(Some(Commanders::Authors)), issues },
            Some(Emphasis::FlakyIssues) => Self { commands: who, issues: true },
            _ => Self { commands: who, issues },
        }
    }

    /// The organization's, where these say nothing.
    pub fn or(self, organizations: Self) -> Self {
        Self { commands: self.commands.or(organizations.commands), issues: self.issues || organizations.issues }
    }

    pub fn text(self) -> String {
        let mut text = String::new();
        if let Some(who) = self.commands {
            let who = match who {
                Commanders::Collaborators => "collaborators",
                Commanders::Authors => "authors",
            };
            text.push_str(&format!("commands: {{ who: {who}, per_hour: {COMMANDS_PER_HOUR} }}\n"));
        }
        if self.issues {
            text.push_str(&format!("flaky_issues: {{ after: {ISSUE_AFTER} }}\n"));
        }
        text
    }
}
