//! Requests as GitHub sends them: real payloads of `@octokit/webhooks-examples`, made longer to a round size, signed.

use serde_json::{Value, json};
use simulator::webhooks::signature as sign;

use crate::cases::{Case, Runs, Signature};

pub const SECRET: &str = "a-secret-of-forty-characters-as-GitHub-asks";

/// Ids have as many digits as GitHub's, so that they can be written over.
const FIRST_RUN: u64 = 19_000_000_000;
const FIRST_JOB: u64 = 52_000_000_000;
const ID_DIGITS: usize = 11;
const DELIVERY: &str = "00000000-0000-4000-8000-";
const DELIVERY_DIGITS: usize = 12;

/// A request's bytes, and where in them is what differs from one request to the next.
#[derive(Clone)]
pub struct Template {
    bytes: Vec<u8>,
    delivery: Option<usize>,
    signature: Option<usize>,
    body: usize,
    /// Empty when all requests have one body.
    runs: Vec<usize>,
    jobs: Vec<usize>,
    jobs_of_a_run: u64,
}

impl Template {
    pub fn new(case: &Case, examples: &Value) -> Self {
        let body = body(case, examples);
        let signature = match case.signature {
            Signature::Right => Some(sign(SECRET, &body)),
            Signature::Wrong => Some(sign("another-secret", &body)),
            Signature::Missing => None,
        };
        let signature = signature.map(|it| format!("X-Hub-Signature-256: {it}\r\n")).unwrap_or_default();
        // The headers of GitHub's own requests, in their order.
        let head = format!(
            "POST / HTTP/1.1\r\nHost: rerunner.example.workers.dev\r\nUser-Agent: GitHub-Hookshot/2f0d1c6\r\n\
             Content-Length: {length}\r\nAccept: */*\r\nContent-Type: application/json\r\n\
             X-GitHub-Delivery: {DELIVERY}{zero:0DELIVERY_DIGITS$}\r\nX-GitHub-Event: {event}\r\n\
             X-GitHub-Hook-ID: 521347896\r\nX-GitHub-Hook-Installation-Target-ID: 186853002\r\n\
             X-GitHub-Hook-Installation-Target-Type: repository\r\n{signature}\r\n",
            length = body.len(),
            zero = 0,
            event = case.event,
        );
        let jobs_of_a_run = match case.runs {
            Runs::One => 0,
            Runs::OneEach => 1,
            Runs::OfJobs(jobs) => jobs,
        };
        let varied = |id: u64| if jobs_of_a_run == 0 { vec![] } else { every(&body, &id.to_string()) };
        let (runs, jobs) = (varied(FIRST_RUN), varied(FIRST_JOB));
        let delivery = head.find(DELIVERY).map(|at| at + DELIVERY.len());
        let signature = head.find("sha256=");
        let start = head.len();
        let bytes = [head.into_bytes(), body].concat();
        Self { bytes, delivery, signature, body: start, runs, jobs, jobs_of_a_run }
    }

