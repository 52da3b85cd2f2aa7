//! Pull requests whose runs are left alone by a command: a row for each.

use crate::policy::run::PullRequest;
use crate::time::Millis;
use crate::webhook::command::GivenBy;

use super::commands::given_by;
use super::{Sql, Store, StoreError, Value};

/// A pull request whose runs are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedPull {
    pub pull: u64,
    /// Of who said so.
    pub login: String,
    /// A fork's; `None`: it is of the repository itself, or the fork is gone.
    pub head_repository: Option<u64>,
    pub is_own: bool,
    /// Its branch is the repository's default branch, which has runs of its own.
    pub is_default: bool,
    pub by: GivenBy,
}

impl<S: Sql> Store<S> {
    /// Its runs are left alone from now on. Whether there was room for that: nobody's stops take away what others may have, nor
    /// does an author's take the place of a collaborator's.
    pub fn stop_pull(
        &self,
        pull: &PullRequest,
        (login, by): (&str, GivenBy),
        at_most: u64,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let number = Value::from(pull.number);
        let others = "SELECT COUNT(*) FROM stopped_pulls WHERE pull <> ? AND given_by = ?";
        let count = self.first(others, vec![number.clone(), by.as_str().into()])?;
        if count.map_or(Ok(0), |mut row| row.amount())? >= at_most {
            return Ok(false);
        }
        self.has_stopped.set(Some(true));
        self.change(
            "INSERT OR REPLACE INTO stopped_pulls \
             (pull, login, since, branch, head_repository, is_own, is_default, given_by) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE ?8 = 'collaborator' OR NOT EXISTS \
                 (SELECT 1 FROM stopped_pulls WHERE pull = ?1 AND given_by = 'collaborator')",
            vec![
                number,
                login.into(),
                now.into(),
                pull.head_branch.as_str().into(),
                pull.head_repository.into(),
                pull.is_own.into(),
                pull.is_from_default_branch.into(),
                by.as_str().into(),
            ],
        )?;
        Ok(true)
    }

    /// The pull requests from branches of this name, and the one of this number, whose runs are left alone.
    pub fn stopped_pulls(&self, branch: &str, queued: Option<u64>) -> Result<Vec<StoppedPull>, StoreError> {
        if !self.any(&self.has_stopped, "stopped_pulls")? {
            return Ok(vec![]);
        }
        let statement = "SELECT pull, login, head_repository, is_own, is_default, given_by FROM stopped_pulls \
                         WHERE branch = ? OR pull = ?";
        let rows = self.rows(statement, vec![branch.into(), queued.into()])?;
        rows.map(|mut row| {
            Ok(StoppedPull {
                pull: row.amount()?,
                login: row.text()?,
                head_repository: row.optional_integer()?.and_then(|id| u64::try_from(id).ok()),
                is_own: row.flag()?,
                is_default: row.flag()?,
                by: given_by(&mut row)?,
            })
        })
        .collect()
    }
}
