//! What a Keeper knows of its repository as a whole, and stores by name: who it is, the circuit breaker, whether GitHub takes
//! the credentials, the policy file, whether it is paused.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::github::{self, Call, Response};
use crate::names::{InstallationId, RepoName, RepositoryId, RunId};
use crate::policy::RerunSettings;
use crate::time::Millis;

use super::Keeper;
use super::circuit_breaker::{CircuitBreaker, TripReason};
use super::context::Context;
use super::policy_cache::{PolicyCache, PolicyFile, PolicyUpdate};
use super::retention::CREDENTIALS_PUBLISHED_AGAIN;
use super::store::ledger::Unstored;
use super::store::{Fact, Sql, StoreError};

/// Whether GitHub takes the credentials, when that has just changed: the message if not.
pub type CredentialsChange = Option<Result<(), String>>;

/// What a repository keeps when it is renamed, as its last webhook had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub id: RepositoryId,
    /// Of the GitHub App.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<InstallationId>,
    /// The run whose webhook says so; as it is stored, of the first webhook that did. `None`: it was of no run, or a version before
    /// has stored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_run: Option<RunId>,
}

/// Why nothing can be done in the repository, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub message: String,
    pub since: Millis,
}

impl<S: Sql> Keeper<S> {
    /// Which repository this is: an alarm does not say.
    pub fn repository(&self) -> Result<Option<RepoName>, StoreError> {
        self.store.fact(Fact::Repository)
    }

