//! The repository's budget: taken before a call is made, given back only when it certainly came to nothing.

use super::commands::{failed_once, rerun};
use super::*;
use crate::webhook::command::GivenBy;

/// Of another run than the one that the play is about.
fn fails(play: &Play, run: u64) {
    let run_id = RunId::new(run).unwrap();
    let event = RunEvent::new(repository(), run_id, Some(attempt(1)), RunEventKind::RunFailed);
    play.keeper.receive(&event, &play.cx()).unwrap();
}

fn outcome(play: &Play, run: u64) -> RunOutcome {
    play.keeper.run(RunId::new(run).unwrap()).unwrap().unwrap().0.outcome
}

/// All runs are in their first attempt: a re-run of one does not advance the others.
fn work_on_many(play: &Play) {
    play.pass_working(Span::seconds(5));
    play.github.borrow_mut().attempt = 1;
    play.ends(Conclusion::Failure);
}

#[test]
fn reruns_an_hour_are_of_the_repository_and_come_back() {
    let play = Play::with_policy("budget: { reruns_per_hour: 2 }\n");
    for run in [1, 2, 3] {
        fails(&play, run);
        work_on_many(&play);
    }
    assert_eq!(
        [1, 2, 3].map(|run| outcome(&play, run)),
        [RunOutcome::Rerunning, RunOutcome::Rerunning, RunOutcome::Left]
    );
    let (tracked, _) = play.keeper.run(RunId::new(3).unwrap()).unwrap().unwrap();
    assert!(tracked.reason.contains("2 re-runs an hour"), "{}", tracked.reason);
    play.pass(Span::hours(1));
    fails(&play, 4);
    work_on_many(&play);
    assert_eq!(outcome(&play, 4), RunOutcome::Rerunning);
}

#[test]
fn runner_minutes_a_day() {
    // Each failed job took a minute.
    let play = Play::with_policy("budget: { minutes_per_day: 2 }\n");
    for run in [1, 2, 3] {
        fails(&play, run);
        work_on_many(&play);
        play.pass(Span::hours(2));
    }
    assert_eq!(outcome(&play, 3), RunOutcome::Left);
    play.pass(Span::hours(22));
    fails(&play, 4);
    work_on_many(&play);
    assert_eq!(outcome(&play, 4), RunOutcome::Rerunning);
}

#[test]
fn a_lost_answer_is_paid_for() {
    let play = Play::with_policy("budget: { reruns_per_hour: 1 }\n");
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    fails(&play, 2);
    play.pass_working(Span::seconds(20));
    assert_eq!(outcome(&play, 2), RunOutcome::Left, "it may have taken effect");
    // It did not, and is made again, which is one re-run and not two.
    play.pass_working(Span::minutes(2));
    play.reruns(&[1]);
}

#[test]
fn a_refusal_costs_nothing() {
    let refused = Err(github::Error::Refused { message: "This workflow run cannot be retried".to_owned() });
    for answer in [refused, Ok(RerunAnswer::AlreadyRunning)] {
        let play = Play::with_policy("budget: { reruns_per_hour: 1 }\n");
        play.github.borrow_mut().rerun_answers = vec![answer];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(5));
        fails(&play, 2);
        play.pass_working(Span::seconds(20));
        assert_eq!(outcome(&play, 2), RunOutcome::Rerunning);
    }
}

/// Those have limits of their own.
#[test]
fn what_commands_re_run_is_not_taken_from_it() {
    let play = failed_once("budget: { reruns_per_hour: 1 }\ncommands: { who: collaborators }\n");
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    let spent = play.keeper.store.spent(RunId::new(2).unwrap(), play.now.get()).unwrap();
    assert_eq!((spent.reruns_last_hour, spent.runner_time_last_day), (0, Span::ZERO));
    play.github.borrow_mut().attempt = 1;
    play.ends(Conclusion::Failure);
    for (run, expected) in [(2, RunOutcome::Rerunning), (3, RunOutcome::Left)] {
        fails(&play, run);
        work_on_many(&play);
        assert_eq!(outcome(&play, run), expected, "{run}");
    }
}

