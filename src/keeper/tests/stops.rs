//! `/rerun stop`: what it leaves alone, and who may.

use super::commands::{AUTHORS, failed_once, is_of_a_fork, rerun};
use super::*;
use crate::webhook::command::{Command, GivenBy};

const MANY: &str = "max_reruns: 5\ncommands: { who: authors }\n";
const OWN: &str = "The branch belongs to this repository, so only a collaborator can give this command.";

/// Anybody can open a pull request from somebody else's branch, also from the one that is deployed.
#[test]
fn an_author_stops_nothing_of_the_repositorys_own_branches() {
    for (command, is_refused) in [(Command::Stop, true), (rerun(None), true), (Command::Status, false)] {
        let play = failed_once(AUTHORS);
        play.comments(1, command, GivenBy::Author);
        play.pass_working(Span::minutes(1));
        assert_eq!(play.rows("stopped_pulls"), 0);
        let last = if is_refused { Reaction::Confused } else { Reaction::Rocket };
        assert_eq!(play.reactions().last(), Some(&(1, last)));
        play.answered(&[if is_refused { OWN } else { "There is no decision" }]);
        play.reruns(&[]);
    }
}

/// GitHub names a pull request from the default branch with each of that branch's own runs.
#[test]
fn a_stop_is_not_about_the_default_branch() {
    for is_default in [false, true] {
        let play = failed_once(MANY);
        play.github.borrow_mut().pull.as_mut().unwrap().is_from_default_branch = is_default;
        play.comments(1, Command::Stop, GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        play.github.borrow_mut().event = "push".to_owned();
        play.github.borrow_mut().pull_request = Some(3);
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(if is_default { &[1] } else { &[] });
    }
}

#[test]
fn what_a_collaborator_has_stopped_no_author_starts_again() {
    for (stops, starts, is_started) in [
        (GivenBy::Collaborator, GivenBy::Author, false),
        (GivenBy::Collaborator, GivenBy::Collaborator, true),
        (GivenBy::Author, GivenBy::Author, true),
    ] {
        let play = failed_once(MANY);
        is_of_a_fork(&mut play.github.borrow_mut());
        play.comments(1, Command::Stop, stops);
        play.pass_working(Span::minutes(1));
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(&[]);
        play.comments(2, rerun(None), starts);
        play.pass_working(Span::minutes(1));
        play.reruns(if is_started { &[1] } else { &[] });
        if !is_started {
            play.answered(&["has stopped re-runs of pull request 3"]);
        }
    }
}

/// A stop that only the author has given is not about what others share, nor about what cannot be told.
#[test]
fn whose_run_it_is_has_to_be_known_for_an_authors_stop() {
    type Change = fn(&mut GitHub);
    let same: Change = |_| {};
    let another: Change = |github| {
        let pull = PullRequest { number: 4, ..github.pulls[0].clone() };
        github.pulls.push(pull);
    };
    let only_another: Change = |github| github.pulls[0].number = 4;
    let moved_on: Change = |github| github.pulls[0].head_sha = "f".repeat(40);
    let not_listed: Change = |github| {
        github.pulls.clear();
        github.evidence_problems = vec![github::Error::NotFound; 9];
    };
    let closed_since: Change = |github| {
        let pull = PullRequest { number: 4, ..github.pulls[0].clone() };
        github.pulls[0].open = false;
        github.pulls.push(pull);
    };
    for (change, by_author, by_collaborator) in [
        (same, true, true),
        (another, false, true),
        (only_another, false, false),
        // The run is of an older commit of its branch.
        (moved_on, true, true),
        (not_listed, false, true),
        // By its author, perhaps, who then opened another.
        (closed_since, false, true),
    ] {
        for (by, is_stopped) in [(GivenBy::Author, by_author), (GivenBy::Collaborator, by_collaborator)] {
            // Without a word of the policy nobody asks which pull requests there are.
            let play = failed_once("max_reruns: 5\nskip_superseded: false\ncommands: { who: authors }\n");
            is_of_a_fork(&mut play.github.borrow_mut());
            play.comments(1, Command::Stop, by);
            play.pass_working(Span::minutes(1));
            assert_eq!(play.rows("stopped_pulls"), 1);
            change(&mut play.github.borrow_mut());
            play.on_webhook(RunEventKind::RunFailed, Some(1));
            play.pass_working(Span::minutes(10));
            play.reruns(if is_stopped { &[] } else { &[1] });
        }
    }
}

/// Whoever had a pull request from a fork that is gone stops nothing of others' branches of the same name.
#[test]
fn a_stop_of_a_fork_that_is_gone_is_about_no_other() {
    for skip in ["skip_superseded: false\n", ""] {
        let play = failed_once(&format!("{skip}{MANY}"));
        is_of_a_fork(&mut play.github.borrow_mut());
        {
            let mut github = play.github.borrow_mut();
            let gone = github.pull.clone().map(|pull| PullRequest {
                head_repository: None,
                head_owner: Some("mallory".to_owned()),
                ..pull
            });
            github.pulls[0].number = 4;
            github.pull = gone;
        }
        play.comments(1, Command::Stop, GivenBy::Author);
        play.pass_working(Span::minutes(1));
        assert_eq!(play.rows("stopped_pulls"), 1);
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(&[1]);
    }
}

/// The same for re-runs: by the pull requests as they are when the run is decided on.
#[test]
fn a_command_is_about_its_own_pull_request() {
    type Change = fn(&mut GitHub);
    let another: Change = |github| {
        let pull = PullRequest { number: 4, ..github.pulls[0].clone() };
        github.pulls.push(pull);
    };
    let only_another: Change = |github| github.pulls[0].number = 4;
    let none: Change = |github| github.pulls.clear();
    for (change, by_author, by_collaborator, words) in [
        (another, false, true, "several pull requests have its branch"),
        (only_another, false, false, "it does not belong to pull request 3"),
        (none, false, false, "it does not belong to pull request 3"),
    ] {
        for (by, is_done) in [(GivenBy::Author, by_author), (GivenBy::Collaborator, by_collaborator)] {
            let play = failed_once("max_reruns: 0\ncommands: { who: authors }\n");
            is_of_a_fork(&mut play.github.borrow_mut());
            change(&mut play.github.borrow_mut());
            play.comments(1, rerun(None), by);
            play.pass_working(Span::minutes(1));
            play.reruns(if is_done { &[1] } else { &[] });
            play.answered(&[words][..usize::from(!is_done)]);
        }
    }
}

/// Nobody takes away what others may have.
#[test]
fn an_authors_commands_leave_room_for_a_collaborators() {
    let play = failed_once("max_reruns: 5\ncommands: { who: authors, per_hour: 2 }\n");
    is_of_a_fork(&mut play.github.borrow_mut());
    for id in 1..=5 {
        play.comments(id, Command::Status, GivenBy::Author);
        play.pass_working(Span::seconds(30));
    }
    play.comments(9, Command::Stop, GivenBy::Collaborator);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.rows("stopped_pulls"), 1);
}

