use super::*;

#[test]
fn jobs_are_paged() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("t").matrix(256)));
    setting.settle();
    for (per_page, page, expected) in [(100, 1, 100), (100, 3, 56), (100, 4, 0), (1_000, 1, 100), (0, 0, 30)] {
        let answer = setting.github.list_jobs(Caller::new(TOKEN), REPO, run, Some(1), per_page, page, setting.now);
        let answer = answer.unwrap();
        assert_eq!((answer.total_count, answer.jobs.len()), (256, expected), "{per_page} {page}");
    }
    let unknown = setting.github.list_jobs(Caller::new(TOKEN), REPO, run, Some(2), 100, 1, setting.now);
    assert_eq!(unknown.unwrap_err().status, 404);
}

#[test]
fn runs_are_listed_newest_first_and_filtered() {
    let mut setting = Setting::new();
    let mut runs = vec![];
    for number in 0..6 {
        let job = if number % 2 == 0 { JobSpec::new("a") } else { JobSpec::new("a").always_fails() };
        runs.push(setting.run(Workflow::new(&format!("w{number}")).job(job)));
        setting.pass(1_000);
    }
    let list = |setting: &mut Setting, query: RunsQuery| {
        let page = setting.github.list_runs(Caller::new(TOKEN), REPO, &query, setting.now).unwrap();
        (page.total_count, page.runs.iter().map(RunSnapshot::id).collect::<Vec<_>>())
    };
    let failed = RunsQuery { status: Some("failure".to_owned()), ..RunsQuery::default() };
    assert_eq!(list(&mut setting, failed.clone()), (3, vec![runs[5], runs[3], runs[1]]));
    let created = CreatedFilter { from: START + 2_000, to: START + 3_000 };
    assert_eq!(list(&mut setting, RunsQuery { created, ..failed.clone() }), (1, vec![runs[3]]));
    assert_eq!(list(&mut setting, RunsQuery { per_page: 2, page: 2, ..failed }), (3, vec![runs[1]]));
    let completed = RunsQuery { status: Some("completed".to_owned()), ..RunsQuery::default() };
    assert_eq!(list(&mut setting, completed).0, 6);
}

#[test]
fn a_search_finds_at_most_a_thousand_runs() {
    let mut setting = Setting::new();
    let workflow = setting.github.add_workflow(setting.repository, Workflow::new("ci"));
    for _ in 0..1_100 {
        setting.github.start_run(setting.repository, workflow, Trigger::push("main", "mona"), setting.now);
    }
    let mut list = |event: Option<&str>| {
        let event = event.map(str::to_owned);
        let query = RunsQuery { event, per_page: 100, page: 11, ..RunsQuery::default() };
        let page = setting.github.list_runs(Caller::new(TOKEN), REPO, &query, setting.now).unwrap();
        (page.total_count, page.runs.len())
    };
    assert_eq!(list(Some("push")), (1_000, 0));
    assert_eq!(list(None), (1_100, 100), "only a search has an end");
}

#[test]
fn stale_reads_show_the_past() {
    let mut setting = Setting::new();
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("a").fails(1)));
    setting.settle();
    let ended = setting.now;
    setting.pass(1_000);
    setting.rerun_failed(run).unwrap();
    setting.settle();
    let mut read = |at: Millis| {
        let caller = Caller::new(TOKEN).stale_by(setting.now - at);
        let snapshot = setting.github.read_run(caller, REPO, run, setting.now).unwrap();
        let jobs = setting.github.list_jobs(caller, REPO, run, None, 100, 1, setting.now).unwrap();
        let jobs: Vec<_> = jobs.jobs.iter().map(|job| job.job.status).collect();
        (snapshot.attempt, snapshot.status, snapshot.conclusion, jobs)
    };
    use Status::{Completed, InProgress, Queued};
    assert_eq!(read(START), (1, Queued, None, vec![]));
    assert_eq!(read(START + 1), (1, Queued, None, vec![Queued]));
    assert_eq!(read(START + 50), (1, InProgress, None, vec![InProgress]));
    assert_eq!(read(ended - 1), (1, InProgress, None, vec![Completed]));
    assert_eq!(read(ended), (1, Completed, Some(Conclusion::Failure), vec![Completed]));
    assert_eq!(read(ended + 1_000), (2, Queued, None, vec![]));
    assert_eq!(read(setting.now), (2, Completed, Some(Conclusion::Success), vec![Completed]));
}

