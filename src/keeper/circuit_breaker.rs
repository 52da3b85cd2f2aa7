//! The circuit breaker of a repository: while it is open, GitHub is not called for any of its runs. Pure; what is stored of
//! it is in [`super::repository_state`].
//!
//! Rate limits, refused tokens and outages concern the repository and not one run: the call that met one trips the
//! breaker ([`CircuitBreaker::trip`]), and the other runs wait in the order in which they are due. It closes by itself when
//! its time is up, or earlier, by an answer that shows that the trouble is over ([`CircuitBreaker::is_closed_by`]) or by a
//! restart ([`CircuitBreaker::restarted`]).

use serde::{Deserialize, Serialize};

use crate::github::{self, Response};
use crate::time::{Millis, Span};

use super::context::Context;

/// Where GitHub does not say how long to wait: "at least one minute", then exponentially longer (GitHub Docs,
/// "Best practices for using the REST API").
const RATE_LIMIT: Span = Span::minutes(1);
const RATE_LIMIT_MOST: Span = Span::hours(1);
/// GitHub's primary limit is by the hour: more than this is a mistake, or a clock that is off.
const RATE_LIMIT_SAID_MOST: Span = Span::hours(2);
/// After this many calls in a row without an answer the others wait too.
const NO_ANSWERS: u32 = 3;
const NO_ANSWER: Span = Span::seconds(10);
const NO_ANSWER_MOST: Span = Span::minutes(5);
/// Until somebody has mended the credentials or the repository.
const REFUSED: Span = Span::minutes(5);
const REFUSED_MOST: Span = Span::hours(1);
/// The same, where not a run but a list was refused.
const LIST_REFUSED: Span = Span::minutes(30);
pub const NO_REPOSITORY: &str = "GitHub shows no such repository (404): it is gone, or Rerunner has no access to it";

