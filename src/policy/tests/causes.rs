//! Why a job failed: by the catalogue, by what its re-runs came to, by the base branch, by annotations at files.

use std::collections::BTreeSet;

use super::*;
use crate::policy::evidence::{BaseRun, RescueRate};

const LOST: &str = "The self-hosted runner: rack-3 lost communication with the server. Verify the machine is running.";
const EXIT: &str = "Process completed with exit code 1.";
const RESET: [&str; 3] =
    ["##[group]Run npm ci", "npm error code ECONNRESET", "##[error]Process completed with exit code 1."];

fn of_test() -> World {
    failed([job(1, "test", "Run tests")]).annotated(1, &[EXIT])
}

fn when(condition: &str) -> Policy {
    policy(&format!("rules: [{{ name: it, if: {{ {condition} }}, then: rerun }}]\notherwise: leave\n"))
}

#[track_caller]
fn holds(world: &World, condition: &str, expected: bool) {
    let (decision, _) = world.decide(&when(condition));
    assert_eq!(matches!(decision, Decision::Rerun(_)), expected, "{condition}: {decision:#?}");
}

fn cause(detail: &Detail) -> Option<(&str, &str, Option<u64>)> {
    let cause = detail.jobs.first()?.cause.as_ref()?;
    Some((&cause.id, cause.class.as_str(), cause.line))
}

#[test]
fn a_cause_is_a_class_an_entry_or_infrastructure() {
    let world = of_test().logged(1, &RESET);
    let rerun = world.reruns(&when("cause: infrastructure"));
    let (id, class, line) = cause(&rerun.detail).unwrap();
    assert_eq!(line, Some(102), "the second line of what begins at 101");
    for condition in [class, id, &format!("[test, {class}]"), "infrastructure"] {
        holds(&world, &format!("cause: {condition}"), true);
    }
    for condition in ["test", "[compile, lint]", "runner-lost"] {
        holds(&world, &format!("cause: {condition}"), false);
    }
    // What nobody knows is nothing.
    holds(&of_test().logged(1, &["what a day"]), "cause: infrastructure", false);
    assert_eq!(cause(&of_test().logged(1, &["what a day"]).ends(&when("cause: test")).detail), None);
}

#[test]
fn the_log_is_read_only_where_annotations_do_not_tell() {
    let (annotations, log) = (Need::Annotations(JobId::new(1).unwrap()), Need::Log(JobId::new(1).unwrap()));
    let lost = failed([job(1, "test", "Run tests")]).annotated(1, &[LOST]);
    let (decision, needs) = lost.decide(&when("cause: runner"));
    assert!(matches!(decision, Decision::Rerun(_)), "{decision:#?}");
    assert_eq!(needs[..2], [Need::Jobs, annotations]);
    assert!(!needs.contains(&log));
    let (_, needs) = of_test().logged(1, &RESET).decide(&when("cause: network"));
    assert!(needs.contains(&log));
    // A rule that cannot match any more asks for nothing.
    let (_, needs) = of_test().decide(&when("job: build, cause: network"));
    assert_eq!(needs, [Need::Jobs]);
}

#[test]
fn what_cannot_be_read_is_no_cause_and_may_be_one_to_leave() {
    for world in [failed([job(1, "test", "Run tests")]), of_test()] {
        holds(&world, "cause: infrastructure", false);
        let ending = world.ends(&policy("rules: [{ name: real, if: { cause: test }, then: leave }]"));
        assert!(ending.reason.contains("rule \"real\" may say to leave it"), "{}", ending.reason);
    }
}

#[test]
fn a_cause_is_looked_for_within_the_work_of_a_decision() {
    let line = "Connection reset by peer ".repeat(80);
    let lines: Vec<&str> = vec![&line; 500];
    let mut world = failed((1..=50).map(|id| job(id, &format!("test {id:02}"), "Run tests")));
    for id in 1..=50 {
        world = world.annotated(id, &[EXIT]).logged(id, &lines);
    }
    let ending = world.ends(&policy("rules: [{ name: real, if: { cause: test }, then: leave }]"));
    assert!(ending.detail.absent.iter().any(|absent| absent.contains("steps of matching")), "{:#?}", ending.detail);
}