#[test]
fn a_crash_before_the_answer_is_paid_for() {
    let play = Play::with_policy("budget: { reruns_per_hour: 1 }\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    play.until_rerun();
    fails(&play, 2);
    play.pass(Span::seconds(6));
    play.work();
    assert_eq!(outcome(&play, 2), RunOutcome::Left);
}

#[test]
fn what_was_spent_is_forgotten_after_two_days() {
    let play = Play::with_policy("");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    let kept = |play: &Play| play.rows("repository WHERE name = 'ledger' AND value LIKE '%\"spent\":[[%'");
    assert_eq!(kept(&play), 1);
    play.pass(Span::days(3));
    play.github.borrow_mut().conclusion = Some(Conclusion::Failure);
    let event = RunEvent::new(repository(), RunId::new(8).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
    play.keeper.receive(&event, &play.cx()).unwrap();
    play.pass_working(Span::seconds(5));
    let spent = play.keeper.store.spent(RunId::new(9).unwrap(), play.now.get()).unwrap();
    assert_eq!((spent.reruns_last_day, kept(&play)), (1, 1));
    let one = "repository WHERE name = 'ledger' AND json_array_length(value, '$.spent') = 1";
    assert_eq!(play.rows(one), 1);
}

#[test]
fn what_an_older_version_has_stored_is_brought_up_to_date() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    let sql = play.keeper.store.sql;
    // Back to the first version, with a decision as that wrote it.
    let first = [
        "DROP INDEX runs_outcome",
        "DROP TABLE days",
        "DROP TABLE subjects",
        "DROP TABLE subject_days",
        "DROP TABLE open_reruns",
        "DROP TABLE notices",
        "DROP TABLE pull_runs",
        "DROP TABLE pull_comments",
        "DROP INDEX reruns_at",
        "DROP TABLE reruns",
        "ALTER TABLE decisions DROP COLUMN detail",
        "ALTER TABLE runs DROP COLUMN detail",
        "ALTER TABLE runs DROP COLUMN event",
        "ALTER TABLE runs DROP COLUMN head_branch",
        "ALTER TABLE runs DROP COLUMN actor",
        "ALTER TABLE runs DROP COLUMN run_number",
        "ALTER TABLE runs DROP COLUMN title",
        "ALTER TABLE runs DROP COLUMN workflow_id",
        "ALTER TABLE runs DROP COLUMN workflow_path",
        "ALTER TABLE runs DROP COLUMN evidence_since",
        "DROP INDEX runs_refused",
        "ALTER TABLE runs DROP COLUMN refused",
        "ALTER TABLE runs DROP COLUMN refused_attempt",
        "ALTER TABLE runs DROP COLUMN refused_since",
        "ALTER TABLE runs DROP COLUMN gathering_attempt",
        "ALTER TABLE runs DROP COLUMN gathering_times",
        "UPDATE schema SET version = 1",
        "INSERT INTO decisions (run_id, run_attempt, decided, outcome, reason) VALUES (7, 1, 5, 'waiting', 'So.')",
    ];
    for statement in UNDO_TO_19.into_iter().chain(UNDO_TO_18).chain(UNDO_TO_15).chain(UNDO_TO_10).chain(first) {
        crate::keeper::store::Sql::exec(&sql, statement, vec![]).unwrap();
    }
    let keeper = Keeper::open(sql).unwrap();
    let (tracked, records) = keeper.run(run_id()).unwrap().unwrap();
    assert_eq!((tracked.outcome, tracked.event), (RunOutcome::Waiting, None));
    let expected = Record {
        run_attempt: Some(attempt(1)),
        decided: Millis(5),
        outcome: RunOutcome::Waiting,
        reason: "So.".to_owned(),
        detail: None,
    };
    assert_eq!(records, [expected]);
    let play = Play { keeper, ..Play::new() };
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}
