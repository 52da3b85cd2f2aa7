//! A run's pull request: looked at last, looked at late, and waited for.

use super::*;
use crate::names::RepoName;

pub fn pull() -> PullRequest {
    PullRequest {
        number: 5,
        open: true,
        merged: false,
        head_branch: "main".to_owned(),
        head_sha: "a".to_owned(),
        base_sha: "b".to_owned(),
        head_owner: Some("octo".to_owned()),
        head_repository: Some(1),
        is_own: true,
        base_branch: "main".to_owned(),
        is_from_default_branch: false,
        updated: None,
    }
}

fn play_of(event: &str, text: &str) -> Play {
    let play = if text.is_empty() { Play::new() } else { Play::with_policy(text) };
    play.github.borrow_mut().event = event.to_owned();
    play.github.borrow_mut().pulls = vec![pull()];
    play
}

fn looks(play: &Play) -> usize {
    play.github.borrow().calls.iter().filter(|call| is_look(call)).count()
}

fn is_look(call: &Call) -> bool {
    matches!(call, Call::ListPulls { .. })
}

fn close(play: &Play) {
    play.github.borrow_mut().pulls[0].open = false;
}

#[test]
fn it_is_looked_at_just_before_the_re_run() {
    let play = play_of("pull_request", "delay: 10m\n");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::seconds(599));
    assert_eq!(looks(&play), 0);
    play.pass_working(Span::seconds(1));
    play.reruns(&[1]);
    let calls = &play.github.borrow().calls;
    assert!(matches!(calls.as_slice(), [.., Call::ListPulls { .. }, Call::Rerun { .. }]), "{calls:?}");
}

#[test]
fn one_that_is_closed_meanwhile_is_not_re_run() {
    for event in ["pull_request", "pull_request_target"] {
        let play = play_of(event, "delay: 10m\n");
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::minutes(9));
        close(&play);
        play.pass_working(Span::minutes(2));
        play.reruns(&[]);
        play.stands(RunOutcome::Superseded, 0);
        play.rests();
    }
}

/// Rules whose delays differ: the first look is at the shortest.
#[test]
fn a_rules_own_delay_is_waited_for_first() {
    let text = "delay: 5s\nrules: [{ name: slow, if: { job: test }, then: rerun, delay: 30m }]\n";
    let play = play_of("pull_request_target", text);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(29));
    assert_eq!((looks(&play), play.tracked().outcome), (0, RunOutcome::Waiting));
    play.pass_working(Span::minutes(2));
    assert_eq!(looks(&play), 1);
    play.reruns(&[1]);
}

#[test]
fn each_attempt_has_its_own_look() {
    let play = play_of("pull_request", "");
    for attempt in 1..=3 {
        play.ends(Conclusion::Failure);
        play.on_webhook(RunEventKind::RunFailed, Some(attempt));
        play.pass_working(Span::seconds(5));
        assert_eq!(looks(&play), attempt as usize);
    }
    play.reruns(&[1, 2, 3]);
}

#[test]
fn a_call_that_is_made_again_is_preceded_by_a_look() {
    for answer in [
        Ok(RerunAnswer::AlreadyRunning),
        Err(github::Error::RateLimited { wait: Some(Span::minutes(40)) }),
        Err(lost()),
    ] {
        let play = play_of("pull_request_target", "");
        play.github.borrow_mut().rerun_answers = vec![answer.clone()];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(5));
        assert_eq!(looks(&play), 1);
        close(&play);
        play.pass_working(Span::hours(2));
        play.reruns(&[]);
        play.stands(RunOutcome::Superseded, 0);
        assert_eq!(looks(&play), 2, "{answer:?}");
    }
}

/// GitHub that is slow makes what was read old: both are read again, and in the end the re-run is made.
#[test]
fn what_was_read_long_ago_is_read_again() {
    let text = "rules:\n  - name: network\n    if: { log: ECONNRESET }\n    then: rerun\notherwise: leave\n";
    let play = play_of("pull_request", text);
    play.github.borrow_mut().log = vec!["ECONNRESET".to_owned()];
    play.github.borrow_mut().evidence_takes = Span::seconds(9);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(3));
    play.reruns(&[1]);
    let calls = &play.github.borrow().calls;
    let rerun = calls.iter().position(|call| matches!(call, Call::Rerun { .. })).unwrap();
    let last = &calls[rerun - 2..rerun];
    assert!(matches!(last, [Call::ListPulls { .. }, Call::ReadRun { .. }]), "{calls:?}");
}

#[test]
fn trouble_is_waited_out_and_never_a_guess() {
    for (event, problem) in [
        ("pull_request", lost()),
        ("pull_request_target", lost()),
        ("pull_request", github::Error::RateLimited { wait: Some(Span::minutes(3)) }),
        ("pull_request_target", github::Error::Credentials { message: "401 Bad credentials".to_owned() }),
    ] {
        let play = play_of(event, "");
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        // Of the look only: the jobs were read.
        let look = play.pass_to_look();
        play.github.borrow_mut().evidence_problems = vec![problem.clone(); 20];
        play.go_on(look);
        play.pass_working(Span::seconds(90));
        play.reruns(&[]);
        assert!(play.tracked().due.is_some(), "{problem:?}: {:#?}", play.tracked());
        play.github.borrow_mut().evidence_problems.clear();
        play.pass_working(Span::hours(2));
        play.reruns(&[1]);
    }
}

