//! A repository that is called otherwise than before.

use super::*;
use crate::keeper::repository_state::Identity;
use crate::names::{InstallationId, RepositoryId};

fn name(name: &str) -> RepoName {
    RepoName::parse(name).unwrap()
}

fn named(of: &str) -> Play {
    let play = Play::new();
    play.keeper.set_repository(&name(of)).unwrap();
    play.github.borrow_mut().name = Some(name(of));
    play
}

fn identity(id: u64) -> Identity {
    Identity { id: RepositoryId::new(id).unwrap(), installation: InstallationId::new(id + 70) }
}

#[test]
fn a_run_of_a_renamed_repository_is_handed_over_and_not_rerun_here() {
    let play = named("octo/old");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.pass_working(Span::minutes(5));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    assert!(play.tracked().reason.contains("octo/new"), "{}", play.tracked().reason);
    play.rests();
    let handed = play.handed_over.borrow();
    let [what] = handed.as_slice() else { panic!("{handed:?}") };
    assert_eq!((what.event.repository.as_str(), what.event.run_attempt), ("octo/new", Some(attempt(1))));
    // The other Keeper re-runs it.
    let new = named("octo/new");
    new.keeper.take_over(what.event.run_id, &what.records).unwrap();
    new.keeper.receive(&what.event, &new.cx()).unwrap();
    new.pass_working(Span::minutes(1));
    new.reruns(&[1]);
}

/// Seen to fail when what the old name called for stays open, although the run has shown that it did nothing.
#[test]
fn what_was_called_for_by_the_old_name_is_over_with_it() {
    let play = named("octo/old");
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    assert!(play.tracked().pending.is_some());
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.pass_working(Span::minutes(5));
    play.stands(RunOutcome::Left, 0);
    assert!(play.tracked().pending.is_none() && !play.tracked().reason.contains("not known"), "{:?}", play.tracked());
    let spent = play.keeper.store.spent(RunId::new(8).unwrap(), play.now.get()).unwrap();
    assert_eq!(spent.reruns_last_day, 0);
}

/// GitHub compares names without regard to case.
#[test]
fn another_spelling_is_no_other_name() {
    let play = named("octo/widgets");
    play.github.borrow_mut().name = Some(name("Octo/Widgets"));
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert!(play.handed_over.borrow().is_empty());
}

#[test]
fn a_rerun_that_is_going_on_is_handed_over_with_what_was_decided() {
    let play = named("octo/old");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.ends(Conclusion::Failure);
    play.pass_working(Span::minutes(5));
    play.reruns(&[1]);
    let handed = play.handed_over.borrow();
    let [what] = handed.as_slice() else { panic!("{handed:?}") };
    assert_eq!(what.event.run_attempt, Some(attempt(2)));
    // The other knows of it by a webhook, and is told twice: nothing is counted twice.
    let new = named("octo/new");
    new.github.borrow_mut().attempt = 2;
    new.on_webhook(RunEventKind::RunFailed, Some(2));
    for _ in 0..2 {
        new.keeper.take_over(what.event.run_id, &what.records).unwrap();
        new.keeper.receive(&what.event, &new.cx()).unwrap();
    }
    new.pass_working(Span::minutes(1));
    new.reruns(&[2]);
    let attempts: Vec<u32> = new
        .keeper
        .run(run_id())
        .unwrap()
        .unwrap()
        .1
        .iter()
        .filter_map(|record| Some(record.run_attempt?.get()))
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[test]
fn what_the_other_keeper_has_not_stored_is_handed_over_again() {
    let play = named("octo/old");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.pass_working(Span::seconds(4));
    play.pass(Span::seconds(1));
    let read = play.until(|call| matches!(call, Call::ReadRun { .. }));
    let settled = play.keeper.answered(&read, play.answer(&read), &play.cx()).unwrap();
    assert!(matches!(settled.task, Some(Task::HandOver(_))), "{settled:?}");
    // Nothing is heard of it.
    assert_eq!(play.tracked().outcome, RunOutcome::Waiting);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.handed_over.borrow().len(), 1);
    play.stands(RunOutcome::Left, 0);
}

#[test]
fn another_repository_of_the_same_name_is_another() {
    let play = Play::with_policy("otherwise: rerun\n");
    play.keeper.set_repository(&name("octo/widgets")).unwrap();
    assert_eq!(play.keeper.identify(identity(5), &play.cx()).unwrap(), []);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert!(play.keeper.policy(&play.settings).unwrap().file.is_some());
    assert_eq!(play.keeper.identify(identity(5), &play.cx()).unwrap(), []);
    // A webhook without an installation, of a hook of the repository's own, changes nothing.
    let bare = Identity { installation: None, ..identity(5) };
    assert_eq!(play.keeper.identify(bare, &play.cx()).unwrap(), []);
    assert_eq!(play.keeper.identity().unwrap(), Some(identity(5)));
    let ended = play.keeper.identify(identity(6), &play.cx()).unwrap();
    assert_eq!(ended.iter().map(|(_, record)| record.outcome).collect::<Vec<_>>(), [RunOutcome::Left]);
    assert!(play.keeper.policy(&play.settings).unwrap().file.is_none(), "its policy is not the other's");
    assert_eq!(play.keeper.identity().unwrap(), Some(identity(6)));
    let spent = play.keeper.store.spent(RunId::new(8).unwrap(), play.now.get()).unwrap();
    assert_eq!(spent.reruns_last_day, 0, "nor its budget");
    play.pass_working(Span::minutes(1));
    play.rests();
}

#[test]
fn what_was_of_a_pull_request_is_not_told_to_another_repository() {
    let play = Play::new();
    play.github.borrow_mut().pull_request = Some(3);
    let play = Play { keeper: with_comments(play.keeper), ..play };
    play.keeper.set_repository(&name("octo/widgets")).unwrap();
    play.keeper.identify(identity(5), &play.cx()).unwrap();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(20));
    assert_eq!(play.github.borrow().comments.len(), 1);
    // The other has a pull request of the same number, and the run under way comes to its end here.
    play.github.borrow_mut().comments.clear();
    play.keeper.identify(identity(6), &play.cx()).unwrap();
    play.pass_working(Span::days(1));
    assert_eq!(play.github.borrow().comments, []);
}

/// It was renamed, say, and another was given the name that it had: GitHub shows that one, and not the run.
#[test]
fn a_run_that_is_not_there_is_not_told_of_to_whoever_has_the_name() {
    let play = Play::new();
    play.github.borrow_mut().pull_request = Some(3);
    let play = Play { keeper: with_comments(play.keeper), ..play };
    play.keeper.set_repository(&name("octo/widgets")).unwrap();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(20));
    assert_eq!(play.github.borrow().comments.len(), 1);
    play.github.borrow_mut().comments.clear();
    play.github.borrow_mut().read_problems = vec![github::Error::NotFound; 100];
    play.pass_working(Span::days(1));
    play.stands(RunOutcome::Failed, 1);
    assert_eq!(play.github.borrow().comments, []);
}
