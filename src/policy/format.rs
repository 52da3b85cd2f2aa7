//! What a policy file says, resolved. Which keys there are is said by [`super::keys`]; [`super::read`] fills these in.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::Conclusion;
use crate::policy::{run::Origin, run::Run};
use crate::settings::Glob;
use crate::time::Span;

use super::error::PolicyError;
use super::search::Automata;

/// How long a delay may grow by [`Policy::backoff`] if the file does not say.
pub const MAX_DELAY: Span = Span::minutes(10);

/// A repository's rules. [`Policy::default`] is what holds without a file, and with an empty one.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `None`: as the Worker's settings say.
    pub max_reruns: Option<u32>,
    /// `None`: as the Worker's settings say.
    pub delay: Option<Span>,
    pub backoff: f64,
    pub max_delay: Option<Span>,
    pub conclusions: Vec<Conclusion>,
    pub actors: Filter,
    pub branches: Filter,
    pub forks: Forks,
    pub events: Filter,
    pub workflows: Filter,
    pub skip_superseded: bool,
    pub max_failed_jobs: Option<u32>,
    pub stop_when_repeated: Option<u32>,
    pub budget: Budget,
    pub rules: Vec<Rule>,
    pub otherwise: Action,
    pub mixed: Mixed,
    pub absent_evidence: AbsentEvidence,
    pub debug_logging: DebugLogging,
    pub scope: Scope,
    /// The patterns of all rules.
    pub automata: Automata,
    /// Why the file is not valid; nothing is re-run then.
    pub(super) broken: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_reruns: None,
            delay: None,
            backoff: 1.0,
            max_delay: None,
            conclusions: vec![Conclusion::Failure, Conclusion::TimedOut],
            actors: Filter::default(),
            branches: Filter::default(),
            forks: Forks::Rerun,
            events: Filter::default(),
            workflows: Filter::default(),
            skip_superseded: true,
            max_failed_jobs: None,
            stop_when_repeated: None,
            budget: Budget::default(),
            rules: Vec::new(),
            otherwise: Action::Rerun,
            mixed: Mixed::Leave,
            absent_evidence: AbsentEvidence::Leave,
            debug_logging: DebugLogging::Never,
            scope: Scope::FailedJobs,
            automata: Automata::default(),
            broken: None,
        }
    }
}

impl Policy {
    /// Whether any decision can depend on more than the run itself.
    pub fn goes_by_evidence(&self) -> bool {
        let counts_jobs = self.max_failed_jobs.is_some() || self.budget.minutes_per_day.is_some();
        let by_workflow = self.workflows != Filter::default();
        !self.rules.is_empty() || counts_jobs || by_workflow || self.stop_when_repeated.is_some()
    }

    /// Whether it, or a rule of it, re-runs what has passed as well.
    pub fn may_rerun_all_jobs(&self) -> bool {
        self.rules.iter().filter_map(|rule| rule.scope).chain([self.scope]).any(|scope| scope == Scope::AllJobs)
    }
}

/// What became of reading a repository's policy file.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, not a list")]
pub enum PolicyState {
    /// The repository has none.
    #[default]
    None,
    Valid(Policy),
    /// At least one error. Nothing is re-run until the file is mended.
    Invalid(Vec<PolicyError>),
}

impl PolicyState {
    /// What to decide by.
    pub fn policy(&self) -> Cow<'_, Policy> {
        match self {
            Self::None => Cow::Owned(Policy::default()),
            Self::Valid(policy) => Cow::Borrowed(policy),
            Self::Invalid(errors) => {
                let broken = match errors.as_slice() {
                    [] => "it could not be read".to_owned(),
                    [only] => only.to_string(),
                    [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
                };
                Cow::Owned(Policy { max_reruns: Some(0), broken: Some(broken), ..Policy::default() })
            }
        }
    }
}

