//! A run that was read is decided on: the policy is asked, and told what it asks for, until it has decided.

use std::collections::BTreeMap;

use crate::github::{Call, PolicyAnswer, Problem, ReadAnswer, RepositoryAnswer};
use crate::names::{FilePath, RunAttempt, RunId};
use crate::policy::evidence::{EarlierAttempt, History, Need};
use crate::policy::{Decision, Verdict, decide, pull_request_of};
use crate::time::{Millis, Span};

use super::evidence_collector::{Collected, EvidenceCollector, Missing};
use super::policy_cache::PolicyUpdate;
use super::state_machine::{self, Context, LEASE, Looked, Record, Step, Undecided};
use super::store::{Sql, StoreError};
use super::tracked_run::TrackedRun;
use super::{Answer, Credentials, Keeper, StepResult, Task, on_failure, other_answer, second_look};

/// A claim is renewed when less than this is left of it: the longest time-out of a call.
const LEASE_LEFT: Span = Span::seconds(20);
/// What is found missing only after others is waited for as well, up to this after the first.
const NEW_FOR: Span = Span::minutes(1);
/// More questions than a decision can have: two for each of a thousand jobs.
const QUESTIONS: u32 = 2_500;

impl<S: Sql> Keeper<S> {
    /// The first call for a run that is claimed.
    pub(super) fn begin(&self, run_id: RunId, cx: &Context) -> Result<Call, StoreError> {
        self.doubted.borrow_mut().remove(&run_id);
        let ask = self.known(cx.rules)?.ask(self.policy_path.as_ref(), run_id, cx.now);
        Ok(ask.unwrap_or(Call::ReadRun { run_id }))
    }

    /// The policy file was asked for, for a run that is to be decided on. `certain`: what is not shown is not there.
    pub(super) fn policy_answered(
        &self,
        tracked: TrackedRun,
        path: &FilePath,
        (answer, certain): (PolicyAnswer, bool),
        credentials: Credentials,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let run_id = tracked.run_id;
        let (known, notice) = match self.known(cx.rules)?.learn(path, answer, certain, cx.rules, cx.now) {
            PolicyUpdate::New(known) => {
                let trouble = known.trouble();
                (known, trouble)
            }
            PolicyUpdate::Same(known) => (known, None),
            PolicyUpdate::Doubtful => {
                self.doubted.borrow_mut().insert(run_id, path.clone());
                self.renew(tracked, cx)?;
                let task = Some(Task::Call(Call::ReadRepository { run_id }));
                return Ok(StepResult { task, credentials, ..StepResult::default() });
            }
            // Nothing is decided by the default rule because of a fault that passes.
            PolicyUpdate::Trouble(problem) => {
                return self.carry_out(on_failure::on_failure(tracked, problem, cx), credentials, cx);
            }
        };
        self.learn(known, cx.now)?;
        self.renew(tracked, cx)?;
        let task = Some(Task::Call(Call::ReadRun { run_id }));
        Ok(StepResult { task, credentials, notice, ..StepResult::default() })
    }

    /// GitHub was asked whether it shows the repository: of a policy file that it does not show, or of a run.
    pub(super) fn repository_answered(
        &self,
        tracked: TrackedRun,
        answer: RepositoryAnswer,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let doubted = self.doubted.borrow_mut().remove(&tracked.run_id);
        match (doubted, answer) {
            (Some(path), RepositoryAnswer::There) => {
                self.policy_answered(tracked, &path, (PolicyAnswer::NoFile, true), credentials, cx)
            }
            // What of the run? It is looked for, as one that GitHub does not show.
            (Some(_), RepositoryAnswer::Problem(Problem::NotFound)) => {
                self.carry_out(on_failure::unseen(tracked, cx), credentials, cx)
            }
            (_, answer) => {
                if answer == RepositoryAnswer::There {
                    self.forget_pull_of(tracked.run_id)?;
                }
                let known = self.store.was_read()?;
                self.carry_out(second_look::repository_answered(tracked, answer, known, cx), credentials, cx)
            }
        }
    }

