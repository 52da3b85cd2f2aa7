//! What a policy means, in plain English.

use crate::names::Conclusion;
use crate::policy::file::{
    Action, Base, Budget, Commanders, Commands, Comparison, Conditions, DebugLogging, Filter, FlakyIssues, Forks,
    LeaveOrRerun, MAX_DELAY, Names, Numbers, Operator, Outage, Patterns, Policy, Rule, Scope,
};
use crate::policy::rerun_settings::RerunSettings;
use crate::time::Span;

use super::words::{count, quoted, times};

/// One sentence for each thing that the policy says, with what holds where it says nothing.
pub fn describe(policy: &Policy, settings: &RerunSettings) -> Vec<String> {
    let Policy {
        actors,
        branches,
        forks,
        events,
        workflows,
        skip_superseded,
        max_failed_jobs,
        stop_when_repeated,
        outage,
        budget,
        extends,
        rules: own,
        otherwise,
        mixed,
        absent_evidence,
        debug_logging,
        commands,
        flaky_issues,
        // In the first sentence.
        max_reruns: _,
        delay: _,
        backoff: _,
        max_delay: _,
        conclusions: _,
        scope: _,
        // They say nothing by themselves.
        version: _,
        automata: _,
        broken: _,
        origin: _,
        stated: _,
    } = policy;
    let mut lines = Vec::new();
    if !extends.is_empty() {
        lines.push(begins_with(extends));
    }
    lines.push(limit(policy, settings));
    lines.extend(filter(actors, "Runs started by", "Only runs started by"));
    lines.extend(filter(branches, "Runs on the branches", "Only runs on the branches"));
    lines.extend(filter(events, "Runs started by the events", "Only runs started by the events"));
    lines.extend(filter(workflows, "Runs of the workflows", "Only runs of the workflows"));
    if *forks == Forks::Leave {
        lines.push("Runs from forks are left alone.".to_owned());
    }
    let (is, but) = match skip_superseded {
        true => ("left alone", ""),
        false => ("re-run even", "; one of pull_request_target is not"),
    };
    let when = "when the pull request is closed, merged, or at another commit";
    lines.push(format!("A pull request's run is {is} {when}{but}."));
    lines.extend(max_failed_jobs.map(|most| {
        format!("A run in which more than {most} jobs failed is left alone: that is a real break, or an outage.")
    }));
    lines.extend(stop_when_repeated.map(|attempts| {
        format!("A run is left alone once the same jobs failed in the same way in {attempts} of its attempts.")
    }));
    if !own.is_empty() {
        lines.push("Each failed job takes the first of these rules that matches it:".to_owned());
        lines.extend(own.iter().zip(1..).map(|(rule, number)| format!("  {number}. {}", self::rule(rule))));
    }
    let which = if own.is_empty() { "A failed job" } else { "A failed job that no rule matches" };
    lines.push(format!("{which} {}.", action(*otherwise)));
    if !own.is_empty() {
        let all = match mixed {
            LeaveOrRerun::Leave => "If one failed job is to be left, the whole run is.",
            LeaveOrRerun::Rerun => "If one failed job is to be re-run, the run is, with all of its failed jobs.",
        };
        lines.push(all.to_owned());
    }
    if policy.goes_by_evidence() {
        let is = match absent_evidence {
            LeaveOrRerun::Leave => "left",
            LeaveOrRerun::Rerun => "re-run all the same",
        };
        lines.push(format!("A run that might have to be left is {is} if the evidence for that cannot be read."));
    }
    lines.extend(outage.map(|Outage { runs, within, probe_every, for_at_most }| {
        let when =
            format!("When {runs} runs have failed with the same cause within {within}, runs with that cause are held");
        format!("{when}: one is re-run every {probe_every} until it passes, for at most {for_at_most}.")
    }));
    lines.extend(self::budget(budget));
    match debug_logging {
        DebugLogging::Never => {}
        DebugLogging::Last => lines.push("The last possible re-run has runner debug logging.".to_owned()),
        DebugLogging::Always => lines.push("Re-runs have runner debug logging.".to_owned()),
    }
    lines.extend(self::commands(commands));
    lines.extend(flaky_issues.as_ref().map(|FlakyIssues { after, label, close_after }| {
        let closed = count(close_after.as_millis() / Span::days(1).as_millis(), "day");
        let label = quoted(label);
        format!(
            "A job that failed and then passed {} in 30 days gets an issue with the label {label}, which is closed when it has \
             not failed for {closed}.",
            times(*after)
        )
    }));
    lines
}

