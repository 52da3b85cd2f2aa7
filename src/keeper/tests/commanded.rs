//! What commands do to runs, and what they leave alone.

use super::commands::{AUTHORS, COLLABORATORS, exhausted, failed_once, is_of_a_fork, lists, rerun};
use super::*;
use crate::webhook::command::{Command, GivenBy};

#[test]
fn stop_leaves_its_runs_alone_until_a_command_says_otherwise() {
    let play = failed_once("max_reruns: 5\ncommands: { who: collaborators }\n");
    play.comments(1, Command::Stop, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    let left = "Left alone: \"ann\" has stopped re-runs of pull request 3 with a command.";
    assert_eq!(play.last_record().reason, left);
    // Once, and no more.
    play.comments(2, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert_eq!(play.last_record().reason, left);
}

#[test]
fn stop_is_about_one_pull_request() {
    for (change, is_stopped) in [
        ((|_: &mut GitHub| {}) as fn(&mut GitHub), true),
        (|github| github.event = "push".to_owned(), false),
        (
            |github| {
                github.event = "push".to_owned();
                github.pull_request = Some(3);
            },
            true,
        ),
        // A fork's branch of the same name.
        (
            |github| {
                github.pull.as_mut().unwrap().is_own = false;
                github.pull.as_mut().unwrap().head_repository = Some(9);
            },
            false,
        ),
        // Another pull request from the same branch, at the run's commit.
        (|github| github.pulls[0].number = 4, false),
    ] {
        let play = failed_once("commands: { who: collaborators }\n");
        change(&mut play.github.borrow_mut());
        play.comments(1, Command::Stop, GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(if is_stopped { &[] } else { &[1] });
    }
}

#[test]
fn status_says_what_was_decided() {
    let play = exhausted(COLLABORATORS);
    play.comments(1, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.answered(&["Gave up\\: attempt 2 failed in job `test`"]);
    assert!(play.github.borrow().answers[0].starts_with("<!-- rerunner command 1 -->\n"));
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
    play.reruns(&[1]);
    // Nothing was decided on a newer commit.
    play.github.borrow_mut().pull.as_mut().unwrap().head_sha = "f".repeat(40);
    play.comments(2, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.answered(&["Gave up", "There is no decision"]);
}

#[test]
fn never_past_the_ceiling() {
    let play = exhausted(COLLABORATORS);
    play.github.borrow_mut().attempt = 11;
    play.on_webhook(RunEventKind::RunFailed, Some(11));
    play.pass_working(Span::minutes(1));
    let before = play.tracked();
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["a run is re-run at most 10 times"]);
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Confused)]);
    let after = play.tracked();
    assert_eq!((after.outcome, &after.reason, after.due), (before.outcome, &before.reason, None));
    play.rests();
}

#[test]
fn what_did_not_fail_is_not_touched() {
    for (conclusion, words) in [
        (Some(Conclusion::ActionRequired), "1 is waiting for approval"),
        (None, "1 is not finished yet"),
        (Some(Conclusion::Success), "has failed."),
        (Some(Conclusion::Cancelled), "has failed."),
        (Some(Conclusion::StartupFailure), "has failed."),
    ] {
        let play = exhausted("max_reruns: 1\nconclusions: [failure, cancelled]\ncommands: { who: collaborators }\n");
        play.github.borrow_mut().conclusion = conclusion;
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.reruns(&[1]);
        play.answered(&[words]);
        // Nor if it is so only when it is read again.
        let play = exhausted(COLLABORATORS);
        lists(&play, Some(Conclusion::Failure));
        play.github.borrow_mut().conclusion = conclusion;
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(5));
        play.reruns(&[1]);
        assert_eq!(play.reactions().last(), Some(&(1, Reaction::Confused)));
    }
}

#[test]
fn only_the_newest_run_of_a_workflow_and_event() {
    let play = failed_once(COLLABORATORS);
    let newer = RunId::new(8).unwrap();
    play.github.borrow_mut().others.insert(newer, (1, Some(Conclusion::Success)));
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[]);
    play.answered(&["Nothing was re-run"]);
}

