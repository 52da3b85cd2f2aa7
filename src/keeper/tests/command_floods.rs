//! Many commands at once, and what bounds them: of a pull request, of a repository, in an hour, and what is written of them.

use super::commands::{AUTHORS, COLLABORATORS, comment_id, exhausted, failed_once, is_of_a_fork, rerun};
use super::*;
use crate::webhook::command::{Command, CommandEvent, GivenBy};

/// The pull request's newest commit has so many failed runs, each of another workflow.
fn has_failed_runs(play: &Play, count: u64) {
    let run = |n| Run {
        run_id: RunId::new(1_000 + n).unwrap(),
        workflow_id: WorkflowId::new(1_000 + n),
        ..play.github.borrow().run(run_id())
    };
    let listed = (0..count).map(run).collect();
    play.github.borrow_mut().listed = listed;
}

impl Play {
    pub fn comments_on(&self, pull: u64, id: u64, command: Command, by: GivenBy) -> Receipt {
        let event = CommandEvent {
            repository: repository(),
            repository_id: None,
            installation: None,
            comment_id: comment_id(id),
            pull,
            command,
            login: "ann".to_owned(),
            by,
        };
        self.keeper.receive_command(&event, &self.cx()).unwrap()
    }
}

#[test]
fn so_many_an_hour_and_one_answer_to_the_rest() {
    let play = exhausted("max_reruns: 1\ncommands: { who: collaborators, per_hour: 3 }\n");
    let kinds: Vec<_> = (1..=1_000).map(|id| play.comments(id, Command::Status, GivenBy::Collaborator).kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == ReceiptKind::Scheduled).count(), 3);
    assert_eq!(play.rows("commands"), 4);
    play.pass_working(Span::minutes(10));
    let answers = play.github.borrow().answers.clone();
    assert_eq!(answers.len(), 4, "{answers:#?}");
    assert_eq!(answers.iter().filter(|answer| answer.contains("may have at most 3 commands an hour")).count(), 1);
    // An hour later there is room again.
    play.pass_working(Span::hours(1));
    let receipt = play.comments(2_000, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.github.borrow().answers.len(), 5, "{receipt:?}");
}

#[test]
fn a_flood_before_the_policy_is_read_is_bounded() {
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    for id in 1..=1_000 {
        play.comments(id, rerun(None), GivenBy::Collaborator);
    }
    assert_eq!(play.rows("commands"), 10);
    play.pass_working(Span::minutes(30));
    play.reruns(&[1, 2]);
    let reads = play.github.borrow().calls.iter().filter(|call| matches!(call, Call::Command(_))).count();
    assert!(reads < 100, "{reads} calls");
}

#[test]
fn of_a_repository_only_so_many_are_open() {
    let play = exhausted(COLLABORATORS);
    // Until the policy is read.
    play.pass(Span::minutes(10));
    for pull in 1..=1_000 {
        play.comments_on(pull, pull, rerun(None), GivenBy::Collaborator);
    }
    assert_eq!(play.rows("commands"), 200);
}

/// What GitHub takes of one user is shared by all pull requests.
#[test]
fn a_repository_has_so_many_an_hour() {
    let play = failed_once(AUTHORS);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    let all = |by, first: u64| {
        let kinds = (0..200).map(|n| play.comments_on(first + n, first + n, Command::Status, by).kind);
        kinds.filter(|kind| *kind == ReceiptKind::Scheduled).count()
    };
    assert_eq!(all(GivenBy::Author, 1_000), 40);
    // Nobody takes away what others may have.
    assert_eq!(all(GivenBy::Collaborator, 2_000), 80);
    assert_eq!(play.rows("commands"), 120);
    let begun = play.now.get();
    play.pass_working(Span::minutes(20));
    let writes = play.github.borrow().reactions.len() + play.github.borrow().answers.len();
    assert_eq!(writes, 3 * 120);
    assert!(play.now.get() - begun >= Span::seconds(360), "one a second");
    play.pass_working(Span::hours(1));
    play.comments_on(9, 9, Command::Status, GivenBy::Author);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.rows("commands"), 121);
}

