//! What those who look are told, and pauses.

use super::super::summary;
use super::super::views::{FlakyJob, RepositoryView, RunSlice};
use super::*;
use crate::keeper::store::Value;
use crate::keeper::store::statistics::Figures;

fn view(play: &Play) -> RepositoryView {
    let slice = RunSlice { outcome: None, before: None, limit: 50, filter: RunFilter::default() };
    play.keeper.repository_view(repository(), &slice, &play.settings, play.now.get()).unwrap()
}

/// How often a job failed, how often what became of its re-run is known, and how often it passed then.
fn counts(job: &FlakyJob) -> (&str, u64, u64, u64) {
    (job.job.as_str(), job.failed, job.reruns, job.passed)
}

/// Fails with these jobs, is heard of, and what is due is done.
fn fails(play: &Play, n: u32, jobs: &[&str]) {
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().jobs = jobs.iter().zip(1..).map(|(name, id)| failed_job(id, name, "Run tests")).collect();
    play.on_webhook(RunEventKind::RunFailed, Some(n));
    play.pass_working(Span::seconds(5));
}

#[test]
fn a_rescue_is_counted_once() {
    let play = Play::new();
    fails(&play, 1, &["test", "lint"]);
    let seen = view(&play);
    assert_eq!((seen.waiting, seen.rerunning, seen.reruns_today), (0, 1, 1));
    fails(&play, 2, &["test"]);
    play.ends(Conclusion::Success);
    for _ in 0..3 {
        play.on_webhook(RunEventKind::RunSucceeded, Some(3));
        play.work();
    }
    let seen = view(&play);
    assert_eq!((seen.waiting, seen.rerunning), (0, 0));
    assert_eq!((seen.last_30_days.rescued, seen.last_30_days.exhausted, seen.last_30_days.reruns), (1, 0, 2));
    assert_eq!(seen.last_30_days.saved_seconds, 10, "from the first failure to the success");
    assert_eq!(seen.last_30_days.runner_seconds, 60 + 60 + 60, "two jobs, then one, of a minute each");
    let jobs: Vec<_> = seen.flaky_jobs.iter().map(counts).collect();
    assert_eq!(jobs, [("test", 2, 2, 1), ("lint", 1, 1, 1)]);
    let totals = play.keeper.store.totals().unwrap();
    assert_eq!((totals.reruns_passed, totals.reruns_failed, totals.reruns_unknown), (1, 1, 0));
}

#[test]
fn a_run_that_goes_on_after_its_end_is_counted_where_it_ends_at_last() {
    let play = Play::new();
    for n in 1..=4 {
        fails(&play, n, &["test"]);
    }
    play.stands(RunOutcome::Exhausted, 3);
    assert_eq!(view(&play).last_30_days.exhausted, 1);
    // The next day a person presses the button.
    play.pass(Span::days(1));
    play.github.borrow_mut().attempt = 5;
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(5));
    play.pass_working(Span::minutes(1));
    let seen = view(&play);
    assert_eq!((seen.last_30_days.rescued, seen.last_30_days.exhausted), (1, 0));
    assert_eq!(seen.by_day.last().unwrap().rescued, 1, "on the day it ended");
    let totals = play.keeper.store.totals().unwrap();
    assert_eq!((totals.rescued, totals.exhausted), (1, 1), "what programs add up only grows");
    assert_eq!((totals.reruns_passed, totals.reruns_failed), (0, 3), "the last one was not Rerunner's");
}

#[test]
fn a_lost_answer_is_counted_like_any_other() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.github.borrow_mut().lost_after_effect = true;
    fails(&play, 1, &["test"]);
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    let seen = view(&play);
    assert_eq!((seen.last_30_days.rescued, seen.last_30_days.reruns), (1, 1));
    assert_eq!(seen.flaky_jobs.iter().map(counts).collect::<Vec<_>>(), [("test", 1, 1, 1)]);
}

#[test]
fn jobs_that_only_follow_are_not_flaky() {
    let play =
        Play::with_policy("version: 1\nrules:\n  - name: gates\n    if: { job: [all-green] }\n    then: ignore\n");
    fails(&play, 1, &["test", "all-green"]);
    assert_eq!(view(&play).flaky_jobs.iter().map(counts).collect::<Vec<_>>(), [("test", 1, 0, 0)]);
}