/// As it is stored, whether its time is up or not. The names in JSON outlive versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// It is open until then.
    pub until: Millis,
    #[serde(rename = "cause")]
    pub reason: TripReason,
    /// Calls without an answer in a row.
    pub no_answers: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TripReason {
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

impl CircuitBreaker {
    /// `said`: how long GitHub said to wait. `tries`: how often in a row this has happened to the run before.
    pub fn trip(reason: TripReason, said: Option<Span>, tries: u32, cx: &Context) -> Self {
        let wait = match &reason {
            TripReason::RateLimit => {
                let wait = match said {
                    // One more second, as GitHub's clock has only seconds.
                    Some(said) => said.min(RATE_LIMIT_SAID_MOST).as_millis() + 1_000,
                    None => RATE_LIMIT.doubled(tries, RATE_LIMIT_MOST).as_millis(),
                };
                // Up to 15 s more, so that many repositories do not come back in the same second.
                let more = Span::minutes(1).with_jitter(cx.chance).minus(Span::minutes(1));
                Span::millis(wait + more.as_millis())
            }
            TripReason::Credentials { .. } | TripReason::Repository { .. } => {
                REFUSED.doubled(tries, REFUSED_MOST).with_jitter(cx.chance)
            }
            // The first ones only count: see `then`.
            TripReason::NoAnswer => Span::ZERO,
        };
        Self { until: cx.now + wait, no_answers: u32::from(reason == TripReason::NoAnswer), reason }
    }

    /// By a call that is about no run. `None`: what went wrong is no reason to stop calling.
    pub fn trip_by_list(error: &github::Error, cx: &Context) -> Option<Self> {
        let repository = |message: &str| {
            let reason = TripReason::Repository { message: message.to_owned() };
            Self { until: cx.now + LIST_REFUSED, ..Self::trip(reason, None, 0, cx) }
        };
        match error {
            github::Error::RateLimited { wait } => Some(Self::trip(TripReason::RateLimit, *wait, 0, cx)),
            github::Error::Inconclusive { .. } => Some(Self::trip(TripReason::NoAnswer, None, 0, cx)),
            github::Error::Repository { message } => Some(repository(message)),
            // A list without runs is no 404.
            github::Error::NotFound => Some(repository(NO_REPOSITORY)),
            // Reading may be refused where re-running is not: the runs themselves will show whether it matters.
            github::Error::Credentials { .. }
            | github::Error::Refused { .. }
            | github::Error::UnclearRefusal { .. }
            | github::Error::ContentLimited { .. }
            | github::Error::TooLarge { .. } => None,
        }
    }

    /// What is stored after another trip on top of this one.
    pub fn then(self, next: Self, now: Millis) -> Self {
        // A comment is written beside all else: a rate limit that it met is not shortened by what another call meets.
        if self.reason == TripReason::RateLimit && self.is_open(now) && self.until >= next.until {
            return self;
        }
        if next.reason != TripReason::NoAnswer {
            return next;
        }
        let no_answers = self.no_answers.saturating_add(1);
        let wait = match no_answers.checked_sub(NO_ANSWERS) {
            Some(more) => NO_ANSWER.doubled(more, NO_ANSWER_MOST),
            None => Span::ZERO,
        };
        Self { until: now + wait, no_answers, ..next }
    }

    /// Whether GitHub is not to be called now.
    pub fn is_open(&self, now: Millis) -> bool {
        self.until > now
    }

    /// Whether this answer shows that what tripped it is over.
    pub fn is_closed_by(&self, response: &Response, now: Millis) -> bool {
        match self.reason {
            TripReason::Credentials { .. } => response.takes_credentials(),
            TripReason::NoAnswer => !matches!(response.error(), Some(github::Error::Inconclusive { .. })),
            // A call that was made before it was tripped can be answered after.
            TripReason::RateLimit => {
                response.error().is_none_or(|error| !error.concerns_other_calls()) && !self.is_open(now)
            }
            TripReason::Repository { .. } => response.shows_repository(),
        }
    }

    /// After a restart of the Keeper, which may have another token now: what waits for one need wait no longer.
    pub fn restarted(self, now: Millis) -> Self {
        match self.reason {
            TripReason::Credentials { .. } | TripReason::Repository { .. } => Self { until: now, ..self },
            TripReason::RateLimit | TripReason::NoAnswer => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::{FetchedPolicy, RerunAnswer};
    use crate::policy::RerunSettings;
    use crate::settings::Settings;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn with_context<T>(chance: f64, test: impl Fn(&Context) -> T) -> T {
        let settings = RerunSettings::from(&Settings::read(|_| None));
        test(&Context { now: NOW, settings: &settings, first_look: Span::ZERO, chance })
    }

    fn tripped(reason: TripReason, said: Option<Span>, tries: u32, chance: f64) -> CircuitBreaker {
        with_context(chance, |cx| CircuitBreaker::trip(reason.clone(), said, tries, cx))
    }

    fn refused() -> TripReason {
        TripReason::Credentials { message: "401".to_owned() }
    }

    fn repository() -> TripReason {
        TripReason::Repository { message: NO_REPOSITORY.to_owned() }
    }

    #[test]
    fn how_long_it_is_open() {
        use TripReason::{NoAnswer, RateLimit};
        let seconds = |seconds| Some(Span::seconds(seconds));
        for (reason, said, tries, chance, expected) in [
            // A second more than GitHub says, whatever was before, and the jitter on top.
            (RateLimit, seconds(10), 5, 0.0, 11),
            (RateLimit, seconds(10), 5, 1.0, 26),
            (RateLimit, seconds(3 * 3_600), 0, 0.0, 7_201),
            (RateLimit, seconds(0), 5, 0.0, 1),
            (RateLimit, None, 0, 0.0, 60),
            (RateLimit, None, 1, 0.0, 120),
            (RateLimit, None, 1, 1.0, 135),
            (RateLimit, None, 9, 0.0, 3_600),
            (refused(), None, 0, 0.0, 300),
            (refused(), None, 1, 1.0, 750),
            (repository(), None, 9, 0.0, 3_600),
            (NoAnswer, None, 9, 1.0, 0),
        ] {
            let breaker = tripped(reason.clone(), said, tries, chance);
            assert_eq!(breaker.until - NOW, Span::seconds(expected), "{reason:?}, {said:?}, {tries}");
            assert_eq!(breaker.is_open(NOW), expected > 0);
            assert!(!breaker.is_open(breaker.until));
        }
    }

    #[test]
    fn calls_without_an_answer_open_it_from_the_third_in_a_row_on() {
        let mut breaker = tripped(TripReason::NoAnswer, None, 0, 0.0);
        for (no_answers, seconds) in [(2, 0), (3, 10), (4, 20), (5, 40), (6, 80), (7, 160), (8, 300), (9, 300)] {
            breaker = breaker.then(tripped(TripReason::NoAnswer, None, 0, 0.0), NOW);
            assert_eq!((breaker.no_answers, breaker.until - NOW), (no_answers, Span::seconds(seconds)));
        }
        // An answer replaces that there was none, and the count begins anew.
        let breaker = breaker.then(tripped(refused(), None, 0, 0.0), NOW);
        assert_eq!((breaker.no_answers, breaker.until - NOW), (0, Span::minutes(5)));
        assert_eq!(breaker.reason, refused());
        let breaker = breaker.then(tripped(TripReason::RateLimit, None, 0, 0.0), NOW);
        assert_eq!((breaker.reason, breaker.until - NOW), (TripReason::RateLimit, Span::minutes(1)));
    }

    #[test]
    fn a_rate_limit_is_not_shortened() {
        let limited = |seconds| tripped(TripReason::RateLimit, Some(Span::seconds(seconds)), 0, 0.0);
        assert_eq!(limited(600).then(limited(10), NOW), limited(600));
        assert_eq!(limited(600).then(tripped(TripReason::NoAnswer, None, 0, 0.0), NOW), limited(600));
        assert_eq!(limited(10).then(limited(600), NOW), limited(600));
        let later = NOW + Span::hours(1);
        assert_eq!(limited(600).then(limited(10), later), limited(10), "its time is up");
    }

    #[test]
    fn what_a_list_trips_it_for() {
        let trips = |problem| with_context(0.0, |cx| CircuitBreaker::trip_by_list(&problem, cx));
        let reason = |problem| trips(problem).map(|breaker| breaker.reason);
        assert_eq!(reason(github::Error::RateLimited { wait: None }), Some(TripReason::RateLimit));
        assert_eq!(reason(github::Error::Inconclusive { what: String::new() }), Some(TripReason::NoAnswer));
        let gone = trips(github::Error::NotFound).unwrap();
        assert_eq!((gone.reason, gone.until - NOW), (repository(), Span::minutes(30)));
        for problem in [
            github::Error::Refused { message: String::new() },
            github::Error::UnclearRefusal { message: String::new() },
            github::Error::Credentials { message: String::new() },
        ] {
            assert_eq!(reason(problem), None);
        }
    }

    #[test]
    fn what_closes_it() {
        let accepted = Response::Rerun(Ok(RerunAnswer::Accepted));
        let no_file = Response::Policy(Err(github::Error::NotFound));
        let same_file = Response::Policy(Ok(FetchedPolicy::NotModified));
        let lost = Response::Run(Err(github::Error::Inconclusive { what: String::new() }));
        let not_found = Response::Run(Err(github::Error::NotFound));
        let answers = [&accepted, &no_file, &same_file, &not_found, &lost];
        for (reason, closed_by) in [
            // What reads says nothing about whether re-running is allowed again.
            (refused(), vec![&accepted]),
            (repository(), vec![&accepted, &same_file]),
            (TripReason::NoAnswer, vec![&accepted, &no_file, &same_file, &not_found]),
            (TripReason::RateLimit, vec![]),
        ] {
            let breaker = tripped(reason.clone(), None, 0, 0.0);
            for answer in answers {
                assert_eq!(breaker.is_closed_by(answer, NOW), closed_by.contains(&answer), "{reason:?}, {answer:?}");
            }
        }
        let limited = tripped(TripReason::RateLimit, None, 0, 0.0);
        for (answer, closes) in answers.into_iter().zip([true, true, true, true, false]) {
            assert_eq!(limited.is_closed_by(answer, limited.until), closes, "{answer:?}");
        }
    }

    #[test]
    fn a_restart_ends_the_wait_for_other_credentials() {
        for (reason, ends) in
            [(refused(), true), (repository(), true), (TripReason::RateLimit, false), (TripReason::NoAnswer, false)]
        {
            let breaker = CircuitBreaker { until: NOW + Span::hours(1), no_answers: 3, reason: reason.clone() };
            assert_eq!(!breaker.restarted(NOW).is_open(NOW), ends, "{reason:?}");
        }
    }

    /// Stored by deployed Workers, byte for byte.
    #[test]
    fn the_stored_text() {
        let message = || "401 Bad credentials".to_owned();
        for (reason, text) in [
            (TripReason::RateLimit, r#"{"until":1,"cause":"rate_limit","no_answers":0}"#),
            (TripReason::NoAnswer, r#"{"until":1,"cause":"no_answer","no_answers":0}"#),
            (
                TripReason::Credentials { message: message() },
                r#"{"until":1,"cause":{"credentials":{"message":"401 Bad credentials"}},"no_answers":0}"#,
            ),
            (
                TripReason::Repository { message: message() },
                r#"{"until":1,"cause":{"repository":{"message":"401 Bad credentials"}},"no_answers":0}"#,
            ),
        ] {
            let breaker = CircuitBreaker { until: Millis(1), reason, no_answers: 0 };
            assert_eq!(serde_json::to_string(&breaker).unwrap(), text);
            assert_eq!(serde_json::from_str::<CircuitBreaker>(text).unwrap(), breaker);
        }
    }
}
