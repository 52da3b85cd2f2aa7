//! Commands on pull requests: a row for each that was given and may be carried out.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::github::Reaction;
use crate::keeper::retention::{COMMANDS, PRUNED_AT_ONCE, STOPS};
use crate::names::json::from_text;
use crate::names::{CommentId, RunAttempt, RunId, string_enum};
use crate::time::{Millis, Span};
use crate::webhook::command::{Command, GivenBy};

use super::{Fact, Row, Sql, Store, StoreError, Value, bad, json};

/// A command, and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCommand {
    pub comment_id: CommentId,
    pub pull: u64,
    pub received: Millis,
    /// Of who gave it.
    pub login: String,
    pub by: GivenBy,
    pub command: Command,
    pub stage: Stage,
    /// When something is to be done about it. `None`: nothing, but perhaps for the reply.
    pub due: Option<Millis>,
    /// How often in a row that could not be done.
    pub failures: u32,
    /// The runs that it is about.
    pub runs: Vec<CommandedRun>,
    pub reply: CommandAnswer,
    pub reply_due: Option<Millis>,
    pub reply_failures: u32,
}

string_enum! {
    /// Where a command stands.
    pub enum Stage {
        /// Whether it is carried out is not known yet.
        Asked = "asked",
        /// It is, and counts for what a pull request may have in an hour.
        Accepted = "accepted",
        /// Re-runs that it is for are asked for.
        Rerunning = "rerunning",
        Done = "done",
        /// There were too many.
        Refused = "refused",
    }
}

/// What the one who gave it is to see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandAnswer {
    /// The reaction that was made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Reaction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Reaction>,
    /// Still to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether writing it was begun before: it may be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begun: bool,
    /// Whether there are more runs than were looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

impl CommandAnswer {
    pub fn is_complete(&self) -> bool {
        self.made == self.wanted && self.text.is_none()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandedRun {
    pub run_id: RunId,
    /// The one that failed.
    pub run_attempt: RunAttempt,
    /// `None`: not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<CommandResult>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandResult {
    /// There is another attempt.
    Rerun,
    /// The command is about other workflows.
    NotMeant,
    /// Why not, as a sentence.
    Refused(String),
}

/// What the reason begins with for which a run was refused that no decision was made on.
pub const NOT_LOOKED_AT: &str = "Not looked at:";

/// How many commands there were within an hour of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBeside {
    pub in_repository: u64,
    pub accepted: u64,
    pub refused: u64,
}

/// What is known in memory of a command that something is still to be done about.
#[derive(Debug, Clone, Copy)]
pub struct OpenCommand {
    pull: u64,
    by: GivenBy,
    is_asked: bool,
    due: Option<Millis>,
    reply_due: Option<Millis>,
}

/// Those that something is to be done about, once they were read. Each step asks for them: what they are due stands in no index,
/// so that each change of one is one row written. They are as many as [`crate::keeper::commands`] lets in within half a day.
pub type OpenCommands = RefCell<Option<BTreeMap<CommentId, OpenCommand>>>;

const COLUMNS: &str = "comment_id, pull, received, login, given_by, command, stage, due, failures, runs, reply, \
     reply_due, reply_failures";
/// Whether something is to be done about it is first in the key.
const BY_ID: &str = "is_due IN (0, 1) AND comment_id = ?";

impl<S: Sql> Store<S> {
    pub fn command(&self, comment_id: CommentId) -> Result<Option<StoredCommand>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM commands WHERE {BY_ID}");
        self.first(&statement, vec![comment_id.get().into()])?.map(stored_command).transpose()
    }

    /// Whether it was received before, or may have been: the ids of comments grow, and of those that are forgotten the greatest is
    /// known.
    pub fn had_command(&self, comment_id: CommentId) -> Result<bool, StoreError> {
        let forgotten: Option<CommentId> = self.fact(Fact::ForgottenCommand)?;
        Ok(forgotten >= Some(comment_id) || self.command(comment_id)?.is_some())
    }

    fn forget_up_to(&self, comment_id: Option<CommentId>) -> Result<(), StoreError> {
        if comment_id > self.fact(Fact::ForgottenCommand)? {
            self.set_fact(Fact::ForgottenCommand, comment_id.as_ref())
        } else {
            Ok(())
        }
    }

    pub fn first_command_due(&self) -> Result<Option<Millis>, StoreError> {
        self.of_open(|open| open.values().filter_map(|one| one.due).min())
    }

    pub fn next_command(&self, now: Millis) -> Result<Option<StoredCommand>, StoreError> {
        self.first_of_open(now, |one| one.due)
    }

