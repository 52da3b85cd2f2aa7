//! A repository's statistics: counted in the step that stores what they count, so that they are exact, and kept in
//! rows of their own, so that a page reads a bounded number of them however many runs there were.
//!
//! A run counts once, on the day on which it last came to an end; one that goes on after that is taken out again. What
//! programs add up ([`Totals`]) only grows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::names::Conclusion;
use crate::names::WorkflowId;
use crate::policy::RunOutcome;
use crate::policy::{Action, Detail};
use crate::time::{Millis, Span};

use super::adopt;
use super::schema::row as read_row;
use super::state_machine::Record;
use super::store::{Sql, Store, StoreError, Value};
use super::tracked_run::TrackedRun;

/// Version 3 of the schema.
pub const SCHEMA: &[&str] = &[
    "CREATE TABLE days (
        day INTEGER PRIMARY KEY,
        rescued INTEGER NOT NULL,
        exhausted INTEGER NOT NULL,
        left_alone INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        superseded INTEGER NOT NULL,
        reruns INTEGER NOT NULL,
        runner_seconds INTEGER NOT NULL,
        saved_seconds INTEGER NOT NULL
    )",
    // What fails: a job at a step, or a runner.
    "CREATE TABLE subjects (
        subject_id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        workflow TEXT NOT NULL,
        name TEXT NOT NULL,
        step TEXT NOT NULL,
        failed INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        last_run INTEGER NOT NULL
    )",
    "CREATE INDEX subjects_failed ON subjects (kind, failed)",
    // By day first, so that a day's rows lie together and are forgotten without a search.
    "CREATE TABLE subject_days (
        day INTEGER NOT NULL,
        subject_id INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        judged INTEGER NOT NULL,
        passed INTEGER NOT NULL,
        PRIMARY KEY (day, subject_id)
    ) WITHOUT ROWID",
    // Re-runs whose end is awaited, with the jobs that they were for.
    "CREATE TABLE open_reruns (run_id INTEGER PRIMARY KEY, run_attempt INTEGER NOT NULL, subjects TEXT NOT NULL)",
    // The newest runs of one outcome; without an outcome, run ids alone are in order.
    "CREATE INDEX runs_outcome ON runs (outcome)",
];

/// What pages look back on.
pub const WINDOW_DAYS: i64 = 30;
/// How long day totals are kept, and the days of jobs and runners.
const KEEP_DAYS: i64 = 400;
pub(super) const KEEP_SUBJECT_DAYS: i64 = 35;
/// Jobs, and runners, that are counted one by one. Beyond, the one not seen for longest makes way.
const SUBJECTS: i64 = 500;
/// Of one attempt: more that fail at once are no flaky jobs.
const JOBS_OF_AN_ATTEMPT: usize = 50;
/// Names are attacker-controlled, and may be long.
const NAME_CHARS: usize = 200;

const TOTALS: &str = "totals";

/// Counters that only grow, but for the two last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    pub rescued: u64,
    pub exhausted: u64,
    pub left: u64,
    pub failed: u64,
    pub superseded: u64,
    /// Re-runs that GitHub accepted, by what they came to.
    pub reruns_passed: u64,
    pub reruns_failed: u64,
    /// GitHub did not say.
    pub reruns_unknown: u64,
    pub runner_seconds: u64,
    pub saved_seconds: u64,
    /// Runs that wait for something now.
    pub waiting: u64,
    /// Runs whose re-run is going on now.
    pub rerunning: u64,
}

/// What one day brought, or several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub rescued: u64,
    pub exhausted: u64,
    pub left: u64,
    pub failed: u64,
    pub superseded: u64,
    /// Re-runs that GitHub accepted.
    pub reruns: u64,
    /// Runner time that they took, as far as it can be told beforehand, with the operating system's multiplier.
    pub runner_seconds: u64,
    /// From a run's first failure to its success, of rescued runs.
    pub saved_seconds: u64,
}

impl Figures {
    pub fn plus(self, other: Self) -> Self {
        Self {
            rescued: self.rescued + other.rescued,
            exhausted: self.exhausted + other.exhausted,
            left: self.left + other.left,
            failed: self.failed + other.failed,
            superseded: self.superseded + other.superseded,
            reruns: self.reruns + other.reruns,
            runner_seconds: self.runner_seconds + other.runner_seconds,
            saved_seconds: self.saved_seconds + other.saved_seconds,
        }
    }
}

/// A change of a day's figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Delta {
    outcomes: [i64; 5],
    reruns: i64,
    runner_seconds: i64,
    saved_seconds: i64,
}

