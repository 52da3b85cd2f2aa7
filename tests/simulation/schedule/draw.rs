//! What of a schedule is drawn beforehand.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rerunner::time::Span;
use rerunner::webhook::{event::RunEvent, event::RunEventKind};
use simulator::model::{self, EventKind, Grant, Permission};

use super::conversions::{attempt_of, run_id_of, to_model};
use super::event::Event;
use super::faults::Faults;
use super::keepers::Machine;
use super::kind::{Emphasis, Kind};
use super::plan::Plan;
use super::settings::{Deployed, POLICY_FILES};
use super::workflows::{draw_kinds, draw_workflows, many_flaky_jobs};
use super::world::{Alarm, TOKEN, World};
use super::{ORGANIZATIONS, PULLS, START, Schedule, config, name_of};

impl Schedule {
    pub fn new(seed: u64, kind: Kind, emphasis: Option<Emphasis>, traced: bool) -> Self {
        let mut world = World::new(seed, START, traced);
        let lasts = kind.lasts(&mut world.random);
        let heals = START + lasts;
        world.faults = Faults::draw(&mut world.random, START, lasts);
        world.stale_most = kind.stale_most();
        world.kv_writes_a_day = kind.kv_writes_a_day();
        if kind == Kind::Behind {
            world.faults.stale_read = [0.1, 0.7][world.random.usize(0..2)];
        }
        if emphasis == Some(Emphasis::LostAnswers) {
            let faults = &mut world.faults;
            (faults.lose_answer, faults.stale_read, faults.drop_webhook) = (0.4, 0.7, 0.4);
        }
        // Without the sweep a lost webhook is lost: then none is dropped, and those that failed are redelivered. What a
        // read that is far behind does not show, only the sweep finds.
        let sweeps = kind == Kind::Behind || world.random.usize(0..4) != 0;
        if !sweeps {
            world.faults.drop_webhook = 0.0;
        }
        // A token that may not read files is as good as none of them being there.
        let reads_files = world.random.usize(0..8) != 0;
        let contents = if reads_files { Permission::Read } else { Permission::None };
        world.github.add_token(TOKEN, Grant { contents, ..Grant::full("rerunner").hourly(kind.calls_an_hour()) });
        let mut apart = presets_of(seed);
        let deployed = Deployed::draw(&mut world.random, if sweeps { kind.sweep() } else { "0" });
        let mut beside = beside_of(seed);
        let mut deployed = deployed.with_presets(&mut apart).with_statuses(&mut beside, emphasis);
        deployed.per_hour = [None, None, Some(1), Some(3), Some(20)][world.random.usize(0..5)];
        deployed.comments = world.random.bool() || emphasis == Some(Emphasis::Comments);
        let has_extras = match emphasis {
            None | Some(Emphasis::Comments | Emphasis::CommitStatuses | Emphasis::LostAnswers) => beside.bool(),
            Some(Emphasis::Commands | Emphasis::FlakyIssues) => true,
            Some(_) => false,
        };
        let settings = deployed.settings();
        world.deployments.push((START, deployed));
        let (mut ids, mut all_workflows, mut policies) = (Vec::new(), Vec::new(), Vec::new());
        for name in (0..kind.repositories()).map(|repository| name_of(repository).to_string()) {
            let id = world.github.add_repository(&name, to_model(START));
            world.repositories.push(name);
            world.alarms.push(Alarm::default());
            world.epochs.push(0);
            let skew = if world.random.bool() { 0 } else { world.random.i64(-240_000..240_000) };
            world.clock_skew.push(skew);
            let kinds = draw_kinds(&mut world.random).and(EventKind::IssueComment);
            world.github.set_emits(id, kinds);
            let mut workflows = draw_workflows(&mut world.random);
            if emphasis == Some(Emphasis::FlakyIssues) || (has_extras && beside.usize(0..4) == 0) {
                workflows.extend((0..2).map(|_| many_flaky_jobs()));
            }
            all_workflows.push(workflows.into_iter().map(|workflow| world.github.add_workflow(id, workflow)).collect());
            let plans = POLICY_FILES.map(|path| {
                let mut plan = Plan::draw(&mut world.random, emphasis, START, lasts);
                if has_extras {
                    plan = plan.with_extras(&mut beside, emphasis);
                }
                put(&mut world, id, path, &plan);
                if reads_files { plan } else { Plan::none() }
            });
            policies.push(plans);
            world.github.open_pull_request(id, "feature", "ann", false, to_model(START));
            world.github.open_pull_request(id, "from-a-fork", "cara", true, to_model(START));
            ids.push(id);
        }
        let organization = world.github.add_repository(ORGANIZATIONS, to_model(START));
        let organizations = POLICY_FILES.map(|path| {
            // Budgets and what is cancelled have their own expectations, for the repository's file alone.
            let by_itself = matches!(emphasis, Some(Emphasis::Budgets | Emphasis::Cancellations));
            let plan = match by_itself {
                true => Plan::none(),
                false => Plan::draw_organizations(&mut apart, START, lasts),
            };
            let plan = if has_extras { plan.with_extras(&mut beside, emphasis) } else { plan };
            put(&mut world, organization, path, &plan);
            if reads_files { plan } else { Plan::none() }
        });
        let world = Rc::new(RefCell::new(world));
        let machine = |repository| Machine::new(&world, repository, config(&settings, repository));
        let machines = (0..ids.len()).map(machine).collect();
        Self {
            world,
            machines,
            runs: vec![vec![]; ids.len()],
            ids,
            workflows: all_workflows,
            policies,
            organizations,
            settings,
            sweeps,
            kind,
            emphasis,
            has_extras,
            unclear: BTreeSet::new(),
            seed,
            heals,
            webhooks: 0,
            deliveries: 0,
        }
    }

