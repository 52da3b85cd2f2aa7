//! What re-runs brought: a row for each day and for what they were decided by. A re-run is counted twice, on the row of the
//! day on which it was made: when GitHub has accepted it, and when it is known what became of it. Its row in `open_reruns`
//! says where the first was, and goes with the second, so that neither is counted again.

use std::collections::BTreeMap;

use crate::keeper::retention::{SUBJECT_DAYS, WINDOW_DAYS};
use crate::names::RunId;
use crate::names::json::from_text;
use crate::policy::Detail;
use crate::time::Millis;

use super::counting::RerunEnd;
use super::subjects::short;
use super::{Row, Sql, Store, StoreError, Value};

/// A run's first re-run, its second, its third, and all later ones.
pub const ORDINALS: usize = 4;
/// Rows of one day. Owners name rules, and can do so anew each hour: what is beyond this counts as one.
const LABELS_A_DAY: u64 = 20;
/// A re-run counts with so many of the rules that it goes by.
const RULES_OF_A_RERUN: usize = 5;

/// Re-runs, and what became of them. Of the others it is not known, or not yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reruns {
    /// GitHub has accepted so many.
    pub made: u64,
    /// The attempt that they started has succeeded.
    pub rescued: u64,
    /// The attempt that they started has failed again.
    pub wasted: u64,
}

impl Reruns {
    pub fn plus(self, other: Self) -> Self {
        Self { made: self.made + other.made, rescued: self.rescued + other.rescued, wasted: self.wasted + other.wasted }
    }
}

/// What re-runs were decided by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecidedBy {
    Rules(Vec<String>),
    /// No rule: what the policy says of all other failures.
    Otherwise,
    /// That is not on record.
    Unknown,
    /// One of those that are too many to be counted one by one.
    Others,
}

/// Re-runs of a policy that were decided by the same, by which re-run of their run they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RerunsOf {
    pub policy: Option<String>,
    pub by: DecidedBy,
    pub by_ordinal: [Reruns; ORDINALS],
}

/// As it is stored. No policy: empty. Rules: a list as JSON, or one of the words below, which are none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    policy: String,
    rules: String,
}

const UNKNOWN: &str = "unknown";
const OTHERS: &str = "others";

impl Label {
    fn of(detail: Option<&Detail>) -> Self {
        let Some(detail) = detail else { return Self { policy: String::new(), rules: UNKNOWN.to_owned() } };
        let rules: Vec<String> = detail.rules.iter().take(RULES_OF_A_RERUN).map(|rule| short(rule)).collect();
        let policy = short(detail.policy.as_deref().unwrap_or_default());
        Self { policy, rules: serde_json::to_string(&rules).unwrap_or_else(|_| UNKNOWN.to_owned()) }
    }

    fn others() -> Self {
        Self { policy: String::new(), rules: OTHERS.to_owned() }
    }

    fn decided_by(&self) -> DecidedBy {
        match from_text::<Vec<String>>(&self.rules) {
            Ok(rules) if rules.is_empty() => DecidedBy::Otherwise,
            Ok(rules) => DecidedBy::Rules(rules),
            Err(_) if self.rules == OTHERS => DecidedBy::Others,
            Err(_) => DecidedBy::Unknown,
        }
    }
}

/// Where a re-run was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    day: i64,
    label: Label,
    ordinal: usize,
}

/// A re-run whose end is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRerun {
    /// The attempt that was re-run.
    pub run_attempt: i64,
    /// The jobs that it was for.
    pub subjects: Vec<i64>,
    /// Those of them whose failure nobody knew.
    pub unknown: Vec<i64>,
    /// `None`: by the version before, which did not count it here.
    pub counted: Option<Counted>,
}

