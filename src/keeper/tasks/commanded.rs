//! What commands change of decisions: a run that is to be re-run by one is decided on by what that says, once; and the runs of
//! a pull request that somebody has stopped are left alone.

use std::ops::ControlFlow;

use crate::keeper::evidence_collector::EvidenceCollector;
use crate::keeper::step::Context;
use crate::keeper::store::commands::{CommandResult, StoppedPull};
use crate::keeper::tracked_run::TrackedRun;
use crate::keeper::{Keeper, Sql, StoreError};
use crate::policy::evidence::History;
use crate::policy::run::{Origin, Run};
use crate::policy::{
    CommandGiven, CommandVerdict, Decision, Names, Policy, Verdict, decide, decide_by_command, left_by_command,
    pull_request_of,
};
use crate::webhook::command::GivenBy;

/// What a decision goes by.
pub struct Case<'a> {
    pub policy: &'a Policy,
    pub run: &'a Run,
    pub history: &'a History,
    pub collector: &'a EvidenceCollector,
}

impl<S: Sql> Keeper<S> {
    /// By a command, if there is one for this attempt; else by the rules. It breaks where the command has come to nothing, and
    /// nothing is to be decided without it: with the run as it is then, if it is still tracked.
    pub(super) fn verdict(
        &self,
        tracked: TrackedRun,
        case: &Case,
        cx: &Context,
    ) -> Result<ControlFlow<Option<TrackedRun>, (TrackedRun, Verdict)>, StoreError> {
        let Case { policy, run, history, collector } = *case;
        let by_rules = || decide(cx.rules, policy, run, history, &collector.evidence);
        let Some(commanded) = tracked.commanded.as_ref().filter(|_| tracked.is_commanded(run.run_attempt)) else {
            return Ok(ControlFlow::Continue((tracked, by_rules())));
        };
        let workflows = commanded.workflows.clone().map(|glob| Names::new([glob]));
        let only_author = commanded.by == GivenBy::Author;
        let given = CommandGiven { login: &commanded.login, only_author, workflows: workflows.as_ref() };
        let result = match decide_by_command(cx.rules, policy, run, history, &collector.evidence, given) {
            CommandVerdict::Need(need) => return Ok(ControlFlow::Continue((tracked, Verdict::Need(need)))),
            CommandVerdict::Rerun(rerun) => match self.stop_of(case, |stopped| outweighs(stopped, commanded.by))? {
                None => {
                    let decision = Verdict::Decision(Decision::Rerun(rerun));
                    return Ok(ControlFlow::Continue((tracked, decision)));
                }
                Some(StoppedPull { pull, login, .. }) => {
                    CommandResult::Refused(left_by_command(&login, pull, rerun.detail).reason)
                }
            },
            CommandVerdict::NotMeant => CommandResult::NotMeant,
            CommandVerdict::Refused(why) => CommandResult::Refused(why),
        };
        self.note_command(commanded.comment_id, tracked.run_id, result, cx.now)?;
        Ok(match self.without_command(tracked, cx.now)? {
            Some(tracked) if !tracked.is_decided() => ControlFlow::Continue((tracked, by_rules())),
            rests => ControlFlow::Break(rests),
        })
    }

    /// What is to be re-run, unless somebody has stopped re-runs of its pull request.
    pub(super) fn unless_stopped(&self, decision: Decision, case: &Case) -> Result<Decision, StoreError> {
        let Decision::Rerun(rerun) = decision else { return Ok(decision) };
        Ok(match self.stop_of(case, |_| true)? {
            Some(StoppedPull { pull, login, .. }) => Decision::End(left_by_command(&login, pull, rerun.detail)),
            None => Decision::Rerun(rerun),
        })
    }

    /// By which the run is left alone, of those that count.
    fn stop_of(&self, case: &Case, counts: impl Fn(&StoppedPull) -> bool) -> Result<Option<StoppedPull>, StoreError> {
        let branch = case.run.head_branch.as_deref().unwrap_or_default();
        let queued = case.run.queued().map(|queued| queued.pull_request);
        let stopped = self.store.stopped_pulls(branch, queued)?;
        Ok(stopped.into_iter().find(|stopped| counts(stopped) && is_of(stopped, case)))
    }
}

/// What a collaborator has stopped goes on by a collaborator's command; what the author has, by any.
fn outweighs(stopped: &StoppedPull, by: GivenBy) -> bool {
    stopped.by == GivenBy::Collaborator && by == GivenBy::Author
}

/// Whether a run is of the pull request, whose branch has its branch's name, or which it tests in the merge queue.
fn is_of(stopped: &StoppedPull, Case { run, collector, .. }: &Case) -> bool {
    if let Some(queued) = run.queued() {
        return queued.pull_request == stopped.pull;
    }
    if !run.is_of_pull_request() {
        // The default branch's own runs are nobody's pull request, though GitHub names those from it.
        return !stopped.is_default && run.pull_request == Some(stopped.pull);
    }
    let is_from_there = match &run.origin {
        Origin::Own => stopped.is_own,
        Origin::Fork(fork) => {
            let id = fork.as_ref().and_then(|fork| fork.id);
            !stopped.is_own && id.zip(stopped.head_repository).is_none_or(|(one, other)| one == other)
        }
    };
    let of = pull_request_of(run, &collector.evidence).or(run.pull_request);
    is_from_there && of.is_none_or(|of| of == stopped.pull)
}
