//! The requests we send: built from validated names and numbers, never from a payload's text.

use crate::names::{RepoName, RunAttempt, RunId};

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
    pub fn run_id(&self) -> RunId {
        match self {
            Self::ReadRun { run_id } | Self::RerunFailedJobs { run_id, .. } => *run_id,
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
