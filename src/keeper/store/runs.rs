//! Tracked runs, what was decided on them, and what their re-runs took from the repository's budget: a row each.

use crate::keeper::retention::BUDGET_WINDOW;
use crate::keeper::step::{Record, Spends};
use crate::keeper::tracked_run::{Begun, Commanded, Held, PendingRerun, Refusal, TrackedRun};
use crate::names::json::from_text;
use crate::names::{CommitSha, RunAttempt, RunId, WorkflowId};
use crate::policy::{RunOutcome, evidence::Spent};
use crate::time::{Millis, Span};

use super::{Row, Sql, Store, StoreError, Value, json};

const COLUMNS: &str = "run_id, outcome, reason, run_attempt, decided_attempt, \
     calling_attempt, calling_since, calling_again, reruns, due, failed_at, complete, tries, trouble_since, workflow, \
     created, updated, looked, publish, published, detail, event, head_branch, actor, run_number, title, evidence_since, \
     refused, refused_attempt, refused_since, workflow_id, workflow_path, gathering_attempt, gathering_times, \
     held, held_attempt, held_since, head_sha, in_short, commanded, pull";

impl<S: Sql> Store<S> {
    pub fn run(&self, run_id: RunId) -> Result<Option<TrackedRun>, StoreError> {
        self.first_run("run_id = ?", vec![run_id.into()])
    }

    /// The run that has been due longest, if one is due. One that a command is about comes after all others: whoever gives
    /// commands holds up nobody's re-runs by the rules.
    pub fn next_due(&self, now: Millis) -> Result<Option<TrackedRun>, StoreError> {
        let by_rules = "due <= ? AND commanded IS NULL ORDER BY due, run_id LIMIT 1";
        match self.first_run(by_rules, vec![now.into()])? {
            None => self.first_run("due <= ? ORDER BY due, run_id LIMIT 1", vec![now.into()]),
            run => Ok(run),
        }
    }

    /// The run whose count has been waiting longest to be published, if one is.
    pub fn next_to_publish(&self, now: Millis) -> Result<Option<TrackedRun>, StoreError> {
        self.first_run("publish <= ? ORDER BY publish, run_id LIMIT 1", vec![now.into()])
    }

    /// Those that are due next.
    pub fn due(&self, at_most: u64) -> Result<Vec<TrackedRun>, StoreError> {
        self.runs_where("due IS NOT NULL ORDER BY due LIMIT ?", vec![at_most.into()])
    }

    /// Those of an outcome, or all, with an id below `before`, newest first; and whether there are more.
    pub fn runs(
        &self,
        outcome: Option<RunOutcome>,
        before: Option<RunId>,
        at_most: u64,
    ) -> Result<(Vec<TrackedRun>, bool), StoreError> {
        let mut bindings = vec![before.map_or(i64::MAX.into(), Value::from), (at_most + 1).into()];
        let condition = match outcome {
            Some(outcome) => {
                bindings.push(outcome.as_str().into());
                "run_id < ?1 AND outcome = ?3 ORDER BY run_id DESC LIMIT ?2"
            }
            None => "run_id < ?1 ORDER BY run_id DESC LIMIT ?2",
        };
        let mut runs = self.runs_where(condition, bindings)?;
        let more = runs.len() as u64 > at_most;
        runs.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
        Ok((runs, more))
    }

    pub fn first_due(&self) -> Result<Option<Millis>, StoreError> {
        self.time("SELECT MIN(due) FROM runs WHERE due IS NOT NULL")
    }

    pub fn first_publish(&self) -> Result<Option<Millis>, StoreError> {
        self.time("SELECT MIN(publish) FROM runs WHERE publish IS NOT NULL")
    }

    /// Whether GitHub has ever shown a run that is still known.
    pub fn was_read(&self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM runs WHERE event IS NOT NULL LIMIT 1", vec![])
    }

    /// Whether GitHub has refused another run with the same words, after `since`.
    pub fn refused_elsewhere(&self, run_id: RunId, message: &str, since: Millis) -> Result<bool, StoreError> {
        let statement = "SELECT 1 FROM runs WHERE refused = ? AND run_id <> ? AND refused_since >= ? LIMIT 1";
        self.exists(statement, vec![message.into(), run_id.into(), since.into()])
    }

    /// Whether GitHub has refused any run in unclear words.
    pub fn has_refused(&self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM runs WHERE refused IS NOT NULL LIMIT 1", vec![])
    }

