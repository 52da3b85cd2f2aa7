//! What a workflow's jobs are, and how each attempt of each will end.

use std::sync::Arc;

use super::names::{fraction, text};
use super::{Login, Millis, Outcome, RunId, mix};

/// A workflow file: its jobs, and what happens to a run of it as a whole.
#[derive(Debug, Clone)]
pub struct Workflow {
    pub name: Arc<str>,
    pub path: Arc<str>,
    /// `run-name:`, which GitHub then calls the run's name.
    pub run_name: Option<Arc<str>>,
    pub jobs: Vec<Arc<JobSpec>>,
    /// By attempt; the last repeats.
    pub ends: Vec<RunEnd>,
    /// How long GitHub takes to conclude a run after its last job, if not [`super::Timing`]'s: a killed runner's run
    /// took ten minutes.
    pub conclude_delay: Option<Millis>,
    /// `concurrency:` of the branch with `cancel-in-progress`: a new attempt cancels other runs of its branch.
    pub cancels_in_progress: bool,
    /// Bytes of the commit's message, of which a list of runs has one for each.
    pub commit_message: usize,
}

/// What becomes of a run's attempt as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Its jobs run.
    Jobs,
    /// It fails before any job exists.
    StartupFailure,
    /// It waits for a person's approval. Only a first attempt can.
    ActionRequired,
}

/// What starts a run.
#[derive(Debug, Clone)]
pub struct Trigger {
    pub event: Arc<str>,
    pub branch: Arc<str>,
    pub actor: Login,
    /// The number of a pull request of the repository; the run is then of its head, and `branch` is not looked at.
    pub pull_request: Option<u64>,
    pub shows: Shows,
    /// The number of a pull request of the repository that this one is a fork of, from the same branch: GitHub lists it too.
    pub upstream: Option<u64>,
}

/// Whose commits GitHub shows as `head_sha` and as `head_commit` of a pull request's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The pull request's.
    Head,
    /// Its base's as `head_sha`, as GitHub does for `pull_request_target` these days.
    Base,
    /// Its base's as both.
    BaseAlone,
}

impl Trigger {
    pub fn push(branch: &str, actor: impl Into<Login>) -> Trigger {
        Trigger {
            event: "push".into(),
            branch: branch.into(),
            actor: actor.into(),
            pull_request: None,
            shows: Shows::Head,
            upstream: None,
        }
    }

    pub fn pull_request(number: u64, actor: impl Into<Login>) -> Trigger {
        let actor = actor.into();
        let (event, branch, pull_request) = ("pull_request".into(), "".into(), Some(number));
        Trigger { event, branch, actor, pull_request, shows: Shows::Head, upstream: None }
    }

    pub fn pull_request_target(number: u64, actor: impl Into<Login>, shows: Shows) -> Trigger {
        Trigger { shows, ..Trigger::pull_request(number, actor).event("pull_request_target") }
    }

    pub fn with_upstream(mut self, number: u64) -> Trigger {
        self.upstream = Some(number);
        self
    }

    pub fn event(mut self, event: &str) -> Trigger {
        self.event = event.into();
        self
    }
}

impl Workflow {
    pub fn new(name: &str) -> Workflow {
        let path = format!(".github/workflows/{}.yml", name.to_lowercase().replace(' ', "-"));
        Workflow {
            name: name.into(),
            path: path.into(),
            run_name: None,
            jobs: vec![],
            ends: vec![RunEnd::Jobs],
            conclude_delay: None,
            cancels_in_progress: false,
            commit_message: 0,
        }
    }

    /// Its runs are of a commit with a message of so many bytes.
    pub fn commit_message(mut self, bytes: usize) -> Workflow {
        self.commit_message = bytes;
        self
    }

    pub fn path(mut self, path: &str) -> Workflow {
        self.path = path.into();
        self
    }

    pub fn run_name(mut self, name: &str) -> Workflow {
        self.run_name = Some(name.into());
        self
    }

    pub fn job(mut self, job: JobSpec) -> Workflow {
        self.jobs.push(Arc::new(job));
        self
    }

