//! Tracked runs: a row each.

use crate::keeper::step::Record;
use crate::keeper::tracked_run::{PendingRerun, TrackedRun};
use crate::names::RunId;
use crate::names::order::sort_by_key;
use crate::policy::{RunOutcome, evidence::Spent};
use crate::time::Millis;

use super::ledger::{Ledger, Unstored};
use super::open_runs::{Reserved, is_open};
use super::run_columns::{COLUMNS, Values, place, tracked_run, values};
use super::run_search::{ended, open};
use super::spendings::{self, Spendings};
use super::{Sql, Store, StoreError, Value};

/// As many runs as one step is about, and the one before it.
const KNOWN: usize = 4;

impl<S: Sql> Store<S> {
    pub fn run(&self, run_id: RunId) -> Result<Option<TrackedRun>, StoreError> {
        let stored = self.stored_run(run_id)?;
        stored.map(|stored| self.as_of_now(stored)).transpose()
    }

    /// As its row has it.
    fn stored_run(&self, run_id: RunId) -> Result<Option<TrackedRun>, StoreError> {
        if let Some((_, known)) = self.known_runs.borrow().iter().find(|(known, _)| *known == run_id) {
            return Ok(known.clone());
        }
        let at = |is_open: bool| -> Result<Option<TrackedRun>, StoreError> {
            Ok(self.rows_of_runs("run_id = ?", vec![place(run_id, is_open).into()])?.pop())
        };
        let is_open = self.open_runs.borrow().as_ref().map(|open| open.get(run_id).is_some());
        let found = match is_open {
            Some(is_open) => at(is_open)?,
            None => match at(true)? {
                None => at(false)?,
                found => found,
            },
        };
        self.is_known(run_id, found.clone());
        Ok(found)
    }

    fn is_known(&self, run_id: RunId, stored: Option<TrackedRun>) {
        let mut known = self.known_runs.borrow_mut();
        known.retain(|(known, _)| *known != run_id);
        known.truncate(KNOWN - 1);
        known.insert(0, (run_id, stored));
    }

    /// With what does not stand in its row: its claim, and when it is to be published.
    fn as_of_now(&self, stored: TrackedRun) -> Result<TrackedRun, StoreError> {
        let publish = self.ledger(|ledger| ledger.publish.get(&stored.run_id).copied())?;
        let open = self.open_runs.borrow();
        let due = open.as_ref().and_then(|open| open.get(stored.run_id)).map_or(stored.due, |open| open.due);
        Ok(TrackedRun { due, publish: publish.or(stored.publish), ..stored })
    }

