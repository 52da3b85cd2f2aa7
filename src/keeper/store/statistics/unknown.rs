//! Failures that no rule and no entry of the catalogue knew, by job and step: read from what [`super::subjects`] has counted.

use crate::names::order::sort_by_key;
use crate::time::Millis;

use super::subjects::{UNKNOWN, most_failed};
use super::{Sql, Store, StoreError, SubjectFigures, SubjectKind};

impl<S: Sql> Store<S> {
    /// Those that nobody knew most often. Reads all jobs that are counted, which are [`super::subjects`]' 500 at most: an
    /// index would cost a row written for each failure. SQLite counts a row that it sorts or groups once more, so that both
    /// is done here.
    pub fn unknown_failures(&self, at_most: usize, now: Millis) -> Result<Vec<SubjectFigures>, StoreError> {
        let rows = self.rows(
            "SELECT unknown, subject_id, workflow, name, step, last_seen, last_run FROM subjects
             WHERE kind = ? AND unknown > 0",
            vec![SubjectKind::Job.as_str().into()],
        )?;
        let mut found = Vec::new();
        for mut row in rows {
            let (unknown, id) = (row.integer()?, row.integer()?);
            let figures = SubjectFigures {
                workflow: row.text()?,
                name: row.text()?,
                step: row.text()?,
                last_seen: row.millis()?,
                last_run: row.amount()?,
                ..SubjectFigures::default()
            };
            found.push((unknown, id, figures));
        }
        sort_by_key(&mut found, |(unknown, id, _)| std::cmp::Reverse((*unknown, *id)));
        let mut found: Vec<_> = found.into_iter().take(at_most).map(|(_, id, figures)| (id, figures)).collect();
        self.add_up(&mut found, UNKNOWN, now)?;
        Ok(most_failed(found))
    }
}
