//! How a job can end, and what that leaves behind: steps, annotations, log.

use std::sync::Arc;

use super::{Annotation, Conclusion, Millis, Status};

/// How one job of one attempt ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// A step fails.
    Failure(Arc<Failure>),
    /// The job concludes `timed_out`.
    TimedOut,
    /// The job ran into its `timeout-minutes`: GitHub concludes that as `failure` or as `cancelled`.
    ExceededTime {
        cancelled: bool,
    },
    /// Something other than a person cancels it.
    Cancelled,
    /// The runner is gone: `failure`, with no failed step.
    LostRunner(LostRunner),
    /// GitHub did not start it, and says why in an annotation: `failure`, with no step at all.
    NotStarted(Arc<str>),
    /// Its own `if:` says no.
    Skipped,
}

/// A failed step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Must be one of the job's steps; if it is not, the job's last step fails.
    pub step: String,
    pub exit_code: u8,
    /// What the step wrote before it failed.
    pub log: String,
    /// What tools say of files, beside the runner's own word.
    pub annotations: Vec<Annotation>,
}

/// The ways in which a runner is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostRunner {
    Hosted,
    SelfHosted,
    /// It was told to shut down.
    ShutDown,
    /// No runner ever took the job.
    NeverAcquired,
}

/// One step of a job, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: Arc<str>,
    pub number: u32,
    pub status: Status,
    pub conclusion: Option<Conclusion>,
    pub started_at: Option<Millis>,
    pub completed_at: Option<Millis>,
}

impl Outcome {
    /// Step `step` fails with exit code 1.
    pub fn failure(step: &str) -> Outcome {
        Outcome::failure_with(step, 1, "Error: the step failed")
    }

    pub fn failure_with(step: &str, exit_code: u8, log: &str) -> Outcome {
        let (step, log, annotations) = (step.to_owned(), log.to_owned(), vec![]);
        Outcome::Failure(Arc::new(Failure { step, exit_code, log, annotations }))
    }

    /// A failed step leaves this too. Panics if it is no step that fails.
    #[track_caller]
    pub fn annotated(mut self, annotation: Annotation) -> Outcome {
        let Outcome::Failure(failure) = &mut self else { panic!("only a failed step has annotations of its own") };
        Arc::make_mut(failure).annotations.push(annotation);
        self
    }

    pub fn conclusion(&self) -> Conclusion {
        match self {
            Outcome::Success => Conclusion::Success,
            Outcome::Failure(_) | Outcome::LostRunner(_) | Outcome::NotStarted(_) => Conclusion::Failure,
            Outcome::ExceededTime { cancelled: false } => Conclusion::Failure,
            Outcome::TimedOut => Conclusion::TimedOut,
            Outcome::ExceededTime { cancelled: true } | Outcome::Cancelled => Conclusion::Cancelled,
            Outcome::Skipped => Conclusion::Skipped,
        }
    }

    /// Those of tools first, then the runner's.
    pub fn annotations(&self, runner: &str) -> Vec<Annotation> {
        let tools = match self {
            Outcome::Failure(failure) => failure.annotations.as_slice(),
            _ => &[],
        };
        tools.iter().cloned().chain(self.words_of_runner(runner).into_iter().map(Annotation::by_runner)).collect()
    }

    /// Word for word as GitHub and its runners write them.
    fn words_of_runner(&self, runner: &str) -> Vec<String> {
        const LOST: &str = "lost communication with the server. Anything in your workflow that terminates the runner \
                            process, starves it for CPU/Memory, or blocks its network access can cause this error.";
        match self {
            Outcome::Success | Outcome::Skipped => vec![],
            Outcome::Failure(failure) => vec![format!("Process completed with exit code {}.", failure.exit_code)],
            Outcome::TimedOut | Outcome::ExceededTime { .. } => vec![
                "The job has exceeded the maximum execution time of 6h0m0s".to_owned(),
                "The operation was canceled.".to_owned(),
            ],
            Outcome::NotStarted(why) => vec![why.to_string()],
            Outcome::Cancelled => vec!["The operation was canceled.".to_owned()],
            Outcome::LostRunner(LostRunner::Hosted) => vec![format!("The hosted runner: {runner} {LOST}")],
            Outcome::LostRunner(LostRunner::SelfHosted) => vec![format!("The self-hosted runner: {runner} {LOST}")],
            Outcome::LostRunner(LostRunner::ShutDown) => vec![
                "The runner has received a shutdown signal. This can happen when the runner service is stopped, or a \
                 manually started runner is canceled."
                    .to_owned(),
                "The operation was canceled.".to_owned(),
            ],
            Outcome::LostRunner(LostRunner::NeverAcquired) => {
                vec!["The job was not acquired by Runner of type hosted even after multiple attempts".to_owned()]
            }
        }
    }

    /// Whether GitHub keeps a log: a lost runner took it along.
    pub fn has_log(&self) -> bool {
        !matches!(self, Outcome::LostRunner(_) | Outcome::NotStarted(_) | Outcome::Skipped)
    }

    /// What became of each step by the job's end. The time is divided evenly between the steps.
    pub(super) fn steps(&self, names: &[Arc<str>], started: Millis, ended: Millis) -> Vec<Step> {
        let stopped_at = match self {
            Outcome::Success => names.len(),
            Outcome::Failure(failure) => {
                names.iter().position(|name| **name == failure.step).unwrap_or(names.len().saturating_sub(1))
            }
            Outcome::LostRunner(LostRunner::NeverAcquired) | Outcome::NotStarted(_) | Outcome::Skipped => return vec![],
            _ => names.len() / 2,
        };
        let share = (ended - started) / (stopped_at as u64 + 1).min(names.len().max(1) as u64);
        let mut at = started;
        let mut step = |(index, name): (usize, &Arc<str>)| {
            let (status, conclusion) = match index.cmp(&stopped_at) {
                std::cmp::Ordering::Less => (Status::Completed, Some(Conclusion::Success)),
                std::cmp::Ordering::Equal => match self {
                    Outcome::Failure(_) => (Status::Completed, Some(Conclusion::Failure)),
                    // Nobody was left to say how it ended.
                    Outcome::LostRunner(_) => (Status::InProgress, None),
                    _ => (Status::Completed, Some(Conclusion::Cancelled)),
                },
                std::cmp::Ordering::Greater if matches!(self, Outcome::LostRunner(_)) => (Status::Queued, None),
                std::cmp::Ordering::Greater => (Status::Completed, Some(Conclusion::Skipped)),
            };
            let started_at = at;
            if index < stopped_at {
                at += share;
            } else {
                at = ended;
            }
            Step {
                name: name.clone(),
                number: index as u32 + 1,
                status,
                conclusion,
                started_at: (status != Status::Queued).then_some(started_at),
                completed_at: (status == Status::Completed).then_some(at),
            }
        };
        names.iter().enumerate().map(&mut step).collect()
    }

    /// The job's log.
    pub(super) fn log(&self, names: &[Arc<str>]) -> String {
        let mut log = String::new();
        for step in self.steps(names, 0, 0) {
            log.push_str(&format!("##[group]{}\n##[endgroup]\n", step.name));
            if step.conclusion == Some(Conclusion::Failure)
                && let Outcome::Failure(failure) = self
            {
                let code = failure.exit_code;
                log.push_str(&format!("{}\n##[error]Process completed with exit code {code}.\n", failure.log));
            }
        }
        log
    }
}
