//! One alarm's work: how many requests it makes, and that all that is due gets its turn.

use futures_util::FutureExt;

use super::*;
use crate::keeper::cancelled;
use crate::keeper::command_log::CommandLine;
use crate::keeper::work::{self, Platform};

/// Answers at once, and counts what each alarm asks for.
struct Site<'a> {
    play: &'a Play,
    chance: f64,
    requests: Cell<u32>,
    armed: Cell<Option<Millis>>,
    rerun: RefCell<Vec<u64>>,
}

impl Platform for Site<'_> {
    fn now(&self) -> Millis {
        self.play.now.get()
    }

    fn chance(&self) -> f64 {
        self.chance
    }

    fn armed(&self) -> Option<Millis> {
        self.armed.get()
    }

    async fn arm(&self, due: Option<Millis>) -> Result<(), StoreError> {
        self.armed.set(due);
        Ok(())
    }

    async fn call(&self, call: &Call) -> Response {
        self.requests.set(self.requests.get() + call.requests());
        if let Call::Rerun { run_id, .. } = call {
            self.rerun.borrow_mut().push(run_id.get());
            return Response::Rerun(Ok(RerunAnswer::Accepted));
        }
        self.play.answer(call)
    }

    async fn publish(&self, _: &TrackedRun) -> bool {
        self.requests.set(self.requests.get() + 1);
        true
    }

    async fn want_cancelled(&self, wanted: bool) -> bool {
        self.requests.set(self.requests.get() + 1);
        self.play.cancelled.borrow_mut().push(wanted);
        true
    }

    async fn summarize(&self, _: &Summary) -> bool {
        self.requests.set(self.requests.get() + 1);
        true
    }

    fn notify(&self, notification: Notification) {
        panic!("{notification:?}");
    }

    fn errand(&self, errand: Errand) {
        panic!("{errand:?}");
    }

    async fn hand_over(&self, _: &HandOver) -> bool {
        panic!("the repository was not renamed")
    }

    async fn credentials(&self, _: Option<&str>) {}

    async fn wait(&self, span: Span) {
        self.play.pass(span);
    }

    fn log_decision(&self, _: RunId, _: &Record) {}

    fn log_command(&self, _: &CommandLine) {}

    fn log_warning(&self, _: &str) {}
}

impl<'a> Site<'a> {
    fn of(play: &'a Play, chance: f64) -> Self {
        Self { play, chance, requests: Cell::new(0), armed: Cell::new(None), rerun: RefCell::default() }
    }
}

/// Reads the log of every failed job.
const EVERY_LOG: &str =
    "rules:\n  - name: network\n    if: { log: ECONNRESET }\n    then: rerun\notherwise: leave\nmixed: rerun\n";

