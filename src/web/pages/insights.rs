//! All repositories seen as one, as a page.

use maud::{Markup, html};

use crate::keeper::figures::CAUSE_NOT_KNOWN;
use crate::policy::catalogue::Class;
use crate::time::Millis;
use crate::web::chart;
use crate::web::html::{Foreign, Frame, number, page, percent, scrollable};
use crate::web::insights::{AllInsights, CauseOverTime, JobOfRepository, REPOSITORIES, WeekOfCause};

use super::{INSIGHTS, OVERVIEW, job_and_step, last_seen, repository_path};

pub fn insights(all: &AllInsights, now: Millis) -> String {
    let body = html! {
        h1 { "What fails, and whether re-runs help" }
        p.lead {
            "Across " (number(all.repositories)) @if all.repositories == 1 { " repository" } @else { " repositories" }
            ", as each last reported."
        }
        (causes(&all.causes))
        section {
            h2 #flaky-jobs { "Flaky jobs" }
            (table("Flaky jobs", &all.flaky_jobs, now,
                "They failed, then passed when re-run. The ones that passed most often in 30 days come first.",
                "No job passed on a re-run in the last 30 days."))
        }
        section {
            h2 #never-helped { "Jobs that re-runs never helped" }
            (table("Jobs that re-runs never helped", &all.never_helped, now,
                "Re-run at least five times in 30 days, and never passed. A rule should leave them alone.",
                "Every job re-run five times or more in the last 30 days passed at least once."))
        }
        @if all.more_repositories > 0 {
            p.small {
                "Jobs are from the " (REPOSITORIES) " busiest repositories. " (number(all.more_repositories))
                " more had failures; see their own pages."
            }
        }
        @if let Some(cursor) = &all.next_cursor {
            @let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            p.pages { a href={ (INSIGHTS) "?cursor=" (cursor) } { "More repositories" } }
        }
    };
    let above = [(OVERVIEW, "Overview")];
    page(&Frame { title: "What fails, and whether re-runs help", above: &above, alerts: &[], at: Some(now) }, &body)
}

fn causes(rows: &[CauseOverTime]) -> Markup {
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
                        tbody { @for CauseOverTime { cause, infrastructure, weeks } in rows {
                            tr {
                                th scope="row" { (cause_name(cause, *infrastructure)) }
                                @for (week, sums) in weeks.iter().enumerate() {
                                    td class=[(week > 1).then_some("w")] { (count(*sums)) }
                                }
                            }
                        } }
                    }
                }))
            }
        }
    }
}

fn count(WeekOfCause { attempts, repositories }: WeekOfCause) -> Markup {
    html! {
        @if attempts == 0 { span.small { "none" } } @else {
            (number(attempts))
            span.small { " in " (number(repositories)) @if repositories == 1 { " repository" } @else { " repositories" } }
        }
    }
}

/// A class of the catalogue, or an entry.
fn cause_name(cause: &str, is_infrastructure: bool) -> Markup {
    html! {
        @if cause == CAUSE_NOT_KNOWN { span.small { "not known" } }
        @else if Class::parse(cause).is_some() { (cause.replace('_', " ")) }
        @else { (Foreign(cause)) }
        @if is_infrastructure { " " span.small { "infrastructure" } }
    }
}

fn table(label: &str, rows: &[JobOfRepository], now: Millis, caption: &str, empty: &str) -> Markup {
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
                    tbody { @for (row, job) in rows.iter().enumerate() {
                        tr {
                            th.wrap scope="row" { (job_and_step(&job.workflow, &job.job, &job.step)) }
                            td.w.wrap.half { a href=(repository_path(&job.repository)) { (Foreign(job.repository.as_str())) } }
                            td.n { (number(job.failed)) }
                            td.n { (number(job.passed)) " of " (number(job.reruns)) }
                            td.w.one { @match job.rescue_rate {
                                Some(rate) => { (percent(rate.permille)) (chart::interval(&format!("{id}-{row}"), rate)) }
                                None => span.small { "not known yet" },
                            } }
                            td.n.w { (last_seen(&job.repository, job.last_run_id, job.last_seen, now)) }
                        }
                    } }
                }
            }))
        }
    }
}
