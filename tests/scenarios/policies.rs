//! Rules that a repository writes: each guard, and rules together, with evidence from the simulated GitHub.
//!
//! Each scenario has a repository, and so a policy file, of its own; they share one Worker and run side by side.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Trial;
use serde_json::Value;
use simulator::{Conclusion, Endpoint, Fault, Job, Outcome, Repository, Run, Trigger, Workflow};

use crate::stage::{PATIENCE, Stage, trials};
use crate::steps::{self, runs};

pub fn trials(stage: &Arc<Stage>) -> Vec<Trial> {
    trials!(
        stage,
        "policies",
        guard_max_reruns,
        guard_max_reruns_of_a_rule,
        guard_delay_and_backoff,
        guard_conclusions,
        guard_cancelled_runs,
        guard_actors_branches_events_and_workflows,
        guard_skip_superseded,
        guard_max_failed_jobs,
        guard_stop_when_repeated,
        guard_budget,
        mixed_and_ignored_jobs,
        scope_and_debug_logging,
        jobs_in_pages,
        the_end_of_a_long_log,
        evidence_that_is_not_to_be_had,
        evidence_that_comes_late,
        a_broken_file,
    )
}

/// Long enough for anything that was scheduled to have happened.
pub const A_WHILE: Duration = Duration::from_secs(2);
const FILE: &str = ".github/rerunner.yml";

pub async fn repository(stage: &Stage, name: &str, policy: &str) -> Repository {
    let repository = stage.repository(&format!("policies/{name}"), runs()).await;
    repository.file(FILE, policy).await;
    repository
}

/// The decision on an attempt, as it is logged.
pub async fn decision(stage: &Stage, run: &Run, attempt: u32) -> Value {
    let of_it = |event: &Value| event["run_attempt"] == attempt && event["outcome"] != "waiting";
    steps::decision(stage.worker().await, run, of_it).await
}

#[track_caller]
pub fn says(decision: &Value, outcome: &str, reason: &str) {
    let said = decision["reason"].as_str().unwrap_or_default();
    assert!(decision["outcome"] == outcome && said.contains(reason), "not {outcome} with {reason:?}: {decision}");
}

/// It was left alone in its first attempt, and why.
pub async fn is_left(stage: &Stage, run: &Run, reason: &str) {
    says(&decision(stage, run, 1).await, "left", reason);
    run.expect_no_rerun_for(A_WHILE).await;
}

pub async fn is_rerun(run: &Run) {
    run.expect_reruns(1).await;
    run.ends(2).await;
}

pub fn job() -> Job {
    Job::new("test")
}

pub fn fails_with(exit_code: u8, log: &str) -> Job {
    job().ends_first(1, Outcome::failure_with("Run tests", exit_code, log))
}

pub fn ci(job: Job) -> Workflow {
    Workflow::new("ci").job(job)
}

pub fn pushed() -> Trigger {
    Trigger::push("main", "mona")
}

async fn guard_max_reruns(stage: Arc<Stage>) {
    for (name, max, reruns) in [("fewer", 1, 1), ("more", 5, 5)] {
        let repository = repository(&stage, &format!("max-reruns-{name}"), &format!("max_reruns: {max}\n")).await;
        let run = repository.run(ci(job().always_fails())).await;
        assert_eq!(run.ends(reruns + 1).await, Conclusion::Failure);
        says(&decision(&stage, &run, reruns + 1).await, "exhausted", "Gave up");
        run.expect_reruns(reruns as usize).await;
        run.expect_no_rerun_for(A_WHILE).await;
    }
    // Above what the Worker's settings allow, the file is wrong.
    let repository = repository(&stage, "max-reruns-too-many", "max_reruns: 11\n").await;
    let run = repository.run(ci(job().fails(1))).await;
    is_left(&stage, &run, "not valid").await;
}

