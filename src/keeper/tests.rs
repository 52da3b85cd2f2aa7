//! The state machine and the store together, on a native SQLite: a small play for each rule.

use std::cell::{Cell, RefCell};

use super::*;
use crate::attempts::RunOutcome;
use crate::github::request::Failing;
use crate::github::{ListedRun, Run};
use crate::hint::{Conclusion, News};
use crate::names::{DeliveryId, RunAttempt};

mod edges;

#[path = "../../tests/simulation/native_sql.rs"]
mod native_sql;
use native_sql::NativeSql;

/// A Keeper, a clock, and one run on GitHub.
struct Play {
    keeper: Keeper<NativeSql>,
    now: Cell<Millis>,
    rules: Rules,
    github: RefCell<GitHub>,
    /// What `/healthz` was told of the credentials: GitHub's message when it refused them, `None` when it took them.
    refusals: RefCell<Vec<Option<String>>>,
}

/// The run as GitHub has it, and how it answers.
#[derive(Default)]
struct GitHub {
    attempt: u32,
    conclusion: Option<Conclusion>,
    reads: u32,
    lists: u32,
    /// When the run ended, for the list.
    ended: Millis,
    reruns: Vec<u32>,
    /// Answers to come before the honest ones.
    read_problems: Vec<Problem>,
    rerun_answers: Vec<RerunAnswer>,
    /// Lost answers are of calls that took effect.
    lost_after_effect: bool,
}

const START: Millis = Millis(1_795_446_245_000);

fn attempt(n: u32) -> RunAttempt {
    RunAttempt::new(n).unwrap()
}

fn run_id() -> RunId {
    RunId::new(7).unwrap()
}

impl Play {
    fn new() -> Self {
        let keeper = Keeper::open(NativeSql::open().unwrap()).unwrap();
        let rules = Rules {
            max_reruns: 3,
            delay: Span::seconds(5),
            excluded_actors: vec![],
            dry_run: false,
            sweep_interval: Span::ZERO,
        };
        let github = RefCell::new(GitHub { attempt: 1, conclusion: Some(Conclusion::Failure), ..GitHub::default() });
        Self { keeper, now: Cell::new(START), rules, github, refusals: RefCell::default() }
    }

