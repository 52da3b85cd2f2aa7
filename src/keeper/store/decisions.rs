//! What was decided on runs: a row each, by run.

use crate::keeper::step::Record;
use crate::names::RunId;

use super::{Row, Sql, Store, StoreError, json};

/// Of one run: GitHub re-runs it 50 times. Beyond, the last is written over.
const MOST: i64 = 400;

impl<S: Sql> Store<S> {
    pub fn record(&self, run_id: RunId, record: &Record) -> Result<(), StoreError> {
        let statement =
            "INSERT OR REPLACE INTO run_decisions (run_id, number, run_attempt, decided, outcome, reason, detail)
             SELECT ?1, MIN(IFNULL(MAX(number), 0) + 1, ?7), ?2, ?3, ?4, ?5, ?6 FROM run_decisions WHERE run_id = ?1";
        let bindings = vec![
            run_id.into(),
            record.run_attempt.into(),
            record.decided.into(),
            record.outcome.as_str().into(),
            record.reason.as_str().into(),
            json(record.detail.as_deref())?,
            MOST.into(),
        ];
        self.change(statement, bindings)
    }

    /// The decisions on a run, oldest first.
    pub fn records(&self, run_id: RunId) -> Result<Vec<Record>, StoreError> {
        const COLUMNS: &str = "run_attempt, decided, outcome, reason, detail";
        let mut records = Vec::new();
        if self.has_decisions_of_before()? {
            let statement = format!("SELECT {COLUMNS} FROM decisions WHERE run_id = ? ORDER BY decision_id");
            for row in self.rows(&statement, vec![run_id.into()])? {
                records.push(read(row)?);
            }
        }
        let statement = format!("SELECT {COLUMNS} FROM run_decisions WHERE run_id = ? ORDER BY number");
        for row in self.rows(&statement, vec![run_id.into()])? {
            records.push(read(row)?);
        }
        Ok(records)
    }

    /// The versions before 20 had them in another table, where they are read until they are forgotten.
    fn has_decisions_of_before(&self) -> Result<bool, StoreError> {
        self.any(&self.has_old_decisions, "decisions")
    }

    pub(super) fn delete_records(&self, run_id: RunId) -> Result<(), StoreError> {
        if self.has_decisions_of_before()? {
            self.change("DELETE FROM decisions WHERE run_id = ?", vec![run_id.into()])?;
        }
        self.change("DELETE FROM run_decisions WHERE run_id = ?", vec![run_id.into()])
    }
}

fn read(mut row: Row) -> Result<Record, StoreError> {
    Ok(Record {
        run_attempt: row.optional_attempt()?,
        decided: row.millis()?,
        outcome: row.outcome()?,
        reason: row.text()?,
        detail: row.detail()?,
    })
}
