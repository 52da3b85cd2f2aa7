//! Tokens, permissions, rate limits.

use std::collections::{HashMap, VecDeque};

use super::{ApiError, Endpoint, Login, Millis, Permission, RepoName};

const HOUR: Millis = 60 * 60 * 1_000;
const MINUTE: Millis = 60 * 1_000;

/// What a token may do, and whose it is.
#[derive(Debug, Clone)]
pub struct Grant {
    pub login: Login,
    pub kind: TokenKind,
    pub revoked: bool,
    /// Of an App that is installed on all repositories of an account: that account alone.
    pub account: Option<String>,
    /// `None`: all.
    pub repositories: Option<Vec<RepoName>>,
    pub actions: Permission,
    pub checks: Permission,
    pub contents: Permission,
    pub pull_requests: Permission,
    /// Commit statuses.
    pub statuses: Permission,
    pub issues: Permission,
    /// Webhooks of the repository; Rerunner does without.
    pub hooks: Permission,
    /// `x-oauth-scopes`; only classic tokens have them.
    pub scopes: Option<String>,
    pub expires_at: Option<Millis>,
    /// Of an installation that is suspended.
    pub suspended: bool,
    /// The App that acts with it, by number.
    pub app: Option<u64>,
    /// Calls an hour.
    pub hourly: u64,
}

/// The kinds differ in the words of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A classic token with `repo`: what it may do is what its owner may do.
    Classic,
    FineGrained,
    /// An App's installation token.
    App,
}

impl Grant {
    /// A fine-grained token that may do all that Rerunner needs with everything switched on, in all repositories.
    pub fn full(login: impl Into<Login>) -> Grant {
        Grant {
            login: login.into(),
            kind: TokenKind::FineGrained,
            revoked: false,
            account: None,
            repositories: None,
            actions: Permission::Write,
            checks: Permission::Read,
            contents: Permission::Read,
            pull_requests: Permission::Write,
            statuses: Permission::Write,
            issues: Permission::Write,
            hooks: Permission::None,
            scopes: None,
            expires_at: None,
            suspended: false,
            app: None,
            hourly: 5_000,
        }
    }

    pub fn kind(mut self, kind: TokenKind) -> Grant {
        self.kind = kind;
        self
    }

    pub fn actions(mut self, actions: Permission) -> Grant {
        self.actions = actions;
        self
    }

    /// Whether its time is over.
    pub(super) fn has_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }

    /// Sees these repositories only.
    #[track_caller]
    pub fn only(mut self, repositories: &[&str]) -> Grant {
        self.repositories = Some(repositories.iter().map(|name| RepoName::new(name)).collect());
        self
    }

    pub fn hourly(mut self, calls: u64) -> Grant {
        self.hourly = calls;
        self
    }

    pub(super) fn sees(&self, repository: &RepoName) -> bool {
        self.account.as_ref().is_none_or(|account| account.eq_ignore_ascii_case(repository.owner()))
            && self.repositories.as_ref().is_none_or(|names| names.contains(repository))
    }

    /// `seen`: the token was made for this repository; for another one it has no permissions at all.
    pub(super) fn refusal(&self, endpoint: Endpoint, seen: bool) -> Option<ApiError> {
        let (names, needed) = endpoint.permissions();
        self.refusal_without(names, needed, seen)
    }

    /// Any one of the permissions will do.
    pub(super) fn refusal_without(&self, names: &[&str], needed: Permission, seen: bool) -> Option<ApiError> {
        if seen && names.iter().any(|name| self.has(name) >= needed) {
            return None;
        }
        Some(match self.kind {
            // Its owner may read, or would not see the repository at all.
            TokenKind::Classic if names == ["repository_hooks"] => return None,
            TokenKind::Classic if needed == Permission::Read => return None,
            TokenKind::Classic => ApiError::new(403, "Must have admin rights to Repository."),
            TokenKind::FineGrained => denied("Resource not accessible by personal access token", names, needed),
            TokenKind::App => denied("Resource not accessible by integration", names, needed),
        })
    }

    fn has(&self, permission: &str) -> Permission {
        match permission {
            "checks" => self.checks,
            "contents" => self.contents,
            "pull_requests" => self.pull_requests,
            "statuses" => self.statuses,
            "issues" => self.issues,
            "repository_hooks" => self.hooks,
            // Everyone who sees a repository may.
            "metadata" => Permission::Read,
            _ => self.actions,
        }
    }
}

fn denied(message: &str, permissions: &[&str], needed: Permission) -> ApiError {
    let level = if needed == Permission::Write { "write" } else { "read" };
    let accepted: Vec<String> = permissions.iter().map(|name| format!("{name}={level}")).collect();
    ApiError::new(403, message).header("x-accepted-github-permissions", accepted.join("; "))
}

