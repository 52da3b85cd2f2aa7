//! What people are told.

use super::*;
use crate::names::RepoName;

pub(super) fn telling(per_hour: u32) -> Play {
    let play = Play::new();
    let notices = Notifications { per_hour, web_url: "https://github.com".to_owned() };
    let settings = RerunSettings { max_reruns: 1, ..play.settings.clone() };
    let keeper = Keeper { notifications: Some(notices), ..play.keeper };
    let play = Play { keeper, settings, ..play };
    play.keeper.set_repository(&RepoName::parse("octo/widgets").unwrap()).unwrap();
    play
}

/// Is re-run once, and given up.
pub(super) fn is_exhausted(play: &Play, run: u64) {
    let run_id = RunId::new(run).unwrap();
    for n in 1..=2 {
        play.github.borrow_mut().attempt = n;
        play.ends(Conclusion::Failure);
        let event = RunEvent::new(repository(), run_id, Some(attempt(n)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::seconds(6));
    }
}

#[test]
fn a_run_that_is_given_up_is_told_once_with_what_was_tried() {
    let play = telling(20);
    is_exhausted(&play, 7);
    let expected = "octo/widgets: ci failed for good. https://github.com/octo/widgets/actions/runs/7\n";
    {
        let messages = play.messages.borrow();
        assert_eq!(messages.len(), 1, "{messages:#?}");
        assert!(messages[0].starts_with(expected), "{}", messages[0]);
        assert!(messages[0].contains("Failed jobs: test (at Run tests)."), "{}", messages[0]);
        assert!(messages[0].contains("Tried: "), "{}", messages[0]);
    }
    // A person's re-run fails as well.
    play.github.borrow_mut().attempt = 3;
    play.on_webhook(RunEventKind::RunFailed, Some(3));
    play.pass_working(Span::days(2));
    assert_eq!(play.messages.borrow().len(), 1);
    play.rests();
}

#[test]
fn it_is_tried_until_it_is_taken_and_not_for_ever() {
    let play = telling(1_000);
    play.takes_messages.set(false);
    is_exhausted(&play, 7);
    play.pass_working(Span::hours(2));
    let tries = play.messages.borrow().len();
    assert!((5..12).contains(&tries), "{tries} tries in two hours");
    play.takes_messages.set(true);
    play.pass_working(Span::hours(2));
    assert_eq!(play.messages.borrow().len(), tries + 1, "taken, and not sent again");
    play.rests();

    let play = telling(1_000);
    play.takes_messages.set(false);
    is_exhausted(&play, 7);
    play.pass_working(Span::days(5));
    play.rests();
}

#[test]
fn a_message_that_was_claimed_and_lost_is_sent_again() {
    let play = telling(20);
    play.takes_messages.set(false);
    is_exhausted(&play, 7);
    play.pass(Span::minutes(1));
    let claims = std::iter::from_fn(|| play.keeper.next(true, &play.cx()).unwrap());
    let claims = claims.filter(|task| matches!(task, Task::Notify(_))).count();
    assert_eq!(claims, 1, "claimed once, and nothing is heard of it");
    play.takes_messages.set(true);
    let before = play.messages.borrow().len();
    play.pass_working(Span::minutes(1));
    assert_eq!(play.messages.borrow().len(), before + 1);
}

#[test]
fn no_more_than_so_many_an_hour_and_the_rest_as_one() {
    let play = telling(3);
    for run in 1..=20 {
        is_exhausted(&play, run);
    }
    assert_eq!(play.messages.borrow().len(), 3, "{:#?}", play.messages.borrow());
    play.pass_working(Span::hours(1));
    let messages = play.messages.borrow();
    assert_eq!(messages.len(), 4, "{messages:#?}");
    assert!(messages[3].starts_with("octo/widgets: 17 more runs failed for good."), "{}", messages[3]);
    assert!(messages[3].contains("and 7 more"), "{}", messages[3]);
    drop(messages);
    play.pass_working(Span::hours(5));
    assert_eq!(play.messages.borrow().len(), 4);
    play.rests();
}

#[test]
fn people_hear_once_of_a_refused_token() {
    let play = telling(20);
    play.github.borrow_mut().read_problems =
        vec![github::Error::Credentials { message: "401 Bad credentials".to_owned() }];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(1));
    let messages = play.messages.borrow();
    assert_eq!(messages.len(), 1, "{messages:#?}");
    assert!(messages[0].contains("GitHub refuses the credentials") && messages[0].contains("401 Bad credentials"));
    play.reruns(&[1]);
}

