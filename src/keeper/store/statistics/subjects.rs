//! What fails: a row each, with what was counted of it day by day.

use crate::keeper::retention::{PRUNED_AT_ONCE, SUBJECT_DAYS};
use crate::keeper::tracked_run::TrackedRun;
use crate::names::WorkflowId;
use crate::names::json::from_text;
use crate::names::order::{sort_by, sort_by_key};
use crate::policy::FailedJob;
use crate::policy::evidence::RescueRate;
use crate::time::{Millis, Span};

use super::subject::{Subject, SubjectFigures, SubjectKind, subjects_of};
use super::subject_days::{Counts, Days, Share, Tally};
use super::{Row, Sql, Store, StoreError};

/// Jobs, and runners, that are counted one by one. Beyond, the one not seen for longest makes way, and those that were seen in forks'
/// runs alone before all others.
const SUBJECTS: i64 = 500;

/// With its id, and with nothing yet of what its days have.
type Counted = (i64, SubjectFigures, Days);

/// All jobs, or runners, that are counted.
pub struct Subjects(Vec<Counted>);

impl Subjects {
    /// Those that failed most, and whether there are more.
    pub fn most_failed(&self, skip: u64, at_most: u64, now: Millis) -> (Vec<SubjectFigures>, bool) {
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let ranked = self.ranked(Share::All, now);
        let more = ranked.len() > count(skip.saturating_add(at_most));
        (in_window(ranked.into_iter().skip(count(skip)).take(count(at_most)), Share::All, now), more)
    }

    /// Those that nobody knew most often: no rule, and no entry of the catalogue.
    pub fn unknown(&self, at_most: usize, now: Millis) -> Vec<SubjectFigures> {
        in_window(self.ranked(Share::Unknown, now).into_iter().take(at_most), Share::Unknown, now)
    }

    /// What failed most first.
    fn ranked(&self, share: Share, now: Millis) -> Vec<&Counted> {
        let mut subjects: Vec<_> = self.0.iter().map(|subject| (subject.2.total(share, now), subject)).collect();
        sort_by_key(&mut subjects, |(total, (id, ..))| std::cmp::Reverse((*total, *id)));
        let counted = subjects.into_iter().filter(|(total, _)| *total > 0 || share == Share::All);
        counted.map(|(_, subject)| subject).collect()
    }
}

/// Those that failed within the window, most often first.
fn in_window<'a>(subjects: impl Iterator<Item = &'a Counted>, share: Share, now: Millis) -> Vec<SubjectFigures> {
    let figures = subjects.map(|(_, subject, days)| {
        let mut figures = subject.clone();
        days.add_to(&mut figures, share, now);
        figures
    });
    let mut failed: Vec<_> = figures.filter(|it| it.failed > 0).collect();
    sort_by(&mut failed, |a, b| b.failed.cmp(&a.failed).then(b.last_seen.cmp(&a.last_seen)));
    failed
}

impl<S: Sql> Store<S> {
    /// Counts what failed, and what the tally has of re-runs.
    ///
    /// Jobs that were counted by the name of their workflow are counted by its id from their next failure on. Older versions knew a
    /// workflow by what GitHub calls the run's name, which is the workflow's unless that has a `run-name`. What was counted under
    /// such names of single runs is forgotten like everything that does not fail any more.
    pub(super) fn count_failures(
        &self,
        run: &TrackedRun,
        failed: Vec<Subject>,
        mut tally: Tally,
        now: Millis,
    ) -> Result<(), StoreError> {
        let of_fork = run.may_be_of_fork();
        for subject in &failed {
            let counts = Counts { unknown: subject.unknown, of_fork };
            tally.add(subject.kind, subject.id(), [1, 0, 0], counts);
        }
        let mut new = Vec::new();
        for (kind, id, counted) in tally.0 {
            let subject = failed.iter().find(|subject| (subject.kind, subject.id()) == (kind, id));
            let stored = match self.days_of(kind, id)? {
                None => subject.map_or(Ok(None), |subject| self.adopt(subject))?,
                stored => stored,
            };
            let is_new = stored.is_none();
            let mut days = stored.unwrap_or_default();
            days.count(now.day(), counted);
            let Some(subject) = subject else {
                // What made way for others is not counted any more.
                let statement = "UPDATE subjects SET days = ? WHERE kind = ? AND subject_id = ?";
                self.change(statement, vec![days.to_text().into(), kind.as_str().into(), id.into()])?;
                continue;
            };
            new.extend(Some(kind).filter(|_| is_new));
            let own_seen = (!of_fork).then_some(now);
            self.change(
                "INSERT INTO subjects (kind, subject_id, workflow_id, workflow, name, step, last_seen, own_seen, last_run, days)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, subject_id) DO UPDATE SET
                 last_seen = excluded.last_seen, last_run = excluded.last_run, workflow = excluded.workflow,
                 own_seen = IFNULL(excluded.own_seen, own_seen), days = excluded.days",
                vec![
                    kind.as_str().into(),
                    id.into(),
                    subject.workflow_id.into(),
                    subject.workflow.as_str().into(),
                    subject.name.as_str().into(),
                    subject.step.as_str().into(),
                    now.into(),
                    own_seen.into(),
                    run.run_id.into(),
                    days.to_text().into(),
                ],
            )?;
        }
        for kind in SubjectKind::ALL.into_iter().filter(|kind| new.contains(kind)) {
            self.make_room(kind)?;
        }
        Ok(())
    }

