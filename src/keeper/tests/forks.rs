//! What whoever has a fork can do to the repository's own runs: nothing, or not much.

use super::flaky_issues::{POLICY, keeping};
use super::messages::{is_exhausted, telling};
use super::*;
use crate::keeper::judgement::UnknownFailures;
use crate::keeper::store::statistics::SubjectKind;

fn other(run: u64) -> RunId {
    RunId::new(run).unwrap()
}

impl Play {
    /// Runs of forks, or of the repository itself, fail one after the other.
    fn fail(&self, of_fork: bool, runs: impl Iterator<Item = u64>) {
        for run in runs {
            self.github.borrow_mut().of_forks.extend(Some(other(run)).filter(|_| of_fork));
            self.hears(run, 1, Conclusion::Failure);
            self.pass_working(Span::seconds(8));
        }
    }

    /// Runs of forks fail in 1,200 jobs that are made up.
    fn make_up_jobs(&self, first: u64) {
        for run in first..first + 30 {
            let jobs = (0..40).map(|n| failed_job(n + 1, &format!("m ({run}, {n})"), "x")).collect();
            self.github.borrow_mut().jobs_of.insert(other(run), jobs);
        }
        self.fail(true, first..first + 30);
    }

    fn run_of(&self, run: u64) -> TrackedRun {
        self.keeper.run(other(run)).unwrap().unwrap().0
    }

    fn holds(&self, runs: impl Iterator<Item = u64>) -> usize {
        runs.filter(|run| self.run_of(*run).held.is_some_and(|held| held.key.is_some())).count()
    }

    /// The runs that were re-run since the last time.
    fn newly_rerun(&self) -> Vec<u64> {
        std::mem::take(&mut self.github.borrow_mut().others_rerun).into_iter().map(RunId::get).collect()
    }
}

const OUTAGE: &str =
    "skip_superseded: false\noutage: { runs: 3, within: 15m, probe_every: 10m, for_at_most: 2h }\nmax_reruns: 3\n";

/// Seen to fail when forks' failures count (there is one).
#[test]
fn they_make_no_outage() {
    let notifications = Some(Notifications { per_hour: 20, web_url: "https://github.com".to_owned() });
    let play = keeping(OUTAGE);
    let play = Play { keeper: Keeper { notifications, ..play.keeper }, ..play };
    play.fail(true, 11..=18);
    assert_eq!(play.keeper.outages().unwrap(), []);
    play.fail(false, 21..=22);
    assert_eq!((play.holds(11..=18), play.holds(21..=22)), (0, 0));
    play.pass_working(Span::minutes(1));
    assert_eq!(play.messages.borrow().as_slice(), [""; 0]);
    play.fail(false, 23..=23);
    assert_eq!(play.holds(23..=23), 1, "the third of the repository's own");
}

/// Seen to fail when they make outages (none of the repository's own is held).
#[test]
fn made_up_outages_leave_room_for_a_true_one() {
    let play = keeping(OUTAGE);
    for run in 100..190 {
        let jobs = vec![failed_job(1, &format!("made up {}", run / 3), "x")];
        play.github.borrow_mut().jobs_of.insert(other(run), jobs);
    }
    play.fail(true, 100..190);
    play.fail(false, 200..210);
    assert_eq!(play.holds(200..210), 8, "after the first two");
}

/// Seen to fail when a fork's run can be the one that is tried (101 and not 204), and when it can end an outage.
#[test]
fn in_a_true_outage_they_are_held_and_tell_nothing() {
    let play = keeping(OUTAGE);
    play.fail(false, 201..=202);
    play.fail(true, 100..=100);
    assert_eq!(play.newly_rerun(), [201, 202, 100]);
    play.fail(false, 203..=203);
    play.fail(true, 101..=103);
    play.fail(false, 204..=206);
    assert_eq!((play.holds(203..=206), play.holds(101..=103)), (4, 3));
    play.pass_working(Span::minutes(11));
    assert_eq!(play.newly_rerun(), [203]);
    play.hears(203, 2, Conclusion::Failure);
    play.pass_working(Span::minutes(11));
    assert_eq!(play.newly_rerun(), [204], "and not 101, which has failed before it");
    // Its author re-runs it, and has it pass.
    play.hears(101, 2, Conclusion::Success);
    play.pass_working(Span::minutes(5));
    assert_eq!((play.run_of(101).outcome, play.newly_rerun()), (RunOutcome::Rescued, vec![]));
    assert_eq!(play.keeper.outages().unwrap().len(), 1);
    play.hears(204, 2, Conclusion::Success);
    play.pass_working(Span::minutes(5));
    assert_eq!(play.newly_rerun(), [102, 103, 205, 206, 203], "all, as they have failed");
    assert_eq!(play.keeper.outages().unwrap(), []);
}

