//! Runs that are due, or may be: they stand at the negative of their id, so that they are found without an index, and are known
//! in memory once they were looked for.
//!
//! A run that is being looked at is claimed in memory alone: should the Keeper go away, another looks at it again, and what it must
//! not do again is stored before it is done.

use crate::keeper::tracked_run::TrackedRun;
use crate::names::RunId;
use crate::names::order::sort_by_key;
use crate::policy::RunOutcome;
use crate::time::Millis;

use super::{Sql, Store, StoreError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// When to look at it, with what was claimed.
    pub due: Option<Millis>,
    /// The same, as it is stored.
    pub stored: Option<Millis>,
    is_commanded: bool,
    stands: Stands,
    reserved: Option<Reserved>,
}

/// What a run's re-run on the way has taken from the budget, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    pub since: Millis,
    pub runner_seconds: u64,
    /// It may be a fork's.
    pub of_fork: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Waiting,
    Rerunning,
    /// It has come to an end, and is looked at once more.
    Ended,
}

impl Stands {
    fn of(tracked: &TrackedRun) -> Self {
        match tracked.outcome {
            _ if tracked.ended().is_some() => Self::Ended,
            RunOutcome::Rerunning => Self::Rerunning,
            _ => Self::Waiting,
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct OpenRuns {
    by_id: Vec<(RunId, OpenRun)>,
    /// When the first is due, if that is known: each webhook asks, and there may be thousands.
    first_due: Option<Option<Millis>>,
}

/// Whether it stands among the open ones. So does one that was given up while a call was on its way, which the budget waits for.
pub fn is_open(tracked: &TrackedRun) -> bool {
    let has_not_ended = matches!(tracked.outcome, RunOutcome::Waiting | RunOutcome::Rerunning);
    has_not_ended || tracked.due.is_some() || tracked.reserved.is_some()
}

impl OpenRuns {
    fn place(&self, run_id: RunId) -> Result<usize, usize> {
        self.by_id.binary_search_by_key(&run_id, |(run_id, _)| *run_id)
    }

    pub fn get(&self, run_id: RunId) -> Option<&OpenRun> {
        self.place(run_id).ok().and_then(|place| self.by_id.get(place)).map(|(_, run)| run)
    }

    fn remove(&mut self, run_id: RunId) {
        if let Ok(place) = self.place(run_id) {
            let (_, run) = self.by_id.remove(place);
            self.first_due = self.first_due.filter(|first| *first != run.due);
        }
    }

    fn insert(&mut self, run_id: RunId, run: OpenRun) {
        self.remove(run_id);
        self.first_due = self.first_due.map(|first| [first, run.due].into_iter().flatten().min());
        let place = self.place(run_id).unwrap_or_else(|place| place);
        self.by_id.insert(place, (run_id, run));
    }

    fn due(&self) -> impl Iterator<Item = (bool, Millis, RunId)> {
        self.by_id.iter().filter_map(|(run_id, run)| Some((run.is_commanded, run.due?, *run_id)))
    }

    fn first_due(&mut self) -> Option<Millis> {
        let first = self.first_due.unwrap_or_else(|| self.due().map(|(_, due, _)| due).min());
        self.first_due = Some(first);
        first
    }
}

impl<S: Sql> Store<S> {
    /// Reads which they are, unless that is known.
    fn know_open_runs(&self) -> Result<(), StoreError> {
        if self.open_runs.borrow().is_some() {
            return Ok(());
        }
        let mut open = Vec::new();
        let statement = "SELECT -run_id, due, commanded IS NOT NULL, calling_since, reserved, IFNULL(rerunning, 0),
             outcome <> 'waiting' AND (outcome <> 'failed' OR due IS NULL OR
                (decided_attempt IS NOT NULL AND decided_attempt >= IFNULL(run_attempt, 0))),
             IFNULL(instr(head_branch, ':'), 1) > 0
             FROM runs WHERE run_id < 0 ORDER BY run_id DESC";
        for mut row in self.rows(statement, vec![])? {
            let run_id = row.run_id()?;
            let (due, is_commanded) = (row.optional_millis()?, row.flag()?);
            let since = row.optional_millis()?;
            let reserved = row.optional_integer()?.and_then(|seconds| u64::try_from(seconds).ok());
            // As `TrackedRun::ended` has it.
            let stands = match (row.flag()?, row.flag()?) {
                (true, _) => Stands::Rerunning,
                (false, true) => Stands::Ended,
                (false, false) => Stands::Waiting,
            };
            // As `TrackedRun::may_be_of_fork` has it.
            let of_fork = row.flag()?;
            let reserved =
                since.zip(reserved).map(|(since, runner_seconds)| Reserved { since, runner_seconds, of_fork });
            open.push((run_id, OpenRun { due, stored: due, is_commanded, stands, reserved }));
        }
        *self.open_runs.borrow_mut() = Some(OpenRuns { by_id: open, first_due: None });
        Ok(())
    }

    fn open_runs<T>(&self, of: impl FnOnce(&mut OpenRuns) -> T) -> Result<T, StoreError> {
        self.know_open_runs()?;
        Ok(of(self.open_runs.borrow_mut().get_or_insert_default()))
    }

    /// It is as it was just stored.
    pub(super) fn was_put(&self, tracked: &TrackedRun, stored: Option<Millis>) {
        let Some(open) = &mut *self.open_runs.borrow_mut() else { return };
        if !is_open(tracked) {
            open.remove(tracked.run_id);
            return;
        }
        let since = tracked.pending.map(|pending| pending.since);
        let (due, is_commanded) = (tracked.due, tracked.commanded.is_some());
        let of_fork = tracked.may_be_of_fork();
        let reserved = since.zip(tracked.reserved);
        let reserved = reserved.map(|(since, runner_seconds)| Reserved { since, runner_seconds, of_fork });
        let stands = Stands::of(tracked);
        open.insert(tracked.run_id, OpenRun { due, stored, is_commanded, stands, reserved });
    }

    pub(super) fn was_deleted(&self, run_id: RunId) {
        if let Some(open) = &mut *self.open_runs.borrow_mut() {
            open.remove(run_id);
        }
    }

    /// The run that has been due longest, if one is due. One that a command is about comes after all others: whoever gives
    /// commands holds up nobody's re-runs by the rules.
    pub fn next_due(&self, now: Millis) -> Result<Option<TrackedRun>, StoreError> {
        match self.open_runs(|open| open.due().filter(|(_, due, _)| *due <= now).min())? {
            Some((.., run_id)) => self.run(run_id),
            None => Ok(None),
        }
    }

    pub fn first_due(&self) -> Result<Option<Millis>, StoreError> {
        self.open_runs(OpenRuns::first_due)
    }

    /// Those that are due next, but for what has ended and is only looked at once more.
    pub fn due(&self, at_most: usize) -> Result<Vec<TrackedRun>, StoreError> {
        let mut due: Vec<_> = self.open_runs(|open| {
            let waits = |run: &OpenRun| run.stands != Stands::Ended || run.is_commanded;
            let waiting = open.by_id.iter().filter(|(_, run)| waits(run));
            waiting.filter_map(|(run_id, run)| Some((run.due?, *run_id))).collect()
        })?;
        sort_by_key(&mut due, |due| *due);
        let next = due.into_iter().take(at_most);
        let runs: Vec<_> = next.map(|(_, run_id)| self.run(run_id)).collect::<Result<_, _>>()?;
        Ok(runs.into_iter().flatten().collect())
    }

    /// It is being looked at: until then nobody else does.
    pub fn claim_run(&self, run_id: RunId, until: Millis) -> Result<(), StoreError> {
        self.open_runs(|open| {
            if let Some(run) = open.get(run_id).cloned() {
                open.insert(run_id, OpenRun { due: Some(until), ..run });
            }
        })
    }

    /// How many runs wait for something, and how many are being re-run.
    pub(super) fn not_ended(&self) -> Result<(u64, u64), StoreError> {
        self.open_runs(|open| {
            let count = |of: Stands| open.by_id.iter().filter(|(_, run)| run.stands == of).count() as u64;
            (count(Stands::Waiting), count(Stands::Rerunning))
        })
    }

    /// What re-runs on their way have taken from the budget, but that of one run.
    pub(super) fn reserved(&self, but: RunId) -> Result<Vec<Reserved>, StoreError> {
        self.open_runs(|open| {
            let others = open.by_id.iter().filter(|(run_id, _)| *run_id != but);
            others.filter_map(|(_, run)| run.reserved).collect()
        })
    }
}
