//! The Durable Object of a repository: gives the Keeper its storage, clock, alarm and way to GitHub. It decides
//! nothing.
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

use crate::github::client;
use crate::hint::Hint;
use crate::names::{RepoName, RunAttempt};
use crate::policy::Rules;
use crate::settings::Settings;
use crate::time::{Millis, Span};
use crate::{env, kv, log};

use super::machine::{LEASE, ReceiptKind};
use super::store::{Sql, StoreError, Value};
use super::{Errand, Keeper, Settled, context};

/// Errands in one invocation: the free plan allows 50 subrequests.
const ERRANDS_AT_ONCE: u32 = 40;
/// Something due for longer than this means that its alarm was lost.
const OVERDUE: Span = Span::seconds(60);

#[durable_object]
pub struct KeeperObject {
    inner: Rc<Inner>,
}

struct Inner {
    state: State,
    env: Env,
    keeper: Result<Keeper<ObjectSql>, StoreError>,
    settings: Rc<Settings>,
    /// The time that the alarm is known to be set for.
    armed: Cell<Option<Millis>>,
    /// When the work in progress began, if there is some.
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
        let keeper = Keeper::open(ObjectSql(state.storage().sql()));
        if let Ok(keeper) = &keeper
            && let Err(error) = keeper.started(now())
        {
            log::fault("keeper start", &error.to_string());
        }
        let settings = env::settings(&env);
        let inner = Inner { state, env, keeper, settings, armed: Cell::new(None), working: Cell::new(None) };
        Self { inner: Rc::new(inner) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        if request.method() != Method::Post {
            return Response::error("method not allowed", 405);
        }
        let message: HintMessage = serde_json::from_str(&request.text().await?)?;
        match Rc::clone(&self.inner).receive(&message).await {
            Ok(receipt) => Response::from_json(&receipt),
            Err(fault) => {
                log::fault("keeper", &fault);
                Response::error("not stored", 500)
            }
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.inner.armed.set(None);
        if let Err(fault) = self.inner.work().await {
            log::fault("keeper alarm", &fault);
        }
        Response::empty()
    }
}

impl Inner {
    fn keeper(&self) -> Result<&Keeper<ObjectSql>, String> {
        self.keeper.as_ref().map_err(ToString::to_string)
    }

    async fn receive(self: Rc<Self>, message: &HintMessage) -> Result<ReceiptMessage, String> {
        let keeper = self.keeper()?;
        let now = now();
        let rules = Rules::from(&*self.settings);
        keeper.set_repository(&message.repository).map_err(display)?;
        let (receipt, record) = keeper.receive(&message.hint, &context(&rules, now, chance())).map_err(display)?;
        let due = keeper.next_alarm(&rules).map_err(display)?;
        self.arm(due, now).await?;
        if let Some(record) = &record {
            log::decision(&message.repository, message.hint.run_id, record);
        }
        if due.is_some_and(|due| due + OVERDUE < now) && !self.is_working(now) {
            let inner = Rc::clone(&self);
            self.state.wait_until(async move {
                if let Err(fault) = inner.work().await {
                    log::fault("keeper overdue", &fault);
                }
            });
        }
        Ok(ReceiptMessage {
            kind: receipt.kind,
            reason: receipt.reason,
            run_attempt: receipt.run_attempt,
            due: receipt.due,
        })
    }

    fn is_working(&self, now: Millis) -> bool {
        self.working.get().is_some_and(|since| now < since + LEASE)
    }

    /// Does what is due, up to a number of errands, and arms the alarm for the rest.
    async fn work(&self) -> Result<(), String> {
        let keeper = self.keeper()?;
        let Some(repository) = keeper.repository().map_err(display)? else { return Ok(()) };
        // First of all, so that whatever happens below there is an alarm.
        self.arm(Some(now() + LEASE), now()).await?;
        let rules = Rules::from(&*self.settings);
        let may_call = self.settings.problems.is_empty();
        let mut errand = None;
        for _ in 0..ERRANDS_AT_ONCE {
            if let Some(Errand::Wait(span)) = errand {
                Delay::from(Duration::from_millis(span.as_millis().unsigned_abs())).await;
                errand = None;
            }
            self.working.set(Some(now()));
            if errand.is_none() {
                errand = keeper.next(may_call, &context(&rules, now(), chance())).map_err(display)?;
            }
            errand = match errand {
                Some(errand) => self.run(keeper, &repository, errand).await?,
                None => break,
            };
        }
        self.working.set(None);
        keeper.prune(now()).map_err(display)?;
        let due = keeper.next_alarm(&rules).map_err(display)?;
        // Settings that are wrong are mended by a deployment, which starts this object anew.
        let soonest = if may_call { now() } else { now() + LEASE };
        self.arm(due.map(|due| due.max(soonest)), now()).await
    }

    /// Runs an errand; what came of it may ask for another.
    async fn run(
        &self,
        keeper: &Keeper<ObjectSql>,
        repository: &RepoName,
        errand: Errand,
    ) -> Result<Option<Errand>, String> {
        match errand {
            Errand::Wait(_) => Ok(Some(errand)),
            Errand::Publish(watched) => {
                let written = kv::write_attempts(&self.env, repository, watched.run_id, &watched.attempts()).await;
                if let Err(error) = &written {
                    log::fault("attempts in Workers KV", error);
                }
                keeper.published(&watched, now(), written.is_ok()).map_err(display)?;
                Ok(None)
            }
            Errand::Call(call) => {
                let answer = client::send(&self.settings, repository, &call).await;
                let rules = Rules::from(&*self.settings);
                let settled = keeper.answered(&call, answer, &context(&rules, now(), chance())).map_err(display)?;
                let Settled { errand, record, credentials } = settled;
                if let Some((run_id, record)) = &record {
                    log::decision(repository, *run_id, record);
                }
                if let Some(credentials) = credentials {
                    let refusal = credentials.err();
                    if let Err(error) = kv::write_refusal(&self.env, refusal.as_deref()).await {
                        log::fault("credentials in Workers KV", &error);
                    }
                }
                Ok(errand)
            }
        }
    }

    /// Sets the alarm, unless it is known to be set for that time.
    async fn arm(&self, due: Option<Millis>, now: Millis) -> Result<(), String> {
        if due.is_some() && self.armed.get() == due {
            return Ok(());
        }
        self.armed.set(due);
        let storage = self.state.storage();
        match due {
            // The worker crate takes an offset from now.
            Some(due) => storage.set_alarm((due - now).as_millis()).await,
            None => storage.delete_alarm().await,
        }
        .map_err(display)
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

fn chance() -> f64 {
    worker::js_sys::Math::random()
}

fn display(error: impl std::fmt::Display) -> String {
    error.to_string()
}