/// What a run has come to, once it has: nothing more will be done about it unless something new happens.
pub fn ended(tracked: &TrackedRun) -> Option<RunOutcome> {
    match tracked.outcome {
        RunOutcome::Waiting | RunOutcome::Rerunning => None,
        // Credentials were refused: it is tried again.
        RunOutcome::Failed if !tracked.is_decided() && tracked.due.is_some() => None,
        outcome => Some(outcome),
    }
}

/// Where an outcome is counted in [`Delta::outcomes`].
fn place(outcome: RunOutcome) -> Option<usize> {
    match outcome {
        RunOutcome::Rescued => Some(0),
        RunOutcome::Exhausted => Some(1),
        RunOutcome::Left => Some(2),
        RunOutcome::Failed => Some(3),
        RunOutcome::Superseded => Some(4),
        RunOutcome::Waiting | RunOutcome::Rerunning => None,
    }
}

/// The time from its first failure to its success, in which nobody had to watch it.
fn saved(tracked: &TrackedRun) -> i64 {
    if tracked.outcome == RunOutcome::Rescued && tracked.reruns > 0 {
        (tracked.updated - tracked.created).as_millis() / 1_000
    } else {
        0
    }
}

/// What a run's end adds to the figures of its day; or, the other way round, takes away from them.
fn weight(tracked: &TrackedRun, sign: i64) -> Option<(i64, Delta)> {
    let outcome = place(ended(tracked)?)?;
    let mut delta = Delta { saved_seconds: sign * saved(tracked), ..Delta::default() };
    if let Some(count) = delta.outcomes.get_mut(outcome) {
        *count = sign;
    }
    Some((tracked.updated.day(), delta))
}

/// What happened to one run in one step.
pub struct Change<'a> {
    pub before: Option<&'a TrackedRun>,
    pub after: &'a TrackedRun,
    pub records: &'a [Record],
}

/// Counts it; answers whether there was something to count.
pub fn count<S: Sql>(store: &Store<S>, change: &Change, now: Millis) -> Result<bool, StoreError> {
    let Change { before, after, records } = change;
    let came = |run: &TrackedRun| ended(run).map(|outcome| (outcome, run.updated.day()));
    let standing = |run: &TrackedRun| (ended(run).is_some(), run.outcome == RunOutcome::Rerunning);
    let same_end = before.and_then(came) == came(after);
    if same_end && records.is_empty() && before.map(standing) == Some(standing(after)) {
        return Ok(false);
    }
    let sql = store.sql();
    let mut totals: Totals = store.fact(TOTALS)?.unwrap_or_default();
    let was = totals;
    if !same_end {
        if let Some((day, delta)) = before.and_then(|before| weight(before, -1)) {
            add(sql, day, delta)?;
        }
        if let Some((day, delta)) = weight(after, 1) {
            add(sql, day, delta)?;
            totals.ended(after);
        }
    }
    if let Some(before) = before {
        totals.stands(before, -1);
    }
    totals.stands(after, 1);
    for record in *records {
        totals.add(count_record(sql, after, record, now)?);
    }
    if totals != was {
        store.set_fact(TOTALS, Some(&totals))?;
    }
    Ok(true)
}

impl Totals {
    fn ended(&mut self, tracked: &TrackedRun) {
        match tracked.outcome {
            RunOutcome::Rescued => self.rescued += 1,
            RunOutcome::Exhausted => self.exhausted += 1,
            RunOutcome::Left => self.left += 1,
            RunOutcome::Failed => self.failed += 1,
            RunOutcome::Superseded => self.superseded += 1,
            RunOutcome::Waiting | RunOutcome::Rerunning => {}
        }
        self.saved_seconds += u64::try_from(saved(tracked)).unwrap_or_default();
    }

    fn stands(&mut self, tracked: &TrackedRun, sign: i64) {
        if ended(tracked).is_some() {
            return;
        }
        let gauge = if tracked.outcome == RunOutcome::Rerunning { &mut self.rerunning } else { &mut self.waiting };
        *gauge = gauge.saturating_add_signed(sign);
    }

    fn add(&mut self, reruns: Reruns) {
        self.reruns_passed += reruns.passed;
        self.reruns_failed += reruns.failed;
        self.reruns_unknown += reruns.unknown;
        self.runner_seconds += reruns.runner_seconds;
    }

    pub fn read<S: Sql>(store: &Store<S>) -> Result<Self, StoreError> {
        store.fact(TOTALS).map(Option::unwrap_or_default)
    }
}

