//! What re-runs brought, by the day on which they were made and by what they were decided by. A re-run is counted twice: when
//! GitHub has accepted it, and when it is known what became of it. What its run says of it ([`OpenRerun`]) tells where the first
//! was, and goes with the second, so that neither is counted again.

use std::collections::BTreeMap;

use crate::keeper::figures::{ORDINALS, Reruns};
use crate::keeper::open_rerun::{CountedRerun, Label, OpenRerun};
use crate::keeper::retention::{SUBJECT_DAYS, WINDOW_DAYS};
use crate::names::json::from_text;
use crate::policy::Detail;
use crate::time::Millis;

use super::counting::RerunEnd;
use super::subject::short;
use super::{Row, Sql, Store, StoreError, Unstored, Value};

/// Rows of one day. Owners name rules, and can do so anew each hour: what is beyond this counts as one.
const LABELS_A_DAY: u64 = 20;
/// A re-run counts with so many of the rules that it goes by.
const RULES_OF_A_RERUN: usize = 5;

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

impl<S: Sql> Store<S> {
    /// GitHub has accepted a re-run, the run's so many-th. It counts for the ledger's day.
    pub(super) fn count_rerun(&self, detail: Option<&Detail>, ordinal: u32) -> Result<CountedRerun, StoreError> {
        let ordinal = usize::try_from(ordinal).unwrap_or(ORDINALS).clamp(1, ORDINALS);
        self.change_ledger(Unstored::Something, |ledger| {
            let mut label = Label::of(detail);
            let is_known = ledger.reruns.iter().any(|(known, _)| *known == label);
            if !is_known && ledger.reruns.len() as u64 >= LABELS_A_DAY {
                label = Label::others();
            }
            if !ledger.reruns.iter().any(|(known, _)| *known == label) {
                ledger.reruns.push((label.clone(), Default::default()));
            }
            if let Some(reruns) = ledger.reruns_by(&label, ordinal) {
                reruns.made += 1;
            }
            CountedRerun { day: ledger.day, label, ordinal }
        })
    }

    /// It is known what became of it.
    pub(super) fn count_rerun_end(&self, open: &OpenRerun, end: RerunEnd) -> Result<(), StoreError> {
        let Some(CountedRerun { day, label, ordinal }) = &open.counted else { return Ok(()) };
        let ordinal = (*ordinal).clamp(1, ORDINALS);
        let column = match end {
            RerunEnd::Rescued => "rescued",
            RerunEnd::Wasted => "wasted",
            RerunEnd::Unknown => return Ok(()),
        };
        if self.ledger(|ledger| ledger.day)? == *day {
            return self.change_ledger(Unstored::Something, |ledger| match (end, ledger.reruns_by(label, ordinal)) {
                (RerunEnd::Rescued, Some(reruns)) => reruns.rescued += 1,
                (RerunEnd::Wasted, Some(reruns)) => reruns.wasted += 1,
                (RerunEnd::Unknown, _) | (_, None) => {}
            });
        }
        // A day that was forgotten stays so.
        let statement = format!(
            "UPDATE rerun_days SET {column}_{ordinal} = {column}_{ordinal} + 1 WHERE day = ? AND policy = ? AND rules = ?"
        );
        self.change(&statement, vec![(*day).into(), label.policy.as_str().into(), label.rules.as_str().into()])
    }

    /// What is stored of a day.
    pub(super) fn rerun_day(&self, day: i64) -> Result<Vec<(Label, [Reruns; ORDINALS])>, StoreError> {
        let statement = format!("SELECT {} FROM rerun_days WHERE day = ?", columns_read());
        self.rows(&statement, vec![day.into()])?.map(reruns_of).collect()
    }

