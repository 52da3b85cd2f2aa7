//! Which workflow a run is of: by its id. What it is called comes from webhooks, from the workflow, or from jobs.

use super::*;
use crate::keeper::store::statistics::SubjectKind;
use crate::keeper::store::{Sql, Value};
use crate::webhook::event::{EventWorkflow, RunNames};

const EXCLUDED: &str = "workflows: { exclude: [Deploy to production] }\n";

fn event(workflow: Option<EventWorkflow>) -> RunEvent {
    RunEvent { workflow, ..RunEvent::new(repository(), run_id(), Some(attempt(1)), RunEventKind::RunFailed) }
}

fn called(play: &Play, name: &str) {
    let mut github = play.github.borrow_mut();
    github.workflow = name.to_owned();
    github.jobs.iter_mut().for_each(|job| job.workflow = Some(name.to_owned()));
}

fn asked(play: &Play) -> usize {
    play.github.borrow().calls.iter().filter(|call| matches!(call, Call::ReadWorkflow { .. })).count()
}

#[test]
fn the_name_comes_from_a_webhook_or_from_the_workflow() {
    let told = |id: u64, name: &str| EventWorkflow::new(WorkflowId::new(id), name);
    for (workflow, calls) in [
        (told(5, "Deploy to production"), 0),
        // Without an id, or with that of another, it may be another's.
        (EventWorkflow::new(None, "ci"), 1),
        (told(6, "ci"), 1),
        (None, 1),
    ] {
        let play = Play::with_policy(EXCLUDED);
        called(&play, "Deploy to production");
        play.keeper.receive(&event(workflow), &play.cx()).unwrap();
        play.pass_working(Span::seconds(5));
        play.reruns(&[]);
        play.stands(RunOutcome::Left, 0);
        assert_eq!(asked(&play), calls);
        assert_eq!(play.tracked().workflow_id, WorkflowId::new(5));
        assert_eq!(play.tracked().workflow.as_deref(), Some("Deploy to production"));
    }
}

/// Seen to fail when nothing is taken over from the webhook, when that outlives what GitHub says, and when a later webhook
/// changes that or fills it in.
#[test]
fn a_run_has_a_name_before_it_is_read() {
    let names = RunNames::new(Some(12), Some("Fix the leak"), Some("ann"));
    let names = names.with_branch(Some((&repository(), "fix")), &repository());
    let play = Play::new();
    let event = RunEvent { names: Some(Box::new(names)), ..event(EventWorkflow::new(WorkflowId::new(5), "ci")) };
    play.keeper.receive(&event, &play.cx()).unwrap();
    let tracked = play.tracked();
    assert_eq!((tracked.run_number, tracked.title.as_deref()), (Some(12), Some("Fix the leak")));
    assert_eq!((tracked.head_branch.as_deref(), tracked.actor.as_deref()), (Some("fix"), Some("ann")));
    assert_eq!(tracked.event, None, "it was not read yet");
    play.pass_working(Span::seconds(5));
    let read = play.tracked();
    assert!(read.event.is_some() && read.title.as_deref() != Some("Fix the leak"), "{:?}", read.title);
    let late = RunEvent { run_attempt: Some(attempt(2)), ..event };
    play.keeper.receive(&late, &play.cx()).unwrap();
    assert_eq!(play.tracked().title, read.title);
    // What GitHub says has none stays without.
    let mut untitled = TrackedRun { title: None, ..read };
    untitled.set_names(late.names.as_ref().unwrap());
    assert_eq!(untitled.title, None);
}