async fn guard_max_reruns_of_a_rule(stage: Arc<Stage>) {
    let rule = "  - name: lost runners\n    if: { lost_runner: true }\n    then: rerun\n    max_reruns: 4\n";
    let repository = repository(&stage, "max-reruns-of-rule", &format!("max_reruns: 1\nrules:\n{rule}")).await;
    let lost = repository.run(Workflow::new("lost").job(job().loses_runner(9))).await;
    let failed = repository.run(Workflow::new("failed").job(job().always_fails())).await;
    assert_eq!((lost.ends(5).await, failed.ends(2).await), (Conclusion::Failure, Conclusion::Failure));
    says(&decision(&stage, &lost, 5).await, "exhausted", "at most 4 times");
    lost.expect_reruns(4).await;
    failed.expect_reruns(1).await;
    failed.expect_no_rerun_for(A_WHILE).await;
}

async fn guard_delay_and_backoff(stage: Arc<Stage>) {
    let repository = repository(&stage, "delay", "delay: 2s\nbackoff: 2\nmax_delay: 3s\n").await;
    let run = repository.run(ci(job().fails(3))).await;
    assert_eq!(run.ends(4).await, Conclusion::Success);
    let ended = stage.github().await.ended();
    for (rerun, least) in run.reruns().iter().zip([2_000, 3_000, 3_000]) {
        let ended = ended.iter().find(|ended| ended.run == run.id() && ended.attempt == rerun.from_attempt);
        let waited = rerun.at - ended.expect("it ended").at;
        assert!(waited >= least, "attempt {} was re-run after {waited} ms", rerun.from_attempt);
    }
}

async fn guard_conclusions(stage: Arc<Stage>) {
    let repository = repository(&stage, "conclusions", "conclusions: [timed_out]\n").await;
    let failed = repository.run(Workflow::new("failed").job(job().fails(1))).await;
    let timed_out = repository.run(Workflow::new("timed-out").job(job().ends_first(1, Outcome::TimedOut))).await;
    is_rerun(&timed_out).await;
    is_left(&stage, &failed, "concluded failure").await;
}

async fn guard_cancelled_runs(stage: Arc<Stage>) {
    let repository = repository(&stage, "cancelled", "conclusions: [failure, cancelled]\n").await;
    // Nothing is known of the policy when the first one comes.
    let cancelled = || Workflow::new("stopped").job(job().ends_first(1, Outcome::Cancelled));
    for _ in 0..2 {
        let run = repository.run(cancelled()).await;
        assert_eq!(run.ends(1).await, Conclusion::Cancelled);
        is_rerun(&run).await;
        let marked = stage.kv_text("cancelled/policies/cancelled").await;
        assert_eq!(marked.as_deref(), Some("true"));
    }
    // Elsewhere they are not even looked at.
    let elsewhere = stage.repository("policies/not-cancelled", runs()).await;
    let other = elsewhere.run(cancelled()).await;
    assert_eq!(other.ends(1).await, Conclusion::Cancelled);
    other.expect_no_rerun_for(A_WHILE).await;
    assert!(!stage.github().await.calls().iter().any(|call| call.run == Some(other.id())));
    assert_eq!(stage.kv_text("cancelled/policies/not-cancelled").await.as_deref(), Some("false"));
}

async fn guard_actors_branches_events_and_workflows(stage: Arc<Stage>) {
    let policy = "actors: { exclude: [\"Renovate[bot]\"] }\nbranches: { include: [main, \"next*\"], exclude: [next-old] }\n\
                  events: { exclude: [schedule] }\nworkflows: { exclude: [nightly] }\n";
    let repository = repository(&stage, "filters", policy).await;
    let cases = [
        ("a", Trigger::push("main", "renovate[bot]"), Some("actors")),
        ("b", Trigger::push("topic", "mona"), Some("branches")),
        ("c", Trigger::push("next-old", "mona"), Some("branches")),
        ("d", Trigger::push("main", "mona").event("schedule"), Some("events")),
        ("Nightly", Trigger::push("main", "mona"), Some("workflows")),
        ("e", Trigger::push("next-7", "mona"), None),
    ];
    for (name, trigger, left_by) in cases {
        let run = repository.run_on(Workflow::new(name).job(job().fails(1)), trigger).await;
        match left_by {
            Some(key) => is_left(&stage, &run, key).await,
            None => is_rerun(&run).await,
        }
    }
}

