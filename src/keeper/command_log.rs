//! What became of commands, for the log: a line when one is let in, one for each run that it is about, and one when it is over.
//! Whoever was told that a command was taken finds there what it came to, also where nobody is answered.

use crate::names::{CommentId, RunId, string_enum};

use super::Keeper;
use super::store::Sql;
use super::store::commands::{CommandResult, StoredCommand};

/// One of them. Whatever has it written takes it from the Keeper between two awaits, so that none is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    pub comment_id: CommentId,
    pub pull: u64,
    /// Of who gave it.
    pub login: String,
    pub outcome: CommandOutcome,
    /// `None`: it is about the command as a whole.
    pub run_id: Option<RunId>,
    pub reason: String,
}

string_enum! {
    pub enum CommandOutcome {
        /// It is to be carried out.
        Accepted = "accepted",
        /// Of a run: there is another attempt.
        Rerun = "rerun",
        /// Of a run: the command is about other workflows.
        NotMeant = "not_meant",
        /// All that it asked for was done.
        Done = "done",
        /// Something of it was not, and why.
        Refused = "refused",
        /// It is over, and who gave it cannot be told so.
        Unanswered = "unanswered",
    }
}

impl<S: Sql> Keeper<S> {
    pub fn take_command_lines(&self) -> Vec<CommandLine> {
        self.command_lines.take()
    }

    pub(super) fn log_command(&self, given: &StoredCommand, outcome: CommandOutcome, reason: &str) {
        self.log_line(given, outcome, None, reason);
    }

    pub(super) fn log_commanded_run(&self, given: &StoredCommand, run_id: RunId, result: &CommandResult) {
        let (outcome, reason) = match result {
            CommandResult::Rerun => (CommandOutcome::Rerun, "a new attempt has started"),
            CommandResult::NotMeant => (CommandOutcome::NotMeant, "the command is for other workflows"),
            CommandResult::Refused(why) => (CommandOutcome::Refused, why.as_str()),
        };
        self.log_line(given, outcome, Some(run_id), reason);
    }

    fn log_line(&self, given: &StoredCommand, outcome: CommandOutcome, run_id: Option<RunId>, reason: &str) {
        let StoredCommand { comment_id, pull, ref login, .. } = *given;
        let (login, reason) = (login.clone(), reason.to_owned());
        self.command_lines.borrow_mut().push(CommandLine { comment_id, pull, login, outcome, run_id, reason });
    }
}
