//! A repository that is called otherwise than before.

use super::*;
use crate::keeper::repository_state::Identity;
use crate::names::{InstallationId, RepositoryId};

fn name(name: &str) -> RepoName {
    RepoName::parse(name).unwrap()
}

fn named(of: &str) -> Play {
    let play = Play::new();
    play.keeper.set_repository(&name(of)).unwrap();
    play.github.borrow_mut().name = Some(name(of));
    play
}

fn identity(id: u64) -> Identity {
    Identity { id: RepositoryId::new(id).unwrap(), installation: InstallationId::new(id + 70), since_run: None }
}

#[test]
fn a_run_of_a_renamed_repository_is_handed_over_and_not_rerun_here() {
    let play = named("octo/old");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.pass_working(Span::minutes(5));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    assert!(play.tracked().reason.contains("octo/new"), "{}", play.tracked().reason);
    play.rests();
    let handed = play.handed_over.borrow();
    let [what] = handed.as_slice() else { panic!("{handed:?}") };
    assert_eq!((what.event.repository.as_str(), what.event.run_attempt), ("octo/new", Some(attempt(1))));
    // The other Keeper re-runs it.
    let new = named("octo/new");
    new.keeper.take_over(what.event.run_id, &what.records).unwrap();
    new.keeper.receive(&what.event, &new.cx()).unwrap();
    new.pass_working(Span::minutes(1));
    new.reruns(&[1]);
}

/// Seen to fail when what the old name called for stays open, although the run has shown that it did nothing.
#[test]
fn what_was_called_for_by_the_old_name_is_over_with_it() {
    let play = named("octo/old");
    play.github.borrow_mut().rerun_answers = vec![Err(lost())];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    assert!(play.tracked().pending.is_some());
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.pass_working(Span::minutes(5));
    play.stands(RunOutcome::Left, 0);
    assert!(play.tracked().pending.is_none() && !play.tracked().reason.contains("not known"), "{:?}", play.tracked());
    let spent = play.keeper.store.spent(RunId::new(8).unwrap(), play.now.get()).unwrap();
    assert_eq!(spent.reruns_last_day, 0);
}

/// GitHub compares names without regard to case.
#[test]
fn another_spelling_is_no_other_name() {
    let play = named("octo/widgets");
    play.github.borrow_mut().name = Some(name("Octo/Widgets"));
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert!(play.handed_over.borrow().is_empty());
}

#[test]
fn a_rerun_that_is_going_on_is_handed_over_with_what_was_decided() {
    let play = named("octo/old");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.ends(Conclusion::Failure);
    play.pass_working(Span::minutes(5));
    play.reruns(&[1]);
    let handed = play.handed_over.borrow();
    let [what] = handed.as_slice() else { panic!("{handed:?}") };
    assert_eq!(what.event.run_attempt, Some(attempt(2)));
    // The other knows of it by a webhook, and is told twice: nothing is counted twice.
    let new = named("octo/new");
    new.github.borrow_mut().attempt = 2;
    new.on_webhook(RunEventKind::RunFailed, Some(2));
    for _ in 0..2 {
        new.keeper.take_over(what.event.run_id, &what.records).unwrap();
        new.keeper.receive(&what.event, &new.cx()).unwrap();
    }
    new.pass_working(Span::minutes(1));
    new.reruns(&[2]);
    let attempts: Vec<u32> = new
        .keeper
        .run(run_id())
        .unwrap()
        .unwrap()
        .1
        .iter()
        .filter_map(|record| Some(record.run_attempt?.get()))
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[test]
fn what_the_other_keeper_has_not_stored_is_handed_over_again() {
    let play = named("octo/old");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.github.borrow_mut().name = Some(name("octo/new"));
    play.pass_working(Span::seconds(4));
    play.pass(Span::seconds(1));
    let read = play.until(|call| matches!(call, Call::ReadRun { .. }));
    let settled = play.keeper.answered(&read, play.answer(&read), &play.cx()).unwrap();
    assert!(matches!(settled.task, Some(Task::HandOver(_))), "{settled:?}");
    // Nothing is heard of it.
    assert_eq!(play.tracked().outcome, RunOutcome::Waiting);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.handed_over.borrow().len(), 1);
    play.stands(RunOutcome::Left, 0);
}

