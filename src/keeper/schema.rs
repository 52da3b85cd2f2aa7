//! The tables of a repository's storage, version by version, and a row's values.

use crate::names::{RunAttempt, RunId, WorkflowId};
use crate::policy::Detail;
use crate::policy::RunOutcome;
use crate::time::Millis;

use super::state_machine::Record;
use super::stats;
use super::store::{StoreError, Value};
use super::tasks::{comment, notify};
use super::tracked_run::{Begun, PendingRerun, Refusal, TrackedRun};

/// Each entry is one version of the schema; a Keeper's storage is brought up to date when it starts.
pub const SCHEMA: &[&[&str]] = &[
    FIRST,
    POLICIES,
    stats::SCHEMA,
    notify::SCHEMA,
    comment::SCHEMA,
    REFUSALS,
    WORKFLOWS,
    GATHERING,
    comment::BY_AUTHOR,
];

const FIRST: &[&str] = &[
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
];

/// What decisions by a policy go by, and what a run looks like to those who look.
const POLICIES: &[&str] = &[
    "ALTER TABLE decisions ADD COLUMN detail TEXT",
    "ALTER TABLE runs ADD COLUMN detail TEXT",
    "ALTER TABLE runs ADD COLUMN event TEXT",
    "ALTER TABLE runs ADD COLUMN head_branch TEXT",
    "ALTER TABLE runs ADD COLUMN actor TEXT",
    "ALTER TABLE runs ADD COLUMN run_number INTEGER",
    "ALTER TABLE runs ADD COLUMN title TEXT",
    "ALTER TABLE runs ADD COLUMN evidence_since INTEGER",
    // What was taken from the budget. One row for an attempt, however often its re-run had to be asked for.
    "CREATE TABLE reruns (
        run_id INTEGER NOT NULL,
        run_attempt INTEGER NOT NULL,
        at INTEGER NOT NULL,
        runner_seconds INTEGER NOT NULL,
        PRIMARY KEY (run_id, run_attempt)
    ) WITHOUT ROWID",
    "CREATE INDEX reruns_at ON reruns (at)",
];

/// What GitHub refused for a reason that may be the run's or the account's.
const REFUSALS: &[&str] = &[
    "ALTER TABLE runs ADD COLUMN refused TEXT",
    "ALTER TABLE runs ADD COLUMN refused_attempt INTEGER",
    "ALTER TABLE runs ADD COLUMN refused_since INTEGER",
    "CREATE INDEX runs_refused ON runs (refused) WHERE refused IS NOT NULL",
];

/// A workflow is known by its id. What stands under `workflow` in a row without one is the run's own name, which can be
/// another.
const WORKFLOWS: &[&str] = &[
    "ALTER TABLE runs ADD COLUMN workflow_id INTEGER",
    "ALTER TABLE runs ADD COLUMN workflow_path TEXT",
    "ALTER TABLE subjects ADD COLUMN workflow_id INTEGER",
];

/// So that what kills the object is not tried for ever.
const GATHERING: &[&str] =
    &["ALTER TABLE runs ADD COLUMN gathering_attempt INTEGER", "ALTER TABLE runs ADD COLUMN gathering_times INTEGER"];

pub const COLUMNS: &str = "run_id, outcome, reason, run_attempt, decided_attempt, calling_attempt, calling_since, calling_again, reruns, due, \
     failed_at, complete, tries, trouble_since, workflow, created, updated, looked, publish, published, detail, event, head_branch, actor, run_number, title, \
     evidence_since, refused, refused_attempt, refused_since, workflow_id, workflow_path, \
     gathering_attempt, gathering_times";

/// A row's values, taken one after the other.
pub struct Row<I>(I);

pub fn row(values: Vec<Value>) -> Row<impl Iterator<Item = Value>> {
    Row(values.into_iter())
}

