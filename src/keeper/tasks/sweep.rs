//! The sweep for missed webhooks: now and then GitHub is asked for the runs that failed, page by page, and each is taken for
//! a webhook that says so. What is known already, the state machine recognizes.

use serde::{Deserialize, Serialize};

use crate::github::calls::failed_runs::PER_PAGE;
use crate::github::{self, Call, FailedRuns, Failing, Response};
use crate::keeper::circuit_breaker::CircuitBreaker;
use crate::keeper::on_webhook::on_failed_attempt;
use crate::keeper::retention::GITHUB_RERUNS;
use crate::keeper::step::LEASE;
use crate::keeper::subrequests;
use crate::policy::RerunSettings;
use crate::time::{Millis, Span};
use crate::webhook::event::RunEventKind;

use super::{CLOCKS_APART, Context, Fact, Keeper, Sql, StepResult, StoreError, Task, other_answer};

/// A repository without a webhook for so long is not swept until one comes, if a whole sweep was made since the last.
const ACTIVE_FOR: Span = Span::days(7);
/// How exactly the time of the last webhook is known: it costs a write.
const ACTIVE_STEP: Span = Span::hours(1);
/// The list is by the time that a run was created, and a run takes a while to fail: a job may take six hours on
/// GitHub's runners, and wait for one before that.
const RUN_TAKES: Span = Span::hours(24);
/// GitHub lists no more runs than this.
const LISTED_MOST: u32 = 1_000;
/// Pages of one sweep, of all lists together: three of 1,000 runs, and what some runs with long commit messages take more.
const PAGES: u32 = 150;
/// Pages in a row.
const PAGES_AT_ONCE: u32 = 10;
/// What is known after fewer pages is not stored.
const PAGES_NOT_STORED: u32 = 3;
const _: () = assert!(PAGES_NOT_STORED <= subrequests::RUN, "an alarm that begins a sweep has room for them");
/// A sweep that an alarm has no room to finish is gone on with for so long, and then begun anew.
const RESUMED_FOR: Span = Span::hours(1);
const TOO_LONG: &str = "the sweep for missed webhooks skipped a run: its entry in GitHub's list is longer than 16 MiB";
const TOO_MANY: &str = "the sweep for missed webhooks ended early: there are too many failed runs, or too long entries";
/// Until a page is asked for again whose answer never came, or that an alarm had no room for.
const GOES_ON: Span = Span::seconds(25);
/// A sweep that failed is made again after this.
const AGAIN: Span = Span::minutes(5);
/// In a repository that would sleep by now.
const AGAIN_LATER: Span = Span::hours(1);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The first webhook: nothing that failed before it is touched.
    watching_since: Millis,
    /// The last webhook, about.
    active: Millis,
    due: Millis,
    /// When the last whole sweep began.
    swept: Millis,
    /// Where the sweep that is going on has got to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<FailedRuns>,
}

impl Sweep {
    /// A webhook arrived. `None`: nothing has changed that is worth a write.
    pub fn after_webhook(before: Option<&Self>, now: Millis, interval: Span) -> Option<Self> {
        let Some(sweep) = before else {
            return Some(Self { watching_since: now, active: now, due: now + interval, swept: now, next: None });
        };
        // After a pause of a week it is due long since, and made at once.
        (now - sweep.active >= ACTIVE_STEP).then(|| Self { active: now, ..sweep.clone() })
    }

    /// When it is next due, unless it is off or nothing goes on here.
    fn due(&self, interval: Span) -> Option<Millis> {
        let lasts = if self.swept < self.active { GITHUB_RERUNS } else { ACTIVE_FOR };
        let on = interval > Span::ZERO && self.due <= self.active + lasts;
        on.then_some(self.due)
    }

    /// The first call of a sweep that starts now, or the next one of a sweep that was not finished.
    fn start(&self, now: Millis) -> Call {
        let unfinished = self.next.clone().filter(|next| now - next.started < RESUMED_FOR);
        Call::ListFailedRuns(unfinished.unwrap_or_else(|| {
            // What is older is not re-run, and can have been forgotten here.
            let created_from = self.swept.minus(RUN_TAKES).max(now.minus(GITHUB_RERUNS)).max(Millis(0));
            let (failing, per_page) = (Failing::Failure, largest(0));
            FailedRuns { failing, created_from, skip: 0, per_page, asked: 0, started: now }
        }))
    }