    fn cx(&self) -> Context<'_> {
        context(&self.rules, self.now.get(), 0.5)
    }

    fn pass(&self, span: Span) {
        self.now.set(self.now.get() + span);
    }

    fn hear(&self, news: News, run_attempt: Option<u32>) -> Receipt {
        let hint = Hint { run_id: run_id(), run_attempt: run_attempt.map(attempt), news, delivery: None };
        self.keeper.receive(&hint, &self.cx()).unwrap().0
    }

    #[track_caller]
    fn heard(&self, news: News, run_attempt: Option<u32>, kind: ReceiptKind) {
        let receipt = self.hear(news, run_attempt);
        assert_eq!(receipt.kind, kind, "{}", receipt.reason);
    }

    fn answer(&self, call: &Call) -> Answer {
        let mut github = self.github.borrow_mut();
        match call {
            Call::ReadRun { run_id } => {
                github.reads += 1;
                if let Some(problem) = github.read_problems.pop() {
                    return Answer::Read(ReadAnswer::Problem(problem));
                }
                Answer::Read(ReadAnswer::Run(Box::new(Run {
                    run_id: *run_id,
                    run_attempt: attempt(github.attempt),
                    conclusion: github.conclusion,
                    workflow: Some("ci".to_owned()),
                    event: "push".to_owned(),
                    head_sha: "a".to_owned(),
                    actors: vec!["ann".to_owned()],
                    pull_request_heads: vec![],
                })))
            }
            Call::ListFailedRuns(asked) => {
                github.lists += 1;
                let failed = github.conclusion == Some(Conclusion::Failure) && asked.failing == Failing::Failure;
                let listed =
                    ListedRun { run_id: run_id(), run_attempt: attempt(github.attempt), updated: github.ended };
                Answer::List(ListAnswer::Runs(if failed { vec![listed] } else { vec![] }))
            }
            Call::RerunFailedJobs { run_attempt, .. } => {
                let answer = github.rerun_answers.pop().unwrap_or(RerunAnswer::Accepted);
                let lost = matches!(answer, RerunAnswer::Problem(Problem::Lost { .. }));
                if answer == RerunAnswer::Accepted || (lost && github.lost_after_effect) {
                    assert_eq!(github.attempt, run_attempt.get(), "re-run of another attempt than decided on");
                    github.reruns.push(run_attempt.get());
                    github.attempt += 1;
                    github.conclusion = None;
                }
                Answer::Rerun(answer)
            }
        }
    }

    /// Does what is due now.
    fn work(&self) {
        let mut errand = None;
        while let Some(next) = errand.take().or_else(|| self.keeper.next(true, &self.cx()).unwrap()) {
            match next {
                Errand::Wait(span) => self.pass(span),
                Errand::Publish(watched) => self.keeper.published(&watched, self.now.get(), true).unwrap(),
                Errand::Call(call) => {
                    let answer = self.answer(&call);
                    let settled = self.keeper.answered(&call, answer, &self.cx()).unwrap();
                    self.refusals.borrow_mut().extend(settled.credentials.map(Result::err));
                    errand = settled.errand;
                }
            }
        }
    }

    /// Lets time pass from alarm to alarm until nothing is due within `span`.
    fn pass_working(&self, span: Span) {
        let end = self.now.get() + span;
        for _ in 0..10_000 {
            match self.keeper.next_alarm(&self.rules).unwrap() {
                Some(alarm) if alarm <= end => {
                    self.now.set(self.now.get().max(alarm));
                    self.work();
                }
                _ => {
                    self.now.set(end);
                    return;
                }
            }
        }
        panic!("it never comes to rest");
    }

    fn ends(&self, conclusion: Conclusion) {
        self.github.borrow_mut().conclusion = Some(conclusion);
    }

    fn watched(&self) -> Watched {
        self.keeper.run(run_id()).unwrap().unwrap().0
    }

    #[track_caller]
    fn reruns(&self, attempts: &[u32]) {
        assert_eq!(self.github.borrow().reruns, attempts, "{:#?}", self.watched());
    }

    #[track_caller]
    fn stands(&self, outcome: RunOutcome, reruns: u32) {
        let watched = self.watched();
        assert_eq!((watched.outcome, watched.reruns), (outcome, reruns), "{watched:#?}");
    }

    #[track_caller]
    fn rests(&self) {
        assert_eq!(self.keeper.next_alarm(&self.rules).unwrap(), None, "{:#?}", self.watched());
    }
}

fn lost() -> Problem {
    Problem::Lost { what: "no answer in time".to_owned() }
}

#[test]
fn a_failed_run_is_rerun_after_the_delay_and_rescued() {
    let play = Play::new();
    let receipt = play.hear(News::RunFailed, Some(1));
    assert_eq!((receipt.kind, receipt.due), (ReceiptKind::Scheduled, Some(START + Span::seconds(5))));
    play.pass_working(Span::millis(4_999));
    play.reruns(&[]);
    play.pass_working(Span::millis(1));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
    play.ends(Conclusion::Success);
    play.heard(News::RunSucceeded, Some(2), ReceiptKind::Recorded);
    play.work();
    play.stands(RunOutcome::Rescued, 1);
    play.rests();
    assert_eq!(play.github.borrow().reads, 1, "one read for one re-run");
}

#[test]
fn three_reruns_and_no_fourth() {
    let play = Play::new();
    for n in 1..=4 {
        play.ends(Conclusion::Failure);
        play.heard(News::RunFailed, Some(n), ReceiptKind::Scheduled);
        play.pass_working(Span::seconds(5));
    }
    play.reruns(&[1, 2, 3]);
    play.stands(RunOutcome::Exhausted, 3);
    play.rests();
    play.heard(News::RunFailed, Some(4), ReceiptKind::Recorded);
    play.rests();
}

