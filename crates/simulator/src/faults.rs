//! What goes wrong with the API, on demand.

use std::time::Duration;

use crate::model::{Endpoint, RepoName, RunId};

/// A fault, and the calls that it hits. Switched on with `SimulatedGitHub::fault`.
#[derive(Debug, Clone)]
pub struct Fault {
    pub what: Misbehaviour,
    /// `None`: all.
    pub endpoint: Option<Endpoint>,
    pub repository: Option<RepoName>,
    pub run: Option<RunId>,
    /// How many calls it hits; `None`: until it is switched off.
    pub times: Option<u32>,
    /// How many fitting calls pass first.
    pub after: u32,
    /// And how many pass after each that it hits.
    pub between: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Nothing is done, and this is the answer.
    Answer { status: u16, message: String, headers: Vec<(String, String)> },
    /// Nothing is done: 403 with `x-ratelimit-remaining: 0` and `x-ratelimit-reset` this far in the future.
    RateLimitExhausted { reset_in: Duration },
    /// The call is done this much later, and answered then, even if the caller has gone.
    Hang(Duration),
    /// The call is done at once, and answered this much later.
    AnswerLate(Duration),
    /// Nothing is done, and the connection is closed.
    Close,
    /// The call is done, and the connection is closed.
    LoseAnswer,
    /// The call is done, and this status is the answer.
    AnswerAfterEffect(u16),
    /// The call is done, and a list has nothing on it, as lists are for some seconds after a run has ended.
    EmptyList,
    /// 502 for a page of more than so many.
    FailPagesAbove(usize),
    /// Reads show what was this long ago.
    Stale(Duration),
    /// The call is done, and half of the answer's body is the answer.
    MalformedJson,
}

impl Misbehaviour {
    /// Whether the answer is still one that GitHub's descriptions allow.
    pub(crate) fn is_described(&self) -> bool {
        !matches!(self, Misbehaviour::MalformedJson)
    }
}

impl Fault {
    pub fn new(what: Misbehaviour) -> Fault {
        Fault { what, endpoint: None, repository: None, run: None, times: None, after: 0, between: 0 }
    }

    /// An error, with a message as GitHub's.
    pub fn status(status: u16) -> Fault {
        let message = match status {
            401 => "Bad credentials",
            403 => "Forbidden",
            404 => "Not Found",
            500 => "Internal Server Error",
            502 => "Server Error",
            503 => "No server is currently available to service your request. Sorry about that.",
            504 => "We couldn't respond to your request in time. Sorry about that.",
            _ => "Something went wrong",
        };
        Fault::answer(status, message)
    }

    pub fn answer(status: u16, message: &str) -> Fault {
        Fault::new(Misbehaviour::Answer { status, message: message.to_owned(), headers: vec![] })
    }

    /// A secondary rate limit: 403 or 429 with `retry-after` in seconds.
    pub fn retry_after(status: u16, seconds: u64) -> Fault {
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        Fault::answer(status, message).header("retry-after", &seconds.to_string())
    }

    pub fn rate_limit_exhausted(reset_in: Duration) -> Fault {
        Fault::new(Misbehaviour::RateLimitExhausted { reset_in })
    }

    pub fn already_running() -> Fault {
        Fault::answer(403, "This workflow is already running")
    }

    pub fn hang(time: Duration) -> Fault {
        Fault::new(Misbehaviour::Hang(time))
    }

    pub fn answer_late(time: Duration) -> Fault {
        Fault::new(Misbehaviour::AnswerLate(time))
    }

    pub fn close() -> Fault {
        Fault::new(Misbehaviour::Close)
    }

    pub fn lose_answer() -> Fault {
        Fault::new(Misbehaviour::LoseAnswer)
    }

    pub fn answer_after_effect(status: u16) -> Fault {
        Fault::new(Misbehaviour::AnswerAfterEffect(status))
    }

    pub fn stale(by: Duration) -> Fault {
        Fault::new(Misbehaviour::Stale(by))
    }

    pub fn empty_list() -> Fault {
        Fault::new(Misbehaviour::EmptyList).on(Endpoint::ListJobs)
    }

    pub fn fail_pages_above(most: usize) -> Fault {
        Fault::new(Misbehaviour::FailPagesAbove(most))
    }

    pub fn malformed_json() -> Fault {
        Fault::new(Misbehaviour::MalformedJson)
    }