#[test]
fn what_has_moved_on_is_not_touched() {
    type Change = fn(&mut GitHub);
    let moved: [(Change, &str); 5] = [
        (|github| github.pulls[0].head_sha = "f".repeat(40), "moved on to another commit"),
        (|github| github.pulls[0].open = false, "was closed"),
        (
            |github| {
                github.event = "pull_request_target".to_owned();
                github.head_commit = github.head_sha.replace("b".repeat(40));
                github.pulls[0].head_sha = "f".repeat(40);
            },
            "moved on to another commit",
        ),
        (
            |github| {
                github.event = "pull_request_target".to_owned();
                github.pulls[0].head_sha = "f".repeat(40);
            },
            "is not known",
        ),
        (
            |github| {
                github.event = "pull_request_target".to_owned();
                github.pulls.clear();
            },
            "is not known",
        ),
    ];
    for (change, words) in moved {
        let play = exhausted("max_reruns: 1\nskip_superseded: false\ncommands: { who: collaborators }\n");
        change(&mut play.github.borrow_mut());
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.reruns(&[1]);
        play.answered(&[words]);
        play.rests();
    }
}

#[test]
fn nothing_is_done_on_a_pull_request_that_is_closed() {
    for command in [rerun(None), Command::Status, Command::Stop] {
        let play = exhausted(COLLABORATORS);
        play.github.borrow_mut().pull.as_mut().unwrap().open = false;
        play.comments(1, command, GivenBy::Collaborator);
        play.pass_working(Span::hours(1));
        play.reruns(&[1]);
        play.answered(&[]);
        assert_eq!((play.reactions(), play.rows("stopped_pulls")), (vec![(1, Reaction::Eyes)], 0));
        play.rests();
    }
}

#[test]
fn a_glob_means_some_workflows() {
    for (glob, is_meant) in [
        ("ci", true),
        ("C?", true),
        ("ci.yml", true),
        (".github/workflows/*", true),
        ("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", false),
        ("lint", false),
    ] {
        let play = exhausted(COLLABORATORS);
        play.comments(1, rerun(Some(glob)), GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.reruns(if is_meant { &[1, 2] } else { &[1] });
        play.answered(if is_meant { &[] } else { &["the newest commit has no failed run of"] });
        if !is_meant {
            play.stands(RunOutcome::Exhausted, 1);
            play.rests();
        }
    }
    // One that is tracked for nothing else is forgotten, and not left to the rules.
    let play = failed_once("max_reruns: 3\ncommands: { who: collaborators }\n");
    play.comments(1, rerun(Some("lint")), GivenBy::Collaborator);
    play.pass_working(Span::hours(1));
    play.reruns(&[]);
    assert_eq!((play.rows("runs"), play.keeper.store.totals().unwrap().waiting), (0, 0));
    // Unless a webhook has told of it.
    let play = failed_once("max_reruns: 3\ncommands: { who: collaborators }\n");
    play.comments(1, rerun(Some("lint")), GivenBy::Collaborator);
    play.until_read();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(1));
    play.reruns(&[1]);
    assert!(!play.last_record().reason.contains("command"));
}

impl Play {
    /// Does what is due until a run is to be read.
    pub fn until_read(&self) {
        for _ in 0..20 {
            match self.keeper.next(true, &self.cx()).unwrap() {
                Some(Task::Call(Call::ReadRun { .. })) => return,
                Some(task) => assert_eq!(self.carry_out(task), None),
                None => self.pass(Span::seconds(1)),
            }
        }
        panic!("nothing is due");
    }
}

#[test]
fn the_policys_workflows_hold() {
    let policy = "max_reruns: 1\ncommands: { who: collaborators, workflows: { exclude: [ci] } }\n";
    let play = exhausted(policy);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["excludes under"]);
}

