//! What commits show of their failed runs.

use super::pulls::pull;
use super::*;
use crate::github::calls::commit_status::StatusState;
use crate::names::CommitSha;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

pub(super) fn sha() -> CommitSha {
    CommitSha::parse(SHA).unwrap()
}

pub(super) fn with_statuses(keeper: Keeper<NativeSql>) -> Keeper<NativeSql> {
    let web_url = "https://github.com".to_owned();
    Keeper { commit_statuses: CommitStatuses { context: Some("rerunner".to_owned()), web_url }, ..keeper }
}

pub(super) fn without_statuses(keeper: Keeper<NativeSql>) -> Keeper<NativeSql> {
    let context = None;
    Keeper { commit_statuses: CommitStatuses { context, ..keeper.commit_statuses.clone() }, ..keeper }
}

fn of(play: Play) -> Play {
    play.github.borrow_mut().head_sha = Some(SHA.to_owned());
    let play = Play { keeper: with_statuses(play.keeper), ..play };
    play.keeper.set_repository(&repository()).unwrap();
    play
}

pub(super) fn showing() -> Play {
    of(Play::new())
}

/// This attempt fails, and some seconds pass.
pub(super) fn fails(play: &Play, n: u32) {
    assert_eq!(play.github.borrow().attempt, n);
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(n));
    play.pass_working(Span::seconds(20));
}

pub(super) fn passes(play: &Play, n: u32) {
    play.github.borrow_mut().attempt = n;
    play.ends(Conclusion::Success);
    play.on_webhook(RunEventKind::RunSucceeded, Some(n));
    play.pass_working(Span::seconds(2));
}

/// Nothing is due any more, once the repository's summary is written.
#[track_caller]
pub(super) fn rests(play: &Play) {
    let before = play.github.borrow().statuses.len();
    play.pass_working(Span::minutes(15));
    assert_eq!(play.github.borrow().statuses.len(), before);
    play.rests();
}

