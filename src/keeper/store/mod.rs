//! A repository's rows in SQLite, and all the SQL that there is. The statements are the same on Workers and, in tests and
//! in the simulation, on a native SQLite.
//!
//! | file | rows |
//! |---|---|
//! | [`migrations`] | the tables, version by version |
//! | [`runs`], [`run_columns`], [`run_search`], [`open_runs`] | `runs`: one for each tracked run; those that are due stand together |
//! | [`decisions`] | `run_decisions`: what was decided on runs |
//! | [`deliveries`] | `deliveries`: webhooks that the versions before 20 have received |
//! | [`facts`] | `repository`: the state of the repository as a whole, by name |
//! | [`ledger`], [`spendings`] | of these, the one that changes with nearly each step: counters, today's figures, what the budget was taken from for |
//! | [`notices`] | `notices`: messages to be sent |
//! | [`commit_statuses`] | `commit_statuses`: what is shown at commits |
//! | [`pulls`] | `pull_comments`: comments on pull requests |
//! | [`commands`], [`stopped_pulls`] | `commands`: what people asked for in comments; `stopped_pulls`: pull requests that are left alone |
//! | [`flaky_issues`] | `flaky_issues`: issues for flaky jobs |
//! | [`statistics`] | `days`, `rerun_days`, `subjects`: what pages and metrics show |
//! | [`once`] | what can be used once, in the set-up page's own object |

pub mod commands;
pub mod commit_statuses;
pub mod facts;
pub mod notices;
pub mod once;
mod outages;
pub mod statistics;
pub mod stopped_pulls;

mod decisions;
mod deliveries;
mod flaky_issues;
pub mod ledger;
mod migrations;
mod open_runs;
mod pulls;
mod run_columns;
mod run_search;
mod runs;
mod spendings;
mod version_20;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::keeper::retention::{PRUNED_AT_ONCE, RUNS};
use crate::keeper::tracked_run::TrackedRun;
use crate::names::json::from_text;
use crate::names::{CommitSha, RunAttempt, RunId, WorkflowId};
use crate::policy::{Detail, RunOutcome};
use crate::time::Millis;

use commands::OpenCommands;
pub use facts::Fact;
pub use flaky_issues::FlakyIssueRow;
use ledger::{Ledger, Unstored};
pub use migrations::STORAGE_VERSION;
use open_runs::OpenRuns;
pub use pulls::PullComment;
pub use run_search::{Found, LOOKED_AT};

/// What runs a statement. All that is done between two awaits is stored together or not at all.
pub trait Sql {
    /// Runs one statement and returns its rows.
    fn exec(&self, statement: &str, bindings: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Text(String),
}

/// SQLite's message, or what was wrong with a row. For the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("storage: {0}")]
pub struct StoreError(pub String);

pub struct Store<S> {
    pub sql: S,
    /// Facts that nearly every step asks for, as far as they were read, by name.
    known_facts: RefCell<BTreeMap<&'static str, Option<String>>>,
    open_commands: OpenCommands,
    /// Whether there may be pull requests that are left alone, and commit statuses, once it was looked: mostly there are none, and
    /// each step would ask.
    has_stopped: Cell<Option<bool>>,
    has_commit_statuses: Cell<Option<bool>>,
    /// Whether there may be what the versions before 20 have stored elsewhere, and runs whose count waits in their own row.
    has_old_deliveries: Cell<Option<bool>>,
    has_old_decisions: Cell<Option<bool>>,
    has_unpublished: Cell<Option<bool>>,
    ledger: RefCell<Option<Ledger>>,
    unstored: Cell<Unstored>,
    open_runs: RefCell<Option<OpenRuns>>,
    /// The last ones that a step was about, as they are stored; `None`: there is none.
    known_runs: RefCell<Vec<(RunId, Option<TrackedRun>)>>,
}

impl<S: Sql> Store<S> {
    /// Creates the tables, or brings them up to date.
    pub fn open(sql: S) -> Result<Self, StoreError> {
        let store = Self {
            sql,
            known_facts: RefCell::default(),
            open_commands: OpenCommands::default(),
            has_stopped: Cell::default(),
            has_commit_statuses: Cell::default(),
            has_old_deliveries: Cell::default(),
            has_old_decisions: Cell::default(),
            has_unpublished: Cell::default(),
            ledger: RefCell::default(),
            unstored: Cell::default(),
            open_runs: RefCell::default(),
            known_runs: RefCell::default(),
        };
        store.migrate()?;
        Ok(store)
    }

