//! What GitHub's own record says at the end of a schedule, held against what Rerunner promises.

use std::collections::BTreeMap;

use rerunner::attempts::RunOutcome;
use rerunner::hint::Conclusion;
use rerunner::keeper::views::Page;
use rerunner::names::RepoName;
use rerunner::time::Span;
use simulator::model;

use crate::schedule::{EXCLUDED, Schedule};
use crate::words::{attempt_of, conclusion_of, run_id_of};
use crate::world::Asked;

impl Schedule {
    /// Holds GitHub's record against the promises.
    pub fn check(&self) {
        let mut wrong = Vec::new();
        for (repository, runs) in self.runs.iter().enumerate() {
            for run in runs {
                self.check_run(repository, *run, &mut wrong);
            }
        }
        for repository in 0..self.ids.len() {
            self.check_budget(repository, &mut wrong);
            self.check_figures(repository, &mut wrong);
        }
        for what in wrong {
            self.world.borrow_mut().violate(what);
        }
    }

    /// In no hour, by the Keeper's clock, were there more re-runs than the budget has.
    fn check_budget(&self, repository: usize, wrong: &mut Vec<String>) {
        let Some(hourly) = self.policies[repository].hourly() else { return };
        let world = self.world.borrow();
        let made: Vec<&Asked> =
            world.asked.iter().filter(|asked| asked.repository == repository && asked.made).collect();
        for last in &made {
            let hour = |asked: &&&Asked| asked.at <= last.at && last.at - asked.at < Span::hours(1);
            let count = made.iter().filter(hour).count();
            if count > hourly {
                wrong.push(format!("{count} re-runs in the hour before {}, with a budget of {hourly}", last.at));
            }
        }
    }

    /// What the pages say is what the rows say, one by one.
    fn check_figures(&self, repository: usize, wrong: &mut Vec<String>) {
        let keeper = &self.machines[repository].keeper;
        let world = self.world.borrow();
        let kept = self.runs[repository].iter().filter_map(|run| keeper.run(run_id_of(*run)).expect("read"));
        let (mut by_outcome, mut reruns) = (BTreeMap::<&str, u64>::new(), 0);
        for (watched, records) in kept {
            *by_outcome.entry(watched.outcome.as_str()).or_default() += 1;
            reruns += records.iter().filter(|record| record.outcome == RunOutcome::Rerunning).count() as u64;
        }
        let count = |outcome: RunOutcome| by_outcome.get(outcome.as_str()).copied().unwrap_or_default();
        let page = Page { outcome: None, before: None, limit: 1 };
        let name = RepoName::parse(&world.repositories[repository]).expect("a name");
        let rules = &self.machines[repository].rules;
        let view = keeper.repository_view(name, &page, rules, world.clock(repository)).expect("read");
        let said = view.last_30_days;
        let said = [said.rescued, said.exhausted, said.left, said.failed, said.superseded, said.reruns];
        let expected = [
            count(RunOutcome::Rescued),
            count(RunOutcome::Exhausted),
            count(RunOutcome::Left),
            count(RunOutcome::Failed),
            count(RunOutcome::Superseded),
            reruns,
        ];
        if said != expected || (view.waiting, view.rerunning) != (0, 0) {
            wrong.push(format!(
                "the page of {} says {said:?}, {} waiting and {} re-running, and the rows {expected:?}",
                world.repositories[repository], view.waiting, view.rerunning
            ));
        }
    }

    fn check_run(&self, repository: usize, id: model::RunId, wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        let run = world.github.run(id);
        let kept = self.machines[repository].keeper.run(run_id_of(id)).expect("read");
        let ours = || world.github.reruns().iter().filter(|rerun| rerun.run == id && rerun.by == model::RerunBy::Api);
        let pressed = world.github.reruns().iter().any(|rerun| rerun.run == id && rerun.by == model::RerunBy::Person);
        let excluded = run.identity.actor.as_str() == EXCLUDED;
        let policy = &self.policies[repository];
        let of_fork = run.identity.head_repository != *world.github.repository(run.repository).name();
        let mut say = |what: String| {
            let (workflow, latest) = (&run.identity.workflow.name, run.latest());
            wrong.push(format!(
                "run {} ({workflow}, attempt {} {:?}) of {}: {what}; kept: {kept:#?}",
                id.0, latest.number, latest.conclusion, world.repositories[repository]
            ))
        };
        for rerun in ours() {
            let attempt = run.attempt(rerun.from_attempt).expect("it was re-run");
            let conclusion = attempt.conclusion.map(conclusion_of);
            let is_candidate =
                |conclusion: Conclusion| conclusion.may_be_rerun() || conclusion == Conclusion::Cancelled;
            if !conclusion.is_some_and(is_candidate) {
                say(format!("attempt {} was re-run, which concluded {conclusion:?}", rerun.from_attempt));
            }
            if let Some(objection) = policy.objection(
                rerun.from_attempt,
                attempt.conclusion,
                &attempt.jobs,
                of_fork,
                &run.identity.workflow.name,
            ) {
                say(format!("attempt {} was re-run, against the policy: {objection}", rerun.from_attempt));
            }
            if excluded {
                say("re-run, although its actor is excluded".to_owned());
            }
            let recorded = kept.as_ref().is_some_and(|(_, records)| {
                let of_it = |record: &&_| record_is_rerun_of(record, rerun.from_attempt);
                records.iter().filter(of_it).count() == 1
            });
            if !recorded && !pressed {
                say(format!("the re-run of attempt {} is not on record once", rerun.from_attempt));
            }
        }
        let latest = run.latest();
        let failed = latest.conclusion.map(conclusion_of).is_some_and(|conclusion| conclusion.may_be_rerun());
        let gone = world.is_gone(repository, id);
        let unclear = self.unclear.contains(&id);
        if failed && !excluded {
            match &kept {
                None => say("its last attempt failed, and nothing is known of it".to_owned()),
                Some((watched, _)) => {
                    let never = world.never.contains(&id.0) && watched.outcome == RunOutcome::Failed;
                    let expected = policy.explains(watched.outcome, latest.number)
                        || never
                        || (gone && watched.outcome == RunOutcome::Superseded)
                        || (unclear && watched.outcome == RunOutcome::Left);
                    let attempt = watched.decided_attempt == Some(attempt_of(latest.number));
                    if !expected || !attempt || watched.reason.is_empty() {
                        say(format!(
                            "its last attempt, {}, failed and was not re-run, without a good reason on record",
                            latest.number
                        ));
                    }
                }
            }
        }
        if let Some((watched, _)) = &kept {
            let counted = watched.reruns as usize;
            if counted != ours().count() && !pressed {
                say(format!("{} re-runs were made, {counted} were counted", ours().count()));
            }
            if watched.due.is_some() {
                say("it is due, when all is quiet".to_owned());
            }
            let published = world.kv.get(&(repository, run_id_of(id)));
            if published.is_some_and(|published| *published != watched.attempts())
                || (published.is_none() && watched.reruns > 0)
            {
                say(format!("Workers KV says {published:?}"));
            }
        }
    }
}

fn record_is_rerun_of(record: &rerunner::keeper::machine::Record, attempt: u32) -> bool {
    record.outcome == RunOutcome::Rerunning && record.run_attempt == Some(attempt_of(attempt))
}
