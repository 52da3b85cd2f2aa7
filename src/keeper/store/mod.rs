//! A repository's rows in SQLite, and all the SQL that there is. The statements are the same on Workers and, in tests and
//! in the simulation, on a native SQLite.
//!
//! | file | rows |
//! |---|---|
//! | [`migrations`] | the tables, version by version |
//! | [`row`] | a row's values, read one after the other |
//! | [`runs`] | `runs`: one for each tracked run |
//! | [`decisions`] | `decisions`: what was decided on runs |
//! | [`deliveries`] | `deliveries`: ids of webhooks that were received |
//! | [`spending`] | `reruns`: what was taken from the budget |
//! | [`facts`] | `repository`: the state of the repository as a whole, by name |
//! | [`notices`] | `notices`: messages to be sent |
//! | [`pulls`] | `pull_runs`, `pull_comments`: comments on pull requests |
//! | [`statistics`] | `days`, `subjects`, `subject_days`, `open_reruns`: what pages and metrics show |
//! | [`once`] | what can be used once, in the set-up page's own object |

pub mod facts;
pub mod notices;
pub mod once;
pub mod statistics;

mod decisions;
mod deliveries;
mod migrations;
mod prune;
mod pulls;
mod row;
mod runs;
mod spending;

use std::fmt;

use serde::Serialize;

use crate::names::{RunAttempt, RunId, WorkflowId};
use crate::time::Millis;

use row::Row;

pub use facts::Fact;
pub use pulls::{PullComment, PullCommentChange};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "storage: {}", self.0)
    }
}

pub struct Store<S> {
    sql: S,
}

impl<S: Sql> Store<S> {
    /// Creates the tables, or brings them up to date.
    pub fn open(sql: S) -> Result<Self, StoreError> {
        let store = Self { sql };
        store.migrate()?;
        Ok(store)
    }

    pub fn sql(&self) -> &S {
        &self.sql
    }

    #[cfg(test)]
    pub fn into_sql(self) -> S {
        self.sql
    }

    fn rows(&self, statement: &str, bindings: Vec<Value>) -> Result<impl Iterator<Item = Row>, StoreError> {
        self.sql.exec(statement, bindings).map(|rows| rows.into_iter().map(Row::new))
    }

    fn first(&self, statement: &str, bindings: Vec<Value>) -> Result<Option<Row>, StoreError> {
        self.rows(statement, bindings).map(|mut rows| rows.next())
    }

    fn exists(&self, statement: &str, bindings: Vec<Value>) -> Result<bool, StoreError> {
        self.first(statement, bindings).map(|row| row.is_some())
    }

    /// The one time that the statement asks for.
    fn time(&self, statement: &str) -> Result<Option<Millis>, StoreError> {
        self.first(statement, vec![])?.map_or(Ok(None), |mut row| row.optional_millis())
    }

    fn change(&self, statement: &str, bindings: Vec<Value>) -> Result<(), StoreError> {
        self.sql.exec(statement, bindings).map(|_| ())
    }
}

fn json<T: Serialize>(value: Option<&T>) -> Result<Value, StoreError> {
    let Some(value) = value else { return Ok(Value::Null) };
    serde_json::to_string(value).map(Value::Text).map_err(|error| StoreError(error.to_string()))
}

fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

impl From<RunId> for Value {
    fn from(id: RunId) -> Self {
        // Run ids are below 2^53.
        Self::Integer(i64::try_from(id.get()).unwrap_or_default())
    }
}

impl From<WorkflowId> for Value {
    fn from(id: WorkflowId) -> Self {
        Self::Integer(i64::try_from(id.get()).unwrap_or_default())
    }
}

impl From<RunAttempt> for Value {
    fn from(attempt: RunAttempt) -> Self {
        Self::Integer(attempt.get().into())
    }
}

impl From<Millis> for Value {
    fn from(time: Millis) -> Self {
        Self::Integer(time.0)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<u32> for Value {
    fn from(integer: u32) -> Self {
        Self::Integer(integer.into())
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Integer(is.into())
    }
}

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
