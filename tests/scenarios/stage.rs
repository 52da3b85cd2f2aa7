//! What the scenarios share: a runtime, and Workers that are started when first needed and ended with the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Trial;
use local_worker::{LocalWorker, Options};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};

pub const SECRET: &str = "the-webhook-secret";
pub const PREVIOUS_SECRET: &str = "the-previous-secret";
pub const TOKEN: &str = "the-token";

pub struct Stage {
    runtime: Runtime,
    worker: OnceCell<LocalWorker>,
    /// Workers with settings of their own are few and heavy: one starts after the other.
    starting: Mutex<()>,
}

impl Stage {
    pub fn new() -> Arc<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        Arc::new(Self { runtime, worker: OnceCell::new(), starting: Mutex::new(()) })
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
            ("GITHUB_API_URL".to_owned(), "http://127.0.0.1:9".to_owned()),
            ("RERUN_DELAY".to_owned(), "0s".to_owned()),
        ]);
        settings.extend(options.settings);
        let _one_at_a_time = self.starting.lock().await;
        LocalWorker::start(Options { settings, ..options }).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn close(self: Arc<Self>) {
        if let Some(stage) = Arc::into_inner(self)
            && let Some(worker) = stage.worker.into_inner()
        {
            stage.runtime.block_on(worker.stop());
        }
    }
}

/// A scenario by name.
pub fn trial<F, Fut>(stage: &Arc<Stage>, name: &str, scenario: F) -> Trial
where
    F: FnOnce(Arc<Stage>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let stage = Arc::clone(stage);
    Trial::test(name, move || {
        let runtime = stage.runtime.handle().clone();
        runtime.block_on(scenario(stage));
        Ok(())
    })
}

/// A list of scenarios, each named as its function.
macro_rules! trials {
    ($stage:expr, $module:literal, $($scenario:ident),+ $(,)?) => {
        vec![$($crate::stage::trial($stage, concat!($module, "::", stringify!($scenario)), $scenario)),+]
    };
}
pub(crate) use trials;
