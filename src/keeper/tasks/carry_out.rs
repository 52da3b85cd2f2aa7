//! What a command asks for is done: runs that failed are to be re-run, which is each run's own affair from then on
//! ([`super::commanded`]); people are told the status; or a pull request's runs are left alone from then on.

use std::collections::BTreeSet;

use crate::keeper::command_end::{ACTS_WITHIN, End};
use crate::keeper::command_log::CommandOutcome;
use crate::keeper::store::commands::{CommandResult, CommandedRun, NOT_LOOKED_AT, Stage, StoredCommand};
use crate::keeper::tracked_run::{Commanded, TrackedRun};
use crate::names::Conclusion;
use crate::names::order::sort_by;
use crate::policy::run::{PullRequest, Run};
use crate::time::Span;
use crate::webhook::command::{Command, GivenBy};

use super::command::PullRead;
use super::command_reply::nothing_failed;
use super::{Context, Keeper, Sql, StoreError};

/// A run that another command is about is waited for.
const ANOTHER_COMMAND: Span = Span::seconds(10);
const ANOTHER_COMMAND_MOST: Span = Span::minutes(10);
/// Of one command.
const fn most_runs(by: GivenBy) -> usize {
    match by {
        GivenBy::Collaborator => 50,
        GivenBy::Author => 10,
    }
}
/// Of all commands of a repository that were given within an hour. Each run is a decision of its own, with all its requests.
const fn most_runs_an_hour(by: GivenBy) -> usize {
    match by {
        GivenBy::Collaborator => 400,
        GivenBy::Author => 100,
    }
}
const AN_HOUR: Span = Span::hours(1);
/// Pull requests whose runs are left alone.
const MOST_STOPPED: u64 = 1_000;
const COMMANDED: &str = "Waiting to be re-run by a command.";

impl<S: Sql> Keeper<S> {
    pub(super) fn carry_out_command(
        &self,
        mut given: StoredCommand,
        read: PullRead,
        cx: &Context,
    ) -> Result<(), StoreError> {
        let now = cx.now;
        let PullRead { pull, runs, more } = read;
        if !pull.open {
            // Nobody waits for an answer.
            (given.stage, given.due) = (Stage::Done, None);
            self.log_command(&given, CommandOutcome::Refused, "the pull request is closed");
            return self.store.put_command(&given);
        }
        // Anybody can open a pull request from a branch that is not theirs.
        if given.by == GivenBy::Author && pull.is_own && given.command != Command::Status {
            let text = "The branch belongs to this repository, so only a collaborator can give this command.";
            self.end_command(&mut given, End::Refused { why: text.to_owned() }, now);
            return self.store.put_command(&given);
        }
        given.reply.more = more;
        match given.command.clone() {
            Command::Stop => {
                let end = if self.store.stop_pull(&pull, (&given.login, given.by), MOST_STOPPED, now)? {
                    End::Done { answer: None }
                } else {
                    let why = format!(
                        "Nothing was done: {MOST_STOPPED} pull requests are stopped already, and there can be no more."
                    );
                    End::Refused { why }
                };
                self.end_command(&mut given, end, now);
            }
            Command::Status => {
                let answer = Some(self.status(&newest(&pull, runs))?);
                self.end_command(&mut given, End::Done { answer }, now);
            }
            Command::Rerun { workflows } => {
                let all = newest(&pull, runs);
                let failed: Vec<&Run> = all.iter().filter(|run| is_meant(run, given.by)).collect();
                if failed.is_empty() {
                    self.end_command(&mut given, End::Refused { why: nothing_failed(&all) }, now);
                } else if self.are_commanded(&failed)? {
                    given.due = Some(now + ANOTHER_COMMAND.doubled(given.failures, ANOTHER_COMMAND_MOST));
                    given.failures += 1;
                } else {
                    return self.rerun_by_command(given, &failed, workflows, cx);
                }
            }
        }
        self.store.put_command(&given)
    }

    /// Whether another command is about one of them.
    fn are_commanded(&self, runs: &[&Run]) -> Result<bool, StoreError> {
        for run in runs {
            if self.store.run(run.run_id)?.is_some_and(|tracked| tracked.commanded.is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Each is due now.
    fn rerun_by_command(
        &self,
        mut given: StoredCommand,
        failed: &[&Run],
        workflows: Option<String>,
        cx: &Context,
    ) -> Result<(), StoreError> {
        let now = cx.now;
        let (of_command, an_hour) = (most_runs(given.by), most_runs_an_hour(given.by));
        let before = self.store.commanded_runs_since(given.by, given.received.minus(AN_HOUR))?;
        let left = an_hour.saturating_sub(before);
        let why = if left < of_command {
            format!("{NOT_LOOKED_AT} commands re-run at most {an_hour} runs of a repository an hour.")
        } else {
            format!("{NOT_LOOKED_AT} one command re-runs at most {of_command} runs.")
        };
        let most = of_command.min(left);
        let refused = |at| (at >= most).then(|| CommandResult::Refused(why.clone()));
        let run = |(at, run): (usize, &&Run)| CommandedRun {
            run_id: run.run_id,
            run_attempt: run.run_attempt,
            result: refused(at),
        };
        // What is refused beyond is as many as there are pages.
        given.runs = failed.iter().enumerate().map(run).collect();
        (given.stage, given.due) = (Stage::Rerunning, Some(given.received + ACTS_WITHIN + Span::millis(1)));
        if most == 0 {
            self.conclude(&mut given, now)?;
        }
        self.store.put_command(&given)?;
        for run in failed.iter().take(most) {
            let known = self.store.run(run.run_id)?;
            let commanded = Commanded {
                comment_id: given.comment_id,
                pull: given.pull,
                run_attempt: run.run_attempt,
                login: given.login.clone(),
                by: given.by,
                workflows: workflows.clone(),
                alone: known.is_none(),
            };
            let new = || TrackedRun { reason: COMMANDED.to_owned(), ..TrackedRun::new(run.run_id, now) };
            let mut tracked = known.unwrap_or_else(new);
            tracked.run_attempt = tracked.run_attempt.max(Some(run.run_attempt));
            tracked.commanded = Some(Box::new(commanded));
            // A call that is on its way is left its time.
            if tracked.pending.is_none() || tracked.due.is_none() {
                tracked.due = Some(now);
            }
            self.store_run(&tracked, &[], cx)?;
        }
        Ok(())
    }
}

/// The newest run of each workflow and event, of those that are of the pull request, at its newest commit.
fn newest(pull: &PullRequest, mut runs: Vec<Run>) -> Vec<Run> {
    let is_at = |run: &Run| run.head_sha == pull.head_sha || run.head_commit.as_ref() == Some(&pull.head_sha);
    runs.retain(|run| is_at(run) && pull.is_from_branch_of(run) && pull.may_have(run));
    sort_by(&mut runs, |one, other| other.run_id.cmp(&one.run_id));
    let mut seen: BTreeSet<(Option<u64>, String, String)> = BTreeSet::new();
    runs.retain(|run| {
        let id = run.workflow_id.map(|id| id.get());
        seen.insert((id, run.path.clone().unwrap_or_default(), run.event.clone()))
    });
    runs
}

/// Whether it failed, and this command may be about it. A pull request can be from any branch, also from one whose pushes
/// deploy: whoever has only opened it gets nothing re-run but its own checks.
fn is_meant(run: &Run, by: GivenBy) -> bool {
    let may = by == GivenBy::Collaborator || run.is_of_pull_request();
    run.conclusion.is_some_and(Conclusion::may_be_rerun) && may
}
