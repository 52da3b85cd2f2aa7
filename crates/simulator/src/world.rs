//! The model running in real time: one clock, the deliveries of its webhooks, what is seen of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::apps::Apps;
use crate::description::Checked;
use crate::faults::Faults;
use crate::history::{AttemptEnded, Happening, History};
use crate::model::{
    CommentEvent, Event, EventKind, GitHub, Millis, RepoName, RepositoryId, RunAction, RunId, What, mix,
};
use crate::payload::Hosts;
use crate::webhooks::{Delivery, DeliveryResult, Hook, WebhookRequest, uuid};

/// The wall clock, and how far it was put forward.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    skipped: AtomicU64,
}

impl Clock {
    pub fn now(&self) -> Millis {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis() as Millis;
        real + self.skipped.load(Ordering::Relaxed)
    }

    pub fn skip(&self, time: Duration) {
        self.skipped.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub seed: u64,
    model: Mutex<GitHub>,
    pub hooks: Mutex<HashMap<RepositoryId, Hook>>,
    pub apps: Apps,
    pub faults: Mutex<Faults>,
    pub history: History,
    pub checked: Checked,
    pub clock: Clock,
    pub hosts: Hosts,
    pub client: reqwest::Client,
    /// Where job logs are read.
    pub logs: SocketAddr,
    /// Told whenever the model may have changed.
    wake: Notify,
    queues: Mutex<HashMap<RepositoryId, mpsc::UnboundedSender<Planned>>>,
    deliveries: AtomicU64,
    pub started: Millis,
}

/// Whose payload it is: a test's own may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    ByGitHub,
    ByHand,
}

/// A delivery that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub id: String,
    pub repository: RepositoryId,
    pub event: String,
    pub action: Option<String>,
    pub run: Option<RunId>,
    pub attempt: Option<u32>,
    pub redelivery: bool,
    pub request: Arc<WebhookRequest>,
}

impl World {
    pub fn new(seed: u64, model: GitHub, hosts: Hosts, logs: SocketAddr, checked: Checked) -> World {
        let clock = Clock::default();
        World {
            seed,
            model: Mutex::new(model),
            hooks: Mutex::default(),
            apps: Apps::default(),
            faults: Mutex::default(),
            history: History::new(),
            checked,
            started: clock.now(),
            clock,
            hosts,
            client: reqwest::Client::builder().no_proxy().build().expect("a client without TLS"),
            logs,
            wake: Notify::new(),
            queues: Mutex::default(),
            deliveries: AtomicU64::new(0),
        }
    }

    /// The model, for as long as the guard lives; never held while waiting.
    pub fn model(&self) -> MutexGuard<'_, GitHub> {
        // A test that panicked while it held the model must not hide its panic behind a second one.
        self.model.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the model at the present moment.
    pub fn change<T>(&self, change: impl FnOnce(&mut GitHub, Millis) -> T) -> T {
        let mut model = self.model();
        // Taken inside the lock, so that the model's time never runs backwards.
        let now = self.clock.now();
        let result = change(&mut model, now);
        drop(model);
        self.wake();
        result
    }

    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Lets time pass for ever, and sends what happens.
    pub async fn run(self: Arc<World>) {
        loop {
            let now = self.clock.now();
            let (events, comments, next) = {
                let mut model = self.model();
                model.advance(now);
                (model.take_events(), model.take_comment_events(), model.next_change_at())
            };
            events.iter().for_each(|event| self.publish(event));
            comments.iter().for_each(|event| self.publish_comment(event));
            let wait = next.map_or(Duration::from_secs(60), |at| Duration::from_millis(at.saturating_sub(now).max(1)));
            let _ = tokio::time::timeout(wait, self.wake.notified()).await;
        }
    }

    fn publish(self: &Arc<World>, event: &Event) {
        if let (What::WorkflowRun(RunAction::Completed), Some(conclusion)) = (&event.what, event.run.conclusion) {
            self.history.add(Happening::AttemptEnded(AttemptEnded {
                at: event.at,
                repository: event.run.repository().clone(),
                run: event.run.id(),
                workflow: event.run.identity.workflow.name.to_string(),
                attempt: event.run.attempt,
                conclusion,
                branch: event.run.identity.head_branch.to_string(),
                actor: event.run.identity.actor.clone(),
                triggering_actor: event.run.triggering_actor.clone(),
                took: Duration::from_millis(event.at.saturating_sub(event.run.run_started_at)),
            }));
        }
        let of_run = Some((event.run.id(), event.run.attempt));
        let payload = || event.payload(&self.hosts);
        self.send(event.run.repository(), event.kind(), &["actions"], of_run, payload);
    }