#[test]
fn another_repository_of_the_same_name_is_another() {
    let play = Play::with_policy("otherwise: rerun\n");
    play.keeper.set_repository(&name("octo/widgets")).unwrap();
    assert_eq!(play.keeper.identify(identity(5), &play.cx()).unwrap(), []);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert!(play.keeper.policy(&play.settings).unwrap().file.is_some());
    assert_eq!(play.keeper.identify(identity(5), &play.cx()).unwrap(), []);
    // A webhook without an installation, of a hook of the repository's own, changes nothing.
    let bare = Identity { installation: None, ..identity(5) };
    assert_eq!(play.keeper.identify(bare, &play.cx()).unwrap(), []);
    assert_eq!(play.keeper.identity().unwrap(), Some(identity(5)));
    let ended = play.keeper.identify(identity(6), &play.cx()).unwrap();
    assert_eq!(ended.iter().map(|(_, record)| record.outcome).collect::<Vec<_>>(), [RunOutcome::Left]);
    assert!(play.keeper.policy(&play.settings).unwrap().file.is_none(), "its policy is not the other's");
    assert_eq!(play.keeper.identity().unwrap(), Some(identity(6)));
    let spent = play.keeper.store.spent(RunId::new(8).unwrap(), play.now.get()).unwrap();
    assert_eq!(spent.reruns_last_day, 0, "nor its budget");
    play.pass_working(Span::minutes(1));
    play.rests();
}

/// As its Keeper hears of it, by a webhook of a run, or of a comment.
fn hears_of(play: &Play, id: u64, run: Option<u64>) -> Result<Vec<RunOutcome>, String> {
    let identity = Identity { since_run: run.and_then(RunId::new), ..identity(id) };
    let heard = play.keeper.admit(&repository(), Some(identity), false, &play.cx()).unwrap();
    heard.map(|ended| ended.iter().map(|(_, record)| record.outcome).collect()).map_err(|receipt| {
        assert_eq!((receipt.kind, receipt.due), (ReceiptKind::Ignored, None));
        receipt.reason
    })
}

fn rows_written(play: &Play) -> store::Value {
    play.keeper.store.sql.exec("SELECT total_changes()", vec![]).unwrap()[0][0].clone()
}

