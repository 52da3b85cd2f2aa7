//! Which pull request a run is of.

use super::*;
use crate::names::RepoName;
use crate::policy::Belonging::{self, Alone, Not, Shared, Unknown};
use crate::policy::run::{Fork, PullRequest};
use crate::policy::{belonging, was_of};

/// Number 3, from ann's fork.
fn pull() -> PullRequest {
    PullRequest {
        number: 3,
        open: true,
        merged: false,
        head_branch: "main".to_owned(),
        head_sha: "aaa".to_owned(),
        base_sha: "bbb".to_owned(),
        head_owner: Some("ann".to_owned()),
        head_repository: Some(2),
        is_own: false,
        base_branch: "main".to_owned(),
        is_from_default_branch: false,
        updated: None,
    }
}

fn other() -> PullRequest {
    PullRequest { number: 4, ..pull() }
}

fn own() -> PullRequest {
    PullRequest { is_own: true, head_owner: Some("octo".to_owned()), head_repository: Some(1), ..pull() }
}

fn of(event: &str, owner: Option<&str>, pulls: &[PullRequest]) -> Belonging {
    let fork = |owner: &str| Fork { name: RepoName::parse(&format!("{owner}/widgets")).unwrap(), id: Some(2) };
    let run = Run { event: event.to_owned(), origin: Origin::Fork(owner.map(fork)), ..run(1, Conclusion::Failure) };
    belonging(&run, &Fetched::Present(Pulls { all: pulls.to_vec(), complete: true }), 3)
}

fn of_own(event: &str, pulls: &[PullRequest]) -> Belonging {
    let run = Run { event: event.to_owned(), ..run(1, Conclusion::Failure) };
    belonging(&run, &Fetched::Present(Pulls { all: pulls.to_vec(), complete: true }), 3)
}

#[test]
fn a_forks_run_is_of_its_pull_request_alone() {
    let ann = Some("ann");
    let elsewhere = |pull: PullRequest| PullRequest { head_sha: "ccc".to_owned(), ..pull };
    let closed = |pull: PullRequest| PullRequest { open: false, ..pull };
    for (pulls, expected) in [
        (vec![pull()], Alone),
        // At an older commit, where it is the only one from the branch.
        (vec![elsewhere(pull())], Alone),
        (vec![pull(), elsewhere(other())], Alone),
        (vec![pull(), closed(other())], Alone),
        (vec![pull(), other()], Shared),
        (vec![elsewhere(pull()), elsewhere(other())], Shared),
        (vec![elsewhere(pull()), other()], Not),
        (vec![closed(pull()), other()], Not),
        (vec![closed(pull())], Not),
        (vec![other()], Not),
        (vec![], Not),
        // Others' branches of the same name.
        (vec![PullRequest { head_owner: Some("bob".to_owned()), ..pull() }], Not),
        (vec![PullRequest { head_repository: Some(9), ..pull() }], Not),
        (vec![own()], Not),
        (vec![PullRequest { head_branch: "fix".to_owned(), ..pull() }], Not),
    ] {
        assert_eq!(of("pull_request", ann, &pulls), expected, "{pulls:#?}");
        assert_eq!(of("pull_request_target", ann, &pulls), expected, "{pulls:#?}");
    }
    assert_eq!(of("pull_request", Some("bob"), &[pull()]), Not);
    assert_eq!(of("pull_request", None, &[pull()]), Unknown);
}

#[test]
fn what_the_default_branch_runs_is_of_no_pull_request() {
    let default = PullRequest { is_from_default_branch: true, ..own() };
    for (event, of_branch, of_default) in [
        ("pull_request", Alone, Alone),
        ("push", Alone, Not),
        ("schedule", Not, Not),
        ("workflow_dispatch", Not, Not),
        ("merge_group", Not, Not),
    ] {
        assert_eq!(of_own(event, &[own()]), of_branch, "{event}");
        assert_eq!(of_own(event, std::slice::from_ref(&default)), of_default, "{event}");
        assert_eq!(of_own(event, &[pull()]), Not, "{event}");
    }
}

#[test]
fn what_was_not_listed_is_not_known() {
    let run = run(1, Conclusion::Failure);
    assert_eq!(belonging(&run, &Fetched::NotYet, 3), Unknown);
    assert_eq!(belonging(&run, &Fetched::Absent("GitHub answered 403".to_owned()), 3), Unknown);
    // There are more than can be listed.
    let cut = |pulls: Vec<PullRequest>| belonging(&run, &Fetched::Present(Pulls { all: pulls, complete: false }), 3);
    let own_other = PullRequest { number: 4, ..own() };
    assert_eq!(cut(vec![own()]), Shared);
    assert_eq!(cut(vec![own_other]), Unknown);
}

/// As the simulation found it. Seen to fail when a run that is at an older commit of a closed pull request is nobody's.
#[test]
fn what_a_closed_pull_request_has_left_is_its_own() {
    let closed = || PullRequest { open: false, ..own() };
    let elsewhere = |pull: PullRequest| PullRequest { head_sha: "ccc".to_owned(), ..pull };
    let next = || PullRequest { number: 4, ..own() };
    for (event, pulls, expected) in [
        ("pull_request", vec![closed()], true),
        ("pull_request", vec![elsewhere(closed())], true),
        ("pull_request", vec![elsewhere(closed()), elsewhere(next())], false),
        // At its commit still.
        ("pull_request", vec![closed(), next()], true),
        ("pull_request", vec![next()], false),
        // The branch lives on.
        ("push", vec![elsewhere(closed())], false),
        ("push", vec![closed()], true),
    ] {
        let run = Run { event: event.to_owned(), ..run(1, Conclusion::Failure) };
        let listed = Fetched::Present(Pulls { all: pulls.clone(), complete: true });
        assert_eq!(was_of(&run, &listed, 3), expected, "{event}: {pulls:#?}");
    }
}
