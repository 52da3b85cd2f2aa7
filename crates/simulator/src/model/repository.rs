//! Repositories: workflows, branch heads, pull requests, files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::names::text;
use super::{
    Association, Comment, CommitStatus, EventKinds, Issue, Login, Millis, RepoName, RepositoryId, RunId, Sha, Workflow,
    WorkflowId, mix,
};

/// What hardly ever changes of a repository; shared by all that is shown of its runs.
#[derive(Debug, Clone)]
pub struct RepositoryIdentity {
    pub name: RepoName,
    /// GitHub's numeric id.
    pub number: u64,
    pub default_branch: Arc<str>,
    pub visibility: Visibility,
    pub has_issues: bool,
    pub created_at: Millis,
}

/// Who may read a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Whoever was let in; to all others it does not exist.
    Private,
    /// Everybody who has a token at all.
    Public,
}

#[derive(Debug)]
pub struct Repository {
    pub id: RepositoryId,
    pub identity: Arc<RepositoryIdentity>,
    pub(super) seed: u64,
    pub(super) workflows: Vec<WorkflowEntry>,
    /// In the order of their creation.
    pub(super) runs: Vec<RunId>,
    /// Runs whose latest attempt is not completed.
    pub(super) going: BTreeSet<RunId>,
    branches: BTreeMap<Arc<str>, Branch>,
    pulls: BTreeMap<u64, PullRequest>,
    pub(super) issues: BTreeMap<u64, Issue>,
    files: BTreeMap<String, File>,
    pub(super) comments: Vec<Comment>,
    pub(super) comments_written: u64,
    pub(super) reactions_made: u64,
    /// Those that are somewhere a head, or were.
    commits: BTreeSet<Sha>,
    /// Of each commit, in the order in which they were made.
    pub(super) statuses: BTreeMap<Sha, Vec<CommitStatus>>,
    pub(super) statuses_written: u64,
    pub(super) emits: EventKinds,
}

#[derive(Debug)]
pub(super) struct WorkflowEntry {
    pub number: u64,
    pub workflow: Arc<Workflow>,
    pub runs: u64,
}

#[derive(Debug, Clone, Copy)]
struct Branch {
    head: Sha,
    commits: u64,
}

/// A pull request. Its head moves on when somebody pushes to its branch.
#[derive(Debug, Clone)]
pub struct PullRequest {
    pub number: u64,
    pub author: Login,
    pub head_branch: Arc<str>,
    pub head_sha: Sha,
    commits: u64,
    /// From a fork: GitHub then sends empty `pull_requests` with its runs.
    pub from_fork: bool,
    /// The fork is gone: GitHub names it no longer.
    pub fork_deleted: bool,
    pub open: bool,
    /// The base's head when it was opened or last pushed to.
    pub base_sha: Sha,
    pub created_at: Millis,
    pub updated_at: Millis,
    pub closed_at: Option<Millis>,
    pub merged: bool,
    pub draft: bool,
}

impl PullRequest {
    pub fn title(&self) -> String {
        format!("Work on {}", self.head_branch)
    }

    /// What its author is to the repository.
    pub fn association(&self) -> Association {
        if self.from_fork { Association::Contributor } else { Association::Member }
    }
}

/// A pull request as runs and check runs name it; its head is that of the moment.
#[derive(Debug, Clone)]
pub struct PullRequestRef {
    pub number: u64,
    pub head_branch: Arc<str>,
    pub head_sha: Sha,
    pub base_branch: Arc<str>,
    pub base_sha: Sha,
}

/// What a run shows of its pull request.
#[derive(Debug, Clone, Default)]
pub struct ShownPull {
    /// `None` for a fork's, and for one that is closed.
    pub pull_request: Option<PullRequestRef>,
    /// GitHub names the fork no longer.
    pub fork_deleted: bool,
}

/// A file of the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub content: String,
    /// Quoted, as in the header.
    pub etag: String,
    /// 40 hex digits.
    pub sha: String,
}

impl Repository {
    /// In the order of their creation.
    pub fn runs(&self) -> &[RunId] {
        &self.runs
    }

    /// On its pull requests and issues, in the order in which they were made.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// Of a commit, in the order in which they were made.
    pub fn statuses(&self, commit: Sha) -> &[CommitStatus] {
        self.statuses.get(&commit).map_or(&[], Vec::as_slice)
    }

    /// The newest for each context of a commit, in the order of the contexts' first ones.
    pub fn newest_statuses(&self, commit: Sha) -> Vec<&CommitStatus> {
        let mut newest: Vec<&CommitStatus> = vec![];
        for status in self.statuses(commit) {
            match newest.iter_mut().find(|known| known.context.eq_ignore_ascii_case(&status.context)) {
                Some(known) => *known = status,
                None => newest.push(status),
            }
        }
        newest
    }

