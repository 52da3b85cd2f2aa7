//! How well it is judged what to re-run: each re-run and what became of it, counted once; and what nobody knew.

use super::*;
use crate::keeper::judgement::{Precision, RuleKind, UnknownFailure, UnknownFailures};
use crate::keeper::store::Value;
use crate::keeper::views::{RepositoryView, RunSlice};

fn view(play: &Play) -> RepositoryView {
    let slice = RunSlice { outcome: None, before: None, limit: 50, filter: RunFilter::default() };
    play.keeper.repository_view(repository(), &slice, &play.settings, play.now.get()).unwrap()
}

fn fails(play: &Play, n: u32) {
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(n));
    play.pass_working(Span::seconds(30));
}

/// Another run, of which each attempt fails at this step.
fn fails_for_good(play: &Play, run: u64, step: &str) {
    play.github.borrow_mut().attempt = 1;
    play.github.borrow_mut().jobs = vec![failed_job(1, "test", step)];
    for n in 1..=2 {
        play.ends(Conclusion::Failure);
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), Some(attempt(n)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::seconds(30));
    }
}

/// Made, rescued, wasted, not known.
fn total(play: &Play) -> [u64; 4] {
    let total = view(play).precision.total;
    [total.made, total.rescued, total.wasted, total.unknown]
}

/// By which of their run's they were: made, rescued, wasted.
fn by_rerun(precision: &Precision) -> Vec<[u64; 3]> {
    precision.by_rerun.iter().map(|it| [it.figures.made, it.figures.rescued, it.figures.wasted]).collect()
}

/// Seen to fail when an end is counted on the day on which it is heard of (`[0, 0, 1]`, and none made).
#[test]
fn each_rerun_is_counted_once_however_often_it_is_told() {
    let play = Play::new();
    for n in 1..=3 {
        fails(&play, n);
        fails(&play, n);
        assert_eq!(total(&play), [n.into(), 0, u64::from(n) - 1, 1], "the last one is under way");
    }
    assert_eq!(view(&play).precision.total.precision.map(|rate| rate.permille), Some(0));
    play.pass(Span::days(1));
    play.ends(Conclusion::Success);
    for _ in 0..3 {
        play.on_webhook(RunEventKind::RunSucceeded, Some(4));
        play.work();
    }
    let precision = view(&play).precision;
    assert_eq!(by_rerun(&precision), [[1, 0, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]]);
    assert_eq!(total(&play), [3, 1, 2, 0]);
    let days = play.keeper.store.sql.exec("SELECT made_3, rescued_3 FROM rerun_days", vec![]).unwrap();
    assert_eq!(days, [[Value::Integer(1), Value::Integer(1)]], "an end counts on the day on which the re-run was made");
    let later = play.keeper.store.ledger(|ledger| ledger.reruns.len()).unwrap();
    assert_eq!(later, 0);
}

#[test]
fn the_fourth_and_all_later_ones_count_together() {
    let play = Play::with_policy("version: 1\nmax_reruns: 6\n");
    for n in 1..=7 {
        fails(&play, n);
    }
    assert_eq!(by_rerun(&view(&play).precision), [[1, 0, 1], [1, 0, 1], [1, 0, 1], [3, 0, 3]]);
}

#[test]
fn a_lost_answer_counts_like_any_other() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.github.borrow_mut().lost_after_effect = true;
    fails(&play, 1);
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.pass_working(Span::minutes(5));
    assert_eq!(total(&play), [1, 1, 0, 0]);
}

