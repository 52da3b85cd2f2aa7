//! How long something is remembered, held back, or waited for: to the moment, as only that shows a guard that is too short.
//!
//! Seen to fail when spending is forgotten after an hour; when rows that are due or unpublished are forgotten; when `QUIET`
//! is zero, after a lost answer and after a crash; when a policy file is at another path; when a budget is not given back;
//! when a delivery is known for a day; when a circuit breaker closes five seconds early; when a call is forgotten while
//! GitHub is behind.

use super::*;

fn event_of(run: u64, kind: RunEventKind) -> RunEvent {
    RunEvent::new(repository(), RunId::new(run).unwrap(), Some(attempt(1)), kind)
}

fn fails(play: &Play, run: u64) {
    play.keeper.receive(&event_of(run, RunEventKind::RunFailed), &play.cx()).unwrap();
}

#[track_caller]
fn run_stands(play: &Play, run: u64, outcome: RunOutcome) {
    let (tracked, _) = play.keeper.run(RunId::new(run).unwrap()).unwrap().unwrap();
    assert_eq!(tracked.outcome, outcome, "{}", tracked.reason);
}

/// Every run is in its first attempt, and a re-run of one does not advance the others.
fn fail_again(play: &Play) {
    play.github.borrow_mut().attempt = 1;
    play.ends(Conclusion::Failure);
}

/// How often a re-run was asked for, whatever GitHub made of it.
fn asked(play: &Play) -> usize {
    play.github.borrow().calls.iter().filter(|call| matches!(call, Call::Rerun { .. })).count()
}

#[test]
fn what_was_spent_counts_for_a_day_whatever_is_forgotten_meanwhile() {
    for budget in ["reruns_per_day: 1", "minutes_per_day: 1"] {
        let play = Play::with_policy(&format!("budget: {{ {budget} }}\n"));
        fails(&play, 1);
        play.pass_working(Span::seconds(5));
        run_stands(&play, 1, RunOutcome::Rerunning);
        let spent = play.now.get();
        for (run, after, outcome) in [
            (2, Span::hours(2), RunOutcome::Left),
            (3, Span::millis(Span::days(1).as_millis() - 1), RunOutcome::Left),
            (4, Span::days(1), RunOutcome::Rerunning),
        ] {
            fail_again(&play);
            play.now.set(Millis((spent + after).0 - Span::seconds(5).as_millis()));
            // Each time as if it were the first in a day.
            play.keeper.store.set_fact::<Millis>(Fact::Prune, None).unwrap();
            play.keeper.prune(play.now.get()).unwrap();
            fails(&play, run);
            play.pass_working(Span::seconds(5));
            run_stands(&play, run, outcome);
        }
    }
}

#[test]
fn a_run_that_is_paused_for_longer_than_runs_are_kept_is_not_forgotten() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.keeper.pause(play.now.get()).unwrap();
    play.pass_working(Span::days(36));
    play.keeper.prune(play.now.get()).unwrap();
    play.stands(RunOutcome::Waiting, 0);
    play.keeper.resume(play.now.get()).unwrap();
    play.pass_working(Span::seconds(1));
    play.reruns(&[1]);
}

#[test]
fn a_run_whose_count_could_not_be_published_is_not_forgotten() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.pass(Span::days(36));
    play.keeper.prune(play.now.get()).unwrap();
    play.stands(RunOutcome::Rescued, 1);
    play.work();
    play.keeper.store.set_fact::<Millis>(Fact::Prune, None).unwrap();
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(play.keeper.run(run_id()).unwrap(), None, "it is published, and old");
}

#[test]
fn what_changes_while_a_count_is_written_is_written_after_it() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let rerun = play.until_rerun();
    play.keeper.answered(&rerun, play.answer(&rerun), &play.cx()).unwrap();
    let Some(Task::Publish(written)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    assert_eq!(written.attempts().outcome, RunOutcome::Rerunning);
    // It passes while Workers KV is being told that it is re-run.
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.keeper.finish_publish(&written, true, play.now.get()).unwrap();
    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None, "a key takes one write a second");
    play.pass(Span::seconds(1));
    let Some(Task::Publish(written)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    assert_eq!((written.attempts().outcome, written.attempts().run_attempt), (RunOutcome::Rescued, 2));
    play.keeper.finish_publish(&written, true, play.now.get()).unwrap();
    play.rests();
}

#[test]
fn no_second_call_for_a_while_after_an_answer_was_lost() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    assert_eq!(asked(&play), 1);
    play.pass_working(Span::seconds(44));
    assert_eq!(asked(&play), 1, "what GitHub shows may be older than the call");
    play.pass_working(Span::seconds(15));
    assert_eq!(asked(&play), 2);
}

#[test]
fn no_second_call_for_a_while_after_a_crash() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    // The machine is gone before the answer, and perhaps before the call.
    play.until_rerun();
    play.pass_working(Span::millis(44_999));
    assert!(play.github.borrow().reads >= 2, "it was looked at when the claim was over");
    assert_eq!(asked(&play), 0, "what GitHub shows may be older than the call");
    play.pass_working(Span::millis(1));
    assert_eq!(asked(&play), 1);
}

