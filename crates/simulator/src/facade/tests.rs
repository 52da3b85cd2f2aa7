//! The façade and the server over real HTTP, with a receiver that does what a naive service would.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::model::{Conclusion, Endpoint, EventKinds, JobSpec, Outcome, RunAction, Trigger, Workflow};
use crate::server::serve;
use crate::webhooks::{ContentType, Mischief, signature};

type Request = hyper::Request<hyper::body::Incoming>;

/// A webhook that was received.
#[derive(Debug, Clone)]
struct Received {
    event: String,
    delivery: String,
    signature: String,
    content_type: String,
    body: Bytes,
}

#[derive(Debug, Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<Received>>>,
    /// Where to ask for re-runs, and with which token.
    api: Arc<Mutex<Option<(String, String)>>>,
}

impl Receiver {
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = self.clone();
        tokio::spawn(serve(listener, move |request: Request| {
            let receiver = receiver.clone();
            async move { Ok(receiver.answer(request).await) }
        }));
        address
    }

    async fn answer(&self, request: Request) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let header =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let received = Received {
            event: header("x-github-event"),
            delivery: header("x-github-delivery"),
            signature: header("x-hub-signature-256"),
            content_type: header("content-type"),
            body: body.collect().await.unwrap().to_bytes(),
        };
        let payload: Value = serde_json::from_slice(&received.body).unwrap_or_default();
        self.got.lock().unwrap().push(received);
        let run = &payload["workflow_run"];
        let api = self.api.lock().unwrap().clone();
        if let (Some((url, token)), "failure", "completed") =
            (api, run["conclusion"].as_str().unwrap_or(""), payload["action"].as_str().unwrap_or(""))
        {
            let repository = payload["repository"]["full_name"].as_str().unwrap();
            let url = format!("{url}/repos/{repository}/actions/runs/{}/rerun-failed-jobs", run["id"]);
            let call = reqwest::Client::new().post(url).bearer_auth(token).header("user-agent", "test");
            tokio::spawn(call.send());
        }
        Response::new(Full::new(Bytes::from("{\"outcome\":\"seen\"}")))
    }

    fn got(&self) -> Vec<Received> {
        self.got.lock().unwrap().clone()
    }
}

/// A GitHub with a receiver that asks for a re-run of whatever failed.
async fn with_receiver() -> (SimulatedGitHub, Receiver) {
    let receiver = Receiver::default();
    let address = receiver.start().await;
    let webhook_url = Some(format!("http://{address}/"));
    let github = SimulatedGitHub::start(Options { webhook_url, ..Options::default() }).await;
    *receiver.api.lock().unwrap() = Some((github.url(), github.token().to_owned()));
    (github, receiver)
}

/// A call with the good token; status, headers, body.
async fn get(github: &SimulatedGitHub, path: &str) -> (u16, reqwest::header::HeaderMap, String) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client.get(format!("{}{path}", github.url())).bearer_auth(github.token());
    let response = request.header("user-agent", "test").send().await.unwrap();
    (response.status().as_u16(), response.headers().clone(), response.text().await.unwrap())
}

