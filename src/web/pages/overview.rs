//! All repositories: one list in Workers KV.

use std::cmp::Reverse;

use maud::{Markup, html};

use crate::keeper::judgement::RerunFigures;
use crate::keeper::store::statistics::Figures;
use crate::names::order::sort_by_key;
use crate::names::string_enum;
use crate::settings::{Glob, Settings};
use crate::time::Millis;
use crate::web::chart;
use crate::web::html::{Alert, Foreign, Frame, amount, number, page, percent, scrollable, tile, when};
use crate::web::repositories::{PublishedPrecision, RepositoryEntry};

use super::{
    INSIGHTS, OVERVIEW, left_alone, policy_problem, precision, refused, repository_path, repository_problem,
    settings_alerts,
};

/// Alerts for single repositories; the rest is in the table.
const ALERTS: usize = 5;
/// Those that are shown one by one.
const OUTAGES: usize = 50;

string_enum! {
    /// By what the table of repositories is sorted.
    pub enum Sort {
        Name = "name",
        /// Those with the most exhausted runs first.
        Failures = "failures",
        Rescued = "rescued",
        /// The last one first.
        Webhook = "webhook",
        Decision = "decision",
    }
}

impl Sort {
    fn in_words(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Failures => "most exhausted",
            Self::Rescued => "most rescued",
            Self::Webhook => "last webhook",
            Self::Decision => "last decision",
        }
    }
}

/// Which repositories the table has, and in which order.
pub struct Find {
    /// A part of the name, in which `*` stands for any characters.
    pub name: Option<String>,
    pub sort: Sort,
}

impl Find {
    fn among<'a>(&self, entries: &'a [RepositoryEntry]) -> Vec<&'a RepositoryEntry> {
        let glob = self.name.as_ref().map(|name| Glob::new(&format!("*{name}*")));
        let is_one =
            |entry: &&RepositoryEntry| glob.as_ref().is_none_or(|glob| glob.matches(entry.repository.as_str()));
        let mut found: Vec<_> = entries.iter().filter(is_one).collect();
        // Stable: by name, as they come, where they are equal.
        sort_by_key(&mut found, |entry| {
            let figures = &entry.last_30_days;
            Reverse(match self.sort {
                Sort::Name => 0,
                Sort::Failures => i64::try_from(figures.exhausted).unwrap_or(i64::MAX),
                Sort::Rescued => i64::try_from(figures.rescued).unwrap_or(i64::MAX),
                Sort::Webhook => entry.last_webhook.map_or(0, |time| time.0),
                Sort::Decision => entry.last_decision.map_or(0, |time| time.0),
            })
        });
        found
    }

    /// The address that shows them.
    fn path(&self, cursor: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let sort = Some(self.sort.as_str()).filter(|_| self.sort != Sort::Name);
        for (name, value) in [("name", self.name.as_deref()), ("sort", sort), ("cursor", cursor)] {
            value.into_iter().for_each(|value| {
                query.append_pair(name, value);
            });
        }
        format!("{OVERVIEW}?{}", query.finish())
    }
}

pub fn overview(
    entries: &[RepositoryEntry],
    settings: &Settings,
    find: &Find,
    cursor: Option<&str>,
    now: Millis,
) -> String {
    // Of days, it is not published.
    let left = entries.iter().map(|entry| entry.totals.left).sum();
    let mut alerts = settings_alerts(settings, &left_alone("So far", left));
    alerts.extend(repository_alerts(entries));
    let sums = sums(entries);
    let body = html! {
        h1 { "Overview" }
        @if !entries.is_empty() {
            p.lead { a href=(INSIGHTS) { "What fails, and whether re-runs help" } ", across all repositories" }
        }
        @if entries.is_empty() {
            (nothing_yet())
        } @else {
            (tiles(entries, sums.as_ref().map(|sums| &sums.total)))
            (outages(entries, now))
            section {
                h2 #repositories { "Repositories" }
                (form(find))
                @let found = find.among(entries);
                @if found.is_empty() {
                    p.empty {
                        @if cursor.is_some() { "None of these " (number(entries.len() as u64)) " repository names" }
                        @else { "No repository name" } " contains "
                        (Foreign(find.name.as_deref().unwrap_or_default())) "."
                    }
                } @else {
                    (scrollable("Repositories", &table(&found, now)))
                }
                @if let Some(cursor) = cursor {
                    p.pages { a href=(find.path(Some(cursor))) { "More repositories" } }
                }
            }
            @if let Some(sums) = &sums {
                section {
                    h2 #precision { "Results of re-runs" }
                    (reruns(sums))
                    @let unknown = entries.iter().filter(|entry| entry.precision.is_none()).count();
                    @if unknown > 0 { p.pages { span.small {
                        "Not known for " (unknown) @if unknown == 1 { " repository." } @else { " repositories." }
                    } } }
                }
            }
            p.small {
                "Figures cover the last 30 days, in UTC. A row is updated when something happens in its repository: at most \
                 once a minute, less often on busy days. A repository's own page is always current, and shows results by rule."
            }
        }
    };
    page(&Frame { title: "Overview", above: &[], alerts: &alerts, at: Some(now) }, &body)
}