    /// The run was read.
    pub(super) fn run_answered(
        &self,
        tracked: TrackedRun,
        answer: Answer,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let Answer::Read(answer) = answer else { return Err(other_answer()) };
        let before = self.collectors.borrow_mut().remove(&tracked.run_id);
        if answer == ReadAnswer::Problem(Problem::NotFound) {
            self.distrust_policy(cx.rules, cx.now)?;
        }
        if let ReadAnswer::Run(run) = &answer {
            self.is_of_pull(tracked.run_id, run.pull_request)?;
        }
        match state_machine::look(tracked, answer, cx) {
            Looked::Done(step) => self.carry_out(*step, credentials, cx),
            Looked::Undecided(undecided) => {
                let Undecided { tracked, run, records } = *undecided;
                if let Some(to) = self.new_name(&run)? {
                    return self.begin_to_hand_over(tracked, &run, to, records, credentials, cx);
                }
                let collector = match before {
                    Some(collector) => collector.read_again(run, cx.now),
                    None => EvidenceCollector::new(run, cx.now),
                };
                self.judge(tracked, collector, records, credentials, cx)
            }
        }
    }

    /// A piece of evidence came, or did not.
    pub(super) fn evidence_answered(
        &self,
        tracked: TrackedRun,
        call: &Call,
        answer: Answer,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let Some(mut collector) = self.collectors.borrow_mut().remove(&tracked.run_id) else {
            return Ok(StepResult { credentials, ..StepResult::default() });
        };
        if !state_machine::is_undecided(&tracked, collector.run().run_attempt) {
            // A webhook has told of something newer. What is due for that is begun anew, at once.
            let due = tracked.due.map(|due| due.min(cx.now));
            self.store.put(&TrackedRun { due, collecting: None, ..tracked })?;
            return Ok(StepResult { credentials, ..StepResult::default() });
        }
        match collector.take(call, answer) {
            Collected::Ask(next) => {
                self.collectors.borrow_mut().insert(tracked.run_id, collector);
                self.renew(tracked, cx)?;
                Ok(StepResult { task: Some(Task::Call(next)), credentials, ..StepResult::default() })
            }
            Collected::Had if matches!(call, Call::ListPulls { .. }) => {
                // GitHub does not name a fork's with the run.
                self.is_of_pull(tracked.run_id, pull_request_of(collector.run(), collector.evidence()))?;
                self.judge(tracked, collector, vec![], credentials, cx)
            }
            Collected::Had => self.judge(tracked, collector, vec![], credentials, cx),
            // Nothing is re-run on a guess about its pull request: it is waited for as the run itself is.
            Collected::Trouble(problem) if matches!(call, Call::ListPulls { .. }) => {
                self.carry_out(on_failure::on_failure(tracked, problem, cx), credentials, cx)
            }
            Collected::Trouble(problem) => match on_failure::on_evidence_failure(&tracked, problem.clone(), cx) {
                Some(step) => self.carry_out(step, credentials, cx),
                None => {
                    collector.do_without(call, problem.to_string());
                    self.judge(tracked, collector, vec![], credentials, cx)
                }
            },
            Collected::Stray => {
                self.collectors.borrow_mut().insert(tracked.run_id, collector);
                Ok(StepResult { credentials, ..StepResult::default() })
            }
        }
    }

    /// Asks the policy, until it has decided or needs something of GitHub.
    fn judge(
        &self,
        mut tracked: TrackedRun,
        mut collector: EvidenceCollector,
        records: Vec<Record>,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let known = self.known(cx.rules)?;
        let history = self.history(tracked.run_id, collector.run().run_attempt, cx.now)?;
        let mut run = collector.run().clone();
        run.workflow =
            tracked.workflow.clone().filter(|_| run.workflow_id.is_some() && tracked.workflow_id == run.workflow_id);
        let policy = known.policy();
        collector.forget_old_pulls(cx.now);
        for _ in 0..QUESTIONS {
            collector.search(&policy);
            let mut decision = match decide(cx.rules, &policy, &run, &history, collector.evidence()) {
                Verdict::Need(Need::Pulls { delay }) if cx.now < tracked.failed_at + delay => {
                    let mut step = state_machine::wait(tracked, delay, cx);
                    step.records.splice(..0, records);
                    return self.carry_out(step, credentials, cx);
                }
                Verdict::Need(need) if collector.has(need) => break,
                Verdict::Need(need) => match collector.ask(need, &mut tracked.collecting, cx.now) {
                    Some(call) => return self.go_on(tracked, collector, call, records, credentials, cx),
                    None => continue,
                },
                Verdict::Decision(decision) => decision,
            };
            if let Some(mut step) = self.wait_for_missing(&tracked, &collector, policy.goes_by_evidence(), cx) {
                step.tracked.collecting = None;
                return self.carry_out(step, credentials, cx);
            }
            if let Decision::Rerun(rerun) = &decision
                && cx.now >= tracked.failed_at + rerun.delay
                && !collector.is_fresh(cx.now)
            {
                // EvidenceCollector took a while, and GitHub's call does not say which attempt it means.
                let read = Call::ReadRun { run_id: tracked.run_id };
                return self.go_on(tracked, collector, read, records, credentials, cx);
            }
            if let Some(denied) = known.file.as_ref().and_then(|file| file.denied.as_ref()) {
                note_absent(&mut decision, format!("policy file: {denied}"));
            }
            let mut tracked = tracked;
            tracked.is_of_workflow(collector.workflow());
            let mut step = state_machine::act(tracked, collector.run(), decision, cx);
            step.records.splice(..0, records);
            return self.carry_out(step, credentials, cx);
        }
        tracked.collecting = None;
        let problem = Problem::Lost { what: "the evidence that the policy asks for again and again".to_owned() };
        self.carry_out(on_failure::on_failure(tracked, problem, cx), credentials, cx)
    }

