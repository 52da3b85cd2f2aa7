//! Comments on pull requests: which run is of which pull request, and the comment of each.

use crate::names::RunId;
use crate::time::Millis;

use super::{Sql, Store, StoreError, Value, number};

/// A comment that is due.
pub struct PullComment {
    pub pull: u64,
    /// If it is known to be there.
    pub comment_id: Option<u64>,
    pub created: Millis,
}

/// What is stored of a pull request's comment when it was written, or could not be.
pub enum PullCommentChange {
    Written {
        comment_id: u64,
        due: Option<Millis>,
    },
    /// Somebody has deleted it.
    Deleted {
        due: Millis,
    },
    /// And again.
    DeletedAgain {
        silent_until: Millis,
    },
    Failed {
        due: Option<Millis>,
    },
}

impl<S: Sql> Store<S> {
    pub fn add_pull_run(&self, run_id: RunId, pull: u64) -> Result<(), StoreError> {
        self.change("INSERT OR IGNORE INTO pull_runs (run_id, pull) VALUES (?, ?)", vec![run_id.into(), number(pull)])
    }

    pub fn delete_pull_run(&self, run_id: RunId) -> Result<(), StoreError> {
        self.change("DELETE FROM pull_runs WHERE run_id = ?", vec![run_id.into()])
    }

    /// The newest runs of a pull request, newest first.
    pub fn runs_of_pull(&self, pull: u64, at_most: i64) -> Result<Vec<RunId>, StoreError> {
        let statement = "SELECT run_id FROM pull_runs WHERE pull = ? ORDER BY run_id DESC LIMIT ?";
        self.rows(statement, vec![number(pull), at_most.into()])?.map(|mut row| row.run_id()).collect()
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
        let statement = "SELECT pull, comment_id, created FROM pull_comments WHERE due <= ? ORDER BY due LIMIT 1";
        let Some(mut row) = self.first(statement, vec![now.into()])? else { return Ok(None) };
        Ok(Some(PullComment {
            pull: row.amount()?,
            comment_id: row.optional_integer()?.and_then(|id| u64::try_from(id).ok()),
            created: row.millis()?,
        }))
    }

    /// It is being written: it is due again then, if no answer comes.
    pub fn claim_pull_comment(&self, pull: u64, until: Millis) -> Result<(), StoreError> {
        let statement = "UPDATE pull_comments SET due = ?, tries = tries + 1 WHERE pull = ?";
        self.change(statement, vec![until.into(), number(pull)])
    }

    /// How often in a row it could not be written, and was found to be deleted.
    pub fn pull_comment_failures(&self, pull: u64) -> Result<Option<(u32, u32)>, StoreError> {
        let row = self.first("SELECT failures, deleted FROM pull_comments WHERE pull = ?", vec![number(pull)])?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some((row.count()?, row.count()?)))
    }

    pub fn change_pull_comment(&self, pull: u64, change: PullCommentChange) -> Result<(), StoreError> {
        let (what, values) = match change {
            PullCommentChange::Written { comment_id, due } => {
                ("comment_id = ?, tries = 0, failures = 0, due = ?", vec![number(comment_id), due.into()])
            }
            PullCommentChange::Deleted { due } => {
                ("comment_id = NULL, deleted = 1, tries = 0, failures = 0, due = ?", vec![due.into()])
            }
            PullCommentChange::DeletedAgain { silent_until } => {
                ("comment_id = NULL, deleted = 0, due = NULL, silent_until = ?", vec![silent_until.into()])
            }
            PullCommentChange::Failed { due } => ("failures = failures + 1, due = ?", vec![due.into()]),
        };
        let bindings = [values, vec![number(pull)]].concat();
        self.change(&format!("UPDATE pull_comments SET {what} WHERE pull = ?"), bindings)
    }

    pub fn delete_pulls(&self) -> Result<(), StoreError> {
        self.change("DELETE FROM pull_runs", vec![])?;
        self.change("DELETE FROM pull_comments", vec![])
    }

    pub(super) fn prune_pull_comments(&self, at_most: i64) -> Result<(), StoreError> {
        let old = "SELECT pull FROM pull_comments WHERE pull NOT IN (SELECT pull FROM pull_runs) LIMIT ?";
        self.change(&format!("DELETE FROM pull_comments WHERE pull IN ({old})"), vec![Value::Integer(at_most)])
    }
}
