//! What rules ask of the Keeper's own statistics and of the base branch, and what that costs.

use super::*;
use crate::policy::run::Fork;

const BROKEN: &str = "rules: [{ name: broken base, if: { base_failed: true }, then: leave }]\n";

/// A run of this number on a branch.
fn run_on(branch: &str, run: u64, conclusion: Conclusion) -> Run {
    let base = GitHub { attempt: 1, conclusion: Some(conclusion), event: "push".to_owned(), ..GitHub::default() };
    let run_id = RunId::new(run).unwrap();
    Run { head_branch: Some(branch.to_owned()), run_number: Some(run), ..base.run(run_id) }
}

/// A branch's run fails; on `trunk`, these runs are listed, newest first.
fn with_base(runs: Vec<Run>) -> Play {
    let play = Play::with_policy(BROKEN);
    {
        let mut github = play.github.borrow_mut();
        github.default_branch = "trunk".to_owned();
        github.base_runs = runs;
        github.base_jobs = vec![failed_job(9, "test", "Run tests")];
    }
    play
}

fn fails(play: &Play) {
    play.on_webhook(RunEventKind::RunFailed, Some(play.github.borrow().attempt));
    play.pass_working(Span::seconds(5));
}

fn about_base(play: &Play) -> usize {
    play.github.borrow().calls.iter().filter(|call| call.is_about_base()).count()
}

#[test]
fn a_job_that_fails_on_the_base_branch_is_left() {
    let play = with_base(vec![run_on("trunk", 2, Conclusion::Failure)]);
    fails(&play);
    play.stands(RunOutcome::Left, 0);
    assert!(play.tracked().reason.contains("rule \"broken base\" leaves"), "{}", play.tracked().reason);
    assert_eq!(about_base(&play), 3);
}

#[test]
fn another_job_or_a_success_there_says_nothing_against_a_re_run() {
    for (conclusion, job, calls) in [(Conclusion::Success, "test", 2), (Conclusion::Failure, "build", 3)] {
        let play = with_base(vec![run_on("trunk", 2, conclusion)]);
        play.github.borrow_mut().base_jobs = vec![failed_job(9, job, "Run tests")];
        fails(&play);
        play.reruns(&[1]);
        assert_eq!(about_base(&play), calls);
    }
    // It never ran there.
    let play = with_base(vec![]);
    fails(&play);
    play.reruns(&[1]);
}

#[test]
fn only_what_ran_on_the_base_branch_itself_and_came_to_an_end_counts() {
    let on = |conclusion| run_on("trunk", 2, conclusion);
    let fork = Fork { name: RepoName::parse("eve/widgets").unwrap(), id: None };
    let not_it = vec![
        Run { origin: Origin::Fork(Some(fork)), ..on(Conclusion::Failure) },
        Run { event: "pull_request".to_owned(), ..on(Conclusion::Failure) },
        Run { workflow_id: WorkflowId::new(6), ..on(Conclusion::Failure) },
        Run { event: "issue_comment".to_owned(), ..on(Conclusion::Failure) },
        on(Conclusion::Cancelled),
        on(Conclusion::Skipped),
        on(Conclusion::Success),
        on(Conclusion::Failure),
    ];
    let play = with_base(not_it);
    fails(&play);
    play.reruns(&[1]);
}

#[test]
fn on_the_default_branch_it_is_the_run_before() {
    for (before, expected) in [(Conclusion::Failure, RunOutcome::Left), (Conclusion::Success, RunOutcome::Rerunning)] {
        let other = if before == Conclusion::Failure { Conclusion::Success } else { Conclusion::Failure };
        // This run is number 3.
        let runs = vec![run_on("main", 5, other), run_on("main", 3, other), run_on("main", 2, before)];
        let play = with_base(runs);
        play.github.borrow_mut().default_branch = "main".to_owned();
        fails(&play);
        assert_eq!(play.tracked().outcome, expected);
    }
}

