//! Comments on pull requests: which run is of which pull request, and the comment of each.

use crate::names::RunId;
use crate::time::Millis;

use super::{Sql, Store, StoreError, Value};

/// The comment of a pull request.
pub struct PullComment {
    pub pull: u64,
    /// If it is known to be there.
    pub comment_id: Option<u64>,
    pub created: Millis,
    pub due: Option<Millis>,
    /// How often it was begun to be written, since it last was.
    pub tries: u32,
    /// How often in a row it could not be written.
    pub failures: u32,
    /// How often in a row it was found to be deleted.
    pub deleted: u32,
    pub silent_until: Option<Millis>,
}

impl<S: Sql> Store<S> {
    pub fn add_pull_run(&self, run_id: RunId, pull: u64) -> Result<(), StoreError> {
        self.change("INSERT OR IGNORE INTO pull_runs (run_id, pull) VALUES (?, ?)", vec![run_id.into(), pull.into()])
    }

    pub fn has_pull_run(&self, run_id: RunId) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM pull_runs WHERE run_id = ?", vec![run_id.into()])
    }

    pub fn delete_pull_run(&self, run_id: RunId) -> Result<(), StoreError> {
        self.change("DELETE FROM pull_runs WHERE run_id = ?", vec![run_id.into()])
    }

    /// The newest runs of a pull request, newest first.
    pub fn runs_of_pull(&self, pull: u64, at_most: i64) -> Result<Vec<RunId>, StoreError> {
        let statement = "SELECT run_id FROM pull_runs WHERE pull = ? ORDER BY run_id DESC LIMIT ?";
        self.rows(statement, vec![pull.into(), at_most.into()])?.map(|mut row| row.run_id()).collect()
    }

    /// Something was decided on a run: if it is of a pull request, that one's comment is due then. What is being written, or
    /// was and is not known of, is left its time: another would be a second comment. What is new is tried anew.
    pub fn pull_comment_changed(&self, run_id: RunId, now: Millis, due: Millis) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO pull_comments (pull, comment_id, created, due, tries)
             SELECT pull, NULL, ?2, ?3, 0 FROM pull_runs WHERE run_id = ?1
             ON CONFLICT (pull) DO UPDATE SET
                due = CASE WHEN silent_until > ?2 THEN NULL
                           WHEN tries = 0 OR due IS NULL THEN MIN(IFNULL(due, ?3), ?3)
                           ELSE due END,
                tries = CASE WHEN due IS NULL THEN 0 ELSE tries END,
                failures = 0",
            vec![run_id.into(), now.into(), due.into()],
        )
    }

    pub fn first_pull_comment_due(&self) -> Result<Option<Millis>, StoreError> {
        self.time("SELECT MIN(due) FROM pull_comments WHERE due IS NOT NULL")
    }

    pub fn next_pull_comment(&self, now: Millis) -> Result<Option<PullComment>, StoreError> {
        self.pull_comment_where("due <= ? ORDER BY due LIMIT 1", now.into())
    }

    pub fn pull_comment(&self, pull: u64) -> Result<Option<PullComment>, StoreError> {
        self.pull_comment_where("pull = ?", pull.into())
    }

    fn pull_comment_where(&self, condition: &str, binding: Value) -> Result<Option<PullComment>, StoreError> {
        let columns = "pull, comment_id, created, due, tries, failures, deleted, silent_until";
        let statement = format!("SELECT {columns} FROM pull_comments WHERE {condition}");
        let Some(mut row) = self.first(&statement, vec![binding])? else { return Ok(None) };
        Ok(Some(PullComment {
            pull: row.amount()?,
            comment_id: row.optional_integer()?.and_then(|id| u64::try_from(id).ok()),
            created: row.millis()?,
            due: row.optional_millis()?,
            tries: row.count()?,
            failures: row.count()?,
            deleted: row.count()?,
            silent_until: row.optional_millis()?,
        }))
    }

    pub fn put_pull_comment(&self, comment: &PullComment) -> Result<(), StoreError> {
        let PullComment { pull, comment_id, created: _, due, tries, failures, deleted, silent_until } = *comment;
        let set = "comment_id = ?, due = ?, tries = ?, failures = ?, deleted = ?, silent_until = ?";
        self.change(
            &format!("UPDATE pull_comments SET {set} WHERE pull = ?"),
            vec![
                comment_id.into(),
                due.into(),
                tries.into(),
                failures.into(),
                deleted.into(),
                silent_until.into(),
                pull.into(),
            ],
        )
    }

    pub fn delete_pulls(&self) -> Result<(), StoreError> {
        self.change("DELETE FROM pull_runs", vec![])?;
        self.change("DELETE FROM pull_comments", vec![])
    }
}
