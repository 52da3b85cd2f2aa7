//! What a decision asks for, as it was to be known at that time: nothing of what came later.

use std::collections::BTreeMap;

use rerunner::github::calls::annotations::Annotation;
use rerunner::names::{JobId, RunAttempt, WorkflowId};
use rerunner::policy::catalogue::{Finding, Log, find};
use rerunner::policy::evidence::{BaseRun, EarlierAttempt, Evidence, Fetched, History, LogTail, Need, Pulls, WORK};
use rerunner::policy::run::{Origin, Run};
use rerunner::policy::{Decision, Detail, Policy, RerunSettings, Verdict, decide};
use rerunner::time::Millis;

use super::attempts::{PastAttempt, PastRun};
use super::bases::Bases;
use super::lists::Outline;
use super::rates::Rates;
use super::reader::{ANNOTATIONS, JOBS, Reader};

const OF_THE_PAST: &str = "not known of the past";

/// What is known of a repository's past.
pub struct Known<'a> {
    reader: &'a Reader,
    workflows: BTreeMap<WorkflowId, String>,
    /// The commits of a branch's runs for pull requests, oldest first.
    heads: BTreeMap<Branch, Vec<(Millis, String)>>,
    rates: Rates,
    bases: Bases<'a>,
    /// Known of the present alone.
    present: Option<Present>,
}

/// What is asked of GitHub about one run as it is now.
pub struct Present {
    pub pulls: Fetched<Pulls>,
    pub base: Fetched<BaseRun>,
}

/// Whose branch, and its name.
type Branch = (Option<String>, String);

impl<'a> Known<'a> {
    pub fn new(
        reader: &'a Reader,
        outlines: &'a [Outline],
        runs: &'a [PastRun],
        default_branch: Fetched<String>,
    ) -> Self {
        let mut workflows = BTreeMap::new();
        for attempt in runs.iter().flat_map(|run| &run.attempts) {
            let name = attempt.jobs.present().and_then(|jobs| jobs.iter().find_map(|job| job.workflow.clone()));
            if let Some((id, name)) = attempt.run.workflow_id.zip(name) {
                workflows.insert(id, name);
            }
        }
        let mut heads = BTreeMap::<Branch, Vec<(Millis, String)>>::new();
        for run in outlines.iter().map(|outline| &outline.run).filter(|run| run.is_of_pull_request()) {
            if let (Some(branch), Some(created)) = (branch(run), run.created) {
                heads.entry(branch).or_default().push((created, run.head_sha.clone()));
            }
        }
        heads.values_mut().for_each(|heads| heads.sort());
        let bases = Bases::new(outlines, runs, default_branch);
        Self { reader, workflows, heads, rates: Rates::new(runs), bases, present: None }
    }

    /// Of one run, as it is now.
    pub fn now(reader: &'a Reader, run: &'a PastRun, present: Present) -> Self {
        let unknown = Fetched::Absent(OF_THE_PAST.to_owned());
        Self { present: Some(present), ..Self::new(reader, &[], std::slice::from_ref(run), unknown) }
    }

    /// What its workflow is called.
    pub fn workflow(&self, run: &Run) -> String {
        let name = run.workflow_id.and_then(|id| self.workflows.get(&id).cloned());
        name.or_else(|| Some(run.path.as_deref()?.rsplit('/').next()?.to_owned()))
            .unwrap_or_else(|| "unknown".to_owned())
    }

    pub fn decide(
        &self,
        rerun_settings: &RerunSettings,
        policy: &Policy,
        attempt: &PastAttempt,
        history: &History,
        at: Millis,
    ) -> Decision {
        let run = self.run_then(&attempt.run, at);
        let mut evidence = Evidence::default();
        loop {
            match decide(rerun_settings, policy, &run, history, &evidence) {
                Verdict::Decision(decision) => return decision,
                Verdict::Need(need) => self.add(&mut evidence, need, attempt, &run, at),
            }
        }
    }

    /// What the same policy makes of the attempts before one, for a decision on it.
    pub fn earlier(
        &self,
        rerun_settings: &RerunSettings,
        policy: &Policy,
        run: &PastRun,
        before: RunAttempt,
    ) -> Vec<EarlierAttempt> {
        let mut earlier = Vec::new();
        for attempt in run.attempts.iter().filter(|attempt| attempt.run.run_attempt < before) {
            let history = History { attempts: earlier.clone(), ..History::default() };
            let at = attempt.ended.unwrap_or_default();
            let detail = match self.decide(rerun_settings, policy, attempt, &history, at) {
                Decision::Await => continue,
                Decision::Rerun(rerun) => rerun.detail,
                Decision::End(ending) => ending.detail,
            };
            earlier.push(earlier_attempt(attempt.run.run_attempt, detail));
        }
        earlier
    }