#[test]
fn pull_requests_move_on_and_forks_hide() {
    let mut setting = Setting::new();
    let own = setting.github.open_pull_request(setting.repository, "feature", "mona", false, START);
    let fork = setting.github.open_pull_request(setting.repository, "feature", "stranger", true, START);
    let run = setting.run_on(Workflow::new("a"), Trigger::pull_request(own, "mona"));
    let from_fork = setting.run_on(Workflow::new("b"), Trigger::pull_request(fork, "stranger"));
    let before = setting.github.snapshot(run);
    assert_eq!(before.pull_request.as_ref().map(|pull| pull.head_sha), Some(before.identity.head_sha));
    let head = setting.github.push_to_pull_request(setting.repository, own, setting.now);
    let after = setting.github.snapshot(run);
    assert_eq!(after.pull_request.map(|pull| pull.head_sha), Some(head));
    assert_ne!(after.identity.head_sha, head);
    let from_fork = setting.github.snapshot(from_fork);
    assert!(from_fork.pull_request.is_none());
    assert_eq!(from_fork.identity.head_repository.as_str(), "stranger/widgets");
    let read = setting.github.pull_request(Caller::new(TOKEN), REPO, own, setting.now).unwrap();
    assert_eq!(read.pull.head_sha, head);
    let unknown = setting.github.pull_request(Caller::new(TOKEN), REPO, 99, setting.now);
    assert_eq!(unknown.unwrap_err().status, 404);
}

#[test]
fn files_have_etags() {
    let mut setting = Setting::new();
    let path = ".github/rerunner.yml";
    let read = |setting: &mut Setting, etag: Option<&str>| {
        setting.github.contents(Caller::new(TOKEN), REPO, path, etag, setting.now)
    };
    assert_eq!(read(&mut setting, None).unwrap_err().status, 404);
    setting.github.write_file(setting.repository, path, "version: 1\n");
    let Ok(Contents::File(file)) = read(&mut setting, None) else { panic!("a file") };
    let used = setting.github.rate_limit(TOKEN).unwrap().used;
    assert!(matches!(read(&mut setting, Some(&file.etag)), Ok(Contents::NotModified { .. })));
    assert!(matches!(read(&mut setting, Some(&format!("W/{}", file.etag))), Ok(Contents::NotModified { .. })));
    assert_eq!(setting.github.rate_limit(TOKEN).unwrap().used, used, "304 is free");
    setting.github.write_file(setting.repository, path, "version: 2\n");
    assert!(matches!(read(&mut setting, Some(&file.etag)), Ok(Contents::File(_))));
}

#[test]
fn logs_and_annotations_of_jobs() {
    let mut setting = Setting::new();
    let workflow = Workflow::new("ci").job(JobSpec::new("a").always_fails()).job(JobSpec::new("b").loses_runner(1));
    let run = setting.run(workflow);
    setting.settle();
    let jobs = setting.github.run(run).latest().jobs.clone();
    let log = setting.github.job_log(Caller::new(TOKEN), REPO, jobs[0].id, setting.now).unwrap();
    assert_eq!(log.expires_at, setting.now + 60_000);
    let lost = setting.github.job_log(Caller::new(TOKEN), REPO, jobs[1].id, setting.now);
    assert_eq!(lost.unwrap_err().status, 404);
    let found = setting.github.annotations(Caller::new(TOKEN), REPO, jobs[0].id, setting.now).unwrap();
    assert_eq!(found, [Annotation::by_runner("Process completed with exit code 1.")]);
    assert_eq!((&*found[0].path, found[0].level), (".github", AnnotationLevel::Failure));
    let unknown = setting.github.annotations(Caller::new(TOKEN), REPO, JobId(1), setting.now);
    assert_eq!(unknown.unwrap_err().status, 404);
}

#[test]
fn a_compiler_points_at_a_file_and_the_runner_does_not() {
    let mut setting = Setting::new();
    let spoken = [
        Annotation::at("src/lib.rs", 12, "mismatched types").title("E0308"),
        Annotation::at("src/main.rs", 3, "unused import").level(AnnotationLevel::Warning),
    ];
    let failure = Outcome::failure("Run tests").annotated(spoken[0].clone()).annotated(spoken[1].clone());
    let run = setting.run(Workflow::new("ci").job(JobSpec::new("build").script([failure])));
    setting.settle();
    let job = setting.github.run(run).latest().jobs[0].id;
    let found = setting.github.annotations(Caller::new(TOKEN), REPO, job, setting.now).unwrap();
    let [first, second] = spoken;
    assert_eq!(found, [first, second, Annotation::by_runner("Process completed with exit code 1.")]);
}

#[test]
fn a_default_branch_of_another_name() {
    let mut setting = Setting::new();
    let before = setting.run(Workflow::new("a"));
    setting.github.set_default_branch(setting.repository, "trunk");
    let own = setting.github.open_pull_request(setting.repository, "feature", "mona", false, START);
    let trunk = setting.github.push(setting.repository, "trunk", setting.now);
    let id = setting.github.read_repository(Caller::new(TOKEN), REPO, setting.now).unwrap();
    assert_eq!(&*setting.github.repository(id).identity.default_branch, "trunk");
    assert_eq!(&*setting.github.snapshot(before).identity.repository.default_branch, "trunk");
    let run = setting.run_on(Workflow::new("b"), Trigger::pull_request(own, "mona"));
    let base = setting.github.snapshot(run).pull_request.unwrap();
    assert_eq!((&*base.base_branch, base.base_sha), ("trunk", trunk));
    let read = setting.github.pull_request(Caller::new(TOKEN), REPO, own, setting.now).unwrap();
    assert_eq!(read.base_branch, "trunk");
}