    /// Those of an outcome, or all, with an id below `before`, newest first; and whether there are more.
    pub fn runs(
        &self,
        outcome: Option<RunOutcome>,
        before: Option<RunId>,
        at_most: usize,
    ) -> Result<(Vec<TrackedRun>, bool), StoreError> {
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX).saturating_add(1);
        let bindings = |place: i64| vec![Value::from(place), limit.into()];
        let before = before.map_or(i64::MAX, |before| place(before, false));
        let mut runs = Vec::new();
        for condition in [ended(outcome), Some(open(outcome))].into_iter().flatten() {
            runs.extend(self.runs_where(&condition, bindings(before))?);
        }
        sort_by_key(&mut runs, |run| std::cmp::Reverse(run.run_id));
        let more = runs.len() > at_most;
        runs.truncate(at_most);
        Ok((runs, more))
    }

    /// The one with the greatest id. Runs that are open stand at the negative of theirs.
    pub fn newest_run(&self) -> Result<Option<RunId>, StoreError> {
        let statement =
            "SELECT MAX((SELECT IFNULL(MAX(run_id), 0) FROM runs), (SELECT IFNULL(-MIN(run_id), 0) FROM runs))";
        let row = self.first(statement, vec![])?;
        let newest = row.map(|mut row| row.integer()).transpose()?;
        Ok(newest.and_then(|newest| RunId::new(u64::try_from(newest).ok()?)))
    }

    /// Whether GitHub has ever shown a run that is still known.
    pub fn was_read(&self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM runs WHERE event IS NOT NULL LIMIT 1", vec![])
    }

    /// Whether GitHub has refused another run with the same words, after `since`.
    pub fn refused_elsewhere(&self, run_id: RunId, message: &str, since: Millis) -> Result<bool, StoreError> {
        let statement = "SELECT 1 FROM runs WHERE refused = ? AND ABS(run_id) <> ? AND refused_since >= ? LIMIT 1";
        self.exists(statement, vec![message.into(), run_id.into(), since.into()])
    }

    /// Whether GitHub has refused any run in unclear words.
    pub fn has_refused(&self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM runs WHERE refused IS NOT NULL LIMIT 1", vec![])
    }

    /// Makes every run due whose credentials were refused.
    pub fn retry_refused(&self, now: Millis) -> Result<(), StoreError> {
        let statement = "UPDATE runs SET due = ?1 WHERE run_id < 0 AND due > ?1 AND outcome = 'failed'";
        self.change_runs(statement, vec![now.into()])
    }

    /// Counts anew how long GitHub has given no usable answer.
    pub fn forget_trouble(&self) -> Result<(), StoreError> {
        let statement = "UPDATE runs SET trouble_since = NULL, evidence_since = NULL WHERE run_id < 0 AND
                         (trouble_since IS NOT NULL OR evidence_since IS NOT NULL)";
        self.change_runs(statement, vec![])
    }

    /// By a statement of its own: what is known of runs is read again.
    pub(super) fn change_runs(&self, statement: &str, bindings: Vec<Value>) -> Result<(), StoreError> {
        self.known_runs.borrow_mut().clear();
        self.open_runs.borrow_mut().take();
        self.change(statement, bindings)
    }

    pub fn delete_run(&self, run_id: RunId) -> Result<(), StoreError> {
        self.known_runs.borrow_mut().retain(|(known, _)| *known != run_id);
        self.was_deleted(run_id);
        self.to_be_published(run_id, None, Unstored::Something)?;
        self.change("DELETE FROM runs WHERE run_id IN (?1, -?1)", vec![run_id.into()])
    }

    /// Stores what has changed of it, which is one row, and one in the index of outcomes where it comes to an end.
    pub fn put(&self, tracked: &TrackedRun) -> Result<(), StoreError> {
        let run_id = tracked.run_id;
        let before = self.stored_run(run_id)?;
        let in_ledger = self.to_be_published(run_id, tracked.publish, Unstored::Something)?;
        let after = TrackedRun {
            publish: tracked.publish.filter(|_| !in_ledger),
            published: tracked.published || tracked.publish.is_some(),
            ..tracked.clone()
        };
        let stored = match &before {
            None => {
                self.insert_run(values(&after)?)?;
                after
            }
            Some(before) => self.update_run(before, after)?,
        };
        self.was_put(tracked, stored.due);
        self.is_known(run_id, Some(stored));
        Ok(())
    }

    fn insert_run(&self, values: Values) -> Result<(), StoreError> {
        let (columns, bindings): (Vec<_>, Vec<_>) =
            values.into_iter().filter(|(_, value)| *value != Value::Null).unzip();
        let places = vec!["?"; bindings.len()].join(",");
        self.change(&format!("INSERT INTO runs ({}) VALUES ({places})", columns.join(",")), bindings)
    }

    /// Answers what is stored then.
    fn update_run(&self, before: &TrackedRun, after: TrackedRun) -> Result<TrackedRun, StoreError> {
        let changed = values(&after)?.into_iter().zip(values(before)?).filter(|(value, was)| value != was);
        let (columns, mut bindings): (Vec<_>, Vec<_>) = changed.map(|(value, _)| value).unzip();
        // What differs from what is stored by a claim alone is not worth a row.
        let claimed = self.open_runs.borrow().as_ref().and_then(|open| open.get(after.run_id)).map(|open| open.due);
        if columns.is_empty() || (columns == ["due"] && claimed == Some(after.due)) {
            return Ok(before.clone());
        }
        let set: Vec<String> = columns.iter().map(|column| format!("{column}=?")).collect();
        bindings.push(place(after.run_id, is_open(before)).into());
        self.change(&format!("UPDATE runs SET {} WHERE run_id=?", set.join(",")), bindings)?;
        Ok(after)
    }

    /// `None`: what Workers KV says is up to date. Answers whether that stands in the ledger; if it has no room, it is for the run's
    /// own row.
    pub fn to_be_published(&self, run_id: RunId, due: Option<Millis>, unstored: Unstored) -> Result<bool, StoreError> {
        let (known, has_room) =
            self.ledger(|ledger| (ledger.publish.get(&run_id).copied(), ledger.has_room_for(run_id)))?;
        match due {
            Some(_) if !has_room => self.has_unpublished.set(Some(true)),
            Some(due) if known != Some(due) => {
                self.change_ledger(unstored, |ledger| ledger.publish.insert(run_id, due))?;
            }
            None if known.is_some() => {
                self.change_ledger(unstored, |ledger| ledger.publish.remove(&run_id))?;
            }
            _ => {}
        }
        Ok(has_room)
    }

    /// Whether its own row says when it is to be published.
    pub fn is_published_by_row(&self, run_id: RunId) -> Result<bool, StoreError> {
        Ok(self.stored_run(run_id)?.is_some_and(|stored| stored.publish.is_some()))
    }

    pub fn first_publish(&self) -> Result<Option<Millis>, StoreError> {
        let first = self.ledger(|ledger| ledger.publish.values().min().copied())?;
        if !self.any(&self.has_unpublished, "runs WHERE publish IS NOT NULL")? {
            return Ok(first);
        }
        let in_rows = self.time("SELECT MIN(publish) FROM runs WHERE publish IS NOT NULL")?;
        self.has_unpublished.set(Some(in_rows.is_some()));
        Ok([first, in_rows].into_iter().flatten().min())
    }

    /// The run whose count has been waiting longest to be published, if one is.
    pub fn next_to_publish(&self, now: Millis) -> Result<Option<TrackedRun>, StoreError> {
        let due = |ledger: &Ledger| {
            let due = ledger.publish.iter().filter(|(_, due)| **due <= now).map(|(run_id, due)| (*due, *run_id));
            due.min().map(|(_, run_id)| run_id)
        };
        while let Some(run_id) = self.ledger(due)? {
            match self.run(run_id)? {
                Some(run) => return Ok(Some(run)),
                None => self.to_be_published(run_id, None, Unstored::Trifles).map(|_| ())?,
            }
        }
        if self.has_unpublished.get() == Some(false) {
            return Ok(None);
        }
        self.runs_where("publish <= ? ORDER BY publish LIMIT 1", vec![now.into()]).map(|mut runs| runs.pop())
    }

    /// A re-run that was made has taken what was reserved for it.
    pub fn spend(
        &self,
        before: Option<&TrackedRun>,
        after: &mut TrackedRun,
        records: &[Record],
        now: Millis,
    ) -> Result<(), StoreError> {
        let is_made = |attempt| {
            let mut made = records.iter().filter(|record| record.outcome == RunOutcome::Rerunning);
            made.any(|record| record.run_attempt == Some(attempt))
        };
        let reserved = before.and_then(|before| before.pending.zip(before.reserved));
        after.reserved = after.reserved.filter(|_| after.pending.is_some());
        let made = reserved.filter(|(pending, _)| is_made(pending.run_attempt));
        let Some((PendingRerun { since, .. }, runner_seconds)) = made else { return Ok(()) };
        let of_fork = after.may_be_of_fork();
        self.change_ledger(Unstored::Something, |ledger| {
            if of_fork {
                ledger.spent_by_forks.add(since, runner_seconds, now);
            }
            ledger.spent.add(since, runner_seconds, now)
        })
    }

    /// Nothing was taken from the budget.
    pub fn delete_spending(&self) -> Result<(), StoreError> {
        self.change_ledger(Unstored::Something, |ledger| {
            (ledger.spent, ledger.spent_by_forks) = (Spendings::default(), Spendings::default());
        })?;
        self.change_runs("UPDATE runs SET reserved = NULL WHERE run_id < 0 AND reserved IS NOT NULL", vec![])
    }

    /// What all re-runs by the rules have taken, but for one on its way of this run.
    pub fn spent(&self, run_id: RunId, now: Millis) -> Result<Spent, StoreError> {
        let spent = self.ledger(|ledger| ledger.spent.within_a_day(now))?;
        self.with_reserved(spent, run_id, |_| true, now)
    }

    /// The same of runs that may be forks'.
    pub fn spent_by_forks(&self, run_id: RunId, now: Millis) -> Result<Spent, StoreError> {
        let spent = self.ledger(|ledger| ledger.spent_by_forks.within_a_day(now))?;
        self.with_reserved(spent, run_id, |reserved| reserved.of_fork, now)
    }

    fn with_reserved(
        &self,
        mut spent: Spent,
        but: RunId,
        which: impl Fn(&Reserved) -> bool,
        now: Millis,
    ) -> Result<Spent, StoreError> {
        for Reserved { since, runner_seconds, .. } in self.reserved(but)?.into_iter().filter(which) {
            spendings::add(&mut spent, since, 1, runner_seconds, now);
        }
        Ok(spent)
    }

    fn rows_of_runs(&self, condition: &str, bindings: Vec<Value>) -> Result<Vec<TrackedRun>, StoreError> {
        self.rows(&format!("SELECT {COLUMNS} FROM runs WHERE {condition}"), bindings)?.map(tracked_run).collect()
    }

    fn runs_where(&self, condition: &str, bindings: Vec<Value>) -> Result<Vec<TrackedRun>, StoreError> {
        let stored = self.rows_of_runs(condition, bindings)?;
        stored.into_iter().map(|run| self.as_of_now(run)).collect()
    }
}