    fn publish_comment(self: &Arc<World>, event: &CommentEvent) {
        let payload = || event.payload(&self.hosts);
        self.send(&event.repository.name, EventKind::IssueComment, event.permissions(), None, payload);
    }

    /// To the repository's hook, and to those of Apps that have one of the permissions.
    fn send(
        self: &Arc<World>,
        name: &RepoName,
        kind: EventKind,
        permissions: &[&str],
        run: Option<(RunId, u32)>,
        payload: impl Fn() -> Value,
    ) {
        let Some(repository) = self.model().find_repository(name.as_str()) else { return };
        let hook = self.hook(repository).filter(|hook| hook.events.contains(kind));
        let apps = self.apps.hooks(name, kind, permissions);
        let apps = apps.into_iter().map(|(hook, installation)| (hook, Some(installation)));
        for (hook, installation) in hook.map(|hook| (hook, None)).into_iter().chain(apps) {
            let payload = || {
                let mut payload = payload();
                if let Some(installation) = installation {
                    payload["installation"] = json!({ "id": installation, "node_id": format!("MDIz{installation}") });
                }
                payload
            };
            let Some(mut planned) = self.plan(repository, &hook, kind.as_str(), Made::ByGitHub, payload) else {
                continue;
            };
            (planned.run, planned.attempt) = (run.map(|run| run.0), run.map(|run| run.1));
            self.post(&hook, planned);
        }
    }

    pub fn hook(&self, repository: RepositoryId) -> Option<Hook> {
        self.hooks.lock().expect("no panic while it is held").get(&repository).cloned()
    }

    /// A delivery of this payload, with a fresh id; `None` if the hook has no address.
    pub fn plan(
        &self,
        repository: RepositoryId,
        hook: &Hook,
        event: &str,
        made: Made,
        payload: impl FnOnce() -> Value,
    ) -> Option<Planned> {
        hook.url.as_ref()?;
        let payload = payload();
        let id = self.new_delivery_id();
        let mut request = hook.request(event, &id, &payload)?;
        if let Some(host) = self.hosts.enterprise_host() {
            request = request.header("x-github-enterprise-host", host).header("x-github-enterprise-version", "3.19.0");
        }
        if made == Made::ByGitHub {
            self.checked.webhook(&request, &payload);
        }
        let request = Arc::new(request);
        let action = payload["action"].as_str().map(str::to_owned);
        let event = event.to_owned();
        Some(Planned { id, repository, event, action, run: None, attempt: None, redelivery: false, request })
    }

    /// The ids of one seed come in always the same order.
    pub fn new_delivery_id(&self) -> String {
        let count = self.deliveries.fetch_add(1, Ordering::Relaxed);
        uuid(mix(&[self.seed, count, 1]), mix(&[self.seed, count, 2]))
    }

    /// Sends it in the background, with the hook's mischief.
    fn post(self: &Arc<World>, hook: &Hook, planned: Planned) {
        let fate = hook.mischief.fate(self.deliveries.load(Ordering::Relaxed));
        if fate.copies == 0 {
            self.record(&planned, self.clock.now(), Duration::ZERO, DeliveryResult::Dropped);
        }
        for _ in 0..fate.copies {
            if hook.concurrent || hook.mischief.reorders() {
                let (world, planned) = (self.clone(), planned.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(fate.delay).await;
                    world.deliver(planned).await;
                });
            } else {
                // The queue's task ends with the queue, and the queue with the world.
                let _ = self.queue(planned.repository).send(planned.clone());
            }
        }
    }

    fn queue(self: &Arc<World>, repository: RepositoryId) -> mpsc::UnboundedSender<Planned> {
        let mut queues = self.queues.lock().expect("no panic while it is held");
        let start = || {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            let world = Arc::downgrade(self);
            tokio::spawn(async move {
                while let Some(planned) = receiver.recv().await {
                    let Some(world) = world.upgrade() else { return };
                    world.deliver(planned).await;
                }
            });
            sender
        };
        queues.entry(repository).or_insert_with(start).clone()
    }

    /// Sends it now, and keeps a record.
    pub async fn deliver(&self, planned: Planned) -> Delivery {
        let (at, from) = (self.clock.now(), Instant::now());
        let result = planned.request.send(&self.client).await;
        self.record(&planned, at, from.elapsed(), result)
    }

    fn record(&self, planned: &Planned, at: Millis, took: Duration, result: DeliveryResult) -> Delivery {
        let planned = planned.clone();
        let delivery = Delivery {
            repository: self.model().repository(planned.repository).name().clone(),
            id: planned.id,
            event: planned.event,
            action: planned.action,
            run: planned.run,
            attempt: planned.attempt,
            at,
            took,
            redelivery: planned.redelivery,
            request: planned.request,
            result,
        };
        self.history.add(Happening::Webhook(delivery.clone()));
        delivery
    }
}
