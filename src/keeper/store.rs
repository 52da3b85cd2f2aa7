//! A repository's rows in SQLite. The statements are the same on Workers and, in the simulation, on a native SQLite.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attempts::RunOutcome;
use crate::names::{DeliveryId, RunAttempt, RunId};
use crate::time::{Millis, Span};

use super::machine::Record;
use super::watched::{Calling, Watched};

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

/// Each entry is one version of the schema; a Keeper's storage is brought up to date when it starts.
const SCHEMA: &[&[&str]] = &[&[
    "CREATE TABLE runs (
        run_id INTEGER PRIMARY KEY,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        run_attempt INTEGER,
        decided_attempt INTEGER,
        calling_attempt INTEGER,
        calling_since INTEGER,
        calling_again INTEGER,
        reruns INTEGER NOT NULL,
        due INTEGER,
        failed_at INTEGER NOT NULL,
        complete INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        trouble_since INTEGER,
        workflow TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        looked INTEGER,
        publish INTEGER,
        published INTEGER NOT NULL
    )",
    "CREATE INDEX runs_due ON runs (due) WHERE due IS NOT NULL",
    "CREATE INDEX runs_publish ON runs (publish) WHERE publish IS NOT NULL",
    "CREATE TABLE decisions (
        decision_id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL,
        run_attempt INTEGER,
        decided INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL
    )",
    "CREATE INDEX decisions_run ON decisions (run_id)",
    // By day first, so that a day's ids lie together and are forgotten without a search.
    "CREATE TABLE deliveries (day INTEGER NOT NULL, delivery_id TEXT NOT NULL, PRIMARY KEY (day, delivery_id)) WITHOUT ROWID",
    // One row for each thing the Keeper knows of its repository as a whole.
    "CREATE TABLE repository (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
]];

const COLUMNS: &str = "run_id, outcome, reason, run_attempt, decided_attempt, calling_attempt, calling_since, calling_again, reruns, due, \
     failed_at, complete, tries, trouble_since, workflow, created, updated, looked, publish, published";

pub struct Store<S> {
    sql: S,
}

impl<S: Sql> Store<S> {
    /// Creates the tables, or brings them up to date.
    pub fn open(sql: S) -> Result<Self, StoreError> {
        let store = Self { sql };
        store.sql.exec("CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL)", vec![])?;
        let found = store.sql.exec("SELECT version FROM schema", vec![])?;
        let version = match found.into_iter().next() {
            Some(row) => usize::try_from(Row(row.into_iter()).integer()?).unwrap_or_default(),
            None => {
                store.sql.exec("INSERT INTO schema (version) VALUES (0)", vec![])?;
                0
            }
        };
        for (statements, version) in SCHEMA.iter().zip(1_i64..).skip(version) {
            for statement in *statements {
                store.sql.exec(statement, vec![])?;
            }
            store.sql.exec("UPDATE schema SET version = ?", vec![Value::Integer(version)])?;
        }
        Ok(store)
    }

    pub fn run(&self, run_id: RunId) -> Result<Option<Watched>, StoreError> {
        self.runs_where("run_id = ?", vec![run_id.into()]).map(|runs| runs.into_iter().next())
    }

    /// The run that has been due longest, if one is due.
    pub fn next_due(&self, now: Millis) -> Result<Option<Watched>, StoreError> {
        self.runs_where("due <= ? ORDER BY due, run_id LIMIT 1", vec![now.into()]).map(|runs| runs.into_iter().next())
    }

    /// The run whose count has been waiting longest to be published, if one is.
    pub fn next_to_publish(&self, now: Millis) -> Result<Option<Watched>, StoreError> {
        self.runs_where("publish <= ? ORDER BY publish, run_id LIMIT 1", vec![now.into()])
            .map(|runs| runs.into_iter().next())
    }

    /// When the first run is due, and when the first count is to be published.
    pub fn first_times(&self) -> Result<(Option<Millis>, Option<Millis>), StoreError> {
        let due = self.minimum("SELECT MIN(due) FROM runs WHERE due IS NOT NULL")?;
        let publish = self.minimum("SELECT MIN(publish) FROM runs WHERE publish IS NOT NULL")?;
        Ok((due, publish))
    }

    fn minimum(&self, statement: &str) -> Result<Option<Millis>, StoreError> {
        let rows = self.sql.exec(statement, vec![])?;
        match rows.into_iter().next() {
            Some(row) => Row(row.into_iter()).optional_millis(),
            None => Ok(None),
        }
    }