    fn rows(&self, statement: &str, bindings: Vec<Value>) -> Result<impl Iterator<Item = Row>, StoreError> {
        self.sql.exec(statement, bindings).map(|rows| rows.into_iter().map(|row| Row(row.into_iter())))
    }

    fn first(&self, statement: &str, bindings: Vec<Value>) -> Result<Option<Row>, StoreError> {
        self.rows(statement, bindings).map(|mut rows| rows.next())
    }

    fn exists(&self, statement: &str, bindings: Vec<Value>) -> Result<bool, StoreError> {
        self.first(statement, bindings).map(|row| row.is_some())
    }

    /// Whether a table has a row, or had one. Asked once.
    fn any(&self, known: &Cell<Option<bool>>, table: &str) -> Result<bool, StoreError> {
        if let Some(any) = known.get() {
            return Ok(any);
        }
        let any = self.exists(&format!("SELECT 1 FROM {table} LIMIT 1"), vec![])?;
        known.set(Some(any));
        Ok(any)
    }

    /// The one time that the statement asks for.
    fn time(&self, statement: &str) -> Result<Option<Millis>, StoreError> {
        self.first(statement, vec![])?.map_or(Ok(None), |mut row| row.optional_millis())
    }

    fn change(&self, statement: &str, bindings: Vec<Value>) -> Result<(), StoreError> {
        self.sql.exec(statement, bindings).map(|_| ())
    }

    /// Puts a row of a table whose key begins with whether it is due: where that changes, the key does, and a row that is
    /// updated in place is one row written.
    fn put_in_place(
        &self,
        table: &str,
        columns: &str,
        key: &[(&str, Value)],
        mut values: Vec<Value>,
    ) -> Result<(), StoreError> {
        let parts: Vec<String> = key.iter().map(|(column, _)| format!("{column} = ?")).collect();
        let place = format!("is_due IN (0, 1) AND {}", parts.join(" AND "));
        let key = || key.iter().map(|(_, value)| value.clone());
        let places = vec!["?"; values.len()].join(", ");
        if self.exists(&format!("SELECT 1 FROM {table} WHERE {place}"), key().collect())? {
            values.extend(key());
            self.change(&format!("UPDATE {table} SET (is_due, {columns}) = ({places}) WHERE {place}"), values)
        } else {
            self.change(&format!("INSERT INTO {table} (is_due, {columns}) VALUES ({places})"), values)
        }
    }

    /// Deletes what is old, a bounded number of rows at a time. Whether there may be more.
    pub fn prune(&self, now: Millis) -> Result<bool, StoreError> {
        let more = [self.prune_runs(now)?, self.prune_deliveries(now)?, self.prune_commands(now)?];
        self.prune_statistics(now)?;
        self.prune_outages(now)?;
        self.prune_flaky_issues(now)?;
        self.prune_pulls()?;
        Ok(more.contains(&true))
    }

    /// Runs that nothing has happened to for long, with all that is stored of them.
    fn prune_runs(&self, now: Millis) -> Result<bool, StoreError> {
        let statement =
            "SELECT run_id, head_sha FROM runs WHERE updated < ? AND due IS NULL AND publish IS NULL LIMIT ?";
        let waiting = self.ledger(|ledger| ledger.publish.keys().copied().collect::<Vec<_>>())?;
        let mut deleted = 0;
        for mut row in self.rows(statement, vec![now.minus(RUNS).into(), PRUNED_AT_ONCE.into()])? {
            let run_id = row.placed_run_id()?;
            if waiting.contains(&run_id) {
                continue;
            }
            if let Some(sha) = row.optional_text()?.as_deref().and_then(CommitSha::parse) {
                self.delete_commit_status_of(&sha, run_id)?;
            }
            self.delete_records(run_id)?;
            self.change("DELETE FROM notices WHERE run_id = ?", vec![run_id.into()])?;
            self.delete_run(run_id)?;
            deleted += 1;
        }
        Ok(deleted >= PRUNED_AT_ONCE)
    }
}

fn json<T: Serialize + ?Sized>(value: Option<&T>) -> Result<Value, StoreError> {
    let Some(value) = value else { return Ok(Value::Null) };
    serde_json::to_string(value).map(Value::Text).map_err(|error| StoreError(error.to_string()))
}

/// What crosses to JavaScript as a whole number: beyond, SQLite is given one that is none, and takes it for no `LIMIT`.
const LARGEST: i64 = (1 << 53) - 1;

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer.clamp(-LARGEST, LARGEST))
    }
}