#[test]
fn a_persons_reruns_count() {
    let play = Play::new();
    play.github.borrow_mut().attempt = 3;
    play.heard(News::RunFailed, Some(3), ReceiptKind::Scheduled);
    play.pass_working(Span::seconds(5));
    play.reruns(&[3]);
    play.ends(Conclusion::Failure);
    play.heard(News::RunFailed, Some(4), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.stands(RunOutcome::Exhausted, 1);
    // The person presses the button again, and it passes.
    play.github.borrow_mut().attempt = 5;
    play.heard(News::RunSucceeded, Some(5), ReceiptKind::Recorded);
    play.stands(RunOutcome::Rescued, 1);
}

#[test]
fn every_kind_of_webhook_in_any_order_makes_one_rerun() {
    let hints = [
        (News::RunFailed, Some(1)),
        (News::JobFailed, Some(1)),
        (News::JobFailed, None),
        (News::RunFailed, Some(1)),
        (News::JobFailed, Some(1)),
    ];
    for rotation in 0..hints.len() {
        for gap in [Span::ZERO, Span::seconds(1), Span::seconds(4), Span::seconds(20)] {
            let play = Play::new();
            for offset in 0..hints.len() {
                let (news, run_attempt) = hints[(rotation + offset) % hints.len()];
                play.hear(news, run_attempt);
                play.pass_working(gap);
            }
            play.pass_working(Span::minutes(10));
            play.reruns(&[1]);
            play.stands(RunOutcome::Rerunning, 1);
        }
    }
}

#[test]
fn a_job_that_fails_early_waits_for_the_end_of_the_run() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.heard(News::JobFailed, Some(1), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(40));
    play.reruns(&[]);
    play.stands(RunOutcome::Waiting, 0);
    let reads = play.github.borrow().reads;
    assert!((8..=14).contains(&reads), "{reads} looks in 40 minutes");
    play.ends(Conclusion::Failure);
    play.heard(News::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.pass_working(Span::seconds(5));
    play.reruns(&[1]);
}

#[test]
fn with_job_webhooks_alone_the_end_is_found_by_looking() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    play.hear(News::JobFailed, Some(1));
    play.pass_working(Span::minutes(3));
    play.ends(Conclusion::Failure);
    play.pass_working(Span::seconds(305));
    play.reruns(&[1]);
    play.ends(Conclusion::Success);
    play.pass_working(Span::minutes(30));
    play.stands(RunOutcome::Rescued, 1);
    play.rests();
}

#[test]
fn many_failing_jobs_do_not_make_many_reads() {
    let play = Play::new();
    play.github.borrow_mut().conclusion = None;
    for _ in 0..256 {
        play.hear(News::JobFailed, Some(1));
        play.pass_working(Span::millis(500));
    }
    let reads = play.github.borrow().reads;
    assert!(reads <= 14, "{reads} reads in 128 s");
}

