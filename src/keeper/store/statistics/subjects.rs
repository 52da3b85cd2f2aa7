//! What fails, a job at a step or a runner: a row each, and one for each day.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::keeper::retention::{PRUNED_AT_ONCE, SUBJECT_DAYS, WINDOW_DAYS};
use crate::keeper::tracked_run::TrackedRun;
use crate::names::order::sort_by;
use crate::names::{WorkflowId, lengths, string_enum};
use crate::policy::FailedJob;
use crate::policy::evidence::RescueRate;
use crate::time::{Millis, Span};

use super::{Sql, Store, StoreError, Value};

/// Jobs, and runners, that are counted one by one. Beyond, the one not seen for longest makes way.
const SUBJECTS: i64 = 500;

string_enum! {
    pub enum SubjectKind {
        Job = "job",
        Runner = "runner",
    }
}

pub struct Subject {
    pub kind: SubjectKind,
    pub workflow_id: Option<WorkflowId>,
    /// As it is shown: what it is called can change.
    pub workflow: String,
    pub name: String,
    pub step: String,
    /// No rule and no entry of the catalogue knew its failure.
    pub unknown: bool,
}

impl Subject {
    /// Follows from what it is, so that no look-up is needed; 52 bits, so that it crosses to JavaScript.
    pub fn id(&self) -> i64 {
        match self.workflow_id {
            Some(id) => self.id_with(&format!("\u{1}{id}")),
            None => self.id_by_name(),
        }
    }

    /// Where the workflow's id is not known, and as older versions had it.
    pub fn id_by_name(&self) -> i64 {
        self.id_with(&self.workflow)
    }

    fn id_with(&self, workflow: &str) -> i64 {
        let mut digest = Sha256::new();
        for part in [self.kind.as_str(), workflow, &self.name, &self.step] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        digest.finalize().iter().take(8).fold(0_i64, |id, byte| (id << 8) | i64::from(*byte)) & ((1 << 52) - 1)
    }
}

/// As what else something counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    /// Nobody knew the failure.
    pub unknown: bool,
    /// The run may be a fork's.
    pub of_fork: bool,
}

/// A job that failed, and the runner that it failed on, if its name tells something.
pub fn subjects_of(run: &TrackedRun, job: &FailedJob) -> impl Iterator<Item = Subject> + use<> {
    let runner = job.runner.as_deref().filter(|runner| !is_hosted(runner));
    let runner = runner.map(|runner| Subject {
        kind: SubjectKind::Runner,
        workflow_id: None,
        workflow: String::new(),
        name: short(runner),
        step: String::new(),
        unknown: false,
    });
    let unknown = job.rule.is_none() && job.cause.is_none();
    let job = Subject {
        kind: SubjectKind::Job,
        workflow_id: run.workflow_id,
        workflow: short(run.shown_workflow().unwrap_or_default()),
        name: short(&job.name),
        step: short(job.step.as_deref().unwrap_or_default()),
        unknown,
    };
    [job].into_iter().chain(runner)
}

/// GitHub's own runners are new for each job: their names say nothing.
fn is_hosted(runner: &str) -> bool {
    runner.is_empty() || runner.starts_with("GitHub Actions ") || runner.starts_with("Hosted Agent")
}

pub(super) fn short(name: &str) -> String {
    name.chars().take(lengths::STORED).collect()
}

/// How often it failed, how often what became of its re-run is known, and how often it passed then; of all failures, of those in
/// the repository's own runs, and of those that nobody knew.
pub(super) const ALL: &str = "failed, judged, passed";
pub(super) const OWN: &str = "failed - forks_failed, judged - forks_judged, passed - forks_passed";
pub(super) const UNKNOWN: &str = "unknown, unknown_judged, unknown_passed";

/// Those that failed within the window, most often first.
pub(super) fn most_failed(subjects: Vec<(i64, SubjectFigures)>) -> Vec<SubjectFigures> {
    let mut failed: Vec<_> = subjects.into_iter().map(|(_, subject)| subject).filter(|it| it.failed > 0).collect();
    sort_by(&mut failed, |a, b| b.failed.cmp(&a.failed).then(b.last_seen.cmp(&a.last_seen)));
    failed
}

