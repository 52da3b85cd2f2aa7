//! What failed and neither a rule nor the catalogue knew, and what never passed when it was re-run.

use std::collections::BTreeMap;

use rerunner::policy::{Action, leave_rule};
use serde::Serialize;

use crate::cli::past::Cause;

use super::replay::Decided;

/// Re-runs after which it is hopeless.
const HOPELESS: u64 = 10;
/// Of a list; the rest is counted.
const MOST: usize = 200;

/// Where something failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub workflow: String,
    pub job: String,
    pub step: Option<String>,
}

impl Place {
    fn leave_rule(&self) -> Option<String> {
        leave_rule(&self.workflow, &self.job, self.step.as_deref().unwrap_or_default())
    }
}

/// How often it did, and how its re-runs ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    #[serde(flatten)]
    pub place: Place,
    pub failed: u64,
    pub rerun_passed: u64,
    pub rerun_failed: u64,
    /// Not re-run, or it is not known how that ended.
    pub rerun_not_known: u64,
    /// Of those that failed, so many have neither annotations nor a log.
    pub not_read: u64,
}

/// A list, the most frequent first.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct List<T> {
    pub rows: Vec<T>,
    /// How many there are beside these.
    pub more: usize,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Unfamiliar {
    /// A re-run helped at least once.
    pub flaky: List<Row>,
    /// There were re-runs, and none helped.
    pub never_helped: List<Row>,
    pub never_rerun: List<Row>,
}

/// Something that was re-run often and never passed.
#[derive(Debug, PartialEq, Serialize)]
pub struct Hopeless {
    #[serde(flatten)]
    pub row: Row,
    /// For the policy file; `None`: it would leave others, too, as its name is a glob.
    pub rule: Option<String>,
}

impl Unfamiliar {
    pub fn of(decided: &[Decided]) -> Self {
        let rows = rows(decided, |job| job.rule.is_none() && !matches!(job.cause, Cause::Found(_)));
        let part = |which: fn(&Row) -> bool| list(rows.iter().filter(|row| which(row)).cloned().collect());
        Self {
            flaky: part(|row| row.rerun_passed > 0),
            never_helped: part(|row| row.rerun_passed == 0 && row.rerun_failed > 0),
            never_rerun: part(|row| row.rerun_passed == 0 && row.rerun_failed == 0),
        }
    }
}

/// Whatever the policy does not leave by a rule already.
pub fn hopeless(decided: &[Decided]) -> List<Hopeless> {
    let rows = rows(decided, |job| job.rule.is_none() || job.action == Some(Action::Rerun));
    let rows = rows.into_iter().filter(|row| row.rerun_passed == 0 && row.rerun_failed >= HOPELESS);
    list(rows.map(|row| Hopeless { rule: row.place.leave_rule(), row }).collect())
}

fn rows(decided: &[Decided], counts: impl Fn(&super::replay::FailedJob) -> bool) -> Vec<Row> {
    let mut rows = BTreeMap::<Place, Row>::new();
    for (one, job) in decided.iter().flat_map(|one| one.jobs.iter().map(move |job| (one, job))) {
        if !counts(job) {
            continue;
        }
        let place = Place { workflow: one.workflow.clone(), job: job.name.clone(), step: job.step.clone() };
        let row = rows.entry(place.clone()).or_insert_with(|| Row::new(place));
        row.failed += 1;
        row.rerun_passed += u64::from(job.passed_next == Some(true));
        row.rerun_failed += u64::from(job.passed_next == Some(false));
        row.rerun_not_known += u64::from(job.passed_next.is_none());
        row.not_read += u64::from(job.cause == Cause::NotRead);
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.failed));
    rows
}

impl Row {
    fn new(place: Place) -> Self {
        Self { place, failed: 0, rerun_passed: 0, rerun_failed: 0, rerun_not_known: 0, not_read: 0 }
    }
}

fn list<T>(mut rows: Vec<T>) -> List<T> {
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    List { rows, more }
}

#[cfg(test)]
mod tests {
    use super::super::replay::{FailedJob, Next, Then};
    use super::*;
    use rerunner::names::{RunAttempt, RunId};
    use rerunner::policy::RunOutcome;
    use rerunner::policy::catalogue::{Class, Finding};

    fn job(name: &str, passed_next: Option<bool>) -> FailedJob {
        let (name, step) = (name.to_owned(), Some("Run tests".to_owned()));
        FailedJob { name, step, rule: None, action: Some(Action::Rerun), cause: Cause::Nothing, passed_next }
    }

    fn decided(jobs: Vec<FailedJob>) -> Decided {
        Decided {
            run_id: RunId::new(1).unwrap(),
            run_attempt: RunAttempt::FIRST,
            workflow: "ci".to_owned(),
            then: Then::End(RunOutcome::Left),
            reason: String::new(),
            next: Next::Unknown,
            jobs,
        }
    }

    fn names(list: &List<Row>) -> Vec<(&str, u64)> {
        list.rows.iter().map(|row| (row.place.job.as_str(), row.failed)).collect()
    }

    #[test]
    fn what_nobody_knew_by_how_its_reruns_ended() {
        let known = Finding { id: "npm-network".into(), class: Class::Registry, line: None };
        let all = [
            decided(vec![
                job("flaky", Some(false)),
                job("real", Some(false)),
                job("alone", None),
                FailedJob { rule: Some("network".to_owned()), ..job("by rule", Some(true)) },
                FailedJob { cause: Cause::Found(known), ..job("by catalogue", Some(true)) },
            ]),
            decided(vec![job("flaky", Some(true)), FailedJob { cause: Cause::NotRead, ..job("real", None) }]),
            decided(vec![job("real", Some(false))]),
        ];
        let unfamiliar = Unfamiliar::of(&all);
        assert_eq!(names(&unfamiliar.flaky), [("flaky", 2)]);
        assert_eq!(names(&unfamiliar.never_helped), [("real", 3)]);
        assert_eq!(names(&unfamiliar.never_rerun), [("alone", 1)]);
        let real = unfamiliar.never_helped.rows.first().unwrap();
        assert_eq!((real.rerun_failed, real.rerun_not_known, real.not_read), (2, 1, 1));
    }

    #[test]
    fn what_never_passes_is_named_with_its_rule() {
        for (name, times, listed) in [("test", 10, true), ("test", 9, false)] {
            let all: Vec<Decided> = (0..times).map(|_| decided(vec![job(name, Some(false))])).collect();
            assert_eq!(hopeless(&all).rows.len(), usize::from(listed), "{times}");
        }
        let mut all: Vec<Decided> = (0..10).map(|_| decided(vec![job("test", Some(false))])).collect();
        all.push(decided(vec![job("test", Some(true))]));
        assert_eq!(hopeless(&all).rows, []);
        let left = || FailedJob { rule: Some("x".to_owned()), action: Some(Action::Leave), ..job("test", Some(false)) };
        let all: Vec<Decided> = (0..10).map(|_| decided(vec![left()])).collect();
        assert_eq!(hopeless(&all).rows, [], "a rule leaves it by now");
    }

    #[test]
    fn lists_have_a_bound() {
        let all: Vec<Decided> = (0..250).map(|n| decided(vec![job(&format!("j{n}"), None)])).collect();
        let list = Unfamiliar::of(&all).never_rerun;
        assert_eq!((list.rows.len(), list.more), (MOST, 50));
    }
}
