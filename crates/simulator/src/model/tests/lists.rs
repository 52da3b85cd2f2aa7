//! The lists of a workflow's runs, and of all jobs of a run.

use super::*;

fn ids(setting: &mut Setting, workflow: &str, query: RunsQuery) -> Result<Vec<RunId>, u16> {
    let page = setting.github.list_workflow_runs(Caller::new(TOKEN), REPO, workflow, &query, setting.now);
    page.map(|page| page.runs.iter().map(RunSnapshot::id).collect()).map_err(|error| error.status)
}

fn on(branch: &str) -> RunsQuery {
    RunsQuery { branch: Some(branch.to_owned()), ..RunsQuery::default() }
}

#[test]
fn runs_of_a_workflow_by_its_number_and_its_files_name() {
    let mut setting = Setting::new();
    let ci = setting.github.add_workflow(setting.repository, Workflow::new("ci").job(JobSpec::new("a").fails(1)));
    let docs = setting.github.add_workflow(setting.repository, Workflow::new("docs"));
    let mut start = |workflow, branch: &str| {
        setting.now += 1_000;
        setting.github.start_run(setting.repository, workflow, Trigger::push(branch, "mona"), setting.now)
    };
    let (first, _, second, other) = (start(ci, "main"), start(docs, "main"), start(ci, "main"), start(ci, "fix"));
    setting.settle();
    let number = setting.github.snapshot(first).identity.workflow_number.to_string();
    for workflow in [number.as_str(), "ci.yml"] {
        let all = RunsQuery::default();
        assert_eq!(ids(&mut setting, workflow, all.clone()), Ok(vec![other, second, first]), "newest first");
        assert_eq!(ids(&mut setting, workflow, on("main")), Ok(vec![second, first]));
        let status = |status: &str| RunsQuery { status: Some(status.to_owned()), ..on("main") };
        assert_eq!(ids(&mut setting, workflow, status("completed")), Ok(vec![second, first]));
        assert_eq!(ids(&mut setting, workflow, status("failure")), Ok(vec![second, first]));
        assert_eq!(ids(&mut setting, workflow, status("success")), Ok(vec![]));
        assert_eq!(ids(&mut setting, workflow, RunsQuery { per_page: 2, page: 2, ..all.clone() }), Ok(vec![first]));
        let created = CreatedFilter { from: setting.github.snapshot(second).identity.created_at, to: Millis::MAX };
        assert_eq!(ids(&mut setting, workflow, RunsQuery { created, ..all.clone() }), Ok(vec![other, second]));
        let head_sha = Some(setting.github.snapshot(other).identity.head_sha.to_string());
        assert_eq!(ids(&mut setting, workflow, RunsQuery { head_sha, ..all.clone() }), Ok(vec![other]));
        let event = Some("pull_request".to_owned());
        assert_eq!(ids(&mut setting, workflow, RunsQuery { event, ..all }), Ok(vec![]));
    }
    assert_eq!(ids(&mut setting, "unknown.yml", RunsQuery::default()), Err(404));
    assert_eq!(ids(&mut setting, "1", RunsQuery::default()), Err(404));
}

/// GitHub goes by the branch's name alone: whoever looks for runs of the base has to look at their repository.
#[test]
fn a_forks_main_is_listed_with_the_repositorys_own() {
    let mut setting = Setting::new();
    let ci = setting.github.add_workflow(setting.repository, Workflow::new("ci").job(JobSpec::new("a")));
    let fork = setting.github.open_pull_request(setting.repository, "main", "stranger", true, START);
    let mut start = |trigger| {
        setting.now += 1_000;
        setting.github.start_run(setting.repository, ci, trigger, setting.now)
    };
    let own = start(Trigger::push("main", "mona"));
    let theirs = start(Trigger::pull_request(fork, "stranger"));
    setting.settle();
    let page = setting.github.list_workflow_runs(Caller::new(TOKEN), REPO, "ci.yml", &on("main"), setting.now).unwrap();
    let shown: Vec<_> = page.runs.iter().map(|run| (run.id(), run.identity.head_repository.as_str())).collect();
    assert_eq!(shown, [(theirs, "stranger/widgets"), (own, REPO)]);
}

#[test]
fn all_jobs_of_a_run_are_those_of_each_attempt() {
    let mut setting = Setting::new();
    let workflow = Workflow::new("ci").job(JobSpec::new("a").fails(2)).job(JobSpec::new("b"));
    let run = setting.run(workflow);
    setting.settle();
    for _ in 0..2 {
        setting.rerun_failed(run).unwrap();
        setting.settle();
    }
    let mut all = |per_page, page| {
        let page = setting.github.list_all_jobs(Caller::new(TOKEN), REPO, run, per_page, page, setting.now).unwrap();
        let shown = |one: &JobSnapshot| (one.run.attempt, one.job.name.to_string(), one.job.conclusion().unwrap());
        (page.total_count, page.jobs.iter().map(shown).collect::<Vec<_>>())
    };
    let (failed, passed) = (Conclusion::Failure, Conclusion::Success);
    let (count, jobs) = all(100, 1);
    let of = |attempt: u32| jobs.iter().filter(move |job| job.0 == attempt).map(|job| (job.1.as_str(), job.2));
    assert_eq!(count, 6);
    for (attempt, a) in [(1, failed), (2, failed), (3, passed)] {
        let mut jobs: Vec<_> = of(attempt).collect();
        jobs.sort();
        assert_eq!(jobs, [("a", a), ("b", passed)], "attempt {attempt}");
    }
    assert_eq!(all(4, 2).1.len(), 2);
    let latest = setting.github.list_jobs(Caller::new(TOKEN), REPO, run, None, 100, 1, setting.now).unwrap();
    assert_eq!((latest.total_count, latest.jobs[0].run.attempt), (2, 3));
}