/// Reactions, answers and what else is written, each a second after the other, whatever it is for.
#[test]
fn what_people_see_is_written_once_a_second() {
    let play = exhausted(COLLABORATORS);
    for id in 1..=10 {
        play.comments_on(3, id, Command::Status, GivenBy::Collaborator);
    }
    let is_write = |call: &Call| {
        matches!(call, Call::Command(CommandCall::React { .. } | CommandCall::Answer { .. }) | Call::Comment(_))
    };
    let writes = || play.github.borrow().calls.iter().filter(|call| is_write(call)).count();
    let (begun, before) = (play.now.get(), writes());
    while writes() < before + 30 {
        let alarm = play.keeper.next_alarm(&play.settings).unwrap().expect("there is more to be written");
        play.now.set(play.now.get().max(alarm));
        play.work();
        let seconds = (play.now.get() - begun).as_millis() / 1_000;
        assert!((writes() - before) as i64 <= seconds + 1, "{} within {seconds} s", writes() - before);
    }
}

/// Seen to fail when they are counted together.
#[test]
fn authors_leave_room_for_collaborators_while_the_policy_cannot_be_read() {
    let play = exhausted(AUTHORS);
    play.pass(Span::minutes(10));
    let scheduled = |pull, id, by| {
        let receipt = play.comments_on(pull, id, Command::Stop, by);
        usize::from(receipt.kind == ReceiptKind::Scheduled)
    };
    assert_eq!((1..=50).map(|id| scheduled(3, id, GivenBy::Author)).sum::<usize>(), 10);
    assert_eq!((51..=100).map(|id| scheduled(3, id, GivenBy::Collaborator)).sum::<usize>(), 10);
    // Of all pull requests.
    assert_eq!((1_001..=1_999).map(|pull| scheduled(pull, pull, GivenBy::Author)).sum::<usize>(), 90);
    assert_eq!((2_001..=2_999).map(|pull| scheduled(pull, pull, GivenBy::Collaborator)).sum::<usize>(), 190);
}

/// Seen to fail when the hour before they are let in is counted.
#[test]
fn what_had_to_wait_is_of_the_hour_in_which_it_was_given() {
    let play = exhausted("max_reruns: 1\ncommands: { who: collaborators, per_hour: 3 }\n");
    play.pass(Span::minutes(10));
    play.github.borrow_mut().policy_answers = vec![Err(lost()); 500];
    for id in 1..=10 {
        play.comments(id, Command::Status, GivenBy::Collaborator);
    }
    play.pass_working(Span::minutes(70));
    play.github.borrow_mut().policy_answers.clear();
    play.pass_working(Span::minutes(40));
    let answers = play.github.borrow().answers.clone();
    assert_eq!(answers.len(), 4, "{answers:#?}");
    assert_eq!(answers.iter().filter(|answer| answer.contains("may have at most 3 commands an hour")).count(), 1);
}

#[test]
fn one_command_re_runs_so_many_runs() {
    let play = failed_once("max_reruns: 0\ncommands: { who: collaborators }\n");
    let run = |id: u64| {
        let run = play.github.borrow().run(RunId::new(id).unwrap());
        Run { path: Some(format!(".github/workflows/{id}.yml")), ..run }
    };
    let others: Vec<u64> = (101..=160).collect();
    for id in &others {
        play.github.borrow_mut().others.insert(RunId::new(*id).unwrap(), (1, Some(Conclusion::Failure)));
    }
    let listed = others.iter().map(|id| run(*id)).collect();
    play.github.borrow_mut().listed = listed;
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(1));
    let rerun = play.github.borrow().others_rerun.len();
    assert_eq!(rerun, 50);
    let answers = play.github.borrow().answers.clone();
    let [answer] = &answers[..] else { panic!("{answers:#?}") };
    assert_eq!(answer.matches("one command re-runs at most 50 runs").count(), 10, "{answer}");
}

