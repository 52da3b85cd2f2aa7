use serde_json::{Value, json};

use super::*;
use crate::github::support;

/// With all fields that are read.
fn whole() -> Value {
    let widgets = json!({ "id": 1, "full_name": "octo/widgets", "url": "https://api.github.com/repos/octo/widgets", "name": "widgets" });
    json!({
        "id": 7, "name": "ci", "path": ".github/workflows/ci.yml@main", "run_attempt": 2, "run_number": 3,
        "status": "completed", "conclusion": "failure", "event": "pull_request", "display_title": "Fix it",
        "head_branch": "fix", "head_sha": "aaa", "head_commit": { "id": "aaa" },
        "created_at": "2026-11-23T15:04:05Z", "updated_at": "2026-11-23T15:04:05Z",
        "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" },
        "repository": widgets, "head_repository": widgets,
        "pull_requests": [{
            "id": 1, "number": 5, "url": "https://api.github.com/repos/octo/widgets/pulls/5",
            "head": { "ref": "fix", "sha": "aaa", "repo": { "id": 1, "url": "x", "name": "widgets" } },
            "base": { "ref": "main", "sha": "bbb", "repo": { "id": 1, "url": "x", "name": "widgets" } },
        }],
    })
}

#[track_caller]
fn from_json(run: &Value) -> Run {
    Run::from_json(run.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn set(run: &mut Value, path: &str, to: Option<Value>) {
    let (key, parents) =
        path.split('.').collect::<Vec<_>>().split_last().map(|(k, p)| (k.to_string(), p.to_vec())).unwrap();
    let place = parents.into_iter().fold(run, |place, key| match key.parse::<usize>() {
        Ok(index) => &mut place[index],
        Err(_) => &mut place[key],
    });
    match to {
        Some(value) => place[key.as_str()] = value,
        None => drop(place.as_object_mut().unwrap().remove(&key)),
    }
}

/// By GitHub's own description, of api.github.com or of an Enterprise Server, or by what was seen.
#[test]
fn what_is_nullable_or_optional_may_be_either() {
    for field in [
        "name",
        "run_attempt",
        "status",
        "conclusion",
        "head_branch",
        "head_commit",
        "head_commit.id",
        "head_repository",
        "repository",
        "actor",
        "actor.login",
        "triggering_actor",
        "pull_requests",
        "display_title",
        "run_number",
        "path",
        "created_at",
        "updated_at",
        "event",
        "head_sha",
        "pull_requests.0.number",
        "pull_requests.0.head",
        "pull_requests.0.head.sha",
        "pull_requests.0.head.ref",
        "pull_requests.0.head.repo",
        "pull_requests.0.base",
        "pull_requests.0.base.repo",
        "pull_requests.0.base.repo.id",
        "head_repository.full_name",
        "head_repository.id",
    ] {
        for value in [Some(Value::Null), None] {
            let mut run = whole();
            set(&mut run, field, value);
            from_json(&run);
        }
    }
    let mut run = whole();
    set(&mut run, "pull_requests", Some(Value::Null));
    assert_eq!((from_json(&run).pull_request, from_json(&run).is_superseded()), (None, false));
}

#[test]
fn a_number_counts_in_its_own_repository_only() {
    let heads = |run: &Value| (from_json(run).pull_request, from_json(run).pull_request_heads);
    let mine = (Some(5), vec!["aaa".to_owned()]);
    assert_eq!(heads(&whole()), mine);
    for (path, value, counts) in [
        ("pull_requests.0.base.repo", json!({ "id": 2, "url": "x", "name": "widgets" }), false),
        ("pull_requests.0.base.repo", json!({ "url": "https://api.github.com/repos/upstream/widgets" }), false),
        ("pull_requests.0.base.repo", json!({ "url": "https://api.github.com/repos/Octo/Widgets" }), true),
        ("pull_requests.0.base.repo", json!({ "full_name": "octo/widgets" }), true),
        ("pull_requests.0.base.repo", json!({ "full_name": "upstream/widgets" }), false),
        ("pull_requests.0.base.repo", json!({ "name": "widgets" }), false),
        ("pull_requests.0.base.repo", Value::Null, false),
        ("repository", Value::Null, false),
        // It only has the same commit.
        ("pull_requests.0.head.ref", json!("other"), false),
    ] {
        let mut run = whole();
        set(&mut run, path, Some(value.clone()));
        let expected = if counts { mine.clone() } else { (None, vec![]) };
        assert_eq!(heads(&run), expected, "{path}: {value}");
    }
    // A foreign one does not hide our own.
    let mut run = whole();
    let mut foreign = run["pull_requests"][0].clone();
    foreign["number"] = 92.into();
    foreign["base"]["repo"]["id"] = 2.into();
    foreign["head"]["sha"] = "ccc".into();
    run["pull_requests"].as_array_mut().unwrap().insert(0, foreign);
    assert_eq!(heads(&run), mine);
}

#[test]
fn whose_branch_it_is() {
    let ann = json!({ "id": 70, "full_name": "ann/widgets", "url": "https://api.github.com/repos/ann/widgets" });
    let fork = |id| Origin::Fork(Some(Fork { name: RepoName::parse("ann/widgets").unwrap(), id }));
    for (event, head, expected, branch) in [
        ("pull_request", None, Origin::Own, "fix"),
        ("push", None, Origin::Own, "fix"),
        ("pull_request", Some(ann.clone()), fork(Some(70)), "ann:fix"),
        ("pull_request_target", Some(ann.clone()), fork(Some(70)), "ann:fix"),
        ("pull_request", Some(Value::Null), Origin::Fork(None), "?:fix"),
        ("pull_request", Some(json!({ "id": 70 })), Origin::Fork(None), "?:fix"),
        ("pull_request", Some(json!({ "full_name": "ann/widgets" })), fork(None), "ann:fix"),
        ("pull_request", Some(json!({ "full_name": "a/b/c", "id": 70 })), Origin::Fork(None), "?:fix"),
        // By its id it is ours, whatever it was called when this was written down.
        ("pull_request", Some(json!({ "id": 1, "full_name": "octo/old-name" })), Origin::Own, "fix"),
        ("push", Some(Value::Null), Origin::Own, "fix"),
        ("schedule", Some(Value::Null), Origin::Own, "fix"),
    ] {
        let mut run = whole();
        set(&mut run, "event", Some(event.into()));
        if let Some(head) = head {
            set(&mut run, "head_repository", Some(head));
        }
        let read = from_json(&run);
        assert_eq!((&read.origin, read.branch().as_deref()), (&expected, Some(branch)), "{event} {run}");
        assert_eq!(read.is_of_fork(), expected != Origin::Own);
    }
}

#[test]
fn what_is_asked_for() {
    let request = request(&RepoName::parse("octo/widgets").unwrap(), RunId::new(7).unwrap());
    assert_eq!(request.in_short(), "Get /repos/octo/widgets/actions/runs/7");
}

#[test]
fn what_is_answered() {
    let run = json!({
        "id": 7, "name": "ci", "run_attempt": 2, "status": "completed", "conclusion": "failure", "event": "push",
        "head_sha": "abc", "actor": { "login": "ann" }, "triggering_actor": { "login": "bob" }, "pull_requests": [],
    });
    let of = |value: &Value| read(&support::reply(200, value));
    let shown = of(&run).unwrap();
    assert_eq!((shown.run_attempt.get(), shown.conclusion.map(|c| c.as_str())), (2, Some("failure")));
    assert_eq!(shown.actors, ["ann", "bob"]);

    let mut going = run.clone();
    going["status"] = "in_progress".into();
    let shown = of(&going).unwrap();
    assert_eq!(shown.conclusion, None, "a conclusion counts only once the run is completed");

    for broken in [json!({}), json!([]), json!({ "id": "x" })] {
        assert!(matches!(of(&broken), Err(Error::Inconclusive { .. })));
    }
    assert_eq!(read(&support::message(404, "Not Found")), Err(Error::NotFound));
    // Who may not even read is refused as an account.
    let refused = Error::Credentials { message: "403 Something new".to_owned() };
    assert_eq!(read(&support::message(403, "Something new")), Err(refused));
}