fn commands(commands: &Commands) -> Vec<String> {
    let Commands { who, workflows, per_hour } = commands;
    let who = match who {
        Commanders::Nobody => return vec![],
        Commanders::Collaborators => "Collaborators",
        Commanders::Authors => "Collaborators, and the pull request's author,",
    };
    let what = "have the failed runs of a pull request re-run once by the comment /rerun, whatever the rules say";
    let first = format!("{who} may {what}, or left alone by /rerun stop: {per_hour} such comments an hour at most.");
    let list = |names: &Names| any(names.texts().map(quoted));
    let included = included(workflows).map(|names| format!("/rerun re-runs only the workflows {}.", list(names)));
    let excluded = excluded(workflows).map(|names| format!("/rerun does not re-run the workflows {}.", list(names)));
    [Some(first), included, excluded].into_iter().flatten().collect()
}

fn begins_with(extends: &[Base]) -> String {
    let named: Vec<&str> = (extends.iter())
        .map(|base| match base {
            Base::Everything => "everything, which re-runs every failure",
            Base::Infrastructure => "infrastructure, which re-runs only infrastructure failures",
            Base::Careful => "careful, which re-runs infrastructure failures, and once jobs that re-runs often fix",
            Base::Organization => "the organization's policy file, in OWNER/.github",
        })
        .collect();
    let later = if extends.len() > 1 { "; later ones win" } else { "" };
    format!("It extends {}{later}. The result, this file's rules first:", named.join("; "))
}

fn limit(policy: &Policy, settings: &RerunSettings) -> String {
    let max = policy.max_reruns.unwrap_or(settings.max_reruns);
    let from = if policy.max_reruns.is_none() { " (the Worker's MAX_RERUNS)" } else { "" };
    if max == 0 && policy.rules.iter().all(|rule| rule.max_reruns.unwrap_or_default() == 0) {
        return format!("Nothing is re-run: max_reruns is 0{from}.");
    }
    let what = match policy.scope {
        Scope::FailedJobs => "its failed jobs are re-run",
        Scope::AllJobs => "all of its jobs are re-run",
    };
    let delay = policy.delay.unwrap_or(settings.delay);
    let wait = if delay == Span::ZERO { "at once".to_owned() } else { format!("{delay} later") };
    let most = policy.max_delay.unwrap_or(MAX_DELAY).max(delay);
    let growth = match policy.backoff {
        factor if factor > 1.0 => format!("; each further re-run waits {factor} times as long, up to {most}"),
        _ => String::new(),
    };
    let limit = if max == 0 { "only by rules of their own".to_owned() } else { format!("at most {}", times(max)) };
    let concluded = concluded(&policy.conclusions);
    format!("When a run has concluded {concluded}, {what} {wait}, {limit}{from}{growth}.")
}

fn filter(filter: &Filter, excluding: &str, including: &str) -> Vec<String> {
    let list = |names: &Names| any(names.texts().map(quoted));
    let included = included(filter).map(|names| format!("{including} {} are re-run.", list(names)));
    let excluded = excluded(filter).map(|names| format!("{excluding} {} are left alone.", list(names)));
    included.into_iter().chain(excluded).collect()
}

fn included(filter: &Filter) -> Option<&Names> {
    filter.include.as_ref().filter(|names| names.texts().all(|name| name != "*"))
}

fn excluded(filter: &Filter) -> Option<&Names> {
    filter.exclude.as_ref().filter(|names| names.texts().next().is_some())
}

