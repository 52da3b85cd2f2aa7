//! A due run: its policy file and the run itself are read, it is decided on ([`super::decide`]), and re-run if so decided.

use std::ops::ControlFlow;

use crate::github::{self, Call, FetchedPolicy, RerunAnswer, Response};
use crate::keeper::evidence_collector::EvidenceCollector;
use crate::keeper::policy_cache::PolicyUpdate;
use crate::keeper::state_machine::{self, Undecided};
use crate::keeper::step::LEASE;
use crate::keeper::tracked_run::Refusal;
use crate::keeper::{on_failure, second_look};
use crate::names::{FilePath, RunAttempt, RunId};
use crate::policy::RerunSettings;
use crate::policy::run::{MERGE_GROUP, Run};
use crate::time::{Millis, Span};

use super::{Context, Fact, Keeper, Sql, StepResult, StoreError, Task, TrackedRun, other_answer};

/// "Make requests that create content no more than once a second" (GitHub Docs, "Best practices for using the REST
/// API").
const RERUNS_APART: Span = Span::seconds(1);
/// A claim is renewed when less than this is left of it: the longest time-out of a call.
const LEASE_LEFT: Span = Span::seconds(20);

impl<S: Sql> Keeper<S> {
    pub(super) fn rerun_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        self.store.first_due()
    }

    pub(super) fn claim_rerun(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let now = cx.now;
        let wait = self.last_rerun.get().map_or(Span::ZERO, |last| RERUNS_APART.minus(now - last));
        if wait > Span::ZERO {
            return Ok(Some(Task::Wait(wait)));
        }
        let Some(mut tracked) = self.store.next_due(now)? else { return Ok(None) };
        let run_id = tracked.run_id;
        self.store.claim_run(run_id, now + LEASE)?;
        if self.collectors.borrow_mut().remove(&run_id).is_some() {
            // Collecting was given up and did not crash: it is not counted as a crash.
            tracked.collecting = None;
            self.store.put(&TrackedRun { due: Some(now + LEASE), ..tracked })?;
        }
        self.doubted.borrow_mut().remove(&run_id);
        self.heard_meanwhile.borrow_mut().remove(&run_id);
        Ok(Some(Task::Call(self.next_read(run_id, cx)?)))
    }

    /// What is read before the run is decided on: the policy files that are due, and last the run itself.
    fn next_read(&self, run_id: RunId, cx: &Context) -> Result<Call, StoreError> {
        let policy = self.policy(cx.settings)?.next_read(self.policy_path.as_ref(), Some(run_id), cx.settings, cx.now);
        Ok(policy.unwrap_or(Call::ReadRun { run_id }))
    }

    pub(super) fn on_run_answer(
        &self,
        run_id: RunId,
        call: &Call,
        response: Response,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let Some(tracked) = self.store.run(run_id)? else { return Ok(StepResult::default()) };
        if !matches!(call, Call::Rerun { .. }) && (self.paused()?.is_some() || self.is_open(cx.now)?) {
            // Paused while GitHub was asked, or a comment has met a rate limit: the run stays due, and is decided on when
            // that ends.
            self.collectors.borrow_mut().remove(&run_id);
            let credentials = self.trip_if_limited(response.error(), cx)?;
            return Ok(StepResult { credentials, ..StepResult::default() });
        }
        match (call, response) {
            (Call::ReadPolicy { path, .. }, Response::Policy(answer)) => {
                self.on_policy(tracked, path, answer, false, cx)
            }
            (Call::ReadOrganizationPolicy { path, .. }, Response::OrganizationPolicy(answer)) => {
                let before = self.policy(cx.settings)?;
                let update = before.update_organizations(path, answer, cx.settings, cx.now);
                let result = self.on_policy_update(tracked, path, update, cx)?;
                // What is wrong with the repository's own file was said when that was read.
                let warning = result.warning.filter(|warning| Some(warning) != before.problem(cx.settings).as_ref());
                Ok(StepResult { warning, ..result })
            }
            (Call::ReadRun { .. }, Response::Run(answer)) => self.on_run(tracked, answer, cx),
            (Call::Rerun { run_attempt, .. }, Response::Rerun(answer)) => {
                let (tracked, answer) = self.compare_refusals(tracked, answer, cx)?;
                self.carry_out(state_machine::on_rerun(tracked, *run_attempt, answer, cx), cx)
            }
            (Call::ReadRepository { .. }, Response::Repository(answer)) => self.on_repository(tracked, answer, cx),
            (call, response) if call.is_evidence() => self.on_evidence(tracked, call, response, cx),
            _ => Err(other_answer()),
        }
    }

    /// The policy file was asked for. `certain`: what is not shown is not there.
    fn on_policy(
        &self,
        tracked: TrackedRun,
        path: &FilePath,
        answer: Result<FetchedPolicy, github::Error>,
        certain: bool,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let update = self.policy(cx.settings)?.update(path, answer, certain, cx.settings, cx.now);
        self.on_policy_update(tracked, path, update, cx)
    }

    fn on_policy_update(
        &self,
        tracked: TrackedRun,
        path: &FilePath,
        update: PolicyUpdate,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let run_id = tracked.run_id;
        let (warning, policy) = match update {
            PolicyUpdate::New(policy) => (policy.problem(cx.settings), policy),
            PolicyUpdate::Same(policy) => (None, policy),
            PolicyUpdate::Doubtful => {
                self.doubted.borrow_mut().insert(run_id, path.clone());
                return self.call_next(tracked, Call::ReadRepository { run_id }, cx);
            }
            // Nothing is decided by the default rule because of a fault that passes.
            PolicyUpdate::Failed(error) => return self.carry_out(on_failure::on_failure(tracked, error, cx), cx),
        };
        self.set_policy(*policy, cx.now)?;
        let next = self.next_read(run_id, cx)?;
        Ok(StepResult { warning, ..self.call_next(tracked, next, cx)? })
    }

    /// GitHub was asked whether it shows the repository: because of a policy file that it does not show, or of a run.
    fn on_repository(
        &self,
        mut tracked: TrackedRun,
        answer: Result<(), github::Error>,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let doubted = self.doubted.borrow_mut().remove(&tracked.run_id);
        match (doubted, answer) {
            (Some(path), Ok(())) => self.on_policy(tracked, &path, Err(github::Error::NotFound), true, cx),
            // The run is looked for, as one that GitHub does not show.
            (Some(_), Err(github::Error::NotFound)) => self.carry_out(on_failure::unseen(tracked, cx), cx),
            (_, answer) => {
                if answer.is_ok() {
                    // The repository is there, and its run is not: another may have its name, and must not learn of it.
                    self.tell_no_pull_of(&mut tracked)?;
                    if let Some(sha) = tracked.commit.as_ref().filter(|_| self.identity().is_ok_and(|id| id.is_none()))
                    {
                        self.store.delete_commit_status_of(sha, tracked.run_id)?;
                    }
                }
                let seen = self.store.was_read()?;
                self.carry_out(second_look::on_repository(tracked, answer, seen, cx), cx)
            }
        }
    }

    fn on_run(
        &self,
        mut tracked: TrackedRun,
        answer: Result<Box<Run>, github::Error>,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let before = self.collectors.borrow_mut().remove(&tracked.run_id);
        match &answer {
            // It may not have shown all that there is: the policy file is asked for again before anything is decided.
            Err(github::Error::NotFound) => {
                if let Some(policy) = self.policy(cx.settings)?.distrusted() {
                    self.set_policy(policy, cx.now)?;
                }
            }
            Err(_) => {}
            Ok(run) if run.event == MERGE_GROUP => self.is_of_pull(&mut tracked, run.removes_from_queue()),
            Ok(run) => self.is_of_pull(&mut tracked, run.pull_request),
        }
        let Undecided { tracked, run, records } = match state_machine::on_read(tracked, answer, cx) {
            ControlFlow::Continue(undecided) => undecided,
            ControlFlow::Break(step) => return self.carry_out(step, cx),
        };
        if let Some(to) = self.new_name(&run)? {
            return self.claim_hand_over(tracked, &run, to, records, cx);
        }
        let collector = match before {
            Some(collector) => collector.read_again(run, cx.now),
            None => EvidenceCollector::new(run, cx.now),
        };
        self.collect_and_decide(tracked, collector, records, cx)
    }

    /// What an answer to a re-run says once other runs are looked at: a refusal in unclear words is about the account if
    /// another run was refused in the same words.
    fn compare_refusals(
        &self,
        mut tracked: TrackedRun,
        answer: Result<RerunAnswer, github::Error>,
        cx: &Context,
    ) -> Result<(TrackedRun, Result<RerunAnswer, github::Error>), StoreError> {
        match answer {
            Ok(RerunAnswer::Accepted) if self.store.has_refused()? => {
                self.store.set_fact(Fact::Accepted, Some(&cx.now))?;
                Ok((tracked, answer))
            }
            Err(github::Error::UnclearRefusal { message }) => {
                let since = self.store.fact(Fact::Accepted)?.unwrap_or(Millis(i64::MIN));
                if !self.store.refused_elsewhere(tracked.run_id, &message, since)? {
                    return Ok((tracked, Err(github::Error::UnclearRefusal { message })));
                }
                let run_attempt = tracked.run_attempt.unwrap_or(RunAttempt::FIRST);
                tracked.refusal = Some(Refusal { run_attempt, message: message.clone(), since: cx.now });
                Ok((tracked, Err(github::Error::Credentials { message: format!("403 {message}") })))
            }
            answer => Ok((tracked, answer)),
        }
    }

    /// The next call for a run, which stays claimed.
    pub(super) fn call_next(&self, tracked: TrackedRun, call: Call, cx: &Context) -> Result<StepResult, StoreError> {
        if tracked.due.is_some_and(|due| due < cx.now + LEASE_LEFT) {
            self.store.claim_run(tracked.run_id, cx.now + LEASE)?;
        }
        Ok(StepResult { task: Some(Task::Call(call)), ..StepResult::default() })
    }
}
