//! When: an outage, times of a broken base, and the runs in and between them.

use std::ops::Range;

use crate::model::{Millis, fraction, mix};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;
/// Runs that fail for another reason end before an outage begins.
const MARGIN: Millis = HOUR;

pub struct Times {
    /// Of everything; people have some hours more to press "re-run".
    pub span: Range<Millis>,
    pub outage: Range<Millis>,
    pub broken_base: Vec<Range<Millis>>,
}

impl Times {
    /// Of the days before `until`.
    pub fn new(days: u32, until: Millis) -> Times {
        let span = until - Millis::from(days) * DAY + HOUR..until - 12 * HOUR;
        let at = |percent: Millis, long: Millis| {
            let from = span.start + (span.end - span.start) * percent / 100;
            from..from + long
        };
        let (outage, broken_base) = (at(60, 3 * HOUR), vec![at(25, 8 * HOUR), at(80, 6 * HOUR)]);
        Times { outage, broken_base, span }
    }

    /// `count` times, evenly but for chance, outside of all windows.
    pub fn between(&self, seed: u64, count: usize) -> Vec<Millis> {
        let mut windows: Vec<_> = self.broken_base.iter().chain([&self.outage]).collect();
        windows.sort_by_key(|window| window.start);
        let mut pieces = vec![];
        let mut from = self.span.start;
        for window in windows {
            pieces.push(from..window.start - MARGIN);
            from = window.end;
        }
        pieces.push(from..self.span.end);
        spread(seed, count, &pieces)
    }

    pub fn in_outage(&self, seed: u64, count: usize) -> Vec<Millis> {
        // What starts in the last minute has jobs that start after it.
        let last = self.outage.end - MINUTE;
        spread(seed, count, std::slice::from_ref(&(self.outage.start..last)))
    }

    pub fn in_broken_base(&self, seed: u64, count: usize) -> Vec<Millis> {
        spread(seed, count, &self.broken_base)
    }

    /// A person who is not hit by the outage does not press "re-run" during it.
    pub fn outside_of_outage(&self, at: Millis) -> Millis {
        let avoided = self.outage.start - MARGIN..self.outage.end;
        if avoided.contains(&at) { self.outage.end + (at - avoided.start) / 8 } else { at }
    }
}

fn spread(seed: u64, count: usize, pieces: &[Range<Millis>]) -> Vec<Millis> {
    let whole: Millis = pieces.iter().map(|piece| piece.end - piece.start).sum();
    let time = |number: usize| {
        let part = (number as f64 + fraction(mix(&[seed, number as u64]))) / count as f64;
        let mut rest = (part * whole as f64) as Millis;
        for piece in pieces {
            let long = piece.end - piece.start;
            if rest < long {
                return piece.start + rest;
            }
            rest -= long;
        }
        pieces.last().map_or(0, |last| last.end - 1)
    };
    (0..count).map(time).collect()
}