#[test]
fn what_is_known_of_a_file_at_another_path_holds_no_longer() {
    let other = FilePath::parse(".github/other.yml");
    for path in [other, None] {
        let play = Play::with_policy("max_reruns: 0\n");
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(5));
        play.stands(RunOutcome::Left, 0);
        // The Worker is deployed anew with another POLICY_FILE, within the time that the file is believed.
        let Play { keeper, now, github, settings, .. } = play;
        let keeper = Keeper { policy_path: path.clone(), ..Keeper::open(keeper.store.sql).unwrap() };
        github.borrow_mut().file = None;
        let play = Play { keeper, now, github, settings, ..Play::new() };
        let other = RunId::new(8).unwrap();
        let event = RunEvent::new(repository(), other, Some(attempt(1)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::seconds(5));
        run_stands(&play, 8, RunOutcome::Rerunning);
        // Nor does its text come back when the Worker starts again.
        let Play { keeper, now, github, settings, .. } = play;
        let keeper = Keeper { policy_path: path.clone(), ..Keeper::open(keeper.store.sql).unwrap() };
        let play = Play { keeper, now, github, settings, ..Play::new() };
        fail_again(&play);
        fails(&play, 9);
        play.pass_working(Span::seconds(5));
        run_stands(&play, 9, RunOutcome::Rerunning);
        let calls = play.github.take().calls;
        let asked = calls.into_iter().filter_map(|call| match call {
            Call::ReadPolicy { path, etag, .. } if path != policy_path() => Some((path, etag)),
            _ => None,
        });
        let expected: Vec<_> = path.into_iter().map(|path| (path, None)).collect();
        assert_eq!(asked.collect::<Vec<_>>(), expected, "another file's ETag says nothing of this one");
    }
}

#[test]
fn a_budget_is_given_back_when_a_lost_call_did_nothing_and_the_run_has_ended() {
    let play = Play::with_policy("budget: { reruns_per_hour: 1 }\n");
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    fails(&play, 1);
    play.pass_working(Span::seconds(5));
    // Until its run is seen to be as it was, the call is taken for one that worked.
    fails(&play, 2);
    play.pass_working(Span::seconds(10));
    run_stands(&play, 2, RunOutcome::Left);
    // Then it is seen not to have advanced, and that it is left alone now.
    play.ends(Conclusion::Cancelled);
    play.pass_working(Span::minutes(2));
    run_stands(&play, 1, RunOutcome::Left);
    fail_again(&play);
    fails(&play, 3);
    play.pass_working(Span::seconds(5));
    run_stands(&play, 3, RunOutcome::Rerunning);
}

#[test]
fn a_delivery_is_known_when_the_clock_was_put_back_over_midnight() {
    let play = Play::new();
    play.now.set(Millis::of_day(20_000) + Span::seconds(10));
    let event = RunEvent { delivery: DeliveryId::parse("d-1"), ..event_of(7, RunEventKind::RunFailed) };
    play.keeper.receive(&event, &play.cx()).unwrap();
    play.now.set(Millis::of_day(20_000).minus(Span::seconds(10)));
    let (receipt, _) = play.keeper.receive(&event, &play.cx()).unwrap();
    assert_eq!(receipt.reason, "this delivery was received before");
}

#[test]
fn a_delivery_is_known_for_as_long_as_it_can_be_repeated() {
    let play = Play::new();
    let event = RunEvent { delivery: DeliveryId::parse("d-1"), ..event_of(7, RunEventKind::RunFailed) };
    let reason = || play.keeper.receive(&event, &play.cx()).unwrap().0.reason;
    assert_eq!(reason(), "workflow run failed");
    play.pass_working(Span::seconds(5));
    for day in 1..=3 {
        play.pass_working(Span::days(1));
        play.keeper.prune(play.now.get()).unwrap();
        assert_eq!(reason(), "this delivery was received before", "after {day} days");
    }
    // It is forgotten with its run.
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.pass_working(Span::days(36));
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(reason(), "workflow run failed");
}

/// Beyond that what it says is known all the same.
#[test]
fn a_run_knows_a_bounded_number_of_deliveries() {
    let play = Play::new();
    let event = |number: u32| RunEvent {
        delivery: DeliveryId::parse(&format!("d-{number}")),
        ..RunEvent::new(repository(), run_id(), Some(attempt(number)), RunEventKind::RunFailed)
    };
    for number in 1..=40 {
        assert_eq!(play.keeper.receive(&event(number), &play.cx()).unwrap().0.kind, ReceiptKind::Scheduled);
    }
    let before = play.tracked();
    assert_eq!(before.seen.len(), 32);
    for number in 1..=40 {
        let receipt = play.keeper.receive(&event(number), &play.cx()).unwrap().0;
        let known = if number > 8 { "this delivery was received before" } else { "a newer attempt is known" };
        assert_eq!((receipt.kind, receipt.reason.as_str()), (ReceiptKind::Recorded, known));
    }
    assert_eq!(play.tracked(), before);
}