/// Nobody's stops leave less room for others'.
#[test]
fn so_many_pull_requests_are_left_alone() {
    let play = failed_once(AUTHORS);
    is_of_a_fork(&mut play.github.borrow_mut());
    let sql = &play.keeper.store.sql;
    for pull in 1_001..=2_000 {
        let row = format!(
            "INSERT INTO stopped_pulls (pull, login, since, branch, is_own, is_default, given_by) \
             VALUES ({pull}, 'eve', {}, 'x', 0, 0, 'author')",
            play.now.get().0,
        );
        sql.exec(&row, vec![]).unwrap();
    }
    play.comments(1, Command::Stop, GivenBy::Author);
    play.pass_working(Span::minutes(1));
    play.answered(&["1000 pull requests are stopped already"]);
    assert_eq!(play.rows("stopped_pulls"), 1_000);
    play.comments(2, Command::Stop, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.reactions().last(), Some(&(2, Reaction::Rocket)));
    assert_eq!(play.rows("stopped_pulls"), 1_001);
}

/// Each run is a decision, with all its requests.
#[test]
fn a_command_is_about_so_many_runs() {
    for (by, most, reply) in [
        (GivenBy::Author, 10, "one command re-runs at most 10 runs"),
        (GivenBy::Collaborator, 50, "one command re-runs at most 50 runs"),
    ] {
        let play = failed_once(AUTHORS);
        is_of_a_fork(&mut play.github.borrow_mut());
        has_failed_runs(&play, 60);
        play.comments(1, rerun(None), by);
        play.pass_working(Span::minutes(3));
        assert_eq!(play.rows("runs"), most);
        play.pass_working(Span::hours(3));
        play.answered(&[reply]);
    }
}

#[test]
fn commands_are_about_so_many_runs_an_hour() {
    let play = failed_once("max_reruns: 1\ncommands: { who: authors, per_hour: 20 }\n");
    is_of_a_fork(&mut play.github.borrow_mut());
    for command in 1..=12 {
        play.github.borrow_mut().attempt = 1;
        play.ends(Conclusion::Failure);
        has_failed_runs(&play, 10);
        for run in &mut play.github.borrow_mut().listed {
            run.run_id = RunId::new(run.run_id.get() + 100 * command).unwrap();
        }
        play.comments(command, rerun(None), GivenBy::Author);
        play.pass_working(Span::minutes(2));
    }
    assert_eq!(play.rows("runs"), 100);
    let answers = play.github.borrow().answers.clone();
    let refused = |answer: &&String| answer.contains("commands re-run at most 100 runs of a repository an hour");
    assert_eq!(answers.iter().filter(refused).count(), 2, "{answers:#?}");
    // What was refused takes nothing away from later ones.
    play.pass_working(Span::minutes(45));
    play.github.borrow_mut().attempt = 1;
    play.ends(Conclusion::Failure);
    has_failed_runs(&play, 10);
    play.comments(13, rerun(None), GivenBy::Author);
    play.pass_working(Span::minutes(2));
    assert_eq!(play.rows("runs"), 110);
}

#[test]
fn runs_that_commands_are_about_come_after_all_others() {
    let play = failed_once(AUTHORS);
    is_of_a_fork(&mut play.github.borrow_mut());
    has_failed_runs(&play, 10);
    play.comments(1, rerun(None), GivenBy::Author);
    while play.rows("runs") < 10 {
        let task = play.next_soon().unwrap();
        play.carry_out(task);
    }
    // Later than all of those.
    play.pass(Span::seconds(1));
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(10));
    let call = play.until(|call| matches!(call, Call::ReadRun { .. }));
    assert_eq!(call, Call::ReadRun { run_id: run_id() });
    let due = play.keeper.store.due(100).unwrap();
    assert_eq!(due.iter().filter(|tracked| tracked.commanded.is_some()).count(), 10);
    assert!(due.iter().filter(|tracked| tracked.due < Some(play.now.get().minus(Span::seconds(9)))).count() >= 9);
}
