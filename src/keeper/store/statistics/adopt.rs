//! Jobs that were counted by the name of their workflow are counted by its id from their next failure on.
//!
//! Older versions knew a workflow by what GitHub calls the run's name, which is the workflow's unless that has a `run-name`.
//! What was counted under such names of single runs is forgotten like everything that does not fail any more.

use std::collections::BTreeMap;

use crate::keeper::retention::SUBJECT_DAYS;
use crate::time::Millis;

use super::subject::Subject;
use super::{Sql, Store, StoreError};

impl<S: Sql> Store<S> {
    /// Gives what was counted by name to the subjects that are known by their workflow's id. Answers which ids have become
    /// which: re-runs under way are stored with the old ones.
    pub(super) fn adopt<'a>(
        &self,
        subjects: impl Iterator<Item = &'a Subject>,
        now: Millis,
    ) -> Result<BTreeMap<i64, i64>, StoreError> {
        let mut adopted = BTreeMap::new();
        for subject in subjects {
            let Some(workflow_id) = subject.workflow_id else { continue };
            let (old, new) = (subject.id_by_name(), subject.id());
            adopted.insert(old, new);
            let is_stored = |id: i64, condition: &str| {
                self.exists(&format!("SELECT 1 FROM subjects WHERE subject_id = ? {condition}"), vec![id.into()])
            };
            if is_stored(new, "")? || !is_stored(old, "AND workflow_id IS NULL")? {
                continue;
            }
            let statement = "UPDATE subjects SET subject_id = ?1, workflow_id = ?3 WHERE subject_id = ?2";
            self.change(statement, vec![new.into(), old.into(), workflow_id.into()])?;
            // Each day by its name, as a range of days would be searched from end to end.
            let days: Vec<String> = (now.day() - SUBJECT_DAYS..=now.day()).map(|day| day.to_string()).collect();
            let statement = format!(
                "UPDATE OR REPLACE subject_days SET subject_id = ?1 WHERE subject_id = ?2 AND day IN ({})",
                days.join(",")
            );
            self.change(&statement, vec![new.into(), old.into()])?;
        }
        Ok(adopted)
    }
}
