//! What was decided on runs, a row for each decision.

use crate::keeper::state_machine::Record;
use crate::names::RunId;

use super::{Sql, Store, StoreError, json};

impl<S: Sql> Store<S> {
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
        self.change(statement, bindings)
    }

    /// The decisions on a run, oldest first.
    pub fn records(&self, run_id: RunId) -> Result<Vec<Record>, StoreError> {
        let statement = "SELECT run_attempt, decided, outcome, reason, detail FROM decisions WHERE run_id = ?
                         ORDER BY decision_id";
        let rows = self.rows(statement, vec![run_id.into()])?;
        rows.map(|mut row| {
            Ok(Record {
                run_attempt: row.optional_attempt()?,
                decided: row.millis()?,
                outcome: row.outcome()?,
                reason: row.text()?,
                detail: row.detail()?,
            })
        })
        .collect()
    }
}
