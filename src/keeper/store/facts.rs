//! The state of the repository as a whole: a row for each fact, by name, its value as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Sql, Store, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The repository's name.
    Repository,
    /// What it keeps when it is renamed.
    Identity,
    CircuitBreaker,
    /// What GitHub said when it last refused the credentials.
    Refusal,
    /// When it was last written to Workers KV.
    RefusalPublished,
    /// Why nothing can be done in the repository.
    Trouble,
    /// When GitHub last accepted a re-run, as far as it matters: while it refuses others.
    Accepted,
    /// Since when it is paused.
    Paused,
    /// The state of the policy file, but for its text, which stands in a row of its own.
    Policy,
    PolicyText,
    /// Since when Workers KV says that the policy re-runs what was cancelled.
    CancelledSince,
    Sweep,
    /// When old rows are to be deleted next.
    Prune,
    /// When messages were sent within the last hour.
    NoticesSent,
    /// When the repository's summary is to be written.
    Summary,
    /// The statistics' counters.
    Totals,
}

impl Fact {
    /// As deployed Workers have it stored.
    fn name(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Identity => "identity",
            Self::CircuitBreaker => "gate",
            Self::Refusal => "refusal",
            Self::RefusalPublished => "refusal told",
            Self::Trouble => "trouble",
            Self::Accepted => "accepted",
            Self::Paused => "paused",
            Self::Policy => "policy",
            Self::PolicyText => "policy text",
            Self::CancelledSince => "cancelled runs",
            Self::Sweep => "sweep",
            Self::Prune => "prune",
            Self::NoticesSent => "notices_sent",
            Self::Summary => "summary",
            Self::Totals => "totals",
        }
    }
}

impl<S: Sql> Store<S> {
    pub fn fact<T: DeserializeOwned>(&self, fact: Fact) -> Result<Option<T>, StoreError> {
        let row = self.first("SELECT value FROM repository WHERE name = ?", vec![fact.name().into()])?;
        let Some(mut row) = row else { return Ok(None) };
        serde_json::from_str(&row.text()?).map(Some).map_err(|error| bad(fact, &error))
    }

    /// `None` deletes it.
    pub fn set_fact<T: Serialize>(&self, fact: Fact, value: Option<&T>) -> Result<(), StoreError> {
        let name = fact.name().into();
        let Some(value) = value else { return self.change("DELETE FROM repository WHERE name = ?", vec![name]) };
        let text = serde_json::to_string(value).map_err(|error| bad(fact, &error))?;
        self.change("INSERT OR REPLACE INTO repository (name, value) VALUES (?, ?)", vec![name, text.into()])
    }
}

fn bad(fact: Fact, error: &serde_json::Error) -> StoreError {
    StoreError(format!("{}: {error}", fact.name()))
}
