//! A repository that was renamed has two Keepers: one of its old name, which may have runs under way, and one of its new name,
//! which webhooks go to from then on. Only the latter acts: whatever the former finds out to be of a repository with another
//! name, it hands over, and decides nothing on it. A run is read before anything is decided on it, and what GitHub shows of
//! it names its repository. Handing over is done as often as it takes, and is to the other Keeper what a webhook is: it
//! recognizes one that it has had.

use crate::keeper::step::{LEASE, Step, leave, release};
use crate::names::{RepoName, RunId};
use crate::policy::{RunOutcome, run::Run};
use crate::webhook::event::{RunEvent, RunEventKind};

use super::{Context, HandOver, Keeper, Record, Sql, StepResult, StoreError, Task, TrackedRun};

impl<S: Sql> Keeper<S> {
    /// The name that the repository of a run has now, if that is not this Keeper's.
    pub(super) fn new_name(&self, run: &Run) -> Result<Option<RepoName>, StoreError> {
        let own = self.repository()?;
        let shown = run.repository.as_ref();
        Ok(shown.filter(|shown| own.is_some_and(|own| own.key() != shown.key())).cloned())
    }

    /// A run is to be decided on, in a repository that is called otherwise now.
    pub(super) fn claim_hand_over(
        &self,
        tracked: TrackedRun,
        run: &Run,
        to: RepoName,
        records: Vec<Record>,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let run_id = tracked.run_id;
        // Nothing is to be looked for by this name any more.
        self.set_sweep(None)?;
        let mut tracked = TrackedRun { due: Some(cx.now + LEASE), ..tracked };
        // The attempt is still the newest: what was called for by the old name did nothing.
        release(&mut tracked);
        let result = self.carry_out(Step { records, ..Step::of(tracked) }, cx)?;
        let identity = self.identity()?;
        let event = RunEvent {
            repository_id: identity.map(|identity| identity.id),
            installation: identity.and_then(|identity| identity.installation),
            ..RunEvent::new(to, run_id, Some(run.run_attempt), RunEventKind::RunFailed)
        };
        let hand_over = HandOver { event, records: self.store.records(run_id)? };
        Ok(StepResult { task: Some(Task::HandOver(Box::new(hand_over))), ..result })
    }

    /// The other Keeper has stored it.
    pub fn finish_hand_over(&self, what: &HandOver, cx: &Context) -> Result<Option<Record>, StoreError> {
        self.step(|| {
            let Some(tracked) = self.store.run(what.event.run_id)?.filter(|tracked| tracked.due.is_some()) else {
                return Ok(None);
            };
            let reason = format!("Handed over: the repository is now called {}.", what.event.repository);
            // What its commit shows is the other's to say.
            if let Some(sha) = &tracked.commit {
                self.store.delete_commit_status_of(sha, tracked.run_id)?;
            }
            let tracked = TrackedRun { commit: None, ..tracked };
            let records = self.store_step(&leave(tracked, &reason, cx), cx)?;
            Ok(records.into_iter().map(|(_, record)| record).next())
        })
    }

    /// What the Keeper of the repository's old name has decided on a run: earlier attempts count here too.
    pub fn take_over(&self, run_id: RunId, records: &[Record]) -> Result<(), StoreError> {
        self.step(|| {
            if records.is_empty() {
                return Ok(());
            }
            let own = self.store.records(run_id)?;
            let is_new = |record: &&Record| own.iter().all(|own| own.run_attempt != record.run_attempt);
            for record in records.iter().filter(|record| is_new(record) && record.outcome == RunOutcome::Rerunning) {
                self.store.record(run_id, record)?;
            }
            Ok(())
        })
    }
}