#[test]
fn the_second_webhook_of_the_same_instant_is_recorded() {
    let play = Play::new();
    play.heard(News::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.heard(News::RunFailed, Some(1), ReceiptKind::Recorded);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn a_delivery_is_taken_once() {
    let play = Play::new();
    let delivery = DeliveryId::parse("d-1");
    let hint = Hint { run_id: run_id(), run_attempt: Some(attempt(1)), news: News::RunFailed, delivery };
    assert_eq!(play.keeper.receive(&hint, &play.cx()).unwrap().0.kind, ReceiptKind::Scheduled);
    let again = play.keeper.receive(&hint, &play.cx()).unwrap().0;
    assert_eq!((again.kind, again.reason.as_str()), (ReceiptKind::Recorded, "this delivery was received before"));
}

#[test]
fn runs_that_are_not_watched_stay_so() {
    let play = Play::new();
    play.heard(News::RunSucceeded, Some(2), ReceiptKind::Ignored);
    play.heard(News::RunEnded, Some(2), ReceiptKind::Ignored);
    assert_eq!(play.keeper.run(run_id()).unwrap(), None);
    play.rests();
}

#[test]
fn github_is_believed_and_not_the_webhook() {
    for conclusion in
        [Conclusion::Success, Conclusion::Cancelled, Conclusion::ActionRequired, Conclusion::StartupFailure]
    {
        let play = Play::new();
        play.ends(conclusion);
        play.hear(News::RunFailed, Some(1));
        play.pass_working(Span::minutes(10));
        play.reruns(&[]);
        play.stands(RunOutcome::Left, 0);
        play.rests();
    }
}

#[test]
fn a_run_that_waited_for_approval_can_fail_in_the_same_attempt() {
    let play = Play::new();
    play.ends(Conclusion::ActionRequired);
    play.hear(News::JobFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.stands(RunOutcome::Left, 0);
    play.ends(Conclusion::Failure);
    play.heard(News::RunFailed, Some(1), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn an_attempt_that_github_does_not_show_is_left_after_a_while() {
    let play = Play::new();
    play.hear(News::RunFailed, Some(2));
    play.pass_working(Span::hours(2));
    play.reruns(&[]);
    play.stands(RunOutcome::Left, 0);
    play.rests();
    // And when it does come, it is acted on.
    play.github.borrow_mut().attempt = 2;
    play.heard(News::RunFailed, Some(2), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(1));
    play.reruns(&[2]);
}

#[test]
fn a_lost_answer_of_a_call_that_worked_is_no_second_rerun() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![RerunAnswer::Problem(lost())];
    play.github.borrow_mut().lost_after_effect = true;
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::minutes(2));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn a_lost_answer_is_told_by_the_next_attempts_webhook_too() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![RerunAnswer::Problem(lost())];
    play.github.borrow_mut().lost_after_effect = true;
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::seconds(10));
    play.ends(Conclusion::Failure);
    play.heard(News::RunFailed, Some(2), ReceiptKind::Scheduled);
    play.pass_working(Span::minutes(2));
    play.reruns(&[1, 2]);
    play.stands(RunOutcome::Rerunning, 2);
}

#[test]
fn a_lost_call_is_made_again() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![RerunAnswer::Problem(lost()), RerunAnswer::Problem(lost())];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::minutes(5));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
}

/// GitHub's reads are so far behind, or the clock jumped so far, that the call is made a second time: GitHub refuses
/// it, and the count is right all the same.
#[test]
fn a_refusal_that_an_earlier_call_caused_is_counted_as_that_call() {
    let limited = RerunAnswer::Problem(Problem::RateLimited { wait: None });
    for refusal in [RerunAnswer::AlreadyRunning, limited] {
        let play = Play::new();
        play.github.borrow_mut().rerun_answers = vec![refusal, RerunAnswer::Problem(lost())];
        play.hear(News::RunFailed, Some(1));
        play.pass_working(Span::seconds(60));
        assert!(play.github.borrow().rerun_answers.is_empty(), "it was called twice");
        play.github.borrow_mut().attempt = 2;
        play.github.borrow_mut().conclusion = None;
        play.pass_working(Span::minutes(10));
        play.reruns(&[]);
        play.stands(RunOutcome::Rerunning, 1);
    }
}

#[test]
fn a_crash_between_intention_and_answer_is_seen_to() {
    for took_effect in [false, true] {
        let play = Play::new();
        play.hear(News::RunFailed, Some(1));
        play.pass(Span::seconds(5));
        let Some(Errand::Call(read)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
        let answer = play.answer(&read);
        let settled = play.keeper.answered(&read, answer, &play.cx()).unwrap();
        let Some(Errand::Call(rerun)) = settled.errand else { panic!() };
        if took_effect {
            play.answer(&rerun);
        }
        // The answer never comes: the machine it ran on is gone.
        play.pass_working(Span::minutes(3));
        play.reruns(&[1]);
        play.stands(RunOutcome::Rerunning, 1);
    }
}

#[test]
fn github_down_for_six_hours() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![lost(); 1_000];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::hours(6));
    let tried = play.github.borrow().reads;
    assert!((20..=60).contains(&tried), "{tried} tries in six hours");
    play.stands(RunOutcome::Waiting, 0);
    play.github.borrow_mut().read_problems.clear();
    play.pass_working(Span::minutes(20));
    play.reruns(&[1]);
}

