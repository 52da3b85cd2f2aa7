//! A month of runs, read as a backtest reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use simulator::past::{self, PastPlan, Why};
use simulator::{Checks, Fault, Grant, Options, SimulatedGitHub};

use crate::{assert_conforms, caller};

const REPO: &str = "/repos/acme/engine";

#[tokio::test]
async fn a_month_is_as_described() {
    let github = SimulatedGitHub::start(Options { checks: Checks::Described, ..Options::default() }).await;
    let (_, past) = past::fill(&github, &PastPlan::default()).await;
    assert!(github.deliveries().is_empty(), "what is past is not told of");
    let one = caller(&github, github.token());
    one.get(&format!("{REPO}/actions/runs?status=completed&per_page=50&page=2"), 200).await;
    one.get(&format!("{REPO}/actions/workflows/ci.yml/runs?branch=main&status=completed&per_page=20"), 200).await;
    for known in past.failed().step_by(25) {
        one.get(&format!("{REPO}/actions/runs/{}", known.id), 200).await;
        let jobs = one.get(&format!("{REPO}/actions/runs/{}/jobs?filter=all&per_page=100", known.id), 200).await;
        for job in jobs["jobs"].as_array().unwrap().iter().filter(|job| job["conclusion"] == "failure") {
            one.get(&format!("{REPO}/check-runs/{}/annotations", job["id"]), 200).await;
        }
    }
    assert_conforms(&github);
}

/// Waits for nothing, but counts what it was told to wait for.
struct Reader<'a> {
    github: &'a SimulatedGitHub,
    token: &'a str,
    client: reqwest::Client,
    calls: usize,
    /// By status, with whether `retry-after` was there.
    refused: BTreeMap<(u16, bool), usize>,
    remaining: Vec<u64>,
}

impl Reader<'_> {
    async fn text(&mut self, path: &str) -> Option<String> {
        for _ in 0..5 {
            self.calls += 1;
            let request = self.client.get(format!("{}{REPO}{path}", self.github.url())).bearer_auth(self.token);
            let response = request.header("user-agent", "backtest").send().await.unwrap();
            let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let (status, retry_after) = (response.status().as_u16(), header("retry-after"));
            self.remaining.extend(header("x-ratelimit-remaining").map(|count| count.parse::<u64>().unwrap()));
            match status {
                302 => {
                    let place = header("location").unwrap();
                    return Some(self.client.get(place).send().await.unwrap().text().await.unwrap());
                }
                200 => return Some(response.text().await.unwrap()),
                404 => return None,
                403 if header("x-ratelimit-remaining").as_deref() == Some("0") => {
                    self.github.skip_time(Duration::from_secs(3_600));
                }
                _ => {}
            }
            *self.refused.entry((status, retry_after.is_some())).or_default() += 1;
        }
        panic!("{path} was refused five times: {:?}", self.refused);
    }

    async fn json(&mut self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await.unwrap_or_default()).unwrap_or_default()
    }

    /// Each page of a search, which ends after 1,000 runs.
    async fn runs(&mut self, created: &str) -> Vec<Value> {
        let mut all = vec![];
        for page in 1.. {
            let list = format!("/actions/runs?status=completed&created={created}&per_page=100&page={page}");
            let list = self.json(&list).await;
            let runs = list["workflow_runs"].as_array().unwrap().clone();
            let is_last = runs.len() < 100;
            all.extend(runs);
            if is_last {
                break;
            }
        }
        all
    }
}

#[tokio::test]
async fn a_month_is_read_through_faults_and_limits() {
    let github = SimulatedGitHub::start(Options::default()).await;
    let (_, past) = past::fill(&github, &PastPlan::default()).await;
    github.add_token("backtest", Grant::full("mona").hourly(1_500));
    github.fault(Fault::retry_after(429, 1).after(100).every(250));
    github.fault(Fault::retry_after(403, 1).after(200).every(333));
    github.fault(Fault::status(502).every(97));
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (refused, remaining) = (BTreeMap::new(), vec![]);
    let mut reader = Reader { github: &github, token: "backtest", client, calls: 0, refused, remaining };
    let date = |days_ago: u64| {
        let at = github.now() - days_ago * 86_400_000;
        simulator::payload::time(at)[..10].to_owned()
    };
    let halves = [format!("{}..{}", date(14), date(0)), format!("{}..{}", date(31), date(15))];
    assert_eq!(reader.runs(&format!("%3E%3D{}", date(31))).await.len(), 1_000, "a search has an end");
    let mut runs = vec![];
    for half in &halves {
        runs.extend(reader.runs(half).await);
    }
    assert_eq!(runs.len(), past.runs.len());

    let mut failed = 0;
    for run in &runs {
        if run["run_attempt"] == 1 && run["conclusion"] == "success" {
            continue;
        }
        let known = past.runs.iter().find(|known| known.id.0 == run["id"]).unwrap();
        assert_eq!(run["run_attempt"], 1 + known.pressed);
        let first = reader.json(&format!("/actions/runs/{}/attempts/1/jobs?per_page=100", known.id)).await;
        let jobs: Vec<Value> = first["jobs"].as_array().unwrap().clone();
        let jobs = jobs.iter().filter(|job| job["conclusion"] == "failure" && job["name"] != "all-green");
        for job in jobs {
            let annotations = reader.json(&format!("/check-runs/{}/annotations", job["id"])).await;
            let log = reader.text(&format!("/actions/jobs/{}/logs", job["id"])).await;
            assert!(!annotations.as_array().unwrap().is_empty());
            let lost = annotations[0]["message"].as_str().unwrap().to_lowercase().contains("runner") && log.is_none();
            assert!(lost || log.is_some_and(|log| log.contains("##[error]")), "{annotations}");
            assert!(known.why != Some(Why::Outage) || !lost);
        }
        failed += 1;
    }
    assert_eq!(failed, 500);
    for refusal in [(429, true), (403, true), (502, false), (403, false)] {
        assert!(reader.refused.contains_key(&refusal), "{refusal:?} of {:?}", reader.refused);
    }
    assert!(reader.remaining.contains(&0) && reader.remaining.contains(&1_400), "the headers count down");
    assert!(reader.calls > 1_500, "{}", reader.calls);
}
