//! Workers KV says whether the policy re-runs what was cancelled: only then are webhooks of cancelled runs passed on.

use crate::policy::Rules;
use crate::time::Millis;

use super::super::actor::Keeper;
use super::super::state_machine::Context;
use super::super::store::{Fact, Sql, StoreError};
use super::{PUBLISH_AGAIN, Task};

impl<S: Sql> Keeper<S> {
    pub(super) fn cancelled_due(&self, rules: &Rules) -> Result<Option<Millis>, StoreError> {
        let published = self.cancelled_since()?.is_some();
        let due = self.policy(rules)?.wants_cancelled() != published;
        Ok(due.then(|| self.cancelled_due.get().unwrap_or(Millis(0))))
    }

    pub(super) fn claim_cancelled(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        self.cancelled_due.set(Some(cx.now + PUBLISH_AGAIN));
        Ok(Some(Task::WantCancelled(self.policy(cx.rules)?.wants_cancelled())))
    }

    /// Workers KV says so now, or could not be written, and is tried again.
    pub fn finish_cancelled(&self, wanted: bool, written: bool, now: Millis) -> Result<(), StoreError> {
        if !written {
            return Ok(());
        }
        let since = wanted.then_some(now);
        self.cancelled_due.set(None);
        self.cached.cancelled_since.set(None);
        self.store.set_fact(Fact::CancelledSince, since.as_ref())?;
        self.cached.cancelled_since.set(Some(since));
        Ok(())
    }

    /// Since when what was cancelled is re-run: what was cancelled before is nobody's concern.
    pub(super) fn cancelled_since(&self) -> Result<Option<Millis>, StoreError> {
        if let Some(since) = self.cached.cancelled_since.get() {
            return Ok(since);
        }
        let since = self.store.fact(Fact::CancelledSince)?;
        self.cached.cancelled_since.set(Some(since));
        Ok(since)
    }
}
