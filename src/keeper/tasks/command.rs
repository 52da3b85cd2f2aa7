//! A command is carried out, step by step: the policy is read, if what is known of it is not of just now; then the pull request
//! as it is now, and the runs of its newest commit. Those that failed are to be re-run, which is each run's own affair from
//! then on ([`super::commanded`]). Whatever GitHub does not answer is tried again, for some hours.

use std::collections::BTreeSet;

use crate::github::{self, Call, CommandCall, CommandReply, Reaction, Response};
use crate::keeper::feature::Feature;
use crate::keeper::policy_cache::PolicyUpdate;
use crate::keeper::store::commands::{CommandResult, CommandedRun, Stage, StoredCommand};
use crate::keeper::subrequests::RUN_PAGES;
use crate::keeper::tracked_run::{Commanded, TrackedRun};
use crate::names::order::sort_by;
use crate::names::{CommentId, CommitSha, Conclusion};
use crate::policy::Rules;
use crate::policy::run::{PullRequest, Run};
use crate::time::{Millis, Span};
use crate::webhook::command::{Command, GivenBy};

use super::command_reply::nothing_failed;
use super::errand::Errand;
use super::{Context, Keeper, Sql, StoreError, Task};

/// Longer than its requests can take.
const CLAIM: Span = Span::seconds(90);
const AGAIN: Span = Span::seconds(15);
const AGAIN_MOST: Span = Span::minutes(15);
/// A run that another command is about is waited for.
const ANOTHER_COMMAND: Span = Span::seconds(10);
const ANOTHER_COMMAND_MOST: Span = Span::minutes(10);
/// As for re-runs: "no more than once a second" (GitHub Docs, "Best practices for using the REST API"). And lists of runs are long.
const APART: Span = Span::seconds(1);
/// After that a command is given up, and so is what it has asked for: nobody expects it to act any more.
const LASTS: Span = Span::hours(6);
/// Of one command.
const MOST_RUNS: usize = 50;
/// Pull requests whose runs are left alone.
const MOST_STOPPED: u64 = 1_000;
const COMMANDED: &str = "Waiting to be re-run by a command.";

/// What is to be done for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandWork {
    pub comment_id: CommentId,
    pull: u64,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    ReadPolicy(Box<Call>),
    ReadPull { with_runs: bool },
}

#[derive(Debug)]
pub enum Worked {
    /// `certain`: GitHub shows the repository, so that what it does not show is not there.
    Policy {
        answer: Response,
        certain: bool,
    },
    Pull(Result<(Box<PullRequest>, Vec<Run>), github::Error>),
}

impl CommandWork {
    pub fn requests(&self) -> u32 {
        match &self.what {
            What::ReadPolicy(call) => call.requests() + 1,
            What::ReadPull { with_runs } => 1 + if *with_runs { RUN_PAGES } else { 0 },
        }
    }
}

/// Makes the calls that it takes: each is answered before the next.
pub async fn work(work: &CommandWork, call: impl AsyncFn(Call) -> Response) -> Worked {
    let ask = async |what| match call(Call::Command(what)).await {
        Response::Command(answer) => answer,
        _ => Err(other_answer()),
    };
    let pull = work.pull;
    let read_pull = async || match ask(CommandCall::ReadPull { pull }).await? {
        CommandReply::Pull(pull) => Ok(pull),
        _ => Err(other_answer()),
    };
    match &work.what {
        What::ReadPolicy(policy) => {
            let answer = call((**policy).clone()).await;
            let certain = answer.error() == Some(&github::Error::NotFound) && read_pull().await.is_ok();
            Worked::Policy { answer, certain }
        }
        What::ReadPull { with_runs } => Worked::Pull(
            async {
                let pull = read_pull().await?;
                let mut runs = Vec::new();
                for page in 1..=if *with_runs { RUN_PAGES } else { 0 } {
                    let head_sha = CommitSha::parse(&pull.head_sha).ok_or_else(other_answer)?;
                    let CommandReply::Runs(listed) = ask(CommandCall::ListRuns { head_sha, page }).await? else {
                        return Err(other_answer());
                    };
                    runs.extend(listed.items);
                    if !listed.full {
                        break;
                    }
                }
                Ok((pull, runs))
            }
            .await,
        ),
    }
}

fn other_answer() -> github::Error {
    github::Error::inconclusive("The answer is to another call")
}

impl<S: Sql> Keeper<S> {
    pub(in crate::keeper) fn command_due(&self, _: &Rules) -> Result<Option<Millis>, StoreError> {
        let due = self.store.first_command_due()?;
        Ok(due.map(|due| self.last_command.get().map_or(due, |last| due.max(last + APART))))
    }

