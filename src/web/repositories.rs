//! The repositories as Workers KV knows them: the list that the overview, the metrics, the insights and the API are made of.

use serde::Serialize;

use crate::keeper::insights::CauseSums;
use crate::keeper::judgement::{RerunFigures, RerunsByOrdinal, RerunsByPolicy};
use crate::keeper::outage_view::OutageView;
use crate::keeper::store::statistics::{Figures, Reruns, Totals};
use crate::keeper::summary::{RerunSums, Summary};
use crate::names::RepoName;
use crate::names::order::sort_by_key;
use crate::time::{Millis, rfc3339};

use super::Rejection;
use super::backend::{Backend, Fault};
use super::parameters::bad_cursor;

#[derive(Debug, Serialize)]
pub struct Repositories {
    pub repositories: Vec<RepositoryEntry>,
    pub next_cursor: Option<String>,
}

/// A repository as Workers KV knows it.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryEntry {
    pub repository: RepoName,
    /// When this was so.
    #[serde(with = "rfc3339")]
    pub updated: Millis,
    pub paused: bool,
    pub credentials_refused: Option<String>,
    pub repository_problem: Option<String>,
    pub policy_problem: Option<String>,
    /// Those that are not over, with as many as there was room for.
    pub outages: Vec<OutageView>,
    /// How many there are beside those.
    pub more_outages: u64,
    /// The runs of all of them.
    pub held_runs: u64,
    pub waiting: u64,
    pub rerunning: u64,
    pub reruns_today: u64,
    pub reruns_per_day: Option<u64>,
    pub last_30_days: Figures,
    /// What the re-runs of the 30 days before [`Self::updated`] brought; `None`: not known.
    pub precision: Option<PublishedPrecision>,
    /// Webhooks that are ignored count once a day. `None`: not known.
    #[serde(with = "rfc3339::optional")]
    pub last_webhook: Option<Millis>,
    #[serde(with = "rfc3339::optional")]
    pub last_decision: Option<Millis>,
    #[serde(skip)]
    pub causes: CauseSums,
    #[serde(skip)]
    pub by_day: Vec<Figures>,
    #[serde(skip)]
    pub totals: Totals,
}

/// The short form of [`crate::keeper::judgement::Precision`] that Workers KV has room for.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PublishedPrecision {
    pub total: RerunFigures,
    pub by_rerun: Vec<RerunsByOrdinal>,
    /// `None`: there was no room for it.
    pub by_policy: Option<Vec<RerunsByPolicy>>,
    #[serde(skip)]
    pub sums: RerunSums,
}

impl From<RerunSums> for PublishedPrecision {
    fn from(sums: RerunSums) -> Self {
        let by_ordinal = sums.by_ordinal.map(reruns);
        let by_policy = sums.by_policy.as_ref().map(|policies| {
            let of_one = |(policy, sum): (&String, &(u64, u64, u64))| RerunsByPolicy {
                policy: Some(policy.clone()).filter(|policy| !policy.is_empty()),
                figures: reruns(*sum).into(),
            };
            let mut all: Vec<_> = policies.iter().map(of_one).collect();
            sort_by_key(&mut all, |it| std::cmp::Reverse(it.figures.made));
            all
        });
        Self {
            total: by_ordinal.into_iter().fold(Reruns::default(), Reruns::plus).into(),
            by_rerun: RerunsByOrdinal::list(by_ordinal),
            by_policy,
            sums,
        }
    }
}

fn reruns((made, rescued, wasted): (u64, u64, u64)) -> Reruns {
    Reruns { made, rescued, wasted }
}

impl RepositoryEntry {
    pub fn of(summary: Summary, now: Millis) -> Self {
        let by_day = summary.window(now);
        let precision = summary.reruns(now).map(PublishedPrecision::from);
        let sums = summary.outages.unwrap_or_default();
        let outages = sums.views(summary.at);
        Self {
            updated: summary.at,
            paused: summary.paused,
            waiting: summary.totals.waiting,
            rerunning: summary.totals.rerunning,
            reruns_today: by_day.last().map_or(0, |today| today.reruns),
            reruns_per_day: summary.budget,
            last_30_days: by_day.iter().copied().fold(Figures::default(), Figures::plus),
            precision,
            more_outages: sums.count.saturating_sub(outages.len() as u64),
            held_runs: sums.held,
            outages,
            last_webhook: summary.last_webhook,
            last_decision: summary.last_decision,
            causes: summary.causes.seen(summary.at, now),
            by_day,
            totals: summary.totals,
            repository: summary.repository,
            credentials_refused: summary.refusal,
            repository_problem: summary.repository_problem,
            policy_problem: summary.policy_problem,
        }
    }
}

/// Up to 1,000 repositories, and where the list goes on.
pub async fn repositories(backend: &impl Backend, cursor: Option<&str>) -> Result<Repositories, Rejection> {
    let list = backend.summaries(cursor).await.map_err(|fault| no_list(fault, cursor))?;
    let now = backend.now();
    let entry = |summary| RepositoryEntry::of(summary, now);
    Ok(Repositories { repositories: list.summaries.into_iter().map(entry).collect(), next_cursor: list.cursor })
}

/// Workers KV may never have given this cursor. All else in the request is ours, so that it is what a 400 is about, which
/// the runtime puts so: `KV GET failed: 400 Bad Request`.
fn no_list(fault: Fault, cursor: Option<&str>) -> Rejection {
    let is_refused = cursor.is_some() && fault.contains("KV GET failed: 400");
    if is_refused { bad_cursor() } else { Rejection::unavailable("list in Workers KV", fault) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cursor_can_be_refused() {
        let fault = |status: &str| format!("js error: JsValue(Error: KV GET failed: {status}\nError: …)");
        assert_eq!(no_list(fault("400 Bad Request"), Some("AAAA")), bad_cursor());
        for (status, cursor) in [("400 Bad Request", None), ("500 Internal Server Error", Some("400"))] {
            let expected = Rejection::unavailable("list in Workers KV", fault(status));
            assert_eq!(no_list(fault(status), cursor), expected);
        }
    }
}
