//! A repository that was renamed has two Keepers: one of its old name, which may have runs under way, and one of its new
//! name, which webhooks go to from then on. Only the latter acts: whatever the former finds out to be of a repository
//! with another name, it hands over, and decides nothing on it.
//!
//! A run is read before anything is decided on it, and what GitHub shows of it names its repository. Handing over is
//! done as often as it takes, and is to the other Keeper what a webhook is: it knows one that it has had.

use crate::attempts::RunOutcome;
use crate::github::Run;
use crate::hint::{Hint, News};
use crate::names::{RepoName, RunId};

use super::facts::SWEEP;
use super::machine::{self, Context, LEASE, Record};
use super::store::{Sql, StoreError};
use super::sweep::Sweep;
use super::watched::Watched;
use super::{Credentials, Errand, HandOver, Keeper, Settled};

impl<S: Sql> Keeper<S> {
    /// The name that the repository of a run has now, if that is not this Keeper's.
    pub(super) fn new_name(&self, run: &Run) -> Result<Option<RepoName>, StoreError> {
        let own = self.repository()?;
        let shown = run.repository.as_ref();
        Ok(shown.filter(|shown| own.is_some_and(|own| own.key() != shown.key())).cloned())
    }

    /// A run is to be decided on, in a repository that is called otherwise now.
    pub(super) fn begin_to_hand_over(
        &self,
        watched: Watched,
        run: &Run,
        to: RepoName,
        records: Vec<Record>,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        let run_id = watched.run_id;
        // Nothing is to be looked for by this name any more.
        self.store.set_fact::<Sweep>(SWEEP, None)?;
        self.keep(&Watched { due: Some(cx.now + LEASE), ..watched }, &records, cx.now)?;
        let hint =
            Hint { run_id, run_attempt: Some(run.run_attempt), news: News::RunFailed, workflow: None, delivery: None };
        let known = self.store.records(run_id)?;
        let errand = Some(Errand::HandOver(Box::new(HandOver { to, hint, records: known })));
        let records = records.into_iter().map(|record| (run_id, record)).collect();
        Ok(Settled { errand, records, credentials, ..Settled::default() })
    }

    /// The other Keeper has stored it.
    pub fn handed_over(&self, what: &HandOver, cx: &Context) -> Result<Option<Record>, StoreError> {
        let Some(watched) = self.store.run(what.hint.run_id)?.filter(|watched| watched.due.is_some()) else {
            return Ok(None);
        };
        let reason = format!("Left to the repository's present name: it is called {} now.", what.to);
        let step = machine::leave(watched, &reason, cx);
        self.keep(&step.watched, &step.records, cx.now)?;
        if let Some(spends) = step.spends {
            self.store.spend(step.watched.run_id, spends, cx.now)?;
        }
        Ok(step.records.into_iter().next())
    }

    /// What the Keeper of the repository's old name has decided on a run: earlier attempts count here too.
    pub fn take_over(&self, run_id: RunId, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let known = self.store.records(run_id)?;
        let is_known = |record: &&Record| known.iter().any(|known| known.run_attempt == record.run_attempt);
        for record in records.iter().filter(|record| !is_known(record) && record.outcome == RunOutcome::Rerunning) {
            self.store.record(run_id, record)?;
        }
        Ok(())
    }
}
