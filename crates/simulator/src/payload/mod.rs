//! The model's events and answers as the JSON that GitHub sends: same keys, same types.
//!
//! | file | what is there |
//! |---|---|
//! | `common.rs` | users, repositories, times, ids |
//! | `run.rs` | `workflow_run`, and the API's runs |
//! | `job.rs` | `workflow_job`, and the API's jobs |
//! | `check_run.rs` | `check_run` |
//! | `issue.rs` | issues, comments, reactions; `issue_comment` |
//! | `pull_request.rs` | the API's pull requests |
//! | `app.rs` | Apps, installations, and whom a token is of |
//! | `other.rs` | `ping`, and the API's other answers |

mod app;
mod check_run;
mod common;
mod issue;
mod job;
mod other;
mod pull_request;
mod run;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::model::{Event, JobSnapshot, What};

pub use app::{ShownApp, ShownInstallation, app, caller, installation};
pub use common::{Hosts, http_date, parse_time, time};
pub use issue::{comment, issue, reaction};
pub use other::{annotation, contents, hook, invalid, ping, repository, status};
pub use pull_request::{listed_pull_request, pull_request};
pub use run::{run, workflow};

impl Event {
    /// The webhook's body.
    pub fn payload(&self, hosts: &Hosts) -> Value {
        let name = self.run.repository();
        let mut payload = json!({
            "action": self.action(),
            "repository": common::full_repository(hosts, &self.run.identity.repository, false),
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