    pub fn first_reply_due(&self) -> Result<Option<Millis>, StoreError> {
        self.of_open(|open| open.values().filter_map(|one| one.reply_due).min())
    }

    pub fn next_reply(&self, now: Millis) -> Result<Option<StoredCommand>, StoreError> {
        self.first_of_open(now, |one| one.reply_due)
    }

    /// Commands by whoever that were given within an hour of this time, which may have been let in or not been: of the
    /// repository, and of those on a pull request the ones that are or were carried out, and those that were refused as too many.
    /// Nobody takes away what others may have. One that had to wait is of the hour in which it was given: what was given after it
    /// can have been let in before.
    pub fn commands_beside(&self, pull: u64, by: GivenBy, given: Millis) -> Result<GivenBeside, StoreError> {
        let statement = "SELECT COUNT(*), IFNULL(SUM(pull = ?1 AND stage <> 'refused'), 0),
                IFNULL(SUM(pull = ?1 AND stage = 'refused'), 0)
             FROM commands WHERE received > ?2 AND received < ?3 AND given_by = ?4 AND stage <> 'asked'";
        let (from, to) = (given.minus(Span::hours(1)), given + Span::hours(1));
        let row = self.first(statement, vec![pull.into(), from.into(), to.into(), by.as_str().into()])?;
        let mut row = row.ok_or_else(|| bad("a count of commands"))?;
        Ok(GivenBeside { in_repository: row.amount()?, accepted: row.amount()?, refused: row.amount()? })
    }

