//! The repository's policy file: when it is read, what holds while it cannot be, and what follows from it.

use super::*;
use crate::policy::PolicyState;

fn policy_reads(play: &Play) -> usize {
    play.github.borrow().calls.iter().filter(|call| matches!(call, Call::ReadPolicy { .. })).count()
}

#[track_caller]
fn absent(play: &Play) -> Vec<String> {
    let (_, records) = play.keeper.run(run_id()).unwrap().unwrap();
    records.last().unwrap().detail.clone().unwrap_or_default().absent
}

#[test]
fn the_file_is_read_before_the_first_decision_and_then_every_five_minutes() {
    let play = Play::with_policy("max_reruns: 10\ndelay: 0s\n");
    for (attempt, gap, reads) in
        [(1, Span::ZERO, 1), (2, Span::minutes(4), 1), (3, Span::minutes(2), 2), (4, Span::minutes(6), 3)]
    {
        play.ends(Conclusion::Failure);
        play.pass(gap);
        play.on_webhook(RunEventKind::RunFailed, Some(attempt));
        play.work();
        play.pass_working(Span::seconds(5));
        assert_eq!(policy_reads(&play), reads, "attempt {attempt}");
    }
    play.reruns(&[1, 2, 3, 4]);
    let etags: Vec<bool> = (play.github.borrow().calls.iter())
        .filter_map(|call| if let Call::ReadPolicy { etag, .. } = call { Some(etag.is_some()) } else { None })
        .collect();
    assert_eq!(etags, [false, true, true], "GitHub is asked whether it has changed");
}

#[test]
fn a_change_holds_after_five_minutes() {
    let play = Play::with_policy("max_reruns: 1\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(5));
    play.github.borrow_mut().file = Some("max_reruns: 2 # more\n".to_owned());
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
}

#[test]
fn without_a_file_and_without_the_permission_to_read_one() {
    let message = "403 Resource not accessible by personal access token (needed: contents=read)".to_owned();
    for (answer, expected) in [
        (Err(github::Error::NotFound), vec![]),
        (Err(github::Error::Refused { message: message.clone() }), vec![format!("policy file: {message}")]),
    ] {
        let play = Play::with_policy("max_reruns: 0\n");
        play.github.borrow_mut().policy_answers = vec![answer.clone(), answer];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(5));
        play.reruns(&[1]);
        assert_eq!(absent(&play), expected);
        play.ends(Conclusion::Failure);
        play.pass(Span::minutes(6));
        play.on_webhook(RunEventKind::RunFailed, Some(2));
        play.pass_working(Span::seconds(5));
        play.reruns(&[1, 2]);
        let notices = play.warnings.borrow();
        assert_eq!(notices.len(), expected.len(), "said once: {notices:?}");
        assert!(notices.iter().all(|notice| notice.contains("Contents: read")));
    }
}

#[test]
fn nothing_is_decided_by_the_default_rule_because_of_a_fault_that_passes() {
    let refused = github::Error::Credentials { message: "401 Bad credentials".to_owned() };
    for problem in [lost(), github::Error::RateLimited { wait: Some(Span::minutes(1)) }, refused] {
        let play = Play::with_policy("max_reruns: 0\n");
        play.github.borrow_mut().policy_answers = vec![Err(problem); 3];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(6));
        assert_eq!(play.github.borrow().reads, 0, "it waits");
        play.pass_working(Span::hours(2));
        play.reruns(&[]);
        play.stands(RunOutcome::Left, 0);
        assert!(play.tracked().reason.contains("max_reruns"), "{}", play.tracked().reason);
        play.rests();
    }
}

#[test]
fn what_is_known_of_the_file_holds_while_github_does_not_answer() {
    let play = Play::with_policy("max_reruns: 1\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.pass(Span::minutes(6));
    play.github.borrow_mut().policy_answers = vec![Err(lost()); 10];
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(5));
    play.stands(RunOutcome::Exhausted, 1);
}

#[test]
fn what_is_known_of_the_file_holds_when_the_token_may_no_longer_read_it() {
    let play = Play::with_policy("max_reruns: 1\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.pass(Span::minutes(6));
    play.github.borrow_mut().policy_answers = vec![Err(github::Error::Refused { message: "403".to_owned() })];
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(5));
    play.stands(RunOutcome::Exhausted, 1);
    assert!(play.warnings.borrow().iter().any(|notice| notice.contains("the last version read applies")));
    assert_eq!(absent(&play), ["policy file: 403"]);
}

