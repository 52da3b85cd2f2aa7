//! What decisions go by beside the policy file: the Worker's settings.

use crate::settings::{Preset, Settings};
use crate::time::Span;

use super::file::{Given, Organization, Policy};

/// The settings that decisions and waiting go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RerunSettings {
    pub max_reruns: u32,
    /// How far a repository's policy file may raise it.
    pub max_reruns_ceiling: u32,
    /// How long after the end of an attempt it is re-run.
    pub delay: Span,
    pub excluded_actors: Vec<String>,
    pub dry_run: bool,
    /// What holds without a policy file.
    pub default_policy: Preset,
    /// Whether the organization's policy file is looked for.
    pub organization_policy: bool,
    /// How often GitHub is asked for failures of which no webhook came; zero: never.
    pub sweep_interval: Span,
}

impl From<&Settings> for RerunSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            max_reruns: settings.max_reruns,
            max_reruns_ceiling: settings.max_reruns_ceiling,
            delay: settings.rerun_delay,
            excluded_actors: settings.no_rerun_actors.clone(),
            dry_run: settings.dry_run,
            default_policy: settings.default_policy,
            organization_policy: settings.organization_policy,
            sweep_interval: settings.sweep_interval,
        }
    }
}

impl RerunSettings {
    /// What a policy file is read with.
    pub fn given<'a>(&self, organization: Organization<'a>) -> Given<'a> {
        let organization = if self.organization_policy { organization } else { Organization::Off };
        Given { max_reruns: self.max_reruns, ceiling: self.max_reruns_ceiling, organization }
    }

    /// What holds without a policy file.
    pub fn policy_without_file(&self) -> Policy {
        Policy::preset(self.default_policy, self.max_reruns)
    }
}