    pub fn put(&self, watched: &Watched) -> Result<(), StoreError> {
        let statement =
            format!("INSERT OR REPLACE INTO runs ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
        let bindings = vec![
            watched.run_id.into(),
            watched.outcome.as_str().into(),
            watched.reason.as_str().into(),
            watched.run_attempt.into(),
            watched.decided_attempt.into(),
            watched.calling.map(|calling| calling.run_attempt).into(),
            watched.calling.map(|calling| calling.since).into(),
            Value::Integer(watched.calling.is_some_and(|calling| calling.again).into()),
            Value::Integer(watched.reruns.into()),
            watched.due.into(),
            watched.failed_at.into(),
            Value::Integer(watched.complete.into()),
            Value::Integer(watched.tries.into()),
            watched.trouble_since.into(),
            watched.workflow.as_deref().map_or(Value::Null, Value::from),
            watched.created.into(),
            watched.updated.into(),
            watched.looked.into(),
            watched.publish.into(),
            Value::Integer(watched.published.into()),
        ];
        self.sql.exec(&statement, bindings).map(|_| ())
    }

    pub fn record(&self, run_id: RunId, record: &Record, now: Millis) -> Result<(), StoreError> {
        let statement = "INSERT INTO decisions (run_id, run_attempt, decided, outcome, reason) VALUES (?,?,?,?,?)";
        let bindings = vec![
            run_id.into(),
            record.run_attempt.into(),
            now.into(),
            record.outcome.as_str().into(),
            record.reason.as_str().into(),
        ];
        self.sql.exec(statement, bindings).map(|_| ())
    }

    /// The decisions on a run, oldest first.
    pub fn records(&self, run_id: RunId) -> Result<Vec<Record>, StoreError> {
        let statement = "SELECT run_attempt, outcome, reason FROM decisions WHERE run_id = ? ORDER BY decision_id";
        let rows = self.sql.exec(statement, vec![run_id.into()])?;
        rows.into_iter()
            .map(|row| {
                let mut row = Row(row.into_iter());
                Ok(Record { run_attempt: row.optional_attempt()?, outcome: row.outcome()?, reason: row.text()? })
            })
            .collect()
    }

    /// Whether this delivery was stored today or on one of the `days` before.
    pub fn has_delivery(&self, id: &DeliveryId, now: Millis, days: i64) -> Result<bool, StoreError> {
        let statement = "SELECT 1 FROM deliveries WHERE day = ? AND delivery_id = ?";
        for day in (day(now) - days..=day(now)).rev() {
            let rows = self.sql.exec(statement, vec![Value::Integer(day), id.as_str().into()])?;
            if !rows.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub fn add_delivery(&self, id: &DeliveryId, now: Millis) -> Result<(), StoreError> {
        let statement = "INSERT OR IGNORE INTO deliveries (day, delivery_id) VALUES (?, ?)";
        self.sql.exec(statement, vec![Value::Integer(day(now)), id.as_str().into()]).map(|_| ())
    }

    /// What is known of the repository under `name`.
    pub fn fact<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let rows = self.sql.exec("SELECT value FROM repository WHERE name = ?", vec![name.into()])?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let text = Row(row.into_iter()).text()?;
        serde_json::from_str(&text).map(Some).map_err(|error| StoreError(format!("{name}: {error}")))
    }

    pub fn set_fact<T: Serialize>(&self, name: &str, fact: Option<&T>) -> Result<(), StoreError> {
        match fact {
            Some(fact) => {
                let text = serde_json::to_string(fact).map_err(|error| StoreError(format!("{name}: {error}")))?;
                let statement = "INSERT OR REPLACE INTO repository (name, value) VALUES (?, ?)";
                self.sql.exec(statement, vec![name.into(), Value::Text(text)]).map(|_| ())
            }
            None => self.sql.exec("DELETE FROM repository WHERE name = ?", vec![name.into()]).map(|_| ()),
        }
    }

    /// Makes every run due whose credentials were refused.
    pub fn retry_refused(&self, now: Millis) -> Result<(), StoreError> {
        let statement = "UPDATE runs SET due = ?1 WHERE due > ?1 AND outcome = 'failed'";
        self.sql.exec(statement, vec![now.into()]).map(|_| ())
    }

    /// Forgets runs that nothing has happened to for `runs`, with their decisions, and the ids of deliveries older
    /// than `delivery_days`: a bounded number of rows at a time. Answers whether there may be more.
    pub fn prune(&self, now: Millis, runs: Span, delivery_days: i64, at_most: i64) -> Result<bool, StoreError> {
        let before = Value::Integer(now.0.saturating_sub(runs.as_millis()));
        let statement = "SELECT run_id FROM runs WHERE updated < ? AND due IS NULL AND publish IS NULL LIMIT ?";
        let old = self.sql.exec(statement, vec![before, Value::Integer(at_most)])?;
        let mut more = old.len() as i64 >= at_most;
        for row in old {
            let Some(run_id) = row.into_iter().next() else { continue };
            self.sql.exec("DELETE FROM decisions WHERE run_id = ?", vec![run_id.clone()])?;
            self.sql.exec("DELETE FROM runs WHERE run_id = ?", vec![run_id])?;
        }
        let oldest = self.sql.exec("SELECT day FROM deliveries ORDER BY day LIMIT 1", vec![])?;
        if let Some(row) = oldest.into_iter().next() {
            let oldest = Row(row.into_iter()).integer()?;
            if oldest < day(now) - delivery_days {
                self.sql.exec(
                    "DELETE FROM deliveries WHERE day = ?1 AND delivery_id IN
                     (SELECT delivery_id FROM deliveries WHERE day = ?1 LIMIT ?2)",
                    vec![Value::Integer(oldest), Value::Integer(at_most)],
                )?;
                more = true;
            }
        }
        Ok(more)
    }

    fn runs_where(&self, condition: &str, bindings: Vec<Value>) -> Result<Vec<Watched>, StoreError> {
        let rows = self.sql.exec(&format!("SELECT {COLUMNS} FROM runs WHERE {condition}"), bindings)?;
        rows.into_iter().map(|row| Row(row.into_iter()).watched()).collect()
    }
}

/// A row's values, taken one after the other.
struct Row<I>(I);

impl<I: Iterator<Item = Value>> Row<I> {
    fn watched(&mut self) -> Result<Watched, StoreError> {
        Ok(Watched {
            run_id: u64::try_from(self.integer()?).ok().and_then(RunId::new).ok_or_else(|| bad("a run id"))?,
            outcome: self.outcome()?,
            reason: self.text()?,
            run_attempt: self.optional_attempt()?,
            decided_attempt: self.optional_attempt()?,
            calling: self.calling()?,
            reruns: self.count()?,
            due: self.optional_millis()?,
            failed_at: Millis(self.integer()?),
            complete: self.integer()? != 0,
            tries: self.count()?,
            trouble_since: self.optional_millis()?,
            workflow: self.optional_text()?,
            created: Millis(self.integer()?),
            updated: Millis(self.integer()?),
            looked: self.optional_millis()?,
            publish: self.optional_millis()?,
            published: self.integer()? != 0,
        })
    }

    fn calling(&mut self) -> Result<Option<Calling>, StoreError> {
        let (run_attempt, since, again) = (self.optional_attempt()?, self.optional_millis()?, self.integer()? != 0);
        Ok(run_attempt.zip(since).map(|(run_attempt, since)| Calling { run_attempt, since, again }))
    }

    fn outcome(&mut self) -> Result<RunOutcome, StoreError> {
        RunOutcome::parse(&self.text()?).ok_or_else(|| bad("an outcome"))
    }

    fn integer(&mut self) -> Result<i64, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(integer),
            _ => Err(bad("an integer")),
        }
    }

