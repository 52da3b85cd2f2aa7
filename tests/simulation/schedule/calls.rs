//! A call's way to GitHub and back, and what can go wrong on it.

use rerunner::github::{self, Call, CommandCall, Reply, ReplyHeaders, RerunAnswer, Response};
use rerunner::names::RunId;
use rerunner::time::{Millis, Span};
use simulator::model;

use super::conversions::{describe, http_date, status_reply};
use super::event::Event;
use super::perform::read;
use super::world::{Asked, World};

const TIME_OUT: Span = Span::seconds(10);
/// A re-run is asked for within so long after its pull request was read.
const PULLS_HOLD: Span = Span::seconds(31);

#[derive(Debug)]
pub struct PendingCall {
    pub repository: usize,
    pub call: Option<Call>,
    pub response: Option<Response>,
    pub returned: bool,
    /// The answer asks to wait until then.
    pub asks_to_wait: Option<Millis>,
}

impl World {
    pub fn begin_call(&mut self, repository: usize, call: &Call) -> usize {
        let index = self.calls.len();
        self.calls.push(PendingCall {
            repository,
            call: Some(call.clone()),
            response: None,
            returned: false,
            asks_to_wait: None,
        });
        // An errand that was begun is done to its end: it was looked at when that was.
        if !is_of_errand(call) {
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
        self.count_tries(repository, call);
        // What is to be said may change while it is being written.
        let most = if is_of_errand(call) { 5_000 } else { 800 };
        let latency = Span::millis(self.random.i64(20..most));
        self.after(latency, Event::Reach { call: index });
        index
    }

    fn count_tries(&mut self, repository: usize, call: &Call) {
        match call {
            Call::CommitStatus(status) => {
                let of = (repository, status.sha.to_string(), status.context.clone());
                *self.status_tries.entry(of).or_default() += 1;
            }
            Call::Command(CommandCall::React { comment_id, .. }) => {
                *self.reaction_tries.entry((repository, comment_id.get())).or_default() += 1;
            }
            _ => {}
        }
    }

    pub fn check_that_it_may_call(&mut self, repository: usize, what: &str) {
        if self.asked_to_wait.get(&repository).is_some_and(|until| self.now < *until) {
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

    pub fn pulls_read(&mut self, repository: usize, run_id: RunId) {
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
        self.calls.push(PendingCall { repository, call: None, response: None, returned: false, asks_to_wait: None });
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
        let response = self.perform(repository, &call);
        if response == Response::Rerun(Ok(RerunAnswer::Accepted))
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
        self.note(|| format!("GitHub     {call:?} → {}", describe(&response)));
        self.return_after_latency(index, response);
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
        self.return_after_latency(index, read(call, reply));
    }

    fn lose(&mut self, index: usize, call: &Call, what: &str) {
        self.note(|| format!("GitHub     {call:?} → {what}"));
        let error = github::Error::inconclusive("GitHub did not answer in time");
        self.calls[index].response = Some(call.response(Err(error), None));
        self.after(TIME_OUT, Event::Return { call: index });
    }

    fn return_after_latency(&mut self, index: usize, response: Response) {
        self.calls[index].response = Some(response);
        let latency = Span::millis(self.random.i64(20..800));
        self.after(latency, Event::Return { call: index });
    }
}

/// Whether it is made beside re-runs.
pub fn is_of_errand(call: &Call) -> bool {
    match call {
        Call::Comment(_) | Call::Command(_) | Call::CommitStatus(_) | Call::Issue(_) => true,
        // For a command.
        Call::ReadPolicy { run_id, .. } | Call::ReadOrganizationPolicy { run_id, .. } => run_id.is_none(),
        _ => false,
    }
}
