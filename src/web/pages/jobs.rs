//! The failed jobs of one attempt: those of a matrix together, each with its log on GitHub.

use maud::{Markup, html};

use crate::names::Conclusion;
use crate::policy::evidence::RescueRate;
use crate::policy::{Action, Detail, FailedJob};
use crate::web::html::{Foreign, amount, number, scrollable};

/// `is_held`: what is to be re-run waits. `run`: the run on GitHub. `rule`: how a rule's name is shown.
pub fn failed_jobs(label: &str, detail: &Detail, is_held: bool, run: &str, rule: &impl Fn(&str) -> Markup) -> Markup {
    let failed = detail.jobs.len() as u64 + detail.more_jobs;
    let groups = groups(&detail.jobs);
    let alone: Vec<&FailedJob> =
        groups.iter().filter(|group| group.1.len() == 1).flat_map(|group| &group.1).copied().collect();
    let matrices: Vec<_> = groups.iter().filter(|group| group.1.len() > 1).collect();
    html! {
        p.small.count { (number(failed)) @if failed == 1 { " job failed" } @else { " jobs failed" } }
        @if !alone.is_empty() { (table(label, &alone, is_held, run, rule)) }
        @for (name, jobs) in matrices {
            details.group open[jobs.len() <= 3] {
                summary { b { (Foreign(name)) } " " span.small { (jobs.len()) " matrix jobs failed" } }
                (table(&format!("{label}: {name}"), jobs, is_held, run, rule))
            }
        }
        @if detail.more_jobs > 0 { p.small { "and " (number(detail.more_jobs)) " more" } }
    }
}

/// Jobs of one matrix are `NAME (VALUE, …)`. In the order of the first of each.
fn groups(jobs: &[FailedJob]) -> Vec<(&str, Vec<&FailedJob>)> {
    let mut groups: Vec<(&str, Vec<&FailedJob>)> = vec![];
    for job in jobs {
        let matrix = matrix(&job.name);
        match groups.iter_mut().find(|(name, _)| Some(*name) == matrix) {
            Some((_, jobs)) => jobs.push(job),
            None => groups.push((matrix.unwrap_or(&job.name), vec![job])),
        }
    }
    groups
}

fn matrix(name: &str) -> Option<&str> {
    let (name, _) = name.strip_suffix(')')?.split_once(" (")?;
    Some(name).filter(|name| !name.is_empty())
}

fn table(label: &str, jobs: &[&FailedJob], is_held: bool, run: &str, rule: &impl Fn(&str) -> Markup) -> Markup {
    scrollable(
        label,
        &html! {
            table {
                thead { tr {
                    th scope="col" { "Job" }
                    th scope="col" { "Failed step" }
                    th.w scope="col" { "Runner" }
                    th.n.w scope="col" { "Took" }
                    th scope="col" { "Policy says" }
                } }
                tbody { @for job in jobs { tr {
                    th.wrap scope="row" { @match job.job_id {
                        Some(id) => { a href={ (run) "/job/" (id) } title="The job and its log on GitHub" { (Foreign(&job.name)) } }
                        None => (Foreign(&job.name)),
                    } }
                    td.full { @match &job.step {
                        Some(step) => (Foreign(step)),
                        None => span.small { (job.conclusion.map_or("failed", Conclusion::as_str)) ", no step failed" },
                    }
                    @if let Some(code) = job.exit_code { span.small { ", exit code " (code) } }
                    @if let Some(interruption) = job.interruption { span.small { ", " (interruption.in_words()) } }
                    (findings(job)) }
                    td.w.any { @if let Some(runner) = &job.runner { (Foreign(runner)) } }
                    td.n.w { @if let Some(seconds) = job.duration_seconds { (amount(seconds)) } }
                    td.full {
                        (match job.action { Some(Action::Rerun) if is_held => "re-run, once the outage is over", Some(Action::Rerun) => "re-run", Some(Action::Leave) => "leave", Some(Action::Ignore) => "ignore", None => "" })
                        @if let Some(name) = &job.rule { span.small { " by rule " (rule(name)) } }
                        @if let Some(line) = job.line { span.small { ", log line " (line) } }
                    }
                } } }
            }
        },
    )
}

/// What was found out about why it failed.
fn findings(job: &FailedJob) -> Markup {
    html! {
        @if let Some(cause) = &job.cause {
            div.small { "Cause: " b { (Foreign(&cause.id)) } " (" (cause.class.as_str()) "), "
                @match cause.line { Some(line) => { "log line " (line) } None => "by an annotation" }
            }
        }
        @if let Some(RescueRate { judged, passed }) = job.rescue_rate {
            div.small { @if judged == 0 { "None of its re-runs ended in 30 days" } @else {
                "Rescue rate: " (number(passed)) " of " (number(judged)) " re-runs in 30 days"
            } }
        }
        @if let Some(fails) = job.base_failed {
            div.small { @if fails { "Also fails on the base branch" } @else { "Does not fail on the base branch" } }
        }
        @if job.source_annotation == Some(true) { div.small { "An annotation points at a file in the repository" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> FailedJob {
        serde_json::from_value(serde_json::json!({ "name": name, "job_id": 9 })).unwrap()
    }

    /// Seen to fail when each job is a group of its own.
    #[test]
    fn jobs_of_a_matrix_are_together() {
        let names = [
            "build (linux, 3.12)",
            "lint",
            "build (mac, 3.12)",
            "test (a)",
            "build",
            " (x)",
            "call / build (x)",
            "lint",
        ];
        let jobs: Vec<FailedJob> = names.into_iter().map(job).collect();
        let grouped: Vec<_> = groups(&jobs).into_iter().map(|(name, jobs)| (name, jobs.len())).collect();
        let expected =
            [("build", 2), ("lint", 1), ("test", 1), ("build", 1), (" (x)", 1), ("call / build", 1), ("lint", 1)];
        assert_eq!(grouped, expected);
        let detail = Detail { jobs, more_jobs: 3, ..Detail::default() };
        let page =
            failed_jobs("Jobs", &detail, false, "https://github.com/o/r/actions/runs/7", &|rule| html! { (rule) })
                .into_string();
        assert_eq!(page.matches("<details").count(), 1, "one alone needs no group");
        assert!(
            page.contains("11 jobs failed") && page.contains("2 matrix jobs failed") && page.contains("and 3 more")
        );
        assert_eq!(page.matches("https://github.com/o/r/actions/runs/7/job/9").count(), 8);
    }
}
