//! GitHub refuses, is slow, or does not answer; Workers KV and settings too.

use super::*;

#[test]
fn github_down_for_six_hours() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![lost(); 1_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(6));
    let tried = play.github.borrow().reads;
    assert!((20..=60).contains(&tried), "{tried} tries in six hours");
    play.stands(RunOutcome::Waiting, 0);
    play.github.borrow_mut().read_problems.clear();
    play.pass_working(Span::minutes(20));
    play.reruns(&[1]);
}

#[test]
fn github_down_for_more_than_a_day() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![lost(); 10_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(25));
    play.stands(RunOutcome::Failed, 0);
    play.rests();
}

/// Seen to fail when a run that GitHub does not show waits for its re-run, and when GitHub's full stop is followed by another.
#[test]
fn a_run_that_cannot_be_read_says_so() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![github::Error::NotFound; 1];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    assert_eq!(play.tracked().reason, "Not decided yet.");
    play.pass_working(Span::seconds(10));
    assert_eq!(play.tracked().reason, "GitHub does not show this run yet, or Rerunner has no access to it.");
    let message = "403 Must have admin rights to Repository.".to_owned();
    play.github.borrow_mut().read_problems = vec![github::Error::Credentials { message }; 10_000];
    play.pass_working(Span::minutes(2));
    let reason = play.tracked().reason;
    assert!(reason.contains("admin rights to Repository. Rerunner keeps trying"), "{reason}");
}

/// Seen to fail when a refusal between two answers that are lost is none, and when a new attempt inherits the time.
#[test]
fn a_day_without_an_answer_begins_anew_with_an_answer_and_with_an_attempt() {
    let refused = || github::Error::Credentials { message: "401 Bad credentials".to_owned() };
    let play = Play::new();
    // The last comes first.
    play.github.borrow_mut().read_problems = vec![lost(); 10_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(20));
    play.github.borrow_mut().read_problems.push(refused());
    play.pass_working(Span::hours(20));
    play.stands(RunOutcome::Failed, 0);
    assert!(play.tracked().due.is_some(), "{}", play.tracked().reason);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::hours(20));
    assert!(play.tracked().due.is_some(), "{}", play.tracked().reason);
    play.pass_working(Span::hours(5));
    play.stands(RunOutcome::Failed, 0);
    play.rests();
}

/// Seen to fail when the time alone decides.
#[test]
fn an_open_circuit_breaker_is_no_trouble_of_githubs() {
    let play = Play::new();
    // It has been looked at often before.
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().conclusion = None;
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    play.pass_working(Span::hours(4));
    assert!(play.tracked().tries > 20);
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().reads = 0;
    play.github.borrow_mut().read_problems = vec![lost(); 2];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(8));
    assert_eq!(play.github.borrow().reads, 1);
    for _ in 0..15 {
        let limited = github::Error::RateLimited { wait: Some(Span::hours(2)) };
        play.keeper.trip_if_limited(Some(&limited), &play.cx()).unwrap();
        play.pass_working(Span::hours(2));
    }
    assert_eq!(play.github.borrow().reads, 1);
    play.pass_working(Span::hours(1));
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn a_pause_is_no_trouble_of_githubs() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![lost(); 2];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(8));
    assert_eq!(play.github.borrow().reads, 1);
    play.keeper.pause(play.now.get()).unwrap();
    play.pass_working(Span::hours(30));
    play.keeper.resume(play.now.get()).unwrap();
    play.pass_working(Span::minutes(5));
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn already_running_for_hours() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Ok(RerunAnswer::AlreadyRunning); 50];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(3));
    play.reruns(&[]);
    play.pass_working(Span::hours(2));
    play.reruns(&[1]);
}

#[test]
fn a_refused_token_is_tried_again_and_a_new_one_mends_it() {
    let refused = || github::Error::Credentials { message: "401 Bad credentials".to_owned() };
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![refused(); 1_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(10));
    play.stands(RunOutcome::Failed, 0);
    let tried = play.github.borrow().reads;
    assert!((8..=20).contains(&tried), "{tried} tries in ten hours");
    // A new token is set: the Worker is deployed anew, and the Keeper starts.
    play.github.borrow_mut().read_problems.clear();
    play.keeper.started(play.now.get()).unwrap();
    play.pass_working(Span::ZERO);
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn that_a_token_was_refused_is_told_once_and_taken_back_whatever_came_between() {
    let refused = || github::Error::Credentials { message: "401 Bad credentials".to_owned() };
    let limited = github::Error::RateLimited { wait: None };
    let play = Play::new();
    // Popped from the end.
    play.github.borrow_mut().read_problems = vec![limited, lost(), lost(), refused(), refused()];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(3));
    play.reruns(&[1]);
    assert_eq!(*play.refusals.borrow(), [Some("401 Bad credentials".to_owned()), None]);
}

