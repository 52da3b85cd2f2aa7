//! A run that was read is decided on: evidence is collected, call by call, until the policy has decided.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::github::{self, Call, Response};
use crate::keeper::evidence_collector::{Collected, EvidenceCollector, Missing};
use crate::keeper::on_failure;
use crate::keeper::outage::Ongoing;
use crate::keeper::state_machine;
use crate::keeper::step::{LEASE, Step};
use crate::names::order::sort_by_key;
use crate::names::{RunAttempt, RunId};
use crate::policy::evidence::{EarlierAttempt, Fetched, History, Need};
use crate::policy::{Decision, FailedJob, RunOutcome, Verdict, pull_request_of};
use crate::time::{Millis, Span};

use super::commanded::Case;
use super::{Context, Keeper, Record, Sql, StepResult, StoreError, TrackedRun};

/// What is found missing only after others is waited for as well, up to this after the first.
const NEW_FOR: Span = Span::minutes(1);
/// More questions than a decision can have: three for each of a thousand jobs.
const QUESTIONS: u32 = 3_500;
/// Of a decision: each is looked up in a row for each day.
const RATES: usize = 50;

impl<S: Sql> Keeper<S> {
    pub(super) fn on_evidence(
        &self,
        mut tracked: TrackedRun,
        call: &Call,
        response: Response,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let Some(mut collector) = self.collectors.borrow_mut().remove(&tracked.run_id) else {
            return Ok(StepResult::default());
        };
        if !state_machine::is_undecided(&tracked, collector.run.run_attempt) {
            // A webhook has reported something newer. What is due for that is begun anew, at once.
            let due = tracked.due.map(|due| due.min(cx.now));
            self.store.put(&TrackedRun { due, collecting: None, ..tracked })?;
            return Ok(StepResult::default());
        }
        match collector.take(call, response) {
            Collected::Ask(next) => {
                self.collectors.borrow_mut().insert(tracked.run_id, collector);
                self.call_next(tracked, next, cx)
            }
            Collected::Had => {
                if call.is_about_base() {
                    self.keep_base(&collector, cx.now);
                }
                if matches!(call, Call::ListPulls { .. }) {
                    // GitHub does not name a fork's with the run.
                    self.is_of_pull(&mut tracked, pull_request_of(&collector.run, &collector.evidence));
                }
                self.collect_and_decide(tracked, collector, vec![], cx)
            }
            // That was for the comment alone, which nothing waits for; but GitHub can ask to wait with all else.
            Collected::Failed(error)
                if matches!(call, Call::ListPulls { .. })
                    && collector.pull_is_for_comment
                    && !matches!(error, github::Error::RateLimited { .. }) =>
            {
                collector.absent(call, error.to_string());
                self.collect_and_decide(tracked, collector, vec![], cx)
            }
            // Nothing is re-run on a guess about its pull request: it is waited for as the run itself is.
            Collected::Failed(error) if matches!(call, Call::ListPulls { .. }) => {
                self.carry_out(on_failure::on_failure(tracked, error, cx), cx)
            }
            Collected::Failed(error) => match on_failure::on_evidence_failure(&tracked, error.clone(), cx) {
                Some(step) => self.carry_out(step, cx),
                None => {
                    collector.absent(call, error.to_string());
                    self.collect_and_decide(tracked, collector, vec![], cx)
                }
            },
            Collected::Stray => {
                self.collectors.borrow_mut().insert(tracked.run_id, collector);
                Ok(StepResult::default())
            }
        }
    }

