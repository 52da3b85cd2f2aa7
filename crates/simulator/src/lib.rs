//! A model of GitHub Actions, for Rerunner's tests and demonstration: in process, and as an HTTP server.
//!
//! It is built from GitHub's documentation and measurements, and shares no code with Rerunner, so as not to share its
//! mistakes. From the inside out:
//!
//! | module | what is there |
//! |---|---|
//! | [`model`] | what GitHub does: runs, attempts, jobs, re-runs, permissions, limits. No clock, no I/O, no JSON |
//! | [`payload`] | the model's events and answers as GitHub's JSON |
//! | [`webhooks`] | webhook requests: signature, encoding, what goes wrong on the way |
//! | [`apps`] | GitHub Apps: keys, installations, tokens; what the API says of webhooks and their deliveries |
//! | [`faults`] | what goes wrong with the API, on demand |
//! | [`description`] | whether what goes over the wire is as GitHub describes it |
//! | [`history`] | what was seen from outside, in order |
//! | `world` | the model running in real time |
//! | [`chat`] | a chat that takes messages |
//! | [`access_team`] | a team of Cloudflare Access |
//! | `pages` | GitHub's pages as far as people look at them |
//! | `server` | the REST API, the pages and the logs' place, over HTTP |
//! | [`facade`] | what tests say: one-line verbs |
//! | [`past`] | a repository with a month of failed runs behind it, for backtests |
//! | [`organization`] | a small organization whose workflows fail now and then, for demonstrations |
//!
//! ```no_run
//! # async fn example() {
//! use simulator::{Job, Options, SimulatedGitHub, Workflow};
//!
//! let worker = Some("http://127.0.0.1:8787/".to_owned());
//! let github = SimulatedGitHub::start(Options { webhook_url: worker, ..Options::default() }).await;
//! let repository = github.repository("octo/widgets").await;
//! let run = repository.run(Workflow::new("ci").job(Job::new("test").fails(1))).await;
//! github.expect_reruns(&run, 1).await;
//! run.ends(2).await;
//! # }
//! ```

pub mod access_team;
pub mod apps;
pub mod chat;
pub mod description;
pub mod facade;
pub mod faults;
pub mod history;
pub mod model;
pub mod organization;
pub mod past;
pub mod payload;

mod pages;
mod server;
pub mod webhooks;
mod world;

pub use access_team::AccessTeam;
pub use apps::{AppKey, Permissions};
pub use chat::{Chat, Message, Trouble};
pub use description::{Checks, Described, Violation, violations};
pub use facade::{App, Expectation, Options, Repository, Run, SimulatedGitHub, WebhookAnswer};
pub use faults::{Fault, FaultId, Misbehaviour};
pub use history::{AttemptEnded, Call, Happening, LogRead};
/// As a test says it: `Workflow::new("ci").job(Job::new("test").fails(1))`.
pub use model::JobSpec as Job;
pub use model::{
    AcceptedRerun, Annotation, AnnotationLevel, Association, AttemptKind, Comment, CommentAction, CommentEvent,
    CommitStatus, Conclusion, Endpoint, EventKind, EventKinds, GitHub, Grant, Issue, JobAction, LostRunner, Millis,
    Outage, OutageId, Outcome, Permission, Plan, Reaction, RepoName, RerunBy, RunAction, RunEnd, RunId,
    SecondaryLimits, Sha, Shows, StateReason, Status, StatusState, Timing, TokenKind, Trigger, Visibility, Workflow,
};
pub use payload::Hosts;
pub use webhooks::{ContentType, Delivery, DeliveryResult, Hook, Mischief, WebhookRequest};