    pub fn ends(mut self, ends: impl Into<Vec<RunEnd>>) -> Workflow {
        self.ends = ends.into();
        self
    }

    /// Every attempt is a `startup_failure`, as with a broken workflow file.
    pub fn startup_failure(self) -> Workflow {
        self.ends([RunEnd::StartupFailure])
    }

    /// A run of it waits for approval, then runs.
    pub fn action_required(self) -> Workflow {
        self.ends([RunEnd::ActionRequired, RunEnd::Jobs])
    }

    pub fn conclude_delay(mut self, delay: Millis) -> Workflow {
        self.conclude_delay = Some(delay);
        self
    }

    pub fn cancels_in_progress(mut self) -> Workflow {
        self.cancels_in_progress = true;
        self
    }

    pub(super) fn end_of(&self, attempt: u32) -> RunEnd {
        nth_or_last(&self.ends, attempt).copied().unwrap_or(RunEnd::Jobs)
    }

    pub(super) fn index_of(&self, job: &str) -> Option<usize> {
        self.jobs.iter().position(|spec| &*spec.name == job)
    }

    /// Panics if the workflow could not run: workflows come from tests.
    #[track_caller]
    pub(super) fn check(&self) {
        for (index, job) in self.jobs.iter().enumerate() {
            assert_eq!(self.index_of(&job.name), Some(index), "two jobs are named {:?}", job.name);
            assert!(job.matrix <= 256, "GitHub's limit is 256 jobs of a matrix; {:?} has {}", job.name, job.matrix);
            for need in &job.needs {
                let earlier = self.index_of(need).is_some_and(|needed| needed < index);
                assert!(earlier, "{:?} needs {need:?}, which is not a job declared before it", job.name);
            }
        }
    }
}

/// A job of a workflow, or a matrix of them.
#[derive(Debug, Clone)]
pub struct JobSpec {
    pub name: Arc<str>,
    pub needs: Vec<Arc<str>>,
    /// 0: not a matrix. `n` gives jobs `name (1)` to `name (n)`.
    pub matrix: u16,
    /// Whether a failed member of the matrix cancels the others; true is GitHub's default.
    pub fail_fast: bool,
    pub steps: Vec<Arc<str>>,
    pub duration: Millis,
    /// Each attempt of each job takes up to this much longer, by chance.
    pub spread: Millis,
    pub labels: Vec<Arc<str>>,
    pub plan: Plan,
    /// Members of the matrix with plans of their own, by their number from 1.
    pub members: Vec<(u16, Plan)>,
    /// `if: always()`: runs even if what it needs failed.
    pub always: bool,
    /// `continue-on-error`: its failure does not fail the run.
    pub continue_on_error: bool,
}

/// How each attempt of a job ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// By the run's attempt; the last repeats.
    Script(Vec<Outcome>),
    /// By chance, decided by seed, run, job and attempt alone.
    Flaky { probability: f64, failure: Outcome },
    /// Fails if a job that it needs did not succeed: with `always()`, the "all-green" job of many repositories.
    Gate,
}

impl JobSpec {
    /// One step called "Run tests", 100 ms, always passing, on `ubuntu-latest`.
    pub fn new(name: &str) -> JobSpec {
        JobSpec {
            name: name.into(),
            needs: vec![],
            matrix: 0,
            fail_fast: true,
            steps: ["Set up job", "Run actions/checkout@v5", "Run tests", "Complete job"].map(Arc::from).to_vec(),
            duration: 100,
            spread: 0,
            labels: vec!["ubuntu-latest".into()],
            plan: Plan::Script(vec![Outcome::Success]),
            members: vec![],
            always: false,
            continue_on_error: false,
        }
    }

    /// A job that runs whatever became of the ones it needs, and fails if one of them did not succeed.
    pub fn gate(name: &str, needs: &[&str]) -> JobSpec {
        JobSpec { always: true, plan: Plan::Gate, ..JobSpec::new(name) }.needs(needs)
    }

    pub fn needs(mut self, needs: &[&str]) -> JobSpec {
        self.needs = needs.iter().copied().map(Arc::from).collect();
        self
    }

