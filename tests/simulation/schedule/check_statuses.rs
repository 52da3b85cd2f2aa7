//! What commits show at the end of a schedule of their failed runs.

use std::collections::BTreeMap;

use rerunner::keeper::step::Record;
use rerunner::policy::RunOutcome;
use rerunner::time::Millis;
use simulator::model::{self, CommitStatus, Repository, StatusState};

use super::Schedule;
use super::conversions::{attempt_of, conclusion_of, run_id_of};

/// One that could not be written for about a day is given up.
const GIVEN_UP: usize = 30;

impl Schedule {
    /// No commit shows what is not so, or waits for ever; and each failed run is shown, where that was always switched on.
    pub fn check_statuses(&self, repository: usize, wrong: &mut Vec<String>) {
        let world = self.world.borrow();
        let github = world.github.repository(self.ids[repository]);
        let is_given_up = |status: &CommitStatus| {
            let of = (repository, status.sha.to_string(), status.context.clone());
            world.status_tries.get(&of).is_some_and(|tries| *tries >= GIVEN_UP)
        };
        let is_on = world.deployments.iter().all(|(_, set)| set.commit_status && !set.dry_run)
            && always_served(&world.deployments, repository);
        let mut shown = BTreeMap::new();
        for status in github.commits_with_statuses().flat_map(|sha| github.newest_statuses(sha)) {
            let id = status.target_url.as_deref().and_then(|url| url.rsplit_once("/runs/")?.1.parse().ok());
            let Some(run) = id.and_then(|id| world.github.find_run(model::RunId(id))) else {
                wrong.push(format!("a commit status leads nowhere: {status:?}"));
                continue;
            };
            shown.insert(place_of(run), run.id());
            let mut say = |what: &str| wrong.push(format!("run {}: {what}: {status:?}", run.id().0));
            if shown_commit(run) != status.sha {
                say("shown at another commit");
            }
            let decided = world.decided.get(&run_id_of(run.id())).map(Vec::as_slice).unwrap_or_default();
            // One that was first looked at when there was another attempt is taken for one that has failed before.
            let was_seen = decided.first().is_some_and(|(_, record)| record.run_attempt == Some(attempt_of(1)));
            let has_failed = run.attempts.iter().any(|attempt| attempt.conclusion.is_some_and(is_failure));
            if !has_failed && (was_seen || run.attempts.len() == 1) {
                say("never failed, and is shown");
            }
            let decided = decided.last();
            let expected = match decided.map(|(_, record)| record.outcome) {
                Some(RunOutcome::Rescued) => StatusState::Success,
                _ => StatusState::Failure,
            };
            // Where they were switched off, what was pending is brought to its end, and no more.
            let is_wrong = if is_on { status.state != expected } else { status.state == StatusState::Pending };
            if is_wrong && !is_given_up(status) {
                say(&format!("its end is {decided:?}, which is not what is shown"));
            }
        }
        // Of one that is forgotten nothing is known.
        if !is_on || self.is_long() {
            return;
        }
        // Of one workflow for one event, a commit shows the newest that failed.
        let mut newest = BTreeMap::new();
        for id in &self.runs[repository] {
            let run = world.github.run(*id);
            // Of one that somebody had re-run before anything was decided, there is nothing to be said.
            let failed = |conclusion: model::Conclusion| conclusion_of(conclusion).may_be_rerun();
            // Nor of one that GitHub has never shown.
            let was_read =
                |record: &Record| record.outcome != RunOutcome::Failed || record.reason.starts_with("GitHub refused: ");
            let of_failure = |(_, record): &(Millis, Record)| {
                let attempt = record.run_attempt.and_then(|attempt| run.attempt(attempt.get()));
                was_read(record) && attempt.and_then(|attempt| attempt.conclusion).is_some_and(failed)
            };
            if world.decided.get(&run_id_of(*id)).is_some_and(|decided| decided.iter().any(of_failure)) {
                newest.insert(place_of(run), *id);
            }
        }
        let is_shown = |place: &Place, id: &model::RunId| shown.get(place).is_some_and(|shown| shown >= id);
        for (place, id) in newest.into_iter().filter(|(place, id)| !is_shown(place, id)) {
            let sha = place.0.to_string();
            let mut tries = world.status_tries.iter().filter(|((of, at, _), _)| (*of, at) == (repository, &sha));
            if !tries.any(|(_, tries)| *tries >= GIVEN_UP) {
                wrong.push(format!("run {} failed, and commit {sha} does not show it", id.0));
            }
        }
    }
}

/// How often one was written.
pub fn written(github: &Repository) -> usize {
    github.commits_with_statuses().map(|sha| github.statuses(sha).len()).sum()
}

/// What runs have in common that are shown in one place.
type Place = (model::Sha, u64, String, String);

fn place_of(run: &model::Run) -> Place {
    let identity = &run.identity;
    (shown_commit(run), identity.workflow_number, identity.event.to_string(), identity.head_repository.to_string())
}

fn is_failure(conclusion: model::Conclusion) -> bool {
    let conclusion = conclusion_of(conclusion);
    conclusion.may_be_rerun() || conclusion == rerunner::names::Conclusion::Cancelled
}

/// The commit of the pull request where GitHub shows its base's.
fn shown_commit(run: &model::Run) -> model::Sha {
    let identity = &run.identity;
    if &*identity.event == "pull_request_target" { identity.head_commit } else { identity.head_sha }
}

/// Whether the repository was served all the time.
pub fn always_served(deployments: &[(Millis, super::settings::Deployed)], repository: usize) -> bool {
    deployments.iter().all(|(_, set)| set.serves(repository))
}
