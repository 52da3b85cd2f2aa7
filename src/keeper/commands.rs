//! Commands in comments on pull requests: how one is let in, and how it ends.
//!
//! A comment is one row for as long as GitHub may send it again, so that it acts once; later, whatever is no newer than one that is
//! forgotten does nothing, whoever sends it. Nothing is let in but by a policy that
//! was read a moment ago; what has to wait for that is bounded, and so is what a pull request, and a repository, may have in an
//! hour.
//!
//! A command that was taken ends with a reaction or with a line in the log that says why not ([`super::command_log`]), and it acts
//! soon or not at all: one that cannot be carried out within two hours is given up, and a re-run that is asked for while
//! the repository is paused is refused at once, so that nothing happens later that nobody expects any more.
//!
//! A run that is to be re-run by a command says so in its own row ([`Commanded`](super::tracked_run::Commanded)), and goes the way
//! of any due run; whatever brings that to an end tells the command ([`Keeper::settle_command`]).

use crate::escape::{code, markdown};
use crate::github::Reaction;
use crate::github::calls::commands::{RUNS_PER_PAGE, mark};
use crate::names::{CommentId, RunId};
use crate::policy::{Policy, RunOutcome, may_command};
use crate::time::Millis;
use crate::webhook::command::{Command, CommandEvent, GivenBy};

use super::Keeper;
use super::command_end::End;
use super::command_log::CommandOutcome;
use super::context::Context;
use super::on_webhook::receipt;
use super::step::{Receipt, ReceiptKind, Record, release};
use super::store::commands::{CommandAnswer, CommandResult, Stage, StoredCommand};
use super::store::{Sql, StoreError};
use super::subrequests::RUN_PAGES;
use super::tasks::comment_text::cut;
use super::tracked_run::TrackedRun;

/// Commands of one pull request of which it is not known yet whether they are let in: of its author, and as many of collaborators.
const ASKED_OF_A_PULL: usize = 10;
/// Open commands of a repository. Authors and collaborators have a limit each, so that neither uses up the other's.
const fn most_open(by: GivenBy) -> usize {
    match by {
        GivenBy::Collaborator => 200,
        GivenBy::Author => 100,
    }
}
/// Of a repository. Each is three calls that create content, two reactions and an answer, of which GitHub takes 500 an hour and
/// user ("Rate limits for the REST API", secondary rate limits): with these it takes comments and statuses, too.
const fn most_an_hour(by: GivenBy) -> u64 {
    match by {
        GivenBy::Collaborator => 80,
        GivenBy::Author => 40,
    }
}

impl StoredCommand {
    fn of(event: &CommandEvent, now: Millis) -> Self {
        Self {
            comment_id: event.comment_id,
            pull: event.pull,
            received: now,
            login: event.login.clone(),
            by: event.by,
            command: event.command.clone(),
            stage: Stage::Asked,
            due: Some(now),
            failures: 0,
            runs: vec![],
            reply: CommandAnswer::default(),
            reply_due: None,
            reply_failures: 0,
        }
    }

    fn says(&mut self, reaction: Reaction, text: Option<String>, now: Millis) {
        self.reply.wanted = Some(reaction);
        self.reply.text = text.map(|text| cut(format!("{}\n{text}\n", mark(self.comment_id))));
        self.reply_due = Some(now);
    }
}

impl<S: Sql> Keeper<S> {
    /// Stores a command. When this has returned, nothing of it can be lost.
    pub fn receive_command(&self, event: &CommandEvent, cx: &Context) -> Result<Receipt, StoreError> {
        self.step(|| {
            let told = |kind, reason: &str, due| Ok(receipt(kind, reason, None, due));
            let is_rerun = matches!(event.command, Command::Rerun { .. });
            if self.store.had_command(event.comment_id)? {
                return told(ReceiptKind::Recorded, "this command was received before", None);
            }
            if self.store.open_commands(event.by)? >= most_open(event.by) {
                return told(ReceiptKind::Ignored, "too many commands are already waiting in the repository", None);
            }
            let mut given = StoredCommand::of(event, cx.now);
            let policy = self.policy(cx.settings)?;
            if policy.is_current(self.policy_path.as_ref(), cx.settings, cx.now) {
                if let Err(why) = self.let_in(&mut given, &policy.policy(), cx.now)? {
                    return told(ReceiptKind::Ignored, why, None);
                }
            } else if self.store.asked_commands(event.pull, event.by)? >= ASKED_OF_A_PULL {
                return told(ReceiptKind::Ignored, "too many commands are already waiting on the pull request", None);
            } else {
                self.store.put_command(&given)?;
            }
            if is_rerun && self.paused()?.is_some() {
                return told(ReceiptKind::Recorded, "the repository is paused", None);
            }
            told(ReceiptKind::Scheduled, "a command", given.due)
        })
    }

