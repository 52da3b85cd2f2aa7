//! The overview, the API and the metrics of a Worker: who may see them, and whether what they say is what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use local_worker::Options;
use openmetrics_parser::prometheus::parse_prometheus;
use serde_json::Value;
use simulator::{Conclusion, Job, Outcome, Repository, Run, Workflow};

use crate::http::{eventually, get, post, send};
use crate::stage::{ADMIN_TOKEN, PATIENCE, Stage, trials};
use crate::steps::{fails_once, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "overview",
        who_may_look,
        guessing_is_slowed_down,
        wrong_parameters_are_named,
        figures_are_what_happened,
        metrics_are_metrics,
        a_pause_holds_back_and_loses_nothing,
        names_of_others_stay_text,
        badges,
    )
}

const A_WHILE: Duration = Duration::from_secs(3);

/// Seen to fail when answers have no `Cache-Control` ("" instead of `no-store`).
async fn who_may_look(stage: Arc<Stage>) {
    let closed = stage.worker_with(Options::default().setting("ADMIN_TOKEN", "")).await;
    let worker = stage.worker().await;
    let (bearer, basic) = (format!("Bearer {ADMIN_TOKEN}"), "Basic YW55OnRoZS1hZG1pbi10b2tlbg==");
    for path in ["/overview", "/overview/octo/nothing", "/api/v1/repositories", "/metrics"] {
        let answered = send(&closed, "GET", path, &[("authorization", &bearer)]).await;
        assert_eq!(answered.status, 403, "{path}");
        assert!(answered.text.contains("npx wrangler secret put ADMIN_TOKEN"), "{}", answered.text);

        let absent = send(worker, "GET", path, &[]).await;
        assert_eq!(absent.status, 401, "{path}");
        let challenges: Vec<_> = absent.headers.get_all("www-authenticate").iter().collect();
        let challenges = format!("{challenges:?}");
        assert!(challenges.contains("Basic realm") && challenges.contains("Bearer realm"), "{challenges}");
        for good in [bearer.as_str(), basic] {
            let answered = send(worker, "GET", path, &[("authorization", good)]).await;
            assert_eq!(answered.status, if path.ends_with("nothing") { 404 } else { 200 }, "{path}");
            assert_eq!(answered.header("cache-control"), "no-store", "{path}");
        }
        assert_eq!(absent.header("cache-control"), "no-store");
    }
    let wrong = send(worker, "GET", "/overview", &[("authorization", "Bearer the-admin-toker")]).await;
    assert_eq!(wrong.status, 401);
    let page = get(worker, "/overview").await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let other_method = send(worker, "POST", "/overview", &[("authorization", &bearer)]).await;
    assert_eq!((other_method.status, other_method.header("allow")), (405, "GET, HEAD"));
    let head = send(worker, "HEAD", "/overview", &[("authorization", &bearer)]).await;
    assert_eq!((head.status, head.text.as_str(), head.header("content-length")), (200, "", ""));
    closed.stop().await;
}

/// Seen to fail when the wait is never enforced (401 instead of 429).
async fn guessing_is_slowed_down(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default()).await;
    let guess = || send(&worker, "GET", "/metrics", &[("authorization", "Bearer guess")]);
    for _ in 0..10 {
        assert_eq!(guess().await.status, 401);
    }
    let refused = guess().await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=301).contains(&wait), "{wait}");
    // Webhooks are not held up by it.
    assert_eq!(send(&worker, "GET", "/healthz", &[]).await.status, 200);
    worker.stop().await;
}

/// What became of a repository's runs, by the simulator's own record.
#[derive(Debug, Default, PartialEq, Eq)]
struct Record {
    rescued: u64,
    exhausted: u64,
    reruns: u64,
    reruns_passed: u64,
    /// By job: how often it failed, how often what became of its re-run is known, how often it passed then.
    jobs: BTreeMap<String, (u64, u64, u64)>,
}