    /// Makes every run due whose credentials were refused.
    pub fn retry_refused(&self, now: Millis) -> Result<(), StoreError> {
        self.change("UPDATE runs SET due = ?1 WHERE due > ?1 AND outcome = 'failed'", vec![now.into()])
    }

    /// Counts anew how long GitHub has given no usable answer.
    pub fn forget_trouble(&self) -> Result<(), StoreError> {
        let statement = "UPDATE runs SET trouble_since = NULL, evidence_since = NULL WHERE due IS NOT NULL";
        self.change(statement, vec![])
    }

    /// One that nothing was decided on.
    pub fn forget(&self, tracked: &TrackedRun) -> Result<(), StoreError> {
        let run_id = tracked.run_id;
        self.uncount(tracked)?;
        self.change("DELETE FROM runs WHERE run_id = ?", vec![run_id.into()])
    }

    pub fn put(&self, tracked: &TrackedRun) -> Result<(), StoreError> {
        let text = |text: &Option<String>| Value::from(text.as_deref());
        let (pending, refusal) = (tracked.pending, tracked.refusal.as_ref());
        let bindings = vec![
            tracked.run_id.into(),
            tracked.outcome.as_str().into(),
            tracked.reason.as_str().into(),
            tracked.run_attempt.into(),
            tracked.decided_attempt.into(),
            pending.map(|pending| pending.run_attempt).into(),
            pending.map(|pending| pending.since).into(),
            pending.is_some_and(|pending| pending.again).into(),
            tracked.reruns.into(),
            tracked.due.into(),
            tracked.failed_at.into(),
            tracked.complete.into(),
            tracked.tries.into(),
            tracked.trouble_since.into(),
            text(&tracked.workflow),
            tracked.created.into(),
            tracked.updated.into(),
            tracked.looked.into(),
            tracked.publish.into(),
            tracked.published.into(),
            json(tracked.detail.as_deref())?,
            text(&tracked.event),
            text(&tracked.head_branch),
            text(&tracked.actor),
            tracked.run_number.and_then(|number| i64::try_from(number).ok()).into(),
            text(&tracked.title),
            tracked.evidence_since.into(),
            refusal.map(|refusal| refusal.message.as_str()).into(),
            refusal.map(|refusal| refusal.run_attempt).into(),
            refusal.map(|refusal| refusal.since).into(),
            tracked.workflow_id.into(),
            text(&tracked.workflow_path),
            tracked.collecting.map(|begun| begun.run_attempt).into(),
            tracked.collecting.map(|begun| begun.times).into(),
            tracked.held.as_ref().and_then(|held| held.key.as_deref()).into(),
            tracked.held.as_ref().map(|held| held.run_attempt).into(),
            tracked.held.as_ref().map(|held| held.since).into(),
            tracked.commit.as_ref().map(CommitSha::as_str).into(),
            text(&tracked.in_short),
            json(tracked.commanded.as_deref())?,
            tracked.pull.into(),
        ];
        let places = vec!["?"; bindings.len()].join(",");
        self.change(&format!("INSERT OR REPLACE INTO runs ({COLUMNS}) VALUES ({places})"), bindings)
    }

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

    /// Takes a re-run from the repository's budget, or gives it back.
    pub fn spend(&self, run_id: RunId, spends: Spends, now: Millis) -> Result<(), StoreError> {
        match spends {
            Spends::Reserve { run_attempt, runner_seconds } => self.change(
                "INSERT OR REPLACE INTO reruns (run_id, run_attempt, at, runner_seconds) VALUES (?,?,?,?)",
                vec![run_id.into(), run_attempt.into(), now.into(), runner_seconds.into()],
            ),
            Spends::Release { run_attempt } => self.change(
                "DELETE FROM reruns WHERE run_id = ? AND run_attempt = ?",
                vec![run_id.into(), run_attempt.into()],
            ),
        }
    }

    /// Nothing was taken from it.
    pub fn delete_spending(&self) -> Result<(), StoreError> {
        self.change("DELETE FROM reruns", vec![])
    }

