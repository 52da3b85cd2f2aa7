//! Which runs at a commit share a status, and what it is called.

use super::commit_statuses::{rests, sha, showing, store};
use super::*;
use crate::github::calls::commit_status::MOST_CONTEXT;
use crate::github::calls::commit_status::StatusState::{self, Failure, Pending};

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