#[test]
fn without_a_place_to_tell_nothing_is_stored() {
    let play = Play::new();
    is_exhausted(&play, 7);
    let rows = play.keeper.store.sql.exec("SELECT COUNT(*) FROM notices", vec![]).unwrap();
    assert_eq!(rows[0], [store::Value::Integer(0)]);
}

/// Commenting on pull request 3.
pub(super) fn commenting() -> Play {
    let play = Play::new();
    play.github.borrow_mut().pull_request = Some(3);
    let play = Play { keeper: with_comments(play.keeper), ..play };
    play.keeper.set_repository(&RepoName::parse("octo/widgets").unwrap()).unwrap();
    play
}

pub(super) fn comments_of(play: &Play) -> Vec<String> {
    play.github.borrow().comments.iter().map(|(_, body)| body.clone()).collect()
}

pub(super) fn fails(play: &Play, n: u32) {
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(n));
    play.pass_working(Span::seconds(20));
}

#[test]
fn one_comment_is_edited_in_place() {
    let play = commenting();
    fails(&play, 1);
    let comments = comments_of(&play);
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0].starts_with(github::calls::comments::MARK) && comments[0].contains("is being re-run"),
        "{}",
        comments[0]
    );
    assert_eq!(comments[0].matches("`test` at step `Run tests`").count(), 1, "{}", comments[0]);
    assert!(!comments[0].contains("  - "), "once is enough: {}", comments[0]);
    for n in 2..=4 {
        fails(&play, n);
    }
    let comments = comments_of(&play);
    assert_eq!(comments.len(), 1);
    assert!(comments[0].contains("failed for good") && comments[0].contains("Gave up"), "{}", comments[0]);
    play.pass_working(Span::days(1));
    assert_eq!(play.github.borrow().writes, 4, "a write for each thing to say");
    play.rests();
}

#[test]
fn a_comment_whose_answer_was_lost_is_found_again() {
    let play = commenting();
    // The find is answered, the comment is made, and nothing is heard of it.
    play.github.borrow_mut().comment_problems = vec![(lost(), true)];
    fails(&play, 1);
    play.github.borrow_mut().comment_problems = vec![(lost(), true), (lost(), true)];
    play.pass_working(Span::minutes(30));
    fails(&play, 2);
    play.pass_working(Span::hours(3));
    let comments = comments_of(&play);
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert!(comments[0].contains("re-run 2 of at most 3"), "{}", comments[0]);
    assert_eq!(play.keeper.comment_due(&play.settings).unwrap(), None);
}

#[test]
fn a_comment_that_was_deleted_is_made_again_once_and_nobody_is_silenced_for_ever() {
    let play = commenting();
    fails(&play, 1);
    play.github.borrow_mut().comments.clear();
    fails(&play, 2);
    let comments = comments_of(&play);
    assert!(comments.len() == 1 && comments[0].contains("re-run 2 of at most 3"), "{comments:#?}");
    play.github.borrow_mut().comments.clear();
    fails(&play, 3);
    play.pass_working(Span::hours(1));
    assert_eq!(comments_of(&play), [""; 0], "deleted twice");
    fails(&play, 4);
    play.pass_working(Span::days(1));
    assert_eq!(comments_of(&play), [""; 0], "for a day");
    play.rests();
    // A person's re-run a day later fails too.
    play.github.borrow_mut().attempt = 5;
    fails(&play, 5);
    assert_eq!(comments_of(&play).len(), 1);
    play.reruns(&[1, 2, 3]);
}

