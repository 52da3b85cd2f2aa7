//! Evidence for one decision, collected call by call. Pure, and only ever in memory: logs are not stored, and after a
//! crash it is collected anew.
//!
//! What GitHub does not have is not always absent: its lists are behind for some seconds after a run has ended, and large
//! pages of large lists fail where smaller ones do not. So smaller pages are tried at once, and what is missing is remembered
//! ([`EvidenceCollector::missing`]): the decision that goes by it is made only after it was asked for again.

use std::collections::BTreeMap;

use crate::github::calls::EVIDENCE_PER_PAGE;
use crate::github::calls::annotations::Annotation;
use crate::github::calls::pull_requests::{Head, PULL_PAGES};
use crate::github::{self, Call, Page, Response};
use crate::names::{Conclusion, JobId};
use crate::policy::BaseOf;
use crate::policy::evidence::{Evidence, Fetched, Job, Need, Pulls, beyond_budget};
use crate::policy::run::{PullRequest, Run};
use crate::time::{Millis, Span};

use super::subrequests;
use super::tracked_run::Begun;

/// A matrix has up to 256 jobs, and a run a thousand.
const JOBS: usize = 1_000;
const ANNOTATIONS: usize = 300;
/// After this many crashes while evidence was collected, an attempt is decided without the largest evidence, and after some more
/// without any.
const DEATHS: u32 = 2;
const DEATHS_OF_JOBS: u32 = 4;
/// How long a read of the run may be acted on. GitHub's call does not say which attempt it means.
const FRESH: Span = Span::seconds(5);
/// How long a list of jobs that lags behind the run is asked for again.
const BEHIND_FOR: Span = Span::minutes(1);
/// What GitHub says that it does not have is asked for again for so long.
const NOT_YET_FOR: Span = Span::seconds(10);
/// What was read of pull requests holds for so long: as long as reading the run once more can take, and some.
const PULLS_FRESH: Span = Span::seconds(30);

#[derive(Debug)]
pub struct EvidenceCollector {
    pub run: Run,
    /// When the run was read to be so.
    read: Millis,
    pub evidence: Evidence,
    asked: Option<Call>,
    requests: u32,
    /// How often the object died before while evidence of this attempt was collected. `None`: nothing was asked for yet.
    deaths: Option<u32>,
    /// Of the pages so far.
    jobs: Vec<Job>,
    annotations: Vec<Annotation>,
    /// What GitHub may have later.
    pub missing: BTreeMap<Need, Missing>,
    pulls: Vec<PullRequest>,
    /// When they were read.
    pulls_read: Millis,
    /// Whether they were asked for only so that a comment can be written.
    pub pull_is_for_comment: bool,
    /// The repository's, if it was read before.
    pub default_branch: Option<String>,
    /// The run on the base branch that is looked for.
    pub base_of: Option<BaseOf>,
}

/// Something that GitHub may only not have yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// How long it is waited for.
    pub lasts: Span,
    /// Whether it is waited for even if the policy goes by nothing but the run.
    pub always: bool,
}

/// What came of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Collected {
    /// There is a further page.
    Ask(Call),
    /// What was asked for is known, or known to be absent.
    Had,
    Failed(github::Error),
    /// Nobody waits for it any more.
    Stray,
}

impl EvidenceCollector {
    pub fn new(run: Run, now: Millis) -> Self {
        Self {
            run,
            read: now,
            evidence: Evidence::default(),
            asked: None,
            requests: 0,
            deaths: None,
            jobs: Vec::new(),
            annotations: Vec::new(),
            missing: BTreeMap::new(),
            pulls: Vec::new(),
            pulls_read: now,
            pull_is_for_comment: false,
            default_branch: None,
            base_of: None,
        }
    }

    /// The run was read again. What was collected stands, if it was of this attempt and the attempt had ended.
    pub fn read_again(self, run: Run, now: Millis) -> Self {
        let same = (self.run.run_attempt, self.run.conclusion) == (run.run_attempt, run.conclusion);
        if same {
            return Self { run, read: now, ..self };
        }
        let deaths = self.deaths.filter(|_| self.run.run_attempt == run.run_attempt);
        Self { deaths, ..Self::new(run, now) }
    }

