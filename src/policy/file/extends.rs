//! What a file begins with: presets, which are policy files of our own, and the organization's file.

use std::cell::OnceCell;

use crate::names::{StringEnum as _, string_enum};
use crate::policy::patterns::Where;
use crate::settings::{MAX_RERUNS_LIMIT, Preset};

use super::format::{Policy, Rule};
use super::reader::{Field, PolicyError, Reader, meant, parse};
use super::shapes::{self, FromField};
use super::values::Patterns;
use super::yaml::{self, Node, Value};

string_enum! {
    /// What `extends` can name.
    pub enum Base {
        Everything = "everything",
        Infrastructure = "infrastructure",
        Careful = "careful",
        /// The policy file of `OWNER/.github`.
        Organization = "organization",
    }
}

impl From<Preset> for Base {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Everything => Self::Everything,
            Preset::Infrastructure => Self::Infrastructure,
            Preset::Careful => Self::Careful,
        }
    }
}

impl Base {
    fn preset(self) -> Option<Preset> {
        match self {
            Self::Everything => Some(Preset::Everything),
            Self::Infrastructure => Some(Preset::Infrastructure),
            Self::Careful => Some(Preset::Careful),
            Self::Organization => None,
        }
    }
}

/// Where a policy is from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PolicyOrigin {
    Preset(Preset),
    Organization,
    /// The repository's own file.
    #[default]
    Repository,
}

impl PolicyOrigin {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preset(preset) => preset.as_str(),
            Self::Organization => "organization",
            Self::Repository => "repository",
        }
    }
}

/// The keys that a file has, of its own or of what it extends. Two that mean the same are the same, whatever they spell out.
#[derive(Debug, Clone, Default)]
pub struct Stated(Vec<&'static str>);

impl PartialEq for Stated {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Stated {
    pub(super) fn new(keys: impl IntoIterator<Item = &'static str>) -> Self {
        Self(keys.into_iter().collect())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains(&key)
    }

    /// Whether there is none that says something about a run.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|key| *key == "version")
    }

    fn and(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().filter(|key| !self.0.contains(key)).copied().collect::<Vec<_>>());
        self
    }
}

/// What a file is read with, beside its text.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// What holds where neither the file nor what it extends has `max_reruns`.
    pub max_reruns: u32,
    /// The most that `max_reruns` may be, for a run or a rule.
    pub ceiling: u32,
    pub organization: Organization<'a>,
}

/// Where there is no organization's file.
impl From<u32> for Given<'_> {
    fn from(ceiling: u32) -> Self {
        Self { max_reruns: ceiling, ceiling, organization: Organization::None }
    }
}

