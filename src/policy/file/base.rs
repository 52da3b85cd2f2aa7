//! What a policy can be from: the presets and the organization's file, which a file names under `extends`, and the file itself.

use crate::names::string_enum;
use crate::settings::Preset;

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
    pub(super) fn preset(self) -> Option<Preset> {
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

    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().filter(|key| !self.0.contains(key)).copied().collect::<Vec<_>>());
        self
    }
}
