//! A row's values, read one after the other.

use crate::names::{RunAttempt, RunId};
use crate::policy::{Detail, RunOutcome};
use crate::time::Millis;

use super::{StoreError, Value};

pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub fn integer(&mut self) -> Result<i64, StoreError> {
        self.optional_integer()?.ok_or_else(|| bad("an integer"))
    }

    pub fn optional_integer(&mut self) -> Result<Option<i64>, StoreError> {
        match self.0.next() {
            Some(Value::Integer(integer)) => Ok(Some(integer)),
            Some(Value::Null) => Ok(None),
            Some(Value::Text(_)) | None => Err(bad("an integer")),
        }
    }

    pub fn text(&mut self) -> Result<String, StoreError> {
        self.optional_text()?.ok_or_else(|| bad("text"))
    }

    pub fn optional_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            Some(Value::Integer(_)) | None => Err(bad("text")),
        }
    }

    pub fn flag(&mut self) -> Result<bool, StoreError> {
        self.integer().map(|integer| integer != 0)
    }

    pub fn amount(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.integer()?).map_err(|_| bad("an amount"))
    }

    pub fn count(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.integer()?).map_err(|_| bad("a count"))
    }

    pub fn millis(&mut self) -> Result<Millis, StoreError> {
        self.integer().map(Millis)
    }

    pub fn optional_millis(&mut self) -> Result<Option<Millis>, StoreError> {
        self.optional_integer().map(|integer| integer.map(Millis))
    }

    pub fn run_id(&mut self) -> Result<RunId, StoreError> {
        RunId::new(self.amount()?).ok_or_else(|| bad("a run id"))
    }

    pub fn optional_attempt(&mut self) -> Result<Option<RunAttempt>, StoreError> {
        let Some(integer) = self.optional_integer()? else { return Ok(None) };
        u32::try_from(integer).ok().and_then(RunAttempt::new).map(Some).ok_or_else(|| bad("a run attempt"))
    }

    pub fn outcome(&mut self) -> Result<RunOutcome, StoreError> {
        RunOutcome::parse(&self.text()?).ok_or_else(|| bad("an outcome"))
    }

    pub fn detail(&mut self) -> Result<Option<Box<Detail>>, StoreError> {
        let Some(text) = self.optional_text()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| StoreError(format!("a decision's detail: {error}")))
    }
}

fn bad(expected: &str) -> StoreError {
    StoreError(format!("a row holds something other than {expected}"))
}
