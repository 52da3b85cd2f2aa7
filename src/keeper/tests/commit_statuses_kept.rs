//! Commit statuses through crashes, lost answers and refusals; switched off and on; renamed, and forgotten.

use super::commit_statuses::{
    FIRST, GIVEN_UP, RESCUED, SECOND, fails, passes, rests, sha, showing, shows, store, with_statuses, without_statuses,
};
use super::*;
use crate::github::calls::commit_status::StatusState::{Failure, Success};
use crate::keeper::repository_state::Identity;
use crate::keeper::tasks::errand::Finished;
use crate::names::RepositoryId;

/// Does what is due until a status is begun, which is not written yet.
fn until_status(play: &Play) -> Errand {
    let mut task = None;
    loop {
        match task.take().or_else(|| play.keeper.next(true, &play.cx()).unwrap()) {
            Some(Task::Errand(errand)) => return errand,
            Some(other) => task = play.carry_out(other),
            None => panic!("no status is due"),
        }
    }
}

fn written(errand: Errand, answer: Result<(), github::Error>) -> Finished {
    match errand {
        Errand::CommitStatus(status) => Finished::CommitStatus(status, answer),
        other => panic!("{other:?}"),
    }
}

/// Fails, and its status is begun.
fn begun() -> (Play, Errand) {
    let play = showing();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let errand = until_status(&play);
    (play, errand)
}

#[test]
fn a_crash_between_its_beginning_and_its_end() {
    let (play, _) = begun();
    let play = Play { keeper: with_statuses(Keeper::open(play.keeper.store.sql).unwrap()), ..play };
    play.pass_working(Span::seconds(60));
    shows(&play, &[]);
    play.pass_working(Span::seconds(60));
    shows(&play, &[FIRST]);
    passes(&play, 2);
    shows(&play, &[FIRST, RESCUED]);
    rests(&play);
    // And with the end in between: what was begun last is the end.
    let (play, _) = begun();
    let play = Play { keeper: with_statuses(Keeper::open(play.keeper.store.sql).unwrap()), ..play };
    passes(&play, 2);
    shows(&play, &[]);
    play.pass_working(Span::minutes(2));
    shows(&play, &[RESCUED]);
    rests(&play);
}

#[test]
fn what_happens_while_it_is_being_written_is_written_after_it() {
    let (play, errand) = begun();
    passes(&play, 2);
    shows(&play, &[]);
    play.keeper.finish_errand(written(errand.clone(), Ok(())), &play.cx()).unwrap();
    play.pass_working(Span::seconds(2));
    shows(&play, &[RESCUED]);
    rests(&play);
    // What is heard of the first only now says nothing of the second.
    play.keeper.finish_errand(written(errand, Err(lost())), &play.cx()).unwrap();
    rests(&play);
}

/// Seen to fail when what was written is taken for the newer run's.
#[test]
fn a_newer_run_that_says_the_same_while_it_is_being_written() {
    let (play, errand) = begun();
    let due = Some(play.now.get() + Span::days(300));
    let newer = TrackedRun { run_id: RunId::new(8).unwrap(), due, ..play.tracked() };
    play.keeper.store_run(&newer, &[], &play.cx()).unwrap();
    play.keeper.finish_errand(written(errand, Ok(())), &play.cx()).unwrap();
    play.pass_working(Span::seconds(2));
    shows(&play, &[FIRST]);
    assert!(play.github.borrow().statuses[0].target_url.ends_with("/runs/8"));
}

#[test]
fn lost_answers() {
    let play = showing();
    play.github.borrow_mut().status_problems = vec![(lost(), true), (lost(), false)];
    fails(&play, 1);
    shows(&play, &[]);
    passes(&play, 2);
    shows(&play, &[]);
    play.pass_working(Span::minutes(5));
    shows(&play, &[RESCUED, RESCUED]);
    rests(&play);
    assert_eq!(play.warnings.borrow().len(), 2, "{:#?}", play.warnings.borrow());
}

#[test]
fn it_is_given_up_after_a_day_and_what_is_new_is_tried_anew() {
    let play = showing();
    play.github.borrow_mut().status_problems = vec![(lost(), false); 1_000];
    for n in 1..=4 {
        fails(&play, n);
    }
    play.reruns(&[1, 2, 3]);
    play.pass_working(Span::days(3));
    rests(&play);
    let tries = 1_000 - play.github.borrow().status_problems.len();
    assert!((25..=35).contains(&tries), "{tries}");
    play.github.borrow_mut().status_problems = vec![(lost(), false)];
    passes(&play, 5);
    play.pass_working(Span::minutes(2));
    shows(&play, &[(Success, "Attempt 5 succeeded.")]);
    rests(&play);
}

