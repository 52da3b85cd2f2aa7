//! Outages that are not over: what runs fail with, how many are held, and what comes next.

use maud::{Markup, html};

use crate::keeper::outage_view::{HELD_COUNTED, OutageView};
use crate::names::RepoName;
use crate::time::Millis;
use crate::web::html::{Foreign, number, scrollable, when};

use super::{repository_path, run_path};

/// Those of one repository.
pub fn of_repository(repository: &RepoName, outages: &[OutageView], now: Millis) -> Markup {
    let rows: Vec<_> = outages.iter().map(|outage| (repository, outage)).collect();
    section(&rows, 0, false, now)
}

/// Those of several, and how many more there are.
pub fn of_all(rows: &[(&RepoName, &OutageView)], more: u64, now: Millis) -> Markup {
    section(rows, more, true, now)
}

fn section(rows: &[(&RepoName, &OutageView)], more: u64, with_repository: bool, now: Millis) -> Markup {
    html! {
        @if !rows.is_empty() || more > 0 {
            section {
                h2 #outages { "Outages" }
                p.small {
                    "Many runs fail in the same way, so their re-runs are held. One at a time is re-run as a probe; when it passes, \
                     the rest follow."
                }
                @if !rows.is_empty() { (scrollable("Outages", &table(rows, with_repository, now))) }
                @if more > 0 { p.pages { span.small { "and " (number(more)) " more" } } }
            }
        }
    }
}

fn table(rows: &[(&RepoName, &OutageView)], with_repository: bool, now: Millis) -> Markup {
    html! {
        table {
            thead { tr {
                @if with_repository { th scope="col" { "Repository" } }
                th scope="col" { "Failing with" }
                th.n scope="col" { "Since" }
                th.n scope="col" { "Held" }
                th scope="col" { "Probe" }
                th.n.w scope="col" { "Ends by" }
            } }
            tbody { @for (repository, outage) in rows { tr {
                @if with_repository { th.wrap scope="row" { a href=(repository_path(repository)) { (Foreign(repository.as_str())) } } }
                td { (failure(outage)) }
                td.n { (when(outage.since, now)) }
                td.n { (held(outage.held)) }
                td { (tried(repository, outage, now)) }
                td.n.w { (when(outage.ends, now)) }
            } } }
        }
    }
}

fn failure(outage: &OutageView) -> Markup {
    html! {
        @if let Some(cause) = &outage.cause {
            b { (Foreign(cause)) } @if let Some(class) = outage.class { " " span.small { (class.as_str()) } }
        } @else {
            "no known cause " span.small { "fingerprint " (Foreign(outage.fingerprint.as_deref().unwrap_or_default())) }
        }
    }
}

fn held(runs: u64) -> Markup {
    html! { @if runs >= HELD_COUNTED { "at least " } (number(runs)) @if runs == 1 { " run" } @else { " runs" } }
}

fn tried(repository: &RepoName, outage: &OutageView, now: Millis) -> Markup {
    html! {
        @match (outage.probe, outage.next_probe) {
            (Some(probe), _) => { a href=(run_path(repository, probe.run_id)) { "run " (probe.run_id) } ", running" },
            (None, Some(next)) => { "next " (when(next, now)) },
            (None, None) => {},
        }
    }
}