    /// Whether a failure that ended then is for Rerunner to act on. `since`: for what is acted on only since then.
    fn covers(&self, ended: Millis, since: Option<Millis>) -> bool {
        ended + CLOCKS_APART >= self.watching_since.max(since.unwrap_or(self.watching_since))
    }

    /// What to ask for after a page with so many runs (`None`: it was too long to be read), and what was passed over, for
    /// the log.
    fn after(
        asked: &FailedRuns,
        listed: Option<usize>,
        cancelled_too: bool,
    ) -> (Option<FailedRuns>, Option<&'static str>) {
        let asked = FailedRuns { asked: asked.asked + 1, ..asked.clone() };
        let may_ask = asked.asked < PAGES;
        if let Some(per_page) = smaller(asked.per_page).filter(|_| may_ask && listed.is_none()) {
            return (Some(FailedRuns { per_page, ..asked }), None);
        }
        if !may_ask {
            return (None, Some(TOO_MANY));
        }
        // Whatever its list says, a run that no webhook reported is passed over, and the others are not.
        let passed_over = listed.is_none().then_some(TOO_LONG);
        let skip = asked.skip + asked.per_page;
        if skip < LISTED_MOST && listed.is_none_or(|listed| listed >= asked.per_page as usize) {
            return (Some(FailedRuns { skip, per_page: largest(skip), ..asked }), passed_over);
        }
        let failing = match asked.failing {
            Failing::Failure => Failing::TimedOut,
            Failing::TimedOut if cancelled_too => Failing::Cancelled,
            Failing::TimedOut | Failing::Cancelled => return (None, passed_over),
        };
        (Some(FailedRuns { failing, skip: 0, per_page: largest(0), ..asked }), passed_over)
    }

    /// There is more to ask for: by the task at hand, or, if there is no room for it, with the next alarm.
    fn going_on(self, next: FailedRuns, now: Millis) -> Self {
        Self { next: Some(next), ..self.postponed(now + GOES_ON) }
    }

    /// Not before `at`, whatever comes of it.
    fn postponed(self, at: Millis) -> Self {
        Self { due: at, ..self }
    }

    fn failed(self, now: Millis) -> Self {
        let again = if now > self.active + ACTIVE_FOR { AGAIN_LATER } else { AGAIN };
        self.postponed(now + again)
    }

    fn done(self, started: Millis, now: Millis, interval: Span) -> Self {
        Self { swept: started, due: now + interval, next: None, ..self }
    }
}

/// The largest page that begins there.
fn largest(skip: u32) -> u32 {
    PER_PAGE.into_iter().find(|size| skip.is_multiple_of(*size)).unwrap_or(1)
}

fn smaller(per_page: u32) -> Option<u32> {
    PER_PAGE.into_iter().find(|size| *size < per_page)
}

impl<S: Sql> Keeper<S> {
    pub(super) fn sweep_due(&self, settings: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        let due = self.sweep()?.and_then(|sweep| sweep.due(settings.sweep_interval));
        Ok(due.max(due.and(self.sweep_claimed.get())))
    }

    pub(super) fn claim_sweep(&self, cx: &Context) -> Result<Option<Task>, StoreError> {
        let Some(sweep) = self.sweep()? else { return Ok(None) };
        // In memory alone: should that be lost, it is only made again.
        self.sweep_claimed.set(Some(cx.now + LEASE));
        Ok(Some(Task::Call(sweep.start(cx.now))))
    }

