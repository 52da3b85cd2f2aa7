//! Outages.

use super::*;

const HOUR: Millis = 60 * 60 * 1_000;

/// What the log of the only job of the run's latest attempt has, with its failed step.
fn failure(setting: &Setting, run: RunId) -> (String, Option<String>) {
    let job = &setting.github.run(run).latest().jobs[0];
    let failed = job.steps().into_iter().find(|step| step.conclusion == Some(Conclusion::Failure));
    (job.log().unwrap_or_default(), failed.map(|step| step.name.to_string()))
}

#[test]
fn every_job_fails_by_it_while_it_lasts_and_by_its_script_after() {
    let mut setting = Setting::new();
    setting.github.add_outage(Outage::of_registry(START + HOUR, START + 2 * HOUR));
    let before = setting.run(Workflow::new("before").job(JobSpec::new("a")));
    setting.settle();
    assert_eq!(setting.conclusion(before), Some(Conclusion::Success));
    setting.now = START + HOUR;
    let good = setting.run(Workflow::new("good").job(JobSpec::new("a")));
    let bad = setting.run(Workflow::new("bad").job(JobSpec::new("a").always_fails()));
    setting.settle();
    for run in [good, bad] {
        assert_eq!(setting.conclusion(run), Some(Conclusion::Failure));
        let (log, step) = failure(&setting, run);
        assert!(log.contains("npm error code E503"), "{log}");
        assert_eq!(step.as_deref(), Some("Run tests"), "none of its steps is called Install");
    }
    setting.rerun_failed(good).unwrap();
    setting.settle();
    assert_eq!(setting.conclusion(good), Some(Conclusion::Failure), "a probe in the outage");
    setting.now = START + 2 * HOUR;
    for run in [good, bad] {
        setting.rerun_failed(run).unwrap();
    }
    setting.settle();
    assert_eq!(setting.conclusion(good), Some(Conclusion::Success));
    assert_eq!(setting.conclusion(bad), Some(Conclusion::Failure));
    assert!(!failure(&setting, bad).0.contains("E503"));
}

#[test]
fn it_hits_the_repositories_that_it_names_until_it_is_ended() {
    let mut setting = Setting::new();
    let other = setting.github.add_repository("octo/other", START);
    let outage = Outage::of_registry(START, Millis::MAX).within(&[other]);
    let outage = setting.github.add_outage(outage.annotated(Annotation::by_runner("registry.npmjs.org: 503")));
    let workflow = setting.github.add_workflow(other, Workflow::new("ci").job(JobSpec::new("a")));
    let start = |setting: &mut Setting| {
        let spared = setting.run(Workflow::new(&format!("w{}", setting.now)).job(JobSpec::new("a")));
        let hit = setting.github.start_run(other, workflow, Trigger::push("main", "mona"), setting.now);
        setting.settle();
        (setting.conclusion(spared), setting.conclusion(hit), hit)
    };
    let (spared, hit, run) = start(&mut setting);
    assert_eq!((spared, hit), (Some(Conclusion::Success), Some(Conclusion::Failure)));
    let said = setting.github.run(run).latest().jobs[0].annotations();
    let messages: Vec<_> = said.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["registry.npmjs.org: 503", "Process completed with exit code 1."]);
    setting.github.end_outage(outage, setting.now);
    let (spared, hit, _) = start(&mut setting);
    assert_eq!((spared, hit), (Some(Conclusion::Success), Some(Conclusion::Success)));
}

#[test]
fn gates_go_by_what_they_need_and_what_needs_a_failed_job_is_skipped() {
    let mut setting = Setting::new();
    setting.github.add_outage(Outage::new(START, START + HOUR, Outcome::LostRunner(LostRunner::Hosted)));
    let workflow = Workflow::new("ci")
        .job(JobSpec::new("build"))
        .job(JobSpec::new("test").needs(&["build"]))
        .job(JobSpec::gate("all-green", &["build", "test"]));
    let run = setting.run(workflow);
    setting.settle();
    assert_eq!(setting.jobs(run, 1), "all-green=failure build=failure test=skipped");
    let jobs = &setting.github.run(run).latest().jobs;
    let of = |name: &str| jobs.iter().find(|job| &*job.name == name).unwrap().annotations()[0].message.clone();
    assert!(of("build").contains("lost communication"));
    assert_eq!(of("all-green"), "Process completed with exit code 1.");
}