    /// GitHub may have later what the decision would go by: what a run does then. `None`: it was waited for.
    fn wait_for_missing(
        &self,
        tracked: &TrackedRun,
        collector: &EvidenceCollector,
        goes_by_evidence: bool,
        cx: &Context,
    ) -> Option<Step> {
        let before = self.missing.borrow_mut().remove(&tracked.run_id).unwrap_or_default();
        let counts = |need: &Need, missing: &Missing| match need {
            Need::Workflow(_) => collector.workflow().is_none(),
            _ => missing.always || goes_by_evidence,
        };
        let missing = collector.missing().iter().filter(|(need, missing)| counts(need, missing));
        let missing: BTreeMap<Need, Missing> = missing.map(|(need, missing)| (*need, *missing)).collect();
        let lasts = missing.values().map(|missing| missing.lasts).max()?;
        // Each is asked for again at least once.
        let new = missing.keys().any(|need| !before.contains_key(need));
        let step = on_failure::evidence_is_missing(tracked, if new { lasts.max(NEW_FOR) } else { lasts }, cx)?;
        self.missing.borrow_mut().insert(tracked.run_id, missing);
        Some(step)
    }

    /// One more call before the decision.
    fn go_on(
        &self,
        tracked: TrackedRun,
        collector: EvidenceCollector,
        call: Call,
        records: Vec<Record>,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let run_id = tracked.run_id;
        self.collectors.borrow_mut().insert(run_id, collector);
        self.keep(&TrackedRun { due: Some(cx.now + LEASE), ..tracked }, &records, cx.now)?;
        let records = records.into_iter().map(|record| (run_id, record)).collect();
        Ok(StepResult { task: Some(Task::Call(call)), records, credentials, ..StepResult::default() })
    }

    /// There is no room left for the calls that a decision still needs: it is begun anew, with the next alarm.
    pub fn let_go(&self, run_id: RunId, now: Millis) -> Result<(), StoreError> {
        self.collectors.borrow_mut().remove(&run_id);
        match self.store.run(run_id)? {
            Some(tracked) if tracked.due.is_some() => {
                self.store.put(&TrackedRun { due: Some(now), collecting: None, ..tracked })
            }
            _ => Ok(()),
        }
    }

    /// Between two calls for one run it stays claimed.
    fn renew(&self, tracked: TrackedRun, cx: &Context) -> Result<(), StoreError> {
        if tracked.due.is_some_and(|due| due < cx.now + LEASE_LEFT) {
            return self.store.put(&TrackedRun { due: Some(cx.now + LEASE), ..tracked });
        }
        Ok(())
    }

    fn history(&self, run_id: RunId, run_attempt: RunAttempt, now: Millis) -> Result<History, StoreError> {
        let mut attempts: Vec<EarlierAttempt> = Vec::new();
        for record in self.store.records(run_id)? {
            let (Some(of), Some(detail)) = (record.run_attempt.filter(|of| *of < run_attempt), record.detail) else {
                continue;
            };
            attempts.retain(|earlier| earlier.run_attempt != of);
            attempts.push(EarlierAttempt {
                run_attempt: of,
                fingerprint: detail.fingerprint,
                partial: detail.partial_fingerprint,
                rules: detail.rules,
            });
        }
        attempts.sort_by_key(|attempt| attempt.run_attempt);
        Ok(History { attempts, spent: self.store.spent(run_id, run_attempt, now)? })
    }
}

fn note_absent(decision: &mut Decision, what: String) {
    match decision {
        Decision::Rerun(rerun) => rerun.detail.absent.push(what),
        Decision::End(ending) => ending.detail.absent.push(what),
        Decision::Await => {}
    }
}