/// What `extends: organization` stands for.
#[derive(Debug, Clone, Copy)]
pub enum Organization<'a> {
    /// There is no such file.
    None,
    /// It is not at hand: a command was not given it.
    NotGiven,
    /// `ORGANIZATION_POLICY` is off.
    Off,
    /// This file is the organization's own.
    Itself,
    Policy(&'a Policy),
    /// At least one error.
    Invalid(&'a [PolicyError]),
}

/// No fault of the file, unlike other errors.
pub const NOT_GIVEN: &str = "the organization's file is not at hand; give it with --organization FILE";

/// Whether the organization's file is needed to read this one.
pub fn extends_organization(text: &str) -> bool {
    let Ok(Some(root)) = yaml::read(text) else { return false };
    let Value::Map(entries) = root.value else { return false };
    let names = |value: &Value| matches!(value, Value::Scalar { text, .. } if text == Base::Organization.as_str());
    entries.iter().filter(|entry| entry.key == "extends").any(|entry| match &entry.value.value {
        Value::List(nodes) => nodes.iter().any(|node| names(&node.value)),
        value => names(value),
    })
}

impl Policy {
    /// A preset, where `MAX_RERUNS` is `max_reruns`: none of its rules does more.
    pub fn preset(preset: Preset, max_reruns: u32) -> Self {
        thread_local!(static PARSED: [OnceCell<Policy>; Preset::ALL.len()] = const { [const { OnceCell::new() }; _] });
        let read = || {
            let read = parse(text(preset), MAX_RERUNS_LIMIT);
            // A test holds that it is valid. If it were not after all, nothing would be re-run.
            Self { origin: PolicyOrigin::Preset(preset), ..read.unwrap_or_else(|errors| Self::broken_by(&errors)) }
        };
        let at = Preset::ALL.iter().position(|known| *known == preset);
        let policy = PARSED.with(|all| match at.and_then(|at| all.get(at)) {
            Some(parsed) => parsed.get_or_init(read).clone(),
            None => read(),
        });
        Self { rules: bounded(policy.rules, max_reruns).collect(), ..policy }
    }

    /// By which nothing is re-run.
    pub(super) fn broken_by(errors: &[PolicyError]) -> Self {
        Self { max_reruns: Some(0), broken: Some(summary(errors)), ..Self::default() }
    }

    /// With the base's keys for those that it does not have. Its rules come first, but for one with the name of a rule of
    /// the base's: that stands in its place.
    pub(super) fn extending(mut self, base: Self) -> Self {
        let own = std::mem::take(&mut self.stated);
        let most = self.max_reruns.filter(|_| own.has("max_reruns")).unwrap_or(u32::MAX);
        let mut rules = std::mem::take(&mut self.rules);
        let in_place = |rule: Rule| match rules.iter().position(|own| own.name == rule.name) {
            Some(at) => rules.remove(at),
            None => rule,
        };
        let inherited: Vec<Rule> = bounded(base.rules.clone(), most).map(in_place).collect();
        rules.extend(inherited);
        let stated = base.stated.clone().and(&own);
        let extends = std::mem::take(&mut self.extends);
        Self { rules, extends, stated, ..self.over(base, |key| own.has(key)) }
    }
}

/// Rules that one re-runs no more by than by any.
fn bounded(rules: Vec<Rule>, most: u32) -> impl Iterator<Item = Rule> {
    let bound = move |max: u32| max.min(most);
    rules.into_iter().map(move |rule| Rule { max_reruns: rule.max_reruns.map(bound), ..rule })
}

/// The first error, and how many more there are.
pub fn summary(errors: &[PolicyError]) -> String {
    match errors {
        [] => "it could not be read".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    }
}

fn text(preset: Preset) -> &'static str {
    match preset {
        Preset::Everything => include_str!("../../../docs/policies/everything.yml"),
        Preset::Infrastructure => include_str!("../../../docs/policies/infrastructure.yml"),
        Preset::Careful => include_str!("../../../docs/policies/careful.yml"),
    }
}

impl FromField for Vec<Base> {
    fn read(reader: &mut Reader, field: &Field) -> Option<Self> {
        let expected = format!("one or more of {}", Base::TEXTS.join(", "));
        let mut bases = Self::new();
        for (node, path) in reader.items(field, &expected)? {
            let name = shapes::text(node);
            match name.and_then(Base::parse) {
                None => {
                    let near = name.and_then(|name| meant(name, Base::TEXTS));
                    reader.expected_at(node, &path, &expected, near);
                }
                Some(base) if bases.contains(&base) => reader.error(node.place, &path, "the same name twice"),
                Some(base) => {
                    if base == Base::Organization {
                        reader.extend_organization(node, &path);
                    }
                    bases.push(base);
                }
            }
        }
        Some(bases)
    }
}

impl Reader<'_> {
    fn extend_organization(&mut self, node: &Node, path: &str) {
        let problem = match self.given.organization {
            Organization::Policy(policy) => return self.take_patterns(policy),
            Organization::None => "there is no organization's policy file: OWNER/.github has none".to_owned(),
            Organization::NotGiven => NOT_GIVEN.to_owned(),
            Organization::Off => "ORGANIZATION_POLICY is off, so that there is no organization's file".to_owned(),
            Organization::Itself => "this is the organization's own file".to_owned(),
            Organization::Invalid(errors) => {
                format!("the organization's policy file, in OWNER/.github, is not valid: {}", summary(errors))
            }
        };
        self.error(node.place, path, problem);
    }

    /// The regexes of another file's rules count as this one's. They were valid there, together.
    fn take_patterns(&mut self, policy: &Policy) {
        for conditions in policy.rules.iter().map(|rule| &rule.conditions) {
            let all = [(&conditions.annotation, Where::Annotation), (&conditions.log, Where::Log)];
            for (pattern, place) in
                all.iter().flat_map(|(all, place)| all.iter().flat_map(Patterns::texts).map(|text| (text, *place)))
            {
                self.patterns += 1;
                let _ = self.collected.push(pattern, place);
            }
        }
    }

    /// What the file begins with.
    pub(super) fn base(&self, own: &Policy) -> Policy {
        let max_reruns = own.max_reruns.unwrap_or(self.given.max_reruns);
        own.extends.iter().fold(Policy::default(), |base, name| match (name.preset(), self.given.organization) {
            (Some(preset), _) => Policy::preset(preset, max_reruns).extending(base),
            (None, Organization::Policy(organization)) => organization.clone().extending(base),
            // It is an error.
            (None, _) => base,
        })
    }
}