/// What became known of re-runs.
#[derive(Default)]
struct Reruns {
    passed: u64,
    failed: u64,
    unknown: u64,
    runner_seconds: u64,
}

/// Counts the jobs that failed, what became of the re-run before, and a new re-run.
fn count_record(sql: &impl Sql, run: &TrackedRun, record: &Record, now: Millis) -> Result<Reruns, StoreError> {
    let mut reruns = Reruns::default();
    let detail = record.detail.as_deref().cloned().unwrap_or_default();
    let is_rerun = record.outcome == RunOutcome::Rerunning;
    // Credentials were refused: nothing is known of the attempt yet.
    if record.outcome == RunOutcome::Failed && ended(run).is_none() {
        return Ok(reruns);
    }
    let failures = failures(&detail);
    let subjects: Vec<Subject> = failures.iter().map(|failure| failure.job(run)).collect();
    let jobs: Vec<i64> = subjects.iter().map(Subject::id).collect();
    let adopted = adopt::adopt(sql, &subjects, now)?;
    let open = sql.exec("SELECT run_attempt, subjects FROM open_reruns WHERE run_id = ?", vec![run.run_id.into()])?;
    let attempt = record.run_attempt.map_or(0, |attempt| i64::from(attempt.get()));
    for row in open {
        let mut row = read_row(row);
        let (reran, were) = (row.integer()?, row.text()?);
        if reran >= attempt && record.outcome != RunOutcome::Failed {
            continue;
        }
        let passed = record.outcome == RunOutcome::Rescued;
        match record.outcome {
            RunOutcome::Rescued => reruns.passed += 1,
            RunOutcome::Failed => reruns.unknown += 1,
            _ => reruns.failed += 1,
        }
        // A job passed if the run did, or if only others failed this time.
        if passed || !jobs.is_empty() {
            let were: Vec<i64> = serde_json::from_str(&were).unwrap_or_default();
            for subject in were.into_iter().map(|id| adopted.get(&id).copied().unwrap_or(id)) {
                judge(sql, subject, passed || !jobs.contains(&subject), now)?;
            }
        }
        if !is_rerun {
            sql.exec("DELETE FROM open_reruns WHERE run_id = ?", vec![run.run_id.into()])?;
        }
    }
    count_failures(sql, run, &failures, now)?;
    if is_rerun {
        let seconds = i64::try_from(detail.runner_seconds).unwrap_or_default();
        reruns.runner_seconds = detail.runner_seconds;
        add(sql, now.day(), Delta { reruns: 1, runner_seconds: seconds, ..Delta::default() })?;
        let statement = "INSERT OR REPLACE INTO open_reruns (run_id, run_attempt, subjects) VALUES (?, ?, ?)";
        let subjects = serde_json::to_string(&jobs).unwrap_or_default();
        sql.exec(statement, vec![run.run_id.into(), Value::Integer(attempt), Value::Text(subjects)])?;
    }
    Ok(reruns)
}

/// A job that failed by itself.
struct Failure<'a> {
    name: &'a str,
    step: &'a str,
    runner: Option<&'a str>,
}

fn failures(detail: &Detail) -> Vec<Failure<'_>> {
    let by_themselves = detail.jobs.iter().filter(|job| {
        // One that is cancelled because another failed, or that only says that others did, is not flaky.
        matches!(job.conclusion, Some(Conclusion::Failure | Conclusion::TimedOut)) && job.action != Some(Action::Ignore)
    });
    let failure = by_themselves.map(|job| Failure {
        name: &job.name,
        step: job.step.as_deref().unwrap_or_default(),
        runner: job.runner.as_deref().filter(|runner| !is_hosted(runner)),
    });
    failure.take(JOBS_OF_AN_ATTEMPT).collect()
}

/// GitHub's own runners are new for each job: their names say nothing.
fn is_hosted(runner: &str) -> bool {
    runner.is_empty() || runner.starts_with("GitHub Actions ") || runner.starts_with("Hosted Agent")
}

impl Failure<'_> {
    fn job(&self, run: &TrackedRun) -> Subject {
        Subject {
            kind: Kind::Job,
            workflow_id: run.workflow_id,
            workflow: short(run.shown_workflow().unwrap_or_default()),
            name: short(self.name),
            step: short(self.step),
        }
    }

    fn runner(&self) -> Option<Subject> {
        let runner = self.runner?;
        Some(Subject {
            kind: Kind::Runner,
            workflow_id: None,
            workflow: String::new(),
            name: short(runner),
            step: String::new(),
        })
    }
}

