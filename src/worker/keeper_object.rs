//! The Durable Object of a repository: takes its Keeper's messages and alarms. It decides nothing.
//!
//! Why this is atomic: SQL is synchronous, and an object runs one piece of code at a time, so that whatever a
//! [`Keeper`] function does is stored together, before anything is sent and before the webhook is answered (the
//! runtime holds both back until storage is safe). While GitHub is called, webhooks come in: every function reads its
//! row again.
//!
//! Why no row is left without an alarm: the alarm is set again *before* the work it was for, so that neither a crash
//! nor the platform's giving up after six tries can lose it; and a request that finds something due does not wait
//! for an alarm.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::task::{self, Poll, Waker};

use serde::Serialize;
use serde_json::value::to_raw_value;
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::DurableObjectState;
use worker::{Env, SqlStorage, SqlStorageValue, State};

use crate::github::Credentials;
use crate::keeper::context::Context;
use crate::keeper::message::{Message, Reply};
use crate::keeper::repository_state::Identity;
use crate::keeper::step::{LEASE, Receipt, Record};
use crate::keeper::store::{Sql, StoreError, Value, once};
use crate::keeper::views::Question;
use crate::keeper::work::Received;
use crate::keeper::{CommitStatuses, HandOver, Keeper, Notifications, work};
use crate::names::json::from_text;
use crate::names::{InstallationId, RepoName, RepositoryId, RunId};
use crate::policy::Rules;
use crate::settings::Settings;
use crate::time::Millis;
use crate::webhook::command::CommandEvent;
use crate::webhook::event::RunEvent;
use crate::worker::clock::now;
use crate::worker::keeper_platform::ObjectPlatform;
use crate::worker::{env, log};

/// `entry.mjs` has one in each of its Durable Objects, and makes their requests and responses.
#[wasm_bindgen]
pub struct KeeperObject {
    inner: Rc<Inner>,
}

pub struct Inner {
    pub state: State,
    pub env: Env,
    keeper: Result<Keeper<ObjectSql>, StoreError>,
    pub settings: Rc<Settings>,
    pub credentials: Credentials,
    pub rules: Rules,
    /// The time that the alarm is known to be set for.
    pub armed: Cell<Option<Millis>>,
    /// When a task of the work in progress last began, if there is some.
    pub working: Cell<Option<Millis>>,
    /// Whether something has become due meanwhile.
    is_more_due: Cell<bool>,
    /// By the storage, since this was asked last.
    rows_read: Rc<Cell<usize>>,
}

