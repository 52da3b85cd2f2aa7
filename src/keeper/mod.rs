//! The Keeper: the one writer for a repository. It holds every watched run as a row in SQLite, and one alarm for the
//! earliest thing due.
//!
//! - [`watched`]: what a row says of a run. [`machine`]: how it changes (pure). [`gate`]: when nothing is called.
//! - [`store`]: the SQL. This file: the machine and the store put together, still without Workers.
//! - [`object`]: the Durable Object, which gives it storage, a clock, an alarm and a way to GitHub.
//!
//! Each function here runs between two awaits, so that what it stores is stored together. The order in which a
//! webhook is stored matters only if a statement fails in the middle: the run first, the delivery's id after it, so
//! that no delivery counts as seen whose work was not stored.

pub mod gate;
pub mod machine;
pub mod object;
pub mod store;
pub mod watched;

#[cfg(test)]
mod tests;

use crate::github::{Call, Problem, ReadAnswer, RerunAnswer};
use crate::hint::Hint;
use crate::names::{RepoName, RunId};
use crate::policy::Rules;
use crate::time::{Millis, Span};

use gate::{Cause, Gate};
use machine::{Context, LEASE, Receipt, ReceiptKind, Record, Step};
use store::{Sql, Store, StoreError};
use watched::Watched;

/// A run can be re-run for 30 days, and is waited for a little longer.
const KEEP_RUNS: Span = Span::days(35);
/// GitHub redelivers for three days ("Redelivering webhooks").
const KEEP_DELIVERIES: Span = Span::days(4);
const PRUNED_AT_ONCE: i64 = 500;
/// A failed write to Workers KV is tried again after this.
const PUBLISH_AGAIN: Span = Span::minutes(1);

pub struct Keeper<S> {
    store: Store<S>,
}

/// What is to be done outside, one thing at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    Call(Call),
    /// Write a run's count to Workers KV.
    Publish(Box<Watched>),
}

/// What came of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// What is to be done for the same run next.
    pub errand: Option<Errand>,
    pub record: Option<Record>,
    /// Whether GitHub takes the credentials, when that has just changed: the message if not.
    pub credentials: Option<Result<(), String>>,
}

/// What GitHub answered to an errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Read(ReadAnswer),
    Rerun(RerunAnswer),
}

impl<S: Sql> Keeper<S> {
    pub fn open(sql: S) -> Result<Self, StoreError> {
        Store::open(sql).map(|store| Self { store })
    }

    pub fn store(&self) -> &Store<S> {
        &self.store
    }

    /// Which repository this is: an alarm does not say.
    pub fn repository(&self) -> Result<Option<RepoName>, StoreError> {
        self.store.fact("repository")
    }

    pub fn set_repository(&self, repository: &RepoName) -> Result<(), StoreError> {
        if self.repository()?.as_ref() == Some(repository) {
            return Ok(());
        }
        self.store.set_fact("repository", Some(repository))
    }

    /// Stores a webhook. When this has returned, nothing of it can be lost.
    pub fn receive(&self, hint: &Hint, cx: &Context) -> Result<(Receipt, Option<Record>), StoreError> {
        if let Some(id) = &hint.delivery
            && self.store.has_delivery(id)?
        {
            let receipt = Receipt {
                kind: ReceiptKind::Recorded,
                reason: "this delivery was received before".to_owned(),
                run_attempt: hint.run_attempt,
                due: None,
            };
            return Ok((receipt, None));
        }
        let heard = machine::hear(self.store.run(hint.run_id)?, hint, cx);
        if let Some(watched) = &heard.watched {
            self.store.put(watched)?;
            if let Some(record) = &heard.record {
                self.store.record(watched.run_id, record, cx.now)?;
            }
            if let Some(id) = &hint.delivery {
                self.store.add_delivery(id, cx.now)?;
            }
        }
        Ok((heard.receipt, heard.record))
    }

    /// The next thing to do now, claimed: if its answer never comes, it is due again after [`LEASE`].
    ///
    /// Without `may_call` GitHub is left alone: some setting is wrong.
    pub fn next(&self, now: Millis, may_call: bool) -> Result<Option<Errand>, StoreError> {
        if let Some(mut watched) = self.store.next_to_publish(now)? {
            watched.publish = Some(now + PUBLISH_AGAIN);
            self.store.put(&watched)?;
            return Ok(Some(Errand::Publish(Box::new(watched))));
        }
        if !may_call || self.gate()?.is_some_and(|gate| gate.until > now) {
            return Ok(None);
        }
        let Some(mut watched) = self.store.next_due(now)? else { return Ok(None) };
        watched.due = Some(now + LEASE);
        self.store.put(&watched)?;
        Ok(Some(Errand::Call(Call::ReadRun { run_id: watched.run_id })))
    }

