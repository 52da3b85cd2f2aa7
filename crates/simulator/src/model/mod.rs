//! The model of GitHub Actions: plain data and functions. No clock, no I/O, no async; time and seed are passed in,
//! and the same calls at the same times give the same events, byte for byte.
//!
//! | file | what is there |
//! |---|---|
//! | `names.rs` | identifiers, time, and the one hash that stands in for randomness |
//! | `workflow.rs` | what a workflow's jobs are and how each attempt of each will end |
//! | `outcome.rs` | how a job can end, and what that leaves behind: steps, annotations, log |
//! | `annotation.rs` | annotations: the runner's own, and those that point at files |
//! | `outage.rs` | spans of time in which jobs fail for one reason, whatever their scripts say |
//! | `repository.rs` | repositories, pull requests, files, branch heads |
//! | `run.rs` | runs, attempts, jobs, and what each looked like at a past moment |
//! | `event.rs` | what it tells of by webhook |
//! | `outbox.rs` | where what happens to runs goes: events, and changes that are due |
//! | `github.rs` | the whole: setting it up, looking things up, records |
//! | `start.rs` | runs and attempts start |
//! | `progress.rs` | time passing: jobs start and end, runs conclude |
//! | `rerun.rs` | whether a run may be re-run, and what its new attempt is made of |
//! | `people.rs` | what persons do: press buttons, cancel, approve, push |
//! | `access.rs` | tokens, permissions, rate limits |
//! | `answer.rs` | what an API call is made of, what it takes, and what can be wrong with it |
//! | `call.rs` | the way of every API call: let in or refused, answered, put on record |
//! | `api.rs` | the API's reads |
//! | `api_runs.rs` | the API's lists of runs |
//! | `api_issues.rs` | the API's calls about issues |
//! | `api_rerun.rs` | the API's three re-run calls |
//! | `pulls.rs` | the API's list of pull requests |
//! | `statuses.rs` | commit statuses |
//! | `issues.rs` | issues |
//! | `comments.rs` | comments on pull requests and issues, and reactions to them |
//! | `identity.rs` | repositories that get another name, default branch or visibility |

mod access;
mod annotation;
mod answer;
mod api;
mod api_issues;
mod api_rerun;
mod api_runs;
mod call;
mod comments;
mod event;
mod github;
mod identity;
mod issues;
mod names;
mod outage;
mod outbox;
mod outcome;
mod people;
mod progress;
mod pulls;
mod repository;
mod rerun;
mod run;
mod start;
mod statuses;
mod workflow;

#[cfg(test)]
mod tests;

pub use access::{Access, Grant, RateLimit, SecondaryLimits, TokenKind};
pub use annotation::{Annotation, AnnotationLevel};
pub(crate) use answer::page;
pub use answer::{ApiCall, ApiError, Caller, Endpoint, Invalid, Permission};
pub use api::{Contents, JobSnapshot, JobsPage, LogLocation, PullRequestSnapshot};
pub use api_runs::{CreatedFilter, RunsPage, RunsQuery};
pub(crate) use comments::REACTIONS;
pub use comments::{Comment, Reaction};
pub use event::{CommentAction, CommentEvent, Event, EventKind, EventKinds, JobAction, RunAction, What};
pub use github::{AcceptedRerun, GitHub, Rerun, RerunBy};
pub use issues::{Association, Issue, IssueChange, IssueSnapshot, IssuesPage, IssuesQuery, ShownAsIssue, StateReason};
pub(crate) use names::fraction;
pub use names::{JobId, Login, Millis, RepoName, RepositoryId, RunId, Sha, WorkflowId, mix};
pub use outage::{Outage, OutageId};
pub use outbox::Timing;
pub use outcome::{Failure, LostRunner, Outcome, Step};
pub use pulls::{PullsPage, PullsQuery};
pub use repository::{File, PullRequest, PullRequestRef, Repository, RepositoryIdentity, ShownPull, Visibility};
pub use run::{Attempt, AttemptKind, Conclusion, Job, Run, RunIdentity, RunSnapshot, Status};
pub use statuses::{CommitStatus, NewStatus, StatusState, StatusesPage};
pub use workflow::{JobSpec, Plan, RunEnd, Shows, Trigger, Workflow};
