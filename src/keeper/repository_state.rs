//! What a Keeper knows of its repository as a whole, and stores by name: who it is, the gate, the policy file.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::github::{Problem, RerunAnswer};
use crate::names::{InstallationId, RepoName, RepositoryId, RunId};
use crate::policy::Rules;
use crate::time::{Millis, Span};

use super::circuit_breaker::{Cause, CircuitBreaker, TripReason};
use super::on_failure::{self, GONE_FOR};
use super::policy_cache::{PolicyCache, PolicyFile};
use super::retention::CREDENTIALS_TOLD_AGAIN;
use super::state_machine::{self, Context, Record};
use super::store::{Fact, Sql, StoreError};
use super::sweep::Sweep;
use super::{Answer, Credentials, Keeper, PUBLISH_AGAIN};

const ANOTHER: &str = "Left alone: another repository has this name now.";

/// What a repository keeps when it is renamed, as its last webhook had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub id: RepositoryId,
    /// Of the GitHub App.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<InstallationId>,
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
        if self.repository()?.as_ref() == Some(repository) {
            return Ok(());
        }
        self.store.set_fact(Fact::Repository, Some(repository))
    }

    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        self.store.fact(Fact::Identity)
    }

    /// What a webhook says of the repository that has the name now. If it is another than before, nothing that was known
    /// holds, and what was due for the one before is ended.
    pub fn set_identity(&self, identity: Identity, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        let before = self.identity()?;
        let installation = identity.installation.or(before.and_then(|before| before.installation));
        let same = before.is_none_or(|before| before.id == identity.id);
        let identity = Identity { installation: if same { installation } else { identity.installation }, ..identity };
        if before == Some(identity) {
            return Ok(vec![]);
        }
        let mut records = vec![];
        if !same {
            records = self.end_all(|tracked| state_machine::leave(tracked, ANOTHER, cx), cx)?;
            self.policy.borrow_mut().take();
            self.store.set_fact::<PolicyFile>(Fact::Policy, None)?;
            self.store.set_fact::<String>(Fact::PolicyText, None)?;
            self.set_gate(None)?;
            self.set_trouble(None)?;
            self.store.delete_pulls()?;
            self.summary_changed(cx.now)?;
        }
        self.store.set_fact(Fact::Identity, Some(&identity))?;
        Ok(records)
    }

    pub(super) fn close_gate(
        &self,
        breaker: Option<CircuitBreaker>,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Credentials, StoreError> {
        let Some(breaker) = breaker else { return Ok(credentials) };
        let mut kind = credentials;
        if let Cause::Credentials { message } = &breaker.cause
            && (self.refusal()?.as_ref() != Some(message) || self.is_refusal_forgotten(cx.now)?)
        {
            self.store.set_fact(Fact::Refusal, Some(message))?;
            self.store.set_fact(Fact::RefusalTold, Some(&cx.now))?;
            self.summary_changed(cx.now)?;
            kind = Some(Err(message.clone()));
        }
        if let Cause::Repository { message } = &breaker.cause {
            self.in_trouble(message, cx.now)?;
        }
        let before = self.breaker()?;
        let breaker = before.map_or(breaker.clone(), |before| before.then(breaker, cx.now));
        self.set_gate(Some(&breaker))?;
        Ok(kind)
    }

    /// A rate limit is of the token, whatever met it.
    pub(super) fn heed(
        &self,
        problem: Option<&Problem>,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Credentials, StoreError> {
        let limited = problem.filter(|problem| matches!(problem, Problem::RateLimited { .. }));
        let breaker = limited.and_then(TripReason::of).map(|closing| CircuitBreaker::close(closing, 0, cx));
        self.close_gate(breaker, credentials, cx)
    }

    /// Opens the gate when GitHub has answered after an outage, or has taken the credentials again.
    pub(super) fn pass_gate(&self, answer: &Answer, now: Millis) -> Result<Credentials, StoreError> {
        let problem = answer.problem();
        // Reading takes less permission than re-running: only what was refused tells that it is taken again.
        let taken = matches!(answer, Answer::Rerun(RerunAnswer::Accepted | RerunAnswer::AlreadyRunning));
        if let Some(breaker) = self.breaker()? {
            let mended = match breaker.cause {
                Cause::Credentials { .. } => taken,
                Cause::NoAnswer => !matches!(problem, Some(Problem::Lost { .. })),
                // What was asked before it was closed can be answered after.
                Cause::RateLimit => problem.is_none() && breaker.until <= now,
                Cause::Repository { .. } => answer.shows_repository(),
            };
            if mended {
                self.set_gate(None)?;
            }
        }
        if answer.shows_repository() && self.trouble()?.is_some() {
            self.set_trouble(None)?;
            self.summary_changed(now)?;
        }
        if taken && self.refusal()?.is_some() {
            self.store.set_fact::<String>(Fact::Refusal, None)?;
            self.summary_changed(now)?;
            return Ok(Some(Ok(())));
        }
        Ok(None)
    }

    /// What is known of the policy file.
    pub fn known(&self, rules: &Rules) -> Result<Rc<PolicyCache>, StoreError> {
        if let Some(known) = &*self.policy.borrow() {
            return Ok(Rc::clone(known));
        }
        let file = match self.store.fact::<PolicyFile>(Fact::Policy)? {
            Some(file) => Some(PolicyFile { text: self.store.fact(Fact::PolicyText)?, ..file }),
            None => None,
        };
        let known = Rc::new(PolicyCache::of(file, self.policy_path.as_ref(), rules));
        *self.policy.borrow_mut() = Some(Rc::clone(&known));
        Ok(known)
    }

    pub(super) fn learn(&self, known: PolicyCache, now: Millis) -> Result<(), StoreError> {
        let before = self.policy.borrow_mut().take();
        let text = |known: &PolicyCache| known.file.as_ref().and_then(|file| file.text.clone());
        // Without a file that is known, the text of one at another path may still be stored.
        if before.is_none_or(|before| before.file.is_none() || text(&before) != text(&known)) {
            self.store.set_fact(Fact::PolicyText, text(&known).as_ref())?;
            self.summary_changed(now)?;
        }
        self.store.set_fact(Fact::Policy, known.file.as_ref())?;
        *self.policy.borrow_mut() = Some(Rc::new(known));
        Ok(())
    }

    /// GitHub may not have shown all that there is: the policy file is asked for again before anything is decided.
    pub(super) fn distrust_policy(&self, rules: &Rules, now: Millis) -> Result<(), StoreError> {
        let known = self.known(rules)?;
        match known.distrusted() {
            Some(known) => self.learn(known, now),
            None => Ok(()),
        }
    }

    /// What Workers KV is still to be told of cancelled runs.
    pub(super) fn untold_of_cancelled(&self, rules: &Rules) -> Result<Option<bool>, StoreError> {
        let wanted = self.known(rules)?.wants_cancelled();
        let told = self.cancelled_since()?.is_some();
        Ok((wanted != told).then_some(wanted))
    }

    /// Workers KV says so now, or could not be written, which is tried again with a later alarm.
    pub fn told_of_cancelled(&self, wanted: bool, now: Millis, written: bool) -> Result<(), StoreError> {
        if !written {
            self.tell_kv.set(Some(now + PUBLISH_AGAIN));
            return Ok(());
        }
        let since = wanted.then_some(now);
        self.cancelled.set(None);
        self.store.set_fact(Fact::CancelledSince, since.as_ref())?;
        self.cancelled.set(Some(since));
        Ok(())
    }

    /// Since when what was cancelled is re-run: what was cancelled before is nobody's concern.
    pub(super) fn cancelled_since(&self) -> Result<Option<Millis>, StoreError> {
        if let Some(since) = self.cancelled.get() {
            return Ok(since);
        }
        let since = self.store.fact(Fact::CancelledSince)?;
        self.cancelled.set(Some(since));
        Ok(since)
    }

    pub(super) fn sweep(&self) -> Result<Option<Sweep>, StoreError> {
        self.store.fact(Fact::Sweep)
    }

    /// What GitHub said when it last refused the credentials, until it takes them again.
    pub(super) fn refusal(&self) -> Result<Option<String>, StoreError> {
        self.store.fact(Fact::Refusal)
    }

    /// Why nothing can be done in the repository, until GitHub answers for it again.
    pub fn trouble(&self) -> Result<Option<Trouble>, StoreError> {
        if let Some(known) = &*self.trouble.borrow() {
            return Ok(known.clone());
        }
        let trouble: Option<Trouble> = self.store.fact(Fact::Trouble)?;
        *self.trouble.borrow_mut() = Some(trouble.clone());
        Ok(trouble)
    }

    fn set_trouble(&self, trouble: Option<Trouble>) -> Result<(), StoreError> {
        self.trouble.borrow_mut().take();
        self.store.set_fact(Fact::Trouble, trouble.as_ref())
    }

    fn in_trouble(&self, message: &str, now: Millis) -> Result<(), StoreError> {
        let before = self.trouble()?;
        if before.as_ref().is_some_and(|before| before.message == message) {
            return Ok(());
        }
        let since = before.map_or(now, |before| before.since);
        self.set_trouble(Some(Trouble { message: message.to_owned(), since }))?;
        self.summary_changed(now)
    }

    /// A repository that nothing could be done in for so long is waited for no longer.
    pub(super) fn give_up_repository(&self, cx: &Context) -> Result<Vec<(RunId, Record)>, StoreError> {
        let Some(trouble) = self.trouble()?.filter(|trouble| cx.now - trouble.since > GONE_FOR) else {
            return Ok(vec![]);
        };
        let days = GONE_FOR.as_millis() / Span::days(1).as_millis();
        let reason = format!("Nothing could be done in the repository for {days} days: {}.", trouble.message);
        self.end_all(|tracked| on_failure::give_up(tracked, reason.clone(), cx), cx)
    }

    /// When GitHub last accepted a re-run after it had refused one in unclear words.
    pub(super) fn accepted(&self) -> Result<Option<Millis>, StoreError> {
        self.store.fact(Fact::Accepted)
    }

    pub(super) fn set_accepted(&self, now: Millis) -> Result<(), StoreError> {
        self.store.set_fact(Fact::Accepted, Some(&now))
    }

    /// Workers KV keeps for a day what it was told of the credentials.
    fn is_refusal_forgotten(&self, now: Millis) -> Result<bool, StoreError> {
        let told: Option<Millis> = self.store.fact(Fact::RefusalTold)?;
        Ok(told.is_none_or(|told| now - told > CREDENTIALS_TOLD_AGAIN))
    }

    pub(super) fn breaker(&self) -> Result<Option<CircuitBreaker>, StoreError> {
        self.store.fact(Fact::CircuitBreaker)
    }

    /// Whether GitHub is not to be called now.
    pub(super) fn is_shut(&self, now: Millis) -> Result<bool, StoreError> {
        Ok(self.breaker()?.is_some_and(|breaker| breaker.until > now))
    }

    pub(super) fn set_gate(&self, breaker: Option<&CircuitBreaker>) -> Result<(), StoreError> {
        self.store.set_fact(Fact::CircuitBreaker, breaker)
    }

    /// Since when no re-run is called for; `None`: it is not paused. What arrives meanwhile is stored, and stays due.
    pub fn paused(&self) -> Result<Option<Millis>, StoreError> {
        self.store.fact(Fact::Paused)
    }

    pub fn pause(&self, now: Millis) -> Result<(), StoreError> {
        if self.paused()?.is_none() {
            self.store.set_fact(Fact::Paused, Some(&now))?;
            self.summary_changed(now)?;
        }
        Ok(())
    }

    pub fn resume(&self, now: Millis) -> Result<(), StoreError> {
        if self.paused()?.is_some() {
            self.store.set_fact::<Millis>(Fact::Paused, None)?;
            self.summary_changed(now)?;
        }
        Ok(())
    }
}
