//! Evidence for one decision, gathered call by call. Pure, and only ever in memory: logs are not stored, and after a
//! crash it is gathered anew.

use crate::github::pulls::{Head, PULL_PAGES};
use crate::github::request::EVIDENCE_PER_PAGE;
use crate::github::{Call, Found, Page, Problem, PullRequest, Run};
use crate::names::JobId;
use crate::policy::evidence::{Evidence, Job, Need, Pulls, Read};
use crate::policy::search::{self, Automata};
use crate::time::{Millis, Span};

use super::Answer;

/// Requests for one decision at most, so that several fit into an alarm's 50 subrequests.
const REQUESTS: u32 = 25;
/// A matrix has up to 256 jobs, and a run a thousand.
const JOB_PAGES: u32 = 10;
const ANNOTATION_PAGES: u32 = 3;
/// What a run was read to be is acted on for so long. GitHub's call does not say which attempt it means.
const FRESH: Span = Span::seconds(5);
/// What was read of pull requests holds for so long: as long as reading the run once more can take, and some.
const PULLS_FRESH: Span = Span::seconds(30);

#[derive(Debug)]
pub struct Gathering {
    run: Run,
    /// When the run was read to be so.
    read: Millis,
    evidence: Evidence,
    asked: Option<Call>,
    requests: u32,
    /// Of the pages so far.
    jobs: Vec<Job>,
    messages: Vec<String>,
    pulls: Vec<PullRequest>,
    /// When they were read.
    pulls_read: Millis,
    /// GitHub's list of the jobs is older than what it says of the run.
    behind: bool,
}

/// What came of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// There is a further page.
    Ask(Call),
    /// What was asked for is known, or known to be absent.
    Had,
    Trouble(Problem),
    /// Nobody waits for it any more.
    Stray,
}

impl Gathering {
    pub fn new(run: Run, now: Millis) -> Self {
        Self {
            run,
            read: now,
            evidence: Evidence::default(),
            asked: None,
            requests: 0,
            jobs: Vec::new(),
            messages: Vec::new(),
            pulls: Vec::new(),
            pulls_read: now,
            behind: false,
        }
    }

    /// The run was read again. What was gathered stands, if it was of this attempt and the attempt had ended.
    pub fn read_again(self, run: Run, now: Millis) -> Self {
        let same = (self.run.run_attempt, self.run.conclusion) == (run.run_attempt, run.conclusion);
        if same { Self { run, read: now, ..self } } else { Self::new(run, now) }
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Looks for a policy's patterns in what was read.
    pub fn search(&mut self, automata: &Automata) {
        self.evidence.search(automata);
    }

    pub fn is_fresh(&self, now: Millis) -> bool {
        now - self.read <= FRESH
    }

    /// A pull request can be closed, or pushed to, at any time.
    pub fn forget_old_pulls(&mut self, now: Millis) {
        if now - self.pulls_read > PULLS_FRESH {
            self.evidence.pulls = Read::Unread;
        }
    }

    /// The call for what a decision needs. `None`: it is known by now, if only that it is not to be had.
    pub fn ask(&mut self, need: Need, now: Millis) -> Option<Call> {
        let run_id = self.run.run_id;
        let call = match need {
            Need::Jobs => {
                Call::ListJobs { run_id, run_attempt: self.run.run_attempt, per_page: EVIDENCE_PER_PAGE, page: 1 }
            }
            Need::Annotations(job_id) => Call::ListAnnotations { run_id, job_id, per_page: EVIDENCE_PER_PAGE, page: 1 },
            Need::Log(job_id) => Call::ReadLog { run_id, job_id },
            Need::Pulls { .. } => return self.ask_for_pulls(now),
        };
        self.jobs.clear();
        self.messages.clear();
        if self.evidence.searched.is_spent() && need != Need::Jobs {
            self.absent(&call, search::beyond());
            return None;
        }
        if self.requests + call.requests() > REQUESTS {
            self.absent(&call, format!("not asked for, as one decision makes at most {REQUESTS} requests"));
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
                self.evidence.pulls = Read::Absent(why.to_owned());
                None
            }
        }
    }

