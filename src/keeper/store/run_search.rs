//! Runs by what has no index: of the newest, a bounded number is looked through, and whoever wants more goes on from there.

use crate::keeper::run_filter::{Head, RunFilter};
use crate::keeper::tracked_run::TrackedRun;
use crate::names::RunId;
use crate::names::order::sort_by_key;
use crate::policy::RunOutcome;
use crate::time::Millis;

use super::run_columns::{place, stored_outcome};
use super::{Sql, Store, StoreError, Value};

/// Runs that are looked at for one page.
pub const LOOKED_AT: usize = 500;
/// The same, where what was decided on each has to be read.
const LOOKED_INTO: usize = 190;
/// Decisions that are read then: a run seldom has more than two or three.
const DECISIONS: usize = 380;
/// So many runs one after the other that all came before the first day that is asked for are taken for the end: run ids grow with
/// time, but for runs that failed long after they began.
const BEFORE_ALL: usize = 100;
/// One in this many neighbouring runs is taken to have failed soon after it began.
const NEIGHBOURS: i64 = 4;
/// Runs that are looked at above what was found by halving, and how often so many more are.
const LATER: usize = 100;
const LATER_MOST: usize = 4;

/// What was found, newest first.
#[derive(Debug, Default)]
pub struct Found {
    pub runs: Vec<TrackedRun>,
    /// Where to go on, below this.
    pub next: Option<RunId>,
    pub looked_at: u64,
}

struct Row {
    run_id: RunId,
    workflow: Option<String>,
    branch: Option<String>,
    created: Millis,
}

impl<S: Sql> Store<S> {
    /// Those that the filter takes, with an id below `before`.
    pub fn search(
        &self,
        outcome: Option<RunOutcome>,
        filter: &RunFilter,
        before: Option<RunId>,
        at_most: usize,
    ) -> Result<Found, StoreError> {
        let mut start = before.map_or(i64::MAX, |before| place(before, false));
        if let Some(until) = filter.until {
            start = start.min(self.after_day(until)?);
        }
        let matcher = filter.matcher();
        let most = if matcher.is_about_jobs() { LOOKED_INTO } else { LOOKED_AT };
        let rows = self.newest(outcome, start, most + 1)?;
        let (mut found, mut decisions, mut last) = (Found::default(), 0, None);
        for row in rows.iter().take(most) {
            if found.runs.len() >= at_most || decisions >= DECISIONS {
                break;
            }
            found.looked_at += 1;
            last = Some(row.run_id);
            let head = Head { workflow: row.workflow.as_deref(), branch: row.branch.as_deref(), created: row.created };
            let mut is_taken = matcher.takes(&head);
            if is_taken && matcher.is_about_jobs() {
                let records = self.records(row.run_id)?;
                decisions += records.len();
                is_taken = matcher.takes_one_of(&records);
            }
            if is_taken {
                found.runs.extend(self.run(row.run_id)?);
            }
        }
        let looked_at = usize::try_from(found.looked_at).unwrap_or(usize::MAX);
        let is_before = |row: &Row| filter.since.is_some_and(|since| row.created.day() < since);
        let ends = looked_at >= BEFORE_ALL && rows.iter().take(looked_at).rev().take(BEFORE_ALL).all(is_before);
        found.next = last.filter(|_| looked_at < rows.len() && !ends);
        Ok(found)
    }

    fn newest(&self, outcome: Option<RunOutcome>, before: i64, at_most: usize) -> Result<Vec<Row>, StoreError> {
        const HEAD: &str = "SELECT run_id, workflow, workflow_path, head_branch, created FROM runs WHERE";
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let mut newest = Vec::new();
        for condition in [ended(outcome), Some(open(outcome))].into_iter().flatten() {
            let bindings = vec![Value::from(before), limit.into()];
            for mut row in self.rows(&format!("{HEAD} {condition}"), bindings)? {
                let run_id = row.placed_run_id()?;
                let (workflow, path) = (row.optional_text()?, row.optional_text()?);
                // As `TrackedRun::shown_workflow` has it.
                let file = || path.as_deref().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
                let workflow = workflow.or_else(file);
                newest.push(Row { run_id, workflow, branch: row.optional_text()?, created: row.millis()? });
            }
        }
        sort_by_key(&mut newest, |row| std::cmp::Reverse(row.run_id));
        newest.truncate(at_most);
        Ok(newest)
    }