    pub fn matrix(mut self, size: u16) -> JobSpec {
        self.matrix = size;
        self
    }

    pub fn no_fail_fast(mut self) -> JobSpec {
        self.fail_fast = false;
        self
    }

    pub fn steps(mut self, steps: &[&str]) -> JobSpec {
        self.steps = steps.iter().copied().map(Arc::from).collect();
        self
    }

    pub fn duration(mut self, duration: Millis) -> JobSpec {
        self.duration = duration;
        self
    }

    pub fn spread(mut self, spread: Millis) -> JobSpec {
        self.spread = spread;
        self
    }

    pub fn labels(mut self, labels: &[&str]) -> JobSpec {
        self.labels = labels.iter().copied().map(Arc::from).collect();
        self
    }

    pub fn always(mut self) -> JobSpec {
        self.always = true;
        self
    }

    pub fn continue_on_error(mut self) -> JobSpec {
        self.continue_on_error = true;
        self
    }

    pub fn plan(mut self, plan: Plan) -> JobSpec {
        self.plan = plan;
        self
    }

    /// Ends so, by attempt; the last repeats.
    pub fn script(self, outcomes: impl Into<Vec<Outcome>>) -> JobSpec {
        self.plan(Plan::Script(outcomes.into()))
    }

    /// Fails at "Run tests" in the first `times` attempts, then passes.
    pub fn fails(self, times: u32) -> JobSpec {
        self.ends_first(times, Outcome::failure("Run tests"))
    }

    pub fn always_fails(self) -> JobSpec {
        self.script([Outcome::failure("Run tests")])
    }

    /// Loses a hosted runner in the first `times` attempts, then passes.
    pub fn loses_runner(self, times: u32) -> JobSpec {
        self.ends_first(times, Outcome::LostRunner(super::LostRunner::Hosted))
    }

    /// Ends with `outcome` in the first `times` attempts, then passes.
    pub fn ends_first(self, times: u32, outcome: Outcome) -> JobSpec {
        let mut outcomes = vec![outcome; times as usize];
        outcomes.push(Outcome::Success);
        self.script(outcomes)
    }

    /// Fails at "Run tests" with this probability, in every attempt anew.
    pub fn flaky(self, probability: f64) -> JobSpec {
        self.plan(Plan::Flaky { probability, failure: Outcome::failure("Run tests") })
    }

    /// A plan of its own for one member of the matrix, counted from 1.
    pub fn member(mut self, member: u16, plan: Plan) -> JobSpec {
        self.members.push((member, plan));
        self
    }

    /// Member `member` of the matrix fails in the first `times` attempts.
    pub fn member_fails(self, member: u16, times: u32) -> JobSpec {
        let Plan::Script(script) = JobSpec::new("").fails(times).plan else { unreachable!("fails() sets a script") };
        self.member(member, Plan::Script(script))
    }

    /// `None` if the job must look at what it needs: a gate.
    pub(super) fn outcome(&self, seed: u64, run: RunId, name: &str, member: u16, attempt: u32) -> Option<Outcome> {
        let own = self.members.iter().find(|(number, _)| *number == member).map(|(_, plan)| plan);
        match own.unwrap_or(&self.plan) {
            Plan::Script(outcomes) => Some(nth_or_last(outcomes, attempt).cloned().unwrap_or(Outcome::Success)),
            Plan::Flaky { probability, failure } => {
                let chance = fraction(mix(&[seed, run.0, text(name), u64::from(attempt)]));
                Some(if chance < *probability { failure.clone() } else { Outcome::Success })
            }
            Plan::Gate => None,
        }
    }

    pub(super) fn takes(&self, seed: u64, run: RunId, name: &str, attempt: u32) -> Millis {
        if self.spread == 0 {
            return self.duration;
        }
        // "spread" keeps this chance apart from the one that decides the outcome.
        self.duration + mix(&[seed, run.0, text(name), u64::from(attempt), text("spread")]) % (self.spread + 1)
    }
}

fn nth_or_last<T>(script: &[T], attempt: u32) -> Option<&T> {
    script.get(attempt as usize - 1).or(script.last())
}