    /// GitHub's answer to a call that [`Keeper::next`] or this function asked for.
    pub fn answered(&self, call: &Call, answer: Answer, cx: &Context) -> Result<Settled, StoreError> {
        let Some(watched) = self.store.run(call.run_id())? else { return Ok(Settled::default()) };
        let credentials = self.pass_gate(&answer)?;
        let step = match (call, answer) {
            (Call::ReadRun { .. }, Answer::Read(answer)) => machine::read(watched, answer, cx),
            (Call::RerunFailedJobs { run_attempt, .. }, Answer::Rerun(answer)) => {
                machine::rerun_answered(watched, *run_attempt, answer, cx)
            }
            _ => return Err(StoreError("an answer to another call".to_owned())),
        };
        self.carry_out(step, credentials, cx)
    }

    fn carry_out(
        &self,
        step: Step,
        credentials: Option<Result<(), String>>,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        self.store.put(&step.watched)?;
        if let Some(record) = &step.record {
            self.store.record(step.watched.run_id, record, cx.now)?;
        }
        let mut credentials = credentials;
        if let Some(gate) = step.gate {
            let before = self.gate()?;
            if let Cause::Credentials { message } = &gate.cause
                && before.as_ref().is_none_or(|before| before.cause != gate.cause)
            {
                credentials = Some(Err(message.clone()));
            }
            let gate = before.map_or(gate.clone(), |before| before.then(gate, cx.now));
            self.set_gate(Some(&gate))?;
        }
        Ok(Settled { errand: step.call.map(Errand::Call), record: step.record, credentials })
    }

    /// Opens the gate when GitHub has answered after an outage, or has taken the credentials again.
    fn pass_gate(&self, answer: &Answer) -> Result<Option<Result<(), String>>, StoreError> {
        let problem = match answer {
            Answer::Read(ReadAnswer::Problem(problem)) | Answer::Rerun(RerunAnswer::Problem(problem)) => Some(problem),
            Answer::Read(ReadAnswer::Run(_)) | Answer::Rerun(_) => None,
        };
        let Some(gate) = self.gate()? else { return Ok(None) };
        // Reading takes less permission than re-running: only what was refused tells that it is taken again.
        let mended = match gate.cause {
            Cause::Credentials { .. } => {
                matches!(answer, Answer::Rerun(RerunAnswer::Accepted | RerunAnswer::AlreadyRunning))
            }
            Cause::NoAnswer => !matches!(problem, Some(Problem::Lost { .. })),
            Cause::RateLimit => problem.is_none(),
        };
        if !mended {
            return Ok(None);
        }
        self.set_gate(None)?;
        Ok(matches!(gate.cause, Cause::Credentials { .. }).then_some(Ok(())))
    }

    /// A run's count is in Workers KV, or could not be written, which is tried again by itself.
    pub fn published(&self, published: &Watched, now: Millis, written: bool) -> Result<(), StoreError> {
        let Some(mut watched) = self.store.run(published.run_id)? else { return Ok(()) };
        if written {
            // Changed meanwhile: KV takes one write a second for a key.
            let current = watched.attempts() == published.attempts();
            watched.publish = (!current).then_some(now + Span::seconds(1));
            self.store.put(&watched)?;
        }
        Ok(())
    }

    /// The Keeper has been started anew, perhaps with another token: what waits for one need not wait on.
    pub fn started(&self, now: Millis) -> Result<(), StoreError> {
        let Some(gate) = self.gate()? else { return Ok(()) };
        if matches!(gate.cause, Cause::Credentials { .. }) {
            self.set_gate(Some(&Gate { until: now, ..gate }))?;
            self.store.retry_refused(now)?;
        }
        Ok(())
    }

    /// When the next thing is due; `None` when nothing is.
    pub fn next_alarm(&self) -> Result<Option<Millis>, StoreError> {
        let (due, publish) = self.store.first_times()?;
        let due = match (due, self.gate()?) {
            (Some(due), Some(gate)) => Some(due.max(gate.until)),
            (due, _) => due,
        };
        Ok([due, publish].into_iter().flatten().min())
    }

    fn gate(&self) -> Result<Option<Gate>, StoreError> {
        self.store.fact("gate")
    }

    fn set_gate(&self, gate: Option<&Gate>) -> Result<(), StoreError> {
        self.store.set_fact("gate", gate)
    }

    /// Forgets what is too old to matter.
    pub fn prune(&self, now: Millis) -> Result<(), StoreError> {
        self.store.prune(now, KEEP_RUNS, KEEP_DELIVERIES, PRUNED_AT_ONCE)
    }

    /// A run and the decisions on it, for those who look.
    pub fn run(&self, run_id: RunId) -> Result<Option<(Watched, Vec<Record>)>, StoreError> {
        match self.store.run(run_id)? {
            Some(watched) => Ok(Some((watched, self.store.records(run_id)?))),
            None => Ok(None),
        }
    }
}

/// What decisions go by, for a Keeper's transitions.
pub fn context(rules: &Rules, now: Millis, chance: f64) -> Context<'_> {
    Context { now, rules, chance }
}
