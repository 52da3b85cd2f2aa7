use super::*;
use crate::attempts::RunOutcome;
use crate::policy::evidence::EarlierAttempt;

use Conclusion::{
    ActionRequired, Cancelled, Failure, Neutral, Skipped, Stale, StartupFailure, Success, TimedOut, Unknown,
};

/// A run of which nothing but itself is known, as without a token that reads jobs.
fn bare(attempt: u32, conclusion: Conclusion) -> World {
    World { run: run(attempt, conclusion), jobs: Read::Absent("HTTP 403".to_owned()), ..failed([]) }
}

#[track_caller]
fn ends(world: &World, text: &str, expected: RunOutcome) {
    let ending = world.ends(&policy(text));
    assert_eq!(ending.outcome, expected, "{}", ending.reason);
    assert!(ending.last_word);
}

#[track_caller]
fn reruns(world: &World, text: &str) -> Rerun {
    world.reruns(&policy(text))
}

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
        let rules = Rules { max_reruns, max_reruns_ceiling: ceiling, ..rules() };
        World { rules, ..bare(attempt, Failure) }
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
    ends(&World { rules: Rules { dry_run: true, ..rules() }, ..world.clone() }, "", RunOutcome::Left);
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
    world.run.actors.clear();
    world.run.head_branch = None;
    reruns(&world, "branches: { exclude: '*' }");
    left(&world, "branches: { include: '*' }");
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
    let errors = parse("max_reruns: 11", rules().bounds()).unwrap_err();
    let state = PolicyState::Invalid(errors);
    bare(1, Failure).says(
        &state.policy(),
        "Left alone: the policy file is not valid, and nothing is re-run until it is (line 1, column 13: max_reruns: \
         expected a whole number from 0 to 10, the Worker's MAX_RERUNS_CEILING).",
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
        r#"{"jobs":[{"name":"build","conclusion":"failure","runner":"GitHub Actions 4","labels":["ubuntu-latest"],"duration_seconds":60,"then":"rerun"},{"name":"test","step":"Run tests","conclusion":"failure","runner":"GitHub Actions 4","labels":["ubuntu-latest"],"duration_seconds":60,"then":"rerun"}],"fetched":["jobs"],"fingerprint":"FP","runner_seconds":120}"#
            .replace("FP", rerun.detail.fingerprint.as_ref().unwrap())
    );
    let text = serde_json::to_string(&rerun.detail).unwrap();
    assert_eq!(serde_json::from_str::<Detail>(&text).unwrap(), rerun.detail);
    assert_eq!(serde_json::from_str::<Detail>("{}").unwrap(), Detail::default());
}

const RULES: &str = r#"
rules:
  - { name: lost, if: { lost_runner: true }, then: rerun }
  - { name: tests, if: { step: "*test*" }, then: leave }
  - { name: gates, if: { job: "all-*" }, then: ignore }
"#;

