//! A re-run is called for, and its answer does not come: it is made once, and counted whenever it shows.

use super::*;

#[test]
fn a_lost_answer_of_a_call_that_worked_is_no_second_rerun() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.github.borrow_mut().lost_after_effect = true;
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(2));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn a_lost_answer_is_told_by_the_next_attempts_webhook_too() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.github.borrow_mut().lost_after_effect = true;
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    play.ends(Conclusion::Failure);
    play.webhook(RunEventKind::RunFailed, Some(2), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(2));
    play.reruns(&[1, 2]);
    play.stands(RunOutcome::Rerunning, 2);
}

#[test]
fn a_lost_call_is_made_again() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(lost()), Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(5));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
}

/// GitHub's reads are so far behind, or the clock jumped so far, that the call is made a second time: GitHub refuses
/// it, and the count is right all the same.
#[test]
fn a_refusal_that_an_earlier_call_caused_is_counted_as_that_call() {
    let limited = Err(github::Error::RateLimited { wait: None });
    for refusal in [Ok(RerunAnswer::AlreadyRunning), limited] {
        let play = Play::new();
        play.github.borrow_mut().rerun_answers = vec![refusal, Err(lost())];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(60));
        assert!(play.github.borrow().rerun_answers.is_empty(), "it was called twice");
        play.github.borrow_mut().attempt = 2;
        play.github.borrow_mut().conclusion = None;
        play.pass_working(Span::minutes(10));
        play.reruns(&[]);
        play.stands(RunOutcome::Rerunning, 1);
    }
}

#[test]
fn a_crash_between_intention_and_answer_is_seen_to() {
    for took_effect in [false, true] {
        let play = Play::new();
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass(Span::seconds(5));
        let rerun = play.until_rerun();
        if took_effect {
            play.answer(&rerun);
        }
        // The answer never comes: the machine it ran on is gone.
        play.pass_working(Span::minutes(3));
        play.reruns(&[1]);
        play.stands(RunOutcome::Rerunning, 1);
    }
}

/// A run whose re-run's answer was lost, and that GitHub did not show for a day after that.
fn given_up_without_an_answer(took_effect: bool) -> Play {
    let play = Play::with_policy("budget: { reruns_per_day: 1 }\n");
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.github.borrow_mut().lost_after_effect = took_effect;
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    play.github.borrow_mut().read_problems = vec![lost(); 10_000];
    play.pass_working(Span::hours(25));
    play.github.borrow_mut().read_problems.clear();
    play.stands(RunOutcome::Failed, 0);
    assert!(
        play.tracked().reason.ends_with("; it is not known whether attempt 1 was re-run."),
        "{}",
        play.tracked().reason
    );
    play.rests();
    play
}

/// Seen to fail when what was called last is forgotten with the giving up.
#[test]
fn a_lost_call_of_a_run_that_was_given_up_is_counted_when_its_attempt_shows() {
    for kind in [RunEventKind::RunSucceeded, RunEventKind::RunFailed] {
        let play = given_up_without_an_answer(true);
        play.ends(if kind == RunEventKind::RunFailed { Conclusion::Failure } else { Conclusion::Success });
        play.on_webhook(kind, Some(2));
        assert_eq!(play.tracked().reruns, 1);
        let (_, records) = play.keeper.run(run_id()).unwrap().unwrap();
        let counted =
            |record: &&Record| record.outcome == RunOutcome::Rerunning && record.run_attempt == Some(attempt(1));
        assert_eq!(records.iter().filter(counted).count(), 1, "{records:#?}");
    }
}

/// Seen to fail when it is not looked at for a `check_run`, and when the call that did nothing stays open.
#[test]
fn a_lost_call_of_a_run_that_was_given_up_is_looked_for_when_a_job_fails() {
    for took_effect in [true, false] {
        let play = given_up_without_an_answer(took_effect);
        play.ends(if took_effect { Conclusion::Success } else { Conclusion::Failure });
        play.on_webhook(RunEventKind::JobFailed, None);
        play.pass_working(Span::minutes(5));
        assert_eq!(play.tracked().reruns, u32::from(took_effect));
        assert_eq!(play.tracked().pending, None);
        play.rests();
    }
}

/// Seen to fail when the end of a run that is given up takes along what its call went by.
#[test]
fn a_lost_call_counts_where_its_rule_allows_only_so_many() {
    let refused = github::Error::Refused { message: "This workflow run cannot be retried".to_owned() };
    let play = Play::with_policy("rules: [{ name: once, if: { job: test }, then: rerun, max_reruns: 1 }]\n");
    play.github.borrow_mut().rerun_answers = vec![Err(refused), Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(2));
    play.stands(RunOutcome::Failed, 0);
    play.github.borrow_mut().attempt = 2;
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(2));
    play.stands(RunOutcome::Exhausted, 1);
    play.reruns(&[]);
}

/// Seen to fail when nothing is due for it.
#[test]
fn a_lost_call_of_a_run_that_was_given_up_is_counted_when_its_attempt_is_cancelled() {
    let play = given_up_without_an_answer(true);
    play.ends(Conclusion::Cancelled);
    play.webhook(RunEventKind::RunEnded, Some(2), ReceiptKind::Recorded);
    play.pass_working(Span::minutes(2));
    play.stands(RunOutcome::Left, 1);
    play.rests();
}

/// Seen to fail when a late answer is passed over, and when it opens the run again.
#[test]
fn the_answer_to_a_call_of_a_run_that_was_left_meanwhile_is_counted_and_no_more() {
    let refused = github::Error::Refused { message: "This workflow run cannot be retried".to_owned() };
    for (answer, counted) in [(Ok(RerunAnswer::Accepted), 1), (Ok(RerunAnswer::AlreadyRunning), 0), (Err(refused), 0)] {
        let play = Play::with_policy("budget: { reruns_per_day: 1 }\n");
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass(Span::seconds(5));
        let rerun = play.until_rerun();
        play.keeper.retire(&play.cx()).unwrap();
        play.keeper.answered(&rerun, Response::Rerun(answer), &play.cx()).unwrap();
        play.stands(RunOutcome::Left, counted);
        assert_eq!(play.tracked().pending, None);
        let spent = play.keeper.store.spent(RunId::new(8).unwrap(), play.now.get()).unwrap();
        assert_eq!(spent.reruns_last_day, counted);
        assert_eq!(play.tracked().due, None);
    }
}

/// Seen to fail when a refusal of the second call is taken for one of the first.
#[test]
fn a_lost_call_is_counted_though_a_second_one_is_refused() {
    let refused = github::Error::Refused { message: "This workflow run cannot be retried".to_owned() };
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(refused), Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(2));
    play.stands(RunOutcome::Failed, 0);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.stands(RunOutcome::Rescued, 1);
}