    fn add(&self, evidence: &mut Evidence, need: Need, attempt: &PastAttempt, run: &Run, at: Millis) {
        let absent = || OF_THE_PAST.to_owned();
        match need {
            Need::Workflow(id) => {
                let name = self.workflows.get(&id).cloned();
                evidence.workflow = name.map_or_else(|| Fetched::Absent(absent()), Fetched::Present);
            }
            Need::Jobs => {
                evidence.jobs = attempt.jobs.clone();
                let full = attempt.jobs.present().is_some_and(|jobs| jobs.len() >= JOBS);
                evidence.jobs_cut = full.then(|| format!("there are more than the {JOBS} that were read"));
            }
            Need::Annotations(job_id) => self.add_annotations(evidence, job_id),
            Need::Log(job_id) => {
                evidence.logs.insert(job_id, self.reader.kept_log(job_id));
            }
            Need::RescueRate(job_id) => {
                let rate = match self.present {
                    Some(_) => Fetched::Absent("only the Worker knows".to_owned()),
                    None => Fetched::Present(self.rates.at(attempt, job_id, at)),
                };
                evidence.rescue_rates.insert(job_id, rate);
            }
            Need::Base => {
                evidence.base = match &self.present {
                    Some(present) => present.base.clone(),
                    None => self.bases.of(run, at),
                };
            }
            Need::Pulls { .. } => {
                let pulls = self.present.as_ref().map(|present| present.pulls.clone());
                evidence.pulls = pulls.unwrap_or_else(|| Fetched::Absent(absent()));
            }
        }
    }

    fn add_annotations(&self, evidence: &mut Evidence, job_id: JobId) {
        let annotations = self.reader.kept_annotations(job_id);
        if let Fetched::Present(annotations) = &annotations {
            if annotations.len() >= ANNOTATIONS {
                let cut = format!("there are more than the {ANNOTATIONS} that were read");
                evidence.annotations_cut.insert(job_id, cut);
            }
            if annotations.iter().any(|annotation| annotation.at_source) {
                evidence.source_annotations.insert(job_id);
            }
        }
        evidence.annotations.insert(job_id, messages(annotations));
    }

    /// GitHub names the present heads of a run's pull requests; what counts is where the branch was then.
    fn run_then(&self, run: &Run, at: Millis) -> Run {
        let heads = branch(run).and_then(|branch| self.heads.get(&branch)).map(Vec::as_slice).unwrap_or_default();
        let head = heads.iter().rev().find(|(created, _)| *created <= at).map(|(_, head)| head.clone());
        let workflow = run.workflow_id.and_then(|id| self.workflows.get(&id).cloned());
        if self.present.is_some() {
            return Run { workflow, ..run.clone() };
        }
        Run { workflow, pull_request_heads: head.into_iter().collect(), ..run.clone() }
    }

    /// Why a job failed, by the catalogue.
    pub fn cause(&self, job_id: JobId) -> Cause {
        let (annotations, log) = (messages(self.reader.kept_annotations(job_id)), self.reader.kept_log(job_id));
        if annotations.present().is_none() && log.present().is_none() {
            return Cause::NotRead;
        }
        Cause::of(annotations.present().map_or(&[], Vec::as_slice), log.present())
    }
}

fn messages(annotations: Fetched<Vec<Annotation>>) -> Fetched<Vec<String>> {
    match annotations {
        Fetched::NotYet => Fetched::NotYet,
        Fetched::Absent(why) => Fetched::Absent(why),
        Fetched::Present(all) => Fetched::Present(all.into_iter().map(|annotation| annotation.message).collect()),
    }
}

pub fn earlier_attempt(run_attempt: RunAttempt, detail: Detail) -> EarlierAttempt {
    let Detail { fingerprint, partial_fingerprint, rules, .. } = detail;
    EarlierAttempt { run_attempt, fingerprint, partial: partial_fingerprint, rules }
}

/// What the catalogue says of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    Found(Finding),
    /// Nothing that it knows.
    Nothing,
    /// Neither its annotations nor its log are there.
    NotRead,
}

impl Cause {
    pub fn of(messages: &[String], log: Option<&LogTail>) -> Self {
        let empty = LogTail { first_line: 1, lines: Vec::new() };
        let log = log.unwrap_or(&empty);
        let mut left = WORK;
        // What takes more than that is not looked for by the Worker either.
        let found = find(messages, Log { first_line: log.first_line, lines: &log.lines }, &mut left);
        found.unwrap_or_default().map_or(Self::Nothing, Self::Found)
    }

