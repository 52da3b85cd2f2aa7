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
    assert_eq!(play.keeper.next_alarm(&play.settings).unwrap(), Some(play.now.get() + Span::minutes(1)));
    play.writes_cancelled.set(true);
    play.pass_working(Span::minutes(1));
    assert_eq!(*play.cancelled.borrow(), [true, true]);
}

/// Whatever happens: what is due has an alarm that is not late, and an alarm finds something to do.
#[test]
fn what_is_due_and_the_alarm_are_one() {
    let lost = || github::Error::inconclusive("GitHub answered 502");
    let (mut alarms, mut kinds) = (0, std::collections::BTreeSet::new());
    for seed in 0..100 {
        let mut random = fastrand::Rng::with_seed(seed);
        let play = Play::with_policy("conclusions: [failure, cancelled]\n");
        let keeper = with_comments(play.keeper);
        let settings = Notifications { per_hour: 2, web_url: "https://github.com".to_owned() };
        let keeper = Keeper { notifications: Some(settings), ..keeper };
        let settings = RerunSettings { sweep_interval: Span::minutes(15), ..play.settings };
        let play = Play { keeper, settings, ..play };
        play.keeper.set_repository(&RepoName::parse("octo/widgets").unwrap()).unwrap();
        play.github.borrow_mut().pull_request = Some(3);
        for attempt in 1..=12 {
            match random.u8(0..8) {
                0 => play.keeper.pause(play.now.get()).unwrap(),
                1 => play.keeper.resume(play.now.get()).unwrap(),
                2 => {
                    let refused = github::Error::Credentials { message: "401 Bad credentials".to_owned() };
                    let problem = if random.bool() { lost() } else { refused };
                    play.github.borrow_mut().read_problems = vec![problem; random.usize(0..6)];
                }
                3 => {
                    let limited = github::Error::RateLimited { wait: Some(Span::minutes(random.i64(1..20))) };
                    play.github.borrow_mut().rerun_answers = vec![Err(limited)];
                }
                4 => play.takes_messages.set(random.bool()),
                5 => play.writes_cancelled.set(random.bool()),
                6 => play.ends(if random.bool() { Conclusion::Failure } else { Conclusion::Success }),
                _ => {
                    play.on_webhook(RunEventKind::RunFailed, Some(attempt));
                }
            }
            for _ in 0..random.u8(0..12) {
                let (now, alarm) = (play.now.get(), play.keeper.next_alarm(&play.settings).unwrap());
                let before = alarm.filter(|alarm| *alarm > now);
                if let Some(alarm) = before {
                    // Too early, there is nothing to do.
                    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None, "seed {seed}: at {now:?}, {alarm:?}");
                    if random.bool() {
                        play.pass(Span::millis((alarm - now).as_millis() / 2));
                        continue;
                    }
                    play.now.set(alarm);
                }
                let next = play.keeper.next(true, &play.cx()).unwrap();
                let Some(next) = next else {
                    assert_eq!(alarm, None, "seed {seed}: the alarm of {alarm:?} finds nothing to do");
                    play.pass(Span::minutes(5));
                    break;
                };
                alarms += 1;
                kinds.insert(
                    format!("{next:?}").trim_start_matches("Errand(").split(['(', ' ']).next().unwrap().to_owned(),
                );
                // Some are never finished: a claim runs out.
                let mut task = Some(next).filter(|_| random.u8(0..10) > 0);
                while let Some(next) = task {
                    task = play.carry_out(next);
                }
            }
        }
    }
    assert!(alarms > 1_000, "{alarms} alarms");
    let all = ["Call", "Comment", "Notify", "Publish", "Summarize", "WantCancelled"];
    assert!(all.iter().all(|kind| kinds.contains(*kind)), "{kinds:?}");
}
