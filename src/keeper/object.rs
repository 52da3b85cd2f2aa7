//! The Durable Object of a repository: the Keeper's [`Host`], with its storage, clock, alarm and way to GitHub. It
//! decides nothing.
//!
//! Why this is atomic: SQL is synchronous, and an object runs one piece of code at a time, so that whatever a
//! [`Keeper`] function does is stored together, before anything is sent and before the webhook is answered (the
//! runtime holds both back until storage is safe). While GitHub is called, webhooks come in: every function reads its
//! row again.
//!
//! Why no row is left without an alarm: the alarm is set again *before* the work it was for, so that neither a crash
//! nor the platform's giving up after six tries can lose it; and a request that finds something overdue does not wait
//! for an alarm.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use worker::{Date, Delay, DurableObject, Env, Method, Request, Response, State, durable_object};

use crate::github::{Call, client};
use crate::hint::Hint;
use crate::names::{RepoName, RunAttempt, RunId};
use crate::policy::Rules;
use crate::settings::Settings;
use crate::time::{Millis, Span};
use crate::{env, kv, log};

use super::machine::{LEASE, ReceiptKind, Record};
use super::store::{Sql, StoreError, Value};
use super::watched::Watched;
use super::work::{self, Host};
use super::{Answer, Keeper};

#[durable_object]
pub struct KeeperObject {
    inner: Rc<Inner>,
}

struct Inner {
    state: State,
    env: Env,
    keeper: Result<Keeper<ObjectSql>, StoreError>,
    settings: Rc<Settings>,
    rules: Rules,
    /// The time that the alarm is known to be set for.
    armed: Cell<Option<Millis>>,
    /// When an errand of the work in progress last began, if there is some.
    working: Cell<Option<Millis>>,
}

/// What the fetch handler sends. Both ends are the same version of this Worker.
#[derive(Serialize, Deserialize)]
pub struct HintMessage {
    pub repository: RepoName,
    pub hint: Hint,
}

/// What it is answered.
#[derive(Serialize, Deserialize)]
pub struct ReceiptMessage {
    pub kind: ReceiptKind,
    pub reason: String,
    pub run_attempt: Option<RunAttempt>,
    pub due: Option<Millis>,
}

impl DurableObject for KeeperObject {
    fn new(state: State, env: Env) -> Self {
        let settings = env::settings(&env);
        let keeper =
            Keeper::open(ObjectSql(state.storage().sql())).map(|keeper| keeper.reading(settings.policy_file.clone()));
        if let Ok(keeper) = &keeper
            && let Err(error) = keeper.started(now())
        {
            log::fault("keeper start", &error.to_string());
        }
        let rules = Rules::from(&*settings);
        let inner = Inner { state, env, keeper, settings, rules, armed: Cell::new(None), working: Cell::new(None) };
        Self { inner: Rc::new(inner) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        if request.method() != Method::Post {
            return Response::error("method not allowed", 405);
        }
        let message: HintMessage = serde_json::from_str(&request.text().await?)?;
        match Rc::clone(&self.inner).receive(message).await {
            Ok(receipt) => Response::from_json(&receipt),
            Err(fault) => {
                log::fault("keeper", &fault.to_string());
                Response::error("not stored", 500)
            }
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.inner.armed.set(None);
        self.inner.work("keeper alarm").await;
        Response::empty()
    }
}

impl Inner {
    fn keeper(&self) -> Result<&Keeper<ObjectSql>, StoreError> {
        self.keeper.as_ref().map_err(Clone::clone)
    }

    async fn receive(self: Rc<Self>, message: HintMessage) -> Result<ReceiptMessage, StoreError> {
        let keeper = self.keeper()?;
        keeper.set_repository(&message.repository)?;
        let site = Site { inner: &self, repository: message.repository };
        let received = work::receive(keeper, &self.rules, &site, &message.hint).await?;
        if received.overdue && self.working.get().is_none_or(|since| since + LEASE < now()) {
            let inner = Rc::clone(&self);
            self.state.wait_until(async move { inner.work("keeper overdue").await });
        }
        let receipt = received.receipt;
        Ok(ReceiptMessage {
            kind: receipt.kind,
            reason: receipt.reason,
            run_attempt: receipt.run_attempt,
            due: receipt.due,
        })
    }

    async fn work(&self, place: &'static str) {
        if let Err(fault) = self.try_to_work().await {
            log::fault(place, &fault.to_string());
        }
        self.working.set(None);
    }

    async fn try_to_work(&self) -> Result<(), StoreError> {
        let keeper = self.keeper()?;
        // Without one nothing was ever stored.
        let Some(repository) = keeper.repository()? else { return Ok(()) };
        let may_call = self.settings.problems.is_empty();
        work::work(keeper, &self.rules, may_call, &Site { inner: self, repository }).await
    }
}

/// The object, at work for the repository it is named after.
struct Site<'a> {
    inner: &'a Inner,
    repository: RepoName,
}

impl Host for Site<'_> {
    fn now(&self) -> Millis {
        now()
    }

