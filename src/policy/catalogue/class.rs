//! The classes of causes that entries of the catalogue have, such as `network`; which of them are infrastructure.

use crate::names::string_enum;

string_enum! {
    /// Kinds of reasons for which a job fails.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum Class {
        Runner = "runner",
        Network = "network",
        Registry = "registry",
        Container = "container",
        Git = "git",
        Github = "github",
        RateLimit = "rate_limit",
        Resources = "resources",
        Compile = "compile",
        Test = "test",
        Lint = "lint",
        Format = "format",
        Types = "types",
        Dependencies = "dependencies",
        Permission = "permission",
        Configuration = "configuration",
    }
}

impl Class {
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