    /// Of somebody who looks, with a password.
    pub fn get(path: &str, password: &str) -> Self {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: rerunner.example.workers.dev\r\nUser-Agent: bench\r\nAccept: */*\r\n\
             Authorization: Bearer {password}\r\n\r\n"
        );
        let (body, bytes) = (head.len(), head.into_bytes());
        Self { bytes, delivery: None, signature: None, body, runs: vec![], jobs: vec![], jobs_of_a_run: 0 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes it the request of this number: a delivery of its own, perhaps of another run.
    pub fn number(&mut self, number: u64) {
        if let Some(at) = self.delivery {
            self.write(at, &format!("{number:0DELIVERY_DIGITS$}"));
        }
        if self.runs.is_empty() {
            return;
        }
        let run = format!("{:0ID_DIGITS$}", FIRST_RUN + number / self.jobs_of_a_run);
        let job = format!("{:0ID_DIGITS$}", FIRST_JOB + number);
        for (places, id) in [(self.runs.clone(), run), (self.jobs.clone(), job)] {
            places.iter().for_each(|at| self.write(self.body + at, &id));
        }
        if let Some(at) = self.signature {
            let signature = sign(SECRET, self.bytes.get(self.body..).unwrap_or_default());
            self.write(at, &signature);
        }
    }

    fn write(&mut self, at: usize, text: &str) {
        if let Some(place) = self.bytes.get_mut(at..at + text.len()) {
            place.copy_from_slice(text.as_bytes());
        }
    }
}

fn every(body: &[u8], digits: &str) -> Vec<usize> {
    let windows = body.windows(digits.len()).enumerate();
    windows.filter(|(_, window)| *window == digits.as_bytes()).map(|(at, _)| at).collect()
}

/// A real payload with the conclusion that the case asks for, and with as many steps, pull requests or commits more as
/// make its size.
fn body(case: &Case, examples: &Value) -> Vec<u8> {
    let mut payload = example(case, examples);
    let (subject, id, list, item) = match case.event {
        "workflow_job" => ("workflow_job", "run_id", "steps", step()),
        "workflow_run" => ("workflow_run", "id", "pull_requests", pull_request()),
        _ => ("", "", "commits", commit()),
    };
    let about = if subject.is_empty() { &mut payload } else { &mut payload[subject] };
    if !subject.is_empty() {
        about["conclusion"] = if case.action == "completed" { json!(case.conclusion) } else { Value::Null };
        about["run_attempt"] = json!(1);
        about[id] = json!(FIRST_RUN);
        if case.event == "workflow_job" {
            about["id"] = json!(FIRST_JOB);
        }
    }
    let mut items = about[list].as_array().cloned().unwrap_or_default();
    let room = case.length.saturating_sub(payload.to_string().len()) / (item.to_string().len() + 1);
    items.extend(std::iter::repeat_n(item, room));
    let about = if subject.is_empty() { &mut payload } else { &mut payload[subject] };
    about[list] = Value::Array(items);
    let mut body = payload.to_string().into_bytes();
    // The last few bytes are white space, which JSON allows.
    body.resize(body.len().max(case.length), b'\n');
    body
}

/// The first payload of an event: of a job or run of the case's action, or of any push.
fn example(case: &Case, examples: &Value) -> Value {
    let event = case.event;
    let kinds = examples.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut of_event = kinds.iter().filter(|kind| kind["name"] == event).flat_map(|kind| kind["examples"].as_array());
    let is_it = |payload: &&Value| event == "push" || payload["action"] == case.action;
    of_event.find_map(|payloads| payloads.iter().find(is_it)).cloned().unwrap_or_default()
}

fn step() -> Value {
    json!({
        "name": "Run cargo test --workspace --all-features",
        "status": "completed",
        "conclusion": "success",
        "number": 12,
        "started_at": "2026-11-23T15:04:05.000Z",
        "completed_at": "2026-11-23T15:04:45.000Z",
    })
}

fn pull_request() -> Value {
    let repository =
        json!({ "id": 186_853_002, "url": "https://api.github.com/repos/octo/widgets", "name": "widgets" });
    let branch =
        |name: &str| json!({ "ref": name, "sha": "ec26c3e57ca3a959ca5aad62de7213c562f8c821", "repo": repository });
    json!({
        "url": "https://api.github.com/repos/octo/widgets/pulls/1482",
        "id": 279_147_437,
        "number": 1_482,
        "head": branch("changes"),
        "base": branch("main"),
    })
}

fn commit() -> Value {
    let person = json!({ "name": "Mona Lisa", "email": "mona@example.com", "username": "mona" });
    json!({
        "id": "ec26c3e57ca3a959ca5aad62de7213c562f8c821",
        "tree_id": "31b122c26a97cf9af023e9ddab94a82c6e77b0ea",
        "distinct": true,
        "message": "Update README.md: say how it is set up, and what it costs",
        "timestamp": "2026-11-23T15:04:05+02:00",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": ["README.md"],
    })
}
