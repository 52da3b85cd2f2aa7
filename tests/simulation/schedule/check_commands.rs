//! Commands at the end of a schedule: each acted once, by nobody who may not, and none was lost.

use rerunner::keeper::command_log::{CommandLine, CommandOutcome};
use rerunner::policy::RunOutcome;
use rerunner::time::{Millis, Span};
use simulator::model::{self, Comment};

use super::Schedule;
use super::check_statuses::always_served;
use super::conversions::run_id_of;
use super::extras::COMMANDS_PER_HOUR;
use super::plan::Plan;
use super::settings::CEILING;
use super::talk::Given;

const BY_COMMAND: &str = "re-run requested by ";
/// Of a call whose answer was lost, nobody knows what had it made.
const BY_RULES: &str = " of at most ";
const STOPPED: &str = "has stopped re-runs of pull request ";
/// After that one is given up.
const LASTS: Span = Span::hours(2);
/// After so many tries it is not reacted to any more.
const REACTIONS_TRIED: usize = 18;
/// By how much a clock can jump within an hour, and more.
const CLOCKS: Span = Span::minutes(20);

impl Schedule {
    /// Whether a policy that may have held by then let who said it give commands.
    fn may_have_let(&self, given: &Given, at: Millis) -> bool {
        let world = self.world.borrow();
        let none = Plan::none();
        // A policy is known for some time after the settings have changed, and before a run is looked at again.
        world.deployments.iter().filter(|(from, _)| *from <= at).any(|(_, settings)| {
            let files = self.files(given.repository, settings, &none);
            files.commanders(settings, at).into_iter().any(|commanders| given.is_let(commanders))
        })
    }

    /// Whether every policy that ever was lets them.
    fn is_always_let(&self, given: &Given) -> bool {
        let world = self.world.borrow();
        let none = Plan::none();
        world.deployments.iter().all(|(_, settings)| {
            let files = self.files(given.repository, settings, &none);
            files.commanders(settings, world.now).into_iter().all(|commanders| given.is_let(commanders))
        })
    }

    /// Commands by then that may have had this run re-run.
    fn commands_for(&self, repository: usize, run: &model::Run, at: Millis) -> Vec<Given> {
        let world = self.world.borrow();
        let of_run = |given: &&Given| {
            given.repository == repository
                && Some(given.pull) == run.identity.pull_request
                && given.is_rerun()
                && given.had.is_some_and(|had| had <= at)
        };
        let all: Vec<Given> = world.given.iter().filter(of_run).cloned().collect();
        drop(world);
        all.into_iter().filter(|given| self.may_have_let(given, at)).collect()
    }

    /// Why no command may have had this attempt re-run; `by`: the record's reason, if there is one.
    pub fn objection_to_command(
        &self,
        repository: usize,
        run: &model::Run,
        attempt: u32,
        at: Millis,
        by: Option<&str>,
    ) -> Option<String> {
        let is_by = |given: &Given| by.is_none_or(|by| by.contains(&format!("{BY_COMMAND}\"{}\"", given.by)));
        if attempt > CEILING {
            return Some(format!("no run is re-run more than {CEILING} times"));
        }
        let any = self.commands_for(repository, run, at).iter().any(is_by);
        (!any).then(|| "nobody has given that command who may".to_owned())
    }

    /// Whether somebody who may has stopped re-runs of the pull request that a record names.
    pub fn was_stopped(&self, repository: usize, reason: &str, at: Millis) -> bool {
        let given = self.world.borrow().given.clone();
        given.iter().any(|given| {
            let names = format!("\"{}\" {STOPPED}{} with a command", given.by, given.pull);
            given.repository == repository
                && given.is_stop()
                && given.had.is_some_and(|had| had <= at)
                && reason.contains(&names)
                && self.may_have_let(given, at)
        })
    }

    pub fn check_commands(&self, repository: usize, wrong: &mut Vec<String>) {
        self.check_that_commands_act_once(repository, wrong);
        self.check_stops(repository, wrong);
        let given = self.world.borrow().given.clone();
        for one in given.iter().filter(|one| one.repository == repository) {
            self.check_command(one, &given, wrong);
        }
    }

    /// No run is re-run by commands more often than there were commands.
    fn check_that_commands_act_once(&self, repository: usize, wrong: &mut Vec<String>) {
        for id in &self.runs[repository] {
            let world = self.world.borrow();
            let run = world.github.run(*id);
            let decided = world.decided.get(&run_id_of(*id)).map(Vec::as_slice).unwrap_or_default();
            let by_command = |record: &rerunner::keeper::step::Record| {
                record.outcome == RunOutcome::Rerunning && record.reason.contains(BY_COMMAND)
            };
            let count = decided.iter().filter(|(_, record)| by_command(record)).count();
            let commands = self.commands_for(repository, run, world.now);
            if count > commands.len() {
                wrong.push(format!(
                    "run {} was re-run {count} times by commands, of which there are {commands:?}",
                    id.0
                ));
            }
        }
    }

