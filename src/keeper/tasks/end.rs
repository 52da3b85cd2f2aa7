//! All runs are ended that are due: their repository is served no longer, or it is another, or nothing could be done in it
//! for too long.

use crate::names::RunId;
use crate::time::{Millis, Span};

use super::super::actor::Keeper;
use super::super::on_failure::{self, GONE_FOR};
use super::super::repository_state::Identity;
use super::super::state_machine::{self, Context, Record, Step};
use super::super::store::{Sql, StoreError};
use super::super::tracked_run::TrackedRun;

const AT_ONCE: usize = 200;
const NOT_SERVED: &str = "Left alone: the repository is not in REPOSITORIES any more.";
const ANOTHER: &str = "Left alone: another repository has this name now.";

impl<S: Sql> Keeper<S> {
    /// The repository is served no longer.
    pub fn retire(&self, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.end_all(|tracked| state_machine::leave(tracked, NOT_SERVED, cx), cx)
    }

    /// What a webhook says of the repository that has the name now. If it is another than before, what was due for the one
    /// before is ended.
    pub fn identify(&self, identity: Identity, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        let before = self.identity()?;
        let same = before.is_none_or(|before| before.id == identity.id);
        let installation = before.filter(|_| same).and_then(|before| before.installation);
        let identity = Identity { installation: identity.installation.or(installation), ..identity };
        if before == Some(identity) {
            return Ok(vec![]);
        }
        let mut records = vec![];
        if !same {
            records = self.end_all(|tracked| state_machine::leave(tracked, ANOTHER, cx), cx)?;
            self.store.delete_pulls()?;
            self.reset(cx.now)?;
        }
        self.set_identity(identity)?;
        Ok(records)
    }

    /// A repository that nothing could be done in for so long is waited for no longer.
    pub(super) fn end_if_gone(&self, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        let Some(trouble) = self.trouble()?.filter(|trouble| cx.now - trouble.since > GONE_FOR) else {
            return Ok(vec![]);
        };
        let days = GONE_FOR.as_millis() / Span::days(1).as_millis();
        let reason = format!("Nothing could be done in the repository for {days} days: {}.", trouble.message);
        self.end_all(|tracked| on_failure::give_up(tracked, reason.clone(), cx), cx)
    }

    /// A bounded number of runs at once. Nothing more is looked for.
    fn end_all(&self, end: impl Fn(TrackedRun) -> Step, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.set_sweep(None)?;
        let mut records = Vec::new();
        for _ in 0..AT_ONCE {
            let Some(tracked) = self.store.next_due(Millis(i64::MAX))? else { break };
            records.extend(self.store_step(&end(tracked), cx.now)?);
        }
        Ok(records)
    }
}
