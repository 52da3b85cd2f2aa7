//! Numbers that GitHub gives out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest integer that crosses to JavaScript and back unchanged (2^53 - 1).
const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// A number from 1 to a limit; anything else cannot be made, or read.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($number:ty) <= $most:expr, $error:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u64")]
        pub struct $name($number);

        impl $name {
            pub fn new(number: $number) -> Option<Self> {
                (1..=$most).contains(&number).then_some(Self(number))
            }

            pub fn get(self) -> $number {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl TryFrom<u64> for $name {
            type Error = &'static str;

            fn try_from(number: u64) -> Result<Self, Self::Error> {
                <$number>::try_from(number).ok().and_then(Self::new).ok_or($error)
            }
        }
    };
}

id! {
    /// The id of a workflow run: 1 to 2^53 - 1.
    RunId(u64) <= MAX_SAFE_INTEGER, "a run id is a number from 1 to 2^53 - 1"
}
id! {
    /// The id of a job of a workflow run, which is also the id of its check run: 1 to 2^53 - 1.
    JobId(u64) <= MAX_SAFE_INTEGER, "a job id is a number from 1 to 2^53 - 1"
}
id! {
    /// A workflow's id: 1 to 2^53 - 1. It stays when the workflow's name changes.
    WorkflowId(u64) <= MAX_SAFE_INTEGER, "a workflow id is a number from 1 to 2^53 - 1"
}
id! {
    /// The id of a GitHub App's installation on an account: 1 to 2^53 - 1.
    InstallationId(u64) <= MAX_SAFE_INTEGER, "an installation id is a number from 1 to 2^53 - 1"
}
id! {
    /// The id of a comment on an issue or a pull request: 1 to 2^53 - 1.
    CommentId(u64) <= MAX_SAFE_INTEGER, "a comment's id is a number from 1 to 2^53 - 1"
}
id! {
    /// The id of a repository, which it keeps when it is renamed or moved: 1 to 2^53 - 1.
    RepositoryId(u64) <= MAX_SAFE_INTEGER, "a repository id is a number from 1 to 2^53 - 1"
}
id! {
    /// Which attempt of a run: 1 for the first, one more for each re-run. GitHub allows 50 re-runs; the limit only keeps
    /// arithmetic far from its ends.
    RunAttempt(u32) <= 1_000_000, "a run attempt is a number from 1 to 1000000"
}

impl RunAttempt {
    pub const FIRST: Self = Self(1);

    /// Whether it is past so many re-runs: attempt 4 comes after 3 of them.
    pub fn is_past(self, reruns: u32) -> bool {
        self.0 > reruns
    }
}

impl From<RunAttempt> for u32 {
    fn from(attempt: RunAttempt) -> Self {
        attempt.0
    }
}