    /// Asks the policy, until it has decided or needs something of GitHub. `records`: of what reading the run has shown.
    pub(super) fn collect_and_decide(
        &self,
        mut tracked: TrackedRun,
        mut collector: EvidenceCollector,
        records: Vec<Record>,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let cache = self.policy(cx.settings)?;
        let history = self.history(tracked.run_id, collector.run.run_attempt, cx.now)?;
        let mut run = collector.run.clone();
        run.workflow =
            tracked.workflow.clone().filter(|_| run.workflow_id.is_some() && tracked.workflow_id == run.workflow_id);
        let policy = cache.policy();
        // A file that is broken says nothing, of outages either.
        let is_over = |one: &Ongoing| policy.outage.is_none_or(|outage| one.is_too_long(&outage));
        if !policy.is_broken() && self.outages()?.iter().any(is_over) {
            self.end_outages(cx.now)?;
        }
        collector.forget_old_pulls(cx.now);
        collector.default_branch = self.bases.borrow().default_branch(cx.now).map(str::to_owned);
        for _ in 0..QUESTIONS {
            collector.evidence.search(&policy, &collector.run);
            let case = Case { policy: &policy, run: &run, history: &history, collector: &collector };
            let (of, verdict) = match self.verdict(tracked, &case, cx)? {
                ControlFlow::Continue(verdict) => verdict,
                ControlFlow::Break(Some(rests)) => return self.carry_out(Step { records, ..Step::of(rests) }, cx),
                ControlFlow::Break(None) => return Ok(StepResult::default()),
            };
            tracked = of;
            let by_command = tracked.is_commanded(run.run_attempt);
            let verdict = match verdict {
                Verdict::Decision(decision) if !by_command => self.unless_stopped(decision, &case)?,
                verdict => verdict,
            };
            let mut decision = match verdict {
                Verdict::Need(Need::Pulls { delay }) if cx.now < tracked.failed_at + delay => {
                    let mut step = state_machine::wait(tracked, delay, cx);
                    step.records.splice(..0, records);
                    return self.carry_out(step, cx);
                }
                Verdict::Need(need) if collector.has(need) => break,
                Verdict::Need(Need::RescueRate(_)) => {
                    self.look_up_rescue_rates(&tracked, &mut collector, cx.now)?;
                    continue;
                }
                Verdict::Need(need) => match collector.ask(need, &mut tracked.collecting, cx.now) {
                    Some(Call::ListBaseRuns { .. }) if self.has_base(&mut collector, cx.now) => continue,
                    Some(call) => return self.store_and_call(tracked, collector, call, records, cx),
                    None => continue,
                },
                Verdict::Decision(decision) => decision,
            };
            if let Some(step) = self.wait_for_missing(&tracked, &collector, policy.goes_by_evidence(), cx) {
                return self.carry_out(step, cx);
            }
            if let Decision::Rerun(rerun) = &decision
                && !by_command
                && cx.now >= tracked.failed_at + rerun.delay
                && let Some(mut step) =
                    self.hold_in_outage(&tracked, run.run_attempt, &rerun.detail, policy.outage, cx)?
            {
                step.tracked.set_workflow_name(collector.workflow());
                step.records.splice(..0, records);
                return self.carry_out(step, cx);
            }
            if let Decision::Rerun(rerun) = &decision
                && cx.now >= tracked.failed_at + rerun.delay
                && let Some(call) = self.ask_for_comments_pull(&mut tracked, &mut collector, cx.now)?
            {
                return self.store_and_call(tracked, collector, call, records, cx);
            }
            if let Decision::Rerun(rerun) = &decision
                && cx.now >= tracked.failed_at + rerun.delay
                && !collector.is_fresh(cx.now)
            {
                // Collecting took a while, and GitHub's call does not say which attempt it means.
                let read = Call::ReadRun { run_id: tracked.run_id };
                return self.store_and_call(tracked, collector, read, records, cx);
            }
            if let Some(denied) = cache.file.as_ref().and_then(|file| file.denied.as_ref()) {
                note_absent(&mut decision, format!("policy file: {denied}"));
            }
            let mut tracked = tracked;
            tracked.set_workflow_name(collector.workflow());
            let mut step = state_machine::act(tracked, &collector.run, decision, cx);
            step.records.splice(..0, records);
            return self.carry_out(step, cx);
        }
        tracked.collecting = None;
        let error = github::Error::inconclusive("The policy asks for the same evidence again and again");
        self.carry_out(on_failure::on_failure(tracked, error, cx), cx)
    }

    /// A fork's pull request is found by its branch alone. Where the decision did not need it, its comment does: it is looked for
    /// once, just before the re-run that there is something to say of.
    fn ask_for_comments_pull(
        &self,
        tracked: &mut TrackedRun,
        collector: &mut EvidenceCollector,
        now: Millis,
    ) -> Result<Option<Call>, StoreError> {
        let known =
            tracked.pull.is_some() || collector.pull_is_for_comment || collector.evidence.pulls != Fetched::NotYet;
        if self.comments.is_none() || !collector.run.is_of_pull_request() || known {
            return Ok(None);
        }
        collector.pull_is_for_comment = true;
        Ok(collector.ask(Need::Pulls { delay: Span::ZERO }, &mut tracked.collecting, now))
    }

