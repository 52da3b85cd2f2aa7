//! One schedule: two repositories, some dozen runs, faults of every kind for some hours, then none until all is quiet.
//! After that, what GitHub's own record says is held against what Rerunner promises.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rerunner::bugs::{self, Bug};
use rerunner::names::RepoName;
use rerunner::settings::Settings;
use rerunner::time::{Millis, Span};
use rerunner::webhook::{event::RunEvent, event::RunEventKind};
use simulator::model::{self, Grant, Permission, RepositoryId, Shows, Trigger, WorkflowId};

use crate::faults::Faults;
use crate::keepers::{Config, Machine};
use crate::policies::Plan;
use crate::settings::{Deployed, Kind, POLICY_FILES};
use crate::words::{attempt_of, from_model, run_id_of, to_model};
use crate::workflows::{draw_kinds, draw_workflows};
use crate::world::{Event, Shared, TOKEN, World};

/// 2026-11-02, a Monday.
const START: Millis = Millis(1_793_577_600_000);
pub const REPOSITORIES: [&str; 2] = ["octo/widgets", "octo/gadgets"];
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
    pub webhooks: u64,
    pub faults: BTreeMap<&'static str, u64>,
    pub violations: Vec<String>,
    pub trace: Vec<String>,
}

pub fn play(seed: u64, kind: Kind, traced: bool) -> Report {
    Schedule::new(seed, kind, traced).play()
}

pub struct Schedule {
    pub world: Shared,
    pub machines: Vec<Machine>,
    pub ids: Vec<RepositoryId>,
    workflows: Vec<Vec<WorkflowId>>,
    pub runs: Vec<Vec<model::RunId>>,
    /// For each repository and each path.
    pub policies: Vec<[Plan; 2]>,
    pub settings: Settings,
    pub sweeps: bool,
    kind: Kind,
    /// Runs of which GitHub does not say for which commit of their pull request they are.
    pub unclear: BTreeSet<model::RunId>,
    seed: u64,
    heals: Millis,
    pub webhooks: u64,
    pub deliveries: u64,
}

impl Schedule {
    fn new(seed: u64, kind: Kind, traced: bool) -> Self {
        let mut world = World::new(seed, START, traced);
        let lasts = kind.lasts(&mut world.random);
        let heals = START + lasts;
        world.faults = Faults::draw(&mut world.random, START, lasts);
        world.stale_most = kind.stale_most();
        if kind == Kind::Behind {
            world.faults.stale_read = [0.1, 0.7][world.random.usize(0..2)];
        }
        // More of what it takes for a deliberate bug to show.
        if bugs::has(Bug::NoQuiet) {
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
        world.github.add_token(TOKEN, Grant { contents, ..Grant::full("rerunner").hourly(100_000) });
        let mut deployed = Deployed::draw(&mut world.random, if sweeps { kind.sweep() } else { "0" });
        deployed.per_hour = [None, None, Some(1), Some(3), Some(20)][world.random.usize(0..5)];
        deployed.comments = world.random.bool() || bugs::has(Bug::CommentBehind);
        let settings = deployed.settings();
        world.deployments.push((START, deployed));
        let (mut ids, mut all_workflows, mut policies) = (Vec::new(), Vec::new(), Vec::new());
        for name in REPOSITORIES {
            let id = world.github.add_repository(name, to_model(START));
            world.repositories.push(name.to_owned());
            world.alarms.push(crate::world::Alarm::default());
            world.epochs.push(0);
            let skew = if world.random.bool() { 0 } else { world.random.i64(-240_000..240_000) };
            world.clock_skew.push(skew);
            let kinds = draw_kinds(&mut world.random);
            world.github.set_emits(id, kinds);
            let workflows = draw_workflows(&mut world.random);
            all_workflows.push(workflows.into_iter().map(|workflow| world.github.add_workflow(id, workflow)).collect());
            let plans = POLICY_FILES.map(|path| {
                let plan = Plan::draw(&mut world.random, START, lasts);
                for (at, version) in &plan.0 {
                    match version.text {
                        text if *at > START => {
                            world.at(*at, Event::WritePolicy { repository: ids.len(), path, text });
                        }
                        Some(text) => world.github.write_file(id, path, text),
                        None => {}
                    }
                }
                if reads_files { plan } else { Plan::none() }
            });
            policies.push(plans);
            world.github.open_pull_request(id, "feature", "ann", false, to_model(START));
            world.github.open_pull_request(id, "from-a-fork", "cara", true, to_model(START));
            ids.push(id);
        }
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
            settings,
            sweeps,
            kind,
            unclear: BTreeSet::new(),
            seed,
            heals,
            webhooks: 0,
            deliveries: 0,
        }
    }

