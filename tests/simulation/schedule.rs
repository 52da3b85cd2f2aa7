//! One schedule: two repositories, some dozen runs, faults of every kind for some hours, then none until all is quiet.
//! After that, what GitHub's own record says is held against what Rerunner promises.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rerunner::hint::{Hint, News, WorkflowHint};
use rerunner::names::{DeliveryId, RepoName};
use rerunner::policy::Rules;
use rerunner::settings::Settings;
use rerunner::time::{Millis, Span};
use rerunner::webhook::filter::{self, Passed};
use rerunner::webhook::payload::{Payload, Seen};
use simulator::model::{
    self, EventKind, EventKinds, Grant, JobSpec, Outcome, Permission, RepositoryId, Shows, Trigger, What, Workflow,
    WorkflowId,
};

use crate::keepers::Machine;
use crate::policies::{CEILING, Plan};
use crate::words::{attempt_of, conclusion_of, from_model, run_id_of, to_model};
use crate::world::{Event, Faults, Shared, TOKEN, World};

/// 2026-11-02, a Monday.
const START: Millis = Millis(1_793_577_600_000);
pub const MAX_RERUNS: u32 = 3;
/// Those of each repository.
const PULLS: u64 = 2;
const POLICY_FILE: &str = ".github/rerunner.yml";
pub const EXCLUDED: &str = "dependabot[bot]";
const QUIET_CHECKS: Span = Span::minutes(20);
const QUIET_WITHIN: Span = Span::hours(48);

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

pub fn play(seed: u64, traced: bool) -> Report {
    Schedule::new(seed, traced).play()
}

pub struct Schedule {
    pub world: Shared,
    pub machines: Vec<Machine>,
    pub ids: Vec<RepositoryId>,
    workflows: Vec<Vec<WorkflowId>>,
    pub runs: Vec<Vec<model::RunId>>,
    pub policies: Vec<Plan>,
    settings: Settings,
    sweeps: bool,
    /// Runs of which GitHub does not say for which commit of their pull request they are.
    pub unclear: BTreeSet<model::RunId>,
    seed: u64,
    heals: Millis,
    webhooks: u64,
    deliveries: u64,
}