    /// Whether it was asked for, and answered.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Jobs => self.evidence.jobs != Read::Unread,
            Need::Annotations(job_id) => self.evidence.annotations.contains_key(&job_id),
            Need::Log(job_id) => self.evidence.logs.contains_key(&job_id),
            Need::Pulls { .. } => self.evidence.pulls != Read::Unread,
        }
    }

    fn call(&mut self, call: Call) -> Call {
        self.requests += call.requests();
        self.asked = Some(call.clone());
        call
    }

    pub fn take(&mut self, call: &Call, answer: Answer) -> Taken {
        if self.asked.take_if(|asked| asked == call).is_none() {
            return Taken::Stray;
        }
        match (call, answer) {
            (Call::ListJobs { run_id, run_attempt, per_page, page }, Answer::Jobs(found)) => {
                let (run_id, run_attempt, per_page) = (*run_id, *run_attempt, *per_page);
                let next = |page| Call::ListJobs { run_id, run_attempt, per_page, page };
                self.jobs_page(call, *page, found, next)
            }
            (Call::ListAnnotations { run_id, job_id, per_page, page }, Answer::Annotations(found)) => {
                let (run_id, job_id, per_page) = (*run_id, *job_id, *per_page);
                let next = |page| Call::ListAnnotations { run_id, job_id, per_page, page };
                self.annotations_page(call, job_id, *page, found, next)
            }
            (Call::ReadLog { job_id, .. }, Answer::Log(found)) => match found {
                Found::There(tail) => {
                    self.evidence.logs.insert(*job_id, Read::There(tail));
                    Taken::Had
                }
                Found::Absent(why) => self.absent(call, why),
                Found::Problem(problem) => Taken::Trouble(problem),
            },
            (Call::ListPulls { page, .. }, Answer::Pulls(found)) => self.pulls_page(call, *page, found),
            _ => Taken::Stray,
        }
    }

    fn pulls_page(&mut self, call: &Call, page: u32, found: Found<Page<PullRequest>>) -> Taken {
        let listed = match found {
            Found::There(listed) => listed,
            Found::Absent(why) => return self.absent(call, why),
            Found::Problem(problem) => return Taken::Trouble(problem),
        };
        self.pulls.extend(listed.items);
        if listed.full
            && page < PULL_PAGES
            && let Call::ListPulls { run_id, head, .. } = call
        {
            return Taken::Ask(self.call(Call::ListPulls { run_id: *run_id, head: head.clone(), page: page + 1 }));
        }
        self.evidence.pulls = Read::There(Pulls { all: std::mem::take(&mut self.pulls), complete: !listed.full });
        Taken::Had
    }

    fn jobs_page(&mut self, call: &Call, page: u32, found: Found<Page<Job>>, next: impl Fn(u32) -> Call) -> Taken {
        let listed = match found {
            Found::There(listed) => listed,
            Found::Absent(why) => return self.absent(call, why),
            Found::Problem(problem) => return Taken::Trouble(problem),
        };
        self.jobs.extend(listed.items);
        if listed.full && page < JOB_PAGES && self.requests < REQUESTS {
            return Taken::Ask(self.call(next(page + 1)));
        }
        self.behind = self.jobs.iter().any(|job| job.conclusion.is_none());
        if self.behind {
            return Taken::Trouble(Problem::Lost { what: "its list of the jobs is behind the run".to_owned() });
        }
        self.evidence.jobs = Read::There(std::mem::take(&mut self.jobs));
        Taken::Had
    }

    fn annotations_page(
        &mut self,
        call: &Call,
        job_id: JobId,
        page: u32,
        found: Found<Page<String>>,
        next: impl Fn(u32) -> Call,
    ) -> Taken {
        let listed = match found {
            Found::There(listed) => listed,
            Found::Absent(why) => return self.absent(call, why),
            Found::Problem(problem) => return Taken::Trouble(problem),
        };
        self.messages.extend(listed.items);
        if listed.full && page < ANNOTATION_PAGES && self.requests < REQUESTS {
            return Taken::Ask(self.call(next(page + 1)));
        }
        self.evidence.annotations.insert(job_id, Read::There(std::mem::take(&mut self.messages)));
        Taken::Had
    }

    /// The decision is to go on without what this call was for.
    pub fn do_without(&mut self, call: &Call, why: String) {
        if self.behind && matches!(call, Call::ListJobs { .. }) {
            // A job that never says that it has ended is no failed one.
            self.evidence.jobs = Read::There(std::mem::take(&mut self.jobs));
            return;
        }
        self.absent(call, why);
    }

    fn absent(&mut self, call: &Call, why: String) -> Taken {
        match call {
            Call::ListJobs { .. } => self.evidence.jobs = Read::Absent(why),
            Call::ListAnnotations { job_id, .. } => {
                self.evidence.annotations.insert(*job_id, Read::Absent(why));
            }
            Call::ReadLog { job_id, .. } => {
                self.evidence.logs.insert(*job_id, Read::Absent(why));
            }
            Call::ListPulls { .. } => self.evidence.pulls = Read::Absent(why),
            _ => {}
        }
        Taken::Had
    }
}