    /// An id that is above all runs that were seen to fail on this day or before. Found by halving, as ids grow with time. What was
    /// seen late does not lead astray: some neighbours are looked at each time, and in the end the next [`LATER`] runs, as long
    /// as there is one of the time among them.
    fn after_day(&self, day: i64) -> Result<i64, StoreError> {
        let end = Millis::of_day(day.saturating_add(1));
        let first = self.first("SELECT run_id FROM runs WHERE run_id > 0 ORDER BY run_id LIMIT 1", vec![])?;
        let last = self.first("SELECT run_id FROM runs ORDER BY run_id DESC LIMIT 1", vec![])?;
        let Some((mut first, mut last)) = first.zip(last) else { return Ok(i64::MAX) };
        // Before `low` something is of the time until then, after `high` nothing is.
        let (mut low, mut high) = (first.integer()? - 1, last.integer()?);
        // The newest of the neighbours after an id, if one of them is.
        let known = |id: i64| -> Result<Option<i64>, StoreError> {
            let statement = "SELECT MIN(created), MAX(run_id) FROM
                (SELECT created, run_id FROM runs WHERE run_id > ? AND run_id > 0 ORDER BY run_id LIMIT ?)";
            let Some(mut row) = self.first(statement, vec![id.into(), NEIGHBOURS.into()])? else { return Ok(None) };
            let (created, newest) = (row.optional_millis()?, row.optional_integer()?);
            Ok(newest.filter(|_| created.is_some_and(|created| created < end)))
        };
        let mut above = match known(low)? {
            Some(newest) => newest,
            // What is open may be older than all that is over.
            None => low,
        };
        while low < high {
            let middle = low + (high - low + 1) / 2;
            match known(middle)? {
                Some(newest) => (low, above) = (middle, newest),
                None => high = middle - 1,
            }
        }
        let later = format!(
            "SELECT MAX(run_id) FROM (SELECT created, run_id FROM runs WHERE run_id > ? ORDER BY run_id LIMIT {LATER})
             WHERE created < ?"
        );
        for _ in 0..LATER_MOST {
            let newest = self.first(&later, vec![above.into(), end.into()])?;
            match newest.map(|mut row| row.optional_integer()).transpose()?.flatten() {
                Some(newest) => above = newest,
                None => break,
            }
        }
        let open = "SELECT MAX(-run_id) FROM runs WHERE run_id < 0 AND created < ?";
        let open = self.first(open, vec![end.into()])?.map(|mut row| row.optional_integer()).transpose()?.flatten();
        Ok(open.map_or(above, |open| open.max(above)).saturating_add(1))
    }
}

/// Which runs that are over are of this outcome, if some can be: below ?1, at most ?2, newest first.
pub(super) fn ended(outcome: Option<RunOutcome>) -> Option<String> {
    let of = match outcome {
        // Those are open.
        Some(RunOutcome::Waiting | RunOutcome::Rerunning) => return None,
        Some(outcome) => format!("AND outcome = '{}'", outcome.as_str()),
        None => String::new(),
    };
    Some(format!("run_id > 0 AND run_id < ?1 {of} ORDER BY run_id DESC LIMIT ?2"))
}

/// The same of those that are open, of which what they come to stands in two columns.
pub(super) fn open(outcome: Option<RunOutcome>) -> String {
    let of = outcome.map_or_else(String::new, |outcome| {
        let (stored, is_rerunning) = stored_outcome(outcome);
        format!("AND +outcome = '{}' AND IFNULL(rerunning, 0) = {}", stored.as_str(), i64::from(is_rerunning))
    });
    format!("run_id < 0 AND run_id > -?1 {of} ORDER BY run_id LIMIT ?2")
}
