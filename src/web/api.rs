//! The JSON API: what a query asks for, and what is not the Keeper's own answer ([`crate::keeper::views`]).

use serde::Serialize;

use crate::keeper::store::statistics::{Figures, Totals};
use crate::keeper::summary::Summary;
use crate::keeper::views::RunSlice;
use crate::names::{RepoName, RunId};
use crate::policy::RunOutcome;
use crate::time::{Millis, rfc3339};

const DEFAULT_LIMIT: u64 = 50;
const MOST: u64 = 100;
/// Cursors of lists that go by number end here.
const MOST_SKIPPED: u64 = 10_000;

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
    pub waiting: u64,
    pub rerunning: u64,
    pub reruns_today: u64,
    pub reruns_per_day: Option<u64>,
    pub last_30_days: Figures,
    #[serde(skip)]
    pub by_day: Vec<Figures>,
    #[serde(skip)]
    pub totals: Totals,
}

impl RepositoryEntry {
    pub fn of(summary: Summary, now: Millis) -> Self {
        let by_day = summary.window(now);
        Self {
            updated: summary.at,
            paused: summary.paused,
            waiting: summary.totals.waiting,
            rerunning: summary.totals.rerunning,
            reruns_today: by_day.last().map_or(0, |today| today.reruns),
            reruns_per_day: summary.budget,
            last_30_days: by_day.iter().copied().fold(Figures::default(), Figures::plus),
            by_day,
            totals: summary.totals,
            repository: summary.repository,
            credentials_refused: summary.refusal,
            repository_problem: summary.repository_problem,
            policy_problem: summary.policy_problem,
        }
    }
}

/// The parameters of a request, of which there are three.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub limit: Option<String>,
    pub cursor: Option<String>,
    pub outcome: Option<String>,
}

impl Query {
    pub fn parse(url: &str) -> Self {
        let mut query = Self::default();
        let text = url.split_once('?').map_or("", |(_, query)| query).split('#').next().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = Some(value.into_owned()).filter(|value| !value.is_empty());
            match &*name {
                "limit" => query.limit = value,
                "cursor" => query.cursor = value,
                "outcome" => query.outcome = value,
                _ => {}
            }
        }
        query
    }

    /// An error says what was expected.
    pub fn limit(&self) -> Result<u64, String> {
        match &self.limit {
            None => Ok(DEFAULT_LIMIT),
            Some(text) => match text.parse() {
                Ok(limit @ 1..=MOST) => Ok(limit),
                _ => Err(format!("limit: expected a number from 1 to {MOST}")),
            },
        }
    }

    /// Which runs.
    pub fn page(&self) -> Result<RunSlice, String> {
        let outcome = match &self.outcome {
            None => None,
            Some(text) => Some(RunOutcome::parse(text).ok_or_else(|| {
                let names = RunOutcome::ALL.map(RunOutcome::as_str).join(", ");
                format!("outcome: expected one of {names}")
            })?),
        };
        let before = match &self.cursor {
            None => None,
            Some(text) => Some(text.parse().ok().and_then(RunId::new).ok_or_else(bad_cursor)?),
        };
        Ok(RunSlice { outcome, before, limit: self.limit()? })
    }

    /// How many to skip, of a list that goes by number.
    pub fn skip(&self) -> Result<u64, String> {
        match &self.cursor {
            None => Ok(0),
            Some(text) => text.parse().ok().filter(|skip| *skip <= MOST_SKIPPED).ok_or_else(bad_cursor),
        }
    }
}

fn bad_cursor() -> String {
    "cursor: expected the next_cursor of an answer".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let page = |query: &str| Query::parse(&format!("https://h/x?{query}")).page();
        assert_eq!(page(""), Ok(RunSlice { outcome: None, before: None, limit: 50 }));
        let all = RunSlice { outcome: Some(RunOutcome::Rescued), before: RunId::new(7), limit: 100 };
        assert_eq!(page("limit=100&outcome=rescued&cursor=7&other=1#f"), Ok(all));
        for bad in ["limit=0", "limit=101", "limit=x", "outcome=best", "cursor=-1", "cursor=x"] {
            let error = page(bad).unwrap_err();
            assert!(error.starts_with(bad.split('=').next().unwrap()), "{error}");
        }
        assert_eq!(Query::parse("https://h/x?cursor=50").skip(), Ok(50));
        assert!(Query::parse("https://h/x?cursor=10001").skip().is_err());
    }
}
