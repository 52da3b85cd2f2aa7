//! Commit statuses: a row for each commit and context.

use crate::github::calls::commit_status::{Shown, StatusState};
use crate::names::{CommitSha, RunId};
use crate::time::Millis;

use super::{Row, Sql, Store, StoreError, Value, bad};

const COLUMNS: &str =
    "sha, context, workflow, event, run_id, due, state, description, leads_to, begun, failures, written";

/// A commit and a context.
pub type CommitStatusKey = (CommitSha, String);

/// A context at a commit, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    pub sha: CommitSha,
    pub context: String,
    /// What a run must have in common to be shown there: its workflow, by id, and its event.
    pub workflow: String,
    pub event: String,
    /// The newest of them that has failed: it is what is to be shown.
    pub run_id: RunId,
    /// Something is to be written. Until then whoever noted or began that has it for itself.
    pub due: Option<Millis>,
    /// What GitHub has said that it shows.
    pub shown: Option<Shown>,
    /// The run that it leads to there.
    pub leads_to: Option<RunId>,
    /// Something was begun to be written since, and it is not known whether it is there. While something is due, only whoever
    /// has noted that knows that nothing was.
    pub begun: bool,
    /// How often in a row it could not be written.
    pub failures: u32,
    /// How often it was begun to be written in all.
    pub written: u32,
}

impl CommitStatus {
    pub fn key(&self) -> CommitStatusKey {
        (self.sha.clone(), self.context.clone())
    }
}

impl<S: Sql> Store<S> {
    pub fn has_commit_statuses(&self) -> Result<bool, StoreError> {
        self.any(&self.has_commit_statuses, "commit_statuses")
    }

    pub fn commit_statuses_of(&self, sha: &CommitSha, at_most: usize) -> Result<Vec<CommitStatus>, StoreError> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        self.commit_statuses_where("sha = ? LIMIT ?", vec![sha.as_str().into(), at_most.into()])
    }

    pub fn commit_status(&self, (sha, context): &CommitStatusKey) -> Result<Option<CommitStatus>, StoreError> {
        let bindings = vec![sha.as_str().into(), context.as_str().into()];
        Ok(self.commit_statuses_where("sha = ? AND context = ?", bindings)?.pop())
    }

    /// Those that are to be written, each with when.
    pub fn commit_statuses_due(&self, at_most: usize) -> Result<Vec<(CommitStatusKey, Millis)>, StoreError> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let statement = "SELECT sha, context, due FROM commit_statuses WHERE is_due = 1 LIMIT ?";
        self.rows(statement, vec![at_most.into()])?
            .map(|mut row| Ok(((read_sha(&mut row)?, row.text()?), row.millis()?)))
            .collect()
    }

    /// In place of what is stored of it.
    pub fn put_commit_status(&self, status: &CommitStatus) -> Result<(), StoreError> {
        self.has_commit_statuses.set(Some(true));
        let CommitStatus { sha, context, workflow, event, run_id, due, shown, leads_to, begun, failures, written } =
            status;
        let values = vec![
            due.is_some().into(),
            sha.as_str().into(),
            context.as_str().into(),
            workflow.as_str().into(),
            event.as_str().into(),
            (*run_id).into(),
            (*due).into(),
            shown.as_ref().map(|shown| shown.state.as_str()).into(),
            shown.as_ref().map(|shown| shown.description.as_str()).into(),
            (*leads_to).into(),
            (*begun).into(),
            (*failures).into(),
            (*written).into(),
        ];
        let key = [("sha", sha.as_str().into()), ("context", context.as_str().into())];
        self.put_in_place("commit_statuses", COLUMNS, &key, values)
    }

    /// Nothing is shown of this run any more, as far as is known here.
    pub fn delete_commit_status_of(&self, sha: &CommitSha, run_id: RunId) -> Result<(), StoreError> {
        let bindings = vec![sha.as_str().into(), run_id.into()];
        self.change("DELETE FROM commit_statuses WHERE is_due IN (0, 1) AND sha = ? AND run_id = ?", bindings)
    }

    pub fn delete_commit_statuses(&self) -> Result<(), StoreError> {
        self.change("DELETE FROM commit_statuses", vec![])
    }

    fn commit_statuses_where(&self, condition: &str, bindings: Vec<Value>) -> Result<Vec<CommitStatus>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM commit_statuses WHERE is_due IN (0, 1) AND {condition}");
        self.rows(&statement, bindings)?.map(read).collect()
    }
}

fn read_sha(row: &mut Row) -> Result<CommitSha, StoreError> {
    CommitSha::parse(&row.text()?).ok_or_else(|| bad("the SHA of a commit"))
}

fn read(mut row: Row) -> Result<CommitStatus, StoreError> {
    Ok(CommitStatus {
        sha: read_sha(&mut row)?,
        context: row.text()?,
        workflow: row.text()?,
        event: row.text()?,
        run_id: row.run_id()?,
        due: row.optional_millis()?,
        shown: {
            let (state, description) = (row.optional_text()?, row.optional_text()?);
            let state = state.as_deref().and_then(StatusState::parse);
            state.zip(description).map(|(state, description)| Shown { state, description })
        },
        leads_to: row.optional_run_id()?,
        begun: row.flag()?,
        failures: row.count()?,
        written: row.count()?,
    })
}
