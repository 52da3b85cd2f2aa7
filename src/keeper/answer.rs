//! What GitHub answered to a call of the Keeper's, whichever call it was.

use crate::github::{
    Commented, Found, ListAnswer, Page, PolicyAnswer, Problem, ReadAnswer, RepositoryAnswer, RerunAnswer,
};
use crate::policy::evidence::{Job, LogTail};
use crate::policy::run::PullRequest;

/// What GitHub answered to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Read(ReadAnswer),
    Repository(RepositoryAnswer),
    Rerun(RerunAnswer),
    List(ListAnswer),
    Policy(PolicyAnswer),
    Workflow(Found<String>),
    Jobs(Found<Page<Job>>),
    Annotations(Found<Page<String>>),
    Log(Found<LogTail>),
    Pulls(Found<Page<PullRequest>>),
    Comment(Commented),
}

impl Answer {
    /// Whether it proves that GitHub shows the repository.
    pub fn shows_repository(&self) -> bool {
        match self {
            Self::Read(answer) => matches!(answer, ReadAnswer::Run(_)),
            Self::Repository(answer) => *answer == RepositoryAnswer::There,
            Self::Rerun(answer) => matches!(answer, RerunAnswer::Accepted | RerunAnswer::AlreadyRunning),
            Self::List(answer) => matches!(answer, ListAnswer::Runs(_) | ListAnswer::TooLong),
            Self::Policy(answer) => matches!(answer, PolicyAnswer::File { .. } | PolicyAnswer::Same),
            Self::Workflow(found) => matches!(found, Found::There(_)),
            Self::Jobs(found) => matches!(found, Found::There(_)),
            Self::Annotations(found) => matches!(found, Found::There(_)),
            Self::Log(found) => matches!(found, Found::There(_)),
            Self::Pulls(found) => matches!(found, Found::There(_)),
            Self::Comment(answer) => matches!(answer, Commented::There(_)),
        }
    }

    /// Whether it proves that GitHub takes the credentials. Reading takes less permission than re-running: only what was
    /// refused tells that it is taken again.
    pub fn takes_credentials(&self) -> bool {
        matches!(self, Self::Rerun(RerunAnswer::Accepted | RerunAnswer::AlreadyRunning))
    }

    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Read(ReadAnswer::Problem(problem))
            | Self::Repository(RepositoryAnswer::Problem(problem))
            | Self::Rerun(RerunAnswer::Problem(problem))
            | Self::List(ListAnswer::Problem(problem))
            | Self::Policy(PolicyAnswer::Problem(problem)) => Some(problem),
            Self::Workflow(found) => found.problem(),
            Self::Jobs(found) => found.problem(),
            Self::Annotations(found) => found.problem(),
            Self::Log(found) => found.problem(),
            Self::Pulls(found) => found.problem(),
            Self::Comment(Commented::Problem(problem)) => Some(problem),
            Self::Read(_)
            | Self::Repository(_)
            | Self::Rerun(_)
            | Self::List(_)
            | Self::Policy(_)
            | Self::Comment(_) => None,
        }
    }
}
