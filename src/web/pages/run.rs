//! One run: what is next, its attempts in time, what was decided on each and why, what came of it, and where all that is on GitHub.

use maud::{Markup, html};

use crate::escape::bounded;
use crate::keeper::run_page::{RulePlace, RunPageView};
use crate::keeper::views::{DecisionView, OneRunView, RunView};
use crate::names::RunAttempt;
use crate::policy::{Detail, RunOutcome};
use crate::settings::Settings;
use crate::time::Millis;
use crate::web::html::{Alert, Foreign, Frame, Sentence, exact, held, number, outcome, page, state_link, when};

use super::jobs::failed_jobs;
use super::runs::why;
use super::{OVERVIEW, precision, repository_path, settings_alerts};

/// What a command has decided.
const COMMAND: &str = "command";

/// What each part of the page needs.
struct Shown<'a> {
    view: &'a RunPageView,
    settings: &'a Settings,
    web_url: &'a str,
    /// The run on GitHub.
    github: String,
}

pub fn run(view: &RunPageView, settings: &Settings) -> String {
    let web_url = settings.github_web_url();
    let OneRunView { repository, at: now, run, decisions } = &view.one;
    let github = format!("{web_url}/{repository}/actions/runs/{}", run.run_id);
    let shown = Shown { view, settings, web_url: &web_url, github };
    let workflow = run.workflow.as_deref().unwrap_or("Run");
    let mut alerts = settings_alerts(settings, &Markup::default());
    alerts.extend(view.paused_since.map(|since| Alert {
        serious: false,
        what: html! { "Re-runs in this repository have been paused since " (exact(since)) "." },
        remedy: html! {
            "Failures are recorded, and decided on once somebody resumes re-runs on "
            a href=(repository_path(repository)) { "the repository's page" } "."
        },
    }));
    let body = html! {
        h1 { (Foreign(workflow)) " " span.small { @match run.run_number { Some(number) => { "#" (number) } None => (run.run_id) } } }
        p.lead {
            (state_link(run, view.paused_since.is_some())) " "
            (Sentence(why(run, view.paused_since.is_some())))
        }
        section {
            h2 { "At a glance" }
            (shown.facts())
        }
        section {
            h2 { "What happened" }
            ol.steps {
                @for place in 0..decisions.len() { (shown.step(place)) }
                @if let Some(next) = shown.next() { (next) }
                @else if decisions.is_empty() { li { h3 { "No decision yet." } } }
            }
        }
    };
    let above = [(OVERVIEW, "Overview"), (&repository_path(repository), repository.as_str())];
    let title = format!("{} {}", bounded(workflow, 60), run.run_id);
    page(&Frame { title: &title, above: &above, alerts: &alerts, at: Some(*now) }, &body)
}

