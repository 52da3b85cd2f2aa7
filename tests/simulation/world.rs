//! The world of one schedule: virtual time, the model of GitHub, and everything that can go wrong between it and the
//! Keepers. What happens next is decided by the seed alone.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::rc::Rc;

use percent_encoding::percent_decode_str;
use rerunner::github::answer::{Reply, ReplyHeaders};
use rerunner::github::comments::Author;
use rerunner::github::pulls::PULLS_PER_PAGE;
use rerunner::github::request::Failing;
use rerunner::github::{
    Call, CommentCall, Commented, Found, ListAnswer, Page, PolicyAnswer, Problem, ReadAnswer, RepositoryAnswer,
    RerunAnswer,
};
use rerunner::keeper::Answer;
use rerunner::keeper::attempts::Attempts;
use rerunner::keeper::tasks::comment::{Comment, MARK};
use rerunner::keeper::{state_machine::QUIET, state_machine::Record};
use rerunner::names::{DeliveryId, RunId};
use rerunner::policy::Scope;
use rerunner::time::{Millis, Span};
use rerunner::webhook::event::RunEvent;
use simulator::model::{self, Caller, Contents, CreatedFilter, GitHub, PullsQuery, RunsQuery};

use crate::faults::Faults;
use crate::settings::{self, Deployed};
use crate::told::Post;
use crate::words::{
    describe, error_reply, from_model, http_date, job_of, listed_of, page_of, pull_of, run_of, status_reply, tail_of,
    to_model,
};

pub const TOKEN: &str = "the-token";
const TIME_OUT: Span = Span::seconds(10);
/// A re-run is asked for within so long after its pull request was read.
const PULLS_HOLD: Span = Span::seconds(31);

pub type Shared = Rc<RefCell<World>>;

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub enum Event {
    /// The model of GitHub has something to do.
    GitHub,
    /// A webhook arrives at the Worker. `tries`: how often it was refused before.
    Webhook {
        repository: usize,
        event: RunEvent,
        tries: u32,
    },
    Alarm {
        repository: usize,
        generation: u64,
    },
    /// A call reaches GitHub.
    Reach {
        call: usize,
    },
    /// Its answer, or the time-out, reaches the Keeper.
    Return {
        call: usize,
    },
    /// Something that the Keeper waited for, other than GitHub.
    Wake {
        call: usize,
    },
    StartRun {
        repository: usize,
    },
    Person {
        repository: usize,
    },
    Push {
        repository: usize,
        pull: u64,
    },
    /// Somebody closes a pull request, or merges it.
    Close {
        repository: usize,
        pull: u64,
        merged: bool,
    },
    /// Somebody changes the policy file; `None` removes it.
    WritePolicy {
        repository: usize,
        path: &'static str,
        text: Option<&'static str>,
    },
    /// Somebody pauses the repository, or resumes it.
    Pause {
        repository: usize,
        paused: bool,
    },
    RevokeToken,
    RestoreToken,
    /// The Worker is deployed anew, perhaps with other settings.
    Deploy {
        settings: Option<Box<Deployed>>,
    },
    /// A message to people arrives where it was sent to, or does not.
    Arrive {
        post: usize,
    },
    /// Who sent it is told what became of it.
    Told {
        post: usize,
        taken: bool,
    },
    /// From here on nothing goes wrong any more.
    Heal,
}

