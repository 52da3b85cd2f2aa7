//! The Keeper: what it has stored, what it goes by, and what it holds in memory. All that is in memory may be forgotten: a
//! Keeper goes away at any time, and another is opened on the same storage.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::names::{FilePath, RunId};
use crate::policy::evidence::Need;
use crate::time::Millis;

use super::circuit_breaker::CircuitBreaker;
use super::evidence_collector::{EvidenceCollector, Missing};
use super::policy_cache::PolicyCache;
use super::repository_state::Trouble;
use super::store::{Sql, Store, StoreError};

pub struct Keeper<S> {
    pub(super) store: Store<S>,
    /// Where the repository keeps its rules; `None`: repositories have none of their own.
    pub(super) policy_path: Option<FilePath>,
    pub(super) notifications: Option<Notifications>,
    /// Where GitHub's pages are, if pull requests get a comment.
    pub(super) comments: Option<String>,
    /// When a re-run was last asked for.
    pub(super) last_rerun: Cell<Option<Millis>>,
    /// Runs for which a policy file was asked for that GitHub no longer shows.
    pub(super) doubted: RefCell<BTreeMap<RunId, FilePath>>,
    /// Evidence for the decisions being made.
    pub(super) collectors: RefCell<BTreeMap<RunId, EvidenceCollector>>,
    /// What decisions wait for that GitHub did not have.
    pub(super) missing: RefCell<BTreeMap<RunId, BTreeMap<Need, Missing>>>,
    /// Workers KV is not written again before this, of whether cancelled runs are wanted.
    pub(super) cancelled_due: Cell<Option<Millis>>,
    pub(super) cached: Cached,
}

/// What is stored, as far as it was read: nearly every step asks for it.
#[derive(Default)]
pub(super) struct Cached {
    pub(super) policy: RefCell<Option<Rc<PolicyCache>>>,
    pub(super) paused: Cell<Option<Option<Millis>>>,
    pub(super) cancelled_since: Cell<Option<Option<Millis>>>,
    pub(super) breaker: RefCell<Option<Option<CircuitBreaker>>>,
    pub(super) trouble: RefCell<Option<Option<Trouble>>>,
}

/// How people are notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    pub per_hour: u32,
    /// Where GitHub's pages are, without a trailing slash.
    pub web_url: String,
}

impl<S: Sql> Keeper<S> {
    pub fn open(sql: S) -> Result<Self, StoreError> {
        Store::open(sql).map(|store| Self {
            store,
            policy_path: None,
            notifications: None,
            comments: None,
            last_rerun: Cell::default(),
            doubted: RefCell::default(),
            collectors: RefCell::default(),
            missing: RefCell::default(),
            cancelled_due: Cell::default(),
            cached: Cached::default(),
        })
    }

    /// Goes by the rules that the repository keeps there.
    pub fn reading(self, policy_path: Option<FilePath>) -> Self {
        Self { policy_path, ..self }
    }

    pub fn with_notifications(self, notifications: Option<Notifications>) -> Self {
        Self { notifications, ..self }
    }

    /// `web_url`: where GitHub's pages are. `None`: pull requests get no comment.
    pub fn with_comments(self, web_url: Option<String>) -> Self {
        Self { comments: web_url, ..self }
    }

    pub fn store(&self) -> &Store<S> {
        &self.store
    }

    /// What it keeps, for another Keeper to go on with.
    #[cfg(test)]
    pub(super) fn into_sql(self) -> S {
        self.store.into_sql()
    }
}
