//! "List workflow runs for a repository", for the sweep: those with one conclusion, in the few fields that it needs.

use serde::{Deserialize, Serialize};

use crate::names::{RepoName, RunAttempt, RunId, string_enum};
use crate::time::Millis;

use super::{Error, Reply, Request};

/// Runs on a page of a list: about a megabyte, unless their commits have long messages; then fewer, down to one. Each is a
/// multiple of the next, so that every page begins where a page of the next size does.
pub const PER_PAGE: [u32; 4] = [50, 10, 2, 1];

/// Which page of which list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRuns {
    pub failing: Failing,
    pub created_from: Millis,
    /// How many runs of the list are before it, which is a multiple of `per_page`.
    pub skip: u32,
    /// One of [`PER_PAGE`].
    pub per_page: u32,
    /// How many pages were asked for before it, in this sweep.
    pub asked: u32,
    /// When the sweep began that this is part of.
    pub started: Millis,
}

string_enum! {
    /// GitHub lists one conclusion at a time.
    pub enum Failing {
        Failure = "failure",
        TimedOut = "timed_out",
        /// Only where a policy wants it.
        Cancelled = "cancelled",
    }
}

/// A run in a list, in the fewer fields that the sweep needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    pub run_id: RunId,
    pub run_attempt: RunAttempt,
    /// For a run that has ended: about when.
    pub updated: Millis,
}

pub fn request(repository: &RepoName, page: &FailedRuns) -> Request {
    let FailedRuns { failing, created_from, skip, per_page, .. } = page;
    let (status, page) = (failing.as_str(), skip / (*per_page).max(1) + 1);
    let query = format!("status={status}&created=%3E%3D{created_from}&per_page={per_page}&page={page}");
    Request::get(format!("/repos/{repository}/actions/runs?{query}&exclude_pull_requests=true"))
}

pub fn read(reply: &Reply) -> Result<Vec<ListedRun>, Error> {
    let List { workflow_runs } = reply.ok(Error::of)?.json("a list of runs")?;
    Ok(workflow_runs.into_iter().map(ListedRun::from).collect())
}

#[derive(Deserialize)]
struct List {
    workflow_runs: Vec<Wire>,
}

#[derive(Deserialize)]
struct Wire {
    id: RunId,
    run_attempt: Option<RunAttempt>,
    updated_at: Option<String>,
}

impl From<Wire> for ListedRun {
    fn from(wire: Wire) -> Self {
        // A time that cannot be read is no reason to pass a run over: the run itself is read before anything is done.
        let updated = wire.updated_at.as_deref().and_then(Millis::from_rfc3339).unwrap_or(Millis(i64::MAX));
        Self { run_id: wire.id, run_attempt: wire.run_attempt.unwrap_or(RunAttempt::FIRST), updated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::ReplyHeaders;
    use crate::github::support;
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let of = |skip, per_page| {
            let (failing, created_from) = (Failing::TimedOut, Millis(1_795_446_245_000));
            let page = FailedRuns { failing, created_from, skip, per_page, asked: 3, started: Millis(0) };
            request(&repository, &page).in_short()
        };
        for (skip, per_page, page) in [(0, 50, 1), (100, 50, 3), (110, 10, 12), (7, 1, 8)] {
            let query = format!("created=%3E%3D2026-11-23T15:04:05Z&per_page={per_page}&page={page}");
            let path = format!("/repos/octo/widgets/actions/runs?status=timed_out&{query}&exclude_pull_requests=true");
            assert_eq!(of(skip, per_page), format!("Get {path}"));
        }
    }

    #[test]
    fn what_is_answered() {
        let list = |status, body: &str| {
            read(&Reply { status, headers: ReplyHeaders::default(), body: body.as_bytes().to_vec() })
        };
        let run = r#"{"workflow_runs":[{"id":7,"run_attempt":2,"updated_at":"2026-11-23T15:04:05Z"}]}"#;
        let runs = list(200, run).unwrap();
        assert_eq!((runs.len(), runs[0].run_attempt.get(), runs[0].updated), (1, 2, Millis(1_795_446_245_000)));
        assert!(matches!(list(200, "{}"), Err(Error::Inconclusive { .. })));
        assert_eq!(list(404, r#"{"message":"Not Found"}"#), Err(Error::NotFound));
    }
    #[test]
    fn what_is_nullable_or_optional_may_be_either() {
        let whole = json!({ "id": 7, "run_attempt": 2, "updated_at": "2026-11-23T15:04:05Z" });
        for field in ["run_attempt", "updated_at"] {
            for missing in [false, true] {
                let mut run = whole.clone();
                match missing {
                    true => drop(run.as_object_mut().unwrap().remove(field)),
                    false => run[field] = serde_json::Value::Null,
                }
                let list = support::reply(200, json!({ "total_count": 1, "workflow_runs": [run] }));
                assert_eq!(read(&list).unwrap().len(), 1, "{field}, missing: {missing}");
            }
        }
    }
}