    /// What all re-runs by the rules but that of one attempt have taken.
    pub fn spent(&self, run_id: RunId, run_attempt: RunAttempt, now: Millis) -> Result<Spent, StoreError> {
        let statement = "SELECT SUM(at > ?), COUNT(*), SUM(runner_seconds) FROM reruns
                         WHERE at > ? AND NOT (run_id = ? AND run_attempt = ?)";
        let bindings =
            vec![now.minus(Span::hours(1)).into(), now.minus(BUDGET_WINDOW).into(), run_id.into(), run_attempt.into()];
        let Some(mut row) = self.first(statement, bindings)? else { return Ok(Spent::default()) };
        // A sum over nothing is no number.
        let mut number = || row.optional_integer().map(|number| number.unwrap_or_default());
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Spent {
            reruns_last_hour: count(number()?),
            reruns_last_day: count(number()?),
            runner_time_last_day: Span::seconds(number()?),
        })
    }

    fn first_run(&self, condition: &str, bindings: Vec<Value>) -> Result<Option<TrackedRun>, StoreError> {
        self.runs_where(condition, bindings).map(|runs| runs.into_iter().next())
    }

    fn runs_where(&self, condition: &str, bindings: Vec<Value>) -> Result<Vec<TrackedRun>, StoreError> {
        self.rows(&format!("SELECT {COLUMNS} FROM runs WHERE {condition}"), bindings)?.map(tracked_run).collect()
    }
}

fn tracked_run(mut row: Row) -> Result<TrackedRun, StoreError> {
    Ok(TrackedRun {
        run_id: row.run_id()?,
        outcome: row.outcome()?,
        reason: row.text()?,
        run_attempt: row.optional_attempt()?,
        decided_attempt: row.optional_attempt()?,
        pending: pending(&mut row)?,
        reruns: row.count()?,
        due: row.optional_millis()?,
        failed_at: row.millis()?,
        complete: row.flag()?,
        tries: row.count()?,
        trouble_since: row.optional_millis()?,
        workflow: row.optional_text()?,
        created: row.millis()?,
        updated: row.millis()?,
        looked: row.optional_millis()?,
        publish: row.optional_millis()?,
        published: row.flag()?,
        detail: row.detail()?,
        event: row.optional_text()?,
        head_branch: row.optional_text()?,
        actor: row.optional_text()?,
        run_number: row.optional_integer()?.and_then(|number| u64::try_from(number).ok()),
        title: row.optional_text()?,
        evidence_since: row.optional_millis()?,
        refusal: refusal(&mut row)?,
        workflow_id: row.optional_integer()?.and_then(|id| WorkflowId::new(u64::try_from(id).ok()?)),
        workflow_path: row.optional_text()?,
        collecting: collecting(&mut row)?,
        held: held(&mut row)?,
        commit: row.optional_text()?.as_deref().and_then(CommitSha::parse),
        in_short: row.optional_text()?,
        commanded: commanded(&mut row)?,
        pull: row.optional_integer()?.and_then(|number| u64::try_from(number).ok()),
    })
}

fn pending(row: &mut Row) -> Result<Option<PendingRerun>, StoreError> {
    let (run_attempt, since, again) = (row.optional_attempt()?, row.optional_millis()?, row.flag()?);
    Ok(run_attempt.zip(since).map(|(run_attempt, since)| PendingRerun { run_attempt, since, again }))
}

fn refusal(row: &mut Row) -> Result<Option<Refusal>, StoreError> {
    let (message, run_attempt, since) = (row.optional_text()?, row.optional_attempt()?, row.optional_millis()?);
    let refusal = message.zip(run_attempt).zip(since);
    Ok(refusal.map(|((message, run_attempt), since)| Refusal { run_attempt, message, since }))
}

fn held(row: &mut Row) -> Result<Option<Held>, StoreError> {
    let (key, run_attempt, since) = (row.optional_text()?, row.optional_attempt()?, row.optional_millis()?);
    Ok(run_attempt.zip(since).map(|(run_attempt, since)| Held { key, run_attempt, since }))
}

fn commanded(row: &mut Row) -> Result<Option<Box<Commanded>>, StoreError> {
    let Some(text) = row.optional_text()? else { return Ok(None) };
    from_text(&text).map(Some).map_err(|error| StoreError(format!("a run's command: {error}")))
}

fn collecting(row: &mut Row) -> Result<Option<Begun>, StoreError> {
    let (run_attempt, times) = (row.optional_attempt()?, row.optional_integer()?);
    let times = times.and_then(|times| u32::try_from(times).ok());
    Ok(run_attempt.zip(times).map(|(run_attempt, times)| Begun { run_attempt, times }))
}
