//! What happens: people, machines, and what comes back.

use simulator::model::{Shows, Trigger};

use super::conversions::{run_id_of, to_model};
use super::event::Event;
use super::kind::{ENOUGH_CALLS, Emphasis};
use super::plan::Plan;
use super::settings::Deployed;
use super::world::TOKEN;
use super::{CLOCKS_APART, EXCLUDED, PULLS, Schedule, config};

impl Schedule {
    pub fn happen(&mut self, event: Event) {
        match event {
            Event::GitHub => {
                let mut world = self.world.borrow_mut();
                let now = to_model(world.now);
                world.github.advance(now);
            }
            Event::Webhook { repository, event, tries } => self.webhook(repository, &event, tries),
            Event::Command { repository, command, tries } => self.command(repository, &command, tries),
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
                    let noted = world.answers_from.get(&repository).is_none_or(|from| call >= *from);
                    if let Some(until) = world.calls[call].asks_to_wait.filter(|_| noted) {
                        world.asked_to_wait.insert(repository, until);
                    }
                    drop(world);
                    self.machines[repository].go_on();
                }
            }
            Event::StartRun { repository } => self.start_run(repository),
            Event::Person { repository } => self.person(repository),
            Event::Say { repository, pull, speaker, said } => self.say(repository, pull, speaker, said),
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
            Event::WritePolicy { id, path, text } => {
                let mut world = self.world.borrow_mut();
                match &text {
                    Some(text) => world.github.write_file(id, path, text),
                    None => world.github.remove_file(id, path),
                }
                world.note(|| format!("policy     of {id:?} at {path}: {text:?}"));
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
            Event::Acknowledge { post, taken } => self.acknowledge(post, taken),
            Event::Heal => {
                let mut world = self.world.borrow_mut();
                world.healed = true;
                world.github.grant_mut(TOKEN).hourly = ENOUGH_CALLS;
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
    fn acknowledge(&mut self, post: usize, taken: bool) {
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
                world.asked_to_wait.remove(&repository);
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
            if target || self.plans(repository).all(Plan::skips_superseded) {
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
        let cancels = self.emphasis == Some(Emphasis::Cancellations);
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
}
