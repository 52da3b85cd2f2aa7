//! Counting what was decided. What could not be told is `None`, and never 0.

use std::collections::{BTreeMap, BTreeSet};

use rerunner::names::{RunAttempt, RunId};
use rerunner::time::Span;
use serde::Serialize;

use super::replay::{Decided, Next, Then};

/// Of a table by workflow or rule; the rest is counted in the total alone.
const MOST_ROWS: usize = 200;
/// What a re-run by no rule is listed under.
const OTHERWISE: &str = "otherwise";

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    pub failed_runs: u64,
    pub failed_attempts: u64,
    /// That the policy would have made.
    pub reruns: u64,
    /// The next attempt passed.
    pub rescued: u64,
    /// The next attempt failed.
    pub wasted: u64,
    /// Nobody made them, or they were cancelled.
    pub not_known: u64,
    /// Of those that are known.
    pub precision: Option<f64>,
    pub runner_minutes: Option<u64>,
    /// Re-runs that are not in the minutes.
    pub minutes_not_known: u64,
    /// From the first failure to the attempt that passed; half of the rescued runs took no longer.
    pub red_seconds_median: Option<u64>,
    /// Runs that it would have rescued of which that is known.
    pub red_known: u64,
    /// Attempts that it would have left, and that passed when they were re-run all the same.
    pub missed_rescues: u64,
}

/// Figures of one policy.
#[derive(Debug, Serialize)]
pub struct Tables {
    pub total: Figures,
    pub by_workflow: BTreeMap<String, Figures>,
    /// A re-run by several rules counts for each.
    pub by_rule: BTreeMap<String, Figures>,
    /// The first, second and third re-run of a run, and all later ones.
    pub by_rerun: BTreeMap<String, Figures>,
}

#[derive(Debug, Default)]
struct Tally {
    runs: BTreeSet<RunId>,
    attempts: u64,
    reruns: u64,
    rescued: u64,
    wasted: u64,
    seconds: u64,
    minutes_not_known: u64,
    red: Vec<Span>,
    missed_rescues: u64,
}

impl Tables {
    pub fn of(decided: &[Decided]) -> Self {
        let (mut total, mut by_workflow, mut by_rule, mut by_rerun) =
            (Tally::default(), Tallies::default(), Tallies::default(), Tallies::default());
        for one in decided {
            total.add(one);
            by_workflow.at(&one.workflow).add(one);
            if let Then::Rerun { rules, .. } = &one.then {
                let none = [OTHERWISE.to_owned()];
                for rule in if rules.is_empty() { &none[..] } else { rules } {
                    by_rule.at(rule).add(one);
                }
                by_rerun.at(ordinal(one.run_attempt)).add(one);
            }
        }
        for (run, red) in red(decided) {
            total.red.push(red);
            by_workflow.at(&run.workflow).red.push(red);
        }
        Self {
            total: total.figures(),
            by_workflow: by_workflow.figures(),
            by_rule: by_rule.figures(),
            by_rerun: by_rerun.figures(),
        }
    }
}

pub const ORDINALS: [&str; 4] = ["first", "second", "third", "later"];

fn ordinal(failed: RunAttempt) -> &'static str {
    let [first, second, third, later] = ORDINALS;
    match failed.get() {
        1 => first,
        2 => second,
        3 => third,
        _ => later,
    }
}

#[derive(Default)]
struct Tallies(BTreeMap<String, Tally>);

impl Tallies {
    fn at(&mut self, name: &str) -> &mut Tally {
        // Whoever chooses names chooses how many.
        let name = if self.0.len() < MOST_ROWS || self.0.contains_key(name) { name } else { "(others)" };
        self.0.entry(name.to_owned()).or_default()
    }

    fn figures(self) -> BTreeMap<String, Figures> {
        self.0.into_iter().map(|(name, tally)| (name, tally.figures())).collect()
    }
}

impl Tally {
    fn add(&mut self, decided: &Decided) {
        self.runs.insert(decided.run_id);
        self.attempts += 1;
        let passed = decided.next == Next::Passed;
        match &decided.then {
            Then::Rerun { runner_seconds, .. } => {
                self.reruns += 1;
                self.rescued += u64::from(passed);
                self.wasted += u64::from(decided.next == Next::Failed);
                self.seconds += runner_seconds.unwrap_or_default();
                self.minutes_not_known += u64::from(runner_seconds.is_none());
            }
            Then::End(_) => self.missed_rescues += u64::from(passed),
        }
    }

    fn figures(mut self) -> Figures {
        let known = self.rescued + self.wasted;
        let none_is_known = self.reruns > 0 && self.minutes_not_known == self.reruns;
        self.red.sort();
        Figures {
            failed_runs: self.runs.len() as u64,
            failed_attempts: self.attempts,
            reruns: self.reruns,
            rescued: self.rescued,
            wasted: self.wasted,
            not_known: self.reruns - known,
            precision: precision(self.rescued, known),
            runner_minutes: (!none_is_known).then(|| self.seconds.div_ceil(60)),
            minutes_not_known: self.minutes_not_known,
            red_seconds_median: self.red.get(self.red.len().saturating_sub(1) / 2).map(|red| red.as_seconds()),
            red_known: self.red.len() as u64,
            missed_rescues: self.missed_rescues,
        }
    }
}

