//! All repositories seen as one: what attempts failed with, which jobs are flaky, and which no re-run ever helped. It is made of
//! what each repository has published: one list, and the values of those in which most happened.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use maud::{Markup, html};

use crate::keeper::figures::CAUSE_NOT_KNOWN;
use crate::keeper::insights::{Insights, JobSums, WEEKS};
use crate::keeper::views::Rate;
use crate::names::RepoName;
use crate::names::order::sort_by_key;
use crate::policy::catalogue::Class;
use crate::time::Millis;
use crate::web::api::RepositoryEntry;
use crate::web::html::{Foreign, Frame, number, page, percent, scrollable};
use crate::web::{Backend, Rejection, chart};

use super::{INSIGHTS, OVERVIEW, job_and_step, last_seen, repository_path};

/// Values that are read: each is one read of Workers KV.
const REPOSITORIES: usize = 40;
const JOBS: usize = 25;

/// What was published of jobs, by repository.
pub struct Jobs {
    pub of: Vec<(RepoName, Insights)>,
    /// In so many more something happened.
    pub more: usize,
}

/// Reads what was published of the repositories in which most happened.
pub async fn jobs(backend: &impl Backend, entries: &[RepositoryEntry]) -> Result<Jobs, Rejection> {
    let happened = |entry: &&RepositoryEntry| entry.last_30_days.rescued + entry.last_30_days.exhausted;
    let mut lively: Vec<_> = entries.iter().filter(|entry| happened(entry) > 0 || !entry.causes.is_empty()).collect();
    sort_by_key(&mut lively, |entry| std::cmp::Reverse(happened(entry)));
    let more = lively.len().saturating_sub(REPOSITORIES);
    lively.truncate(REPOSITORIES);
    let read = join_all(lively.iter().map(|entry| backend.summary(&entry.repository))).await;
    let mut of = Vec::new();
    for (entry, summary) in lively.iter().zip(read) {
        let summary = summary.map_err(|fault| Rejection::unavailable("summary in Workers KV", fault))?;
        let insights = summary.and_then(|summary| summary.insights);
        of.extend(insights.map(|insights| (entry.repository.clone(), insights)));
    }
    Ok(Jobs { of, more })
}

pub fn insights(entries: &[RepositoryEntry], jobs: &Jobs, cursor: Option<&str>, now: Millis) -> String {
    let body = html! {
        h1 { "What fails, and whether re-runs help" }
        p.lead {
            "Across " (number(entries.len() as u64)) @if entries.len() == 1 { " repository" } @else { " repositories" }
            ", as each last reported."
        }
        (causes(entries))
        section {
            h2 #flaky-jobs { "Flaky jobs" }
            (table("Flaky jobs", &of_all(jobs, |it| &it.flaky, |job| job.passed), now,
                "They failed, then passed when re-run. The ones that passed most often in 30 days come first.",
                "No job passed on a re-run in the last 30 days."))
        }
        section {
            h2 #never-helped { "Jobs that re-runs never helped" }
            (table("Jobs that re-runs never helped", &of_all(jobs, |it| &it.never_helped, |job| job.reruns), now,
                "Re-run at least five times in 30 days, and never passed. A rule should leave them alone.",
                "Every job re-run five times or more in the last 30 days passed at least once."))
        }
        @if jobs.more > 0 {
            p.small {
                "Jobs are from the " (REPOSITORIES) " busiest repositories. " (number(jobs.more as u64))
                " more had failures; see their own pages."
            }
        }
        @if let Some(cursor) = cursor {
            @let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            p.pages { a href={ (INSIGHTS) "?cursor=" (cursor) } { "More repositories" } }
        }
    };
    let above = [(OVERVIEW, "Overview")];
    page(&Frame { title: "What fails, and whether re-runs help", above: &above, alerts: &[], at: Some(now) }, &body)
}

/// Of one cause, in each week: attempts, and repositories.
#[derive(Default)]
struct Sums([(u64, u64); WEEKS]);

