//! What the Keeper knows of its repository's policy file, and when it asks GitHub again. Pure.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::github::{self, Call, FetchedPolicy};
use crate::names::{Conclusion, FilePath, RunId};
use crate::policy::{Policy, PolicyError, PolicyState, Rules, parse};
use crate::time::{Millis, Span};

/// A change of the file holds after this at the latest.
const READ_EVERY: Span = Span::minutes(5);
/// While GitHub does not answer, the last version of the file applies, and this is how often it is asked for.
const AGAIN: Span = Span::minutes(1);

/// What is stored of it. The text lies apart, as it may be long.
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
    pub read: Millis,
}

/// The same, with what it means.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyCache {
    /// `None`: it was not read yet, or repositories have no rules of their own.
    pub file: Option<PolicyFile>,
    pub state: PolicyState,
    /// Not asked for again before this, after trouble.
    not_before: Option<Millis>,
}

/// What came of an answer.
#[derive(Debug, PartialEq)]
pub enum PolicyUpdate {
    /// Something else than before is known.
    New(PolicyCache),
    /// What is known holds on.
    Same(PolicyCache),
    /// GitHub does not show a file that was there. If it does not show the repository either, nobody has removed it.
    Doubtful,
    /// GitHub has to answer before anything is decided.
    Failed(github::Error),
}

impl PolicyCache {
    /// Of a file as it is stored. A file at another path is no longer the policy.
    pub fn of(file: Option<PolicyFile>, path: Option<&FilePath>, rules: &Rules) -> Self {
        let file = file.filter(|file| Some(&file.path) == path);
        let state = file.as_ref().map_or(PolicyState::None, |file| state(file, rules));
        Self { file, state, not_before: None }
    }

    pub fn policy(&self) -> Cow<'_, Policy> {
        self.state.policy()
    }

    /// The call to be made before a run is decided on, if what is known is too old.
    pub fn next_read(&self, path: Option<&FilePath>, run_id: RunId, now: Millis) -> Option<Call> {
        let path = path?;
        let due = self.file.as_ref().map(|file| file.read + READ_EVERY).max(self.not_before);
        // A clock that was put back must not make it hold for longer.
        let ahead = self.file.as_ref().is_some_and(|file| file.read > now);
        let ask = ahead || due.is_none_or(|due| due <= now);
        let etag = self.file.as_ref().and_then(|file| file.etag.clone());
        ask.then(|| Call::ReadPolicy { run_id, path: path.clone(), etag })
    }

    /// `certain`: GitHub has shown the repository since it answered.
    pub fn update(
        &self,
        path: &FilePath,
        answer: Result<FetchedPolicy, github::Error>,
        certain: bool,
        rules: &Rules,
        now: Millis,
    ) -> PolicyUpdate {
        let empty =
            PolicyFile { path: path.clone(), text: None, etag: None, unreadable: None, denied: None, read: now };
        let file = match (answer, &self.file) {
            (Ok(FetchedPolicy::File { text, etag }), _) => PolicyFile { text: Some(text), etag, ..empty },
            (Ok(FetchedPolicy::NotModified), Some(file)) => PolicyFile { read: now, denied: None, ..file.clone() },
            // It was not asked whether anything is still the same.
            (Ok(FetchedPolicy::NotModified), None) => {
                return PolicyUpdate::Failed(github::Error::inconclusive(
                    "GitHub answered 304 for a file that was never read",
                ));
            }
            (Ok(FetchedPolicy::NotText), _) => {
                PolicyFile { unreadable: Some("it is not UTF-8 text".to_owned()), ..empty }
            }
            (Err(github::Error::TooLarge { limit }), _) => {
                PolicyFile { unreadable: Some(format!("it is larger than {limit}")), ..empty }
            }
            (Err(github::Error::NotFound), Some(file)) if file.was_there() && !certain => {
                return PolicyUpdate::Doubtful;
            }
            (Err(github::Error::NotFound), _) => empty,
            (Err(github::Error::Refused { message } | github::Error::UnclearRefusal { message }), before) => {
                PolicyFile { denied: Some(message), read: now, ..before.clone().unwrap_or(empty) }
            }
            (Err(github::Error::Inconclusive { .. }), Some(_)) => {
                return PolicyUpdate::Same(Self { not_before: Some(now + AGAIN), ..self.clone() });
            }
            (
                Err(
                    error @ (github::Error::Inconclusive { .. }
                    | github::Error::RateLimited { .. }
                    | github::Error::Credentials { .. }
                    | github::Error::Repository { .. }),
                ),
                _,
            ) => return PolicyUpdate::Failed(error),
        };
        let is_new = self.file.as_ref().is_none_or(|before| {
            (&before.text, &before.unreadable, &before.denied) != (&file.text, &file.unreadable, &file.denied)
        });
        let state = if is_new { state(&file, rules) } else { self.state.clone() };
        let policy = Self { file: Some(file), state, not_before: None };
        if is_new { PolicyUpdate::New(policy) } else { PolicyUpdate::Same(policy) }
    }

    /// The same, to be asked for before anything is decided: GitHub did not show something that is there. `None`: it is
    /// asked for anyway.
    pub fn distrusted(&self) -> Option<Self> {
        let file = self.file.as_ref().filter(|file| file.read > Millis(0))?;
        let file = Some(PolicyFile { read: Millis(0), ..file.clone() });
        Some(Self { file, state: self.state.clone(), not_before: None })
    }

    /// For the log, when it was just learned.
    pub fn problem(&self) -> Option<String> {
        let file = self.file.as_ref()?;
        let path = &file.path;
        if let Some(message) = &file.denied {
            let meanwhile =
                if file.text.is_some() { "the last version read applies" } else { "it is treated as absent" };
            return Some(format!("{path} cannot be read, and {meanwhile}: it needs Contents: read ({message})"));
        }
        let PolicyState::Invalid(errors) = &self.state else { return None };
        let more = match errors.len() {
            0 | 1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        Some(format!("{path} is not valid, and nothing is re-run until it is: {first}{more}"))
    }

    /// How soon after a failure some decision could be to re-run.
    pub fn first_look(&self, rules: &Rules) -> Span {
        let policy = self.policy();
        let of_rules = policy.rules.iter().filter_map(|rule| rule.delay);
        of_rules.chain([policy.delay.unwrap_or(rules.delay)]).min().unwrap_or(rules.delay)
    }

    pub fn reruns_per_day(&self) -> Option<u64> {
        self.policy().budget.reruns_per_day.map(u64::from)
    }

    pub fn wants_cancelled(&self) -> bool {
        self.policy().conclusions.contains(&Conclusion::Cancelled)
    }
}

impl PolicyFile {
    fn was_there(&self) -> bool {
        self.text.is_some() || self.unreadable.is_some()
    }
}

fn state(file: &PolicyFile, rules: &Rules) -> PolicyState {
    if let Some(what) = &file.unreadable {
        let message = format!("the file cannot be a policy: {what}");
        return PolicyState::Invalid(vec![PolicyError { line: 1, column: 1, key: String::new(), message }]);
    }
    match file.text.as_ref().map(|text| parse(text, rules.max_reruns_ceiling)) {
        None => PolicyState::None,
        Some(Ok(policy)) => PolicyState::Valid(policy),
        Some(Err(errors)) => PolicyState::Invalid(errors),
    }
}