pub struct World {
    pub now: Millis,
    pub random: fastrand::Rng,
    pub github: GitHub,
    pub repositories: Vec<String>,
    pub faults: Faults,
    pub healed: bool,
    queue: BinaryHeap<Reverse<(Millis, u64, usize)>>,
    events: Vec<Option<Event>>,
    github_wakes: Option<Millis>,
    pub calls: Vec<PendingCall>,
    /// Workers KV: what can be read there.
    pub kv: BTreeMap<(usize, RunId), Attempts>,
    pub alarms: Vec<Alarm>,
    /// Webhooks that were sent and have not arrived.
    pub on_the_way: usize,
    /// Until when each repository was told not to call.
    pub told_to_wait: HashMap<usize, Millis>,
    /// Calls before this one were made by a machine that is gone: nobody hears their answers.
    pub heard_from: HashMap<usize, usize>,
    /// Runs that GitHub will never re-run, whatever is asked.
    pub never: std::collections::BTreeSet<u64>,
    pub clock_skew: Vec<i64>,
    /// What the Keepers asked for, and when by their clocks.
    pub asked: Vec<Asked>,
    /// Requests that each Keeper has made since its alarm went off.
    pub requests: HashMap<usize, u32>,
    /// Repositories of which Workers KV says that their policies re-run what was cancelled.
    pub wants_cancelled: std::collections::BTreeSet<usize>,
    pub faults_seen: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
    /// What GitHub last said of a run's pull request, and when: whether the run is still of what it is.
    pub pulls_read: BTreeMap<(usize, RunId), (Millis, bool)>,
    /// Runs that may not be re-run unless GitHub has just said so.
    pub of_pulls: BTreeSet<RunId>,
    /// The head of each run's pull request when the run began.
    pub started_at: HashMap<model::RunId, model::Sha>,
    /// Repositories in which no re-run may be called for.
    pub paused: BTreeSet<usize>,
    /// By how much reads can be behind.
    pub stale_most: Span,
    /// By how much the last read of a run was.
    behind: HashMap<RunId, Span>,
    /// From when on the Worker has had which settings.
    pub deployments: Vec<(Millis, Deployed)>,
    /// What was decided, and when: also of runs that were forgotten since.
    pub decided: BTreeMap<RunId, Vec<(Millis, Record)>>,
    /// How often each Keeper's machine went away.
    pub epochs: Vec<u64>,
    /// Messages to people.
    pub posts: Vec<Post>,
    /// When comments were begun, by repository and pull request.
    pub comment_tries: Vec<(usize, u64, Millis)>,
    /// Comments that are to be written, by repository.
    pub comments_begun: Vec<(usize, Comment)>,
    /// When a webhook was stored of a run, and of which attempt: some do not say.
    pub heard_of: HashMap<RunId, Vec<(Millis, Option<u32>)>>,
    /// When each repository was last heard of.
    pub last_heard: HashMap<usize, Millis>,
    /// Deliveries that were stored, and when by the Keeper's clock.
    pub deliveries: HashMap<DeliveryId, Millis>,
    trace: Option<Vec<String>>,
}

/// A re-run that was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub repository: usize,
    pub run_id: RunId,
    /// The attempt that was decided on.
    pub run_attempt: u32,
    /// By the Keeper's clock.
    pub at: Millis,
    /// By everybody else's.
    pub when: Millis,
    pub call: usize,
    /// By how much the read was behind that was last before it.
    pub behind: Span,
    /// The attempt that GitHub re-ran, whatever became of the answer.
    pub made: Option<u32>,
}

impl Asked {
    /// GitHub re-ran another attempt than the one that was decided on: its call does not say which is meant.
    pub fn is_misled(&self) -> bool {
        self.made.is_some_and(|attempt| attempt != self.run_attempt)
    }

    /// What was read before it was older than what is guarded against, by a little less than a call is on its way.
    pub fn is_past_the_guard(&self) -> bool {
        self.behind > QUIET.minus(Span::seconds(1))
    }
}

/// The one alarm of a Keeper.
#[derive(Debug, Default, Clone)]
pub struct Alarm {
    pub due: Option<Millis>,
    pub generation: u64,
}

#[derive(Debug)]
pub struct PendingCall {
    pub repository: usize,
    pub call: Option<Call>,
    pub answer: Option<Answer>,
    pub returned: bool,
    /// The answer asks to wait until then.
    pub asks_to_wait: Option<Millis>,
}