fn recorded(runs: &[Run]) -> Record {
    let mut record = Record::default();
    for run in runs {
        let attempts = run.attempt();
        let failed: Vec<BTreeSet<String>> = (1..=attempts)
            .map(|attempt| {
                let jobs = run.jobs(attempt).into_iter();
                let failed = jobs.filter(|job| job.conclusion() == Some(Conclusion::Failure));
                failed.map(|job| job.name.to_string()).collect()
            })
            .collect();
        match run.conclusion() {
            Some(Conclusion::Success) if attempts > 1 => record.rescued += 1,
            Some(Conclusion::Failure) => record.exhausted += 1,
            _ => {}
        }
        record.reruns += run.reruns().len() as u64;
        record.reruns_passed += u64::from(attempts > 1 && run.conclusion() == Some(Conclusion::Success));
        for (place, jobs) in failed.iter().enumerate() {
            for job in jobs {
                let (times, judged, passed) = record.jobs.entry(job.clone()).or_default();
                *times += 1;
                if let Some(next) = failed.get(place + 1) {
                    *judged += 1;
                    *passed += u64::from(!next.contains(job));
                }
            }
        }
    }
    record
}

async fn busy(repository: &Repository) -> Vec<Run> {
    let mut all = vec![];
    for fails in [0, 1, 2, 3, 9, 1] {
        let workflow = Workflow::new("ci")
            .job(Job::new("build"))
            .job(Job::new("browser tests").fails(fails))
            .job(Job::new("api tests").fails(fails / 2));
        all.push(repository.run(workflow).await);
    }
    all
}