#[test]
fn the_breaker_is_open_until_its_very_end() {
    let play = Play::new();
    let limited = github::Error::RateLimited { wait: Some(Span::minutes(10)) };
    play.github.borrow_mut().read_problems = vec![limited];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    fails(&play, 8);
    play.pass(Span::seconds(5));
    play.work();
    let until = play.keeper.breaker().unwrap().unwrap().until;
    assert!(until - play.now.get() >= Span::minutes(10));
    assert_eq!(play.keeper.next_alarm(&play.settings).unwrap(), Some(until));
    play.now.set(Millis(until.0 - 1));
    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None);
    play.now.set(until);
    assert!(matches!(play.keeper.next(true, &play.cx()).unwrap(), Some(Task::Call(_))));
}

#[test]
fn a_policy_that_was_just_read_is_not_read_again_before_its_time_and_then_is() {
    let play = Play::with_policy("max_reruns: 0\n");
    let reads = || play.github.borrow().calls.iter().filter(|call| matches!(call, Call::ReadPolicy { .. })).count();
    let known_at = |run: u64, read: Millis, after: Span| {
        play.now.set(Millis((read + after).0 - Span::seconds(5).as_millis()));
        fails(&play, run);
        play.pass_working(Span::seconds(5));
    };
    fails(&play, 1);
    play.pass_working(Span::seconds(5));
    let read = play.now.get();
    known_at(2, read, Span::millis(Span::minutes(5).as_millis() - 1));
    assert_eq!(reads(), 1);
    known_at(3, read, Span::minutes(5));
    assert_eq!(reads(), 2);
    // After trouble it is what was known that holds, for a minute.
    play.github.borrow_mut().policy_answers = vec![Err(lost())];
    let read = play.now.get();
    known_at(4, read, Span::minutes(5));
    let trouble = play.now.get();
    known_at(5, trouble, Span::millis(59_999));
    assert_eq!(reads(), 3);
    known_at(6, trouble, Span::minutes(1));
    assert_eq!(reads(), 4);
}

#[test]
fn a_call_is_counted_whatever_github_shows_of_the_run_before_it() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    // It has taken effect, and what GitHub shows a minute later is from before the end of the first attempt.
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().conclusion = None;
    play.pass_working(Span::minutes(2));
    play.reruns(&[]);
    play.github.borrow_mut().attempt = 2;
    play.pass_working(Span::minutes(10));
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn github_has_answered_when_the_run_could_be_read() {
    let play = Play::new();
    // The second attempt meets an outage of half a day, and so does the third: the one between was answered.
    play.github.borrow_mut().read_problems = vec![lost(); 1_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(14));
    play.github.borrow_mut().read_problems.clear();
    play.github.borrow_mut().evidence_problems = vec![lost()];
    play.pass_working(Span::minutes(16));
    play.reruns(&[1]);
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.github.borrow_mut().lost_after_effect = true;
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(6));
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(3));
    play.github.borrow_mut().read_problems = vec![lost(); 1_000];
    play.pass_working(Span::hours(14));
    play.stands(RunOutcome::Waiting, 2);
}

#[test]
fn a_sweep_after_a_long_sleep_asks_for_nothing_that_github_no_longer_reruns() {
    let mut play = Play::new();
    play.settings.sweep_interval = Span::minutes(15);
    play.ends(Conclusion::Success);
    play.keeper.receive(&event_of(1, RunEventKind::RunFailed), &play.cx()).unwrap();
    play.pass_working(Span::days(50));
    play.keeper.receive(&event_of(2, RunEventKind::RunFailed), &play.cx()).unwrap();
    play.pass_working(Span::minutes(1));
    let first = play.now.get();
    let calls = play.github.take().calls;
    let asked = calls.iter().rev().find_map(|call| match call {
        Call::ListFailedRuns(asked) => Some(asked.created_from),
        _ => None,
    });
    let age = first - asked.unwrap();
    assert!(age >= Span::days(30) && age < Span::days(31), "{age:?}");
}

#[test]
fn a_workflows_name_that_is_told_after_a_count_was_published_is_published_too() {
    let play = Play::new();
    play.ends(Conclusion::Cancelled);
    fails(&play, 7);
    play.pass_working(Span::minutes(1));
    let published = play.tracked();
    assert!(published.published && published.publish.is_none());
    let id = crate::names::WorkflowId::new(9);
    let workflow = crate::webhook::event::EventWorkflow::new(id, "Deploy to production");
    play.keeper.receive(&RunEvent { workflow, ..event_of(7, RunEventKind::RunFailed) }, &play.cx()).unwrap();
    let Some(Task::Publish(tracked)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    assert_eq!(tracked.attempts().workflow.as_deref(), Some("Deploy to production"));
}