fn short(name: &str) -> String {
    name.chars().take(NAME_CHARS).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Job,
    Runner,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Runner => "runner",
        }
    }
}

pub(super) struct Subject {
    kind: Kind,
    pub(super) workflow_id: Option<WorkflowId>,
    /// As it is shown: what it is called can change.
    workflow: String,
    name: String,
    step: String,
}

impl Subject {
    /// Follows from what it is, so that no look-up is needed; 52 bits, so that it crosses to JavaScript.
    pub(super) fn id(&self) -> i64 {
        match self.workflow_id {
            Some(id) => self.id_with(&format!("\u{1}{id}")),
            None => self.id_by_name(),
        }
    }

    /// Where the workflow's id is not known, and as older versions had it.
    pub(super) fn id_by_name(&self) -> i64 {
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

fn count_failures(sql: &impl Sql, run: &TrackedRun, failures: &[Failure], now: Millis) -> Result<(), StoreError> {
    let mut new = 0;
    for failure in failures {
        for subject in [Some(failure.job(run)), failure.runner()].into_iter().flatten() {
            let id = Value::Integer(subject.id());
            let known = sql.exec("SELECT 1 FROM subjects WHERE subject_id = ?", vec![id.clone()])?;
            if known.is_empty() {
                new += 1;
            }
            sql.exec(
                "INSERT INTO subjects (subject_id, kind, workflow, name, step, failed, last_seen, last_run, workflow_id)
                 VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT (subject_id)
                 DO UPDATE SET failed = failed + 1, last_seen = excluded.last_seen, last_run = excluded.last_run,
                 workflow = excluded.workflow",
                vec![
                    id.clone(),
                    subject.kind.as_str().into(),
                    Value::Text(subject.workflow),
                    Value::Text(subject.name),
                    Value::Text(subject.step),
                    now.into(),
                    run.run_id.into(),
                    subject.workflow_id.map_or(Value::Null, Value::from),
                ],
            )?;
            add_to_subject(sql, id, now, [1, 0, 0])?;
        }
    }
    if new > 0 { make_room(sql) } else { Ok(()) }
}

fn judge(sql: &impl Sql, subject: i64, passed: bool, now: Millis) -> Result<(), StoreError> {
    add_to_subject(sql, Value::Integer(subject), now, [0, 1, passed.into()])
}

fn add_to_subject(
    sql: &impl Sql,
    id: Value,
    now: Millis,
    [failed, judged, passed]: [i64; 3],
) -> Result<(), StoreError> {
    let statement = "INSERT INTO subject_days (day, subject_id, failed, judged, passed) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (day, subject_id) DO UPDATE
        SET failed = failed + excluded.failed, judged = judged + excluded.judged, passed = passed + excluded.passed";
    let bindings =
        vec![Value::Integer(now.day()), id, Value::Integer(failed), Value::Integer(judged), Value::Integer(passed)];
    sql.exec(statement, bindings).map(|_| ())
}

/// Names that are made up anew each time must not fill the storage.
fn make_room(sql: &impl Sql) -> Result<(), StoreError> {
    for kind in [Kind::Job, Kind::Runner] {
        sql.exec(
            "DELETE FROM subjects WHERE subject_id IN
             (SELECT subject_id FROM subjects WHERE kind = ? ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
            vec![kind.as_str().into(), Value::Integer(SUBJECTS)],
        )?;
    }
    Ok(())
}

fn add(sql: &impl Sql, day: i64, delta: Delta) -> Result<(), StoreError> {
    let [rescued, exhausted, left, failed, superseded] = delta.outcomes;
    let deltas =
        [rescued, exhausted, left, failed, superseded, delta.reruns, delta.runner_seconds, delta.saved_seconds];
    let bindings = [day].into_iter().chain(deltas).map(Value::Integer).collect();
    // A day that was forgotten is not taken from.
    sql.exec(
        "INSERT INTO days (day, rescued, exhausted, left_alone, failed, superseded, reruns, runner_seconds, saved_seconds)
         VALUES (?1, MAX(?2, 0), MAX(?3, 0), MAX(?4, 0), MAX(?5, 0), MAX(?6, 0), ?7, ?8, MAX(?9, 0))
         ON CONFLICT (day) DO UPDATE SET rescued = MAX(rescued + ?2, 0), exhausted = MAX(exhausted + ?3, 0),
         left_alone = MAX(left_alone + ?4, 0), failed = MAX(failed + ?5, 0), superseded = MAX(superseded + ?6, 0),
         reruns = reruns + ?7, runner_seconds = runner_seconds + ?8, saved_seconds = MAX(saved_seconds + ?9, 0)",
        bindings,
    )
    .map(|_| ())
}

/// The days of the window that brought something, with their figures, oldest first.
pub fn days(sql: &impl Sql, now: Millis) -> Result<Vec<(i64, Figures)>, StoreError> {
    let statement =
        "SELECT day, rescued, exhausted, left_alone, failed, superseded, reruns, runner_seconds, saved_seconds
        FROM days WHERE day > ? ORDER BY day";
    let rows = sql.exec(statement, vec![Value::Integer(now.day() - WINDOW_DAYS)])?;
    let read = |row| {
        let mut row = read_row(row);
        Ok((
            row.integer()?,
            Figures {
                rescued: row.amount()?,
                exhausted: row.amount()?,
                left: row.amount()?,
                failed: row.amount()?,
                superseded: row.amount()?,
                reruns: row.amount()?,
                runner_seconds: row.amount()?,
                saved_seconds: row.amount()?,
            },
        ))
    };
    rows.into_iter().map(read).collect()
}

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

/// Those that failed most, and whether there are more.
pub fn subjects(
    sql: &impl Sql,
    kind: Kind,
    skip: u64,
    at_most: u64,
    now: Millis,
) -> Result<(Vec<SubjectFigures>, bool), StoreError> {
    let count = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let rows = sql.exec(
        "SELECT subject_id, workflow, name, step, last_seen, last_run FROM subjects WHERE kind = ?
         ORDER BY failed DESC, subject_id DESC LIMIT ? OFFSET ?",
        vec![kind.as_str().into(), count(at_most + 1), count(skip)],
    )?;
    let more = rows.len() as u64 > at_most;
    let first = now.day() - WINDOW_DAYS + 1;
    let mut subjects = Vec::new();
    for row in rows.into_iter().take(usize::try_from(at_most).unwrap_or(usize::MAX)) {
        let mut row = read_row(row);
        let id = row.integer()?;
        subjects.push((
            id,
            SubjectFigures {
                workflow: row.text()?,
                name: row.text()?,
                step: row.text()?,
                failed: 0,
                judged: 0,
                passed: 0,
                last_seen: Millis(row.integer()?),
                last_run: row.amount()?,
                by_day: vec![0; usize::try_from(WINDOW_DAYS).unwrap_or_default()],
            },
        ));
    }
    let list = |numbers: Vec<i64>| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    // Both lists are numbers of our own: so many rows are looked up, and no more.
    let statement = format!(
        "SELECT day, subject_id, failed, judged, passed FROM subject_days WHERE day IN ({}) AND subject_id IN ({})",
        list((first..=now.day()).collect()),
        list(subjects.iter().map(|(id, _)| *id).collect())
    );
    for row in sql.exec(&statement, vec![])? {
        let mut row = read_row(row);
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
    let mut subjects: Vec<_> =
        subjects.into_iter().map(|(_, subject)| subject).filter(|subject| subject.failed > 0).collect();
    subjects.sort_by(|a, b| b.failed.cmp(&a.failed).then(b.last_seen.cmp(&a.last_seen)));
    Ok((subjects, more))
}

/// Forgets what is too old to be shown: a bounded number of rows at a time. Answers whether there may be more.
pub fn prune(sql: &impl Sql, now: Millis, at_most: i64) -> Result<bool, StoreError> {
    sql.exec("DELETE FROM days WHERE day < ?", vec![Value::Integer(now.day() - KEEP_DAYS)])?;
    let before = Value::Integer(now.day() - KEEP_SUBJECT_DAYS);
    let old = sql.exec(
        "SELECT day, subject_id, failed FROM subject_days WHERE day < ? ORDER BY day, subject_id LIMIT ?",
        vec![before, Value::Integer(at_most)],
    )?;
    let more = old.len() as i64 >= at_most;
    for row in old {
        let mut row = read_row(row);
        let (day, id, failed) = (Value::Integer(row.integer()?), Value::Integer(row.integer()?), row.integer()?);
        // The order of the list is by what is still counted.
        sql.exec(
            "UPDATE subjects SET failed = failed - ? WHERE subject_id = ?",
            vec![Value::Integer(failed), id.clone()],
        )?;
        sql.exec("DELETE FROM subject_days WHERE day = ? AND subject_id = ?", vec![day, id])?;
    }
    let unseen = Value::Integer(now.0.saturating_sub(Span::days(KEEP_SUBJECT_DAYS).as_millis()));
    sql.exec("DELETE FROM subjects WHERE failed <= 0 AND last_seen < ?", vec![unseen])?;
    Ok(more)
}