    pub(super) fn claim_command(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(mut given) = self.store.next_command(cx.now)? else { return Ok(None) };
        if cx.now - given.received > LASTS {
            self.give_up_command(given, "it could not be done for six hours", cx)?;
            return Ok(None);
        }
        if given.stage == Stage::Asked {
            let policy = self.policy(cx.rules)?;
            if policy.is_current(self.policy_path.as_ref(), cx.rules, cx.now) {
                if self.let_in(&mut given, &policy.policy(), cx.now)?.is_err() {
                    return Ok(None);
                }
                // That it was seen is shown first.
                return self.claim_reply(cx);
            } else if let Some(call) = policy.next_read(self.policy_path.as_ref(), None, cx.rules, cx.now) {
                return self.claimed(given, What::ReadPolicy(Box::new(call)), cx);
            } else {
                // GitHub has not answered for it a moment ago.
                self.try_command_again(given, None, cx)?;
                return Ok(None);
            }
        }
        let with_runs = given.command != Command::Stop;
        self.claimed(given, What::ReadPull { with_runs }, cx)
    }

    fn claimed(&self, given: StoredCommand, what: What, cx: &Context) -> Result<Option<Task>, StoreError> {
        let StoredCommand { comment_id, pull, .. } = given;
        self.last_command.set(Some(cx.now));
        self.store.put_command(&StoredCommand { due: Some(cx.now + CLAIM), ..given })?;
        Ok(Some(Task::Errand(Errand::Command(CommandWork { comment_id, pull, what }))))
    }

    pub(super) fn finish_command(
        &self,
        work: &CommandWork,
        worked: Worked,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        let stored = self.store.command(work.comment_id)?;
        let is_open = |given: &StoredCommand| matches!(given.stage, Stage::Asked | Stage::Accepted);
        let Some(given) = stored.filter(is_open) else { return Ok(None) };
        match worked {
            Worked::Policy { answer, certain } => self.on_policy_of_command(given, work, answer, certain, cx),
            Worked::Pull(Err(github::Error::NotFound)) => {
                self.give_up_command(given, "GitHub does not show the pull request", cx)?;
                Ok(None)
            }
            Worked::Pull(Err(error)) => self.try_command_again(given, Some(error), cx),
            Worked::Pull(Ok((pull, runs))) => {
                self.carry_out_command(given, &pull, runs, cx)?;
                Ok(None)
            }
        }
    }

    fn on_policy_of_command(
        &self,
        given: StoredCommand,
        work: &CommandWork,
        answer: Response,
        certain: bool,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        let What::ReadPolicy(call) = &work.what else { return Ok(None) };
        let (known, now) = (self.policy(cx.rules)?, cx.now);
        let update = match (&**call, answer) {
            (Call::ReadPolicy { path, .. }, Response::Policy(answer)) => {
                known.update(path, answer, certain, cx.rules, now)
            }
            (Call::ReadOrganizationPolicy { path, .. }, Response::OrganizationPolicy(answer)) => {
                known.update_organizations(path, answer, cx.rules, cx.now)
            }
            _ => PolicyUpdate::Failed(other_answer()),
        };
        let (warning, policy) = match update {
            PolicyUpdate::New(policy) => (policy.problem(cx.rules), policy),
            PolicyUpdate::Same(policy) => (None, policy),
            // Whether the file is gone, or the repository is not shown, the next try tells.
            PolicyUpdate::Doubtful => return self.try_command_again(given, None, cx),
            PolicyUpdate::Failed(error) => return self.try_command_again(given, Some(error), cx),
        };
        self.set_policy(*policy, cx.now)?;
        self.store.put_command(&StoredCommand { due: Some(cx.now), ..given })?;
        Ok(warning)
    }

    fn try_command_again(
        &self,
        given: StoredCommand,
        error: Option<github::Error>,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        self.trip_if_limited(error.as_ref(), cx)?;
        let due = Some(cx.now + AGAIN.doubled(given.failures, AGAIN_MOST));
        self.store.put_command(&StoredCommand { due, failures: given.failures + 1, ..given })?;
        match &error {
            Some(refused @ github::Error::Credentials { .. }) => {
                self.feature_refused(Feature::Commands, refused, cx.now)
            }
            error => Ok(error.as_ref().map(|error| format!("a command on a pull request: {error}"))),
        }
    }

