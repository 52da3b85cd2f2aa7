//! What every transition goes by, beside what is stored: the time, the settings, and chance. Pure.

use crate::policy::RerunSettings;
use crate::time::{Millis, Span};

#[derive(Debug)]
pub struct Context<'a> {
    pub now: Millis,
    pub settings: &'a RerunSettings,
    /// How long after a failure it is looked at: the shortest delay that there can be.
    pub first_look: Span,
    /// In `0.0..1.0`, for jitter.
    pub chance: f64,
}

impl<'a> Context<'a> {
    pub fn new(settings: &'a RerunSettings, now: Millis, chance: f64) -> Self {
        Self { now, settings, first_look: settings.delay, chance }
    }
}
