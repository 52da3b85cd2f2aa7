//! The sweep for missed webhooks: now and then the Keeper asks GitHub for the runs that failed, and takes each for a
//! webhook that says so. What is known already, the state machine recognizes.

use serde::{Deserialize, Serialize};

use crate::github::request::{Call, FailedRuns, Failing, PER_PAGE};
use crate::time::{Millis, Span};

/// A repository that nothing was heard of for so long is not swept until something is.
const ACTIVE_FOR: Span = Span::days(7);
/// How exactly the time of the last webhook is known: it costs a write.
const ACTIVE_STEP: Span = Span::hours(1);
/// The list is by the time that a run was created, and a run takes a while to fail: a job may take six hours on
/// GitHub's runners, and wait for one before that.
const RUN_TAKES: Span = Span::hours(24);
/// GitHub re-runs nothing that is older ("Re-running workflows and jobs"); and what is, can have been forgotten here.
const RERUNNABLE_FOR: Span = Span::days(30);
/// GitHub lists no more than 1,000 runs.
const PAGES: u32 = 20;
/// GitHub's clock and ours may differ by so much.
const CLOCKS_APART: Span = Span::minutes(10);
/// A sweep that failed is made again after this.
const AGAIN: Span = Span::minutes(5);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The first webhook: nothing that failed before it is touched.
    watching_since: Millis,
    /// The last webhook, about.
    active: Millis,
    due: Millis,
    /// When the last whole sweep began.
    swept: Millis,
}

impl Sweep {
    /// A webhook arrived. `None`: nothing has changed that is worth a write.
    pub fn heard(before: Option<&Self>, now: Millis, interval: Span) -> Option<Self> {
        match before {
            None => Some(Self { watching_since: now, active: now, due: now + interval, swept: now }),
            Some(sweep) if now - sweep.active >= ACTIVE_STEP => {
                // After a pause of a week it is due long since, and made at once.
                Some(Self { active: now, ..sweep.clone() })
            }
            Some(_) => None,
        }
    }

    /// When it is next due, unless it is off or nothing goes on here.
    pub fn due(&self, interval: Span) -> Option<Millis> {
        let on = interval > Span::ZERO && self.due <= self.active + ACTIVE_FOR;
        on.then_some(self.due)
    }

    /// The first call of a sweep that starts now.
    pub fn start(&self, now: Millis) -> Call {
        let (since, rerunnable) = (self.swept.0 - RUN_TAKES.as_millis(), now.0 - RERUNNABLE_FOR.as_millis());
        let created_from = Millis(since.max(rerunnable).max(0));
        Call::ListFailedRuns(FailedRuns { failing: Failing::Failure, created_from, page: 1, started: now })
    }

    /// Whether a failure that ended then is for Rerunner to act on. `since`: for what is acted on only since then.
    pub fn covers(&self, ended: Millis, since: Option<Millis>) -> bool {
        ended + CLOCKS_APART >= self.watching_since.max(since.unwrap_or(self.watching_since))
    }

    /// What to ask for after a page with so many runs; `None` when that was all.
    pub fn after(asked: &FailedRuns, listed: usize, cancelled_too: bool) -> Option<Call> {
        if listed >= PER_PAGE as usize && asked.page < PAGES {
            return Some(Call::ListFailedRuns(FailedRuns { page: asked.page + 1, ..asked.clone() }));
        }
        let failing = match asked.failing {
            Failing::Failure => Failing::TimedOut,
            Failing::TimedOut if cancelled_too => Failing::Cancelled,
            Failing::TimedOut | Failing::Cancelled => return None,
        };
        Some(Call::ListFailedRuns(FailedRuns { failing, page: 1, ..asked.clone() }))
    }

    /// Not before `at`, whatever comes of it.
    pub fn postponed(self, at: Millis) -> Self {
        Self { due: at, ..self }
    }

    pub fn failed(self, now: Millis) -> Self {
        self.postponed(now + AGAIN)
    }

    pub fn done(self, started: Millis, now: Millis, interval: Span) -> Self {
        Self { swept: started, due: now + interval, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);
    const INTERVAL: Span = Span::minutes(15);

    fn asked(failing: Failing, page: u32) -> FailedRuns {
        FailedRuns { failing, created_from: NOW, page, started: NOW }
    }

    #[test]
    fn from_page_to_page_and_list_to_list() {
        use Failing::{Failure, TimedOut};
        let full = PER_PAGE as usize;
        for (before, listed, next) in [
            ((Failure, 1), full, Some((Failure, 2))),
            ((Failure, 2), full - 1, Some((TimedOut, 1))),
            ((Failure, PAGES), full, Some((TimedOut, 1))),
            ((TimedOut, 1), full, Some((TimedOut, 2))),
            ((TimedOut, 3), 0, None),
            ((TimedOut, PAGES), full, None),
        ] {
            let expected = next.map(|(failing, page)| Call::ListFailedRuns(asked(failing, page)));
            assert_eq!(Sweep::after(&asked(before.0, before.1), listed, false), expected, "after {before:?}");
        }
    }

    #[test]
    fn when_and_from_when_on() {
        let from = |sweep: &Sweep, now| match sweep.start(now) {
            Call::ListFailedRuns(FailedRuns { created_from, started, .. }) => (created_from, started),
            other => panic!("{other:?}"),
        };
        let sweep = Sweep::heard(None, NOW, INTERVAL).unwrap();
        assert_eq!(sweep.due(INTERVAL), Some(NOW + INTERVAL));
        let later = NOW + INTERVAL;
        assert_eq!(from(&sweep, later), (Millis(NOW.0 - RUN_TAKES.as_millis()), later));
        // Whatever comes of it, it is not made at once again, and what was not swept is swept the next time.
        let failed = sweep.clone().postponed(later + Span::seconds(25)).failed(later);
        assert_eq!(failed.due(INTERVAL), Some(later + AGAIN));
        assert_eq!(from(&failed, later), from(&sweep, later));
        let done = sweep.done(later, later + Span::seconds(3), INTERVAL);
        assert_eq!(done.due(INTERVAL), Some(later + Span::seconds(3) + INTERVAL));
        assert_eq!(from(&done, later).0, Millis(later.0 - RUN_TAKES.as_millis()));
        assert_eq!(done.postponed(NOW).due(INTERVAL), Some(NOW));
    }

    #[test]
    fn clocks_may_be_apart() {
        let sweep = Sweep::heard(None, NOW, INTERVAL).unwrap();
        let earliest = Millis(NOW.0 - CLOCKS_APART.as_millis());
        assert!(sweep.covers(earliest, None) && !sweep.covers(Millis(earliest.0 - 1), None));
    }
}
