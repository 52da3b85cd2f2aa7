//! What we call on GitHub, and what it can answer.
//!
//! [`request`] builds a call's request, [`answer`] classifies what came back; both are pure. [`client`] sends it.

pub mod answer;
pub mod client;
pub mod request;
pub mod run;

pub use answer::{ListAnswer, Problem, ReadAnswer, RerunAnswer};
pub use request::Call;
pub use run::{ListedRun, Run};
