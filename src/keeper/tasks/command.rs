//! A command is carried out, step by step: the policy is read, if what is known of it is not of just now; then the pull request
//! as it is now, and the runs of its newest commit; what it asks for is done with those ([`super::carry_out`]). Whatever GitHub
//! does not answer is tried again, for two hours.

use crate::github::{self, Call, CommandCall, CommandReply as Reply, Response};
use crate::keeper::command_end::{ACTS_WITHIN, End, GIVEN_UP, PAUSED};
use crate::keeper::command_log::CommandOutcome;
use crate::keeper::policy_cache::PolicyUpdate;
use crate::keeper::store::commands::{CommandResult, Stage, StoredCommand};
use crate::keeper::subrequests::RUN_PAGES;
use crate::keeper::tracked_run::Commanded;
use crate::names::{CommentId, CommitSha};
use crate::policy::RerunSettings;
use crate::policy::run::{PullRequest, Run};
use crate::time::{Millis, Span};
use crate::webhook::command::Command;

use super::command_reply::CommandReply;
use super::errand_answer::Warning;
use super::{Context, Keeper, Sql, StoreError};

/// Longer than its requests can take.
const CLAIM: Span = Span::seconds(90);
const AGAIN: Span = Span::seconds(15);
const AGAIN_MOST: Span = Span::minutes(15);

/// What comes next for one.
#[derive(Debug)]
pub enum NextForCommand {
    Reply(CommandReply),
    Work(CommandWork),
}

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
    /// `shown`: where GitHub does not show the file, whether it shows the pull request, so that the file is not there.
    Policy {
        answer: Response,
        shown: Option<Result<(), github::Error>>,
    },
    Pull(Result<PullRead, github::Error>),
}

/// A pull request, and the runs of its branch at its commit.
#[derive(Debug)]
pub struct PullRead {
    pub pull: Box<PullRequest>,
    pub runs: Vec<Run>,
    /// Whether there may be older ones.
    pub more: bool,
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
        _ => Err(github::Error::other_answer()),
    };
    let pull = work.pull;
    let read_pull = async || match ask(CommandCall::ReadPull { pull }).await? {
        Reply::Pull(pull) => Ok(pull),
        _ => Err(github::Error::other_answer()),
    };
    match &work.what {
        What::ReadPolicy(policy) => {
            let answer = call((**policy).clone()).await;
            let shown = match answer.error() {
                Some(github::Error::NotFound) => Some(read_pull().await.map(|_| ())),
                _ => None,
            };
            Worked::Policy { answer, shown }
        }
        What::ReadPull { with_runs } => Worked::Pull(
            async {
                let pull = read_pull().await?;
                let (mut runs, mut more) = (Vec::new(), false);
                for page in 1..=if *with_runs { RUN_PAGES } else { 0 } {
                    let head_sha = CommitSha::parse(&pull.head_sha).ok_or_else(github::Error::other_answer)?;
                    // Others, too, can have many at the commit.
                    let branch = pull.head_branch.clone();
                    let list = CommandCall::ListRuns { head_sha, branch, page };
                    let Reply::Runs(listed) = ask(list).await? else { return Err(github::Error::other_answer()) };
                    runs.extend(listed.items);
                    more = listed.full;
                    if !more {
                        break;
                    }
                }
                Ok(PullRead { pull, runs, more })
            }
            .await,
        ),
    }
}

