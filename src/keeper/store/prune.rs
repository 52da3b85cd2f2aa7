//! Old rows are deleted: a bounded number at a time.

use crate::keeper::retention::{PRUNED_AT_ONCE, RUNS};
use crate::time::Millis;

use super::{Sql, Store, StoreError};

impl<S: Sql> Store<S> {
    /// Whether there may be more.
    pub fn prune(&self, now: Millis) -> Result<bool, StoreError> {
        let more = [
            self.prune_runs(now, PRUNED_AT_ONCE)?,
            self.prune_deliveries(now, PRUNED_AT_ONCE)?,
            self.prune_statistics(now, PRUNED_AT_ONCE)?,
        ];
        self.prune_spending(now)?;
        self.prune_pull_comments(PRUNED_AT_ONCE)?;
        Ok(more.contains(&true))
    }

    /// Runs that nothing has happened to for long, with all that is stored of them.
    fn prune_runs(&self, now: Millis, at_most: i64) -> Result<bool, StoreError> {
        let statement = "SELECT run_id FROM runs WHERE updated < ? AND due IS NULL AND publish IS NULL LIMIT ?";
        let mut deleted = 0;
        for mut row in self.rows(statement, vec![now.minus(RUNS).into(), at_most.into()])? {
            let run_id = row.run_id()?;
            for table in ["decisions", "open_reruns", "notices", "pull_runs", "runs"] {
                self.change(&format!("DELETE FROM {table} WHERE run_id = ?"), vec![run_id.into()])?;
            }
            deleted += 1;
        }
        Ok(deleted >= at_most)
    }
}
