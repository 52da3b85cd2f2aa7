//! Issues for flaky jobs: a row for each job that has one, or is to get one.

use crate::keeper::retention::FLAKY_ISSUES;
use crate::names::WorkflowId;
use crate::time::{Millis, Span};

use super::statistics::WorkflowJob;
use super::{Row, Sql, Store, StoreError, Value, bad};

/// The issue of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlakyIssueRow {
    pub job: WorkflowJob,
    /// If it is known to be there.
    pub number: Option<u64>,
    pub is_open: bool,
    /// When a new one was last begun to be opened, if that may have come to something.
    pub opened: Option<Millis>,
    /// When it was last written.
    pub written: Option<Millis>,
    /// When there last was something new to say.
    pub noted: Millis,
    /// It is being written, perhaps.
    pub claimed_until: Option<Millis>,
    pub due: Option<Millis>,
    /// How often in a row it could not be written.
    pub failures: u32,
    /// Somebody has deleted it.
    pub silent_until: Option<Millis>,
}

const COLUMNS: &str = "workflow_id, workflow, job, issue, is_open, opened, written, noted, claimed_until, due, failures, \
     silent_until";

impl<S: Sql> Store<S> {
    pub fn flaky_issue(&self, key: &str) -> Result<Option<FlakyIssueRow>, StoreError> {
        self.flaky_issue_where("job_key = ?", key.into())
    }

    pub fn first_flaky_issue_due(&self) -> Result<Option<Millis>, StoreError> {
        self.time("SELECT MIN(due) FROM flaky_issues WHERE due IS NOT NULL")
    }

    pub fn next_flaky_issue(&self, now: Millis) -> Result<Option<FlakyIssueRow>, StoreError> {
        self.flaky_issue_where("due <= ? ORDER BY due, job_key LIMIT 1", now.into())
    }

    fn flaky_issue_where(&self, condition: &str, binding: Value) -> Result<Option<FlakyIssueRow>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM flaky_issues WHERE {condition}");
        self.first(&statement, vec![binding])?.map(flaky_issue).transpose()
    }

    pub fn put_flaky_issue(&self, row: &FlakyIssueRow, now: Millis) -> Result<(), StoreError> {
        let FlakyIssueRow { job, number, is_open, opened, written, noted, claimed_until, due, failures, silent_until } =
            row;
        let statement = format!(
            "INSERT OR REPLACE INTO flaky_issues (job_key, updated, {COLUMNS})
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        self.change(
            &statement,
            vec![
                job.key().into(),
                now.into(),
                job.workflow_id.into(),
                job.workflow.as_str().into(),
                job.job.as_str().into(),
                (*number).into(),
                (*is_open).into(),
                (*opened).into(),
                (*written).into(),
                (*noted).into(),
                (*claimed_until).into(),
                (*due).into(),
                (*failures).into(),
                (*silent_until).into(),
            ],
        )
    }

    pub fn count_flaky_issues(&self) -> Result<u64, StoreError> {
        self.first("SELECT COUNT(*) FROM flaky_issues", vec![])?.map_or(Ok(0), |mut row| row.amount())
    }

    /// How many new ones were begun since then, and when the first of them.
    pub fn flaky_issues_opened_since(&self, since: Millis) -> Result<(u64, Option<Millis>), StoreError> {
        let statement = "SELECT COUNT(*), MIN(opened) FROM flaky_issues WHERE opened > ?";
        let Some(mut row) = self.first(statement, vec![since.into()])? else { return Ok((0, None)) };
        Ok((row.amount()?, row.optional_millis()?))
    }

    pub fn delete_flaky_issues(&self) -> Result<(), StoreError> {
        self.change("DELETE FROM flaky_issues", vec![])
    }

    /// What nothing has happened to for so long. Should the job fail again, its issue is found as after a loss of all storage.
    pub(super) fn prune_flaky_issues(&self, now: Millis) -> Result<(), StoreError> {
        self.change("DELETE FROM flaky_issues WHERE updated < ?", vec![now.minus(FLAKY_ISSUES).into()])
    }
}

fn flaky_issue(mut row: Row) -> Result<FlakyIssueRow, StoreError> {
    let workflow_id = WorkflowId::new(row.amount()?).ok_or_else(|| bad("a workflow's id"))?;
    Ok(FlakyIssueRow {
        job: WorkflowJob { workflow_id, workflow: row.text()?, job: row.text()? },
        number: row.optional_integer()?.and_then(|number| u64::try_from(number).ok()),
        is_open: row.flag()?,
        opened: row.optional_millis()?,
        written: row.optional_millis()?,
        noted: row.millis()?,
        claimed_until: row.optional_millis()?,
        due: row.optional_millis()?,
        failures: row.count()?,
        silent_until: row.optional_millis()?,
    })
}

const _: () = assert!(FLAKY_ISSUES.as_millis() > 2 * Span::days(30).as_millis(), "one that is open is closed before");
