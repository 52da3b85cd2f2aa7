//! Runs of pull requests that are closed, merged, or at another commit; and of forks.

use super::*;
use crate::names::RepoName;
use crate::policy::run::Fork;
use crate::policy::run::PullRequest;

const FAILURE: Conclusion = Conclusion::Failure;

/// A pull request of ann's fork that is open and at the run's commit.
fn pull() -> PullRequest {
    PullRequest {
        number: 5,
        open: true,
        merged: false,
        head_branch: "fix".to_owned(),
        head_sha: "aaa".to_owned(),
        base_sha: "base".to_owned(),
        head_owner: Some("Ann".to_owned()),
        head_repository: Some(70),
        is_own: false,
        base_branch: "main".to_owned(),
        is_from_default_branch: false,
        updated: Some(Millis(1_000)),
    }
}

fn elsewhere() -> PullRequest {
    PullRequest { head_sha: "bbb".to_owned(), ..pull() }
}

fn closed() -> PullRequest {
    PullRequest { open: false, ..pull() }
}

fn merged() -> PullRequest {
    PullRequest { merged: true, ..closed() }
}

fn fork() -> Origin {
    Origin::Fork(Some(Fork { name: RepoName::parse("ann/widgets").unwrap(), id: Some(70) }))
}

/// A failed run of ann's branch `fix`.
fn of(event: &str, pulls: &[PullRequest]) -> World {
    let mut world = bare(1, FAILURE);
    world.run.event = event.to_owned();
    world.run.head_branch = Some("fix".to_owned());
    world.run.head_commit = Some("aaa".to_owned());
    world.run.created = Some(Millis(900));
    world.run.origin = fork();
    world.pulls = Fetched::Present(Pulls { all: pulls.to_vec(), complete: true });
    world
}

/// The same, where GitHub shows the base's commit as the run's.
fn of_base(head_commit: Option<&str>, pulls: &[PullRequest]) -> World {
    let mut world = of("pull_request_target", pulls);
    world.run.head_sha = "base".to_owned();
    world.run.head_commit = head_commit.map(str::to_owned);
    world
}

#[track_caller]
fn superseded(world: &World, why: &str) {
    let ending = world.ends(&Policy::default());
    assert_eq!((ending.outcome, ending.reason.contains(why)), (RunOutcome::Superseded, true), "{}", ending.reason);
    assert!(ending.last_word);
}

#[track_caller]
fn is_not_known(world: &World, why: &str) {
    let ending = world.ends(&Policy::default());
    let said = ending.reason.contains("is not known") && ending.reason.contains(why);
    assert_eq!((ending.outcome, said), (RunOutcome::Left, true), "{}", ending.reason);
}

#[test]
fn a_pull_request_is_open_and_at_the_runs_commit() {
    for event in ["pull_request", "pull_request_review", "pull_request_target"] {
        reruns(&of(event, &[pull()]), "");
        reruns(&of(event, &[pull(), PullRequest { number: 4, ..elsewhere() }]), "");
        superseded(&of(event, &[closed()]), "was closed");
        superseded(&of(event, &[merged()]), "was merged");
        superseded(&of(event, &[PullRequest { open: false, ..elsewhere() }]), "was closed");
        superseded(&of(event, &[closed(), elsewhere()]), "was closed");
    }
    for event in ["pull_request", "pull_request_review"] {
        superseded(&of(event, &[elsewhere()]), "moved on");
    }
}

#[test]
fn other_events_are_of_no_pull_request() {
    for event in ["push", "merge_group", "workflow_run", "schedule"] {
        let (_, needs) = of(event, &[closed()]).decide(&Policy::default());
        assert_eq!(needs, [Need::Jobs], "{event}");
        reruns(&of(event, &[closed()]), "");
    }
}

/// What it checks out is not known. Seen to fail when it is re-run by default, and when `*` names it.
#[test]
fn a_run_that_a_comment_started_is_left_unless_its_event_is_named() {
    let commented = of("issue_comment", &[pull()]);
    for text in ["", "events: { exclude: [push] }", "events: { include: ['*'] }", "events: { include: [issue*] }"] {
        let ending = commented.ends(&policy(text));
        assert_eq!(
            (ending.outcome, ending.reason.contains("a comment started it")),
            (RunOutcome::Left, true),
            "{text}"
        );
    }
    for text in ["events: { include: [issue_comment] }", "events: { include: ['*', Issue_Comment] }"] {
        commented.reruns(&policy(text));
    }
    commented.ends(&policy("events: { include: [issue_comment], exclude: [issue_comment] }"));
}