#[wasm_bindgen]
impl KeeperObject {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = State::from(state);
        let settings = env::settings(&env);
        let notices = settings
            .notify_url
            .as_ref()
            .map(|_| Notifications { per_hour: settings.notifications_per_hour, web_url: settings.github_web_url() });
        let comments = settings.comment_on_pull_requests.then(|| settings.github_web_url());
        let commit_statuses = CommitStatuses {
            context: settings.commit_status.clone().filter(|_| !settings.dry_run),
            web_url: settings.github_web_url(),
        };
        let rows_read = Rc::new(Cell::new(0));
        let sql = ObjectSql { sql: state.storage().sql(), rows_read: Rc::clone(&rows_read) };
        let keeper = Keeper::open(sql).map(|mut keeper| {
            keeper.policy_path.clone_from(&settings.policy_file);
            (keeper.notifications, keeper.comments) = (notices, comments);
            keeper.commit_statuses = commit_statuses;
            keeper.web_url = settings.github_web_url();
            keeper
        });
        let rules = Rules::from(&*settings);
        let credentials = Credentials::new(Rc::clone(&settings));
        if let Ok(keeper) = &keeper {
            if let Err(error) = keeper.started(now()) {
                log::fault("keeper start", &error.to_string());
            }
            if let Ok(Some(identity)) = keeper.identity() {
                credentials.set_repository(identity.id);
                if let Some(installation) = identity.installation {
                    credentials.on_installation(installation);
                }
            }
        }
        let (armed, working, is_more_due) = (Cell::new(None), Cell::new(None), Cell::new(false));
        let inner = Inner { state, env, keeper, settings, credentials, rules, armed, working, is_more_due, rows_read };
        Self { inner: Rc::new(inner) }
    }

    /// Takes a [`Message`] and answers with a [`Reply`], both as JSON, or throws if it could not be stored or read. A promise of that
    /// where there is something to wait for.
    pub fn answer(&self, message: String) -> Result<JsValue, JsValue> {
        let inner = Rc::clone(&self.inner);
        let answered = async move {
            let message = from_text(&message).map_err(json_fault)?;
            serde_json::to_string(&inner.answer(message).await?).map_err(json_fault)
        };
        let answered = async move {
            let answered: Result<String, StoreError> = answered.await;
            answered.map(JsValue::from).map_err(|fault| {
                log::fault("keeper", &fault.to_string());
                JsValue::from(JsError::new("not stored, or not read"))
            })
        };
        let mut answered = Box::pin(answered);
        // A webhook's mostly has nothing to wait for, and a promise of WebAssembly's costs more than all else that is done for it.
        match answered.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(answered) => answered,
            Poll::Pending => Ok(future_to_promise(answered).into()),
        }
    }

    pub fn alarm(&self) -> Promise {
        self.inner.armed.set(None);
        let work = Rc::clone(&self.inner).work("keeper alarm");
        future_to_promise(async move {
            work.await;
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl Inner {
    pub fn keeper(&self) -> Result<&Keeper<ObjectSql>, StoreError> {
        self.keeper.as_ref().map_err(Clone::clone)
    }

    async fn answer(self: &Rc<Self>, message: Message) -> Result<Reply, StoreError> {
        match message {
            Message::RunEvent(event) => self.receive(&event, None).await.map(Reply::Receipt),
            Message::Command(event) => self.receive_command(&event).await.map(Reply::Receipt),
            Message::HandOver(HandOver { event, records }) => {
                self.receive(&event, Some(&records)).await.map(Reply::Receipt)
            }
            Message::Question(question) => self.look_up(question).await,
            Message::SignOfLife(repository) => self.hear(repository).await,
            Message::Once(once) => once::spend(&self.keeper()?.store.sql, &once, now()).map(Reply::Once),
        }
    }

    /// `handed_over`: what was decided on the run while its repository had another name.
    async fn receive(self: &Rc<Self>, event: &RunEvent, handed_over: Option<&[Record]>) -> Result<Receipt, StoreError> {
        let keeper = self.keeper()?;
        let RunEvent { repository_id, installation, run_id, .. } = *event;
        let is_sure = handed_over.is_some();
        if let Err(refused) = self.is_now(&event.repository, repository_id, installation, Some(run_id), is_sure)? {
            return Ok(refused);
        }
        keeper.take_over(event.run_id, handed_over.unwrap_or_default())?;
        let platform = ObjectPlatform { inner: self, repository: event.repository.clone() };
        let received = work::receive(keeper, &self.rules, &platform, event).await?;
        Ok(self.received(received))
    }

    async fn hear(self: &Rc<Self>, repository: RepoName) -> Result<Reply, StoreError> {
        self.keeper()?.set_repository(&repository)?;
        let platform = ObjectPlatform { inner: self, repository };
        work::hear(self.keeper()?, &self.rules, &platform).await.map(|()| Reply::Heard)
    }

    async fn receive_command(self: &Rc<Self>, event: &CommandEvent) -> Result<Receipt, StoreError> {
        let CommandEvent { repository_id, installation, .. } = *event;
        if let Err(refused) = self.is_now(&event.repository, repository_id, installation, None, false)? {
            return Ok(refused);
        }
        let platform = ObjectPlatform { inner: self, repository: event.repository.clone() };
        let received = work::receive_command(self.keeper()?, &self.rules, &platform, event).await?;
        Ok(self.received(received))
    }

    fn received(self: &Rc<Self>, received: Received) -> Receipt {
        if received.is_due {
            if self.working.get().is_none_or(|since| since + LEASE < now()) {
                self.state.wait_until(Rc::clone(self).work("keeper"));
            } else {
                // It may have looked for what is due for the last time.
                self.is_more_due.set(true);
            }
        }
        received.receipt
    }

    /// What a webhook says of the repository, and on whose account it was sent: see [`Keeper::admit`].
    fn is_now(
        &self,
        repository: &RepoName,
        id: Option<RepositoryId>,
        installation: Option<InstallationId>,
        since_run: Option<RunId>,
        is_sure: bool,
    ) -> Result<Result<(), Receipt>, StoreError> {
        let keeper = self.keeper()?;
        let identity = id.map(|id| Identity { id, installation, since_run });
        match keeper.admit(repository, identity, is_sure, &Context::new(&self.rules, now(), 0.0))? {
            Err(refused) => return Ok(Err(refused)),
            Ok(ended) => ended.iter().for_each(|(run_id, record)| log::decision(repository, *run_id, record)),
        }
        if let Some(id) = id {
            self.credentials.set_repository(id);
        }
        if installation.is_some_and(|installation| self.credentials.on_installation(installation)) {
            keeper.started(now())?;
        }
        Ok(Ok(()))
    }

    async fn look_up(self: &Rc<Self>, question: Question) -> Result<Reply, StoreError> {
        let keeper = self.keeper()?;
        self.rows_read.take();
        // The spelling of the webhooks, and not that of a person's typing.
        let Some(repository) = keeper.repository()? else { return Ok(Reply::Unknown) };
        let now = now();
        match question {
            Question::Repository(page) => self.view(&keeper.repository_view(repository, &page, &self.rules, now)?),
            Question::Status => self.view(&keeper.status_view(repository, &self.rules, now)?),
            Question::Runs(page) => self.view(&keeper.runs_view(repository, &page)?),
            Question::FlakyJobs { skip, limit } => self.view(&keeper.flaky_jobs_view(repository, skip, limit, now)?),
            Question::Precision => self.view(&keeper.precision_view(repository, now)?),
            Question::Run(run_id) => match keeper.run_view(repository, run_id, now)? {
                Some(run) => self.view(&run),
                None => Ok(Reply::Unknown),
            },
            Question::RunPage(run_id) => match keeper.run_page_view(repository, run_id, &self.rules, now)? {
                Some(run) => self.view(&run),
                None => Ok(Reply::Unknown),
            },
            Question::Pause => self.paused_or_resumed(repository, keeper.pause(now)).await,
            Question::Resume => self.paused_or_resumed(repository, keeper.resume(now)).await,
        }
    }

    async fn paused_or_resumed(
        self: &Rc<Self>,
        repository: RepoName,
        done: Result<(), StoreError>,
    ) -> Result<Reply, StoreError> {
        done?;
        let view = self.keeper()?.pause_view(repository.clone())?;
        self.arm(repository).await?;
        self.view(&view)
    }

    fn view(&self, view: &impl Serialize) -> Result<Reply, StoreError> {
        let view = to_raw_value(view).map_err(json_fault)?;
        Ok(Reply::View { view, rows_read: self.rows_read.take() })
    }

    async fn work(self: Rc<Self>, place: &'static str) {
        self.working.set(Some(now()));
        let mut worked = self.try_to_work().await;
        self.working.set(None);
        // By an alarm, which may make as many requests once more.
        if self.is_more_due.replace(false) && worked.is_ok() {
            worked = match self.keeper().and_then(Keeper::repository) {
                Ok(Some(repository)) => self.arm(repository).await,
                Ok(None) => Ok(()),
                Err(fault) => Err(fault),
            };
        }
        if let Err(fault) = worked {
            log::fault(place, &fault.to_string());
        }
    }

    async fn try_to_work(self: &Rc<Self>) -> Result<(), StoreError> {
        let keeper = self.keeper()?;
        // Without one nothing was ever stored.
        let Some(repository) = keeper.repository()? else { return Ok(()) };
        if !self.settings.serves(&repository) {
            let cx = Context::new(&self.rules, now(), 0.0);
            for (run_id, record) in keeper.retire(&cx)? {
                log::decision(&repository, run_id, &record);
            }
        }
        let may_call = self.settings.problems.is_empty();
        work::work(keeper, &self.rules, may_call, &ObjectPlatform { inner: self, repository }).await
    }
}

/// Its SQLite, as the Keeper's store uses it.
pub struct ObjectSql {
    sql: SqlStorage,
    /// By all statements so far, for whoever resets it.
    rows_read: Rc<Cell<usize>>,
}

impl Sql for ObjectSql {
    fn exec(&self, statement: &str, bindings: Vec<Value>) -> Result<Vec<Vec<Value>>, StoreError> {
        let binding = |value| match value {
            Value::Null => SqlStorageValue::Null,
            Value::Integer(integer) => SqlStorageValue::Integer(integer),
            Value::Text(text) => SqlStorageValue::String(text),
        };
        let column = |value| match value {
            SqlStorageValue::Null => Ok(Value::Null),
            SqlStorageValue::Integer(integer) => Ok(Value::Integer(integer)),
            SqlStorageValue::String(text) => Ok(Value::Text(text)),
            _ => Err(StoreError("a column of an unexpected type".to_owned())),
        };
        let fault = |error: worker::Error| StoreError(error.to_string());
        let bindings = bindings.into_iter().map(binding).collect::<Vec<_>>();
        let cursor = self.sql.exec(statement, bindings).map_err(fault)?;
        let rows = cursor.raw().map(|row| row.map_err(fault)?.into_iter().map(column).collect()).collect();
        self.rows_read.set(self.rows_read.get().saturating_add(cursor.rows_read()));
        rows
    }
}

fn json_fault(error: serde_json::Error) -> StoreError {
    StoreError(error.to_string())
}