/// Limits on top of the hourly one. Off by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SecondaryLimits {
    /// GitHub's is 100.
    pub concurrent: Option<u32>,
    /// GitHub's is 80.
    pub content_creating_a_minute: Option<u32>,
    /// GitHub's is 900, where a GET is 1 and a POST is 5.
    pub points_a_minute: Option<u32>,
}

/// What is left of the hourly limit, as the headers say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub limit: u64,
    pub used: u64,
    /// Epoch seconds.
    pub reset: u64,
}

impl RateLimit {
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub fn headers(&self) -> Vec<(String, String)> {
        let pairs = [
            ("limit", self.limit.to_string()),
            ("remaining", self.remaining().to_string()),
            ("reset", self.reset.to_string()),
            ("used", self.used.to_string()),
            ("resource", "core".to_owned()),
        ];
        pairs.into_iter().map(|(name, value)| (format!("x-ratelimit-{name}"), value)).collect()
    }
}

/// All tokens, and how much each was used.
#[derive(Debug, Default)]
pub struct Access {
    tokens: HashMap<String, Token>,
    pub(super) secondary: SecondaryLimits,
}

#[derive(Debug)]
struct Token {
    grant: Grant,
    window_from: Millis,
    used: u64,
    /// When calls of the last minute were made, and whether they were writes. Kept only if a limit asks for it.
    recent: VecDeque<(Millis, bool)>,
}

impl Access {
    pub(super) fn add(&mut self, token: &str, grant: Grant) {
        let fresh = Token { grant, window_from: 0, used: 0, recent: VecDeque::new() };
        self.tokens.insert(token.to_owned(), fresh);
    }

    /// Tokens see the repository by whatever name.
    pub(super) fn rename(&mut self, old: &RepoName, new: &RepoName) {
        for names in self.tokens.values_mut().filter_map(|token| token.grant.repositories.as_mut()) {
            names.iter_mut().filter(|name| *name == old).for_each(|name| *name = new.clone());
        }
    }

    #[track_caller]
    pub(super) fn grant_mut(&mut self, token: &str) -> &mut Grant {
        let known = self.tokens.get_mut(token).unwrap_or_else(|| panic!("there is no such token; add it first"));
        &mut known.grant
    }

    pub(super) fn grant(&self, token: &str) -> Option<&Grant> {
        self.tokens.get(token).map(|token| &token.grant).filter(|grant| !grant.revoked)
    }

    /// Counts a call against the token's limits.
    pub(super) fn spend(&mut self, token: &str, writes: bool, in_flight: u32, now: Millis) -> Result<(), ApiError> {
        let limits = self.secondary;
        let Some(token) = self.tokens.get_mut(token) else { return Ok(()) };
        if now >= token.window_from + HOUR {
            (token.window_from, token.used) = (now, 0);
        }
        if token.used >= token.grant.hourly {
            let message = format!("API rate limit exceeded for user {}.", token.grant.login);
            return Err(ApiError::new(403, &message).headers(token.rate_limit().headers()));
        }
        token.used += 1;
        if limits.concurrent.is_some_and(|limit| in_flight > limit) {
            return Err(secondary(60));
        }
        if limits.content_creating_a_minute.is_some() || limits.points_a_minute.is_some() {
            token.recent.retain(|(at, _)| now < at + MINUTE);
            token.recent.push_back((now, writes));
            let created = token.recent.iter().filter(|(_, writes)| *writes).count() as u32;
            let points = token.recent.len() as u32 + 4 * created;
            let over = (writes && limits.content_creating_a_minute.is_some_and(|limit| created > limit))
                || limits.points_a_minute.is_some_and(|limit| points > limit);
            if over {
                let oldest = token.recent.front().map_or(now, |(at, _)| *at);
                token.recent.pop_back();
                return Err(secondary((oldest + MINUTE - now).div_ceil(1_000)));
            }
        }
        Ok(())
    }

    /// A conditional request that was answered 304 is free.
    pub(super) fn refund(&mut self, token: &str) {
        if let Some(token) = self.tokens.get_mut(token) {
            token.used = token.used.saturating_sub(1);
        }
    }

    /// `None` for an unknown token.
    pub(super) fn rate_limit(&self, token: &str) -> Option<RateLimit> {
        self.tokens.get(token).map(Token::rate_limit)
    }
}

impl Token {
    fn rate_limit(&self) -> RateLimit {
        let reset = (self.window_from + HOUR).div_ceil(1_000);
        RateLimit { limit: self.grant.hourly, used: self.used, reset }
    }
}

fn secondary(retry_after: u64) -> ApiError {
    let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    ApiError::new(403, message).header("retry-after", retry_after.to_string())
}
