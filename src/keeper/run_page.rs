//! A run as its page shows it: what the API says of it, and where the page's links lead.

use serde::{Deserialize, Serialize};

use crate::names::{CommitSha, FilePath, RepoName, RunId};
use crate::policy::{RerunSettings, lines_of_rules};
use crate::time::{Millis, rfc3339};

use super::Keeper;
use super::policy_cache::PolicyCache;
use super::store::{Sql, StoreError};
use super::views::OneRunView;

/// More rules than a page names one by one.
const RULES: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPageView {
    pub one: OneRunView,
    pub commit: Option<CommitSha>,
    /// Its number, where it is known.
    pub pull_request: Option<u64>,
    #[serde(with = "rfc3339::optional")]
    pub paused_since: Option<Millis>,
    /// Where the rules stand that its decisions went by. Not those of presets, nor those that are in no file any more.
    pub rules: Vec<RulePlace>,
}

/// A rule's place in the file that holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulePlace {
    pub rule: String,
    /// Whose file it is.
    pub repository: RepoName,
    pub path: FilePath,
    /// From 1.
    pub line: u32,
}

impl<S: Sql> Keeper<S> {
    pub fn run_page_view(
        &self,
        repository: RepoName,
        run_id: RunId,
        settings: &RerunSettings,
        now: Millis,
    ) -> Result<Option<RunPageView>, StoreError> {
        let Some(one) = self.run_view(repository, run_id, now)? else { return Ok(None) };
        let (tracked, policy) = (self.store.run(run_id)?, self.policy(settings)?);
        Ok(Some(RunPageView {
            commit: tracked.as_ref().and_then(|tracked| tracked.commit.clone()),
            pull_request: tracked.and_then(|tracked| tracked.pull),
            paused_since: self.paused()?,
            rules: rule_places(&one, &policy),
            one,
        }))
    }
}

/// Of each rule that a decision names. The repository's own file comes first, as its rules do.
fn rule_places(one: &OneRunView, policy: &PolicyCache) -> Vec<RulePlace> {
    let organizations = RepoName::parse(&format!("{}/.github", one.repository.owner())).ok();
    let mut known: Vec<RulePlace> = vec![];
    for (file, repository) in
        [(policy.file.as_ref(), Some(&one.repository)), (policy.organization.as_ref(), organizations.as_ref())]
    {
        let Some((file, repository)) = file.zip(repository) else { continue };
        let lines = file.text.as_deref().map(lines_of_rules).unwrap_or_default();
        let place = |(rule, line)| RulePlace { rule, repository: repository.clone(), path: file.path.clone(), line };
        known.extend(lines.into_iter().map(place));
    }
    let details = one.decisions.iter().map(|decision| &decision.detail);
    let mut named: Vec<&String> = details
        .flat_map(|detail| detail.rules.iter().chain(detail.jobs.iter().filter_map(|job| job.rule.as_ref())))
        .collect();
    named.sort_unstable();
    named.dedup();
    named.iter().take(RULES).filter_map(|name| known.iter().find(|place| place.rule == **name)).cloned().collect()
}