#[test]
fn runners_that_stand_out() {
    let play = Play::new();
    for (run, runner) in (1..).zip(["big-1", "big-2", "big-3", "big-3", "big-3", "big-3", "GitHub Actions 12"]) {
        play.ends(Conclusion::Failure);
        play.github.borrow_mut().attempt = 1;
        play.github.borrow_mut().jobs =
            vec![Job { runner: Some(runner.to_owned()), ..failed_job(run, "test", "Run tests") }];
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), None, RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::seconds(5));
    }
    let seen = view(&play);
    let bad: Vec<_> = seen.bad_runners.iter().map(|bad| (bad.runner.as_str(), bad.failed, bad.failed_on_all)).collect();
    assert_eq!(bad, [("big-3", 4, 6)]);
}

#[test]
fn what_is_old_is_forgotten_and_the_counters_stay() {
    let play = Play::new();
    fails(&play, 1, &["test"]);
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.work();
    let rows = |table: &str| {
        let counted = play.keeper.store.sql.exec(&format!("SELECT COUNT(*) FROM {table}"), vec![]).unwrap();
        counted[0][0].clone()
    };
    assert_eq!((rows("subjects"), rows("run_decisions WHERE number = 1"), rows("runs")), one_each());
    play.pass(Span::days(31));
    assert!(view(&play).flaky_jobs.is_empty() && view(&play).last_30_days.rescued == 0);
    play.pass(Span::days(400));
    for _ in 0..5 {
        play.keeper.prune(play.now.get()).unwrap();
        play.pass(Span::days(1));
    }
    for table in ["subjects", "days", "runs", "run_decisions", "decisions", "rerun_days"] {
        assert_eq!(rows(table), Value::Integer(0), "{table}");
    }
    assert_eq!(play.keeper.store.totals().unwrap().rescued, 1);
}

fn one_each() -> (Value, Value, Value) {
    (Value::Integer(1), Value::Integer(1), Value::Integer(1))
}

#[test]
fn names_made_up_anew_do_not_fill_the_storage() {
    let play = Play::new();
    for run in 1..=40 {
        play.github.borrow_mut().attempt = 1;
        let jobs: Vec<String> = (0..50).map(|job| format!("{run}-{job} {}", "x".repeat(10_000))).collect();
        play.github.borrow_mut().jobs = jobs.iter().zip(1..).map(|(name, id)| failed_job(id, name, name)).collect();
        play.ends(Conclusion::Failure);
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), None, RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::seconds(6));
    }
    let subjects = play.keeper.store.sql.exec("SELECT COUNT(*), MAX(LENGTH(name)) FROM subjects", vec![]).unwrap();
    assert_eq!(subjects[0][0], Value::Integer(500));
    assert!(matches!(subjects[0][1], Value::Integer(..=200)), "{subjects:?}");
}

#[test]
fn pages_of_runs() {
    let play = Play::new();
    for run in 1..=7 {
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), None, RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
    }
    let page = |outcome, before, limit| {
        let asked = RunSlice { outcome, before: RunId::new(before), limit, filter: RunFilter::default() };
        let page = play.keeper.runs_view(repository(), &asked).unwrap();
        (page.runs.iter().map(|run| run.run_id.get()).collect::<Vec<_>>(), page.next_cursor)
    };
    assert_eq!(page(None, 0, 3), (vec![7, 6, 5], Some("5".to_owned())));
    assert_eq!(page(None, 5, 3), (vec![4, 3, 2], Some("2".to_owned())));
    assert_eq!(page(None, 2, 3), (vec![1], None));
    assert_eq!(page(Some(RunOutcome::Waiting), 4, 3), (vec![3, 2, 1], None));
    assert_eq!(page(Some(RunOutcome::Rescued), 0, 3), (vec![], None));
}