fn form(find: &Find) -> Markup {
    html! {
        form.find method="get" action=(OVERVIEW) aria-label="Find repositories" {
            label { span { "Name contains" } input.field type="text" name="name" value=[find.name.as_deref()] autocomplete="off" spellcheck="false"; }
            label {
                span { "Sort by" }
                select.field name="sort" {
                    @for sort in Sort::ALL {
                        option value=(sort.as_str()) selected[sort == find.sort] { (sort.in_words()) }
                    }
                }
            }
            div.act {
                button.button type="submit" { "Show" }
                @if find.name.is_some() || find.sort != Sort::Name { " " a href=(OVERVIEW) { "Clear" } }
            }
        }
    }
}

/// When something was heard of, if it is known.
pub fn heard(time: Option<Millis>, now: Millis) -> Markup {
    html! { @match time { Some(time) => (when(time, now)), None => "not known" } }
}

fn repository_alerts(entries: &[RepositoryEntry]) -> Vec<Alert> {
    let about = |entry: &RepositoryEntry, alert: Alert| Alert {
        what: html! { a href=(repository_path(&entry.repository)) { (Foreign(entry.repository.as_str())) } ": " (alert.what) },
        ..alert
    };
    // A token is the same for all: said once.
    let refusal = entries.iter().find_map(|entry| Some(about(entry, refused(entry.credentials_refused.as_ref()?))));
    let mut alerts = Vec::from_iter(refusal);
    for entry in entries {
        alerts.extend(entry.repository_problem.as_deref().map(|problem| about(entry, repository_problem(problem))));
        alerts.extend(entry.policy_problem.as_deref().map(|problem| about(entry, policy_problem(problem))));
    }
    let paused: Vec<&RepositoryEntry> = entries.iter().filter(|entry| entry.paused).collect();
    if !paused.is_empty() {
        alerts.push(Alert {
            serious: false,
            what: html! {
                "Paused: "
                @for (place, entry) in paused.iter().take(ALERTS).enumerate() {
                    @if place > 0 { ", " }
                    a href=(repository_path(&entry.repository)) { (Foreign(entry.repository.as_str())) }
                }
                @if paused.len() > ALERTS { " and " (paused.len() - ALERTS) " more" }
            },
            remedy: html! { "Nothing is re-run there. Resume each on its own page." },
        });
    }
    alerts.truncate(ALERTS);
    alerts
}

fn outages(entries: &[RepositoryEntry], now: Millis) -> Markup {
    let each = |entry: &'_ RepositoryEntry| entry.outages.len() as u64 + entry.more_outages;
    let all: u64 = entries.iter().map(each).sum();
    let rows = entries.iter().flat_map(|entry| entry.outages.iter().map(|outage| (&entry.repository, outage)));
    let rows: Vec<_> = rows.take(OUTAGES).collect();
    super::outages::of_all(&rows, all.saturating_sub(rows.len() as u64), now)
}

/// Of all repositories of which it is known.
fn sums(entries: &[RepositoryEntry]) -> Option<PublishedPrecision> {
    let mut known = entries.iter().filter_map(|entry| entry.precision.as_ref()).map(|precision| &precision.sums);
    let first = known.next()?.clone();
    Some(known.fold(first, |sum, sums| sum.plus(sums)).into())
}

fn reruns(precision: &PublishedPrecision) -> Markup {
    let PublishedPrecision { total, by_rerun, by_policy, sums: _ } = precision;
    precision::table(&precision::Shown { total, by_rerun, by_policy: by_policy.as_deref(), by_rule: &[] })
}

fn tiles(entries: &[RepositoryEntry], reruns: Option<&RerunFigures>) -> Markup {
    let all = entries.iter().map(|entry| entry.last_30_days).fold(Figures::default(), Figures::plus);
    let sum = |of: fn(&RepositoryEntry) -> u64| entries.iter().map(of).sum::<u64>();
    let (waiting, rerunning) = (sum(|entry| entry.waiting), sum(|entry| entry.rerunning));
    html! {
        dl.tiles {
            (tile("Rescued", &number(all.rescued), &rate(all)))
            (tile("Exhausted", &number(all.exhausted), &html! { "given up after the last re-run" }))
            (tile("Waiting", &number(waiting), &html! { (number(rerunning)) " re-running" }))
            (tile("Re-runs today", &number(sum(|entry| entry.reruns_today)), &html! { (number(all.reruns)) " in 30 days" }))
            (precision::tiles(reruns))
            (tile("Runner time spent", &amount(all.runner_seconds), &html! { "on re-runs" }))
            (tile("Waiting saved", &amount(all.saved_seconds), &html! { "nobody had to watch" }))
        }
    }
}

