//! What a comment says of runs: that of a pull request, and the answer to `/rerun status`. Pure.

use crate::escape::{code, markdown};
use crate::keeper::views::OneRunView;
use crate::policy::run::MERGE_GROUP;
use crate::policy::{Action, FailedJob, RunOutcome};

/// Of one pull request, the newest.
pub(super) const RUNS_SHOWN: usize = 10;
const JOBS_SHOWN: usize = 10;
/// In bytes: GitHub takes 65,536 characters.
const LONGEST: usize = 60_000;

pub(super) fn section(view: &OneRunView, web_url: &str) -> String {
    let run = &view.run;
    let queued = run.event.as_deref() == Some(MERGE_GROUP);
    // Not the link's text: at the beginning of a paragraph that could define what other links lead to.
    let (workflow, id) = (run.workflow.as_deref().map_or_else(|| "A workflow".to_owned(), code), run.run_id);
    let mut text = format!(
        "\n{workflow} [run {id}]({web_url}/{}/actions/runs/{id}){}: {}\n",
        view.repository,
        if queued { " in the merge queue" } else { "" },
        match run.outcome {
            RunOutcome::Rescued => "passed after a re-run",
            RunOutcome::Exhausted => "failed for good",
            RunOutcome::Rerunning => "is being re-run",
            RunOutcome::Waiting => "failed, and is waiting for its re-run",
            RunOutcome::Left => "failed, and is left alone",
            RunOutcome::Failed => "failed, and GitHub refuses to re-run it",
            RunOutcome::Superseded => "belongs to an older commit",
        }
    );
    if queued {
        text.push_str(&removed_from_queue(view));
    }
    for decision in &view.decisions {
        text.push_str(&format!("- {}\n", markdown(&decision.reason)));
        // A sentence that names a single job names its step as well; of several it names only the jobs, and not many.
        let jobs: Vec<_> = failed(&decision.detail.jobs).collect();
        let is_told = |job: &FailedJob| jobs.len() == 1 && decision.reason.contains(&job.name.replace('"', "'"));
        for job in jobs.iter().filter(|job| !is_told(job)) {
            text.push_str(&format!("  - {}\n", place(job)));
        }
    }
    text
}

/// That it was removed from the queue, because of what, and whether that was infrastructure. Which checks are required GitHub does not say.
fn removed_from_queue(view: &OneRunView) -> String {
    // The first failure did it, whatever re-runs have brought.
    let first = view.decisions.iter().map(|decision| &decision.detail.jobs).find(|jobs| failed(jobs).next().is_some());
    let jobs: Vec<&FailedJob> = first.into_iter().flat_map(|jobs| failed(jobs)).collect();
    let mut text = match jobs.as_slice() {
        [] => "- If this check is required, the pull request was removed from the merge queue.\n".to_owned(),
        _ => "- If this check is required, the pull request was removed from the merge queue, because of:\n".to_owned(),
    };
    for job in &jobs {
        let class = job.cause.as_ref().map(|cause| cause.class);
        let why = match class {
            Some(class) if class.is_infrastructure() => format!("infrastructure ({})", code(class.as_str())),
            Some(class) => format!("not infrastructure ({})", code(class.as_str())),
            None => "cause unknown".to_owned(),
        };
        text.push_str(&format!("  - {}: {why}\n", place(job)));
    }
    let is_real = |job: &&FailedJob| job.cause.as_ref().is_some_and(|cause| !cause.class.is_infrastructure());
    text.push_str(match view.run.outcome {
        RunOutcome::Rescued => {
            "- It has since passed, but the pull request was not put back: add it to the queue again.\n"
        }
        _ if jobs.iter().any(is_real) => {
            "- A re-run does not put it back: add it to the queue again once that is fixed.\n"
        }
        _ => "- A re-run does not put it back: add it to the queue again.\n",
    });
    text
}

fn failed(jobs: &[FailedJob]) -> impl Iterator<Item = &FailedJob> {
    jobs.iter().filter(|job| job.action != Some(Action::Ignore)).take(JOBS_SHOWN)
}

fn place(job: &FailedJob) -> String {
    let step = job.step.as_deref().map_or_else(String::new, |step| format!(" at {}", code(step)));
    format!("{}{step}", code(&job.name))
}

/// Whole lines, as many as GitHub takes.
pub(in crate::keeper) fn cut(mut body: String) -> String {
    if body.len() > LONGEST {
        let end = body.char_indices().take_while(|(at, _)| *at <= LONGEST).filter(|(_, c)| *c == '\n').last();
        body.truncate(end.map_or(0, |(at, _)| at));
        body.push_str("\n\nThe rest does not fit here.\n");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tracked_run::TrackedRun;
    use crate::keeper::views::{DecisionView, RunView};
    use crate::names::{RepoName, RunId};
    use crate::policy::Detail;
    use crate::time::Millis;

    /// Seen to fail when one job is listed below the sentence that names it, and when several are not.
    #[test]
    fn jobs_are_listed_where_the_sentence_does_not_say_all_of_them() {
        let job = |name: &str| -> FailedJob {
            serde_json::from_value(serde_json::json!({ "name": name, "step": "Install" })).unwrap()
        };
        let said = |jobs: &[&str], reason: &str| {
            let run: RunView = TrackedRun::new(RunId::new(7).unwrap(), Millis(0)).into();
            let detail = Detail { jobs: jobs.iter().copied().map(job).collect(), ..Detail::default() };
            let (outcome, reason) = (RunOutcome::Rerunning, reason.to_owned());
            let decision = DecisionView { run_attempt: None, decided: Millis(0), outcome, reason, detail };
            let repository = RepoName::parse("octo/widgets").unwrap();
            let view = OneRunView { repository, at: Millis(0), run, decisions: vec![decision] };
            section(&view, "https://github.com").lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
        };
        let told = r#"Attempt 1 failed in job "say 'hi'" at step "Install"."#;
        assert_eq!(said(&["say \"hi\""], told).len(), 1);
        assert_eq!(said(&["build"], "Held: many fail.")[1..], ["  - `build` at `Install`"]);
        let both = ["  - `build` at `Install`", "  - `test` at `Install`"];
        assert_eq!(said(&["build", "test"], r#"Attempt 1 failed in jobs "build" and "test"."#)[1..], both);
    }
}
