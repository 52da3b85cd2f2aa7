//! What GitHub's own record says at the end of a schedule, held against what Rerunner promises.

use std::collections::BTreeMap;

use rerunner::keeper::Keeper;
use rerunner::keeper::run_filter::RunFilter;
use rerunner::keeper::step::Record;
use rerunner::keeper::tracked_run::TrackedRun;
use rerunner::keeper::views::RunSlice;
use rerunner::names::Conclusion;
use rerunner::names::RepoName;
use rerunner::policy::RunOutcome;
use rerunner::time::{Millis, Span};
use simulator::model;

use super::conversions::{attempt_of, conclusion_of, from_model, run_id_of};
use super::native_sql::NativeSql;
use super::plan::{Files, Plan};
use super::policies::Budget;
use super::settings::Deployed;
use super::world::Asked;
use super::{EXCLUDED, Schedule};

/// How long a run is kept that nothing happens to any more, and how far a clock can be put forward meanwhile.
const KEPT: Span = Span::days(35);
const CLOCKS: Span = Span::minutes(30);
/// How long a repository without webhooks is swept, less the time between two sweeps.
const ACTIVE: Span = Span::days(7);
/// How long after a run began it is on the list of those that failed.
const LISTED_FOR: Span = Span::hours(24);
/// How long a run is tried.
const GIVEN_UP: Span = Span::hours(24);
/// GitHub re-runs nothing that is older.
const RERUNNABLE: Span = Span::days(30);

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
            self.check_messages(repository, &mut wrong);
            self.check_outages(repository, &mut wrong);
            self.check_statuses(repository, &mut wrong);
            self.check_commands(repository, &mut wrong);
            self.check_issues(repository, &mut wrong);
        }
        for what in wrong {
            self.world.borrow_mut().violate(what);
        }
    }

    /// The policy files that went with these settings.
    pub fn files<'a>(&'a self, repository: usize, settings: &Deployed, none: &'a Plan) -> Files<'a> {
        let at = |plans: &'a [Plan; 2]| settings.policy_file.map_or(none, |path| &plans[path]);
        Files { own: at(&self.policies[repository]), organizations: at(&self.organizations) }
    }

    /// In no hour and no day, by the Keeper's clock, did re-runs take more than the budget has.
    fn check_budget(&self, repository: usize, wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        if world.deployments.iter().any(|(_, settings)| settings.policy_file != Some(0)) {
            return;
        }
        let Budget { hourly, daily, minutes_a_day } = self.policies[repository][0].budget();
        // What was asked for on what GitHub showed of long ago may have been given back before.
        let sound = |asked: &&Asked| asked.made.is_some() && !(asked.is_past_the_guard(None) && self.is_behind());
        // What somebody asks for by a command is re-run whatever the budget says.
        let is_by_command = |asked: &&Asked| {
            let decided = world.decided.get(&asked.run_id).into_iter().flatten();
            let mut records = decided.filter(|(_, record)| record_is_rerun_of(record, asked.run_attempt));
            let run = world.github.run(model::RunId(asked.run_id.get()));
            let command = || self.objection_to_command(repository, run, asked.run_attempt, asked.when, None).is_none();
            records.any(|(_, record)| {
                record.reason.contains("re-run requested by")
                    || (record.reason.contains("the answer was lost") && command())
            })
        };
        let made: Vec<&Asked> =
            world.asked.iter().filter(|asked| asked.repository == repository).filter(sound).collect();
        let made: Vec<&Asked> = made.into_iter().filter(|asked| !is_by_command(asked)).collect();
        for last in &made {
            let within =
                |span: Span| made.iter().filter(move |asked| asked.at <= last.at && last.at - asked.at < span).copied();
            for (most, span) in [(hourly, Span::hours(1)), (daily, Span::days(1))] {
                let count = within(span).count();
                if most.is_some_and(|most| count > most) {
                    wrong.push(format!("{count} re-runs in {span:?} before {}, with a budget of {most:?}", last.at));
                }
            }
            let took: i64 = within(Span::days(1)).map(|asked| self.failed_for(asked).as_millis()).sum();
            if minutes_a_day.is_some_and(|most| took > Span::minutes(most.into()).as_millis()) {
                let minutes = took / 60_000;
                wrong.push(format!("{minutes} minutes in a day before {}, with {minutes_a_day:?}", last.at));
            }
        }
    }

    /// How long the failed jobs took that were re-run: what the re-run takes at least.
    fn failed_for(&self, asked: &Asked) -> Span {
        let world = self.world.borrow();
        let run = world.github.run(model::RunId(asked.run_id.get()));
        let jobs = asked.made.and_then(|attempt| run.attempt(attempt)).map(|attempt| &attempt.jobs);
        let failed = jobs
            .into_iter()
            .flatten()
            .filter(|job| job.conclusion().is_some_and(|conclusion| conclusion_of(conclusion).may_be_rerun()));
        let seconds = |job: &model::Job| Some((job.completed_at? - job.started_at?) / 1_000);
        Span::seconds(i64::try_from(failed.filter_map(seconds).sum::<u64>()).unwrap_or(i64::MAX))
    }

    /// What the pages say is what the rows say, one by one.
    fn check_figures(&self, repository: usize, wrong: &mut Vec<String>) {
        let keeper = &self.machines[repository].keeper;
        let world = self.world.borrow();
        // Longer than the figures look back.
        if self.is_long() {
            return;
        }
        let kept = self.runs[repository].iter().filter_map(|run| kept(keeper, *run));
        let (mut by_outcome, mut reruns) = (BTreeMap::<&str, u64>::new(), 0);
        for (tracked, records) in kept {
            *by_outcome.entry(tracked.outcome.as_str()).or_default() += 1;
            reruns += records.iter().filter(|record| record.outcome == RunOutcome::Rerunning).count() as u64;
        }
        let count = |outcome: RunOutcome| by_outcome.get(outcome.as_str()).copied().unwrap_or_default();
        let slice = RunSlice { outcome: None, before: None, limit: 1, filter: RunFilter::default() };
        let name = RepoName::parse(&world.repositories[repository]).expect("a name");
        let rerun_settings = &self.machines[repository].config.rerun_settings;
        let view = keeper.repository_view(name, &slice, rerun_settings, world.clock(repository)).expect("read");
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
        let kept = kept(&self.machines[repository].keeper, id);
        let ours = || world.github.reruns().iter().filter(|rerun| rerun.run == id && rerun.by == model::RerunBy::Api);
        let pressed = world.github.reruns().iter().any(|rerun| rerun.run == id && rerun.by == model::RerunBy::Person);
        let excluded = run.identity.actor.as_str() == EXCLUDED;
        let asked: Vec<&Asked> =
            world.asked.iter().filter(|asked| asked.run_id == run_id_of(id) && asked.made.is_some()).collect();
        let decided = world.decided.get(&run_id_of(id)).map(Vec::as_slice).unwrap_or_default();
        let none = Plan::none();
        // Then nobody looks what became of a call without an answer.
        let unserved = world.deployments.iter().any(|(_, settings)| !settings.serves(repository));
        let of_fork = run.identity.head_repository != *world.github.repository(run.repository).name();
        let mut say = |what: String| {
            let (workflow, latest) = (&run.identity.workflow.name, run.latest());
            wrong.push(format!(
                "run {} ({workflow}, attempt {} {:?}) of {}: {what}; kept: {kept:#?}",
                id.0, latest.number, latest.conclusion, world.repositories[repository]
            ))
        };
        // A call without an answer, whose run was then given up, or ended: the record says that it is not known.
        let unknown = kept.as_ref().and_then(|(tracked, _)| tracked.pending.filter(|_| tracked.due.is_none()));
        let says_so = |(_, record): &(Millis, Record)| {
            let (_, last) = record.reason.rsplit_once("; ").unwrap_or_default();
            last.starts_with("it is not known whether attempt ") && last.ends_with(" was re-run.")
        };
        if unknown.is_some() && !decided.iter().any(says_so) {
            say(format!("it rests, and a call is open: {unknown:?}"));
        }
        // GitHub's call does not say which attempt is meant. Whoever reads what was so long ago cannot know that the run
        // has moved on; nor can anybody when a person presses the button at the same moment.
        let misled = asked.iter().filter(|asked| asked.is_misled()).count();
        // Nor can whoever is shown that the attempt of a call without an answer is still the newest.
        let is_misread = self.is_behind() && world.read_past_the_guard.contains(&run_id_of(id));
        let befores = std::iter::once(None).chain(asked.iter().copied().map(Some));
        let may_be_misled = pressed || asked.iter().zip(befores).any(|(asked, before)| asked.is_past_the_guard(before));
        if misled > 0 && !may_be_misled {
            say(format!("another attempt was re-run than was decided on: {asked:#?}"));
        }
        for asked in &asked {
            let attempt = run.attempt(asked.run_attempt).expect("it was decided on");
            let conclusion = attempt.conclusion.map(conclusion_of);
            let is_candidate =
                |conclusion: Conclusion| conclusion.may_be_rerun() || conclusion == Conclusion::Cancelled;
            if !conclusion.is_some_and(is_candidate) {
                say(format!("attempt {} was re-run, which concluded {conclusion:?}", asked.run_attempt));
            }
            let settings = world.settings_at(asked.when);
            let policy = self.files(repository, settings, &none);
            let recorded = decided.iter().find(|(_, record)| record_is_rerun_of(record, asked.run_attempt));
            let by_rules = policy.objection(
                settings,
                asked.when,
                asked.run_attempt,
                attempt.conclusion,
                &attempt.jobs,
                of_fork,
                &run.identity.workflow.name,
            );
            // Of a call whose answer was lost, nobody knows what had it made.
            let said = recorded.map(|(_, record)| &*record.reason);
            let reason = said.filter(|reason| !reason.contains("the answer was lost"));
            let by_command = || self.objection_to_command(repository, run, asked.run_attempt, asked.when, reason);
            let objection = match reason {
                Some(reason) if reason.contains("re-run requested by") => by_command(),
                Some(_) => by_rules,
                None => by_rules.filter(|_| by_command().is_some()),
            };
            if let Some(objection) = objection {
                say(format!("attempt {} was re-run, against the policy: {objection}", asked.run_attempt));
            }
            if excluded {
                say("re-run, although its actor is excluded".to_owned());
            }
            if conclusion == Some(Conclusion::Cancelled) && self.was_cancelled_before(repository, attempt) {
                say(format!("attempt {} was cancelled before anybody wanted that re-run", asked.run_attempt));
            }
            let of_it = |(_, record): &&(Millis, Record)| record_is_rerun_of(record, asked.run_attempt);
            let is_unknown = unknown.is_some_and(|pending| pending.run_attempt.get() == asked.run_attempt);
            let recorded = is_unknown || decided.iter().filter(of_it).count() == 1;
            if !recorded && !pressed && misled == 0 && !unserved && !is_misread {
                say(format!("the re-run of attempt {} is not on record once", asked.run_attempt));
            }
        }
        let latest = run.latest();
        let failed = latest.conclusion.map(conclusion_of).is_some_and(|conclusion| conclusion.may_be_rerun());
        let gone = world.is_gone(repository, id);
        let unclear = self.unclear.contains(&id);
        let of = &run.identity;
        // Where GitHub names one commit alone, it may be the base's as well.
        let may_be_bases = &*of.event == "pull_request_target" && of.head_sha == of.head_commit;
        let is_unknown = unclear || (gone && may_be_bases);
        // GitHub can fail to answer for a day.
        let given_up = |at| latest.completed_at.is_some_and(|ended| at - from_model(ended) > GIVEN_UP.minus(CLOCKS));
        let explains = |(at, record): &(Millis, Record)| {
            let settings = world.settings_at(*at);
            let old = *at - from_model(run.identity.created_at) > RERUNNABLE.minus(CLOCKS);
            record.run_attempt == Some(attempt_of(latest.number))
                && !record.reason.is_empty()
                && match record.outcome {
                    RunOutcome::Superseded => gone,
                    RunOutcome::Failed => world.never.contains(&id.0) || old || given_up(*at),
                    RunOutcome::Left if record.reason.contains("has stopped re-runs") => {
                        self.was_stopped(repository, &record.reason, *at)
                    }
                    RunOutcome::Left if is_unknown || settings.dry_run || !settings.serves(repository) => true,
                    outcome => self.files(repository, settings, &none).explains(settings, *at, outcome, latest.number),
                }
        };
        let ended = latest.completed_at.map(from_model);
        // What ends while its repository is not served is nobody's, and nor is what no webhook told of when it is again.
        let unheard = ended.is_some() && unserved;
        let of_latest = |(_, record): &(Millis, Record)| record.run_attempt == Some(attempt_of(latest.number));
        if failed && !excluded && (!unheard || decided.iter().any(of_latest)) {
            let is_explained = match &kept {
                Some((tracked, _)) => {
                    let of_it = |(_, record): &&(Millis, Record)| record.outcome == tracked.outcome;
                    tracked.decided_attempt == Some(attempt_of(latest.number))
                        && decided.iter().filter(of_it).any(explains)
                }
                None => decided.last().is_some_and(explains),
            };
            let noted = world.webhooks_stored.get(&run_id_of(id)).into_iter().flatten();
            let of_this = |(at, of): &(Millis, Option<u32>)| match of {
                Some(attempt) => *attempt == latest.number,
                None => ended.is_some_and(|ended| *at >= ended),
            };
            let noted = noted.copied().any(|noted| of_this(&noted));
            let created = from_model(run.identity.created_at);
            // Nor is it of an attempt that only a list can have told of, when GitHub would not re-run it any more, or
            // when a person had it made so late that the run is not on the list.
            let too_late = created + RERUNNABLE < world.now
                || ended.is_some_and(|ended| ended - created > LISTED_FOR.minus(Span::hours(1)));
            // Nor one in a repository that sleeps: it is not swept again before its next webhook.
            let asleep = world
                .last_webhook
                .get(&repository)
                .zip(ended)
                .is_none_or(|(noted, ended)| *noted < ended && ended - *noted > ACTIVE.minus(Span::hours(12)));
            let forgiven = !noted && (too_late || asleep) && !decided.iter().any(of_latest);
            if decided.is_empty() && !forgiven {
                say("its last attempt failed, and nothing is known of it".to_owned());
            } else if !is_explained && !forgiven {
                let number = latest.number;
                say(format!("its last attempt, {number}, failed and was not re-run, without a good reason on record"));
            }
        }
        let Some((tracked, _)) = &kept else {
            if let Some((last, _)) = decided.last()
                && world.now - *last < KEPT
            {
                say(format!("it was forgotten, and was decided on at {last}"));
            }
            return;
        };
        let counted = tracked.reruns as usize;
        // One that was forgotten, and that a command names after weeks, is tracked anew.
        let since_tracked = |rerun: &&model::AcceptedRerun| from_model(rerun.at) + CLOCKS > tracked.created;
        let made = ours().filter(|rerun| !self.is_long() || since_tracked(rerun)).count();
        let counted_right = (counted..=counted + usize::from(unknown.is_some())).contains(&made);
        if !counted_right && !pressed && misled == 0 && !unserved && !is_misread {
            say(format!("{made} re-runs were made, {counted} were counted"));
        }
        if tracked.due.is_some() {
            say("it is due, when all is quiet".to_owned());
        }
        let published = world.kv.get(&(repository, run_id_of(id)));
        if published.is_some_and(|published| *published != tracked.attempts())
            || (published.is_none() && tracked.reruns > 0)
        {
            say(format!("Workers KV says {published:?}"));
        }
    }

    /// Whether an attempt of which only a list can have told was over before the policy re-ran what is cancelled.
    fn was_cancelled_before(&self, repository: usize, attempt: &model::Attempt) -> bool {
        let failed = |job: &model::Job| job.conclusion().is_some_and(|is| conclusion_of(is).may_be_rerun());
        let wanted = self.plans(repository).filter_map(Plan::wants_cancelled_from).min();
        let ended = attempt.completed_at.map(from_model);
        // The list is taken up from some minutes before, as clocks differ.
        !attempt.jobs.iter().any(failed)
            && wanted.zip(ended).is_some_and(|(wanted, ended)| ended + Span::minutes(20) < wanted)
    }
}

fn record_is_rerun_of(record: &Record, attempt: u32) -> bool {
    record.outcome == RunOutcome::Rerunning && record.run_attempt == Some(attempt_of(attempt))
}

/// A run as its Keeper has it, and the decisions on it.
fn kept(keeper: &Keeper<NativeSql>, id: model::RunId) -> Option<(TrackedRun, Vec<Record>)> {
    let store = &keeper.store;
    let tracked = store.run(run_id_of(id)).expect("read")?;
    Some((tracked, store.records(run_id_of(id)).expect("read")))
}