#[test]
fn the_merge_queues_runs_are_of_the_pull_request_too() {
    for (number, is_stopped) in [(3, true), (4, false)] {
        let play = failed_once(MANY);
        play.comments(1, Command::Stop, GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        {
            let mut github = play.github.borrow_mut();
            github.event = "merge_group".to_owned();
            github.head_branch = Some(format!("gh-readonly-queue/main/pr-{number}-{}", "a".repeat(40)));
        }
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(if is_stopped { &[] } else { &[1] });
    }
}

/// Seen to fail when the later of two takes the place of the other, whoever gave them.
#[test]
fn an_authors_stop_takes_nothing_from_a_collaborators() {
    for stops in [
        [GivenBy::Collaborator, GivenBy::Author],
        [GivenBy::Author, GivenBy::Collaborator],
        [GivenBy::Collaborator, GivenBy::Collaborator],
    ] {
        let play = failed_once(MANY);
        is_of_a_fork(&mut play.github.borrow_mut());
        for (id, by) in (1..).zip(stops) {
            play.comments(id, Command::Stop, by);
            play.pass_working(Span::minutes(1));
            assert_eq!(play.reactions().last(), Some(&(id, Reaction::Rocket)));
        }
        assert_eq!(play.rows("stopped_pulls"), 1);
        play.comments(3, rerun(None), GivenBy::Author);
        play.pass_working(Span::minutes(1));
        play.reruns(&[]);
        play.answered(&["has stopped re-runs of pull request 3"]);
    }
}

/// Whoever closes a pull request and opens another from its branch has the same runs.
#[test]
fn a_collaborators_stop_holds_for_the_same_commit_of_a_new_pull_request() {
    for (by, has_moved_on, is_stopped) in
        [(GivenBy::Collaborator, false, true), (GivenBy::Collaborator, true, false), (GivenBy::Author, false, false)]
    {
        let play = failed_once(MANY);
        is_of_a_fork(&mut play.github.borrow_mut());
        play.comments(1, Command::Stop, by);
        play.pass_working(Span::minutes(1));
        {
            let mut github = play.github.borrow_mut();
            let new = PullRequest { number: 4, ..github.pulls[0].clone() };
            github.pulls[0].open = false;
            if has_moved_on {
                github.pulls[0].head_sha = "f".repeat(40);
            }
            github.pulls.push(new.clone());
            github.pull = Some(new);
        }
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(if is_stopped { &[] } else { &[1] });
        if is_stopped {
            play.comments_on(4, 2, rerun(None), GivenBy::Author);
            play.pass_working(Span::minutes(1));
            play.reruns(&[]);
            play.answered(&["has stopped re-runs of pull request 3"]);
            play.comments_on(4, 3, rerun(None), GivenBy::Collaborator);
            play.pass_working(Span::minutes(1));
            play.reruns(&[1]);
        }
    }
}

/// A group in the queue has others' changes as well.
#[test]
fn an_authors_stop_is_not_about_the_merge_queue() {
    for (by, is_stopped) in [(GivenBy::Author, false), (GivenBy::Collaborator, true)] {
        let play = failed_once(MANY);
        is_of_a_fork(&mut play.github.borrow_mut());
        play.comments(1, Command::Stop, by);
        play.pass_working(Span::minutes(1));
        assert_eq!(play.rows("stopped_pulls"), 1);
        {
            let mut github = play.github.borrow_mut();
            github.of_fork = false;
            github.event = "merge_group".to_owned();
            github.head_branch = Some(format!("gh-readonly-queue/main/pr-3-{}", "a".repeat(40)));
        }
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(1));
        play.reruns(if is_stopped { &[] } else { &[1] });
    }
}
