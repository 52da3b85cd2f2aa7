use std::borrow::Cow;

use super::error::PolicyError;
use super::format::Policy;

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