/// Seen to fail when nobody releases them (both are held), and when they are tried (101 is).
#[test]
fn an_outage_in_which_they_alone_wait_is_over() {
    let play = keeping(OUTAGE);
    play.fail(false, 201..=203);
    play.fail(true, 101..=102);
    assert_eq!((play.newly_rerun(), play.holds(101..=102)), (vec![201, 202], 2));
    play.pass_working(Span::minutes(11));
    assert_eq!(play.newly_rerun(), [203]);
    // Somebody cancels it: it tells nothing, and there is no other.
    play.hears(203, 2, Conclusion::Cancelled);
    play.pass_working(Span::minutes(2));
    play.pass_working(Span::minutes(12));
    assert_eq!((play.newly_rerun(), play.holds(101..=102)), (vec![101, 102], 0));
    assert_eq!(play.keeper.outages().unwrap(), []);
}

/// Seen to fail when they may take all of it (five are re-run), when what they spend is not counted as theirs, and when the
/// repository's own have half as well.
#[test]
fn they_use_up_half_of_the_budget() {
    let play = keeping("skip_superseded: false\nbudget: { reruns_per_hour: 5 }\n");
    play.fail(true, 11..=15);
    assert_eq!(play.newly_rerun(), [11, 12, 13]);
    let used_up = "the repository's budget of 3 re-runs an hour for forks' runs, half of the whole, is used up.";
    assert!(play.run_of(14).reason.ends_with(used_up), "{}", play.run_of(14).reason);
    play.fail(false, 20..=22);
    assert_eq!(play.newly_rerun(), [20, 21]);
    assert!(play.run_of(22).reason.ends_with("budget of 5 re-runs an hour is used up."), "{}", play.run_of(22).reason);
    // As it is stored.
    let play = keeping("skip_superseded: false\nbudget: { reruns_per_hour: 2 }\n");
    play.fail(true, 11..=11);
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(play.keeper.store.sql).unwrap() };
    let play = Play { keeper, ..play };
    let spent = play.keeper.store.spent_by_forks(other(12), play.now.get()).unwrap();
    assert_eq!(spent.reruns_last_hour, 1);
    play.fail(true, 12..=12);
    let left = play.run_of(12);
    assert!(left.outcome == RunOutcome::Left && left.reason.contains("1 re-run an hour for forks' runs"), "{left:#?}");
    play.fail(false, 20..=20);
    assert_eq!(play.run_of(20).outcome, RunOutcome::Rerunning);
}

/// Seen to fail when forks' runs may have all of the hour (nothing is said of run 7), and when the summary begins with what was due first.
#[test]
fn the_repositorys_own_come_first_and_forks_have_half() {
    let play = telling(6);
    play.github.borrow_mut().of_forks = (100..150).filter_map(RunId::new).collect();
    for run in 100..120 {
        is_exhausted(&play, run);
    }
    let told =
        |play: &Play, run: u64| play.messages.borrow().iter().any(|text| text.contains(&format!("/runs/{run}\n")));
    assert_eq!(play.messages.borrow().len(), 3, "{:#?}", play.messages.borrow());
    is_exhausted(&play, 7);
    is_exhausted(&play, 8);
    assert!(told(&play, 7) && told(&play, 8) && play.messages.borrow().len() == 5, "{:#?}", play.messages.borrow());
    // The last one of the hour.
    is_exhausted(&play, 9);
    {
        let messages = play.messages.borrow();
        let text = "octo/widgets: 18 more runs failed for good.\n17 of them are of forks.\n\
                    https://github.com/octo/widgets/actions/runs/9\nhttps://github.com/octo/widgets/actions/runs/103";
        assert!(messages.len() == 6 && messages[5].starts_with(text), "{messages:#?}");
    }
}

/// Seen to fail when nothing is due after their share (they are not told of), and when they are told of one by one then.
#[test]
fn the_rest_of_forks_goes_as_one_when_there_is_room_again() {
    let play = telling(6);
    play.github.borrow_mut().of_forks = (100..150).filter_map(RunId::new).collect();
    for run in 100..120 {
        is_exhausted(&play, run);
    }
    play.pass_working(Span::hours(1));
    let messages = play.messages.borrow();
    assert_eq!(messages.len(), 4, "{messages:#?}");
    let text = "octo/widgets: 17 more runs failed for good.\nAll of them are of forks.\n";
    assert!(messages[3].starts_with(text), "{}", messages[3]);
    drop(messages);
    play.pass_working(Span::hours(5));
    assert_eq!(play.messages.borrow().len(), 4);
    play.rests();
}