    /// Runs that commands after `since` by whoever may give them are about, but for those that nobody has looked at.
    pub fn commanded_runs_since(&self, by: GivenBy, since: Millis) -> Result<usize, StoreError> {
        let statement = "SELECT COUNT(*) FROM commands, json_each(commands.runs) AS run
             WHERE received > ? AND given_by = ? AND IFNULL(instr(json_extract(run.value, '$.result.refused'), ?), 0) <> 1";
        let row = self.first(statement, vec![since.into(), by.as_str().into(), NOT_LOOKED_AT.into()])?;
        let count = row.ok_or_else(|| bad("a count of runs"))?.amount()?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Those of a pull request of which it is not known yet whether they are let in.
    pub fn asked_commands(&self, pull: u64, by: GivenBy) -> Result<usize, StoreError> {
        self.of_open(|open| open.values().filter(|one| one.is_asked && (one.pull, one.by) == (pull, by)).count())
    }

    /// Those that something is to be done about, but for answers.
    pub fn open_commands(&self, by: GivenBy) -> Result<usize, StoreError> {
        self.of_open(|open| open.values().filter(|one| one.due.is_some() && one.by == by).count())
    }

    /// Of all that something is to be done about, answers too.
    pub fn ids_of_open_commands(&self) -> Result<Vec<CommentId>, StoreError> {
        self.of_open(|open| open.keys().copied().collect())
    }

    pub fn put_command(&self, stored: &StoredCommand) -> Result<(), StoreError> {
        let StoredCommand { comment_id, pull, by, due, reply_due, .. } = *stored;
        let is_due = due.is_some() || reply_due.is_some();
        let changing = [
            stored.stage.as_str().into(),
            due.into(),
            stored.failures.into(),
            json(Some(&stored.runs))?,
            json(Some(&stored.reply))?,
            reply_due.into(),
            stored.reply_failures.into(),
        ];
        let columns = "stage, due, failures, runs, reply, reply_due, reply_failures";
        let id = Value::from(comment_id.get());
        let row = self.first(&format!("SELECT is_due FROM commands WHERE {BY_ID}"), vec![id.clone()])?;
        if let Some(mut row) = row {
            // In place, and the key only where it changes: else its index is written, too.
            let key = (row.flag()? != is_due).then(|| Value::from(is_due));
            let columns = format!("{}{columns}", if key.is_some() { "is_due, " } else { "" });
            let values: Vec<Value> = key.into_iter().chain(changing).collect();
            let places = vec!["?"; values.len()].join(", ");
            let statement = format!("UPDATE commands SET ({columns}) = ({places}) WHERE {BY_ID}");
            self.change(&statement, values.into_iter().chain([id]).collect())?;
        } else {
            let command = json(Some(&stored.command))?;
            let staying = [is_due.into(), id, pull.into(), stored.received.into(), stored.login.as_str().into()];
            let staying = staying.into_iter().chain([by.as_str().into(), command]);
            let statement = format!(
                "INSERT INTO commands (is_due, comment_id, pull, received, login, given_by, command, {columns})
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            );
            self.change(&statement, staying.chain(changing).collect())?;
        }
        let is_asked = stored.stage == Stage::Asked;
        let open = OpenCommand { pull, by, is_asked, due, reply_due };
        if let Some(all) = &mut *self.open_commands.borrow_mut() {
            if is_due {
                all.insert(comment_id, open)
            } else {
                all.remove(&comment_id)
            };
        }
        Ok(())
    }

    pub fn delete_command(&self, comment_id: CommentId) -> Result<(), StoreError> {
        if let Some(all) = &mut *self.open_commands.borrow_mut() {
            all.remove(&comment_id);
        }
        self.change(&format!("DELETE FROM commands WHERE {BY_ID}"), vec![comment_id.get().into()])
    }

    /// Of a repository that is served no more, or is another.
    pub fn delete_commands(&self) -> Result<(), StoreError> {
        self.open_commands.take();
        let ids = self
            .rows("SELECT comment_id FROM commands", vec![])?
            .map(|mut row| read_id(&mut row))
            .collect::<Result<Vec<_>, _>>()?;
        self.forget_up_to(ids.into_iter().max())?;
        self.change("DELETE FROM commands", vec![])?;
        self.change("DELETE FROM stopped_pulls", vec![])
    }

    /// A bounded number of rows at a time. Whether there may be more. What is to be done about one has come to its end before.
    pub(super) fn prune_commands(&self, now: Millis) -> Result<bool, StoreError> {
        let old = "SELECT comment_id FROM commands WHERE received < ? AND is_due = 0 LIMIT ?";
        let before = vec![now.minus(COMMANDS).into(), PRUNED_AT_ONCE.into()];
        let ids = self.rows(old, before.clone())?.map(|mut row| read_id(&mut row)).collect::<Result<Vec<_>, _>>()?;
        let count = ids.len();
        self.change(&format!("DELETE FROM commands WHERE is_due = 0 AND comment_id IN ({old})"), before)?;
        self.forget_up_to(ids.into_iter().max())?;
        self.change("DELETE FROM stopped_pulls WHERE since < ?", vec![now.minus(STOPS).into()])?;
        Ok(i64::try_from(count).is_ok_and(|count| count >= PRUNED_AT_ONCE))
    }

    /// What is asked of those that something is to be done about.
    fn of_open<T>(&self, ask: impl FnOnce(&BTreeMap<CommentId, OpenCommand>) -> T) -> Result<T, StoreError> {
        let mut known = self.open_commands.borrow_mut();
        if let Some(open) = &*known {
            return Ok(ask(open));
        }
        let rows = self
            .rows("SELECT comment_id, pull, given_by, stage, due, reply_due FROM commands WHERE is_due = 1", vec![])?;
        let open = rows
            .map(|mut row| {
                let comment_id = read_id(&mut row)?;
                let one = OpenCommand {
                    pull: row.amount()?,
                    by: given_by(&mut row)?,
                    is_asked: row.text()? == Stage::Asked.as_str(),
                    due: row.optional_millis()?,
                    reply_due: row.optional_millis()?,
                };
                Ok((comment_id, one))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(ask(known.insert(open)))
    }

    /// Of those that are due, the one that has been for longest.
    fn first_of_open(
        &self,
        now: Millis,
        due: impl Fn(&OpenCommand) -> Option<Millis>,
    ) -> Result<Option<StoredCommand>, StoreError> {
        let first = self.of_open(|open| {
            let of = open.iter().filter_map(|(id, one)| Some((due(one).filter(|due| *due <= now)?, *id)));
            of.min()
        })?;
        first.map_or(Ok(None), |(_, comment_id)| self.command(comment_id))
    }
}

fn stored_command(mut row: Row) -> Result<StoredCommand, StoreError> {
    Ok(StoredCommand {
        comment_id: read_id(&mut row)?,
        pull: row.amount()?,
        received: row.millis()?,
        login: row.text()?,
        by: given_by(&mut row)?,
        command: read(&row.text()?)?,
        stage: Stage::parse(&row.text()?).ok_or_else(|| bad("a command's stage"))?,
        due: row.optional_millis()?,
        failures: row.count()?,
        runs: read(&row.text()?)?,
        reply: read(&row.text()?)?,
        reply_due: row.optional_millis()?,
        reply_failures: row.count()?,
    })
}

fn read_id(row: &mut Row) -> Result<CommentId, StoreError> {
    CommentId::new(row.amount()?).ok_or_else(|| bad("a comment's id"))
}

pub(super) fn given_by(row: &mut Row) -> Result<GivenBy, StoreError> {
    GivenBy::parse(&row.text()?).ok_or_else(|| bad("who has given a command"))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    from_text(text).map_err(|error| StoreError(format!("a command: {error}")))
}
