//! The calls that the Keeper makes, and what each brings. A call's request and the reading of its answer stand together,
//! in its file of [`calls`].

use crate::names::{FilePath, JobId, RepoName, RunAttempt, RunId, WorkflowId};
use crate::policy::Scope;
use crate::policy::evidence::{Job, LogTail};
use crate::policy::run::{PullRequest, Run};

use super::calls::annotations::{self, Annotation};
use super::calls::base_runs::{self, BASE_JOBS, BASE_RUNS_SMALLEST};
use super::calls::commands::{self, CommandCall, CommandReply};
use super::calls::comments::{self, Author, CommentAnswer, CommentCall};
use super::calls::commit_status::{self, StatusCall};
use super::calls::failed_runs::{self, FailedRuns, ListedRun};
use super::calls::issues::{self, IssueAnswer, IssueCall};
use super::calls::policy_file::{self, FetchedPolicy};
use super::calls::pull_requests::{self, Head};
use super::calls::rerun::{self, RerunAnswer};
use super::calls::{EVIDENCE_SMALLER, Page, jobs, log, repository, run, workflow};
use super::error::Error;
use super::http::{Reply, Request};

/// With the repository's credentials, then a token for `OWNER/.github`, and with that.
pub const ORGANIZATION_REQUESTS: u32 = 3;

/// One call to GitHub that the Keeper asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// As it is now, whichever attempt that is.
    ReadRun {
        run_id: RunId,
    },
    /// Whether the repository is there at all, for a run that is not.
    ReadRepository {
        run_id: RunId,
    },
    /// `run_attempt` is the attempt that the decision was about; the request itself cannot carry it.
    Rerun {
        run_id: RunId,
        run_attempt: RunAttempt,
        scope: Scope,
        debug_logging: bool,
    },
    /// For the sweep.
    ListFailedRuns(FailedRuns),
    /// The policy file of the default branch, for a run that is to be decided on, or for a command. `etag`: of what is known
    /// of it.
    ReadPolicy {
        run_id: Option<RunId>,
        path: FilePath,
        etag: Option<String>,
    },
    /// The same file in `OWNER/.github`.
    ReadOrganizationPolicy {
        run_id: Option<RunId>,
        path: FilePath,
        etag: Option<String>,
    },
    /// The workflow of a run, for its name.
    ReadWorkflow {
        run_id: RunId,
        workflow_id: WorkflowId,
    },
    /// The jobs of one attempt. Pages are counted from 1; GitHub cannot always give large ones.
    ListJobs {
        run_id: RunId,
        run_attempt: RunAttempt,
        per_page: u32,
        page: u32,
    },
    /// Those of one job, page by page.
    ListAnnotations {
        run_id: RunId,
        job_id: JobId,
        per_page: u32,
        page: u32,
    },
    /// The repository, for its default branch.
    ReadDefaultBranch {
        run_id: RunId,
    },
    /// What the run of the same workflow on the base branch is chosen from.
    ListBaseRuns {
        run_id: RunId,
        workflow_id: WorkflowId,
        branch: String,
        per_page: u32,
    },
    ListBaseJobs {
        run_id: RunId,
        base_run_id: RunId,
    },
    /// The end of one job's log.
    ReadLog {
        run_id: RunId,
        job_id: JobId,
    },
    /// The pull requests from a run's branch, open or not, newest first.
    ListPulls {
        run_id: RunId,
        head: Head,
        page: u32,
    },
    /// For people; not of one run.
    Comment(CommentCall),
    /// The same.
    CommitStatus(StatusCall),
    Command(CommandCall),
    /// The same.
    Issue(IssueCall),
}

impl Call {
    /// The run that it is about; `None` for a list.
    pub fn run_id(&self) -> Option<RunId> {
        match self {
            Self::ReadRun { run_id }
            | Self::ReadRepository { run_id }
            | Self::Rerun { run_id, .. }
            | Self::ReadWorkflow { run_id, .. }
            | Self::ListJobs { run_id, .. }
            | Self::ListAnnotations { run_id, .. }
            | Self::ReadLog { run_id, .. }
            | Self::ReadDefaultBranch { run_id }
            | Self::ListBaseRuns { run_id, .. }
            | Self::ListBaseJobs { run_id, .. }
            | Self::ListPulls { run_id, .. } => Some(*run_id),
            Self::ReadPolicy { run_id, .. } | Self::ReadOrganizationPolicy { run_id, .. } => *run_id,
            Self::ListFailedRuns(_) | Self::Comment(_) | Self::CommitStatus(_) | Self::Command(_) | Self::Issue(_) => {
                None
            }
        }
    }