fn rule(rule: &Rule) -> String {
    let Rule { name, conditions, action, max_reruns, delay, scope } = rule;
    let delay = delay.map_or_else(String::new, |delay| format!(", {delay} later"));
    let limit = max_reruns.map_or_else(String::new, |max| format!(", at most {} in a run", times(max)));
    let others = match scope {
        Some(Scope::AllJobs) => ", together with all other jobs of the run",
        Some(Scope::FailedJobs) | None => "",
    };
    let (conditions, action) = (self::conditions(conditions), self::action(*action));
    format!("{}: a job {conditions} {action}{delay}{limit}{others}.", quoted(name))
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Rerun => "is re-run",
        Action::Leave => "is left to its author",
        Action::Ignore => "is ignored",
    }
}

fn conditions(conditions: &Conditions) -> String {
    let Conditions {
        workflow,
        branch,
        fork,
        event,
        actor,
        attempt,
        job,
        step,
        runner,
        label,
        conclusion,
        lost_runner,
        exit_code,
        source_annotation,
        annotation,
        rescue_rate,
        base_failed,
        cause,
        log,
    } = conditions;
    fn one_of<T>(list: &Option<T>, what: &str, any: impl FnOnce(&T) -> String) -> Option<String> {
        list.as_ref().map(|list| format!("{what} {}", any(list)))
    }
    let names = |names, what| one_of(names, what, |names: &Names| any(names.texts().map(quoted)));
    let numbers = |list, what| one_of(list, what, |list: &Numbers| any(list.0.iter().map(ToString::to_string)));
    let regex = |text: &str| format!("/{text}/");
    let patterns = |list, what| one_of(list, what, |patterns: &Patterns| any(patterns.texts().map(regex)));
    [
        names(workflow, "of the workflow"),
        names(branch, "on the branch"),
        fork.map(|fork| if fork { "of a run from a fork" } else { "of a run that is not from a fork" }.to_owned()),
        names(event, "of a run started by the event"),
        names(actor, "of a run started by"),
        numbers(attempt, "of attempt"),
        names(job, "named"),
        names(step, "that failed at step"),
        names(runner, "on the runner"),
        names(label, "with the label"),
        one_of(conclusion, "that concluded", |list| concluded(list)),
        lost_runner.map(|lost| if lost { "whose runner was lost" } else { "whose runner was not lost" }.to_owned()),
        numbers(exit_code, "with exit code"),
        source_annotation.map(|points| {
            let has = if points { "with an annotation" } else { "with no annotation" };
            format!("{has} that points at a file of the repository")
        }),
        patterns(annotation, "with an annotation that matches"),
        one_of(rescue_rate, "whose re-runs passed", |list| format!("{} of the time", any(list.0.iter().map(percent)))),
        base_failed.map(|fails| {
            if fails { "that fails on the base branch too" } else { "that does not fail on the base branch" }.to_owned()
        }),
        one_of(cause, "with the cause", |causes| any(causes.texts().map(str::to_owned))),
        patterns(log, "whose log has near its end a line that matches"),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

/// `at least 30%`.
fn percent(percent: &Comparison) -> String {
    let Comparison { operator, number } = percent;
    let words = match operator {
        Operator::Is => "",
        Operator::IsNot => "any part but ",
        Operator::AtLeast => "at least ",
        Operator::AtMost => "at most ",
        Operator::Above => "more than ",
        Operator::Below => "less than ",
    };
    format!("{words}{number}%")
}

fn concluded(conclusions: &[Conclusion]) -> String {
    any(conclusions.iter().map(|conclusion| conclusion.as_str().to_owned()))
}

fn budget(budget: &Budget) -> Option<String> {
    let Budget { reruns_per_hour, reruns_per_day, minutes_per_day } = budget;
    let parts = [
        reruns_per_hour.map(|n| format!("{n} re-runs an hour")),
        reruns_per_day.map(|n| format!("{n} re-runs a day")),
        minutes_per_day.map(|n| format!("{n} runner minutes of re-runs a day")),
    ];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    (!parts.is_empty()).then(|| format!("The repository has no more than {parts}; what is beyond is left alone."))
}

/// `a`, `a or b`, `a, b or c`.
fn any(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
