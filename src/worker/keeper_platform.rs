//! What a Keeper's Durable Object gives it: a clock, one alarm, calls to GitHub, Workers KV, the log, and the way to
//! another Keeper.

use std::rc::Rc;

use worker::js_sys::Math;
use worker::worker_sys::web_sys;
use worker::{AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::github::{self, Call};
use crate::keeper::HandOver;
use crate::keeper::command_log::CommandLine;
use crate::keeper::context::Context;
use crate::keeper::step::Record;
use crate::keeper::store::StoreError;
use crate::keeper::summary::Summary;
use crate::keeper::tasks::errand::Errand;
use crate::keeper::tasks::errand_answer::Warning;
use crate::keeper::tasks::notify::Notification;
use crate::keeper::tracked_run::TrackedRun;
use crate::keeper::work::{Platform, log_commands};
use crate::names::{RepoName, RunId};
use crate::settings::Secret;
use crate::time::{Millis, Span};
use crate::web::health::Refusal;
use crate::worker::clock::{self, now};
use crate::worker::keeper_inner::Inner;
use crate::worker::{github_client, keeper_client, kv, log};

/// Well within the lease of a claimed message.
const NOTIFY_WITHIN_MS: u32 = 10_000;

/// An object at work for the repository that it is named after.
pub struct ObjectPlatform<'a> {
    pub inner: &'a Rc<Inner>,
    pub repository: RepoName,
}

impl Platform for ObjectPlatform<'_> {
    fn now(&self) -> Millis {
        now()
    }

    fn chance(&self) -> f64 {
        Math::random()
    }

    fn armed(&self) -> Option<Millis> {
        self.inner.armed.get()
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

    async fn call(&self, call: &Call) -> github::Response {
        // Also where no work is in progress: before a webhook is stored.
        self.inner.working.set(self.inner.working.get().map(|_| now()));
        #[cfg(feature = "fault-route")]
        crate::worker::faults::panic_in_alarm(&self.repository).await;
        let response = github_client::send(&self.inner.settings, &self.inner.credentials, &self.repository, call).await;
        #[cfg(feature = "fault-route")]
        crate::worker::faults::panic_over_a_log(&self.repository, call);
        if let Some(error) = response.error()
            && (error.concerns_other_calls() || !call.is_optional())
        {
            log::trouble(&self.repository, call.run_id(), &error.to_string());
        }
        response
    }

    async fn publish(&self, tracked: &TrackedRun) -> bool {
        self.inner.working.set(Some(now()));
        let written = kv::write_attempts(&self.inner.env, &self.repository, tracked.run_id, &tracked.attempts()).await;
        written.inspect_err(|error| log::fault("attempts in Workers KV", error)).is_ok()
    }

    async fn summarize(&self, summary: &Summary) -> bool {
        // Also where no work is in progress: at a sign of life.
        self.inner.working.set(self.inner.working.get().map(|_| now()));
        let written = kv::write_summary(&self.inner.env, summary).await;
        written.inspect_err(|error| log::fault("summary in Workers KV", error)).is_ok()
    }

    fn notify(&self, notification: Notification) {
        self.inner.state.wait_until(Rc::clone(self.inner).notify(notification, self.repository.clone()));
    }

    async fn hand_over(&self, what: &HandOver) -> bool {
        self.inner.working.set(Some(now()));
        let receipt = keeper_client::hand_over(&self.inner.env, what.clone()).await;
        receipt.inspect_err(|error| log::fault("hand-over to another Keeper", &error.to_string())).is_ok()
    }

    fn errand(&self, errand: Errand) {
        self.inner.state.wait_until(Rc::clone(self.inner).errand(errand, self.repository.clone()));
    }

    async fn credentials(&self, refusal: Option<&str>) {
        let refusal = refusal.map(|refusal| Refusal { of_app: self.inner.credentials.use_the_app(), refusal });
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
        clock::wait(span).await;
    }

    fn log_decision(&self, run_id: RunId, record: &Record) {
        log::decision(&self.repository, run_id, record);
    }

    fn log_command(&self, line: &CommandLine) {
        log::command(&self.repository, line);
    }

    fn log_warning(&self, what: &str) {
        log::policy(&self.repository, what);
    }
}

