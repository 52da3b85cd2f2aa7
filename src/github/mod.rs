//! What we call on GitHub, and what it can answer.
//!
//! [`request`] builds a call's request; [`answer`], [`evidence`], [`pulls`] and [`contents`] classify what came back,
//! [`Error`] says why that is not what was asked for, and [`log_tail`] keeps the end of a log: all pure. [`credentials`] says with
//! what right a call is made: a token's, or that of a GitHub App ([`app`], [`pem`]). [`client`] sends it, also where a
//! [`redirect`] leads, and [`signing`] signs for the App; [`doctor_client`] is the doctor's way.

pub mod answer;
pub mod app;
pub mod comments;
pub mod contents;
pub mod credentials;
pub mod error;
pub mod evidence;
pub mod log_tail;
pub mod pulls;
pub mod redirect;
pub mod request;
pub mod run;
#[cfg(test)]
pub mod support;

pub use answer::{Reply, ReplyHeaders, RerunAnswer, Response};
pub use comments::{CommentAnswer, CommentCall};
pub use contents::FetchedPolicy;
pub use credentials::Credentials;
pub use error::Error;
pub use evidence::Page;
pub use request::Call;
pub use run::ListedRun;
