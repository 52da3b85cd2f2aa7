//! Jobs and runners that failed: a row each, and one for each day.

use crate::keeper::retention::{SUBJECT_DAYS, WINDOW_DAYS};
use crate::names::RunId;
use crate::time::{Millis, Span};

use super::super::number;
use super::subject::{Failure, SubjectKind};
use super::{Sql, Store, StoreError, Value};

/// Jobs, and runners, that are counted one by one. Beyond, the one not seen for longest makes way.
const SUBJECTS: i64 = 500;

/// A job or a runner over the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectFigures {
    pub workflow: String,
    pub name: String,
    pub step: String,
    pub failed: u64,
    /// How often what became of its re-run is known, and how often it passed then.
    pub judged: u64,
    pub passed: u64,
    pub last_seen: Millis,
    pub last_run: u64,
    /// Failures, a number for each day of the window, oldest first.
    pub by_day: Vec<u64>,
}

impl<S: Sql> Store<S> {
    pub(super) fn count_failures(&self, run_id: RunId, failures: Vec<Failure>, now: Millis) -> Result<(), StoreError> {
        let mut new = false;
        for subject in failures.into_iter().flat_map(|failure| [Some(failure.job), failure.runner]).flatten() {
            let id = subject.id();
            new |= !self.exists("SELECT 1 FROM subjects WHERE subject_id = ?", vec![id.into()])?;
            self.change(
                "INSERT INTO subjects (subject_id, kind, workflow, name, step, failed, last_seen, last_run, workflow_id)
                 VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT (subject_id)
                 DO UPDATE SET failed = failed + 1, last_seen = excluded.last_seen, last_run = excluded.last_run,
                 workflow = excluded.workflow",
                vec![
                    id.into(),
                    subject.kind.as_str().into(),
                    subject.workflow.into(),
                    subject.name.into(),
                    subject.step.into(),
                    now.into(),
                    run_id.into(),
                    subject.workflow_id.into(),
                ],
            )?;
            self.add_to_subject(id, now, [1, 0, 0])?;
        }
        if new { self.make_room() } else { Ok(()) }
    }

    /// A re-run that was for it has ended.
    pub(super) fn count_rerun_of(&self, subject: i64, passed: bool, now: Millis) -> Result<(), StoreError> {
        self.add_to_subject(subject, now, [0, 1, passed.into()])
    }

    fn add_to_subject(&self, id: i64, now: Millis, [failed, judged, passed]: [i64; 3]) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO subject_days (day, subject_id, failed, judged, passed) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (day, subject_id) DO UPDATE
             SET failed = failed + excluded.failed, judged = judged + excluded.judged, passed = passed + excluded.passed",
            [now.day(), id, failed, judged, passed].map(Value::Integer).to_vec(),
        )
    }

    /// Names that are made up anew each time must not fill the storage.
    fn make_room(&self) -> Result<(), StoreError> {
        for kind in SubjectKind::ALL {
            self.change(
                "DELETE FROM subjects WHERE subject_id IN
                 (SELECT subject_id FROM subjects WHERE kind = ? ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
                vec![kind.as_str().into(), SUBJECTS.into()],
            )?;
        }
        Ok(())
    }

    /// Those that failed most, and whether there are more.
    pub fn subjects(
        &self,
        kind: SubjectKind,
        skip: u64,
        at_most: u64,
        now: Millis,
    ) -> Result<(Vec<SubjectFigures>, bool), StoreError> {
        let rows = self.rows(
            "SELECT subject_id, workflow, name, step, last_seen, last_run FROM subjects WHERE kind = ?
             ORDER BY failed DESC, subject_id DESC LIMIT ? OFFSET ?",
            vec![kind.as_str().into(), number(at_most + 1), number(skip)],
        )?;
        let mut subjects = Vec::new();
        for mut row in rows {
            let id = row.integer()?;
            let figures = SubjectFigures {
                workflow: row.text()?,
                name: row.text()?,
                step: row.text()?,
                failed: 0,
                judged: 0,
                passed: 0,
                last_seen: row.millis()?,
                last_run: row.amount()?,
                by_day: vec![0; usize::try_from(WINDOW_DAYS).unwrap_or_default()],
            };
            subjects.push((id, figures));
        }
        let more = subjects.len() as u64 > at_most;
        subjects.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
        self.add_up(&mut subjects, now)?;
        let mut subjects: Vec<_> =
            subjects.into_iter().map(|(_, subject)| subject).filter(|subject| subject.failed > 0).collect();
        subjects.sort_by(|a, b| b.failed.cmp(&a.failed).then(b.last_seen.cmp(&a.last_seen)));
        Ok((subjects, more))
    }

    fn add_up(&self, subjects: &mut [(i64, SubjectFigures)], now: Millis) -> Result<(), StoreError> {
        let list = |numbers: Vec<i64>| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let first = now.day() - WINDOW_DAYS + 1;
        // Both lists are numbers of our own: so many rows are looked up, and no more.
        let statement = format!(
            "SELECT day, subject_id, failed, judged, passed FROM subject_days WHERE day IN ({}) AND subject_id IN ({})",
            list((first..=now.day()).collect()),
            list(subjects.iter().map(|(id, _)| *id).collect())
        );
        for mut row in self.rows(&statement, vec![])? {
            let (day, id) = (row.integer()?, row.integer()?);
            let Some((_, subject)) = subjects.iter_mut().find(|(known, _)| *known == id) else { continue };
            let failed = row.amount()?;
            subject.failed += failed;
            subject.judged += row.amount()?;
            subject.passed += row.amount()?;
            if let Some(count) = usize::try_from(day - first).ok().and_then(|day| subject.by_day.get_mut(day)) {
                *count += failed;
            }
        }
        Ok(())
    }

    pub(super) fn prune_subjects(&self, now: Millis, at_most: i64) -> Result<bool, StoreError> {
        let old = "SELECT day, subject_id, failed FROM subject_days WHERE day < ? ORDER BY day, subject_id LIMIT ?";
        let mut deleted = 0;
        for mut row in self.rows(old, vec![(now.day() - SUBJECT_DAYS).into(), at_most.into()])? {
            let (day, id, failed) = (row.integer()?, row.integer()?, row.integer()?);
            // The order of the list is by what is still counted.
            let statement = "UPDATE subjects SET failed = failed - ? WHERE subject_id = ?";
            self.change(statement, vec![failed.into(), id.into()])?;
            self.change("DELETE FROM subject_days WHERE day = ? AND subject_id = ?", vec![day.into(), id.into()])?;
            deleted += 1;
        }
        let unseen = now.minus(Span::days(SUBJECT_DAYS));
        self.change("DELETE FROM subjects WHERE failed <= 0 AND last_seen < ?", vec![unseen.into()])?;
        Ok(deleted >= at_most)
    }
}
