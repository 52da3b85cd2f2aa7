//! The model of GitHub Actions: plain data and functions. No clock, no I/O, no async; time and seed are passed in,
//! and the same calls at the same times give the same events, byte for byte.
//!
//! | file | what is there |
//! |---|---|
//! | `names.rs` | identifiers, time, and the one hash that stands in for randomness |
//! | `workflow.rs` | what a workflow's jobs are and how each attempt of each will end |
//! | `outcome.rs` | how a job can end, and what that leaves behind: steps, annotations, log |
//! | `repository.rs` | repositories, pull requests, files, branch heads |
//! | `run.rs` | runs, attempts, jobs, and what each looked like at a past moment |
//! | `github.rs` | the whole: setting it up, starting runs, records |
//! | `event.rs` | what it tells of by webhook |
//! | `progress.rs` | time passing: jobs start and end, runs conclude |
//! | `rerun.rs` | whether a run may be re-run, and what its new attempt is made of |
//! | `people.rs` | what persons do: press buttons, cancel, approve, push |
//! | `access.rs` | tokens, permissions, rate limits |
//! | `answer.rs` | what an API call is made of, and what can be wrong with it |
//! | `api.rs` | the API's reads |
//! | `api_rerun.rs` | the API's three re-run calls |
//! | `pulls.rs` | the API's list of pull requests |
//! | `comments.rs` | comments on pull requests |
//! | `rename.rs` | repositories that get another name |

mod access;
mod answer;
mod api;
mod api_rerun;
mod comments;
mod event;
mod github;
mod names;
mod outcome;
mod people;
mod progress;
mod pulls;
mod rename;
mod repository;
mod rerun;
mod run;
mod workflow;

#[cfg(test)]
mod tests;

pub use access::{Access, Grant, Permission, RateLimit, SecondaryLimits, TokenKind};
pub use answer::{ApiCall, ApiError, Caller, Endpoint};
pub use api::{
    Annotation, Contents, CreatedFilter, JobSnapshot, JobsPage, LogLocation, PullRequestSnapshot, RunsPage, RunsQuery,
};
pub use comments::Comment;
pub use event::{Event, EventKind, EventKinds, JobAction, RunAction, What};
pub use github::{AcceptedRerun, GitHub, Rerun, RerunBy, Timing};
pub(crate) use names::fraction;
pub use names::{JobId, Login, Millis, RepoName, RepositoryId, RunId, Sha, WorkflowId, mix};
pub use outcome::{Failure, LostRunner, Outcome, Step};
pub use pulls::{PullsPage, PullsQuery};
pub use repository::{File, PullRequest, PullRequestRef, Repository, RepositoryIdentity, ShownPull};
pub use run::{Attempt, AttemptKind, Conclusion, Job, Run, RunIdentity, RunSnapshot, Status};
pub use workflow::{JobSpec, Plan, RunEnd, Shows, Trigger, Workflow};