#[test]
fn what_is_not_known_is_left_with_the_rights_of_the_base_and_only_then() {
    let other_branch = PullRequest { head_branch: "main".to_owned(), ..pull() };
    let other_owner = PullRequest { head_owner: Some("mallory".to_owned()), ..pull() };
    let other_fork = PullRequest { head_repository: Some(71), ..pull() };
    for (pulls, why) in [
        (vec![], "lists none"),
        (vec![other_branch], "lists none"),
        (vec![other_owner], "lists none"),
        (vec![other_fork], "lists none"),
        (vec![PullRequest { head_owner: None, ..pull() }], "lists none"),
        (vec![pull(), PullRequest { number: 6, ..pull() }], "several"),
        (vec![pull(), PullRequest { number: 4, ..closed() }], "several"),
    ] {
        is_not_known(&of("pull_request_target", &pulls), why);
        let rerun = reruns(&of("pull_request", &pulls), "");
        assert!(rerun.detail.absent.iter().any(|absent| absent.contains(why)), "{:?}", rerun.detail.absent);
    }
    let unread = |event| World { pulls: Fetched::Absent("HTTP 403".to_owned()), ..of(event, &[]) };
    is_not_known(&unread("pull_request_target"), "HTTP 403");
    assert_eq!(reruns(&unread("pull_request"), "").detail.absent, ["jobs: HTTP 403", "pull requests: HTTP 403"]);
    let cut = |event| World { pulls: Fetched::Present(Pulls { all: vec![pull()], complete: false }), ..of(event, &[]) };
    is_not_known(&cut("pull_request_target"), "more than can be listed");
    reruns(&cut("pull_request"), "");
}

#[test]
fn the_commit_of_a_target_run_may_be_its_bases() {
    // `head_commit` is the pull request's all the same.
    reruns(&of_base(Some("aaa"), &[pull()]), "");
    superseded(&of_base(Some("aaa"), &[elsewhere()]), "moved on");
    superseded(&of_base(Some("aaa"), &[closed()]), "was closed");
    // It is not, or not there: then only a pull request that nothing has happened to is sure to be where it was.
    for head_commit in [None, Some("base")] {
        is_not_known(&of_base(head_commit, &[pull()]), "the base's");
        is_not_known(&of_base(head_commit, &[elsewhere()]), "the base's");
        let untouched = PullRequest { updated: Some(Millis(899)), ..pull() };
        reruns(&of_base(head_commit, std::slice::from_ref(&untouched)), "");
        let at_once = PullRequest { updated: Some(Millis(900)), ..pull() };
        is_not_known(&of_base(head_commit, &[at_once]), "the base's");
        let other = PullRequest { number: 6, ..untouched.clone() };
        is_not_known(&of_base(head_commit, &[untouched.clone(), other]), "the base's");
        superseded(&of_base(head_commit, &[closed()]), "was closed");
        // The base may have moved on instead, before the pull request was opened or after the run began.
        let of_older_base = |pull| of_base(head_commit, &[PullRequest { base_sha: "newer".to_owned(), ..pull }]);
        is_not_known(&of_older_base(pull()), "may be its base's");
        is_not_known(&of_older_base(elsewhere()), "may be its base's");
        reruns(&of_older_base(untouched), "");
    }
    // Nor does GitHub say that the one that it names is the pull request's.
    is_not_known(&of("pull_request_target", &[elsewhere()]), "may be its base's");
}

#[test]
fn a_base_that_is_a_pull_requests_branch_is_not_taken_for_it() {
    let mut world = of_base(Some("base"), &[]);
    world.run.origin = Origin::Own;
    world.run.head_branch = Some("main".to_owned());
    let release = PullRequest {
        head_branch: "main".to_owned(),
        head_sha: "base".to_owned(),
        is_own: true,
        base_branch: "main".to_owned(),
        is_from_default_branch: true,
        updated: Some(Millis(1)),
        ..pull()
    };
    world.pulls = Fetched::Present(Pulls { all: vec![release], complete: true });
    is_not_known(&world, "default branch");
    world.run.event = "pull_request".to_owned();
    reruns(&world, "");
}

