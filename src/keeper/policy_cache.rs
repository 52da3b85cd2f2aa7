//! What the Keeper knows of its repository's policy file, and of its organization's, and when it asks GitHub again. Pure.
//!
//! The organization's file, at the same path in `OWNER/.github`, is read only where it holds: the repository has none of its
//! own, or one that extends it. It is looked after as the repository's own is, but for what GitHub does not show: whether
//! `OWNER/.github` is there says nothing of the repository, so that a file of which GitHub has shown some version holds until
//! it was missing twice.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::github::{self, Call, FetchedPolicy};
use crate::names::{Conclusion, FilePath, RepoName, RunId};
use crate::policy::{
    Organization, Policy, PolicyError, PolicyOrigin, PolicyState, RerunSettings, extends_organization, parse,
};
use crate::time::{Millis, Span};

/// A change of a file holds after this at the latest.
const READ_EVERY: Span = Span::minutes(5);
/// While GitHub does not answer, the last version of a file applies, and this is how often it is asked for.
const AGAIN: Span = Span::minutes(1);
/// An organization's file that GitHub has shown is gone when it was not shown for so long.
const MISSING_FOR: Span = READ_EVERY;

/// What is stored of one. The text lies apart, as it may be long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFile {
    pub path: FilePath,
    /// `None`: there is no file.
    #[serde(skip)]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Why what is there is no policy, whatever it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// What GitHub said when it did not let the token read files. What was read before holds; if nothing was, there is
    /// no file, as far as anybody can tell: a token that may only re-run is enough for those who have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
    /// Since when GitHub does not show it: an organization's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Millis>,
    pub read: Millis,
}

/// The repository's file and the organization's, and what they mean.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyCache {
    /// `None`: it was not read yet, or repositories have no rules of their own.
    pub file: Option<PolicyFile>,
    /// `None`: it was not read yet, or is of no use.
    pub organization: Option<PolicyFile>,
    pub state: PolicyState,
    /// The repository is `OWNER/.github`: its file is the organization's.
    is_organizations: bool,
    /// Not asked for again before this, after trouble.
    not_before: Option<Millis>,
    organization_not_before: Option<Millis>,
}

/// What came of an answer.
#[derive(Debug, PartialEq)]
pub enum PolicyUpdate {
    /// Something else than before is known.
    New(Box<PolicyCache>),
    /// What is known holds on.
    Same(Box<PolicyCache>),
    /// GitHub does not show a file that was there. If it does not show the repository either, nobody has removed it.
    Doubtful,
    /// GitHub has to answer before anything is decided.
    Failed(github::Error),
}

/// What an answer says of a file.
enum Learned {
    File(PolicyFile),
    /// The last version applies, as GitHub gave no answer.
    Unanswered,
    /// GitHub does not show what was there.
    Missing(PolicyFile),
    Failed(github::Error),
}

impl PolicyCache {
    /// Of files as they are stored. A file at another path is no longer the policy.
    pub fn of(
        file: Option<PolicyFile>,
        organization: Option<PolicyFile>,
        path: Option<&FilePath>,
        repository: Option<&RepoName>,
        settings: &RerunSettings,
    ) -> Self {
        let is_here = |file: &PolicyFile| Some(&file.path) == path;
        let known = Self {
            file: file.filter(is_here),
            organization: organization.filter(is_here),
            state: PolicyState::Valid(settings.policy_without_file()),
            is_organizations: repository.is_some_and(RepoName::is_organizations),
            not_before: None,
            organization_not_before: None,
        };
        Self { state: known.meaning(settings), ..known }
    }

