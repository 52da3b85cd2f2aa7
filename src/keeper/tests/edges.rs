//! What each guard of the state machine is there for: late webhooks, waits that grow, what concerns other runs.

use super::*;
use crate::keeper::tracked_run::PendingRerun;

/// What a webhook must not change: every field of the run stays as it was.
#[track_caller]
fn nothing_changes(play: &Play, kind: RunEventKind, run_attempt: Option<u32>, reason: &str) {
    let before = play.tracked();
    let receipt = play.on_webhook(kind, run_attempt);
    assert_eq!((receipt.kind, receipt.reason.as_str()), (ReceiptKind::Recorded, reason));
    assert_eq!(play.tracked(), before);
}

fn records(play: &Play) -> usize {
    play.keeper.run(run_id()).unwrap().unwrap().1.len()
}

#[test]
fn late_and_repeated_webhooks_change_nothing() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
    for kind in [RunEventKind::RunFailed, RunEventKind::JobFailed, RunEventKind::RunEnded] {
        nothing_changes(&play, kind, Some(1), "this attempt was already decided on");
    }
    // The second attempt's webhooks come after the third's.
    play.webhook(RunEventKind::RunFailed, Some(3), ReceiptKind::Scheduled);
    for kind in [RunEventKind::RunFailed, RunEventKind::JobFailed, RunEventKind::RunSucceeded, RunEventKind::RunEnded] {
        nothing_changes(&play, kind, Some(2), "a newer attempt is known");
    }
    play.webhook(RunEventKind::RunSucceeded, Some(4), ReceiptKind::Recorded);
    nothing_changes(&play, RunEventKind::RunSucceeded, Some(4), "this attempt was already decided on");
}

#[test]
fn a_newer_attempts_failure_is_news_even_while_the_older_waits() {
    let play = Play::new();
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.webhook(RunEventKind::RunFailed, Some(2), ReceiptKind::Scheduled);
    assert_eq!(play.tracked().run_attempt, Some(attempt(2)));
}

#[test]
fn a_cancelled_rerun_is_looked_at_at_once() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.ends(Conclusion::Cancelled);
    play.webhook(RunEventKind::RunEnded, Some(2), ReceiptKind::Recorded);
    play.pass_working(Span::ZERO);
    play.stands(RunOutcome::Left, 1);
}

#[test]
fn what_is_heard_while_a_call_is_out_does_not_make_it_due() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let rerun = play.until_rerun();
    let due = play.tracked().due;
    assert_eq!(due, Some(play.now.get() + LEASE));
    nothing_changes(&play, RunEventKind::RunFailed, Some(1), "this attempt is being re-run");
    play.pass(Span::seconds(1));
    // Of the attempt that the call has started, perhaps.
    play.on_webhook(RunEventKind::JobFailed, None);
    play.on_webhook(RunEventKind::RunEnded, Some(2));
    assert_eq!(play.tracked().due, due);
    play.keeper.answered(&rerun, play.answer(&rerun), &play.cx()).unwrap();
    play.stands(RunOutcome::Rerunning, 1);
    assert_eq!(play.tracked().due, Some(play.now.get() + Span::seconds(30)), "looked at soon");
}

#[test]
fn the_delay_is_counted_from_the_attempts_end_however_early_it_is_looked_at() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    // Two seconds before the re-run is looked at by itself.
    play.pass_working(Span::seconds(118));
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(4));
    assert_eq!(play.github.borrow().reads, 2, "it was looked at");
    play.reruns(&[1]);
    play.pass_working(Span::seconds(1));
    play.reruns(&[1, 2]);
    // And for a run that was still going, from no sooner than it was last seen to.
    let mut play = Play::new();
    play.settings.delay = Span::minutes(2);
    play.github.borrow_mut().conclusion = None;
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    play.pass_working(Span::minutes(2));
    play.ends(Conclusion::Failure);
    play.pass_working(Span::seconds(119));
    play.reruns(&[]);
    play.pass_working(Span::seconds(1));
    play.reruns(&[1]);
}

#[test]
fn a_run_said_to_have_failed_and_still_going_can_be_said_to_have_failed_again() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.pass_working(Span::seconds(5));
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
}

#[test]
fn failing_jobs_do_not_put_off_the_look() {
    for run_attempt in [Some(1), None] {
        let play = Play::new();
        play.github.borrow_mut().conclusion = None;
        for _ in 0..256 {
            play.on_webhook(RunEventKind::JobFailed, run_attempt);
            play.pass_working(Span::millis(500));
        }
        let reads = play.github.borrow().reads;
        assert!((8..=14).contains(&reads), "{reads} reads in 128 s");
    }
}

