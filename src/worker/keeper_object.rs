//! The Durable Object of a repository: the Keeper's [`Platform`], with its storage, clock, alarm and way to GitHub. It
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

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::future_to_promise;
use worker::{Date, DurableObject, Env, Method, Request, RequestInit, Response, State, durable_object};

use crate::github::{Call, Commented, Credentials};
use crate::keeper::repository_state::Identity;
use crate::keeper::state_machine::{LEASE, ReceiptKind, Record};
use crate::keeper::store::once::{self, Once};
use crate::keeper::store::{Sql, StoreError, Value};
use crate::keeper::summary::Summary;
use crate::keeper::tasks::comment::{self, Comment};
use crate::keeper::tasks::notify::Notification;
use crate::keeper::tracked_run::TrackedRun;
use crate::keeper::views::Question;
use crate::keeper::work::{self, Platform};
use crate::keeper::{Answer, Keeper, Notifications, context};
use crate::names::{InstallationId, RepoName, RepositoryId, RunAttempt, RunId};
use crate::policy::Rules;
use crate::settings::Settings;
use crate::time::{Millis, Span};
use crate::web::health::Refusal;
use crate::webhook::event::RunEvent;
use crate::worker::github_client;
use crate::worker::{env, kv, log, notify};

#[durable_object]
pub struct KeeperObject {
    inner: Rc<Inner>,
}

struct Inner {
    state: State,
    env: Env,
    keeper: Result<Keeper<ObjectSql>, StoreError>,
    settings: Rc<Settings>,
    credentials: Credentials,
    rules: Rules,
    /// The time that the alarm is known to be set for.
    armed: Cell<Option<Millis>>,
    /// When an task of the work in progress last began, if there is some.
    working: Cell<Option<Millis>>,
    /// By the storage, since this was asked last.
    rows_read: Rc<Cell<usize>>,
}

/// What the fetch handler sends. Both ends are the same version of this Worker.
#[derive(Serialize, Deserialize)]
pub struct HintMessage {
    pub repository: RepoName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<RepositoryId>,
    /// Of the GitHub App, if it is its webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<InstallationId>,
    pub event: RunEvent,
    /// What was decided on the run while its repository had another name: only from the Keeper of that name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
}

/// What it is answered.
#[derive(Serialize, Deserialize)]
pub struct ReceiptMessage {
    pub kind: ReceiptKind,
    pub reason: String,
    pub run_attempt: Option<RunAttempt>,
    pub due: Option<Millis>,
}

/// Where `entry.mjs` takes hints.
const HINTS: &str = "https://keeper/hints";
/// Where the fetch handler asks, and the header that says how many rows of storage the answer took.
pub const QUESTIONS: &str = "/questions";
pub const ROWS_READ: &str = "x-rows-read";
/// Where it has something used that is good once: 200, or 409 where that was used before.
pub const ONCE: &str = "/once";

/// What the fetch handler asks.
#[derive(Serialize, Deserialize)]
pub struct QuestionMessage {
    pub repository: RepoName,
    pub question: Question,
}

