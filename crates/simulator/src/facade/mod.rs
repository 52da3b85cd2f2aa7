//! What tests say: one-line verbs over a simulated GitHub that runs beside them.
//!
//! | file | what is there |
//! |---|---|
//! | `mod.rs` | [`SimulatedGitHub`]: starting it, faults, records |
//! | `app.rs` | [`App`]: its keys, where it is installed, what goes wrong with that |
//! | `repository.rs` | [`Repository`]: runs, pull requests, hook, hand-made webhooks |
//! | `talk.rs` | [`Repository`]: comments, reactions, issues, statuses |
//! | `run.rs` | [`Run`]: what it came to, and the buttons a person presses |
//! | `wait.rs` | waiting with a deadline, and the history that a panic shows |

mod app;
mod repository;
mod run;
mod talk;
#[cfg(test)]
mod tests;
mod wait;

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use crate::description::{Checked, Checks, Violation};
use crate::faults::{Fault, FaultId};
use crate::history::{AttemptEnded, Call, Happening, LogRead};
use crate::model::{AcceptedRerun, GitHub, Grant, Millis, Outage, OutageId, RunId, SecondaryLimits, Timing};
use crate::payload::Hosts;
use crate::server::{InFlight, api, logs, serve};
use crate::webhooks::{Delivery, Hook};
use crate::world::World;

pub use app::App;
pub use repository::{Repository, WebhookAnswer};
pub use run::Run;
pub use wait::Expectation;

/// How a simulated GitHub is set up. `..Options::default()` for the rest.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where webhooks go; can be set later, and for each repository.
    pub webhook_url: Option<String>,
    pub secret: String,
    /// A token that may do everything Rerunner needs, and the login that it is of.
    pub token: String,
    pub login: String,
    /// Port 0 is any free one.
    pub listen: SocketAddr,
    pub listen_logs: SocketAddr,
    /// Everything that is by chance follows from it.
    pub seed: u64,
    pub timing: Timing,
    /// How long `expect_…` waits at most.
    pub patience: Duration,
    pub hosts: Hosts,
    /// Off by default.
    pub secondary_limits: SecondaryLimits,
    /// Whether what goes over the wire is held against GitHub's descriptions. Off by default.
    pub checks: Checks,
}

impl Default for Options {
    fn default() -> Options {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Options {
            webhook_url: None,
            secret: "It's a Secret to Everybody".to_owned(),
            token: "the-simulated-token".to_owned(),
            login: "rerunner-bot".to_owned(),
            listen: any_port,
            listen_logs: any_port,
            seed: 1,
            timing: Timing { create_jobs: 1, queue: 2, conclude: 5 },
            patience: Duration::from_secs(15),
            hosts: Hosts::default(),
            secondary_limits: SecondaryLimits::default(),
            checks: Checks::Off,
        }
    }
}

/// A simulated GitHub: its API is served, time passes, webhooks are sent. Clones are handles to the same one; it stops
/// with the last of them.
#[derive(Debug, Clone)]
pub struct SimulatedGitHub {
    world: Arc<World>,
    options: Arc<Options>,
    address: SocketAddr,
    _running: Arc<Running>,
}

