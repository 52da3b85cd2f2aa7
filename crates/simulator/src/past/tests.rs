//! That what is said of each run is so.

use std::collections::BTreeSet;

use super::*;
use crate::model::{AnnotationLevel, Caller, Conclusion, Endpoint, GitHub, Grant, Job, Run, RunsQuery};

const UNTIL: Millis = 1_764_000_000_000;
const TOKEN: &str = "t";

fn written(plan: &PastPlan) -> (GitHub, Past) {
    let mut github = GitHub::new(plan.seed);
    github.add_token(TOKEN, Grant::full("rerunner-bot").hourly(1_000_000));
    let past = plan.write(&mut github, UNTIL);
    (github, past)
}

fn failed_jobs(run: &Run) -> impl Iterator<Item = &Job> {
    let first = run.attempts.first().unwrap();
    first.jobs.iter().filter(|job| job.conclusion() == Some(Conclusion::Failure) && &*job.name != "all-green")
}

#[test]
fn it_has_the_stated_mix_in_the_stated_time() {
    let plan = PastPlan::default();
    let (github, past) = written(&plan);
    let Mix { infrastructure, flaky, real, broken_base, outage } = plan.mix;
    let mix = [
        (Why::Infrastructure, infrastructure),
        (Why::Flaky, flaky),
        (Why::Real, real),
        (Why::BrokenBase, broken_base),
        (Why::Outage, outage),
    ];
    for (why, count) in mix {
        assert_eq!(past.count(why), count, "{why:?}");
    }
    assert_eq!((past.failed().count(), past.runs.len()), (500, 1_200));
    for known in &past.runs {
        let run = github.run(known.id);
        let names: BTreeSet<String> = failed_jobs(run).map(|job| job.name.to_string()).collect();
        assert_eq!(names, known.jobs.iter().cloned().collect(), "{known:?}");
        assert_eq!(known.why.is_none(), run.attempts[0].conclusion == Some(Conclusion::Success), "{known:?}");
        assert_eq!(run.attempts.len() as u32, 1 + known.pressed);
        assert!(run.identity.created_at >= UNTIL - 30 * times::DAY && run.latest().completed_at.unwrap() < UNTIL);
    }
    assert!(github.is_idle());
    let heads: BTreeSet<_> = past.runs.iter().map(|run| github.run(run.id).identity.head_commit).collect();
    assert_eq!(heads.len(), past.runs.len(), "each is of a commit of its own");
    let workflows: BTreeSet<_> =
        past.failed().map(|run| github.run(run.id).identity.workflow.path.to_string()).collect();
    assert_eq!(workflows.len(), 4);
}

#[test]
fn one_seed_gives_one_month_and_another_gives_another() {
    let all = |seed: u64| {
        let (github, past) = written(&PastPlan { seed, ..PastPlan::default() });
        let logs: Vec<_> = past.runs.iter().map(|run| format!("{:?}", github.run(run.id).attempts)).collect();
        (past.runs, logs)
    };
    let first = all(1);
    assert!(first == all(1));
    assert!(first.0 != all(2).0);
}

/// Re-runs everything now, after the month, as often as it is said to take and twice more if it never passes.
#[test]
fn each_run_passes_with_as_many_reruns_as_it_is_said_to_take() {
    let (mut github, past) = written(&PastPlan { people: false, ..PastPlan::default() });
    let now = UNTIL - 2 * 60 * 60 * 1_000;
    for run in past.failed() {
        let most = run.passes_with.unwrap_or(2);
        for rerun in 1..=most {
            github.rerun_failed_jobs(Caller::new(TOKEN), "acme/engine", run.id, false, now).unwrap();
            while let Some(next) = github.next_change_at() {
                github.advance(next);
            }
            let passed = github.run(run.id).latest().conclusion == Some(Conclusion::Success);
            assert_eq!(passed, run.passes_with == Some(rerun), "re-run {rerun} of {run:?}");
        }
    }
    let with =
        |why: Why, passes: Option<u32>| past.failed().any(|run| run.why == Some(why) && run.passes_with == passes);
    assert!(
        past.failed().all(|run| !matches!(run.why, Some(Why::Real | Why::BrokenBase)) || run.passes_with.is_none())
    );
    assert!(with(Why::Infrastructure, Some(1)) && with(Why::Infrastructure, Some(2)) && with(Why::Flaky, Some(3)));
}

#[test]
fn people_have_rerun_some_and_it_is_known_how_that_ended() {
    for seed in 1..=3 {
        people_have_rerun_some(&PastPlan { seed, ..PastPlan::default() });
    }
}