/// To a thousandth.
#[expect(clippy::cast_precision_loss, reason = "there are not so many re-runs")]
fn precision(rescued: u64, known: u64) -> Option<f64> {
    let thousandths = (rescued * 1_000 + known / 2).checked_div(known)?;
    Some(thousandths as f64 / 1_000.0)
}

/// How long each run that the policy would have rescued would have been red, if every attempt on the way says so.
fn red(decided: &[Decided]) -> Vec<(&Decided, Span)> {
    let mut runs = BTreeMap::<RunId, Vec<&Decided>>::new();
    for one in decided {
        runs.entry(one.run_id).or_default().push(one);
    }
    let of = |attempts: Vec<&'_ Decided>| -> Option<Span> {
        let mut red = Span::default();
        for (one, number) in attempts.iter().zip(1..) {
            let Then::Rerun { lasts, .. } = &one.then else { return None };
            red = Span::millis(red.as_millis().saturating_add((*lasts)?.as_millis()));
            match one.next {
                Next::Passed if one.run_attempt.get() == number => return Some(red),
                Next::Passed | Next::Unknown => return None,
                Next::Failed => {}
            }
        }
        None
    };
    runs.into_values().filter_map(|attempts| Some((*attempts.first()?, of(attempts.clone())?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rerunner::policy::RunOutcome;

    fn decided(run_id: u64, run_attempt: u32, then: Then, next: Next) -> Decided {
        let (run_id, run_attempt) = (RunId::new(run_id).unwrap(), RunAttempt::new(run_attempt).unwrap());
        let (workflow, reason) = ("ci".to_owned(), String::new());
        Decided { run_id, run_attempt, workflow, then, reason, next, jobs: Vec::new() }
    }

    fn rerun(rules: &[&str], runner_seconds: Option<u64>, lasts: Option<i64>) -> Then {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        Then::Rerun { rules, runner_seconds, lasts: lasts.map(Span::seconds) }
    }

    #[test]
    fn what_is_counted() {
        let all = [
            decided(1, 1, rerun(&["network", "lost"], Some(90), Some(100)), Next::Failed),
            decided(1, 2, rerun(&["network"], None, Some(200)), Next::Passed),
            decided(2, 1, Then::End(RunOutcome::Left), Next::Passed),
            decided(3, 1, rerun(&[], Some(31), None), Next::Unknown),
            decided(4, 1, rerun(&[], Some(0), Some(50)), Next::Passed),
            decided(4, 4, rerun(&[], Some(0), Some(50)), Next::Failed),
        ];
        let tables = Tables::of(&all);
        let expected = Figures {
            failed_runs: 4,
            failed_attempts: 6,
            reruns: 5,
            rescued: 2,
            wasted: 2,
            not_known: 1,
            precision: Some(0.5),
            runner_minutes: Some(3),
            minutes_not_known: 1,
            red_seconds_median: Some(50),
            red_known: 2,
            missed_rescues: 1,
        };
        assert_eq!(tables.total, expected);
        assert_eq!(tables.by_workflow, BTreeMap::from([("ci".to_owned(), expected)]));
        let rules: Vec<_> = tables.by_rule.iter().map(|(rule, is)| (rule.as_str(), is.reruns, is.precision)).collect();
        assert_eq!(rules, [("lost", 1, Some(0.0)), ("network", 2, Some(0.5)), ("otherwise", 3, Some(0.5))]);
        let reruns: Vec<_> = tables.by_rerun.iter().map(|(which, is)| (which.as_str(), is.reruns)).collect();
        assert_eq!(reruns, [("first", 3), ("later", 1), ("second", 1)]);
    }

    #[test]
    fn what_cannot_be_told_is_none() {
        let none = Tables::of(&[]).total;
        assert_eq!((none.precision, none.runner_minutes, none.red_seconds_median), (None, Some(0), None));
        let unknown = Tables::of(&[decided(1, 1, rerun(&[], None, None), Next::Unknown)]).total;
        assert_eq!((unknown.precision, unknown.runner_minutes, unknown.red_seconds_median), (None, None, None));
        // Of a run whose first attempt is not known, how long it was red is not either.
        let late = Tables::of(&[decided(1, 2, rerun(&[], Some(1), Some(9)), Next::Passed)]).total;
        assert_eq!((late.rescued, late.red_seconds_median), (1, None));
    }

    #[test]
    fn rows_have_a_bound() {
        let many: Vec<Decided> = (1..=MOST_ROWS as u64 + 50)
            .map(|id| Decided { workflow: format!("w{id}"), ..decided(id, 1, rerun(&[], None, None), Next::Unknown) })
            .collect();
        let rows = Tables::of(&many).by_workflow;
        assert_eq!((rows.len(), rows["(others)"].failed_runs), (MOST_ROWS + 1, 50));
    }
}