    fn chance(&self) -> f64 {
        worker::js_sys::Math::random()
    }

    async fn arm(&self, due: Option<Millis>) -> Result<(), StoreError> {
        if due.is_some() && self.inner.armed.get() == due {
            return Ok(());
        }
        self.inner.armed.set(due);
        let storage = self.inner.state.storage();
        let set = match due {
            // The worker crate takes an offset from now.
            Some(due) => storage.set_alarm((due - now()).as_millis()).await,
            None => storage.delete_alarm().await,
        };
        set.map_err(|error| StoreError(format!("the alarm: {error}")))
    }

    async fn call(&self, call: &Call) -> Answer {
        self.inner.working.set(Some(now()));
        #[cfg(feature = "fault-route")]
        crate::faults::panic_in_alarm(&self.repository).await;
        let answer = client::send(&self.inner.settings, &self.repository, call).await;
        if let Some(problem) = answer.problem() {
            log::trouble(&self.repository, call.run_id(), &problem.to_string());
        }
        answer
    }

    async fn publish(&self, watched: &Watched) -> bool {
        self.inner.working.set(Some(now()));
        let written = kv::write_attempts(&self.inner.env, &self.repository, watched.run_id, &watched.attempts()).await;
        written.inspect_err(|error| log::fault("attempts in Workers KV", error)).is_ok()
    }

    async fn credentials(&self, refusal: Option<&str>) {
        if let Err(error) = kv::write_refusal(&self.inner.env, refusal).await {
            log::fault("credentials in Workers KV", &error);
        }
    }

    async fn want_cancelled(&self, wanted: bool) -> bool {
        let written = kv::write_cancelled(&self.inner.env, &self.repository, wanted).await;
        written.inspect_err(|error| log::fault("policy in Workers KV", error)).is_ok()
    }

    async fn wait(&self, span: Span) {
        Delay::from(Duration::from_millis(span.as_millis().unsigned_abs())).await;
    }

    fn decided(&self, run_id: RunId, record: &Record) {
        log::decision(&self.repository, run_id, record);
    }

    fn notice(&self, what: &str) {
        log::policy(&self.repository, what);
    }
}

/// The storage's SQLite.
struct ObjectSql(worker::SqlStorage);

impl Sql for ObjectSql {
    fn exec(&self, statement: &str, bindings: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError> {
        use worker::SqlStorageValue;
        let bindings: Vec<SqlStorageValue> = bindings
            .into_iter()
            .map(|value| match value {
                Value::Null => SqlStorageValue::Null,
                Value::Integer(integer) => SqlStorageValue::Integer(integer),
                Value::Text(text) => SqlStorageValue::String(text),
            })
            .collect();
        let fault = |error: worker::Error| StoreError(error.to_string());
        let cursor = self.0.exec(statement, bindings).map_err(fault)?;
        cursor
            .raw()
            .map(|row| {
                row.map_err(fault)?
                    .into_iter()
                    .map(|value| match value {
                        SqlStorageValue::Null => Ok(Value::Null),
                        SqlStorageValue::Integer(integer) => Ok(Value::Integer(integer)),
                        SqlStorageValue::String(text) => Ok(Value::Text(text)),
                        _ => Err(StoreError("a column of an unexpected type".to_owned())),
                    })
                    .collect()
            })
            .collect()
    }
}

fn now() -> Millis {
    Millis(i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX))
}
