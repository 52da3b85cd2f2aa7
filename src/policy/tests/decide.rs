use super::*;

use Conclusion::{
    ActionRequired, Cancelled, Failure, Neutral, Skipped, Stale, StartupFailure, Success, TimedOut, Unknown,
};

#[test]
fn conclusions() {
    let nothing = Policy::default();
    let mut going = bare(1, Failure);
    going.run.conclusion = None;
    assert_eq!(going.decide(&nothing).0, Decision::Await);
    for conclusion in [Failure, TimedOut] {
        bare(1, conclusion).reruns(&nothing);
    }
    for (attempt, conclusion, outcome, last_word) in [
        (1, Success, RunOutcome::Left, true),
        (2, Success, RunOutcome::Rescued, true),
        (1, Cancelled, RunOutcome::Left, true),
        (1, StartupFailure, RunOutcome::Left, true),
        (1, Skipped, RunOutcome::Left, true),
        (1, Neutral, RunOutcome::Left, true),
        (1, ActionRequired, RunOutcome::Left, false),
        (1, Stale, RunOutcome::Left, false),
        (1, Unknown, RunOutcome::Left, false),
    ] {
        let (decision, needs) = bare(attempt, conclusion).decide(&nothing);
        let Decision::End(ending) = decision else { panic!("{conclusion:?}") };
        assert_eq!((ending.outcome, ending.last_word), (outcome, last_word), "{conclusion:?}");
        assert_eq!(needs, [], "{conclusion:?}");
    }
    ends(&bare(1, Failure), "conclusions: timed_out", RunOutcome::Left);
    reruns(&bare(1, TimedOut), "conclusions: timed_out");
    reruns(&bare(1, Cancelled), "conclusions: [failure, cancelled]");
    bare(1, Cancelled).says(
        &Policy::default(),
        "Left alone: attempt 1 concluded cancelled, which is re-run only if the policy file says so.",
    );
}

#[test]
fn the_limit_counts_attempts_whoever_started_them() {
    for attempt in 1..=3 {
        reruns(&bare(attempt, Failure), "");
    }
    for attempt in [4, 5, 50] {
        ends(&bare(attempt, Failure), "", RunOutcome::Exhausted);
    }
    let with = |max_reruns, ceiling, attempt| {
        let settings = RerunSettings { max_reruns, max_reruns_ceiling: ceiling, ..settings() };
        World { settings, ..bare(attempt, Failure) }
    };
    ends(&with(0, 10, 1), "", RunOutcome::Left);
    reruns(&with(1, 10, 1), "");
    ends(&with(1, 10, 2), "", RunOutcome::Exhausted);
    // The file lowers it, and raises it up to the ceiling, even if it was read under a higher one.
    ends(&with(3, 10, 2), "max_reruns: 1", RunOutcome::Exhausted);
    ends(&with(3, 10, 1), "max_reruns: 0", RunOutcome::Left);
    reruns(&with(3, 10, 10), "max_reruns: 10");
    ends(&with(3, 10, 11), "max_reruns: 10", RunOutcome::Exhausted);
    ends(&with(3, 5, 6), "max_reruns: 10", RunOutcome::Exhausted);
    reruns(&with(0, 10, 1), "max_reruns: 1");
}

#[test]
fn actors_branches_and_events() {
    let left = |world: &World, text: &str| ends(world, text, RunOutcome::Left);
    let mut world = bare(1, Failure);
    ends(&World { settings: RerunSettings { dry_run: true, ..settings() }, ..world.clone() }, "", RunOutcome::Left);
    left(&world, "actors: { exclude: a* }");
    left(&world, "actors: { include: [bob] }");
    left(&world, "branches: { exclude: [MAIN] }");
    left(&world, "branches: { include: [release/*] }");
    left(&world, "events: { exclude: push }");
    left(&world, "workflows: { exclude: ci.yml }");
    left(&world, "workflows: { include: [lint, deploy*] }");
    reruns(&world, "workflows: { include: [CI] }");
    reruns(&world, "events: { include: [push], exclude: [] }\nbranches: { include: m?in }\nactors: { include: [ann] }");
    // Either of the two who started it may be let in, and neither may be kept out.
    world.run.actors.push("rerunner".to_owned());
    reruns(&world, "actors: { include: ann }");
    left(&world, "actors: { include: ann, exclude: rerunner }");
    world.run.actors.push("dependabot[bot]".to_owned());
    left(&world, "");
    // What GitHub leaves out may be what is excluded.
    world.run.actors.clear();
    left(&world, "");
    world.settings.excluded_actors.clear();
    reruns(&world, "");
    left(&world, "actors: { exclude: bob }");
    reruns(&world, "actors: { exclude: [] }");
    world.run.head_branch = None;
    left(&world, "branches: { exclude: release }");
    left(&world, "branches: { include: '*' }");
    reruns(&world, "branches: { exclude: release }\nabsent_evidence: rerun");
    left(&world, "branches: { include: '*' }\nabsent_evidence: rerun");
    world.run.event.clear();
    left(&world, "events: { exclude: merge_group }");
}