    /// How often re-runs of each failed job, failing at the same step, have passed: in one go, however many there are.
    fn look_up_rescue_rates(
        &self,
        tracked: &TrackedRun,
        collector: &mut EvidenceCollector,
        now: Millis,
    ) -> Result<(), StoreError> {
        let evidence = &mut collector.evidence;
        let mut rates = BTreeMap::new();
        for job in evidence.jobs.present().into_iter().flatten().filter(|job| !job.passed()) {
            let rate = if rates.len() < RATES {
                Fetched::Present(self.store.rescue_rate(tracked, &FailedJob::of(job, None, evidence), now)?)
            } else {
                Fetched::Absent(format!("one decision looks up at most {RATES}"))
            };
            rates.insert(job.job_id, rate);
        }
        evidence.rescue_rates = rates;
        Ok(())
    }

    /// Whether what was read some minutes ago tells how the base branch stands.
    fn has_base(&self, collector: &mut EvidenceCollector, now: Millis) -> bool {
        let bases = self.bases.borrow();
        let known = collector.base_of.as_ref().and_then(|of| bases.run(of, now));
        if let Some(base) = known {
            collector.evidence.base = Fetched::Present(base.clone());
        }
        known.is_some()
    }

    fn keep_base(&self, collector: &EvidenceCollector, now: Millis) {
        let mut bases = self.bases.borrow_mut();
        if let Some(branch) = &collector.default_branch {
            bases.set_default_branch(branch, now);
        }
        if let (Some(of), Fetched::Present(base)) = (&collector.base_of, &collector.evidence.base) {
            bases.set_run(of.clone(), base.clone(), now);
        }
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
        let missing = collector.missing.iter().filter(|(need, missing)| counts(need, missing));
        let missing: BTreeMap<Need, Missing> = missing.map(|(need, missing)| (*need, *missing)).collect();
        let lasts = missing.values().map(|missing| missing.lasts).max()?;
        // Each is asked for again at least once.
        let new = missing.keys().any(|need| !before.contains_key(need));
        let step = on_failure::evidence_is_missing(tracked, if new { lasts.max(NEW_FOR) } else { lasts }, cx)?;
        self.missing.borrow_mut().insert(tracked.run_id, missing);
        Some(step)
    }

    fn store_and_call(
        &self,
        tracked: TrackedRun,
        collector: EvidenceCollector,
        call: Call,
        records: Vec<Record>,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        self.collectors.borrow_mut().insert(tracked.run_id, collector);
        self.store.claim_run(tracked.run_id, cx.now + LEASE)?;
        let tracked = TrackedRun { due: Some(cx.now + LEASE), ..tracked };
        self.carry_out(Step { call: Some(call), records, ..Step::of(tracked) }, cx)
    }

    /// There is no room left for the calls that a decision still needs: it is begun anew, with the next alarm.
    pub fn give_up_decision(&self, run_id: RunId, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            self.collectors.borrow_mut().remove(&run_id);
            let due = self.store.run(run_id)?.filter(|tracked| tracked.due.is_some());
            let Some(tracked) = due else { return Ok(()) };
            self.store.put(&TrackedRun { due: Some(now), collecting: None, ..tracked })
        })
    }

    fn history(&self, run_id: RunId, run_attempt: RunAttempt, now: Millis) -> Result<History, StoreError> {
        let mut attempts: Vec<EarlierAttempt> = Vec::new();
        for record in self.store.records(run_id)? {
            let of = record.run_attempt.filter(|of| *of < run_attempt);
            let Some((of, detail)) = of.zip(record.detail) else { continue };
            attempts.retain(|earlier| earlier.run_attempt != of);
            attempts.push(EarlierAttempt {
                run_attempt: of,
                fingerprint: detail.fingerprint,
                partial: detail.partial_fingerprint,
                rules: if record.outcome == RunOutcome::Rerunning { detail.rules } else { vec![] },
            });
        }
        sort_by_key(&mut attempts, |attempt| attempt.run_attempt);
        let (spent, spent_by_forks) = (self.store.spent(run_id, now)?, self.store.spent_by_forks(run_id, now)?);
        Ok(History { attempts, spent, spent_by_forks })
    }
}

fn note_absent(decision: &mut Decision, what: String) {
    match decision {
        Decision::Rerun(rerun) => rerun.detail.absent.push(what),
        Decision::End(ending) => ending.detail.absent.push(what),
        Decision::Await => {}
    }
}