/// Nothing more is to be done about runs in which they fail.
const MADE_UP: &str = "skip_superseded: false\nrules: [{ name: made up, if: { job: 'm (*' }, then: leave }]\n";

/// Seen to fail when what was seen last is kept (0 of 0).
#[test]
fn made_up_jobs_drive_out_none_of_the_repositorys_own() {
    let play = keeping(MADE_UP);
    for run in 11..=18 {
        play.flakes(run);
    }
    let (tracked, records) = play.keeper.run(other(18)).unwrap().unwrap();
    let job = records[0].detail.as_ref().unwrap().jobs[0].clone();
    let rate = || {
        let rate = play.keeper.store.rescue_rate(&tracked, &job, play.now.get()).unwrap();
        (rate.passed, rate.judged)
    };
    assert_eq!(rate(), (8, 8));
    play.make_up_jobs(100);
    assert_eq!(rate(), (8, 8));
    assert_eq!(play.rows("subjects WHERE kind = 'job'"), 500);
    assert_eq!(play.rows("subjects WHERE name LIKE 'm (129, %'"), 40, "of forks' own the newest are kept");
}

/// Seen to fail when what was seen last is kept: the issue is closed, as if the job had not failed for a week.
#[test]
fn made_up_jobs_close_no_issue() {
    let play = keeping(&format!("{MADE_UP}{POLICY}"));
    play.flakes_thrice(11);
    play.pass_working(Span::days(6));
    for n in 1..=4 {
        play.hears(20, n, Conclusion::Failure);
        play.pass_working(Span::minutes(1));
    }
    play.make_up_jobs(200);
    play.pass_working(Span::days(2));
    assert!(play.issues()[0].open, "{}", play.issues()[0].body);
    play.flakes(21);
    play.pass_working(Span::days(2));
    assert!(play.issues()[0].body.contains("failures: 8"), "{}", play.issues()[0].body);
    play.pass_working(Span::days(8));
    assert!(!play.issues()[0].open, "a week after it has failed last");
}

/// Jobs of the repository's own can be as many. Seen to fail when a failure that is not known counts as one of long ago (it is closed),
/// and when jobs with an issue make way like others (nothing is known of it).
#[test]
fn what_is_not_known_of_a_job_closes_no_issue() {
    let play = keeping(&format!("{MADE_UP}{POLICY}"));
    play.flakes_thrice(11);
    for run in 100..120 {
        let jobs = (0..40).map(|n| failed_job(n + 1, &format!("m ({run}, {n})"), "x")).collect();
        play.github.borrow_mut().jobs_of.insert(other(run), jobs);
    }
    play.fail(false, 100..120);
    assert_eq!((play.rows("subjects"), play.rows("subjects WHERE name = 'test'")), (500, 1), "it has an issue");
    play.keeper.store.sql.exec("DELETE FROM subjects WHERE name = 'test'", vec![]).unwrap();
    play.pass_working(Span::days(20));
    assert!(play.issues()[0].open, "{}", play.issues()[0].body);
    play.flakes(21);
    play.pass_working(Span::days(1));
    play.pass_working(Span::days(8));
    assert!(!play.issues()[0].open);
}

/// Seen to fail when forks' runs count (there is a rule that leaves `test`).
#[test]
fn the_page_advises_by_the_repositorys_own_runs() {
    let play = keeping("skip_superseded: false\nmax_reruns: 3\n");
    let advice = |play: &Play| {
        let jobs = play.keeper.store.subjects(SubjectKind::Job).unwrap();
        let never_helped = UnknownFailures::among(&jobs, play.now.get()).never_helped;
        never_helped.into_iter().map(|one| one.leave_rule).collect::<Vec<_>>()
    };
    let fails_for_good = |run: u64| {
        for n in 1..=4 {
            play.hears(run, n, Conclusion::Failure);
            play.pass_working(Span::seconds(30));
        }
    };
    play.github.borrow_mut().of_forks = (100..104).map(other).collect();
    (100..104).for_each(fails_for_good);
    fails_for_good(11);
    assert_eq!(advice(&play), [None]);
    (12..15).for_each(fails_for_good);
    assert!(advice(&play)[0].as_ref().is_some_and(|rule| rule.contains("job: \"test\"")), "{:?}", advice(&play));
}