    pub(super) fn finish_sweep_page(
        &self,
        asked: &FailedRuns,
        response: Response,
        cx: &Context,
    ) -> Result<StepResult, StoreError> {
        let Response::FailedRuns(answer) = response else { return Err(other_answer()) };
        let Some(sweep) = self.sweep()? else { return Ok(StepResult::default()) };
        let runs = match answer {
            Ok(runs) => Some(runs),
            Err(github::Error::TooLarge { .. }) => None,
            Err(error) => {
                self.set_sweep(Some(&sweep.failed(cx.now)))?;
                let credentials = self.trip(CircuitBreaker::trip_by_list(&error, cx), cx)?;
                let records = self.end_if_gone(cx)?;
                return Ok(StepResult { records, credentials, ..StepResult::default() });
            }
        };
        let policy = self.policy(cx.settings)?;
        let cx = &Context { first_look: policy.first_look(cx.settings), ..*cx };
        let listed = runs.as_ref().map(Vec::len);
        let mut records = Vec::new();
        let cancelled_since = self.cancelled_since()?.filter(|_| policy.wants_cancelled());
        let since = cancelled_since.filter(|_| asked.failing == Failing::Cancelled);
        for run in runs.into_iter().flatten().filter(|run| sweep.covers(run.updated, since)) {
            let before = self.store.run(run.run_id)?;
            let step = on_failed_attempt(before.clone(), run.run_id, run.run_attempt, RunEventKind::RunFailed, cx);
            if step.tracked != before
                && let Some(tracked) = &step.tracked
            {
                self.store_run(tracked, &step.records, cx)?;
                records.extend(step.records.into_iter().map(|record| (tracked.run_id, record)));
            }
        }
        let (next, passed_over) = Sweep::after(asked, listed, cancelled_since.is_some());
        let warning = passed_over.map(str::to_owned);
        let Some(next) = next else {
            self.set_sweep(Some(&sweep.done(asked.started, cx.now, cx.settings.sweep_interval)))?;
            return Ok(StepResult { records, warning, ..StepResult::default() });
        };
        if self.is_open(cx.now)? {
            // A comment has met a rate limit meanwhile.
            self.set_sweep(Some(&sweep.failed(cx.now)))?;
            return Ok(StepResult { records, ..StepResult::default() });
        }
        // Between, what is due has its turn.
        let at_once = !next.asked.is_multiple_of(PAGES_AT_ONCE);
        // Most sweeps are one page of each list. Should they be lost, they are asked for again, which costs less than a write.
        if next.asked >= PAGES_NOT_STORED {
            self.set_sweep(Some(&sweep.going_on(next.clone(), cx.now)))?;
        }
        let task = at_once.then_some(Task::Call(Call::ListFailedRuns(next)));
        Ok(StepResult { task, records, warning, ..StepResult::default() })
    }

    pub(in crate::keeper) fn sweep(&self) -> Result<Option<Sweep>, StoreError> {
        self.store.fact(Fact::Sweep)
    }

