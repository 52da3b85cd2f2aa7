//! The gate of a repository: while it is closed, GitHub is not called for any of its runs.
//!
//! Rate limits, refused tokens and outages concern the repository and not one run: the run that met one closes the
//! gate, and the others wait behind it in the order in which they are due.

use serde::{Deserialize, Serialize};

use crate::github::Problem;
use crate::time::{Millis, Span};

use super::machine::Context;

/// Without a word from GitHub on how long to wait: "at least one minute", then exponentially longer (GitHub Docs,
/// "Best practices for using the REST API").
const RATE_LIMIT: Span = Span::minutes(1);
const RATE_LIMIT_MOST: Span = Span::hours(1);
/// GitHub's primary limit is by the hour: a longer word is a mistake, or a clock that is off.
const RATE_LIMIT_WORD_MOST: Span = Span::hours(2);
/// After this many calls in a row without an answer the others wait too.
const NO_ANSWERS: u32 = 3;
const NO_ANSWER: Span = Span::seconds(10);
const NO_ANSWER_MOST: Span = Span::minutes(5);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub until: Millis,
    pub cause: Cause,
    /// Calls without an answer in a row.
    pub no_answers: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    RateLimit,
    Credentials { message: String },
    NoAnswer,
}

/// Why to close it.
pub enum Closing {
    RateLimit { wait: Option<Span> },
    Credentials { message: String, wait: Span },
    NoAnswer,
}

impl Closing {
    /// For a call that is about no run.
    pub fn of(problem: &Problem) -> Option<Self> {
        match problem {
            Problem::RateLimited { wait } => Some(Self::RateLimit { wait: *wait }),
            Problem::Lost { .. } => Some(Self::NoAnswer),
            // Reading may be refused where re-running is not: whether it matters, the runs themselves will tell.
            Problem::Credentials { .. } | Problem::NotFound | Problem::Refused { .. } => None,
        }
    }
}

impl Gate {
    /// `tries`: how often in a row that has happened before.
    pub fn close(closing: Closing, tries: u32, cx: &Context) -> Self {
        match closing {
            Closing::RateLimit { wait } => {
                let wait = match wait {
                    // One more second, as GitHub's clock has only seconds.
                    Some(word) => Span::millis(word.min(RATE_LIMIT_WORD_MOST).as_millis() + 1_000),
                    None => RATE_LIMIT.doubled(tries, RATE_LIMIT_MOST),
                };
                Self { until: cx.now + jittered(wait, cx.chance), cause: Cause::RateLimit, no_answers: 0 }
            }
            Closing::Credentials { message, wait } => {
                Self { until: cx.now + wait, cause: Cause::Credentials { message }, no_answers: 0 }
            }
            Closing::NoAnswer => Self { until: cx.now, cause: Cause::NoAnswer, no_answers: 1 },
        }
    }

    /// The gate after another closing on top of this one.
    pub fn then(self, next: Self, now: Millis) -> Self {
        if next.cause != Cause::NoAnswer {
            return next;
        }
        let no_answers = self.no_answers.saturating_add(1);
        let wait = match no_answers.checked_sub(NO_ANSWERS) {
            Some(more) => NO_ANSWER.doubled(more, NO_ANSWER_MOST),
            None => Span::ZERO,
        };
        Self { until: now + wait, no_answers, ..next }
    }
}

/// Up to 15 s more, so that many repositories do not come back in the same second.
fn jittered(wait: Span, chance: f64) -> Span {
    let extra = Span::seconds(60).with_jitter(chance).as_millis() - Span::seconds(60).as_millis();
    Span::millis(wait.as_millis() + extra)
}
