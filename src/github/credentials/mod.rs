//! Which credentials a call to GitHub is made with: the App's, where it is installed, else the token.
//!
//! | module | what it is |
//! |---|---|
//! | [`app`] | acting as a GitHub App: what is signed, what is asked for, how the answers are read |
//! | [`app_token`] | the App's own calls, by which it gets a token for an installation |
//!
//! An installation token is kept in memory only, for the one repository that it is narrowed to: a secret is never in
//! storage, and after a restart one call or two get another. It is fetched once, however many calls wait for it, renewed
//! before it expires, and given up when GitHub refuses it. GitHub's servers do not all know of a new one at once: one that
//! was never accepted is tried again, for some seconds, before a refusal counts.

pub mod app;
mod app_token;

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::{Either, select};
use futures_util::lock::Mutex;

use crate::names::{InstallationId, RepoName, RepositoryId};
use crate::settings::{App, Needed, Secret, Settings};
use crate::time::{Millis, Span};

use super::calls::comments::Author;
use super::error::Error;
use super::http::{Method, Reply};
use super::redirect::RepositoryPath;

use app::{InstallationToken, RENEW_BEFORE};

/// How long the App is taken for not installed, where there is a token to use instead.
const NOT_INSTALLED_FOR: Span = Span::minutes(10);
/// How long one call waits for another that fetches the token: as long as that can take.
const FETCH_TIME_OUT: Span = Span::seconds(10);

/// How long a call waits before it is made again with a token that GitHub has only just made.
const NEW_TOKEN_WAITS: [Span; 3] = [Span::seconds(1), Span::seconds(2), Span::seconds(4)];
/// All of these waits together, and some time for the calls between.
pub const NEW_TOKEN_WAITS_TAKE: Span = Span::seconds(8);
/// All of GitHub's servers know of a token after this.
const NEW_FOR: Span = Span::seconds(30);

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It counts.
    Final,
    /// The token is new: the same call may be made again with it, after this.
    RetryAfter(Span),
    /// The token is no longer good: the same call may be made with another.
    TokenExpired,
}

/// How calls are sent.
#[expect(async_fn_in_trait, reason = "both implementations are in this project, and neither needs Send futures")]
pub trait Transport {
    fn now(&self) -> Millis;
    /// By RSASSA-PKCS1-v1_5 with SHA-256. An error says what is wrong with the key.
    async fn sign(&self, app: &App, claims: &str) -> Result<Vec<u8>, app::KeyError>;
    async fn exchange(&self, method: Method, path: &str, body: Option<&str>, token: &Secret) -> Result<Reply, Error>;
    async fn wait(&self, span: Span);
}

/// The credentials for one repository.
pub struct Credentials {
    settings: Rc<Settings>,
    state: RefCell<State>,
    fetching: Mutex<()>,
}

/// What is known between calls, all of which may be forgotten.
#[derive(Debug, Default)]
struct State {
    repository: Option<RepositoryId>,
    /// Where redirects have led: calls go there at once from then on.
    moved_to: Option<RepositoryPath>,
    installation: Option<InstallationId>,
    token: Option<InstallationToken>,
    /// When that was made, until GitHub first accepts it.
    unproven_since: Option<Millis>,
    not_installed_until: Option<Millis>,
    /// For the owner's repository `.github` alone, where the repository's own token does not show it.
    organizations: Option<InstallationToken>,
    /// There is none to be had before this.
    no_organizations_until: Option<Millis>,
    /// What tokens must be for, beside what the settings switch on.
    also_needed: Needed,
    /// How far GitHub's clock is ahead of ours, in milliseconds.
    clock_ahead: i64,
    /// Whether the App was not installed, or suspended, when it was last tried.
    app_is_unusable: bool,
    /// Whose the token is, which does not change: another token comes with another deployment.
    user: Option<Author>,
}

impl State {
    fn usable(&self, now: Millis, token: Option<&Authorization>) -> Option<Authorization> {
        if self.not_installed_until.is_some_and(|until| now < until) {
            return token.cloned();
        }
        // It expires by GitHub's clock.
        let now = Millis(now.0.saturating_add(self.clock_ahead));
        let fresh = self.token.as_ref().filter(|token| now + RENEW_BEFORE < token.expires)?;
        Some(Authorization::Installation(fresh.token.clone()))
    }

    fn is_current(&self, authorization: &Authorization) -> bool {
        self.token.as_ref().is_some_and(|token| token.token == *authorization.secret())
    }
}

/// For `Authorization: Bearer …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    Token(Secret),
    Installation(Secret),
}

impl Authorization {
    pub fn is_the_apps(&self) -> bool {
        matches!(self, Self::Installation(_))
    }

    pub fn secret(&self) -> &Secret {
        match self {
            Self::Token(secret) | Self::Installation(secret) => secret,
        }
    }
}

impl Credentials {
    pub fn new(settings: Rc<Settings>) -> Self {
        Self { settings, state: RefCell::default(), fetching: Mutex::new(()) }
    }