#[test]
fn what_is_known_of_the_file_outlives_a_restart() {
    let play = Play::with_policy("max_reruns: 1\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    let Play { keeper, now, github, settings, .. } = play;
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(keeper.store.sql).unwrap() };
    assert!(matches!(keeper.policy(&settings).unwrap().state, PolicyState::Valid(_)));
    let play = Play { keeper, now, github, settings, ..Play::new() };
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(5));
    play.stands(RunOutcome::Exhausted, 1);
    assert_eq!(policy_reads(&play), 1);
}

#[test]
fn a_broken_file_causes_no_reruns_until_it_is_mended() {
    let play = Play::with_policy("max_rerun: 3\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    let reason = play.tracked().reason;
    assert!(reason.contains("not valid") && reason.contains("line 1") && reason.contains("max_rerun"), "{reason}");
    let notices = play.warnings.take();
    assert!(notices.len() == 1 && notices.iter().all(|notice| notice.contains("line 1")), "{notices:?}");

    play.github.borrow_mut().file = Some("max_reruns: 3\n".to_owned());
    play.github.borrow_mut().attempt = 2;
    play.pass(Span::minutes(5));
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(1));
    play.reruns(&[2]);
}

#[test]
fn a_file_that_cannot_be_a_policy_is_a_broken_one() {
    let play = Play::with_policy("");
    play.github.borrow_mut().policy_answers = vec![Err(github::Error::TooLarge { limit: "64 KiB" })];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    assert!(play.tracked().reason.contains("64 KiB"), "{}", play.tracked().reason);
}

#[test]
fn delays_are_counted_from_the_failure() {
    let rule = "rules:\n  - name: lost runners\n    if: { lost_runner: true }\n    then: rerun\n    delay: 2s\n";
    let play = Play::with_policy(&format!("delay: 1m\nbackoff: 3\n{rule}"));
    // Nothing is known of the file yet.
    assert_eq!(play.on_webhook(RunEventKind::RunFailed, Some(1)).due, Some(START + Span::seconds(5)));
    play.pass_working(Span::millis(59_999));
    play.reruns(&[]);
    play.stands(RunOutcome::Waiting, 0);
    play.pass_working(Span::millis(1));
    play.reruns(&[1]);
    // Now it is: a rule's is the shortest delay that there can be.
    play.ends(Conclusion::Failure);
    assert_eq!(play.on_webhook(RunEventKind::RunFailed, Some(2)).due, Some(play.now.get() + Span::seconds(2)));
    play.pass_working(Span::millis(3 * 60_000 - 1));
    play.reruns(&[1]);
    play.pass_working(Span::millis(1));
    play.reruns(&[1, 2]);
}