    fn count(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.integer()?).map_err(|_| bad("a count"))
    }

    fn optional_millis(&mut self) -> Result<Option<Millis>, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(Some(Millis(integer))),
            Some(Value::Null) => Ok(None),
            _ => Err(bad("a time")),
        }
    }

    fn optional_attempt(&mut self) -> Result<Option<RunAttempt>, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => {
                u32::try_from(integer).ok().and_then(RunAttempt::new).map(Some).ok_or_else(|| bad("a run attempt"))
            }
            Some(Value::Null) => Ok(None),
            _ => Err(bad("a run attempt")),
        }
    }

    fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| bad("text"))
    }

    fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(bad("text")),
        }
    }
}

/// Days since 1970.
fn day(time: Millis) -> i64 {
    time.0 / Span::days(1).as_millis()
}

fn bad(expected: &str) -> StoreError {
    StoreError(format!("a row holds something other than {expected}"))
}

impl From<RunId> for Value {
    fn from(id: RunId) -> Self {
        // Run ids are below 2^53.
        Self::Integer(i64::try_from(id.get()).unwrap_or_default())
    }
}

impl From<Option<RunAttempt>> for Value {
    fn from(attempt: Option<RunAttempt>) -> Self {
        attempt.map_or(Self::Null, |attempt| Self::Integer(attempt.get().into()))
    }
}

impl From<Millis> for Value {
    fn from(time: Millis) -> Self {
        Self::Integer(time.0)
    }
}

impl From<Option<Millis>> for Value {
    fn from(time: Option<Millis>) -> Self {
        time.map_or(Self::Null, Self::from)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
