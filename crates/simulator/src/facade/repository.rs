//! A repository: runs, pull requests, hook, hand-made webhooks.

use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::{Expectation, Run, SimulatedGitHub};
use crate::model::{Login, RepoName, RepositoryId, RunId, Sha, Trigger, Visibility, Workflow};
use crate::payload;
use crate::webhooks::{Delivery, DeliveryResult, Hook, WebhookRequest};
use crate::world::{Made, Planned};

/// A handle to a repository.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) github: SimulatedGitHub,
    pub(super) id: RepositoryId,
}

/// What the receiver of a webhook answered.
#[derive(Debug, Clone)]
pub struct WebhookAnswer {
    /// Of the delivery.
    pub id: String,
    pub status: u16,
    pub body: String,
    /// `Null` if the body is not JSON.
    pub json: Value,
}

impl Repository {
    pub fn id(&self) -> RepositoryId {
        self.id
    }

    /// `owner/name`
    pub fn name(&self) -> String {
        self.github.world.model().repository(self.id).name().to_string()
    }

    /// Gives it another name; calls for the old one are led to its number.
    pub async fn rename(&self, name: &str) {
        let (world, old, new) = (&self.github.world, RepoName::new(&self.name()), RepoName::new(name));
        world.change(|model, _| model.rename_repository(self.id, name));
        world.apps.with(|registry| registry.rename(&old, &new));
    }

    pub fn github(&self) -> &SimulatedGitHub {
        &self.github
    }

    /// `main` before this.
    pub async fn default_branch(&self, branch: &str) {
        self.github.world.change(|model, _| model.set_default_branch(self.id, branch));
    }

    /// Everybody may read it from now on.
    pub async fn make_public(&self) {
        self.github.world.change(|model, _| model.set_visibility(self.id, Visibility::Public));
    }

    /// Starts a run on the default branch by a push of `mona`'s.
    pub async fn run(&self, workflow: Workflow) -> Run {
        let branch = self.github.world.model().repository(self.id).identity.default_branch.clone();
        self.run_on(workflow, Trigger::push(&branch, "mona")).await
    }

    /// Starts a run. A workflow of the same path is replaced, for this run and later ones.
    pub async fn run_on(&self, workflow: Workflow, trigger: Trigger) -> Run {
        let id = self.github.world.change(|model, now| {
            let known = model.find_workflow(self.id, &workflow.path);
            let workflow = match known {
                Some(known) => {
                    model.replace_workflow(self.id, known, workflow);
                    known
                }
                None => model.add_workflow(self.id, workflow),
            };
            model.start_run(self.id, workflow, trigger, now)
        });
        self.existing_run(id)
    }

    /// A handle to a run that was started otherwise.
    pub fn existing_run(&self, id: RunId) -> Run {
        Run { repository: self.clone(), id }
    }

    /// Opens a pull request from a branch of this repository; its number.
    pub async fn pull_request(&self, branch: &str, author: impl Into<Login>) -> u64 {
        self.github.world.change(|model, now| model.open_pull_request(self.id, branch, author, false, now))
    }

    /// Opens a pull request from a fork.
    pub async fn pull_request_from_fork(&self, branch: &str, author: impl Into<Login>) -> u64 {
        self.github.world.change(|model, now| model.open_pull_request(self.id, branch, author, true, now))
    }

    pub async fn close_pull_request(&self, number: u64) {
        self.github.world.change(|model, now| model.close_pull_request(self.id, number, now));
    }

    pub async fn merge_pull_request(&self, number: u64) {
        self.github.world.change(|model, now| model.merge_pull_request(self.id, number, now));
    }

    /// A comment, a label: whatever changes it and not its branch.
    pub async fn touch_pull_request(&self, number: u64) {
        self.github.world.change(|model, now| model.touch_pull_request(self.id, number, now));
    }

    /// The fork that it is from.
    pub async fn delete_fork(&self, number: u64) {
        self.github.world.change(|model, _| model.delete_fork(self.id, number));
    }

    pub async fn draft_pull_request(&self, number: u64) {
        self.github.world.change(|model, now| model.set_draft(self.id, number, true, now));
    }

    /// Puts it into the merge queue, which starts a run: of a branch of the queue's own.
    pub async fn merge_queue_run(&self, workflow: Workflow, number: u64) -> Run {
        let trigger = self.github.world.change(|model, now| model.enqueue_pull_request(self.id, number, now));
        self.run_on(workflow, trigger).await
    }