    /// Requests that it takes at most: a log is somewhere else, and an organization's repository may need a token of its own.
    pub fn requests(&self) -> u32 {
        match self {
            Self::ReadLog { .. } => 2,
            Self::ReadOrganizationPolicy { .. } => ORGANIZATION_REQUESTS,
            _ => 1,
        }
    }

    /// Whether it is made only so that a decision knows more.
    pub fn is_evidence(&self) -> bool {
        use Call::{ListAnnotations, ListJobs, ListPulls, ReadLog, ReadWorkflow};
        let of_run = || {
            matches!(
                self,
                ReadWorkflow { .. } | ListJobs { .. } | ListAnnotations { .. } | ReadLog { .. } | ListPulls { .. }
            )
        };
        self.is_about_base() || of_run()
    }

    /// Whether it is made to know how the workflow stands on the base branch.
    pub fn is_about_base(&self) -> bool {
        matches!(self, Self::ReadDefaultBranch { .. } | Self::ListBaseRuns { .. } | Self::ListBaseJobs { .. })
    }

    /// Whether it looks for what is ours.
    pub fn looks_for_ours(&self) -> bool {
        matches!(
            self,
            Self::Comment(CommentCall::Find { .. })
                | Self::Command(CommandCall::FindAnswer { .. })
                | Self::Issue(IssueCall::Find { .. })
        )
    }

    /// Whether a decision is made without what it asks for, if that is not to be had.
    pub fn is_optional(&self) -> bool {
        self.is_evidence() || matches!(self, Self::ReadPolicy { .. } | Self::ReadOrganizationPolicy { .. })
    }

    /// The same list from its beginning, in smaller pages: GitHub cannot always give large ones.
    pub fn in_smaller_pages(&self) -> Option<Self> {
        let mut call = self.clone();
        match &mut call {
            Self::ListBaseRuns { per_page, .. } if *per_page > BASE_RUNS_SMALLEST => *per_page = BASE_RUNS_SMALLEST,
            Self::ListJobs { per_page, page, .. } | Self::ListAnnotations { per_page, page, .. } => {
                (*per_page, *page) = (EVIDENCE_SMALLER.into_iter().find(|size| *size < *per_page)?, 1);
            }
            _ => return None,
        }
        Some(call)
    }

    pub fn next_page(&self) -> Option<Self> {
        let mut call = self.clone();
        let (Self::ListJobs { page, .. } | Self::ListAnnotations { page, .. }) = &mut call else { return None };
        *page += 1;
        Some(call)
    }

    pub fn request(&self, repository: &RepoName) -> Request {
        match self {
            Self::ReadRun { run_id } => run::request(repository, *run_id),
            Self::ReadRepository { .. } => repository::request(repository),
            Self::Rerun { run_id, scope, debug_logging, .. } => {
                rerun::request(repository, *run_id, *scope, *debug_logging)
            }
            Self::ListFailedRuns(page) => failed_runs::request(repository, page),
            Self::ReadPolicy { path, etag, .. } => policy_file::request(repository, path, etag.clone()),
            Self::ReadOrganizationPolicy { path, etag, .. } => {
                policy_file::organizations_request(repository, path, etag.clone())
            }
            Self::ReadWorkflow { workflow_id, .. } => workflow::request(repository, *workflow_id),
            Self::ListJobs { run_id, run_attempt, per_page, page } => {
                jobs::request(repository, *run_id, *run_attempt, *per_page, *page)
            }
            Self::ListAnnotations { job_id, per_page, page, .. } => {
                annotations::request(repository, *job_id, *per_page, *page)
            }
            Self::ReadDefaultBranch { .. } => repository::request(repository),
            Self::ListBaseRuns { workflow_id, branch, per_page, .. } => {
                base_runs::request(repository, *workflow_id, branch, *per_page)
            }
            Self::ListBaseJobs { base_run_id, .. } => base_runs::jobs_request(repository, *base_run_id),
            Self::ReadLog { job_id, .. } => log::request(repository, *job_id),
            Self::ListPulls { head, page, .. } => pull_requests::request(repository, head, *page),
            Self::Comment(call) => comments::request(repository, call),
            Self::CommitStatus(call) => commit_status::request(repository, call),
            Self::Command(call) => commands::request(repository, call),
            Self::Issue(call) => issues::request(repository, call),
        }
    }

