//! What was decided on a run is stored, and what follows from that made due: its count, the repository's statistics and
//! summary, a notification, a comment.

use std::borrow::Cow;

use crate::github::Call;
use crate::keeper::circuit_breaker::TripReason;
use crate::keeper::state_machine::Step;
use crate::keeper::store::notices::NoticeKind;
use crate::keeper::store::statistics::Change;
use crate::names::RunId;
use crate::policy::RunOutcome;
use crate::time::Millis;

use super::{Context, Keeper, Record, Sql, StepResult, StoreError, Task, TrackedRun};

impl<S: Sql> Keeper<S> {
    /// Stores a run and what was decided on it, and counts both.
    pub(in crate::keeper) fn store_run(
        &self,
        after: &TrackedRun,
        records: &[Record],
        now: Millis,
    ) -> Result<(), StoreError> {
        let before = self.store.run(after.run_id)?;
        let mut after = Cow::Borrowed(after);
        // Its name can be learned after its count was published, by a webhook that comes late.
        let renamed = before.as_ref().is_some_and(|before| before.shown_workflow() != after.shown_workflow());
        if renamed && after.published && after.publish.is_none() {
            after.to_mut().publish = Some(now);
        }
        let after = &*after;
        self.store.put(after)?;
        for record in records {
            self.store.record(after.run_id, record)?;
            if record.outcome == RunOutcome::Exhausted {
                self.queue_notification(after.run_id, NoticeKind::Exhausted, now)?;
            }
        }
        if self.store.count(&Change { before: before.as_ref(), after, records }, now)? {
            self.summary_changed(now)?;
        }
        if after.reruns > 0 && !records.is_empty() {
            self.comment_changed(after.run_id, now)?;
        }
        Ok(())
    }

    /// Stores a step, but for what it says of the repository. Answers its records.
    pub(super) fn store_step(&self, step: &Step, now: Millis) -> Result<Vec<(RunId, Record)>, StoreError> {
        let run_id = step.tracked.run_id;
        self.store_run(&step.tracked, &step.records, now)?;
        if let Some(spends) = step.spends {
            self.store.spend(run_id, spends, now)?;
        }
        Ok(step.records.iter().map(|record| (run_id, record.clone())).collect())
    }

    /// Stores a step, and goes on with its call.
    pub(super) fn carry_out(&self, step: Step, cx: &Context) -> Result<StepResult, StoreError> {
        let mut records = self.store_step(&step, cx.now)?;
        let reason = step.breaker.as_ref().map(|breaker| breaker.reason.clone());
        let credentials = self.trip(step.breaker, cx)?;
        match reason {
            Some(TripReason::Credentials { .. }) => {
                if step.records.iter().any(|record| record.outcome == RunOutcome::Failed) {
                    self.queue_notification(step.tracked.run_id, NoticeKind::Refused, cx.now)?;
                }
            }
            Some(TripReason::Repository { .. }) => records.extend(self.end_if_gone(cx)?),
            Some(TripReason::RateLimit | TripReason::NoAnswer) | None => {}
        }
        if matches!(step.call, Some(Call::Rerun { .. })) {
            self.last_rerun.set(Some(cx.now));
        }
        Ok(StepResult { task: step.call.map(Task::Call), records, credentials, warning: None })
    }
}
