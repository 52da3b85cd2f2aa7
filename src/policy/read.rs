//! A policy file's text → a [`Policy`], or everything that is wrong with it.

use std::collections::BTreeSet;

use crate::settings::MAX_RERUNS_LIMIT;

use super::error::PolicyError;
use super::format::{
    AbsentEvidence, Action, Budget, Conditions, DebugLogging, Filter, Forks, Mixed, Policy, Rule, Scope,
};
use super::keys::{self, Shape};
use super::search::Where;
use super::shapes::{Field, Fields, Reader};
use super::yaml::{self, Node, Value};

/// How far a policy file may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most that `max_reruns` may be, for a run or a rule.
    pub max_reruns: u32,
}

impl Default for Bounds {
    /// What GitHub allows.
    fn default() -> Self {
        Self { max_reruns: MAX_RERUNS_LIMIT }
    }
}

/// Reads a policy file. An empty one is [`Policy::default`].
///
/// Where the text is not YAML, the first error is the only one; else all are found, in the order of the file.
pub fn parse(text: &str, bounds: Bounds) -> Result<Policy, Vec<PolicyError>> {
    let mut reader = Reader::new(bounds);
    let policy = match yaml::read(text) {
        Ok(None) => Policy::default(),
        Ok(Some(root)) => reader.policy(&root),
        Err(error) => return Err(vec![error]),
    };
    match reader.into_errors() {
        errors if errors.is_empty() => Ok(policy),
        errors => Err(errors),
    }
}

impl Reader {
    fn policy(&mut self, root: &Node) -> Policy {
        let default = Policy::default();
        let Some(fields) = self.fields(root, keys::FILE, "") else { return default };
        let f = |name| fields.get(name);
        self.number(f("version"));
        let mut policy = Policy {
            max_reruns: self.number(f("max_reruns")),
            delay: self.span(f("delay")),
            backoff: self.factor(f("backoff")).unwrap_or(default.backoff),
            max_delay: self.span(f("max_delay")),
            conclusions: self.conclusions(f("conclusions")).unwrap_or(default.conclusions),
            actors: self.filter(f("actors")),
            branches: self.filter(f("branches")),
            forks: self.choice(f("forks")).map_or(default.forks, |word| match word {
                "rerun" => Forks::Rerun,
                _ => Forks::Leave,
            }),
            events: self.filter(f("events")),
            workflows: self.filter(f("workflows")),
            skip_superseded: self.boolean(f("skip_superseded")).unwrap_or(default.skip_superseded),
            max_failed_jobs: self.number(f("max_failed_jobs")),
            stop_when_repeated: self.number(f("stop_when_repeated")),
            budget: self.budget(f("budget")),
            rules: self.rules(f("rules")),
            otherwise: self.choice(f("otherwise")).map_or(default.otherwise, then),
            mixed: self.choice(f("mixed")).map_or(default.mixed, |word| match word {
                "rerun" => Mixed::Rerun,
                _ => Mixed::Leave,
            }),
            absent_evidence: self.choice(f("absent_evidence")).map_or(default.absent_evidence, |word| match word {
                "rerun" => AbsentEvidence::Rerun,
                _ => AbsentEvidence::Leave,
            }),
            debug_logging: self.choice(f("debug_logging")).map_or(default.debug_logging, |word| match word {
                "always" => DebugLogging::Always,
                "last" => DebugLogging::Last,
                _ => DebugLogging::Never,
            }),
            scope: self.choice(f("scope")).map_or(default.scope, scope),
            automata: default.automata,
            broken: None,
        };
        policy.automata = self.automata();
        if let (Some(delay), Some(most), Some(field)) = (policy.delay, policy.max_delay, f("max_delay"))
            && most < delay
        {
            self.expected(field, format!("{delay}, which delay is, or more"));
        }
        policy
    }

    fn filter(&mut self, field: Option<&Field>) -> Filter {
        let Some(fields) = self.map(field) else { return Filter::default() };
        Filter { include: self.names(fields.get("include")), exclude: self.names(fields.get("exclude")) }
    }

    fn budget(&mut self, field: Option<&Field>) -> Budget {
        let Some(fields) = self.map(field) else { return Budget::default() };
        Budget {
            reruns_per_hour: self.number(fields.get("reruns_per_hour")),
            reruns_per_day: self.number(fields.get("reruns_per_day")),
            minutes_per_day: self.number(fields.get("minutes_per_day")),
        }
    }

    fn rules(&mut self, field: Option<&Field>) -> Vec<Rule> {
        let Some(field) = field else { return Vec::new() };
        let Shape::List(keys) = field.key.shape else { return Vec::new() };
        let Value::List(nodes) = &field.node.value else {
            self.expected(field, "a list");
            return Vec::new();
        };
        let mut names = BTreeSet::new();
        let mut rules = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{}[{index}]", field.path);
            let Some(fields) = self.fields(node, keys, &path) else { continue };
            let rule = self.rule(&fields);
            if let Some(name) = fields.get("name")
                && !rule.name.is_empty()
                && !names.insert(rule.name.clone())
            {
                self.error(name.node.place, &name.path, "another rule has this name");
            }
            rules.push(rule);
        }
        rules
    }

    fn rule(&mut self, fields: &Fields) -> Rule {
        let f = |name| fields.get(name);
        for key in ["name", "if", "then"] {
            if f(key).is_none() {
                self.error(fields.place, &fields.path, format!("the key {key} is missing"));
            }
        }
        let rule = Rule {
            name: self.name(f("name")).unwrap_or_default(),
            conditions: self.conditions(f("if")),
            then: self.choice(f("then")).map_or(Action::Leave, then),
            max_reruns: self.number(f("max_reruns")),
            delay: self.span(f("delay")),
            scope: self.choice(f("scope")).map(scope),
        };
        if rule.then != Action::Rerun && f("then").is_some() {
            for field in ["max_reruns", "delay", "scope"].into_iter().filter_map(f) {
                self.error(field.node.place, &field.path, "only a rule with `then: rerun` has this");
            }
        }
        rule
    }

    fn conditions(&mut self, field: Option<&Field>) -> Conditions {
        let Some(fields) = self.map(field) else { return Conditions::default() };
        let f = |name| fields.get(name);
        Conditions {
            workflow: self.names(f("workflow")),
            branch: self.names(f("branch")),
            fork: self.boolean(f("fork")),
            event: self.names(f("event")),
            actor: self.names(f("actor")),
            attempt: self.numbers(f("attempt")),
            job: self.names(f("job")),
            step: self.names(f("step")),
            runner: self.names(f("runner")),
            label: self.names(f("label")),
            conclusion: self.conclusions(f("conclusion")),
            lost_runner: self.boolean(f("lost_runner")),
            exit_code: self.numbers(f("exit_code")),
            annotation: self.patterns(f("annotation"), Where::Annotation),
            log: self.patterns(f("log"), Where::Log),
        }
    }
}

fn then(word: &str) -> Action {
    match word {
        "rerun" => Action::Rerun,
        "ignore" => Action::Ignore,
        _ => Action::Leave,
    }
}

fn scope(word: &str) -> Scope {
    match word {
        "all_jobs" => Scope::AllJobs,
        _ => Scope::FailedJobs,
    }
}
