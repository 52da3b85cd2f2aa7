//! Refused: by whom, and what it is about.

use super::*;

fn unclear(message: &str) -> Result<RerunAnswer, github::Error> {
    Err(github::Error::UnclearRefusal { message: message.to_owned() })
}

fn other(id: u64) -> RunId {
    RunId::new(id).unwrap()
}

/// Another run of the same repository fails.
fn another_fails(play: &Play, id: u64) {
    let run_attempt = Some(attempt(play.github.borrow().attempt));
    let event = RunEvent::new(repository(), other(id), run_attempt, RunEventKind::RunFailed);
    play.keeper.receive(&event, &play.cx()).unwrap();
}

fn outcome_of(play: &Play, id: u64) -> (RunOutcome, String) {
    let tracked = play.keeper.run(other(id)).unwrap().unwrap().0;
    (tracked.outcome, tracked.reason)
}

#[test]
fn words_that_are_not_known_are_looked_into_and_believed_the_second_time() {
    for (answer, words) in
        [(unclear("Something new"), "Something new."), (Err(github::Error::NotFound), "no access to it.")]
    {
        let play = Play::new();
        play.github.borrow_mut().rerun_answers = vec![answer.clone(), answer];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(30));
        assert_eq!(play.github.borrow().reads, 2, "read again at once");
        play.stands(RunOutcome::Failed, 0);
        assert!(play.tracked().reason.starts_with("GitHub refused: "), "{}", play.tracked().reason);
        assert!(play.tracked().reason.contains(words), "{}", play.tracked().reason);
        assert!(play.tracked().due.is_some());
        // Other webhooks of the attempt do not hasten it.
        for _ in 0..5 {
            play.pass_working(Span::minutes(1));
            play.on_webhook(RunEventKind::JobFailed, Some(1));
        }
        assert_eq!(play.github.borrow().rerun_answers.len(), 1, "asked for once");
        play.pass_working(Span::hours(1));
        assert!(play.github.borrow().rerun_answers.is_empty(), "and once more");
        play.stands(RunOutcome::Failed, 0);
        assert!(play.tracked().reason.ends_with(words), "{}", play.tracked().reason);
        play.rests();
        assert!(play.refusals.borrow().is_empty(), "not the Worker's illness");
    }
}

#[test]
fn what_was_mended_meanwhile_is_rerun() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![unclear("Something new")];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(20));
    play.reruns(&[1]);
    play.stands(RunOutcome::Rerunning, 1);
    assert_eq!(play.tracked().refusal, None);
    // Of the next attempt nothing is known.
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().rerun_answers = vec![unclear("Something new")];
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(20));
    play.reruns(&[1, 2]);
}

#[test]
fn an_account_that_may_not_even_read_is_refused_as_one() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![unclear("Something new")];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass(Span::seconds(5));
    let rerun = play.until_rerun();
    let settled = play.keeper.answered(&rerun, play.answer(&rerun), &play.cx()).unwrap();
    let Some(Task::Call(read)) = settled.task else { panic!("{settled:?}") };
    let refused = github::Error::Credentials { message: "403 Something new".to_owned() };
    let answer = Response::Run(Err(refused));
    let settled = play.keeper.answered(&read, answer, &play.cx()).unwrap();
    assert_eq!(settled.credentials, Some(Err("403 Something new".to_owned())));
    play.stands(RunOutcome::Failed, 0);
    play.pass_working(Span::hours(1));
    play.reruns(&[1]);
}

#[test]
fn the_same_words_for_two_runs_are_about_the_account() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![unclear("No."); 2];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    assert!(play.refusals.borrow().is_empty());
    another_fails(&play, 8);
    play.pass_working(Span::seconds(10));
    assert_eq!(*play.refusals.borrow(), [Some("403 No.".to_owned())]);
    let (outcome, reason) = outcome_of(&play, 8);
    assert_eq!(outcome, RunOutcome::Failed);
    assert!(reason.contains("refused the credentials: 403 No."), "{reason}");
    // Once it is mended, both go on.
    play.pass_working(Span::minutes(30));
    assert_eq!(play.refusals.borrow().last(), Some(&None));
    assert_eq!(play.github.borrow().reruns.len(), 1, "one run here is as good as another");
}

#[test]
fn an_accepted_rerun_between_says_that_it_is_about_the_runs() {
    let play = Play::new();
    play.github.borrow_mut().rerun_answers = vec![unclear("No.")];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    another_fails(&play, 8);
    play.pass_working(Span::seconds(10));
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().rerun_answers = vec![unclear("No.")];
    another_fails(&play, 9);
    play.pass_working(Span::seconds(10));
    let (outcome, reason) = outcome_of(&play, 9);
    assert_eq!(outcome, RunOutcome::Failed);
    assert!(reason.starts_with("GitHub refused: No."), "{reason}");
    assert!(play.refusals.borrow().is_empty());
}

