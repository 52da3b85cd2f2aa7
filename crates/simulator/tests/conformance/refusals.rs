//! What goes wrong.

use std::time::Duration;

use reqwest::Method;
use simulator::{Checks, Fault, Grant, Options, Permission, SecondaryLimits, SimulatedGitHub, TokenKind};

use crate::{assert_conforms, assert_covered, caller, failed_run, of};

#[tokio::test]
async fn refusals() {
    let limits = SecondaryLimits { content_creating_a_minute: Some(2), ..SecondaryLimits::default() };
    let options = Options { checks: Checks::Described, secondary_limits: limits, ..Options::default() };
    let github = SimulatedGitHub::start(options).await;
    let run = failed_run(&github).await;
    let path = format!("/repos/octo/widgets/actions/runs/{}", run.id());
    let good = caller(&github, github.token());

    caller(&github, "wrong").get(&path, 401).await;
    let (status, _) = good.with(Method::GET, &path, None, &[("accept", "application/vnd.github+json")]).await;
    assert_eq!(status, 403, "without a User-Agent");
    for (kind, message) in [
        (TokenKind::FineGrained, "Resource not accessible by personal access token"),
        (TokenKind::App, "Resource not accessible by integration"),
        (TokenKind::Classic, "Must have admin rights to Repository."),
    ] {
        github.add_token("reads", Grant::full("mona").kind(kind).actions(Permission::Read));
        let refusal = caller(&github, "reads").post(&format!("{path}/rerun"), None, 403).await;
        assert_eq!(refusal["message"], message);
    }
    github.add_token("spent", Grant::full("mona").hourly(0));
    caller(&github, "spent").get(&path, 403).await;
    for _ in 0..2 {
        good.post("/repos/octo/widgets/actions/runs/1/rerun", None, 404).await;
    }
    good.post("/repos/octo/widgets/actions/runs/1/rerun", None, 403).await;

    let faults = [
        Fault::status(401),
        Fault::status(404),
        Fault::status(500),
        Fault::status(502),
        Fault::status(503),
        Fault::status(504),
        Fault::retry_after(403, 1),
        Fault::retry_after(429, 1),
        Fault::already_running(),
        Fault::rate_limit_exhausted(Duration::from_secs(1)),
        Fault::answer_after_effect(502),
        Fault::stale(Duration::from_secs(1)),
    ];
    for fault in faults {
        let shown = fault.what.to_string();
        let id = github.fault(fault);
        let (status, _) = good.call(Method::GET, &path, None).await;
        assert!(status >= 400 || shown.starts_with("as of"), "{shown}: {status}");
        github.clear_fault(id);
    }
    assert_conforms(&github);
    assert_covered(
        &of(&github, "{run_id}"),
        &[
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 200",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 401",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 403",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 404",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 429",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 500",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 502",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 503",
            "GET /repos/{owner}/{repo}/actions/runs/{run_id} 504",
            "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun 403",
            "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun 404",
        ],
    );
}