#[test]
fn rate_limits_are_waited_out() {
    let play = Play::new();
    let limited = Err(github::Error::RateLimited { wait: Some(Span::minutes(10)) });
    play.github.borrow_mut().rerun_answers = vec![limited];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(10));
    play.reruns(&[]);
    assert_eq!(play.github.borrow().reads, 1, "nothing is called meanwhile");
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn refusals_are_final_and_say_why() {
    let play = Play::new();
    let refused = github::Error::Refused { message: "This workflow run cannot be retried".to_owned() };
    play.github.borrow_mut().rerun_answers = vec![Err(refused)];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(1));
    play.stands(RunOutcome::Failed, 0);
    assert!(play.tracked().reason.contains("cannot be retried"), "{}", play.tracked().reason);
    play.rests();
}

#[test]
fn a_run_that_is_too_long_to_be_read_is_given_up() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![github::Error::TooLarge { limit: "4 MiB" }];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.stands(RunOutcome::Failed, 0);
    assert_eq!(play.tracked().reason, "GitHub's answer is larger than 4 MiB");
    play.rests();
}

#[test]
fn what_came_instead_of_an_answer_is_said() {
    for what in ["GitHub answered 502", "GitHub did not answer in time", "The connection to GitHub was lost"] {
        let play = Play::new();
        play.github.borrow_mut().read_problems = vec![github::Error::inconclusive(what); 50];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        assert!(play.tracked().reason.starts_with(&format!("{what}. ")), "{}", play.tracked().reason);
    }
}

#[test]
fn a_run_that_is_not_shown_is_looked_for_some_times() {
    for (unseen, reruns) in [(1, vec![1]), (3, vec![1]), (4, vec![])] {
        let play = Play::new();
        play.github.borrow_mut().read_problems = vec![github::Error::NotFound; unseen];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::hours(1));
        play.reruns(&reruns);
    }
}

#[test]
fn a_token_that_stays_refused_is_said_to_be_every_day() {
    let play = Play::new();
    let refused = github::Error::Credentials { message: "401 Bad credentials".to_owned() };
    play.github.borrow_mut().rerun_answers = vec![Err(refused); 1_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::days(3));
    let told = play.refusals.borrow().len();
    assert!((5..=7).contains(&told), "told {told} times");
}

#[test]
fn a_run_that_goes_on_for_weeks_is_looked_at_less_often() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    play.pass_working(Span::hours(2));
    let first = play.github.borrow().reads;
    play.pass_working(Span::hours(24));
    let more = play.github.borrow().reads - first;
    assert!(first >= 24 && more <= 60, "{first} looks in two hours, {more} in the day after");
}

#[test]
fn one_run_in_trouble_does_not_hold_up_another() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Ok(RerunAnswer::AlreadyRunning); 20];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None, "nothing is due, and nothing is in the way");
}

#[test]
fn a_failed_write_to_workers_kv_is_tried_again() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let rerun = play.until_rerun();
    play.keeper.answered(&rerun, play.answer(&rerun), &play.cx()).unwrap();
    let Some(Task::Publish(tracked)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    assert_eq!((tracked.attempts().run_attempt, tracked.attempts().reruns), (2, 1));
    play.keeper.finish_publish(&tracked, false, play.now.get()).unwrap();
    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None);
    play.pass(Span::minutes(1));
    assert!(matches!(play.keeper.next(true, &play.cx()).unwrap(), Some(Task::Publish(_))));
    // The longer it fails, the longer it is left.
    play.pass(Span::hours(6));
    assert!(matches!(play.keeper.next(true, &play.cx()).unwrap(), Some(Task::Publish(_))));
    play.pass(Span::minutes(59));
    assert!(!matches!(play.keeper.next(true, &play.cx()).unwrap(), Some(Task::Publish(_))));
    play.pass(Span::minutes(1));
    assert!(matches!(play.keeper.next(true, &play.cx()).unwrap(), Some(Task::Publish(_))));
}

#[test]
fn wrong_settings_hold_calls_back_and_lose_nothing() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::hours(1));
    assert_eq!(play.keeper.next(false, &play.cx()).unwrap(), None);
    play.pass_working(Span::ZERO);
    play.reruns(&[1]);
}