#[test]
fn outdated_commits() {
    let mut world = bare(1, Failure);
    world.run.pull_request_heads = vec!["bbb".to_owned()];
    reruns(&world, "");
    world.run.event = "pull_request".to_owned();
    ends(&world, "", RunOutcome::Superseded);
    reruns(&world, "skip_superseded: false");
    world.run.pull_request_heads.push("aaa".to_owned());
    reruns(&world, "");
    world.run.pull_request_heads.clear();
    reruns(&world, "");
}

#[test]
fn a_broken_file_never_causes_re_runs() {
    let state = PolicyState::new(parse("max_reruns: 11", settings().max_reruns_ceiling), PolicyOrigin::Repository);
    bare(1, Failure).says(
        &state.policy(),
        "Left alone: the policy file is not valid, and nothing is re-run until it is fixed (line 1, column 13: max_reruns: \
         expected a whole number from 0 to 10, the Worker's MAX_RERUNS_CEILING; found `11`).",
    );
    bare(2, Success).says(&state.policy(), "Attempt 2 succeeded.");
}

#[test]
fn without_a_file_the_jobs_are_read_and_nothing_else() {
    let world = failed([job(2, "test", "Run tests"), job(1, "build", "")]);
    let (decision, needs) = world.decide(&Policy::default());
    assert_eq!(needs, [Need::Jobs]);
    let Decision::Rerun(rerun) = decision else { panic!("{decision:?}") };
    assert_eq!((rerun.delay, rerun.scope, rerun.debug_logging), (Span::seconds(5), Scope::FailedJobs, false));
    assert_eq!(
        serde_json::to_string(&rerun.detail).unwrap(),
        r#"{"jobs":[{"name":"build","job_id":1,"conclusion":"failure","runner":"GitHub Actions 4","labels":["ubuntu-latest"],"duration_seconds":60,"action":"rerun"},{"name":"test","job_id":2,"step":"Run tests","conclusion":"failure","runner":"GitHub Actions 4","labels":["ubuntu-latest"],"duration_seconds":60,"action":"rerun"}],"fetched":["jobs"],"fingerprint":"FP","policy":"repository","runner_seconds":120}"#
            .replace("FP", rerun.detail.fingerprint.as_ref().unwrap())
    );
    let text = serde_json::to_string(&rerun.detail).unwrap();
    assert_eq!(serde_json::from_str::<Detail>(&text).unwrap(), rerun.detail);
    assert_eq!(serde_json::from_str::<Detail>("{}").unwrap(), Detail::default());
}

#[test]
fn decisions_that_are_stored_already_are_read() {
    let stored = r#"{"jobs":[{"name":"build","conclusion":"failure","exit_code":137,"interruption":"lost_runner","runner":"GitHub Actions 4","labels":["ubuntu-latest"],"duration_seconds":60,"then":"rerun","rule":"lost"},{"name":"e2e","step":"Run","conclusion":"timed_out","then":"leave","rule":"e2e","line":512},{"name":"gate","conclusion":"exploded"}],"fetched":["jobs"],"fingerprint":"b1e273e5ccacdd58","rules":["lost"],"runner_seconds":120}"#;
    let detail: Detail = serde_json::from_str(stored).unwrap();
    let actions: Vec<_> = detail.jobs.iter().map(|job| (job.action, job.conclusion)).collect();
    assert_eq!(
        actions,
        [
            (Some(Action::Rerun), Some(Failure)),
            (Some(Action::Leave), Some(TimedOut)),
            (None, Some(Conclusion::Unknown)),
        ]
    );
    assert_eq!(detail.jobs[0].interruption, Some(evidence::Interruption::LostRunner));
}

const RULES: &str = r#"
rules:
  - { name: lost, if: { lost_runner: true }, then: rerun }
  - { name: tests, if: { step: "*test*" }, then: leave }
  - { name: gates, if: { job: "all-*" }, then: ignore }
"#;

