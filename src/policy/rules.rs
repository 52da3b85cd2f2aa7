//! What decisions go by beside the policy file: the Worker's settings.

use crate::settings::Settings;
use crate::time::Span;

/// The settings that decisions and waiting go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub max_reruns: u32,
    /// How far a repository's policy file may raise it.
    pub max_reruns_ceiling: u32,
    /// How long after the end of an attempt it is re-run.
    pub delay: Span,
    pub excluded_actors: Vec<String>,
    pub dry_run: bool,
    /// How often GitHub is asked for failures of which no webhook came; zero: never.
    pub sweep_interval: Span,
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Self {
        Self {
            max_reruns: settings.max_reruns,
            max_reruns_ceiling: settings.max_reruns_ceiling,
            delay: settings.rerun_delay,
            excluded_actors: settings.no_rerun_actors.clone(),
            dry_run: settings.dry_run,
            sweep_interval: settings.sweep_interval,
        }
    }
}
