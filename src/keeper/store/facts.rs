//! The state of the repository as a whole: a row for each fact, by name, its value as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::names::json::from_text;
use crate::names::string_enum;

use super::{Sql, Store, StoreError};

string_enum! {
    /// By their names as deployed Workers have them stored.
    pub enum Fact {
        /// The repository's name.
        Repository = "repository",
        /// What it keeps when it is renamed.
        Identity = "identity",
        CircuitBreaker = "gate",
        /// What GitHub said when it last refused the credentials.
        Refusal = "refusal",
        /// When it was last written to Workers KV.
        RefusalPublished = "refusal told",
        /// Why nothing can be done in the repository.
        Trouble = "trouble",
        /// When GitHub last accepted a re-run, as far as it matters: while it refuses others in unclear words.
        Accepted = "accepted",
        /// Since when it is paused.
        Paused = "paused",
        /// The state of the policy file, but for its text, which stands in a row of its own.
        Policy = "policy",
        PolicyText = "policy text",
        /// The same of the organization's.
        OrganizationPolicy = "organization policy",
        OrganizationPolicyText = "organization policy text",
        /// The newest command that is forgotten, by its comment's id.
        ForgottenCommand = "forgotten command",
        /// Since when Workers KV says that the policy re-runs what was cancelled.
        CancelledSince = "cancelled runs",
        Sweep = "sweep",
        /// When old rows are to be deleted next.
        Prune = "prune",
        /// When messages were sent within the last hour.
        NoticesSent = "notices_sent",
        /// Of those, when the ones that were about forks' runs alone.
        ForksNoticesSent = "notices_sent of forks",
        /// What is done beside re-runs, and GitHub refuses.
        RefusedFeatures = "refused features",
        /// What was written for people within the hour.
        ContentBudget = "content budget",
        /// Jobs of which there is something new for their issues.
        FlakyJobs = "flaky jobs",
        /// Those that are not over.
        Outages = "outages",
        /// What attempts failed with on days before today.
        Causes = "causes",
        /// What is published of jobs, where there are too many to look at each time.
        Insights = "insights",
        /// What changes with nearly each step.
        Ledger = "ledger",
    }
}

/// Each is read once, as nearly every step asks for most. No other statement than `set_fact`'s may change them.
const fn is_kept_in_memory(fact: Fact) -> bool {
    // The policy is kept as what it says, and the ledger as it is.
    !matches!(fact, Fact::PolicyText | Fact::OrganizationPolicyText | Fact::Ledger)
}

impl<S: Sql> Store<S> {
    pub fn fact<T: DeserializeOwned>(&self, fact: Fact) -> Result<Option<T>, StoreError> {
        let name = fact.as_str();
        let known = self.known_facts.borrow().get(name).cloned();
        let text = match known {
            Some(text) => text,
            None => {
                let row = self.first("SELECT value FROM repository WHERE name = ?", vec![name.into()])?;
                let text = row.map(|mut row| row.text()).transpose()?;
                if is_kept_in_memory(fact) {
                    self.known_facts.borrow_mut().insert(name, text.clone());
                }
                text
            }
        };
        text.as_deref().map(from_text).transpose().map_err(|error| bad(fact, &error))
    }

    /// `None` deletes it.
    pub fn set_fact<T: Serialize>(&self, fact: Fact, value: Option<&T>) -> Result<(), StoreError> {
        self.known_facts.borrow_mut().remove(fact.as_str());
        let name = fact.as_str().into();
        let text = value.map(serde_json::to_string).transpose().map_err(|error| bad(fact, &error))?;
        match &text {
            None => self.change("DELETE FROM repository WHERE name = ?", vec![name])?,
            Some(text) => {
                let statement = "INSERT OR REPLACE INTO repository (name, value) VALUES (?, ?)";
                self.change(statement, vec![name, text.as_str().into()])?;
            }
        }
        if is_kept_in_memory(fact) {
            self.known_facts.borrow_mut().insert(fact.as_str(), text);
        }
        Ok(())
    }
}

fn bad(fact: Fact, error: &serde_json::Error) -> StoreError {
    StoreError(format!("{}: {error}", fact.as_str()))
}
