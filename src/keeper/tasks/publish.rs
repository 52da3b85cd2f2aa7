//! A run's count is written to Workers KV.

use crate::policy::Rules;
use crate::time::{Millis, Span};

use super::super::actor::Keeper;
use super::super::state_machine::Context;
use super::super::store::{Sql, StoreError};
use super::super::tracked_run::TrackedRun;
use super::{PUBLISH_AGAIN, Task};

/// The longer it fails, the longer it is left: the free plan has 1,000 writes a day for all repositories.
const PUBLISH_AGAIN_MOST: Span = Span::hours(1);

impl<S: Sql> Keeper<S> {
    pub(super) fn publish_due(&self, _: &Rules) -> Result<Option<Millis>, StoreError> {
        self.store.first_publish()
    }

    pub(super) fn claim_publish(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(mut tracked) = self.store.next_to_publish(cx.now)? else { return Ok(None) };
        let again = Span::millis((cx.now - tracked.updated).as_millis() / 2).clamp(PUBLISH_AGAIN, PUBLISH_AGAIN_MOST);
        tracked.publish = Some(cx.now + again);
        // Also if its answer is lost: it may be there.
        tracked.published = true;
        self.store.put(&tracked)?;
        Ok(Some(Task::Publish(Box::new(tracked))))
    }

    /// It is in Workers KV, or could not be written, and is tried again.
    pub fn finish_publish(&self, published: &TrackedRun, written: bool, now: Millis) -> Result<(), StoreError> {
        let Some(mut tracked) = self.store.run(published.run_id)?.filter(|_| written) else { return Ok(()) };
        // Changed meanwhile: KV takes one write a second for a key.
        let current = tracked.attempts() == published.attempts();
        tracked.publish = (!current).then_some(now + Span::seconds(1));
        self.store.put(&tracked)
    }
}
