//! "List workflow runs for a repository" by when they were created, and "Get a workflow run attempt": what was, for the
//! command. Both give runs as [`Run`](crate::policy::run::Run) reads them.

use serde::Deserialize;
use serde_json::Value;

use crate::names::{RepoName, RunAttempt, RunId};
use crate::time::Millis;

use super::{Error, Reply, Request};

/// GitHub lists no more runs than this for one search, on however many pages ("List workflow runs for a repository").
pub const MOST_LISTED: u64 = 1_000;

/// Both ends are included; GitHub counts in whole seconds. Pages are counted from 1.
pub fn request(repository: &RepoName, from: Millis, to: Millis, per_page: u32, page: u32) -> Request {
    let query = format!("created={from}..{to}&per_page={per_page}&page={page}");
    Request::get(format!("/repos/{repository}/actions/runs?{query}"))
}

pub fn attempt_request(repository: &RepoName, run_id: RunId, run_attempt: RunAttempt) -> Request {
    Request::get(format!("/repos/{repository}/actions/runs/{run_id}/attempts/{run_attempt}"))
}

/// A page of runs as GitHub has them, and how many it says that there are.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Listed {
    #[serde(default)]
    pub total_count: u64,
    pub workflow_runs: Vec<Value>,
}

pub fn read(reply: &Reply) -> Result<Listed, Error> {
    reply.ok(Error::of_basic_read)?.json("a list of runs")
}

pub fn read_attempt(reply: &Reply) -> Result<Value, Error> {
    reply.ok(Error::of_basic_read)?.json("a workflow run")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::support;
    use serde_json::json;

    #[test]
    fn what_is_asked_for_and_answered() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let (from, to) = (Millis(1_795_446_245_000), Millis(1_795_446_305_000));
        assert_eq!(
            request(&repository, from, to, 100, 2).in_short(),
            "Get /repos/octo/widgets/actions/runs?created=2026-11-23T15:04:05Z..2026-11-23T15:05:05Z&per_page=100&page=2"
        );
        let attempt = attempt_request(&repository, RunId::new(7).unwrap(), RunAttempt::new(2).unwrap());
        assert_eq!(attempt.in_short(), "Get /repos/octo/widgets/actions/runs/7/attempts/2");
        let page = support::reply(200, json!({ "total_count": 3, "workflow_runs": [{ "id": 7 }] }));
        assert_eq!(read(&page), Ok(Listed { total_count: 3, workflow_runs: vec![json!({ "id": 7 })] }));
        assert!(matches!(read(&support::reply(200, json!({ "total_count": 3 }))), Err(Error::Inconclusive { .. })));
        assert_eq!(read(&support::message(404, "Not Found")), Err(Error::NotFound));
        assert_eq!(read_attempt(&support::reply(200, json!({ "id": 7 }))), Ok(json!({ "id": 7 })));
        assert!(matches!(read_attempt(&support::message(401, "Bad credentials")), Err(Error::Credentials { .. })));
    }
}