    pub(in crate::keeper) fn set_sweep(&self, sweep: Option<&Sweep>) -> Result<(), StoreError> {
        self.sweep_claimed.set(None);
        self.store.set_fact(Fact::Sweep, sweep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);
    const INTERVAL: Span = Span::minutes(15);

    fn asked(failing: Failing, skip: u32, per_page: u32) -> FailedRuns {
        FailedRuns { failing, created_from: NOW, skip, per_page, asked: 0, started: NOW }
    }

    #[test]
    fn from_page_to_page_and_list_to_list() {
        use Failing::{Cancelled, Failure, TimedOut};
        for (before, listed, next) in [
            ((Failure, 0, 50), Some(50), Some((Failure, 50, 50))),
            ((Failure, 50, 50), Some(49), Some((TimedOut, 0, 50))),
            ((Failure, 950, 50), Some(50), Some((TimedOut, 0, 50))),
            ((TimedOut, 0, 50), Some(50), Some((TimedOut, 50, 50))),
            ((TimedOut, 100, 50), Some(0), None),
            ((TimedOut, 950, 50), Some(50), None),
            ((Cancelled, 0, 50), Some(3), None),
            // Too long: the same place in smaller pages, and larger ones again where they fit.
            ((Failure, 50, 50), None, Some((Failure, 50, 10))),
            ((Failure, 60, 10), None, Some((Failure, 60, 2))),
            ((Failure, 62, 2), None, Some((Failure, 62, 1))),
            ((Failure, 62, 1), None, Some((Failure, 63, 1))),
            ((Failure, 63, 1), Some(1), Some((Failure, 64, 2))),
            ((Failure, 68, 2), Some(2), Some((Failure, 70, 10))),
            ((Failure, 90, 10), Some(10), Some((Failure, 100, 50))),
            ((Failure, 63, 1), Some(0), Some((TimedOut, 0, 50))),
            ((Failure, 999, 1), None, Some((TimedOut, 0, 50))),
        ] {
            let (failing, skip, per_page) = before;
            let after = Sweep::after(&asked(failing, skip, per_page), listed, false);
            let expected =
                next.map(|(failing, skip, per_page)| FailedRuns { asked: 1, ..asked(failing, skip, per_page) });
            assert_eq!(after.0, expected, "after {before:?}, {listed:?}");
            assert_eq!(after.1.is_some(), listed.is_none() && per_page == 1, "{before:?}");
        }
        let cancelled = Sweep::after(&asked(TimedOut, 0, 50), Some(0), true).0;
        assert_eq!(cancelled, Some(FailedRuns { asked: 1, ..asked(Cancelled, 0, 50) }));
    }

    /// Seen to fail when smaller pages are asked for beyond the last.
    #[test]
    fn the_last_page_is_the_last_however_long_it_is() {
        for listed in [None, Some(50)] {
            let last = FailedRuns { asked: PAGES - 1, ..asked(Failing::Failure, 0, 50) };
            assert_eq!(Sweep::after(&last, listed, false), (None, Some(TOO_MANY)), "{listed:?}");
        }
    }

    /// Whatever is on the lists, each run that can be read is seen once, and there is an end.
    #[test]
    fn long_runs_hide_no_others_and_cost_a_bounded_number_of_pages() {
        for long in [vec![], vec![0], vec![49], vec![3, 17, 18, 44], (0..1_000).collect::<Vec<u32>>()] {
            let (mut next, mut pages, mut seen) = (Some(asked(Failing::Failure, 0, 50)), 0, Vec::new());
            while let Some(page) = next.take().filter(|page| page.failing == Failing::Failure) {
                pages += 1;
                let runs = page.skip..(page.skip + page.per_page).min(120);
                let listed = if long.iter().any(|run| runs.contains(run)) {
                    None
                } else {
                    seen.extend(runs.clone());
                    Some(runs.len())
                };
                next = Sweep::after(&page, listed, false).0;
            }
            let all: Vec<u32> = (0..120).filter(|run| !long.contains(run)).collect();
            assert_eq!(seen, all, "with {} long ones", long.len());
            assert!(pages <= if long.len() > 4 { PAGES } else { 60 }, "{pages} pages");
        }
    }

    #[test]
    fn an_unfinished_sweep_is_gone_on_with_for_a_while() {
        let sweep = Sweep::after_webhook(None, NOW, INTERVAL).unwrap();
        let next = asked(Failing::TimedOut, 60, 10);
        let going = sweep.going_on(next.clone(), NOW);
        assert_eq!(going.due(INTERVAL), Some(NOW + GOES_ON));
        assert_eq!(going.start(NOW + GOES_ON), Call::ListFailedRuns(next));
        let anew = |sweep: &Sweep, now| match sweep.start(now) {
            Call::ListFailedRuns(first) => (first.skip, first.started) == (0, now),
            _ => false,
        };
        assert!(anew(&going, NOW + RESUMED_FOR));
        assert!(anew(&going.clone().done(NOW, NOW, INTERVAL), NOW + GOES_ON));
        // As an earlier version has stored it.
        let before = r#"{"watching_since":1,"active":2,"due":3,"swept":4}"#;
        assert!(anew(&serde_json::from_str(before).unwrap(), NOW));
    }

    #[test]
    fn when_and_from_when_on() {
        let from = |sweep: &Sweep, now| match sweep.start(now) {
            Call::ListFailedRuns(FailedRuns { created_from, started, .. }) => (created_from, started),
            other => panic!("{other:?}"),
        };
        let sweep = Sweep::after_webhook(None, NOW, INTERVAL).unwrap();
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

    /// Seen to fail when the age of the last webhook alone decides.
    #[test]
    fn a_repository_sleeps_when_all_was_swept_since_its_last_webhook() {
        let sweep = Sweep::after_webhook(None, NOW, INTERVAL).unwrap();
        let active = NOW + Span::hours(2);
        let sweep = Sweep::after_webhook(Some(&sweep), active, INTERVAL).unwrap();
        // It was paused, say, and the first sweep after that fails.
        let resumed = active + Span::days(10);
        let failed = sweep.failed(resumed);
        assert_eq!(failed.due(INTERVAL), Some(resumed + AGAIN_LATER));
        assert_eq!(failed.clone().failed(active + GITHUB_RERUNS).due(INTERVAL), None);
        assert_eq!(failed.done(resumed, resumed, INTERVAL).due(INTERVAL), None);
    }

    #[test]
    fn clocks_may_be_apart() {
        let sweep = Sweep::after_webhook(None, NOW, INTERVAL).unwrap();
        let earliest = Millis(NOW.0 - CLOCKS_APART.as_millis());
        assert!(sweep.covers(earliest, None) && !sweep.covers(Millis(earliest.0 - 1), None));
    }
}
