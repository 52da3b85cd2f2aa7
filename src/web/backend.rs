//! What only the platform can do for a request.

use std::cell::RefCell;

use crate::doctor::GitHub;
use crate::github;
use crate::keeper::store::once::Once;
use crate::keeper::summary::Summary;
use crate::keeper::views::Question;
use crate::names::RepoName;
use crate::time::Millis;

use super::access::failed_logins::FailedLogins;
use super::access::team_keys::{TeamKey, TeamKeys};
use super::rejection::Rejection;
use super::setup::manifest::{Code, NewApp};

/// What went wrong, for the log.
pub type Fault = String;

/// What a Keeper answers.
#[derive(Debug, Clone)]
pub struct KeeperAnswer {
    pub json: Vec<u8>,
    pub rows_read: usize,
}

#[derive(Debug, Clone)]
pub struct SummaryList {
    /// By name.
    pub summaries: Vec<Summary>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

#[expect(async_fn_in_trait, reason = "both ends are in this project, and neither needs its futures to be Send")]
pub trait Backend {
    fn now(&self) -> Millis;

    /// Letters and digits that nobody can guess.
    fn nonce(&self) -> String;

    /// What this instance remembers of them.
    fn failed_logins(&self) -> &RefCell<FailedLogins>;

    /// Counts a failed login of this network. Whether it is one too many.
    async fn exceeds_failed_logins(&self, network: &str) -> Result<bool, Fault>;

    /// The keys of Cloudflare Access, as this instance remembers them.
    fn team_keys(&self) -> &RefCell<TeamKeys>;

    /// Reads what is at this address, of [`MAX_BYTES`](super::access::team_keys::MAX_BYTES) at the most.
    async fn read_team_keys(&self, url: &str) -> Result<Vec<u8>, Fault>;

    /// Whether the key made this signature, by RS256. A key that is none made none.
    async fn is_signed(&self, key: &TeamKey, signed: &[u8], signature: &[u8]) -> Result<bool, Fault>;

    /// Asks a repository's Keeper. `None`: it has no record of what was asked for.
    async fn ask(&self, repository: &RepoName, question: Question) -> Result<Option<KeeperAnswer>, Fault>;

    /// Uses what is good once. Whether it was.
    async fn spend(&self, once: &Once) -> Result<bool, Fault>;

    async fn summary(&self, repository: &RepoName) -> Result<Option<Summary>, Fault>;

    /// Up to 1,000 repositories.
    async fn summaries(&self, cursor: Option<&str>) -> Result<SummaryList, Fault>;

    /// How GitHub refused the credentials, if it does.
    async fn credentials_refusal(&self) -> Result<Option<String>, Fault>;

    /// GitHub with the Worker's credentials, for what concerns these repositories.
    fn github(&self, repositories: &[RepoName]) -> impl GitHub;

    /// Exchanges a manifest's code for the App.
    async fn convert(&self, code: &Code) -> Result<NewApp, github::Error>;

    fn log_fault(&self, place: &'static str, what: &str);
}

/// The Keeper's answer, or why there is none.
pub async fn ask(backend: &impl Backend, repository: &RepoName, question: Question) -> Result<KeeperAnswer, Rejection> {
    match backend.ask(repository, question).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(Rejection::NotFound(
            "Rerunner has no record of it: no webhook about it has arrived yet, or its name is misspelled",
        )),
        Err(fault) => Err(Rejection::unavailable("the Keeper", fault)),
    }
}