#[test]
fn each_job_takes_the_first_rule_that_matches() {
    let (lost, test, breaker, other) =
        (job(1, "a", ""), job(2, "b", "Run tests"), job(3, "all-green", "Check"), job(4, "c", "Fetch"));
    let of = |jobs: &[&Job]| failed(jobs.iter().map(|job| (*job).clone()));
    let mixed = format!("{RULES}\nmixed: rerun");
    let strict = format!("{RULES}\notherwise: leave");
    for (jobs, text, expected) in [
        (&[&lost][..], RULES, true),
        (&[&test], RULES, false),
        (&[&breaker], RULES, false),
        (&[&other], RULES, true),
        (&[&other], &strict, false),
        (&[&lost, &breaker], RULES, true),
        (&[&test, &breaker], RULES, false),
        (&[&lost, &test], RULES, false),
        (&[&lost, &test], &mixed, true),
        (&[&test, &other], &mixed, true),
        (&[&test, &breaker], &mixed, false),
    ] {
        let (decision, needs) = of(jobs).decide(&policy(text));
        assert_eq!(matches!(decision, Decision::Rerun(_)), expected, "{jobs:?} {text} {decision:?}");
        assert!(needs.iter().all(|need| matches!(need, Need::Jobs | Need::Annotations(_))), "{needs:?}");
    }
    let rerun = reruns(&of(&[&lost, &breaker]), RULES);
    assert_eq!(rerun.detail.rules, ["lost"]);
    let judged: Vec<_> = rerun.detail.jobs.iter().map(|job| (job.action, job.rule.as_deref())).collect();
    assert_eq!(judged, [(Some(Action::Rerun), Some("lost")), (Some(Action::Ignore), Some("gates"))]);
}

/// Each condition, what it says yes to and what it says no to.
#[test]
fn every_condition() {
    let mut world = failed([job(1, "test (3.12)", "Run tests")])
        .annotated(1, &["Process completed with exit code 137.", "no space left"])
        .logged(1, &["2026-11-24T10:00:00.1234567Z \u{1b}[31mECONNRESET\u{1b}[0m at x", "last"]);
    world.run.event = "pull_request".to_owned();
    world.run.actors.push("bob".to_owned());
    let mut lost = world.clone();
    lost.jobs = Fetched::Present(vec![job(1, "test (3.12)", "")]);
    let mut timed_out = world.clone().attempt(2);
    timed_out.jobs = Fetched::Present(vec![Job {
        conclusion: Some(TimedOut),
        steps: vec![Step { name: "Run tests".to_owned(), conclusion: Some(Cancelled), going: false }],
        ..job(1, "test (3.12)", "")
    }]);
    for (world, condition, expected) in [
        (&world, "workflow: ci", true),
        (&world, "workflow: c", false),
        (&world, "workflow: ci.yml", true),
        (&world, "workflow: .github/workflows/*", true),
        (&world, "workflow: [x, ci.*]", true),
        (&world, "branch: main", true),
        (&world, "branch: mai", false),
        (&world, "event: pull_*", true),
        (&world, "event: push", false),
        (&world, "actor: bob", true),
        (&world, "actor: carol", false),
        (&world, "attempt: 1", true),
        (&world, "attempt: '>= 2'", false),
        (&timed_out, "attempt: '>= 2'", true),
        (&timed_out, "attempt: [1, '> 2']", false),
        (&world, "job: TEST (3.12)", true),
        (&world, "job: test (3.1?)", true),
        (&world, "job: test", false),
        (&world, "step: '*test*'", true),
        (&world, "step: Set up job", false),
        (&lost, "step: '*'", false),
        (&timed_out, "step: run tests", true),
        (&world, "runner: GitHub*", true),
        (&world, "runner: rack", false),
        (&world, "label: ubuntu-*", true),
        (&world, "label: windows-*", false),
        (&world, "conclusion: failure", true),
        (&world, "conclusion: [timed_out, cancelled]", false),
        (&timed_out, "conclusion: timed_out", true),
        (&world, "lost_runner: true", false),
        (&world, "lost_runner: false", true),
        (&lost, "lost_runner: true", true),
        (&timed_out, "lost_runner: true", false),
        (&world, "exit_code: 137", true),
        (&world, "exit_code: [1, 2]", false),
        (&world, "exit_code: '> 128'", true),
        (&world, "annotation: no space", true),
        (&world, "annotation: ['x', '^no']", true),
        (&world, "annotation: '^space'", false),
        (&world, "log: '^ECONNRESET at'", true),
        (&world, "log: ['2026', 'ETIMEDOUT']", false),
        (&world, "job: test*, step: Build", false),
    ] {
        let text = format!("otherwise: leave\nrules: [{{ name: x, then: rerun, if: {{ {condition} }} }}]");
        let (decision, _) = world.decide(&policy(&text));
        assert_eq!(matches!(decision, Decision::Rerun(_)), expected, "{condition}");
    }
}