/// Seen to fail when a job that passed while others failed is not counted as passed (0 instead of 2 for `api tests`).
async fn figures_are_what_happened(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository("octo/figures", runs()).await;
    let all = busy(&repository).await;
    for (run, attempt) in all.iter().zip([1, 2, 3, 4, 4, 2]) {
        run.ends(attempt).await;
    }
    let expected = recorded(&all);
    assert_eq!((expected.rescued, expected.exhausted, expected.reruns), (4, 1, 1 + 2 + 3 + 3 + 1), "the record itself");
    let path = "/api/v1/repositories/octo/figures";
    eventually(worker, &format!("{path}/runs"), |answer| {
        let runs = answer["runs"].as_array().expect("runs");
        runs.len() == 5 && runs.iter().all(|run| run["due"].is_null())
    })
    .await;
    let page = get(worker, "/overview/octo/figures").await.text;
    let tile = |name: &str| {
        // Mostly a link to the glossary.
        let ends = [format!("<dt>{name}</dt>"), format!(">{name}</a></dt>")];
        let rest = ends.iter().find_map(|end| page.split_once(end)).unwrap_or_else(|| panic!("no {name} in {page}")).1;
        let figure = rest.split_once("class=\"figure\">").expect("a figure").1;
        figure.split('<').next().unwrap_or_default().to_owned()
    };
    assert_eq!(tile("Rescued"), expected.rescued.to_string());
    assert_eq!(tile("Exhausted"), expected.exhausted.to_string());
    assert_eq!((tile("Waiting"), tile("Re-runs today")), ("0".to_owned(), expected.reruns.to_string()));

    let precision = get(worker, &format!("{path}/precision")).await.json();
    let ends = |figures: &Value| ["made", "rescued", "wasted", "unknown"].map(|name| figures[name].as_u64());
    let wasted = expected.reruns - expected.reruns_passed;
    let total = [expected.reruns, expected.reruns_passed, wasted, 0].map(Some);
    assert_eq!(ends(&precision["total"]), total, "{precision:#}");
    let by_rerun: Vec<_> = precision["by_rerun"].as_array().expect("a list").iter().map(ends).collect();
    assert_eq!(by_rerun, [[5, 2, 3, 0], [3, 1, 2, 0], [2, 1, 1, 0], [0, 0, 0, 0]].map(|row| row.map(Some)));
    assert_eq!(ends(&precision["by_rule"][0]), total, "no rule matched: {precision:#}");
    assert_eq!(tile("Re-runs"), expected.reruns.to_string());
    assert_eq!(tile("Re-runs that passed"), "40%");

    let flaky = get(worker, &format!("{path}/flaky-jobs")).await.json();
    let unknown = &flaky["unknown_failures"]["flaky"];
    assert_eq!(unknown.as_array().map(Vec::len), Some(2), "the default policy knows nothing: {flaky:#}");
    let number = |job: &Value, name: &str| job[name].as_u64().expect("a number");
    let jobs: BTreeMap<String, (u64, u64, u64)> = flaky["flaky_jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| {
            let name = job["job"].as_str().expect("a name").to_owned();
            (name, (number(job, "failed"), number(job, "reruns"), number(job, "passed")))
        })
        .collect();
    assert_eq!(jobs, expected.jobs);

    let listed = eventually(worker, "/api/v1/repositories", |answer| {
        let all = answer["repositories"].as_array().expect("repositories");
        all.iter().any(|one| one["repository"] == "octo/figures" && one["last_30_days"]["exhausted"] == 1)
    })
    .await;
    let one = listed["repositories"].as_array().expect("all").iter().find(|one| one["repository"] == "octo/figures");
    let figures = &one.expect("it")["last_30_days"];
    assert_eq!((&figures["rescued"], &figures["reruns"]), (&expected.rescued.into(), &expected.reruns.into()));
    let published = &one.expect("it")["precision"];
    assert_eq!(ends(&published["total"]), total, "{published:#}");
    assert_eq!(published["by_rerun"], precision["by_rerun"]);
    let metrics = get(worker, "/metrics").await.text;
    for line in [
        "rerunner_precision_ratio{repository=\"octo/figures\"} 0.4\n",
        "rerunner_recent_reruns{repository=\"octo/figures\",rerun=\"2\",outcome=\"wasted\"} 2\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    for (outcome, count) in
        [("passed", expected.reruns_passed), ("failed", expected.reruns - expected.reruns_passed), ("unknown", 0)]
    {
        let line = format!("rerunner_reruns_total{{repository=\"octo/figures\",outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
}

/// Seen to fail when `HELP` is empty (the name of the metric).
async fn metrics_are_metrics(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository("octo/metrics", runs()).await;
    let run = repository.run(fails_once()).await;
    run.ends(2).await;
    eventually(worker, "/api/v1/repositories", |answer| answer.to_string().contains("octo/metrics")).await;
    let answered = get(worker, "/metrics").await;
    // Asked for afterwards: other scenarios add to them meanwhile.
    let listed: Value = serde_json::from_str(&get(worker, "/api/v1/repositories").await.text).expect("JSON");
    let repositories = listed["repositories"].as_array().expect("a list").len();
    assert_eq!(answered.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let exposition = parse_prometheus(&answered.text).unwrap_or_else(|error| panic!("{error:?}: {}", answered.text));
    for family in
        ["rerunner_reruns_total", "rerunner_recent_reruns", "rerunner_runs_waiting", "rerunner_settings_problems"]
    {
        assert!(exposition.families.contains_key(family), "{family}: {:?}", exposition.families.keys());
    }
    for family in exposition.families.values() {
        assert!(!family.help.is_empty(), "{}", family.family_name);
        let samples = family.iter_samples().count();
        assert!(samples <= 12 * repositories, "{}: {samples} of {repositories} repositories", family.family_name);
    }
}

async fn wrong_parameters_are_named(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    for (path, name) in [
        ("/overview?cursor=%00", "cursor"),
        ("/overview/octo/nothing?outcome=best", "outcome"),
        ("/api/v1/repositories?cursor=a%20b", "cursor"),
        ("/api/v1/repositories/octo/nothing/runs?limit=1&limit=1", "limit"),
        ("/metrics?colour=red", "colour"),
        ("/?colour=red", "colour"),
    ] {
        let answered = get(worker, path).await;
        assert_eq!(answered.status, 400, "{path}: {}", answered.text);
        assert!(answered.text.contains(name), "{path}: {}", answered.text);
    }
    // Whatever may be a cursor goes to Workers KV.
    assert_eq!(get(worker, "/api/v1/repositories?cursor=AAAA").await.status, 200);
}

/// Seen to fail when `Sec-Fetch-Site` is not looked at (303 instead of 403 for another site's form).
async fn a_pause_holds_back_and_loses_nothing(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository("octo/pause", runs()).await;
    let path = "/api/v1/repositories/octo/pause";
    assert_eq!(post(worker, &format!("{path}/pause")).await.status, 404, "there is no record of it yet");
    let first = repository.run(fails_once()).await;
    first.ends(2).await;
    let paused = post(worker, &format!("{path}/pause")).await;
    assert_eq!((paused.status, &paused.json()["paused"]), (200, &true.into()));
    let run = repository.run(fails_once()).await;
    run.ends(1).await;
    let told = |deliveries: Vec<simulator::Delivery>| {
        let mut of_it = deliveries.into_iter().filter(|delivery| delivery.run == Some(run.id()));
        of_it.find_map(|delivery| delivery.json().filter(|answer| answer["reason"] == "the repository is paused"))
    };
    let github = stage.github().await;
    github.expect("the webhook is recorded", |github| told(github.deliveries()).is_some()).await;
    let answer = told(github.deliveries()).expect("an answer");
    assert_eq!((&answer["outcome"], &answer["due"]), (&"recorded".into(), &Value::Null));
    run.expect_no_rerun_for(A_WHILE).await;
    let page = get(worker, "/overview/octo/pause").await.text;
    assert!(page.contains("Paused since") && page.contains("Resume re-runs"));

    // By the form on the page, as a browser sends it; and not from another site's.
    let form = |site| {
        let (content, basic) = ("application/x-www-form-urlencoded", "Basic YW55OnRoZS1hZG1pbi10b2tlbg==");
        [("content-type", content), ("authorization", basic), ("sec-fetch-site", site)]
    };
    let forged = send(worker, "POST", &format!("{path}/resume"), &form("cross-site")).await;
    assert_eq!(forged.status, 403, "{}", forged.text);
    run.expect_no_rerun_for(Duration::from_secs(1)).await;
    let resumed = send(worker, "POST", &format!("{path}/resume"), &form("same-origin")).await;
    assert_eq!((resumed.status, resumed.header("location")), (303, "/overview/octo/pause"));
    assert_eq!(run.ends(2).await, Conclusion::Success);
    run.expect_reruns(1).await;
}

fn hostile() -> [String; 4] {
    [
        "<script>alert(1)</script>".to_owned(),
        "\"><img src=x onerror=alert(1)>".to_owned(),
        "main\u{202e}gnp.exe".to_owned(),
        "x".repeat(10_000),
    ]
}

/// Seen to fail when names are not escaped (the page with `<script` in it).
async fn names_of_others_stay_text(stage: Arc<Stage>) {
    let worker = stage.worker().await;
    let repository = stage.repository("octo/hostile", runs()).await;
    for name in hostile() {
        let failure = Outcome::failure_with(&name, 1, &name);
        let job = Job::new(&name).steps(&[&name]).script([failure, Outcome::Success]);
        let run = repository.run(Workflow::new(&name).job(job)).await;
        run.ends(2).await;
        let path = format!("/api/v1/repositories/octo/hostile/runs/{}", run.id().0);
        eventually(worker, &path, |answer| answer["outcome"] == "rescued").await;
        let page = get(worker, &format!("/overview/octo/hostile/runs/{}", run.id().0)).await.text;
        is_harmless(&page);
    }
    is_harmless(&get(worker, "/overview/octo/hostile").await.text);
}

#[track_caller]
fn is_harmless(page: &str) {
    let page = page.replace(&format!("<script>{}</script>", include_str!("../../src/web/page.js")), "");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'), "{page}");
    assert!(page.len() < 100_000, "{} bytes", page.len());
}

/// Seen to fail when every repository has a badge (200 instead of 404).
async fn badges(stage: Arc<Stage>) {
    let worker = stage.worker_with(Options::default().setting("BADGE_REPOSITORIES", "octo/badge*")).await;
    let repository = stage.repository_of("octo/badge", runs(), &worker.url).await;
    let run = repository.run(fails_once()).await;
    run.ends(2).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let badge = send(&worker, "GET", "/badge/octo/badge.svg", &[]).await;
        assert_eq!((badge.status, badge.header("content-type")), (200, "image/svg+xml"));
        assert_eq!(badge.header("cache-control"), "public, max-age=300");
        if badge.text.contains("CI rescued: 100%") {
            break;
        }
        assert!(Instant::now() < end, "{}", badge.text);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(send(&worker, "GET", "/badge/octo/other.svg", &[]).await.status, 404);
    worker.stop().await;
}
