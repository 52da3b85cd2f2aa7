//! Many runs fail with the same cause: their re-runs are held, one at a time is tried, and all go when one has passed.

use super::*;
use crate::keeper::views::RunSlice;
use crate::policy::catalogue::Class;

const POLICY: &str = "outage: { runs: 3, within: 15m, probe_every: 10m, for_at_most: 2h }\nmax_reruns: 5\n\
                      rules: [{ name: network, if: { cause: infrastructure }, then: rerun }]\notherwise: leave\n";
const RESET: [&str; 3] =
    ["##[group]Run npm ci", "npm error code ECONNRESET", "##[error]Process completed with exit code 1."];

fn in_outage() -> Play {
    let play = Play::with_policy(POLICY);
    play.github.borrow_mut().log = RESET.map(str::to_owned).to_vec();
    play
}

fn other(run: u64) -> RunId {
    RunId::new(run).unwrap()
}

impl Play {
    /// An attempt of a run fails, as GitHub shows it and a webhook says.
    fn fails(&self, run: u64, n: u32) {
        self.github.borrow_mut().others.insert(other(run), (n, Some(Conclusion::Failure)));
        let event = RunEvent::new(repository(), other(run), Some(attempt(n)), RunEventKind::RunFailed);
        self.keeper.receive(&event, &self.cx()).unwrap();
        self.pass_working(Span::seconds(10));
    }

    fn passes(&self, run: u64, n: u32) {
        self.github.borrow_mut().others.insert(other(run), (n, Some(Conclusion::Success)));
        let event = RunEvent::new(repository(), other(run), Some(attempt(n)), RunEventKind::RunSucceeded);
        self.keeper.receive(&event, &self.cx()).unwrap();
        self.work();
    }

    /// The runs that were re-run since the last time.
    fn rerun(&self) -> Vec<u64> {
        std::mem::take(&mut self.github.borrow_mut().others_rerun).into_iter().map(RunId::get).collect()
    }

    fn of(&self, run: u64) -> TrackedRun {
        self.keeper.run(other(run)).unwrap().unwrap().0
    }

    #[track_caller]
    fn is_held(&self, run: u64) {
        let tracked = self.of(run);
        assert!(tracked.reason.starts_with("Held: at least 3 runs have failed with the same cause"), "{tracked:#?}");
        assert_eq!(tracked.outcome, RunOutcome::Waiting);
    }
}

#[test]
fn re_runs_are_held_and_one_at_a_time_is_tried() {
    let play = in_outage();
    play.fails(11, 1);
    play.fails(12, 1);
    assert_eq!(play.rerun(), [11, 12], "before anybody knows");
    for run in 13..=16 {
        play.fails(run, 1);
        play.is_held(run);
    }
    play.pass_working(Span::minutes(9));
    assert!(play.rerun().is_empty());
    play.pass_working(Span::minutes(2));
    assert_eq!(play.rerun(), [13], "the one that has waited longest");
    // However long it takes, there is one.
    play.pass_working(Span::minutes(40));
    assert!(play.rerun().is_empty());
    play.fails(13, 2);
    play.is_held(13);
    play.pass_working(Span::minutes(9));
    assert!(play.rerun().is_empty());
    play.pass_working(Span::minutes(2));
    assert_eq!(play.rerun(), [14]);
    play.passes(14, 2);
    assert_eq!(play.of(14).outcome, RunOutcome::Rescued);
    play.pass_working(Span::minutes(3));
    assert_eq!(play.rerun(), [15, 16, 13], "the oldest failure first");
    let records = play.keeper.run(other(15)).unwrap().unwrap().1;
    let outcomes: Vec<_> = records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [RunOutcome::Waiting, RunOutcome::Rerunning]);
    assert!(play.keeper.outages().unwrap().is_empty());
}

#[test]
fn they_are_released_over_minutes() {
    let play = in_outage();
    for run in 1..=60 {
        play.fails(run, 1);
    }
    play.rerun();
    play.pass_working(Span::minutes(11));
    assert_eq!(play.rerun().len(), 1);
    play.passes(3, 2);
    play.pass_working(Span::minutes(1));
    let soon = play.rerun().len();
    assert!((15..25).contains(&soon), "{soon} of 57");
    play.pass_working(Span::minutes(3));
    assert_eq!(soon + play.rerun().len(), 57);
}