impl DurableObject for KeeperObject {
    fn new(state: State, env: Env) -> Self {
        let settings = env::settings(&env);
        let notices = settings
            .notify_url
            .as_ref()
            .map(|_| Notifications { per_hour: settings.notifications_per_hour, web_url: settings.github_web_url() });
        let comments = settings.comment_on_pull_requests.then(|| settings.github_web_url());
        let rows_read = Rc::new(Cell::new(0));
        let sql = ObjectSql { sql: state.storage().sql(), rows_read: Rc::clone(&rows_read) };
        let keeper = Keeper::open(sql).map(|keeper| {
            keeper.reading(settings.policy_file.clone()).with_notifications(notices).with_comments(comments)
        });
        if let Ok(keeper) = &keeper
            && let Err(error) = keeper.started(now())
        {
            log::fault("keeper start", &error.to_string());
        }
        let rules = Rules::from(&*settings);
        let credentials = Credentials::new(Rc::clone(&settings));
        if let Ok(keeper) = &keeper
            && let Ok(Some(identity)) = keeper.identity()
        {
            credentials.of_repository(identity.id);
            if let Some(installation) = identity.installation {
                credentials.heard_of(installation);
            }
        }
        let (armed, working) = (Cell::new(None), Cell::new(None));
        let inner = Inner { state, env, keeper, settings, credentials, rules, armed, working, rows_read };
        Self { inner: Rc::new(inner) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        if request.method() != Method::Post {
            return Response::error("method not allowed", 405);
        }
        if request.path() == QUESTIONS {
            let message: QuestionMessage = serde_json::from_str(&request.text().await?)?;
            return match self.inner.answer(message).await {
                Ok(Some(body)) => {
                    let response = Response::from_bytes(body)?;
                    response.headers().set(ROWS_READ, &self.inner.rows_read().to_string())?;
                    Ok(response)
                }
                Ok(None) => Response::error("not known", 404),
                Err(fault) => {
                    log::fault("keeper", &fault.to_string());
                    Response::error("not read", 500)
                }
            };
        }
        if request.path() == ONCE {
            let once: Once = serde_json::from_str(&request.text().await?)?;
            let spent = self.inner.keeper().and_then(|keeper| once::spend(keeper.store().sql(), &once, now()));
            return match spent {
                Ok(true) => Response::empty(),
                Ok(false) => Response::error("used", 409),
                Err(fault) => {
                    log::fault("keeper", &fault.to_string());
                    Response::error("not stored", 500)
                }
            };
        }
        Response::error("there is nothing at this path", 404)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.inner.armed.set(None);
        Rc::clone(&self.inner).work("keeper alarm").await;
        Response::empty()
    }
}

#[wasm_bindgen]
impl KeeperObject {
    /// Takes a [`HintMessage`] and answers with a [`ReceiptMessage`], both as JSON, or rejects if it could not be stored.
    ///
    /// Not by [`DurableObject::fetch`]: `entry.mjs` makes the request and the response on both sides of it, as the
    /// worker crate's objects for the two took a third of the time that a candidate took.
    pub fn on_webhook(&self, message: String) -> Promise {
        let inner = Rc::clone(&self.inner);
        future_to_promise(async move {
            let told = async {
                let message = serde_json::from_str(&message).map_err(|error| StoreError(error.to_string()))?;
                let receipt = inner.receive(message).await?;
                serde_json::to_string(&receipt).map_err(|error| StoreError(error.to_string()))
            };
            let told: Result<String, StoreError> = told.await;
            told.map(JsValue::from).map_err(|fault| {
                log::fault("keeper", &fault.to_string());
                JsError::new("not stored").into()
            })
        })
    }
}

impl Inner {
    fn keeper(&self) -> Result<&Keeper<ObjectSql>, StoreError> {
        self.keeper.as_ref().map_err(Clone::clone)
    }

    async fn receive(self: Rc<Self>, message: HintMessage) -> Result<ReceiptMessage, StoreError> {
        let keeper = self.keeper()?;
        keeper.set_repository(&message.repository)?;
        if let Some(id) = message.repository_id {
            self.credentials.of_repository(id);
            let identity = Identity { id, installation: message.installation };
            for (run_id, record) in keeper.identify(identity, &context(&self.rules, now(), 0.0))? {
                log::decision(&message.repository, run_id, &record);
            }
        }
        if message.installation.is_some_and(|installation| self.credentials.heard_of(installation)) {
            keeper.started(now())?;
        }
        keeper.take_over(message.event.run_id, &message.records)?;
        let site = Site { inner: &self, repository: message.repository };
        let received = work::receive(keeper, &self.rules, &site, &message.event).await?;
        if received.overdue && self.working.get().is_none_or(|since| since + LEASE < now()) {
            self.state.wait_until(Rc::clone(&self).work("keeper overdue"));
        }
        let receipt = received.receipt;
        Ok(ReceiptMessage {
            kind: receipt.kind,
            reason: receipt.reason,
            run_attempt: receipt.run_attempt,
            due: receipt.due,
        })
    }

