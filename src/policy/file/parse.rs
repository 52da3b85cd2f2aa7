//! A policy file's text → a [`Policy`], or everything that is wrong with it. Presets are read in the same way: they are files of our own.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::names::order::sort_by_key;
use crate::settings::{MAX_RERUNS_LIMIT, Preset};

use super::base::{PolicyOrigin, Stated};
use super::error::{PolicyError, summary, within_lines};
use super::extends::bounded;
use super::format::{FILE, Policy};
use super::given::{Given, Organization};
use super::reader::{MOST_ERRORS, Reader};
use super::yaml::{self, Node};

/// What became of reading the policy file that holds for a repository. Where there is none, a preset holds.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, not a list")]
pub enum PolicyState {
    Valid(Policy),
    /// At least one error. Nothing is re-run until the file is mended.
    Invalid {
        errors: Vec<PolicyError>,
        /// Whose file it is.
        origin: PolicyOrigin,
    },
}

impl PolicyState {
    /// Of what [`parse`] has made of a file, whose it is.
    pub fn new(read: Result<Policy, Vec<PolicyError>>, origin: PolicyOrigin) -> Self {
        match read {
            Ok(policy) => Self::Valid(Policy { origin, ..policy }),
            Err(errors) => Self::Invalid { errors, origin },
        }
    }

    /// What to decide by.
    pub fn policy(&self) -> Cow<'_, Policy> {
        match self {
            Self::Valid(policy) => Cow::Borrowed(policy),
            Self::Invalid { errors, origin } => Cow::Owned(Policy { origin: *origin, ..Policy::broken_by(errors) }),
        }
    }
}

/// Reads a policy file. An empty one is [`Policy::default`]. `given` can be a ceiling alone, where there is no
/// organization's file.
///
/// Where the text is not YAML, the first error is the only one; else all are found, in the order of the file.
pub fn parse<'a>(text: &str, given: impl Into<Given<'a>>) -> Result<Policy, Vec<PolicyError>> {
    let Some(root) = yaml::read(text).map_err(|error| vec![error])? else { return Ok(Policy::default()) };
    let given = given.into();
    let mut reader = Reader::new(given.ceiling, given.organization.patterns());
    let policy = policy(&mut reader, &root, given);
    let Reader { mut errors, .. } = reader;
    sort_by_key(&mut errors, |error| (error.line, error.column));
    errors.truncate(MOST_ERRORS);
    within_lines(&mut errors, text);
    if errors.is_empty() { Ok(policy) } else { Err(errors) }
}

fn policy(reader: &mut Reader, root: &Node, given: Given) -> Policy {
    let Some(fields) = reader.fields(root, FILE, "") else { return Policy::default() };
    let own = Policy::from_fields(reader, &fields);
    let stated = Stated::new(fields.names());
    let base = base(&own, given);
    let policy = Policy { stated, ..own }.extending(base);
    if let (Some(delay), Some(most), Some(field)) = (policy.delay, policy.max_delay, fields.get("max_delay"))
        && most < delay
    {
        reader.expected_at(field.node, &field.path, format!("{delay}, which delay is, or more"), None);
    }
    Policy { automata: std::mem::take(&mut reader.collected).compiled(), ..policy }
}

/// What the file begins with.
fn base(own: &Policy, given: Given) -> Policy {
    let max_reruns = own.max_reruns.unwrap_or(given.max_reruns);
    own.extends.iter().fold(Policy::default(), |base, name| match (name.preset(), given.organization) {
        (Some(preset), _) => Policy::preset(preset, max_reruns).extending(base),
        (None, Organization::Policy(organization)) => organization.clone().extending(base),
        // It is an error.
        (None, _) => base,
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
    fn broken_by(errors: &[PolicyError]) -> Self {
        Self { max_reruns: Some(0), broken: Some(summary(errors)), ..Self::default() }
    }
}

fn text(preset: Preset) -> &'static str {
    match preset {
        Preset::Everything => include_str!("../../../docs/policies/everything.yml"),
        Preset::Infrastructure => include_str!("../../../docs/policies/infrastructure.yml"),
        Preset::Careful => include_str!("../../../docs/policies/careful.yml"),
    }
}