#[test]
fn a_rate_limit_that_it_meets_is_the_repositorys() {
    let play = showing();
    let limited = github::Error::RateLimited { wait: Some(Span::minutes(10)) };
    play.github.borrow_mut().status_problems = vec![(limited, false)];
    fails(&play, 1);
    let until = play.keeper.breaker().unwrap().unwrap().until;
    assert!(until - play.now.get() > Span::minutes(9));
    fails(&play, 2);
    play.reruns(&[1]);
    shows(&play, &[]);
    play.pass_working(Span::minutes(20));
    play.reruns(&[1, 2]);
    assert_eq!(play.github.borrow().statuses.last().unwrap().shown.description, SECOND.1);
}

/// It is said once, and tried again after some hours; nothing else stops.
#[test]
fn it_lacks_its_permission() {
    let play = showing();
    let refused = || github::Error::Credentials { message: "403 Resource not accessible by integration".to_owned() };
    play.github.borrow_mut().status_problems = vec![(refused(), false); 2];
    for n in 1..=4 {
        fails(&play, n);
    }
    play.reruns(&[1, 2, 3]);
    assert_eq!(*play.refusals.borrow(), [], "the token re-runs");
    play.pass_working(Span::hours(5));
    assert_eq!(play.github.borrow().status_problems.len(), 1, "not tried in between");
    play.pass_working(Span::hours(8));
    shows(&play, &[GIVEN_UP]);
    let said = play.warnings.borrow();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].starts_with("Commit statuses do not work, and will not be tried again for 6 h: "), "{said:?}");
    rests(&play);
}

#[test]
fn paused_switched_off_and_on() {
    let play = showing();
    fails(&play, 1);
    play.keeper.pause(play.now.get()).unwrap();
    passes(&play, 2);
    shows(&play, &[FIRST, RESCUED]);
    rests(&play);

    // What was begun is brought to its end, and nothing new is begun.
    let play = showing();
    fails(&play, 1);
    let play = Play { keeper: without_statuses(play.keeper), ..play };
    fails(&play, 2);
    shows(&play, &[FIRST]);
    fails(&play, 3);
    fails(&play, 4);
    shows(&play, &[FIRST, GIVEN_UP]);
    passes(&play, 5);
    shows(&play, &[FIRST, GIVEN_UP]);
    rests(&play);

    let play = showing();
    let play = Play { keeper: without_statuses(play.keeper), ..play };
    fails(&play, 1);
    shows(&play, &[]);
    let play = Play { keeper: with_statuses(play.keeper), ..play };
    passes(&play, 2);
    shows(&play, &[RESCUED]);
    rests(&play);
}

/// Its Keeper of the new name says what becomes of it, and the old one nothing more.
#[test]
fn renamed_and_another_of_the_name() {
    let play = showing();
    fails(&play, 1);
    play.github.borrow_mut().name = Some(RepoName::parse("octo/gadgets").unwrap());
    fails(&play, 2);
    assert_eq!(play.handed_over.borrow().len(), 1);
    play.pass_working(Span::days(1));
    shows(&play, &[FIRST]);
    rests(&play);
    // The new one, which knows nothing of what is shown.
    let other = showing();
    other.github.borrow_mut().attempt = 2;
    other.ends(Conclusion::Cancelled);
    let event = play.handed_over.borrow()[0].event.clone();
    other.keeper.receive(&event, &other.cx()).unwrap();
    other.pass_working(Span::minutes(1));
    let said = "Left alone: attempt 2 concluded cancelled, which is re-run only if the policy file says so.";
    shows(&other, &[(Failure, said)]);

    let identity = |id| Identity { id: RepositoryId::new(id).unwrap(), installation: None, since_run: None };
    let play = showing();
    play.keeper.identify(identity(5), &play.cx()).unwrap();
    fails(&play, 1);
    play.keeper.identify(identity(6), &play.cx()).unwrap();
    play.pass_working(Span::days(1));
    shows(&play, &[FIRST]);
    rests(&play);
}

#[test]
fn what_is_forgotten_with_its_run() {
    let play = showing();
    fails(&play, 1);
    passes(&play, 2);
    play.pass(Span::days(34));
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(play.keeper.store.commit_statuses_of(&sha(), 10).unwrap().len(), 1);
    play.pass(Span::days(2));
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(play.keeper.store.commit_statuses_of(&sha(), 10).unwrap(), []);
}

/// Storage of the version before does not say where a status leads: it led to the run that it was of.
#[test]
fn storage_of_version_17() {
    let play = showing();
    store(&play, 11, (5, "ci"), "push", RunOutcome::Exhausted);
    let before = play.keeper.store.commit_statuses_of(&sha(), 10).unwrap();
    assert_eq!(before[0].leads_to, RunId::new(11));
    let sql = play.keeper.store.sql;
    for statement in UNDO_TO_19.into_iter().chain(UNDO_TO_18).chain([UNDO_TO_17, "UPDATE schema SET version = 17"]) {
        sql.exec(statement, vec![]).unwrap();
    }
    let play = Play { keeper: with_statuses(Keeper::open(sql).unwrap()), ..play };
    assert_eq!(play.keeper.store.commit_statuses_of(&sha(), 10).unwrap(), before);
}
