//! What [`crate::web`] has the platform do.

use std::cell::RefCell;
use std::rc::Rc;

use worker::Env;

use crate::doctor::GitHub;
use crate::github;
use crate::keeper::store::once::Once;
use crate::keeper::summary::Summary;
use crate::keeper::views::Question;
use crate::names::RepoName;
use crate::settings::Settings;
use crate::time::Millis;
use crate::web::Backend;
use crate::web::access::failed_logins::FailedLogins;
use crate::web::backend::{Fault, KeeperAnswer, ListError, SummaryList};
use crate::web::setup::new_app::{Code, NewApp};
use crate::worker::doctor_client::DoctorClient;
use crate::worker::keeper_client::{self, View};
use crate::worker::{clock, github_client, kv, log};

/// The binding that counts failed logins.
const ADMIN_FAILURES: &str = "ADMIN_FAILURES";

thread_local! {
    static FAILED_LOGINS: Rc<RefCell<FailedLogins>> = Rc::default();
}

pub struct WorkerBackend<'a> {
    env: &'a Env,
    settings: &'a Rc<Settings>,
    failed_logins: Rc<RefCell<FailedLogins>>,
}

impl<'a> WorkerBackend<'a> {
    pub fn new(env: &'a Env, settings: &'a Rc<Settings>) -> Self {
        Self { env, settings, failed_logins: FAILED_LOGINS.with(Rc::clone) }
    }
}

impl Backend for WorkerBackend<'_> {
    fn now(&self) -> Millis {
        clock::now()
    }

    fn nonce(&self) -> String {
        github_client::nonce()
    }

    fn failed_logins(&self) -> &RefCell<FailedLogins> {
        &self.failed_logins
    }

    async fn exceeds_failed_logins(&self, network: &str) -> Result<bool, Fault> {
        let counted = async { self.env.rate_limiter(ADMIN_FAILURES)?.limit(network.to_owned()).await };
        counted.await.map(|outcome| !outcome.success).map_err(fault)
    }

    async fn ask(&self, repository: &RepoName, question: Question) -> Result<Option<KeeperAnswer>, Fault> {
        let view = keeper_client::ask(self.env, repository, question).await.map_err(fault)?;
        Ok(view.map(|View { json, rows_read }| KeeperAnswer {
            json: Box::<str>::from(json).into_string().into_bytes(),
            rows_read: Some(rows_read.to_string()),
        }))
    }

    async fn spend(&self, once: &Once) -> Result<bool, Fault> {
        keeper_client::spend(self.env, once.clone()).await.map_err(fault)
    }

    async fn summary(&self, repository: &RepoName) -> Result<Option<Summary>, Fault> {
        kv::read_summary(self.env, repository).await
    }

    async fn summaries(&self, cursor: Option<&str>) -> Result<SummaryList, ListError> {
        let listed = kv::list_summaries(self.env, cursor.map(str::to_owned)).await;
        let (summaries, next) = listed.map_err(|fault| ListError::of(fault, cursor))?;
        Ok(SummaryList { summaries, cursor: next })
    }

    async fn credentials_refusal(&self) -> Result<Option<String>, Fault> {
        kv::read_refusal(self.env).await
    }

    fn github(&self, repositories: &[RepoName]) -> impl GitHub {
        DoctorClient::new(self.settings, repositories)
    }

    async fn convert(&self, code: &Code) -> Result<NewApp, github::Error> {
        github_client::convert(self.settings, code).await
    }

    fn log_fault(&self, place: &'static str, what: &str) {
        log::fault(place, what);
    }
}

fn fault(error: worker::Error) -> Fault {
    error.to_string()
}
