//! A workflow is known by its id and its path; its name is never a run's own.

use super::*;

const EXCLUDED: &str = "workflows: { exclude: [Deploy to production] }";

/// A run of which only its id and its path say which workflow it is of.
fn deployment() -> World {
    let mut world = failed([job(1, "deploy", "Push")]);
    world.run = Run::from_json(
        br#"{"id": 7, "run_attempt": 1, "status": "completed", "conclusion": "failure", "name": "Release 1 by @dev",
             "display_title": "Release 1 by @dev", "workflow_id": 9, "path": ".github/workflows/deploy.yml",
             "event": "push", "head_branch": "main", "head_sha": "aaa", "actor": {"login": "ann"}}"#,
    )
    .unwrap();
    world
}

fn need() -> Need {
    Need::Workflow(WorkflowId::new(9).unwrap())
}

#[test]
fn a_runs_own_name_is_not_its_workflows() {
    let named = World { workflow: Fetched::Present("Deploy to production".to_owned()), ..deployment() };
    let (decision, needs) = named.decide(&policy(EXCLUDED));
    assert_eq!(needs, [need()]);
    let Decision::End(ending) = decision else { panic!("{decision:#?}") };
    assert_eq!(
        ending.reason,
        r#"Left alone: its workflow is "Deploy to production", which the policy file excludes under workflows."#
    );
    ends(&named, "workflows: { include: ['Release*'] }", RunOutcome::Left);
    reruns(&named, "workflows: { exclude: ['Release*'] }");
    reruns(&named, "workflows: { include: ['Deploy*'] }");
    let rule = |workflow: &str| format!("rules: [{{ name: r, if: {{ workflow: '{workflow}' }}, then: leave }}]");
    ends(&named, &rule("Deploy*"), RunOutcome::Left);
    reruns(&named, &rule("Release*"));
    // A webhook has told it.
    let mut told = deployment();
    told.run.workflow = Some("Deploy to production".to_owned());
    assert_eq!(told.decide(&policy(EXCLUDED)).1, []);
    ends(&told, EXCLUDED, RunOutcome::Left);
}

#[test]
fn the_name_is_asked_for_only_where_it_matters() {
    let named = World { workflow: Fetched::Present("Deploy to production".to_owned()), ..deployment() };
    for (text, asked) in [
        ("", false),
        ("workflows: { exclude: [] }", false),
        ("workflows: { exclude: deploy.yml }", false),
        ("workflows: { include: .github/workflows/* }", false),
        ("workflows: { include: other.yml }", true),
        ("rules: [{ name: r, if: { workflow: other, branch: other }, then: leave }]", false),
        ("rules: [{ name: r, if: { workflow: other, job: other }, then: leave }]", false),
        ("rules: [{ name: r, if: { workflow: other, job: deploy }, then: leave }]", true),
    ] {
        assert_eq!(named.decide(&policy(text)).1.contains(&need()), asked, "{text}");
    }
}

#[test]
fn what_is_not_known_may_be_what_is_excluded() {
    // The workflow cannot be read: its jobs say the same.
    let mut of_jobs = deployment();
    of_jobs.jobs =
        Fetched::Present(vec![Job { workflow: Some("Deploy to production".to_owned()), ..job(1, "deploy", "Push") }]);
    let (decision, needs) = of_jobs.decide(&policy(EXCLUDED));
    assert_eq!(needs, [need(), Need::Jobs]);
    assert!(matches!(decision, Decision::End(_)));
    // Nor do they.
    let unknown = deployment();
    unknown.says(
        &policy(EXCLUDED),
        "Left alone: the policy file might exclude it under workflows: the name of its workflow could not be read (404).",
    );
    reruns(&unknown, &format!("{EXCLUDED}\nabsent_evidence: rerun"));
    ends(&unknown, "workflows: { include: [CI] }", RunOutcome::Left);
    ends(&unknown, "workflows: { include: [CI] }\nabsent_evidence: rerun", RunOutcome::Left);
    let rule = "rules: [{ name: r, if: { workflow: Deploy }, then: leave }]";
    unknown.says(
        &policy(rule),
        r#"Left alone: attempt 1 failed in job "deploy" at step "Push", and rule "r" may say to leave it: the name of its workflow could not be read (404)."#,
    );
    // Its path is known all the same.
    ends(&unknown, "workflows: { exclude: deploy.yml }", RunOutcome::Left);
    reruns(&unknown, "workflows: { include: deploy.yml }");
    let endless = World { workflow: Fetched::Present("x".repeat(2_000)), ..deployment() };
    ends(&endless, EXCLUDED, RunOutcome::Left);
}
