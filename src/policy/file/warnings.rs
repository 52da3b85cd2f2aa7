//! What a valid policy file says and hardly means: rules that can never match, events that GitHub does not have, numbers that
//! nothing has. It holds all the same, so that a new event of GitHub's never makes a file invalid.
//!
//! For people who write a file (`rerunner check`); the Worker does not ask.

use crate::names::order::sort_by_key;
use crate::names::{Conclusion, nearest};
use crate::policy::Action;
use crate::policy::catalogue::Class;
use crate::settings::MAX_RERUNS_LIMIT;

use super::base::Base;
use super::error::{PolicyError, within_lines};
use super::format::{Conditions, Filter, Forks, Policy, Rule};
use super::values::{Cause, Causes, Names, Numbers};
use super::yaml::{self, Node, Place, Value};

/// What a run's event can be (GitHub Docs, "Events that trigger workflows"). `dynamic` is of runs that GitHub itself starts.
pub const EVENTS: &[&str] = &[
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "dynamic",
    "fork",
    "gollum",
    "image_version",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "project",
    "project_card",
    "project_column",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_target",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "schedule",
    "status",
    "watch",
    "workflow_dispatch",
    "workflow_run",
];

/// Of these a run is never one of a fork's branch.
const OWN_EVENTS: &[&str] = &["push", "schedule", "merge_group", "create", "delete"];

/// In the order of the file, whose text was read as this policy.
pub fn warnings(text: &str, policy: &Policy) -> Vec<PolicyError> {
    let Ok(Some(root)) = yaml::read(text) else { return Vec::new() };
    let mut all = Warnings { all: Vec::new() };
    all.filters(&root, policy);
    for (index, node) in child(&root, "rules").map(list).unwrap_or_default().iter().enumerate() {
        all.rule(&format!("rules[{index}]"), node, &root, policy);
    }
    let mut all = all.all;
    sort_by_key(&mut all, |warning| (warning.line, warning.column));
    within_lines(&mut all, text);
    all
}

/// Where the file extends nothing, and so takes the place of `instead`, which would apply to a repository without a file; and where
/// it says nothing at all.
///
/// Not of `everything`: it has no key. A file that begins with that says that it is meant, and so does one that says what becomes of
/// the jobs that no rule matches.
pub fn drops(text: &str, policy: &Policy, instead: Base) -> Option<PolicyError> {
    if !policy.extends.is_empty() || policy.stated.has("otherwise") {
        return None;
    }
    let first = match yaml::read(text).ok()?.map(|root| root.value) {
        Some(Value::Map(entries)) => entries.first().map(|entry| entry.place),
        _ => None,
    };
    let is_meant = "`extends: everything` if this is meant";
    let said = match instead {
        Base::Everything if !policy.stated.is_empty() => return None,
        Base::Everything => {
            format!("the file says nothing, so that every failed job is re-run; write {is_meant}")
        }
        instead => {
            let what = match instead {
                Base::Organization => "the organization's policy file".to_owned(),
                preset => format!("the preset {} (DEFAULT_POLICY)", preset.as_str()),
            };
            let name = instead.as_str();
            format!("without it, this file replaces {what}; write `extends: {name}` to add to that, or {is_meant}")
        }
    };
    let mut found = [first.unwrap_or(Place { line: 1, column: 1, length: 1 }).error("extends", said)];
    within_lines(&mut found, text);
    let [found] = found;
    Some(found)
}

struct Warnings {
    all: Vec<PolicyError>,
}

impl Warnings {
    fn add(&mut self, place: Place, path: &str, message: impl Into<String>) {
        self.all.push(place.error(path, message));
    }

    fn filters(&mut self, root: &Node, policy: &Policy) {
        for key in ["include", "exclude"] {
            if let Some(node) = child(root, "events").and_then(|events| child(events, key)) {
                self.events(&format!("events.{key}"), node);
            }
        }
        // A run has one branch and one event. Of actors and workflows' names it can have two.
        for (key, Filter { include, exclude }) in [("branches", &policy.branches), ("events", &policy.events)] {
            let (Some(include), Some(exclude), Some(node)) = (include, exclude, child(root, key)) else { continue };
            if exclude.covers(include) {
                self.add(node.place, key, "no run is left: all that is included is excluded as well");
            }
        }
    }

