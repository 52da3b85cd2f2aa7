//! Of what GitHub answers, only what is read of it: the rest of a run is ten times as much, and other people's.

use serde_json::{Map, Value, json};

/// Of a text; readers take no more of any.
const LONGEST: usize = 4_000;

pub fn run(run: &Value) -> Value {
    let repository = json!({ "id": 0, "url": 0, "full_name": 0 });
    let end = json!({ "ref": 0, "sha": 0, "repo": repository });
    let user = json!({ "login": 0 });
    only(
        run,
        &json!({
            "id": 0, "run_attempt": 0, "status": 0, "conclusion": 0, "workflow_id": 0, "path": 0, "event": 0,
            "head_branch": 0, "head_sha": 0, "head_commit": { "id": 0 }, "head_repository": repository,
            "repository": repository, "created_at": 0, "run_started_at": 0, "updated_at": 0, "run_number": 0,
            "display_title": 0, "actor": user, "triggering_actor": user,
            "pull_requests": [{ "number": 0, "head": end, "base": end }],
        }),
    )
}

pub fn job(job: &Value) -> Value {
    let step = json!({ "name": 0, "status": 0, "conclusion": 0 });
    only(
        job,
        &json!({
            "id": 0, "name": 0, "status": 0, "conclusion": 0, "started_at": 0, "completed_at": 0, "runner_name": 0,
            "labels": [0], "workflow_name": 0, "steps": [step],
        }),
    )
}

pub fn annotation(annotation: &Value) -> Value {
    only(annotation, &json!({ "message": 0, "annotation_level": 0, "path": 0 }))
}

/// What has a place in the shape: `0` stands for a text, a number or the like.
fn only(value: &Value, shape: &Value) -> Value {
    match (value, shape) {
        (Value::Object(object), Value::Object(shape)) => {
            let kept = shape.iter().filter_map(|(key, shape)| Some((key.clone(), only(object.get(key)?, shape))));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        (Value::Array(list), Value::Array(shape)) => {
            let shape = shape.first().unwrap_or(&Value::Null);
            Value::Array(list.iter().map(|value| only(value, shape)).collect())
        }
        (Value::String(text), Value::Number(_)) => Value::String(text.chars().take(LONGEST).collect()),
        (Value::Null | Value::Bool(_) | Value::Number(_), _) => value.clone(),
        // Of another shape than it should be: the reader says so, as it would have.
        (Value::Object(_), _) => json!({}),
        (Value::Array(_), _) => json!([]),
        (Value::String(_), _) => json!(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rerunner::policy::evidence::Job;
    use rerunner::policy::run::Run;

    fn whole_run() -> Value {
        let repository =
            json!({ "id": 5, "full_name": "octo/widgets", "url": "https://x/repos/octo/widgets", "owner": {} });
        let end = json!({ "ref": "fix", "sha": "abc", "repo": repository });
        json!({
            "id": 7, "run_attempt": 2, "status": "completed", "conclusion": "failure", "workflow_id": 9,
            "path": ".github/workflows/ci.yml@main", "event": "pull_request", "head_branch": "fix", "head_sha": "abc",
            "head_commit": { "id": "def", "message": "long", "author": { "email": "ann@example.com" } },
            "head_repository": repository, "repository": repository, "created_at": "2026-11-23T15:04:05Z",
            "run_started_at": "2026-11-23T15:04:06Z", "updated_at": "2026-11-23T15:05:05Z", "run_number": 3,
            "display_title": "Fix it", "actor": { "login": "ann", "id": 1 }, "triggering_actor": { "login": "bob" },
            "pull_requests": [{ "number": 4, "head": end, "base": end, "url": "https://x" }],
        })
    }

    #[test]
    fn what_is_kept_reads_as_the_whole_did() {
        let read = |run: &Value| Run::from_json(run.to_string().as_bytes()).unwrap();
        let (whole, kept) = (whole_run(), run(&whole_run()));
        assert_eq!(read(&kept), read(&whole));
        assert!(read(&kept).pull_request == Some(4) && !kept.to_string().contains("ann@example.com"), "{kept}");
        let whole = json!({
            "id": 9, "name": "test", "status": "completed", "conclusion": "failure", "workflow_name": "ci",
            "started_at": "2026-11-23T15:04:05Z", "completed_at": "2026-11-23T15:05:05Z", "runner_name": "x",
            "labels": ["ubuntu-latest"], "head_sha": "abc", "html_url": "https://x",
            "steps": [{ "name": "Run tests", "number": 1, "status": "completed", "conclusion": "failure" }],
        });
        let read = |job: &Value| Job::from_json(job.to_string().as_bytes()).unwrap();
        assert_eq!(read(&job(&whole)), read(&whole));
        assert!(!job(&whole).to_string().contains("https"));
        let shown = json!({ "message": "x", "annotation_level": "failure", "path": ".github", "raw_details": "y" });
        assert_eq!(annotation(&shown), json!({ "message": "x", "annotation_level": "failure", "path": ".github" }));
    }

    #[test]
    fn what_is_of_another_shape_or_too_long() {
        let odd = json!({ "id": { "deep": [1] }, "name": "x".repeat(5_000), "steps": "none", "labels": [["a"], null] });
        assert_eq!(job(&odd), json!({ "id": {}, "name": "x".repeat(4_000), "steps": "", "labels": [[], null] }));
        assert_eq!(run(&json!([1])), json!([]));
    }
}