    /// Commits that have statuses.
    pub fn commits_with_statuses(&self) -> impl Iterator<Item = Sha> + '_ {
        self.statuses.keys().copied()
    }

    pub(super) fn has_commit(&self, commit: Sha) -> bool {
        let default = self.head(&self.identity.default_branch);
        commit == default || self.commits.contains(&commit)
    }

    pub(super) fn add_commits(&mut self, commits: impl IntoIterator<Item = Sha>) {
        self.commits.extend(commits);
    }

    pub(super) fn new(seed: u64, id: RepositoryId, name: RepoName, created_at: Millis) -> Repository {
        let number = 500_000_000 + mix(&[seed, text(name.as_str())]) % 400_000_000;
        let identity = RepositoryIdentity {
            name,
            number,
            default_branch: "main".into(),
            visibility: Visibility::Private,
            has_issues: true,
            created_at,
        };
        Repository {
            id,
            identity: Arc::new(identity),
            seed,
            workflows: vec![],
            runs: vec![],
            going: BTreeSet::new(),
            branches: BTreeMap::new(),
            pulls: BTreeMap::new(),
            issues: BTreeMap::new(),
            files: BTreeMap::new(),
            comments: vec![],
            comments_written: 0,
            reactions_made: 0,
            commits: BTreeSet::new(),
            statuses: BTreeMap::new(),
            statuses_written: 0,
            emits: EventKinds::ALL,
        }
    }

    pub fn name(&self) -> &RepoName {
        &self.identity.name
    }

    pub fn pull(&self, number: u64) -> Option<&PullRequest> {
        self.pulls.get(&number)
    }

    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    pub fn workflow(&self, id: WorkflowId) -> &Arc<Workflow> {
        &self.workflows[id.0 as usize].workflow
    }

    /// The branch's head; a branch that nobody pushed to yet has its first commit.
    pub fn head(&self, branch: &str) -> Sha {
        self.branches.get(branch).map_or_else(|| self.commit(branch, 0), |branch| branch.head)
    }

    pub(super) fn push(&mut self, branch: &str, now: Millis) -> Sha {
        let commits = self.branches.get(branch).map_or(0, |branch| branch.commits) + 1;
        let head = self.commit(branch, commits);
        self.branches.insert(branch.into(), Branch { head, commits });
        self.commits.insert(head);
        let base_sha = self.head(&self.identity.default_branch);
        for pull in self.pulls.values_mut() {
            // One that is closed keeps its last commit.
            if *pull.head_branch == *branch && !pull.from_fork && pull.open {
                (pull.head_sha, pull.base_sha, pull.updated_at) = (head, base_sha, now);
            }
        }
        head
    }

    pub(super) fn push_pull(&mut self, number: u64, now: Millis) -> Sha {
        let pull = self.pulls.get_mut(&number).expect("a pull request of this repository");
        if !pull.from_fork {
            let branch = pull.head_branch.clone();
            return self.push(&branch, now);
        }
        pull.commits += 1;
        let (branch, commits) = (format!("{}:{}", pull.author, pull.head_branch), pull.commits);
        let head = self.commit(&branch, commits);
        self.commits.insert(head);
        let base_sha = self.head(&self.identity.default_branch);
        let pull = self.pulls.get_mut(&number).expect("just found");
        if pull.open {
            (pull.head_sha, pull.base_sha, pull.updated_at) = (head, base_sha, now);
        }
        head
    }

    pub(super) fn open_pull(&mut self, branch: &str, author: Login, from_fork: bool, now: Millis) -> u64 {
        let number = self.next_number();
        let head_sha = if from_fork { self.commit(&format!("{author}:{branch}"), 0) } else { self.head(branch) };
        self.commits.insert(head_sha);
        let head_branch = branch.into();
        let pull = PullRequest {
            number,
            author,
            head_branch,
            head_sha,
            commits: 0,
            from_fork,
            fork_deleted: false,
            open: true,
            base_sha: self.head(&self.identity.default_branch),
            created_at: now,
            updated_at: now,
            closed_at: None,
            merged: false,
            draft: false,
        };
        self.pulls.insert(number, pull);
        number
    }

    /// Issues and pull requests are counted together.
    pub(super) fn next_number(&self) -> u64 {
        (self.pulls.len() + self.issues.len()) as u64 + 1
    }

    pub(super) fn pull_mut(&mut self, number: u64) -> &mut PullRequest {
        self.pulls.get_mut(&number).expect("a pull request of this repository")
    }

    pub fn pulls(&self) -> impl DoubleEndedIterator<Item = &PullRequest> {
        self.pulls.values()
    }

    pub(super) fn write_file(&mut self, path: &str, content: &str) {
        let sha = Sha::of(self.seed, content, path, 0).to_string();
        let file = File { content: content.to_owned(), etag: format!("\"{sha}\""), sha };
        self.files.insert(path.to_owned(), file);
    }

    pub(super) fn remove_file(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// What a run or check run of pull request `number` says of it: nothing if it is from a fork, or closed.
    fn pull_ref(&self, number: u64) -> Option<PullRequestRef> {
        let pull = self.pulls.get(&number).filter(|pull| pull.open && !pull.from_fork)?;
        let base_branch = self.identity.default_branch.clone();
        Some(PullRequestRef {
            number,
            head_branch: pull.head_branch.clone(),
            head_sha: pull.head_sha,
            base_sha: self.head(&base_branch),
            base_branch,
        })
    }

    pub(super) fn shown_pull(&self, number: u64) -> ShownPull {
        let fork_deleted = self.pull(number).is_some_and(|pull| pull.fork_deleted);
        ShownPull { pull_request: self.pull_ref(number), fork_deleted }
    }

    fn commit(&self, branch: &str, nth: u64) -> Sha {
        Sha::of(self.seed, self.name().as_str(), branch, nth)
    }
}