    fn rule(&mut self, path: &str, node: &Node, root: &Node, policy: &Policy) {
        let (Some(name), Some(conditions)) = (child(node, "name"), child(node, "if")) else { return };
        let at = policy.rules.iter().position(|rule| Some(rule.name.as_str()) == scalar(name));
        let Some((at, rule)) = at.and_then(|at| policy.rules.get(at).map(|rule| (at, rule))) else { return };
        let before = self.all.len();
        let below = format!("{path}.if");
        if let Some(event) = child(conditions, "event") {
            self.events(&format!("{below}.event"), event);
        }
        self.numbers(&below, conditions, &rule.conditions);
        if let (Some(node), true) = (child(conditions, "cause"), is_network_alone(rule, policy)) {
            self.add(
                node.place,
                &format!("{below}.cause"),
                "network alone misses npm, pip, Maven, Docker and Git, which have classes of their own; for all failures of the \
                 network write [network, registry, container, git, github], for all that no code is to blame for infrastructure",
            );
        }
        // One for one mistake.
        if self.all.len() > before {
            return;
        }
        let earlier = policy.rules.iter().take(at).find(|earlier| covers(&earlier.conditions, &rule.conditions));
        if let Some(earlier) = earlier {
            let line = rule_line(root, &earlier.name);
            let place = line.map_or_else(|| "of what the file extends".to_owned(), |line| format!("in line {line}"));
            let said =
                format!("can never match: rule \"{}\" {place} takes every job that this one could", earlier.name);
            self.add(name.place, path, said);
        } else if let Some(why) =
            contradiction(&rule.conditions).map(str::to_owned).or_else(|| never_asked(&rule.conditions, policy))
        {
            self.add(conditions.place, &below, format!("can never match: {why}"));
        } else if let (Some(node), Some(most)) = (child(conditions, "attempt"), too_late(rule, policy)) {
            let said =
                format!("never re-runs anything: max_reruns is {most}, and no attempt after number {most} is re-run");
            self.add(node.place, &format!("{below}.attempt"), said);
        } else if let Some((left, workflows)) = comes_before(at, rule, root, policy) {
            let workflows = workflows.texts().map(|glob| format!("`{glob}`")).collect::<Vec<_>>().join(", ");
            let said = format!(
                "comes before \"{left}\" of what the file extends, so jobs of the workflows {workflows} that it matches are \
                 re-run; add `workflow:` to it (`workflow: \"*\"` if this is meant)"
            );
            self.add(name.place, path, said);
        }
    }

    fn events(&mut self, path: &str, node: &Node) {
        for (node, path) in items(node, path) {
            let Some(glob) = scalar(node) else { continue };
            let names = Names::new([glob.to_owned()]);
            if EVENTS.iter().any(|event| names.matches(event)) {
                continue;
            }
            let said = match (glob, nearest(glob, EVENTS.iter().copied())) {
                ("workflow_call", _) => {
                    "no run has the event workflow_call: a called workflow's run has its caller's".to_owned()
                }
                (_, Some(near)) => format!("GitHub has no event `{glob}`; did you mean {near}?"),
                (_, None) => format!("GitHub has no event `{glob}`"),
            };
            self.add(node.place, &path, said);
        }
    }