/// What is let in and what is kept out. Nothing named to let in: everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub include: Option<Names>,
    pub exclude: Option<Names>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    pub reruns_per_hour: Option<u32>,
    pub reruns_per_day: Option<u32>,
    /// Runner minutes, a Windows minute as 2 and a macOS one as 10.
    pub minutes_per_day: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique in its file.
    pub name: String,
    /// `if`: all of them are required.
    pub conditions: Conditions,
    pub then: Action,
    pub max_reruns: Option<u32>,
    pub delay: Option<Span>,
    pub scope: Option<Scope>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    pub workflow: Option<Names>,
    pub branch: Option<Names>,
    pub fork: Option<bool>,
    pub event: Option<Names>,
    pub actor: Option<Names>,
    pub attempt: Option<Numbers>,
    pub job: Option<Names>,
    pub step: Option<Names>,
    pub runner: Option<Names>,
    pub label: Option<Names>,
    pub conclusion: Option<Vec<Conclusion>>,
    pub lost_runner: Option<bool>,
    pub exit_code: Option<Numbers>,
    pub annotation: Option<Patterns>,
    pub log: Option<Patterns>,
}

/// What a rule says of a failed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Rerun,
    Leave,
    /// It counts neither way.
    Ignore,
}

/// When some failed jobs say re-run and some say leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mixed {
    Leave,
    Rerun,
}

/// What is done about a run that might have been left if something had been there that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbsentEvidence {
    Leave,
    Rerun,
}

/// What is done about runs of forks' branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forks {
    Rerun,
    Leave,
}

/// When the re-run has runner debug logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugLogging {
    Never,
    /// On the last re-run that there can be.
    Last,
    Always,
}

/// What of the run is re-run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// GitHub adds the jobs that depend on them.
    FailedJobs,
    AllJobs,
}

/// Globs, any of which is enough.
#[derive(Debug, Clone)]
pub struct Names(Vec<(String, Glob)>);

impl Names {
    pub fn new(globs: impl IntoIterator<Item = String>) -> Self {
        Self(globs.into_iter().map(|text| (Glob::new(&text), text)).map(|(glob, text)| (text, glob)).collect())
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|(_, glob)| glob.matches(name))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the run's branch matches for certain.
    pub fn match_branch(&self, run: &Run) -> bool {
        run.branch().is_some_and(|branch| self.matches(&branch))
    }

    /// Whether it may: of a fork that was deleted it is not known whose it was.
    pub fn may_match_branch(&self, run: &Run) -> bool {
        let of_somebody = |branch: &str| {
            let branches = self.texts().filter_map(|text| text.split_once(':'));
            branches.into_iter().any(|(_, glob)| Glob::new(glob).matches(branch))
        };
        let unknown = run.origin == Origin::Fork(None);
        self.match_branch(run) || (unknown && run.head_branch.as_deref().is_some_and(of_somebody))
    }

    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(text, _)| text.as_str())
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}

/// Regexes, any of which is enough. They are compiled together, as [`Policy::automata`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns(pub(super) Vec<String>);

impl Patterns {
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Comparisons with a number, any of which is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers(pub Vec<Comparison>);

impl Numbers {
    pub fn matches(&self, number: i64) -> bool {
        self.0.iter().any(|comparison| comparison.holds(number))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    pub operator: Operator,
    pub number: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Is,
    IsNot,
    AtLeast,
    AtMost,
    Above,
    Below,
}

impl Operator {
    /// The longer spellings first.
    pub const ALL: [Self; 6] = [Self::Is, Self::IsNot, Self::AtLeast, Self::AtMost, Self::Above, Self::Below];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => "==",
            Self::IsNot => "!=",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::Below => "<",
        }
    }
}

impl Comparison {
    pub fn is(number: i64) -> Self {
        Self { operator: Operator::Is, number }
    }

    /// `>= 2`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let operator = Operator::ALL.into_iter().find(|operator| text.starts_with(operator.as_str()))?;
        let number = whole_number(text.strip_prefix(operator.as_str())?.trim_start())?;
        Some(Self { operator, number })
    }

    fn holds(self, number: i64) -> bool {
        match self.operator {
            Operator::Is => number == self.number,
            Operator::IsNot => number != self.number,
            Operator::AtLeast => number >= self.number,
            Operator::AtMost => number <= self.number,
            Operator::Above => number > self.number,
            Operator::Below => number < self.number,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operator {
            Operator::Is => self.number.fmt(f),
            operator => write!(f, "{} {}", operator.as_str(), self.number),
        }
    }
}

/// Up to ten digits, as exit codes on Windows have.
pub fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let fits = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}
