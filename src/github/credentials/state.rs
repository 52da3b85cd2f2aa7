//! What is known of the credentials between calls, all of which may be forgotten, and what a refusal means for it. Pure.
//!
//! GitHub's servers do not all know of a new token at once: one that was never accepted is tried again, for some seconds,
//! before a refusal counts.

use crate::names::{InstallationId, RepositoryId};
use crate::time::{Millis, Span};

use super::super::calls::comments::Author;
use super::super::error::Error;
use super::super::http::Reply;
use super::super::redirect::RepositoryPath;
use super::Authorization;
use super::app::{self, InstallationToken, RENEW_BEFORE};

/// How long a call waits before it is made again with a token that GitHub has only just made.
const NEW_TOKEN_WAITS: [Span; 3] = [Span::seconds(1), Span::seconds(2), Span::seconds(4)];
/// All of these waits together, and some time for the calls between.
pub const NEW_TOKEN_WAITS_TAKE: Span = Span::seconds(8);
/// All of GitHub's servers know of a token after this.
pub(super) const NEW_FOR: Span = Span::seconds(30);

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

#[derive(Debug, Default)]
pub struct State {
    pub repository: Option<RepositoryId>,
    /// Where redirects have led: calls go there at once from then on.
    pub moved_to: Option<RepositoryPath>,
    pub installation: Option<InstallationId>,
    pub token: Option<InstallationToken>,
    /// When that was made, until GitHub first accepts it.
    pub unproven_since: Option<Millis>,
    pub not_installed_until: Option<Millis>,
    /// How far GitHub's clock is ahead of ours, in milliseconds.
    pub clock_ahead: i64,
    /// Whether the App was not installed, or suspended, when it was last tried.
    pub app_is_unusable: bool,
    /// Whose the token is, which does not change: another token comes with another deployment.
    pub user: Option<Author>,
}

impl State {
    pub fn usable(&self, now: Millis, token: Option<&Authorization>) -> Option<Authorization> {
        if self.not_installed_until.is_some_and(|until| now < until) {
            return token.cloned();
        }
        // It expires by GitHub's clock.
        let now = Millis(now.0.saturating_add(self.clock_ahead));
        let fresh = self.token.as_ref().filter(|token| now + RENEW_BEFORE < token.expires)?;
        Some(Authorization::Installation(fresh.token.clone()))
    }

    pub fn is_unproven(&self) -> bool {
        self.token.is_none() || self.unproven_since.is_some()
    }

    /// Where another repository had its name before, what was known of that is of no use.
    pub fn set_repository(&mut self, id: RepositoryId) {
        if self.repository.is_some_and(|before| before != id) {
            (self.moved_to, self.token, self.unproven_since, self.not_installed_until) = (None, None, None, None);
        }
        self.repository = Some(id);
    }

    pub fn on_installation(&mut self, installation: InstallationId) -> bool {
        if self.installation != Some(installation) {
            self.token = None;
        }
        self.installation = Some(installation);
        self.not_installed_until = None;
        std::mem::take(&mut self.app_is_unusable)
    }

    pub fn on_accepted(&mut self, authorization: &Authorization) {
        if self.is_current(authorization) {
            self.unproven_since = None;
        }
    }

    pub fn on_refused(&mut self, authorization: &Authorization, reply: &Reply, tries: usize, now: Millis) -> Refusal {
        if !authorization.is_the_apps() {
            return Refusal::Final;
        }
        let suspended = app::says_suspended(reply);
        let current = self.is_current(authorization);
        let may_be_unknown = current
            && !suspended
            && self.unproven_since.is_some_and(|since| now < since + NEW_FOR)
            && matches!(Error::of(reply), Error::Credentials { .. } | Error::NotFound);
        if may_be_unknown && let Some(wait) = tries.checked_sub(1).and_then(|n| NEW_TOKEN_WAITS.get(n)) {
            return Refusal::RetryAfter(*wait);
        }
        if reply.status != 401 && !suspended {
            return Refusal::Final;
        }
        if current {
            self.token = None;
        }
        self.app_is_unusable |= suspended;
        // Another new one would be refused like this one.
        if suspended || may_be_unknown { Refusal::Final } else { Refusal::TokenExpired }
    }

    fn is_current(&self, authorization: &Authorization) -> bool {
        self.token.as_ref().is_some_and(|token| token.token == *authorization.secret())
    }
}
