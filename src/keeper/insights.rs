//! What a repository publishes so that all repositories can be seen as one: the jobs that are flaky, those that re-runs never
//! helped, and what attempts failed with, week by week. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::lengths;
use crate::names::order::sort_by_key;
use crate::time::Millis;

use super::store::statistics::SubjectFigures;

/// Jobs of each kind.
const JOBS: usize = 10;
/// So many re-runs in vain tell that one does not help.
const IN_VAIN: u64 = 5;
/// Weeks of causes.
pub const WEEKS: usize = 4;
const WEEK: i64 = 7;

/// In a summary's value alone, as metadata has no room for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insights {
    /// They failed, and passed when they were re-run.
    #[serde(rename = "f", default)]
    pub flaky: Vec<JobSums>,
    /// They were re-run at least five times, and never passed.
    #[serde(rename = "n", default)]
    pub never_helped: Vec<JobSums>,
}

/// A job at the step at which it failed, over the window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSums {
    #[serde(rename = "w")]
    pub workflow: String,
    #[serde(rename = "j")]
    pub job: String,
    #[serde(rename = "s")]
    pub step: String,
    #[serde(rename = "f")]
    pub failed: u64,
    /// How often a re-run of it has ended, and how often it passed then.
    #[serde(rename = "r")]
    pub reruns: u64,
    #[serde(rename = "p")]
    pub passed: u64,
    #[serde(rename = "l")]
    pub last_seen: Millis,
    #[serde(rename = "i")]
    pub last_run_id: u64,
}

impl Insights {
    pub fn of(jobs: &[SubjectFigures]) -> Self {
        let first = |is_one: fn(&SubjectFigures) -> bool, rank: fn(&SubjectFigures) -> u64| {
            let mut all: Vec<_> = jobs.iter().filter(|job| is_one(job)).collect();
            sort_by_key(&mut all, |job| std::cmp::Reverse((rank(job), job.failed)));
            all.into_iter().take(JOBS).map(JobSums::of).collect()
        };
        Self {
            flaky: first(|job| job.passed > 0, |job| job.passed),
            never_helped: first(|job| job.passed == 0 && job.judged >= IN_VAIN, |job| job.judged),
        }
    }
}

impl JobSums {
    fn of(figures: &SubjectFigures) -> Self {
        let short = |name: &str| name.chars().take(lengths::PUBLISHED).collect();
        Self {
            workflow: short(&figures.workflow),
            job: short(&figures.name),
            step: short(&figures.step),
            failed: figures.failed,
            reruns: figures.judged,
            passed: figures.passed,
            last_seen: figures.last_seen,
            last_run_id: figures.last_run,
        }
    }
}

/// By cause, in how many attempts it was one, by week: the last seven days first, without zeros at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CauseSums(pub BTreeMap<String, Vec<u64>>);

impl CauseSums {
    pub fn of(days: &[(i64, BTreeMap<String, u64>)], now: Millis) -> Self {
        let mut sums = Self::default();
        for (day, causes) in days {
            let Some(week) = week(now.day() - day) else { continue };
            for (cause, count) in causes {
                sums.add(cause, week, *count);
            }
        }
        sums
    }

    fn add(&mut self, cause: &str, week: usize, count: u64) {
        let weeks = self.0.entry(cause.to_owned()).or_default();
        if weeks.len() <= week {
            weeks.resize(week + 1, 0);
        }
        if let Some(sum) = weeks.get_mut(week) {
            *sum = sum.saturating_add(count);
        }
    }

    /// As it is seen later. A week that has begun to pass is taken for one that has not.
    pub fn seen(&self, at: Millis, now: Millis) -> Self {
        let Some(passed) = week(now.day() - at.day()) else { return Self::default() };
        let mut seen = Self::default();
        for (cause, weeks) in &self.0 {
            for (week, count) in weeks.iter().enumerate().take(WEEKS.saturating_sub(passed)).filter(|(_, it)| **it > 0)
            {
                seen.add(cause, week + passed, *count);
            }
        }
        seen
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one that there was least of. Whether there were more than so many.
    pub fn took_least(&mut self, but: usize) -> bool {
        let least = self.0.iter().min_by_key(|(_, weeks)| weeks.iter().sum::<u64>()).map(|(cause, _)| cause.clone());
        least.filter(|_| self.0.len() > but).is_some_and(|least| self.0.remove(&least).is_some())
    }
}

/// Which one, so many days ago.
fn week(ago: i64) -> Option<usize> {
    usize::try_from(ago / WEEK).ok().filter(|week| ago >= 0 && *week < WEEKS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn causes(days: &[(i64, &str, u64)]) -> CauseSums {
        let days: Vec<_> =
            days.iter().map(|(ago, cause, count)| (NOW.day() - ago, [((*cause).to_owned(), *count)].into())).collect();
        CauseSums::of(&days, NOW)
    }

    /// Seen to fail when a week has eight days.
    #[test]
    fn causes_are_summed_by_week() {
        let sums = causes(&[(0, "network", 3), (6, "network", 4), (7, "network", 5), (27, "git", 1), (28, "git", 9)]);
        assert_eq!(serde_json::to_string(&sums).unwrap(), r#"{"git":[0,0,0,1],"network":[7,5]}"#);
        let later = |days: i64| serde_json::to_string(&sums.seen(NOW, NOW + Span::days(days))).unwrap();
        assert_eq!(later(6), later(0));
        assert_eq!(later(7), r#"{"network":[0,7,5]}"#);
        assert_eq!(later(21), r#"{"network":[0,0,0,7]}"#);
        assert_eq!(later(28), "{}");
    }

    /// Seen to fail when the most makes way, when the last week alone counts, and when the last one makes way, too.
    #[test]
    fn the_least_makes_way() {
        let mut sums = causes(&[(0, "network", 3), (8, "git", 2), (9, "test", 7)]);
        assert!(sums.took_least(2) && !sums.took_least(2));
        assert_eq!(sums.0.keys().collect::<Vec<_>>(), ["network", "test"]);
        // In the last week there was least of the other.
        let mut sums = causes(&[(0, "network", 3), (8, "git", 7)]);
        assert!(sums.took_least(1));
        assert_eq!(sums.0.keys().collect::<Vec<_>>(), ["git"]);
    }

    /// Seen to fail when four re-runs tell that none helps.
    #[test]
    fn jobs_are_flaky_or_never_helped() {
        let job = |name: &str, failed, judged, passed| SubjectFigures {
            name: name.to_owned(),
            failed,
            judged,
            passed,
            ..SubjectFigures::default()
        };
        let mut jobs = vec![
            job("rarely", 30, 20, 1),
            job("often", 9, 9, 8),
            job("never", 9, 6, 0),
            job("four", 9, 4, 0),
            job("not re-run", 50, 0, 0),
        ];
        let names = |jobs: &[JobSums]| jobs.iter().map(|job| job.job.clone()).collect::<Vec<_>>();
        let insights = Insights::of(&jobs);
        assert_eq!(
            (names(&insights.flaky), names(&insights.never_helped)),
            (vec!["often".into(), "rarely".into()], vec!["never".into()])
        );
        jobs.extend((0..40).map(|_| job(&"ü".repeat(500), 2, 2, 1)));
        let insights = Insights::of(&jobs);
        assert_eq!(insights.flaky.len(), JOBS);
        assert!(serde_json::to_string(&insights).unwrap().len() < 8_000);
    }
}