impl From<Millis> for Value {
    fn from(time: Millis) -> Self {
        Self::from(time.0)
    }
}

/// Ids are below 2^53; whatever else is counted here stays far below.
macro_rules! amounts {
    ($($amount:ty: $number:expr),+) => {
        $(impl From<$amount> for Value {
            fn from(amount: $amount) -> Self {
                Self::from(i64::try_from($number(amount)).unwrap_or(LARGEST))
            }
        })+
    };
}

amounts!(RunId: RunId::get, WorkflowId: WorkflowId::get, RunAttempt: RunAttempt::get, u64: u64::from, u32: u32::from, bool: i64::from);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}

/// Its values are read one after the other.
struct Row(std::vec::IntoIter<Value>);

impl Row {
    fn integer(&mut self) -> Result<i64, StoreError> {
        self.optional_integer()?.ok_or_else(|| bad("an integer"))
    }

    fn optional_integer(&mut self) -> Result<Option<i64>, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(Some(integer)),
            Some(Value::Null) => Ok(None),
            Some(Value::Text(_)) | None => Err(bad("an integer")),
        }
    }

    fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| bad("text"))
    }

    fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            Some(Value::Integer(_)) | None => Err(bad("text")),
        }
    }

    fn flag(&mut self) -> Result<bool, StoreError> {
        self.integer().map(|integer| integer != 0)
    }

    fn amount(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.integer()?).map_err(|_| bad("an amount"))
    }

    fn count(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.integer()?).map_err(|_| bad("a count"))
    }

    fn millis(&mut self) -> Result<Millis, StoreError> {
        self.integer().map(Millis)
    }

    fn optional_millis(&mut self) -> Result<Option<Millis>, StoreError> {
        self.optional_integer().map(|integer| integer.map(Millis))
    }

    /// Wherever it stands.
    fn placed_run_id(&mut self) -> Result<RunId, StoreError> {
        RunId::new(self.integer()?.unsigned_abs()).ok_or_else(|| bad("a run id"))
    }

    fn run_id(&mut self) -> Result<RunId, StoreError> {
        RunId::new(self.amount()?).ok_or_else(|| bad("a run id"))
    }

    fn optional_run_id(&mut self) -> Result<Option<RunId>, StoreError> {
        let Some(integer) = self.optional_integer()? else { return Ok(None) };
        u64::try_from(integer).ok().and_then(RunId::new).map(Some).ok_or_else(|| bad("a run id"))
    }

    fn optional_attempt(&mut self) -> Result<Option<RunAttempt>, StoreError> {
        let Some(integer) = self.optional_integer()? else { return Ok(None) };
        u32::try_from(integer).ok().and_then(RunAttempt::new).map(Some).ok_or_else(|| bad("a run attempt"))
    }

    fn outcome(&mut self) -> Result<RunOutcome, StoreError> {
        RunOutcome::parse(&self.text()?).ok_or_else(|| bad("an outcome"))
    }

    fn detail(&mut self) -> Result<Option<Box<Detail>>, StoreError> {
        let Some(text) = self.optional_text()? else { return Ok(None) };
        from_text(&text).map(Some).map_err(|error| StoreError(format!("a decision's detail: {error}")))
    }
}

fn bad(expected: &str) -> StoreError {
    StoreError(format!("a row holds something other than {expected}"))
}