    /// A commit on a branch; pull requests from it move on too. Starts no run.
    pub async fn push(&self, branch: &str) -> Sha {
        self.github.world.change(|model, now| model.push(self.id, branch, now))
    }

    /// A commit on a pull request's branch. Starts no run.
    pub async fn push_to_pull_request(&self, number: u64) -> Sha {
        self.github.world.change(|model, now| model.push_to_pull_request(self.id, number, now))
    }

    /// Writes a file on the default branch.
    pub async fn file(&self, path: &str, content: &str) {
        self.github.world.change(|model, _| model.write_file(self.id, path, content));
    }

    pub async fn remove_file(&self, path: &str) {
        self.github.world.change(|model, _| model.remove_file(self.id, path));
    }

    /// Changes the hook: address, secret, kinds of events, content type, mischief.
    pub async fn hook(&self, change: impl FnOnce(&mut Hook)) {
        let mut hooks = self.github.world.hooks.lock().expect("no panic while it is held");
        change(hooks.get_mut(&self.id).expect("a repository is made with a hook"));
    }

    /// Sends any payload, signed; waits for the answer.
    #[track_caller]
    pub fn webhook(&self, event: &str, payload: Value) -> impl Future<Output = WebhookAnswer> + use<> {
        self.send(self.planned(event, Made::ByHand, payload))
    }

    /// The same with a request that is changed before it is sent: without a signature, with another body …
    #[track_caller]
    pub fn deliver<F: FnOnce(WebhookRequest) -> WebhookRequest>(
        &self,
        event: &str,
        payload: Value,
        change: F,
    ) -> impl Future<Output = WebhookAnswer> + use<F> {
        let mut planned = self.planned(event, Made::ByHand, payload);
        planned.request = Arc::new(change((*planned.request).clone()));
        self.send(planned)
    }

    #[track_caller]
    fn planned(&self, event: &str, made: Made, payload: Value) -> Planned {
        let world = &self.github.world;
        let hook = world.hook(self.id).expect("a repository is made with a hook");
        let planned = world.plan(self.id, &hook, event, made, || payload);
        planned.expect("the hook needs an address: Options::webhook_url, or Repository::hook")
    }

    /// Sends the `ping` that GitHub sends when a hook is set up.
    #[track_caller]
    pub fn ping(&self) -> impl Future<Output = WebhookAnswer> + use<> {
        let world = &self.github.world;
        let hook = world.hook(self.id).expect("a repository is made with a hook");
        let identity = world.model().repository(self.id).identity.clone();
        let payload = payload::ping(&world.hosts, &identity, hook.id, "mona", &hook.config());
        self.send(self.planned("ping", Made::ByGitHub, payload))
    }

    #[track_caller]
    pub(super) fn redeliver(&self, known: Delivery) -> impl Future<Output = WebhookAnswer> + use<> {
        let by = |hook: &Hook| known.request.headers.iter().any(|(_, value)| *value == hook.id.to_string());
        let world = &self.github.world;
        let of_app = world.apps.with(|registry| registry.apps.iter().map(|app| app.hook.clone()).find(by));
        let hook = of_app.or_else(|| world.hook(self.id)).expect("a repository is made with a hook");
        let request =
            WebhookRequest { url: hook.url.unwrap_or_else(|| known.request.url.clone()), ..(*known.request).clone() };
        let body = request.body.clone();
        self.send(Planned {
            id: known.id,
            repository: self.id,
            event: known.event,
            action: known.action,
            run: known.run,
            attempt: known.attempt,
            redelivery: true,
            request: Arc::new(request.body(body, &hook.secret)),
        })
    }

    #[track_caller]
    fn send(&self, planned: Planned) -> impl Future<Output = WebhookAnswer> + use<> {
        let expectation = Expectation::new(&self.github, "an answer to a webhook", planned.request.timeout);
        let world = self.github.world.clone();
        async move {
            let delivery = world.deliver(planned).await;
            let json = delivery.json().unwrap_or(Value::Null);
            match delivery.result {
                DeliveryResult::Answered { status, body } => WebhookAnswer { id: delivery.id, status, body, json },
                other => expectation.fail(&format!("{other:?}")),
            }
        }
    }
}