pub fn rate(figures: Figures) -> Markup {
    let decided = figures.rescued + figures.exhausted;
    html! {
        @if let Some(permille) = (figures.rescued * 1_000).checked_div(decided) {
            (percent(u32::try_from(permille).unwrap_or_default())) " of runs that were re-run"
        } @else { "in 30 days" }
    }
}

fn table(entries: &[&RepositoryEntry], now: Millis) -> Markup {
    html! {
        table.repositories {
            thead { tr {
                th scope="col" { "Repository" }
                th scope="col" { "30 days" }
                th.n scope="col" { "Rescued" }
                th.n scope="col" { "Exhausted" }
                th.n.w scope="col" { "Re-runs that passed" }
                th.n scope="col" { "In progress" }
                th.n scope="col" { "Re-runs today" }
                th.n.w scope="col" { "Runner time" }
                th.n.w scope="col" { "Waiting saved" }
                th.n.x scope="col" { "Last webhook" }
            } }
            tbody {
                @for (row, entry) in entries.iter().enumerate() {
                    tr {
                        th.wrap scope="row" {
                            a href=(repository_path(&entry.repository)) { (Foreign(entry.repository.as_str())) }
                            @if entry.paused { span.tag { "paused" } }
                            @if entry.credentials_refused.is_some() { span.tag { "token refused" } }
                            @if entry.repository_problem.is_some() { span.tag { "no access" } }
                            @if entry.policy_problem.is_some() { span.tag { "invalid policy" } }
                            @if entry.held_runs > 0 { span.tag { (number(entry.held_runs)) " held" } }
                        }
                        td { (chart::sparkline(&format!("days-{row}"), &entry.by_day, no_bars(entry))) }
                        td.n { (number(entry.last_30_days.rescued)) }
                        td.n { (number(entry.last_30_days.exhausted)) }
                        td.n.w { (entry.precision.as_ref().map_or_else(|| "unknown".to_owned(), |it| precision::precision(&it.total))) }
                        td.n { (number(entry.waiting + entry.rerunning)) }
                        td.n { (number(entry.reruns_today)) @if let Some(budget) = entry.reruns_per_day { " of " (number(budget)) } }
                        td.n.w { (amount(entry.last_30_days.runner_seconds)) }
                        td.n.w { (amount(entry.last_30_days.saved_seconds)) }
                        td.n.x.t {
                            (heard(entry.last_webhook, now))
                            @if entry.last_decision.is_some() { div.small { "decided " (heard(entry.last_decision, now)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Why a repository has no bar: nothing was rescued or exhausted, which is not to say that nothing failed.
fn no_bars(entry: &RepositoryEntry) -> &'static str {
    match (entry.totals.left, entry.waiting + entry.rerunning) {
        (1.., _) if entry.last_30_days.reruns == 0 => "none re-run",
        (1.., _) => "none rescued",
        (0, 1..) => "none ended yet",
        (0, 0) => "no runs",
    }
}

fn nothing_yet() -> Markup {
    html! {
        section {
            h2 { "Nothing has been recorded yet" }
            p {
                "A repository appears here once a run or job in it ends. To connect one, open " b { "Settings → Webhooks" }
                " of the repository or organization on GitHub. The payload URL is this Worker's address, the content type "
                code { "application/json" } ", the secret " code { "WEBHOOK_SECRET" } ", and the event " b { "Workflow runs" } "."
            }
            p { "GitHub sends a ping at once; the answer is under " b { "Recent Deliveries" } ". "
                a href="/healthz" { code { "/healthz" } } " says whether the Worker is set up." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::store::statistics::Totals;
    use crate::keeper::summary::Summary;
    use crate::names::RepoName;

    /// Seen to fail when what was left alone, or has not ended, is no run.
    #[test]
    fn no_bars_are_not_always_no_runs() {
        let at = Millis(1_795_446_245_000);
        let entry = |left, waiting, reruns| {
            let totals = Totals { left, waiting, ..Totals::default() };
            let days = [(at.day(), Figures { reruns, ..Figures::default() })];
            RepositoryEntry::of(Summary::new(RepoName::parse("octo/widgets").unwrap(), at, totals, &days), at)
        };
        for (left, waiting, reruns, said) in
            [(0, 0, 0, "no runs"), (0, 5, 0, "none ended yet"), (2, 5, 0, "none re-run"), (2, 0, 1, "none rescued")]
        {
            assert_eq!(no_bars(&entry(left, waiting, reruns)), said);
        }
    }
}
