//! Clients that others wrote work through the simulated GitHub: what agrees with them agrees with GitHub.
//! Octokit works as an App over pages, the redirect to a log, a server's error and both kinds of rate limit, and with its
//! webhooks' half re-runs what failed. Seen to fail when links between pages are relative (`<?page=2>`): it ends at the
//! first page.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::{
    Checks, Conclusion, Endpoint, EventKinds, Fault, Grant, Happening, Job, Options, Run, SecondaryLimits,
    SimulatedGitHub, Trigger, Workflow,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const DEADLINE: Duration = Duration::from_secs(120);

/// The script that runs Octokit. It ends when this is dropped.
struct Octokit {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    told: Vec<(String, Value)>,
}

impl Octokit {
    fn start(environment: &[(&str, String)]) -> Octokit {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/clients/octokit.mjs"].iter().collect();
        let mut command = Command::new(root.join("node_modules/.bin/node"));
        let command = command.arg(script).envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.expect("node of node_modules; run `npm run setup:tests` first");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Octokit { child, lines, told: vec![] }
    }

    /// Reads until it tells this; what it saw.
    async fn tells(&mut self, what: &str, github: &SimulatedGitHub) -> Value {
        loop {
            let line = tokio::time::timeout(DEADLINE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("{what}: nothing was told\n{}", github.history())).unwrap();
            let Some(line) = line else { panic!("{what}: the script has ended\n{}", github.history()) };
            let mut told: Value = serde_json::from_str(&line).unwrap();
            let (name, seen) = (told["what"].as_str().unwrap().to_owned(), told["seen"].take());
            self.told.push((name.clone(), seen.clone()));
            if name == what {
                return seen;
            }
        }
    }

    async fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(b"go on\n").await.expect("it listens");
    }

    fn all(&self, what: &str) -> Vec<&Value> {
        self.told.iter().filter(|(name, _)| name == what).map(|(_, seen)| seen).collect()
    }
}

/// An hour or a minute passes as soon as somebody is told to wait for it.
fn let_limits_pass(github: &SimulatedGitHub) {
    let (github, mut happenings) = (github.clone(), github.observe());
    tokio::spawn(async move {
        while let Ok(happening) = happenings.recv().await {
            let Happening::Api(call) = happening else { continue };
            let message = call.message.unwrap_or_default();
            if message.contains("secondary rate limit") {
                github.skip_time(Duration::from_secs(61));
            } else if message.contains("API rate limit exceeded") {
                github.skip_time(Duration::from_secs(60 * 60));
            }
        }
    });
}

async fn matrix(github: &SimulatedGitHub) -> Run {
    let repository = github.repository("octo/widgets").await;
    let job = Job::new("test").matrix(250).no_fail_fast().member_fails(241, 2).duration(5);
    repository.run(Workflow::new("matrix").job(job)).await
}

#[tokio::test]
async fn octokit() {
    let limits = SecondaryLimits { content_creating_a_minute: Some(2), ..SecondaryLimits::default() };
    let options = Options { checks: Checks::Described, secondary_limits: limits, ..Options::default() };
    let github = SimulatedGitHub::start(options).await;
    let app = github.app("Octokit's");
    let installation = app.install(&["octo/widgets"]);
    github.add_token("limited", Grant::full("mona").hourly(3));
    let_limits_pass(&github);
    let repository = github.repository("octo/widgets").await;
    let run = matrix(&github).await;
    run.ends(1).await;
    for name in ["a", "b", "c", "d"] {
        repository.run(Workflow::new(name).job(Job::new("test").duration(5))).await.ends(1).await;
    }
    let other = Trigger::push("main", "mona").event("schedule");
    repository.run_on(Workflow::new("e").job(Job::new("test").duration(5)), other).await.ends(1).await;
    github.fault(Fault::status(502).on(Endpoint::ReadRun).times(1));

    let mut octokit = Octokit::start(&[
        ("GITHUB", github.url()),
        ("APP_ID", app.id.to_string()),
        ("PRIVATE_KEY", app.key.pkcs1()),
        ("SECRET", "the-apps-secret".to_owned()),
        ("INSTALLATION", installation.to_string()),
        ("LIMITED_TOKEN", "limited".to_owned()),
    ]);
    let port = octokit.tells("listening", &github).await;
    octokit.tells("called", &github).await;
    let seen = |what: &str| octokit.all(what);
    assert_eq!(seen("app"), [&json!("Octokit's")]);
    assert_eq!(seen("installation"), [&json!({ "id": installation, "account": "octo" })]);
    assert_eq!(seen("runs"), [&json!(["a", "b", "c", "d", "matrix"])]);
    assert_eq!(seen("jobs"), [&json!({ "all": 250, "failed": ["test (241)"] })]);
    assert_eq!(seen("log"), [&json!(true)]);
    assert_eq!(github.log_reads().iter().map(|read| read.authorization).collect::<Vec<_>>(), [false]);
    assert_eq!(seen("annotations"), [&json!(["Process completed with exit code 1."])]);
    assert_eq!(seen("run after a server's error"), [&json!("failure")]);
    assert_eq!(seen("secondary rate limit"), [&json!("POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun")]);
    assert_eq!(seen("re-run")[0], 201);
    assert_eq!(seen("re-run").len(), 3);
    let tokens = github.calls().iter().filter(|call| call.endpoint == Some(Endpoint::CreateToken)).count();
    assert_eq!(tokens, 1, "one token for all calls");

    // Its other half: webhooks, verified and acted on.
    app.hook(|hook| {
        hook.url = Some(format!("http://127.0.0.1:{port}/api/github/webhooks"));
        hook.secret = "the-apps-secret".to_owned();
        hook.events = EventKinds::ALL;
    });
    let fails_once = || Workflow::new("flaky").job(Job::new("test").fails(1).duration(5));
    let run = repository.run(fails_once()).await;
    run.expect_reruns(1).await;
    assert_eq!(run.ends(2).await, Conclusion::Success);
    for (attempt, conclusion) in [(1, "failure"), (2, "success")] {
        let expected = json!({ "id": run.id().0, "conclusion": conclusion, "run_attempt": attempt });
        // The matrix's last attempt may still be told of.
        while octokit.tells("webhook", &github).await != expected {}
    }
    github.expect("all were taken", |github| github.deliveries().iter().all(|one| one.is_ok())).await;
    app.hook(|hook| hook.secret = "another".to_owned());
    let refused = repository.run(fails_once()).await;
    refused.ends(1).await;
    let words = octokit.tells("refused", &github).await;
    assert!(words[0].as_str().unwrap().contains("signature does not match"), "{words}");
    refused.expect_no_rerun_for(Duration::from_millis(200)).await;

    octokit.go_on().await;
    octokit.tells("done", &github).await;
    assert_eq!(octokit.all("rate limit"), [&json!("GET /repos/{owner}/{repo}/actions/runs/{run_id}")]);
    assert_eq!(octokit.all("calls of a limited token"), [4]);

    let violations: Vec<String> = github.violations().iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    assert!(github.covered().contains("webhook workflow_job.in_progress"), "{:?}", github.covered());
}
