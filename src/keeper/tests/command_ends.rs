//! How commands end: none acts later than anybody expects, and none that was taken goes without a word.

use super::commands::{AUTHORS, COLLABORATORS, exhausted, failed_once, is_of_a_fork, lists, rerun};
use super::*;
use crate::keeper::command_log::CommandOutcome::{self, Accepted, Done, Refused, Rerun, Unanswered};
use crate::webhook::command::{Command, GivenBy};

/// Of which comment, whether of a run, what, and why.
type Line = (u64, bool, CommandOutcome, String);

impl Play {
    /// What the log says of commands since this was asked last.
    fn lines(&self) -> Vec<Line> {
        let lines = self.keeper.take_command_lines();
        lines.into_iter().map(|l| (l.comment_id.get(), l.run_id.is_some(), l.outcome, l.reason)).collect()
    }

    #[track_caller]
    fn logs(&self, expected: &[(bool, CommandOutcome, &str)]) {
        let lines = self.lines();
        let of_a_run = |(line, (of_run, ..)): &(&Line, &(bool, _, _))| line.0 == 1 && line.1 == *of_run;
        let is = |(line, (_, outcome, why)): (&Line, &(bool, CommandOutcome, &str))| {
            line.2 == *outcome && line.3.contains(why)
        };
        let mut both = lines.iter().zip(expected);
        let as_expected = lines.len() == expected.len() && both.all(|both| of_a_run(&both) && is(both));
        assert!(as_expected, "{lines:#?}, not {expected:#?}");
    }
}

fn identity(id: u64) -> repository_state::Identity {
    repository_state::Identity { id: crate::names::RepositoryId::new(id).unwrap(), installation: None, since_run: None }
}

#[test]
fn what_nobody_answers_is_given_up_and_acts_no_more() {
    let play = exhausted(COLLABORATORS);
    play.github.borrow_mut().pull_problems = vec![lost(); 500];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(8));
    play.reruns(&[1]);
    play.answered(&["it could not be done within two hours"]);
    // The run itself cannot be read.
    let play = exhausted(COLLABORATORS);
    let before = play.tracked();
    play.github.borrow_mut().read_problems = vec![lost(); 500];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(8));
    play.github.borrow_mut().read_problems.clear();
    play.pass_working(Span::days(3));
    play.reruns(&[1]);
    play.answered(&["it could not be done within two hours"]);
    assert_eq!((play.tracked().outcome, play.tracked().reason), (before.outcome, before.reason));
    play.rests();
}

#[test]
fn the_log_says_what_became_of_each() {
    let accepted = (false, Accepted, "it will be carried out");
    let play = exhausted(COLLABORATORS);
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.logs(&[accepted, (true, Rerun, "a new attempt has started"), (false, Done, "everything was done")]);
    // Refused for its one run, which nothing else in the log says.
    let play = exhausted("max_reruns: 1\ncommands: { who: collaborators, workflows: { exclude: [ci] } }\n");
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.logs(&[accepted, (true, Refused, "excludes under"), (false, Refused, "Not re-run:")]);
    let play = exhausted(COLLABORATORS);
    play.github.borrow_mut().pull.as_mut().unwrap().open = false;
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.logs(&[accepted, (false, Refused, "is closed")]);
    // The policy was read only after it was taken.
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    play.github.borrow_mut().file = Some("commands: { who: nobody }\n".to_owned());
    assert_eq!(play.comments(1, rerun(None), GivenBy::Collaborator).kind, ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.logs(&[(false, Refused, "does not let the comment's author")]);
    // It cannot be read at all.
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    play.github.borrow_mut().policy_answers = vec![Err(lost()); 500];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::hours(3));
    play.logs(&[(false, Refused, "within two hours")]);
    // Nobody can be answered.
    for (problem, says) in [(github::Error::NotFound, "does not show the comment"), (lost(), "within half a day")] {
        let play = exhausted(COLLABORATORS);
        play.github.borrow_mut().reply_problems = vec![(problem, false); 500];
        play.comments(1, Command::Stop, GivenBy::Collaborator);
        play.pass_working(Span::days(2));
        let lines = play.lines();
        let unanswered = |(_, _, outcome, why): &Line| *outcome == Unanswered && why.contains(says);
        assert!(lines.iter().any(|line| line.2 == Done) && lines.iter().any(unanswered), "{lines:#?}");
        play.rests();
    }
}