/// Seen to fail when a cancelled attempt counts as one that failed.
#[test]
fn what_nobody_heard_of_is_not_known() {
    let play = Play::new();
    fails(&play, 1);
    play.ends(Conclusion::Cancelled);
    play.on_webhook(RunEventKind::RunEnded, Some(2));
    play.pass_working(Span::minutes(5));
    play.stands(RunOutcome::Left, 1);
    assert_eq!(total(&play), [1, 0, 0, 1], "cancelled");

    let play = Play::new();
    fails(&play, 1);
    play.github.borrow_mut().attempt = 3;
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(3));
    play.pass_working(Span::minutes(5));
    play.stands(RunOutcome::Rescued, 1);
    assert_eq!(total(&play), [1, 0, 0, 1], "a person re-ran the attempt that was Rerunner's, or not");
    assert_eq!(view(&play).precision.total.precision, None);
    let totals = play.keeper.store.totals().unwrap();
    assert_eq!((totals.reruns_passed, totals.reruns_failed, totals.reruns_unknown), (0, 0, 1));
}

#[test]
fn reruns_are_counted_by_the_rule_that_decided() {
    let play = Play::with_policy(
        "version: 1\nmax_reruns: 1\nrules:\n  - name: shaky\n    if: { step: [\"Shaky*\"] }\n    then: rerun\n",
    );
    fails_for_good(&play, 11, "Shaky tests");
    fails_for_good(&play, 12, "Shaky tests");
    fails_for_good(&play, 13, "Run tests");
    let rules: Vec<_> = view(&play).precision.by_rule;
    let rules: Vec<_> =
        rules.iter().map(|it| (it.by, it.rule.as_deref(), it.figures.made, it.figures.wasted)).collect();
    assert_eq!(rules, [(RuleKind::Rule, Some("shaky"), 2, 2), (RuleKind::Otherwise, None, 1, 1)]);
}

fn seen(failures: &[UnknownFailure]) -> Vec<(&str, u64, u64, u64)> {
    failures.iter().map(|it| (it.step.as_str(), it.failed, it.reruns, it.passed)).collect()
}

/// Seen to fail when what a rule knew is counted, too (`Shaky tests` in the list).
#[test]
fn what_nobody_knew_is_told_and_what_a_rerun_never_helped_with_its_rule() {
    let play = Play::with_policy(
        "version: 1\nmax_reruns: 1\nrules:\n  - name: shaky\n    if: { step: [\"Shaky*\"] }\n    then: rerun\n",
    );
    fails_for_good(&play, 11, "Shaky tests");
    for run in 21..30 {
        fails_for_good(&play, run, "Run tests");
    }
    let UnknownFailures { flaky, never_helped, undecided } = view(&play).unknown_failures;
    assert_eq!((flaky, undecided), (vec![], vec![]));
    assert_eq!(seen(&never_helped), [("Run tests", 18, 9, 0)]);
    assert_eq!(never_helped[0].leave_rule, None, "nine times may be bad luck");
    fails_for_good(&play, 30, "Run tests");
    let never_helped = view(&play).unknown_failures.never_helped;
    assert_eq!(seen(&never_helped), [("Run tests", 20, 10, 0)]);
    let rule = never_helped[0].leave_rule.clone().unwrap();
    assert!(rule.contains("if: { workflow: \"ci\", job: \"test\", step: \"Run tests\" }\n  then: leave"), "{rule}");

    play.github.borrow_mut().attempt = 1;
    fails(&play, 1);
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.pass_working(Span::minutes(1));
    let UnknownFailures { flaky, never_helped, .. } = view(&play).unknown_failures;
    assert_eq!((seen(&flaky), never_helped), (vec![("Run tests", 21, 11, 1)], vec![]));
    let of_all = play.keeper.flaky_jobs_view(repository(), 0, 50, play.now.get()).unwrap();
    assert_eq!(seen(&of_all.unknown_failures.flaky), [("Run tests", 21, 11, 1)]);
    play.pass(Span::days(31));
    assert!(view(&play).unknown_failures.is_empty(), "it is of 30 days");
    assert_eq!(total(&play), [0, 0, 0, 0]);
    play.pass(Span::days(6));
    play.keeper.prune(play.now.get()).unwrap();
    let left = play.keeper.store.sql.exec("SELECT COUNT(*) FROM subjects", vec![]).unwrap();
    assert_eq!(left, [[Value::Integer(0)]]);
}
