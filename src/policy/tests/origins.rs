//! The policies in docs/policies, each with what its origin documents.

use super::*;

use Conclusion::{Cancelled, Failure, Success, TimedOut};

const PYTORCH: &str = include_str!("../../../docs/policies/pytorch.yml");
const BUILDKITE: &str = include_str!("../../../docs/policies/buildkite.yml");
const GITLAB: &str = include_str!("../../../docs/policies/gitlab.yml");
const MERGIFY: &str = include_str!("../../../docs/policies/mergify.yml");
const LOST_RUNNERS: &str = include_str!("../../../docs/policies/lost-runners.yml");
const JOB_RE_RUNNER: &str = include_str!("../../../docs/policies/job-re-runner.yml");

#[track_caller]
fn decides(text: &str, world: &World, rerun: bool) {
    let (decision, _) = world.decide(&policy(text));
    assert_eq!(matches!(decision, Decision::Rerun(_)), rerun, "{decision:#?}");
}

#[test]
fn all_of_them_are_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/policies");
    let list = include_str!("../../../docs/policies/README.md");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = names.filter(|name| name.ends_with(".yml")).collect();
    assert_eq!(files.len(), 9);
    for file in files {
        assert!(list.contains(&format!("[{file}]({file})")), "{file}");
        policy(&std::fs::read_to_string(format!("{folder}/{file}")).unwrap());
    }
}

#[test]
fn pytorch() {
    let of = |workflow: &str, jobs: &[Job]| {
        let mut world = failed(jobs.to_vec());
        world.run.workflow = Some(workflow.to_owned());
        world.run.path = None;
        world.run.head_branch = Some("feature".to_owned());
        world
    };
    let pull = |name: &str, step: &str| of("pull", &[job(1, name, step)]);
    let decides = |world: &World, rerun| decides(PYTORCH, world, rerun);
    // Allowed workflows, by a part of their name.
    decides(&pull("linux / test (1)", "Download artifacts"), true);
    decides(&of("Linux-Binary-Manywheel", &[job(1, "upload", "x")]), true);
    decides(&of("docs", &[job(1, "upload", "x")]), false);
    // The first attempt only.
    decides(&pull("linux / test (1)", "Download artifacts").attempt(2), false);
    // A build that failed in the build step, and one that failed elsewhere.
    decides(&pull("build", "Build"), false);
    decides(&pull("build", "Checkout PyTorch"), true);
    // A failed test step; one that is known to be flaky; unstable ones; steps that only set up.
    decides(&pull("linux / test (1)", "Test"), false);
    decides(&pull("pr_time_benchmarks", "Test"), true);
    decides(&pull("linux / test (1, unstable)", "Download artifacts"), false);
    decides(&pull("linux / test (1)", "Setup the test environment"), true);
    // The linter.
    decides(&of("lint", &[job(1, "lintrunner", "Run lintrunner (nonretryable)")]), false);
    decides(&of("lint", &[job(1, "lintrunner", "Install tools")]), true);
    // One worth it is enough, but not among more than five.
    decides(&of("pull", &[job(1, "a", "Test"), job(2, "b", "Fetch")]), true);
    decides(&of("pull", &(1..=5).map(|id| job(id, "a", "Fetch")).collect::<Vec<_>>()), true);
    decides(&of("pull", &(1..=6).map(|id| job(id, "a", "Fetch")).collect::<Vec<_>>()), false);
    // Cancelled: on the main branch only.
    let mut cancelled = of("trunk", &[Job { conclusion: Some(Cancelled), ..job(1, "a", "Test") }]);
    cancelled.run.conclusion = Some(Cancelled);
    decides(&cancelled, false);
    cancelled.run.head_branch = Some("main".to_owned());
    decides(&cancelled, true);
}

#[test]
fn buildkite() {
    let exits = |code: i64| {
        failed([job(1, "test", "Run tests")]).annotated(1, &[&format!("Process completed with exit code {code}.")])
    };
    let after = |world: World, attempt, rules: &[&str]| {
        let earlier = |(rule, n): (&&str, u32)| evidence::EarlierAttempt {
            run_attempt: RunAttempt::new(n).unwrap(),
            fingerprint: None,
            partial: false,
            rules: vec![(*rule).to_owned()],
        };
        World {
            history: History { attempts: rules.iter().zip(1..).map(earlier).collect(), ..world.history.clone() },
            ..world
        }
        .attempt(attempt)
    };
    let decides = |world: &World, rerun| decides(BUILDKITE, world, rerun);
    decides(&exits(1), false);
    decides(&exits(137), true);
    decides(&after(exits(137), 3, &["killed", "killed"]), true);
    decides(&after(exits(137), 4, &["killed", "killed", "killed"]), false);
    decides(&exits(5), true);
    decides(&after(exits(5), 2, &["a flaky service"]), false);
    // Each rule counts for itself.
    decides(&after(exits(5), 4, &["killed", "killed", "killed"]), true);
    let lost = failed([job(1, "test", "")]);
    decides(&after(lost.clone(), 2, &["the agent was lost"]), true);
    decides(&after(lost, 3, &["the agent was lost", "the agent was lost"]), false);
    decides(&failed([job(1, "test", "Run")]).annotated(1, &["The runner has received a shutdown signal."]), true);
    // Another job that is not retried does not matter.
    let both = failed([job(1, "test", "Run tests"), job(2, "lint", "x")]);
    decides(&both.annotated(1, &["Process completed with exit code 255."]), true);
}