impl Schedule {
    fn new(seed: u64, traced: bool) -> Self {
        let mut world = World::new(seed, START, traced);
        let lasts = Span::minutes(world.random.i64(60..480));
        let heals = START + lasts;
        world.faults = Faults::draw(&mut world.random, START, lasts);
        // Without the sweep a lost webhook is lost: then none is dropped, and those that failed are redelivered.
        let sweeps = world.random.usize(0..4) != 0;
        if !sweeps {
            world.faults.drop_webhook = 0.0;
        }
        // A token that may not read files is as good as none of them being there.
        let reads_files = world.random.usize(0..8) != 0;
        let contents = if reads_files { Permission::Read } else { Permission::None };
        world.github.add_token(TOKEN, Grant { contents, ..Grant::full("rerunner").hourly(100_000) });
        let rules = Rc::new(Rules {
            max_reruns: MAX_RERUNS,
            max_reruns_ceiling: CEILING,
            delay: Span::seconds([0, 5, 5, 60][world.random.usize(0..4)]),
            excluded_actors: vec![EXCLUDED.to_owned()],
            dry_run: false,
            sweep_interval: if sweeps { Span::minutes(15) } else { Span::ZERO },
        });
        let settings = Settings::read(|name| match name {
            "WEBHOOK_SECRET" | "GITHUB_TOKEN" => Some("set".to_owned()),
            "NO_RERUN_ACTORS" => Some(EXCLUDED.to_owned()),
            _ => None,
        });
        let (mut ids, mut all_workflows, mut policies) = (Vec::new(), Vec::new(), Vec::new());
        for name in ["octo/widgets", "octo/gadgets"] {
            let id = world.github.add_repository(name, to_model(START));
            world.repositories.push(name.to_owned());
            world.alarms.push(crate::world::Alarm::default());
            let skew = if world.random.bool() { 0 } else { world.random.i64(-240_000..240_000) };
            world.clock_skew.push(skew);
            let kinds = draw_kinds(&mut world.random);
            world.github.set_emits(id, kinds);
            let workflows = draw_workflows(&mut world.random);
            all_workflows.push(workflows.into_iter().map(|workflow| world.github.add_workflow(id, workflow)).collect());
            let plan = Plan::draw(&mut world.random, START, lasts);
            if let Some(text) = plan.first.text {
                world.github.write_file(id, POLICY_FILE, text);
            }
            if let Some((at, then)) = &plan.then {
                world.at(*at, Event::WritePolicy { repository: ids.len(), text: then.text });
            }
            policies.push(if reads_files { plan } else { Plan::none() });
            world.github.open_pull_request(id, "feature", "ann", false, to_model(START));
            world.github.open_pull_request(id, "from-a-fork", "cara", true, to_model(START));
            ids.push(id);
        }
        let world = Rc::new(RefCell::new(world));
        let machine = |repository| Machine::new(&world, repository, &rules, settings.policy_file.clone());
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
        let mut end = self.heals + Span::minutes(40);
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
        for repository in 0..self.ids.len() {
            // Something was heard of the repository before: else nothing would be known of it.
            let hint = Hint {
                run_id: run_id_of(model::RunId(1)),
                run_attempt: Some(attempt_of(2)),
                news: News::RunSucceeded,
                delivery: None,
                workflow: None,
            };
            world.at(START, Event::Webhook { repository, hint, tries: 0 });
            for _ in 0..world.random.usize(10..15) {
                let at = if burst { lasts / 10 } else { world.random.i64(1_000..lasts * 8 / 10) };
                world.at(START + Span::millis(at), Event::StartRun { repository });
            }
            for _ in 0..world.random.usize(0..5) {
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
            if random.usize(0..4) == 0 {
                let from = random.i64(0..lasts);
                world.at(START + Span::millis(from), Event::Pause { repository, paused: true });
                let to = random.i64(from..lasts + 1);
                world.at(START + Span::millis(to), Event::Pause { repository, paused: false });
            }
        }
        if world.random.usize(0..4) == 0 {
            let from = world.random.i64(0..lasts);
            world.at(START + Span::millis(from), Event::RevokeToken);
            let to = world.random.i64(from..lasts + 1);
            world.at(START + Span::millis(to), Event::RestoreToken);
        }
        for _ in 0..world.random.usize(0..3) {
            let at = world.random.i64(0..lasts);
            world.at(START + Span::millis(at), Event::Deploy);
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
            Event::Webhook { repository, hint, tries } => self.webhook(repository, &hint, tries),
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
                    let heard = world.heard_from.get(&repository).is_none_or(|from| call >= *from);
                    if let Some(until) = world.calls[call].asks_to_wait.filter(|_| heard) {
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
            Event::WritePolicy { repository, text } => {
                let mut world = self.world.borrow_mut();
                let id = self.ids[repository];
                match text {
                    Some(text) => world.github.write_file(id, POLICY_FILE, text),
                    None => world.github.remove_file(id, POLICY_FILE),
                }
                world.note(|| format!("policy     of repository {repository}: {text:?}"));
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
                world.at(now, Event::Deploy);
            }
            Event::Deploy => {
                for machine in &mut self.machines {
                    machine.crash();
                }
            }
            Event::Heal => {
                let mut world = self.world.borrow_mut();
                world.healed = true;
                world.note(|| "from here on nothing goes wrong".to_owned());
            }
        }
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
                world.clock_skew[repository] += world.random.i64(-60_000..60_000);
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
            if target || self.policies[repository].skips_superseded() {
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
        let run = runs[world.random.usize(0..runs.len())];
        let now = to_model(world.now);
        let pressed = match world.random.usize(0..5) {
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

    /// What GitHub has to tell is sent, or lost, or late, or twice.
    fn send_webhooks(&mut self) {
        let events = self.world.borrow_mut().github.take_events();
        for event in events {
            let Some(payload) = payload_of(&event) else { continue };
            let Passed::Hint { hint, repository, .. } = filter::apply(&self.settings, payload) else { continue };
            let mut world = self.world.borrow_mut();
            let known = world.repositories.iter().position(|known| known == repository.as_str());
            let repository = known.expect("a repository");
            let wanted = world.wants_cancelled.contains(&repository);
            let Some(hint) = hint.where_cancelled_runs(wanted) else { continue };
            self.deliveries += 1;
            let hint = Hint { delivery: DeliveryId::parse(&format!("d-{}", self.deliveries)), ..hint };
            let (drop, repeat, delay) =
                (world.faults.drop_webhook, world.faults.repeat_webhook, world.faults.delay_webhook);
            if world.chance("a dropped webhook", drop) {
                world.note(|| format!("webhook    lost: {hint:?}"));
                continue;
            }
            let mut copies = 1;
            if world.chance("a repeated webhook", repeat) {
                copies += world.random.usize(1..3);
            }
            for _ in 0..copies {
                let late = world.chance("a delayed webhook", delay);
                let most = if late { [60_000, 7_200_000][world.random.usize(0..2)] } else { 3_000 };
                let after = Span::millis(world.random.i64(50..most));
                world.after(after, Event::Webhook { repository, hint: hint.clone(), tries: 0 });
            }
        }
    }

    fn webhook(&mut self, repository: usize, hint: &Hint, tries: u32) {
        self.webhooks += 1;
        self.world.borrow_mut().on_the_way -= 1;
        self.world.borrow_mut().note(|| format!("webhook    {hint:?}"));
        // The very first one makes the repository known, and is the only one that nothing may happen to.
        let first = hint.delivery.is_none();
        let crash = if first { 0.0 } else { self.world.borrow().faults.crash / 4.0 };
        // The machine may go away before it is stored, or after it is stored and before it is answered.
        let before = self.world.borrow_mut().chance("a webhook refused", crash);
        let stored = if before {
            self.machines[repository].crash();
            false
        } else {
            self.machines[repository].receive(hint).is_ok()
        };
        let after = self.world.borrow_mut().chance("a webhook stored and not answered", crash);
        if after {
            self.machines[repository].crash();
        }
        if !stored || after {
            // GitHub has it as failed. Somebody redelivers it, or not; without the sweep somebody does.
            let mut world = self.world.borrow_mut();
            if (!self.sweeps || world.random.bool()) && tries < 20 {
                let later = Span::millis(world.random.i64(1_000..1_800_000));
                world.after(later, Event::Webhook { repository, hint: hint.clone(), tries: tries + 1 });
            }
        }
    }

    fn is_quiet(&self) -> bool {
        let world = self.world.borrow();
        let idle = world.github.is_idle() && world.on_the_way == 0 && self.machines.iter().all(Machine::is_idle);
        idle && self.machines.iter().all(|machine| {
            let (due, publish) = machine.keeper.store().first_times().expect("read");
            due.is_none() && publish.is_none()
        })
    }
}

fn workflow_of(event: &model::Event) -> Option<WorkflowHint> {
    let of = &event.run.identity;
    WorkflowHint::new(rerunner::names::WorkflowId::new(of.workflow_number), &of.workflow.name)
}

/// What a webhook says, in the Worker's words. The JSON in between is covered by other tests.
fn payload_of(event: &model::Event) -> Option<Payload> {
    if event.action() != "completed" {
        return None;
    }
    let seen = |run_attempt: Option<u32>, conclusion: Option<model::Conclusion>| Seen {
        repository: RepoName::parse(event.run.repository().as_str()).expect("a name"),
        repository_id: None,
        run_id: run_id_of(event.run.id()),
        run_attempt: run_attempt.map(attempt_of),
        conclusion: conclusion.map(conclusion_of),
        installation: None,
        workflow: matches!(event.what, What::WorkflowRun(_)).then(|| workflow_of(event)).flatten(),
    };
    let sender = vec![event.sender.to_string()];
    Some(match &event.what {
        What::WorkflowRun(_) => {
            let actors = vec![event.run.identity.actor.to_string(), event.run.triggering_actor.to_string()];
            Payload::Run { run: seen(Some(event.run.attempt), event.run.conclusion), actors }
        }
        What::WorkflowJob(_, job) => Payload::Job { run: seen(Some(job.attempt), job.conclusion()), actors: sender },
        What::CheckRun(_, job) => Payload::Job { run: seen(None, job.conclusion()), actors: sender },
    })
}

fn draw_kinds(random: &mut fastrand::Rng) -> EventKinds {
    let mut kinds = EventKinds::NONE;
    while kinds == EventKinds::NONE {
        for kind in [EventKind::WorkflowRun, EventKind::WorkflowJob, EventKind::CheckRun] {
            if random.bool() {
                kinds = kinds.and(kind);
            }
        }
    }
    kinds
}

/// A repository's workflows: of every shape that has ever confused a service like this one.
fn draw_workflows(random: &mut fastrand::Rng) -> Vec<Workflow> {
    const SECOND: u64 = 1_000;
    let flaky = [0.2, 0.5, 0.8][random.usize(0..3)];
    let staged = Workflow::new("ci")
        .job(JobSpec::new("build").duration(40 * SECOND).flaky(0.1))
        .job(JobSpec::new("test").needs(&["build"]).matrix(3).duration(60 * SECOND).spread(90 * SECOND).flaky(flaky))
        .job(JobSpec::gate("all-green", &["test"]).duration(20 * SECOND));
    vec![
        staged,
        Workflow::new("green").job(JobSpec::new("test").duration(60 * SECOND)),
        Workflow::new("red").job(JobSpec::new("test").duration(45 * SECOND).always_fails()),
        Workflow::new("slow")
            .job(JobSpec::new("early").duration(30 * SECOND).fails(random.u32(1..4)))
            .job(JobSpec::new("late").duration(1_800 * SECOND)),
        Workflow::new("lost")
            .job(JobSpec::new("test").duration(120 * SECOND).loses_runner(random.u32(1..3)))
            .conclude_delay(600 * SECOND),
        Workflow::new("hangs")
            .job(JobSpec::new("test").duration(300 * SECOND).ends_first(random.u32(1..6), Outcome::TimedOut)),
        Workflow::new("lenient").job(JobSpec::new("test").duration(60 * SECOND).flaky(0.5).continue_on_error()),
        Workflow::new("broken").startup_failure(),
        Workflow::new("waits").action_required().job(JobSpec::new("test").duration(60 * SECOND).fails(1)),
    ]
}

/// For the trace of a seed.
pub fn describe_start(seed: u64) -> String {
    format!("seed {seed}: from {} (model {})", START.to_rfc3339(), from_model(to_model(START)).0)
}
