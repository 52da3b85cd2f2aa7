//! The list of tasks: what is due is done, and has an alarm.

use super::*;

#[test]
fn a_failed_write_that_cancelled_runs_are_wanted_has_an_alarm() {
    let play = Play::with_policy("conclusions: [failure, cancelled]\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    play.writes_cancelled.set(false);
    play.work();
    assert_eq!(*play.cancelled.borrow(), [true], "it was tried");
    assert_eq!(play.keeper.next_alarm(&play.rules).unwrap(), Some(play.now.get() + Span::minutes(1)));
    play.writes_cancelled.set(true);
    play.pass_working(Span::minutes(1));
    assert_eq!(*play.cancelled.borrow(), [true, true]);
}