impl Inner {
    /// Sends a message, and has the Keeper note what became of it.
    async fn notify(self: Rc<Self>, notification: Notification, repository: RepoName) {
        let sent = match &self.settings.notify_url {
            Some(url) => send(url, &notification.text).await,
            None => return,
        };
        if let Err(what) = &sent {
            log::fault("NOTIFY_URL", what);
        }
        let noted = self.keeper().and_then(|keeper| keeper.finish_notification(&notification, sent.is_ok(), now()));
        self.rearm("keeper notices", repository, noted).await;
    }

    /// Does it, and has the Keeper note what became of it.
    async fn errand(self: Rc<Self>, errand: Errand, repository: RepoName) {
        // The repository's policy may have switched on what this is for.
        if let Ok(policy) = self.keeper().and_then(|keeper| keeper.policy(&self.rerun_settings)) {
            self.credentials.set_also_needed(policy.policy().needed());
        }
        let call = async |call: Call| github_client::send(&self.settings, &self.credentials, &repository, &call).await;
        let finished = errand.run(call).await;
        let cx = &Context::new(&self.rerun_settings, now(), Math::random());
        let noted = self.keeper().and_then(|keeper| {
            let noted = keeper.finish_errand(finished, cx);
            log_commands(keeper, &ObjectPlatform { inner: &self, repository: repository.clone() });
            noted
        });
        match &noted {
            Ok(Some(Warning::Trouble(what))) => log::trouble(&repository, None, what),
            Ok(Some(Warning::Policy(what))) => log::policy(&repository, what),
            Ok(None) | Err(_) => {}
        }
        self.rearm("keeper errands", repository.clone(), noted.map(drop)).await;
    }

    /// Something was noted that may change what is due.
    async fn rearm(self: &Rc<Self>, place: &'static str, repository: RepoName, noted: Result<(), StoreError>) {
        let armed = match noted {
            Ok(()) => self.arm(repository).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = armed {
            log::fault(place, &fault.to_string());
        }
    }

    /// Sets the alarm for what is due next.
    pub async fn arm(self: &Rc<Self>, repository: RepoName) -> Result<(), StoreError> {
        let due = self.keeper()?.next_alarm(&self.rerun_settings)?;
        ObjectPlatform { inner: self, repository }.arm(due).await
    }
}

/// Sends a message to `NOTIFY_URL`: JSON with a `text`, as incoming webhooks of Slack, Mattermost and Discord take it. An
/// error says what went wrong, and never where: the URL is a secret.
async fn send(url: &Secret, text: &str) -> Result<(), String> {
    let body = serde_json::json!({ "text": text }).to_string();
    let no_request = |_| "the request could not be made".to_owned();
    let headers = Headers::new();
    headers.set("content-type", "application/json").map_err(no_request)?;
    headers.set("user-agent", concat!("rerunner/", env!("CARGO_PKG_VERSION"))).map_err(no_request)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_body(Some(body.into()));
    // Where it leads to was not what was set.
    init.with_redirect(RequestRedirect::Manual);
    let request = Request::new_with_init(url.reveal(), &init).map_err(no_request)?;
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(NOTIFY_WITHIN_MS));
    match Fetch::Request(request).send_with_signal(&signal).await {
        Ok(response) if (200..300).contains(&response.status_code()) => Ok(()),
        Ok(response) => Err(format!("was answered {}", response.status_code())),
        Err(_) if signal.aborted() => Err("did not answer in time".to_owned()),
        Err(_) => Err("cannot be reached".to_owned()),
    }
}