    /// Nothing of a pull request is re-run by the rules after somebody was told that this is stopped.
    fn check_stops(&self, repository: usize, wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        for given in world.given.iter().filter(|given| given.repository == repository && given.is_stop()) {
            let github = world.github.repository(self.ids[repository]);
            let comment = github.comments().iter().find(|comment| comment.id == given.comment);
            let done = comment.and_then(|comment| comment.reactions.iter().find(|one| one.content == "rocket"));
            let Some(done) = done.map(|reaction| super::conversions::from_model(reaction.created_at)) else { continue };
            for asked in world.asked.iter().filter(|asked| asked.repository == repository && asked.made.is_some()) {
                let run = world.github.run(model::RunId(asked.run_id.get()));
                let of_attempt = |record: &&rerunner::keeper::step::Record| {
                    record.run_attempt.is_some_and(|of| of.get() == asked.run_attempt)
                };
                let records = world.decided.get(&asked.run_id).into_iter().flatten().map(|(_, record)| record);
                let mut records = records.filter(of_attempt);
                let by_rules =
                    records.any(|record| record.outcome == RunOutcome::Rerunning && record.reason.contains(BY_RULES));
                // A call whose answer was lost is made again.
                let after = asked.when > done + CLOCKS;
                let is_of_it = run.identity.pull_request == Some(given.pull) && !self.unclear.contains(&run.id());
                if after && by_rules && is_of_it {
                    wrong.push(format!("{asked:?}, though that was stopped at {done} by {given:?}"));
                }
            }
        }
    }

    /// It is shown what became of it, once; and to those who may not, nothing.
    fn check_command(&self, given: &Given, all: &[Given], wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        let github = world.github.repository(self.ids[given.repository]);
        let Some(comment) = github.comments().iter().find(|comment| comment.id == given.comment) else { return };
        let has = |content: &str| comment.reactions.iter().any(|reaction| reaction.content == content);
        let mark = format!("<!-- rerunner command {} -->", given.comment);
        let answers = github.comments().iter().filter(|one: &&Comment| one.body.starts_with(&mark)).count();
        let mut say = |what: &str| wrong.push(format!("{what}: {given:?}, {comment:?}, {answers} answers"));
        // A list that is behind by more than a lost call is waited for does not show what that has written.
        if answers > 1 && !self.is_behind() {
            say("it was answered twice");
        }
        if has("rocket") && has("confused") {
            say("it was done, and was not");
        }
        let is_command = given.text.starts_with("/rerun");
        let may = is_command && self.may_have_let(given, world.now);
        let is_answered = !comment.reactions.is_empty() || answers > 0;
        if is_answered && !may {
            say("something was done for somebody who may not have it");
        }
        let is_told = has("rocket") || has("confused");
        let is_ended = |line: &CommandLine| {
            let ends = [CommandOutcome::Done, CommandOutcome::Refused, CommandOutcome::Unanswered];
            line.run_id.is_none() && ends.contains(&line.outcome)
        };
        let lines = world.command_lines.get(&(given.repository, given.comment));
        if given.promised.is_some() && !is_told && !lines.into_iter().flatten().any(is_ended) {
            say("it was promised that something would be done, and neither people nor the log know what it came to");
        }
        let Some(promised) = given.promised.filter(|_| is_command && self.is_always_let(given)) else { return };
        let within_the_hour = |other: &&Given| {
            let apart = |had: Millis| (had.0 - promised.0).abs() < Span::minutes(60 + 20).as_millis();
            (other.repository, other.pull) == (given.repository, given.pull) && other.had.is_some_and(apart)
        };
        let had = all.iter().filter(within_the_hour).filter(|other| other.text.starts_with("/rerun")).count();
        let tries = world.reaction_tries.get(&(given.repository, given.comment)).copied().unwrap_or_default();
        // Nobody is answered where the pull request is closed meanwhile; and what waits for more than some hours is given up.
        let open = github.pull(given.pull).is_some_and(|pull| pull.open);
        let in_time = has("eyes") || given.had.is_some_and(|had| had + LASTS > self.heals + Span::hours(1));
        let is_calm = always_served(&world.deployments, given.repository)
            && !world.ever_paused.contains(&given.repository)
            && !world.faults_seen.contains_key("a revoked token")
            // For hours then, and re-runs come first.
            && !world.faults_seen.contains_key("the hour's calls are spent");
        let expected = open && in_time && is_calm && had <= COMMANDS_PER_HOUR && tries < REACTIONS_TRIED;
        if expected && !has("rocket") && !has("confused") {
            say("it was promised that something would be done, and nobody knows of it");
        }
        // GitHub failed for as long as it was tried, and the log says so.
        let is_unanswered = lines.into_iter().flatten().any(|line| line.outcome == CommandOutcome::Unanswered);
        let gave_up = is_unanswered && given.had.is_some_and(|had| had + Span::hours(12) < self.heals);
        if expected && !gave_up && given.text == "/rerun status" && has("rocket") && answers == 0 {
            say("nobody was told the status");
        }
    }
}
