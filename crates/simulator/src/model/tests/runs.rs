use super::*;

#[track_caller]
fn ends(workflow: Workflow, conclusion: Conclusion, jobs: &str) {
    let mut setting = Setting::new();
    let run = setting.run(workflow);
    setting.settle();
    assert_eq!(setting.conclusion(run), Some(conclusion));
    assert_eq!(setting.jobs(run, 1), jobs);
}

fn job(name: &str, outcome: Outcome) -> JobSpec {
    JobSpec::new(name).script([outcome])
}

#[test]
fn a_run_concludes_as_the_worst_of_its_jobs() {
    let failed = || JobSpec::new("b").always_fails();
    let one = |second: JobSpec| Workflow::new("ci").job(JobSpec::new("a")).job(second);
    ends(one(JobSpec::new("b")), Conclusion::Success, "a=success b=success");
    ends(one(failed()), Conclusion::Failure, "a=success b=failure");
    ends(one(job("b", Outcome::TimedOut)), Conclusion::TimedOut, "a=success b=timed_out");
    ends(one(job("b", Outcome::Cancelled)), Conclusion::Cancelled, "a=success b=cancelled");
    ends(one(job("b", Outcome::Skipped)), Conclusion::Success, "a=success b=skipped");
    ends(one(JobSpec::new("b").loses_runner(1)), Conclusion::Failure, "a=success b=failure");
    ends(one(failed()).job(job("c", Outcome::Cancelled)), Conclusion::Failure, "a=success b=failure c=cancelled");
    ends(one(failed().continue_on_error()), Conclusion::Success, "a=success b=failure");
    let exceeded = |cancelled| one(job("b", Outcome::ExceededTime { cancelled }));
    ends(exceeded(true), Conclusion::Cancelled, "a=success b=cancelled");
    ends(exceeded(false), Conclusion::Failure, "a=success b=failure");
    ends(Workflow::new("ci").job(job("a", Outcome::Skipped)), Conclusion::Skipped, "a=skipped");
    ends(Workflow::new("ci"), Conclusion::Success, "");
    ends(Workflow::new("ci").startup_failure(), Conclusion::StartupFailure, "");
}

#[test]
fn needs_decide_what_runs() {
    let build = || JobSpec::new("build").always_fails();
    let test = || JobSpec::new("test").needs(&["build"]).matrix(3);
    // A matrix that is skipped is not expanded, and what needs it is skipped too.
    let chain = Workflow::new("ci").job(build()).job(test()).job(JobSpec::new("deploy").needs(&["test"]));
    ends(chain, Conclusion::Failure, "build=failure deploy=skipped test=skipped");
    let gate = Workflow::new("ci").job(build()).job(test()).job(JobSpec::gate("ok", &["build", "test"]));
    ends(gate, Conclusion::Failure, "build=failure ok=failure test=skipped");
    let allowed = Workflow::new("ci").job(build().continue_on_error()).job(test());
    ends(allowed, Conclusion::Success, "build=failure test (1)=success test (2)=success test (3)=success");
}

#[test]
fn fail_fast_cancels_siblings_that_still_go() {
    let matrix = || JobSpec::new("t").matrix(3).member(1, Plan::Script(vec![Outcome::failure("Run tests")]));
    // All end in the same millisecond, and the first is the first to fail.
    ends(Workflow::new("ci").job(matrix()), Conclusion::Failure, "t (1)=failure t (2)=cancelled t (3)=cancelled");
    let patient = Workflow::new("ci").job(matrix().no_fail_fast());
    ends(patient, Conclusion::Failure, "t (1)=failure t (2)=success t (3)=success");
}

#[test]
fn a_matrix_reaches_256_jobs() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("t").matrix(256).always_fails()));
    setting.settle();
    assert_eq!(setting.github.run(run).latest().jobs.len(), 256);
}

#[test]
fn events_come_in_githubs_order() {
    let mut setting = Setting::new();
    let first = JobSpec::new("a").always_fails();
    setting.run(Workflow::new("ci").job(first).job(JobSpec::new("b").needs(&["a"])));
    setting.settle();
    let events = setting.github.take_events();
    let expected = [
        "workflow_run.requested",
        "check_run.created a",
        "workflow_job.queued a",
        "workflow_job.in_progress a",
        "workflow_run.in_progress",
        "check_run.completed a",
        "workflow_job.completed a",
        // Skipped jobs complete without ever being queued.
        "check_run.completed b",
        "workflow_job.completed b",
        "workflow_run.completed",
    ];
    assert_eq!(told(&events), expected);
    assert!(events.is_sorted_by_key(|event| event.at));
    assert_eq!(setting.github.take_events().len(), 0);
}

#[test]
fn only_wanted_events_are_made() {
    let mut setting = Setting::new();
    setting.github.set_emits(setting.repository, EventKinds::only(EventKind::WorkflowRun));
    setting.run(Workflow::new("ci").job(JobSpec::new("a")));
    setting.settle();
    assert_eq!(told(&setting.github.take_events()).len(), 3);
}

