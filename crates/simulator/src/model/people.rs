//! What persons do: press buttons, cancel, approve, push.

use super::rerun::Asked;
use super::run::Group;
use super::{GitHub, Job, Login, Millis, RepositoryId, Rerun, RerunBy, RunId, Sha, Status, Trigger};

impl GitHub {
    /// "Re-run failed jobs". An error is what GitHub says when it refuses.
    #[track_caller]
    pub fn press_rerun_failed(
        &mut self,
        run: RunId,
        person: impl Into<Login>,
        now: Millis,
    ) -> Result<(), &'static str> {
        self.press(run, Rerun::FailedJobs, person.into(), now)
    }

    /// "Re-run all jobs".
    #[track_caller]
    pub fn press_rerun_all(&mut self, run: RunId, person: impl Into<Login>, now: Millis) -> Result<(), &'static str> {
        self.press(run, Rerun::AllJobs, person.into(), now)
    }

    #[track_caller]
    fn press(&mut self, run: RunId, rerun: Rerun, login: Login, now: Millis) -> Result<(), &'static str> {
        self.advance(now);
        self.run(run);
        self.rerun_run(run, rerun, Asked { by: RerunBy::Person, login, debug_logging: false }, now)
    }

    /// "Cancel workflow": what has not ended is cancelled, what has not begun is skipped. Nothing if it has concluded.
    #[track_caller]
    pub fn cancel(&mut self, run: RunId, now: Millis) {
        self.advance(now);
        let attempt = self.run(run).latest();
        if attempt.state().0 == Status::Completed || attempt.cancelled {
            return;
        }
        let mut stage = self.stage(run).expect("just looked at");
        stage.run.latest_mut().cancelled = true;
        let open = stage.run.latest().jobs.iter().any(Job::is_open);
        if !open && !stage.run.latest().jobs.is_empty() {
            // The jobs have all ended: GitHub concludes the run as they say.
            stage.run.latest_mut().cancelled = false;
            return;
        }
        stage.end_open(now, |_| true);
        if !stage.run.latest().jobs.is_empty() {
            for group in 0..stage.run.latest().groups.len() {
                if stage.run.latest().groups[group] == Group::NotYet {
                    stage.skip_group(group, now);
                }
            }
        }
        stage.conclude(now);
    }

    /// "Approve and run", for a run that waits for it. Nothing if it does not wait.
    #[track_caller]
    pub fn approve(&mut self, run: RunId, now: Millis) {
        self.advance(now);
        let create_jobs = self.timing().create_jobs;
        self.run(run);
        let stage = self.stage(run).expect("just looked at");
        let attempt = stage.run.latest_mut();
        if !attempt.waits_for_approval || attempt.approved_at.is_some() {
            return;
        }
        attempt.approved_at = Some(now);
        attempt.last_change = now;
        let number = attempt.number;
        stage.repository.going.insert(run);
        stage.out.schedule(now + create_jobs, run, number, super::outbox::Change::CreateJobs);
    }

    /// A commit on a branch; pull requests from it move on too. Starts no run.
    pub fn push(&mut self, repository: RepositoryId, branch: &str, now: Millis) -> Sha {
        self.repository_mut(repository).push(branch, now)
    }

    /// A commit on a pull request's branch.
    pub fn push_to_pull_request(&mut self, repository: RepositoryId, number: u64, now: Millis) -> Sha {
        self.repository_mut(repository).push_pull(number, now)
    }

    /// Its number.
    pub fn open_pull_request(
        &mut self,
        repository: RepositoryId,
        branch: &str,
        author: impl Into<Login>,
        from_fork: bool,
        now: Millis,
    ) -> u64 {
        self.repository_mut(repository).open_pull(branch, author.into(), from_fork, now)
    }

    /// Puts it into the merge queue: what starts the runs that decide whether it is merged. They are of a branch and a commit
    /// of the queue's own, and name no pull request.
    pub fn enqueue_pull_request(&mut self, repository: RepositoryId, number: u64, now: Millis) -> Trigger {
        let known = self.repository(repository);
        let base = known.identity.default_branch.clone();
        let branch = format!("gh-readonly-queue/{base}/pr-{number}-{}", known.head(&base));
        assert!(known.pull(number).is_some_and(|pull| pull.open), "only an open pull request is queued");
        self.push(repository, &branch, now);
        Trigger::push(&branch, "github-merge-queue[bot]").event("merge_group")
    }

    pub fn set_draft(&mut self, repository: RepositoryId, number: u64, draft: bool, now: Millis) {
        let pull = self.repository_mut(repository).pull_mut(number);
        (pull.draft, pull.updated_at) = (draft, now);
    }

    /// Nothing if it is closed.
    pub fn close_pull_request(&mut self, repository: RepositoryId, number: u64, now: Millis) {
        let pull = self.repository_mut(repository).pull_mut(number);
        if pull.open {
            (pull.open, pull.closed_at, pull.updated_at) = (false, Some(now), now);
        }
    }

    /// Its commits come to the base. Nothing if it is closed.
    pub fn merge_pull_request(&mut self, repository: RepositoryId, number: u64, now: Millis) {
        let pull = self.repository_mut(repository).pull_mut(number);
        if pull.open {
            (pull.open, pull.merged, pull.closed_at, pull.updated_at) = (false, true, Some(now), now);
            let base = self.repository(repository).identity.default_branch.clone();
            self.push(repository, &base, now);
        }
    }

    /// Nothing if it is open, or merged.
    pub fn reopen_pull_request(&mut self, repository: RepositoryId, number: u64, now: Millis) {
        let pull = self.repository_mut(repository).pull_mut(number);
        if !pull.open && !pull.merged {
            (pull.open, pull.closed_at, pull.updated_at) = (true, None, now);
        }
    }

    /// A comment, a label: whatever changes it and not its branch.
    pub fn touch_pull_request(&mut self, repository: RepositoryId, number: u64, now: Millis) {
        self.repository_mut(repository).pull_mut(number).updated_at = now;
    }

    /// Its author deletes the fork.
    pub fn delete_fork(&mut self, repository: RepositoryId, number: u64) {
        let pull = self.repository_mut(repository).pull_mut(number);
        pull.fork_deleted = pull.from_fork;
    }

    /// A file of the default branch.
    pub fn write_file(&mut self, repository: RepositoryId, path: &str, content: &str) {
        self.repository_mut(repository).write_file(path, content);
    }

    pub fn remove_file(&mut self, repository: RepositoryId, path: &str) {
        self.repository_mut(repository).remove_file(path);
    }
}
