//! Outages that are not over, as they are shown: what the runs fail with, how many are held, and what comes next.

use serde::{Deserialize, Serialize};

use crate::names::{RunAttempt, RunId};
use crate::policy::catalogue::{self, Class};
use crate::time::{Millis, rfc3339};

use super::Keeper;
use super::outage::{Ongoing, Probe, SameFailure};
use super::store::{Sql, StoreError};

/// Of all outages together. Rows are read for them.
pub const HELD_COUNTED: u64 = 1_000;
/// Those that the summary in Workers KV says more of than that they are there.
const SUMMARIZED: usize = 3;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageView {
    /// The entry of the catalogue that the runs fail with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The entry's; `None` too if the catalogue has it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Where there is no cause: the same jobs fail at the same steps with the same messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    #[serde(with = "rfc3339")]
    pub since: Millis,
    /// Runs; those of all outages are counted up to [`HELD_COUNTED`].
    pub held: u64,
    /// The run that is re-run to see whether it is over.
    pub probe: Option<Probe>,
    /// When the next one is, if there is none.
    #[serde(with = "rfc3339::optional")]
    pub next_probe: Option<Millis>,
    /// Then each run is decided on by itself.
    #[serde(with = "rfc3339")]
    pub ends: Millis,
}

impl OutageView {
    fn of(ongoing: &Ongoing, held: u64) -> Self {
        let Ongoing { key, began, ends, probe_every: _, probe, next_probe } = ongoing;
        Self::new(key, *began, held, *probe, *next_probe, *ends)
    }

    fn new(key: &str, since: Millis, held: u64, probe: Option<Probe>, next: Millis, ends: Millis) -> Self {
        let (cause, fingerprint) = match SameFailure::of(key) {
            SameFailure::Cause(id) => (Some(id.to_owned()), None),
            SameFailure::Fingerprint(fingerprint) => (None, Some(fingerprint.to_owned())),
        };
        let class = cause.as_deref().and_then(|id| catalogue::entries().iter().find(|entry| entry.id == id));
        let next_probe = probe.is_none().then_some(next);
        Self { class: class.map(|entry| entry.class), cause, fingerprint, since, held, probe, next_probe, ends }
    }
}

impl<S: Sql> Keeper<S> {
    pub(super) fn outage_views(&self, now: Millis) -> Result<Vec<OutageView>, StoreError> {
        let ongoing = self.outages()?;
        Ok(self.with_held(&ongoing, now)?.into_iter().map(|(one, held)| OutageView::of(one, held)).collect())
    }

    pub(super) fn outage_sums(&self, now: Millis) -> Result<Option<OutageSums>, StoreError> {
        let ongoing = self.outages()?;
        let all = self.with_held(&ongoing, now)?;
        let sums = OutageSums {
            count: all.len() as u64,
            held: all.iter().map(|(_, held)| held).sum(),
            first: all.iter().take(SUMMARIZED).map(|(one, held)| brief(one, *held, now)).collect(),
        };
        Ok(Some(sums).filter(|sums| sums.count > 0))
    }

    /// Those that are not over, and how many runs each holds.
    fn with_held<'a>(&self, ongoing: &'a [Ongoing], now: Millis) -> Result<Vec<(&'a Ongoing, u64)>, StoreError> {
        let mut left = HELD_COUNTED;
        let mut all = Vec::new();
        for one in ongoing.iter().filter(|one| !one.is_over(now)) {
            let held = self.store.held(&one.key, left)?;
            left = left.saturating_sub(held);
            all.push((one, held));
        }
        Ok(all)
    }
}

/// The same for the repository's summary, in few bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageSums {
    #[serde(rename = "n")]
    pub count: u64,
    #[serde(rename = "h")]
    pub held: u64,
    /// As many as there is room for.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Brief>,
}

/// The key, when it began, how many runs are held, which one is tried, when the next one is, when it ends. Times are in
/// seconds after the summary's.
pub type Brief = (String, i64, u64, Option<(RunId, RunAttempt)>, i64, i64);

fn brief(one: &Ongoing, held: u64, at: Millis) -> Brief {
    let seconds = |time: Millis| time.0 / 1_000 - at.0 / 1_000;
    let probe = one.probe.map(|Probe { run_id, run_attempt }| (run_id, run_attempt));
    (one.key.clone(), seconds(one.began), held, probe, seconds(one.next_probe), seconds(one.ends))
}

impl OutageSums {
    /// As of the time of the summary.
    pub fn views(&self, summarized: Millis) -> Vec<OutageView> {
        let at = |seconds: i64| Millis((summarized.0 / 1_000).saturating_add(seconds).saturating_mul(1_000));
        let view = |(key, began, held, probe, next, ends): &Brief| {
            let probe = probe.map(|(run_id, run_attempt)| Probe { run_id, run_attempt });
            OutageView::new(key, at(*began), *held, probe, at(*next), at(*ends))
        };
        self.first.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn ongoing(key: &str, probe: Option<u64>) -> Ongoing {
        let probe = probe.map(|run| Probe { run_id: RunId::new(run).unwrap(), run_attempt: RunAttempt::FIRST });
        let (next_probe, ends) = (NOW + Span::minutes(10), NOW + Span::hours(6));
        Ongoing { key: key.to_owned(), began: NOW, ends, probe_every: 600_000, probe, next_probe }
    }

    #[test]
    fn the_summary_says_the_same_as_the_page() {
        let now = NOW + Span::millis(7 * 60_000 + 300);
        for one in [
            ongoing("cause npm-network", None),
            ongoing("cause forgotten", Some(7)),
            ongoing("fingerprint 0123456789abcdef", Some(u64::MAX >> 12)),
        ] {
            let sums = OutageSums { count: 1, held: 4, first: vec![brief(&one, 4, now)] };
            let text = serde_json::to_string(&sums).unwrap();
            assert!(text.len() < 100, "{text}");
            assert_eq!(serde_json::from_str::<OutageSums>(&text).unwrap().views(now), [OutageView::of(&one, 4)]);
        }
    }

    /// Seen to fail when the next probe is said while one is under way.
    #[test]
    fn what_is_said_of_one() {
        let known = catalogue::entries().iter().find(|entry| entry.class == Class::Registry).unwrap();
        let view = OutageView::of(&ongoing(&format!("cause {}", known.id), None), 4);
        assert_eq!(
            (view.cause.as_deref(), view.class, view.fingerprint),
            (Some(known.id), Some(Class::Registry), None)
        );
        assert_eq!((view.probe, view.next_probe), (None, Some(NOW + Span::minutes(10))));
        let view = OutageView::of(&ongoing("fingerprint 0123456789abcdef", Some(7)), 4);
        assert_eq!((view.cause, view.class, view.fingerprint.as_deref()), (None, None, Some("0123456789abcdef")));
        assert_eq!((view.probe.map(|probe| probe.run_id.get()), view.next_probe), (Some(7), None));
    }
}