    /// `None`: nothing is known of it.
    async fn answer(self: &Rc<Self>, message: QuestionMessage) -> Result<Option<Vec<u8>>, StoreError> {
        let keeper = self.keeper()?;
        self.rows_read();
        // The spelling of the webhooks, and not that of a person's typing.
        let Some(repository) = keeper.repository()? else { return Ok(None) };
        let now = now();
        match message.question {
            Question::Repository(page) => json(&keeper.repository_view(repository, &page, &self.rules, now)?),
            Question::Runs(page) => json(&keeper.runs_view(repository, &page)?),
            Question::FlakyJobs { skip, limit } => json(&keeper.flaky_jobs_view(repository, skip, limit, now)?),
            Question::Run(run_id) => match keeper.run_view(repository, run_id, now)? {
                Some(run) => json(&run),
                None => Ok(None),
            },
            Question::Pause | Question::Resume => {
                if message.question == Question::Pause {
                    keeper.pause(now)?
                } else {
                    keeper.resume(now)?
                }
                let view = keeper.pause_view(repository.clone())?;
                Site { inner: self, repository }.arm(keeper.next_alarm(&self.rules)?).await?;
                json(&view)
            }
        }
    }

    /// How many rows were read since this was asked last.
    fn rows_read(&self) -> usize {
        self.rows_read.take()
    }

    /// Sends a message, and says what became of it.
    async fn notify(self: Rc<Self>, notification: Notification, repository: RepoName) {
        let taken = match &self.settings.notify_url {
            Some(url) => notify::send(url, &notification.text).await,
            None => return,
        };
        if let Err(what) = &taken {
            log::fault("NOTIFY_URL", what);
        }
        let noted = async {
            let keeper = self.keeper()?;
            keeper.finish_notification(&notification, taken.is_ok(), now())?;
            Site { inner: &self, repository }.arm(keeper.next_alarm(&self.rules)?).await
        };
        if let Err(fault) = noted.await {
            log::fault("keeper notices", &fault.to_string());
        }
    }

    /// Writes a comment, and says what became of it.
    async fn comment(self: Rc<Self>, comment: Comment, repository: RepoName) {
        let call = async |call: Call| github_client::send(&self.settings, &self.credentials, &repository, &call).await;
        let answer = comment::write(&comment, call).await;
        if let Commented::Problem(problem) = &answer {
            log::trouble(&repository, None, &format!("the comment on a pull request: {problem}"));
        }
        let noted = async {
            let keeper = self.keeper()?;
            keeper.finish_comment(&comment, answer, &context(&self.rules, now(), chance()))?;
            let due = keeper.next_alarm(&self.rules)?;
            Site { inner: &self, repository: repository.clone() }.arm(due).await
        };
        if let Err(fault) = noted.await {
            log::fault("keeper comments", &fault.to_string());
        }
    }

    async fn work(self: Rc<Self>, place: &'static str) {
        if let Err(fault) = self.try_to_work().await {
            log::fault(place, &fault.to_string());
        }
        self.working.set(None);
    }

    async fn try_to_work(self: &Rc<Self>) -> Result<(), StoreError> {
        let keeper = self.keeper()?;
        // Without one nothing was ever stored.
        let Some(repository) = keeper.repository()? else { return Ok(()) };
        if !self.settings.serves(&repository) {
            let cx = context(&self.rules, now(), 0.0);
            for (run_id, record) in keeper.retire(&cx)? {
                log::decision(&repository, run_id, &record);
            }
        }
        let may_call = self.settings.problems.is_empty();
        work::work(keeper, &self.rules, may_call, &Site { inner: self, repository }).await
    }
}

/// The object, at work for the repository it is named after.
struct Site<'a> {
    inner: &'a Rc<Inner>,
    repository: RepoName,
}

