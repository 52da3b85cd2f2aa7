//! What commits show of their failed runs.

use super::pulls::pull;
use super::*;
use crate::github::calls::commit_status::{MOST_CONTEXT, StatusState};
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

/// The last description of each context.
fn contexts(play: &Play) -> BTreeMap<String, String> {
    let github = play.github.borrow();
    github.statuses.iter().map(|status| (status.context.clone(), status.shown.description.clone())).collect()
}

#[test]
fn two_workflows_share_no_context_and_runs_of_one_do() {
    let play = showing();
    let going = RunOutcome::Rerunning;
    store(&play, 11, (5, "ci"), "push", going);
    store(&play, 12, (5, "ci"), "pull_request", going);
    store(&play, 13, (6, "CI"), "push", going);
    store(&play, 14, (7, "Ci"), "push", going);
    store(&play, 15, (5, "ci"), "push", going);
    // An older run's end is not what the newer one's commit shows.
    store(&play, 11, (5, "ci"), "push", RunOutcome::Exhausted);
    let all = contexts(&play);
    let expected = [
        ("rerunner / CI (push)", "run 13 pending"),
        ("rerunner / Ci (7.yml, push)", "run 14 pending"),
        ("rerunner / ci", "run 15 pending"),
        ("rerunner / ci (pull_request)", "run 12 pending"),
    ];
    let all: Vec<_> = all.iter().map(|(context, said)| (context.as_str(), said.as_str())).collect();
    assert_eq!(all, expected);
    for run in [12, 13, 14, 15] {
        let (workflow, event) = match run {
            12 => ((5, "ci"), "pull_request"),
            13 => ((6, "CI"), "push"),
            14 => ((7, "Ci"), "push"),
            _ => ((5, "ci"), "push"),
        };
        store(&play, run, workflow, event, RunOutcome::Rescued);
    }
    assert!(contexts(&play).values().all(|said| said.ends_with("rescued")), "{:#?}", contexts(&play));
}

/// Seen to fail when only what it says is compared.
#[test]
fn it_leads_to_the_newest_run_even_if_that_says_the_same() {
    let play = showing();
    let of = |run: u64, attempts: u32| {
        for n in 1..=attempts {
            let outcome = if n < attempts { RunOutcome::Rerunning } else { RunOutcome::Exhausted };
            let tracked = TrackedRun {
                outcome,
                reason: "Gave up.".to_owned(),
                run_attempt: Some(attempt(n)),
                decided_attempt: Some(attempt(n)),
                commit: Some(sha()),
                in_short: Some("Attempt 1 failed".to_owned()),
                workflow_id: WorkflowId::new(5),
                workflow: Some("ci".to_owned()),
                event: Some("push".to_owned()),
                due: (n < attempts).then(|| play.now.get() + Span::days(300)),
                ..TrackedRun::new(RunId::new(run).unwrap(), play.now.get())
            };
            play.keeper.store_run(&tracked, &[], &play.cx()).unwrap();
            play.pass_working(Span::seconds(2));
        }
    };
    let leads = || {
        let github = play.github.borrow();
        let run = |status: &StatusCall| status.target_url.rsplit('/').next().unwrap().parse().unwrap();
        github.statuses.iter().map(|status| (run(status), status.shown.state)).collect::<Vec<(u64, StatusState)>>()
    };
    of(11, 1);
    of(12, 1);
    assert_eq!(leads(), [(11, Failure), (12, Failure)]);
    // As that is known, it is not said again.
    of(12, 1);
    of(11, 1);
    assert_eq!(leads().len(), 2);
    of(13, 2);
    assert_eq!(leads()[2..], [(13, Pending), (13, Failure)]);
    rests(&play);
}

/// A fork can have anybody's commit in a pull request of its own. Seen to fail when only workflow and event are compared.
#[test]
fn a_forks_run_takes_no_place_of_another() {
    let play = showing();
    store(&play, 11, (5, "ci"), "pull_request", RunOutcome::Exhausted);
    let of_fork = |run: u64, branch: &str| {
        let mut tracked = play.keeper.store.run(RunId::new(11).unwrap()).unwrap().unwrap();
        (tracked.run_id, tracked.head_branch) = (RunId::new(run).unwrap(), Some(branch.to_owned()));
        (tracked.outcome, tracked.reason) = (RunOutcome::Rescued, format!("run {run} rescued"));
        play.keeper.store_run(&tracked, &[], &play.cx()).unwrap();
        play.pass_working(Span::seconds(2));
    };
    of_fork(12, "mallory:main");
    of_fork(13, "mallory:other");
    of_fork(14, "eve:main");
    let contexts = contexts(&play);
    assert_eq!(contexts["rerunner / ci"], "run 11 exhausted");
    assert_eq!(contexts["rerunner / ci (pull_request of mallory)"], "run 13 rescued");
    assert_eq!(contexts["rerunner / ci (pull_request of eve)"], "run 14 rescued");
}

/// One that a command has looked at, which did not mean it, is forgotten. Seen to fail when it has taken the older one's place.
#[test]
fn a_newer_run_that_says_nothing_takes_no_place() {
    let play = showing();
    store(&play, 11, (5, "ci"), "push", RunOutcome::Rerunning);
    let newer = TrackedRun {
        run_attempt: Some(attempt(1)),
        commit: Some(sha()),
        workflow_id: WorkflowId::new(5),
        event: Some("push".to_owned()),
        due: Some(play.now.get() + Span::days(300)),
        ..TrackedRun::new(RunId::new(12).unwrap(), play.now.get())
    };
    play.keeper.store_run(&newer, &[], &play.cx()).unwrap();
    play.keeper.store.delete_run(newer.run_id).unwrap();
    store(&play, 11, (5, "ci"), "push", RunOutcome::Rescued);
    assert_eq!(contexts(&play)["rerunner / ci"], "run 11 rescued");
}

#[test]
fn names_that_strangers_choose() {
    let play = showing();
    let long = "é".repeat(200);
    for number in 1..=150 {
        let event = if number % 2 == 0 { "push" } else { "pull_request" };
        store(&play, number, (number, &long), event, RunOutcome::Exhausted);
    }
    let statuses = play.keeper.store.commit_statuses_of(&sha(), 1_000).unwrap();
    assert_eq!(statuses.len(), 100);
    let all: std::collections::BTreeSet<_> = statuses.iter().map(|one| one.context.to_lowercase()).collect();
    assert_eq!(all.len(), 100);
    assert!(statuses.iter().all(|one| one.context.chars().count() <= MOST_CONTEXT));
    let play = showing();
    store(&play, 1, (5, "\u{1f680} a\nb\u{202e}"), "push", RunOutcome::Exhausted);
    assert_eq!(contexts(&play).into_keys().collect::<Vec<_>>(), ["rerunner / \u{fffd} a b"]);
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