#[test]
fn a_job_of_no_known_attempt_ends_a_long_wait() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.on_webhook(RunEventKind::JobFailed, None);
    play.pass_working(Span::minutes(20));
    play.ends(Conclusion::Failure);
    play.pass_working(Span::seconds(15));
    play.on_webhook(RunEventKind::JobFailed, None);
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
}

#[test]
fn a_run_that_is_decided_on_and_looked_at_once_more_stays_as_it_was() {
    for problem in [None, Some(github::Error::NotFound), Some(lost())] {
        let mut play = Play::new();
        play.settings.max_reruns = 1;
        play.github.borrow_mut().attempt = 2;
        play.on_webhook(RunEventKind::RunFailed, Some(2));
        play.pass_working(Span::seconds(5));
        play.stands(RunOutcome::Exhausted, 0);
        play.github.borrow_mut().read_problems.extend(problem);
        play.on_webhook(RunEventKind::JobFailed, None);
        play.pass_working(Span::minutes(5));
        play.stands(RunOutcome::Exhausted, 0);
        assert_eq!(records(&play), 1);
        play.rests();
    }
}

#[test]
fn a_persons_rerun_is_not_counted_as_a_call_that_was_refused() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Ok(RerunAnswer::AlreadyRunning)];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    play.github.borrow_mut().attempt = 2;
    play.ends(Conclusion::Success);
    play.pass_working(Span::minutes(10));
    play.stands(RunOutcome::Rescued, 0);
}

#[test]
fn what_is_told_to_workers_kv() {
    // A run that passed although a job was allowed to fail is no news there; one that was left alone is.
    for (conclusion, published) in [(Conclusion::Success, false), (Conclusion::Cancelled, true)] {
        let play = Play::new();
        play.ends(conclusion);
        play.on_webhook(RunEventKind::JobFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.stands(RunOutcome::Left, 0);
        assert_eq!((play.tracked().published, play.tracked().publish), (published, None), "{conclusion:?}");
        // Nothing that was read says what the workflow is called.
        assert_eq!(play.tracked().attempts().workflow.as_deref(), Some("ci.yml"));
    }
}

#[test]
fn rate_limits_without_a_word_are_waited_out_longer_each_time() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(github::Error::RateLimited { wait: None }); 3];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(7));
    play.reruns(&[]);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn what_concerns_the_repository_holds_up_its_other_runs() {
    let limited = github::Error::RateLimited { wait: Some(Span::minutes(10)) };
    for (problem, reads_until_closed) in [(limited, 1), (lost(), 3)] {
        let play = Play::new();
        for run in 1..=6 {
            let event =
                RunEvent::new(repository(), RunId::new(run).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
            play.keeper.receive(&event, &play.cx()).unwrap();
        }
        play.github.borrow_mut().read_problems = vec![problem; 6];
        play.pass(Span::seconds(5));
        play.work();
        assert_eq!(play.github.borrow().reads, reads_until_closed);
    }
}

#[test]
fn a_refused_token_is_on_view_and_in_the_record_once_until_it_is_hopeless() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![github::Error::Credentials { message: "401".to_owned() }; 5_000];
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    play.pass_working(Span::hours(10));
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.stands(RunOutcome::Failed, 0);
    assert_eq!(records(&play), 1);
    play.pass_working(Span::days(29));
    assert!(play.keeper.next_alarm(&play.settings).unwrap().is_some());
    play.pass_working(Span::days(2));
    play.stands(RunOutcome::Failed, 0);
    play.rests();
    assert_eq!(records(&play), 2);
}

#[test]
fn two_outages_are_not_one() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    for _ in 0..2 {
        play.github.borrow_mut().read_problems = vec![lost(); 1_000];
        play.pass_working(Span::hours(20));
        play.github.borrow_mut().read_problems.clear();
        play.pass_working(Span::hours(1));
    }
    play.stands(RunOutcome::Waiting, 0);
}

#[test]
fn what_was_before_an_attempt_does_not_count_against_it() {
    // Its second attempt was looked at for hours, further and further apart; the first lost read of its failure is made
    // again at once.
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(5));
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().read_problems = vec![lost()];
    play.webhook(RunEventKind::RunFailed, Some(2), ReceiptKind::Scheduled);
    play.pass_working(Span::seconds(12));
    play.reruns(&[1, 2]);
    // An outage that ended with its first attempt is not the one that its second attempt meets.
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![lost(); 1_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(20));
    play.github.borrow_mut().read_problems.clear();
    play.ends(Conclusion::Cancelled);
    play.pass_working(Span::hours(5));
    play.stands(RunOutcome::Left, 0);
    play.github.borrow_mut().attempt = 2;
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().read_problems = vec![lost()];
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(1));
    play.reruns(&[2]);
}