    /// What to make the next call with.
    pub async fn authorization(&self, github: &impl Transport, repository: &RepoName) -> Result<Authorization, Error> {
        let token = self.settings.github_token.clone().map(Authorization::Token);
        let Some(app) = &self.settings.github_app else {
            return token.ok_or_else(|| Error::Credentials { message: "GITHUB_TOKEN is not set".to_owned() });
        };
        if let Some(usable) = self.state.borrow().usable(github.now(), token.as_ref()) {
            return Ok(usable);
        }
        // A fetch that was cut off must not hold up the others for ever.
        let turn = select(self.fetching.lock(), Box::pin(github.wait(FETCH_TIME_OUT))).await;
        let _turn = match turn {
            Either::Left((turn, _)) => Some(turn),
            Either::Right(_) => None,
        };
        if let Some(usable) = self.state.borrow().usable(github.now(), token.as_ref()) {
            return Ok(usable);
        }
        let fetched = self.fetch_app_token(github, app, repository).await;
        let mut state = self.state.borrow_mut();
        state.app_is_unusable = match &fetched {
            Ok(token) => token.is_none(),
            Err(error) => *error == app::suspended(),
        };
        match (fetched?, token) {
            (Some(fetched), _) => {
                let secret = fetched.token.clone();
                state.token = Some(fetched);
                state.unproven_since = Some(github.now());
                state.not_installed_until = None;
                Ok(Authorization::Installation(secret))
            }
            (None, Some(token)) => {
                state.not_installed_until = Some(github.now() + NOT_INSTALLED_FOR);
                Ok(token)
            }
            (None, None) => Err(app::not_installed(repository)),
        }
    }

    /// Who writes with what [`Credentials::authorization`] gives now.
    pub async fn author(&self, github: &impl Transport, repository: &RepoName) -> Result<Author, Error> {
        let authorization = self.authorization(github, repository).await?;
        if let (Authorization::Installation(_), Some(app)) = (&authorization, &self.settings.github_app) {
            return Ok(Author::App(app.id.clone()));
        }
        if let Some(user) = &self.state.borrow().user {
            return Ok(user.clone());
        }
        let reply = github.exchange(Method::Get, "/user", None, authorization.secret()).await?;
        let user = Author::of_token(&reply)?;
        self.state.borrow_mut().user = Some(user.clone());
        Ok(user)
    }

    /// The token for the owner's repository `.github`, if there is one.
    pub fn organizations(&self, now: Millis) -> Option<Secret> {
        let state = self.state.borrow();
        let now = Millis(now.0.saturating_add(state.clock_ahead));
        let fresh = state.organizations.as_ref().filter(|token| now + RENEW_BEFORE < token.expires)?;
        Some(fresh.token.clone())
    }

    pub fn forget_organizations(&self) {
        self.state.borrow_mut().organizations = None;
    }

    /// Whether the App is what is used for the repository, as far as is known.
    pub fn use_the_app(&self) -> bool {
        self.settings.github_app.is_some() && self.state.borrow().not_installed_until.is_none()
    }

    /// Whether the next call may have to be made several times, as GitHub may not know its token yet.
    pub fn are_unproven(&self) -> bool {
        let state = self.state.borrow();
        self.settings.github_app.is_some() && (state.token.is_none() || state.unproven_since.is_some())
    }

    /// A webhook came from this installation. Whether the App was unusable until now: GitHub sends none where the App is
    /// not installed, or suspended.
    pub fn on_installation(&self, installation: InstallationId) -> bool {
        let mut state = self.state.borrow_mut();
        if state.installation.replace(installation) != Some(installation) {
            state.token = None;
            state.organizations = None;
        }
        // It may have been installed on more.
        state.no_organizations_until = None;
        state.not_installed_until = None;
        std::mem::take(&mut state.app_is_unusable)
    }

    /// GitHub did not refuse a call that was made with these.
    pub fn on_accepted(&self, authorization: &Authorization) {
        let mut state = self.state.borrow_mut();
        if state.is_current(authorization) {
            state.unproven_since = None;
        }
    }

    /// GitHub refused a call that was made with these, for the `tries`-th time.
    pub fn on_refused(&self, authorization: &Authorization, reply: &Reply, tries: usize, now: Millis) -> Refusal {
        let mut state = self.state.borrow_mut();
        if !authorization.is_the_apps() {
            return Refusal::Final;
        }
        let suspended = app::says_suspended(reply);
        let current = state.is_current(authorization);
        let may_be_unknown = current
            && !suspended
            && state.unproven_since.is_some_and(|since| now < since + NEW_FOR)
            && matches!(Error::of(reply), Error::Credentials { .. } | Error::NotFound);
        if may_be_unknown && let Some(wait) = tries.checked_sub(1).and_then(|n| NEW_TOKEN_WAITS.get(n)) {
            return Refusal::RetryAfter(*wait);
        }
        if reply.status != 401 && !suspended {
            return Refusal::Final;
        }
        if current {
            state.token = None;
        }
        state.app_is_unusable |= suspended;
        // Another new one would be refused like this one.
        if suspended || may_be_unknown { Refusal::Final } else { Refusal::TokenExpired }
    }

    /// Which repository it is, whatever its name. Where another had that name before, what was known of it is of no use.
    pub fn set_repository(&self, id: RepositoryId) {
        let mut state = self.state.borrow_mut();
        if state.repository.replace(id).is_some_and(|before| before != id) {
            state.moved_to = None;
            state.token = None;
            state.unproven_since = None;
            state.not_installed_until = None;
        }
    }

    /// Where GitHub says that the repository is now, if not at its name.
    pub fn moved_to(&self) -> Option<RepositoryPath> {
        self.state.borrow().moved_to.clone()
    }

    /// Where the repository is found whatever it is called: by the number that webhooks tell.
    pub fn path_by_id(&self) -> Option<RepositoryPath> {
        let state = self.state.borrow();
        state.repository.map(RepositoryPath::Id).or_else(|| state.moved_to.clone())
    }

    pub fn set_moved_to(&self, path: RepositoryPath) {
        self.state.borrow_mut().moved_to = Some(path);
    }
}

#[cfg(test)]
mod tests;
