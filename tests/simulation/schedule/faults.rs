//! How likely what is, in one schedule.

use rerunner::time::{Millis, Span};

#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub drop_webhook: f64,
    pub repeat_webhook: f64,
    pub delay_webhook: f64,
    pub lose_request: f64,
    pub lose_answer: f64,
    pub server_error: f64,
    pub error_after_effect: f64,
    pub rate_limit: f64,
    pub already_running: f64,
    pub stale_read: f64,
    pub garbage: f64,
    pub kv_failure: f64,
    pub crash: f64,
    /// A message to people does not arrive, or the answer to it does not.
    pub message: f64,
    /// GitHub does not answer at all from one time to another.
    pub outage: Option<(Millis, Millis)>,
}

impl Faults {
    /// Each fault is off, rare or frequent, so that schedules differ in kind and not only in detail.
    pub fn draw(random: &mut fastrand::Rng, start: Millis, lasts: Span) -> Self {
        let mut one = |rare: f64, frequent: f64| match random.usize(0..4) {
            0 | 1 => 0.0,
            2 => rare,
            _ => frequent,
        };
        let mut faults = Self {
            drop_webhook: one(0.05, 0.4),
            repeat_webhook: one(0.05, 0.4),
            delay_webhook: one(0.1, 0.6),
            lose_request: one(0.02, 0.2),
            lose_answer: one(0.05, 0.4),
            server_error: one(0.05, 0.3),
            error_after_effect: one(0.05, 0.3),
            rate_limit: one(0.02, 0.1),
            already_running: one(0.05, 0.3),
            stale_read: one(0.1, 0.7),
            garbage: one(0.02, 0.2),
            kv_failure: one(0.05, 0.5),
            crash: one(0.05, 0.4),
            message: one(0.1, 0.5),
            outage: None,
        };
        if random.usize(0..6) == 0 {
            let from = start + Span::millis(random.i64(0..lasts.as_millis()));
            faults.outage = Some((from, from + Span::minutes(random.i64(1..360))));
        }
        faults
    }
}
