//! Evidence for a decision: asked for when it is needed, done without when it is not to be had, never stored.

use super::*;
use crate::policy::Detail;

/// Re-runs what has the right words in its log, and leaves the rest.
const BY_LOG: &str = "rules:\n  - name: network\n    if: { log: ECONNRESET }\n    then: rerun\notherwise: leave\n";

fn with_log(lines: &[&str]) -> Play {
    let play = Play::with_policy(BY_LOG);
    play.github.borrow_mut().log = lines.iter().map(|line| (*line).to_owned()).collect();
    play
}

fn detail(play: &Play) -> Detail {
    let (_, records) = play.keeper.run(run_id()).unwrap().unwrap();
    *records.last().unwrap().detail.clone().unwrap()
}

fn asked(play: &Play, of: fn(&Call) -> bool) -> usize {
    play.github.borrow().calls.iter().filter(|call| of(call)).count()
}

fn is_log(call: &Call) -> bool {
    matches!(call, Call::ReadLog { .. })
}

fn is_jobs(call: &Call) -> bool {
    matches!(call, Call::ListJobs { .. })
}

fn is_read(call: &Call) -> bool {
    matches!(call, Call::ReadRun { .. })
}

#[test]
fn a_log_decides_and_nothing_of_it_is_kept_but_where() {
    let play = with_log(&["fetching", "read ECONNRESET hush"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
    let detail = detail(&play);
    assert_eq!(detail.fetched, ["jobs", "log of test"]);
    assert_eq!(detail.rules, ["network"]);
    let line = detail.jobs.first().and_then(|job| job.line);
    assert_eq!(line, Some(2));
    let all = format!("{:?}", play.keeper.run(run_id()).unwrap());
    assert!(!all.contains("hush"), "{all}");
}

#[test]
fn what_no_rule_asks_for_is_not_read() {
    let play = Play::with_policy("rules:\n  - name: builds\n    if: { job: build, log: x }\n    then: leave\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
    assert_eq!((asked(&play, is_jobs), asked(&play, is_log)), (1, 0));
}

#[test]
fn jobs_come_in_pages() {
    let play = Play::with_policy("rules:\n  - name: late\n    if: { job: job 250 }\n    then: leave\nmixed: leave\n");
    play.github.borrow_mut().jobs = (1..=250).map(|n| failed_job(n, &format!("job {n}"), "Run tests")).collect();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    assert_eq!(asked(&play, is_jobs), 3);
}

#[test]
fn one_decision_makes_a_bounded_number_of_requests() {
    let play = Play::with_policy(&format!("{BY_LOG}mixed: rerun\n"));
    play.github.borrow_mut().log = vec!["read ECONNRESET".to_owned()];
    play.github.borrow_mut().jobs = (1..=40).map(|n| failed_job(n, &format!("job {n:02}"), "Run tests")).collect();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
    // Each takes two requests: GitHub answers with where it lies.
    assert_eq!(asked(&play, is_log), 12);
    let absent = detail(&play).absent;
    assert_eq!(absent.len(), 28);
    assert!(absent.iter().all(|why| why.contains("at most 25 requests")), "{absent:?}");
}

#[test]
fn what_github_does_not_have_is_done_without_after_a_moment() {
    let play = with_log(&["read ECONNRESET"]);
    play.github.borrow_mut().log_problem = Some(github::Error::NotFound);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(9));
    play.stands(RunOutcome::Waiting, 0);
    play.pass_working(Span::seconds(21));
    play.reruns(&[]);
    assert_eq!(asked(&play, is_log), 3);
    play.stands(RunOutcome::Left, 0);
    assert_eq!(detail(&play).absent, ["log of test: GitHub has none (404)"]);
}

#[test]
fn lost_answers_are_asked_for_again_and_then_done_without() {
    for (lost_answers, rerun, most) in [(7, true, Span::minutes(1)), (1_000, false, Span::minutes(5))] {
        let play = with_log(&["read ECONNRESET"]);
        play.github.borrow_mut().evidence_problems = vec![lost(); lost_answers];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(most);
        play.reruns(if rerun { &[1] } else { &[] });
        assert_eq!(play.tracked().outcome, if rerun { RunOutcome::Rerunning } else { RunOutcome::Left });
        let absent = detail(&play).absent;
        assert_eq!(absent.is_empty(), rerun, "{absent:?}");
        let tries = asked(&play, is_jobs);
        // Each in three sizes of pages.
        assert!((3..=24).contains(&tries), "{tries} tries");
    }
}

#[test]
fn a_list_that_is_too_long_is_no_outage_in_the_end() {
    let play = with_log(&["read ECONNRESET"]);
    play.github.borrow_mut().evidence_problems = vec![github::Error::TooLarge { limit: "4 MiB" }; 3];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    assert_eq!(asked(&play, is_jobs), 3, "in three sizes of pages");
    play.stands(RunOutcome::Left, 0);
    assert_eq!(detail(&play).absent, ["jobs: GitHub's answer is larger than 4 MiB"]);
}

#[test]
fn after_an_outage_evidence_is_not_done_without_at_once() {
    let play = with_log(&["read ECONNRESET"]);
    play.github.borrow_mut().read_problems = vec![lost(); 10];
    play.github.borrow_mut().evidence_problems = vec![lost(); 2];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(3));
    play.reruns(&[1]);
    assert!(detail(&play).absent.is_empty());
}

#[test]
fn a_rate_limit_is_waited_out() {
    let play = with_log(&["read ECONNRESET"]);
    play.github.borrow_mut().evidence_problems = vec![github::Error::RateLimited { wait: Some(Span::minutes(10)) }];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(10));
    play.reruns(&[]);
    assert_eq!(asked(&play, |_| true), 3, "the file, the run and its jobs, and then nothing");
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn a_list_of_jobs_that_is_behind_is_asked_for_again() {
    let play = Play::new();
    let ended = play.github.borrow().jobs.clone();
    play.github.borrow_mut().jobs = vec![Job { conclusion: None, completed: None, ..failed_job(1, "test", "x") }];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(8));
    play.reruns(&[]);
    play.github.borrow_mut().jobs = ended;
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert_eq!(detail(&play).jobs.len(), 1);
}