#[test]
fn action_required_waits_for_a_person() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a")).action_required());
    setting.settle();
    assert_eq!(setting.conclusion(run), Some(Conclusion::ActionRequired));
    assert_eq!(told(&setting.github.take_events()), ["workflow_run.requested", "workflow_run.completed"]);
    setting.github.approve(run, setting.now);
    setting.settle();
    let snapshot = setting.github.snapshot(run);
    assert_eq!((snapshot.attempt, snapshot.conclusion), (1, Some(Conclusion::Success)));
}

#[test]
fn cancelling() {
    let long = || Workflow::new("ci").job(JobSpec::new("a").duration(1_000)).job(JobSpec::new("b").needs(&["a"]));
    let cases = [
        // Before any job exists, while the first job goes, and when all is over.
        (0, Some(Conclusion::Cancelled), ""),
        (500, Some(Conclusion::Cancelled), "a=cancelled b=skipped"),
        (9_000, Some(Conclusion::Success), "a=success b=success"),
    ];
    for (after, conclusion, jobs) in cases {
        let mut setting = Setting::new();
        let run = setting.run(long());
        setting.pass(after);
        setting.github.cancel(run, setting.now);
        setting.settle();
        assert_eq!((setting.conclusion(run), setting.jobs(run, 1).as_str()), (conclusion, jobs), "after {after}");
        assert!(setting.github.is_idle());
    }
}

#[test]
fn concurrency_cancels_the_other_run_of_the_branch() {
    let mut setting = Setting::new();
    let workflow = Workflow::new("ci").job(JobSpec::new("a").fails(1).duration(1_000)).cancels_in_progress();
    let workflow = setting.github.add_workflow(setting.repository, workflow);
    let start = |setting: &mut Setting| {
        setting.github.start_run(setting.repository, workflow, Trigger::push("main", "mona"), setting.now)
    };
    let outdated = start(&mut setting);
    setting.settle();
    let newer = start(&mut setting);
    setting.pass(100);
    setting.rerun_failed(outdated).unwrap();
    assert_eq!(setting.conclusion(newer), Some(Conclusion::Cancelled));
}

#[test]
fn chance_depends_on_what_is_asked_alone() {
    let outcomes = |order: &[u64]| {
        let job = JobSpec::new("a").flaky(0.3);
        let mut all: Vec<(u64, bool)> = (order.iter())
            .map(|run| (*run, job.outcome(7, RunId(*run), "a", 0, 1) == Some(Outcome::Success)))
            .collect();
        all.sort();
        all
    };
    let forwards: Vec<u64> = (0..10_000).collect();
    let backwards: Vec<u64> = (0..10_000).rev().collect();
    assert_eq!(outcomes(&forwards), outcomes(&backwards));
    let passed = outcomes(&forwards).iter().filter(|(_, passed)| *passed).count();
    assert!((6_800..7_200).contains(&passed), "{passed}");
}

#[test]
fn same_seed_same_events() {
    let all = || {
        let mut setting = Setting::new();
        for number in 0..20 {
            setting.run(Workflow::new(&format!("w{number}")).job(JobSpec::new("a").flaky(0.5).spread(500).matrix(5)));
        }
        setting.settle();
        format!("{:?}", setting.github.take_events())
    };
    assert_eq!(all(), all());
}

#[test]
fn what_a_lost_runner_leaves_behind() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a").loses_runner(1)));
    setting.settle();
    let job = &setting.github.run(run).latest().jobs[0];
    assert_eq!(job.conclusion(), Some(Conclusion::Failure));
    assert!(job.steps().iter().all(|step| step.conclusion != Some(Conclusion::Failure)), "{:?}", job.steps());
    let name = job.runner_name().unwrap();
    let start = format!("The hosted runner: {name} lost communication with the server.");
    assert!(job.annotations()[0].message.starts_with(&start), "{:?}", job.annotations());
    assert_eq!(job.log(), None);
}

#[test]
fn what_a_failed_step_leaves_behind() {
    let mut setting = Setting::new();
    let outcome = Outcome::failure_with("Run tests", 7, "npm ERR! ECONNRESET");
    let run = setting.run(Workflow::new("ci").job(job("a", outcome)));
    setting.settle();
    let job = &setting.github.run(run).latest().jobs[0];
    let steps: Vec<_> = job.steps().iter().map(|step| step.conclusion.map_or("-", Conclusion::as_str)).collect();
    assert_eq!(steps, ["success", "success", "failure", "skipped"]);
    assert_eq!(job.annotations(), [Annotation::by_runner("Process completed with exit code 7.")]);
    assert!(job.log().unwrap().contains("ECONNRESET"));
}

#[test]
fn forgotten_runs_leave_nothing() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a")));
    setting.pass(50);
    setting.github.forget_run(run);
    setting.settle();
    assert!(setting.github.find_run(run).is_none());
    assert!(setting.github.is_idle());
}
