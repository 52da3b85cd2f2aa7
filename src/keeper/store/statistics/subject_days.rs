//! What is counted of what fails, day by day, as its row has it. Pure.

use crate::keeper::retention::{SUBJECT_DAYS, WINDOW_DAYS};
use crate::names::json::from_text;
use crate::time::Millis;

use super::StoreError;
use super::subject::{SubjectFigures, SubjectKind};

/// As what else something counts.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Nobody knew the failure.
    pub unknown: bool,
    /// The run may be a fork's.
    pub of_fork: bool,
}

/// Which of its failures to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    All,
    /// Those in the repository's own runs.
    Own,
    /// Those that nobody knew.
    Unknown,
}

/// Of one day: how often it failed, how often what became of its re-run is known, and how often it passed then; the same of
/// failures that nobody knew, and of those in runs that may be forks'.
type Counted = [u64; 9];

fn of_share([a, b, c, d, e, f, g, h, i]: Counted, share: Share) -> [u64; 3] {
    match share {
        Share::All => [a, b, c],
        Share::Unknown => [d, e, f],
        Share::Own => [a.saturating_sub(g), b.saturating_sub(h), c.saturating_sub(i)],
    }
}

fn sum(one: Counted, other: Counted) -> Counted {
    std::array::from_fn(|at| one.get(at).unwrap_or(&0) + other.get(at).unwrap_or(&0))
}

/// What one step counts, by what is counted.
#[derive(Debug, Default)]
pub struct Tally(pub Vec<(SubjectKind, i64, Counted)>);

impl Tally {
    pub fn add(&mut self, kind: SubjectKind, id: i64, once: [u64; 3], counts: Counts) {
        let more = |is_more: bool| once.map(|count| if is_more { count } else { 0 });
        let (unknown, of_fork) = (more(counts.unknown), more(counts.of_fork));
        let mut all = once.into_iter().chain(unknown).chain(of_fork);
        let counted = std::array::from_fn(|_| all.next().unwrap_or_default());
        match self.0.iter_mut().find(|(known, of, _)| (*known, *of) == (kind, id)) {
            Some((.., before)) => *before = sum(*before, counted),
            None => self.0.push((kind, id, counted)),
        }
    }

    /// It is known what became of the re-run of a job.
    pub fn judged(&mut self, id: i64, passed: bool, counts: Counts) {
        self.add(SubjectKind::Job, id, [0, 1, passed.into()], counts);
    }
}

/// The days of what fails, oldest first.
#[derive(Debug, Default)]
pub struct Days(Vec<(i64, Counted)>);

impl Days {
    /// As they are stored: a list for each day, of it and of what was counted, without zeros at its end.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let lists: Vec<Vec<i64>> = from_text(text).map_err(|error| StoreError(format!("a subject's days: {error}")))?;
        let day = |list: Vec<i64>| {
            let mut numbers = list.into_iter();
            let day = numbers.next().unwrap_or_default();
            let count = |_| numbers.next().and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
            (day, std::array::from_fn(count))
        };
        Ok(Self(lists.into_iter().map(day).collect()))
    }

    pub fn to_text(&self) -> String {
        let mut text = String::from("[");
        for (at, (day, counted)) in self.0.iter().enumerate() {
            let length = counted.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
            let counts: String = counted.iter().take(length).map(|count| format!(",{count}")).collect();
            let comma = if at == 0 { "" } else { "," };
            text.push_str(&format!("{comma}[{day}{counts}]"));
        }
        text.push(']');
        text
    }

    pub fn count(&mut self, day: i64, counted: Counted) {
        self.0.retain(|(old, _)| *old >= day - SUBJECT_DAYS);
        match self.0.iter_mut().find(|(known, _)| *known == day) {
            Some((_, before)) => *before = sum(*before, counted),
            None => {
                let place = self.0.partition_point(|(known, _)| *known < day);
                self.0.insert(place, (day, counted));
            }
        }
    }

    /// All that is still counted.
    pub fn total(&self, share: Share, now: Millis) -> u64 {
        let kept = self.0.iter().filter(|(day, _)| *day >= now.day() - SUBJECT_DAYS);
        kept.map(|(_, counted)| of_share(*counted, share)[0]).sum()
    }

    /// Adds what the days of the window have.
    pub fn add_to(&self, subject: &mut SubjectFigures, share: Share, now: Millis) {
        let first = now.day() - WINDOW_DAYS + 1;
        subject.by_day.resize(usize::try_from(WINDOW_DAYS).unwrap_or_default(), 0);
        for (day, counted) in self.0.iter().filter(|(day, _)| (first..=now.day()).contains(day)) {
            let [failed, judged, passed] = of_share(*counted, share);
            subject.failed += failed;
            subject.judged += judged;
            subject.passed += passed;
            let [.., of_forks, _] = *counted;
            subject.judged_of_forks += if share == Share::Own { 0 } else { of_forks.min(judged) };
            if let Some(count) = usize::try_from(day - first).ok().and_then(|day| subject.by_day.get_mut(day)) {
                *count += failed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_were_written() {
        let mut days = Days::default();
        assert_eq!(days.to_text(), "[]");
        days.count(100, [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        days.count(99, [2, 1, 1, 0, 0, 0, 2, 1, 1]);
        days.count(100, [1, 2, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(days.to_text(), "[[99,2,1,1,0,0,0,2,1,1],[100,2,2,0,1]]");
        assert_eq!(Days::parse(&days.to_text()).unwrap().0, days.0);
        // As the migration from version 19 writes them.
        assert_eq!(Days::parse("[[7,1,0,0,0,0,0,0,0,0]]").unwrap().0, [(7, [1, 0, 0, 0, 0, 0, 0, 0, 0])]);
        days.count(100 + SUBJECT_DAYS, [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(days.0.len(), 2, "what is too old is forgotten");
        assert!(Days::parse("[7]").is_err() && Days::parse("").is_err());
    }
}
