//! While many runs fail with the same cause, their re-runs are held ([`crate::keeper::outage`]). What there is to do: begin an
//! outage, try one of the runs that are held, and end it.
//!
//! Outsiders choose how their forks' runs fail and when they pass: those are held like others, and tell nothing. An outage begins,
//! goes on and ends as it would without them.

use crate::keeper::outage::{self, Failures, MOST_ONGOING, Ongoing, Probe};
use crate::keeper::state_machine;
use crate::keeper::step::Step;
use crate::keeper::store::notices::NoticeKind;
use crate::names::RunAttempt;
use crate::policy::{Detail, Outage, RerunSettings, RunOutcome};
use crate::time::Millis;

use super::{Context, Fact, Keeper, Sql, StoreError, Task, TrackedRun};

impl<S: Sql> Keeper<S> {
    pub(in crate::keeper) fn outages(&self) -> Result<Vec<Ongoing>, StoreError> {
        Ok(self.store.fact(Fact::Outages)?.unwrap_or_default())
    }

    fn set_outages(&self, ongoing: &Vec<Ongoing>, now: Millis) -> Result<(), StoreError> {
        self.store.set_fact(Fact::Outages, Some(ongoing).filter(|ongoing| !ongoing.is_empty()))?;
        self.summary_changed(now)
    }

    /// A run would be re-run now. `None`: no outage holds it up.
    pub(super) fn hold_in_outage(
        &self,
        tracked: &TrackedRun,
        run_attempt: RunAttempt,
        detail: &Detail,
        outage: Option<Outage>,
        cx: &Context,
    ) -> Result<Option<Step>, StoreError> {
        let Some(outage) = outage else { return Ok(None) };
        let (run_id, of_fork) = (tracked.run_id, tracked.may_be_of_fork());
        let mut ongoing = self.outages()?;
        let before = ongoing.clone();
        ongoing.retain(|one| !one.is_over(cx.now));
        for one in &mut ongoing {
            if one.is_probed_by(run_id).is_some_and(|probe| probe.run_attempt < run_attempt) {
                one.end_probe(of_fork, cx.now);
            }
        }
        let mut keys = outage::keys(detail);
        // What was found out of an attempt stays true when the evidence cannot be read any more.
        let known = tracked.held.as_ref().filter(|held| held.run_attempt == run_attempt);
        keys.extend(known.and_then(|held| held.key.clone()).filter(|key| !keys.contains(key)));
        let mut holds = ongoing.iter().find(|one| keys.contains(&one.key)).cloned();
        let mut is_new = false;
        for key in keys.into_iter().filter(|_| !of_fork) {
            let mut failures = self.store.failures(&key)?;
            if failures.add(run_id, tracked.failed_at, outage.runs) {
                self.store.set_failures(&key, &failures, cx.now)?;
            }
            if holds.is_none() && ongoing.len() < MOST_ONGOING && failures.is_outage(&outage) {
                let one = Ongoing::new(key, outage, cx.now);
                ongoing.push(one.clone());
                holds = Some(one);
                is_new = true;
            }
        }
        let is_probe = ongoing.iter().any(|one| one.probe == Some(Probe { run_id, run_attempt }));
        // What may have been asked for already is followed to its end.
        let free = is_probe || tracked.pending.is_some();
        let step = holds.filter(|_| !free).and_then(|one| {
            let held = outage::held(tracked, run_attempt, &one.key, cx.now);
            let until = outage::held_until(&held, &one, &outage, cx.now)?;
            let reason = outage::reason(&one.key, &outage, until);
            Some(state_machine::hold_in_outage(tracked.clone(), held, until, reason, detail, cx))
        });
        if ongoing != before {
            self.set_outages(&ongoing, cx.now)?;
        }
        if is_new && step.is_some() {
            self.queue_notification(run_id, NoticeKind::Outage, cx.now)?;
        }
        Ok(step)
    }

    /// Something has become of a run: of one that was held or tried, it may tell that an outage is over.
    pub(super) fn tell_outages(
        &self,
        before: Option<&TrackedRun>,
        after: &TrackedRun,
        now: Millis,
    ) -> Result<(), StoreError> {
        let mut ongoing = self.outages()?;
        let is_end = after.due.is_none() && after.is_decided() && after.outcome != RunOutcome::Rerunning;
        if ongoing.is_empty() || !is_end {
            return Ok(());
        }
        let was_held = before.and_then(|before| before.held.as_ref()?.key.as_ref());
        let of_fork = after.may_be_of_fork();
        let passed = after.outcome == RunOutcome::Rescued && !of_fork;
        let known = ongoing.clone();
        let mut over = Vec::new();
        ongoing.retain_mut(|one| {
            let probe = one.is_probed_by(after.run_id);
            if passed && (probe.is_some() || was_held == Some(&one.key)) {
                over.push(one.key.clone());
                return false;
            }
            if let Some(Probe { run_attempt, .. }) = probe {
                // What is nobody's concern any more says nothing, nor does a fork's run that the version before has tried. Whatever
                // else ends a probe may end the next one, too.
                let is_gone = after.outcome == RunOutcome::Superseded && after.run_attempt == Some(run_attempt);
                one.end_probe(is_gone || of_fork, now);
            }
            true
        });
        for key in over {
            self.store.set_failures(&key, &Failures::since(now), now)?;
            self.store.release_held(&key, now)?;
        }
        if ongoing == known { Ok(()) } else { self.set_outages(&ongoing, now) }
    }

    /// The policy says something else of outages: what is held is decided on by that.
    pub(in crate::keeper) fn end_outages(&self, now: Millis) -> Result<(), StoreError> {
        let ongoing = self.outages()?;
        for one in &ongoing {
            self.store.release_held(&one.key, now)?;
        }
        if ongoing.is_empty() { Ok(()) } else { self.set_outages(&vec![], now) }
    }

    pub(super) fn probe_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        Ok(self.outages()?.iter().map(Ongoing::due).min())
    }

    /// Makes one of the runs that are held due; it is read, and decided on, like any other. If there is none, it is over, and forks'
    /// runs wait for nothing any more.
    pub(super) fn claim_probe(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let mut ongoing = Vec::new();
        for mut one in self.outages()? {
            if one.due() > cx.now {
                ongoing.push(one);
            } else if one.is_over(cx.now) {
                // They are due by now.
            } else if let Some((run_id, run_attempt)) = self.store.oldest_held(&one.key)? {
                self.store.set_due(run_id, cx.now)?;
                one.probe = Some(Probe { run_id, run_attempt });
                ongoing.push(one);
            } else {
                self.store.release_held(&one.key, cx.now)?;
            }
        }
        self.set_outages(&ongoing, cx.now)?;
        Ok(None)
    }
}
