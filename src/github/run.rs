//! A workflow run as GitHub's REST API shows it, in the few fields that decisions need.

use serde::Deserialize;

use crate::hint::Conclusion;
use crate::names::{RepoName, RunAttempt, RunId};
use crate::time::Millis;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub run_id: RunId,
    /// What its repository is called now.
    pub repository: Option<RepoName>,
    pub run_attempt: RunAttempt,
    /// `None` while it is going, whatever step of that GitHub calls it.
    pub conclusion: Option<Conclusion>,
    /// The workflow's name.
    pub workflow: Option<String>,
    /// The path of the workflow's file, `.github/workflows/ci.yml`.
    pub path: Option<String>,
    pub event: String,
    pub head_branch: Option<String>,
    pub head_sha: String,
    /// Counts the runs of its workflow.
    pub run_number: Option<u64>,
    pub title: Option<String>,
    /// Who started the run, and who started its newest attempt.
    pub actors: Vec<String>,
    /// The heads of the open pull requests that the run belongs to. Empty for a fork's.
    pub pull_request_heads: Vec<String>,
    /// The first of those pull requests.
    pub pull_request: Option<u64>,
}

/// A run in a list, in the fewer fields that the sweep needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    pub run_id: RunId,
    pub run_attempt: RunAttempt,
    /// For a run that has ended: about when.
    pub updated: Millis,
}

impl ListedRun {
    /// Reads the answer to "List workflow runs for a repository".
    pub fn list_from_json(body: &[u8]) -> Result<Vec<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct List {
            workflow_runs: Vec<Wire>,
        }
        #[derive(Deserialize)]
        struct Wire {
            id: RunId,
            run_attempt: Option<RunAttempt>,
            updated_at: String,
        }
        let list: List = serde_json::from_slice(body)?;
        let read = |wire: Wire| {
            // A time that cannot be read is no reason to pass a run over: the run itself is read before anything is done.
            let updated = Millis::from_rfc3339(&wire.updated_at).unwrap_or(Millis(i64::MAX));
            Self { run_id: wire.id, run_attempt: wire.run_attempt.unwrap_or(RunAttempt::FIRST), updated }
        };
        Ok(list.workflow_runs.into_iter().map(read).collect())
    }
}

impl Run {
    /// Reads the answer to "Get a workflow run".
    pub fn from_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Wire {
            id: RunId,
            run_attempt: Option<RunAttempt>,
            status: Option<String>,
            conclusion: Option<Conclusion>,
            name: Option<String>,
            path: Option<String>,
            #[serde(default)]
            event: String,
            head_branch: Option<String>,
            #[serde(default)]
            head_sha: String,
            run_number: Option<u64>,
            display_title: Option<String>,
            actor: Option<User>,
            triggering_actor: Option<User>,
            #[serde(default)]
            pull_requests: Vec<PullRequest>,
            repository: Option<Repository>,
        }
        #[derive(Deserialize)]
        struct Repository {
            full_name: Option<String>,
        }
        #[derive(Deserialize)]
        struct User {
            login: String,
        }
        #[derive(Deserialize)]
        struct PullRequest {
            number: Option<u64>,
            head: Head,
        }
        #[derive(Deserialize)]
        struct Head {
            sha: String,
        }
        let wire: Wire = serde_json::from_slice(body)?;
        Ok(Self {
            run_id: wire.id,
            repository: wire.repository.and_then(|it| RepoName::parse(it.full_name.as_deref()?).ok()),
            run_attempt: wire.run_attempt.unwrap_or(RunAttempt::FIRST),
            conclusion: wire.conclusion.filter(|_| wire.status.as_deref() == Some("completed")),
            workflow: wire.name,
            // Of a reusable or required workflow, GitHub adds `@` and the ref.
            path: wire.path.map(|path| path.split('@').next().unwrap_or_default().to_owned()),
            event: wire.event,
            head_branch: wire.head_branch,
            head_sha: wire.head_sha,
            run_number: wire.run_number,
            title: wire.display_title,
            actors: [wire.actor, wire.triggering_actor].into_iter().flatten().map(|user| user.login).collect(),
            pull_request: wire.pull_requests.first().and_then(|pull_request| pull_request.number),
            pull_request_heads: wire.pull_requests.into_iter().map(|pull_request| pull_request.head.sha).collect(),
        })
    }

    /// Whether its pull request has moved on to another commit.
    ///
    /// The API lists the open pull requests with their present heads, so that no further call is needed.
    pub fn is_superseded(&self) -> bool {
        self.event.starts_with("pull_request")
            && !self.pull_request_heads.is_empty()
            && !self.pull_request_heads.contains(&self.head_sha)
    }
}
