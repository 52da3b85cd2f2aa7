//! Waiting with a deadline, and the history that a panic shows.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::SimulatedGitHub;

/// Something that should become true before a deadline.
#[derive(Debug)]
pub struct Expectation {
    github: SimulatedGitHub,
    what: String,
    /// Where the test asked: an async function's panic does not show it.
    asked_at: &'static Location<'static>,
    deadline: Duration,
}

impl Expectation {
    #[track_caller]
    pub(crate) fn new(github: &SimulatedGitHub, what: &str, deadline: Duration) -> Expectation {
        Expectation { github: github.clone(), what: what.to_owned(), asked_at: Location::caller(), deadline }
    }

    /// Waits until it gives something.
    pub async fn until<T>(&self, condition: impl Fn(&SimulatedGitHub) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(value) = condition(&self.github) {
                return value;
            }
            if start.elapsed() > self.deadline {
                self.fail(&format!("not so after {:?}", self.deadline));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits the whole time, and fails if it gives a reason.
    pub async fn never(&self, broken: impl Fn(&SimulatedGitHub) -> Option<String>) {
        let start = Instant::now();
        loop {
            if let Some(reason) = broken(&self.github) {
                self.fail(&reason);
            }
            if start.elapsed() > self.deadline {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Panics with all that happened.
    pub fn fail(&self, reason: &str) -> ! {
        let Expectation { what, asked_at, github, .. } = self;
        let history = github.history();
        panic!("\nexpected: {what}\n     but: {reason}\n      at: {asked_at}\n\nwhat happened:\n{history}");
    }
}