impl Platform for Site<'_> {
    fn now(&self) -> Millis {
        now()
    }

    fn chance(&self) -> f64 {
        chance()
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
        crate::worker::faults::panic_in_alarm(&self.repository).await;
        let answer = github_client::send(&self.inner.settings, &self.inner.credentials, &self.repository, call).await;
        #[cfg(feature = "fault-route")]
        crate::worker::faults::panic_over_a_log(&self.repository, call);
        if let Some(problem) = answer.problem() {
            log::trouble(&self.repository, call.run_id(), &problem.to_string());
        }
        answer
    }

    async fn publish(&self, tracked: &TrackedRun) -> bool {
        self.inner.working.set(Some(now()));
        let written = kv::write_attempts(&self.inner.env, &self.repository, tracked.run_id, &tracked.attempts()).await;
        written.inspect_err(|error| log::fault("attempts in Workers KV", error)).is_ok()
    }

    async fn summarize(&self, summary: &Summary) -> bool {
        self.inner.working.set(Some(now()));
        let written = kv::write_summary(&self.inner.env, summary).await;
        written.inspect_err(|error| log::fault("summary in Workers KV", error)).is_ok()
    }

    fn notify(&self, notification: Notification) {
        self.inner.state.wait_until(Rc::clone(self.inner).notify(notification, self.repository.clone()));
    }

    async fn hand_over(&self, to: &RepoName, event: &RunEvent, records: &[Record]) -> bool {
        self.inner.working.set(Some(now()));
        let identity = self.inner.keeper().and_then(Keeper::identity).ok().flatten();
        let message = HintMessage {
            repository: to.clone(),
            repository_id: identity.map(|identity| identity.id),
            installation: identity.and_then(|identity| identity.installation),
            event: event.clone(),
            records: records.to_vec(),
        };
        let told = tell(&self.inner.env, &message).await;
        told.inspect_err(|error| log::fault("hand-over to another Keeper", &error.to_string())).is_ok()
    }

    fn comment(&self, comment: Comment) {
        self.inner.state.wait_until(Rc::clone(self.inner).comment(comment, self.repository.clone()));
    }

    async fn credentials(&self, refusal: Option<&str>) {
        let refusal = refusal.map(|refusal| Refusal { of_app: self.inner.credentials.are_the_apps(), refusal });
        let refusal = refusal.map(|refusal| refusal.to_string());
        if let Err(error) = kv::write_refusal(&self.inner.env, refusal.as_deref()).await {
            log::fault("credentials in Workers KV", &error);
        }
    }

    async fn want_cancelled(&self, wanted: bool) -> bool {
        let written = kv::write_cancelled(&self.inner.env, &self.repository, wanted).await;
        written.inspect_err(|error| log::fault("policy in Workers KV", error)).is_ok()
    }

    async fn wait(&self, span: Span) {
        crate::worker::wait::wait(span).await;
    }

    fn log_decision(&self, run_id: RunId, record: &Record) {
        log::decision(&self.repository, run_id, record);
    }

    fn log_warning(&self, what: &str) {
        log::policy(&self.repository, what);
    }
}

/// The storage's SQLite.
struct ObjectSql {
    sql: worker::SqlStorage,
    rows_read: Rc<Cell<usize>>,
}

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
        let cursor = self.sql.exec(statement, bindings).map_err(fault)?;
        let rows = cursor
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
            .collect();
        self.rows_read.set(self.rows_read.get().saturating_add(cursor.rows_read()));
        rows
    }
}

/// Has another repository's Keeper store a message.
async fn tell(env: &Env, message: &HintMessage) -> worker::Result<()> {
    let stub = env.durable_object(crate::worker::fetch_handler::KEEPER)?.get_by_name(&message.repository.key())?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(serde_json::to_string(message)?.into()));
    let response = stub.fetch_with_request(Request::new_with_init(HINTS, &init)?).await?;
    match response.status_code() {
        200 => Ok(()),
        status => Err(worker::Error::RustError(format!("the Keeper answered {status}"))),
    }
}

fn json(view: &impl Serialize) -> Result<Option<Vec<u8>>, StoreError> {
    serde_json::to_vec(view).map(Some).map_err(|error| StoreError(error.to_string()))
}

fn now() -> Millis {
    Millis(i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX))
}

fn chance() -> f64 {
    worker::js_sys::Math::random()
}