fn people_have_rerun_some(plan: &PastPlan) {
    let (github, past) = written(plan);
    for why in [Why::Infrastructure, Why::Flaky, Why::Real, Why::BrokenBase, Why::Outage] {
        let of_kind: Vec<_> = past.failed().filter(|run| run.why == Some(why)).collect();
        let pressed = of_kind.iter().filter(|run| run.pressed > 0).count();
        assert!(pressed > 0 && pressed < of_kind.len(), "{why:?}: {pressed} of {}", of_kind.len());
        for run in of_kind {
            let passed = github.run(run.id).latest().conclusion == Some(Conclusion::Success);
            let enough = run.passes_with.is_some_and(|with| with <= run.pressed);
            assert!(passed == enough || why == Why::Outage, "{run:?}");
        }
    }
    let during = |run: &&PastRun| run.why == Some(Why::Outage) && run.pressed > 1;
    assert!(past.failed().any(|run| during(&run)), "some pressed while it lasted");
}

#[test]
fn whoever_is_not_hit_by_the_outage_waits_for_its_end() {
    let times = times::Times::new(30, UNTIL);
    let minute = 60_000;
    let from = times.outage.start - 60 * minute;
    for at in (from..times.outage.end).step_by(minute as usize) {
        assert!(times.outside_of_outage(at) >= times.outage.end);
    }
    for at in [from - 1, times.outage.end, times.outage.end + minute] {
        assert_eq!(times.outside_of_outage(at), at);
    }
}

#[test]
fn in_the_outage_all_fail_by_the_registry() {
    let (github, past) = written(&PastPlan::default());
    for known in &past.runs {
        let run = github.run(known.id);
        let inside = past.outage.contains(&run.identity.created_at);
        assert_eq!(inside, known.why == Some(Why::Outage), "{known:?}");
        if inside {
            assert!(failed_jobs(run).all(|job| job.log().unwrap().contains("npm error code E503")), "{known:?}");
        }
    }
}

/// Whoever asks for the newest completed run of the base sees the same job fail.
#[test]
fn while_the_base_is_broken_it_fails_in_the_same_job() {
    let (mut github, past) = written(&PastPlan::default());
    let mut of_pulls = 0;
    for known in past.failed().filter(|run| run.why == Some(Why::BrokenBase)) {
        let (created, path, is_pull) = {
            let of = &github.run(known.id).identity;
            (of.created_at, of.workflow.path.rsplit('/').next().unwrap().to_owned(), of.pull_request.is_some())
        };
        if !is_pull {
            continue;
        }
        of_pulls += 1;
        let (branch, event) = (Some("main".to_owned()), Some("push".to_owned()));
        let query = RunsQuery { branch, event, per_page: 100, ..RunsQuery::default() };
        let caller = Caller::new(TOKEN).stale_by(UNTIL - created);
        let page = github.list_workflow_runs(caller, "acme/engine", &path, &query, UNTIL).unwrap();
        let base = page.runs.iter().find(|run| run.conclusion.is_some()).unwrap();
        let base: Vec<String> = failed_jobs(github.run(base.id())).map(|job| job.name.to_string()).collect();
        assert_eq!(base, known.jobs, "{known:?}");
    }
    assert!(of_pulls > 20, "{of_pulls}");
    assert_eq!(github.calls().iter().filter(|call| call.endpoint == Endpoint::ListWorkflowRuns).count(), of_pulls);
}

#[test]
fn compilers_and_linters_point_at_files_and_infrastructure_does_not() {
    let (github, past) = written(&PastPlan::default());
    let points = |known: &PastRun| {
        let mut said = failed_jobs(github.run(known.id)).flat_map(Job::annotations);
        said.any(|one| one.level == AnnotationLevel::Failure && &*one.path != ".github")
    };
    let of = |why| past.failed().filter(move |run| run.why == Some(why));
    assert!(!of(Why::Infrastructure).chain(of(Why::Flaky)).chain(of(Why::Outage)).any(points));
    let real: Vec<bool> = of(Why::Real).map(points).collect();
    let pointing = real.iter().filter(|points| **points).count();
    assert!(pointing > real.len() / 4 && pointing < real.len(), "{pointing} of {}", real.len());
}

#[test]
fn a_small_month() {
    let mix = Mix { infrastructure: 3, flaky: 0, real: 2, broken_base: 0, outage: 1 };
    let (_, past) = written(&PastPlan { mix, passed: 0, days: 7, ..PastPlan::default() });
    assert_eq!((past.failed().count(), past.runs.len()), (6, 6));
}