/// GitHub shows neither the run nor the repository.
fn gone(play: &Play, times: usize) {
    play.github.borrow_mut().read_problems = vec![github::Error::NotFound; times];
    play.github.borrow_mut().repository_answers = vec![Err(github::Error::NotFound); times];
}

#[test]
fn a_repository_that_could_be_read_is_waited_for_and_shown() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    play.ends(Conclusion::Failure);
    gone(&play, 1_000);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::hours(6));
    play.stands(RunOutcome::Failed, 1);
    assert!(play.tracked().reason.contains("no access to it"), "{}", play.tracked().reason);
    assert!(play.refusals.borrow().is_empty(), "not the Worker's illness");
    let trouble = play.keeper.trouble().unwrap().unwrap();
    assert!(trouble.message.contains("404"), "{trouble:?}");
    let reads = play.github.borrow().reads;
    assert!(reads < 20, "{reads} reads in six hours");
    // Access is given again.
    gone(&play, 0);
    play.pass_working(Span::hours(2));
    play.reruns(&[1, 2]);
    assert_eq!(play.keeper.trouble().unwrap(), None);
}

#[test]
fn a_repository_that_stays_gone_is_given_up_with_all_its_runs() {
    let play = Play::new();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.ends(Conclusion::Failure);
    gone(&play, 10_000);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    for id in 20..30 {
        another_fails(&play, id);
    }
    play.pass_working(Span::days(6));
    assert!(play.tracked().due.is_some());
    play.pass_working(Span::days(2));
    for id in [7, 20, 29] {
        let (outcome, reason) = outcome_of(&play, id);
        assert_eq!(outcome, RunOutcome::Failed);
        assert!(reason.starts_with("Rerunner could not work in the repository for 7 days: "), "{reason}");
    }
    play.rests();
}

#[test]
fn a_run_that_is_gone_ends_and_so_does_one_of_a_repository_that_never_could_be_read() {
    let play = Play::new();
    play.github.borrow_mut().read_problems = vec![github::Error::NotFound; 4];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(1));
    assert_eq!(play.github.borrow().repository_reads, 1);
    play.stands(RunOutcome::Failed, 0);
    play.rests();

    let play = Play::new();
    gone(&play, 100);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(1));
    play.stands(RunOutcome::Failed, 0);
    assert_eq!(play.keeper.trouble().unwrap(), None);
    play.rests();
}

#[test]
fn an_app_that_is_not_installed_holds_up_this_repository_until_it_is() {
    let play = Play::new();
    let not_installed = github::Error::Repository { message: "the App is not installed on octo/widgets".to_owned() };
    play.github.borrow_mut().read_problems = vec![not_installed; 1_000];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(3));
    play.stands(RunOutcome::Failed, 0);
    assert!(play.tracked().reason.contains("not installed on octo/widgets"), "{}", play.tracked().reason);
    assert!(play.refusals.borrow().is_empty());
    // A webhook of the App's tells that it is installed.
    play.github.borrow_mut().read_problems.clear();
    play.keeper.started(play.now.get()).unwrap();
    play.pass_working(Span::seconds(1));
    play.reruns(&[1]);
    assert_eq!(play.keeper.trouble().unwrap(), None);
}

#[test]
fn a_policy_file_is_gone_only_if_the_repository_is_there() {
    let play = Play::with_policy("otherwise: leave\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.stands(RunOutcome::Left, 0);
    // GitHub shows nothing of the repository, once.
    play.pass(Span::minutes(10));
    play.github.borrow_mut().policy_answers = vec![Err(github::Error::NotFound)];
    play.github.borrow_mut().repository_answers = vec![Err(github::Error::NotFound)];
    another_fails(&play, 8);
    play.pass_working(Span::minutes(5));
    assert_eq!(outcome_of(&play, 8).0, RunOutcome::Left);
    // Somebody has removed it.
    play.github.borrow_mut().file = None;
    play.pass(Span::minutes(10));
    another_fails(&play, 9);
    play.pass_working(Span::seconds(10));
    assert_eq!(outcome_of(&play, 9).0, RunOutcome::Rerunning);
    play.reruns(&[1]);
}

/// A 404 for the file may have been one for all of the repository: the file is read before anything is decided.
#[test]
fn the_policy_is_asked_for_again_once_the_repository_is_shown() {
    let play = Play::with_policy("otherwise: leave\n");
    play.github.borrow_mut().policy_answers = vec![Err(github::Error::NotFound)];
    play.github.borrow_mut().read_problems = vec![github::Error::NotFound];
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(2));
    play.stands(RunOutcome::Left, 0);
}