    pub fn policy(&self) -> Cow<'_, Policy> {
        self.state.policy()
    }

    /// The call to be made before a run is decided on, or a command, if what is known is too old.
    pub fn next_read(
        &self,
        path: Option<&FilePath>,
        run_id: Option<RunId>,
        settings: &RerunSettings,
        now: Millis,
    ) -> Option<Call> {
        let path = path?.clone();
        if is_due(self.file.as_ref(), self.not_before, now) {
            let etag = self.file.as_ref().and_then(|file| file.etag.clone());
            return Some(Call::ReadPolicy { run_id, path, etag });
        }
        let wanted = self.uses_organizations(settings);
        (wanted && is_due(self.organization.as_ref(), self.organization_not_before, now)).then(|| {
            let etag = self.organization.as_ref().and_then(|file| file.etag.clone());
            Call::ReadOrganizationPolicy { run_id, path, etag }
        })
    }

    /// Whether all that holds was read so recently that something is allowed by it alone. What is known of a file that GitHub
    /// does not answer for is too old for that.
    pub fn is_current(&self, path: Option<&FilePath>, settings: &RerunSettings, now: Millis) -> bool {
        let organizations = || self.uses_organizations(settings) && is_due(self.organization.as_ref(), None, now);
        let is_denied = |file: &Option<PolicyFile>| file.as_ref().is_some_and(|file| file.denied.is_some());
        let denied = is_denied(&self.file) || (self.uses_organizations(settings) && is_denied(&self.organization));
        path.is_none() || !(denied || is_due(self.file.as_ref(), None, now) || organizations())
    }

    /// Whether what holds depends on the organization's file.
    fn uses_organizations(&self, settings: &RerunSettings) -> bool {
        let by_own = || match &self.file {
            Some(PolicyFile { text: Some(text), .. }) => extends_organization(text),
            Some(PolicyFile { unreadable, .. }) => unreadable.is_none(),
            None => true,
        };
        settings.organization_policy && !self.is_organizations && by_own()
    }

    /// `certain`: GitHub has shown the repository since it answered.
    pub fn update(
        &self,
        path: &FilePath,
        answer: Result<FetchedPolicy, github::Error>,
        certain: bool,
        settings: &RerunSettings,
        now: Millis,
    ) -> PolicyUpdate {
        let file = match learn(self.file.as_ref(), path, answer, now) {
            Learned::File(file) => file,
            Learned::Missing(empty) if certain => empty,
            Learned::Missing(_) => return PolicyUpdate::Doubtful,
            Learned::Unanswered => {
                return PolicyUpdate::Same(Box::new(Self { not_before: Some(now + AGAIN), ..self.clone() }));
            }
            Learned::Failed(error) => return PolicyUpdate::Failed(error),
        };
        let is_new = is_new(self.file.as_ref(), &file);
        self.with(Self { file: Some(file), not_before: None, ..self.clone() }, is_new, settings)
    }

    /// The same for the organization's file.
    pub fn update_organizations(
        &self,
        path: &FilePath,
        answer: Result<FetchedPolicy, github::Error>,
        settings: &RerunSettings,
        now: Millis,
    ) -> PolicyUpdate {
        let before = self.organization.as_ref();
        let answer = answer.map_err(|error| match error {
            // That repository is another one.
            github::Error::Repository { message } => github::Error::Refused { message },
            error => error,
        });
        let (file, not_before) = match learn(before, path, answer, now) {
            Learned::File(file) => (file, None),
            Learned::Missing(empty) => match before {
                Some(file) if file.missing_since.is_none_or(|since| now < since + MISSING_FOR) => {
                    let missing_since = file.missing_since.filter(|since| *since <= now).or(Some(now));
                    (PolicyFile { missing_since, ..file.clone() }, Some(now + AGAIN))
                }
                _ => (empty, None),
            },
            Learned::Unanswered => {
                let organization_not_before = Some(now + AGAIN);
                return PolicyUpdate::Same(Box::new(Self { organization_not_before, ..self.clone() }));
            }
            Learned::Failed(error) => return PolicyUpdate::Failed(error),
        };
        let is_new = is_new(before, &file);
        let organization = Some(file);
        self.with(Self { organization, organization_not_before: not_before, ..self.clone() }, is_new, settings)
    }

    fn with(&self, known: Self, is_new: bool, settings: &RerunSettings) -> PolicyUpdate {
        let state = if is_new { known.meaning(settings) } else { self.state.clone() };
        let known = Box::new(Self { state, ..known });
        if is_new { PolicyUpdate::New(known) } else { PolicyUpdate::Same(known) }
    }

    /// The same, to be asked for before anything is decided: GitHub did not show something that is there. `None`: it is
    /// asked for anyway.
    pub fn distrusted(&self) -> Option<Self> {
        let is_trusted = |file: &PolicyFile| file.read > Millis(0);
        if !self.file.iter().chain(&self.organization).any(is_trusted) {
            return None;
        }
        let distrust = |file: &PolicyFile| PolicyFile { read: Millis(0), ..file.clone() };
        Some(Self {
            file: self.file.as_ref().map(distrust),
            organization: self.organization.as_ref().map(distrust),
            not_before: None,
            organization_not_before: None,
            ..self.clone()
        })
    }

    /// For the log, when it was just learned.
    pub fn problem(&self, settings: &RerunSettings) -> Option<String> {
        let file = self.file.as_ref()?;
        let path = &file.path;
        if let Some(message) = &file.denied {
            let meanwhile =
                if file.text.is_some() { "the last version read applies" } else { "it is treated as absent" };
            return Some(format!("{path} cannot be read, and {meanwhile}: it needs Contents: read ({message})"));
        }
        let uses_organizations = self.uses_organizations(settings);
        if uses_organizations && let Some(message) = self.organization.as_ref()?.denied.as_ref() {
            return Some(format!("{path} of the organization, in OWNER/.github, cannot be read ({message})"));
        }
        let PolicyState::Invalid { errors, origin } = &self.state else { return None };
        let more = match errors.len() {
            0 | 1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        let whose = if *origin == PolicyOrigin::Organization { " of the organization, in OWNER/.github," } else { "" };
        Some(format!("{path}{whose} is not valid, and nothing is re-run until it is fixed: {first}{more}"))
    }

    /// Why nothing is re-run.
    pub fn stops(&self, settings: &RerunSettings) -> Option<String> {
        if matches!(self.state, PolicyState::Invalid { .. }) { self.problem(settings) } else { None }
    }

    /// How soon after a failure some decision could be to re-run.
    pub fn first_look(&self, settings: &RerunSettings) -> Span {
        let policy = self.policy();
        let of_rules = policy.rules.iter().filter_map(|rule| rule.delay);
        of_rules.chain([policy.delay.unwrap_or(settings.delay)]).min().unwrap_or(settings.delay)
    }

    pub fn reruns_per_day(&self) -> Option<u64> {
        self.policy().budget.reruns_per_day.map(u64::from)
    }

    pub fn wants_cancelled(&self) -> bool {
        self.policy().conclusions.contains(&Conclusion::Cancelled)
    }

    /// What holds by what is known.
    fn meaning(&self, settings: &RerunSettings) -> PolicyState {
        let own = |text: &str, organization| read(text, organization, PolicyOrigin::Repository, settings);
        let organizations = || {
            let file = self.organization.as_ref().filter(|_| self.uses_organizations(settings))?;
            content(file).map(|content| match content {
                Ok(text) => read(text, Organization::Itself, PolicyOrigin::Organization, settings),
                Err(what) => unreadable(what, PolicyOrigin::Organization),
            })
        };
        match self.file.as_ref().and_then(content) {
            Some(Err(what)) => unreadable(what, PolicyOrigin::Repository),
            Some(Ok(text)) if self.is_organizations => own(text, Organization::Itself),
            Some(Ok(text)) => match organizations() {
                Some(PolicyState::Valid(policy)) => own(text, Organization::Policy(&policy)),
                // It says whose file has to be mended first.
                Some(invalid @ PolicyState::Invalid { .. }) => invalid,
                None => own(text, Organization::None),
            },
            None => organizations().unwrap_or_else(|| PolicyState::Valid(settings.policy_without_file())),
        }
    }
}