#[test]
fn github_down_for_more_than_a_day() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![lost(); 10_000];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::hours(25));
    play.stands(RunOutcome::Failed, 0);
    play.rests();
}

#[test]
fn already_running_for_hours() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![RerunAnswer::AlreadyRunning; 50];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::hours(3));
    play.reruns(&[]);
    play.pass_working(Span::hours(2));
    play.reruns(&[1]);
}

#[test]
fn a_refused_token_is_tried_again_and_a_new_one_mends_it() {
    let refused = || Problem::Credentials { message: "401 Bad credentials".to_owned() };
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![refused(); 1_000];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::hours(10));
    play.stands(RunOutcome::Failed, 0);
    let tried = play.github.borrow().reads;
    assert!((8..=20).contains(&tried), "{tried} tries in ten hours");
    // A new token is set: the Worker is deployed anew, and the Keeper starts.
    play.github.borrow_mut().read_problems.clear();
    play.keeper.started(play.now.get()).unwrap();
    play.pass_working(Span::ZERO);
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
}

#[test]
fn that_a_token_was_refused_is_told_once_and_taken_back_whatever_came_between() {
    let refused = || Problem::Credentials { message: "401 Bad credentials".to_owned() };
    let limited = Problem::RateLimited { wait: None };
    let play = Play::new();
    // Popped from the end.
    play.github.borrow_mut().read_problems = vec![limited, lost(), lost(), refused(), refused()];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::hours(3));
    play.reruns(&[1]);
    assert_eq!(*play.refusals.borrow(), [Some("401 Bad credentials".to_owned()), None]);
}

#[test]
fn rate_limits_are_waited_out() {
    let play = Play::new();
    let limited = RerunAnswer::Problem(Problem::RateLimited { wait: Some(Span::minutes(10)) });
    play.github.borrow_mut().rerun_answers = vec![limited];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::minutes(10));
    play.reruns(&[]);
    assert_eq!(play.github.borrow().reads, 1, "nothing is called meanwhile");
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
}

#[test]
fn refusals_are_final_and_say_why() {
    for (answer, reason) in [
        (Problem::Refused { message: "This workflow run cannot be retried".to_owned() }, "cannot be retried"),
        (Problem::NotFound, "no access"),
    ] {
        let play = Play::new();
        play.github.borrow_mut().rerun_answers = vec![RerunAnswer::Problem(answer)];
        play.hear(News::RunFailed, Some(1));
        play.pass_working(Span::hours(1));
        play.stands(RunOutcome::Failed, 0);
        assert!(play.watched().reason.contains(reason), "{}", play.watched().reason);
        play.rests();
    }
}

#[test]
fn one_run_in_trouble_does_not_hold_up_another() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![RerunAnswer::AlreadyRunning; 20];
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None, "nothing is due, and nothing is in the way");
}

