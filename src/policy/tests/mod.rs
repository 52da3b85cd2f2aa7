//! Tables of what is decided, and properties that hold whatever is.

mod absent;
mod belonging;
mod causes;
mod decide;
mod extends;
mod file;
mod limits;
mod origins;
mod properties;
mod readme;
mod reasons;
mod schema;
mod superseded;
mod warnings;
mod workflows;

use super::evidence::{
    BaseRun, EarlierAttempt, Evidence, Fetched, History, Job, LogTail, Need, Pulls, RescueRate, Step,
};
use super::run::{Origin, Run};
use super::*;
use crate::names::{Conclusion, JobId, RunAttempt, RunId, WorkflowId};
use crate::settings::Settings;
use crate::time::{Millis, Span};

fn settings() -> RerunSettings {
    RerunSettings {
        excluded_actors: vec!["Dependabot[bot]".to_owned()],
        ..RerunSettings::from(&Settings::read(|_| None))
    }
}

pub fn policy(text: &str) -> Policy {
    parse(text, settings().max_reruns_ceiling).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

pub fn run(attempt: u32, conclusion: Conclusion) -> Run {
    Run {
        run_id: RunId::new(7).unwrap(),
        repository: None,
        run_attempt: RunAttempt::new(attempt).unwrap(),
        conclusion: Some(conclusion),
        workflow_id: WorkflowId::new(5),
        workflow: Some("CI".to_owned()),
        path: Some(".github/workflows/ci.yml".to_owned()),
        event: "push".to_owned(),
        head_branch: Some("main".to_owned()),
        head_sha: "aaa".to_owned(),
        head_commit: None,
        origin: Origin::Own,
        created: None,
        run_number: None,
        title: None,
        actors: vec!["ann".to_owned()],
        pull_request_heads: vec![],
        pull_request_base: None,
        pull_request: None,
    }
}

/// A job on ubuntu-latest that failed at `step` after a minute. Without a step: a runner that was lost during one.
pub fn job(id: u64, name: &str, step: &str) -> Job {
    let lost = step.is_empty();
    let second = if lost { ("Fetch", None) } else { (step, Some(Conclusion::Failure)) };
    let steps = [("Set up job", Some(Conclusion::Success)), second];
    Job {
        job_id: JobId::new(id).unwrap(),
        name: name.to_owned(),
        conclusion: Some(Conclusion::Failure),
        started: Some(Millis(0)),
        completed: Some(Millis(60_000)),
        runner: Some("GitHub Actions 4".to_owned()),
        labels: vec!["ubuntu-latest".to_owned()],
        steps: steps
            .into_iter()
            .map(|(name, conclusion)| Step { name: name.to_owned(), conclusion, going: conclusion.is_none() })
            .collect(),
        workflow: None,
    }
}

/// A failed run and everything that could be read of it.
#[derive(Debug, Clone)]
struct World {
    settings: RerunSettings,
    run: Run,
    workflow: Fetched<String>,
    jobs: Fetched<Vec<Job>>,
    annotations: Vec<(u64, Fetched<Vec<String>>)>,
    logs: Vec<(u64, Fetched<LogTail>)>,
    pulls: Fetched<Pulls>,
    base: Fetched<BaseRun>,
    rate: Fetched<RescueRate>,
    /// The jobs with annotations at a file of the repository.
    at_source: Vec<u64>,
    history: History,
}

/// The first attempt, in which these jobs failed.
fn failed(jobs: impl IntoIterator<Item = Job>) -> World {
    World {
        settings: settings(),
        run: run(1, Conclusion::Failure),
        workflow: Fetched::Absent("404".to_owned()),
        jobs: Fetched::Present(jobs.into_iter().collect()),
        annotations: vec![],
        logs: vec![],
        pulls: Fetched::Absent("404".to_owned()),
        base: Fetched::Absent("404".to_owned()),
        rate: Fetched::Absent("not counted".to_owned()),
        at_source: vec![],
        history: History::default(),
    }
}

impl World {
    fn attempt(mut self, attempt: u32) -> Self {
        self.run.run_attempt = RunAttempt::new(attempt).unwrap();
        self
    }

    fn annotated(mut self, job: u64, messages: &[&str]) -> Self {
        self.annotations.push((job, Fetched::Present(messages.iter().map(|&message| message.to_owned()).collect())));
        self
    }

    fn logged(mut self, job: u64, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        self.logs.push((job, Fetched::Present(LogTail { first_line: 101, lines })));
        self
    }

    /// What is decided once everything that was asked for is read, and what was asked for.
    fn decide(&self, policy: &Policy) -> (Decision, Vec<Need>) {
        let mut evidence = Evidence::default();
        let mut needs = Vec::new();
        loop {
            evidence.search(policy, &self.run);
            match super::decide(&self.settings, policy, &self.run, &self.history, &evidence) {
                Verdict::Decision(decision) => return (decision, needs),
                Verdict::Need(need) => {
                    assert!(!needs.contains(&need), "asked for twice: {need:?}");
                    needs.push(need);
                    self.read(need, &mut evidence);
                }
            }
        }
    }

    fn read(&self, need: Need, evidence: &mut Evidence) {
        let nothing = || "404".to_owned();
        match need {
            Need::Workflow(_) => evidence.workflow = self.workflow.clone(),
            Need::Jobs => evidence.jobs = self.jobs.clone(),
            Need::Annotations(job_id) => {
                let known = self.annotations.iter().find(|(id, _)| *id == job_id.get());
                let read = known.map_or_else(|| Fetched::Absent(nothing()), |(_, read)| read.clone());
                evidence.annotations.insert(job_id, read);
                evidence.source_annotations.extend(Some(job_id).filter(|_| self.at_source.contains(&job_id.get())));
            }
            Need::Log(job_id) => {
                let known = self.logs.iter().find(|(id, _)| *id == job_id.get());
                evidence
                    .logs
                    .insert(job_id, known.map_or_else(|| Fetched::Absent(nothing()), |(_, read)| read.clone()));
            }
            Need::RescueRate(job_id) => {
                evidence.rescue_rates.insert(job_id, self.rate.clone());
            }
            Need::Base => evidence.base = self.base.clone(),
            Need::Pulls { .. } => evidence.pulls = self.pulls.clone(),
        }
    }

    #[track_caller]
    fn reruns(&self, policy: &Policy) -> Rerun {
        match self.decide(policy).0 {
            Decision::Rerun(rerun) => rerun,
            other => panic!("{other:#?}"),
        }
    }

    #[track_caller]
    fn ends(&self, policy: &Policy) -> Ending {
        match self.decide(policy).0 {
            Decision::End(ending) => ending,
            other => panic!("{other:#?}"),
        }
    }

    /// The reason, of whatever was decided.
    #[track_caller]
    fn says(&self, policy: &Policy, expected: &str) {
        let reason = match self.decide(policy).0 {
            Decision::Rerun(rerun) => rerun.reason,
            Decision::End(ending) => ending.reason,
            Decision::Await => String::new(),
        };
        assert_eq!(reason, expected);
    }
}

/// A run of which nothing but itself is known, as without a token that reads jobs.
fn bare(attempt: u32, conclusion: Conclusion) -> World {
    World { run: run(attempt, conclusion), jobs: Fetched::Absent("HTTP 403".to_owned()), ..failed([]) }
}

#[track_caller]
fn ends(world: &World, text: &str, expected: RunOutcome) {
    let ending = world.ends(&policy(text));
    assert_eq!(ending.outcome, expected, "{}", ending.reason);
    assert!(ending.last_word);
}

#[track_caller]
fn reruns(world: &World, text: &str) -> Rerun {
    world.reruns(&policy(text))
}

fn earlier(attempts: &[(u32, Option<&str>, &[&str])]) -> History {
    let attempt = |(attempt, fingerprint, rules): &(u32, Option<&str>, &[&str])| EarlierAttempt {
        run_attempt: RunAttempt::new(*attempt).unwrap(),
        fingerprint: fingerprint.map(str::to_owned),
        partial: false,
        rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
    };
    History { attempts: attempts.iter().map(attempt).collect(), ..History::default() }
}