    /// Whether it is carried out, by a policy that was read just now. Why not, if not; there is a row of it only if that is to
    /// be answered.
    pub(super) fn let_in(
        &self,
        given: &mut StoredCommand,
        policy: &Policy,
        now: Millis,
    ) -> Result<Result<(), &'static str>, StoreError> {
        if !may_command(policy, given.by == GivenBy::Author) {
            self.store.delete_command(given.comment_id)?;
            return Ok(Err("the policy file does not let the comment's author give commands"));
        }
        let most = policy.commands.per_hour;
        let before = self.store.commands_beside(given.pull, given.by, given.received)?;
        if before.in_repository >= most_an_hour(given.by) {
            self.store.delete_command(given.comment_id)?;
            return Ok(Err("the repository has reached its limit of commands an hour"));
        }
        if before.accepted < most.into() {
            (given.stage, given.due) = (Stage::Accepted, Some(now));
            given.says(Reaction::Eyes, None, now);
            self.store.put_command(given)?;
            self.log_command(given, CommandOutcome::Accepted, "it will be carried out");
            return Ok(Ok(()));
        }
        if before.refused == 0 {
            let text = format!("Nothing was done: a pull request may have at most {most} commands an hour.");
            (given.stage, given.due) = (Stage::Refused, None);
            given.says(Reaction::Confused, Some(text), now);
            self.store.put_command(given)?;
        } else {
            self.store.delete_command(given.comment_id)?;
        }
        Ok(Err("the pull request has reached its limit of commands an hour"))
    }

    /// It is over: all was done, or not, and why. Both with names escaped, as sentences.
    pub(super) fn end_command(&self, given: &mut StoredCommand, end: End, now: Millis) {
        (given.stage, given.due) = (Stage::Done, None);
        let most = RUN_PAGES * RUNS_PER_PAGE;
        let more =
            given.reply.more.then(|| format!("Only the newest {most} runs of its commit and branch were checked."));
        let with_more = |text: Option<String>| match (text, more) {
            (Some(text), Some(more)) => Some(format!("{text}\n\n{more}")),
            (text, more) => text.or(more),
        };
        match end {
            End::Done { answer } => {
                given.says(Reaction::Rocket, with_more(answer), now);
                self.log_command(given, CommandOutcome::Done, "everything was done");
            }
            End::Refused { why } => {
                self.log_command(given, CommandOutcome::Refused, &why);
                given.says(Reaction::Confused, with_more(Some(why)), now);
            }
        }
    }

    /// Nothing of what is not over is done any more, in a repository that is served no longer, or is another.
    pub(super) fn forget_commands(&self, why: &str) -> Result<(), StoreError> {
        for comment_id in self.store.ids_of_open_commands()? {
            let Some(given) = self.store.command(comment_id)? else { continue };
            let outcome = if given.due.is_some() { CommandOutcome::Refused } else { CommandOutcome::Unanswered };
            self.log_command(&given, outcome, why);
        }
        self.store.delete_commands()
    }

    /// A run is about to be stored: if its command has come to an end, by whatever it was, the command is told.
    pub(super) fn settle_command(
        &self,
        after: &mut TrackedRun,
        records: &[Record],
        now: Millis,
    ) -> Result<(), StoreError> {
        let Some(commanded) = &after.commanded else { return Ok(()) };
        let result = if after.run_attempt > Some(commanded.run_attempt) {
            CommandResult::Rerun
        } else if after.due.is_none() {
            let of_attempt = |record: &&Record| record.run_attempt == Some(commanded.run_attempt);
            let last = records.iter().rev().find(of_attempt).map(|record| record.reason.clone());
            CommandResult::Refused(last.unwrap_or_else(|| "GitHub does not show it.".to_owned()))
        } else {
            return Ok(());
        };
        let comment_id = commanded.comment_id;
        after.commanded = None;
        self.note_command(comment_id, after.run_id, result, now)
    }

    /// What a command has come to for one of its runs.
    pub(super) fn note_command(
        &self,
        comment_id: CommentId,
        run_id: RunId,
        result: CommandResult,
        now: Millis,
    ) -> Result<(), StoreError> {
        let Some(mut given) = self.store.command(comment_id)? else { return Ok(()) };
        let open = given.runs.iter_mut().find(|run| run.run_id == run_id && run.result.is_none());
        let Some(open) = open else { return Ok(()) };
        open.result = Some(result.clone());
        self.log_commanded_run(&given, run_id, &result);
        if given.runs.iter().all(|run| run.result.is_some()) {
            self.conclude(&mut given, now)?;
        }
        self.store.put_command(&given)
    }

    /// What became of each of its runs is known.
    pub(super) fn conclude(&self, given: &mut StoredCommand, now: Millis) -> Result<(), StoreError> {
        let mut refused = String::new();
        for run in &given.runs {
            if let Some(CommandResult::Refused(why)) = &run.result {
                let tracked = self.store.run(run.run_id)?;
                let workflow = tracked.as_ref().and_then(TrackedRun::shown_workflow);
                let (name, link) = (workflow.map_or_else(|| "A workflow".to_owned(), code), self.link(run.run_id)?);
                refused.push_str(&format!("- {name} {link}: {}\n", markdown(why)));
            }
        }
        let is_rerun = given.runs.iter().any(|run| run.result == Some(CommandResult::Rerun));
        let why = match (refused.is_empty(), is_rerun, &given.command) {
            (true, true, _) => {
                self.end_command(given, End::Done { answer: None }, now);
                return Ok(());
            }
            (true, false, Command::Rerun { workflows: Some(glob) }) => {
                let which = format!("a workflow that matches {}", code(glob));
                format!("Nothing was re-run: the newest commit has no failed run of {which}.")
            }
            (true, false, _) => "Nothing was re-run.".to_owned(),
            (false, _, _) => format!("Not re-run:\n\n{refused}"),
        };
        self.end_command(given, End::Refused { why }, now);
        Ok(())
    }

    /// To a run's page on GitHub.
    fn link(&self, run_id: RunId) -> Result<String, StoreError> {
        Ok(match self.repository()? {
            Some(repository) => format!("[run {run_id}]({}/{repository}/actions/runs/{run_id})", self.web_url),
            None => format!("run {run_id}"),
        })
    }

    /// The command is not, or no longer, to be carried out for this run: as if there had been none. `None`: nothing of it is
    /// tracked any more.
    pub(super) fn without_command(&self, tracked: TrackedRun) -> Result<Option<TrackedRun>, StoreError> {
        let run_id = tracked.run_id;
        let Some(commanded) = &tracked.commanded else { return Ok(Some(tracked)) };
        // People who were told of the run are told how it ended.
        let is_told = tracked.in_short.is_some() || tracked.outcome != RunOutcome::Waiting;
        if commanded.alone && tracked.decided_attempt.is_none() && tracked.pending.is_none() && !is_told {
            self.store.delete_run(tracked.run_id)?;
            return Ok(None);
        }
        let mut tracked = TrackedRun { commanded: None, ..tracked };
        if tracked.is_decided() {
            release(&mut tracked);
            (tracked.due, tracked.tries) = (None, 0);
            (tracked.trouble_since, tracked.evidence_since, tracked.collecting) = (None, None, None);
            // What was said of the command's evidence says nothing of what was decided.
            if let Some(decided) = self.store.records(run_id)?.pop() {
                tracked.reason = decided.reason;
            }
        }
        Ok(Some(tracked))
    }
}