    /// All that may bear on a repository.
    pub fn plans(&self, repository: usize) -> impl Iterator<Item = &Plan> {
        self.policies[repository].iter().chain(&self.organizations)
    }

    /// A registry is down for some time. Drawn apart, so that the rest of a schedule is the same without.
    fn plan_outage(&self, world: &mut World) {
        let mut random = fastrand::Rng::with_seed(self.seed ^ 0x6f75_7461_6765);
        let is_meant = self.emphasis.is_some_and(Emphasis::is_about_outages);
        if !is_meant && random.usize(0..4) != 0 {
            return;
        }
        let lasts = Span::minutes(random.i64(if is_meant { 40..180 } else { 5..120 }));
        let from = START + Span::millis(random.i64(0..(self.heals - START).as_millis() / 2));
        world.registry_outage = Some((from, from + lasts));
        world.github.add_outage(model::Outage::of_registry(to_model(from), to_model(from + lasts)));
        *world.faults_seen.entry("an outage of a registry").or_default() += 1;
        if is_meant {
            for _ in 0..40 {
                let at = from + Span::millis(random.i64(0..lasts.as_millis()));
                let repository = random.usize(0..self.ids.len());
                world.at(at, Event::StartRun { repository });
            }
        }
    }

    /// What is decided beforehand: when runs start, people act, tokens are revoked, and machines deployed.
    pub fn plan(&mut self) {
        let mut world = self.world.borrow_mut();
        let lasts = (self.heals - START).as_millis();
        let burst = world.random.usize(0..4) == 0;
        let weeks = self.kind == Kind::Weeks;
        for repository in 0..self.ids.len() {
            // A webhook of before: without one the Keeper would not know its repository.
            let event = RunEvent::new(
                name_of(repository),
                run_id_of(model::RunId(1)),
                Some(attempt_of(2)),
                RunEventKind::RunSucceeded,
            );
            world.at(START, Event::Webhook { repository, event, tries: 0 });
            for _ in 0..self.kind.runs(&mut world.random) {
                // Over weeks, several in a day now and then, so that a day's budget is met.
                let mut at = if burst { lasts / 10 } else { world.random.i64(1_000..lasts * 8 / 10) };
                for _ in 0..if weeks { world.random.usize(1..4) } else { 1 } {
                    world.at(START + Span::millis(at), Event::StartRun { repository });
                    at += world.random.i64(0..Span::hours(10).as_millis());
                }
            }
            for _ in 0..world.random.usize(0..5) + if self.emphasis == Some(Emphasis::Cancellations) { 40 } else { 0 } {
                let at = Span::millis(world.random.i64(0..lasts));
                world.at(START + at, Event::Person { repository });
            }
            for _ in 0..world.random.usize(0..3) {
                let at = Span::millis(world.random.i64(0..lasts));
                let pull = world.random.u64(1..PULLS + 1);
                world.at(START + at, Event::Push { repository, pull });
            }
            if world.random.usize(0..3) == 0 {
                let at = Span::millis(world.random.i64(lasts / 2..lasts));
                let (pull, merged) = (world.random.u64(1..PULLS + 1), world.random.bool());
                world.at(START + at, Event::Close { repository, pull, merged });
            }
            // Drawn apart, so that the rest of a schedule is the same with a pause and without.
            let mut random = fastrand::Rng::with_seed(self.seed ^ (repository as u64 + 1));
            if random.usize(0..4) == 0 || self.emphasis == Some(Emphasis::Pauses) {
                // One that outlives what is kept, now and then.
                let from = if weeks && random.bool() { random.i64(0..lasts / 20) } else { random.i64(0..lasts) };
                world.at(START + Span::millis(from), Event::Pause { repository, paused: true });
                let to = if weeks && random.bool() { lasts } else { random.i64(from..lasts + 1) };
                world.at(START + Span::millis(to), Event::Pause { repository, paused: false });
            }
        }
        if world.random.usize(0..4) == 0 {
            let from = world.random.i64(0..lasts);
            world.at(START + Span::millis(from), Event::RevokeToken);
            let to = world.random.i64(from..lasts + 1).min(from + Span::hours(30).as_millis());
            world.at(START + Span::millis(to), Event::RestoreToken);
        }
        for _ in 0..world.random.usize(0..3) {
            let at = world.random.i64(0..lasts);
            world.at(START + Span::millis(at), Event::Deploy { settings: None });
        }
        self.plan_outage(&mut world);
        let mut beside = beside_of(!self.seed);
        if self.has_extras {
            let most = if self.emphasis == Some(Emphasis::Commands) { 16 } else { 8 };
            for (at, said) in self.plan_talk(&mut beside, most) {
                world.at(at, said);
            }
        }
        if self.kind == Kind::Settings {
            let mut times: Vec<i64> = (0..world.random.usize(1..5)).map(|_| world.random.i64(0..lasts)).collect();
            times.sort_unstable();
            let mut deployed = world.deployments[0].1.clone();
            let mut apart = presets_of(!self.seed);
            for at in times {
                let changed = deployed.changed(&mut world.random, self.emphasis);
                deployed = changed.with_presets(&mut apart).with_statuses(&mut beside, self.emphasis);
                let settings = Some(Box::new(deployed.clone()));
                world.at(START + Span::millis(at), Event::Deploy { settings });
            }
        }
        world.at(self.heals, Event::Heal);
    }
}

/// What presets and the organization's files are drawn with.
fn presets_of(seed: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ 0x7072_6573_6574)
}

/// What is done beside re-runs is drawn with this.
fn beside_of(seed: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ 0x6265_7369_6465)
}

/// The files of a plan, now and later.
fn put(world: &mut World, id: model::RepositoryId, path: &'static str, plan: &Plan) {
    for version in &plan.0 {
        match version.text() {
            text if version.from > START => world.at(version.from, Event::WritePolicy { id, path, text }),
            Some(text) => world.github.write_file(id, path, &text),
            None => {}
        }
    }
}