#[derive(Debug)]
struct Running(Vec<AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl SimulatedGitHub {
    /// Panics if it cannot listen.
    pub async fn start(options: Options) -> SimulatedGitHub {
        let bind = async |address| {
            let listener = TcpListener::bind(address).await;
            listener.unwrap_or_else(|error| panic!("the simulated GitHub cannot listen on {address}: {error}"))
        };
        let checked = Checked::new(options.checks);
        let (listener, log_listener) = (bind(options.listen).await, bind(options.listen_logs).await);
        let address = listener.local_addr().expect("a bound listener has an address");
        let log_address = log_listener.local_addr().expect("a bound listener has an address");

        let mut model = GitHub::new(options.seed);
        model.set_timing(options.timing);
        model.set_secondary_limits(options.secondary_limits);
        model.add_token(&options.token, Grant::full(options.login.as_str()));
        // The history has every call as its caller saw it.
        model.set_records_calls(false);
        let world = Arc::new(World::new(options.seed, model, options.hosts.clone(), log_address, checked));

        let in_flight = Arc::new(InFlight::default());
        let for_api = world.clone();
        let answer_api = move |request| api(for_api.clone(), in_flight.clone(), request);
        let for_logs = world.clone();
        let answer_logs = move |request| logs(for_logs.clone(), request);
        let tasks = [
            tokio::spawn(world.clone().run()).abort_handle(),
            tokio::spawn(serve(listener, answer_api)).abort_handle(),
            tokio::spawn(serve(log_listener, answer_logs)).abort_handle(),
        ];
        let running = Arc::new(Running(tasks.into()));
        SimulatedGitHub { world, options: Arc::new(options), address, _running: running }
    }

    /// `http://127.0.0.1:PORT`, to be used as `GITHUB_API_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same, as on Enterprise Server.
    pub fn enterprise_url(&self) -> String {
        format!("http://{}/api/v3", self.address)
    }

    /// A token that may do everything.
    pub fn token(&self) -> &str {
        &self.options.token
    }

    /// The webhooks' secret, unless a repository's hook has another.
    pub fn secret(&self) -> &str {
        &self.options.secret
    }

    /// Lets another token in, or changes what one may do.
    pub fn add_token(&self, token: &str, grant: Grant) {
        self.world.change(|model, _| model.add_token(token, grant));
    }

    pub fn revoke_token(&self, token: &str) {
        self.world.change(|model, _| model.grant_mut(token).revoked = true);
    }

    /// The repository `owner/name`, made if need be. Its hook has the address and secret of the [`Options`], is JSON and
    /// gets `workflow_run`.
    pub async fn repository(&self, name: &str) -> Repository {
        let id = self.world.change(|model, now| {
            model.find_repository(name).unwrap_or_else(|| model.add_repository(name, now - 86_400_000))
        });
        let mut hooks = self.world.hooks.lock().expect("no panic while it is held");
        let number = 400_000_000 + hooks.len() as u64;
        hooks.entry(id).or_insert_with(|| Hook::new(number, self.options.webhook_url.clone(), &self.options.secret));
        drop(hooks);
        Repository { github: self.clone(), id }
    }

    /// Points the hooks of all repositories there, also of those made earlier.
    pub fn send_webhooks_to(&mut self, url: &str) {
        Arc::make_mut(&mut self.options).webhook_url = Some(url.to_owned());
        for hook in self.world.hooks.lock().expect("no panic while it is held").values_mut() {
            hook.url = Some(url.to_owned());
        }
    }

    /// Switches a fault on.
    pub fn fault(&self, fault: Fault) -> FaultId {
        self.world.faults.lock().expect("no panic while it is held").add(fault)
    }

    pub fn clear_fault(&self, fault: FaultId) {
        self.world.faults.lock().expect("no panic while it is held").remove(fault);
    }

    pub fn clear_faults(&self) {
        self.world.faults.lock().expect("no panic while it is held").clear();
    }

    /// Jobs fail by it, from the time and in the repositories that it names.
    pub fn outage(&self, outage: Outage) -> OutageId {
        self.world.change(|model, _| model.add_outage(outage))
    }

    /// From now on, jobs everywhere fail as npm's registry answers 503, until [`SimulatedGitHub::end_outage`] or for ever.
    pub fn registry_is_down(&self) -> OutageId {
        self.world.change(|model, now| model.add_outage(Outage::of_registry(now, Millis::MAX)))
    }

    pub fn end_outage(&self, outage: OutageId) {
        self.world.change(|model, now| model.end_outage(outage, now));
    }

    /// Puts GitHub's clock forward; what was to happen meanwhile happens at once.
    pub fn skip_time(&self, time: Duration) {
        self.world.clock.skip(time);
        self.world.wake();
    }

    /// GitHub's clock.
    pub fn now(&self) -> Millis {
        self.world.clock.now()
    }

    /// The model itself, for what has no verb here. Holds everything up while it runs.
    pub fn with_model<T>(&self, change: impl FnOnce(&mut GitHub, Millis) -> T) -> T {
        self.world.change(change)
    }

    /// Every API call, as its caller saw it.
    pub fn calls(&self) -> Vec<Call> {
        self.world.history.collect(|happening| match happening {
            Happening::Api(call) => Some(call.clone()),
            _ => None,
        })
    }

    /// Every webhook that was sent, with its answer.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.world.history.collect(|happening| match happening {
            Happening::Webhook(delivery) => Some(delivery.clone()),
            _ => None,
        })
    }

    /// Every attempt that ended.
    pub fn ended(&self) -> Vec<AttemptEnded> {
        self.world.history.collect(|happening| match happening {
            Happening::AttemptEnded(ended) => Some(ended.clone()),
            _ => None,
        })
    }

    /// Every read of a job's log.
    pub fn log_reads(&self) -> Vec<LogRead> {
        self.world.history.collect(|happening| match happening {
            Happening::LogRead(read) => Some(read.clone()),
            _ => None,
        })
    }

    /// Every re-run that really happened, whatever the caller was told: by the API and by persons.
    pub fn reruns(&self) -> Vec<AcceptedRerun> {
        self.world.model().reruns().to_vec()
    }

    /// What happens from now on.
    pub fn observe(&self) -> broadcast::Receiver<Happening> {
        self.world.history.listen()
    }

    /// What went over the wire and is not as GitHub describes it, each once.
    pub fn violations(&self) -> Vec<Violation> {
        self.world.checked.violations()
    }

    /// What was held against the descriptions so far: operations with statuses, and webhooks.
    pub fn covered(&self) -> BTreeSet<String> {
        self.world.checked.covered()
    }

    /// All that happened, one line each, in time order.
    pub fn history(&self) -> String {
        self.world.history.text(self.world.started)
    }

    /// Sends a delivery again: the same body under the same id, signed with the secret of now.
    #[track_caller]
    pub fn redeliver(&self, delivery: &str) -> impl Future<Output = WebhookAnswer> + use<> {
        let of_this = |happening: &Happening| match happening {
            Happening::Webhook(known) if known.id == delivery => Some(known.clone()),
            _ => None,
        };
        let known = self.world.history.collect(of_this).pop();
        let known = known.unwrap_or_else(|| panic!("no delivery {delivery}; there were\n{}", self.history()));
        let github = self.clone();
        let repository = github.world.model().find_repository(known.repository.as_str());
        let repository = Repository { id: repository.expect("deliveries are of repositories"), github };
        async move { repository.redeliver(known).await }
    }

    /// Waits until exactly this many re-runs of the run have been accepted from the API; panics if there are more, or
    /// when patience ends.
    #[track_caller]
    pub fn expect_reruns(&self, run: &Run, reruns: usize) -> impl Future<Output = ()> + use<> {
        run.expect_reruns(reruns)
    }

    /// Waits the given time, and panics if the API accepted a re-run of the run in it.
    #[track_caller]
    pub fn expect_no_rerun_for(&self, run: &Run, time: Duration) -> impl Future<Output = ()> + use<> {
        run.expect_no_rerun_for(time)
    }

    /// Waits until the condition holds; panics with the history when patience ends.
    #[track_caller]
    pub fn expect(&self, what: &str, condition: impl Fn(&SimulatedGitHub) -> bool) -> impl Future<Output = ()> {
        let expectation = self.expectation(what, self.options.patience);
        async move { expectation.until(|github| condition(github).then_some(())).await }
    }

    /// What an expectation that fails panics with comes from here; for expectations of your own.
    #[track_caller]
    pub fn expectation(&self, what: &str, deadline: Duration) -> Expectation {
        Expectation::new(self, what, deadline)
    }

    pub(crate) fn api_reruns_of(&self, run: RunId) -> Vec<AcceptedRerun> {
        let by_api = |rerun: &&AcceptedRerun| rerun.run == run && rerun.by == crate::model::RerunBy::Api;
        self.world.model().reruns().iter().filter(by_api).cloned().collect()
    }
}