async fn get_json(github: &SimulatedGitHub, path: &str) -> Value {
    let (status, _, body) = get(github, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

async fn post(github: &SimulatedGitHub, path: &str) -> Result<(u16, Value), reqwest::Error> {
    let url = format!("{}{path}", github.url());
    let request = reqwest::Client::new().post(url).bearer_auth(github.token()).header("user-agent", "test");
    let response = request.send().await?;
    Ok((response.status().as_u16(), serde_json::from_str(&response.text().await?).unwrap_or_default()))
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_failed_run_is_re_run_by_whoever_listens() {
    let (github, receiver) = with_receiver().await;
    let mut observed = github.observe();
    let repository = github.repository("octo/widgets").await;
    let run = repository.run(Workflow::new("ci").job(JobSpec::new("test").fails(2).duration(10))).await;
    github.expect_reruns(&run, 2).await;
    assert_eq!(run.finished_attempt(3, SOON).await, Conclusion::Success);
    github.expect_no_rerun_for(&run, Duration::from_millis(50)).await;
    assert_eq!(run.finished_attempt(1, SOON).await, Conclusion::Failure);
    assert_eq!(github.calls().len(), 2);
    let nine = |github: &SimulatedGitHub| github.deliveries().len() == 9;
    github.expect("three webhooks of each attempt", nine).await;
    assert!(github.deliveries().iter().all(|delivery| delivery.is_ok()));
    for received in receiver.got() {
        assert_eq!(received.event, "workflow_run");
        assert_eq!(received.signature, signature(github.secret(), &received.body));
    }
    assert!(observed.try_recv().is_ok());
    let history = github.history();
    for part in
        ["webhook  workflow_run.requested octo/widgets", "-> 200 {\"outcome\":\"seen\"}", "-> 201", "ended: success"]
    {
        assert!(history.contains(part), "{part:?} is missing:\n{history}");
    }
}

#[tokio::test]
async fn a_broken_expectation_shows_where_and_what_happened() {
    let github = SimulatedGitHub::start(Options { patience: Duration::from_millis(30), ..Options::default() }).await;
    let run = github.repository("octo/widgets").await.run(Workflow::new("ci")).await;
    run.finished_attempt(1, SOON).await;
    let line = line!() + 1;
    let expectation = github.expect_reruns(&run, 1);
    let panic = tokio::spawn(expectation).await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    for part in [&format!("tests.rs:{line}:"), "expected: 1 re-runs of run", "attempt 1 ended: success"] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}

#[tokio::test]
async fn the_api_over_http() {
    let github = SimulatedGitHub::start(Options::default()).await;
    let repository = github.repository("octo/widgets").await;
    repository.file(".github/rerunner.yml", "version: 1\n").await;
    let number = repository.pull_request("feature", "mona").await;
    let workflow = Workflow::new("ci").job(JobSpec::new("t").matrix(120).no_fail_fast().member_fails(7, 1).duration(5));
    let run = repository.run_on(workflow, Trigger::pull_request(number, "mona")).await;
    run.ends(1).await;
    let base = format!("/repos/octo/widgets/actions/runs/{}", run.id());

    let read = get_json(&github, &base).await;
    assert_eq!((read["conclusion"].as_str(), read["run_attempt"].as_u64()), (Some("failure"), Some(1)));
    assert_eq!(get_json(&github, &format!("/api/v3{base}")).await, read);
    assert_eq!(read["pull_requests"][0]["number"], number);

    let (status, headers, body) = get(&github, &format!("{base}/attempts/1/jobs?per_page=100")).await;
    assert_eq!(status, 200);
    assert!(headers["link"].to_str().unwrap().contains("rel=\"next\""));
    assert_eq!(headers["x-ratelimit-remaining"], "4997");
    let jobs: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((jobs["total_count"].as_u64(), jobs["jobs"].as_array().unwrap().len()), (Some(120), 100));
    let failed = jobs["jobs"].as_array().unwrap().iter().find(|job| job["conclusion"] == "failure").unwrap();
    assert_eq!(failed["name"], "t (7)");

    let runs = get_json(&github, "/repos/octo/widgets/actions/runs?status=failure&created=%3E2020-01-01").await;
    assert_eq!(runs["workflow_runs"][0]["id"], run.id().0);
    let annotations = get_json(&github, &format!("/repos/octo/widgets/check-runs/{}/annotations", failed["id"])).await;
    assert_eq!(annotations[0]["message"], "Process completed with exit code 1.");
    let pull = get_json(&github, &format!("/repos/octo/widgets/pulls/{number}")).await;
    assert_eq!(pull["head"]["sha"], read["head_sha"]);
    let file = get_json(&github, "/repos/octo/widgets/contents/.github/rerunner.yml").await;
    assert_eq!(file["content"], "dmVyc2lvbjogMQo=\n");
    let raw = reqwest::Client::new().get(format!("{}/repos/octo/widgets/contents/.github/rerunner.yml", github.url()));
    let raw = raw.bearer_auth(github.token()).header("user-agent", "test");
    let raw = raw.header("accept", "application/vnd.github.raw+json").send().await.unwrap();
    let etag = raw.headers()["etag"].clone();
    assert_eq!((etag.to_str().unwrap().len(), raw.text().await.unwrap().as_str()), (42, "version: 1\n"));

    let (status, headers, _) = get(&github, &format!("/repos/octo/widgets/actions/jobs/{}/logs", failed["id"])).await;
    assert_eq!(status, 302);
    let place = headers["location"].to_str().unwrap().to_owned();
    assert!(!place.starts_with(&github.url()), "another host");
    let log = reqwest::get(&place).await.unwrap().text().await.unwrap();
    assert!(log.contains("exit code 1"), "{log}");
    reqwest::Client::new().get(&place).bearer_auth("x").send().await.unwrap();
    let reads: Vec<_> = github.log_reads().iter().map(|read| (read.authorization, read.status)).collect();
    assert_eq!(reads, [(false, 200), (true, 401)]);

    assert_eq!(post(&github, &format!("{base}/rerun-failed-jobs")).await.unwrap(), (201, json!({})));
    run.ends(2).await;
    let (status, body) = post(&github, &format!("{base}/rerun-failed-jobs")).await.unwrap();
    assert_eq!((status, &body["message"]), (403, &json!("This workflow run cannot be retried")));
    assert_eq!(body["status"], "403");
    assert_eq!(get(&github, "/nowhere").await.0, 404);

    let bare = reqwest::Client::new().get(format!("{}{base}", github.url())).bearer_auth(github.token());
    let response = bare.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 403);
    assert!(response.text().await.unwrap().contains("User-Agent"));
}

#[tokio::test]
async fn faults_over_http() {
    let github = SimulatedGitHub::start(Options::default()).await;
    let repository = github.repository("octo/widgets").await;
    let run = repository.run(Workflow::new("ci").job(JobSpec::new("test").always_fails().duration(1))).await;
    run.ends(1).await;
    let base = format!("/repos/octo/widgets/actions/runs/{}", run.id());
    let rerun = format!("{base}/rerun-failed-jobs");

    github.fault(Fault::status(502).on(Endpoint::RerunFailedJobs).times(1));
    assert_eq!(post(&github, &rerun).await.unwrap().0, 502);
    github.fault(Fault::retry_after(429, 7).times(1));
    let (status, headers, _) = get(&github, &base).await;
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (429, "7"));
    github.fault(Fault::rate_limit_exhausted(Duration::from_secs(90)).times(1));
    let (status, headers, _) = get(&github, &base).await;
    assert_eq!((status, headers["x-ratelimit-remaining"].to_str().unwrap()), (403, "0"));
    github.fault(Fault::close().times(1));
    assert!(post(&github, &rerun).await.is_err());
    github.fault(Fault::malformed_json().times(1));
    assert!(serde_json::from_str::<Value>(&get(&github, &base).await.2).is_err());
    assert!(github.reruns().is_empty());

    github.fault(Fault::lose_answer().times(1));
    assert!(post(&github, &rerun).await.is_err());
    assert_eq!(github.reruns().len(), 1);
    run.ends(2).await;
    github.fault(Fault::answer_after_effect(502).times(1));
    assert_eq!(post(&github, &rerun).await.unwrap().0, 502);
    assert_eq!(github.reruns().len(), 2);
    run.ends(3).await;

    // Longer than the run has existed: what is seen is its beginning.
    let stale = github.fault(Fault::stale(Duration::from_secs(60)).on(Endpoint::ReadRun));
    assert_eq!(get_json(&github, &base).await["run_attempt"], 1);
    github.clear_fault(stale);
    assert_eq!(get_json(&github, &base).await["run_attempt"], 3);

    // A caller that gives up does not take its call back.
    github.fault(Fault::hang(Duration::from_millis(100)).times(1));
    let url = format!("{}{rerun}", github.url());
    let hasty = reqwest::Client::new().post(url).bearer_auth(github.token()).header("user-agent", "test");
    assert!(hasty.timeout(Duration::from_millis(20)).send().await.unwrap_err().is_timeout());
    github.expect_reruns(&run, 3).await;
    let all_seen = |github: &SimulatedGitHub| github.calls().iter().filter(|call| call.fault.is_some()).count() == 9;
    github.expect("every fault is on record", all_seen).await;
}

#[tokio::test]
async fn hooks_and_hand_made_webhooks() {
    let (github, receiver) = with_receiver().await;
    *receiver.api.lock().unwrap() = None;
    let repository = github.repository("octo/widgets").await;
    assert_eq!(repository.ping().await.json, json!({ "outcome": "seen" }));
    repository
        .hook(|hook| {
            hook.events = EventKinds::ALL;
            hook.content_type = ContentType::Form;
            hook.secret = "other".to_owned();
        })
        .await;
    let run = repository.run(Workflow::new("ci").job(JobSpec::new("test").duration(1))).await;
    run.ends(1).await;
    github
        .expect("3 of the run, 3 of the job, 2 of its check run, and the ping", |github| github.deliveries().len() == 9)
        .await;
    let last = receiver.got().pop().unwrap();
    assert_eq!(last.content_type, "application/x-www-form-urlencoded");
    assert!(last.body.starts_with(b"payload=%7B%22"));
    assert_eq!(last.signature, signature("other", &last.body));

    let again = github.redeliver(&last.delivery).await;
    assert_eq!((again.id.as_str(), again.status), (last.delivery.as_str(), 200));
    assert_eq!(receiver.got().pop().unwrap().body, last.body);

    let unsigned = repository
        .deliver("workflow_run", run.payload(RunAction::Completed), |request| request.without("x-hub-signature-256"));
    unsigned.await;
    assert_eq!(receiver.got().pop().unwrap().signature, "");
}

#[tokio::test]
async fn deliveries_are_lost_repeated_and_reordered_as_asked() {
    let (github, receiver) = with_receiver().await;
    *receiver.api.lock().unwrap() = None;
    let repository = github.repository("octo/widgets").await;
    let delay = Some(Duration::ZERO..Duration::from_millis(200));
    repository.hook(|hook| hook.mischief = Mischief { drop: 0.3, repeat: 0.3, delay, seed: 3 }).await;
    for number in 0..20 {
        repository.run(Workflow::new(&format!("w{number}")).job(JobSpec::new("test").duration(1))).await;
    }
    github.expect("all runs end", |github| github.ended().len() == 20).await;
    let ids_of = |got: &[Received]| -> BTreeSet<String> { got.iter().map(|one| one.delivery.clone()).collect() };
    let dropped = |github: &SimulatedGitHub| {
        let deliveries = github.deliveries();
        deliveries.iter().filter(|delivery| delivery.result == crate::DeliveryResult::Dropped).count()
    };
    let all = |github: &SimulatedGitHub| ids_of(&receiver.got()).len() + dropped(github) == 60;
    github.expect("three of each run arrive or are dropped", all).await;
    let got = receiver.got();
    let ids = ids_of(&got);
    assert!(ids.len() < 60, "some are dropped");
    assert!(got.len() > ids.len(), "some come twice");
}

#[tokio::test]
async fn months_pass_at_once() {
    let github = SimulatedGitHub::start(Options::default()).await;
    let repository = github.repository("octo/widgets").await;
    let outcome = Outcome::failure("Run tests");
    let run = repository.run(Workflow::new("ci").job(JobSpec::new("test").script([outcome]).duration(3_600_000))).await;
    github.skip_time(Duration::from_secs(31 * 24 * 60 * 60));
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    let path = format!("/repos/octo/widgets/actions/runs/{}/rerun-failed-jobs", run.id());
    let (status, body) = post(&github, &path).await.unwrap();
    let month = "Unable to retry this workflow run because it was created over a month ago";
    assert_eq!((status, body["message"].as_str()), (403, Some(month)));
}

#[tokio::test]
async fn the_organization_keeps_going() {
    let github = SimulatedGitHub::start(Options::default()).await;
    let mut organization = crate::organization::fill(&github, 1).await;
    for _ in 0..14 {
        organization.start_next().await;
    }
    github.expect("all runs end", |github| github.ended().len() == 14).await;
    let ended = github.ended();
    let count = |conclusion| ended.iter().filter(|ended| ended.conclusion == conclusion).count();
    assert!(count(Conclusion::Failure) >= 4, "{ended:?}");
    assert!(count(Conclusion::Success) >= 2, "{ended:?}");
}

#[tokio::test]
async fn an_outage_of_the_server_is_over_when_it_is_ended() {
    let github = SimulatedGitHub::start(Options::default()).await;
    let repository = github.repository("octo/widgets").await;
    let ci = || Workflow::new("ci").job(JobSpec::new("test").duration(5));
    let outage = github.registry_is_down();
    let run = repository.run(ci()).await;
    assert_eq!(run.ends(1).await, Conclusion::Failure);
    assert!(run.jobs(1)[0].log().unwrap().contains("503 Service Unavailable"));
    run.press_rerun_failed("ada");
    assert_eq!(run.ends(2).await, Conclusion::Failure);
    github.end_outage(outage);
    run.press_rerun_failed("ada");
    assert_eq!(run.ends(3).await, Conclusion::Success);
    let other = github.repository("octo/other").await;
    let now = github.now();
    github.outage(Outage::of_registry(now, now + 60_000).within(&[other.id()]));
    assert_eq!(repository.run(ci()).await.ends(1).await, Conclusion::Success);
    assert_eq!(other.run(ci()).await.ends(1).await, Conclusion::Failure);
    github.skip_time(Duration::from_secs(60));
    assert_eq!(other.run(ci()).await.ends(1).await, Conclusion::Success);
}