impl<I: Iterator<Item = Value>> Row<I> {
    pub fn tracked(&mut self) -> Result<TrackedRun, StoreError> {
        Ok(TrackedRun {
            run_id: u64::try_from(self.integer()?).ok().and_then(RunId::new).ok_or_else(|| bad("a run id"))?,
            outcome: self.outcome()?,
            reason: self.text()?,
            run_attempt: self.optional_attempt()?,
            decided_attempt: self.optional_attempt()?,
            pending: self.pending()?,
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
            detail: self.detail()?,
            event: self.optional_text()?,
            head_branch: self.optional_text()?,
            actor: self.optional_text()?,
            run_number: self.optional_integer()?.and_then(|number| u64::try_from(number).ok()),
            title: self.optional_text()?,
            evidence_since: self.optional_millis()?,
            refusal: self.refusal()?,
            workflow_id: self.optional_integer()?.and_then(|id| WorkflowId::new(u64::try_from(id).ok()?)),
            workflow_path: self.optional_text()?,
            collecting: self.gathering()?,
        })
    }

    pub fn record(&mut self) -> Result<Record, StoreError> {
        Ok(Record {
            run_attempt: self.optional_attempt()?,
            decided: Millis(self.integer()?),
            outcome: self.outcome()?,
            reason: self.text()?,
            detail: self.detail()?,
        })
    }

    fn detail(&mut self) -> Result<Option<Box<Detail>>, StoreError> {
        let Some(text) = self.optional_text()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| StoreError(format!("a decision's detail: {error}")))
    }

    fn pending(&mut self) -> Result<Option<PendingRerun>, StoreError> {
        let (run_attempt, since, again) = (self.optional_attempt()?, self.optional_millis()?, self.integer()? != 0);
        Ok(run_attempt.zip(since).map(|(run_attempt, since)| PendingRerun { run_attempt, since, again }))
    }

    fn refusal(&mut self) -> Result<Option<Refusal>, StoreError> {
        let (message, run_attempt, since) = (self.optional_text()?, self.optional_attempt()?, self.optional_millis()?);
        let refusal = message.zip(run_attempt).zip(since);
        Ok(refusal.map(|((message, run_attempt), since)| Refusal { run_attempt, message, since }))
    }

    fn gathering(&mut self) -> Result<Option<Begun>, StoreError> {
        let (run_attempt, times) = (self.optional_attempt()?, self.optional_integer()?);
        let times = times.and_then(|times| u32::try_from(times).ok());
        Ok(run_attempt.zip(times).map(|(run_attempt, times)| Begun { run_attempt, times }))
    }

    pub fn outcome(&mut self) -> Result<RunOutcome, StoreError> {
        RunOutcome::parse(&self.text()?).ok_or_else(|| bad("an outcome"))
    }

    pub fn integer(&mut self) -> Result<i64, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(integer),
            _ => Err(bad("an integer")),
        }
    }

    pub fn optional_integer(&mut self) -> Result<Option<i64>, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(Some(integer)),
            Some(Value::Null) => Ok(None),
            _ => Err(bad("an integer")),
        }
    }

    pub fn amount(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.integer()?).map_err(|_| bad("an amount"))
    }

    pub fn count(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.integer()?).map_err(|_| bad("a count"))
    }

    pub fn optional_millis(&mut self) -> Result<Option<Millis>, StoreError> {
        self.optional_integer().map(|integer| integer.map(Millis))
    }

    pub fn optional_attempt(&mut self) -> Result<Option<RunAttempt>, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => {
                u32::try_from(integer).ok().and_then(RunAttempt::new).map(Some).ok_or_else(|| bad("a run attempt"))
            }
            Some(Value::Null) => Ok(None),
            _ => Err(bad("a run attempt")),
        }
    }

    pub fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| bad("text"))
    }

    pub fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            _ => Err(bad("text")),
        }
    }
}

fn bad(expected: &str) -> StoreError {
    StoreError(format!("a row holds something other than {expected}"))
}
