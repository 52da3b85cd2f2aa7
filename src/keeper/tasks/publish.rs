//! What Workers KV says: runs' counts, whether the policy re-runs what was cancelled, the repository's summary.

use crate::keeper::insights::{CauseSums, Insights};
use crate::keeper::store::ledger::Unstored;
use crate::keeper::store::statistics::SubjectKind;
use crate::keeper::summary::{RerunSums, Summary};
use crate::keeper::summary_schedule::Writing;
use crate::policy::RerunSettings;
use crate::time::{Millis, Span};

use super::{Context, Fact, Keeper, Sql, StoreError, Task, TrackedRun};

/// A write that failed is tried again after this.
const AGAIN: Span = Span::minutes(1);
/// The longer a count's fails, the longer it is left: the free plan has 1,000 writes a day for all repositories.
const AGAIN_MOST: Span = Span::hours(1);
/// So many jobs are a few rows.
const FEW_JOBS: usize = 30;
const INSIGHTS_KEPT: Span = Span::hours(6);

impl<S: Sql> Keeper<S> {
    pub(super) fn publish_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        self.store.first_publish()
    }

    pub(super) fn claim_publish(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(tracked) = self.store.next_to_publish(cx.now)? else { return Ok(None) };
        let again = Span::millis((cx.now - tracked.updated).as_millis() / 2).clamp(AGAIN, AGAIN_MOST);
        let tracked = TrackedRun { publish: Some(cx.now + again), ..tracked };
        self.note_publication(&tracked)?;
        Ok(Some(Task::Publish(Box::new(tracked))))
    }

    /// It is in Workers KV, or could not be written, and is tried again.
    pub fn finish_publish(&self, published: &TrackedRun, written: bool, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            let Some(mut tracked) = self.store.run(published.run_id)?.filter(|_| written) else { return Ok(()) };
            // Changed meanwhile: KV takes one write a second for a key.
            let current = tracked.attempts() == published.attempts();
            tracked.publish = (!current).then_some(now + Span::seconds(1));
            self.note_publication(&tracked)
        })
    }

    /// When it is to be written next. Should that be lost, it is only written again.
    fn note_publication(&self, tracked: &TrackedRun) -> Result<(), StoreError> {
        if self.store.is_published_by_row(tracked.run_id)? {
            return self.store.put(tracked);
        }
        self.store.to_be_published(tracked.run_id, tracked.publish, Unstored::Trifles).map(|_| ())
    }

    /// Only where Workers KV says so are webhooks of cancelled runs passed on.
    pub(super) fn cancelled_due(&self, settings: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        let due = self.policy(settings)?.wants_cancelled() != self.cancelled_since()?.is_some();
        Ok(due.then(|| self.cancelled_due.get().unwrap_or(Millis(0))))
    }

    pub(super) fn claim_cancelled(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        self.cancelled_due.set(Some(cx.now + AGAIN));
        Ok(Some(Task::WantCancelled(self.policy(cx.settings)?.wants_cancelled())))
    }

    pub fn finish_cancelled(&self, wanted: bool, written: bool, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            if !written {
                return Ok(());
            }
            self.cancelled_due.set(None);
            self.store.set_fact(Fact::CancelledSince, wanted.then_some(&now))
        })
    }

    /// Since when what was cancelled is re-run: what was cancelled before is nobody's concern.
    pub(super) fn cancelled_since(&self) -> Result<Option<Millis>, StoreError> {
        self.store.fact(Fact::CancelledSince)
    }

    pub(super) fn summary_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        self.store.ledger(|ledger| ledger.summary.due)
    }

    pub(super) fn claim_summary(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(summary) = self.summary(cx)? else { return Ok(None) };
        self.change_summary_schedule(|schedule| schedule.begun(cx.now + AGAIN))?;
        Ok(Some(Task::Summarize(Box::new(summary))))
    }

    /// `None`: without a name there is no place to write it to.
    fn summary(&self, cx: &Context) -> Result<Option<Summary>, StoreError> {
        let Some(repository) = self.repository()? else { return Ok(None) };
        let days = self.store.days(cx.now)?;
        let (last_webhook, last_decision) = self.last_heard()?;
        let summary = Summary {
            last_webhook,
            last_decision,
            causes: CauseSums::of(&self.store.causes(cx.now)?, cx.now),
            insights: Some(self.insights(cx.now)?),
            budget: self.policy(cx.settings)?.reruns_per_day(),
            paused: self.paused()?.is_some(),
            refusal: self.refusal()?,
            repository_problem: self.trouble()?.map(|trouble| trouble.message),
            policy_problem: self.policy_problem(cx.settings)?,
            outages: self.outage_sums(cx.now)?,
            reruns: Some(RerunSums::of(&self.store.reruns(cx.now)?)),
            ..Summary::new(repository, cx.now, self.store.totals()?, &days)
        };
        Ok(Some(summary.fitted()))
    }

    /// Which jobs are flaky, and which are never helped. Where many are counted, that is not looked at for each write.
    fn insights(&self, now: Millis) -> Result<Insights, StoreError> {
        let kept: Option<(Millis, Insights)> = self.store.fact(Fact::Insights)?;
        if let Some((at, insights)) = kept
            && now - at < INSIGHTS_KEPT
        {
            return Ok(insights);
        }
        let (jobs, _) = self.store.subjects(SubjectKind::Job)?.most_failed(0, u64::MAX, now);
        let insights = Insights::of(&jobs);
        if jobs.len() > FEW_JOBS {
            self.store.set_fact(Fact::Insights, Some(&(now, &insights)))?;
        }
        Ok(insights)
    }

    /// A webhook was ignored. If it is the first one today, what Workers KV is to say then.
    pub fn sign_of_life(&self, cx: &Context) -> Result<Option<Summary>, StoreError> {
        if self.note_webhook(cx.now)? { self.summary(cx) } else { Ok(None) }
    }

    /// It is in Workers KV, or is written with whatever happens next. Stored only now, so that it is one row.
    pub fn finish_sign_of_life(&self, written: bool, now: Millis) -> Result<(), StoreError> {
        let schedule = |before: &Writing| if written { before.done(now) } else { before.changed(now) };
        let change =
            || self.store.change_ledger(Unstored::Something, |ledger| ledger.summary = schedule(&ledger.summary));
        self.step(change)
    }

    pub fn finish_summary(&self, written: bool, now: Millis) -> Result<(), StoreError> {
        self.step(|| if written { self.change_summary_schedule(|schedule| schedule.done(now)) } else { Ok(()) })
    }

    /// Should that be lost, it is only written again.
    pub(super) fn change_summary_schedule(&self, change: impl FnOnce(&Writing) -> Writing) -> Result<(), StoreError> {
        self.store.change_ledger(Unstored::Trifles, |ledger| ledger.summary = change(&ledger.summary))
    }
}