    /// Numbers that nothing has.
    fn numbers(&mut self, path: &str, conditions: &Node, read: &Conditions) {
        let attempts = i64::from(MAX_RERUNS_LIMIT) + 1;
        for (key, numbers, least, most, what) in [
            ("attempt", &read.attempt, 1, attempts, "an attempt is a number"),
            ("rescue_rate", &read.rescue_rate, 0, 100, "a rescue rate is a number of percent"),
            ("exit_code", &read.exit_code, i32::MIN.into(), u32::MAX.into(), "an exit code is a number"),
        ] {
            let (Some(Numbers(numbers)), Some(node)) = (numbers, child(conditions, key)) else { continue };
            for (comparison, (node, path)) in numbers.iter().zip(items(node, &format!("{path}.{key}"))) {
                if !comparison.holds_within(least, most) {
                    self.add(node.place, &path, format!("never holds: {what} from {least} to {most}"));
                }
            }
        }
    }
}

/// Whether every job that meets the second's conditions meets the first's.
fn covers(first: &Conditions, second: &Conditions) -> bool {
    #[rustfmt::skip]
    let Conditions {
        workflow, branch, fork, event, actor, attempt, job, step, runner, label, conclusion, lost_runner, exit_code,
        source_annotation, annotation, rescue_rate, base_failed, cause, log,
    } = first;
    // What each run, or job, has: there `*` asks for nothing.
    let always = |first: &Option<Names>, second: &Option<Names>| {
        first.as_ref().is_some_and(Names::are_all) || asked(first, second, Names::covers)
    };
    always(workflow, &second.workflow)
        && always(branch, &second.branch)
        && asked(fork, &second.fork, PartialEq::eq)
        && always(event, &second.event)
        && always(actor, &second.actor)
        && asked(attempt, &second.attempt, Numbers::covers)
        && always(job, &second.job)
        && asked(step, &second.step, Names::covers)
        && asked(runner, &second.runner, Names::covers)
        && asked(label, &second.label, Names::covers)
        && asked(conclusion, &second.conclusion, |first, second| second.iter().all(|one| first.contains(one)))
        && asked(lost_runner, &second.lost_runner, PartialEq::eq)
        && asked(exit_code, &second.exit_code, Numbers::covers)
        && asked(source_annotation, &second.source_annotation, PartialEq::eq)
        && asked(annotation, &second.annotation, |first, second| {
            second.texts().all(|one| first.texts().any(|is| is == one))
        })
        && asked(rescue_rate, &second.rescue_rate, Numbers::covers)
        && asked(base_failed, &second.base_failed, PartialEq::eq)
        && asked(cause, &second.cause, |first, second| first.covers(second))
        && asked(log, &second.log, |first, second| second.texts().all(|one| first.texts().any(|is| is == one)))
}

/// Whether the second, if the first asks for something, asks for that or less.
fn asked<T>(first: &Option<T>, second: &Option<T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (first, second) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(first), Some(second)) => covers(first, second),
    }
}

/// Why no run meets all of them.
fn contradiction(Conditions { branch, fork, event, .. }: &Conditions) -> Option<&'static str> {
    let all = |names: &Option<Names>, is: fn(&str) -> bool| names.as_ref().is_some_and(|names| names.texts().all(is));
    match fork {
        Some(true) if all(branch, |glob| !glob.contains([':', '*', '?'])) => {
            Some("a fork's branch is written owner:branch")
        }
        Some(true) if all(event, |glob| OWN_EVENTS.iter().any(|own| own.eq_ignore_ascii_case(glob))) => {
            Some("runs of these events are never of a fork's branch")
        }
        Some(false) if all(branch, |glob| glob.contains(':')) => Some("only a fork's branch is written owner:branch"),
        Some(_) | None => None,
    }
}

/// How many re-runs there are at most, if the attempts that the rule is about come after them.
fn too_late(rule: &Rule, policy: &Policy) -> Option<u32> {
    let most = rule.max_reruns.or(policy.max_reruns).filter(|_| rule.action == Action::Rerun)?;
    let Numbers(attempts) = rule.conditions.attempt.as_ref()?;
    attempts.iter().all(|attempt| !attempt.holds_within(1, most.into())).then_some(most)
}

