//! Jobs that were counted by the name of their workflow are counted by its id from their next failure on.
//!
//! Older versions knew a workflow by what GitHub calls the run's name, which is the workflow's unless that has a `run-name`.
//! What was counted under such names of single runs is forgotten like everything that does not fail any more.

use std::collections::BTreeMap;

use crate::time::Millis;

use super::stats::{KEEP_SUBJECT_DAYS, Subject};
use super::store::{Sql, StoreError, Value};

/// Gives what was counted by name to the subjects that are known by their workflow's id. Answers which ids have become
/// which: re-runs under way are stored with the old ones.
pub fn adopt(sql: &impl Sql, subjects: &[Subject], now: Millis) -> Result<BTreeMap<i64, i64>, StoreError> {
    let mut adopted = BTreeMap::new();
    for subject in subjects {
        let Some(workflow_id) = subject.workflow_id else { continue };
        let (old, new) = (subject.id_by_name(), subject.id());
        adopted.insert(old, new);
        let row = |id: i64, condition: &str| {
            let statement = format!("SELECT 1 FROM subjects WHERE subject_id = ? {condition}");
            sql.exec(&statement, vec![Value::Integer(id)]).map(|rows| !rows.is_empty())
        };
        if row(new, "")? || !row(old, "AND workflow_id IS NULL")? {
            continue;
        }
        let ids = vec![Value::Integer(new), Value::Integer(old)];
        let with_workflow = [ids.clone(), vec![workflow_id.into()]].concat();
        sql.exec("UPDATE subjects SET subject_id = ?1, workflow_id = ?3 WHERE subject_id = ?2", with_workflow)?;
        // Each day by its name, as a range of days would be searched from end to end.
        let days: Vec<String> = (now.day() - KEEP_SUBJECT_DAYS..=now.day()).map(|day| day.to_string()).collect();
        let statement = format!(
            "UPDATE OR REPLACE subject_days SET subject_id = ?1 WHERE subject_id = ?2 AND day IN ({})",
            days.join(",")
        );
        sql.exec(&statement, ids)?;
    }
    Ok(adopted)
}
