//! The requests we send: built from validated names and numbers, never from a payload's text.

use crate::hint::Conclusion;
use crate::names::{RepoName, RunAttempt, RunId};
use crate::time::Millis;

/// Runs on a page of a list: about a megabyte.
pub const PER_PAGE: u32 = 50;

/// One call to GitHub, or to Workers KV, that the Keeper asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    ReadRun {
        run_id: RunId,
    },
    /// `run_attempt` is the attempt that the decision was about; the request itself cannot carry it.
    RerunFailedJobs {
        run_id: RunId,
        run_attempt: RunAttempt,
    },
    ListFailedRuns(FailedRuns),
}

/// Which page of which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRuns {
    pub failing: Failing,
    pub created_from: Millis,
    /// From 1.
    pub page: u32,
    /// When the sweep began that this is part of.
    pub started: Millis,
}

/// GitHub lists one conclusion at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    Failure,
    TimedOut,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// With a leading slash, to be added to `GITHUB_API_URL`.
    pub path: String,
    pub body: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

impl Call {
    /// The run that it is about; `None` for a list.
    pub fn run_id(&self) -> Option<RunId> {
        match self {
            Self::ReadRun { run_id } | Self::RerunFailedJobs { run_id, .. } => Some(*run_id),
            Self::ListFailedRuns(_) => None,
        }
    }

    pub fn request(&self, repository: &RepoName) -> Request {
        let runs = format!("/repos/{repository}/actions/runs");
        match self {
            Self::ReadRun { run_id } => Request { method: Method::Get, path: format!("{runs}/{run_id}"), body: None },
            Self::RerunFailedJobs { run_id, .. } => Request {
                method: Method::Post,
                path: format!("{runs}/{run_id}/rerun-failed-jobs"),
                body: Some(r#"{"enable_debug_logging":false}"#),
            },
            Self::ListFailedRuns(FailedRuns { failing, created_from, page, .. }) => {
                let status = match failing {
                    Failing::Failure => Conclusion::Failure,
                    Failing::TimedOut => Conclusion::TimedOut,
                };
                let path = format!(
                    "{runs}?status={}&created=%3E%3D{created_from}&per_page={PER_PAGE}&page={page}&exclude_pull_requests=true",
                    status.as_str()
                );
                Request { method: Method::Get, path, body: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let repository = RepoName::parse("octo/widgets").unwrap();
        let run_id = RunId::new(7).unwrap();
        assert_eq!(Call::ReadRun { run_id }.request(&repository).path, "/repos/octo/widgets/actions/runs/7");
        let rerun = Call::RerunFailedJobs { run_id, run_attempt: RunAttempt::FIRST }.request(&repository);
        assert_eq!(
            (rerun.method, rerun.path.as_str()),
            (Method::Post, "/repos/octo/widgets/actions/runs/7/rerun-failed-jobs")
        );
    }
}