fn causes(entries: &[RepositoryEntry]) -> Markup {
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    for entry in entries {
        for (cause, weeks) in &entry.causes.0 {
            let of_cause = &mut sums.entry(cause).or_default().0;
            for ((attempts, repositories), count) in of_cause.iter_mut().zip(weeks) {
                *attempts += count;
                *repositories += u64::from(*count > 0);
            }
        }
    }
    let mut rows: Vec<_> = sums.into_iter().collect();
    // Most first, week by week; what is not known comes last.
    sort_by_key(&mut rows, |(cause, sums)| (*cause == CAUSE_NOT_KNOWN, std::cmp::Reverse(sums.0)));
    html! {
        section {
            h2 #causes { "Causes over time" }
            @if rows.is_empty() {
                p.empty { "No failed attempt was recorded in the last four weeks." }
            } @else {
                (scrollable("Causes over time", &html! {
                    table.causes {
                        caption { span {
                            "Failed attempts. One with several causes counts under each. Causes are known only where the policy \
                             asks for them."
                        } }
                        thead { tr {
                            th scope="col" { "Cause" }
                            th scope="col" { "Last 7 days" }
                            th scope="col" { "8 to 14 days ago" }
                            th.w scope="col" { "15 to 21 days ago" }
                            th.w scope="col" { "22 to 28 days ago" }
                        } }
                        tbody { @for (cause, Sums(weeks)) in &rows {
                            tr {
                                th scope="row" { (cause_name(cause)) }
                                @for (week, (attempts, repositories)) in weeks.iter().enumerate() {
                                    td class=[(week > 1).then_some("w")] { (count(*attempts, *repositories)) }
                                }
                            }
                        } }
                    }
                }))
            }
        }
    }
}

fn count(attempts: u64, repositories: u64) -> Markup {
    html! {
        @if attempts == 0 { span.small { "none" } } @else {
            (number(attempts))
            span.small { " in " (number(repositories)) @if repositories == 1 { " repository" } @else { " repositories" } }
        }
    }
}

fn cause_name(cause: &str) -> Markup {
    match Class::parse(cause) {
        Some(class) => html! {
            (cause.replace('_', " "))
            @if class.is_infrastructure() { " " span.small { "infrastructure" } }
        },
        None if cause == CAUSE_NOT_KNOWN => html! { span.small { "not known" } },
        None => html! { (Foreign(cause)) },
    }
}

fn of_all(jobs: &Jobs, list: fn(&Insights) -> &Vec<JobSums>, rank: fn(&JobSums) -> u64) -> Vec<(&RepoName, &JobSums)> {
    let mut all: Vec<_> = jobs.of.iter().flat_map(|(name, of)| list(of).iter().map(move |job| (name, job))).collect();
    sort_by_key(&mut all, |(_, job)| std::cmp::Reverse((rank(job), job.failed)));
    all.truncate(JOBS);
    all
}

fn table(label: &str, rows: &[(&RepoName, &JobSums)], now: Millis, caption: &str, empty: &str) -> Markup {
    let id = label.replace(' ', "-").to_lowercase();
    html! {
        @if rows.is_empty() { p.empty { (empty) } } @else {
            (scrollable(label, &html! {
                table {
                    caption { span { (caption) } }
                    thead { tr {
                        th scope="col" { "Job and step" }
                        th.w scope="col" { "Repository" }
                        th.n scope="col" { "Failed" }
                        th.n scope="col" { "Re-runs passed" }
                        th.w scope="col" { "Rescue rate" }
                        th.n.w scope="col" { "Last seen" }
                    } }
                    tbody { @for (row, (repository, job)) in rows.iter().enumerate() {
                        tr {
                            th.wrap scope="row" { (job_and_step(&job.workflow, &job.job, &job.step)) }
                            td.w.wrap.half { a href=(repository_path(repository)) { (Foreign(repository.as_str())) } }
                            td.n { (number(job.failed)) }
                            td.n { (number(job.passed)) " of " (number(job.reruns)) }
                            td.w.one { @match Rate::of(job.passed, job.reruns) {
                                Some(rate) => { (percent(rate.permille)) (chart::interval(&format!("{id}-{row}"), rate)) }
                                None => span.small { "not known yet" },
                            } }
                            td.n.w { (last_seen(repository, job.last_run_id, job.last_seen, now)) }
                        }
                    } }
                }
            }))
        }
    }
}
