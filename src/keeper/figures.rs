//! What is counted: pure.

use serde::{Deserialize, Serialize};

/// A run's first re-run, its second, its third, and all later ones.
pub const ORDINALS: usize = 4;

/// In the place of a cause's class: nothing asked for it, or nothing was found.
pub const CAUSE_NOT_KNOWN: &str = "unknown";

/// Counters that only grow, except the last two, which are counted when they are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    pub rescued: u64,
    pub exhausted: u64,
    pub left: u64,
    pub failed: u64,
    pub superseded: u64,
    /// Re-runs that GitHub accepted, by what they came to.
    pub reruns_passed: u64,
    pub reruns_failed: u64,
    /// GitHub did not say.
    pub reruns_unknown: u64,
    pub runner_seconds: u64,
    pub saved_seconds: u64,
    /// Runs that wait for something now.
    pub waiting: u64,
    /// Runs whose re-run is going on now.
    pub rerunning: u64,
}

/// What one day brought, or several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub rescued: u64,
    pub exhausted: u64,
    pub left: u64,
    pub failed: u64,
    pub superseded: u64,
    /// Re-runs that GitHub accepted.
    pub reruns: u64,
    /// Runner time that they took, as far as it can be told beforehand, with the operating system's multiplier.
    pub runner_seconds: u64,
    /// From a run's first failure to its success, of rescued runs.
    pub saved_seconds: u64,
}

impl Figures {
    pub fn plus(self, other: Self) -> Self {
        Self {
            rescued: self.rescued + other.rescued,
            exhausted: self.exhausted + other.exhausted,
            left: self.left + other.left,
            failed: self.failed + other.failed,
            superseded: self.superseded + other.superseded,
            reruns: self.reruns + other.reruns,
            runner_seconds: self.runner_seconds + other.runner_seconds,
            saved_seconds: self.saved_seconds + other.saved_seconds,
        }
    }
}

/// Re-runs, and what became of them: `made` less the other two are those whose end is unknown or still to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64)", into = "(u64, u64, u64)")]
pub struct Reruns {
    /// GitHub has accepted so many.
    pub made: u64,
    /// The attempt that they started has succeeded.
    pub rescued: u64,
    /// The attempt that they started has failed again.
    pub wasted: u64,
}

impl Reruns {
    pub fn plus(self, other: Self) -> Self {
        Self { made: self.made + other.made, rescued: self.rescued + other.rescued, wasted: self.wasted + other.wasted }
    }
}

impl From<(u64, u64, u64)> for Reruns {
    fn from((made, rescued, wasted): (u64, u64, u64)) -> Self {
        Self { made, rescued, wasted }
    }
}

impl From<Reruns> for (u64, u64, u64) {
    fn from(reruns: Reruns) -> Self {
        (reruns.made, reruns.rescued, reruns.wasted)
    }
}