impl PolicyFile {
    fn was_there(&self) -> bool {
        self.text.is_some() || self.unreadable.is_some()
    }
}

fn is_due(file: Option<&PolicyFile>, not_before: Option<Millis>, now: Millis) -> bool {
    let due = file.map(|file| file.read + READ_EVERY).max(not_before);
    // A clock that was put back must not make it hold for longer.
    file.is_some_and(|file| file.read > now) || due.is_none_or(|due| due <= now)
}

fn is_new(before: Option<&PolicyFile>, file: &PolicyFile) -> bool {
    before.is_none_or(|before| {
        (&before.text, &before.unreadable, &before.denied) != (&file.text, &file.unreadable, &file.denied)
    })
}

fn learn(
    before: Option<&PolicyFile>,
    path: &FilePath,
    answer: Result<FetchedPolicy, github::Error>,
    now: Millis,
) -> Learned {
    let empty = PolicyFile {
        path: path.clone(),
        text: None,
        etag: None,
        unreadable: None,
        denied: None,
        missing_since: None,
        read: now,
    };
    Learned::File(match (answer, before) {
        (Ok(FetchedPolicy::File { text, etag }), _) => PolicyFile { text: Some(text), etag, ..empty },
        (Ok(FetchedPolicy::NotModified), Some(file)) => {
            PolicyFile { read: now, denied: None, missing_since: None, ..file.clone() }
        }
        // A 304, although no ETag was sent.
        (Ok(FetchedPolicy::NotModified), None) => {
            let what = "GitHub answered 304 for a file that was never read";
            return Learned::Failed(github::Error::inconclusive(what));
        }
        (Ok(FetchedPolicy::NotText), _) => PolicyFile { unreadable: Some("it is not UTF-8 text".to_owned()), ..empty },
        (Err(github::Error::TooLarge { limit }), _) => {
            PolicyFile { unreadable: Some(format!("it is larger than {limit}")), ..empty }
        }
        (Err(github::Error::NotFound), Some(file)) if file.was_there() => return Learned::Missing(empty),
        (Err(github::Error::NotFound), _) => empty,
        (Err(github::Error::Refused { message } | github::Error::UnclearRefusal { message }), before) => {
            PolicyFile { denied: Some(message), read: now, ..before.cloned().unwrap_or(empty) }
        }
        (Err(github::Error::Inconclusive { .. }), Some(_)) => return Learned::Unanswered,
        (
            Err(
                error @ (github::Error::Inconclusive { .. }
                | github::Error::RateLimited { .. }
                | github::Error::ContentLimited { .. }
                | github::Error::Credentials { .. }
                | github::Error::Repository { .. }),
            ),
            _,
        ) => return Learned::Failed(error),
    })
}

/// Its text, or why it can be no policy; `None`: there is no file.
fn content(file: &PolicyFile) -> Option<Result<&str, &str>> {
    file.unreadable.as_deref().map(Err).or_else(|| file.text.as_deref().map(Ok))
}

fn read(text: &str, organization: Organization, origin: PolicyOrigin, settings: &RerunSettings) -> PolicyState {
    PolicyState::new(parse(text, settings.given(organization)), origin)
}

fn unreadable(what: &str, origin: PolicyOrigin) -> PolicyState {
    let message = format!("the file cannot be a policy: {what}");
    PolicyState::Invalid {
        errors: vec![PolicyError { line: 1, column: 1, length: 1, key: String::new(), message }],
        origin,
    }
}
