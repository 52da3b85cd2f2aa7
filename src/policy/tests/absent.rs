//! What could not be read never lets a run pass what its owners wrote.

use super::*;

#[track_caller]
fn decides(world: &World, text: &str, rerun: bool) {
    let (decision, _) = world.decide(&policy(text));
    assert_eq!(matches!(decision, Decision::Rerun(_)), rerun, "{text}\n{decision:#?}");
}

fn build() -> World {
    failed([job(1, "build", "Fetch")])
}

#[test]
fn a_rule_that_may_leave_it_does() {
    let no_jobs = bare(1, Conclusion::Failure);
    let none_failed = World { jobs: Fetched::Present(vec![]), ..bare(1, Conclusion::Failure) };
    let read = || build().annotated(1, &["x"]).logged(1, &["x"]);
    for (world, conditions, rerun) in [
        (&build(), "log: y", false),
        (&build(), "annotation: y", false),
        (&build(), "exit_code: 2", false),
        (&build(), "lost_runner: true", false),
        (&build(), "lost_runner: false", false),
        (&no_jobs, "step: '*test*'", false),
        (&no_jobs, "job: x", false),
        (&none_failed, "step: '*test*'", false),
        (&no_jobs, "log: y", false),
        // Something else rules it out.
        (&build(), "job: test, log: y", true),
        (&build().annotated(1, &["x"]), "annotation: y, log: y", true),
        (&build().logged(1, &["x"]), "annotation: y, log: y", true),
        (&no_jobs, "branch: other, log: y", true),
        (&read(), "annotation: y", true),
        (&read(), "log: y", true),
        // Nothing is absent that it goes by.
        (&no_jobs, "branch: other", true),
        (&no_jobs, "workflow: other", true),
    ] {
        let rule = format!("rules: [{{ name: r, if: {{ {conditions} }}, then: leave }}]");
        decides(world, &rule, rerun);
        decides(world, &format!("{rule}\nabsent_evidence: leave"), rerun);
        decides(world, &format!("{rule}\nabsent_evidence: rerun"), true);
        // A rule that re-runs takes nothing away.
        decides(world, &rule.replace("leave", "rerun"), true);
        decides(world, &format!("{}\notherwise: leave", rule.replace("leave", "rerun")), false);
    }
    // Without a file, or without rules, nothing is missed.
    for world in [&build(), &no_jobs, &none_failed] {
        decides(world, "", true);
        decides(world, "max_reruns: 2\ndelay: 1m", true);
    }
}

#[test]
fn what_any_way_of_it_comes_to_counts() {
    let doubt = |then: &str| format!("rules: [{{ name: r, if: {{ job: build, log: y }}, then: {then} }}]");
    let two = failed([job(1, "build", "Fetch"), job(2, "lint", "Lint")]);
    // An ignored job does not keep the other from being re-run.
    decides(&build(), &doubt("ignore"), false);
    decides(&two, &doubt("ignore"), true);
    decides(&two, &doubt("leave"), false);
    decides(&two, &format!("{}\nmixed: rerun", doubt("leave")), true);
    decides(&build(), &format!("{}\nmixed: rerun", doubt("leave")), false);
    // An earlier rule that certainly matches comes first.
    let first = "rules: [{ name: a, if: { step: Fetch }, then: rerun }, { name: b, if: { log: y }, then: leave }]";
    decides(&build(), first, true);
    // A rule whose re-runs are used up keeps it from being re-run, too.
    let used_up = "rules: [{ name: r, if: { log: y }, then: rerun, max_reruns: 1 }]";
    let second = World { history: earlier(&[(1, None, &["r"])]), ..build() }.attempt(2);
    decides(&second, used_up, false);
    decides(&build(), used_up, true);
}