/// Whether it re-runs failures of the network, no rule knows those of registries, and the rest is left.
fn is_network_alone(rule: &Rule, policy: &Policy) -> bool {
    let is = |cause: &Causes| cause.texts().any(|text| text == Class::Network.as_str());
    let knows = |rule: &Rule| {
        let mut causes = rule.conditions.cause.iter().flat_map(Causes::texts);
        causes.any(|text| [Class::Registry.as_str(), Cause::Infrastructure.as_str()].contains(&text))
    };
    rule.action == Action::Rerun
        && policy.otherwise != Action::Rerun
        && rule.conditions.cause.as_ref().is_some_and(is)
        && !policy.rules.iter().any(knows)
}

/// A rule of what the file extends that leaves some workflows to their authors, and never sees those jobs of them that this one
/// re-runs first.
fn comes_before<'p>(at: usize, rule: &Rule, root: &Node, policy: &'p Policy) -> Option<(&'p str, &'p Names)> {
    if rule.action != Action::Rerun || rule.conditions.workflow.is_some() {
        return None;
    }
    let leaves = |rule: &&Rule| rule.action == Action::Leave;
    let mut later = policy.rules.iter().skip(at + 1).filter(leaves);
    later.find_map(|left| {
        let workflows = left.conditions.workflow.as_ref()?;
        let only = Conditions { workflow: Some(workflows.clone()), ..Conditions::default() };
        let is_left_before = || {
            let mut earlier = policy.rules.iter().take(at).filter(leaves);
            earlier.any(|earlier| covers(&earlier.conditions, &only))
        };
        let is_extended = rule_line(root, &left.name).is_none();
        (is_extended && left.conditions == only && !is_left_before()).then_some((left.name.as_str(), workflows))
    })
}

/// Why no job that meets them comes as far as the rules.
fn never_asked(
    Conditions { workflow, branch, fork, event, actor, conclusion, .. }: &Conditions,
    policy: &Policy,
) -> Option<String> {
    let Policy { workflows, branches, forks, events, actors, conclusions, .. } = policy;
    let is_of_cancelled = |of: &[Conclusion]| !of.is_empty() && of.iter().all(|one| *one == Conclusion::Cancelled);
    if conclusion.as_deref().is_some_and(is_of_cancelled) && !conclusions.contains(&Conclusion::Cancelled) {
        return Some("cancelled jobs count only if the file's conclusions include cancelled".to_owned());
    }
    if *fork == Some(true) && *forks == Forks::Leave {
        return Some("`forks: leave` leaves forks' runs alone".to_owned());
    }
    let of = [
        (workflow, workflows, "workflows"),
        (branch, branches, "branches"),
        (event, events, "events"),
        (actor, actors, "actors"),
    ];
    of.into_iter().find_map(|(names, Filter { include, exclude }, key)| {
        let names = names.as_ref()?;
        if exclude.as_ref().is_some_and(|exclude| exclude.covers(names)) {
            return Some(format!("such runs are in the file's {key}.exclude"));
        }
        // Of the other two, a run can have another name that is included.
        let outside = ["branches", "events"].contains(&key)
            && include
                .as_ref()
                .is_some_and(|include| names.texts().all(|name| !name.contains(['*', '?']) && !include.matches(name)));
        outside.then(|| format!("such runs are not in the file's {key}.include"))
    })
}

fn rule_line(root: &Node, name: &str) -> Option<u32> {
    let named = |node: &&Node| child(node, "name").and_then(scalar) == Some(name);
    child(root, "rules").map(list)?.iter().find(named).map(|node| node.place.line)
}

fn child<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

fn list(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(nodes) => nodes,
        Value::Scalar { .. } | Value::Map(_) => &[],
    }
}

/// A list's, each with its path, or what stands in place of a list of one.
fn items<'a>(node: &'a Node, path: &str) -> Vec<(&'a Node, String)> {
    match &node.value {
        Value::List(nodes) => nodes.iter().zip(0..).map(|(node, index)| (node, format!("{path}[{index}]"))).collect(),
        Value::Scalar { .. } | Value::Map(_) => vec![(node, path.to_owned())],
    }
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        Value::List(_) | Value::Map(_) => None,
    }
}
