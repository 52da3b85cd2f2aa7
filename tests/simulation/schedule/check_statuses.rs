//! What commits show at the end of a schedule of their failed runs.

use std::collections::{BTreeMap, BTreeSet};

use rerunner::policy::RunOutcome;
use simulator::model::{self, CommitStatus, StatusState};

use super::Schedule;
use super::conversions::{conclusion_of, run_id_of};

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
        let mut shown = BTreeSet::new();
        for status in github.commits_with_statuses().flat_map(|sha| github.newest_statuses(sha)) {
            let id = status.target_url.as_deref().and_then(|url| url.rsplit_once("/runs/")?.1.parse().ok());
            let Some(run) = id.and_then(|id| world.github.find_run(model::RunId(id))) else {
                wrong.push(format!("a commit status leads nowhere: {status:?}"));
                continue;
            };
            shown.insert(place_of(run));
            let mut say = |what: &str| wrong.push(format!("run {}: {what}: {status:?}", run.id().0));
            if shown_commit(run) != status.sha {
                say("shown at another commit");
            }
            // A run whose jobs may fail is taken for rescued when somebody has it re-run.
            if !run.attempts.iter().any(|attempt| attempt.conclusion.is_some_and(is_failure)) && !has_failed_job(run) {
                say("never failed, and is shown");
            }
            let decided = world.decided.get(&run_id_of(run.id())).and_then(|decided| decided.last());
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
            let has_failed = |run: &model::Run| {
                let failed = |conclusion: model::Conclusion| conclusion_of(conclusion).may_be_rerun();
                run.attempts.iter().any(|attempt| attempt.conclusion.is_some_and(failed))
            };
            if has_failed(run) && world.decided.contains_key(&run_id_of(*id)) {
                newest.insert(place_of(run), *id);
            }
        }
        // Where it says the same of a newer one, it leads to the older one still.
        for (place, id) in newest.into_iter().filter(|(place, _)| !shown.contains(place)) {
            let sha = place.0.to_string();
            let mut tries = world.status_tries.iter().filter(|((of, at, _), _)| (*of, at) == (repository, &sha));
            if !tries.any(|(_, tries)| *tries >= GIVEN_UP) {
                wrong.push(format!("run {} failed, and commit {sha} does not show it", id.0));
            }
        }
    }
}

/// What runs have in common that are shown in one place.
fn place_of(run: &model::Run) -> (model::Sha, u64, String) {
    (shown_commit(run), run.identity.workflow_number, run.identity.event.to_string())
}

fn has_failed_job(run: &model::Run) -> bool {
    let failed = |job: &model::Job| job.conclusion().is_some_and(is_failure);
    run.attempts.len() > 1 && run.attempts.iter().any(|attempt| attempt.jobs.iter().any(failed))
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
pub fn always_served(deployments: &[(rerunner::time::Millis, super::settings::Deployed)], repository: usize) -> bool {
    deployments.iter().all(|(_, set)| set.serves[repository])
}
