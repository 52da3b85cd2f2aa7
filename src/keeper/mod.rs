//! The Keeper: the one writer for a repository. It holds every tracked run as a row in SQLite, and one alarm for the
//! earliest thing due.
//!
//! A webhook is stored ([`Keeper::receive`]); when something is due, [`work`](work::work) does it, task by task.
//!
//! Each of these uses what stands below it:
//!
//! | | |
//! |---|---|
//! | [`cancelled`] | whether a cancelled run is to be looked at at all |
//! | [`work`] | a webhook received, and what is due done, over a [`Platform`](work::Platform): a Durable Object, or the simulation |
//! | [`tasks`] | what there is to do: a count published, people notified, missed webhooks looked for, a run re-run … |
//! | [`views`] | what is shown of the repository, on pages and by the API |
//! | [`judgement`], [`outage_view`] | of that, how well it is judged what to re-run; outages that are not over |
//! | [`commands`] | commands in comments: how one is let in, and how it ends |
//! | [`command_end`], [`command_log`] | when they are over; what the log says of them |
//! | [`Keeper`], [`repository_state`], [`feature`] | the Keeper itself; what it stores of the repository as a whole; what is done beside re-runs, and GitHub refuses |
//! | [`store`] | its rows, all the SQL, and what is counted |
//! | [`state_machine`], [`on_webhook`], [`second_look`], [`on_failure`] | how a run changes (pure) |
//! | [`run_filter`] | which runs are asked for (pure) |
//! | [`step`] | what each of these gives (pure) |
//! | [`due_list`], [`content_budget`] | what is to be done outside, at the fewest rows written; how much of it within an hour |
//! | [`circuit_breaker`] | when GitHub is called for no run (pure) |
//! | [`context`] | the time, the settings and chance, which all of these take |
//! | [`evidence_collector`], [`base_collector`], [`base_cache`], [`policy_cache`], [`outage`] | what a decision needs beside the run (pure) |
//! | [`summary`], [`insights`], [`summary_schedule`], [`attempts`] | what Workers KV publishes, and when (pure) |
//! | [`tracked_run`], [`open_rerun`], [`figures`] | a run, as a row says of it, and its last re-run; what is counted |
//! | [`retention`], [`rate`] | how long things are kept; a part of a whole |
//!
//! Each function here runs between two awaits, so that what it stores is stored together, as one step ([`Keeper::step`]). Which
//! deliveries a run has seen stands in its row, so that none counts as seen whose work was not stored.

pub mod attempts;
mod base_cache;
mod base_collector;
pub mod cancelled;
pub mod circuit_breaker;
mod command_end;
pub mod command_log;
mod commands;
mod content_budget;
pub mod context;
mod due_list;
pub mod evidence_collector;
mod feature;
pub mod figures;
pub mod insights;
pub mod judgement;
pub mod message;
mod on_failure;
pub mod on_webhook;
pub mod open_rerun;
pub mod outage;
pub mod outage_view;
pub mod policy_cache;
pub mod rate;
pub mod repository_state;
pub mod retention;
pub mod run_filter;
pub mod run_page;
mod second_look;
pub mod state_machine;
pub mod status_view;
pub mod step;
pub mod store;
mod subrequests;
pub mod summary;
pub mod summary_schedule;
pub mod tasks;
pub mod tracked_run;
pub mod views;
pub mod work;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::names::{FilePath, RunId};
use crate::policy::evidence::Need;
use crate::time::Millis;

pub use tasks::{HandOver, StepResult, Task};

use base_cache::BaseCache;
use command_log::CommandLine;
use content_budget::ContentBudget;
use due_list::DueList;
use evidence_collector::{EvidenceCollector, Missing};
use policy_cache::PolicyCache;
use store::commit_statuses::CommitStatusKey;
use store::{Sql, Store, StoreError};