#[test]
fn none_is_forgotten_without_a_word() {
    type Forgets = fn(&Play);
    let retires: Forgets = |play| drop(play.keeper.retire(&play.cx()).unwrap());
    let is_another: Forgets = |play| drop(play.keeper.identify(identity(2), &play.cx()).unwrap());
    for (forgets, why) in [(retires, "REPOSITORIES"), (is_another, "another repository")] {
        let play = exhausted(COLLABORATORS);
        play.keeper.identify(identity(1), &play.cx()).unwrap();
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.lines();
        forgets(&play);
        play.logs(&[(false, Refused, why)]);
        assert_eq!(play.rows("commands"), 0);
        // Once.
        forgets(&play);
        play.logs(&[]);
        // Nor does it act when it comes again.
        let again = play.comments(1, rerun(None), GivenBy::Collaborator);
        assert_eq!((again.kind, again.reason.as_str()), (ReceiptKind::Recorded, "this command was received before"));
    }
}

#[test]
fn a_re_run_that_is_asked_for_in_a_pause_is_refused_at_once() {
    for is_known in [true, false] {
        let play = exhausted(COLLABORATORS);
        play.pass(if is_known { Span::ZERO } else { Span::minutes(10) });
        play.keeper.pause(play.now.get()).unwrap();
        let receipt = play.comments(1, rerun(None), GivenBy::Collaborator);
        assert_eq!(receipt.kind, ReceiptKind::Recorded);
        play.pass_working(Span::seconds(10));
        play.answered(&["re-runs in this repository are paused"]);
        assert_eq!(play.reactions().last(), Some(&(1, Reaction::Confused)));
        // What is no re-run is done all the same.
        play.comments(2, Command::Stop, GivenBy::Collaborator);
        play.comments(3, Command::Status, GivenBy::Collaborator);
        play.pass_working(Span::seconds(20));
        assert_eq!(play.rows("stopped_pulls"), 1);
        play.answered(&["", "Re-runs are paused in this repository.\n"]);
        play.keeper.resume(play.now.get()).unwrap();
        play.pass_working(Span::hours(12));
        play.reruns(&[1]);
    }
    // Who may not learns nothing.
    let play = exhausted(COLLABORATORS);
    play.keeper.pause(play.now.get()).unwrap();
    play.comments(1, rerun(None), GivenBy::Author);
    play.pass_working(Span::hours(1));
    assert_eq!((play.reactions(), play.rows("commands")), (vec![], 0));
}

/// It was asked for before, and the pause lasts.
#[test]
fn what_a_pause_holds_up_for_long_is_given_up() {
    for (hours, is_done) in [(1, true), (5, false)] {
        let play = exhausted(COLLABORATORS);
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.until_read();
        play.keeper.pause(play.now.get()).unwrap();
        play.pass_working(Span::hours(hours));
        play.keeper.resume(play.now.get()).unwrap();
        play.pass_working(Span::hours(12));
        play.reruns(if is_done { &[1, 2] } else { &[1] });
        play.answered(if is_done { &[] } else { &["re-runs in this repository are paused"] });
        assert_eq!(play.tracked().commanded, None);
    }
}

/// Some setting is wrong, so that nothing is called for, and is mended later.
#[test]
fn what_waits_for_the_worker_itself_is_done_soon_or_not_at_all() {
    for (hours, is_done) in [(1, true), (5, false)] {
        let play = exhausted(COLLABORATORS);
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass(Span::hours(hours));
        play.pass_working(Span::minutes(5));
        play.reruns(if is_done { &[1, 2] } else { &[1] });
        play.answered(if is_done { &[] } else { &["it could not be done within two hours"] });
        let last = if is_done { Reaction::Rocket } else { Reaction::Confused };
        assert_eq!(play.reactions().last(), Some(&(1, last)));
    }
}

#[test]
fn a_dry_run_says_what_it_would_have_done() {
    let dry = |play: Play| Play { settings: RerunSettings { dry_run: true, ..play.settings.clone() }, ..play };
    let play = dry(exhausted(COLLABORATORS));
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["`DRY_RUN` is on\\, so nothing is re-run\\. Otherwise\\: Attempt 2 failed in job `test`"]);
    play.stands(RunOutcome::Exhausted, 1);
    // And nothing that it would not have.
    let play = dry(exhausted("max_reruns: 1\ncommands: { who: collaborators, workflows: { exclude: [ci] } }\n"));
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["excludes under"]);
}