#[test]
fn gitlab() {
    let says = |message: &str| failed([job(1, "test", "Run tests")]).annotated(1, &[message]);
    for (message, rerun) in [
        ("The hosted runner: GitHub Actions 3 lost communication with the server.", true),
        ("The runner has received a shutdown signal.", true),
        ("The job was not acquired by Runner of type hosted even after multiple attempts", true),
        ("The job has exceeded the maximum execution time of 6h0m0s", false),
        ("Process completed with exit code 137.", true),
        ("Process completed with exit code 1.", false),
    ] {
        decides(GITLAB, &says(message), rerun);
        decides(GITLAB, &says(message).attempt(2), rerun);
        decides(GITLAB, &says(message).attempt(3), false);
    }
    // Whether it took too long, only annotations would say.
    decides(GITLAB, &failed([job(1, "test", "")]), false);
    decides(GITLAB, &failed([job(1, "test", "")]).annotated(1, &[]), true);
    decides(GITLAB, &failed([job(1, "test", "Run tests")]), false);
}

#[test]
fn mergify() {
    let with_log = |line: &str| failed([job(1, "build", "Fetch")]).logged(1, &["start", line]);
    decides(MERGIFY, &with_log("curl: (28) Connection TIMEOUT"), true);
    decides(MERGIFY, &with_log("connection refused"), true);
    decides(MERGIFY, &with_log("assertion failed"), false);
    decides(MERGIFY, &with_log("assertion failed").annotated(1, &["Timeout of 60 s"]), true);
    assert_eq!(with_log("timeout").reruns(&policy(MERGIFY)).delay, Span::seconds(30));
    let mut e2e = failed([job(1, "e2e (firefox)", "Run")]);
    decides(MERGIFY, &e2e, false);
    e2e.run.workflow = Some("e2e".to_owned());
    assert_eq!(e2e.reruns(&policy(MERGIFY)).scope, Scope::AllJobs);
    e2e.run.head_branch = Some("feature".to_owned());
    decides(MERGIFY, &e2e, false);
    let late = failed([Job { conclusion: Some(TimedOut), ..job(1, "build", "Compile") }]);
    decides(MERGIFY, &late, true);
    assert_eq!(late.reruns(&policy(MERGIFY)).scope, Scope::FailedJobs);
}

#[test]
fn lost_runners() {
    decides(LOST_RUNNERS, &failed([job(1, "test", "")]), true);
    decides(LOST_RUNNERS, &failed([job(1, "test", "Run tests")]), false);
    let said = failed([job(1, "test", "Run")])
        .annotated(1, &["The self-hosted runner: x lost communication with the server."]);
    decides(LOST_RUNNERS, &said, true);
    decides(LOST_RUNNERS, &failed([job(1, "test", ""), job(2, "lint", "Lint")]), false);
    decides(LOST_RUNNERS, &World { jobs: Fetched::Absent("404".to_owned()), ..failed([]) }, false);
}

#[test]
fn job_re_runner() {
    let decides = |world: &World, rerun| decides(JOB_RE_RUNNER, world, rerun);
    let one = failed([job(1, "test", "Run tests")]);
    for attempt in 1..=3 {
        decides(&one.clone().attempt(attempt), true);
    }
    decides(&one.clone().attempt(4), false);
    assert_eq!(one.reruns(&policy(JOB_RE_RUNNER)).delay, Span::seconds(5));
    // Any job that failed is enough, whatever became of the rest.
    let mut cancelled = failed([job(1, "a", "x"), Job { conclusion: Some(Cancelled), ..job(2, "b", "x") }]);
    cancelled.run.conclusion = Some(Cancelled);
    decides(&cancelled, true);
    let mut none_failed = failed([Job { conclusion: Some(Cancelled), ..job(1, "b", "x") }]);
    none_failed.run.conclusion = Some(Cancelled);
    decides(&none_failed, false);
    decides(&World { run: run(1, Success), ..one.clone() }, false);
    decides(
        &World { run: Run { actors: vec!["dependabot[bot]".to_owned()], ..run(1, Failure) }, ..one.clone() },
        false,
    );
    let mut outdated = one;
    outdated.run.event = "pull_request".to_owned();
    outdated.run.pull_request_heads = vec!["bbb".to_owned()];
    decides(&outdated, true);
}
