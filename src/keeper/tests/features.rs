//! What is done beside re-runs, and GitHub refuses.

use super::commands::{COLLABORATORS, exhausted, rerun};
use super::messages::{commenting, comments_of, fails};
use super::*;
use crate::webhook::command::{Command, GivenBy};

/// It is said once, and tried again after some hours; nothing else stops.
#[test]
fn a_comment_that_lacks_its_permission() {
    let play = commenting();
    let refused = || github::Error::Credentials { message: "403 Resource not accessible by integration".to_owned() };
    play.github.borrow_mut().comment_problems = vec![(refused(), false); 2];
    fails(&play, 1);
    play.pass_working(Span::hours(5));
    assert_eq!(play.github.borrow().comment_problems.len(), 1, "not tried in between");
    fails(&play, 2);
    play.pass_working(Span::minutes(30));
    assert_eq!(play.github.borrow().reruns, [1, 2]);
    assert_eq!(comments_of(&play), [""; 0]);
    let said = play.warnings.borrow().clone();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].starts_with("Comments on pull requests do not work, and will not be tried again for 6 h: "),
        "{said:?}"
    );
    play.pass_working(Span::hours(13));
    assert!(comments_of(&play)[0].contains("re-run 2 of at most 3"), "{}", comments_of(&play)[0]);
    assert_eq!(play.warnings.borrow().len(), 1);
    // What works and is refused again is news.
    play.github.borrow_mut().comment_problems = vec![(refused(), false)];
    fails(&play, 3);
    play.pass_working(Span::minutes(5));
    assert_eq!(play.warnings.borrow().len(), 2);
}

/// Reading is another permission. Seen to fail when what is refused is the feature (no reaction after the first).
#[test]
fn a_pull_request_that_may_not_be_read_says_nothing_of_answers() {
    for message in ["403 Resource not accessible by integration", "401 Bad credentials"] {
        let play = exhausted(COLLABORATORS);
        let refused = github::Error::Credentials { message: message.to_owned() };
        play.github.borrow_mut().pull_problems = vec![refused; 2];
        play.comments(1, rerun(None), GivenBy::Collaborator);
        play.pass_working(Span::minutes(2));
        play.reruns(&[1, 2]);
        assert_eq!(play.reactions(), [(1, Reaction::Eyes), (1, Reaction::Rocket)]);
        let said = play.warnings.borrow().clone();
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(said.iter().all(|what| what.starts_with("a command on a pull request: ")), "{said:#?}");
    }
}

/// What a token is refused that has expired, another is not. Seen to fail when that is taken for a permission that lacks, and
/// when a new start forgets nothing of it.
#[test]
fn a_token_that_has_expired_is_no_permission_that_lacks() {
    let expired = || github::Error::Credentials { message: "401 Bad credentials".to_owned() };
    for is_started in [true, false] {
        let play = commenting();
        play.github.borrow_mut().comment_problems = vec![(expired(), false)];
        fails(&play, 1);
        play.pass_working(Span::seconds(10));
        assert_eq!((comments_of(&play), play.github.borrow().comment_problems.len()), (vec![], 0));
        let said = play.warnings.borrow().clone();
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].starts_with("Comments on pull requests do not work with this token: "), "{said:?}");
        if is_started {
            play.keeper.started(play.now.get()).unwrap();
        }
        // A failed one is tried again after a minute; without a start, nothing is for five.
        play.pass_working(Span::minutes(1));
        assert_eq!(comments_of(&play).len(), usize::from(is_started));
        play.pass_working(Span::minutes(5));
        assert_eq!(comments_of(&play).len(), 1);
    }
}

/// The Keeper is started whenever there is something to do: what takes somebody's permission is not tried each time.
#[test]
fn a_start_is_no_permission() {
    let play = commenting();
    let refused = github::Error::Credentials { message: "403 Resource not accessible by integration".to_owned() };
    play.github.borrow_mut().comment_problems = vec![(refused, false); 9];
    fails(&play, 1);
    for _ in 0..5 {
        play.pass_working(Span::minutes(5));
        play.keeper.started(play.now.get()).unwrap();
    }
    assert_eq!(play.github.borrow().comment_problems.len(), 8);
}

/// Seen to fail when a command that was let in only after its policy was read is answered at once.
#[test]
fn what_is_refused_to_answers_is_not_tried_for_each_command() {
    let play = exhausted(COLLABORATORS);
    let refused = github::Error::Credentials { message: "403 Resource not accessible by integration".to_owned() };
    play.github.borrow_mut().reply_problems = vec![(refused, false); 100];
    for id in 1..=5 {
        // What is known of the policy is of just now, or is not.
        play.pass_working(Span::minutes(10));
        play.comments(id, Command::Stop, GivenBy::Collaborator);
        play.pass_working(Span::minutes(1));
        assert_eq!(play.rows("commands WHERE stage = 'done'"), i64::try_from(id).unwrap());
    }
    assert_eq!(100 - play.github.borrow().reply_problems.len(), 1);
}