#[test]
fn a_failed_write_to_workers_kv_is_tried_again() {
    let play = Play::new();
    play.hear(News::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let Some(Errand::Call(read)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    let settled = play.keeper.answered(&read, play.answer(&read), &play.cx()).unwrap();
    let Some(Errand::Call(rerun)) = settled.errand else { panic!() };
    play.keeper.answered(&rerun, play.answer(&rerun), &play.cx()).unwrap();
    let Some(Errand::Publish(watched)) = play.keeper.next(true, &play.cx()).unwrap() else { panic!() };
    assert_eq!((watched.attempts().run_attempt, watched.attempts().reruns), (2, 1));
    play.keeper.published(&watched, play.now.get(), false).unwrap();
    assert_eq!(play.keeper.next(true, &play.cx()).unwrap(), None);
    play.pass(Span::minutes(1));
    assert!(matches!(play.keeper.next(true, &play.cx()).unwrap(), Some(Errand::Publish(_))));
}

#[test]
fn wrong_settings_hold_calls_back_and_lose_nothing() {
    let play = Play::new();
    play.hear(News::RunFailed, Some(1));
    play.pass(Span::hours(1));
    assert_eq!(play.keeper.next(false, &play.cx()).unwrap(), None);
    play.pass_working(Span::ZERO);
    play.reruns(&[1]);
}

#[test]
fn old_rows_are_forgotten() {
    let play = Play::new();
    play.hear(News::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.ends(Conclusion::Success);
    play.hear(News::RunSucceeded, Some(2));
    play.pass_working(Span::days(34));
    play.keeper.prune(play.now.get()).unwrap();
    play.stands(RunOutcome::Rescued, 1);
    play.pass_working(Span::days(2));
    play.keeper.prune(play.now.get()).unwrap();
    assert_eq!(play.keeper.run(run_id()).unwrap(), None);
}

#[test]
fn a_missed_webhook_is_found_by_the_sweep() {
    let mut play = Play::new();
    play.rules.sweep_interval = Span::minutes(15);
    // Another run's webhook makes the repository known.
    let other = Hint {
        run_id: RunId::new(1).unwrap(),
        run_attempt: RunAttempt::new(2),
        news: News::RunSucceeded,
        delivery: None,
    };
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.github.borrow_mut().ended = START + Span::minutes(1);
    play.pass_working(Span::minutes(14));
    play.reruns(&[]);
    play.pass_working(Span::minutes(2));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
    // And so is the end of its second attempt.
    play.ends(Conclusion::Failure);
    play.pass_working(Span::minutes(16));
    play.reruns(&[1, 2]);
}

#[test]
fn what_failed_before_the_first_webhook_is_not_touched() {
    let mut play = Play::new();
    play.rules.sweep_interval = Span::minutes(15);
    let other = Hint {
        run_id: RunId::new(1).unwrap(),
        run_attempt: RunAttempt::new(2),
        news: News::RunSucceeded,
        delivery: None,
    };
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.github.borrow_mut().ended = Millis(START.0 - Span::minutes(11).as_millis());
    play.pass_working(Span::hours(24));
    play.reruns(&[]);
    assert!(play.github.borrow().lists > 100);
}

#[test]
fn a_repository_that_sleeps_is_not_swept() {
    let mut play = Play::new();
    play.rules.sweep_interval = Span::minutes(15);
    let other = Hint {
        run_id: RunId::new(1).unwrap(),
        run_attempt: RunAttempt::new(2),
        news: News::RunSucceeded,
        delivery: None,
    };
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.ends(Conclusion::Success);
    play.pass_working(Span::days(8));
    play.rests();
    let lists = play.github.borrow().lists;
    play.pass_working(Span::days(8));
    assert_eq!(play.github.borrow().lists, lists);
    // A webhook wakes it.
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.pass_working(Span::minutes(1));
    assert_eq!(play.github.borrow().lists, lists + 2);
}

#[test]
fn many_runs_due_at_once_are_rerun_in_order_and_a_second_apart() {
    let play = Play::new();
    for run in 1..=30 {
        let hint = Hint {
            run_id: RunId::new(run).unwrap(),
            run_attempt: Some(attempt(1)),
            news: News::RunFailed,
            delivery: None,
        };
        play.keeper.receive(&hint, &play.cx()).unwrap();
    }
    play.pass(Span::seconds(5));
    let mut asked = Vec::new();
    let mut errand = None;
    while let Some(next) = errand.take().or_else(|| play.keeper.next(true, &play.cx()).unwrap()) {
        match next {
            Errand::Wait(span) => play.pass(span),
            Errand::Publish(watched) => play.keeper.published(&watched, play.now.get(), true).unwrap(),
            Errand::Call(call) => {
                let answer = match &call {
                    Call::RerunFailedJobs { run_id, .. } => {
                        asked.push((run_id.get(), play.now.get()));
                        Answer::Rerun(RerunAnswer::Accepted)
                    }
                    read => play.answer(read),
                };
                errand = play.keeper.answered(&call, answer, &play.cx()).unwrap().errand;
            }
        }
    }
    let runs: Vec<u64> = asked.iter().map(|(run, _)| *run).collect();
    assert_eq!(runs, (1..=30).collect::<Vec<u64>>());
    assert!(asked.windows(2).all(|pair| pair[1].1 - pair[0].1 >= Span::seconds(1)));
}