    /// A header of an [`Misbehaviour::Answer`].
    #[track_caller]
    pub fn header(mut self, name: &str, value: &str) -> Fault {
        let Misbehaviour::Answer { headers, .. } = &mut self.what else { panic!("only an answer has headers") };
        headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Hits this endpoint only.
    pub fn on(mut self, endpoint: Endpoint) -> Fault {
        self.endpoint = Some(endpoint);
        self
    }

    #[track_caller]
    pub fn in_repository(mut self, name: &str) -> Fault {
        self.repository = Some(RepoName::new(name));
        self
    }

    pub fn for_run(mut self, run: RunId) -> Fault {
        self.run = Some(run);
        self
    }

    pub fn times(mut self, times: u32) -> Fault {
        self.times = Some(times);
        self
    }

    /// Lets this many fitting calls pass first.
    pub fn after(mut self, calls: u32) -> Fault {
        self.after = calls;
        self
    }

    /// Hits each `nth` fitting call, counted from the one after [`Fault::after`].
    #[track_caller]
    pub fn every(mut self, nth: u32) -> Fault {
        assert!(nth > 0, "each 0th call is none");
        (self.after, self.between) = (self.after + nth - 1, nth - 1);
        self
    }

    fn fits(&self, call: &Target<'_>) -> bool {
        self.endpoint.is_none_or(|endpoint| endpoint == call.endpoint)
            && self.repository.as_ref().is_none_or(|name| *name == *call.repository)
            && self.run.is_none_or(|run| Some(run) == call.run)
    }
}

/// Names a fault that was switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultId(u64);

/// What a call is to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub endpoint: Endpoint,
    pub repository: &'a str,
    pub run: Option<RunId>,
}

/// The faults that are on. Those switched on first hit first; a call is hit by one at most.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    on: Vec<(FaultId, Fault)>,
    count: u64,
}

impl Faults {
    pub fn add(&mut self, fault: Fault) -> FaultId {
        self.count += 1;
        let id = FaultId(self.count);
        self.on.push((id, fault));
        id
    }

    pub fn remove(&mut self, id: FaultId) {
        self.on.retain(|(known, _)| *known != id);
    }

    pub fn clear(&mut self) {
        self.on.clear();
    }

    pub fn hit(&mut self, call: Target<'_>) -> Option<Misbehaviour> {
        for (_, fault) in self.on.iter_mut().filter(|(_, fault)| fault.times != Some(0) && fault.fits(&call)) {
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            fault.after = fault.between;
            return Some(fault.what.clone());
        }
        None
    }
}

impl std::fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Misbehaviour::Answer { status, .. } => write!(f, "answers {status}"),
            Misbehaviour::RateLimitExhausted { reset_in } => write!(f, "rate limit, reset in {reset_in:?}"),
            Misbehaviour::Hang(time) => write!(f, "done {time:?} late"),
            Misbehaviour::AnswerLate(time) => write!(f, "done, but answered {time:?} late"),
            Misbehaviour::Close => f.write_str("connection closed"),
            Misbehaviour::LoseAnswer => f.write_str("done, but the answer was lost"),
            Misbehaviour::AnswerAfterEffect(status) => write!(f, "done, but answered {status}"),
            Misbehaviour::EmptyList => f.write_str("a list with nothing on it"),
            Misbehaviour::FailPagesAbove(most) => write!(f, "502 for pages of more than {most}"),
            Misbehaviour::Stale(by) => write!(f, "as of {by:?} ago"),
            Misbehaviour::MalformedJson => f.write_str("half of the body"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Target<'_> = Target { endpoint: Endpoint::ReadRun, repository: "o/r", run: Some(RunId(1)) };

    fn hits(fault: Fault, calls: &[Target<'_>]) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.add(fault);
        calls.iter().map(|call| faults.hit(*call).is_some()).collect()
    }

    #[test]
    fn faults_hit_what_they_name() {
        let other = Target { endpoint: Endpoint::ListJobs, repository: "o/other", run: Some(RunId(2)) };
        let calls = [READ, other, READ];
        assert_eq!(hits(Fault::close(), &calls), [true, true, true]);
        assert_eq!(hits(Fault::close().times(2), &calls), [true, true, false]);
        assert_eq!(hits(Fault::close().after(1), &calls), [false, true, true]);
        assert_eq!(hits(Fault::close().every(2), &[READ; 5]), [false, true, false, true, false]);
        assert_eq!(hits(Fault::close().after(1).every(2), &[READ; 5]), [false, false, true, false, true]);
        assert_eq!(hits(Fault::close().on(Endpoint::ListJobs), &calls), [false, true, false]);
        assert_eq!(hits(Fault::close().in_repository("O/R"), &calls), [true, false, true]);
        assert_eq!(hits(Fault::close().for_run(RunId(2)), &calls), [false, true, false]);
    }

    #[test]
    fn a_spent_fault_makes_way_for_the_next() {
        let mut faults = Faults::default();
        faults.add(Fault::status(502).times(1));
        let second = faults.add(Fault::close());
        assert!(matches!(faults.hit(READ), Some(Misbehaviour::Answer { status: 502, .. })));
        assert_eq!(faults.hit(READ), Some(Misbehaviour::Close));
        faults.remove(second);
        assert_eq!(faults.hit(READ), None);
    }
}