#[test]
fn what_cannot_be_told_of_the_base_is_no_reason_for_a_re_run() {
    let play = with_base(vec![]);
    let refused = github::Error::Refused { message: "403 no".to_owned() };
    play.github.borrow_mut().evidence_problems = vec![refused];
    play.github.borrow_mut().workflow = "ci".to_owned();
    fails(&play);
    // The first call for evidence is refused: the list of jobs. Nothing is known of any job.
    play.stands(RunOutcome::Left, 0);
}

#[test]
fn a_list_full_of_others_tells_nothing() {
    let pull_request = Run { event: "pull_request".to_owned(), ..run_on("trunk", 2, Conclusion::Success) };
    for (runs, expected) in [(19, RunOutcome::Rerunning), (20, RunOutcome::Left)] {
        let play = with_base(vec![pull_request.clone(); runs]);
        fails(&play);
        assert_eq!(play.tracked().outcome, expected, "{}", play.tracked().reason);
    }
}

#[test]
fn many_runs_ask_once_in_some_minutes() {
    let play = with_base(vec![run_on("trunk", 2, Conclusion::Failure)]);
    let another = |run: u64| {
        let run_id = RunId::new(run).unwrap();
        play.github.borrow_mut().others.insert(run_id, (1, Some(Conclusion::Failure)));
        let event = RunEvent::new(repository(), run_id, Some(attempt(1)), RunEventKind::RunFailed);
        play.keeper.receive(&event, &play.cx()).unwrap();
        play.pass_working(Span::seconds(5));
    };
    (11..=30).for_each(another);
    assert_eq!(about_base(&play), 3);
    play.pass_working(Span::minutes(6));
    another(31);
    assert_eq!(about_base(&play), 6);
}

#[test]
fn a_jobs_re_runs_are_counted_by_the_keeper_itself() {
    let text = "rules: [{ name: hopeless, if: { rescue_rate: '< 20' }, then: leave }]\nmax_reruns: 10\n";
    let play = Play::with_policy(text);
    for n in 1..=5 {
        play.github.borrow_mut().attempt = n;
        play.ends(Conclusion::Failure);
        fails(&play);
        play.reruns(&(1..=n).collect::<Vec<_>>());
    }
    // Four re-runs are known to have failed, and this is the fifth.
    play.ends(Conclusion::Failure);
    fails(&play);
    play.reruns(&[1, 2, 3, 4, 5, 6]);
    play.ends(Conclusion::Failure);
    fails(&play);
    play.stands(RunOutcome::Left, 6);
    let (_, records) = play.keeper.run(run_id()).unwrap().unwrap();
    let detail = records.last().unwrap().detail.clone().unwrap();
    let rate = detail.jobs.first().and_then(|job| job.rescue_rate).unwrap();
    assert_eq!((rate.passed, rate.judged), (0, 5));
}

/// Rules go by what the repository's own runs have brought, also for a fork's.
#[test]
fn a_forks_re_runs_are_not_counted_for_rules() {
    let rules = "rules: [{ name: hopeless, if: { rescue_rate: '< 20' }, then: leave }]\n";
    let play = Play::with_policy(&format!("max_reruns: 10\n{rules}"));
    play.github.borrow_mut().of_fork = true;
    for n in 1..=9 {
        play.github.borrow_mut().attempt = n;
        play.ends(Conclusion::Failure);
        fails(&play);
    }
    play.stands(RunOutcome::Rerunning, 9);
    let (_, records) = play.keeper.run(run_id()).unwrap().unwrap();
    let detail = records.last().unwrap().detail.clone().unwrap();
    let rate = detail.jobs.first().and_then(|job| job.rescue_rate).unwrap();
    assert_eq!((rate.passed, rate.judged), (0, 0));
}

#[test]
fn an_annotation_at_a_file_is_told_from_the_runners_own() {
    for (at_source, expected) in [(true, RunOutcome::Left), (false, RunOutcome::Rerunning)] {
        let play = Play::with_policy("rules: [{ name: compiler, if: { source_annotation: true }, then: leave }]\n");
        play.github.borrow_mut().at_source = at_source;
        fails(&play);
        assert_eq!(play.tracked().outcome, expected);
    }
}
