//! What is written for people, comments, reactions, commit statuses and issues, is bounded by the hour, as GitHub bounds it; and
//! when GitHub takes no more of it, that alone stops. Re-runs do not count here, and wait for none of it.

use serde::{Deserialize, Serialize};

use crate::time::{Millis, Span};

use super::Keeper;
use super::store::{Fact, Sql, StoreError};

/// Uses are counted by pieces of an hour, and with the piece that is going on, one more than an hour has.
const PIECE: Span = Span::minutes(5);
const PIECES: i64 = 12 + 1;
/// So many are taken from the budget at once, so that few rows are written. What a Keeper that goes away leaves of them is lost.
const AHEAD: u32 = 3;
/// GitHub asks for "at least one minute", then exponentially longer ("Best practices for using the REST API").
const STOPPED: Span = Span::minutes(1);
const STOPPED_MOST: Span = Span::hours(1);
/// More than this is a mistake, or a clock that is off.
const STOPPED_SAID_MOST: Span = Span::hours(2);

/// What is written is for something: it is begun only while the repository has had fewer than so many within the hour. GitHub takes
/// 500 an hour and user ("Rate limits for the REST API", secondary rate limits), for whatever else the same user writes, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Commands have an hourly limit of their own.
    Reply,
    FlakyIssue,
    Comment,
    /// What a run has come to.
    FinalStatus {
        of_fork: bool,
    },
    PendingStatus {
        of_fork: bool,
    },
}

impl Content {
    const fn most(self) -> u32 {
        match self {
            Self::Reply => 420,
            Self::FlakyIssue | Self::FinalStatus { of_fork: false } => 300,
            Self::FinalStatus { of_fork: true } => 260,
            Self::Comment => 240,
            Self::PendingStatus { of_fork: false } => 200,
            Self::PendingStatus { of_fork: true } => 150,
        }
    }
}

/// As it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentBudget {
    /// How many were taken in which piece, oldest first.
    taken: Vec<(i64, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stopped_until: Option<Millis>,
    /// How often in a row GitHub has taken no more.
    #[serde(default)]
    stops: u32,
    /// Of what was taken, not yet used.
    #[serde(skip)]
    ahead: u32,
}

fn piece(now: Millis) -> i64 {
    now.0.div_euclid(PIECE.as_millis())
}

impl ContentBudget {
    /// When there is room; a time in the past means now.
    fn room_from(&self, content: Content) -> Millis {
        let mut used = self.taken.iter().fold(0, |sum: u32, (_, taken)| sum.saturating_add(*taken));
        used = used.saturating_sub(self.ahead);
        let mut from = self.stopped_until.unwrap_or(Millis(0));
        for (piece, taken) in &self.taken {
            if used < content.most() {
                break;
            }
            used = used.saturating_sub(*taken);
            from = from.max(Millis((piece + PIECES) * PIECE.as_millis()));
        }
        from
    }

    /// One is begun. Whether that is to be stored before.
    fn take(&mut self, now: Millis) -> bool {
        let this = piece(now);
        // What is left of an earlier piece would be counted for too short a time.
        let is_of_this = self.taken.last().is_some_and(|(piece, _)| *piece == this);
        if let Some(left) = self.ahead.checked_sub(1).filter(|_| is_of_this) {
            self.ahead = left;
            return false;
        }
        self.taken.retain(|(piece, _)| piece + PIECES > this);
        match self.taken.last_mut().filter(|(piece, _)| *piece >= this) {
            Some((_, taken)) => *taken = taken.saturating_add(AHEAD),
            None => self.taken.push((this, AHEAD)),
        }
        self.ahead = AHEAD - 1;
        true
    }

    fn stop(&mut self, said: Option<Span>, now: Millis) {
        let wait = match said {
            // One more second, as GitHub's clock has only seconds.
            Some(said) => said.min(STOPPED_SAID_MOST).max(Span::ZERO).as_millis() + 1_000,
            None => STOPPED.doubled(self.stops, STOPPED_MOST).as_millis(),
        };
        // Another may have been on its way.
        self.stopped_until = self.stopped_until.max(Some(now + Span::millis(wait)));
        self.stops = self.stops.saturating_add(1);
    }
}

impl<S: Sql> Keeper<S> {
    /// When such a thing may be written next. Long ago: now.
    pub(in crate::keeper) fn content_from(&self, content: Content) -> Result<Millis, StoreError> {
        self.with_content_budget(|budget| budget.room_from(content))
    }

    /// One is begun.
    pub(in crate::keeper) fn take_content(&self, now: Millis) -> Result<(), StoreError> {
        let is_to_store = self.with_content_budget(|budget| budget.take(now))?;
        if is_to_store { self.store_content_budget() } else { Ok(()) }
    }

    /// GitHub takes no more for a while.
    pub(in crate::keeper) fn stop_content(&self, said: Option<Span>, now: Millis) -> Result<(), StoreError> {
        self.with_content_budget(|budget| budget.stop(said, now))?;
        self.store_content_budget()
    }