impl<S: Sql> Store<S> {
    pub(super) fn open_rerun(&self, run_id: RunId) -> Result<Option<OpenRerun>, StoreError> {
        let statement =
            "SELECT run_attempt, subjects, unknown, day, policy, rules, ordinal FROM open_reruns WHERE run_id = ?";
        let Some(mut row) = self.first(statement, vec![run_id.into()])? else { return Ok(None) };
        let ids = |text: Option<String>| from_text(&text.unwrap_or_default()).unwrap_or_default();
        let run_attempt = row.integer()?;
        let (subjects, unknown) = (ids(row.optional_text()?), ids(row.optional_text()?));
        let counted = match (row.optional_integer()?, row.optional_text()?, row.optional_text()?) {
            (Some(day), Some(policy), Some(rules)) => {
                let ordinal = usize::try_from(row.integer()?).unwrap_or_default();
                Some(Counted { day, label: Label { policy, rules }, ordinal })
            }
            _ => None,
        };
        Ok(Some(OpenRerun { run_attempt, subjects, unknown, counted }))
    }

    pub(super) fn set_open_rerun(&self, run_id: RunId, open: &OpenRerun) -> Result<(), StoreError> {
        let ids = |ids: &[i64]| Value::Text(serde_json::to_string(ids).unwrap_or_default());
        let mut bindings = vec![run_id.into(), open.run_attempt.into(), ids(&open.subjects), ids(&open.unknown)];
        match &open.counted {
            Some(Counted { day, label, ordinal }) => bindings.extend([
                Value::Integer(*day),
                label.policy.as_str().into(),
                label.rules.as_str().into(),
                Value::from(*ordinal as u64),
            ]),
            None => bindings.extend([Value::Null, Value::Null, Value::Null, Value::Null]),
        }
        self.change(
            "INSERT OR REPLACE INTO open_reruns (run_id, run_attempt, subjects, unknown, day, policy, rules, ordinal)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            bindings,
        )
    }

    /// GitHub has accepted a re-run, the run's so many-th.
    pub(super) fn count_rerun(
        &self,
        detail: Option<&Detail>,
        ordinal: u32,
        now: Millis,
    ) -> Result<Counted, StoreError> {
        let day = now.day();
        let label = self.with_room(Label::of(detail), day)?;
        let ordinal = usize::try_from(ordinal).unwrap_or(ORDINALS).clamp(1, ORDINALS);
        let statement = format!(
            "INSERT INTO rerun_days (day, policy, rules, made_{ordinal}) VALUES (?, ?, ?, 1)
             ON CONFLICT (day, policy, rules) DO UPDATE SET made_{ordinal} = made_{ordinal} + 1"
        );
        self.change(&statement, key(day, &label))?;
        Ok(Counted { day, label, ordinal })
    }

    fn with_room(&self, label: Label, day: i64) -> Result<Label, StoreError> {
        let known = "SELECT 1 FROM rerun_days WHERE day = ? AND policy = ? AND rules = ?";
        if self.exists(known, key(day, &label))? {
            return Ok(label);
        }
        let rows = self.first("SELECT COUNT(*) FROM rerun_days WHERE day = ?", vec![day.into()])?;
        let rows = rows.map_or(Ok(0), |mut row| row.amount())?;
        Ok(if rows < LABELS_A_DAY { label } else { Label::others() })
    }

    pub(super) fn count_rerun_end(&self, open: &OpenRerun, end: RerunEnd) -> Result<(), StoreError> {
        let Some(Counted { day, label, ordinal }) = &open.counted else { return Ok(()) };
        let column = match end {
            RerunEnd::Rescued => "rescued",
            RerunEnd::Wasted => "wasted",
            RerunEnd::Unknown => return Ok(()),
        };
        let column = format!("{column}_{}", (*ordinal).clamp(1, ORDINALS));
        // A day that was forgotten stays so.
        let statement =
            format!("UPDATE rerun_days SET {column} = {column} + 1 WHERE day = ? AND policy = ? AND rules = ?");
        self.change(&statement, key(*day, label))
    }