#[test]
fn a_list_of_jobs_that_is_not_whole() {
    let cut = |evidence: &mut Evidence| evidence.jobs_cut = Some("there are more".to_owned());
    let decided = |text: &str| {
        let world = build();
        let mut evidence = Evidence { jobs: world.jobs.clone(), ..Evidence::default() };
        cut(&mut evidence);
        match decide(&world.settings, &policy(text), &world.run, &world.history, &evidence) {
            Verdict::Decision(Decision::Rerun(rerun)) => (true, rerun.detail.absent),
            Verdict::Decision(Decision::End(ending)) => (false, ending.detail.absent),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(decided(""), (true, vec!["failed jobs: there are more".to_owned()]));
    assert!(!decided("rules: [{ name: r, if: { job: test }, then: leave }]").0);
    assert!(decided("rules: [{ name: r, if: { job: test }, then: rerun }]").0);
    assert!(!decided("max_failed_jobs: 5").0);
    assert!(!decided("budget: { minutes_per_day: 100 }").0);
    assert!(decided("budget: { reruns_per_day: 100 }").0);
}

#[test]
fn limits_that_go_by_what_is_absent() {
    let no_jobs = bare(1, Conclusion::Failure);
    for text in ["max_failed_jobs: 5", "budget: { minutes_per_day: 100 }"] {
        decides(&no_jobs, text, false);
        decides(&no_jobs, &format!("{text}\nabsent_evidence: rerun"), true);
        decides(&build(), text, true);
    }
    // Ignored jobs may count.
    let two = failed([job(1, "build", "Fetch"), job(2, "build", "x")]);
    let rules = "rules: [{ name: r, if: { job: build, annotation: y }, then: rerun }, { name: g, if: { step: x }, then: ignore }]";
    decides(&two, &format!("max_failed_jobs: 1\n{rules}"), false);
    decides(&two, &format!("max_failed_jobs: 2\n{rules}"), true);
    // What failed in the same way may have, if that is not known, once there were enough attempts.
    let repeated = "stop_when_repeated: 2\nmax_reruns: 9";
    decides(&build(), repeated, true);
    let second = World { history: earlier(&[(1, Some("other"), &[])]), ..build() }.attempt(2);
    decides(&second, repeated, false);
    decides(&second, &format!("{repeated}\nabsent_evidence: rerun"), true);
    let read = second.annotated(1, &["x"]);
    decides(&read, repeated, true);
    let mut partial = read;
    partial.history.attempts.iter_mut().for_each(|attempt| attempt.partial = true);
    decides(&partial, repeated, false);
    // One that certainly failed in another way is none that may have been the same.
    let mut third = World {
        history: earlier(&[(1, Some("other"), &[]), (2, Some("another"), &[])]),
        ..build().annotated(1, &["x"])
    };
    third = third.attempt(3);
    third.history.attempts.iter_mut().take(1).for_each(|attempt| attempt.partial = true);
    decides(&third, "stop_when_repeated: 3\nmax_reruns: 9", true);
    decides(&third, "stop_when_repeated: 2\nmax_reruns: 9", false);
    assert!(reruns(&build(), repeated).detail.partial_fingerprint);
    assert!(!reruns(&build().annotated(1, &["x"]), repeated).detail.partial_fingerprint);
}

#[test]
fn annotations_beyond_those_that_were_read() {
    let decided = |text: &str| {
        let world = build();
        let mut evidence = Evidence { jobs: world.jobs.clone(), ..Evidence::default() };
        let job_id = JobId::new(1).unwrap();
        evidence.annotations.insert(job_id, Fetched::Present(vec!["x".to_owned()]));
        evidence.annotations_cut.insert(job_id, "there are more".to_owned());
        let verdict = decide(&world.settings, &policy(text), &world.run, &world.history, &evidence);
        matches!(verdict, Verdict::Decision(Decision::Rerun(_)))
    };
    assert!(!decided("rules: [{ name: r, if: { annotation: y }, then: leave }]"));
    assert!(!decided("otherwise: leave\nrules: [{ name: r, if: { annotation: y }, then: rerun }]"));
    assert!(decided("otherwise: leave\nrules: [{ name: r, if: { annotation: x }, then: rerun }]"));
}

#[test]
fn the_reason_says_what_was_absent_and_which_rule_goes_by_it() {
    let rule = "rules: [{ name: tests, if: { log: y }, then: leave }]";
    build().says(
        &policy(rule),
        r#"Left alone: attempt 1 failed in job "build" at step "Fetch", and rule "tests" may say to leave it: its log could not be read (404)."#,
    );
    build().says(
        &policy(&format!("{rule}\nabsent_evidence: rerun")),
        r#"Attempt 1 failed in job "build" at step "Fetch": re-run 1 of at most 3, although rule "tests" may say to leave it: its log could not be read (404); absent_evidence says to re-run it."#,
    );
    bare(1, Conclusion::Failure).says(
        &policy("max_failed_jobs: 5"),
        "Left alone: attempt 1 failed, and more jobs may have failed than the policy file's max_failed_jobs: its jobs could not be read (HTTP 403).",
    );
    let ending = build().ends(&policy(rule));
    assert_eq!(ending.detail.absent, ["log of build: 404"]);
    assert_eq!(ending.detail.doubts, [r#"rule "tests" of build: its log"#]);
}

#[test]
fn a_runner_is_lost_where_something_shows_it() {
    use Conclusion::{Cancelled, Failure, Success};
    let rule = "otherwise: leave\nrules: [{ name: lost, if: { lost_runner: true }, then: rerun }]";
    let never_started = || failed([Job { steps: vec![], ..job(1, "build", "") }]);
    let ran = |steps: &[(&str, Conclusion)]| {
        let steps = steps.iter().map(|(name, conclusion)| Step {
            name: (*name).to_owned(),
            conclusion: Some(*conclusion),
            going: false,
        });
        failed([Job { steps: steps.collect(), ..job(1, "build", "") }])
    };
    let said = |world: World, message: &str| world.annotated(1, &[message]);
    for (world, rerun) in [
        (said(never_started(), "The job was not acquired by Runner of type hosted even after multiple attempts"), true),
        (said(build(), "The runner has received a shutdown signal."), true),
        (said(build(), "The hosted runner: x lost communication with the server. Anything …"), true),
        // A step that began and never ended, whatever the annotations say of it; unless they say something else.
        (failed([job(1, "build", "")]), true),
        (failed([job(1, "build", "")]).annotated(1, &[]), true),
        (said(failed([job(1, "build", "")]), "The job has exceeded the maximum execution time of 6h0m0s"), false),
        // Failed without a failed step, and nothing says why.
        (ran(&[("Set up job", Success), ("Run tests", Cancelled)]), true),
        (ran(&[("Set up job", Success)]).annotated(1, &["Node.js 16 actions are deprecated."]), true),
        (never_started().annotated(1, &[]), true),
        // So it is where an account may not pay.
        (never_started(), false),
        (ran(&[("Set up job", Success), ("Run tests", Failure)]).annotated(1, &[]), false),
        (
            said(never_started(), "The job was not started because your account is locked due to a billing issue."),
            false,
        ),
        (said(never_started(), "Invalid workflow file: .github/workflows/ci.yml#L1"), false),
        (
            said(never_started(), "Branch \"x\" is not allowed to deploy to y due to environment protection rules."),
            false,
        ),
        (said(never_started(), "Canceling since a higher priority waiting request for 'a' exists"), false),
        (said(build(), "Process completed with exit code 1."), false),
    ] {
        decides(&world, rule, rerun);
    }
    let billing =
        said(never_started(), "The job was not started because your account is locked due to a billing issue.");
    let ending = billing.ends(&policy(rule));
    assert_eq!(
        ending.reason,
        r#"Left alone: job "build" failed (billing kept it from running), which no rule of the policy file re-runs."#
    );
    let record = serde_json::to_value(&ending.detail).unwrap();
    assert_eq!(record["jobs"][0]["interruption"], "billing");
    assert_eq!(
        said(build(), "The runner has received a shutdown signal.").reruns(&policy(rule)).reason,
        r#"Attempt 1 failed in job "build" at step "Fetch" (its runner was lost): re-run 1 of at most 3, by rule "lost"."#
    );
}
