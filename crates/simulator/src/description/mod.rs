//! GitHub's own descriptions of its REST API and its webhooks, and whether what goes over the wire is as they say.
//!
//! Each call, each answer and each webhook is held against three descriptions: api.github.com's, and those of the oldest
//! and the newest Enterprise Server that the npm packages `@octokit/openapi` and `@octokit/openapi-webhooks` have. What
//! is found is told with the operation, the place and what is wrong there.
//!
//! | file | what is there |
//! |---|---|
//! | `document.rs` | one description: its file, its operations, its schemas, compiled when first needed |
//! | `schema.rs` | OpenAPI's dialect of JSON Schema as JSON Schema |
//! | `exchange.rs` | a call and its answer |
//! | `webhook.rs` | a webhook |
//! | `variants.rs` | what else the descriptions allow in the place of a payload |
//! | `known.rs` | what GitHub does and its descriptions do not say, or say otherwise, each with its reason |
//! | `fault.rs` | what is wrong, in words |

mod document;
mod exchange;
mod fault;
mod known;
mod schema;
#[cfg(test)]
mod tests;
mod variants;
mod webhook;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};
use std::thread;

use serde_json::Value;

use crate::webhooks::WebhookRequest;
use document::Document;
pub(crate) use exchange::{Answer, Exchange};
pub use fault::Violation;
pub use variants::{Described, Variant};

/// How much of the wire is held against the descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checks {
    #[default]
    Off,
    /// Calls, answers and webhooks.
    Described,
    /// The same; and callers say which version and which media type they mean, which GitHub only advises.
    Strict,
}

const PACKAGES: [&str; 2] = ["openapi", "openapi-webhooks"];
static REST: LazyLock<Vec<Document>> = LazyLock::new(|| document::load(PACKAGES[0]));
static WEBHOOKS: LazyLock<Vec<Document>> = LazyLock::new(|| document::load(PACKAGES[1]));

/// Of the whole process: a simulated GitHub may be gone before anybody asks.
static ALL: Mutex<Vec<Violation>> = Mutex::new(Vec::new());

/// Checks are made beside what is checked, so that answers come no later for it.
static CHECKS: LazyLock<mpsc::Sender<Check>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel::<Check>();
    thread::spawn(move || receiver.into_iter().for_each(|check| check()));
    sender
});

type Check = Box<dyn FnOnce() + Send>;

fn in_turn(check: impl FnOnce() + Send + 'static) {
    CHECKS.send(Box::new(check)).expect("a check has panicked, and said so");
}

/// Waits for all checks of what has happened.
fn done() {
    let (sender, receiver) = mpsc::channel();
    in_turn(move || sender.send(()).unwrap_or_default());
    receiver.recv().expect("a check has panicked, and said so");
}

/// What was found wrong in this process so far.
pub fn violations() -> Vec<Violation> {
    done();
    ALL.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What one simulated GitHub was checked for, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    checks: Checks,
    found: Arc<Mutex<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    violations: Vec<Violation>,
    /// `GET /repos/{owner}/{repo}/… 200`, `webhook workflow_run.completed`
    covered: BTreeSet<String>,
}

impl Checked {
    /// Panics if there is nothing to hold it against.
    pub fn new(checks: Checks) -> Checked {
        if checks != Checks::Off {
            PACKAGES.into_iter().for_each(document::must_be_installed);
        }
        Checked { checks, found: Arc::default() }
    }

    pub fn is_on(&self) -> bool {
        self.checks != Checks::Off
    }

    pub fn exchange(&self, exchange: Exchange) {
        if self.is_on() {
            let (found, strict) = (self.found.clone(), self.checks == Checks::Strict);
            in_turn(move || {
                let (covered, wrong) = exchange::check(&REST, &exchange, strict);
                add(&found, covered, wrong, exchange.repository.as_deref());
            });
        }
    }

    pub fn webhook(&self, request: &WebhookRequest, payload: &Value) {
        if self.is_on() {
            let (found, request, payload) = (self.found.clone(), request.clone(), payload.clone());
            in_turn(move || {
                let (covered, wrong) = webhook::check(&WEBHOOKS, &request, &payload);
                add(&found, covered, wrong, payload["repository"]["full_name"].as_str());
            });
        }
    }

    pub fn violations(&self) -> Vec<Violation> {
        done();
        self.found.lock().unwrap_or_else(PoisonError::into_inner).violations.clone()
    }

    pub fn covered(&self) -> BTreeSet<String> {
        done();
        self.found.lock().unwrap_or_else(PoisonError::into_inner).covered.clone()
    }
}

fn add(found: &Mutex<Found>, covered: String, wrong: Vec<fault::Wrong>, repository: Option<&str>) {
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    for violation in wrong.into_iter().map(|wrong| wrong.of(&covered, repository)) {
        if !found.violations.contains(&violation) {
            ALL.lock().unwrap_or_else(PoisonError::into_inner).push(violation.clone());
            found.violations.push(violation);
        }
    }
    found.covered.insert(covered);
}