#[test]
fn what_an_older_version_took_for_its_own_is_looked_for_anew() {
    let play = commenting();
    fails(&play, 1);
    // As the version before wrote it, which edited a stranger's comment, saw it deleted, and was silent from then on.
    let sql = play.keeper.store.sql;
    let eighth = [
        "ALTER TABLE pull_comments DROP COLUMN deleted",
        "ALTER TABLE pull_comments DROP COLUMN silent_until",
        "ALTER TABLE pull_comments DROP COLUMN failures",
        "ALTER TABLE pull_comments ADD COLUMN gone INTEGER NOT NULL DEFAULT 0",
        "UPDATE pull_comments SET gone = 1, comment_id = 13, due = NULL",
        "UPDATE schema SET version = 8",
    ];
    for statement in UNDO_TO_19.into_iter().chain(UNDO_TO_18).chain(UNDO_TO_15).chain(UNDO_TO_10).chain(eighth) {
        sql.exec(statement, vec![]).unwrap();
    }
    let keeper = with_comments(Keeper::open(sql).unwrap());
    let play = Play { keeper, ..play };
    play.github.borrow_mut().edited.clear();
    fails(&play, 2);
    assert_eq!(comments_of(&play).len(), 1);
    assert_eq!(play.github.borrow().edited, [100], "its own, and not 13");
}

#[test]
fn a_refused_comment_is_given_up_and_holds_nothing_up() {
    let play = commenting();
    let refused = github::Error::Credentials { message: "403 Resource not accessible".to_owned() };
    play.github.borrow_mut().comment_problems = vec![(refused, false); 1_000];
    for n in 1..=4 {
        fails(&play, n);
    }
    play.reruns(&[1, 2, 3]);
    play.pass_working(Span::days(9));
    assert_eq!(comments_of(&play), [""; 0]);
    assert_eq!(play.github.borrow().comment_problems.len(), 1_000 - 1 - 30, "each decision begins anew");
    assert_eq!(*play.refusals.borrow(), [], "the token re-runs");
    play.rests();
}

/// Seen to fail when a claim counts as a try.
#[test]
fn a_comment_that_crashes_have_cost_many_tries_is_written_all_the_same() {
    let play = commenting();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::days(2));
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.pass(Span::minutes(1));
    let mut comment = until_comment(&play);
    for _ in 0..40 {
        // Nothing is heard of it: the machine is gone.
        play.pass(Span::minutes(2));
        comment = until_comment(&play);
    }
    for _ in 0..29 {
        play.keeper.finish_comment(&comment, Err(lost()), &play.cx()).unwrap();
        play.pass(Span::hours(1));
        comment = until_comment(&play);
    }
    let before = comments_of(&play);
    play.pass_working(Span::hours(2));
    assert_ne!(comments_of(&play), before);
    assert_eq!(before.len(), 1);
}

#[test]
fn what_is_left_alone_and_what_is_of_no_pull_request_has_no_comment() {
    let play = commenting();
    play.ends(Conclusion::Cancelled);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(1));
    assert_eq!(comments_of(&play), [""; 0]);
    let play = commenting();
    play.github.borrow_mut().pull_request = None;
    fails(&play, 1);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.github.borrow().writes, 0);
}