#[test]
fn evidence_is_asked_for_only_where_it_can_matter() {
    #[track_caller]
    fn asks(world: &World, text: &str, expected: &[Need]) {
        assert_eq!(world.decide(&policy(text)).1, expected);
    }
    let (annotations, log) = (|id| Need::Annotations(JobId::new(id).unwrap()), |id| Need::Log(JobId::new(id).unwrap()));
    let text = r#"
rules:
  - { name: tests, if: { step: "*test*" }, then: ignore }
  - { name: network, if: { step: Fetch, exit_code: 7, log: "ETIMEDOUT" }, then: rerun }
  - { name: disk, if: { job: build, annotation: "no space" }, then: rerun }
otherwise: leave
"#;
    let one = |step| failed([job(1, "build", step)]);
    asks(&one("Run tests"), text, &[Need::Jobs]);
    asks(&one("Compile"), text, &[Need::Jobs, annotations(1)]);
    asks(&one("Fetch"), text, &[Need::Jobs, annotations(1)]);
    asks(
        &one("Fetch").annotated(1, &["Process completed with exit code 7."]),
        text,
        &[Need::Jobs, annotations(1), log(1)],
    );
    // Nothing that is read can change this any more.
    asks(&one("Fetch").attempt(4), text, &[Need::Jobs]);
    asks(&failed([job(1, "build", "Fetch"), job(2, "other", "x")]), text, &[Need::Jobs]);
    asks(&failed((1..=3).map(|id| job(id, "build", "Fetch"))), &format!("{text}\nmax_failed_jobs: 2"), &[Need::Jobs]);
    asks(&bare(1, Failure), text, &[Need::Jobs]);
}

#[test]
fn evidence_that_cannot_be_read_matches_nothing_and_is_on_record() {
    let text = r#"
absent_evidence: rerun
rules:
  - { name: network, if: { log: ".*" }, then: leave }
  - { name: disk, if: { annotation: ".*" }, then: leave }
"#;
    let rerun = reruns(&failed([job(1, "build", "Fetch")]), text);
    assert_eq!(rerun.detail.fetched, ["jobs"]);
    assert_eq!(
        rerun.detail.doubts,
        [r#"rule "network" of build: its log"#, r#"rule "disk" of build: its annotations"#]
    );
    assert_eq!(rerun.detail.absent, ["annotations of build: 404", "log of build: 404"]);

    // Of a job of which nothing is known, only what is true of the whole run is known.
    let unknown = bare(1, Failure);
    for (condition, matches) in [
        ("workflow: ci", true),
        ("workflow: ci, branch: main, event: push, actor: ann, attempt: 1, fork: false", true),
        ("job: '*'", false),
        ("workflow: ci, lost_runner: true", false),
        ("workflow: ci, conclusion: failure", false),
        ("log: '.*'", false),
    ] {
        let text = format!("absent_evidence: rerun\nrules: [{{ name: x, then: leave, if: {{ {condition} }} }}]");
        let left = matches!(unknown.decide(&policy(&text)).0, Decision::End(_));
        assert_eq!(left, matches, "{condition}");
    }
    assert_eq!(reruns(&unknown, "").detail.absent, ["jobs: HTTP 403"]);
    let none_failed = failed([Job { conclusion: Some(Success), ..job(1, "a", "") }]);
    assert_eq!(reruns(&none_failed, "").detail.absent, ["failed jobs: GitHub lists none that failed"]);
}

#[test]
fn what_counts_as_a_failed_job() {
    let with = |id, conclusion| Job { conclusion: Some(conclusion), ..job(id, &format!("j{id}"), "x") };
    let names = |world: World, text: &str| -> Vec<String> {
        let (Decision::Rerun(Rerun { detail, .. }) | Decision::End(Ending { detail, .. })) =
            world.decide(&policy(text)).0
        else {
            panic!()
        };
        detail.jobs.into_iter().map(|job| job.name).collect()
    };
    let all = || [Failure, Success, Cancelled, TimedOut, Skipped].into_iter().zip(1..).map(|(c, id)| with(id, c));
    assert_eq!(names(failed(all()), ""), ["j1", "j4"]);
    let cancelled = World { run: run(1, Cancelled), ..failed(all()) };
    assert_eq!(names(cancelled, "conclusions: cancelled"), ["j1", "j3", "j4"]);
    // A job that took too long is cancelled, and the run fails by nothing else.
    assert_eq!(names(failed([with(1, Success), with(2, Cancelled)]), ""), ["j2"]);
    // fail-fast's siblings cost, as they are run again, but do not count.
    let rerun = reruns(&failed([with(1, Failure), with(2, Cancelled), with(3, Success)]), "max_failed_jobs: 1");
    assert_eq!(rerun.detail.runner_seconds, 120);
    assert_eq!(reruns(&failed([with(1, Failure), with(2, Success)]), "scope: all_jobs").detail.runner_seconds, 120);
}
