//! What re-runs by the rules took from the repository's budget within a day: exact while there are few, and bounded however
//! many there are.

use serde::{Deserialize, Serialize};

use crate::keeper::retention::{BUDGET, BUDGET_WINDOW};
use crate::policy::evidence::Spent;
use crate::time::{Millis, Span};

/// Beyond, neighbours are added up.
const MOST: usize = 400;
/// Those within the last hour are added up by the minute, others by ten.
const AN_HOUR: Span = Span::hours(1);
const FINE: Span = Span::minutes(1);
const COARSE: Span = Span::minutes(10);

/// When, how many re-runs, how many seconds of runner time; oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spendings(Vec<(Millis, u32, u64)>);

impl Spendings {
    pub fn add(&mut self, at: Millis, runner_seconds: u64, now: Millis) {
        self.0.retain(|(at, ..)| *at > now.minus(BUDGET));
        let place = self.0.partition_point(|(before, ..)| *before <= at);
        self.0.insert(place, (at, 1, runner_seconds));
        if self.0.len() > MOST {
            self.add_up(now);
        }
    }

    /// Each sum stands at the newest of what it is of, so that nothing is given back too early.
    fn add_up(&mut self, now: Millis) {
        let mut sums: Vec<(Millis, u32, u64)> = Vec::new();
        let slot = |at: Millis| {
            let is_recent = at > now.minus(AN_HOUR);
            (is_recent, at.0.div_euclid(if is_recent { FINE } else { COARSE }.as_millis()))
        };
        for (at, count, seconds) in self.0.drain(..) {
            match sums.last_mut() {
                Some(last) if slot(last.0) == slot(at) => {
                    *last = (at, last.1.saturating_add(count), last.2.saturating_add(seconds));
                }
                _ => sums.push((at, count, seconds)),
            }
        }
        self.0 = sums;
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn within_a_day(&self, now: Millis) -> Spent {
        let mut spent = Spent::default();
        for (at, count, seconds) in &self.0 {
            add(&mut spent, *at, *count, *seconds, now);
        }
        spent
    }
}

/// One taking, if it is not too long ago.
pub fn add(spent: &mut Spent, at: Millis, count: u32, runner_seconds: u64, now: Millis) {
    if at <= now.minus(BUDGET_WINDOW) {
        return;
    }
    if at > now.minus(AN_HOUR) {
        spent.reruns_last_hour = spent.reruns_last_hour.saturating_add(count);
    }
    spent.reruns_last_day = spent.reruns_last_day.saturating_add(count);
    let before = spent.runner_time_last_day.as_millis() / 1_000;
    let seconds = i64::try_from(runner_seconds).unwrap_or(i64::MAX / 1_000);
    spent.runner_time_last_day = Span::seconds(before.saturating_add(seconds));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn ago(span: Span) -> Millis {
        NOW.minus(span)
    }

    #[test]
    fn few_are_exact() {
        let mut spendings = Spendings::default();
        for at in [ago(Span::hours(23)), ago(Span::minutes(59)), ago(Span::minutes(61)), ago(Span::hours(25)), NOW] {
            spendings.add(at, 60, NOW);
        }
        let spent = spendings.within_a_day(NOW);
        assert_eq!((spent.reruns_last_hour, spent.reruns_last_day), (2, 4));
        assert_eq!(spent.runner_time_last_day, Span::minutes(4));
        assert_eq!(spendings.within_a_day(NOW + Span::minutes(1)).reruns_last_hour, 1, "an hour is over");
        assert_eq!(spendings.within_a_day(NOW + Span::hours(24)), Spent::default(), "a day is over");
    }

    /// Seen to fail when a sum stands at the oldest of what it is of (1,429 within the day where there were 1,435).
    #[test]
    fn many_take_no_more_room_and_none_is_given_back_too_early() {
        let mut spendings = Spendings::default();
        let every = Span::seconds(20);
        let mut all = Vec::new();
        let mut now = ago(Span::hours(30));
        while now <= NOW {
            spendings.add(now, 7, now);
            all.push(now);
            let within = |span: Span| all.iter().filter(|at| **at > now.minus(span)).count();
            let spent = spendings.within_a_day(now);
            let (hour, day) = (within(AN_HOUR), within(BUDGET_WINDOW));
            let (said_hour, said_day) = (spent.reruns_last_hour as usize, spent.reruns_last_day as usize);
            assert!((hour..=hour + 4).contains(&said_hour), "{said_hour} for {hour}");
            assert!((day..=day + 31).contains(&said_day), "{said_day} for {day}");
            assert_eq!(spent.runner_time_last_day, Span::seconds(said_day as i64 * 7));
            assert!(spendings.0.len() <= MOST, "{}", spendings.0.len());
            now = now + every;
        }
    }
}
