//! All runs that are due are ended where their repository is served no longer, or is another, or where nothing could be done in
//! it for too long.

use crate::keeper::on_failure::{GONE_DAYS, give_up};
use crate::keeper::repository_state::Identity;
use crate::keeper::step::{Step, leave};
use crate::names::RunId;
use crate::time::{Millis, Span};

use super::{Context, Fact, Keeper, Record, Sql, StoreError, TrackedRun};

const AT_ONCE: usize = 200;
const NOT_SERVED: &str = "Left alone: the repository is no longer in REPOSITORIES.";
const ANOTHER: &str = "Left alone: another repository now has this name.";

/// What does not hold of another repository that has the name.
const LEARNED: [Fact; 7] = [
    Fact::Policy,
    Fact::PolicyText,
    Fact::OrganizationPolicy,
    Fact::OrganizationPolicyText,
    Fact::CircuitBreaker,
    Fact::Trouble,
    Fact::Outages,
];

impl<S: Sql> Keeper<S> {
    pub fn retire(&self, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.step(|| {
            self.retired.set(true);
            let records = self.end_all(|tracked| leave(tracked, NOT_SERVED, cx), cx)?;
            self.forget_commands(NOT_SERVED)?;
            self.forget_flaky_issues()?;
            Ok(records)
        })
    }

    /// What a webhook says of the repository that has the name now. If it is another than before, what was due for the one
    /// before is ended.
    pub fn identify(&self, identity: Identity, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.step(|| {
            let before = self.identity()?;
            let same = before.is_none_or(|before| before.id == identity.id);
            let installation = before.filter(|_| same).and_then(|before| before.installation);
            let identity = Identity { installation: identity.installation.or(installation), ..identity };
            if before == Some(identity) {
                return Ok(vec![]);
            }
            let mut records = vec![];
            if !same {
                records = self.end_all(|tracked| leave(tracked, ANOTHER, cx), cx)?;
                self.forget_commands(ANOTHER)?;
                self.store.delete_pulls()?;
                self.pull_comments.clear();
                self.store.delete_commit_statuses()?;
                self.statuses.clear();
                self.forget_flaky_issues()?;
                self.store.delete_spending()?;
                // Nothing that was learned of the one before holds.
                self.policy.borrow_mut().take();
                self.bases.take();
                self.store.delete_outage_failures()?;
                for fact in LEARNED {
                    self.store.set_fact::<()>(fact, None)?;
                }
                self.summary_changed(cx.now)?;
            }
            self.store.set_fact(Fact::Identity, Some(&identity))?;
            Ok(records)
        })
    }

    /// A repository that nothing could be done in for so long is waited for no longer.
    pub(super) fn end_if_gone(&self, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        let Some(trouble) = self.trouble()?.filter(|trouble| cx.now - trouble.since > Span::days(GONE_DAYS)) else {
            return Ok(vec![]);
        };
        let reason = format!("Rerunner could not work in the repository for {GONE_DAYS} days: {}.", trouble.message);
        self.end_all(|tracked| give_up(tracked, reason.clone(), cx), cx)
    }

    /// A bounded number of runs at once. Nothing more is looked for.
    fn end_all(&self, end: impl Fn(TrackedRun) -> Step, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.set_sweep(None)?;
        let mut records = Vec::new();
        for _ in 0..AT_ONCE {
            let Some(tracked) = self.store.next_due(Millis(i64::MAX))? else { break };
            records.extend(self.store_step(&end(tracked), cx)?);
        }
        Ok(records)
    }
}