#[track_caller]
pub(super) fn shows(play: &Play, expected: &[(StatusState, &str)]) {
    let github = play.github.borrow();
    let shown = github.statuses.iter().map(|status| (status.shown.state, status.shown.description.as_str()));
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

use StatusState::{Failure, Pending, Success};

pub(super) const FIRST: (StatusState, &str) = (Pending, "Attempt 1 failed: re-run 1 of at most 3");
pub(super) const SECOND: (StatusState, &str) = (Pending, "Attempt 2 failed: re-run 2 of at most 3");
const THIRD: (StatusState, &str) = (Pending, "Attempt 3 failed: re-run 3 of at most 3");
pub(super) const RESCUED: (StatusState, &str) = (Success, "Attempt 2 succeeded.");
pub(super) const GIVEN_UP: (StatusState, &str) =
    (Failure, "Gave up: attempt 4 failed in job \"test\" at step \"Run tests\", and a run is re-run at most 3 times.");

#[test]
fn it_is_pending_and_then_what_the_run_came_to() {
    let play = showing();
    fails(&play, 1);
    shows(&play, &[FIRST]);
    {
        let github = play.github.borrow();
        let status = &github.statuses[0];
        assert_eq!((status.context.as_str(), &status.sha), ("rerunner / ci", &sha()));
        assert_eq!(status.target_url, "https://github.com/octo/widgets/actions/runs/7");
        let place = |of: fn(&Call) -> bool| github.calls.iter().position(of).unwrap();
        let rerun = place(|call| matches!(call, Call::Rerun { .. }));
        assert!(rerun < place(|call| matches!(call, Call::CommitStatus(_))), "no re-run waits for it");
    }
    passes(&play, 2);
    shows(&play, &[FIRST, RESCUED]);
    rests(&play);

    let play = showing();
    for n in 1..=4 {
        fails(&play, n);
    }
    shows(&play, &[FIRST, SECOND, THIRD, GIVEN_UP]);
    rests(&play);
    // A person's re-run.
    passes(&play, 5);
    shows(&play, &[FIRST, SECOND, THIRD, GIVEN_UP, (Success, "Attempt 5 succeeded.")]);
    rests(&play);
}

#[test]
fn why_it_failed_and_how_long_it_waits() {
    let rules = "rules: [{ name: network, if: { cause: network }, then: rerun, delay: 3m }]\notherwise: leave\n";
    let play = of(Play::with_policy(rules));
    play.github.borrow_mut().log = vec!["curl: (6) Could not resolve host: files.example".to_owned()];
    fails(&play, 1);
    let waits = (Pending, "Attempt 1 failed (network): re-run 1 of at most 3 in 3 min");
    shows(&play, &[waits]);
    // Whatever else is heard of it, that is said once.
    for _ in 0..5 {
        play.on_webhook(RunEventKind::JobFailed, Some(1));
        play.pass_working(Span::seconds(15));
    }
    shows(&play, &[waits]);
    play.pass_working(Span::minutes(2));
    shows(&play, &[waits, (Pending, "Attempt 1 failed (network): re-run 1 of at most 3")]);
    play.reruns(&[1]);
    // What is left is said at once.
    let play = of(Play::with_policy(rules));
    fails(&play, 1);
    shows(
        &play,
        &[(
            Failure,
            "Left alone: job \"test\" failed at step \"Run tests\", which no rule of the policy file re-runs.",
        )],
    );
    rests(&play);
}

#[test]
fn a_run_that_never_failed_has_none() {
    for conclusion in [Conclusion::Success, Conclusion::Cancelled, Conclusion::Neutral, Conclusion::ActionRequired] {
        let play = showing();
        play.github.borrow_mut().conclusion = None;
        play.on_webhook(RunEventKind::JobFailed, Some(1));
        play.pass_working(Span::minutes(3));
        play.ends(conclusion);
        play.pass_working(Span::hours(1));
        shows(&play, &[]);
        assert_eq!(play.tracked().outcome, RunOutcome::Left);
        rests(&play);
    }
    // Nor when somebody has it re-run, though a job was allowed to fail.
    let play = showing();
    play.github.borrow_mut().conclusion = None;
    play.on_webhook(RunEventKind::JobFailed, Some(1));
    play.pass_working(Span::minutes(3));
    play.ends(Conclusion::Success);
    play.pass_working(Span::hours(1));
    for (n, conclusion) in [(2, Conclusion::Success), (3, Conclusion::Cancelled), (4, Conclusion::Success)] {
        play.github.borrow_mut().attempt = n;
        play.github.borrow_mut().conclusion = None;
        play.on_webhook(RunEventKind::JobFailed, Some(n));
        play.pass_working(Span::minutes(3));
        play.ends(conclusion);
        play.on_webhook(RunEventKind::RunEnded, Some(n));
        play.pass_working(Span::hours(1));
        assert_eq!(play.tracked().decided_attempt, Some(attempt(n)));
    }
    shows(&play, &[]);
    rests(&play);
    play.github.borrow_mut().attempt = 5;
    fails(&play, 5);
    assert_eq!(play.github.borrow().statuses.len(), 1, "until it fails");
}

#[test]
fn whatever_ends_it_nothing_stays_pending() {
    #[track_caller]
    fn ends(play: &Play, last: &str) {
        play.pass_working(Span::hours(1));
        shows(play, &[FIRST, (Failure, last)]);
        rests(play);
    }
    let play = showing();
    fails(&play, 1);
    play.ends(Conclusion::Cancelled);
    play.on_webhook(RunEventKind::RunEnded, Some(2));
    ends(&play, "Left alone: attempt 2 concluded cancelled, which is re-run only if the policy file says so.");

    let play = showing();
    play.github.borrow_mut().event = "pull_request".to_owned();
    play.github.borrow_mut().pulls = vec![PullRequest { head_sha: SHA.to_owned(), ..pull() }];
    fails(&play, 1);
    play.github.borrow_mut().pulls[0].open = false;
    fails(&play, 2);
    ends(&play, "Left alone: its pull request was closed.");

    let play = showing();
    fails(&play, 1);
    let gone = "This workflow run cannot be retried".to_owned();
    play.github.borrow_mut().rerun_answers = vec![Err(github::Error::Refused { message: gone })];
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(2));
    play.pass_working(Span::minutes(1));
    shows(&play, &[FIRST, (Failure, "GitHub refused: This workflow run cannot be retried")]);
    rests(&play);

    let play = showing();
    fails(&play, 1);
    let retired = play.keeper.retire(&play.cx()).unwrap();
    assert_eq!(retired.len(), 1);
    ends(&play, "Left alone: the repository is no longer in REPOSITORIES.");
    // What was not shown is nobody's concern there.
    fails(&play, 2);
    play.github.borrow_mut().head_sha = Some("a".repeat(40));
    let other = RunEvent::new(repository(), RunId::new(8).unwrap(), Some(attempt(2)), RunEventKind::RunFailed);
    play.ends(Conclusion::Failure);
    play.github.borrow_mut().attempt = 2;
    play.keeper.receive(&other, &play.cx()).unwrap();
    play.pass_working(Span::minutes(1));
    assert!(play.github.borrow().statuses.iter().all(|status| status.sha == sha()));
}