#[test]
fn a_pause_holds_everything_back_and_loses_nothing() {
    let play = Play::new();
    play.keeper.set_repository(&repository()).unwrap();
    play.pass_working(Span::minutes(10));
    play.keeper.pause(play.now.get()).unwrap();
    let receipt = play.on_webhook(RunEventKind::RunFailed, Some(1));
    assert_eq!((receipt.kind, receipt.due), (ReceiptKind::Recorded, None));
    assert_eq!(receipt.reason, "the repository is paused");
    play.pass_working(Span::hours(3));
    assert_eq!(play.github.borrow().calls, []);
    play.rests();
    play.keeper.resume(play.now.get()).unwrap();
    assert!(play.keeper.next_alarm(&play.settings).unwrap().is_some_and(|due| due <= play.now.get()), "due since long");
    play.pass_working(Span::seconds(1));
    play.reruns(&[1]);
}

#[test]
fn a_pause_while_github_is_asked() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let Some(Task::Call(read)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    play.keeper.pause(play.now.get()).unwrap();
    let settled = play.keeper.answered(&read, play.answer(&read), &play.cx()).unwrap();
    assert_eq!(settled.task, None, "no re-run is asked for");
    play.pass_working(Span::hours(1));
    play.reruns(&[]);
    play.keeper.resume(play.now.get()).unwrap();
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);

    // A re-run that was asked for is answered, whatever comes in between.
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let rerun = play.until_rerun();
    play.keeper.pause(play.now.get()).unwrap();
    play.keeper.answered(&rerun, play.answer(&rerun), &play.cx()).unwrap();
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn the_summary_says_the_same_as_the_page() {
    let play = Play::new();
    play.keeper.set_repository(&repository()).unwrap();
    fails(&play, 1, &["test"]);
    play.pass_working(Span::minutes(2));
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    let mut summary = None;
    while let Some(task) = play.keeper.next(true, &play.cx()).unwrap() {
        match task {
            Task::Publish(tracked) => play.keeper.finish_publish(&tracked, true, play.now.get()).unwrap(),
            Task::Summarize(written) => {
                play.keeper.finish_summary(true, play.now.get()).unwrap();
                summary = Some(written);
            }
            other => panic!("{other:?}"),
        }
    }
    let (summary, seen) = (summary.expect("a summary"), view(&play));
    let window = summary.window(play.now.get());
    let sum = |of: fn(&Figures) -> u64| window.iter().map(of).sum::<u64>();
    assert_eq!(sum(|day| day.rescued), seen.last_30_days.rescued);
    assert_eq!(sum(|day| day.reruns), seen.last_30_days.reruns);
    assert_eq!(sum(|day| day.saved_seconds), seen.last_30_days.saved_seconds);
    assert_eq!(summary::key(&summary.repository), "repositories/octo/widgets");
}

/// Seen to fail when the first of its decisions is taken, and when that of the run is that changed last (none).
#[test]
fn how_a_repository_stands() {
    let play = Play::new();
    let status = |play: &Play| play.keeper.status_view(repository(), &play.settings, play.now.get()).unwrap();
    assert_eq!(status(&play).last_decision, None);
    fails(&play, 1, &["test"]);
    let seen = status(&play);
    assert_eq!((seen.paused, seen.waiting, seen.rerunning, seen.reruns_today), (false, 0, 1, 1));
    assert_eq!((seen.policy.as_str(), &seen.policy_problem), ("everything", &None));
    let decision = seen.last_decision.unwrap();
    assert_eq!((decision.run_attempt, decision.outcome), (RunAttempt::new(1), RunOutcome::Rerunning));
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.work();
    assert_eq!(status(&play).last_decision.map(|decision| decision.outcome), Some(RunOutcome::Rescued));
    let other = RunEvent::new(repository(), RunId::new(1).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
    play.keeper.receive(&other, &play.cx()).unwrap();
    let seen = status(&play);
    assert_eq!((seen.waiting, seen.last_decision.map(|decision| decision.outcome)), (1, Some(RunOutcome::Rescued)));
    play.keeper.pause(play.now.get()).unwrap();
    let seen = status(&play);
    assert_eq!((seen.paused, seen.paused_since, seen.last_30_days.rescued), (true, Some(play.now.get()), 1));
}
