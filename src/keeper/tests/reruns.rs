//! What is re-run, when, and how often.

use super::*;

#[test]
fn a_failed_run_is_rerun_after_the_delay_and_rescued() {
    let play = Play::new();
    let receipt = play.on_webhook(RunEventKind::RunFailed, Some(1));
    assert_eq!((receipt.kind, receipt.due), (ReceiptKind::Scheduled, Some(START + Span::seconds(5))));
    play.pass_working(Span::millis(4_999));
    play.reruns(&[]);
    play.pass_working(Span::millis(1));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
    play.ends(Conclusion::Success);
    play.webhook(RunEventKind::RunSucceeded, Some(2), ReceiptKind::Recorded);
    play.work();
    play.stands(RunOutcome::Rescued, 1);
    play.rests();
    assert_eq!(play.github.borrow().reads, 1, "one read for one re-run");
}

#[test]
fn three_reruns_and_no_fourth() {
    let play = Play::new();
    for n in 1..=4 {
        play.ends(Conclusion::Failure);
        play.webhook(RunEventKind::RunFailed, Some(n), ReceiptKind::Scheduled);
        play.pass_working(Span::seconds(5));
    }
    play.reruns(&[1, 2, 3]);
    play.stands(RunOutcome::Exhausted, 3);
    play.rests();
    play.webhook(RunEventKind::RunFailed, Some(4), ReceiptKind::Recorded);
    play.rests();
}

#[test]
fn a_persons_reruns_count() {
    let play = Play::new();
    play.github.borrow_mut().attempt = 3;
    play.webhook(RunEventKind::RunFailed, Some(3), ReceiptKind::Scheduled);
    play.pass_working(Span::seconds(5));
    play.reruns(&[3]);
    play.ends(Conclusion::Failure);
    play.webhook(RunEventKind::RunFailed, Some(4), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.stands(RunOutcome::Exhausted, 1);
    // The person presses the button again, and it passes.
    play.github.borrow_mut().attempt = 5;
    play.webhook(RunEventKind::RunSucceeded, Some(5), ReceiptKind::Recorded);
    play.stands(RunOutcome::Rescued, 1);
}

#[test]
fn a_repository_that_is_served_no_longer_is_left_alone() {
    let play = Play::new();
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
    let retired = play.keeper.retire(&play.cx()).unwrap();
    assert!(retired.iter().all(|(id, record)| *id == run_id() && record.outcome == RunOutcome::Left));
    assert_eq!(retired.len(), 1);
    play.pass_working(Span::days(2));
    play.reruns(&[]);
    play.rests();
    assert_eq!((play.github.borrow().reads, play.github.borrow().lists), (0, 0));
}

#[test]
fn what_is_published_fits_into_the_metadata_of_a_key() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    for name in ["\u{1f980}".repeat(5_000), "\u{1}\n\"\\".repeat(5_000), "a".repeat(5_000)] {
        let tracked = TrackedRun { workflow: Some(name), ..play.tracked() };
        let text = serde_json::to_string(&tracked.attempts()).unwrap();
        assert!(text.len() <= 1_024, "{} bytes", text.len());
    }
}

#[test]
fn every_kind_of_webhook_in_any_order_makes_one_rerun() {
    let events = [
        (RunEventKind::RunFailed, Some(1)),
        (RunEventKind::JobFailed, Some(1)),
        (RunEventKind::JobFailed, None),
        (RunEventKind::RunFailed, Some(1)),
        (RunEventKind::JobFailed, Some(1)),
    ];
    for rotation in 0..events.len() {
        for gap in [Span::ZERO, Span::seconds(1), Span::seconds(4), Span::seconds(20)] {
            let play = Play::new();
            for offset in 0..events.len() {
                let (kind, run_attempt) = events[(rotation + offset) % events.len()];
                play.on_webhook(kind, run_attempt);
                play.pass_working(gap);
            }
            play.pass_working(Span::minutes(10));
            play.reruns(&[1]);
            play.stands(RunOutcome::Rerunning, 1);
        }
    }
}

#[test]
fn a_job_that_fails_early_waits_for_the_end_of_the_run() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.webhook(RunEventKind::JobFailed, Some(1), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(40));
    play.reruns(&[]);
    play.stands(RunOutcome::Waiting, 0);
    let reads = play.github.borrow().reads;
    assert!((8..=14).contains(&reads), "{reads} looks in 40 minutes");
    play.ends(Conclusion::Failure);
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
}

