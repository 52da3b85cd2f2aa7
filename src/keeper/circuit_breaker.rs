//! The gate of a repository: while it is closed, GitHub is not called for any of its runs.
//!
//! Rate limits, refused tokens and outages concern the repository and not one run: the run that met one closes the
//! gate, and the others wait behind it in the order in which they are due.

use serde::{Deserialize, Serialize};

use crate::github;
use crate::time::{Millis, Span};

use super::state_machine::Context;

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
/// Until a repository that GitHub does not show is looked for again.
const REPOSITORY: Span = Span::minutes(30);
/// What is said of it.
pub const NO_REPOSITORY: &str = "GitHub shows no such repository (404): it is gone, or there is no access to it";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    pub until: Millis,
    pub cause: Cause,
    /// Calls without an answer in a row.
    pub no_answers: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    RateLimit,
    Credentials {
        message: String,
    },
    /// Nothing can be done in this repository. It says nothing of the Worker's credentials as a whole.
    Repository {
        message: String,
    },
    NoAnswer,
}

/// Why to close it.
pub enum TripReason {
    RateLimit { wait: Option<Span> },
    Credentials { message: String, wait: Span },
    Repository { message: String, wait: Span },
    NoAnswer,
}

impl TripReason {
    /// For a call that is about no run.
    pub fn of(error: &github::Error) -> Option<Self> {
        match error {
            github::Error::RateLimited { wait } => Some(Self::RateLimit { wait: *wait }),
            github::Error::Inconclusive { .. } => Some(Self::NoAnswer),
            github::Error::Repository { message } => {
                Some(Self::Repository { message: message.clone(), wait: REPOSITORY })
            }
            // No list at all, and not a list without runs.
            github::Error::NotFound => Some(Self::Repository { message: NO_REPOSITORY.to_owned(), wait: REPOSITORY }),
            // Reading may be refused where re-running is not: whether it matters, the runs themselves will tell.
            github::Error::Credentials { .. }
            | github::Error::Refused { .. }
            | github::Error::UnclearRefusal { .. }
            | github::Error::TooLarge { .. } => None,
        }
    }
}

impl CircuitBreaker {
    /// `tries`: how often in a row that has happened before.
    pub fn close(closing: TripReason, tries: u32, cx: &Context) -> Self {
        match closing {
            TripReason::RateLimit { wait } => {
                let wait = match wait {
                    // One more second, as GitHub's clock has only seconds.
                    Some(word) => Span::millis(word.min(RATE_LIMIT_WORD_MOST).as_millis() + 1_000),
                    None => RATE_LIMIT.doubled(tries, RATE_LIMIT_MOST),
                };
                Self { until: cx.now + jittered(wait, cx.chance), cause: Cause::RateLimit, no_answers: 0 }
            }
            TripReason::Credentials { message, wait } => {
                Self { until: cx.now + wait, cause: Cause::Credentials { message }, no_answers: 0 }
            }
            TripReason::Repository { message, wait } => {
                Self { until: cx.now + wait, cause: Cause::Repository { message }, no_answers: 0 }
            }
            TripReason::NoAnswer => Self { until: cx.now, cause: Cause::NoAnswer, no_answers: 1 },
        }
    }

    /// The gate after another closing on top of this one.
    pub fn then(self, next: Self, now: Millis) -> Self {
        // A comment is written beside all else: what it was told is not shortened by what another call was told.
        if self.cause == Cause::RateLimit && self.until > now && self.until >= next.until {
            return self;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Rules;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn closed(closing: TripReason, tries: u32, chance: f64) -> CircuitBreaker {
        let rules = Rules {
            max_reruns: 3,
            max_reruns_ceiling: 10,
            delay: Span::ZERO,
            excluded_actors: vec![],
            dry_run: false,
            sweep_interval: Span::ZERO,
        };
        CircuitBreaker::close(closing, tries, &Context { now: NOW, rules: &rules, first_look: rules.delay, chance })
    }

    fn limit(wait: Option<Span>) -> TripReason {
        TripReason::RateLimit { wait }
    }

    fn refused() -> TripReason {
        TripReason::Credentials { message: "401".to_owned(), wait: Span::minutes(5) }
    }

    #[test]
    fn how_long_it_is_closed() {
        for (closing, tries, chance, seconds) in [
            // A second more than GitHub's word, whatever was before, and the jitter on top.
            (limit(Some(Span::seconds(10))), 5, 0.0, 11),
            (limit(Some(Span::seconds(10))), 5, 1.0, 26),
            (limit(Some(Span::hours(3))), 0, 0.0, 7_201),
            (limit(Some(Span::ZERO)), 5, 0.0, 1),
            (limit(None), 0, 0.0, 60),
            (limit(None), 1, 0.0, 120),
            (limit(None), 1, 1.0, 135),
            (limit(None), 9, 0.0, 3_600),
            (refused(), 9, 1.0, 300),
            (TripReason::NoAnswer, 9, 1.0, 0),
        ] {
            assert_eq!(closed(closing, tries, chance).until - NOW, Span::seconds(seconds), "{seconds} s");
        }
    }

    #[test]
    fn calls_without_an_answer_close_it_from_the_third_in_a_row_on() {
        let mut breaker = closed(TripReason::NoAnswer, 0, 0.0);
        for (no_answers, seconds) in [(2, 0), (3, 10), (4, 20), (5, 40), (6, 80), (7, 160), (8, 300), (9, 300)] {
            breaker = breaker.then(closed(TripReason::NoAnswer, 0, 0.0), NOW);
            assert_eq!((breaker.no_answers, breaker.until - NOW), (no_answers, Span::seconds(seconds)));
        }
        // What GitHub says replaces what it did not say, and the count begins anew.
        let breaker = breaker.then(closed(refused(), 0, 0.0), NOW);
        assert_eq!((breaker.no_answers, breaker.until - NOW), (0, Span::minutes(5)));
        assert_eq!(breaker.cause, Cause::Credentials { message: "401".to_owned() });
        let breaker = breaker.then(closed(limit(None), 0, 0.0), NOW);
        assert_eq!((breaker.cause, breaker.until - NOW), (Cause::RateLimit, Span::minutes(1)));
    }

    #[test]
    fn what_a_list_closes_it_for() {
        let closes = |error| TripReason::of(&error).map(|closing| closed(closing, 0, 0.0).cause);
        assert_eq!(closes(github::Error::RateLimited { wait: None }), Some(Cause::RateLimit));
        assert_eq!(closes(github::Error::Inconclusive { what: String::new() }), Some(Cause::NoAnswer));
        let gone = Some(Cause::Repository { message: NO_REPOSITORY.to_owned() });
        assert_eq!(closes(github::Error::NotFound), gone);
        for error in [
            github::Error::Refused { message: String::new() },
            github::Error::UnclearRefusal { message: String::new() },
            github::Error::Credentials { message: String::new() },
        ] {
            assert_eq!(closes(error), None);
        }
    }
}
