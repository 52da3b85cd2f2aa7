//! When a repository's summary is to be written to Workers KV: pure.

use serde::{Deserialize, Serialize};

use crate::time::{Millis, Span};

/// More than a run waits by default before it is re-run.
const A_LITTLE_LATER: Span = Span::minutes(1);

/// When the summary is to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Writing {
    pub due: Option<Millis>,
    last: Option<Millis>,
    /// Whether something has changed since it was last begun.
    changed: bool,
    /// Whether it is being written.
    is_begun: bool,
    day: i64,
    written: u32,
}

impl Writing {
    /// Something in it has changed.
    pub fn changed(&self, now: Millis) -> Self {
        let soonest = self.soonest(now);
        let due = self.due.filter(|due| self.is_begun || *due < soonest).unwrap_or(soonest);
        Self { due: Some(due), changed: true, ..self.clone() }
    }

    /// What people see of it has changed, and more is to come: one write is for both.
    pub fn changed_a_little(&self, now: Millis) -> Self {
        let due = self.due.unwrap_or_else(|| self.soonest(now).max(now + A_LITTLE_LATER));
        Self { due: Some(due), changed: true, ..self.clone() }
    }

    fn soonest(&self, now: Millis) -> Millis {
        self.last.map_or(now, |last| now.max(last + self.apart(now)))
    }

    /// It is being written; and again then, if nothing comes of it.
    pub fn begun(&self, again: Millis) -> Self {
        Self { due: Some(again), changed: false, is_begun: true, ..self.clone() }
    }

    pub fn done(&self, now: Millis) -> Self {
        let written = if now.day() == self.day { self.written.saturating_add(1) } else { 1 };
        let done = Self { last: Some(now), day: now.day(), written, due: None, is_begun: false, ..self.clone() };
        Self { due: done.changed.then(|| now + done.apart(now)), ..done }
    }

    /// The free plan has 1,000 writes a day, for all repositories and all counts.
    fn apart(&self, now: Millis) -> Span {
        match self.written {
            _ if now.day() != self.day => Span::minutes(1),
            0..10 => Span::minutes(1),
            10..40 => Span::minutes(10),
            _ => Span::hours(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);

    #[test]
    fn writes_are_apart() {
        let mut writing = Writing::default().changed(NOW);
        assert_eq!(writing.due, Some(NOW), "the first at once");
        writing = writing.begun(NOW + Span::minutes(1)).done(NOW);
        assert_eq!(writing.due, None);
        let mut now = NOW;
        let mut writes = 0;
        while now < NOW + Span::hours(24) {
            writing = writing.changed(now);
            if writing.due.is_some_and(|due| due <= now) {
                writing = writing.begun(now + Span::minutes(1)).done(now);
                writes += 1;
            }
            now = now + Span::seconds(20);
        }
        assert!((50..120).contains(&writes), "{writes} writes in a busy day");
    }

    #[test]
    fn a_change_during_a_write_is_written_too() {
        let writing = Writing::default().changed(NOW).begun(NOW + Span::minutes(1)).changed(NOW);
        assert_eq!(writing.done(NOW).due, Some(NOW + Span::minutes(1)));
    }
}