/// A pull request can be from any branch of the repository, whoever opens it.
#[test]
fn an_author_gets_only_the_pull_requests_own_checks_re_run() {
    type Change = fn(&mut GitHub);
    let default: Change = |github| github.pull.as_mut().unwrap().is_from_default_branch = true;
    let same: Change = |_| {};
    let fork: Change = |github| is_of_a_fork(github);
    for (event, by, change, is_done) in [
        ("pull_request", GivenBy::Author, fork, true),
        ("push", GivenBy::Author, fork, false),
        // Others have pushed that branch.
        ("pull_request", GivenBy::Author, same, false),
        ("pull_request", GivenBy::Author, default, false),
        ("push", GivenBy::Author, same, false),
        ("push", GivenBy::Collaborator, same, true),
        ("push", GivenBy::Collaborator, default, false),
        ("workflow_dispatch", GivenBy::Collaborator, same, false),
        ("deployment", GivenBy::Collaborator, same, false),
        ("schedule", GivenBy::Collaborator, same, false),
    ] {
        let play = exhausted(AUTHORS);
        play.github.borrow_mut().event = event.to_owned();
        change(&mut play.github.borrow_mut());
        play.comments(1, rerun(None), by);
        play.pass_working(Span::minutes(1));
        play.reruns(if is_done { &[1, 2] } else { &[1] });
    }
    // Of another branch at the same commit.
    let play = exhausted(AUTHORS);
    play.github.borrow_mut().pull.as_mut().unwrap().head_branch = "fix".to_owned();
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn two_commands_at_once_are_carried_out_one_after_the_other() {
    let play = exhausted(COLLABORATORS);
    play.comments(1, rerun(Some("lint")), GivenBy::Collaborator);
    play.comments(2, rerun(Some("ci")), GivenBy::Collaborator);
    play.pass_working(Span::minutes(2));
    play.reruns(&[1, 2]);
    assert!(play.reactions().contains(&(2, Reaction::Rocket)), "{:?}", play.reactions());
}

#[test]
fn names_in_answers_do_nothing() {
    let play = exhausted("max_reruns: 1\ncommands: { who: collaborators, workflows: { exclude: ['*'] } }\n");
    play.github.borrow_mut().workflow = "@octo/all #1 <img src=x> [x](http://evil)".to_owned();
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    let answers = play.github.borrow().answers.clone();
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    for line in answer.lines().skip(1) {
        let outside: String = line.split('`').step_by(2).collect();
        assert!(!outside.contains('@') && !outside.contains("<img") && !outside.contains("evil"), "{line}");
    }
    // The glob is shown as well.
    let play = exhausted(COLLABORATORS);
    play.comments(1, rerun(Some("@octo/all`` <img>")), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.answered(&["```@octo/all`` <img>```"]);
}

#[test]
fn another_repository_of_the_name_knows_nothing_of_them() {
    let play = exhausted(COLLABORATORS);
    let identity = |id| repository_state::Identity {
        id: crate::names::RepositoryId::new(id).unwrap(),
        installation: None,
        since_run: None,
    };
    play.keeper.identify(identity(1), &play.cx()).unwrap();
    play.comments(1, Command::Stop, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.comments(2, rerun(None), GivenBy::Collaborator);
    play.keeper.identify(identity(2), &play.cx()).unwrap();
    assert_eq!((play.rows("commands"), play.rows("stopped_pulls")), (0, 0));
    play.pass_working(Span::hours(1));
    play.reruns(&[1]);
}

#[test]
fn storage_of_the_version_before() {
    let play = exhausted(COLLABORATORS);
    let sql = play.keeper.store.sql;
    let later = ["DROP TABLE flaky_issues", "UPDATE schema SET version = 13"];
    for statement in UNDO_TO_19.into_iter().chain(UNDO_TO_18).chain(UNDO_TO_15).chain(UNDO_COMMANDS).chain(later) {
        sql.exec(statement, vec![]).unwrap();
    }
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(sql).unwrap() };
    let play = Play { keeper, now: play.now, github: play.github, ..Play::new() };
    play.stands(RunOutcome::Exhausted, 1);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1, 2]);
}

/// What was taken by the version before is carried out, and what is known of a comment stays known.
#[test]
fn commands_of_the_version_before_go_on() {
    let play = exhausted(COLLABORATORS);
    play.comments(1, Command::Status, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.comments(2, rerun(None), GivenBy::Collaborator);
    // Its runs are known, and nothing was done for them yet.
    while play.tracked().commanded.is_none() {
        let task = play.next_soon().unwrap();
        assert_eq!(play.carry_out(task), None);
    }
    let sql = play.keeper.store.sql;
    for statement in UNDO_TO_19
        .into_iter()
        .chain(UNDO_TO_18)
        .chain([UNDO_TO_17])
        .chain(UNDO_DUE_COMMANDS)
        .chain(["UPDATE schema SET version = 16"])
    {
        sql.exec(statement, vec![]).unwrap();
    }
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(sql).unwrap() };
    let play = Play { keeper, ..play };
    assert_eq!(play.tracked().commanded.unwrap().pull, 3);
    play.pass_working(Span::minutes(10));
    play.reruns(&[1, 2]);
    assert_eq!(play.reactions().last(), Some(&(2, Reaction::Rocket)));
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.comments(2, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(10));
    play.reruns(&[1, 2]);
    assert_eq!(play.rows("commands"), 2);
}

#[test]
fn a_run_that_waits_for_its_delay_waits_no_longer() {
    let play = failed_once("delay: 1h\ncommands: { who: collaborators }\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(5));
    play.reruns(&[]);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert!(play.last_record().reason.contains("re-run requested by"));
}

#[test]
fn a_run_that_nobody_has_heard_of_is_re_run_too() {
    let play = failed_once("max_reruns: 0\ncommands: { who: collaborators }\n");
    play.comments(1, rerun(Some("CI")), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
}
