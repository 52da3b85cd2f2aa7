//! The sweep for missed webhooks: GitHub is asked for the runs that failed, page by page, and each is taken for a webhook that
//! says so.

use crate::github::{self, Call, FailedRuns, Failing, Response};
use crate::policy::Rules;
use crate::time::Millis;
use crate::webhook::event::RunEventKind;

use super::super::actor::Keeper;
use super::super::circuit_breaker::CircuitBreaker;
use super::super::on_webhook::on_failed_attempt;
use super::super::state_machine::{Context, LEASE};
use super::super::store::{Fact, Sql, StoreError};
use super::super::sweep::{After, Sweep};
use super::{StepResult, Task, other_answer};

impl<S: Sql> Keeper<S> {
    pub(super) fn sweep_due(&self, rules: &Rules) -> Result<Option<Millis>, StoreError> {
        Ok(self.sweep()?.and_then(|sweep| sweep.due(rules.sweep_interval)))
    }

    pub(super) fn claim_sweep(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(sweep) = self.sweep()? else { return Ok(None) };
        let call = sweep.start(cx.now);
        self.set_sweep(Some(&sweep.postponed(cx.now + LEASE)))?;
        Ok(Some(Task::Call(call)))
    }

    pub(super) fn finish_sweep_page(
        &self,
        asked: &FailedRuns,
        response: Response,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let Response::FailedRuns(answer) = response else { return Err(other_answer()) };
        let Some(sweep) = self.sweep()? else { return Ok(StepResult::default()) };
        let (runs, listed) = match answer {
            Ok(runs) => {
                let listed = runs.len();
                (runs, Some(listed))
            }
            Err(github::Error::TooLarge { .. }) => (vec![], None),
            Err(error) => {
                self.set_sweep(Some(&sweep.failed(cx.now)))?;
                let credentials = self.trip(CircuitBreaker::trip_by_list(&error, cx), cx)?;
                let records = self.end_if_gone(cx)?;
                return Ok(StepResult { records, credentials, ..StepResult::default() });
            }
        };
        let policy = self.policy(cx.rules)?;
        let cx = &Context { first_look: policy.first_look(cx.rules), ..*cx };
        let mut records = Vec::new();
        let cancelled_since = self.cancelled_since()?.filter(|_| policy.wants_cancelled());
        let since = cancelled_since.filter(|_| asked.failing == Failing::Cancelled);
        for run in runs.into_iter().filter(|run| sweep.covers(run.updated, since)) {
            let before = self.store.run(run.run_id)?;
            let step = on_failed_attempt(before.clone(), run.run_id, run.run_attempt, RunEventKind::RunFailed, cx);
            if step.tracked != before
                && let Some(tracked) = &step.tracked
            {
                self.store_run(tracked, &step.records, cx.now)?;
                records.extend(step.records.into_iter().map(|record| (tracked.run_id, record)));
            }
        }
        let After { next, passed_over } = Sweep::after(asked, listed, cancelled_since.is_some());
        let Some(next) = next else {
            self.set_sweep(Some(&sweep.done(asked.started, cx.now, cx.rules.sweep_interval)))?;
            return Ok(StepResult { records, warning: passed_over, ..StepResult::default() });
        };
        if self.is_open(cx.now)? {
            // A comment has met a rate limit meanwhile.
            self.set_sweep(Some(&sweep.failed(cx.now)))?;
            return Ok(StepResult { records, ..StepResult::default() });
        }
        self.set_sweep(Some(&sweep.going_on(next.clone(), cx.now)))?;
        // Between, what is due has its turn.
        let task = Some(next).filter(Sweep::goes_on_at_once).map(|next| Task::Call(Call::ListFailedRuns(next)));
        Ok(StepResult { task, records, warning: passed_over, ..StepResult::default() })
    }

    pub(in crate::keeper) fn sweep(&self) -> Result<Option<Sweep>, StoreError> {
        self.store.fact(Fact::Sweep)
    }

    pub(in crate::keeper) fn set_sweep(&self, sweep: Option<&Sweep>) -> Result<(), StoreError> {
        self.store.set_fact(Fact::Sweep, sweep)
    }
}
