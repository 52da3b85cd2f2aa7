//! How well it is judged what to re-run: what re-runs brought, and which failures nobody knew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::names::order::sort_by_key;
use crate::names::{RepoName, string_enum};
use crate::time::{Millis, rfc3339};

use super::Keeper;
use super::rate::Rate;
use super::store::statistics::{DecidedBy, Figures, ORDINALS, Reruns, RerunsOf, SubjectFigures, Subjects};
use super::store::{Sql, StoreError};
use crate::policy::leave_rule;

/// Rules that are shown one by one.
const RULES_SHOWN: usize = 15;
/// Jobs of which it is looked up what became of their re-runs.
const UNKNOWN_LOOKED_AT: usize = 30;
const UNKNOWN_SHOWN: usize = 10;
/// So many re-runs in vain tell that one does not help.
const IN_VAIN: u64 = 5;
/// And so many that a rule should leave it.
const IN_VAIN_FOR_A_RULE: u64 = 10;

/// Re-runs, and what became of them. A re-run is *rescued* if the attempt that it started has succeeded, and *wasted* if
/// that has failed again; of the others it is not known, or not yet. The *precision* is the part rescued of those known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunFigures {
    pub made: u64,
    pub rescued: u64,
    pub wasted: u64,
    pub unknown: u64,
    /// `None`: no re-run's end is known.
    pub precision: Option<Rate>,
}

impl From<Reruns> for RerunFigures {
    fn from(Reruns { made, rescued, wasted }: Reruns) -> Self {
        let known = rescued + wasted;
        Self { made, rescued, wasted, unknown: made.saturating_sub(known), precision: Rate::of(rescued, known) }
    }
}

