//! GitHub as the doctor asks it: with the Worker's own credentials, whichever they are.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::doctor::{GitHub, Who};
use crate::names::RepoName;
use crate::settings::Settings;

use super::github_client::{Connection, TIME_OUT_MS};
use crate::github::credentials::{Credentials, Transport};
use crate::github::http::Method;
use crate::github::{self, Reply};

/// The Worker as the doctor sees it.
pub struct DoctorClient<'a> {
    settings: &'a Rc<Settings>,
    /// For each repository that was asked about; the App's own calls go by the first.
    credentials: BTreeMap<String, Credentials>,
}

impl<'a> DoctorClient<'a> {
    pub fn new<'r>(settings: &'a Rc<Settings>, repositories: impl IntoIterator<Item = &'r RepoName>) -> Self {
        let credentials = repositories.into_iter().map(|name| (name.key(), Credentials::new(Rc::clone(settings))));
        Self { settings, credentials: credentials.collect() }
    }

    async fn call(&self, who: Who<'_>, method: Method, path: &str) -> Result<Reply, github::Error> {
        let connection = Connection::new(self.settings, TIME_OUT_MS);
        let fresh = || Credentials::new(Rc::clone(self.settings));
        match who {
            Who::App => match &self.settings.github_app {
                Some(app) => fresh().call_as_app(&connection, app, method, path, None).await,
                None => Err(github::Error::Credentials { message: "there is no App".to_owned() }),
            },
            Who::Token => match &self.settings.github_token {
                Some(token) => connection.exchange(method, path, None, token).await,
                None => Err(github::Error::Credentials { message: "GITHUB_TOKEN is not set".to_owned() }),
            },
            Who::Repository(repository) => match self.credentials.get(&repository.key()) {
                Some(credentials) => {
                    let authorization = credentials.authorization(&connection, repository).await?;
                    connection.exchange(method, path, None, authorization.secret()).await
                }
                None => {
                    let authorization = fresh().authorization(&connection, repository).await?;
                    connection.exchange(method, path, None, authorization.secret()).await
                }
            },
        }
    }
}

impl GitHub for DoctorClient<'_> {
    async fn get(&self, who: Who<'_>, path: &str) -> Result<Reply, github::Error> {
        self.call(who, Method::Get, path).await
    }

    async fn post(&self, who: Who<'_>, path: &str) -> Result<Reply, github::Error> {
        self.call(who, Method::Post, path).await
    }
}
