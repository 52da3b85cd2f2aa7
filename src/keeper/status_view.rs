//! How a repository stands, for programs: counts, what keeps it from being served, and what was decided last. One call, and few
//! rows.

use serde::{Deserialize, Serialize};

use crate::names::{RepoName, RunAttempt, RunId};
use crate::policy::{RerunSettings, RunOutcome};
use crate::time::{Millis, rfc3339};

use super::Keeper;
use super::outage_view::OutageView;
use super::store::statistics::Figures;
use super::store::{Sql, StoreError};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    pub repository: RepoName,
    #[serde(with = "rfc3339")]
    pub at: Millis,
    pub paused: bool,
    #[serde(with = "rfc3339::optional")]
    pub paused_since: Option<Millis>,
    pub credentials_refused: Option<String>,
    pub repository_problem: Option<String>,
    /// Whose policy holds: `repository`, `organization` or a preset's name.
    pub policy: String,
    pub policy_problem: Option<String>,
    pub outages: Vec<OutageView>,
    pub waiting: u64,
    pub rerunning: u64,
    pub reruns_today: u64,
    pub reruns_per_day: Option<u64>,
    pub last_30_days: Figures,
    pub last_decision: Option<LastDecision>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastDecision {
    pub run_id: RunId,
    pub run_attempt: Option<RunAttempt>,
    #[serde(with = "rfc3339")]
    pub decided: Millis,
    pub outcome: RunOutcome,
    pub reason: String,
}

impl<S: Sql> Keeper<S> {
    pub fn status_view(
        &self,
        repository: RepoName,
        settings: &RerunSettings,
        now: Millis,
    ) -> Result<StatusView, StoreError> {
        let by_day = self.by_day(now)?;
        let totals = self.store.totals()?;
        let policy = self.policy(settings)?;
        let paused_since = self.paused()?;
        Ok(StatusView {
            repository,
            at: now,
            paused: paused_since.is_some(),
            paused_since,
            credentials_refused: self.refusal()?,
            repository_problem: self.trouble()?.map(|trouble| trouble.message),
            policy: policy.policy().origin.as_str().to_owned(),
            policy_problem: self.policy_problem(settings)?,
            outages: self.outage_views(now)?,
            waiting: totals.waiting,
            rerunning: totals.rerunning,
            reruns_today: by_day.last().map_or(0, |today| today.reruns),
            reruns_per_day: policy.reruns_per_day(),
            last_30_days: by_day.iter().copied().fold(Figures::default(), Figures::plus),
            last_decision: self.last_decision()?,
        })
    }

    fn last_decision(&self) -> Result<Option<LastDecision>, StoreError> {
        let Some(run_id) = self.store.ledger(|ledger| ledger.last_decided)? else { return Ok(None) };
        let last = self.store.records(run_id)?.pop();
        Ok(last.map(|record| LastDecision {
            run_id,
            run_attempt: record.run_attempt,
            decided: record.decided,
            outcome: record.outcome,
            reason: record.reason,
        }))
    }
}
