//! A small organization whose workflows fail now and then, for demonstrations: durations are of seconds, so that a
//! minute shows all that can happen.

use std::time::Duration;

use crate::facade::{Repository, Run, SimulatedGitHub};
use crate::model::{JobSpec, LostRunner, Outcome, Plan, Trigger, Workflow, mix};

/// The organization's repositories, and what starts in them.
#[derive(Debug)]
pub struct Organization {
    repositories: Vec<Repository>,
    seed: u64,
    started: u64,
}

const ACTORS: [&str; 6] = ["mona", "hubot", "ada", "grace", "linus", "dependabot[bot]"];
const BRANCHES: [&str; 4] = ["main", "fix/half-open-socket", "feature/retry-budget", "release/2.4"];

/// Fills a simulated GitHub with the organization `acme`. Starts nothing yet.
pub async fn fill(github: &SimulatedGitHub, seed: u64) -> Organization {
    let mut repositories = vec![];
    for name in ["acme/website", "acme/database", "acme/compiler", "acme/handbook"] {
        let repository = github.repository(name).await;
        // Numbers 1 and 2 in every repository; the second is a fork's.
        repository.pull_request("feature/dark-mode", "ada").await;
        repository.pull_request_from_fork("typo", "passer-by").await;
        repositories.push(repository);
    }
    Organization { repositories, seed, started: 0 }
}

impl Organization {
    pub fn repositories(&self) -> &[Repository] {
        &self.repositories
    }

    /// Starts the next run: which workflow, by whom and on what follows from the seed.
    pub async fn start_next(&mut self) -> Run {
        let number = self.started;
        self.started += 1;
        let pick = |of: u64, among: usize| (mix(&[self.seed, number, of]) % among as u64) as usize;
        // One after the other, so that each is seen soon.
        let shown = number as usize % WORKFLOWS.len();
        let (repository, workflow) = WORKFLOWS[shown];
        let actor = ACTORS[pick(1, ACTORS.len())];
        let trigger = match pick(2, 3) {
            0 => Trigger::pull_request(pick(3, 2) as u64 + 1, actor),
            _ => Trigger::push(BRANCHES[pick(4, BRANCHES.len())], actor),
        };
        let repository = &self.repositories[repository];
        match trigger.pull_request {
            Some(number) => repository.push_to_pull_request(number).await,
            None => repository.push(&trigger.branch).await,
        };
        repository.run_on(workflow(), trigger).await
    }

    /// Starts a run every so often, for ever.
    pub async fn keep_starting(&mut self, every: Duration) {
        let mut interval = tokio::time::interval(every);
        loop {
            interval.tick().await;
            self.start_next().await;
        }
    }
}

/// A repository by its number, and a workflow of it.
type Shown = (usize, fn() -> Workflow);

const WORKFLOWS: [Shown; 7] = [
    (0, website_tests),
    (1, database_integration),
    (2, compiler_matrix),
    (3, handbook),
    (0, website_deploy),
    (1, database_broken),
    (2, compiler_runners),
];

/// A flaky browser test.
fn website_tests() -> Workflow {
    let failure = Outcome::failure_with(
        "Run browser tests",
        1,
        "  1) checkout › pays with a saved card\n     Timeout of 30000ms exceeded\nError: 1 failed, 211 passed",
    );
    let steps = ["Set up job", "Run actions/checkout@v5", "Install", "Run browser tests", "Complete job"];
    let browser = JobSpec::new("browser tests").steps(&steps).duration(2_000).spread(1_500);
    Workflow::new("tests")
        .job(JobSpec::new("lint").duration(1_000))
        .job(browser.plan(Plan::Flaky { probability: 0.5, failure }))
        .job(JobSpec::gate("all-green", &["lint", "browser tests"]).duration(300))
}

/// Mostly green, sometimes a mirror that is out of reach.
fn website_deploy() -> Workflow {
    let failure = Outcome::failure_with("Install", 1, "npm ERR! code ECONNRESET\nnpm ERR! network aborted");
    let build = JobSpec::new("build").steps(&["Set up job", "Run actions/checkout@v5", "Install", "Build"]);
    Workflow::new("preview")
        .job(build.duration(1_500).spread(500).plan(Plan::Flaky { probability: 0.4, failure }))
        .job(JobSpec::new("publish").needs(&["build"]).duration(1_000))
}

/// Self-hosted runners that vanish.
fn database_integration() -> Workflow {
    let lost = |probability| Plan::Flaky { probability, failure: Outcome::LostRunner(LostRunner::SelfHosted) };
    let job = |name| JobSpec::new(name).labels(&["self-hosted", "linux", "big"]).duration(2_500).spread(1_500);
    Workflow::new("integration").job(job("replication").plan(lost(0.4))).job(job("recovery").plan(lost(0.2)))
}

/// A real failure: re-running it does not help.
fn database_broken() -> Workflow {
    let failure =
        Outcome::failure_with("Run tests", 101, "thread 'wal::truncate' panicked\nassertion failed: lsn < end");
    Workflow::new("unit").job(JobSpec::new("unit").duration(1_200).script([failure]))
}

/// Forty jobs, some of which fail by chance.
fn compiler_matrix() -> Workflow {
    let tests = JobSpec::new("test").needs(&["build"]).matrix(40).no_fail_fast();
    Workflow::new("matrix")
        .job(JobSpec::new("build").duration(1_000))
        .job(tests.duration(1_000).spread(3_000).flaky(0.03))
}

/// A runner that is told to shut down, once.
fn compiler_runners() -> Workflow {
    Workflow::new("nightly")
        .job(JobSpec::new("bench").duration(2_000).ends_first(1, Outcome::LostRunner(LostRunner::ShutDown)))
}

/// Always green.
fn handbook() -> Workflow {
    Workflow::new("docs").job(JobSpec::new("build").duration(1_000).spread(500))
}