impl<S: Sql> Keeper<S> {
    pub(in crate::keeper) fn command_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        self.store.first_command_due()
    }

    pub(super) fn claim_command(&self, cx: &Context) -> Result<Option<NextForCommand>, StoreError> {
        let Some(mut given) = self.store.next_command(cx.now)? else { return Ok(None) };
        if cx.now - given.received > ACTS_WITHIN {
            let is_paused = self.paused()?.is_some();
            self.give_up_command(given, if is_paused { PAUSED } else { GIVEN_UP }, cx)?;
            return Ok(None);
        }
        if given.stage == Stage::Asked {
            let policy = self.policy(cx.settings)?;
            if policy.is_current(self.policy_path.as_ref(), cx.settings, cx.now) {
                if let Err(why) = self.let_in(&mut given, &policy.policy(), cx.now)? {
                    self.log_command(&given, CommandOutcome::Refused, why);
                    return Ok(None);
                }
                // That it was seen is shown first, unless GitHub does not let it be.
                if self.reply_due(cx.settings)?.is_some_and(|due| due <= cx.now) {
                    return Ok(self.claim_reply(cx)?.map(NextForCommand::Reply));
                }
            } else if let Some(call) = policy.next_read(self.policy_path.as_ref(), None, cx.settings, cx.now) {
                return self.claimed(given, What::ReadPolicy(Box::new(call)), cx);
            } else {
                // GitHub has not answered for it a moment ago.
                self.try_command_again(given, None, cx)?;
                return Ok(None);
            }
        }
        if matches!(given.command, Command::Rerun { .. }) && given.stage == Stage::Accepted && self.paused()?.is_some()
        {
            self.give_up_command(given, PAUSED, cx)?;
            return Ok(None);
        }
        let with_runs = given.command != Command::Stop;
        self.claimed(given, What::ReadPull { with_runs }, cx)
    }

    fn claimed(&self, given: StoredCommand, what: What, cx: &Context) -> Result<Option<NextForCommand>, StoreError> {
        let StoredCommand { comment_id, pull, .. } = given;
        self.store.put_command(&StoredCommand { due: Some(cx.now + CLAIM), ..given })?;
        Ok(Some(NextForCommand::Work(CommandWork { comment_id, pull, what })))
    }

    pub(super) fn finish_command(
        &self,
        work: &CommandWork,
        worked: Worked,
        cx: &Context,
    ) -> Result<Option<Warning>, StoreError> {
        let stored = self.store.command(work.comment_id)?;
        let is_open = |given: &StoredCommand| matches!(given.stage, Stage::Asked | Stage::Accepted);
        let Some(given) = stored.filter(is_open) else { return Ok(None) };
        match worked {
            Worked::Policy { answer, shown } => self.on_policy_of_command(given, work, answer, shown, cx),
            Worked::Pull(Err(github::Error::NotFound)) => {
                self.give_up_command(given, "GitHub does not show the pull request", cx)?;
                Ok(None)
            }
            Worked::Pull(Err(error)) => self.try_command_again(given, Some(error), cx),
            Worked::Pull(Ok(read)) => {
                self.carry_out_command(given, read, cx)?;
                Ok(None)
            }
        }
    }

    fn on_policy_of_command(
        &self,
        given: StoredCommand,
        work: &CommandWork,
        answer: Response,
        shown: Option<Result<(), github::Error>>,
        cx: &Context,
    ) -> Result<Option<Warning>, StoreError> {
        let What::ReadPolicy(call) = &work.what else { return Ok(None) };
        let (known, certain) = (self.policy(cx.settings)?, shown == Some(Ok(())));
        // What is known of the file may do; that GitHub wants to be left alone holds all the same.
        self.trip_if_limited(shown.and_then(Result::err).as_ref(), cx)?;
        let (warning, policy) = match self.policy_update(call, answer, certain, cx)? {
            PolicyUpdate::New(policy) => {
                // What is wrong with the repository's own file was said when that was read.
                let is_own = matches!(**call, Call::ReadPolicy { .. });
                let problem = policy.problem(cx.settings);
                (problem.filter(|problem| is_own || known.problem(cx.settings).as_ref() != Some(problem)), policy)
            }
            PolicyUpdate::Same(policy) => (None, policy),
            // Whether the file is gone, or the repository is not shown, the next try tells.
            PolicyUpdate::Doubtful => return self.try_command_again(given, None, cx),
            PolicyUpdate::Failed(error) => return self.try_command_again(given, Some(error), cx),
        };
        self.set_policy(*policy, cx.now)?;
        self.store.put_command(&StoredCommand { due: Some(cx.now), ..given })?;
        Ok(warning.map(Warning::Policy))
    }

    fn try_command_again(
        &self,
        given: StoredCommand,
        error: Option<github::Error>,
        cx: &Context,
    ) -> Result<Option<Warning>, StoreError> {
        let due = Some(cx.now + AGAIN.doubled(given.failures, AGAIN_MOST));
        self.store.put_command(&StoredCommand { due, failures: given.failures + 1, ..given })?;
        let Some(error) = error else { return Ok(None) };
        // What may not be read may still be answered: that is another permission.
        self.trip_if_limited(Some(&error), cx)?;
        Ok(Some(Warning::Trouble(format!("a command on a pull request: {error}"))))
    }

    /// Whom nothing was promised, nothing is told.
    fn give_up_command(&self, mut given: StoredCommand, why: &str, cx: &Context) -> Result<(), StoreError> {
        let before = given.clone();
        match given.stage {
            Stage::Asked => {
                self.log_command(&given, CommandOutcome::Refused, why);
                return self.store.delete_command(given.comment_id);
            }
            Stage::Rerunning => {
                for open in given.runs.iter_mut().filter(|run| run.result.is_none()) {
                    let result = CommandResult::Refused(format!("Given up: {why}."));
                    self.log_commanded_run(&before, open.run_id, &result);
                    open.result = Some(result);
                    let tracked = self.store.run(open.run_id)?;
                    let is_ours = |commanded: &Commanded| commanded.comment_id == given.comment_id;
                    let tracked = tracked.filter(|tracked| tracked.commanded.as_deref().is_some_and(is_ours));
                    let Some(tracked) = tracked else { continue };
                    if let Some(tracked) = self.without_command(tracked)? {
                        self.store_run(&tracked, &[], cx)?;
                    }
                }
                self.conclude(&mut given, cx.now)?;
            }
            Stage::Accepted | Stage::Done | Stage::Refused => {
                self.end_command(&mut given, End::Refused { why: format!("Nothing was done: {why}.") }, cx.now);
            }
        }
        self.store.put_command(&given)
    }
}