    pub fn found(&self) -> Option<&Finding> {
        match self {
            Self::Found(finding) => Some(finding),
            Self::Nothing | Self::NotRead => None,
        }
    }

    /// For people: the entry, its class, and where it was found.
    pub fn in_words(&self) -> String {
        match self {
            Self::Found(Finding { id, class, line }) => {
                let kind = if class.is_infrastructure() { "infrastructure" } else { "a real failure" };
                let place = line.map_or_else(|| "an annotation".to_owned(), |line| format!("line {line} of its log"));
                format!("{id} ({}, {kind}), by {place}", class.as_str())
            }
            Self::Nothing => "nothing in the catalogue".to_owned(),
            Self::NotRead => "unknown: there are neither annotations nor a log".to_owned(),
        }
    }
}

fn branch(run: &Run) -> Option<Branch> {
    let whose = match &run.origin {
        Origin::Own => None,
        Origin::Fork(fork) => Some(fork.as_ref()?.name.key()),
    };
    Some((whose, run.head_branch.clone()?))
}

#[cfg(test)]
mod tests {
    use super::super::attempts::support::{attempt, job};
    use super::super::{Cache, Progress, Requests};
    use super::*;
    use rerunner::names::{Conclusion, RepoName};
    use rerunner::policy::RunOutcome;
    use rerunner::settings::Settings;

    const MINUTE: i64 = 60_000;

    fn reader() -> Reader {
        let settings = Settings::read(|name| (name == "GITHUB_TOKEN").then(|| "hush".to_owned()));
        let requests = Requests::new(&settings, 0, Progress::new(true)).unwrap();
        Reader::new(RepoName::parse("octo/widgets").unwrap(), Cache::memory(), requests)
    }

    fn failed(id: u64, head: &str, created: i64) -> PastAttempt {
        let ended = Millis((created + 10) * MINUTE);
        let jobs = vec![job(id * 10, "test", "Run tests", Conclusion::Failure)];
        let attempt = attempt(id, 1, Conclusion::Failure, ended, jobs);
        let run = Run {
            event: "pull_request".to_owned(),
            head_branch: Some("fix".to_owned()),
            head_sha: head.to_owned(),
            created: Some(Millis(created * MINUTE)),
            // GitHub names the present one.
            pull_request_heads: vec!["c".to_owned()],
            ..attempt.run
        };
        PastAttempt { run, ..attempt }
    }

    /// The pull request was pushed to at 30: that is not known at 20.
    #[test]
    fn what_came_later_is_not_known() {
        let reader = reader();
        let (first, second) = (failed(1, "a", 10), failed(2, "b", 30));
        let outline =
            |attempt: &PastAttempt| Outline { run: attempt.run.clone(), started: None, updated: attempt.ended };
        let outlines = [outline(&second), outline(&first)];
        let runs = [PastRun { attempts: vec![first] }];
        let known = Known::new(&reader, &outlines, &runs, Fetched::Present("main".to_owned()));
        let rerun_settings = RerunSettings::from(&Settings::read(|_| None));
        let (policy, history) = (Policy::default(), History::default());
        let at = |minute: i64| {
            let attempt = runs.first().unwrap().attempts.first().unwrap();
            match known.decide(&rerun_settings, &policy, attempt, &history, Millis(minute * MINUTE)) {
                Decision::Rerun(_) => None,
                Decision::End(ending) => Some(ending.outcome),
                Decision::Await => panic!(),
            }
        };
        assert_eq!((at(20), at(29), at(30)), (None, None, Some(RunOutcome::Superseded)));
    }

    #[test]
    fn causes_in_words() {
        let message = |text: &str| vec![text.to_owned()];
        let log = LogTail { first_line: 40, lines: vec!["ok".to_owned(), "npm error code ECONNRESET".to_owned()] };
        for (cause, words) in [
            (Cause::of(&[], Some(&log)), "npm-network (registry, infrastructure), by line 41 of its log"),
            (
                Cause::of(&message("The hosted runner: x lost communication with the server. Anything …"), None),
                "runner-lost (runner, infrastructure), by an annotation",
            ),
            (Cause::of(&message("Process completed with exit code 1."), None), "nothing in the catalogue"),
            (Cause::NotRead, "unknown: there are neither annotations nor a log"),
        ] {
            assert_eq!(cause.in_words(), words);
        }
    }
}