impl Shown<'_> {
    fn facts(&self) -> Markup {
        let OneRunView { at: now, run, .. } = &self.view.one;
        html! {
            dl.facts {
                @if let Some(title) = &run.title { dt { "Title" } dd { (Foreign(title)) } }
                @if let Some(branch) = &run.branch { dt { "Branch" } dd { (Foreign(branch)) } }
                @if let Some(commit) = &self.view.commit {
                    @let short: String = commit.as_str().chars().take(8).collect();
                    dt { "Commit" } dd { a href={ (self.repository()) "/commit/" (commit) } { code { (short) } } }
                }
                @if let Some((href, text)) = self.pull_request() { dt { "Pull request" } dd { a href=(href) { (text) } } }
                @if let Some(event) = &run.event { dt { "Started by" } dd {
                    (Foreign(event)) @if let Some(actor) = &run.actor { " by " (Foreign(actor)) }
                } }
                dt { "On GitHub" } dd { a href=(self.github) { "the run and its logs" } }
                @if let Some(attempt) = run.run_attempt { dt { "Latest attempt" } dd {
                    a href=(self.attempt(attempt)) { "attempt " (attempt) }
                } }
                dt { "Re-runs" } dd { (number(run.reruns.into())) }
                @if let Some(since) = run.held_since { dt { "Held since" } dd { (exact(since)) ", " (when(since, *now)) } }
                dt { "First failure" } dd { (exact(run.created)) ", " (when(run.created, *now)) }
                dt { "Last change" } dd { (exact(run.updated)) ", " (when(run.updated, *now)) }
            }
        }
    }

    fn repository(&self) -> String {
        format!("{}/{}", self.web_url, self.view.one.repository)
    }

    fn attempt(&self, attempt: RunAttempt) -> String {
        format!("{}/attempts/{attempt}", self.github)
    }

    /// Where its number is not known, GitHub finds it by the commit.
    fn pull_request(&self) -> Option<(String, String)> {
        let RunPageView { one, commit, pull_request, .. } = self.view;
        if let Some(number) = pull_request {
            return Some((format!("{}/pull/{number}", self.repository()), format!("#{number}")));
        }
        let event = one.run.event.as_deref().unwrap_or_default();
        let commit = commit.as_ref().filter(|_| event.starts_with("pull_request"))?;
        Some((format!("{}/pulls?q=is%3Apr+{commit}", self.repository()), "find it by the commit".to_owned()))
    }

    /// With its place in the policy file, where that has it.
    fn rule(&self, name: &str) -> Markup {
        let place = self.view.rules.iter().find(|place| place.rule == name);
        html! {
            @match place {
                Some(RulePlace { repository, path, line, .. }) => {
                    a href={ (self.web_url) "/" (repository) "/blob/HEAD/" (path.encoded()) "#L" (line) }
                        title={ (path) ", line " (line) } { b { (Foreign(name)) } }
                }
                None => b { (Foreign(name)) },
            }
        }
    }

    /// What it was decided by, and that it had nothing to say where no rule is named.
    fn policy(&self, detail: &Detail) -> Markup {
        let Some(policy) = detail.policy.as_deref() else { return Markup::default() };
        let has_rule = !detail.rules.is_empty() || detail.jobs.iter().any(|job| job.rule.is_some());
        html! {
            p.small {
                "Policy: " (precision::policy(Some(policy)))
                @if policy == self.settings.default_policy.as_str() { " (" code { "DEFAULT_POLICY" } ")" }
                @if !has_rule && !detail.jobs.is_empty() && policy != COMMAND { "; no rule matched" }
            }
        }
    }

    fn step(&self, place: usize) -> Markup {
        let Some(decision) = self.view.one.decisions.get(place) else { return Markup::default() };
        let (detail, now) = (&decision.detail, self.view.one.at);
        html! {
            li class={ "s-" (decision.outcome.as_str()) } {
                h3 {
                    @if let Some(attempt) = decision.run_attempt {
                        a href=(self.attempt(attempt)) { "Attempt " (attempt) }
                    } @else { "An attempt" }
                    // What was begun then may have ended long since.
                    @if decision.outcome == RunOutcome::Rerunning { span.outcome.rerunning { span aria-hidden="true" { "↻" } " re-run" } }
                    // Of what waits, nothing else is on record.
                    @else if decision.outcome == RunOutcome::Waiting { (held()) }
                    @else { (outcome(decision.outcome)) }
                    span.small { (exact(decision.decided)) ", " (when(decision.decided, now)) }
                }
                p { (Sentence(&decision.reason)) }
                @if let Some(answer) = github_answered(decision) { p.small { "GitHub: " (answer) } }
                (self.policy(detail))
                @if !detail.rules.is_empty() {
                    p.small { "By rule " @for (place, rule) in detail.rules.iter().enumerate() {
                        @if place > 0 { ", " } (self.rule(rule))
                    } }
                }
                @if !detail.jobs.is_empty() {
                    @let is_held = decision.outcome == RunOutcome::Waiting;
                    (failed_jobs(&format!("Failed jobs of decision {}", place + 1), detail, is_held, &self.github, &|rule| self.rule(rule)))
                }
                @if !detail.fetched.is_empty() { p.small { "Read: " (list(&detail.fetched)) "." } }
                @if !detail.absent.is_empty() { p.small { "Could not be read: " (list(&detail.absent)) "." } }
                @if !detail.doubts.is_empty() { p.small { "Might have changed the decision: " (list(&detail.doubts)) "." } }
                @if let Some(end) = self.what_came_of(place) { p.end { (end) } }
            }
        }
    }

    /// Of a re-run, what its attempt came to.
    fn what_came_of(&self, place: usize) -> Option<Markup> {
        let OneRunView { run, decisions, .. } = &self.view.one;
        let (decision, later) = decisions.get(place..)?.split_first()?;
        let attempt = decision.run_attempt.filter(|_| decision.outcome == RunOutcome::Rerunning)?;
        let next = RunAttempt::new(attempt.get() + 1)?;
        let said = later.iter().find(|later| later.run_attempt >= Some(next));
        let link = html! { a href=(self.attempt(next)) { "Attempt " (next) } };
        match said.map(|said| said.outcome) {
            Some(RunOutcome::Rescued) => Some(html! { "→ " (link) " passed." }),
            Some(_) => Some(html! { "→ " (link) " did not pass." }),
            None if run.outcome == RunOutcome::Rerunning => Some(html! { "→ " (link) " is running." }),
            // It failed, and waits for its decision.
            None if run.run_attempt >= Some(next) => Some(html! { "→ " (link) " did not pass." }),
            None => None,
        }
    }

    /// What is to come, if anything is, and when.
    fn next(&self) -> Option<Markup> {
        let OneRunView { at: now, run, .. } = &self.view.one;
        let due = run.due?;
        let is_paused = self.view.paused_since.is_some();
        Some(html! {
            li.s-waiting {
                h3 { "Next" @if !is_paused { span.small { (exact(due)) ", " (when(due, *now)) } } }
                @if is_paused {
                    p { "Nothing until somebody resumes re-runs. Then Rerunner decides." }
                } @else {
                    p { (Sentence(&run.reason)) " " (what_next(run, due, *now)) }
                }
            }
        })
    }
}

fn what_next(run: &RunView, due: Millis, now: Millis) -> Markup {
    let when = when(due, now);
    match run.outcome {
        RunOutcome::Rerunning => html! {
            "Rerunner acts when GitHub reports that the attempt has ended. It asks " (when) " if no webhook comes."
        },
        RunOutcome::Waiting if run.held_since.is_some() => html! { "Rerunner checks again " (when) "." },
        RunOutcome::Waiting => html! { "Rerunner reads what failed and decides " (when) "." },
        _ => html! { "Rerunner tries again " (when) "." },
    }
}

/// What the call for a re-run was answered; a refusal's own words are in the reason.
fn github_answered(decision: &DecisionView) -> Option<&'static str> {
    match decision.outcome {
        RunOutcome::Rerunning if decision.reason.contains("the answer was lost") => {
            Some("no answer arrived, but the next attempt exists")
        }
        RunOutcome::Rerunning => Some("accepted the re-run (201)"),
        _ => None,
    }
}

fn list(texts: &[String]) -> Markup {
    html! { @for (place, text) in texts.iter().take(40).enumerate() { @if place > 0 { ", " } (Sentence(text)) } }
}
