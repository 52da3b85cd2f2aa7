//! Panics on demand, for the scenario that shows what they cost. Only with the feature `fault-route`.

#![expect(clippy::panic, reason = "that is what it is for")]

use std::time::Duration;

use crate::github::Call;
use crate::names::RepoName;

/// A request for `/fault/panic` panics.
pub fn panic_in_request(path: &str) {
    if path == "/fault/panic" {
        panic!("a panic in a request, on demand");
    }
}

/// A webhook of the event `panic` does, before its body is read.
pub fn panic_in_delivery(event: Option<&str>) {
    if event == Some("panic") {
        panic!("a panic in a delivery, on demand");
    }
}

/// The alarm of a repository named `panics` does, while it waits for something.
pub async fn panic_in_alarm(repository: &RepoName) {
    if repository.name() == "panics" {
        worker::Delay::from(Duration::from_millis(300)).await;
        panic!("a panic in an alarm, on demand");
    }
}

/// The object of a repository named `dies-of-logs` does, each time that a log was read.
pub fn panic_over_a_log(repository: &RepoName, call: &Call) {
    if repository.name() == "dies-of-logs" && matches!(call, Call::ReadLog { .. }) {
        panic!("a panic over a log, on demand");
    }
}
