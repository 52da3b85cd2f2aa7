//! A repository's rows in SQLite. The statements are the same on Workers and, in the simulation, on a native SQLite.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::names::{DeliveryId, RunAttempt, RunId, WorkflowId};
use crate::policy::evidence::Spent;
use crate::time::{Millis, Span};

use super::schema::{COLUMNS, SCHEMA, row};
use super::state_machine::{Record, Spends};
use super::tracked_run::TrackedRun;

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

/// Budgets look back a day; twice that allows for a clock that was put back.
const BUDGET_KEPT: Span = Span::days(2);

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
            Some(values) => usize::try_from(row(values).integer()?).unwrap_or_default(),
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

    pub fn sql(&self) -> &S {
        &self.sql
    }

    #[cfg(test)]
    pub fn into_sql(self) -> S {
        self.sql
    }

    pub fn run(&self, run_id: RunId) -> Result<Option<TrackedRun>, StoreError> {
        self.runs_where("run_id = ?", vec![run_id.into()]).map(|runs| runs.into_iter().next())
    }

    /// The run that has been due longest, if one is due.
    pub fn next_due(&self, now: Millis) -> Result<Option<TrackedRun>, StoreError> {
        self.runs_where("due <= ? ORDER BY due, run_id LIMIT 1", vec![now.into()]).map(|runs| runs.into_iter().next())
    }

    /// The run whose count has been waiting longest to be published, if one is.
    pub fn next_to_publish(&self, now: Millis) -> Result<Option<TrackedRun>, StoreError> {
        self.runs_where("publish <= ? ORDER BY publish, run_id LIMIT 1", vec![now.into()])
            .map(|runs| runs.into_iter().next())
    }

    /// When the first run is due.
    pub fn first_due(&self) -> Result<Option<Millis>, StoreError> {
        self.minimum("SELECT MIN(due) FROM runs WHERE due IS NOT NULL")
    }

    /// When the first count is to be published.
    pub fn first_publish(&self) -> Result<Option<Millis>, StoreError> {
        self.minimum("SELECT MIN(publish) FROM runs WHERE publish IS NOT NULL")
    }

    pub(super) fn minimum(&self, statement: &str) -> Result<Option<Millis>, StoreError> {
        let rows = self.sql.exec(statement, vec![])?;
        match rows.into_iter().next() {
            Some(values) => row(values).optional_millis(),
            None => Ok(None),
        }
    }

    /// Whether GitHub has ever shown a run that is still known.
    pub fn was_read(&self) -> Result<bool, StoreError> {
        let rows = self.sql.exec("SELECT 1 FROM runs WHERE event IS NOT NULL LIMIT 1", vec![])?;
        Ok(!rows.is_empty())
    }

    /// Whether GitHub has refused another run with the same words, after `since`.
    pub fn refused_elsewhere(&self, run_id: RunId, message: &str, since: Millis) -> Result<bool, StoreError> {
        let statement = "SELECT 1 FROM runs WHERE refused = ? AND run_id <> ? AND refused_since >= ? LIMIT 1";
        let rows = self.sql.exec(statement, vec![message.into(), run_id.into(), since.into()])?;
        Ok(!rows.is_empty())
    }

    /// Whether GitHub has refused any run in unclear words.
    pub fn has_refused(&self) -> Result<bool, StoreError> {
        let rows = self.sql.exec("SELECT 1 FROM runs WHERE refused IS NOT NULL LIMIT 1", vec![])?;
        Ok(!rows.is_empty())
    }

    pub fn put(&self, tracked: &TrackedRun) -> Result<(), StoreError> {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        let bindings = vec![
            tracked.run_id.into(),
            tracked.outcome.as_str().into(),
            tracked.reason.as_str().into(),
            tracked.run_attempt.into(),
            tracked.decided_attempt.into(),
            tracked.pending.map(|pending| pending.run_attempt).into(),
            tracked.pending.map(|pending| pending.since).into(),
            Value::Integer(tracked.pending.is_some_and(|pending| pending.again).into()),
            Value::Integer(tracked.reruns.into()),
            tracked.due.into(),
            tracked.failed_at.into(),
            Value::Integer(tracked.complete.into()),
            Value::Integer(tracked.tries.into()),
            tracked.trouble_since.into(),
            text(&tracked.workflow),
            tracked.created.into(),
            tracked.updated.into(),
            tracked.looked.into(),
            tracked.publish.into(),
            Value::Integer(tracked.published.into()),
            json(tracked.detail.as_deref())?,
            text(&tracked.event),
            text(&tracked.head_branch),
            text(&tracked.actor),
            tracked.run_number.and_then(|number| i64::try_from(number).ok()).map_or(Value::Null, Value::Integer),
            text(&tracked.title),
            tracked.evidence_since.into(),
            tracked.refusal.as_ref().map_or(Value::Null, |refusal| refusal.message.as_str().into()),
            tracked.refusal.as_ref().map(|refusal| refusal.run_attempt).into(),
            tracked.refusal.as_ref().map(|refusal| refusal.since).into(),
            tracked.workflow_id.map_or(Value::Null, Value::from),
            text(&tracked.workflow_path),
            tracked.collecting.map(|begun| begun.run_attempt).into(),
            tracked.collecting.map_or(Value::Null, |begun| Value::Integer(begun.times.into())),
        ];
        let places = vec!["?"; bindings.len()].join(",");
        let statement = format!("INSERT OR REPLACE INTO runs ({COLUMNS}) VALUES ({places})");
        self.sql.exec(&statement, bindings).map(|_| ())
    }

    pub fn record(&self, run_id: RunId, record: &Record) -> Result<(), StoreError> {
        let statement =
            "INSERT INTO decisions (run_id, run_attempt, decided, outcome, reason, detail) VALUES (?,?,?,?,?,?)";
        let bindings = vec![
            run_id.into(),
            record.run_attempt.into(),
            record.decided.into(),
            record.outcome.as_str().into(),
            record.reason.as_str().into(),
            json(record.detail.as_deref())?,
        ];
        self.sql.exec(statement, bindings).map(|_| ())
    }

    /// The decisions on a run, oldest first.
    pub fn records(&self, run_id: RunId) -> Result<Vec<Record>, StoreError> {
        let statement = "SELECT run_attempt, decided, outcome, reason, detail FROM decisions WHERE run_id = ?
                         ORDER BY decision_id";
        let rows = self.sql.exec(statement, vec![run_id.into()])?;
        rows.into_iter().map(|values| row(values).record()).collect()
    }

    /// Takes a re-run from the repository's budget, or gives it back.
    pub fn spend(&self, run_id: RunId, spends: Spends, now: Millis) -> Result<(), StoreError> {
        let (statement, bindings) = match spends {
            Spends::Reserve { run_attempt, runner_seconds } => (
                "INSERT OR REPLACE INTO reruns (run_id, run_attempt, at, runner_seconds) VALUES (?,?,?,?)",
                vec![
                    run_id.into(),
                    Some(run_attempt).into(),
                    now.into(),
                    Value::Integer(i64::try_from(runner_seconds).unwrap_or(i64::MAX)),
                ],
            ),
            Spends::Release { run_attempt } => (
                "DELETE FROM reruns WHERE run_id = ? AND run_attempt = ?",
                vec![run_id.into(), Some(run_attempt).into()],
            ),
        };
        self.sql.exec(statement, bindings).map(|_| ())
    }

    /// What all re-runs but that of one attempt have taken.
    pub fn spent(&self, run_id: RunId, run_attempt: RunAttempt, now: Millis) -> Result<Spent, StoreError> {
        let statement = "SELECT SUM(at > ?), COUNT(*), SUM(runner_seconds) FROM reruns
                         WHERE at > ? AND NOT (run_id = ? AND run_attempt = ?)";
        let ago = |span: Span| Value::Integer(now.0.saturating_sub(span.as_millis()));
        let bindings = vec![ago(Span::hours(1)), ago(Span::days(1)), run_id.into(), Some(run_attempt).into()];
        let rows = self.sql.exec(statement, bindings)?;
        let Some(values) = rows.into_iter().next() else { return Ok(Spent::default()) };
        let mut row = row(values);
        // A sum over nothing is no number.
        let mut number = || row.optional_integer().map(|number| number.unwrap_or_default());
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Spent {
            reruns_last_hour: count(number()?),
            reruns_last_day: count(number()?),
            runner_time_last_day: Span::seconds(number()?),
        })
    }

    /// Whether this delivery was stored today or on one of the `days` before.
    pub fn has_delivery(&self, id: &DeliveryId, now: Millis, days: i64) -> Result<bool, StoreError> {
        // One statement for all days, as each crosses to the runtime and back; and each day by its name, as a range of days
        // would be searched from end to end.
        let days: Vec<Value> = (day(now) - days..=day(now)).map(Value::Integer).collect();
        let places = vec!["?"; days.len()].join(",");
        let statement = format!("SELECT 1 FROM deliveries WHERE delivery_id = ? AND day IN ({places}) LIMIT 1");
        let bindings = [vec![id.as_str().into()], days].concat();
        self.sql.exec(&statement, bindings).map(|rows| !rows.is_empty())
    }

    pub fn add_delivery(&self, id: &DeliveryId, now: Millis) -> Result<(), StoreError> {
        let statement = "INSERT OR IGNORE INTO deliveries (day, delivery_id) VALUES (?, ?)";
        self.sql.exec(statement, vec![Value::Integer(day(now)), id.as_str().into()]).map(|_| ())
    }

    /// What is known of the repository under `name`.
    pub fn fact<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let rows = self.sql.exec("SELECT value FROM repository WHERE name = ?", vec![name.into()])?;
        let Some(values) = rows.into_iter().next() else { return Ok(None) };
        let text = row(values).text()?;
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
        for values in old {
            let Some(run_id) = values.into_iter().next() else { continue };
            for table in ["decisions", "open_reruns", "notices", "pull_runs"] {
                self.sql.exec(&format!("DELETE FROM {table} WHERE run_id = ?"), vec![run_id.clone()])?;
            }
            self.sql.exec("DELETE FROM runs WHERE run_id = ?", vec![run_id])?;
        }
        let oldest = self.sql.exec("SELECT day FROM deliveries ORDER BY day LIMIT 1", vec![])?;
        if let Some(values) = oldest.into_iter().next() {
            let oldest = row(values).integer()?;
            if oldest < day(now) - delivery_days {
                self.sql.exec(
                    "DELETE FROM deliveries WHERE day = ?1 AND delivery_id IN
                     (SELECT delivery_id FROM deliveries WHERE day = ?1 LIMIT ?2)",
                    vec![Value::Integer(oldest), Value::Integer(at_most)],
                )?;
                more = true;
            }
        }
        let spent_before = Value::Integer(now.0.saturating_sub(BUDGET_KEPT.as_millis()));
        self.sql.exec("DELETE FROM reruns WHERE at < ?", vec![spent_before])?;
        Ok(more)
    }

    pub(super) fn runs_where(&self, condition: &str, bindings: Vec<Value>) -> Result<Vec<TrackedRun>, StoreError> {
        let rows = self.sql.exec(&format!("SELECT {COLUMNS} FROM runs WHERE {condition}"), bindings)?;
        rows.into_iter().map(|values| row(values).tracked()).collect()
    }
}

fn json<T: Serialize>(value: Option<&T>) -> Result<Value, StoreError> {
    let Some(value) = value else { return Ok(Value::Null) };
    serde_json::to_string(value).map(Value::Text).map_err(|error| StoreError(error.to_string()))
}

/// Days since 1970.
fn day(time: Millis) -> i64 {
    time.day()
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