    pub(super) fn set_rerun_day(
        &self,
        day: i64,
        label: &Label,
        by_ordinal: &[Reruns; ORDINALS],
    ) -> Result<(), StoreError> {
        let fields: [fn(&Reruns) -> u64; 3] = [|of| of.made, |of| of.rescued, |of| of.wasted];
        let counts = fields.into_iter().flat_map(|field| by_ordinal.iter().map(move |of| Value::from(field(of))));
        let key = [day.into(), label.policy.as_str().into(), label.rules.as_str().into()];
        let bindings: Vec<Value> = key.into_iter().chain(counts).collect();
        let places = vec!["?"; bindings.len()].join(",");
        let statement =
            format!("INSERT OR REPLACE INTO rerun_days (day, policy, rules, {}) VALUES ({places})", columns());
        self.change(&statement, bindings)
    }

    /// Those made within the window. They are added up here, as SQLite counts a row that it groups once more.
    pub fn reruns(&self, now: Millis) -> Result<Vec<RerunsOf>, StoreError> {
        let first = now.day() - WINDOW_DAYS;
        let (today, of_today) = self.ledger(|ledger| (ledger.day, ledger.reruns.clone()))?;
        let statement = format!("SELECT {} FROM rerun_days WHERE day > ? AND day <> ?", columns_read());
        let rows = self.rows(&statement, vec![first.into(), today.into()])?;
        let of_today = of_today.into_iter().filter(|_| today > first).map(Ok);
        let mut sums = BTreeMap::new();
        for of in rows.map(reruns_of).chain(of_today) {
            let (label, by_ordinal) = of?;
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

fn columns() -> String {
    let of = |column: &str| (1..=ORDINALS).map(|ordinal| format!("{column}_{ordinal}")).collect::<Vec<_>>().join(", ");
    ["made", "rescued", "wasted"].map(of).join(", ")
}

/// The counts as one value: each of its own that crosses from the runtime costs as much as reading the row.
fn columns_read() -> String {
    format!("policy, rules, json_array({})", columns())
}

fn reruns_of(mut row: Row) -> Result<(Label, [Reruns; ORDINALS]), StoreError> {
    let label = Label { policy: row.text()?, rules: row.text()? };
    let counts: [u64; 3 * ORDINALS] =
        from_text(&row.text()?).map_err(|error| StoreError(format!("a day's re-runs: {error}")))?;
    let count = |field: usize, at: usize| counts.get(field * ORDINALS + at).copied().unwrap_or_default();
    let reruns = |at| Reruns { made: count(0, at), rescued: count(1, at), wasted: count(2, at) };
    Ok((label, std::array::from_fn(reruns)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::native_sql::NativeSql;
    use crate::time::Span;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn by_rules(rules: &[&str]) -> Detail {
        Detail { rules: rules.iter().map(|&rule| rule.to_owned()).collect(), ..Detail::default() }
    }

    /// Seen to fail when each name gets a row (100 rows).
    #[test]
    fn names_made_up_anew_do_not_fill_the_storage_and_all_are_counted() {
        let store = Store::open(NativeSql::open().unwrap()).unwrap();
        store.begin_day(NOW).unwrap();
        for n in 0..100 {
            let detail = by_rules(&[format!("{n} {}", "x".repeat(10_000)).as_str(); 100]);
            let counted = store.count_rerun(Some(&detail), 1).unwrap();
            let open = OpenRerun { run_attempt: 1, subjects: vec![], unknown: vec![], counted: Some(counted) };
            store.count_rerun_end(&open, RerunEnd::Rescued).unwrap();
        }
        let tomorrow = NOW + Span::days(1);
        store.begin_day(tomorrow).unwrap();
        let rows = store.sql.exec("SELECT COUNT(*), MAX(LENGTH(rules)) FROM rerun_days", vec![]).unwrap();
        assert_eq!(rows[0][0], Value::Integer(21));
        assert!(matches!(rows[0][1], Value::Integer(..=1_020)), "{rows:?}");
        let reruns = store.reruns(tomorrow).unwrap();
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
