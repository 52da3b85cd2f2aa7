//! What is noted, begun and done, at two rows written, whatever goes away in between.

use super::messages::{commenting, comments_of, fails};
use super::*;
use crate::keeper::due_list::{CLAIM, DueList, MOST_KNOWN, NOTED};
use crate::keeper::store::PullComment;

const NOW: Millis = Millis(1_000_000);

fn none_stored(_: usize) -> Result<Vec<(u64, Millis)>, StoreError> {
    Ok(vec![])
}

#[test]
fn what_is_noted_is_begun_with_nothing_stored_while_its_claim_lasts() {
    let list = DueList::<u64>::default();
    list.note(1, NOW);
    let claimed = Some(NOW + NOTED);
    assert_eq!(list.first(none_stored).unwrap(), Some(NOW));
    assert_eq!(list.next(NOW), Some(1));
    assert!(list.is_claimed(&1, claimed, NOW + NOTED.minus(CLAIM)));
    assert!(!list.is_claimed(&1, claimed, NOW + NOTED.minus(CLAIM) + Span::millis(1)), "too little is left of it");
    list.set(1, claimed);
    assert!(!list.is_fresh(&1) && !list.is_claimed(&1, claimed, NOW), "it is begun");
    assert_eq!(list.next(NOW), None);
    list.set(1, None);
    assert_eq!(list.first(none_stored).unwrap(), None);
}

#[test]
fn what_others_have_noted_waits_until_their_claim_is_over() {
    let list = DueList::<u64>::default();
    list.note(1, NOW);
    let stored = |_| Ok::<_, StoreError>(vec![(1, NOW + NOTED), (2, NOW + NOTED)]);
    assert_eq!(list.first(stored).unwrap(), Some(NOW), "what was noted here is known better");
    assert_eq!(list.next(NOW + NOTED), Some(1));
    list.set(1, None);
    assert_eq!(list.next(NOW + NOTED.minus(Span::millis(1))), None);
    assert_eq!(list.next(NOW + NOTED), Some(2));
    assert!(!list.is_claimed(&2, Some(NOW + NOTED), NOW), "another may have begun it");
}

#[test]
fn however_much_is_due_a_bounded_part_is_known_and_all_is_done() {
    let mut stored: Vec<(u64, Millis)> = (0..2 * MOST_KNOWN as u64 + 1).map(|key| (key, NOW)).collect();
    let list = DueList::<u64>::default();
    let (mut done, mut loads) = (0, 0);
    loop {
        let first = list.first(|at_most| {
            loads += 1;
            Ok::<_, StoreError>(stored.iter().take(at_most).copied().collect())
        });
        if first.unwrap().is_none() {
            break;
        }
        let key = list.next(NOW).unwrap();
        list.set(key, None);
        stored.retain(|(stored, _)| *stored != key);
        done += 1;
    }
    assert_eq!((done, loads), (2 * MOST_KNOWN + 1, 3));
}

fn gone(play: Play) -> Play {
    Play { keeper: with_comments(Keeper::open(play.keeper.store.sql).unwrap()), ..play }
}

fn stored(play: &Play) -> PullComment {
    play.keeper.store.pull_comment(3).unwrap().unwrap()
}

/// Seen to fail when what another has noted is begun at once, and when it is never taken up.
#[test]
fn a_comment_that_was_noted_by_one_that_went_away_is_written_once() {
    let play = commenting();
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(8));
    play.reruns(&[1]);
    let play = gone(play);
    let noted = stored(&play);
    assert!(noted.due.is_some() && comments_of(&play).is_empty(), "{noted:?}");
    play.pass_working(Span::seconds(60));
    assert_eq!(comments_of(&play), [""; 0], "the one before may be writing it");
    play.pass_working(Span::seconds(120));
    assert_eq!(comments_of(&play).len(), 1);
    let written = play.github.borrow().writes;
    // It goes away with nothing to do, and nothing is done again.
    let play = gone(play);
    play.pass_working(Span::hours(2));
    assert_eq!(play.github.borrow().writes, written);
    assert_eq!(stored(&play).due, None);
}

/// Of version 15: a row for each run of a pull request.
#[test]
fn comments_of_the_version_before_tell_of_the_same_runs() {
    let play = commenting();
    fails(&play, 1);
    play.pass_working(Span::minutes(1));
    let (body, runs) = (comments_of(&play), stored(&play).runs);
    let sql = play.keeper.store.sql;
    for statement in
        UNDO_TO_19.into_iter().chain(UNDO_TO_18).chain(UNDO_TO_15).chain(["UPDATE schema SET version = 15"])
    {
        sql.exec(statement, vec![]).unwrap();
    }
    let play = Play { keeper: with_comments(Keeper::open(sql).unwrap()), ..play };
    assert_eq!((stored(&play).runs, stored(&play).due), (runs, None));
    assert_eq!(play.keeper.store.run(RunId::new(7).unwrap()).unwrap().unwrap().pull, Some(3));
    play.github.borrow_mut().attempt = 2;
    fails(&play, 2);
    play.pass_working(Span::minutes(1));
    assert_eq!(comments_of(&play).len(), 1, "it is the same comment");
    assert!(comments_of(&play)[0].lines().count() > body[0].lines().count());
}
