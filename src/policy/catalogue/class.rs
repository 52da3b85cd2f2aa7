//! What an entry is about.

/// Kinds of reasons for which a job fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Runner,
    Network,
    Registry,
    Container,
    Git,
    Github,
    RateLimit,
    Resources,
    Compile,
    Test,
    Lint,
    Format,
    Types,
    Dependencies,
    Permission,
    Configuration,
}

impl Class {
    pub const ALL: [Self; 16] = [
        Self::Runner,
        Self::Network,
        Self::Registry,
        Self::Container,
        Self::Git,
        Self::Github,
        Self::RateLimit,
        Self::Resources,
        Self::Compile,
        Self::Test,
        Self::Lint,
        Self::Format,
        Self::Types,
        Self::Dependencies,
        Self::Permission,
        Self::Configuration,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runner => "runner",
            Self::Network => "network",
            Self::Registry => "registry",
            Self::Container => "container",
            Self::Git => "git",
            Self::Github => "github",
            Self::RateLimit => "rate_limit",
            Self::Resources => "resources",
            Self::Compile => "compile",
            Self::Test => "test",
            Self::Lint => "lint",
            Self::Format => "format",
            Self::Types => "types",
            Self::Dependencies => "dependencies",
            Self::Permission => "permission",
            Self::Configuration => "configuration",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Whether a re-run helps, as the cause is not in the repository.
    pub fn is_infrastructure(self) -> bool {
        match self {
            Self::Runner
            | Self::Network
            | Self::Registry
            | Self::Container
            | Self::Git
            | Self::Github
            | Self::RateLimit
            | Self::Resources => true,
            Self::Compile
            | Self::Test
            | Self::Lint
            | Self::Format
            | Self::Types
            | Self::Dependencies
            | Self::Permission
            | Self::Configuration => false,
        }
    }
}
