use super::*;
use crate::settings::Preset;

use Conclusion::{Failure, TimedOut};

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
    World { settings: RerunSettings { dry_run: true, ..settings() }, ..test.clone() }.says(
        &nothing,
        r#"Left alone, because DRY_RUN is on: attempt 1 failed in job "test (3.12)" at step "Run tests", and would have been re-run (re-run 1 of at most 3)."#,
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
    // Seen to fail when all that is no rule's is said to be of a file.
    for (origin, whose) in [
        (PolicyOrigin::Preset(Preset::Careful), "preset careful"),
        (PolicyOrigin::Organization, "organization's policy file"),
    ] {
        let by = |text| Policy { origin, ..policy(text) };
        let job = r#"job "test (3.12)" failed at step "Run tests""#;
        test.says(&by("otherwise: leave"), &format!("Left alone: {job}, which no rule of the {whose} re-runs."));
        let job = r#"attempt 1 failed in job "test (3.12)" at step "Run tests""#;
        test.says(&by("otherwise: ignore"), &format!("Left alone: {job}, and the {whose} says to ignore that."));
    }
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
        "Left alone: 15 jobs failed at once, more than the policy file's max_failed_jobs (10).",
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
