//! Failures that no webhook reported.

use super::*;

#[test]
fn a_missed_webhook_is_found_by_the_sweep() {
    let mut play = Play::new();
    play.settings.sweep_interval = Span::minutes(15);
    // Another run's webhook makes the repository known.
    let other = RunEvent::new(repository(), RunId::new(1).unwrap(), RunAttempt::new(2), RunEventKind::RunSucceeded);
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.github.borrow_mut().ended = START + Span::minutes(1);
    play.pass_working(Span::minutes(14));
    play.reruns(&[]);
    play.pass_working(Span::minutes(2));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
    // And so is the end of its second attempt.
    play.ends(Conclusion::Failure);
    play.pass_working(Span::minutes(16));
    play.reruns(&[1, 2]);
}

#[test]
fn a_long_commit_message_hides_no_missed_webhook() {
    let mut play = Play::new();
    play.settings.sweep_interval = Span::minutes(15);
    let other = RunEvent::new(repository(), RunId::new(1).unwrap(), RunAttempt::new(2), RunEventKind::RunSucceeded);
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.github.borrow_mut().ended = START + Span::minutes(1);
    // Whatever has more than one run is too long, and the first run is too long by itself.
    play.github.borrow_mut().long_runs = 1;
    play.pass_working(Span::minutes(17));
    play.reruns(&[1]);
    // One on each of the two lists.
    assert_eq!(play.warnings.borrow().len(), 2, "{:?}", play.warnings.borrow());
    assert!(play.warnings.borrow()[0].contains("skipped a run"));
    let lists = play.github.borrow().lists;
    assert!(lists <= 12, "{lists} lists");
}

#[test]
fn what_failed_before_the_first_webhook_is_not_touched() {
    let mut play = Play::new();
    play.settings.sweep_interval = Span::minutes(15);
    let other = RunEvent::new(repository(), RunId::new(1).unwrap(), RunAttempt::new(2), RunEventKind::RunSucceeded);
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.github.borrow_mut().ended = Millis(START.0 - Span::minutes(11).as_millis());
    play.pass_working(Span::hours(24));
    play.reruns(&[]);
    assert!(play.github.borrow().lists > 100);
}

#[test]
fn a_repository_that_sleeps_is_not_swept() {
    let mut play = Play::new();
    play.settings.sweep_interval = Span::minutes(15);
    let other = RunEvent::new(repository(), RunId::new(1).unwrap(), RunAttempt::new(2), RunEventKind::RunSucceeded);
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.ends(Conclusion::Success);
    play.pass_working(Span::days(8));
    play.rests();
    let lists = play.github.borrow().lists;
    play.pass_working(Span::days(8));
    assert_eq!(play.github.borrow().lists, lists);
    // A webhook wakes it.
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.pass_working(Span::minutes(1));
    assert_eq!(play.github.borrow().lists, lists + 2);
}

#[test]
fn what_was_cancelled_before_the_policy_asked_for_it_is_left() {
    let mut play = Play::with_policy("");
    play.settings.sweep_interval = Span::minutes(15);
    let other = RunId::new(1).unwrap();
    let event = RunEvent::new(repository(), other, Some(attempt(1)), RunEventKind::RunFailed);
    play.ends(Conclusion::Success);
    play.keeper.receive(&event, &play.cx()).unwrap();
    play.pass_working(Span::minutes(30));
    // TrackedRun, and cancelled while nobody asks for that.
    play.ends(Conclusion::Cancelled);
    play.github.borrow_mut().ended = play.now.get();
    play.pass_working(Span::minutes(30));
    play.github.borrow_mut().file = Some("conclusions: [failure, cancelled]\n".to_owned());
    play.keeper.receive(&RunEvent { run_attempt: Some(attempt(2)), ..event }, &play.cx()).unwrap();
    play.pass_working(Span::minutes(1));
    assert_eq!(*play.cancelled.borrow(), [true]);
    play.pass_working(Span::hours(2));
    assert_eq!(play.keeper.run(run_id()).unwrap(), None);
    // The policy has asked for it by the time of the next.
    play.github.borrow_mut().ended = play.now.get();
    play.pass_working(Span::minutes(16));
    play.reruns(&[1]);
}