/// Runs with so many failed jobs each, all of which are due: what each alarm asked for, and which were re-run.
fn alarms(failed_jobs: &[u64]) -> (Vec<u32>, Vec<u64>) {
    let play = Play::with_policy(EVERY_LOG);
    play.github.borrow_mut().log = vec!["ECONNRESET".to_owned()];
    for (run, jobs) in (1..).zip(failed_jobs) {
        let run_id = RunId::new(run).unwrap();
        let jobs = (1..=*jobs).map(|n| failed_job(n, &format!("job {n:02}"), "Run tests")).collect();
        play.github.borrow_mut().jobs_of.insert(run_id, jobs);
        let event = RunEvent::new(repository(), run_id, Some(attempt(1)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass(Span::millis(1));
    }
    play.pass(Span::seconds(5));
    let site = Site::of(&play, 0.5);
    let mut asked = Vec::new();
    while site.rerun.borrow().len() < failed_jobs.len() {
        assert!(asked.len() < 20, "it does not get on: {asked:?}");
        site.requests.set(0);
        work::work(&play.keeper, &play.settings, true, &site).now_or_never().unwrap().unwrap();
        asked.push(site.requests.get());
        assert!(site.armed.get().is_some(), "a re-run's end is looked for, at the least");
    }
    (asked, site.rerun.into_inner())
}

#[test]
fn runs_that_need_much_have_an_alarm_each() {
    let (asked, rerun) = alarms(&[10, 10, 10, 10]);
    assert_eq!(rerun, [1, 2, 3, 4]);
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(asked.iter().all(|requests| *requests <= 40), "{asked:?}");
}

#[test]
fn a_run_for_which_too_little_is_left_is_begun_anew() {
    let (asked, rerun) = alarms(&[1, 1, 1, 12, 1, 12, 12]);
    assert_eq!(rerun.len(), 7);
    assert!(rerun.starts_with(&[1, 2, 3]), "{rerun:?}");
    assert!(asked.iter().all(|requests| *requests <= 40), "{asked:?}");
    assert!(asked.len() <= 6, "{asked:?}");
}

#[test]
fn runs_that_need_little_share_an_alarm() {
    let (asked, _) = alarms(&[1; 10]);
    assert!(asked.len() <= 3, "{asked:?}");
}

/// Two that began together and ended together, in a panic of a third, do not come back together.
/// Seen to fail when the alarm is always set for the end of the lease.
#[test]
fn what_ends_in_the_middle_is_taken_up_again_at_a_time_of_its_own() {
    let again = |chance: f64| {
        let play = Play::new();
        let site = Site::of(&play, chance);
        let event = RunEvent::new(repository(), RunId::new(1).unwrap(), Some(attempt(1)), RunEventKind::RunFailed);
        let received = work::receive(&play.keeper, &play.settings, &site, &event).now_or_never().unwrap().unwrap();
        assert!(!received.is_due, "it waits for its delay");
        play.pass(Span::seconds(5));
        work::receive(&play.keeper, &play.settings, &site, &event).now_or_never().unwrap().unwrap();
        site.armed.get().unwrap() - play.now.get()
    };
    assert_eq!([again(0.0), again(0.5), again(0.999)], [10_000, 17_500, 24_985].map(Span::millis));
}

/// What becomes of the event of a cancelled attempt, and how often the policy file was read by then.
fn wanted(play: &Play, n: u32) -> (Option<RunEventKind>, usize) {
    let event = RunEvent::new(repository(), run_id(), Some(attempt(n)), RunEventKind::RunCancelled);
    let site = Site::of(play, 0.5);
    let wanted = cancelled::wanted(&play.keeper, &play.settings, &site, event).now_or_never().unwrap().unwrap();
    let reads = play.github.borrow().calls.iter().filter(|call| matches!(call, Call::ReadPolicy { .. })).count();
    (wanted.map(|event| event.kind), reads)
}

/// Seen to fail when only what is known is asked, and when the policy is read for each of them.
#[test]
fn a_cancelled_run_is_looked_at_where_the_policy_asks_for_it() {
    use RunEventKind::{RunCancelled, RunEnded};
    let asking = Play::with_policy("conclusions: [failure, cancelled]\n");
    assert_eq!(wanted(&asking, 1), (Some(RunCancelled), 1));
    assert_eq!(wanted(&asking, 2), (Some(RunCancelled), 1));
    assert!(asking.cancelled.borrow().is_empty(), "that they are wanted, a task says");

    let other = Play::with_policy("max_reruns: 1\n");
    for _ in 0..3 {
        assert_eq!(wanted(&other, 1), (None, 1));
        assert_eq!(wanted(&other, 2), (Some(RunEnded), 1), "of a re-run, it is an end");
    }
    assert_eq!(*other.cancelled.borrow(), [false]);
    assert_eq!(other.keeper.run(run_id()).unwrap(), None);
    other.pass(Span::minutes(6));
    other.github.borrow_mut().file = Some("conclusions: [cancelled]\n".to_owned());
    assert_eq!(wanted(&other, 1), (Some(RunCancelled), 2));

    let settings_alone = Play::new();
    assert_eq!(wanted(&settings_alone, 1), (None, 0));
    assert_eq!(*settings_alone.cancelled.borrow(), [false]);
}

/// Seen to fail when what cannot be read counts as read (`[false]` in Workers KV, for a week).
#[test]
fn a_policy_that_cannot_be_read_now_asks_for_no_cancelled_run() {
    let play = Play::with_policy("conclusions: [cancelled]\n");
    play.github.borrow_mut().policy_answers = vec![Err(github::Error::inconclusive("HTTP 502"))];
    assert_eq!(wanted(&play, 1), (None, 1));
    assert!(play.cancelled.borrow().is_empty());
    play.keeper.set_repository(&repository()).unwrap();
    play.keeper.pause(play.now.get()).unwrap();
    assert_eq!(wanted(&play, 1), (None, 1), "GitHub is not asked while it is paused");
    play.keeper.resume(play.now.get()).unwrap();
    assert_eq!(wanted(&play, 1), (Some(RunEventKind::RunCancelled), 2));
}
