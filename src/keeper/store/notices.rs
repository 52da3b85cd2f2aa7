//! Messages to be sent, a row each: the outbox.

use crate::names::{RunId, string_enum};
use crate::time::Millis;

use super::{Sql, Store, StoreError};

/// Messages that one summary can be about.
const AT_ONCE: i64 = 1_000;

string_enum! {
    pub enum NoticeKind {
        Exhausted = "exhausted",
        /// GitHub refused the credentials.
        Refused = "refused",
        /// Many runs fail with the same cause, and re-runs are held. Of the run that was held first.
        Outage = "outage",
    }
}

/// What a message is about. There is one of a kind for a run.
pub type NoticeKey = (RunId, NoticeKind);

const OF_RUNS: &str = "FROM notices LEFT JOIN runs ON runs.run_id IN (notices.run_id, -notices.run_id)";
/// As `TrackedRun::may_be_of_fork` has it.
const OF_FORK: &str = "(runs.run_id IS NOT NULL AND IFNULL(instr(head_branch, ':'), 1) > 0)";

impl<S: Sql> Store<S> {
    /// Unless there is one already, or was.
    pub fn add_notice(&self, (run_id, kind): NoticeKey, now: Millis) -> Result<(), StoreError> {
        let statement = "INSERT OR IGNORE INTO notices (run_id, kind, created, due, tries) VALUES (?1, ?2, ?3, ?3, 0)";
        self.change(statement, vec![run_id.into(), kind.as_str().into(), now.into()])
    }

    pub fn first_notice_due(&self) -> Result<Option<Millis>, StoreError> {
        self.time("SELECT MIN(due) FROM notices WHERE due IS NOT NULL")
    }

    /// The first of those that are due, and whether there are more.
    pub fn first_due_notice(&self, now: Millis) -> Result<(Option<NoticeKey>, bool), StoreError> {
        let statement = "SELECT run_id, kind FROM notices WHERE due <= ? ORDER BY due, run_id LIMIT 2";
        let mut due = Vec::new();
        for mut row in self.rows(statement, vec![now.into()])? {
            let run_id = row.run_id()?;
            due.extend(NoticeKind::parse(&row.text()?).map(|kind| (run_id, kind)));
        }
        Ok((due.first().copied(), due.len() > 1))
    }

    /// Those that are due, of the repository's own runs first, and whether they are of runs that may be forks'.
    pub fn due_notices(&self, now: Millis) -> Result<Vec<(NoticeKey, bool)>, StoreError> {
        let statement = format!(
            "SELECT notices.run_id, kind, {OF_FORK} AS of_fork {OF_RUNS} WHERE notices.due <= ?
             ORDER BY of_fork, notices.due, notices.run_id LIMIT ?"
        );
        let mut due = Vec::new();
        for mut row in self.rows(&statement, vec![now.into(), AT_ONCE.into()])? {
            let run_id = row.run_id()?;
            let kind = NoticeKind::parse(&row.text()?);
            let of_fork = row.flag()?;
            due.extend(kind.map(|kind| ((run_id, kind), of_fork)));
        }
        Ok(due)
    }

    /// When the first of the repository's own runs is.
    pub fn first_own_notice_due(&self) -> Result<Option<Millis>, StoreError> {
        self.time(&format!("SELECT MIN(notices.due) {OF_RUNS} WHERE notices.due IS NOT NULL AND NOT {OF_FORK}"))
    }

    /// It is being sent: it is due again then, if no answer comes.
    pub fn claim_notice(&self, (run_id, kind): NoticeKey, until: Millis) -> Result<(), StoreError> {
        let statement = "UPDATE notices SET due = ?, tries = tries + 1 WHERE run_id = ? AND kind = ?";
        self.change(statement, vec![until.into(), run_id.into(), kind.as_str().into()])
    }

    /// How often it was tried to be sent, and since when it is there.
    pub fn notice_tries(&self, (run_id, kind): NoticeKey) -> Result<Option<(u32, Millis)>, StoreError> {
        let statement = "SELECT tries, created FROM notices WHERE run_id = ? AND kind = ?";
        let Some(mut row) = self.first(statement, vec![run_id.into(), kind.as_str().into()])? else { return Ok(None) };
        Ok(Some((row.count()?, row.millis()?)))
    }

    /// `None`: no more.
    pub fn set_notice_due(&self, (run_id, kind): NoticeKey, due: Option<Millis>) -> Result<(), StoreError> {
        let statement = "UPDATE notices SET due = ? WHERE run_id = ? AND kind = ?";
        self.change(statement, vec![due.into(), run_id.into(), kind.as_str().into()])
    }
}
