//! What is written for people within an hour, and what happens when GitHub takes no more of it.

use super::commit_statuses::{FIRST, RESCUED, SECOND, fails, passes, sha, showing, shows};
use super::*;
use crate::github::calls::commit_status::StatusState;

/// Each fails a second after the other, and is re-run much later; each at a commit of its own.
fn waiting(play: &Play, runs: std::ops::RangeInclusive<u64>, branch: &str) {
    for run in runs {
        let tracked = TrackedRun {
            commit: crate::names::CommitSha::parse(&format!("{run:040x}")),
            head_branch: Some(branch.to_owned()),
            in_short: Some("It waits".to_owned()),
            due: Some(play.now.get() + Span::days(300)),
            ..TrackedRun::new(RunId::new(run).unwrap(), play.now.get())
        };
        play.keeper.store_run(&tracked, &[], &play.cx()).unwrap();
        play.pass_working(Span::seconds(1));
    }
}

fn end(play: &Play, runs: std::ops::RangeInclusive<u64>) {
    for run in runs {
        let (tracked, _) = play.keeper.run(RunId::new(run).unwrap()).unwrap().unwrap();
        let ended = TrackedRun { outcome: RunOutcome::Rescued, reason: "Rescued.".to_owned(), due: None, ..tracked };
        play.keeper.store_run(&ended, &[], &play.cx()).unwrap();
        play.pass_working(Span::seconds(1));
    }
}

/// At the beginning of what the budget counts as one.
fn at_a_piece() -> Play {
    let play = showing();
    play.pass(Span::seconds(55));
    play
}

fn written(play: &Play, state: StatusState) -> usize {
    play.github.borrow().statuses.iter().filter(|status| status.shown.state == state).count()
}

/// Forks' pending ones make way for others, those for what runs have come to; and all come in the end.
#[test]
fn statuses_of_an_hour() {
    let play = at_a_piece();
    waiting(&play, 1_000..=1_200, "ann:main");
    assert_eq!(written(&play, StatusState::Pending), 150);
    waiting(&play, 2_000..=2_100, "main");
    assert_eq!(written(&play, StatusState::Pending), 200);
    end(&play, 1_000..=1_099);
    // Two of each piece may be lost.
    assert!((58..=60).contains(&written(&play, StatusState::Success)));
    end(&play, 2_000..=2_099);
    assert!((96..=100).contains(&written(&play, StatusState::Success)));
    assert!(play.now.get() - START < Span::minutes(10));
    play.pass_working(Span::minutes(50));
    assert!((296..=300).contains(&play.github.borrow().statuses.len()));
    play.pass_working(Span::hours(2));
    assert_eq!(written(&play, StatusState::Success), 200);
    // What came to its end before it could be shown as pending never was.
    assert_eq!(written(&play, StatusState::Pending), 150 + 101 + 1);
}

/// One that opens on the same storage has used as much.
#[test]
fn it_outlives_the_keeper() {
    let play = at_a_piece();
    waiting(&play, 1_000..=1_149, "ann:main");
    assert_eq!(written(&play, StatusState::Pending), 150);
    let keeper = super::commit_statuses::with_statuses(Keeper::open(play.keeper.store.sql).unwrap());
    let play = Play { keeper, ..play };
    waiting(&play, 1_150..=1_160, "ann:main");
    assert_eq!(written(&play, StatusState::Pending), 150);
}

#[test]
fn re_runs_wait_for_no_limit_of_content() {
    let play = showing();
    let limited = || github::Error::ContentLimited { wait: Some(Span::minutes(10)) };
    play.github.borrow_mut().status_problems = vec![(limited(), false)];
    fails(&play, 1);
    assert_eq!(play.keeper.breaker().unwrap(), None);
    fails(&play, 2);
    play.reruns(&[1, 2]);
    shows(&play, &[]);
    // Also where another Keeper goes on.
    let keeper = super::commit_statuses::with_statuses(Keeper::open(play.keeper.store.sql).unwrap());
    let play = Play { keeper, ..play };
    play.pass_working(Span::minutes(9));
    shows(&play, &[]);
    play.pass_working(Span::minutes(2));
    shows(&play, &[SECOND]);
    assert_ne!(FIRST, SECOND);
    passes(&play, 3);
    assert_eq!(play.github.borrow().statuses.len(), 2);
    assert_eq!(play.github.borrow().statuses[1].sha, sha());
    assert_ne!(play.github.borrow().statuses[1].shown.description, RESCUED.1);
}

/// Nothing else of its kind is tried meanwhile, whatever it is of.
#[test]
fn a_limit_of_content_is_of_all_of_it() {
    let play = showing();
    let limited = github::Error::ContentLimited { wait: Some(Span::minutes(10)) };
    play.github.borrow_mut().status_problems = vec![(limited, false)];
    fails(&play, 1);
    waiting(&play, 1_000..=1_009, "main");
    play.pass_working(Span::minutes(8));
    shows(&play, &[]);
    play.pass_working(Span::minutes(3));
    assert_eq!(play.github.borrow().statuses.len(), 11);
    assert!(play.github.borrow().statuses.iter().any(|status| status.shown.description == FIRST.1));
}