#[test]
fn scope_and_debug_logging_reach_the_call() {
    let play = Play::with_policy("scope: all_jobs\ndebug_logging: last\nmax_reruns: 2\n");
    for attempt in [1, 2] {
        play.ends(Conclusion::Failure);
        play.on_webhook(RunEventKind::RunFailed, Some(attempt));
        play.pass_working(Span::seconds(5));
    }
    let github = play.github.borrow();
    let asked: Vec<_> = (github.calls.iter())
        .filter_map(|call| match call {
            Call::Rerun { scope, debug_logging, .. } => Some((*scope, *debug_logging)),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [(Scope::AllJobs, false), (Scope::AllJobs, true)]);
}

#[test]
fn what_failed_before_counts_whatever_came_between() {
    let play = Play::with_policy("stop_when_repeated: 2\nmax_reruns: 9\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().jobs = vec![failed_job(7, "test", "Another step")];
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(5));
    play.reruns(&[1, 2]);
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().jobs = vec![failed_job(8, "test", "Run tests")];
    play.on_webhook(RunEventKind::RunFailed, Some(3));
    play.pass_working(Span::seconds(5));
    play.reruns(&[1, 2]);
    play.stands(RunOutcome::Left, 2);
}

#[test]
fn a_dry_run_decides_and_records_and_calls_nothing() {
    let mut play =
        Play::with_policy("rules:\n  - name: known\n    if: { log: ECONN }\n    then: rerun\notherwise: leave\n");
    play.settings.dry_run = true;
    play.github.borrow_mut().log = vec!["Error: ECONNRESET".to_owned()];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    assert!(!play.github.borrow().calls.iter().any(|call| matches!(call, Call::Rerun { .. })));
    let (tracked, records) = play.keeper.run(run_id()).unwrap().unwrap();
    assert!(tracked.reason.contains("DRY_RUN"), "{}", tracked.reason);
    let detail = records.last().unwrap().detail.clone().unwrap();
    assert_eq!(detail.fetched, ["jobs", "log of test"]);
    assert_eq!(detail.jobs.first().and_then(|job| job.line), Some(1));
    assert_eq!((tracked.event.as_deref(), tracked.head_branch.as_deref()), (Some("push"), Some("main")));
    assert_eq!((tracked.actor.as_deref(), tracked.run_number), (Some("ann"), Some(3)));
    assert_eq!(tracked.title.as_deref(), Some("Fix it"));
}

#[test]
fn where_cancelled_runs_are_wanted_workers_kv_and_the_sweep_know() {
    let mut play = Play::with_policy("conclusions: [failure, cancelled]\n");
    play.settings.sweep_interval = Span::minutes(15);
    // Another run, which comes to nothing, makes the policy known.
    let other = RunId::new(1).unwrap();
    let event = RunEvent::new(repository(), other, Some(attempt(1)), RunEventKind::RunFailed);
    play.ends(Conclusion::Success);
    play.keeper.receive(&event, &play.cx()).unwrap();
    play.pass_working(Span::minutes(1));
    assert_eq!(*play.cancelled.borrow(), [true]);
    // What was cancelled before anybody wanted it re-run is left alone.
    play.ends(Conclusion::Cancelled);
    play.github.borrow_mut().ended = Millis(START.0 - Span::minutes(12).as_millis());
    play.pass_working(Span::minutes(16));
    assert_eq!(play.keeper.run(run_id()).unwrap(), None);
    // No webhook tells of one that is cancelled after that.
    play.github.borrow_mut().ended = play.now.get();
    play.pass_working(Span::minutes(16));
    play.reruns(&[1]);
    // And of its second attempt, one does.
    play.ends(Conclusion::Cancelled);
    play.webhook(RunEventKind::RunCancelled, Some(2), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
    // Somebody changes their mind.
    play.github.borrow_mut().file = None;
    play.ends(Conclusion::Cancelled);
    play.pass(Span::minutes(6));
    play.on_webhook(RunEventKind::RunCancelled, Some(3));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
    play.stands(RunOutcome::Left, 2);
    assert_eq!(*play.cancelled.borrow(), [true, false]);
}

/// Seen to fail when only the repository's own file is looked at, and when the lines are counted from 0.
#[test]
fn a_runs_page_knows_where_its_rules_stand() {
    let play = Play::with_policy("# ours\nrules:\n- name: all\n  if: { job: \"*\" }\n  then: rerun\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    let view = || play.keeper.run_page_view(repository(), run_id(), &play.settings, play.now.get()).unwrap().unwrap();
    let [place] = <[_; 1]>::try_from(view().rules).unwrap();
    assert_eq!((place.rule.as_str(), place.line, place.repository), ("all", 3, repository()));
    assert_eq!(place.path, policy_path());
    assert_eq!(view().paused_since, None);
    play.keeper.pause(play.now.get()).unwrap();
    assert_eq!(view().paused_since, Some(play.now.get()));
    let unknown = RunId::new(99).unwrap();
    assert_eq!(play.keeper.run_page_view(repository(), unknown, &play.settings, play.now.get()), Ok(None));

    let play = Play::with_policy("extends: organization\n");
    play.github.borrow_mut().organizations_file =
        Some("rules:\n- name: theirs\n  if: { job: \"*\" }\n  then: rerun\n".to_owned());
    play.keeper.set_repository(&repository()).unwrap();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(6));
    let view = play.keeper.run_page_view(repository(), run_id(), &play.settings, play.now.get()).unwrap().unwrap();
    let [place] = <[_; 1]>::try_from(view.rules).unwrap();
    assert_eq!((place.rule.as_str(), place.line, place.repository.as_str()), ("theirs", 2, "octo/.github"));
}