#[test]
fn after_the_longest_time_each_is_decided_on_by_itself() {
    let play = in_outage();
    for run in 11..=15 {
        play.fails(run, 1);
    }
    play.rerun();
    for n in 0..12 {
        play.pass_working(Span::minutes(11));
        for run in play.rerun() {
            play.fails(run, play.of(run).run_attempt.unwrap().get());
        }
        assert!(n > 10 || !play.keeper.outages().unwrap().is_empty());
    }
    play.pass_working(Span::hours(3));
    for run in 13..=15 {
        assert_ne!(play.of(run).outcome, RunOutcome::Waiting, "run {run} is held for ever");
    }
    assert!(play.keeper.outages().unwrap().is_empty());
}

#[test]
fn what_has_another_cause_or_is_too_far_apart_is_no_outage() {
    let play = in_outage();
    for run in 11..=16 {
        play.fails(run, 1);
        play.pass_working(Span::minutes(8));
    }
    assert_eq!(play.rerun(), [11, 12, 13, 14, 15, 16]);
    let play = in_outage();
    for (run, cause) in (11..).zip(["code ECONNRESET", "code E503", "code ETIMEDOUT", "code ENOTFOUND"]) {
        let log = RESET.map(|line| line.replace("code ECONNRESET", cause)).to_vec();
        play.github.borrow_mut().log = log;
        play.github.borrow_mut().jobs = vec![failed_job(1, &format!("job {run}"), "Run tests")];
        play.fails(run, 1);
    }
    let outages = play.keeper.outages().unwrap();
    assert!(outages.iter().all(|outage| outage.key.starts_with("cause")), "{outages:#?}");
}

#[test]
fn the_same_failure_is_one_without_a_cause() {
    let play = Play::with_policy("outage: { runs: 3 }\n");
    for run in 11..=14 {
        play.fails(run, 1);
    }
    assert_eq!(play.rerun(), [11, 12]);
    assert!(play.of(13).reason.contains("in the same way (fingerprint "), "{}", play.of(13).reason);
    // Another step is another failure.
    let mut job = failed_job(1, "test", "Install");
    job.steps.push(Step { name: "x".to_owned(), conclusion: None, going: false });
    play.github.borrow_mut().jobs = vec![job];
    play.fails(15, 1);
    assert_eq!(play.rerun(), [15]);
}

#[test]
fn a_probe_that_is_nothing_any_more_makes_room_for_the_next() {
    let play = in_outage();
    for run in 11..=15 {
        play.fails(run, 1);
    }
    play.rerun();
    // A person re-ran it, and it was cancelled, say: it is decided on by itself.
    play.github.borrow_mut().others.insert(other(13), (1, Some(Conclusion::Cancelled)));
    play.pass_working(Span::minutes(11));
    assert_eq!(play.of(13).outcome, RunOutcome::Left);
    assert!(play.rerun().is_empty());
    play.pass_working(Span::minutes(10));
    assert_eq!(play.rerun(), [14]);
}

#[test]
fn a_person_finds_out_that_it_is_over() {
    let play = in_outage();
    for run in 11..=15 {
        play.fails(run, 1);
    }
    play.rerun();
    play.passes(15, 2);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.rerun(), [13, 14]);
    // What failed before counts no more.
    play.fails(16, 1);
    play.fails(17, 1);
    assert_eq!(play.rerun(), [16, 17]);
}

#[test]
fn a_policy_that_says_nothing_of_outages_any_more_releases_them() {
    let play = in_outage();
    for run in 11..=14 {
        play.fails(run, 1);
    }
    play.rerun();
    play.github.borrow_mut().file = Some(POLICY.lines().skip(1).collect::<Vec<_>>().join("\n"));
    play.pass_working(Span::minutes(6));
    play.fails(15, 1);
    play.pass_working(Span::minutes(1));
    assert_eq!(play.rerun(), [15, 13, 14]);
}

#[test]
fn nothing_of_it_is_lost_with_the_object() {
    let play = in_outage();
    for run in 11..=14 {
        play.fails(run, 1);
    }
    play.rerun();
    let before = play.keeper.outages().unwrap();
    assert_eq!(before.len(), 1);
    let Play { keeper, now, github, settings, .. } = play;
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(keeper.store.sql).unwrap() };
    assert_eq!(keeper.outages().unwrap(), before);
    let play = Play { keeper, now, github, settings, ..Play::new() };
    play.pass_working(Span::minutes(11));
    assert_eq!(play.rerun(), [13]);
}

