use super::super::rerun::{ALREADY_RUNNING, CANNOT_BE_RETRIED, JOBS_RUN_ALREADY_RUNNING, OVER_A_MONTH_AGO};
use super::*;

fn failing() -> Workflow {
    Workflow::new("ci").job(JobSpec::new("a").fails(1))
}

/// What the API answers to a re-run of a settled run, this long after its start.
#[track_caller]
fn refused(workflow: Workflow, rerun: Rerun, after: Millis, expected: Option<&str>) {
    let mut setting = Setting::new();
    let run = setting.run(workflow);
    setting.settle();
    setting.now = START + after.max(setting.now - START);
    let caller = Caller::new(TOKEN);
    let result = match rerun {
        Rerun::AllJobs => setting.github.rerun(caller, REPO, run, false, setting.now),
        _ => setting.rerun_failed(run),
    };
    let refusal = result.err().map(|error| {
        assert_eq!(error.status, 403);
        error.message
    });
    assert_eq!(refusal.as_deref(), expected);
}

#[test]
fn what_cannot_be_retried() {
    let success = || Workflow::new("ci").job(JobSpec::new("a"));
    let job = |outcome| Workflow::new("ci").job(JobSpec::new("a").script([outcome]));
    let cannot = Some(CANNOT_BE_RETRIED);
    let (failed, all) = (Rerun::FailedJobs, Rerun::AllJobs);
    refused(failing(), failed, 0, None);
    refused(failing(), all, 0, None);
    refused(success(), failed, 0, cannot);
    refused(success(), all, 0, None);
    refused(job(Outcome::Skipped), failed, 0, cannot);
    refused(job(Outcome::TimedOut), failed, 0, None);
    refused(job(Outcome::Cancelled), failed, 0, None);
    for rerun in [failed, all] {
        refused(Workflow::new("ci").startup_failure(), rerun, 0, cannot);
        refused(failing().action_required(), rerun, 0, cannot);
        refused(failing(), rerun, 30 * DAY, None);
        refused(failing(), rerun, 30 * DAY + 1, Some(OVER_A_MONTH_AGO));
    }
}

#[test]
fn dynamic_runs_cannot_be_retried() {
    let mut setting = Setting::new();
    let run = setting.run_on(failing(), Trigger::push("main", "mona").event("dynamic"));
    setting.settle();
    assert_eq!(setting.rerun_failed(run).unwrap_err().message, CANNOT_BE_RETRIED);
}

#[test]
fn a_run_cancelled_before_any_job_cannot_be_retried() {
    let mut setting = Setting::new();
    let run = setting.run(failing());
    setting.github.cancel(run, setting.now);
    assert_eq!(setting.rerun_failed(run).unwrap_err().message, CANNOT_BE_RETRIED);
}

#[test]
fn a_run_is_running_until_it_has_concluded() {
    let mut setting = Setting::new();
    let run = setting.run(failing());
    // Its one job has ended by now, but the run has not concluded.
    setting.pass(110);
    let job = setting.github.run(run).latest().jobs[0].clone();
    assert_eq!(job.conclusion(), Some(Conclusion::Failure));
    assert_eq!(setting.rerun_failed(run).unwrap_err().message, ALREADY_RUNNING);
    let one = setting.github.rerun_job(Caller::new(TOKEN), REPO, job.id, false, setting.now);
    assert_eq!(one.unwrap_err().message, JOBS_RUN_ALREADY_RUNNING);
    setting.settle();
    setting.rerun_failed(run).unwrap();
    assert_eq!(setting.rerun_failed(run).unwrap_err().message, ALREADY_RUNNING);
    assert_eq!(setting.github.reruns().len(), 1);
}

#[test]
fn fifty_re_runs_and_no_more() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a").always_fails()));
    for _ in 0..50 {
        setting.settle();
        setting.rerun_failed(run).unwrap();
    }
    setting.settle();
    assert_eq!(setting.rerun_failed(run).unwrap_err().message, CANNOT_BE_RETRIED);
    assert_eq!(setting.github.snapshot(run).attempt, 51);
}