#[test]
fn the_workers_settings_hold_for_commands() {
    let play = exhausted(COLLABORATORS);
    let settings = RerunSettings { excluded_actors: vec!["ann".to_owned()], ..play.settings.clone() };
    let play = Play { settings, ..play };
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.answered(&["NO_RERUN_ACTORS"]);
    assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Confused)]);
}

/// People were told of a run that is tracked for a command alone: it has an end that they are told.
#[test]
fn a_run_that_people_were_told_of_is_not_forgotten_with_its_command() {
    let play = failed_once("max_reruns: 3\ncommands: { who: collaborators }\n");
    play.github.borrow_mut().rerun_answers = vec![Ok(RerunAnswer::AlreadyRunning); 500];
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(30));
    assert!(play.tracked().in_short.is_some(), "{:#?}", play.tracked());
    play.pass_working(Span::hours(3));
    play.answered(&["it could not be done within two hours"]);
    assert_eq!(play.tracked().commanded, None);
    assert_eq!(play.rows("runs"), 1, "it is on view");
    // It goes on by the rules.
    play.github.borrow_mut().rerun_answers.clear();
    play.pass_working(Span::hours(12));
    play.reruns(&[1]);
    assert!(play.last_record().reason.contains("re-run 1 of at most 3"), "{}", play.last_record().reason);
}

/// Its re-run has the rights of the base, and what it fetches can be another commit by then.
#[test]
fn an_author_gets_nothing_re_run_with_the_rights_of_the_base() {
    for (by, is_done) in [(GivenBy::Author, false), (GivenBy::Collaborator, true)] {
        let play = exhausted(AUTHORS);
        {
            let mut github = play.github.borrow_mut();
            is_of_a_fork(&mut github);
            github.event = "pull_request_target".to_owned();
            github.head_commit = github.head_sha.replace("b".repeat(40));
        }
        play.comments(1, rerun(None), by);
        play.pass_working(Span::minutes(1));
        play.reruns(if is_done { &[1, 2] } else { &[1] });
        play.answered(&["it runs with the rights of its base"][..usize::from(!is_done)]);
    }
}

/// Seen to fail when a full last page is taken for the end of the list.
#[test]
fn that_there_are_more_runs_than_were_looked_at_is_said() {
    let words = "Only the newest 150 runs of its commit and branch were checked.";
    for (command, conclusion) in [
        (rerun(None), Conclusion::Failure),
        (rerun(None), Conclusion::Success),
        (rerun(Some("lint")), Conclusion::Failure),
        (Command::Status, Conclusion::Failure),
    ] {
        for is_more in [true, false] {
            let play = exhausted(COLLABORATORS);
            play.github.borrow_mut().lists_more = is_more;
            lists(&play, Some(conclusion));
            play.comments(1, command.clone(), GivenBy::Collaborator);
            play.pass_working(Span::minutes(1));
            let is_rerun = play.reactions().contains(&(1, Reaction::Rocket)) && command != Command::Status;
            play.reruns(if is_rerun { &[1, 2] } else { &[1] });
            let answers = play.github.borrow().answers.clone();
            assert_eq!(answers.iter().filter(|answer| answer.contains(words)).count(), usize::from(is_more));
            assert_eq!(answers.len(), usize::from(is_more || !is_rerun), "{answers:#?}");
        }
    }
}

/// Seen to fail when it is told as a call that came to nothing.
#[test]
fn what_is_wrong_with_the_policy_is_said_as_that_though_a_command_has_found_it() {
    let play = exhausted(COLLABORATORS);
    play.pass(Span::minutes(10));
    play.github.borrow_mut().file = Some("commands: { who: everybody }\n".to_owned());
    play.comments(1, rerun(None), GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    let said = play.of_policy.borrow().clone();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("is not valid, and nothing is re-run until it is fixed: "), "{said:?}");
    assert_eq!(play.warnings.borrow().len(), 0, "{:#?}", play.warnings.borrow());
}
