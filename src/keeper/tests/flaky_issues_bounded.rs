//! Issues for flaky jobs: how many there can be, and what they cost.

use super::flaky_issues::{POLICY, keeping};
use super::*;
use crate::keeper::repository_state::Identity;
use crate::names::RepositoryId;

/// Seen to fail with a limit of eleven.
#[test]
fn ten_new_ones_a_day() {
    let play = keeping(POLICY);
    play.github.borrow_mut().jobs = (1..=25).map(|n| failed_job(n, &format!("job {n:02}"), "Run tests")).collect();
    play.flakes_thrice(11);
    for (days, opened) in [(0, 10), (1, 20), (2, 25), (3, 25)] {
        assert_eq!(play.github.borrow().issues.opened.len(), opened, "after {days} days");
        play.pass_working(Span::days(1));
    }
    let opened = play.github.borrow().issues.opened.clone();
    assert!(opened.windows(11).all(|eleven| eleven[10] - eleven[0] >= Span::days(1)), "{opened:?}");
    let titles: std::collections::BTreeSet<String> = play.issues().into_iter().map(|issue| issue.title).collect();
    assert_eq!(titles.len(), 25);
}

fn written(play: &Play) -> i64 {
    match play.keeper.store.sql.exec("SELECT total_changes()", vec![]).unwrap()[0][0] {
        store::Value::Integer(count) => count,
        ref other => panic!("{other:?}"),
    }
}

/// Of a run's life, what is written in each of its steps: with the key, and without.
#[test]
fn it_costs_one_row_of_a_step_at_most_and_nothing_where_it_is_off() {
    let costs = |policy: &str| {
        let play = keeping(policy);
        play.github.borrow_mut().jobs = (1..=5).map(|n| failed_job(n, &format!("job {n}"), "Run tests")).collect();
        let mut costs = Vec::new();
        for run in 11..=16 {
            play.fails_once(run);
            let before = written(&play);
            play.hears(run, 2, Conclusion::Success);
            costs.push(written(&play) - before);
            play.pass_working(Span::hours(1));
        }
        (costs, play)
    };
    let (off, play) = costs("max_reruns: 3\n");
    let rows = play.keeper.store.sql.exec("SELECT COUNT(*) FROM flaky_issues", vec![]).unwrap();
    assert_eq!(rows[0], [store::Value::Integer(0)]);
    assert_eq!(play.keeper.store.fact::<serde_json::Value>(Fact::FlakyJobs).unwrap(), None);
    assert_eq!(play.github.borrow().issues.calls, 0);
    let (on, play) = costs(POLICY);
    let more: Vec<i64> = on.iter().zip(&off).map(|(on, off)| on - off).collect();
    assert_eq!(more, [0, 0, 1, 1, 0, 0], "opened, then noted for the next day");
    assert_eq!(play.issues().len(), 5);
}

#[test]
fn rows_are_forgotten_and_belong_to_one_repository() {
    let count = |play: &Play| {
        let rows = play.keeper.store.sql.exec("SELECT COUNT(*) FROM flaky_issues", vec![]).unwrap();
        rows[0][0].clone()
    };
    let play = keeping(POLICY);
    play.flakes_thrice(11);
    play.pass_working(Span::days(80));
    assert_eq!(count(&play), store::Value::Integer(1));
    play.pass(Span::days(20));
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(count(&play), store::Value::Integer(0));

    let play = keeping(POLICY);
    let identity = |id| Identity { id: RepositoryId::new(id).unwrap(), installation: None, since_run: None };
    play.keeper.identify(identity(1), &play.cx()).unwrap();
    play.flakes_thrice(11);
    play.keeper.identify(identity(2), &play.cx()).unwrap();
    assert_eq!(count(&play), store::Value::Integer(0));
    play.pass_working(Span::days(20));
    assert!(play.issue().open, "it is another's");
}

/// Names that are made up anew do not fill the storage.
#[test]
fn many_jobs_have_a_bounded_number_of_rows() {
    let play = keeping("flaky_issues: { after: 2 }\n");
    for batch in 0..20 {
        let job = |n| failed_job(n, &format!("batch {batch} job {n}"), "Run tests");
        play.github.borrow_mut().jobs = (1..=40).map(job).collect();
        for run in 0..2 {
            play.flakes(100 + batch * 2 + run);
        }
    }
    let rows = play.keeper.store.sql.exec("SELECT COUNT(*) FROM flaky_issues", vec![]).unwrap();
    assert!(matches!(rows[0][0], store::Value::Integer(200..=250)), "{rows:?}");
}

/// An issue is due that is not there yet.
fn about_to_open() -> Play {
    let play = keeping(POLICY);
    for run in 11..=12 {
        play.flakes(run);
    }
    play.fails_once(13);
    play.hears(13, 2, Conclusion::Success);
    play.pass(Span::seconds(10));
    play
}

fn opened_within_a_day(play: &Play) -> u64 {
    play.keeper.store.flaky_issues_opened_since(play.now.get().minus(Span::days(1))).unwrap().0
}

/// What a lost call may have opened counts for the day, whatever the next try meets. Seen to fail when that alone is looked at.
#[test]
fn one_that_may_be_there_counts() {
    let play = about_to_open();
    let opened = || opened_within_a_day(&play);
    let fails = |error: github::Error| {
        let issue = play.until_issue();
        play.keeper.finish_flaky_issue(&issue, Err(error), &play.cx()).unwrap();
        play.pass(Span::hours(1));
    };
    let refused = || github::Error::Refused { message: "Validation Failed".to_owned() };
    fails(refused());
    assert_eq!(opened(), 0, "nothing was opened");
    fails(lost());
    assert_eq!(opened(), 1);
    fails(refused());
    assert_eq!(opened(), 1);
}

/// It counts from the try that may have opened it. Seen to fail when it counts from the first, long before it was opened.
#[test]
fn one_that_is_opened_late_counts_from_then() {
    let play = about_to_open();
    let opened = || opened_within_a_day(&play);
    for _ in 0..3 {
        let issue = play.until_issue();
        play.keeper.finish_flaky_issue(&issue, Err(lost()), &play.cx()).unwrap();
        play.pass(Span::hours(1));
    }
    assert_eq!(opened(), 1);
    play.pass(Span::hours(22));
    assert_eq!(opened(), 1, "the last try was less than a day ago");
    play.pass(Span::hours(3));
    assert_eq!(opened(), 0);
}
