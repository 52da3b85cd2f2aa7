//! Comments on pull requests: a row for each pull request, with the runs that are told of.

use crate::names::RunId;
use crate::names::json::from_text;
use crate::time::Millis;

use super::{PRUNED_AT_ONCE, Row, Sql, Store, StoreError, json};

const COLUMNS: &str = "pull, comment_id, created, due, failures, deleted, silent_until, runs";

/// The comment of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullComment {
    pub pull: u64,
    /// If it is known to be there.
    pub comment_id: Option<u64>,
    pub created: Millis,
    /// It is to be written. Until then whoever noted or began that has it for itself.
    pub due: Option<Millis>,
    /// How often in a row it could not be written.
    pub failures: u32,
    /// How often in a row it was found to be deleted.
    pub deleted: u32,
    pub silent_until: Option<Millis>,
    /// What it tells of, newest first.
    pub runs: Vec<RunId>,
}

impl<S: Sql> Store<S> {
    pub fn pull_comment(&self, pull: u64) -> Result<Option<PullComment>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM pull_comments WHERE is_due IN (0, 1) AND pull = ?");
        self.first(&statement, vec![pull.into()])?.map(read).transpose()
    }

    /// Those that are to be written, each with when.
    pub fn pull_comments_due(&self, at_most: usize) -> Result<Vec<(u64, Millis)>, StoreError> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let statement = "SELECT pull, due FROM pull_comments WHERE is_due = 1 LIMIT ?";
        self.rows(statement, vec![at_most.into()])?.map(|mut row| Ok((row.amount()?, row.millis()?))).collect()
    }

    /// In place of what is stored of it.
    pub fn put_pull_comment(&self, comment: &PullComment) -> Result<(), StoreError> {
        let PullComment { pull, comment_id, created, due, failures, deleted, silent_until, runs } = comment;
        let values = vec![
            due.is_some().into(),
            (*pull).into(),
            (*comment_id).into(),
            (*created).into(),
            (*due).into(),
            (*failures).into(),
            (*deleted).into(),
            (*silent_until).into(),
            json(Some(runs))?,
        ];
        self.put_in_place("pull_comments", COLUMNS, &[("pull", (*pull).into())], values)
    }

    /// Those that tell of no run any more.
    pub(super) fn prune_pulls(&self) -> Result<(), StoreError> {
        let is_told_of =
            "SELECT 1 FROM json_each(pull_comments.runs) AS told JOIN runs ON runs.run_id IN (told.value, -told.value)";
        let old = format!("SELECT is_due, pull FROM pull_comments WHERE NOT EXISTS ({is_told_of}) LIMIT ?");
        let statement = format!("DELETE FROM pull_comments WHERE (is_due, pull) IN ({old})");
        self.change(&statement, vec![PRUNED_AT_ONCE.into()])
    }

    pub fn delete_pulls(&self) -> Result<(), StoreError> {
        self.change_runs("UPDATE runs SET pull = NULL WHERE pull IS NOT NULL", vec![])?;
        self.change("DELETE FROM pull_comments", vec![])
    }
}

fn read(mut row: Row) -> Result<PullComment, StoreError> {
    Ok(PullComment {
        pull: row.amount()?,
        comment_id: row.optional_integer()?.and_then(|id| u64::try_from(id).ok()),
        created: row.millis()?,
        due: row.optional_millis()?,
        failures: row.count()?,
        deleted: row.count()?,
        silent_until: row.optional_millis()?,
        runs: from_text(&row.text()?).map_err(|error| StoreError(format!("a comment's runs: {error}")))?,
    })
}
