//! What GitHub does not have yet, or not in that form, is asked for again before it counts as absent.

use super::*;

const TESTS: &str = "rules:\n  - name: tests\n    if: { step: '*test*' }\n    then: leave\n";

fn asked(play: &Play, of: fn(&Call) -> bool) -> usize {
    play.github.borrow().calls.iter().filter(|call| of(call)).count()
}

fn is_jobs(call: &Call) -> bool {
    matches!(call, Call::ListJobs { .. })
}

#[test]
fn a_failed_run_without_jobs_is_a_list_that_lags() {
    for (late, reason) in [(Span::seconds(12), "at step \"Run tests\""), (Span::hours(1), "its jobs could not be read")]
    {
        let play = Play::with_policy(TESTS);
        play.github.borrow_mut().jobs_from = START + late;
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(10));
        play.stands(RunOutcome::Waiting, 0);
        play.pass_working(Span::minutes(3));
        play.reruns(&[]);
        play.stands(RunOutcome::Left, 0);
        assert!(play.tracked().reason.contains(reason), "{}", play.tracked().reason);
        assert!(asked(&play, is_jobs) < 9, "{}", asked(&play, is_jobs));
    }
}

#[test]
fn where_nothing_goes_by_them_jobs_are_not_waited_for() {
    let play = Play::new();
    play.github.borrow_mut().jobs_from = START + Span::hours(1);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
    let play = Play::with_policy(&format!("{TESTS}absent_evidence: rerun\n"));
    play.github.borrow_mut().jobs_from = START + Span::hours(1);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(3));
    play.reruns(&[1]);
}

#[test]
fn waiting_for_a_list_holds_up_nobody_else() {
    let play = Play::with_policy(TESTS);
    let other = RunId::new(9).unwrap();
    play.github.borrow_mut().jobs_of.insert(other, vec![failed_job(3, "lint", "Lint")]);
    play.github.borrow_mut().jobs.clear();
    for _ in 0..4 {
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(12));
    }
    play.stands(RunOutcome::Waiting, 0);
    let event = RunEvent::new(repository(), other, Some(attempt(1)), RunEventKind::RunFailed);
    play.keeper.receive(&event, &play.cx()).unwrap();
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
}

#[test]
fn a_list_that_lacks_some_of_its_jobs_is_asked_for_again() {
    let play = Play::with_policy(TESTS);
    let whole = vec![failed_job(1, "a", "Lint"), failed_job(2, "b", "Run tests")];
    let (listed, cut) = (vec![whole[0].clone()], Page { items: vec![whole[0].clone()], full: false, total: Some(2) });
    play.github.borrow_mut().jobs = listed;
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let call = play.until(is_jobs);
    let settled = play.keeper.answered(&call, Response::Jobs(Ok(cut)), &play.cx()).unwrap();
    assert_eq!(settled.task, None);
    play.github.borrow_mut().jobs = whole;
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
}

#[test]
fn smaller_pages_where_large_ones_fail() {
    for most in [80, 20, 10] {
        let play = Play::with_policy(TESTS);
        {
            let mut github = play.github.borrow_mut();
            github.page_most = Some(most);
            github.jobs = (1..=120).map(|n| failed_job(n, &format!("job {n}"), "Lint")).collect();
        }
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(5));
        // Not even 20 at once: that is an outage.
        play.reruns(if most == 10 { &[] } else { &[1] });
        let sizes: Vec<u32> = (play.github.borrow().calls.iter())
            .filter_map(|call| if let Call::ListJobs { per_page, page: 1, .. } = call { Some(*per_page) } else { None })
            .collect();
        assert_eq!(sizes, if most == 80 { vec![100, 50] } else { vec![100, 50, 20] });
        play.pass_working(Span::minutes(5));
        if most == 10 {
            play.stands(RunOutcome::Left, 0);
        }
    }
}

#[test]
fn a_list_that_is_read_in_part_is_not_all() {
    let play = Play::with_policy("rules:\n  - name: late\n    if: { job: job 1500 }\n    then: leave\n");
    play.github.borrow_mut().jobs = (1..=1_500).map(|n| failed_job(n, &format!("job {n}"), "Lint")).collect();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(3));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    assert!(play.tracked().reason.contains("more than the 1000 that were read"), "{}", play.tracked().reason);
    assert_eq!(asked(&play, is_jobs), 10);
}

#[test]
fn annotations_that_lag_are_asked_for_again() {
    let play = Play::with_policy("rules:\n  - name: tests\n    if: { exit_code: 1 }\n    then: leave\n");
    let said = std::mem::take(&mut play.github.borrow_mut().annotations);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(6));
    play.stands(RunOutcome::Waiting, 0);
    play.github.borrow_mut().annotations = said;
    play.pass_working(Span::minutes(1));
    play.stands(RunOutcome::Left, 0);
}

#[test]
fn each_of_several_is_asked_for_again() {
    // The list of jobs lags for longer than a log is waited for, and then the log does.
    let play = Play::with_policy("rules:\n  - name: tests\n    if: { log: assertion }\n    then: leave\n");
    {
        let mut github = play.github.borrow_mut();
        github.jobs_from = START + Span::seconds(12);
        github.log_problem = Some(github::Error::NotFound);
    }
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    for _ in 0..60 {
        if asked(&play, |call| matches!(call, Call::ReadLog { .. })) == 0 {
            play.pass_working(Span::seconds(1));
        }
    }
    play.stands(RunOutcome::Waiting, 0);
    play.github.borrow_mut().log_problem = None;
    play.github.borrow_mut().log = vec!["assertion failed".to_owned()];
    play.pass_working(Span::minutes(2));
    play.stands(RunOutcome::Left, 0);
    assert!(play.tracked().reason.contains("rule \"tests\" leaves"), "{}", play.tracked().reason);
}