fn rate(passed: u64, judged: u64) -> World {
    World { rate: Fetched::Present(RescueRate { passed, judged }), ..of_test() }
}

#[test]
fn a_rescue_rate_is_compared_exactly() {
    for (passed, judged, condition, expected) in [
        (3, 10, "'>= 30'", true),
        (29, 100, "'>= 30'", false),
        (3, 10, "'> 30'", false),
        (61, 200, "'> 30'", true),
        (1, 11, "'< 10'", true),
        (2, 20, "'< 10'", false),
        (21, 200, "'<= 10'", false),
        (5, 5, "100", true),
        (0, 5, "0", true),
        (1, 1_000, "0", false),
        (0, 5, "['> 50', 0]", true),
        // Too few to tell.
        (4, 4, "'>= 0'", false),
        (0, 0, "'< 10'", false),
    ] {
        holds(&rate(passed, judged), &format!("rescue_rate: {condition}"), expected);
    }
    let detail = rate(3, 10).reruns(&when("rescue_rate: '>= 30'")).detail;
    assert_eq!(detail.jobs.first().and_then(|job| job.rescue_rate), Some(RescueRate { passed: 3, judged: 10 }));
    // Too few re-runs are not what a rule that leaves asks for either.
    rate(0, 4).reruns(&policy("rules: [{ name: hopeless, if: { rescue_rate: '< 10' }, then: leave }]"));
}

fn base(failed: &[&str], cut: Option<&str>) -> World {
    let failed_jobs: BTreeSet<String> = failed.iter().map(|&name| name.to_owned()).collect();
    let base = BaseRun { run_id: RunId::new(3), failed_jobs, cut: cut.map(str::to_owned) };
    World { base: Fetched::Present(base), ..of_test() }
}

#[test]
fn the_same_job_fails_on_the_base_branch() {
    for (world, fails, passes) in [
        (base(&["test"], None), true, false),
        (base(&["build"], None), false, true),
        (base(&[], None), false, true),
        (base(&["test"], Some("more")), true, false),
        // It may be among those that were not read.
        (base(&["build"], Some("more")), false, false),
        (of_test(), false, false),
    ] {
        holds(&world, "base_failed: true", fails);
        holds(&world, "base_failed: false", passes);
    }
    let leaves = policy("rules: [{ name: broken base, if: { base_failed: true }, then: leave }]");
    let ending = of_test().ends(&leaves);
    assert!(ending.reason.contains("the newest run on its base branch could not be read (404)"), "{}", ending.reason);
    let detail = base(&["test"], None).ends(&leaves).detail;
    assert_eq!(detail.jobs.first().and_then(|job| job.base_failed), Some(true));
    assert_eq!(detail.fetched, ["jobs", "newest run on the base branch"]);
}

#[test]
fn an_annotation_at_a_file() {
    let world = World { at_source: vec![1], ..of_test() };
    holds(&world, "source_annotation: true", true);
    holds(&world, "source_annotation: false", false);
    holds(&of_test(), "source_annotation: true", false);
    holds(&of_test(), "source_annotation: false", true);
    let unread = failed([job(1, "test", "Run tests")]);
    for value in [true, false] {
        holds(&unread, &format!("source_annotation: {value}"), false);
    }
}

#[test]
fn each_is_described() {
    let text = "rules:\n  - name: it\n    if: { cause: [infrastructure, test], rescue_rate: ['>= 30', 10], base_failed: true, \
                source_annotation: false }\n    then: leave\noutage: { runs: 3 }\n";
    let said = describe(&policy(text), &settings()).join("\n");
    for expected in [
        "with the cause infrastructure or test",
        "whose re-runs passed at least 30% or 10% of the time",
        "that fails on the base branch too",
        "with no annotation that points at a file of the repository",
        "When 3 runs have failed with the same cause within 15m",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
}
