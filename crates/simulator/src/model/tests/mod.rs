//! Each rule of the model, as rows of a table.

mod access;
mod lists;
mod outages;
mod reads;
mod reruns;
mod runs;

use super::*;

pub const START: Millis = 1_764_000_000_000;
pub const DAY: Millis = 24 * 60 * 60 * 1_000;
pub const TOKEN: &str = "t";
pub const REPO: &str = "octo/widgets";

/// A GitHub with one repository and one token that may do everything.
pub struct Setting {
    pub github: GitHub,
    pub repository: RepositoryId,
    pub now: Millis,
}

impl Setting {
    pub fn new() -> Setting {
        let mut github = GitHub::new(1);
        github.set_timing(Timing { create_jobs: 1, queue: 2, conclude: 10 });
        github.add_token(TOKEN, Grant::full("rerunner-bot"));
        let repository = github.add_repository(REPO, START - DAY);
        Setting { github, repository, now: START }
    }

    #[track_caller]
    pub fn run(&mut self, workflow: Workflow) -> RunId {
        self.run_on(workflow, Trigger::push("main", "mona"))
    }

    #[track_caller]
    pub fn run_on(&mut self, workflow: Workflow, trigger: Trigger) -> RunId {
        let workflow = self.github.add_workflow(self.repository, workflow);
        self.github.start_run(self.repository, workflow, trigger, self.now)
    }

    pub fn pass(&mut self, time: Millis) {
        self.now += time;
        self.github.advance(self.now);
    }

    /// Until nothing is left to happen.
    pub fn settle(&mut self) {
        while let Some(at) = self.github.next_change_at() {
            self.now = self.now.max(at);
            self.github.advance(self.now);
        }
    }

    pub fn rerun_failed(&mut self, run: RunId) -> Result<(), ApiError> {
        self.github.rerun_failed_jobs(Caller::new(TOKEN), REPO, run, false, self.now)
    }

    pub fn conclusion(&self, run: RunId) -> Option<Conclusion> {
        self.github.snapshot(run).conclusion
    }

    /// `name=conclusion` of each job, sorted; `*` marks one that was copied.
    pub fn jobs(&self, run: RunId, attempt: u32) -> String {
        let jobs = &self.github.run(run).attempt(attempt).expect("the attempt").jobs;
        let mut jobs: Vec<String> = (jobs.iter())
            .map(|job| {
                let conclusion = job.conclusion().map_or("-", Conclusion::as_str);
                let copied = if job.ran_in == attempt { "" } else { "*" };
                format!("{}={conclusion}{copied}", job.name)
            })
            .collect();
        jobs.sort();
        jobs.join(" ")
    }
}

/// `kind.action` of each event, in order.
pub fn told(events: &[Event]) -> Vec<String> {
    (events.iter())
        .map(|event| {
            let job = event.job().map(|job| format!(" {}", job.name)).unwrap_or_default();
            format!("{}.{}{job}", event.kind().as_str(), event.action())
        })
        .collect()
}
