//! All runs that are due are ended where their repository is served no longer, or is another, or where nothing could be done in
//! it for too long.

use crate::keeper::on_failure::{GONE_DAYS, give_up};
use crate::keeper::on_webhook::receipt;
use crate::keeper::repository_state::Identity;
use crate::keeper::step::{Receipt, ReceiptKind, Step, leave};
use crate::names::{RepoName, RunId};
use crate::time::{Millis, Span};

use super::{Context, Fact, Keeper, Record, Sql, StoreError, TrackedRun};

const AT_ONCE: usize = 200;
const NOT_SERVED: &str = "Left alone: the repository is no longer in REPOSITORIES.";
const ANOTHER: &str = "Left alone: another repository now has this name.";
const OF_BEFORE: &str = "it is of another repository, which had this name before";

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

    /// Before anything else of a webhook is looked at: of which repository it is. What was ended, as that is another than before;
    /// or what it is answered with, as it is an old one that somebody has sent again, of a repository that had the name before.
    /// `is_sure`: it is no webhook, but what was just read from GitHub.
    pub fn admit(
        &self,
        repository: &RepoName,
        identity: Option<Identity>,
        is_sure: bool,
        cx: &Context,
    ) -> Result<Result<Vec<(RunId, Record)>, Receipt>, StoreError> {
        self.step(|| {
            if let Some(identity) = identity.filter(|_| !is_sure)
                && self.is_of_before(&identity)?
            {
                return Ok(Err(receipt(ReceiptKind::Ignored, OF_BEFORE, None, None)));
            }
            self.set_repository(repository)?;
            identity.map_or(Ok(vec![]), |identity| self.identify(identity, cx)).map(Ok)
        })
    }

    /// The ids of runs grow all over GitHub: a run that is no newer than the first one of the repository that has the name now is
    /// of one that had it before. A comment proves nothing of the kind.
    fn is_of_before(&self, identity: &Identity) -> Result<bool, StoreError> {
        let Some(now) = self.identity()?.filter(|now| now.id != identity.id) else { return Ok(false) };
        let Some(run_id) = identity.since_run else { return Ok(true) };
        let since = now.since_run.map_or_else(|| self.store.newest_run(), |since| Ok(Some(since)))?;
        Ok(since >= Some(run_id))
    }

    /// What a webhook says of the repository that has the name now. If it is another than before, what was due for the one
    /// before is ended.
    pub fn identify(&self, identity: Identity, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        self.step(|| {
            let before = self.identity()?;
            let same = before.is_none_or(|before| before.id == identity.id);
            let known = before.filter(|_| same);
            let installation = identity.installation.or(known.and_then(|known| known.installation));
            let since_run = match identity.since_run {
                // Perhaps an older run, of a repository that was renamed: what is known here is of the one before.
                Some(run_id) if !same => self.store.newest_run()?.max(Some(run_id)),
                since_run => known.and_then(|known| known.since_run).or(since_run),
            };
            let identity = Identity { installation, since_run, ..identity };
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
            // What was only to be looked at once more has come to its end.
            let is_over = tracked.is_decided() && tracked.pending.is_none() && tracked.commanded.is_none();
            let step = if is_over { Step::of(TrackedRun { due: None, tries: 0, ..tracked }) } else { end(tracked) };
            records.extend(self.store_step(&step, cx)?);
        }
        Ok(records)
    }
}
