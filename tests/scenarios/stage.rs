//! What the scenarios share: a runtime, and Workers that are started when first needed and ended with the program.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use serde_json::Value;
use simulator::{App, Checks, EventKinds, Repository, SimulatedGitHub, Violation};
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, Semaphore};

pub const SECRET: &str = "the-webhook-secret";
pub const PREVIOUS_SECRET: &str = "the-previous-secret";
pub const TOKEN: &str = "the-token";
pub const ADMIN_TOKEN: &str = "the-admin-token";

/// How long what should happen may take. GitHub's "already running", for one, is waited for 30 s.
///
/// A webhook that takes longer than ten seconds is lost, as with GitHub, and a re-run's end is then looked for after two
/// minutes: on a busy machine that happens.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Between two looks at something that is waited for.
const AGAIN: Duration = Duration::from_millis(100);

pub struct Stage {
    runtime: Runtime,
    github: OnceCell<SimulatedGitHub>,
    worker: OnceCell<LocalWorker>,
    /// Workers with settings of their own are many and heavy: two start at a time.
    starting: Semaphore,
}

impl Stage {
    pub fn new() -> Arc<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Arc::new(Self { runtime, github: OnceCell::new(), worker: OnceCell::new(), starting: Semaphore::new(2) })
    }

    /// The simulated GitHub that all scenarios share, each with a repository of its own.
    pub async fn github(&self) -> &SimulatedGitHub {
        let options = || simulator::Options {
            secret: SECRET.to_owned(),
            token: TOKEN.to_owned(),
            patience: PATIENCE,
            checks: Checks::Strict,
            ..simulator::Options::default()
        };
        self.github.get_or_init(|| SimulatedGitHub::start(options())).await
    }

    /// A repository whose webhooks of these kinds go to the shared Worker.
    pub async fn repository(&self, name: &str, events: EventKinds) -> Repository {
        let url = self.worker().await.url.clone();
        self.repository_of(name, events, &url).await
    }

    /// The same, for a Worker of one's own.
    pub async fn repository_of(&self, name: &str, events: EventKinds, url: &str) -> Repository {
        let repository = self.named(name).await;
        let url = format!("{url}/");
        repository
            .hook(|hook| {
                hook.url = Some(url);
                hook.events = events;
                hook.concurrent = true;
            })
            .await;
        repository
    }

    /// A repository whose faults are this scenario's.
    async fn named(&self, name: &str) -> Repository {
        // Outside a scenario nobody asks.
        let _ = REPOSITORIES.try_with(|names| names.lock().expect("no panic while it is held").push(name.to_owned()));
        self.github().await.repository(name).await
    }

    /// The Worker that most scenarios share: no delay, everything else as by default.
    pub async fn worker(&self) -> &LocalWorker {
        self.worker.get_or_init(|| async { self.worker_with(Options::default()).await }).await
    }

    /// A Worker of one's own. Secrets, the address of the simulated GitHub and a delay of 0 s are set unless `options`
    /// says otherwise.
    pub async fn worker_with(&self, options: Options) -> LocalWorker {
        let mut settings = BTreeMap::from([
            ("WEBHOOK_SECRET".to_owned(), SECRET.to_owned()),
            ("WEBHOOK_SECRET_PREVIOUS".to_owned(), PREVIOUS_SECRET.to_owned()),
            ("GITHUB_TOKEN".to_owned(), TOKEN.to_owned()),
            ("GITHUB_API_URL".to_owned(), self.github().await.url()),
            ("RERUN_DELAY".to_owned(), "0s".to_owned()),
            ("ADMIN_TOKEN".to_owned(), ADMIN_TOKEN.to_owned()),
        ]);
        settings.extend(options.settings);
        let _two_at_a_time = self.starting.acquire().await.expect("it is never closed");
        LocalWorker::start(Options { settings, ..options }).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A Worker of one's own that acts as this App, without a token unless `options` has one. The App's webhooks go to it.
    pub async fn worker_of_app(&self, app: &App, options: Options) -> LocalWorker {
        let mut settings = BTreeMap::from([
            ("GITHUB_APP_ID".to_owned(), app.id.to_string()),
            ("GITHUB_APP_PRIVATE_KEY".to_owned(), app.key.pkcs1()),
            ("GITHUB_TOKEN".to_owned(), String::new()),
        ]);
        settings.extend(options.settings);
        let worker = self.worker_with(Options { settings, ..options }).await;
        let url = format!("{}/", worker.url);
        app.hook(|hook| {
            hook.url = Some(url);
            SECRET.clone_into(&mut hook.secret);
        });
        worker
    }

    /// A repository without a webhook of its own: an App's are all there are.
    pub async fn repository_of_app(&self, name: &str) -> Repository {
        let repository = self.named(name).await;
        repository.hook(|hook| hook.url = None).await;
        repository
    }

    /// What Workers KV of the shared Worker says under a key, once something is there
    /// that will stay.
    pub async fn kv(&self, key: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let read = self.worker().await.kv_get(key).await.expect("the value of a key");
            let value: Value = read.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            let settled = ["rescued", "exhausted", "left", "failed", "superseded"];
            if value["outcome"].as_str().is_some_and(|outcome| settled.contains(&outcome)) || Instant::now() > end {
                return value;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// The text under a key of the shared Worker's Workers KV, once there is one.
    pub async fn kv_text(&self, key: &str) -> Option<String> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let read = self.worker().await.kv_get(key).await.expect("the value of a key");
            if read.is_some() || Instant::now() > end {
                return read.map(|text| text.trim().to_owned());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    pub fn close(self: Arc<Self>) {
        if let Some(stage) = Arc::into_inner(self)
            && let Some(worker) = stage.worker.into_inner()
        {
            stage.runtime.block_on(worker.stop());
        }
    }
}

/// A number that the long form of a scenario is given in the environment.
pub fn number_from(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?} is not a number")),
        Err(_) => default,
    }
}

tokio::task_local! {
    /// Those of the scenario that runs.
    static REPOSITORIES: Arc<std::sync::Mutex<Vec<String>>>;
}

/// A scenario by name. It fails too if what the Worker asked of GitHub for its repositories, or what the simulated GitHub
/// answered or sent, is not as GitHub describes it.
pub fn trial<F, Fut>(stage: &Arc<Stage>, name: &str, scenario: F) -> Trial
where
    F: FnOnce(Arc<Stage>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let stage = Arc::clone(stage);
    Trial::test(name, move || {
        let runtime = stage.runtime.handle().clone();
        let names = Arc::default();
        runtime.block_on(REPOSITORIES.scope(Arc::clone(&names), scenario(stage)));
        let names = names.lock().expect("no panic while it is held");
        let of_it = |violation: &Violation| violation.repository.as_ref().is_some_and(|name| names.contains(name));
        match simulator::violations().into_iter().filter(of_it).map(|one| format!("{one}\n")).collect::<String>() {
            none if none.is_empty() => Ok(()),
            violations => Err(format!("not as GitHub describes it:\n{violations}").into()),
        }
    })
}

/// A list of scenarios, each named as its function.
macro_rules! trials {
    ($stage:expr, $module:literal, $($scenario:ident),+ $(,)?) => {
        vec![$($crate::stage::trial($stage, concat!($module, "::", stringify!($scenario)), $scenario)),+]
    };
}
pub(crate) use trials;