#[test]
fn credentials_that_are_refused_are_no_end() {
    let play = showing();
    let refused = github::Error::Credentials { message: "403 Must have admin rights to Repository.".to_owned() };
    play.github.borrow_mut().rerun_answers = vec![Err(refused)];
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(1));
    play.pass_working(Span::hours(2));
    {
        let github = play.github.borrow();
        let said: Vec<_> = github.statuses.iter().map(|status| &status.shown).collect();
        assert!(said.iter().all(|shown| shown.state == Pending), "{said:#?}");
        assert!(said.len() <= 3, "{said:#?}");
    }
    play.reruns(&[1]);
    assert_eq!(play.github.borrow().statuses.last().unwrap().shown.description, FIRST.1);
}

/// By whom an attempt was started is not said; that it is running is.
#[test]
fn a_person_is_faster() {
    let play =
        of(Play::with_policy("delay: 10m\nrules: [{ name: soon, if: { job: none }, then: rerun, delay: 5s }]\n"));
    fails(&play, 1);
    let waits = (Pending, "Attempt 1 failed: re-run 1 of at most 3 in 10 min");
    shows(&play, &[waits]);
    play.github.borrow_mut().attempt = 2;
    play.github.borrow_mut().conclusion = None;
    play.pass_working(Span::minutes(11));
    shows(&play, &[waits, (Pending, "Attempt 2 is running")]);
    passes(&play, 2);
    shows(&play, &[waits, (Pending, "Attempt 2 is running"), RESCUED]);
    rests(&play);
}

/// Stores a run by hand, of this workflow and for this event.
pub(super) fn store(play: &Play, run: u64, workflow: (u64, &str), event: &str, outcome: RunOutcome) {
    let ended = outcome != RunOutcome::Rerunning;
    let tracked = TrackedRun {
        outcome,
        reason: format!("run {run} {}", outcome.as_str()),
        run_attempt: Some(attempt(2)),
        decided_attempt: Some(attempt(if ended { 2 } else { 1 })),
        commit: Some(sha()),
        in_short: (!ended).then(|| format!("run {run} pending")),
        workflow_id: WorkflowId::new(workflow.0),
        workflow: Some(workflow.1.to_owned()),
        workflow_path: Some(format!(".github/workflows/{}.yml", workflow.0)),
        event: Some(event.to_owned()),
        due: (!ended).then(|| play.now.get() + Span::days(300)),
        ..TrackedRun::new(RunId::new(run).unwrap(), play.now.get())
    };
    play.keeper.store_run(&tracked, &[], &play.cx()).unwrap();
    play.pass_working(Span::seconds(2));
}

#[test]
fn so_many_are_written_that_an_end_always_can_be() {
    let play = showing();
    for run in 1..=500 {
        // Far enough apart for what may be written in an hour.
        play.pass_working(Span::minutes(1));
        store(&play, run, (5, "ci"), "schedule", RunOutcome::Rerunning);
        store(&play, run, (5, "ci"), "schedule", RunOutcome::Rescued);
    }
    let github = play.github.borrow();
    let pending = github.statuses.iter().filter(|status| status.shown.state == Pending).count();
    assert!((290..=400).contains(&pending), "{pending}");
    assert!(github.statuses.len() < 1_000, "{}", github.statuses.len());
    assert_eq!(github.statuses.last().unwrap().shown.description, "run 500 rescued");
}