    pub fn is_fresh(&self, now: Millis) -> bool {
        now - self.read <= FRESH
    }

    /// The name of the run's workflow, if anything that was read says it.
    pub fn workflow(&self) -> Option<&str> {
        match (&self.evidence.workflow, &self.evidence.jobs) {
            (Fetched::Present(name), _) => Some(name),
            (_, Fetched::Present(jobs)) => jobs.iter().find_map(|job| job.workflow.as_deref()),
            _ => None,
        }
    }

    /// A pull request can be closed, or pushed to, at any time.
    pub fn forget_old_pulls(&mut self, now: Millis) {
        if now - self.pulls_read > PULLS_FRESH {
            self.evidence.pulls = Fetched::NotYet;
        }
    }

    /// The call for what a decision needs. `None`: it is known by now, if only that it is not to be had.
    ///
    /// `begun` is what is stored of it, for the row that is stored before the call is made.
    pub fn ask(&mut self, need: Need, begun: &mut Option<Begun>, now: Millis) -> Option<Call> {
        let deaths = *self.deaths.get_or_insert_with(|| {
            let run_attempt = self.run.run_attempt;
            let deaths = begun.filter(|begun| begun.run_attempt == run_attempt).map_or(0, |begun| begun.times);
            *begun = Some(Begun { run_attempt, times: deaths.saturating_add(1) });
            deaths
        });
        let (run_id, per_page) = (self.run.run_id, EVIDENCE_PER_PAGE);
        let call = match need {
            Need::Workflow(workflow_id) => Call::ReadWorkflow { run_id, workflow_id },
            Need::Jobs => Call::ListJobs { run_id, run_attempt: self.run.run_attempt, per_page, page: 1 },
            Need::Annotations(job_id) => Call::ListAnnotations { run_id, job_id, per_page, page: 1 },
            Need::Log(job_id) => Call::ReadLog { run_id, job_id },
            Need::Base => self.ask_for_base()?,
            // Not of GitHub.
            Need::RescueRate(_) => return None,
            Need::Pulls { .. } => return self.ask_for_pulls(now),
        };
        if matches!(call, Call::ListPulls { .. }) {
            return self.ask_for_pulls(now);
        }
        self.jobs.clear();
        self.annotations.clear();
        let may_kill = matches!(need, Need::Annotations(_) | Need::Log(_));
        if (may_kill && deaths >= DEATHS) || (need == Need::Jobs && deaths >= DEATHS_OF_JOBS) {
            self.absent(&call, format!("not read: the Worker crashed {deaths} times while collecting evidence"));
            return None;
        }
        if may_kill && self.evidence.searched.is_spent() {
            self.absent(&call, beyond_budget());
            return None;
        }
        if self.requests + call.requests() > subrequests::EVIDENCE {
            self.absent(&call, too_many_requests());
            return None;
        }
        Some(self.call(call))
    }

    /// However much was asked for before: nothing is re-run without.
    fn ask_for_pulls(&mut self, now: Millis) -> Option<Call> {
        self.pulls.clear();
        self.pulls_read = now;
        match Head::of(&self.run) {
            Ok(head) => Some(self.call(Call::ListPulls { run_id: self.run.run_id, head, page: 1 })),
            Err(why) => {
                self.evidence.pulls = Fetched::Absent(why.to_owned());
                None
            }
        }
    }