#[test]
fn each_job_takes_the_first_rule_that_matches() {
    let (lost, test, gate, other) =
        (job(1, "a", ""), job(2, "b", "Run tests"), job(3, "all-green", "Check"), job(4, "c", "Fetch"));
    let of = |jobs: &[&Job]| failed(jobs.iter().map(|job| (*job).clone()));
    let mixed = format!("{RULES}\nmixed: rerun");
    let strict = format!("{RULES}\notherwise: leave");
    for (jobs, text, expected) in [
        (&[&lost][..], RULES, true),
        (&[&test], RULES, false),
        (&[&gate], RULES, false),
        (&[&other], RULES, true),
        (&[&other], &strict, false),
        (&[&lost, &gate], RULES, true),
        (&[&test, &gate], RULES, false),
        (&[&lost, &test], RULES, false),
        (&[&lost, &test], &mixed, true),
        (&[&test, &other], &mixed, true),
        (&[&test, &gate], &mixed, false),
    ] {
        let (decision, needs) = of(jobs).decide(&policy(text));
        assert_eq!(matches!(decision, Decision::Rerun(_)), expected, "{jobs:?} {text} {decision:?}");
        assert_eq!(needs, [Need::Jobs]);
    }
    let rerun = reruns(&of(&[&lost, &gate]), RULES);
    assert_eq!(rerun.detail.rules, ["lost"]);
    let judged: Vec<_> = rerun.detail.jobs.iter().map(|job| (job.then, job.rule.as_deref())).collect();
    assert_eq!(judged, [(Some(Then::Rerun), Some("lost")), (Some(Then::Ignore), Some("gates"))]);
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
    lost.jobs = Read::There(vec![job(1, "test (3.12)", "")]);
    let mut timed_out = world.clone().attempt(2);
    timed_out.jobs = Read::There(vec![Job {
        conclusion: Some(TimedOut),
        steps: vec![Step { name: "Run tests".to_owned(), conclusion: Some(Cancelled) }],
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
rules:
  - { name: network, if: { log: ".*" }, then: leave }
  - { name: disk, if: { annotation: ".*" }, then: leave }
"#;
    let rerun = reruns(&failed([job(1, "build", "Fetch")]), text);
    assert_eq!(rerun.detail.fetched, ["jobs"]);
    assert_eq!(rerun.detail.absent, ["annotations of build: 404", "log of build: 404"]);

    // Of a job of which nothing is known, only what is true of the whole run is known.
    let unknown = bare(1, Failure);
    for (condition, matches) in [
        ("workflow: ci", true),
        ("workflow: ci, branch: main, event: push, actor: ann, attempt: 1", true),
        ("job: '*'", false),
        ("workflow: ci, lost_runner: true", false),
        ("workflow: ci, conclusion: failure", false),
        ("log: '.*'", false),
    ] {
        let text = format!("rules: [{{ name: x, then: leave, if: {{ {condition} }} }}]");
        let left = matches!(unknown.decide(&policy(&text)).0, Decision::End(_));
        assert_eq!(left, matches, "{condition}");
    }
    assert_eq!(reruns(&unknown, "").detail.absent, ["jobs: HTTP 403"]);
    let none_failed = failed([Job { conclusion: Some(Success), ..job(1, "a", "") }]);
    assert_eq!(reruns(&none_failed, "").detail.absent, ["failed jobs: GitHub lists none"]);
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

fn earlier(attempts: &[(u32, Option<&str>, &[&str])]) -> History {
    let attempt = |(attempt, fingerprint, rules): &(u32, Option<&str>, &[&str])| EarlierAttempt {
        run_attempt: RunAttempt::new(*attempt).unwrap(),
        fingerprint: fingerprint.map(str::to_owned),
        rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
    };
    History { attempts: attempts.iter().map(attempt).collect(), ..History::default() }
}

#[test]
fn limits_of_rules() {
    let text = r#"
max_reruns: 3
rules:
  - { name: lost, if: { lost_runner: true }, then: rerun, max_reruns: 6 }
  - { name: once, if: { step: Fetch }, then: rerun, max_reruns: 1 }
"#;
    let (lost, once, other) = (job(1, "a", ""), job(2, "b", "Fetch"), job(3, "c", "x"));
    let at = |attempt, jobs: &[&Job], history| World {
        history,
        ..failed(jobs.iter().map(|job| (*job).clone())).attempt(attempt)
    };
    let none = History::default;
    // More than the file's.
    reruns(&at(6, &[&lost], none()), text);
    ends(&at(7, &[&lost], none()), text, RunOutcome::Exhausted);
    let six = (1..=6).map(|attempt| (attempt, None, &["lost"][..])).collect::<Vec<_>>();
    reruns(&at(6, &[&lost], earlier(&six[..5])), text);
    // A job that no rule matches has the file's limit.
    reruns(&at(3, &[&other], none()), text);
    ends(&at(4, &[&other], none()), text, RunOutcome::Exhausted);
    // Fewer than the file's, counted by the rule's own re-runs.
    reruns(&at(3, &[&once], earlier(&[(1, None, &["lost"]), (2, None, &[])])), text);
    ends(&at(2, &[&once], earlier(&[(1, None, &["once"])])), text, RunOutcome::Exhausted);
    ends(&at(3, &[&once], earlier(&[(1, None, &["lost", "once"]), (2, None, &[])])), text, RunOutcome::Exhausted);
    ends(&at(4, &[&once], none()), text, RunOutcome::Exhausted);
    // One job that is out of re-runs is one that is left.
    let spent = earlier(&[(1, None, &["once"])]);
    ends(&at(2, &[&lost, &once], spent.clone()), text, RunOutcome::Exhausted);
    let mixed = reruns(&at(2, &[&lost, &once], spent), &format!("{text}\nmixed: rerun"));
    assert_eq!(mixed.detail.rules, ["lost"]);
}

#[test]
fn guards() {
    let jobs = |n: u64| failed((1..=n).map(|id| job(id, &format!("j{id}"), "x")));
    reruns(&jobs(5), "max_failed_jobs: 5");
    ends(&jobs(6), "max_failed_jobs: 5", RunOutcome::Left);
    let gates = "max_failed_jobs: 5\nrules: [{ name: g, if: { job: [j5, j6] }, then: ignore }]";
    reruns(&jobs(6), gates);

    let with = |budget: &str, spent| {
        let world = World { history: History { attempts: vec![], spent }, ..jobs(2) };
        matches!(world.decide(&policy(&format!("budget: {{ {budget} }}"))).0, Decision::Rerun(_))
    };
    let spent = evidence::Spent { reruns_last_hour: 2, reruns_last_day: 9, runner_time_last_day: Span::minutes(8) };
    assert!(with("reruns_per_hour: 3", spent) && !with("reruns_per_hour: 2", spent));
    assert!(with("reruns_per_day: 10", spent) && !with("reruns_per_day: 9", spent));
    assert!(with("minutes_per_day: 10", spent) && !with("minutes_per_day: 9", spent));
    assert!(!with("reruns_per_hour: 0", evidence::Spent::default()));
}

#[test]
fn what_fails_in_the_same_way_again_is_real() {
    let text = "max_reruns: 10\nstop_when_repeated: 3";
    let first = failed([job(1, "a", "x"), job(2, "b", "y")]).annotated(1, &["died after 12 s"]);
    let (decision, needs) = first.decide(&policy(text));
    assert_eq!(needs.len(), 3, "the annotations of both are read");
    let Decision::Rerun(rerun) = decision else { panic!() };
    let same = rerun.detail.fingerprint.unwrap();
    let again = |attempt, history| World {
        history,
        ..failed([job(4, "b", "y"), job(3, "a", "x")]).annotated(3, &["died after 7 s"]).attempt(attempt)
    };
    reruns(&again(2, earlier(&[(1, Some(&same), &[])])), text);
    reruns(&again(3, earlier(&[(1, Some(&same), &[]), (2, Some("other"), &[])])), text);
    reruns(&again(3, earlier(&[(1, Some(&same), &[]), (2, None, &[])])), text);
    ends(&again(3, earlier(&[(1, Some(&same), &[]), (2, Some(&same), &[])])), text, RunOutcome::Left);
    let other_step = World { jobs: Read::There(vec![job(1, "a", "z"), job(2, "b", "y")]), ..again(3, earlier(&[])) };
    assert_ne!(reruns(&other_step, text).detail.fingerprint, Some(same));
}

#[test]
fn delays_and_debug_logging() {
    let delay = |text: &str, attempt| reruns(&failed([job(1, "a", "x")]).attempt(attempt), text).delay;
    assert_eq!(delay("", 3), Span::seconds(5));
    assert_eq!(delay("delay: 1m\nbackoff: 2", 1), Span::minutes(1));
    assert_eq!(delay("delay: 1m\nbackoff: 2", 3), Span::minutes(4));
    assert_eq!(delay("delay: 1m\nbackoff: 2\nmax_delay: 3m", 3), Span::minutes(3));
    assert_eq!(delay("delay: 1h\nbackoff: 2", 3), Span::hours(1));
    let rule = "delay: 1m\nrules: [{ name: r, if: { job: a }, then: rerun, delay: 5m, scope: all_jobs }]";
    assert_eq!(delay(rule, 1), Span::minutes(5));
    assert_eq!(reruns(&failed([job(1, "a", "x")]), rule).scope, Scope::AllJobs);
    // The longest of them.
    assert_eq!(reruns(&failed([job(1, "a", "x"), job(2, "b", "x")]), rule).delay, Span::minutes(5));

    let debug = |text: &str, attempt| reruns(&failed([job(1, "a", "x")]).attempt(attempt), text).debug_logging;
    assert!(!debug("", 3));
    assert!(debug("debug_logging: always", 1));
    assert!(!debug("debug_logging: last", 2) && debug("debug_logging: last", 3));
    assert!(debug(&format!("{}\ndebug_logging: last", rule.replace("delay: 5m", "max_reruns: 1")), 1));
}

#[test]
fn reasons_are_sentences_for_one_who_has_never_seen_the_code() {
    let nothing = Policy::default();
    bare(4, Failure).says(&nothing, "Gave up: attempt 4 failed, and a run is re-run at most 3 times.");
    bare(2, TimedOut).says(&nothing, "Attempt 2 timed out: re-run 2 of at most 3.");
    let test = failed([job(1, "test (3.12)", "Run tests")]);
    test.says(&nothing, r#"Attempt 1 failed in job "test (3.12)" at step "Run tests": re-run 1 of at most 3."#);
    test.clone().attempt(4).says(
        &nothing,
        r#"Gave up: attempt 4 failed in job "test (3.12)" at step "Run tests", and a run is re-run at most 3 times."#,
    );
    World { rules: Rules { dry_run: true, ..rules() }, ..test.clone() }.says(
        &nothing,
        r#"Left alone: DRY_RUN is on; attempt 1 failed in job "test (3.12)" at step "Run tests" and would have had re-run 1 of at most 3."#,
    );
    let leave = r#"rules: [{ name: a failed test step is the author's, if: { step: "*test*" }, then: leave }]"#;
    test.says(
        &policy(leave),
        r#"Left alone: job "test (3.12)" failed at step "Run tests", which rule "a failed test step is the author's" leaves to its author."#,
    );
    failed((1..=4).map(|id| job(id, &format!("t{id}"), "Run tests"))).says(
        &policy(leave),
        r#"Left alone: job "t1" failed at step "Run tests", which rule "a failed test step is the author's" leaves to its author; the same goes for 3 other failed jobs."#,
    );
    test.says(
        &policy("otherwise: leave"),
        r#"Left alone: job "test (3.12)" failed at step "Run tests", which no rule of the policy file re-runs."#,
    );
    test.says(
        &policy("otherwise: ignore"),
        r#"Left alone: attempt 1 failed in job "test (3.12)" at step "Run tests", and the policy file says to ignore that."#,
    );
    let log = "rules: [{ name: network, if: { log: ETIMEDOUT }, then: rerun, max_reruns: 1 }]";
    test.clone().logged(1, &["one", "ETIMEDOUT"]).says(
        &policy(log),
        r#"Attempt 1 failed in job "test (3.12)" at step "Run tests": re-run 1 of at most 1, by rule "network" (line 102 of the job's log)."#,
    );
    let spent =
        World { history: earlier(&[(1, None, &["network"])]), ..test.clone().logged(1, &["ETIMEDOUT"]).attempt(2) };
    spent.says(
        &policy(log),
        r#"Gave up: attempt 2 failed in job "test (3.12)" at step "Run tests", and rule "network" re-runs a run at most once."#,
    );
    let many = || failed((1..=15).map(|id| job(id, &format!("j{id:02}"), "x")));
    many().says(&nothing, r#"Attempt 1 failed in jobs "j01", "j02", "j03" and 12 more: re-run 1 of at most 3."#);
    many().says(
        &policy("max_failed_jobs: 10"),
        "Left alone: 15 jobs failed at once, more than max_failed_jobs of the policy file (10).",
    );
    test.says(
        &policy("budget: { reruns_per_hour: 0 }"),
        r#"Left alone: attempt 1 failed in job "test (3.12)" at step "Run tests", and the repository's budget of 0 re-runs an hour is used up."#,
    );
    test.says(
        &policy("actors: { exclude: ann }"),
        r#"Left alone: it was started by "ann", which the policy file excludes under actors."#,
    );
    test.says(
        &policy("branches: { include: release }"),
        r#"Left alone: its branch is "main", which the policy file does not include under branches."#,
    );
    let hostile = format!("x\u{202e}\n\"; drop{}", "y".repeat(1_000));
    let reason = failed([job(1, &hostile, &hostile)]).reruns(&nothing).reason;
    assert!(reason.len() < 350 && !reason.contains(['\u{202e}', '\n']) && reason.contains("x '; dropyyy"), "{reason}");
}
