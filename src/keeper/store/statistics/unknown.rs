//! Failures that no rule and no entry of the catalogue knew, by job and step: read from what [`super::subjects`] has counted.

use crate::keeper::retention::WINDOW_DAYS;
use crate::names::order::{sort_by, sort_by_key};
use crate::time::Millis;

use super::{Sql, Store, StoreError, SubjectKind};

/// A job at a step, over the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownFigures {
    pub workflow: String,
    pub name: String,
    pub step: String,
    /// How often it failed in a way that nobody knew.
    pub failed: u64,
    /// How often what became of its re-run is known, and how often it passed then.
    pub judged: u64,
    pub passed: u64,
    pub last_seen: Millis,
    pub last_run: u64,
}

impl<S: Sql> Store<S> {
    /// Those that nobody knew most often. Reads all jobs that are counted, which are [`super::subjects`]' 500 at most: an
    /// index would cost a row written for each failure. SQLite counts a row that it sorts or groups once more, so that both
    /// is done here.
    pub fn unknown_failures(&self, at_most: usize, now: Millis) -> Result<Vec<UnknownFigures>, StoreError> {
        let rows = self.rows(
            "SELECT unknown, subject_id, workflow, name, step, last_seen, last_run FROM subjects
             WHERE kind = ? AND unknown > 0",
            vec![SubjectKind::Job.as_str().into()],
        )?;
        let mut found = Vec::new();
        for mut row in rows {
            let (unknown, id) = (row.integer()?, row.integer()?);
            let figures = UnknownFigures {
                workflow: row.text()?,
                name: row.text()?,
                step: row.text()?,
                last_seen: row.millis()?,
                last_run: row.amount()?,
                ..UnknownFigures::default()
            };
            found.push((unknown, id, figures));
        }
        sort_by_key(&mut found, |(unknown, id, _)| std::cmp::Reverse((*unknown, *id)));
        let mut found: Vec<_> = found.into_iter().take(at_most).map(|(_, id, figures)| (id, figures)).collect();
        let list = |numbers: Vec<i64>| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        // Both lists are numbers of our own: so many rows are looked up, and no more.
        let statement = format!(
            "SELECT subject_id, unknown, unknown_judged, unknown_passed FROM subject_days
             WHERE day IN ({}) AND subject_id IN ({})",
            list((now.day() - WINDOW_DAYS + 1..=now.day()).collect()),
            list(found.iter().map(|(id, _)| *id).collect())
        );
        for mut row in self.rows(&statement, vec![])? {
            let id = row.integer()?;
            let Some((_, figures)) = found.iter_mut().find(|(known, _)| *known == id) else { continue };
            figures.failed += row.amount()?;
            figures.judged += row.amount()?;
            figures.passed += row.amount()?;
        }
        let mut found: Vec<_> = found.into_iter().map(|(_, figures)| figures).filter(|it| it.failed > 0).collect();
        sort_by(&mut found, |a, b| b.failed.cmp(&a.failed).then(b.last_seen.cmp(&a.last_seen)));
        Ok(found)
    }
}