    /// Those made within the window. They are added up here, as SQLite counts a row that it groups once more.
    pub fn reruns(&self, now: Millis) -> Result<Vec<RerunsOf>, StoreError> {
        let columns: Vec<String> = ["made", "rescued", "wasted"]
            .iter()
            .flat_map(|column| (1..=ORDINALS).map(move |ordinal| format!("{column}_{ordinal}")))
            .collect();
        let statement = format!("SELECT policy, rules, {} FROM rerun_days WHERE day > ?", columns.join(", "));
        let mut sums = BTreeMap::new();
        for row in self.rows(&statement, vec![(now.day() - WINDOW_DAYS).into()])? {
            let (label, by_ordinal) = reruns_of(row)?;
            let sum: &mut [Reruns; ORDINALS] = sums.entry(label).or_default();
            sum.iter_mut().zip(by_ordinal).for_each(|(sum, more)| *sum = sum.plus(more));
        }
        let of = |(label, by_ordinal): (Label, _)| {
            let by = label.decided_by();
            RerunsOf { policy: Some(label.policy).filter(|policy| !policy.is_empty()), by, by_ordinal }
        };
        Ok(sums.into_iter().map(of).collect())
    }

    pub(super) fn prune_reruns(&self, now: Millis) -> Result<(), StoreError> {
        self.change("DELETE FROM rerun_days WHERE day < ?", vec![(now.day() - SUBJECT_DAYS).into()])
    }
}

fn key(day: i64, label: &Label) -> Vec<Value> {
    vec![day.into(), label.policy.as_str().into(), label.rules.as_str().into()]
}

fn reruns_of(mut row: Row) -> Result<(Label, [Reruns; ORDINALS]), StoreError> {
    let label = Label { policy: row.text()?, rules: row.text()? };
    let mut by_ordinal = [Reruns::default(); ORDINALS];
    let fields: [fn(&mut Reruns) -> &mut u64; 3] =
        [|reruns| &mut reruns.made, |reruns| &mut reruns.rescued, |reruns| &mut reruns.wasted];
    for field in fields {
        for reruns in &mut by_ordinal {
            *field(reruns) = row.amount()?;
        }
    }
    Ok((label, by_ordinal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::native_sql::NativeSql;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn by_rules(rules: &[&str]) -> Detail {
        Detail { rules: rules.iter().map(|&rule| rule.to_owned()).collect(), ..Detail::default() }
    }

    /// Seen to fail when each name gets a row (100 rows).
    #[test]
    fn names_made_up_anew_do_not_fill_the_storage_and_all_are_counted() {
        let store = Store::open(NativeSql::open().unwrap()).unwrap();
        for n in 0..100 {
            let detail = by_rules(&[format!("{n} {}", "x".repeat(10_000)).as_str(); 100]);
            let counted = store.count_rerun(Some(&detail), 1, NOW).unwrap();
            let open = OpenRerun { run_attempt: 1, subjects: vec![], unknown: vec![], counted: Some(counted) };
            let run_id = RunId::new(n + 1).unwrap();
            store.set_open_rerun(run_id, &open).unwrap();
            assert_eq!(store.open_rerun(run_id).unwrap(), Some(open.clone()));
            store.count_rerun_end(&open, RerunEnd::Rescued).unwrap();
        }
        let rows = store.sql.exec("SELECT COUNT(*), MAX(LENGTH(rules)) FROM rerun_days", vec![]).unwrap();
        assert_eq!(rows[0][0], Value::Integer(21));
        assert!(matches!(rows[0][1], Value::Integer(..=1_020)), "{rows:?}");
        let reruns = store.reruns(NOW).unwrap();
        let sum = reruns.iter().map(|of| of.by_ordinal[0]).fold(Reruns::default(), Reruns::plus);
        assert_eq!(sum, Reruns { made: 100, rescued: 100, wasted: 0 });
        let others = reruns.iter().find(|of| of.by == DecidedBy::Others).unwrap();
        assert_eq!(others.by_ordinal[0], Reruns { made: 80, rescued: 80, wasted: 0 });
    }

    #[test]
    fn what_it_was_decided_by() {
        let of = |detail: Option<Detail>| Label::of(detail.as_ref()).decided_by();
        assert_eq!(of(None), DecidedBy::Unknown);
        assert_eq!(of(Some(by_rules(&[]))), DecidedBy::Otherwise);
        // Words that mean something else here.
        for name in ["others", "unknown", "[]", "\"", "otherwise"] {
            assert_eq!(of(Some(by_rules(&[name, "b"]))), DecidedBy::Rules(vec![name.to_owned(), "b".to_owned()]));
        }
        assert_eq!(Label::others().decided_by(), DecidedBy::Others);
    }
}
