//! New secrets, as docs/operations.md has it: while runs fail all the time, no webhook is refused, and none of the runs
//! is lost.
//!
//! On Cloudflare a new version takes the old one's place at once. Here the Worker is ended and started: what is sent in
//! between reaches nobody, and is delivered again. That is not what is looked at: a webhook that was answered was taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use simulator::{Conclusion, DeliveryResult, Grant, Repository, Run, SimulatedGitHub};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::stage::{Stage, trials};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(stage, "rotation", webhook_secret_and_token, the_apps_key_and_webhook_secret)
}

const EVERY: Duration = Duration::from_millis(700);
/// How much goes on between two steps of a procedure.
const RUNS_BETWEEN: usize = 3;

/// Runs that fail once, one after the other, until they are to end.
struct Traffic {
    github: SimulatedGitHub,
    repository: Repository,
    runs: Arc<Mutex<Vec<Run>>>,
    ends: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Traffic {
    fn start(github: &SimulatedGitHub, repository: &Repository) -> Self {
        let (runs, ends) = (Arc::<Mutex<Vec<Run>>>::default(), Arc::new(AtomicBool::new(false)));
        let (all, end, of) = (runs.clone(), ends.clone(), repository.clone());
        let task = tokio::spawn(async move {
            while !end.load(Ordering::Relaxed) {
                let run = of.run(fails_once()).await;
                all.lock().await.push(run);
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { github: github.clone(), repository: repository.clone(), runs, ends, task }
    }

    /// Waits until some runs that have started since have been rescued.
    async fn goes_on(&self) {
        let from = self.runs.lock().await.len();
        let expectation = self.github.expectation("runs to start", crate::stage::PATIENCE);
        let mut fresh = vec![];
        while fresh.len() < RUNS_BETWEEN {
            assert!(!self.task.is_finished(), "the traffic has ended");
            tokio::time::sleep(EVERY).await;
            fresh = self.runs.lock().await.iter().skip(from).take(RUNS_BETWEEN).cloned().collect();
        }
        drop(expectation);
        for run in fresh {
            assert_eq!(run.ends(2).await, Conclusion::Success);
        }
    }

    /// Ends it: whatever reached nobody is delivered again, and then every run was rescued, once.
    async fn end(self, name: &str) {
        self.ends.store(true, Ordering::Relaxed);
        self.task.await.expect("it ends");
        let runs = self.runs.lock().await.clone();
        for run in &runs {
            run.ends(1).await;
        }
        let of_ours = self.github.deliveries().into_iter().filter(|one| one.repository.as_str() == name);
        for delivery in of_ours.collect::<Vec<_>>() {
            match &delivery.result {
                // What wrangler says while it ends: the Worker has not seen it.
                DeliveryResult::Answered { status: 500, body } if body.contains("connection") => {}
                DeliveryResult::Answered { status, body } => {
                    assert!((200..300).contains(status), "refused: {status} {body}\n{}", self.github.history());
                    continue;
                }
                _ => {}
            }
            self.github.redeliver(&delivery.id).await;
        }
        for run in &runs {
            assert_eq!(run.ends(2).await, Conclusion::Success);
            run.expect_reruns(1).await;
        }
        assert!(runs.len() >= 4 * RUNS_BETWEEN, "there was little traffic");
        drop(self.repository);
    }
}

/// One Worker after the other, at the same address and on the same storage.
struct Place {
    storage: TempDir,
    port: Option<u16>,
    worker: Option<LocalWorker>,
}

impl Place {
    fn new() -> Self {
        Self { storage: tempfile::tempdir().expect("a folder"), port: None, worker: None }
    }

    async fn with(&mut self, stage: &Stage, settings: &[(&str, &str)]) -> String {
        if let Some(worker) = self.worker.take() {
            worker.stop().await;
        }
        let mut options =
            Options { storage: Some(self.storage.path().to_owned()), port: self.port, ..Options::default() };
        for (name, value) in settings {
            options = options.setting(name, *value);
        }
        let worker = stage.worker_with(options).await;
        let url = format!("{}/", worker.url);
        self.port = worker.url.rsplit(':').next().and_then(|port| port.parse().ok());
        self.worker = Some(worker);
        url
    }
}

async fn webhook_secret_and_token(stage: Arc<Stage>) {
    let github = stage.github().await;
    let name = "octo/rotated";
    for token in ["the-old-token", "the-new-token"] {
        github.add_token(token, Grant::full("rerunner-bot"));
    }
    let mut place = Place::new();
    let old =
        [("WEBHOOK_SECRET", "the-old-secret"), ("WEBHOOK_SECRET_PREVIOUS", ""), ("GITHUB_TOKEN", "the-old-token")];
    let url = place.with(&stage, &old).await;
    let repository = stage.repository_of(name, runs(), url.trim_end_matches('/')).await;
    repository.hook(|hook| hook.secret = "the-old-secret".to_owned()).await;
    let traffic = Traffic::start(github, &repository);
    traffic.goes_on().await;
    // 1. The old secret is also the previous one. 2. The new one is the Worker's. 3. GitHub signs with it.
    let both = [("WEBHOOK_SECRET_PREVIOUS", "the-old-secret"), ("GITHUB_TOKEN", "the-old-token")];
    place.with(&stage, &[both.as_slice(), &[("WEBHOOK_SECRET", "the-old-secret")]].concat()).await;
    place.with(&stage, &[both.as_slice(), &[("WEBHOOK_SECRET", "the-new-secret")]].concat()).await;
    traffic.goes_on().await;
    repository.hook(|hook| hook.secret = "the-new-secret".to_owned()).await;
    traffic.goes_on().await;
    // 4. The previous one is gone; and with it, here, the old token.
    let new =
        [("WEBHOOK_SECRET", "the-new-secret"), ("WEBHOOK_SECRET_PREVIOUS", ""), ("GITHUB_TOKEN", "the-new-token")];
    place.with(&stage, &new).await;
    github.revoke_token("the-old-token");
    traffic.goes_on().await;
    traffic.end(name).await;
}

async fn the_apps_key_and_webhook_secret(stage: Arc<Stage>) {
    let github = stage.github().await;
    let name = "octo/app-rotated";
    let app = github.app("rotated");
    let (id, old_key) = (app.id.to_string(), app.key.pkcs1());
    let repository = stage.repository_of_app(name).await;
    app.install(&[name]);
    let mut place = Place::new();
    let of_app = [("GITHUB_TOKEN", ""), ("GITHUB_APP_ID", id.as_str()), ("WEBHOOK_SECRET", "the-old-secret")];
    let old = [("GITHUB_APP_PRIVATE_KEY", old_key.as_str()), ("WEBHOOK_SECRET_PREVIOUS", "")];
    let url = place.with(&stage, &[of_app.as_slice(), &old].concat()).await;
    app.hook(|hook| {
        hook.url = Some(url);
        hook.secret = "the-old-secret".to_owned();
    });
    let traffic = Traffic::start(github, &repository);
    traffic.goes_on().await;
    // 1. GitHub makes a second key. 2. The Worker gets it. 3. The first is taken away.
    let key = app.add_key();
    let new_key = key.pkcs1();
    place.with(&stage, &[of_app.as_slice(), &[("GITHUB_APP_PRIVATE_KEY", &new_key)]].concat()).await;
    app.remove_key(&app.key);
    traffic.goes_on().await;
    // The App's webhook secret, as that of a repository's webhook.
    let next = [
        ("GITHUB_TOKEN", ""),
        ("GITHUB_APP_ID", id.as_str()),
        ("GITHUB_APP_PRIVATE_KEY", new_key.as_str()),
        ("WEBHOOK_SECRET", "the-new-secret"),
        ("WEBHOOK_SECRET_PREVIOUS", "the-old-secret"),
    ];
    place.with(&stage, &next).await;
    traffic.goes_on().await;
    app.hook(|hook| hook.secret = "the-new-secret".to_owned());
    traffic.goes_on().await;
    traffic.end(name).await;
}