#[test]
fn people_are_told_once() {
    let play = in_outage();
    let notifications = Some(Notifications { per_hour: 20, web_url: "https://github.com".to_owned() });
    let play = Play { keeper: Keeper { notifications, ..play.keeper }, ..in_outage() };
    play.keeper.set_repository(&RepoName::parse("octo/widgets").unwrap()).unwrap();
    for run in 11..=17 {
        play.fails(run, 1);
    }
    play.pass_working(Span::minutes(1));
    let messages = play.messages.borrow();
    assert_eq!(messages.len(), 1, "{messages:#?}");
    assert!(
        messages[0].starts_with("octo/widgets: many runs are failing, and their re-runs are held."),
        "{}",
        messages[0]
    );
    assert!(messages[0].contains("runs have failed with the same cause"), "{}", messages[0]);
}

/// Seen to fail when runs that are not held any more are counted (3 instead of 2), and when a run says nothing of it.
#[test]
fn those_who_look_see_what_is_held_and_what_comes_next() {
    let play = in_outage();
    play.keeper.set_repository(&repository()).unwrap();
    let slice = RunSlice { outcome: None, before: None, limit: 50, filter: RunFilter::default() };
    let view = || play.keeper.repository_view(repository(), &slice, &play.settings, play.now.get()).unwrap();
    let sums = || play.keeper.outage_sums(play.now.get()).unwrap();
    play.fails(11, 1);
    play.fails(12, 1);
    assert_eq!((view().outages, sums()), (vec![], None));
    for run in 13..=15 {
        play.fails(run, 1);
    }
    let seen = view();
    let [outage] = seen.outages.as_slice() else { panic!("{:#?}", seen.outages) };
    assert!(outage.cause.is_some() && outage.class.is_some_and(Class::is_infrastructure), "{outage:#?}");
    assert_eq!((outage.held, outage.probe), (3, None));
    let began = outage.since;
    assert_eq!((outage.next_probe, outage.ends), (Some(began + Span::minutes(10)), began + Span::hours(2)));
    let held: Vec<_> = seen.runs.iter().map(|run| (run.run_id.get(), run.held_since.is_some())).collect();
    assert_eq!(held, [(15, true), (14, true), (13, true), (12, false), (11, false)]);
    assert_eq!(sums().unwrap().views(play.now.get()).len(), 1);
    play.pass_working(Span::minutes(11));
    let seen = view();
    assert_eq!((seen.outages[0].held, seen.outages[0].next_probe), (2, None));
    assert_eq!(seen.outages[0].probe.map(|probe| probe.run_id), Some(other(13)));
    assert_eq!(sums().map(|sums| (sums.count, sums.held)), Some((1, 2)));
    play.passes(13, 2);
    assert_eq!((view().outages, sums()), (vec![], None));
}

#[test]
fn a_held_run_is_not_read_because_a_list_or_a_job_tells_of_it_again() {
    let play = in_outage();
    for run in 11..=14 {
        play.fails(run, 1);
    }
    let reads = play.github.borrow().reads;
    let due = play.of(14).due;
    for kind in [RunEventKind::RunFailed, RunEventKind::JobFailed] {
        let event = RunEvent::new(repository(), other(14), Some(attempt(1)), kind);
        let (receipt, _) = play.keeper.receive(&event, &play.cx()).unwrap();
        assert_eq!((receipt.reason.as_str(), receipt.due), ("an outage holds the re-run of this attempt", due));
    }
    play.pass_working(Span::minutes(1));
    assert_eq!(play.github.borrow().reads, reads);
}

#[test]
fn what_is_decided_late_is_an_outage_all_the_same() {
    let play = Play::with_policy("delay: 30m\noutage: { runs: 3, within: 15m }\n");
    for run in 11..=14 {
        play.fails(run, 1);
    }
    play.pass_working(Span::minutes(31));
    assert_eq!(play.rerun(), [11, 12]);
}

#[test]
fn a_budget_that_is_used_up_does_not_end_one_held_run_after_the_other() {
    let play = in_outage();
    for run in 11..=18 {
        play.fails(run, 1);
    }
    play.rerun();
    play.github.borrow_mut().file = Some(format!("{POLICY}budget: {{ reruns_per_hour: 2 }}\n"));
    play.pass_working(Span::minutes(12));
    let left = (13..=18).filter(|run| play.of(*run).outcome == RunOutcome::Left).count();
    assert_eq!(left, 1, "the probe alone");
}

#[test]
fn a_file_that_is_broken_releases_nothing() {
    let play = in_outage();
    for run in 11..=14 {
        play.fails(run, 1);
    }
    play.rerun();
    play.github.borrow_mut().file = Some("outage: [".to_owned());
    play.pass_working(Span::minutes(6));
    play.fails(15, 1);
    play.pass_working(Span::minutes(2));
    assert_eq!(play.of(15).outcome, RunOutcome::Left);
    play.is_held(13);
    play.is_held(14);
}