#[test]
fn skip_superseded_is_not_for_what_has_the_rights_of_the_base() {
    let text = "skip_superseded: false";
    for pulls in [vec![elsewhere()], vec![closed()], vec![merged()]] {
        reruns(&of("pull_request", &pulls), text);
        ends(&of_base(Some("aaa"), &pulls), text, RunOutcome::Superseded);
    }
    ends(&of("pull_request_target", &[]), text, RunOutcome::Left);
}

#[test]
fn pull_requests_are_looked_for_last_and_only_for_a_re_run() {
    let needs = |world: &World, text: &str| world.decide(&policy(text)).1;
    let pulls = |seconds| Need::Pulls { delay: Span::seconds(seconds) };
    let world = of("pull_request", &[pull()]);
    assert_eq!(needs(&world, ""), [Need::Jobs, pulls(5)]);
    assert_eq!(needs(&world, "delay: 90s"), [Need::Jobs, pulls(90)]);
    assert_eq!(needs(&world, "skip_superseded: false"), [Need::Jobs]);
    assert_eq!(needs(&world, "otherwise: leave"), [Need::Jobs]);
    assert_eq!(needs(&world, "budget: { reruns_per_hour: 0 }"), [Need::Jobs]);
    assert_eq!(needs(&world, "max_reruns: 0"), []);
    assert_eq!(needs(&world.clone().attempt(4), ""), [Need::Jobs]);
    // Without calling for anything, what would have been done is told truly.
    let dry = World { settings: RerunSettings { dry_run: true, ..settings() }, ..of("pull_request", &[closed()]) };
    superseded(&dry, "was closed");
}

#[test]
fn the_run_itself_can_show_that_it_is_outdated() {
    let mut world = of("pull_request", &[pull()]);
    world.run.origin = Origin::Own;
    world.run.pull_request_heads = vec!["bbb".to_owned()];
    assert_eq!(world.decide(&Policy::default()).1, []);
    superseded(&world, "moved on");
    // Of a target run its commit may be the base's.
    world.run.event = "pull_request_target".to_owned();
    let own = PullRequest { is_own: true, head_repository: Some(1), ..pull() };
    world.pulls = Fetched::Present(Pulls { all: vec![own], complete: true });
    reruns(&world, "");
}

#[test]
fn a_forks_branch_has_its_owners_name() {
    let left = |world: &World, text: &str| ends(world, text, RunOutcome::Left);
    let mut world = of("pull_request", &[pull()]);
    world.run.head_branch = Some("main".to_owned());
    world.pulls = Fetched::Absent("404".to_owned());
    left(&world, "branches: { include: [main] }");
    left(&world, "branches: { include: ['m*'] }");
    left(&world, "branches: { exclude: ['ann:*'] }");
    left(&world, "branches: { exclude: ['*:main'] }");
    reruns(&world, "branches: { exclude: [main] }");
    reruns(&world, "branches: { include: ['ANN:main'] }");
    let rule = |condition: &str, then: &str| format!("rules: [{{ name: r, if: {{ {condition} }}, then: {then} }}]");
    reruns(&world, &rule("branch: main", "leave"));
    left(&world, &rule("branch: 'ann:main'", "leave"));
    left(&world, &rule("fork: true", "leave"));
    reruns(&world, &rule("fork: false", "leave"));
    left(&world, "forks: leave");
    reruns(&world, "forks: rerun");
    world.run.origin = Origin::Own;
    reruns(&world, "branches: { include: [main] }");
    reruns(&world, &rule("fork: true", "leave"));
    left(&world, &rule("fork: false", "leave"));
    reruns(&world, "forks: leave");
}

#[test]
fn a_fork_that_was_deleted_may_be_anybodys() {
    let left = |world: &World, text: &str| ends(world, text, RunOutcome::Left);
    let mut world = of("pull_request", &[]);
    world.run.head_branch = Some("main".to_owned());
    world.run.origin = Origin::Fork(None);
    left(&world, "branches: { include: [main] }");
    left(&world, "branches: { include: ['ann:main'] }");
    left(&world, "branches: { exclude: ['mallory:m*'] }");
    left(&world, "forks: leave");
    reruns(&world, "branches: { exclude: ['mallory:other'] }");
    reruns(&world, "branches: { include: ['*:main'] }");
    left(&world, "rules: [{ name: r, if: { branch: 'mallory:*' }, then: leave }]");
    left(&world, "rules: [{ name: r, if: { branch: 'mallory:*' }, then: rerun }]\notherwise: leave");
}