async fn guard_skip_superseded(stage: Arc<Stage>) {
    let repository = repository(&stage, "superseded", "skip_superseded: false\n").await;
    let number = repository.pull_request("feature", "ann").await;
    let workflow = ci(job().duration(800).fails(1));
    let run = repository.run_on(workflow, Trigger::pull_request(number, "ann")).await;
    repository.push_to_pull_request(number).await;
    is_rerun(&run).await;
}

async fn guard_max_failed_jobs(stage: Arc<Stage>) {
    let repository = repository(&stage, "max-failed-jobs", "max_failed_jobs: 2\n").await;
    let matrix = |name: &str, size| Workflow::new(name).job(job().matrix(size).no_fail_fast().fails(1));
    let (two, three) = (repository.run(matrix("two", 2)).await, repository.run(matrix("three", 3)).await);
    is_rerun(&two).await;
    is_left(&stage, &three, "3 jobs failed at once").await;
}

async fn guard_stop_when_repeated(stage: Arc<Stage>) {
    let repository = repository(&stage, "repeated", "stop_when_repeated: 2\n").await;
    let same = repository.run(Workflow::new("same").job(job().always_fails())).await;
    let step = |step: &str| Outcome::failure(step);
    let steps = job().steps(&["Build", "Run tests"]);
    let differs = steps.script([step("Build"), step("Run tests"), Outcome::Success]);
    let differs = repository.run(Workflow::new("differs").job(differs)).await;
    assert_eq!(differs.ends(3).await, Conclusion::Success);
    is_rerun(&same).await;
    says(&decision(&stage, &same, 2).await, "left", "in the same way as before");
    same.expect_no_rerun_for(A_WHILE).await;
}

async fn guard_budget(stage: Arc<Stage>) {
    let repository = repository(&stage, "budget", "budget: { reruns_per_hour: 2 }\n").await;
    let mut runs = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        runs.push(repository.run(Workflow::new(name).job(job().fails(1))).await);
    }
    let (mut rerun, mut left) = (0, 0);
    for run in &runs {
        let decided = decision(&stage, run, 1).await;
        if decided["outcome"] == "rerunning" {
            rerun += 1;
        } else {
            says(&decided, "left", "2 re-runs an hour");
            left += 1;
        }
    }
    assert_eq!((rerun, left), (2, 3));
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(runs.iter().map(|run| run.reruns().len()).sum::<usize>(), 2);
}

async fn mixed_and_ignored_jobs(stage: Arc<Stage>) {
    let rules = "rules:\n  - { name: mine, if: { job: test }, then: leave }\n  - { name: gates, if: { job: all-green }, \
                 then: ignore }\n";
    let workflow = |name: &str, jobs: &[&str]| {
        let gate = Job::gate("all-green", jobs);
        jobs.iter().fold(Workflow::new(name), |workflow, name| workflow.job(Job::new(name).fails(1))).job(gate)
    };
    for (mixed, both_are_left) in [("leave", true), ("rerun", false)] {
        let repository = repository(&stage, &format!("mixed-{mixed}"), &format!("{rules}mixed: {mixed}\n")).await;
        let both = repository.run(workflow("both", &["build", "test"])).await;
        let one = repository.run(workflow("one", &["build"])).await;
        is_rerun(&one).await;
        if both_are_left {
            is_left(&stage, &both, "rule \"mine\"").await;
        } else {
            is_rerun(&both).await;
        }
    }
}

async fn scope_and_debug_logging(stage: Arc<Stage>) {
    let policy = "scope: all_jobs\ndebug_logging: last\nmax_reruns: 2\n";
    let repository = repository(&stage, "scope", policy).await;
    let run = repository.run(ci(job().fails(2)).job(Job::new("lint"))).await;
    assert_eq!(run.ends(3).await, Conclusion::Success);
    let reruns = run.reruns();
    assert_eq!(reruns.iter().map(|rerun| rerun.debug_logging).collect::<Vec<_>>(), [false, true]);
    let calls = stage.github().await.calls();
    let of_run = calls.iter().filter(|call| call.run == Some(run.id()) && call.method == "POST");
    assert!(of_run.clone().all(|call| call.endpoint == Some(Endpoint::Rerun)), "{:#?}", of_run.collect::<Vec<_>>());
}