/// Seen to fail when whatever a webhook names is the repository now: its runs are left alone, its budget is whole again, and it is
/// swept no more.
#[test]
fn an_old_webhook_of_a_repository_that_had_the_name_changes_nothing() {
    let mut play = Play::with_policy("budget: { reruns_per_hour: 1 }\n");
    play.settings.sweep_interval = Span::minutes(15);
    let fails = |run: u64| {
        hears_of(&play, 2, Some(run)).unwrap();
        play.github.borrow_mut().others.insert(RunId::new(run).unwrap(), (1, Some(Conclusion::Failure)));
        let event = RunEvent::new(repository(), RunId::new(run).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
    };
    fails(11);
    play.pass_working(Span::seconds(10));
    fails(12);
    let before = rows_written(&play);
    for run in [Some(1), Some(10), Some(11), None] {
        let refused = hears_of(&play, 1, run).unwrap_err();
        assert_eq!(refused, "it is of another repository, which had this name before");
    }
    // In another spelling, too.
    let other = Identity { since_run: RunId::new(1), ..identity(1) };
    assert!(play.keeper.admit(&name("Octo/Widgets"), Some(other), false, &play.cx()).unwrap().is_err());
    assert_eq!(rows_written(&play), before);
    assert!(play.keeper.sweep().unwrap().is_some());
    let spent = play.keeper.store.spent(RunId::new(99).unwrap(), play.now.get()).unwrap();
    assert_eq!(spent.reruns_last_hour, 1);
    let of = |run| play.keeper.run(RunId::new(run).unwrap()).unwrap().unwrap().0.outcome;
    assert_eq!((of(11), of(12)), (RunOutcome::Rerunning, RunOutcome::Waiting));
    // Nor is what comes next of the true one another repository's.
    assert_eq!(hears_of(&play, 2, Some(13)), Ok(vec![]));
    assert_eq!(rows_written(&play), before);
    // But a newer run is: the name has changed hands once more.
    assert_eq!(hears_of(&play, 3, Some(14)), Ok(vec![RunOutcome::Left; 2]));
    assert!(hears_of(&play, 2, Some(13)).is_err());
}

/// It had another name when its run 12 began, and so had the one before it here when its run 15 did.
/// Seen to fail when it is known by the run that it came with alone (run 15 ends what is due).
#[test]
fn a_repository_that_was_given_the_name_with_an_older_run() {
    let play = Play::new();
    hears_of(&play, 1, Some(10)).unwrap();
    let failed = RunEvent::new(repository(), RunId::new(15).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
    play.keeper.receive(&failed, &play.cx()).unwrap();
    assert_eq!(hears_of(&play, 2, Some(12)), Ok(vec![RunOutcome::Left]));
    assert!(hears_of(&play, 1, Some(15)).is_err());
    assert_eq!(hears_of(&play, 1, Some(16)), Ok(vec![]));
}

/// GitHub itself has shown that a run of it is the repository's of this name. Seen to fail when its id is compared (refused).
#[test]
fn a_run_that_is_handed_over_is_of_the_repository_that_has_the_name_now() {
    let play = Play::new();
    hears_of(&play, 1, Some(10)).unwrap();
    let handed_over = Identity { since_run: RunId::new(5), ..identity(2) };
    assert_eq!(play.keeper.admit(&repository(), Some(handed_over), true, &play.cx()), Ok(Ok(vec![])));
    assert_eq!(play.keeper.identity().unwrap().map(|now| now.id.get()), Some(2));
}

/// A comment makes a repository known where none is. The first run does the rest, in one row.
/// Seen to fail when a comment makes it another.
#[test]
fn a_repository_that_is_known_by_a_comment() {
    let play = Play::new();
    assert_eq!(hears_of(&play, 1, None), Ok(vec![]));
    assert!(hears_of(&play, 2, None).is_err());
    assert_eq!(hears_of(&play, 1, Some(10)), Ok(vec![]));
    let before = rows_written(&play);
    for run in [Some(9), Some(11), None] {
        assert_eq!(hears_of(&play, 1, run), Ok(vec![]));
    }
    assert_eq!(rows_written(&play), before);
    assert!(hears_of(&play, 2, Some(10)).is_err());
    assert_eq!(hears_of(&play, 2, Some(11)), Ok(vec![]));
}

/// By the names and in the form of deployed Workers. Seen to fail when any run of another id makes it another.
#[test]
fn who_it_is_as_it_is_stored() {
    let play = Play::new();
    let stored = |play: &Play| {
        let sql = &play.keeper.store.sql;
        sql.exec("SELECT value FROM repository WHERE name = 'identity'", vec![]).unwrap()[0][0].clone()
    };
    hears_of(&play, 5, Some(1_001)).unwrap();
    let text = r#"{"id":5,"installation":75,"since_run":1001}"#;
    assert_eq!(stored(&play), store::Value::Text(text.to_owned()));
    // Versions before have not stored the run: the newest one that is known is as good, until a webhook names another.
    let event = RunEvent::new(repository(), RunId::new(2_000).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
    play.keeper.receive(&event, &play.cx()).unwrap();
    let sql = play.keeper.store.sql.clone();
    sql.exec(r#"UPDATE repository SET value = '{"id":5}' WHERE name = 'identity'"#, vec![]).unwrap();
    let play = Play { keeper: Keeper::open(sql).unwrap(), ..Play::new() };
    assert_eq!(play.keeper.identity().unwrap(), Some(Identity { installation: None, ..identity(5) }));
    assert!(hears_of(&play, 1, Some(1_999)).is_err() && hears_of(&play, 1, None).is_err());
    assert_eq!(hears_of(&play, 5, Some(1_500)), Ok(vec![]));
    let text = r#"{"id":5,"installation":75,"since_run":1500}"#;
    assert_eq!(stored(&play), store::Value::Text(text.to_owned()));
}

#[test]
fn what_was_of_a_pull_request_is_not_told_to_another_repository() {
    let play = Play::new();
    play.github.borrow_mut().pull_request = Some(3);
    let play = Play { keeper: with_comments(play.keeper), ..play };
    play.keeper.set_repository(&name("octo/widgets")).unwrap();
    play.keeper.identify(identity(5), &play.cx()).unwrap();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(20));
    assert_eq!(play.github.borrow().comments.len(), 1);
    // The other has a pull request of the same number, and the run under way comes to its end here.
    play.github.borrow_mut().comments.clear();
    play.keeper.identify(identity(6), &play.cx()).unwrap();
    play.pass_working(Span::days(1));
    assert_eq!(play.github.borrow().comments, []);
}

/// It was renamed, say, and another was given the name that it had: GitHub shows that one, and not the run.
#[test]
fn a_run_that_is_not_there_is_not_told_of_to_whoever_has_the_name() {
    let play = Play::new();
    play.github.borrow_mut().pull_request = Some(3);
    let play = Play { keeper: with_comments(play.keeper), ..play };
    play.keeper.set_repository(&name("octo/widgets")).unwrap();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(20));
    assert_eq!(play.github.borrow().comments.len(), 1);
    play.github.borrow_mut().comments.clear();
    play.github.borrow_mut().read_problems = vec![github::Error::NotFound; 100];
    play.pass_working(Span::days(1));
    play.stands(RunOutcome::Failed, 1);
    assert_eq!(play.github.borrow().comments, []);
}
