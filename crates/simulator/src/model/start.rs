//! Runs and attempts start.

use std::sync::Arc;

use super::{
    Attempt, AttemptKind, GitHub, Login, Millis, RepoName, RepositoryId, Run, RunId, RunIdentity, Shows, Trigger,
    WorkflowId,
};

impl GitHub {
    /// Starts a run. Its jobs exist once time has passed to [`Timing::create_jobs`] later.
    #[track_caller]
    pub fn start_run(
        &mut self,
        repository: RepositoryId,
        workflow: WorkflowId,
        trigger: Trigger,
        now: Millis,
    ) -> RunId {
        self.advance(now);
        // Real ids grow by more than one, since all of GitHub shares them.
        self.next_run += 3;
        let id = RunId(self.next_run);
        let repository_id = repository;
        let repository = self.repository_mut(repository);
        let entry = &mut repository.workflows[workflow.0 as usize];
        entry.runs += 1;
        let (number, run_number, workflow) = (entry.number, entry.runs, entry.workflow.clone());
        let own = repository.name().clone();
        let (head_branch, head_commit, head_repository) = match trigger.pull_request {
            None => (trigger.branch.clone(), repository.head(&trigger.branch), own),
            Some(pull) => {
                let pull = repository.pull(pull).expect("a pull request of this repository");
                let fork = || RepoName::new(&format!("{}/{}", pull.author, own.name()));
                let head = if pull.from_fork { fork() } else { own.clone() };
                (pull.head_branch.clone(), pull.head_sha, head)
            }
        };
        let base = repository.head(&repository.identity.default_branch);
        let (head_sha, head_commit) = match trigger.shows {
            Shows::Head => (head_commit, head_commit),
            Shows::Base => (base, head_commit),
            Shows::BaseAlone => (base, base),
        };
        repository.add_commits([head_sha, head_commit]);
        repository.runs.push(id);
        let identity = Arc::new(RunIdentity {
            id,
            repository: repository.identity.clone(),
            workflow,
            workflow_number: number,
            run_number,
            event: trigger.event,
            head_branch,
            head_sha,
            head_commit,
            head_repository,
            actor: trigger.actor.clone(),
            pull_request: trigger.pull_request,
            upstream: trigger.upstream,
            created_at: now,
        });
        self.runs.insert(id, Run { identity, repository: repository_id, attempts: vec![] });
        self.start_attempt(id, AttemptKind::First, trigger.actor, now);
        id
    }

    pub(super) fn start_attempt(&mut self, id: RunId, kind: AttemptKind, actor: Login, now: Millis) {
        let mut stage = self.stage(id).expect("the run was just looked up");
        let number = stage.run.attempts.len() as u32 + 1;
        stage.run.attempts.push(Attempt::new(number, kind, actor, now));
        stage.repository.going.insert(id);
        stage.begin(now);
        self.cancel_in_progress(id, now);
    }

    /// `concurrency` with `cancel-in-progress`: re-running an outdated commit cancels the newer run too.
    fn cancel_in_progress(&mut self, id: RunId, now: Millis) {
        let this = self.run(id).identity.clone();
        if !this.workflow.cancels_in_progress {
            return;
        }
        let repository = self.run(id).repository;
        let others: Vec<RunId> = self
            .going(repository)
            .filter(|other| {
                let other = &self.run(*other).identity;
                other.id != id && other.workflow_number == this.workflow_number && other.head_branch == this.head_branch
            })
            .collect();
        for other in others {
            self.cancel(other, now);
        }
    }
}