    /// GitHub has taken something.
    pub(in crate::keeper) fn content_works(&self) -> Result<(), StoreError> {
        let had_stopped = self.with_content_budget(|budget| std::mem::take(&mut budget.stops) > 0)?;
        if had_stopped { self.store_content_budget() } else { Ok(()) }
    }

    fn with_content_budget<T>(&self, act: impl FnOnce(&mut ContentBudget) -> T) -> Result<T, StoreError> {
        let mut known = self.content_budget.borrow_mut();
        if let Some(budget) = &mut *known {
            return Ok(act(budget));
        }
        Ok(act(known.insert(self.store.fact(Fact::ContentBudget)?.unwrap_or_default())))
    }

    fn store_content_budget(&self) -> Result<(), StoreError> {
        let budget = self.content_budget.borrow().clone();
        self.store.set_fact(Fact::ContentBudget, budget.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);
    const FINAL: Content = Content::FinalStatus { of_fork: false };
    const ALL: [Content; 7] = [
        Content::PendingStatus { of_fork: true },
        Content::PendingStatus { of_fork: false },
        Content::Comment,
        Content::FinalStatus { of_fork: true },
        FINAL,
        Content::FlakyIssue,
        Content::Reply,
    ];

    /// Whatever is written whenever there is room, and each second: in no hour more than there may be.
    #[test]
    fn no_hour_has_more() {
        for content in ALL {
            let (mut budget, mut begun) = (ContentBudget::default(), Vec::new());
            for second in 0..3 * 3_600 {
                let now = NOW + Span::seconds(second);
                if budget.room_from(content) <= now {
                    budget.take(now);
                    begun.push(second);
                }
            }
            let within = |last: &i64| begun.iter().filter(|at| *at <= last && last - *at < 3_600).count();
            let (most, may) = (begun.iter().map(within).max().unwrap(), content.most() as usize);
            // Some that were taken ahead are lost with each piece.
            assert!((may - 10..=may).contains(&most), "{content:?}: {most}");
            assert!(begun.len() > 2 * may, "{content:?}: {} in three hours", begun.len());
            assert!(budget.taken.len() <= 13);
        }
    }

    #[test]
    fn what_matters_more_has_room_for_longer() {
        let mut budget = ContentBudget::default();
        let mut order = Vec::new();
        for n in 0..=420 {
            for content in ALL.into_iter().filter(|content| !order.contains(content)).collect::<Vec<_>>() {
                if budget.room_from(content) > NOW {
                    assert_eq!(content.most(), n);
                    order.push(content);
                }
            }
            budget.take(NOW);
        }
        assert_eq!(order, ALL);
    }

    /// It is forgotten that some were taken ahead, and never that one was used.
    #[test]
    fn a_keeper_that_goes_away_has_used_no_less() {
        let (mut budget, mut stored) = (ContentBudget::default(), ContentBudget::default());
        for used in 1..=100_u32 {
            if budget.take(NOW) {
                stored = budget.clone();
            }
            let text = serde_json::to_string(&stored).unwrap();
            let opened: ContentBudget = serde_json::from_str(&text).unwrap();
            let taken: u32 = opened.taken.iter().map(|(_, taken)| taken).sum();
            assert!((used..used + AHEAD).contains(&taken), "{taken} of {used}");
            assert_eq!(opened.ahead, 0);
        }
    }

    #[test]
    fn how_long_it_stops() {
        let mut budget = ContentBudget::default();
        let mut stopped = |said: Option<i64>| {
            budget.stop(said.map(Span::seconds), NOW);
            let until = budget.room_from(FINAL) - NOW;
            budget.stopped_until = None;
            until.as_millis() / 1_000
        };
        assert_eq!([stopped(Some(10)), stopped(None), stopped(None)], [11, 120, 240]);
        assert_eq!([stopped(Some(-5)), stopped(Some(9_000))], [1, 7_201]);
        for _ in 0..5 {
            stopped(None);
        }
        assert_eq!(stopped(None), 3_600);
        // One that was on its way makes it no shorter.
        budget.stop(Some(Span::minutes(9)), NOW);
        budget.stop(Some(Span::ZERO), NOW);
        assert_eq!(budget.room_from(FINAL) - NOW, Span::seconds(541));
    }

    /// Stored by deployed Workers, byte for byte.
    #[test]
    fn the_stored_text() {
        let mut budget = ContentBudget::default();
        budget.take(NOW);
        assert_eq!(serde_json::to_string(&budget).unwrap(), r#"{"taken":[[5984820,3]],"stops":0}"#);
        budget.stop(None, Millis(5));
        let text = r#"{"taken":[[5984820,3]],"stopped_until":60005,"stops":1}"#;
        assert_eq!(serde_json::to_string(&budget).unwrap(), text);
    }
}