#[test]
fn failed_jobs_and_their_dependents_run_again() {
    let mut setting = Setting::new();
    let workflow = Workflow::new("ci")
        .job(JobSpec::new("lint"))
        .job(JobSpec::new("test").matrix(3).no_fail_fast().member_fails(2, 1))
        .job(JobSpec::new("docs").needs(&["lint"]))
        .job(JobSpec::new("deploy").needs(&["test"]))
        .job(JobSpec::gate("ok", &["lint", "deploy"]));
    let run = setting.run(workflow);
    setting.settle();
    let first =
        "deploy=skipped docs=success lint=success ok=failure test (1)=success test (2)=failure test (3)=success";
    assert_eq!(setting.jobs(run, 1), first);
    setting.github.take_events();
    setting.rerun_failed(run).unwrap();
    setting.settle();
    let second =
        "deploy=success docs=success* lint=success* ok=success test (1)=success* test (2)=success test (3)=success*";
    assert_eq!(setting.jobs(run, 2), second);
    assert_eq!(setting.conclusion(run), Some(Conclusion::Success));
}

#[test]
fn passed_jobs_are_told_of_again_under_new_ids() {
    let mut setting = Setting::new();
    let run = setting.run(failing().job(JobSpec::new("b")));
    setting.settle();
    setting.github.take_events();
    setting.rerun_failed(run).unwrap();
    setting.settle();
    let events = setting.github.take_events();
    let start = ["workflow_run.requested", "workflow_job.completed b", "check_run.created a", "workflow_job.queued a"];
    assert_eq!(told(&events)[..4], start);
    let attempts = &setting.github.run(run).attempts;
    let b = |attempt: &Attempt| attempt.jobs.iter().find(|job| &*job.name == "b").unwrap().clone();
    let (before, after) = (b(&attempts[0]), b(&attempts[1]));
    assert_ne!(before.id, after.id);
    assert_eq!(before.completed_at, after.completed_at);
    assert_eq!((after.attempt, after.ran_in), (2, 1));
}

#[test]
fn who_and_what_stay_and_change() {
    let mut setting = Setting::new();
    let run = setting.run(failing());
    setting.settle();
    let before = setting.github.snapshot(run);
    setting.github.push(setting.repository, "main", setting.now);
    setting.rerun_failed(run).unwrap();
    setting.settle();
    let after = setting.github.snapshot(run);
    assert_eq!(after.identity.head_sha, before.identity.head_sha);
    assert_eq!(after.identity.actor.as_str(), "mona");
    assert_eq!(before.triggering_actor.as_str(), "mona");
    assert_eq!(after.triggering_actor.as_str(), "rerunner-bot");
}

#[test]
fn one_job_runs_again_with_its_dependents() {
    let mut setting = Setting::new();
    let workflow = Workflow::new("ci")
        .job(JobSpec::new("a").always_fails())
        .job(JobSpec::new("b").fails(1))
        .job(JobSpec::new("c").needs(&["b"]));
    let run = setting.run(workflow);
    setting.settle();
    let b = setting.github.run(run).latest().jobs.iter().find(|job| &*job.name == "b").unwrap().id;
    setting.github.rerun_job(Caller::new(TOKEN), REPO, b, false, setting.now).unwrap();
    setting.settle();
    assert_eq!(setting.jobs(run, 2), "a=failure* b=success c=success");
    assert_eq!(setting.conclusion(run), Some(Conclusion::Failure));
}

#[test]
fn a_re_run_that_fails_to_start_needs_a_full_re_run() {
    let mut setting = Setting::new();
    let run = setting.run(failing().ends([RunEnd::Jobs, RunEnd::StartupFailure, RunEnd::Jobs]));
    setting.settle();
    setting.rerun_failed(run).unwrap();
    setting.settle();
    assert_eq!(setting.conclusion(run), Some(Conclusion::StartupFailure));
    assert_eq!(setting.rerun_failed(run).unwrap_err().message, CANNOT_BE_RETRIED);
    setting.github.rerun(Caller::new(TOKEN), REPO, run, true, setting.now).unwrap();
    setting.settle();
    assert_eq!(setting.conclusion(run), Some(Conclusion::Success));
    assert!(setting.github.reruns()[1].debug_logging);
}

#[test]
fn persons_re_runs_are_on_record_as_theirs() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a").always_fails()));
    setting.settle();
    setting.github.press_rerun_failed(run, "hubot", setting.now).unwrap();
    assert_eq!(setting.github.press_rerun_all(run, "hubot", setting.now), Err(ALREADY_RUNNING));
    setting.settle();
    setting.rerun_failed(run).unwrap();
    let record: Vec<_> =
        setting.github.reruns().iter().map(|one| (one.by, one.login.as_str(), one.from_attempt)).collect();
    assert_eq!(record, [(RerunBy::Person, "hubot", 1), (RerunBy::Api, "rerunner-bot", 2)]);
}
