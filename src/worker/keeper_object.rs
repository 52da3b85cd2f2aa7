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

use std::future::Future;
use std::rc::Rc;
use std::task::{self, Poll, Waker};

use serde::Serialize;
use serde_json::value::to_raw_value;
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};
use worker::Env;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::DurableObjectState;

use crate::keeper::context::Context;
use crate::keeper::message::{Message, Reply};
use crate::keeper::repository_state::Identity;
use crate::keeper::step::{LEASE, Receipt, Record};
use crate::keeper::store::{StoreError, once};
use crate::keeper::views::Question;
use crate::keeper::work::Received;
use crate::keeper::{HandOver, Keeper, cancelled, work};
use crate::names::json::from_text;
use crate::names::{InstallationId, RepoName, RepositoryId, RunId};
use crate::webhook::command::CommandEvent;
use crate::webhook::event::{RunEvent, RunEventKind};
use crate::worker::clock::now;
use crate::worker::keeper_inner::Inner;
use crate::worker::keeper_platform::ObjectPlatform;
use crate::worker::log;

/// `entry.mjs` has one in each of its Durable Objects, and makes their requests and responses.
#[wasm_bindgen]
pub struct KeeperObject {
    inner: Rc<Inner>,
}

#[wasm_bindgen]
impl KeeperObject {
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        Self { inner: Rc::new(Inner::new(state, env)) }
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
    async fn answer(self: &Rc<Self>, message: Message) -> Result<Reply, StoreError> {
        match message {
            Message::RunEvent(event) => self.receive(event, None).await.map(Reply::Receipt),
            Message::Command(event) => self.receive_command(&event).await.map(Reply::Receipt),
            Message::HandOver(HandOver { event, records }) => {
                self.receive(event, Some(&records)).await.map(Reply::Receipt)
            }
            Message::Question(question) => self.look_up(question).await,
            Message::SignOfLife(repository) => self.hear(repository).await,
            Message::Once(once) => once::spend(&self.keeper()?.store.sql, &once, now()).map(Reply::Once),
        }
    }

    /// `handed_over`: what was decided on the run while its repository had another name.
    async fn receive(self: &Rc<Self>, event: RunEvent, handed_over: Option<&[Record]>) -> Result<Receipt, StoreError> {
        let keeper = self.keeper()?;
        let RunEvent { repository_id, installation, run_id, run_attempt, .. } = event;
        let is_sure = handed_over.is_some();
        // What is of a repository that had the name before changes nothing of what is known of the one that has it now. Its run is
        // looked for as any other is, and GitHub does not show it.
        self.is_now(&event.repository, repository_id, installation, Some(run_id), is_sure)?.ok();
        keeper.take_over(run_id, handed_over.unwrap_or_default())?;
        let platform = ObjectPlatform { inner: self, repository: event.repository.clone() };
        let wanted = match event.kind {
            RunEventKind::RunCancelled => cancelled::wanted(keeper, &self.rerun_settings, &platform, event).await?,
            _ => Some(event),
        };
        let Some(event) = &wanted else { return Ok(cancelled::receipt(run_attempt)) };
        let received = work::receive(keeper, &self.rerun_settings, &platform, event).await?;
        Ok(self.received(received))
    }

    async fn hear(self: &Rc<Self>, repository: RepoName) -> Result<Reply, StoreError> {
        self.keeper()?.set_repository(&repository)?;
        let platform = ObjectPlatform { inner: self, repository };
        work::hear(self.keeper()?, &self.rerun_settings, &platform).await.map(|()| Reply::Heard)
    }

    async fn receive_command(self: &Rc<Self>, event: &CommandEvent) -> Result<Receipt, StoreError> {
        let CommandEvent { repository_id, installation, .. } = *event;
        if let Err(refused) = self.is_now(&event.repository, repository_id, installation, None, false)? {
            return Ok(refused);
        }
        let platform = ObjectPlatform { inner: self, repository: event.repository.clone() };
        let received = work::receive_command(self.keeper()?, &self.rerun_settings, &platform, event).await?;
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
        match keeper.admit(repository, identity, is_sure, &Context::new(&self.rerun_settings, now(), 0.0))? {
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
            Question::Repository(page) => {
                self.view(&keeper.repository_view(repository, &page, &self.rerun_settings, now)?)
            }
            Question::Status => self.view(&keeper.status_view(repository, &self.rerun_settings, now)?),
            Question::Runs(page) => self.view(&keeper.runs_view(repository, &page)?),
            Question::FlakyJobs { skip, limit } => self.view(&keeper.flaky_jobs_view(repository, skip, limit, now)?),
            Question::Precision => self.view(&keeper.precision_view(repository, now)?),
            Question::Run(run_id) => match keeper.run_view(repository, run_id, now)? {
                Some(run) => self.view(&run),
                None => Ok(Reply::Unknown),
            },
            Question::RunPage(run_id) => match keeper.run_page_view(repository, run_id, &self.rerun_settings, now)? {
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
            let cx = Context::new(&self.rerun_settings, now(), 0.0);
            for (run_id, record) in keeper.retire(&cx)? {
                log::decision(&repository, run_id, &record);
            }
        }
        let may_call = self.settings.problems.is_empty();
        work::work(keeper, &self.rerun_settings, may_call, &ObjectPlatform { inner: self, repository }).await
    }
}

fn json_fault(error: serde_json::Error) -> StoreError {
    StoreError(error.to_string())
}