    /// Reads the reply. `us`: who writes our comments, if the call looks for one.
    pub fn response(&self, reply: Result<Reply, Error>, us: Option<&Author>) -> Response {
        match self {
            Self::ReadRun { .. } => Response::Run(reply.and_then(|reply| run::read(&reply))),
            Self::ReadRepository { .. } => Response::Repository(reply.and_then(|reply| repository::read(&reply))),
            Self::Rerun { .. } => Response::Rerun(reply.and_then(|reply| rerun::read(&reply))),
            Self::ListFailedRuns(_) => Response::FailedRuns(reply.and_then(|reply| failed_runs::read(&reply))),
            Self::ReadPolicy { .. } => Response::Policy(reply.and_then(policy_file::read)),
            Self::ReadOrganizationPolicy { .. } => Response::OrganizationPolicy(reply.and_then(policy_file::read)),
            Self::ReadWorkflow { .. } => Response::Workflow(reply.and_then(|reply| workflow::read(&reply))),
            Self::ListJobs { per_page, .. } => Response::Jobs(reply.and_then(|reply| jobs::read(&reply, *per_page))),
            Self::ListAnnotations { per_page, .. } => {
                Response::Annotations(reply.and_then(|reply| annotations::read(&reply, *per_page)))
            }
            Self::ReadDefaultBranch { .. } => {
                Response::DefaultBranch(reply.and_then(|reply| repository::read_default_branch(&reply)))
            }
            Self::ListBaseRuns { .. } => Response::BaseRuns(reply.and_then(|reply| base_runs::read(&reply))),
            Self::ListBaseJobs { .. } => Response::Jobs(reply.and_then(|reply| jobs::read(&reply, BASE_JOBS))),
            Self::ReadLog { .. } => Response::Log(reply.and_then(|reply| log::read(&reply))),
            Self::ListPulls { .. } => Response::Pulls(reply.and_then(|reply| pull_requests::read(&reply))),
            Self::Comment(call) => Response::Comment(reply.and_then(|reply| comments::read(call, &reply, us))),
            Self::CommitStatus(_) => Response::CommitStatus(reply.and_then(|reply| commit_status::read(&reply))),
            Self::Command(call) => Response::Command(reply.and_then(|reply| commands::read(call, &reply, us))),
            Self::Issue(call) => Response::Issue(reply.and_then(|reply| issues::read(call, &reply, us))),
        }
    }
}

/// What a [`Call`] brought: a variant for each kind of call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    Run(Result<Box<Run>, Error>),
    /// It is there.
    Repository(Result<(), Error>),
    Rerun(Result<RerunAnswer, Error>),
    FailedRuns(Result<Vec<ListedRun>, Error>),
    Policy(Result<FetchedPolicy, Error>),
    OrganizationPolicy(Result<FetchedPolicy, Error>),
    /// Its name.
    Workflow(Result<String, Error>),
    Jobs(Result<Page<Job>, Error>),
    Annotations(Result<Page<Annotation>, Error>),
    DefaultBranch(Result<String, Error>),
    /// Newest first.
    BaseRuns(Result<Vec<Run>, Error>),
    Log(Result<LogTail, Error>),
    Pulls(Result<Page<PullRequest>, Error>),
    Comment(Result<CommentAnswer, Error>),
    /// It is shown.
    CommitStatus(Result<(), Error>),
    Command(Result<CommandReply, Error>),
    Issue(Result<IssueAnswer, Error>),
}

impl Response {
    /// Whether it proves that GitHub takes the credentials. Reading takes less permission than re-running: only what was
    /// refused shows that it is allowed again.
    pub fn takes_credentials(&self) -> bool {
        matches!(self, Self::Rerun(Ok(_)))
    }

    /// Whether it proves that GitHub shows the repository: it did what it was asked for, and there.
    pub fn shows_repository(&self) -> bool {
        self.error().is_none() && !matches!(self, Self::OrganizationPolicy(_))
    }

    /// `None`: GitHub did what it was asked for.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Run(result) => result.as_ref().err(),
            Self::Repository(result) => result.as_ref().err(),
            Self::Rerun(result) => result.as_ref().err(),
            Self::FailedRuns(result) => result.as_ref().err(),
            Self::Policy(result) | Self::OrganizationPolicy(result) => result.as_ref().err(),
            Self::Workflow(result) => result.as_ref().err(),
            Self::Jobs(result) => result.as_ref().err(),
            Self::Annotations(result) => result.as_ref().err(),
            Self::DefaultBranch(result) => result.as_ref().err(),
            Self::BaseRuns(result) => result.as_ref().err(),
            Self::Log(result) => result.as_ref().err(),
            Self::Pulls(result) => result.as_ref().err(),
            Self::Comment(result) => result.as_ref().err(),
            Self::CommitStatus(result) => result.as_ref().err(),
            Self::Command(result) => result.as_ref().err(),
            Self::Issue(result) => result.as_ref().err(),
        }
    }
}