    /// Whether it was asked for, and answered.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Workflow(_) => self.evidence.workflow != Fetched::NotYet,
            Need::Jobs => self.evidence.jobs != Fetched::NotYet,
            Need::Annotations(job_id) => self.evidence.annotations.contains_key(&job_id),
            Need::Log(job_id) => self.evidence.logs.contains_key(&job_id),
            Need::RescueRate(job_id) => self.evidence.rescue_rates.contains_key(&job_id),
            Need::Base => self.evidence.base != Fetched::NotYet,
            Need::Pulls { .. } => self.evidence.pulls != Fetched::NotYet,
        }
    }

    fn call(&mut self, call: Call) -> Call {
        self.requests += call.requests();
        self.asked = Some(call.clone());
        call
    }

    pub fn take(&mut self, call: &Call, response: Response) -> Collected {
        if self.asked.take_if(|asked| asked == call).is_none() {
            return Collected::Stray;
        }
        let (Ok(taken) | Err(taken)) = self.took(call, response);
        taken
    }

    fn took(&mut self, call: &Call, response: Response) -> Result<Collected, Collected> {
        match (call, response) {
            (Call::ListJobs { .. }, Response::Jobs(found)) => {
                let page = self.found(call, found)?;
                Ok(self.jobs_page(call, page))
            }
            (Call::ListAnnotations { job_id, .. }, Response::Annotations(found)) => {
                let page = self.found(call, found)?;
                Ok(self.annotations_page(call, *job_id, page))
            }
            (Call::ReadLog { job_id, .. }, Response::Log(found)) => {
                let tail = self.found(call, found)?;
                self.evidence.logs.insert(*job_id, Fetched::Present(tail));
                Ok(Collected::Had)
            }
            (Call::ReadDefaultBranch { .. }, Response::DefaultBranch(found)) => {
                self.default_branch = Some(self.found(call, found)?);
                Ok(self.ask_for_base().map_or(Collected::Had, |next| self.ask_next(next)))
            }
            (Call::ListBaseRuns { per_page, .. }, Response::BaseRuns(found)) => {
                let runs = self.found(call, found)?;
                Ok(self.base_runs(&runs, *per_page))
            }
            (Call::ListBaseJobs { base_run_id, .. }, Response::Jobs(found)) => {
                let page = self.found(call, found)?;
                self.base_jobs(*base_run_id, page);
                Ok(Collected::Had)
            }
            (Call::ReadWorkflow { .. }, Response::Workflow(found)) => {
                self.evidence.workflow = Fetched::Present(self.found(call, found)?);
                Ok(Collected::Had)
            }
            (Call::ListPulls { .. }, Response::Pulls(found)) => {
                let page = self.found(call, found)?;
                Ok(self.pulls_page(call, page))
            }
            _ => Ok(Collected::Stray),
        }
    }

    /// What is there; or what follows from that it is not.
    fn found<T>(&mut self, call: &Call, result: Result<T, github::Error>) -> Result<T, Collected> {
        use github::Error as E;
        result.map_err(|error| {
            match (&error, call.in_smaller_pages().filter(|_| self.requests < subrequests::EVIDENCE)) {
                (E::Inconclusive { .. } | E::TooLarge { .. }, Some(smaller)) => {
                    self.jobs.clear();
                    self.annotations.clear();
                    Collected::Ask(self.call(smaller))
                }
                (E::NotFound, _) => {
                    self.is_missing(call, NOT_YET_FOR);
                    self.absent(call, "GitHub has none (404)".to_owned())
                }
                // Somebody's long texts are no outage.
                (E::TooLarge { .. }, None) | (E::Refused { .. } | E::UnclearRefusal { .. }, _) => {
                    self.absent(call, error.to_string())
                }
                (E::Inconclusive { .. }, None)
                | (
                    E::RateLimited { .. } | E::ContentLimited { .. } | E::Credentials { .. } | E::Repository { .. },
                    _,
                ) => Collected::Failed(error),
            }
        })
    }

    fn pulls_page(&mut self, call: &Call, listed: Page<PullRequest>) -> Collected {
        self.pulls.extend(listed.items);
        if listed.full
            && let Call::ListPulls { run_id, head, page } = call
            && *page < PULL_PAGES
        {
            return Collected::Ask(self.call(Call::ListPulls { run_id: *run_id, head: head.clone(), page: page + 1 }));
        }
        self.evidence.pulls = Fetched::Present(Pulls { all: std::mem::take(&mut self.pulls), complete: !listed.full });
        Collected::Had
    }

    /// Within what one decision may ask for.
    pub(super) fn ask_next(&mut self, call: Call) -> Collected {
        if self.requests + call.requests() > subrequests::EVIDENCE {
            return self.absent(&call, too_many_requests());
        }
        Collected::Ask(self.call(call))
    }

    fn jobs_page(&mut self, call: &Call, listed: Page<Job>) -> Collected {
        let Page { items, full, total } = listed;
        self.jobs.extend(items);
        let more = full && self.jobs.len() < JOBS;
        if let Some(next) = call.next_page().filter(|_| more && self.requests < subrequests::EVIDENCE) {
            return Collected::Ask(self.call(next));
        }
        let jobs = std::mem::take(&mut self.jobs);
        let (has, total) = (jobs.len(), total.and_then(|total| usize::try_from(total).ok()));
        let any = |of: fn(&Job) -> bool| jobs.iter().any(of);
        if any(|job| job.conclusion.is_none()) {
            // A job that never says that it has ended is no failed one.
            self.missing.insert(Need::Jobs, Missing { lasts: BEHIND_FOR, always: true });
            self.evidence.jobs_cut = Some("GitHub says that some are still running".to_owned());
        } else if full {
            self.evidence.jobs_cut = Some(format!("there are more than the {has} that were read"));
        } else if let Some(total) = total.filter(|total| *total > has) {
            self.is_missing(call, BEHIND_FOR);
            self.evidence.jobs_cut = Some(format!("GitHub counts {total}, but lists {has}"));
        } else if !any(|job| job.conclusion.is_some_and(did_not_pass)) {
            self.is_missing(call, BEHIND_FOR);
        }
        self.evidence.jobs = Fetched::Present(jobs);
        Collected::Had
    }

    fn annotations_page(&mut self, call: &Call, job_id: JobId, listed: Page<Annotation>) -> Collected {
        self.annotations.extend(listed.items);
        let more = listed.full && self.annotations.len() < ANNOTATIONS;
        if let Some(next) = call.next_page().filter(|_| more && self.requests < subrequests::EVIDENCE) {
            return Collected::Ask(self.call(next));
        }
        let annotations = std::mem::take(&mut self.annotations);
        if listed.full {
            let has = annotations.len();
            self.evidence.annotations_cut.insert(job_id, format!("there are more than the {has} that were read"));
        }
        // Nearly every job that fails has one.
        if annotations.is_empty() {
            self.is_missing(call, NOT_YET_FOR);
        }
        if annotations.iter().any(|annotation| annotation.at_source) {
            self.evidence.source_annotations.insert(job_id);
        }
        let messages = annotations.into_iter().map(|annotation| annotation.message).collect();
        self.evidence.annotations.insert(job_id, Fetched::Present(messages));
        Collected::Had
    }

    fn is_missing(&mut self, call: &Call, lasts: Span) {
        if let Some(need) = need(call) {
            self.missing.insert(need, Missing { lasts, always: false });
        }
    }

    /// The decision is to go on without what this call was for.
    pub fn absent(&mut self, call: &Call, why: String) -> Collected {
        match call {
            Call::ReadWorkflow { .. } => self.evidence.workflow = Fetched::Absent(why),
            Call::ListJobs { .. } => self.evidence.jobs = Fetched::Absent(why),
            Call::ListAnnotations { job_id, .. } => {
                self.evidence.annotations.insert(*job_id, Fetched::Absent(why));
            }
            Call::ReadLog { job_id, .. } => {
                self.evidence.logs.insert(*job_id, Fetched::Absent(why));
            }
            Call::ListPulls { .. } => self.evidence.pulls = Fetched::Absent(why),
            call if call.is_about_base() => self.evidence.base = Fetched::Absent(why),
            _ => {}
        }
        Collected::Had
    }
}

fn too_many_requests() -> String {
    format!("not read: one decision makes at most {} requests", subrequests::EVIDENCE)
}

fn need(call: &Call) -> Option<Need> {
    match call {
        Call::ReadWorkflow { workflow_id, .. } => Some(Need::Workflow(*workflow_id)),
        Call::ListJobs { .. } => Some(Need::Jobs),
        Call::ListAnnotations { job_id, .. } => Some(Need::Annotations(*job_id)),
        Call::ReadLog { job_id, .. } => Some(Need::Log(*job_id)),
        _ => None,
    }
}

/// By one like this, a run can fail.
fn did_not_pass(conclusion: Conclusion) -> bool {
    !matches!(conclusion, Conclusion::Success | Conclusion::Skipped | Conclusion::Neutral)
}