    pub fn set_repository(&self, repository: &RepoName) -> Result<(), StoreError> {
        self.step(|| {
            if self.repository()?.as_ref() == Some(repository) {
                return Ok(());
            }
            // Whose file is whose depends on it.
            self.policy.borrow_mut().take();
            self.store.set_fact(Fact::Repository, Some(repository))
        })
    }

    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.store.fact(Fact::Identity)
    }

    pub(super) fn breaker(&self) -> Result<Option<CircuitBreaker>, StoreError> {
        self.store.fact(Fact::CircuitBreaker)
    }

    pub(super) fn is_open(&self, now: Millis) -> Result<bool, StoreError> {
        Ok(self.breaker()?.is_some_and(|breaker| breaker.is_open(now)))
    }

    /// A call has tripped the circuit breaker, or not.
    pub(super) fn trip(&self, breaker: Option<CircuitBreaker>, cx: &Context) -> Result<CredentialsChange, StoreError> {
        let Some(breaker) = breaker else { return Ok(None) };
        let mut credentials = None;
        match &breaker.reason {
            TripReason::Credentials { message } => {
                let published: Option<Millis> = self.store.fact(Fact::RefusalPublished)?;
                let is_old = published.is_none_or(|published| cx.now - published > CREDENTIALS_PUBLISHED_AGAIN);
                if is_old || self.refusal()?.as_ref() != Some(message) {
                    self.store.set_fact(Fact::Refusal, Some(message))?;
                    self.store.set_fact(Fact::RefusalPublished, Some(&cx.now))?;
                    self.summary_changed(cx.now)?;
                    credentials = Some(Err(message.clone()));
                }
            }
            TripReason::Repository { message } => self.in_trouble(message, cx.now)?,
            TripReason::RateLimit | TripReason::NoAnswer => {}
        }
        let breaker = match self.breaker()? {
            Some(before) => before.then(breaker, cx.now),
            None => breaker,
        };
        self.store.set_fact(Fact::CircuitBreaker, Some(&breaker))?;
        Ok(credentials)
    }

    /// A rate limit is of the token, whichever call met it.
    pub(super) fn trip_if_limited(
        &self,
        error: Option<&github::Error>,
        cx: &Context,
    ) -> Result<CredentialsChange, StoreError> {
        let limited = error.filter(|error| matches!(error, github::Error::RateLimited { .. }));
        self.trip(limited.and_then(|error| CircuitBreaker::trip_by_list(error, cx)), cx)
    }

    /// Whatever GitHub has answered, it may show that some trouble is over.
    pub(super) fn on_answer(&self, response: &Response, now: Millis) -> Result<CredentialsChange, StoreError> {
        if self.breaker()?.is_some_and(|breaker| breaker.is_closed_by(response, now)) {
            self.store.set_fact::<CircuitBreaker>(Fact::CircuitBreaker, None)?;
        }
        if response.shows_repository() && self.trouble()?.is_some() {
            self.store.set_fact::<Trouble>(Fact::Trouble, None)?;
            self.summary_changed(now)?;
        }
        if response.takes_credentials() && self.refusal()?.is_some() {
            self.store.set_fact::<String>(Fact::Refusal, None)?;
            self.summary_changed(now)?;
            return Ok(Some(Ok(())));
        }
        Ok(None)
    }

    /// The Keeper has been started anew, perhaps with another token: what waits for one need not wait on.
    pub fn started(&self, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            self.forget_refused_token()?;
            if self.refusal()?.is_none() && self.trouble()?.is_none() {
                return Ok(());
            }
            if let Some(before) = self.breaker()? {
                let breaker = before.clone().restarted(now);
                if breaker != before {
                    self.store.set_fact(Fact::CircuitBreaker, Some(&breaker))?;
                }
            }
            self.store.retry_refused(now)
        })
    }

    /// The policy file as it was last read, and what it means.
    pub fn policy(&self, settings: &RerunSettings) -> Result<Rc<PolicyCache>, StoreError> {
        if let Some(policy) = &*self.policy.borrow() {
            return Ok(Rc::clone(policy));
        }
        let read = |file, text| match self.store.fact::<PolicyFile>(file)? {
            Some(file) => Ok(Some(PolicyFile { text: self.store.fact(text)?, ..file })),
            None => Ok(None),
        };
        let own = read(Fact::Policy, Fact::PolicyText)?;
        let organizations = read(Fact::OrganizationPolicy, Fact::OrganizationPolicyText)?;
        let repository = self.repository()?;
        let policy = PolicyCache::of(own, organizations, self.policy_path.as_ref(), repository.as_ref(), settings);
        let policy = Rc::new(policy);
        *self.policy.borrow_mut() = Some(Rc::clone(&policy));
        Ok(policy)
    }

    /// What an answer says of a policy file. `certain`: GitHub has shown the repository since.
    pub(super) fn policy_update(
        &self,
        call: &Call,
        response: Response,
        certain: bool,
        cx: &Context,
    ) -> Result<PolicyUpdate, StoreError> {
        let known = self.policy(cx.settings)?;
        Ok(match (call, response) {
            (Call::ReadPolicy { path, .. }, Response::Policy(answer)) => {
                known.update(path, answer, certain, cx.settings, cx.now)
            }
            (Call::ReadOrganizationPolicy { path, .. }, Response::OrganizationPolicy(answer)) => {
                known.update_organizations(path, answer, cx.settings, cx.now)
            }
            _ => PolicyUpdate::Failed(github::Error::other_answer()),
        })
    }

    pub(super) fn set_policy(&self, policy: PolicyCache, now: Millis) -> Result<(), StoreError> {
        let before = self.policy.borrow_mut().take();
        type File = fn(&PolicyCache) -> Option<&PolicyFile>;
        let files: [(Fact, Fact, File); 2] = [
            (Fact::Policy, Fact::PolicyText, |policy| policy.file.as_ref()),
            (Fact::OrganizationPolicy, Fact::OrganizationPolicyText, |policy| policy.organization.as_ref()),
        ];
        for (fact, fact_of_text, file) in files {
            let known = before.as_deref().and_then(file);
            let Some(file) = file(&policy).filter(|file| known != Some(file)) else { continue };
            // Where no file was read from this path, the text of one at another path may still be stored.
            if known.is_none_or(|known| known.text != file.text) {
                self.store.set_fact(fact_of_text, file.text.as_ref())?;
                self.summary_changed(now)?;
            }
            self.store.set_fact(fact, Some(file))?;
        }
        *self.policy.borrow_mut() = Some(Rc::new(policy));
        Ok(())
    }

    /// What is wrong with the policy file, if nothing is re-run because of that.
    pub(super) fn policy_problem(&self, settings: &RerunSettings) -> Result<Option<String>, StoreError> {
        Ok(self.policy(settings)?.stops(settings))
    }

    /// Something has changed that the summary shows.
    pub(super) fn summary_changed(&self, now: Millis) -> Result<(), StoreError> {
        // Without a name there is no place to write it to.
        if self.repository()?.is_none() {
            return Ok(());
        }
        let before = self.store.ledger(|ledger| ledger.summary.clone())?;
        let after = before.changed(now);
        if after == before {
            return Ok(());
        }
        self.store.change_ledger(Unstored::Something, |ledger| ledger.summary = after)
    }

    /// A webhook has come. Whether it is the first one today; should more than that be lost, the next one says it again.
    pub(super) fn note_webhook(&self, now: Millis) -> Result<bool, StoreError> {
        let last = self.store.ledger(|ledger| ledger.last_webhook)?;
        self.store.change_ledger(Unstored::Trifles, |ledger| ledger.last_webhook = last.max(Some(now)))?;
        Ok(last.is_none_or(|last| last.day() < now.day()))
    }

    /// When a webhook came last, and when something was last decided, as far as that is known.
    pub(super) fn last_heard(&self) -> Result<(Option<Millis>, Option<Millis>), StoreError> {
        self.store.ledger(|ledger| (ledger.last_webhook, ledger.last_decision))
    }

    /// What GitHub said when it last refused the credentials, until it takes them again.
    pub(super) fn refusal(&self) -> Result<Option<String>, StoreError> {
        self.store.fact(Fact::Refusal)
    }

    /// Why nothing can be done in the repository, until GitHub answers for it again.
    pub fn trouble(&self) -> Result<Option<Trouble>, StoreError> {
        self.store.fact(Fact::Trouble)
    }

    fn in_trouble(&self, message: &str, now: Millis) -> Result<(), StoreError> {
        let before = self.trouble()?;
        if before.as_ref().is_some_and(|before| before.message == message) {
            return Ok(());
        }
        let since = before.map_or(now, |before| before.since);
        self.store.set_fact(Fact::Trouble, Some(&Trouble { message: message.to_owned(), since }))?;
        self.summary_changed(now)
    }

    /// Since when no re-run is called for; `None`: it is not paused. What arrives meanwhile is stored, and stays due.
    pub fn paused(&self) -> Result<Option<Millis>, StoreError> {
        self.store.fact(Fact::Paused)
    }

    pub fn pause(&self, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            if self.paused()?.is_some() {
                return Ok(());
            }
            self.store.set_fact(Fact::Paused, Some(&now))?;
            self.summary_changed(now)
        })
    }

    /// While it was paused GitHub was not asked: that is no time in which it did not answer.
    pub fn resume(&self, now: Millis) -> Result<(), StoreError> {
        self.step(|| {
            if self.paused()?.is_none() {
                return Ok(());
            }
            self.store.forget_trouble()?;
            self.store.set_fact::<Millis>(Fact::Paused, None)?;
            self.summary_changed(now)
        })
    }
}