/// Of a repository's last 30 days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precision {
    pub total: RerunFigures,
    /// A run's first re-run, its second, its third, and all later ones.
    pub by_rerun: Vec<RerunsByOrdinal>,
    pub by_policy: Vec<RerunsByPolicy>,
    /// Those made most often first. A re-run counts with each rule that it goes by.
    pub by_rule: Vec<RerunsByRule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrecisionView {
    pub repository: RepoName,
    pub days: i64,
    #[serde(flatten)]
    pub precision: Precision,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunsByOrdinal {
    /// 4: the fourth and all later ones.
    pub rerun: u64,
    #[serde(flatten)]
    pub figures: RerunFigures,
}

impl RerunsByOrdinal {
    pub fn list(by_ordinal: impl IntoIterator<Item = Reruns>) -> Vec<Self> {
        let with = |(reruns, rerun): (Reruns, u64)| Self { rerun, figures: reruns.into() };
        by_ordinal.into_iter().zip(1..).map(with).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunsByPolicy {
    /// `None`: that is not on record.
    pub policy: Option<String>,
    #[serde(flatten)]
    pub figures: RerunFigures,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunsByRule {
    pub policy: Option<String>,
    pub by: RuleKind,
    /// The rule's name, if it was by one.
    pub rule: Option<String>,
    #[serde(flatten)]
    pub figures: RerunFigures,
}

string_enum! {
    #[derive(PartialOrd, Ord)]
    pub enum RuleKind {
        Rule = "rule",
        /// What the policy says of failures that no rule matches.
        Otherwise = "otherwise",
        /// Not on record.
        Unknown = "unknown",
        /// Those that are too many to be told one by one.
        Others = "others",
    }
}

/// Failures that no rule and no entry of the catalogue knew, by job and step, those that happened most often first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownFailures {
    /// They pass at times when they are re-run.
    pub flaky: Vec<UnknownFailure>,
    /// They were re-run at least five times and never passed.
    pub never_helped: Vec<UnknownFailure>,
    /// Of too few re-runs is it known how they ended.
    pub undecided: Vec<UnknownFailure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownFailure {
    pub workflow: String,
    pub job: String,
    /// The step that failed; empty if none did.
    pub step: String,
    pub failed: u64,
    /// How often a re-run of it has ended, and how often it passed then.
    pub reruns: u64,
    pub passed: u64,
    pub rescue_rate: Option<Rate>,
    #[serde(with = "rfc3339")]
    pub last_seen: Millis,
    pub last_run_id: u64,
    /// A rule for the policy file that leaves it, where so many re-runs of the repository's own runs were in vain, and its name is
    /// no glob.
    pub leave_rule: Option<String>,
}

impl From<SubjectFigures> for UnknownFailure {
    fn from(figures: SubjectFigures) -> Self {
        let SubjectFigures {
            workflow,
            name,
            step,
            failed,
            judged,
            passed,
            judged_of_forks,
            last_seen,
            last_run,
            by_day: _,
        } = figures;
        // Outsiders choose what fails in their forks' runs, and how it is called.
        let is_in_vain = passed == 0 && judged.saturating_sub(judged_of_forks) >= IN_VAIN_FOR_A_RULE;
        Self {
            leave_rule: if is_in_vain { leave_rule(&workflow, &name, &step) } else { None },
            workflow,
            job: name,
            step,
            failed,
            reruns: judged,
            passed,
            rescue_rate: Rate::of(passed, judged),
            last_seen,
            last_run_id: last_run,
        }
    }
}

impl UnknownFailures {
    pub(super) fn among(jobs: &Subjects, now: Millis) -> Self {
        Self::of(jobs.unknown(UNKNOWN_LOOKED_AT, now))
    }

    fn of(figures: Vec<SubjectFigures>) -> Self {
        let mut all = Self::default();
        for figures in figures {
            let list = match (figures.passed, figures.judged) {
                (1.., _) => &mut all.flaky,
                (0, IN_VAIN..) => &mut all.never_helped,
                (0, _) => &mut all.undecided,
            };
            if list.len() < UNKNOWN_SHOWN {
                list.push(figures.into());
            }
        }
        all
    }

    pub fn is_empty(&self) -> bool {
        self.flaky.is_empty() && self.never_helped.is_empty() && self.undecided.is_empty()
    }
}

impl Precision {
    /// `made`: all re-runs of the window, also those of the version before, which did not record what decided them.
    fn of(reruns: &[RerunsOf], made: u64) -> Self {
        let (mut total, mut by_ordinal) = (Reruns::default(), [Reruns::default(); ORDINALS]);
        let mut by_policy: BTreeMap<Option<&String>, Reruns> = BTreeMap::new();
        let mut by_rule: BTreeMap<RuleKey, Reruns> = BTreeMap::new();
        for RerunsOf { policy, by, by_ordinal: reruns } in reruns {
            let sum = reruns.iter().copied().fold(Reruns::default(), Reruns::plus);
            total = total.plus(sum);
            for (all, reruns) in by_ordinal.iter_mut().zip(reruns) {
                *all = all.plus(*reruns);
            }
            add(&mut by_policy, policy.as_ref(), sum);
            let policy = policy.as_deref();
            match by {
                DecidedBy::Rules(rules) => {
                    rules.iter().for_each(|rule| add(&mut by_rule, (policy, RuleKind::Rule, Some(rule.as_str())), sum));
                }
                DecidedBy::Otherwise => add(&mut by_rule, (policy, RuleKind::Otherwise, None), sum),
                DecidedBy::Unknown => add(&mut by_rule, (policy, RuleKind::Unknown, None), sum),
                DecidedBy::Others => add(&mut by_rule, OTHERS, sum),
            }
        }
        let before = Reruns { made: made.saturating_sub(total.made), ..Reruns::default() };
        if before.made > 0 {
            total = total.plus(before);
            add(&mut by_policy, None, before);
            add(&mut by_rule, (None, RuleKind::Unknown, None), before);
        }
        Self {
            total: total.into(),
            by_rerun: RerunsByOrdinal::list(by_ordinal),
            by_policy: most_first(by_policy)
                .into_iter()
                .map(|(policy, reruns)| RerunsByPolicy { policy: policy.cloned(), figures: reruns.into() })
                .collect(),
            by_rule: rules(by_rule),
        }
    }
}

type RuleKey<'a> = (Option<&'a str>, RuleKind, Option<&'a str>);

const OTHERS: RuleKey = (None, RuleKind::Others, None);

fn add<K: Ord>(all: &mut BTreeMap<K, Reruns>, key: K, reruns: Reruns) {
    let sum = all.entry(key).or_default();
    *sum = sum.plus(reruns);
}

fn most_first<K: Ord>(all: BTreeMap<K, Reruns>) -> Vec<(K, Reruns)> {
    let mut all: Vec<_> = all.into_iter().collect();
    sort_by_key(&mut all, |(_, reruns)| std::cmp::Reverse(reruns.made));
    all
}

fn rules(mut by_rule: BTreeMap<RuleKey, Reruns>) -> Vec<RerunsByRule> {
    let others = by_rule.remove(&OTHERS).unwrap_or_default();
    let mut shown = most_first(by_rule);
    let rest = shown.split_off(shown.len().min(RULES_SHOWN));
    let others = rest.into_iter().fold(others, |sum, (_, reruns)| sum.plus(reruns));
    if others.made > 0 {
        shown.push((OTHERS, others));
    }
    let rule = |((policy, by, rule), reruns): (RuleKey, Reruns)| RerunsByRule {
        policy: policy.map(str::to_owned),
        by,
        rule: rule.map(str::to_owned),
        figures: reruns.into(),
    };
    shown.into_iter().map(rule).collect()
}

impl<S: Sql> Keeper<S> {
    pub(super) fn precision(&self, by_day: &[Figures], now: Millis) -> Result<Precision, StoreError> {
        let made = by_day.iter().map(|day| day.reruns).sum();
        Ok(Precision::of(&self.store.reruns(now)?, made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reruns(made: u64, rescued: u64, wasted: u64) -> Reruns {
        Reruns { made, rescued, wasted }
    }

    fn of(policy: &str, by: DecidedBy, first: Reruns, later: Reruns) -> RerunsOf {
        let policy = Some(policy.to_owned()).filter(|policy| !policy.is_empty());
        RerunsOf { policy, by, by_ordinal: [first, Reruns::default(), Reruns::default(), later] }
    }

    fn rule(name: &str) -> DecidedBy {
        DecidedBy::Rules(vec![name.to_owned()])
    }

    fn counts(figures: &RerunFigures) -> (u64, u64, u64, u64, Option<u32>) {
        let precision = figures.precision.map(|rate| rate.permille);
        (figures.made, figures.rescued, figures.wasted, figures.unknown, precision)
    }

    #[test]
    fn each_rerun_is_in_the_total_once_and_at_each_of_its_rules() {
        let both = DecidedBy::Rules(vec!["network".to_owned(), "disk".to_owned()]);
        let precision = Precision::of(
            &[
                of("careful", rule("network"), reruns(10, 6, 2), reruns(1, 0, 1)),
                of("careful", both, reruns(2, 2, 0), Reruns::default()),
                of("repository", DecidedBy::Otherwise, reruns(4, 0, 0), Reruns::default()),
            ],
            20,
        );
        assert_eq!(counts(&precision.total), (20, 8, 3, 9, Some(727)), "three of the version before");
        let ordinals: Vec<_> = precision.by_rerun.iter().map(|it| (it.rerun, counts(&it.figures))).collect();
        assert_eq!(ordinals[0], (1, (16, 8, 2, 6, Some(800))));
        assert_eq!(ordinals[1], (2, (0, 0, 0, 0, None)));
        assert_eq!(ordinals[3], (4, (1, 0, 1, 0, Some(0))));
        let policies: Vec<_> =
            precision.by_policy.iter().map(|it| (it.policy.as_deref(), counts(&it.figures))).collect();
        assert_eq!(
            policies,
            [
                (Some("careful"), (13, 8, 3, 2, Some(727))),
                (Some("repository"), (4, 0, 0, 4, None)),
                (None, (3, 0, 0, 3, None)),
            ]
        );
        let rules: Vec<_> = precision.by_rule.iter().map(|it| (it.by, it.rule.as_deref(), it.figures.made)).collect();
        assert_eq!(
            rules,
            [
                (RuleKind::Rule, Some("network"), 13),
                (RuleKind::Otherwise, None, 4),
                (RuleKind::Unknown, None, 3),
                (RuleKind::Rule, Some("disk"), 2),
            ]
        );
    }

    #[test]
    fn rules_beyond_those_shown_count_as_others() {
        let mut all: Vec<RerunsOf> =
            (0..40).map(|n| of("repository", rule(&format!("rule {n}")), reruns(2, 1, 0), Reruns::default())).collect();
        all.push(of("", DecidedBy::Others, reruns(7, 3, 3), Reruns::default()));
        let rules = Precision::of(&all, 87).by_rule;
        assert_eq!(rules.len(), RULES_SHOWN + 1);
        let last = &rules[RULES_SHOWN];
        assert_eq!((last.by, counts(&last.figures)), (RuleKind::Others, (57, 28, 3, 26, Some(903))));
    }

    #[test]
    fn what_a_rerun_never_helped_is_not_flaky() {
        let figures = |name: &str, judged, passed| SubjectFigures {
            name: name.to_owned(),
            failed: judged + 1,
            judged,
            passed,
            ..SubjectFigures::default()
        };
        let all = UnknownFailures::of(vec![
            figures("ten", 10, 0),
            figures("flaky", 10, 1),
            figures("nine", 9, 0),
            figures("five", 5, 0),
            figures("four", 4, 0),
            figures("none", 0, 0),
            figures("once", 1, 1),
        ]);
        let names = |list: &[UnknownFailure]| list.iter().map(|it| it.job.clone()).collect::<Vec<_>>();
        assert_eq!(names(&all.never_helped), ["ten", "nine", "five"]);
        assert_eq!(names(&all.flaky), ["flaky", "once"]);
        assert_eq!(names(&all.undecided), ["four", "none"]);
        let with_rule: Vec<_> = all.never_helped.iter().filter(|it| it.leave_rule.is_some()).collect();
        assert_eq!(with_rule.len(), 1);
        assert_eq!(with_rule[0].job, "ten");
        assert!(all.undecided[1].rescue_rate.is_none(), "not known is not 0");
    }
}