async fn jobs_in_pages(stage: Arc<Stage>) {
    let policy = "rules:\n  - { name: the last, if: { job: \"test (241)\" }, then: leave }\n";
    let repository = repository(&stage, "pages", policy).await;
    let workflow = ci(job().matrix(250).no_fail_fast().member_fails(241, 1));
    let run = repository.run(workflow).await;
    is_left(&stage, &run, "job \"test (241)\" failed").await;
    let calls = stage.github().await.calls();
    let pages = calls.iter().filter(|call| call.run == Some(run.id()) && call.endpoint == Some(Endpoint::ListJobs));
    assert_eq!(pages.count(), 3);
}

async fn the_end_of_a_long_log(stage: Arc<Stage>) {
    let policy = "rules:\n  - { name: it, if: { log: \"^NEEDLE$\" }, then: leave }\n";
    let repository = repository(&stage, "long-log", policy).await;
    let filler = |lines: usize| format!("{}\n", "x".repeat(120)).repeat(lines);
    let log = |before: usize, after: usize| format!("{}NEEDLE\n{}", filler(before), filler(after));
    // 5 MB of it: read as it streams by, and only its end is kept.
    let seen = repository.run(Workflow::new("seen").job(fails_with(1, &log(40_000, 450)))).await;
    let gone = repository.run(Workflow::new("gone").job(fails_with(1, &log(3, 40_000)))).await;
    is_left(&stage, &seen, "rule \"it\"").await;
    is_rerun(&gone).await;
}

async fn evidence_that_is_not_to_be_had(stage: Arc<Stage>) {
    let name = "policies/absent";
    let policy = "rules:\n  - { name: it, if: { log: x, annotation: y }, then: rerun }\notherwise: leave\n";
    let repository = repository(&stage, "absent", policy).await;
    let github = stage.github().await;
    github.fault(
        Fault::answer(403, "Resource not accessible by integration").on(Endpoint::Annotations).in_repository(name),
    );
    github.fault(Fault::status(410).on(Endpoint::JobLog).in_repository(name));
    let run = repository.run(ci(fails_with(1, "x"))).await;
    is_left(&stage, &run, "no rule of the policy file re-runs").await;
}

async fn evidence_that_comes_late(stage: Arc<Stage>) {
    let name = "policies/late-evidence";
    let policy = "rules:\n  - { name: network, if: { log: ECONNRESET }, then: rerun }\notherwise: leave\n";
    let repository = repository(&stage, "late-evidence", policy).await;
    let github = stage.github().await;
    github.fault(Fault::status(502).on(Endpoint::Contents).in_repository(name).times(1));
    github.fault(Fault::close().on(Endpoint::ListJobs).in_repository(name).times(1));
    github.fault(Fault::status(503).on(Endpoint::JobLog).in_repository(name).times(1));
    let run = repository.run(ci(fails_with(1, "ECONNRESET"))).await;
    is_rerun(&run).await;
    let decided = decision(&stage, &run, 1).await;
    assert_eq!((&decided["outcome"], &decided["rules"]), (&"rerunning".into(), &serde_json::json!(["network"])));
}

async fn a_broken_file(stage: Arc<Stage>) {
    let repository = repository(&stage, "broken", "version: 1\nmax_rerun: 3\n").await;
    let run = repository.run(ci(job().fails(1))).await;
    is_left(&stage, &run, "line 2").await;
    let of_it = |event: &Value| event["event"] == "policy" && event["repository"] == "policies/broken";
    let logged = stage.worker().await.log().wait_for(PATIENCE, of_it).await.expect("a line about the policy");
    assert!(logged["reason"].as_str().is_some_and(|reason| reason.contains("max_rerun")), "{logged}");
}