#[test]
fn after_gathering_for_long_the_run_is_read_again() {
    for (takes, reads) in [(Span::seconds(1), 1), (Span::seconds(4), 2)] {
        let play = with_log(&["read ECONNRESET"]);
        play.github.borrow_mut().evidence_takes = takes;
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(&[1]);
        assert_eq!((asked(&play, is_read), asked(&play, is_log)), (reads, 1), "{takes}");
        let rerun = play.github.borrow().calls.iter().rposition(|call| matches!(call, Call::Rerun { .. }));
        let read = play.github.borrow().calls.iter().rposition(is_read);
        assert!(reads == 1 || read.map(|read| read + 1) == rerun, "it is read right before");
    }
}

#[test]
fn what_changed_while_evidence_was_gathered_counts() {
    let play = with_log(&["read ECONNRESET"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let log = play.until(is_log);
    // Somebody presses the button, and it passes.
    play.github.borrow_mut().attempt = 2;
    play.ends(Conclusion::Success);
    play.webhook(RunEventKind::RunSucceeded, Some(2), ReceiptKind::Recorded);
    let settled = play.keeper.answered(&log, play.answer(&log), &play.cx()).unwrap();
    assert_eq!(settled.task, None);
    play.pass_working(Span::minutes(5));
    play.reruns(&[]);
    play.stands(RunOutcome::Rescued, 0);
}

#[test]
fn after_a_crash_evidence_is_gathered_anew() {
    let play = with_log(&["read ECONNRESET"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    play.until(is_log);
    let Play { keeper, now, github, settings, .. } = play;
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(keeper.store.sql).unwrap() };
    let play = Play { keeper, now, github, settings, ..Play::new() };
    play.pass_working(LEASE);
    play.reruns(&[1]);
    assert_eq!(asked(&play, is_jobs), 2);
}

#[test]
fn a_claim_is_renewed_while_evidence_is_gathered() {
    let play = with_log(&["read ECONNRESET"]);
    play.github.borrow_mut().evidence_takes = Span::seconds(15);
    play.github.borrow_mut().jobs = (1..=250).map(|n| failed_job(n, &format!("job {n}"), "Run tests")).collect();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let mut task = play.keeper.next(true, &play.cx()).unwrap();
    while let Some(Task::Call(call)) = task {
        assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None, "{call:?}: it is claimed");
        task = play.keeper.answered(&call, play.answer(&call), &play.cx()).unwrap().task;
    }
}

#[test]
fn a_run_that_is_let_go_is_begun_anew() {
    let play = with_log(&["read ECONNRESET"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let log = play.until(is_log);
    play.keeper.give_up_decision(run_id(), play.now.get()).unwrap();
    let late = play.keeper.answered(&log, play.answer(&log), &play.cx()).unwrap();
    assert_eq!(late.task, None, "nobody waits for it");
    play.work();
    play.reruns(&[1]);
}

/// Works on until a call of this kind is made, of which the object dies, and starts it anew.
fn dies_of(play: Play, of: fn(&Call) -> bool) -> Play {
    play.github.borrow_mut().deadly = Some(of);
    let before = asked(&play, of);
    for _ in 0..20 {
        if asked(&play, of) > before {
            break;
        }
        to_the_next_alarm(&play);
    }
    let Play { keeper, now, settings, github, .. } = play;
    github.borrow_mut().deadly = None;
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(keeper.store.sql).unwrap() };
    Play { keeper, now, settings, github, ..Play::new() }
}

fn to_the_next_alarm(play: &Play) {
    let alarm = play.keeper.next_alarm(&play.settings).unwrap().unwrap();
    play.now.set(play.now.get().max(alarm));
    play.work();
}

fn begun(play: &Play) -> Option<(u32, u32)> {
    play.tracked().collecting.map(|begun| (begun.run_attempt.get(), begun.times))
}

#[test]
fn what_the_object_dies_of_is_not_tried_for_ever() {
    let play = with_log(&["read ECONNRESET"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    let play = dies_of(dies_of(play, is_log), is_log);
    assert_eq!((begun(&play), asked(&play, is_log)), (Some((1, 2)), 2));
    play.pass_working(Span::minutes(1));
    // Decided without the log, and so without what it would have been re-run for.
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    assert_eq!(asked(&play, is_log), 2);
    let absent = detail(&play).absent;
    assert_eq!(absent, ["log of test: not read: the Worker crashed 2 times while collecting evidence"]);
    assert_eq!(begun(&play), None);
    play.rests();
}

#[test]
fn not_even_what_it_dies_of_first() {
    let mut play = with_log(&["read ECONNRESET"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    for _ in 0..4 {
        play = dies_of(play, is_jobs);
    }
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    assert_eq!(asked(&play, is_jobs), 4);
    let absent = detail(&play).absent;
    assert_eq!(absent, ["jobs: not read: the Worker crashed 4 times while collecting evidence"]);
}

#[test]
fn a_restart_while_evidence_is_gathered_does_not_count_for_ever() {
    let play = with_log(&["read ECONNRESET"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    let play = dies_of(play, is_jobs);
    assert_eq!(begun(&play), Some((1, 1)));
    // It comes to an end, if only because GitHub does not answer.
    play.github.borrow_mut().evidence_problems = vec![lost(); 3];
    to_the_next_alarm(&play);
    assert_eq!(begun(&play), None);
    let play = dies_of(play, is_log);
    assert_eq!(begun(&play), Some((1, 1)));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    // The next attempt begins at nothing.
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    let play = dies_of(play, is_log);
    assert_eq!(begun(&play), Some((2, 1)));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
}

#[test]
fn what_is_given_up_without_a_death_is_none() {
    let play = with_log(&["read ECONNRESET"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    for _ in 0..3 {
        // The answer never comes, and the same object begins anew.
        play.github.borrow_mut().deadly = Some(is_log);
        to_the_next_alarm(&play);
        assert_eq!(begun(&play), Some((1, 1)));
    }
    play.github.borrow_mut().deadly = None;
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

/// A `check_run` does not say of which attempt it is, and what was read may be older: a person has started the next one meanwhile.
/// As the simulation found it. Seen to fail when what is heard while evidence is read is forgotten with the decision.
#[test]
fn a_failure_of_an_unknown_attempt_that_is_heard_meanwhile_is_looked_at() {
    let play = with_log(&["error: expected one of `;`"]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let log = play.until(is_log);
    play.github.borrow_mut().attempt = 2;
    play.on_webhook(RunEventKind::JobFailed, None);
    play.keeper.answered(&log, play.answer(&log), &play.cx()).unwrap();
    play.stands(RunOutcome::Left, 0);
    assert_eq!(play.tracked().decided_attempt, Some(attempt(1)));
    play.github.borrow_mut().log = vec!["read ECONNRESET".to_owned()];
    play.pass_working(Span::minutes(1));
    play.reruns(&[2]);
}