    fn days_of(&self, kind: SubjectKind, id: i64) -> Result<Option<Days>, StoreError> {
        let statement = "SELECT days FROM subjects WHERE kind = ? AND subject_id = ?";
        let Some(mut row) = self.first(statement, vec![kind.as_str().into(), id.into()])? else { return Ok(None) };
        Days::parse(&row.text()?).map(Some)
    }

    /// What was counted by the workflow's name, if something was, goes on by its id.
    fn adopt(&self, subject: &Subject) -> Result<Option<Days>, StoreError> {
        let Some(workflow_id) = subject.workflow_id else { return Ok(None) };
        let statement = "UPDATE subjects SET subject_id = ?1, workflow_id = ?2
             WHERE kind = ?3 AND subject_id = ?4 AND workflow_id IS NULL RETURNING days";
        let (old, kind) = (subject.id_by_name(), subject.kind.as_str());
        let row = self.first(statement, vec![subject.id().into(), workflow_id.into(), kind.into(), old.into()])?;
        row.map(|mut row| Days::parse(&row.text()?)).transpose()
    }

    /// What became of re-runs of the job over the window, of the repository's own runs: rules go by it, and whoever has a fork must
    /// not make it up.
    pub fn rescue_rate(&self, run: &TrackedRun, job: &FailedJob, now: Millis) -> Result<RescueRate, StoreError> {
        let Some(subject) = subjects_of(run, job).find(|subject| subject.kind == SubjectKind::Job) else {
            return Ok(RescueRate::default());
        };
        let mut figures = SubjectFigures::default();
        if let Some(days) = self.days_of(subject.kind, subject.id())? {
            days.add_to(&mut figures, Share::Own, now);
        }
        let SubjectFigures { judged, passed, .. } = figures;
        Ok(RescueRate { judged, passed })
    }

    /// Names that are made up anew each time must not fill the storage, and those of forks must not drive out others. What has an
    /// issue is kept longest, as the issue says how often it has failed.
    fn make_room(&self, kind: SubjectKind) -> Result<(), StoreError> {
        self.change(
            "DELETE FROM subjects WHERE kind = ?1 AND subject_id IN
             (SELECT subject_id FROM subjects WHERE kind = ?1 ORDER BY own_seen IS NULL,
                IFNULL((workflow_id, name) IN (SELECT workflow_id, job FROM flaky_issues WHERE issue IS NOT NULL), 0) DESC,
                IFNULL(own_seen, last_seen) DESC LIMIT -1 OFFSET ?2)",
            vec![kind.as_str().into(), SUBJECTS.into()],
        )
    }

    /// All of a kind of which something is still counted. A row is one piece of JSON: a page reads hundreds, and each value of its
    /// own that crosses from the runtime costs as much as reading the row.
    pub fn subjects(&self, kind: SubjectKind) -> Result<Subjects, StoreError> {
        let rows = self.rows(
            "SELECT json_array(subject_id, workflow, name, step, last_seen, last_run), days FROM subjects WHERE kind = ?",
            vec![kind.as_str().into()],
        )?;
        let subject = |mut row: Row| {
            let columns = from_text(&row.text()?).map_err(|error| StoreError(format!("a subject: {error}")))?;
            let (id, workflow, name, step, last_seen, last_run) = columns;
            let figures = SubjectFigures { workflow, name, step, last_seen, last_run, ..SubjectFigures::default() };
            Ok((id, figures, Days::parse(&row.text()?)?))
        };
        rows.map(subject).collect::<Result<_, _>>().map(Subjects)
    }

    /// The days of a job of a workflow, by the step at which it failed, and when it last did in the repository's own runs.
    pub(super) fn steps_of(
        &self,
        workflow_id: WorkflowId,
        job: &str,
    ) -> Result<Vec<(String, Option<Millis>, Days)>, StoreError> {
        let statement = "SELECT step, own_seen, days FROM subjects WHERE kind = ? AND workflow_id = ? AND name = ?";
        let bindings = vec![SubjectKind::Job.as_str().into(), workflow_id.into(), job.into()];
        let rows = self.rows(statement, bindings)?;
        rows.map(|mut row| Ok((row.text()?, row.optional_millis()?, Days::parse(&row.text()?)?))).collect()
    }

    /// What has not failed for long.
    pub(super) fn prune_subjects(&self, now: Millis) -> Result<(), StoreError> {
        let unseen = now.minus(Span::days(SUBJECT_DAYS));
        let statement = "DELETE FROM subjects WHERE (kind, subject_id) IN
             (SELECT kind, subject_id FROM subjects WHERE last_seen < ? LIMIT ?)";
        self.change(statement, vec![unseen.into(), PRUNED_AT_ONCE.into()])
    }
}
