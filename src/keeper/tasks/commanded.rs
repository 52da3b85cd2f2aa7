//! What commands change of decisions: a run that is to be re-run by one is decided on by what that says, once; and the runs of
//! a pull request that somebody has stopped are left alone.

use std::ops::ControlFlow;

use crate::keeper::context::Context;
use crate::keeper::evidence_collector::EvidenceCollector;
use crate::keeper::store::commands::CommandResult;
use crate::keeper::store::stopped_pulls::StoppedPull;
use crate::keeper::tracked_run::TrackedRun;
use crate::keeper::{Keeper, Sql, StoreError};
use crate::policy::evidence::{Fetched, History, Need};
use crate::policy::run::{Origin, Run};
use crate::policy::{
    Belonging, CommandGiven, CommandVerdict, Decision, Names, Policy, Verdict, belonging, decide, decide_by_command,
    left_by_command, not_in_dry_run, was_of,
};
use crate::time::Span;
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
        let by_rules = || decide(cx.settings, policy, run, history, &collector.evidence);
        let Some(commanded) = tracked.commanded.as_ref().filter(|_| tracked.is_commanded(run.run_attempt)) else {
            return Ok(ControlFlow::Continue((tracked, by_rules())));
        };
        let workflows = commanded.workflows.clone().map(|glob| Names::new([glob]));
        let given = CommandGiven {
            login: &commanded.login,
            pull: commanded.pull,
            only_author: commanded.by == GivenBy::Author,
            workflows: workflows.as_ref(),
        };
        let result = match decide_by_command(cx.settings, policy, run, history, &collector.evidence, given) {
            CommandVerdict::Need(need) => return Ok(ControlFlow::Continue((tracked, Verdict::Need(need)))),
            CommandVerdict::Rerun(rerun) => match self.stop_of(case, |stopped| outweighs(stopped, commanded.by))? {
                Stop::None if cx.settings.dry_run => CommandResult::Refused(not_in_dry_run(&rerun)),
                Stop::None => {
                    let decision = Verdict::Decision(Decision::Rerun(rerun));
                    return Ok(ControlFlow::Continue((tracked, decision)));
                }
                Stop::Needs(need) => return Ok(ControlFlow::Continue((tracked, Verdict::Need(need)))),
                Stop::By(StoppedPull { pull, login, .. }) => {
                    CommandResult::Refused(left_by_command(&login, pull, rerun.detail).reason)
                }
            },
            CommandVerdict::NotMeant => CommandResult::NotMeant,
            CommandVerdict::Refused(why) => CommandResult::Refused(why),
        };
        self.note_command(commanded.comment_id, tracked.run_id, result, cx.now)?;
        Ok(match self.without_command(tracked)? {
            Some(tracked) if !tracked.is_decided() => ControlFlow::Continue((tracked, by_rules())),
            rests => ControlFlow::Break(rests),
        })
    }

    /// What is to be re-run, unless somebody has stopped re-runs of its pull request.
    pub(super) fn unless_stopped(&self, decision: Decision, case: &Case) -> Result<Verdict, StoreError> {
        let Decision::Rerun(rerun) = decision else { return Ok(Verdict::Decision(decision)) };
        Ok(match self.stop_of(case, |_| true)? {
            Stop::By(StoppedPull { pull, login, .. }) => {
                Verdict::Decision(Decision::End(left_by_command(&login, pull, rerun.detail)))
            }
            Stop::Needs(need) => Verdict::Need(need),
            Stop::None => Verdict::Decision(Decision::Rerun(rerun)),
        })
    }

    /// By which the run is left alone, of those that count.
    fn stop_of(&self, case: &Case, counts: impl Fn(&StoppedPull) -> bool) -> Result<Stop, StoreError> {
        let Case { run, collector, .. } = *case;
        let branch = run.head_branch.as_deref().unwrap_or_default();
        let queued = run.queued().map(|queued| queued.pull_request);
        for stopped in self.store.stopped_pulls(branch, queued)?.into_iter().filter(counts) {
            if queued.is_some() || !may_be_of(&stopped, run) {
                // A group has others' changes as well.
                if queued == Some(stopped.pull) && stopped.by == GivenBy::Collaborator {
                    return Ok(Stop::By(stopped));
                }
                continue;
            }
            if collector.evidence.pulls == Fetched::NotYet {
                return Ok(Stop::Needs(Need::Pulls { delay: Span::ZERO }));
            }
            let is_of_it = match belonging(run, &collector.evidence.pulls, stopped.pull) {
                Belonging::Alone => true,
                // What others share, or what cannot be told, nobody stops who has only opened a pull request.
                Belonging::Shared | Belonging::Unknown => stopped.by == GivenBy::Collaborator,
                // Whoever closes it and opens another does not undo what others have said.
                Belonging::Not => {
                    stopped.by == GivenBy::Collaborator && was_of(run, &collector.evidence.pulls, stopped.pull)
                }
            };
            if is_of_it {
                return Ok(Stop::By(stopped));
            }
        }
        Ok(Stop::None)
    }
}

enum Stop {
    None,
    By(StoppedPull),
    /// It has to be known which pull request the run is of.
    Needs(Need),
}

/// What a collaborator has stopped goes on by a collaborator's command; what the author has, by any.
fn outweighs(stopped: &StoppedPull, by: GivenBy) -> bool {
    stopped.by == GivenBy::Collaborator && by == GivenBy::Author
}

/// Whether a run of a branch of this name can be of the pull request, by what the run alone says.
fn may_be_of(stopped: &StoppedPull, run: &Run) -> bool {
    match &run.origin {
        // A push is of one only where GitHub names any with it; and the default branch's are nobody's, though it names those
        // from it.
        Origin::Own => {
            let is_pushed = run.pull_request.is_some() && !stopped.is_default;
            stopped.is_own && (run.is_of_pull_request() || is_pushed)
        }
        Origin::Fork(fork) => {
            let id = fork.as_ref().and_then(|fork| fork.id);
            !stopped.is_own && id.zip(stopped.head_repository).is_none_or(|(one, other)| one == other)
        }
    }
}
