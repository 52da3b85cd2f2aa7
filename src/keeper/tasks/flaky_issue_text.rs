//! What the issue of a flaky job says. Names are code: they mention nobody and lead nowhere. Nothing of a log is in it.

use crate::escape::{bounded, code};
use crate::keeper::store::statistics::{JobFigures, PassedFailure, WorkflowJob};
use crate::policy::FlakyIssues;
use crate::time::Millis;

/// GitHub takes 256 characters for a title.
const NAME_IN_TITLE: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What each text begins with. Readers do not see it.
    pub mark: String,
    pub title: String,
    /// The text of one that is open.
    pub open: String,
    /// Of one that is closed as the job has not failed for long.
    pub closed: String,
}

/// `web_url`: where the repository's pages are.
pub fn text(
    job: &WorkflowJob,
    figures: &JobFigures,
    failures: &[PassedFailure],
    flaky: &FlakyIssues,
    web_url: &str,
) -> Text {
    let mark = format!("<!-- rerunner flaky job {} -->", job.key());
    let short = |name: &str| code(&bounded(name, NAME_IN_TITLE));
    let days = flaky.close_after.as_millis() / crate::time::Span::days(1).as_millis();
    let not_for = if days == 1 { "a day".to_owned() } else { format!("{days} days") };
    let facts = format!("{}{}", in_figures(job, figures), list(failures, web_url));
    let foot = format!(
        "\nRerunner maintains this issue: it is edited at most once a day, closed when the job has not failed for {not_for}, and \
         reopened when it fails and then passes on a re-run. If somebody closes it, it stays closed until then.\n"
    );
    let since = figures.last_failed.map_or_else(String::new, |failed| format!(" since {}", day(failed)));
    Text {
        title: format!("Flaky job: {} of {}", short(&job.job), short(&job.workflow)),
        open: format!("{mark}\n{facts}{foot}"),
        closed: format!("{mark}\n**Closed**: the job has not failed{since}, for {not_for} or longer.\n\n{facts}{foot}"),
        mark,
    }
}

fn in_figures(job: &WorkflowJob, figures: &JobFigures) -> String {
    let JobFigures { failed, judged, passed, step, last_failed: _ } = figures;
    let at = if step.is_empty() { String::new() } else { format!(", most often at {}", code(step)) };
    let percent = (passed * 100).checked_div(*judged).map_or_else(String::new, |percent| format!(" ({percent}%)"));
    format!(
        "The job {} of the workflow {} fails, and passes when it is re-run. In the last 30 days:\n\n\
         - failures: {failed}{at}\n- finished re-runs: {judged}\n- of these, passed: {passed}{percent}\n",
        code(&job.job),
        code(&job.workflow)
    )
}

fn list(failures: &[PassedFailure], web_url: &str) -> String {
    let mut text = String::new();
    for failure in failures {
        let PassedFailure { run_id, run_attempt, failed, step, class, passed_attempt } = failure;
        let at = step.as_deref().map_or_else(String::new, |step| format!(" at {}", code(step)));
        let why = class.map_or_else(String::new, |class| format!(" ({})", code(class.as_str())));
        text.push_str(&format!(
            "- {}: [run {run_id}]({web_url}/actions/runs/{run_id}), attempt {run_attempt} failed{at}{why}, attempt \
             {passed_attempt} passed\n",
            day(*failed)
        ));
    }
    if text.is_empty() { text } else { format!("\nIts last failures that passed on a re-run:\n\n{text}") }
}

/// `2026-11-23`.
fn day(time: Millis) -> String {
    time.to_rfc3339().chars().take(10).collect()
}
