//! What we call on GitHub, and what it can answer.
//!
//! | module | what it is |
//! |---|---|
//! | [`call`] | the calls that the Keeper makes ([`Call`]) and what each brings ([`Response`]) |
//! | [`calls`] | a file for each of them: its request, the reading of its answer, and the tests of both |
//! | [`credentials`] | with what right a call is made: a token's, or that of a GitHub App |
//! | [`redirect`] | where a renamed repository's calls lead |
//! | [`error`] | why a call did not bring what it was made for, by what its caller does then ([`Error`]) |
//! | [`http`] | a request and the reply to it |
//!
//! All of it is pure: `worker/github_client.rs` sends the requests, `worker/signing.rs` signs for the App, and
//! `worker/backend.rs` makes the doctor's calls.

pub mod call;
pub mod calls;
pub mod credentials;
pub mod error;
pub mod http;
pub mod redirect;
#[cfg(test)]
pub mod support;

pub use call::{Call, ORGANIZATION_REQUESTS, Response};
pub use calls::Page;
pub use calls::commands::{CommandCall, CommandReply, Reaction};
pub use calls::comments::{Author, CommentAnswer, CommentCall};
pub use calls::commit_status::StatusCall;
pub use calls::failed_runs::{FailedRuns, Failing, ListedRun};
pub use calls::issues::{Issue, IssueAnswer, IssueCall};
pub use calls::policy_file::FetchedPolicy;
pub use calls::rerun::RerunAnswer;
pub use credentials::{Credentials, app};
pub use error::Error;
pub use http::{Reply, ReplyHeaders};
