//! Where a run stands, in the words that people and programs see.

use crate::names::string_enum;

string_enum! {
    /// Where a tracked run stands.
    pub enum RunOutcome {
        /// An attempt failed; what to do is still to be decided or done.
        Waiting = "waiting",
        /// GitHub accepted a re-run.
        Rerunning = "rerunning",
        /// A later attempt succeeded.
        Rescued = "rescued",
        /// The last attempt that may be re-run was, and failed.
        Exhausted = "exhausted",
        /// A rule or setting says not to re-run it.
        Left = "left",
        /// GitHub refused.
        Failed = "failed",
        /// Its pull request has moved on to another commit.
        Superseded = "superseded",
    }
}