#[test]
fn a_run_that_was_refused_waits_again_with_its_next_attempt() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![github::Error::NotFound; 4];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(4));
    play.stands(RunOutcome::Failed, 0);
    play.on_webhook(RunEventKind::JobFailed, None);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.stands(RunOutcome::Waiting, 0);
}

#[test]
fn an_answer_that_comes_after_the_next_attempts_call_is_not_that_calls() {
    let play = Play::new();
    let pending = PendingRerun { run_attempt: attempt(2), since: START, again: false };
    let tracked =
        TrackedRun { run_attempt: Some(attempt(2)), pending: Some(pending), ..TrackedRun::new(run_id(), START) };
    let step = state_machine::on_rerun(tracked.clone(), attempt(1), Ok(RerunAnswer::Accepted), &play.cx());
    assert_eq!((step.tracked, step.records), (tracked, vec![]));
}

/// Of failed check runs, which name no attempt: more deliveries than a run remembers, sent again in a circle.
fn circle(play: &Play, deliveries: u32, apart: Span) {
    for number in 0..deliveries {
        let delivery = DeliveryId::parse(&format!("check-{}", number % 33));
        let event = RunEvent { delivery, ..RunEvent::new(repository(), run_id(), None, RunEventKind::JobFailed) };
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(apart);
    }
}

fn left() -> Play {
    let play = Play::with_policy("otherwise: leave\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(5));
    play.stands(RunOutcome::Left, 0);
    play
}

/// Seen to fail when each makes it be looked at half a minute later (165 reads and 348 rows of 165 deliveries), and when what
/// is only looked at once more is shown as waiting, or ended with the others of a repository that is served no longer.
#[test]
fn old_webhooks_that_name_no_attempt_make_few_reads() {
    let play = left();
    let counts = || {
        let changes = play.keeper.store.sql.exec("SELECT total_changes()", vec![]).unwrap();
        let [store::Value::Integer(rows)] = changes[0][..] else { panic!("{changes:?}") };
        let github = play.github.borrow();
        (github.reads, github.calls.len(), rows)
    };
    let before = counts();
    circle(&play, 33 * 5, Span::seconds(31));
    let after = counts();
    let (reads, calls, rows) = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
    assert!((1..=5).contains(&reads) && calls <= 10 && rows <= 20, "{reads} reads, {calls} calls, {rows} rows");
    circle(&play, 3 * 24 * 4, Span::minutes(15));
    let reads = counts().0 - after.0;
    assert!(reads <= 3 + 3 * 4, "{reads} reads in three days");
    // Meanwhile nothing is shown that waits, and what was decided stands.
    let before = play.tracked();
    assert!(before.due.is_some_and(|due| due > play.now.get()));
    assert_eq!(play.keeper.store.due(10).unwrap(), []);
    assert_eq!(play.keeper.retire(&play.cx()).unwrap(), []);
    assert_eq!(play.tracked(), TrackedRun { due: None, ..before });
}

/// A person has the run re-run, and that fails. By what names its attempt it is known at once.
/// Seen to fail when no look is due where it is too soon for one, and when the time between looks does not start over.
#[test]
fn a_new_attempt_is_noticed_all_the_same() {
    for named in [false, true] {
        let play = left();
        // The last one has it looked at now.
        circle(&play, 8, Span::hours(6));
        play.on_webhook(RunEventKind::JobFailed, None);
        play.pass_working(Span::minutes(1));
        assert!(play.tracked().looked.is_some_and(|looked| looked + Span::minutes(1) > play.now.get()));
        play.pass_working(Span::hours(1));
        play.github.borrow_mut().attempt = 2;
        if named {
            play.on_webhook(RunEventKind::RunFailed, Some(2));
        } else {
            play.on_webhook(RunEventKind::JobFailed, None);
            play.pass_working(Span::minutes(1));
            assert_eq!(play.tracked().decided_attempt, Some(attempt(1)), "it is too soon");
            play.pass_working(Span::hours(5));
        }
        play.pass_working(Span::minutes(1));
        assert_eq!(play.tracked().decided_attempt, Some(attempt(2)));
        // The next one is noticed sooner again.
        play.github.borrow_mut().attempt = 3;
        play.on_webhook(RunEventKind::JobFailed, None);
        play.pass_working(Span::minutes(1));
        assert_eq!(play.tracked().decided_attempt, Some(attempt(3)));
    }
}