/// What it has stored, what it goes by, and what it holds in memory. All that is in memory may be forgotten: a Keeper goes
/// away at any time, and another is opened on the same storage.
pub struct Keeper<S> {
    pub store: Store<S>,
    /// Where the repository keeps its rules; `None`: repositories have none of their own.
    pub policy_path: Option<FilePath>,
    pub notifications: Option<Notifications>,
    /// Where GitHub's pages are, without a trailing slash.
    pub web_url: String,
    /// Where GitHub's pages are, if pull requests get a comment.
    pub comments: Option<String>,
    pub commit_statuses: CommitStatuses,
    /// As it is stored, if it was read: nearly every step asks for it.
    policy: RefCell<Option<Rc<PolicyCache>>>,
    /// When a re-run was last asked for.
    last_rerun: Cell<Option<Millis>>,
    /// A sweep is being made until then.
    sweep_claimed: Cell<Option<Millis>>,
    /// Runs for which a policy file was asked for that GitHub no longer shows.
    doubted: RefCell<BTreeMap<RunId, FilePath>>,
    /// Runs of which some attempt was reported to have failed since they were claimed, it was not said which: perhaps a newer one than
    /// is read.
    heard_meanwhile: RefCell<BTreeSet<RunId>>,
    /// Evidence for the decisions being made.
    collectors: RefCell<BTreeMap<RunId, EvidenceCollector>>,
    bases: RefCell<BaseCache>,
    /// What decisions wait for that GitHub did not have.
    missing: RefCell<BTreeMap<RunId, BTreeMap<Need, Missing>>>,
    /// Comments on pull requests to be written, by the pull request's number.
    pull_comments: DueList<u64>,
    /// Commit statuses to be written.
    statuses: DueList<CommitStatusKey>,
    /// When the last errand was begun.
    last_errand: Cell<Option<Millis>>,
    /// As it is stored, if it was read.
    content_budget: RefCell<Option<ContentBudget>>,
    /// What the log is still to say of commands.
    command_lines: RefCell<Vec<CommandLine>>,
    /// Whether the repository is served no longer.
    retired: Cell<bool>,
    /// Workers KV is not written again before this, of whether cancelled runs are wanted.
    cancelled_due: Cell<Option<Millis>>,
    /// When it was last written there that they are not.
    unwanted_said: Cell<Option<Millis>>,
}

/// How people are notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    pub per_hour: u32,
    /// Where GitHub's pages are, without a trailing slash.
    pub web_url: String,
}

/// How commits show what is done about their runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitStatuses {
    /// What their contexts begin with. `None`: there are no new ones; one that is shown as pending is brought to its end.
    pub context: Option<String>,
    /// Where GitHub's pages are, without a trailing slash.
    pub web_url: String,
}

impl<S: Sql> Keeper<S> {
    /// Whatever changes something is a step: what it leaves in memory alone is stored at its end, or forgotten if it failed.
    fn step<T>(&self, step: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = step().and_then(|result| self.store.flush().map(|()| result));
        result.inspect_err(|_| self.store.forget_unstored())
    }

    /// One that reads no policy file, and tells nobody anything.
    pub fn open(sql: S) -> Result<Self, StoreError> {
        Ok(Self {
            store: Store::open(sql)?,
            policy_path: None,
            notifications: None,
            web_url: "https://github.com".to_owned(),
            comments: None,
            commit_statuses: CommitStatuses::default(),
            pull_comments: DueList::default(),
            statuses: DueList::default(),
            last_errand: Cell::default(),
            content_budget: RefCell::default(),
            command_lines: RefCell::default(),
            retired: Cell::default(),
            policy: RefCell::default(),
            last_rerun: Cell::default(),
            sweep_claimed: Cell::default(),
            doubted: RefCell::default(),
            heard_meanwhile: RefCell::default(),
            collectors: RefCell::default(),
            bases: RefCell::default(),
            missing: RefCell::default(),
            cancelled_due: Cell::default(),
            unwanted_said: Cell::default(),
        })
    }
}