#[test]
fn a_workflow_that_cannot_be_read_is_asked_for_again_and_its_jobs_then() {
    for (jobs_know, calls) in [(true, 1), (false, 2)] {
        let play = Play::with_policy(EXCLUDED);
        called(&play, "Deploy to production");
        if !jobs_know {
            play.github.borrow_mut().jobs.iter_mut().for_each(|job| job.workflow = None);
        }
        play.github.borrow_mut().evidence_problems = vec![github::Error::NotFound];
        play.keeper.receive(&event(None), &play.cx()).unwrap();
        play.pass_working(Span::minutes(1));
        assert_eq!(asked(&play), calls);
        play.reruns(&[]);
        play.stands(RunOutcome::Left, 0);
        assert!(play.tracked().reason.contains("\"Deploy to production\""), "{}", play.tracked().reason);
    }
}

#[test]
fn what_older_versions_stored_as_the_name_is_not_believed() {
    let play = Play::with_policy(EXCLUDED);
    called(&play, "Deploy to production");
    play.keeper.receive(&event(None), &play.cx()).unwrap();
    let sql = &play.keeper.store.sql;
    sql.exec("UPDATE runs SET workflow = 'Release 1 by @dev', workflow_id = NULL", vec![]).unwrap();
    play.pass_working(Span::seconds(5));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
}

#[test]
fn where_no_rule_asks_the_name_comes_with_the_jobs() {
    let play = Play::new();
    called(&play, "Deploy to production");
    play.keeper.receive(&event(None), &play.cx()).unwrap();
    assert_eq!(play.tracked().attempts().workflow, None);
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
    assert_eq!((asked(&play), play.tracked().attempts().workflow.as_deref()), (0, Some("Deploy to production")));
}

/// A first attempt that fails and is re-run.
fn fails(play: &Play) {
    play.keeper.receive(&event(None), &play.cx()).unwrap();
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
}

fn counted(play: &Play) -> Vec<(String, u64, u64, u64)> {
    let (subjects, _) = play.keeper.store.subjects(SubjectKind::Job).unwrap().most_failed(0, 10, play.now.get());
    subjects.into_iter().map(|one| (one.workflow, one.failed, one.judged, one.passed)).collect()
}

#[test]
fn statistics_go_by_the_workflows_id() {
    let play = Play::new();
    called(&play, "Tests");
    fails(&play);
    // It is renamed.
    called(&play, "All tests");
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(5));
    assert_eq!(counted(&play), [("All tests".to_owned(), 2, 1, 0)]);
}

#[test]
fn what_was_counted_by_name_goes_on_by_id() {
    let play = Play::new();
    called(&play, "Tests");
    fails(&play);
    // As the version before has stored it, with the re-run under way.
    let id_by_name = "SELECT subject_id FROM subjects";
    let sql = &play.keeper.store.sql;
    let new = sql.exec(id_by_name, vec![]).unwrap().remove(0).remove(0);
    let old = Value::Integer(by_name("job", "Tests", "test", "Run tests"));
    assert_ne!(new, old);
    for statement in [
        "UPDATE subjects SET subject_id = ?1, workflow_id = NULL WHERE subject_id = ?2",
        "UPDATE runs SET open_rerun = json_set(open_rerun, '$.subjects', json_array(?1)) WHERE open_rerun -> 'subjects' = '[' || ?2 || ']'",
    ] {
        sql.exec(statement, vec![old.clone(), new.clone()]).unwrap();
    }
    let play = Play { keeper: Keeper::open(sql.clone()).unwrap(), ..play };
    assert_eq!(counted(&play), [("Tests".to_owned(), 1, 0, 0)]);
    play.pass(Span::days(2));
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::seconds(5));
    // The same job, which has not passed.
    assert_eq!(counted(&play), [("Tests".to_owned(), 2, 1, 0)]);
    assert_eq!(play.keeper.store.sql.exec(id_by_name, vec![]).unwrap(), [[new]]);
}

/// How the versions before counted.
fn by_name(kind: &str, workflow: &str, name: &str, step: &str) -> i64 {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    for part in [kind, workflow, name, step] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest.finalize().iter().take(8).fold(0_i64, |id, byte| (id << 8) | i64::from(*byte)) & ((1 << 52) - 1)
}