#[test]
fn what_github_will_not_tell() {
    for (event, outcome) in [
        ("pull_request", RunOutcome::Rerunning),
        ("pull_request_target", RunOutcome::Left),
        ("push", RunOutcome::Rerunning),
    ] {
        let play = play_of(event, "");
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        if event != "push" {
            let look = play.pass_to_look();
            play.github.borrow_mut().evidence_problems = vec![github::Error::NotFound];
            play.go_on(look);
        }
        play.pass_working(Span::seconds(10));
        assert_eq!(play.tracked().outcome, outcome, "{event}");
    }
}

#[test]
fn a_branch_of_many_pull_requests_has_a_bounded_number_of_pages() {
    for (event, outcome) in [("pull_request", RunOutcome::Rerunning), ("pull_request_target", RunOutcome::Left)] {
        for (older, pages) in [(49, 2), (120, 3), (199, 4), (500, 4)] {
            let play = play_of(event, "");
            let closed = PullRequest { open: false, head_sha: "old".to_owned(), ..pull() };
            play.github.borrow_mut().pulls.extend(vec![closed; older]);
            play.on_webhook(RunEventKind::RunFailed, Some(1));
            play.pass_working(Span::seconds(5));
            assert_eq!(looks(&play), pages, "{older}");
            let expected = if older < 199 { RunOutcome::Rerunning } else { outcome };
            assert_eq!(play.tracked().outcome, expected, "{event}, {older}");
        }
    }
}

/// GitHub does not name a fork's pull request with its runs: it is known once it was looked for.
#[test]
fn a_forks_pull_request_has_its_comment() {
    let mut play = play_of("pull_request", "");
    play.keeper = with_comments(play.keeper);
    play.keeper.set_repository(&RepoName::parse("octo/widgets").unwrap()).unwrap();
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(1));
    play.reruns(&[1]);
    let finds = |call: &Call| matches!(call, Call::Comment(CommentCall::Find { pull: 5, .. }));
    assert!(play.github.borrow().calls.iter().any(finds), "{:#?}", play.github.borrow().calls);
}

/// Where the policy does not go by it, nothing but the comment needs it: once, and no re-run waits for it.
///
/// Seen to fail when it is not asked for, and when the answer is waited for as one that a decision needs.
#[test]
fn a_pull_request_that_only_the_comment_needs() {
    let re_run = |comments: bool, problems: Vec<github::Error>| {
        let mut play = play_of("pull_request", "skip_superseded: false\n");
        if comments {
            play.keeper = with_comments(play.keeper);
        }
        for n in 1..=3 {
            play.ends(Conclusion::Failure);
            play.on_webhook(RunEventKind::RunFailed, Some(n));
            if n == 1 && !problems.is_empty() {
                let look = play.pass_to_look();
                play.github.borrow_mut().evidence_problems = problems.clone();
                play.go_on(look);
                play.github.borrow_mut().evidence_problems.clear();
            }
            play.keeper.set_repository(&repository()).unwrap();
            play.pass_working(Span::seconds(20));
        }
        play.reruns(&[1, 2, 3]);
        let written = play.github.borrow().comments.len();
        (looks(&play), written)
    };
    assert_eq!(re_run(false, vec![]), (0, 0));
    assert_eq!(re_run(true, vec![]), (1, 1));
    for problem in [lost(), github::Error::NotFound, github::Error::Credentials { message: "401 no".to_owned() }] {
        assert_eq!(re_run(true, vec![problem.clone()]), (2, 1), "{problem:?}");
    }
}

/// GitHub asks to wait with all else, whatever it was asked for. Seen to fail when only the comment does without.
#[test]
fn a_rate_limit_that_the_comments_question_meets() {
    let mut play = play_of("pull_request", "skip_superseded: false\n");
    play.keeper = with_comments(play.keeper);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    let look = play.pass_to_look();
    play.github.borrow_mut().evidence_problems = vec![github::Error::RateLimited { wait: Some(Span::minutes(10)) }];
    play.go_on(look);
    play.github.borrow_mut().evidence_problems.clear();
    play.keeper.set_repository(&repository()).unwrap();
    play.pass_working(Span::minutes(9));
    play.reruns(&[]);
    play.pass_working(Span::minutes(3));
    play.reruns(&[1]);
}

/// Also with the answer that names none: it is not asked for again and again.
#[test]
fn a_pull_request_that_is_not_found_is_looked_for_once_for_each_attempt() {
    let mut play = play_of("pull_request", "skip_superseded: false\n");
    play.keeper = with_comments(play.keeper);
    play.keeper.set_repository(&repository()).unwrap();
    play.github.borrow_mut().pulls.clear();
    play.github.borrow_mut().evidence_takes = Span::seconds(9);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::minutes(5));
    play.reruns(&[1]);
    assert_eq!((looks(&play), play.github.borrow().comments.len()), (1, 0));
}

#[test]
fn a_webhook_between_the_pages_starts_anew() {
    let play = play_of("pull_request", "");
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    let look = play.pass_to_look();
    play.github.borrow_mut().attempt = 2;
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.go_on(look);
    play.pass_working(Span::seconds(10));
    play.reruns(&[2]);
}

impl Play {
    /// Up to the look, which is asked for and not answered.
    fn pass_to_look(&self) -> Call {
        self.pass(Span::seconds(5));
        self.until(is_look)
    }

    fn go_on(&self, call: Call) {
        let mut task = Some(Task::Call(call));
        while let Some(Task::Call(call)) = task {
            task = self.keeper.answered(&call, self.answer(&call), &self.cx()).unwrap().task;
        }
    }
}
