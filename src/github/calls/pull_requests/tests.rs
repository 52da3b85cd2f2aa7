use serde_json::{Value, json};

use super::*;
use crate::github::support;
use crate::names::Conclusion;
use crate::names::{RepoName, RunAttempt, RunId};
use crate::policy::run::Fork;

fn of_fork() -> Value {
    let widgets =
        json!({ "id": 1, "full_name": "octo/widgets", "owner": { "login": "octo" }, "default_branch": "main" });
    json!({
        "number": 5, "state": "open", "merged_at": null, "updated_at": "2026-11-23T15:04:05Z",
        "head": { "label": "ann:fix", "ref": "fix", "sha": "aaa", "user": { "login": "ann" },
                  "repo": { "id": 70, "owner": { "login": "ann" } } },
        "base": { "label": "octo:main", "ref": "main", "sha": "bbb", "user": { "login": "octo" }, "repo": widgets },
    })
}

#[track_caller]
fn one(pull: &Value) -> PullRequest {
    read(&support::reply(200, json!([pull]))).unwrap().items.into_iter().next().unwrap()
}

fn run(origin: Origin) -> Run {
    Run {
        repository: None,
        run_id: RunId::new(7).unwrap(),
        run_attempt: RunAttempt::FIRST,
        conclusion: Some(Conclusion::Failure),
        workflow_id: None,
        workflow: None,
        path: None,
        event: "pull_request".to_owned(),
        head_branch: Some("fix".to_owned()),
        head_sha: "aaa".to_owned(),
        head_commit: None,
        origin,
        created: None,
        run_number: None,
        title: None,
        actors: vec![],
        pull_request_heads: vec![],
        pull_request_base: None,
        pull_request: None,
    }
}

fn fork(name: &str, id: u64) -> Origin {
    Origin::Fork(Some(Fork { name: RepoName::parse(name).unwrap(), id: Some(id) }))
}

#[test]
fn what_is_read() {
    let pull = one(&of_fork());
    let expected = PullRequest {
        base_branch: "main".to_owned(),
        number: 5,
        open: true,
        merged: false,
        head_branch: "fix".to_owned(),
        head_sha: "aaa".to_owned(),
        base_sha: "bbb".to_owned(),
        head_owner: Some("ann".to_owned()),
        head_repository: Some(70),
        is_own: false,
        is_from_default_branch: false,
        updated: Some(Millis(1_795_446_245_000)),
    };
    assert_eq!(pull, expected);
    let mut merged = of_fork();
    merged["state"] = "closed".into();
    merged["merged_at"] = "2026-11-23T15:04:05Z".into();
    assert_eq!((one(&merged).open, one(&merged).merged), (false, true));
    let mut own = of_fork();
    own["head"] = own["base"].clone();
    assert_eq!((one(&own).is_own, one(&own).is_from_default_branch), (true, true));
    own["head"]["ref"] = "next".into();
    assert_eq!((one(&own).is_own, one(&own).is_from_default_branch), (true, false));
}

#[test]
fn what_is_nullable_or_optional_may_be_either() {
    for field in ["state", "merged_at", "updated_at", "head.label", "head.user", "head.repo", "base.repo", "base.user"]
    {
        for missing in [false, true] {
            let mut pull = of_fork();
            let (of, key) = match field.split_once('.') {
                Some((side, key)) => (&mut pull[side], key),
                None => (&mut pull, field),
            };
            match missing {
                true => drop(of.as_object_mut().unwrap().remove(key)),
                false => of[key] = Value::Null,
            }
            one(&pull);
        }
    }
    // Of a fork that is gone GitHub knows whose it was, or not even that.
    let mut gone = of_fork();
    gone["head"]["repo"] = Value::Null;
    assert_eq!((one(&gone).head_owner.as_deref(), one(&gone).is_own), (Some("ann"), false));
    gone["head"]["user"] = Value::Null;
    assert_eq!(one(&gone).head_owner.as_deref(), Some("ann"));
    gone["head"]["label"] = Value::Null;
    assert_eq!((one(&gone).head_owner, one(&gone).is_own), (None, false));
}

#[test]
fn whose_branch_it_is_from() {
    let pull = one(&of_fork());
    for (origin, is) in [
        (fork("Ann/widgets", 70), true),
        (fork("ann/other-fork", 71), false),
        (fork("bob/widgets", 70), false),
        (Origin::Fork(None), false),
        (Origin::Own, false),
    ] {
        assert_eq!(pull.is_from_branch_of(&run(origin.clone())), is, "{origin:?}");
    }
    let other = Run { head_branch: Some("Fix".to_owned()), ..run(fork("ann/widgets", 70)) };
    assert!(!pull.is_from_branch_of(&other));
    let own = PullRequest { is_own: true, ..pull };
    assert!(own.is_from_branch_of(&run(Origin::Own)));
    assert!(!own.is_from_branch_of(&Run { head_branch: None, ..run(Origin::Own) }));
}

#[test]
fn what_is_asked_for() {
    let head = |run: &Run| Head::of(run).map(|head| head.encoded("octo"));
    assert_eq!(head(&run(Origin::Own)).as_deref(), Ok("octo:fix"));
    let request = request(&RepoName::parse("octo/widgets").unwrap(), &Head::of(&run(Origin::Own)).unwrap(), 2);
    let path = "/repos/octo/widgets/pulls?head=octo:fix&state=all&per_page=50&page=2";
    assert_eq!(request.in_short(), format!("Get {path}"));
    let hostile = Run { head_branch: Some("a&state=open#\"ü/x".to_owned()), ..run(fork("ann/widgets", 1)) };
    assert_eq!(head(&hostile).as_deref(), Ok("ann:a%26state%3Dopen%23%22%C3%BC%2Fx"));
    for unknown in [
        run(Origin::Fork(None)),
        Run { head_branch: None, ..run(Origin::Own) },
        Run { head_branch: Some("x".repeat(1_001)), ..run(Origin::Own) },
    ] {
        assert!(head(&unknown).is_err(), "{unknown:?}");
    }
}

#[test]
fn full_pages_and_other_answers() {
    for (n, full) in [(0, false), (49, false), (50, true)] {
        let page = read(&support::reply(200, json!(vec![of_fork(); n]))).unwrap();
        assert_eq!((page.items.len(), page.full), (n, full));
    }
    for (status, message) in [(403, "Resource not accessible by personal access token"), (404, "Not Found")] {
        let answer = read(&support::reply(status, json!({ "message": message })));
        assert!(matches!(answer, Err(Error::Refused { .. } | Error::NotFound)), "{answer:?}");
    }
    for broken in [json!({}), json!([{}]), json!([{ "number": 1, "head": null, "base": null }])] {
        let answer = read(&support::reply(200, &broken));
        assert!(matches!(answer, Err(Error::Inconclusive { .. })), "{answer:?}");
    }
}
