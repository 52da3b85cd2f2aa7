//! What [`crate::web`] and [`crate::doctor`] have the platform do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use worker::Env;

use crate::doctor::{GitHub, Who};
use crate::github::credentials::{Credentials, Transport};
use crate::github::http::Method;
use crate::github::{self, Reply};
use crate::keeper::store::once::Once;
use crate::keeper::summary::Summary;
use crate::keeper::views::Question;
use crate::names::RepoName;
use crate::settings::Settings;
use crate::time::Millis;
use crate::web::Backend;
use crate::web::access::failed_logins::FailedLogins;
use crate::web::access::team_keys::{TeamKey, TeamKeys};
use crate::web::backend::{Fault, KeeperAnswer, SummaryList};
use crate::web::setup::manifest::{Code, NewApp};
use crate::worker::github_client::{self, Connection, TIME_OUT_MS};
use crate::worker::{clock, keeper_client, kv, log, signing, team_keys};

/// The binding that counts failed logins.
const ADMIN_FAILURES: &str = "ADMIN_FAILURES";

thread_local! {
    static FAILED_LOGINS: Rc<RefCell<FailedLogins>> = Rc::default();
    static TEAM_KEYS: Rc<RefCell<TeamKeys>> = Rc::default();
}

pub struct WorkerBackend<'a> {
    env: &'a Env,
    settings: &'a Rc<Settings>,
    failed_logins: Rc<RefCell<FailedLogins>>,
    team_keys: Rc<RefCell<TeamKeys>>,
}

impl<'a> WorkerBackend<'a> {
    pub fn new(env: &'a Env, settings: &'a Rc<Settings>) -> Self {
        let (failed_logins, team_keys) = (FAILED_LOGINS.with(Rc::clone), TEAM_KEYS.with(Rc::clone));
        Self { env, settings, failed_logins, team_keys }
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

    fn team_keys(&self) -> &RefCell<TeamKeys> {
        &self.team_keys
    }

    async fn read_team_keys(&self, url: &str) -> Result<Vec<u8>, Fault> {
        team_keys::read(url).await
    }

    async fn is_signed(&self, key: &TeamKey, signed: &[u8], signature: &[u8]) -> Result<bool, Fault> {
        signing::verify(key, signed, signature).await
    }

    async fn ask(&self, repository: &RepoName, question: Question) -> Result<Option<KeeperAnswer>, Fault> {
        keeper_client::ask(self.env, repository, question).await.map_err(fault)
    }

    async fn spend(&self, once: &Once) -> Result<bool, Fault> {
        keeper_client::spend(self.env, once.clone()).await.map_err(fault)
    }

    async fn summary(&self, repository: &RepoName) -> Result<Option<Summary>, Fault> {
        kv::read_summary(self.env, repository).await
    }

    async fn summaries(&self, cursor: Option<&str>) -> Result<SummaryList, Fault> {
        kv::list_summaries(self.env, cursor).await
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

/// GitHub as the doctor asks it: with the Worker's own credentials, whichever they are.
pub struct DoctorClient<'a> {
    settings: &'a Rc<Settings>,
    /// For each repository that was asked about.
    credentials: BTreeMap<String, Credentials>,
}

impl<'a> DoctorClient<'a> {
    pub fn new<'r>(settings: &'a Rc<Settings>, repositories: impl IntoIterator<Item = &'r RepoName>) -> Self {
        let credentials = repositories.into_iter().map(|name| (name.key(), Credentials::new(Rc::clone(settings))));
        Self { settings, credentials: credentials.collect() }
    }
}

impl GitHub for DoctorClient<'_> {
    async fn call(&self, who: Who<'_>, method: Method, path: &str) -> Result<Reply, github::Error> {
        let connection = Connection::new(self.settings, TIME_OUT_MS);
        let fresh = Credentials::new(Rc::clone(self.settings));
        match who {
            Who::App => match &self.settings.github_app {
                Some(app) => fresh.call_as_app(&connection, app, method, path, None).await,
                None => Err(github::Error::Credentials { message: "there is no App".to_owned() }),
            },
            Who::Token => match &self.settings.github_token {
                Some(token) => connection.exchange(method, path, None, token).await,
                None => Err(github::Error::Credentials { message: "GITHUB_TOKEN is not set".to_owned() }),
            },
            Who::Repository(repository) => {
                let credentials = self.credentials.get(&repository.key()).unwrap_or(&fresh);
                let authorization = credentials.authorization(&connection, repository).await?;
                connection.exchange(method, path, None, authorization.secret()).await
            }
        }
    }
}
