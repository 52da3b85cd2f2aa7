//! "Get a workflow run", in the few fields that decisions need.

use serde::Deserialize;

use crate::names::{Conclusion, RepoName, RunAttempt, RunId, WorkflowId};
use crate::policy::run::{Fork, Origin, Run, is_pull_request};
use crate::time::Millis;

use super::{Error, Reply, Request, User};

pub fn request(repository: &RepoName, run_id: RunId) -> Request {
    Request::get(format!("/repos/{repository}/actions/runs/{run_id}"))
}

pub fn read(reply: &Reply) -> Result<Box<Run>, Error> {
    reply.ok(Error::of_basic_read)?.json("a workflow run").map(|wire: Wire| Box::new(wire.into()))
}

#[derive(Deserialize)]
pub(super) struct Wire {
    id: RunId,
    run_attempt: Option<RunAttempt>,
    status: Option<String>,
    conclusion: Option<Conclusion>,
    workflow_id: Option<WorkflowId>,
    path: Option<String>,
    event: Option<String>,
    head_branch: Option<String>,
    head_sha: Option<String>,
    head_commit: Option<Commit>,
    head_repository: Option<Repository>,
    repository: Option<Repository>,
    created_at: Option<String>,
    run_number: Option<u64>,
    display_title: Option<String>,
    actor: Option<User>,
    triggering_actor: Option<User>,
    pull_requests: Option<Vec<PullRequest>>,
}

#[derive(Deserialize)]
struct Commit {
    id: Option<String>,
}

/// A repository as a run names it, or a pull request of a run.
#[derive(Deserialize)]
struct Repository {
    id: Option<u64>,
    url: Option<String>,
    full_name: Option<String>,
}

#[derive(Deserialize)]
struct PullRequest {
    number: Option<u64>,
    head: Option<End>,
    base: Option<End>,
}

#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: Option<String>,
    sha: Option<String>,
    repo: Option<Repository>,
}

impl Repository {
    /// By whatever both say of themselves; by nothing in common, it is another.
    fn is(&self, other: &Self) -> bool {
        let same =
            |one: &Option<String>, other: &Option<String>| Some(one.as_ref()?.eq_ignore_ascii_case(other.as_ref()?));
        let ids = self.id.zip(other.id).map(|(one, other)| one == other);
        ids.or_else(|| same(&self.full_name, &other.full_name)).or_else(|| same(&self.url, &other.url)).unwrap_or(false)
    }
}

impl Wire {
    fn origin(&self) -> Origin {
        let of_pull_request = self.event.as_deref().is_some_and(is_pull_request);
        match (&self.head_repository, &self.repository) {
            (Some(head), Some(repository)) if head.is(repository) => Origin::Own,
            // Nothing else runs on what is in another repository.
            (None, _) | (_, None) if !of_pull_request => Origin::Own,
            (head, _) => Origin::Fork(head.as_ref().and_then(|head| {
                let name = RepoName::parse(head.full_name.as_deref()?).ok()?;
                Some(Fork { name, id: head.id })
            })),
        }
    }

    /// GitHub's list has what matches the run's branch or commit. A fork's network has one numbering for each repository:
    /// only what is to be merged into this one is a number of this one.
    fn is_of(&self, pull_request: &PullRequest) -> bool {
        let base = pull_request.base.as_ref().and_then(|base| base.repo.as_ref());
        let here = base.zip(self.repository.as_ref()).is_some_and(|(base, repository)| base.is(repository));
        let branch = pull_request.head.as_ref().and_then(|head| head.branch.as_ref());
        here && branch.is_none_or(|branch| self.head_branch.as_ref().is_none_or(|own| own == branch))
    }
}

impl Run {
    /// Reads the answer to "Get a workflow run". What GitHub's description calls nullable or optional may be either.
    pub fn from_json(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice::<Wire>(body).map(Self::from)
    }
}

impl From<Wire> for Run {
    fn from(mut wire: Wire) -> Self {
        let mut pull_requests = wire.pull_requests.take().unwrap_or_default();
        pull_requests.retain(|pull_request| wire.is_of(pull_request));
        Self {
            run_id: wire.id,
            origin: wire.origin(),
            repository: wire.repository.and_then(|it| RepoName::parse(it.full_name.as_deref()?).ok()),
            run_attempt: wire.run_attempt.unwrap_or(RunAttempt::FIRST),
            conclusion: wire.conclusion.filter(|_| wire.status.as_deref() == Some("completed")),
            workflow_id: wire.workflow_id,
            workflow: None,
            // Of a reusable or required workflow, GitHub adds `@` and the ref.
            path: wire.path.map(|path| path.split('@').next().unwrap_or_default().to_owned()),
            event: wire.event.unwrap_or_default(),
            head_branch: wire.head_branch,
            head_sha: wire.head_sha.unwrap_or_default(),
            head_commit: wire.head_commit.and_then(|commit| commit.id),
            created: wire.created_at.as_deref().and_then(Millis::from_rfc3339),
            run_number: wire.run_number,
            title: wire.display_title,
            actors: [wire.actor, wire.triggering_actor].into_iter().flatten().filter_map(|user| user.login).collect(),
            pull_request_base: base(&pull_requests),
            pull_request: pull_requests.first().and_then(|pull_request| pull_request.number),
            pull_request_heads: pull_requests.into_iter().filter_map(|one| one.head?.sha).collect(),
        }
    }
}

fn base(pull_requests: &[PullRequest]) -> Option<String> {
    let mut bases = pull_requests.iter().map(|one| one.base.as_ref()?.branch.as_ref());
    let first = bases.next()??;
    bases.all(|base| base == Some(first)).then(|| first.clone())
}

#[cfg(test)]
mod tests;
