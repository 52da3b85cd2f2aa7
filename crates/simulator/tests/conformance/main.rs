//! Everything that the simulated GitHub answers and sends, against GitHub's own descriptions of it.
//!
//! | file | what is there |
//! |---|---|
//! | `main.rs` | callers, and what all tests ask at the end |
//! | `runs.rs` | runs, attempts, jobs, logs, annotations, re-runs |
//! | `repository.rs` | pull requests, files, comments |
//! | `issues.rs` | issues, comments, reactions; their webhooks |
//! | `statuses.rs` | commit statuses |
//! | `apps.rs` | Apps, installations, tokens, hooks, callers |
//! | `past.rs` | a month of runs |
//! | `refusals.rs` | what goes wrong |
//! | `webhooks.rs` | webhooks |

mod apps;
mod issues;
mod past;
mod refusals;
mod repository;
mod runs;
mod statuses;
mod webhooks;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use simulator::{Chat, Checks, Endpoint, Hosts, Job, Options, Run, SimulatedGitHub, Trigger, Workflow};

/// Calls of one caller.
struct Caller<'a> {
    github: &'a SimulatedGitHub,
    token: String,
    base: String,
}

impl Caller<'_> {
    /// Status and body; what is not JSON is `Null`.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.with(method, path, body, &[("user-agent", "conformance"), ("accept", "application/vnd.github+json")]).await
    }

    async fn with(&self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> (u16, Value) {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut request = client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        request = request.header("x-github-api-version", "2022-11-28");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }

    #[track_caller]
    fn get(&self, path: &str, status: u16) -> impl Future<Output = Value> {
        self.answers(Method::GET, path, None, status)
    }

    #[track_caller]
    fn post(&self, path: &str, body: Option<Value>, status: u16) -> impl Future<Output = Value> {
        self.answers(Method::POST, path, body, status)
    }

    #[track_caller]
    fn answers(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let (got, answer) = self.call(method, path, body).await;
            assert_eq!(got, status, "{path} at {at}: {answer}\n{}", self.github.history());
            answer
        }
    }
}

/// With somebody who takes its webhooks.
async fn github(hosts: Hosts) -> (SimulatedGitHub, Chat) {
    let receiver = Chat::start().await;
    let webhook_url = Some(receiver.url().to_owned());
    let options = Options { webhook_url, hosts, checks: Checks::Described, ..Options::default() };
    (SimulatedGitHub::start(options).await, receiver)
}

fn caller<'a>(github: &'a SimulatedGitHub, token: &str) -> Caller<'a> {
    Caller { github, token: token.to_owned(), base: github.url() }
}

#[track_caller]
fn assert_conforms(github: &SimulatedGitHub) {
    let violations = github.violations();
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} are not as GitHub describes them:\n{}", lines.len(), lines.join("\n"));
}

/// What was covered is this, no more and no less.
#[track_caller]
fn assert_covered(covered: &BTreeSet<String>, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|one| (*one).to_owned()).collect();
    assert_eq!(*covered, expected, "only there: {:?}", covered.symmetric_difference(&expected));
}

async fn failed_run(github: &SimulatedGitHub) -> Run {
    let repository = github.repository("octo/widgets").await;
    let number = repository.pull_request("feature", "mona").await;
    let job = Job::new("test").matrix(3).no_fail_fast().member_fails(2, 1).duration(300);
    let run = repository.run_on(Workflow::new("ci").job(job), Trigger::pull_request(number, "mona")).await;
    run.ends(1).await;
    run
}

/// What was called, apart from webhooks.
fn calls(github: &SimulatedGitHub) -> BTreeSet<String> {
    github.covered().into_iter().filter(|one| !one.starts_with("webhook")).collect()
}

/// Operations whose path has the word in it.
fn of(github: &SimulatedGitHub, word: &str) -> BTreeSet<String> {
    let word = format!("/{word}");
    github.covered().into_iter().filter(|one| one.contains(&word)).collect()
}

/// What GitHub calls each endpoint. A new one does not compile before it is here.
macro_rules! endpoints {
    ($($endpoint:ident => $operation:literal),+ $(,)?) => {
        fn operation(endpoint: Endpoint) -> &'static str {
            match endpoint { $(Endpoint::$endpoint => $operation),+ }
        }
        const ENDPOINTS: &[Endpoint] = &[$(Endpoint::$endpoint),+];
    };
}

endpoints! {
    ReadRepository => "GET /repos/{owner}/{repo}",
    ReadRun => "GET /repos/{owner}/{repo}/actions/runs/{run_id}",
    ListRuns => "GET /repos/{owner}/{repo}/actions/runs",
    ListWorkflowRuns => "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
    ListJobs => "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
    RerunFailedJobs => "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs",
    Rerun => "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun",
    RerunJob => "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun",
    ReadWorkflow => "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}",
    Annotations => "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
    JobLog => "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
    PullRequest => "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    ListPullRequests => "GET /repos/{owner}/{repo}/pulls",
    Contents => "GET /repos/{owner}/{repo}/contents/{path}",
    ListComments => "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
    CreateComment => "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    CreateReaction => "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
    CreateIssue => "POST /repos/{owner}/{repo}/issues",
    ListIssues => "GET /repos/{owner}/{repo}/issues",
    ReadIssue => "GET /repos/{owner}/{repo}/issues/{issue_number}",
    EditIssue => "PATCH /repos/{owner}/{repo}/issues/{issue_number}",
    CreateStatus => "POST /repos/{owner}/{repo}/statuses/{sha}",
    ListStatuses => "GET /repos/{owner}/{repo}/commits/{ref}/statuses",
    EditComment => "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
    App => "GET /app",
    Installation => "GET /repos/{owner}/{repo}/installation",
    CreateToken => "POST /app/installations/{installation_id}/access_tokens",
    AppHook => "GET /app/hook/config",
    AppDeliveries => "GET /app/hook/deliveries",
    AppRedelivery => "POST /app/hook/deliveries/{delivery_id}/attempts",
    ConvertManifest => "POST /app-manifests/{code}/conversions",
    Hooks => "GET /repos/{owner}/{repo}/hooks",
    Deliveries => "GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries",
    Redelivery => "POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts",
    RateLimit => "GET /rate_limit",
    User => "GET /user",
}

#[test]
fn every_endpoint_is_covered() {
    let covered: Vec<&str> =
        [runs::COVERED, repository::COVERED, issues::COVERED, statuses::COVERED, apps::COVERED].concat();
    for endpoint in ENDPOINTS {
        let is_good = |row: &&str| {
            let status = row.strip_prefix(operation(*endpoint)).and_then(|rest| rest.strip_prefix(' '));
            status.is_some_and(|status| status.starts_with(['2', '3']))
        };
        assert!(covered.iter().any(is_good), "{endpoint:?} is in no test here, or not as {}", operation(*endpoint));
    }
}