/// Does what is due until a comment is begun, which is not written yet.
fn until_comment(play: &Play) -> Comment {
    let mut task = None;
    loop {
        match task.take().or_else(|| play.keeper.next(true, &play.cx()).unwrap()) {
            Some(Task::Errand(Errand::Comment(comment))) => return comment,
            Some(Task::Call(call)) => {
                task = play.keeper.answered(&call, play.answer(&call), &play.cx()).unwrap().task;
            }
            Some(Task::Publish(tracked)) => play.keeper.finish_publish(&tracked, true, play.now.get()).unwrap(),
            Some(Task::Summarize(_)) => play.keeper.finish_summary(true, play.now.get()).unwrap(),
            Some(Task::Wait(span)) => play.pass(span),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_rate_limit_that_a_comment_meets_is_the_repositorys() {
    let limited = |seconds| github::Error::RateLimited { wait: Some(Span::seconds(seconds)) };
    let play = commenting();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.pass(Span::seconds(5));
    let comment = until_comment(&play);
    // Meanwhile another run is begun, and is answered after the comment.
    let other = RunId::new(8).unwrap();
    let event = RunEvent::new(repository(), other, Some(attempt(2)), RunEventKind::RunFailed);
    play.keeper.receive(&event, &play.cx()).unwrap();
    play.pass(Span::seconds(5));
    let Some(Task::Call(read)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    play.keeper.finish_comment(&comment, Err(limited(600)), &play.cx()).unwrap();
    let until = play.keeper.breaker().unwrap().unwrap().until;
    assert!(until - play.now.get() > Span::minutes(10));
    let settled = play.keeper.answered(&read, play.answer(&read), &play.cx()).unwrap();
    assert_eq!(settled.task, None, "nothing more is called for it");
    assert_eq!(
        play.keeper.breaker().unwrap().unwrap().until,
        until,
        "an answer to what was asked before opens nothing"
    );
    // Nor is the wait shortened by a shorter one, but lengthened by a longer.
    let lost_or_limited = [lost(), limited(1), limited(900)];
    for (problem, later) in lost_or_limited.into_iter().zip([false, false, true]) {
        let answer = Response::Run(Err(problem));
        play.keeper.answered(&read, answer, &play.cx()).unwrap();
        assert_eq!(play.keeper.breaker().unwrap().unwrap().until > until, later);
    }
    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None);
    play.pass_working(Span::minutes(20));
    assert!(comments_of(&play)[0].contains("re-run 1 of at most 3"));
}

#[test]
fn an_edit_that_fails_is_made_again_however_old_the_comment_is() {
    let play = commenting();
    fails(&play, 1);
    play.pass_working(Span::days(3));
    play.github.borrow_mut().comment_problems = vec![(lost(), false)];
    fails(&play, 2);
    play.pass_working(Span::hours(1));
    assert!(comments_of(&play)[0].contains("re-run 2 of at most 3"), "{}", comments_of(&play)[0]);
    // One that was given up is tried again with the next thing to say.
    play.github.borrow_mut().comment_problems = vec![(lost(), false); 1_000];
    fails(&play, 3);
    play.pass_working(Span::days(3));
    play.github.borrow_mut().comment_problems = vec![(lost(), false)];
    fails(&play, 4);
    play.pass_working(Span::hours(1));
    assert!(comments_of(&play)[0].contains("failed for good"), "{}", comments_of(&play)[0]);
}

#[test]
fn what_happens_while_a_comment_is_being_written_begins_no_second_one() {
    let play = commenting();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(5));
    play.pass(Span::seconds(5));
    let comment = until_comment(&play);
    play.on_webhook(RunEventKind::RunSucceeded, Some(2));
    play.pass(Span::seconds(89));
    assert!(play.keeper.comment_due(&play.settings).unwrap().is_some_and(|due| due > play.now.get()));
    // Nor while what was written and not heard of cannot be found yet.
    play.keeper.finish_comment(&comment, Err(lost()), &play.cx()).unwrap();
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(3));
    play.pass(Span::seconds(59));
    assert!(play.keeper.comment_due(&play.settings).unwrap().is_some_and(|due| due > play.now.get()));
    play.keeper.finish_comment(&comment, Ok(CommentAnswer::There(100)), &play.cx()).unwrap();
    assert_eq!(
        play.keeper.comment_due(&play.settings).unwrap(),
        Some(play.now.get() + Span::seconds(5)),
        "there is more to say"
    );
}
