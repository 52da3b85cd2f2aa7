//! What we call on GitHub, and what it can answer.
//!
//! [`request`] builds a call's request; [`answer`], [`evidence`] and [`contents`] classify what came back, and
//! [`log_tail`] keeps the end of a log: all pure. [`client`] sends it.

pub mod answer;
pub mod client;
pub mod comments;
pub mod contents;
pub mod evidence;
pub mod log_tail;
pub mod request;
pub mod run;

pub use answer::{ListAnswer, Problem, ReadAnswer, RerunAnswer};
pub use comments::{CommentCall, Commented};
pub use contents::PolicyAnswer;
pub use evidence::{Found, Page};
pub use request::Call;
pub use run::{ListedRun, Run};