/// A job or a runner over the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    pub(super) fn count_failures(&self, run: &TrackedRun, failed: Vec<Subject>, now: Millis) -> Result<(), StoreError> {
        let of_fork = run.may_be_of_fork();
        let mut new = false;
        for subject in failed {
            let id = subject.id();
            new |= !self.exists("SELECT 1 FROM subjects WHERE subject_id = ?", vec![id.into()])?;
            self.change(
                "INSERT INTO subjects (subject_id, kind, workflow, name, step, failed, last_seen, last_run, workflow_id,
                 unknown, own_seen) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (subject_id)
                 DO UPDATE SET failed = failed + 1, unknown = unknown + excluded.unknown, last_seen = excluded.last_seen, last_run = excluded.last_run,
                 workflow = excluded.workflow, own_seen = IFNULL(excluded.own_seen, own_seen)",
                vec![
                    id.into(),
                    subject.kind.as_str().into(),
                    subject.workflow.into(),
                    subject.name.into(),
                    subject.step.into(),
                    now.into(),
                    run.run_id.into(),
                    subject.workflow_id.into(),
                    subject.unknown.into(),
                    (!of_fork).then_some(now).into(),
                ],
            )?;
            self.add_to_subject(id, now, [1, 0, 0], Counts { unknown: subject.unknown, of_fork })?;
        }
        if new { self.make_room() } else { Ok(()) }
    }

    /// How often it failed; how often what became of its re-run is known, and how often it passed then; all of it
    /// once more if nobody knew that failure, and if the run may be a fork's.
    pub(super) fn add_to_subject(
        &self,
        id: i64,
        now: Millis,
        [failed, judged, passed]: [i64; 3],
        counts: Counts,
    ) -> Result<(), StoreError> {
        let more = |is_more: bool| [failed, judged, passed].map(|count| count * i64::from(is_more));
        let all = [now.day(), id, failed, judged, passed].into_iter();
        let bindings = all.chain(more(counts.unknown)).chain(more(counts.of_fork));
        self.change(
            "INSERT INTO subject_days (day, subject_id, failed, judged, passed, unknown, unknown_judged, unknown_passed,
             forks_failed, forks_judged, forks_passed)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day, subject_id) DO UPDATE
             SET failed = failed + excluded.failed, judged = judged + excluded.judged, passed = passed + excluded.passed,
             unknown = unknown + excluded.unknown, unknown_judged = unknown_judged + excluded.unknown_judged,
             unknown_passed = unknown_passed + excluded.unknown_passed,
             forks_failed = forks_failed + excluded.forks_failed, forks_judged = forks_judged + excluded.forks_judged,
             forks_passed = forks_passed + excluded.forks_passed",
            bindings.map(Value::Integer).collect(),
        )
    }

    /// What became of re-runs of the job over the window, of the repository's own runs: rules go by it, and whoever has a fork must
    /// not make it up.
    pub fn rescue_rate(&self, run: &TrackedRun, job: &FailedJob, now: Millis) -> Result<RescueRate, StoreError> {
        let Some(subject) = subjects_of(run, job).find(|subject| subject.kind == SubjectKind::Job) else {
            return Ok(RescueRate::default());
        };
        let mut figures = [(subject.id(), SubjectFigures::default())];
        self.add_up(&mut figures, OWN, now)?;
        let [(_, SubjectFigures { judged, passed, .. })] = figures;
        Ok(RescueRate { judged, passed })
    }

    /// Jobs that were counted by the name of their workflow are counted by its id from their next failure on. Answers
    /// which ids have become which: re-runs under way are stored with the old ones.
    ///
    /// Older versions knew a workflow by what GitHub calls the run's name, which is the workflow's unless that has a
    /// `run-name`. What was counted under such names of single runs is forgotten like everything that does not fail any more.
    pub(super) fn adopt(&self, subjects: &[Subject], now: Millis) -> Result<BTreeMap<i64, i64>, StoreError> {
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
            vec![kind.as_str().into(), (at_most + 1).into(), skip.into()],
        )?;
        let mut subjects = Vec::new();
        for mut row in rows {
            let id = row.integer()?;
            let figures = SubjectFigures {
                workflow: row.text()?,
                name: row.text()?,
                step: row.text()?,
                last_seen: row.millis()?,
                last_run: row.amount()?,
                by_day: vec![0; usize::try_from(WINDOW_DAYS).unwrap_or_default()],
                ..SubjectFigures::default()
            };
            subjects.push((id, figures));
        }
        let more = subjects.len() as u64 > at_most;
        subjects.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
        self.add_up(&mut subjects, ALL, now)?;
        Ok((most_failed(subjects), more))
    }

    /// Adds what the days of the window have in these columns.
    pub(super) fn add_up(
        &self,
        subjects: &mut [(i64, SubjectFigures)],
        columns: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let list = |numbers: Vec<i64>| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let first = now.day() - WINDOW_DAYS + 1;
        // Both lists are numbers of our own: so many rows are looked up, and no more.
        let statement = format!(
            "SELECT day, subject_id, {columns} FROM subject_days WHERE day IN ({}) AND subject_id IN ({})",
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

    pub(super) fn prune_subjects(&self, now: Millis) -> Result<bool, StoreError> {
        let old =
            "SELECT day, subject_id, failed, unknown FROM subject_days WHERE day < ? ORDER BY day, subject_id LIMIT ?";
        let mut deleted = 0;
        for mut row in self.rows(old, vec![(now.day() - SUBJECT_DAYS).into(), PRUNED_AT_ONCE.into()])? {
            let (day, id, failed, unknown) = (row.integer()?, row.integer()?, row.integer()?, row.integer()?);
            // The order of the list is by what is still counted.
            let statement = "UPDATE subjects SET failed = failed - ?, unknown = unknown - ? WHERE subject_id = ?";
            self.change(statement, vec![failed.into(), unknown.into(), id.into()])?;
            self.change("DELETE FROM subject_days WHERE day = ? AND subject_id = ?", vec![day.into(), id.into()])?;
            deleted += 1;
        }
        let unseen = now.minus(Span::days(SUBJECT_DAYS));
        self.change("DELETE FROM subjects WHERE failed <= 0 AND last_seen < ?", vec![unseen.into()])?;
        Ok(deleted >= PRUNED_AT_ONCE)
    }
}
