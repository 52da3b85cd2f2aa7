//! One schedule: two repositories (or very many), some dozen runs, faults of every kind for some hours, then none until all is quiet.
//! After that, what GitHub's own record says is held against what Rerunner promises.

mod calls;
mod check;
mod check_commands;
mod check_issues;
mod check_outages;
mod check_statuses;
mod conversions;
mod draw;
mod event;
mod extras;
mod faults;
mod happen;
mod keepers;
mod kind;
mod messages;
mod native_sql;
mod perform;
mod perform_errands;
mod plan;
mod platform;
mod policies;
mod settings;
mod talk;
mod webhooks;
mod workflows;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use conversions::{from_model, to_model};
use keepers::{Config, Machine};
pub use kind::{Emphasis, Kind};
use plan::Plan;
use rerunner::names::RepoName;
use rerunner::settings::Settings;
use rerunner::time::{Millis, Span};
use simulator::model::{self, RepositoryId, WorkflowId};
use world::Shared;

/// 2026-11-02, a Monday.
const START: Millis = Millis(1_793_577_600_000);
pub const REPOSITORIES: [&str; 2] = ["octo/widgets", "octo/gadgets"];
/// Where their organization's policy files are.
pub const ORGANIZATIONS: &str = "octo/.github";
/// Those of each repository.
const PULLS: u64 = 2;
pub const EXCLUDED: &str = "dependabot[bot]";
/// No clock is ever further from GitHub's, in milliseconds.
const CLOCKS_APART: i64 = 290_000;
const QUIET_CHECKS: Span = Span::minutes(20);
/// Webhooks are repeated for three days.
const QUIET_WITHIN: Span = Span::hours(96);

/// What one schedule came to.
#[derive(Debug, Default)]
pub struct Report {
    pub runs: usize,
    pub reruns: usize,
    /// Of those, while a registry was down.
    pub reruns_in_outage: usize,
    pub webhooks: u64,
    /// Those that the Worker was told of.
    pub commands: usize,
    /// As often as one was written.
    pub statuses: usize,
    /// Those for flaky jobs.
    pub issues: usize,
    pub faults: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
    pub trace: Vec<String>,
}

pub fn play(seed: u64, kind: Kind, emphasis: Option<Emphasis>, traced: bool) -> Report {
    Schedule::new(seed, kind, emphasis, traced).play()
}

pub struct Schedule {
    pub world: Shared,
    pub machines: Vec<Machine>,
    pub ids: Vec<RepositoryId>,
    workflows: Vec<Vec<WorkflowId>>,
    pub runs: Vec<Vec<model::RunId>>,
    /// For each repository and each path.
    pub policies: Vec<[Plan; 2]>,
    /// Of their organization.
    pub organizations: [Plan; 2],
    pub settings: Settings,
    pub sweeps: bool,
    /// Policy files say something beside re-runs, and people comment.
    has_extras: bool,
    kind: Kind,
    emphasis: Option<Emphasis>,
    /// Runs of which GitHub does not say for which commit of their pull request they are.
    pub unclear: BTreeSet<model::RunId>,
    seed: u64,
    heals: Millis,
    pub webhooks: u64,
    pub deliveries: u64,
}

impl Schedule {
    fn play(mut self) -> Report {
        self.plan();
        self.until(self.heals);
        let mut end = self.heals + self.kind.swept_within();
        loop {
            self.until(end);
            if self.is_quiet(end) {
                break;
            }
            if end - self.heals > QUIET_WITHIN {
                let left = self.machines.iter().map(|machine| {
                    let now = self.world.borrow().clock(machine.repository);
                    let next = machine.keeper.next_alarm(&machine.config.rerun_settings).expect("read");
                    (machine.more_to_tell(now), machine.is_idle(), next)
                });
                let left: Vec<_> = left.collect();
                self.world.borrow_mut().violate(format!("it never came to rest: {left:?}"));
                break;
            }
            end = end + QUIET_CHECKS;
        }
        self.check();
        let world = self.world.borrow();
        Report {
            runs: self.runs.iter().map(Vec::len).sum(),
            reruns: world.github.reruns().len(),
            reruns_in_outage: world
                .asked
                .iter()
                .filter(|asked| asked.made.is_some() && world.is_in_outage(asked.when))
                .count(),
            webhooks: self.webhooks,
            commands: world.given.iter().filter(|given| given.had.is_some()).count(),
            statuses: self.ids.iter().map(|id| check_statuses::written(world.github.repository(*id))).sum(),
            issues: self.ids.iter().map(|id| check_issues::ours(world.github.repository(*id)).count()).sum(),
            faults: world.faults_seen.clone(),
            violations: world.violations.clone(),
            trace: world.trace().to_vec(),
        }
    }

    fn until(&mut self, end: Millis) {
        loop {
            let event = self.world.borrow_mut().next(end);
            let Some(event) = event else { return };
            self.happen(event);
            self.send_webhooks();
            self.send_comments();
        }
    }

    pub fn is_long(&self) -> bool {
        self.kind == Kind::Weeks
    }

    pub fn is_behind(&self) -> bool {
        self.kind == Kind::Behind
    }

    fn is_quiet(&self, now: Millis) -> bool {
        let world = self.world.borrow();
        let idle = world.github.is_idle() && world.on_the_way == 0 && self.machines.iter().all(Machine::is_idle);
        idle && self.machines.iter().all(|machine| {
            let store = &machine.keeper.store;
            let (due, publish) = (store.first_due().expect("read"), store.first_publish().expect("read"));
            due.is_none()
                && publish.is_none()
                && machine.more_to_tell(world.clock(machine.repository) + (now - world.now)).is_empty()
        })
    }
}

fn config(settings: &Settings, repository: usize) -> Config {
    Config::of(settings, &name_of(repository))
}

fn is_served(settings: &Settings, repository: usize) -> bool {
    settings.serves(&name_of(repository))
}

/// Of [`REPOSITORIES`], and of those beyond, which [`settings::MORE`] has all.
fn name_of(repository: usize) -> RepoName {
    let name =
        REPOSITORIES.get(repository).map_or_else(|| format!("octo/more-{repository}"), |name| (*name).to_owned());
    RepoName::parse(&name).expect("a name")
}

/// For the trace of a seed.
pub fn describe_start(seed: u64) -> String {
    format!("seed {seed}: from {} (model {})", START.to_rfc3339(), from_model(to_model(START)).0)
}