    /// Whom nothing was promised, nothing is told.
    fn give_up_command(&self, mut given: StoredCommand, why: &str, cx: &Context) -> Result<(), StoreError> {
        match given.stage {
            Stage::Asked => return self.store.delete_command(given.comment_id),
            Stage::Rerunning => {
                for open in given.runs.iter_mut().filter(|run| run.result.is_none()) {
                    open.result = Some(CommandResult::Refused(format!("Given up: {why}.")));
                    let tracked = self.store.run(open.run_id)?;
                    let is_ours = |commanded: &Commanded| commanded.comment_id == given.comment_id;
                    let tracked = tracked.filter(|tracked| tracked.commanded.as_deref().is_some_and(is_ours));
                    let Some(tracked) = tracked else { continue };
                    if let Some(tracked) = self.without_command(tracked, cx.now)? {
                        self.store_run(&tracked, &[], cx)?;
                    }
                }
                self.conclude(&mut given, cx.now)?;
            }
            Stage::Accepted | Stage::Done | Stage::Refused => {
                given.end(Reaction::Confused, Some(format!("Nothing was done: {why}.")), cx.now);
            }
        }
        self.store.put_command(&given)
    }

    fn carry_out_command(
        &self,
        mut given: StoredCommand,
        pull: &PullRequest,
        runs: Vec<Run>,
        cx: &Context,
    ) -> Result<(), StoreError> {
        let now = cx.now;
        if !pull.open {
            // Nobody waits for an answer.
            (given.stage, given.due) = (Stage::Done, None);
            return self.store.put_command(&given);
        }
        // Anybody can open a pull request from a branch that is not theirs.
        if given.by == GivenBy::Author && pull.is_own && given.command != Command::Status {
            let text = "Nothing was done: the branch is the repository's own, so that this takes a collaborator of it.";
            given.end(Reaction::Confused, Some(text.to_owned()), now);
            return self.store.put_command(&given);
        }
        match given.command.clone() {
            Command::Stop => {
                if self.store.stop_pull(pull, (&given.login, given.by), MOST_STOPPED, now)? {
                    given.end(Reaction::Rocket, None, now);
                } else {
                    let text = format!("Nothing was done: {MOST_STOPPED} pull requests are left alone already.");
                    given.end(Reaction::Confused, Some(text), now);
                }
            }
            Command::Status => {
                let text = self.status(&newest(pull, runs))?;
                given.end(Reaction::Rocket, Some(text), now);
            }
            Command::Rerun { workflows } => {
                let all = newest(pull, runs);
                let failed: Vec<&Run> = all.iter().filter(|run| is_meant(run, pull, given.by)).collect();
                if failed.is_empty() {
                    given.end(Reaction::Confused, Some(nothing_failed(&all)), now);
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
        let refused = |at| {
            let why = || format!("Not looked at: one command re-runs at most {MOST_RUNS} runs.");
            (at >= MOST_RUNS).then(|| CommandResult::Refused(why()))
        };
        let run = |(at, run): (usize, &&Run)| CommandedRun {
            run_id: run.run_id,
            run_attempt: run.run_attempt,
            result: refused(at),
        };
        // What is refused beyond is as many as there are pages.
        given.runs = failed.iter().enumerate().map(run).collect();
        (given.stage, given.due) = (Stage::Rerunning, Some(given.received + LASTS));
        self.store.put_command(&given)?;
        for run in failed.iter().take(MOST_RUNS) {
            let known = self.store.run(run.run_id)?;
            let commanded = Commanded {
                comment_id: given.comment_id,
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
    runs.retain(|run| is_at(run) && pull.is_from_branch_of(run));
    sort_by(&mut runs, |one, other| other.run_id.cmp(&one.run_id));
    let mut seen: BTreeSet<(Option<u64>, String, String)> = BTreeSet::new();
    runs.retain(|run| {
        let id = run.workflow_id.map(|id| id.get());
        seen.insert((id, run.path.clone().unwrap_or_default(), run.event.clone()))
    });
    runs
}

/// Whether it failed, and this command may be about it. A pull request can be from any branch, also from one whose pushes
/// deploy: whoever has only opened it gets nothing re-run but its own checks, and nobody what a push to the default branch
/// has started.
fn is_meant(run: &Run, pull: &PullRequest, by: GivenBy) -> bool {
    let is_pushed = run.event == "push" && by == GivenBy::Collaborator && !pull.is_from_default_branch;
    run.conclusion.is_some_and(Conclusion::may_be_rerun) && (run.is_of_pull_request() || is_pushed)
}
