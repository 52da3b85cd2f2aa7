//! What each day brought, a row each.

use crate::keeper::retention::{TOTALS_DAYS, WINDOW_DAYS};
use crate::policy::RunOutcome;
use crate::time::Millis;

use super::super::row::Row;
use super::counting::{Delta, Figures};
use super::{Sql, Store, StoreError, Value};

/// Where the columns of outcomes are in the statement below.
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

impl<S: Sql> Store<S> {
    pub(super) fn add_to_day(&self, day: i64, delta: Delta) -> Result<(), StoreError> {
        let mut outcomes = [0; 5];
        if let Some((outcome, count)) = delta.outcome
            && let Some(sum) = place(outcome).and_then(|place| outcomes.get_mut(place))
        {
            *sum = count;
        }
        let amounts = [delta.reruns, delta.runner_seconds, delta.saved_seconds];
        let bindings = [day].into_iter().chain(outcomes).chain(amounts).map(Value::Integer).collect();
        // A day that was forgotten is not taken from.
        self.change(
            "INSERT INTO days (day, rescued, exhausted, left_alone, failed, superseded, reruns, runner_seconds, saved_seconds)
             VALUES (?1, MAX(?2, 0), MAX(?3, 0), MAX(?4, 0), MAX(?5, 0), MAX(?6, 0), ?7, ?8, MAX(?9, 0))
             ON CONFLICT (day) DO UPDATE SET rescued = MAX(rescued + ?2, 0), exhausted = MAX(exhausted + ?3, 0),
             left_alone = MAX(left_alone + ?4, 0), failed = MAX(failed + ?5, 0), superseded = MAX(superseded + ?6, 0),
             reruns = reruns + ?7, runner_seconds = runner_seconds + ?8, saved_seconds = MAX(saved_seconds + ?9, 0)",
            bindings,
        )
    }

    /// The days of the window that brought something, with their figures, oldest first.
    pub fn days(&self, now: Millis) -> Result<Vec<(i64, Figures)>, StoreError> {
        let statement =
            "SELECT day, rescued, exhausted, left_alone, failed, superseded, reruns, runner_seconds, saved_seconds
            FROM days WHERE day > ? ORDER BY day";
        self.rows(statement, vec![(now.day() - WINDOW_DAYS).into()])?.map(day).collect()
    }

    pub(super) fn prune_days(&self, now: Millis) -> Result<(), StoreError> {
        self.change("DELETE FROM days WHERE day < ?", vec![(now.day() - TOTALS_DAYS).into()])
    }
}

fn day(mut row: Row) -> Result<(i64, Figures), StoreError> {
    let day = row.integer()?;
    let figures = Figures {
        rescued: row.amount()?,
        exhausted: row.amount()?,
        left: row.amount()?,
        failed: row.amount()?,
        superseded: row.amount()?,
        reruns: row.amount()?,
        runner_seconds: row.amount()?,
        saved_seconds: row.amount()?,
    };
    Ok((day, figures))
}