#[test]
fn with_job_webhooks_alone_the_end_is_found_by_looking() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    play.pass_working(Span::minutes(3));
    play.ends(Conclusion::Failure);
    play.pass_working(Span::seconds(305));
    play.reruns(&[1]);
    play.ends(Conclusion::Success);
    play.pass_working(Span::minutes(30));
    play.stands(RunOutcome::Rescued, 1);
    play.rests();
}

#[test]
fn many_failing_jobs_do_not_make_many_reads() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    for _ in 0..256 {
        play.on_webhook(RunEventKind::JobFailed, Some(1));
        play.pass_working(Span::millis(500));
    }
    let reads = play.github.borrow().reads;
    assert!(reads <= 14, "{reads} reads in 128 s");
}

#[test]
fn the_second_webhook_of_the_same_instant_is_recorded() {
    let play = Play::new();
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Recorded);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn a_delivery_is_taken_once() {
    let play = Play::new();
    let delivery = DeliveryId::parse("d-1");
    let event =
        RunEvent { delivery, ..RunEvent::new(repository(), run_id(), Some(attempt(1)), RunEventKind::RunFailed) };
    assert_eq!(play.keeper.receive(&event, &play.cx()).unwrap().0.kind, ReceiptKind::Scheduled);
    let again = play.keeper.receive(&event, &play.cx()).unwrap().0;
    assert_eq!((again.kind, again.reason.as_str()), (ReceiptKind::Recorded, "this delivery was received before"));
}

#[test]
fn runs_that_are_not_watched_stay_so() {
    let play = Play::new();
    play.webhook(RunEventKind::RunSucceeded, Some(2), ReceiptKind::Ignored);
    play.webhook(RunEventKind::RunEnded, Some(2), ReceiptKind::Ignored);
    assert_eq!(play.keeper.run(run_id()).unwrap(), None);
    play.rests();
}

#[test]
fn github_is_believed_and_not_the_webhook() {
    for conclusion in
        [Conclusion::Success, Conclusion::Cancelled, Conclusion::ActionRequired, Conclusion::StartupFailure]
    {
        let play = Play::new();
        play.ends(conclusion);
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(10));
        play.reruns(&[]);
        play.stands(RunOutcome::Left, 0);
        play.rests();
    }
}

#[test]
fn a_run_that_waited_for_approval_can_fail_in_the_same_attempt() {
    let play = Play::new();
    play.ends(Conclusion::ActionRequired);
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.stands(RunOutcome::Left, 0);
    play.ends(Conclusion::Failure);
    play.webhook(RunEventKind::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn an_attempt_that_github_does_not_show_is_left_after_a_while() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::hours(2));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    play.rests();
    // And when it does come, it is acted on.
    play.github.borrow_mut().attempt = 2;
    play.webhook(RunEventKind::RunFailed, Some(2), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.reruns(&[2]);
}

#[test]
fn old_rows_are_forgotten() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.pass_working(Span::days(34));
    play.keeper.prune(play.now.get()).unwrap();
    play.stands(RunOutcome::Rescued, 1);
    play.pass_working(Span::days(2));
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(play.keeper.run(run_id()).unwrap(), None);
}

#[test]
fn many_runs_due_at_once_are_rerun_in_order_and_a_second_apart() {
    let play = Play::new();
    for run in 1..=30 {
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
    }
    play.pass(Span::seconds(5));
    let mut asked = Vec::new();
    let mut task = None;
    while let Some(next) = task.take().or_else(|| play.keeper.next(true, &play.cx()).unwrap()) {
        match next {
            Task::Wait(span) => play.pass(span),
            Task::Publish(tracked) => play.keeper.finish_publish(&tracked, true, play.now.get()).unwrap(),
            Task::Summarize(_) => play.keeper.finish_summary(true, play.now.get()).unwrap(),
            Task::Errand(errand) => panic!("{errand:?}"),
            Task::Notify(notification) => panic!("{notification:?}"),
            Task::HandOver(what) => panic!("{what:?}"),
            Task::WantCancelled(_) => panic!("there is no policy"),
            Task::Call(call) => {
                let answer = match &call {
                    Call::Rerun { run_id, .. } => {
                        asked.push((run_id.get(), play.now.get()));
                        Response::Rerun(Ok(RerunAnswer::Accepted))
                    }
                    read => play.answer(read),
                };
                task = play.keeper.answered(&call, answer, &play.cx()).unwrap().task;
            }
        }
    }
    let runs: Vec<u64> = asked.iter().map(|(run, _)| *run).collect();
    assert_eq!(runs, (1..=30).collect::<Vec<u64>>());
    assert!(asked.windows(2).all(|pair| pair[1].1 - pair[0].1 >= Span::seconds(1)));
}
