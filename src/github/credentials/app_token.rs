//! The App's own calls, by which it gets a token for its installation on the repository.

use crate::names::{InstallationId, RepoName};
use crate::settings::{App, Needed, Secret};
use crate::time::Millis;

use super::super::error::Error;
use super::super::http::{Method, Reply};
use super::app::{self, InstallationToken};
use super::{Credentials, NOT_INSTALLED_FOR, Transport};

/// It says nothing of what the App was granted.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::RateLimited { .. } | Error::Inconclusive { .. })
}

fn installation_path(repository: &RepoName) -> String {
    format!("/repos/{repository}/installation")
}

impl Credentials {
    /// `None`: the App is not installed there.
    pub(super) async fn fetch_app_token(
        &self,
        github: &impl Transport,
        app: &App,
        repository: &RepoName,
    ) -> Result<Option<InstallationToken>, Error> {
        let known = self.state.borrow().installation;
        if let Some(installation) = known {
            if let Some(token) = self.create_token(github, app, repository, installation).await? {
                return Ok(Some(token));
            }
            // It was removed, and perhaps installed anew.
            self.state.borrow_mut().installation = None;
        }
        let reply = self.call_as_app(github, app, Method::Get, &installation_path(repository), None).await?;
        let Some(installation) = app::read_installation(&reply)? else { return Ok(None) };
        self.state.borrow_mut().installation = Some(installation);
        self.create_token(github, app, repository, installation).await
    }

    async fn create_token(
        &self,
        github: &impl Transport,
        app: &App,
        repository: &RepoName,
        installation: InstallationId,
    ) -> Result<Option<InstallationToken>, Error> {
        let (id, also) = (self.state.borrow().repository, self.state.borrow().also_needed);
        let needed = app.needed.and(also);
        let path = format!("/app/installations/{installation}/access_tokens");
        let ask = async |permissions| {
            let body = app::token_body(repository, id, &permissions);
            let reply = self.call_as_app(github, app, Method::Post, &path, Some(&body)).await?;
            Ok::<_, Error>((reply.status, app::read_token(&reply, needed)))
        };
        let (status, answer) = ask(needed.to_json()).await?;
        if status != 422 || answer.is_ok() {
            return answer;
        }
        // What a feature needs was not granted, or pull requests from when they were not looked at.
        let reply = self.call_as_app(github, app, Method::Get, &installation_path(repository), None).await?;
        let granted = match app::read_granted(&reply) {
            Ok(granted) => granted,
            Err(error) if is_passing(&error) => return Err(error),
            Err(_) => return answer,
        };
        match needed.as_granted(&granted) {
            Some(less) if less != needed.to_json() => match ask(less).await?.1 {
                Ok(Some(token)) => Ok(Some(token)),
                Err(error) if is_passing(&error) => Err(error),
                _ => answer,
            },
            _ => answer,
        }
    }

    /// What is switched on elsewhere than in the settings: the next token is for that, too.
    pub fn set_also_needed(&self, also: Needed) {
        let mut state = self.state.borrow_mut();
        if state.also_needed != also {
            state.also_needed = also;
            state.token = None;
        }
    }

    /// A token for the owner's repository `.github`. `None`: the App is not installed there, or may not read it, or is not used.
    pub async fn fetch_organizations(&self, github: &impl Transport) -> Result<Option<Secret>, Error> {
        let (installation, until) = {
            let state = self.state.borrow();
            (state.installation.filter(|_| self.use_the_app()), state.no_organizations_until)
        };
        let (Some(app), Some(installation)) = (&self.settings.github_app, installation) else { return Ok(None) };
        if until.is_some_and(|until| github.now() < until) {
            return Ok(None);
        }
        let path = format!("/app/installations/{installation}/access_tokens");
        let reply = self.call_as_app(github, app, Method::Post, &path, Some(app::ORGANIZATIONS_TOKEN)).await?;
        let read = match app::read_token(&reply, app.needed) {
            Err(error) if is_passing(&error) => return Err(error),
            // Nothing that is wrong with it is in the way of the repository itself.
            read => read.ok().flatten(),
        };
        let mut state = self.state.borrow_mut();
        state.no_organizations_until = read.is_none().then(|| github.now() + NOT_INSTALLED_FOR);
        state.organizations = read;
        Ok(state.organizations.as_ref().map(|token| token.token.clone()))
    }

    /// If GitHub's clock differs from ours, the call is made again by GitHub's.
    pub async fn call_as_app(
        &self,
        github: &impl Transport,
        app: &App,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> Result<Reply, Error> {
        let by_clock = async |ahead: i64| {
            let claims = app.claims(Millis(github.now().0.saturating_add(ahead)));
            let signature = github.sign(app, &claims).await;
            let signature = signature.map_err(|error| Error::Credentials {
                message: format!("GITHUB_APP_PRIVATE_KEY cannot be used: {error}"),
            })?;
            github.exchange(method, path, body, &app::signed(&claims, &signature)).await
        };
        let ahead = self.state.borrow().clock_ahead;
        let reply = by_clock(ahead).await?;
        match app::clock_is_off(&reply, github.now()).filter(|off| off.abs_diff(ahead) > 5_000) {
            Some(off) => {
                self.state.borrow_mut().clock_ahead = off;
                by_clock(off).await
            }
            None => Ok(reply),
        }
    }
}
