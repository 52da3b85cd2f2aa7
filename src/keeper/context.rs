//! What every transition goes by, beside what is stored: the time, the settings, and chance. Pure.

use crate::policy::Rules;
use crate::time::{Millis, Span};

#[derive(Debug)]
pub struct Context<'a> {
    pub now: Millis,
    pub rules: &'a Rules,
    /// How long after a failure it is looked at: the shortest delay that there can be.
    pub first_look: Span,
    /// In `0.0..1.0`, for jitter.
    pub chance: f64,
}

impl<'a> Context<'a> {
    pub fn new(rules: &'a Rules, now: Millis, chance: f64) -> Self {
        Self { now, rules, first_look: rules.delay, chance }
    }
}