    fn play(mut self) -> Report {
        self.plan();
        self.until(self.heals);
        // Until every repository was swept once more.
        let mut end = self.heals + if self.is_long() { Span::hours(25) } else { Span::minutes(40) };
        loop {
            self.until(end);
            if self.is_quiet() {
                break;
            }
            if end - self.heals > QUIET_WITHIN {
                self.world.borrow_mut().violate("it never came to rest".to_owned());
                break;
            }
            end = end + QUIET_CHECKS;
        }
        self.check();
        let world = self.world.borrow();
        Report {
            runs: self.runs.iter().map(Vec::len).sum(),
            reruns: world.github.reruns().len(),
            webhooks: self.webhooks,
            faults: world.faults_seen.clone(),
            violations: world.violations.clone(),
            trace: world.trace().to_vec(),
        }
    }

    /// What is decided beforehand: when runs start, people act, tokens are revoked, and machines deployed.
    fn plan(&mut self) {
        let mut world = self.world.borrow_mut();
        let lasts = (self.heals - START).as_millis();
        let burst = world.random.usize(0..4) == 0;
        let weeks = self.kind == Kind::Weeks;
        for repository in 0..self.ids.len() {
            // Something was heard of the repository before: else nothing would be known of it.
            let name = RepoName::parse(REPOSITORIES[repository]).expect("a name");
            let event =
                RunEvent::new(name, run_id_of(model::RunId(1)), Some(attempt_of(2)), RunEventKind::RunSucceeded);
            world.at(START, Event::Webhook { repository, event, tries: 0 });
            for _ in 0..if weeks { world.random.usize(4..8) } else { world.random.usize(10..15) } {
                // Over weeks, several in a day now and then, so that a day's budget is met.
                let mut at = if burst { lasts / 10 } else { world.random.i64(1_000..lasts * 8 / 10) };
                for _ in 0..if weeks { world.random.usize(1..4) } else { 1 } {
                    world.at(START + Span::millis(at), Event::StartRun { repository });
                    at += world.random.i64(0..Span::hours(10).as_millis());
                }
            }
            for _ in 0..world.random.usize(0..5) + if bugs::has(Bug::CancelledBefore) { 40 } else { 0 } {
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
            if random.usize(0..4) == 0 || bugs::has(Bug::DueForgotten) {
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
        if self.kind == Kind::Settings {
            let mut times: Vec<i64> = (0..world.random.usize(1..5)).map(|_| world.random.i64(0..lasts)).collect();
            times.sort_unstable();
            let mut deployed = world.deployments[0].1.clone();
            for at in times {
                deployed = deployed.changed(&mut world.random);
                let settings = Some(Box::new(deployed.clone()));
                world.at(START + Span::millis(at), Event::Deploy { settings });
            }
        }
        world.at(self.heals, Event::Heal);
    }

    fn until(&mut self, end: Millis) {
        loop {
            let event = self.world.borrow_mut().next(end);
            let Some(event) = event else { return };
            self.happen(event);
            self.send_webhooks();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::GitHub => {
                let mut world = self.world.borrow_mut();
                let now = to_model(world.now);
                world.github.advance(now);
            }
            Event::Webhook { repository, event, tries } => self.webhook(repository, &event, tries),
            Event::Alarm { repository, generation } => {
                let fires = {
                    let alarm = &mut self.world.borrow_mut().alarms[repository];
                    alarm.generation == generation && alarm.due.take().is_some()
                };
                if fires {
                    self.machines[repository].alarm();
                }
            }
            Event::Reach { call } => {
                let repository = self.world.borrow().calls[call].repository;
                if !self.crashes(repository) {
                    self.world.borrow_mut().reach(call);
                }
            }
            Event::Return { call } | Event::Wake { call } => {
                let repository = {
                    let mut world = self.world.borrow_mut();
                    world.calls[call].returned = true;
                    world.calls[call].repository
                };
                if !self.crashes(repository) {
                    let mut world = self.world.borrow_mut();
                    let noted = world.heard_from.get(&repository).is_none_or(|from| call >= *from);
                    if let Some(until) = world.calls[call].asks_to_wait.filter(|_| noted) {
                        world.told_to_wait.insert(repository, until);
                    }
                    drop(world);
                    self.machines[repository].go_on();
                }
            }
            Event::StartRun { repository } => self.start_run(repository),
            Event::Person { repository } => self.person(repository),
            Event::Pause { repository, paused } => self.machines[repository].pause(paused),
            Event::Push { repository, pull } => {
                let mut world = self.world.borrow_mut();
                let now = to_model(world.now);
                world.github.push_to_pull_request(self.ids[repository], pull, now);
                *world.faults_seen.entry("a push").or_default() += 1;
            }
            Event::Close { repository, pull, merged } => {
                let mut world = self.world.borrow_mut();
                let now = to_model(world.now);
                if merged {
                    world.github.merge_pull_request(self.ids[repository], pull, now);
                } else {
                    world.github.close_pull_request(self.ids[repository], pull, now);
                }
                *world.faults_seen.entry("a closed pull request").or_default() += 1;
            }
            Event::WritePolicy { repository, path, text } => {
                let mut world = self.world.borrow_mut();
                let id = self.ids[repository];
                match text {
                    Some(text) => world.github.write_file(id, path, text),
                    None => world.github.remove_file(id, path),
                }
                world.note(|| format!("policy     of repository {repository} at {path}: {text:?}"));
                *world.faults_seen.entry("a changed policy").or_default() += 1;
            }
            Event::RevokeToken => {
                let mut world = self.world.borrow_mut();
                world.github.grant_mut(TOKEN).revoked = true;
                *world.faults_seen.entry("a revoked token").or_default() += 1;
                world.note(|| "the token is revoked".to_owned());
            }
            Event::RestoreToken => {
                let mut world = self.world.borrow_mut();
                world.github.grant_mut(TOKEN).revoked = false;
                world.note(|| "the token is replaced".to_owned());
                let now = world.now;
                world.at(now, Event::Deploy { settings: None });
            }
            Event::Deploy { settings } => self.deploy(settings.map(|settings| *settings)),
            Event::Arrive { post } => self.world.borrow_mut().arrive(post),
            Event::Told { post, taken } => self.told(post, taken),
            Event::Heal => {
                let mut world = self.world.borrow_mut();
                world.healed = true;
                world.note(|| "from here on nothing goes wrong".to_owned());
            }
        }
    }

    fn deploy(&mut self, deployed: Option<Deployed>) {
        if let Some(deployed) = deployed {
            let mut world = self.world.borrow_mut();
            world.note(|| format!("deployed   {deployed:?}"));
            self.settings = deployed.settings();
            let now = world.now;
            world.deployments.push((now, deployed));
            *world.faults_seen.entry("other settings").or_default() += 1;
        }
        for (repository, machine) in self.machines.iter_mut().enumerate() {
            machine.deploy(config(&self.settings, repository));
        }
    }

    /// What became of a message comes to who has sent it, if that is still there.
    fn told(&mut self, post: usize, taken: bool) {
        let (repository, epoch, notice) = {
            let world = self.world.borrow();
            let post = &world.posts[post];
            (post.repository, post.epoch, post.notice.clone())
        };
        if !self.crashes(repository) && self.world.borrow().epochs[repository] == epoch {
            self.machines[repository].noticed(&notice, taken);
            self.world.borrow_mut().posts[post].acknowledged = taken;
        }
    }

    pub fn is_long(&self) -> bool {
        self.kind == Kind::Weeks
    }

    pub fn is_behind(&self) -> bool {
        self.kind == Kind::Behind
    }

    /// A crash between this effect and the one before.
    fn crashes(&mut self, repository: usize) -> bool {
        let crashes = {
            let mut world = self.world.borrow_mut();
            let likelihood = world.faults.crash;
            world.chance("a crash", likelihood)
        };
        if crashes {
            self.machines[repository].crash();
            let mut world = self.world.borrow_mut();
            if world.random.usize(0..4) == 0 {
                // Whoever's clock jumps cannot know how long it has waited.
                world.told_to_wait.remove(&repository);
                let jumped = world.clock_skew[repository] + world.random.i64(-60_000..60_000);
                world.clock_skew[repository] = jumped.clamp(-CLOCKS_APART, CLOCKS_APART);
                *world.faults_seen.entry("a clock that jumps").or_default() += 1;
            }
        }
        crashes
    }

    fn start_run(&mut self, repository: usize) {
        let mut world = self.world.borrow_mut();
        let id = self.ids[repository];
        let workflows = &self.workflows[repository];
        let workflow = workflows[world.random.usize(0..workflows.len())];
        let actor = ["ann", "bob", "cara", EXCLUDED][[0, 0, 1, 1, 2, 3][world.random.usize(0..6)]];
        let trigger = match world.random.usize(0..6) {
            0 => Trigger::pull_request(1, actor),
            1 => Trigger::pull_request(2, actor),
            2 => {
                let shows = [Shows::Head, Shows::Base, Shows::BaseAlone][world.random.usize(0..3)];
                Trigger::pull_request_target(world.random.u64(1..PULLS + 1), actor, shows)
            }
            _ => Trigger::push(["main", "next"][world.random.usize(0..2)], actor),
        };
        let now = to_model(world.now);
        let (pull, target) = (trigger.pull_request, &*trigger.event == "pull_request_target");
        let unclear = trigger.shows == Shows::BaseAlone;
        let run = world.github.start_run(id, workflow, trigger, now);
        if let Some(pull) = pull {
            let head = world.github.repository(id).pull(pull).expect("it was opened").head_sha;
            world.started_at.insert(run, head);
            if target || self.policies[repository].iter().all(Plan::skips_superseded) {
                world.of_pulls.insert(run_id_of(run));
            }
            if unclear {
                self.unclear.insert(run);
            }
        }
        self.runs[repository].push(run);
        if world.random.usize(0..25) == 0 {
            world.never.insert(run.0);
        }
    }

    /// Somebody presses a button on some run.
    fn person(&mut self, repository: usize) {
        let mut world = self.world.borrow_mut();
        let runs = &self.runs[repository];
        if runs.is_empty() {
            return;
        }
        let cancels = bugs::has(Bug::CancelledBefore);
        let run = if cancels { runs[runs.len() - 1] } else { runs[world.random.usize(0..runs.len())] };
        let now = to_model(world.now);
        let pressed = match if cancels { 0 } else { world.random.usize(0..5) } {
            0 => {
                world.github.cancel(run, now);
                "cancel"
            }
            1 => world.github.press_rerun_all(run, "bob", now).map_or("nothing", |()| "re-run all"),
            _ => world.github.press_rerun_failed(run, "bob", now).map_or("nothing", |()| "re-run failed"),
        };
        world.note(|| format!("person     {pressed} of run {}", run.0));
        *world.faults_seen.entry("a person").or_default() += 1;
    }

    fn is_quiet(&self) -> bool {
        let world = self.world.borrow();
        let idle = world.github.is_idle() && world.on_the_way == 0 && self.machines.iter().all(Machine::is_idle);
        idle && self.machines.iter().all(|machine| {
            let (due, publish) = machine.keeper.store().first_times().expect("read");
            due.is_none() && publish.is_none() && !machine.has_more_to_tell()
        })
    }
}

fn config(settings: &Settings, repository: usize) -> Config {
    Config::of(settings, &RepoName::parse(REPOSITORIES[repository]).expect("a name"))
}

/// For the trace of a seed.
pub fn describe_start(seed: u64) -> String {
    format!("seed {seed}: from {} (model {})", START.to_rfc3339(), from_model(to_model(START)).0)
}
