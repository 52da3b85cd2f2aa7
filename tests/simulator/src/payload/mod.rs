//! The model's events and answers as the JSON that GitHub sends: same keys, same types.
//!
//! | file | what is there |
//! |---|---|
//! | `common.rs` | users, repositories, times, ids |
//! | `run.rs` | `workflow_run`, and the API's runs |
//! | `job.rs` | `workflow_job`, and the API's jobs |
//! | `check_run.rs` | `check_run` |
//! | `other.rs` | `ping`, and the API's other answers |

mod check_run;
mod common;
mod job;
mod other;
mod run;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::model::{Event, JobSnapshot, What};

pub use common::{Hosts, http_date, parse_time, time, user};
pub use other::{annotation, comment, contents, ping, pull_request, repository};
pub use run::run;

impl Event {
    /// The webhook's body.
    pub fn payload(&self, hosts: &Hosts) -> Value {
        let name = self.run.repository();
        let mut payload = json!({
            "action": self.action(),
            "repository": common::full_repository(hosts, &self.run.identity.repository),
            "organization": common::organization(hosts, name.owner()),
            "sender": common::user(hosts, self.sender.as_str()),
        });
        match &self.what {
            What::WorkflowRun(_) => {
                payload["workflow_run"] = run(hosts, &self.run);
                payload["workflow"] = run::workflow(hosts, &self.run);
            }
            What::WorkflowJob(_, one) => payload["workflow_job"] = job::job(hosts, &self.run, one),
            What::CheckRun(_, one) => payload["check_run"] = check_run::check_run(hosts, &self.run, one),
        }
        payload
    }
}

/// A job as the API shows it: the webhook's, without what only the webhook has.
pub fn job(hosts: &Hosts, snapshot: &JobSnapshot) -> Value {
    job::job(hosts, &snapshot.run, &snapshot.job)
}