impl World {
    pub fn new(seed: u64, start: Millis, traced: bool) -> Self {
        let mut github = GitHub::new(seed);
        github.set_records_calls(false);
        Self {
            now: start,
            random: fastrand::Rng::with_seed(seed),
            github,
            repositories: Vec::new(),
            faults: Faults::default(),
            healed: false,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            github_wakes: None,
            calls: Vec::new(),
            kv: BTreeMap::new(),
            alarms: Vec::new(),
            on_the_way: 0,
            heard_from: HashMap::new(),
            told_to_wait: HashMap::new(),
            never: std::collections::BTreeSet::new(),
            clock_skew: Vec::new(),
            asked: Vec::new(),
            requests: HashMap::new(),
            wants_cancelled: std::collections::BTreeSet::new(),
            faults_seen: BTreeMap::new(),
            paused: BTreeSet::new(),
            stale_most: Span::ZERO,
            behind: HashMap::new(),
            deployments: Vec::new(),
            decided: BTreeMap::new(),
            epochs: Vec::new(),
            posts: Vec::new(),
            comment_tries: Vec::new(),
            comments_begun: Vec::new(),
            heard_of: HashMap::new(),
            last_heard: HashMap::new(),
            deliveries: HashMap::new(),
            pulls_read: BTreeMap::new(),
            of_pulls: BTreeSet::new(),
            started_at: HashMap::new(),
            violations: Vec::new(),
            trace: traced.then(Vec::new),
        }
    }

    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let line = format!("{}.{:03}  {}", self.now.to_rfc3339(), self.now.0 % 1_000, what());
            trace.push(line);
        }
    }

    pub fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    pub fn violate(&mut self, what: String) {
        self.note(|| format!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    /// Whether a fault of this likelihood occurs now.
    pub fn chance(&mut self, name: &'static str, likelihood: f64) -> bool {
        let occurs = !self.healed && likelihood > 0.0 && self.random.f64() < likelihood;
        if occurs {
            *self.faults_seen.entry(name).or_default() += 1;
        }
        occurs
    }

    pub fn at(&mut self, time: Millis, event: Event) {
        if matches!(event, Event::Webhook { .. }) {
            self.on_the_way += 1;
        }
        let index = self.events.len();
        self.queue.push(Reverse((time.max(self.now), index as u64, index)));
        self.events.push(Some(event));
    }

    pub fn after(&mut self, span: Span, event: Event) {
        self.at(self.now + span, event);
    }

    /// The next thing that happens, until `end`. Time moves on to it.
    pub fn next(&mut self, end: Millis) -> Option<Event> {
        if let Some(change) = self.github.next_change_at().map(from_model)
            && self.github_wakes.is_none_or(|wakes| change < wakes)
        {
            self.github_wakes = Some(change);
            self.at(change, Event::GitHub);
        }
        let Reverse((time, _, index)) = *self.queue.peek()?;
        if time > end {
            self.now = end;
            return None;
        }
        self.queue.pop();
        self.now = self.now.max(time);
        let event = self.events.get_mut(index).and_then(Option::take);
        if matches!(event, Some(Event::GitHub)) {
            self.github_wakes = None;
        }
        event
    }

    /// What a Keeper's clock says.
    pub fn clock(&self, repository: usize) -> Millis {
        Millis(self.now.0 + self.clock_skew[repository])
    }

    /// The settings that are in force, or were.
    pub fn settings_at(&self, time: Millis) -> &Deployed {
        settings::at(&self.deployments, time)
    }

    pub fn arm(&mut self, repository: usize, due: Option<Millis>) {
        let skew = self.clock_skew[repository];
        let alarm = &mut self.alarms[repository];
        alarm.generation += 1;
        alarm.due = due;
        let generation = alarm.generation;
        if let Some(due) = due {
            self.at(Millis(due.0 - skew), Event::Alarm { repository, generation });
        }
    }

    pub fn begin_call(&mut self, repository: usize, call: &Call) -> usize {
        let index = self.calls.len();
        self.calls.push(PendingCall {
            repository,
            call: Some(call.clone()),
            answer: None,
            returned: false,
            asks_to_wait: None,
        });
        // A comment that was begun is written to its end: it was looked at when that was.
        if !matches!(call, Call::Comment(_)) {
            self.check_that_it_may_call(repository, &format!("{call:?}"));
        }
        self.count_requests(repository, call.requests());
        if let Call::Rerun { run_id, run_attempt, .. } = call {
            self.check_pull(repository, *run_id);
            let behind = self.behind.get(run_id).copied().unwrap_or_default();
            let (at, when, run_attempt) = (self.clock(repository), self.now, run_attempt.get());
            let asked = Asked { repository, run_id: *run_id, run_attempt, at, when, call: index, behind, made: None };
            self.asked.push(asked);
        }
        // What a comment says may change while it is being written.
        let most = if matches!(call, Call::Comment(_)) { 5_000 } else { 800 };
        let latency = Span::millis(self.random.i64(20..most));
        self.after(latency, Event::Reach { call: index });
        index
    }

    pub fn check_that_it_may_call(&mut self, repository: usize, what: &str) {
        if self.told_to_wait.get(&repository).is_some_and(|until| self.now < *until) {
            self.violate(format!("{what} was made while GitHub had asked to wait"));
        }
    }

    /// What GitHub last said of it must be that it is open and at the run's commit.
    fn check_pull(&mut self, repository: usize, run_id: RunId) {
        if !self.of_pulls.contains(&run_id) {
            return;
        }
        match self.pulls_read.get(&(repository, run_id)) {
            Some((at, true)) if self.now - *at <= PULLS_HOLD => {}
            read => self.violate(format!("run {run_id} is re-run, and of its pull request GitHub said {read:?}")),
        }
    }

    fn pulls_read(&mut self, repository: usize, run_id: RunId) {
        let stands = !self.is_gone(repository, model::RunId(run_id.get()));
        self.pulls_read.insert((repository, run_id), (self.now, stands));
    }

    /// Whether the pull request of a run is closed, or at another commit.
    pub fn is_gone(&self, repository: usize, run: model::RunId) -> bool {
        let identity = &self.github.run(run).identity;
        let id = self.github.find_repository(&self.repositories[repository]).expect("it is there");
        let pull = identity.pull_request.and_then(|number| self.github.repository(id).pull(number));
        let moved = |pull: &model::PullRequest| Some(pull.head_sha) != self.started_at.get(&run).copied();
        pull.is_some_and(|pull| !pull.open || moved(pull))
    }

    /// The free plan allows 50 in an invocation.
    pub fn count_requests(&mut self, repository: usize, more: u32) {
        let requests = self.requests.entry(repository).or_default();
        *requests += more;
        if *requests > 50 {
            self.violate("more than 50 requests in one invocation".to_owned());
        }
    }

    pub fn begin_wait(&mut self, repository: usize, span: Span) -> usize {
        let index = self.calls.len();
        self.calls.push(PendingCall { repository, call: None, answer: None, returned: false, asks_to_wait: None });
        self.after(span, Event::Wake { call: index });
        index
    }

    /// A call reaches GitHub: something is done or not, and something is answered or not.
    pub fn reach(&mut self, index: usize) {
        let (repository, Some(call)) = (self.calls[index].repository, self.calls[index].call.clone()) else { return };
        let down = self.faults.outage.is_some_and(|(from, to)| !self.healed && from <= self.now && self.now < to);
        if down {
            *self.faults_seen.entry("outage").or_default() += 1;
        }
        if down || self.chance("lost request", self.faults.lose_request) {
            return self.lose(index, &call, "the request was lost");
        }
        if self.chance("server error", self.faults.server_error) {
            let status = [500, 502, 503, 504][self.random.usize(0..4)];
            return self.answer(index, &call, status_reply(status, "Server Error"));
        }
        if self.chance("rate limit", self.faults.rate_limit) {
            return self.rate_limit(index, &call);
        }
        let writes = matches!(call, Call::Rerun { .. });
        if writes && self.chance("said to be running", self.faults.already_running) {
            return self.answer(index, &call, status_reply(403, "This workflow is already running"));
        }
        if let Call::Rerun { run_id, .. } = &call
            && self.never.contains(&run_id.get())
        {
            *self.faults_seen.entry("never re-run").or_default() += 1;
            return self.answer(index, &call, status_reply(403, "This workflow run cannot be retried"));
        }
        let answer = self.perform(repository, &call);
        if answer == Answer::Rerun(RerunAnswer::Accepted)
            && let Some(asked) = self.asked.iter_mut().find(|asked| asked.call == index)
        {
            asked.made = self.github.find_run(model::RunId(asked.run_id.get())).map(|run| run.latest().number - 1);
        }
        if self.chance("lost answer", self.faults.lose_answer) {
            return self.lose(index, &call, "the answer was lost");
        }
        if self.chance("error after effect", self.faults.error_after_effect) {
            return self.answer(index, &call, status_reply(502, "Server Error"));
        }
        if self.chance("garbage", self.faults.garbage) {
            let content_type = Some("text/html".to_owned());
            let headers = ReplyHeaders { content_type, ..ReplyHeaders::default() };
            let garbage = Reply { status: 200, headers, body: b"<html>".to_vec() };
            // A log has no form by which garbage could be told from it.
            if !writes && !matches!(call, Call::ReadLog { .. }) {
                return self.answer(index, &call, garbage);
            }
        }
        self.note(|| format!("GitHub     {call:?} → {}", describe(&answer)));
        self.return_after_latency(index, answer);
    }

    fn perform(&mut self, repository: usize, call: &Call) -> Answer {
        let most = self.stale_most.as_millis();
        let stale = if self.chance("stale read", self.faults.stale_read) { self.random.i64(0..most) } else { 0 };
        let caller = Caller::new(TOKEN).stale_by(stale.unsigned_abs());
        let (name, now) = (self.repositories[repository].clone(), to_model(self.now));
        match call {
            Call::Comment(comment) => Answer::Comment(self.comment(&caller, &name, comment)),
            Call::ReadRun { run_id } => {
                self.behind.insert(*run_id, Span::millis(stale));
                let read = self.github.read_run(caller, &name, model::RunId(run_id.get()), now);
                Answer::Read(match read {
                    Ok(run) => ReadAnswer::Run(Box::new(run_of(&run))),
                    Err(error) => ReadAnswer::of(error_reply(&error)),
                })
            }
            Call::ReadRepository { .. } => Answer::Repository(match self.github.read_repository(caller, &name, now) {
                Ok(_) => RepositoryAnswer::There,
                Err(error) => RepositoryAnswer::of(&error_reply(&error)),
            }),
            Call::Rerun { run_id, scope, debug_logging, .. } => {
                let run = model::RunId(run_id.get());
                let rerun = match scope {
                    Scope::FailedJobs => self.github.rerun_failed_jobs(caller, &name, run, *debug_logging, now),
                    Scope::AllJobs => self.github.rerun(caller, &name, run, *debug_logging, now),
                };
                Answer::Rerun(match rerun {
                    Ok(()) => RerunAnswer::Accepted,
                    Err(error) => RerunAnswer::of(error_reply(&error)),
                })
            }
            Call::ReadPolicy { path, etag, .. } => {
                Answer::Policy(match self.github.contents(caller, &name, path.as_str(), etag.as_deref(), now) {
                    Ok(Contents::File(file)) => PolicyAnswer::File { text: file.content, etag: Some(file.etag) },
                    Ok(Contents::NotModified { .. }) => PolicyAnswer::Same,
                    Err(error) => PolicyAnswer::of(error_reply(&error)),
                })
            }
            Call::ReadWorkflow { workflow_id, .. } => {
                Answer::Workflow(match self.github.workflow(caller, &name, workflow_id.get(), now) {
                    Ok(run) => Found::There(run.identity.workflow.name.to_string()),
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ListPulls { run_id, head, page } => {
                let owner = name.split('/').next().unwrap_or_default();
                let query = PullsQuery {
                    head: Some(percent_decode_str(&head.encoded(owner)).decode_utf8_lossy().into_owned()),
                    state: Some("all".to_owned()),
                    per_page: PULLS_PER_PAGE as usize,
                    page: *page as usize,
                };
                Answer::Pulls(match self.github.list_pull_requests(caller, &name, &query, now) {
                    Ok(page) => {
                        self.pulls_read(repository, *run_id);
                        Found::There(page_of(page.pulls.iter().map(pull_of).collect(), PULLS_PER_PAGE))
                    }
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ListJobs { run_id, run_attempt, per_page, page } => {
                let (run, attempt) = (model::RunId(run_id.get()), Some(run_attempt.get()));
                let (size, page) = (*per_page as usize, *page as usize);
                Answer::Jobs(match self.github.list_jobs(caller, &name, run, attempt, size, page, now) {
                    Ok(page) => {
                        let total = u64::try_from(page.total_count).ok();
                        let items = page.jobs.iter().map(|job| job_of(&job.job)).collect();
                        Found::There(Page { total, ..page_of(items, *per_page) })
                    }
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ListAnnotations { job_id, per_page, .. } => {
                Answer::Annotations(match self.github.annotations(caller, &name, model::JobId(job_id.get()), now) {
                    Ok(all) => {
                        Found::There(page_of(all.into_iter().map(|annotation| annotation.message).collect(), *per_page))
                    }
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ReadLog { job_id, .. } => {
                let job = model::JobId(job_id.get());
                Answer::Log(match self.github.job_log(caller, &name, job, now) {
                    Ok(_) => Found::There(tail_of(&self.github.read_log(job).unwrap_or_default())),
                    Err(error) => Found::missing(&error_reply(&error)),
                })
            }
            Call::ListFailedRuns(asked) => {
                let status = match asked.failing {
                    Failing::Failure => "failure",
                    Failing::TimedOut => "timed_out",
                    Failing::Cancelled => "cancelled",
                };
                let query = RunsQuery {
                    status: Some(status.to_owned()),
                    created: CreatedFilter { from: to_model(asked.created_from), ..CreatedFilter::default() },
                    per_page: asked.per_page as usize,
                    page: (asked.skip / asked.per_page) as usize + 1,
                    ..RunsQuery::default()
                };
                Answer::List(match self.github.list_runs(caller, &name, &query, now) {
                    Ok(page) => ListAnswer::Runs(page.runs.iter().map(listed_of).collect()),
                    Err(error) => ListAnswer::of(error_reply(&error)),
                })
            }
        }
    }

    fn comment(&mut self, caller: &Caller, name: &str, call: &CommentCall) -> Commented {
        let now = to_model(self.now);
        let done = match call {
            CommentCall::Find { pull, since, .. } => {
                let author = caller.token.and_then(|token| self.github.login_of(token));
                self.github.list_comments(*caller, name, *pull, to_model(*since), now).map(|all| {
                    let is_ours =
                        |one: &&simulator::Comment| one.body.starts_with(MARK) && Some(&one.author) == author.as_ref();
                    let ours = all.iter().find(is_ours);
                    ours.map_or(Commented::NotThere, |comment| Commented::There(comment.id))
                })
            }
            CommentCall::Create { pull, body } => {
                self.github.create_comment(*caller, name, *pull, body, now).map(|comment| Commented::There(comment.id))
            }
            CommentCall::Edit { comment_id, body } => {
                self.github.edit_comment(*caller, name, *comment_id, body, now).map(|made| Commented::There(made.id))
            }
        };
        done.unwrap_or_else(|error| comment_of(call, &error_reply(&error)))
    }

    fn rate_limit(&mut self, index: usize, call: &Call) {
        let seconds = if self.random.usize(0..8) == 0 { 0 } else { self.random.i64(1..900) };
        let mut reply = status_reply([403, 429][self.random.usize(0..2)], "You have exceeded a secondary rate limit.");
        match self.random.usize(0..3) {
            0 => reply.headers.retry_after = Some(seconds.to_string()),
            1 => {
                reply.headers.rate_limit_remaining = Some("0".to_owned());
                reply.headers.rate_limit_reset = Some((self.now.0 / 1_000 + seconds).to_string());
                reply.headers.date = Some(http_date(self.now));
            }
            _ => {}
        }
        if reply.headers != ReplyHeaders::default() {
            // One second less: GitHub's clock has whole seconds.
            self.calls[index].asks_to_wait = Some(self.now + Span::seconds(seconds - 1));
        }
        self.answer(index, call, reply);
    }

    fn answer(&mut self, index: usize, call: &Call, reply: Reply) {
        self.note(|| format!("GitHub     {call:?} → {}", reply.status));
        let answer = match call {
            Call::Comment(call) => Answer::Comment(comment_of(call, &reply)),
            Call::ReadRun { .. } => Answer::Read(ReadAnswer::of(reply)),
            Call::ReadRepository { .. } => Answer::Repository(RepositoryAnswer::of(&reply)),
            Call::Rerun { .. } => Answer::Rerun(RerunAnswer::of(reply)),
            Call::ListFailedRuns(_) => Answer::List(ListAnswer::of(reply)),
            Call::ReadPolicy { .. } => Answer::Policy(PolicyAnswer::of(reply)),
            Call::ReadWorkflow { .. } => Answer::Workflow(Found::workflow(&reply)),
            Call::ListJobs { per_page, .. } => Answer::Jobs(Found::jobs(&reply, *per_page)),
            Call::ListAnnotations { per_page, .. } => Answer::Annotations(Found::annotations(&reply, *per_page)),
            // A log has no form that garbage could lack.
            Call::ReadLog { .. } if reply.status == 200 => Answer::Log(Found::There(tail_of("<html>"))),
            Call::ReadLog { .. } => Answer::Log(Found::missing(&reply)),
            Call::ListPulls { .. } => Answer::Pulls(Found::pulls(&reply)),
        };
        self.return_after_latency(index, answer);
    }

    fn lose(&mut self, index: usize, call: &Call, what: &str) {
        self.note(|| format!("GitHub     {call:?} → {what}"));
        let problem = Problem::Lost { what: "no answer in time".to_owned() };
        self.calls[index].answer = Some(match call {
            Call::Comment(_) => Answer::Comment(Commented::Problem(problem)),
            Call::ReadRun { .. } => Answer::Read(ReadAnswer::Problem(problem)),
            Call::ReadRepository { .. } => Answer::Repository(RepositoryAnswer::Problem(problem)),
            Call::Rerun { .. } => Answer::Rerun(RerunAnswer::Problem(problem)),
            Call::ListFailedRuns(_) => Answer::List(ListAnswer::Problem(problem)),
            Call::ReadPolicy { .. } => Answer::Policy(PolicyAnswer::Problem(problem)),
            Call::ReadWorkflow { .. } => Answer::Workflow(Found::Problem(problem)),
            Call::ListJobs { .. } => Answer::Jobs(Found::Problem(problem)),
            Call::ListAnnotations { .. } => Answer::Annotations(Found::Problem(problem)),
            Call::ReadLog { .. } => Answer::Log(Found::Problem(problem)),
            Call::ListPulls { .. } => Answer::Pulls(Found::Problem(problem)),
        });
        self.after(TIME_OUT, Event::Return { call: index });
    }

    fn return_after_latency(&mut self, index: usize, answer: Answer) {
        self.calls[index].answer = Some(answer);
        let latency = Span::millis(self.random.i64(20..800));
        self.after(latency, Event::Return { call: index });
    }
}

/// What GitHub answers beside what the model does.
fn comment_of(call: &CommentCall, reply: &Reply) -> Commented {
    match call {
        CommentCall::Find { .. } => Commented::found(reply, MARK, &Author::User(1)),
        CommentCall::Create { .. } | CommentCall::Edit { .. } => Commented::written(call, reply),
    }
}
