//! The repository's summary is written to Workers KV.

use crate::policy::Rules;
use crate::time::Millis;

use super::super::actor::Keeper;
use super::super::state_machine::Context;
use super::super::store::{Sql, StoreError};
use super::super::summary::Summary;
use super::{PUBLISH_AGAIN, Task};

impl<S: Sql> Keeper<S> {
    pub(super) fn summary_due(&self, _: &Rules) -> Result<Option<Millis>, StoreError> {
        Ok(self.summary_schedule()?.due)
    }

    pub(super) fn claim_summary(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(summary) = self.summary(cx.rules, cx.now)? else { return Ok(None) };
        self.set_summary_schedule(&self.summary_schedule()?.begun(cx.now + PUBLISH_AGAIN))?;
        Ok(Some(Task::Summarize(Box::new(summary))))
    }

    /// It is in Workers KV, or could not be written, and is tried again.
    pub fn finish_summary(&self, written: bool, now: Millis) -> Result<(), StoreError> {
        if written { self.set_summary_schedule(&self.summary_schedule()?.done(now)) } else { Ok(()) }
    }

    fn summary(&self, rules: &Rules, now: Millis) -> Result<Option<Summary>, StoreError> {
        let Some(repository) = self.repository()? else { return Ok(None) };
        let days = self.store.days(now)?;
        let summary = Summary {
            budget: self.policy(rules)?.reruns_per_day(),
            paused: self.paused()?.is_some(),
            refusal: self.refusal()?,
            repository_problem: self.trouble()?.map(|trouble| trouble.message),
            policy_problem: self.policy_problem(rules)?,
            ..Summary::new(repository, now, self.store.totals()?, &days)
        };
        Ok(Some(summary.fitted()))
    }
}
